"""Keys whose secrets are kept: who sees them again, and that it is told."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.config import Settings
from app.key_file import new_key
from app.services import open_services
from tests.methods.support import Sql, events
from tests.support import Api, first_token
from tests.wire.console_v1.keys import Keys


@pytest.fixture
async def keys(settings: Settings, tmp_path: Path) -> AsyncIterator[Keys]:
    """The API by the root user's first token, of a service that keeps sealed copies."""
    key_file = tmp_path / "recovery"
    key_file.write_text(new_key())
    given = replace(settings, recovery_key_file=key_file)
    async with open_services(given, serving=True) as services:
        root = Api(services, await first_token(services))
        yield Keys(root, root.token)


async def test_list_shows_secrets_to_admins(keys: Keys, sql: Sql) -> None:
    """Each is an event."""
    key = await keys.add()
    listed = await keys.listed()
    assert {note: told["auth_token"] for note, told in listed.items()} == {
        "root": keys.key,
        "ci": key["auth_token"],
    }
    assert len(await events(sql, "api-tokens/read")) == 2


@pytest.mark.parametrize("auth_token_type", ["read-only", "analyst"])
async def test_list_shows_others_hints(keys: Keys, sql: Sql, auth_token_type: str) -> None:
    """Their own key too."""
    weak = keys.bearing((await keys.add("weak", auth_token_type))["auth_token"])
    assert all("…" in told["auth_token"] for told in (await weak.listed()).values())
    assert await events(sql, "api-tokens/read") == []


@pytest.mark.parametrize("name", ["auth_token/download", "token/download"])
async def test_download_has_any_keys_secret(keys: Keys, sql: Sql, name: str) -> None:
    """It is an event."""
    key = await keys.add()
    answered = await keys.answer(name, query={"key_id": key["key_id"]})
    assert f"api_key = {key['auth_token']}\n" in answered.body.decode()
    [event] = await events(sql, "api-tokens/read")
    assert event["details"] == {"name": "ci", "secret": True}
