"""PyPI's `canarytools`, unmodified: the older console API's public client."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from canarytools import console as canarytools
from canarytools.exceptions import ConsoleError, InvalidAuthTokenError

from tests.support import Server


@pytest.fixture
def here(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The client at our server, and a home of its own, which is answered."""
    monkeypatch.setattr(canarytools, "ROOT", f"{server.url}/api/v1/")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CANARY_API_DOMAIN", "CANARY_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def console(*given: str) -> Any:
    """The client, by a key or by what it finds in the home directory; it is closed at the end."""
    made = canarytools.Console(*given)
    made.session.close()  # it opens again what it needs
    return made


async def asked(call: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """What a call answers that blocks."""
    return await asyncio.to_thread(call, *given, **named)


def post(server: Server, name: str, **fields: str) -> Any:
    """What an endpoint answers to a form."""
    with requests.Session() as session:
        return session.post(f"{server.url}/api/v1/{name}", data=fields, timeout=20).json()


def add(server: Server, note: str, auth_token_type: str) -> Any:
    """A new key, by the documentation's example."""
    fields = {"auth_token": server.root_token, "note": note, "auth_token_type": auth_token_type}
    return post(server, "auth_token/add", **fields)["global_api_key"]


async def test_pings(here: Path, server: Server) -> None:
    """The client finds that it can connect."""
    key = await asked(add, server, "canarytools", "read-only")
    assert await asked(console("tokens", key["auth_token"]).ping) is True


async def test_finds_the_file_that_was_downloaded(here: Path, server: Server) -> None:
    """In the home directory, by the name that its first line says."""
    key = await asked(add, server, "downloaded", "admin")
    with requests.Session() as session:
        response = await asked(
            session.get,
            f"{server.url}/api/v1/auth_token/download",
            params={"auth_token": key["auth_token"]},
        )
    name = response.text.splitlines()[0].rpartition("/")[2]
    (here / name).write_text(response.text)
    found = console()
    assert found.api_key == key["auth_token"]
    assert found.domain == server.url.removeprefix("http://")
    assert await asked(found.ping) is True


async def test_a_removed_key_is_invalid(here: Path, server: Server) -> None:
    """The client has an error of its own for that."""
    key = await asked(add, server, "removed", "read-only")
    api = console("tokens", key["auth_token"])
    assert await asked(api.ping) is True
    own = console("tokens", server.root_token)
    await asked(own.delete, "auth_token/remove", {"key_id": key["key_id"]})
    with pytest.raises(InvalidAuthTokenError):
        await asked(api.ping)


async def test_other_refusals_are_told_by_their_text(here: Path, server: Server) -> None:
    """As the client hands it on."""
    key = await asked(add, server, "weak", "read-only")
    api = console("tokens", key["auth_token"])
    fields = {"note": "x", "auth_token_type": "admin"}
    with pytest.raises(ConsoleError, match=r"^Access denied$"):
        await asked(api.post, "auth_token/add", fields)


async def test_makes_and_lists_keys(here: Path, server: Server) -> None:
    """By the client's own ways to send fields."""
    api = console("tokens", server.root_token)
    fields = {"note": "made by canarytools", "auth_token_type": "analyst"}
    made = await asked(api.post, "auth_token/add", fields)
    listed = await asked(api.get, "auth_token/list", {})
    ids = {key["key_id"]: key["auth_token_type"] for key in listed.global_api_keys}
    assert ids[made.global_api_key["key_id"]] == "Analyst"
