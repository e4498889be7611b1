"""Introspection and revocation behind the door: what goes wrong there has OAuth's names too."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from typing import Any, Final, TypeAlias

import asyncpg
import orjson
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import RawTestServer, TestClient

from app import client, docs
from app.door import Door
from app.services import Services
from tests.conftest import ServicesMaker
from tests.examples import EXAMPLE_SECRET, REGISTRY
from tests.people import Client, http_client
from tests.support import Api, Server
from tests.wire.tokens import cut_off

URL: Final = "http://127.0.0.1:8080"
PAGE: Final = "https://pages.example"
INTROSPECT: Final = "/oauth2/introspect"
REVOKE: Final = "/oauth2/revoke"
TYPE: Final = {"Content-Type": "application/x-www-form-urlencoded"}
Sql: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
REFERENCE: Final = docs.markdown(REGISTRY, "1.2.3", URL)

both = pytest.mark.parametrize("path", [INTROSPECT, REVOKE])


@pytest.fixture(scope="module")
async def http(shared_services: ServicesMaker) -> AsyncIterator[Client]:
    """An HTTP client of a service that waits for no body, and lets a page call."""
    services = await shared_services(body_timeout=0.05, body_limit=1000, cors_origin=(PAGE,))
    async with http_client(services) as found:
        yield found


async def error(response: ClientResponse) -> tuple[int, str]:
    """Status and error of a refusal, which is JSON and can be found in the log."""
    assert response.headers["X-Request-Id"]
    document: dict[str, str] = await response.json()
    assert document.keys() == {"error"}
    return response.status, document["error"]


async def endless() -> AsyncIterator[bytes]:
    """A body of which the rest does not arrive."""
    yield b"token="
    await asyncio.Event().wait()


@both
@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"token=" + b"a" * 1000, {}, 413),
        (b"token=a", {"Content-Encoding": "gzip"}, 415),
        (None, {}, 408),
    ],
    ids=["too long", "compressed", "too slow"],
)
async def test_bodies_are_refused_by_name(
    http: Client, path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    """What the door itself refuses is no call, and looks like any other refusal here."""
    sent = endless() if body is None else body
    async with http.post(path, data=sent, headers={**TYPE, **headers}) as response:
        assert await error(response) == (status, "invalid_request")


@both
async def test_pages_may_ask_first(http: Client, path: str) -> None:
    """Those that are named may call, as they may call methods."""
    asks = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    async with http.options(path, headers=asks) as response:
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (204, PAGE)


@both
async def test_the_end_is_told(services: Services, path: str) -> None:
    """A service that shuts down says when to come back."""
    door = Door(services)
    door.closing = True
    client_of_it: Client = TestClient(RawTestServer(door.handle))
    async with client_of_it as http, http.post(path, data={"token": "a"}) as response:
        assert await error(response) == (503, "temporarily_unavailable")
        assert response.headers["Retry-After"] == "1"


async def test_a_database_that_is_away_is_told(root: Api, postgres: str) -> None:
    """Nobody may take that for "not active"."""
    services = root.services
    token = (await root("api-tokens/create", "x"))["token"]
    async with cut_off(postgres, services), http_client(services) as http:
        for path in (INTROSPECT, REVOKE):
            shown = {"Authorization": f"Bearer {root.token}"}
            async with http.post(path, data={"token": token}, headers=shown) as response:
                assert await error(response) == (503, "temporarily_unavailable")
                assert response.headers["Retry-After"] == "1"


async def test_a_surprise_is_told(services: Services, root: Api, sql: Sql) -> None:
    """And what it was is told to nobody."""
    await sql.execute("alter table api_tokens rename to lost")
    shown = {"Authorization": f"Bearer {root.token}"}
    async with (
        http_client(services) as http,
        http.post(INTROSPECT, data={"token": "a"}, headers=shown) as response,
    ):
        assert await error(response) == (500, "server_error")


def pasted(path: str) -> str:
    """The curl line of the reference that asks this path."""
    blocks = re.findall(r"^```sh\n(.*?)^```", REFERENCE, re.MULTILINE | re.DOTALL)
    [found] = [block for block in blocks if f"'{URL}{path}'" in block]
    return str(found)


async def answered(server: Server, path: str) -> str:
    """What that line prints."""
    if shutil.which("curl") is None and not os.environ.get("CI"):
        pytest.skip("curl is not installed")
    command = pasted(path).replace(URL, server.url).replace("curl ", "curl --silent --fail ", 1)
    shell = await asyncio.create_subprocess_shell(
        command,
        env={**os.environ, "TOKEN": server.root_token},
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await shell.communicate()
    assert shell.returncode == 0
    return printed.decode()


async def test_the_lines_of_the_reference_can_be_pasted(server: Server) -> None:
    """A token is what the reference shows, then it is ended, and then it is not active."""
    options = {"token": EXAMPLE_SECRET, "role": "read-only", "expires": "30d"}
    given = [orjson.dumps(value).decode() for value in ("ci", options)]
    await asyncio.to_thread(client.call, server.url, "api-tokens/create", given, server.root_token)
    [shown] = re.findall(r"^```json\n(\{\n  \"active.*?)^```", REFERENCE, re.MULTILINE | re.DOTALL)
    active = orjson.loads(await answered(server, INTROSPECT))
    expected = orjson.loads(shown)
    assert (active.keys(), active["scope"]) == (expected.keys(), expected["scope"])
    assert await answered(server, REVOKE) == ""
    assert orjson.loads(await answered(server, INTROSPECT)) == {"active": False}
