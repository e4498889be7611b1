"""The older console API behind the door: whatever goes wrong there is a JSON object too."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from aiohttp import ClientResponse, FormData
from aiohttp.test_utils import RawTestServer, TestClient

from app.console_api import ENDPOINTS
from app.door import Door
from app.services import Services
from tests.conftest import ServicesMaker
from tests.methods.support import Sql
from tests.people import Client, http_client
from tests.support import Api, first_token
from tests.wire.tokens import cut_off

BASE: Final = "/api/v1"
ADD: Final = f"{BASE}/auth_token/add"
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
# A path of each tree, and one that is none in it.
PATHS: Final = [*ENDPOINTS, f"{BASE}/auth_token", f"{BASE}/ping/pong", f"{BASE}/settings/api/x"]


@pytest.fixture(scope="module")
async def narrow(shared_services: ServicesMaker) -> AsyncIterator[Client]:
    """An HTTP client of a service that waits for no body, and takes short ones."""
    services = await shared_services(body_timeout=0.05, body_limit=1000)
    async with http_client(services) as found:
        yield found


@pytest.fixture(scope="module")
async def shared_http(shared_services: ServicesMaker) -> AsyncIterator[tuple[Client, str]]:
    """An HTTP client of a service, and the root user's key."""
    services = await shared_services()
    async with http_client(services) as found:
        yield found, await first_token(services)


async def refused(response: ClientResponse) -> tuple[int, str]:
    """Status and message of a refusal, which can be found in the log."""
    assert response.headers["X-Request-Id"]
    assert response.headers["Content-Type"] == "application/json"
    document: dict[str, str] = await response.json()
    assert document == {"message": document["message"], "result": "error"}
    return response.status, document["message"]


async def endless() -> AsyncIterator[bytes]:
    """A body of which the rest does not arrive."""
    yield b"note="
    await asyncio.Event().wait()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"note=" + b"a" * 1000, {}, 413),
        (b"note=a", {"Content-Encoding": "gzip"}, 415),
        (None, {}, 408),
    ],
    ids=["too long", "compressed", "too slow"],
)
async def test_bodies_are_refused_in_json(
    narrow: Client, path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    """What the door itself refuses looks like any other refusal here."""
    sent = endless() if body is None else body
    async with narrow.request("DELETE", path, data=sent, headers={**FORM, **headers}) as response:
        assert (await refused(response))[0] == status


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("verb", ["GET", "POST", "DELETE", "PUT", "OPTIONS", "TRACE", "PURGE"])
async def test_nobody_is_told_so_in_json(
    shared_http: tuple[Client, str], path: str, verb: str
) -> None:
    """By whatever verb, on whatever path."""
    http, _ = shared_http
    async with http.request(verb, path) as response:
        status, _ = await refused(response)
        assert status in {401, 404, 405}


async def test_a_megabyte_of_note_is_refused(shared_http: tuple[Client, str]) -> None:
    """It is longer than a form may be."""
    http, key = shared_http
    fields = {"auth_token": key, "note": "x" * 1_000_000, "auth_token_type": "admin"}
    async with http.post(ADD, data=fields) as response:
        assert await refused(response) == (413, "Content Too Large")


async def test_multipart_as_a_client_sends_it(shared_http: tuple[Client, str]) -> None:
    """Fields of one, by any verb."""
    http, key = shared_http
    form = FormData(
        {"auth_token": key, "note": "naïve", "auth_token_type": "analyst"},
        default_to_multipart=True,
    )
    async with http.post(ADD, data=form) as response:
        made = (await response.json())["global_api_key"]
    assert (made["note"], made["auth_token_type"]) == ("naïve", "Analyst")
    form = FormData({"auth_token": key, "key_id": made["key_id"]}, default_to_multipart=True)
    async with http.delete(f"{BASE}/auth_token/remove", data=form) as response:
        assert await response.json() == {"result": "success"}


async def test_the_methods_next_door_are_methods(shared_http: tuple[Client, str]) -> None:
    """What only begins alike is none of this API's."""
    http, key = shared_http
    for path in (f"{BASE}/settings/read", f"{BASE}/tokens", f"{BASE}/api-tokens/read"):
        async with http.get(path, headers={"Authorization": f"Bearer {key}"}) as response:
            assert "jsonrpc" in await response.json()


async def test_the_end_is_told(services: Services) -> None:
    """A service that shuts down says when to come back, and what is deprecated."""
    door = Door(services)
    door.closing = True
    client: Client = TestClient(RawTestServer(door.handle))
    async with client as http, http.get(f"{BASE}/token/download") as response:
        assert await refused(response) == (503, "Service is shutting down")
        assert response.headers["Retry-After"] == "1"
        assert "Deprecation" in response.headers


async def test_a_database_that_is_away_is_told(root: Api, postgres: str) -> None:
    """Nobody may take that for a bad key."""
    services = root.services
    async with (
        cut_off(postgres, services),
        http_client(services) as http,
        http.get(f"{BASE}/ping", params={"auth_token": str(root.token)}) as response,
    ):
        assert await refused(response) == (503, "Backend is down")
        assert response.headers["Retry-After"] == "1"


async def test_a_surprise_is_told(services: Services, root: Api, sql: Sql) -> None:
    """And what it was is told to nobody."""
    await sql.execute("alter table settings rename to lost")
    async with (
        http_client(services) as http,
        http.get(f"{BASE}/ping", params={"auth_token": str(root.token)}) as response,
    ):
        assert await refused(response) == (500, "Internal Server Error")


async def test_a_surprise_in_a_method_is_told(services: Services, root: Api, sql: Sql) -> None:
    """As well."""
    await sql.execute("alter table audit_events rename to lost")
    fields = {"auth_token": str(root.token), "note": "ci", "auth_token_type": "admin"}
    async with (
        http_client(services) as http,
        http.post(ADD, data=fields) as response,
    ):
        assert await refused(response) == (500, "Internal Server Error")
