"""Forward-auth behind the door, with requests as gateways hand them on."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest
from aiohttp.test_utils import RawTestServer, TestClient

from app.door import Door
from app.server import listening
from app.services import Services
from tests.conftest import ServicesMaker
from tests.people import Client, http_client
from tests.support import Api, first_token
from tests.wire.tokens import cut_off

PAGE: Final = "https://pages.example"
SECRET: Final = "the-gateway's-own"


@pytest.fixture(scope="module")
async def root(shared_services: ServicesMaker) -> Api:
    """The root user's first token, on a service with a gateway of its own and a page that calls."""
    services = await shared_services(
        gateway_token=SECRET, cors_origin=(PAGE,), body_limit=10, trusted_proxies="127.0.0.0/8"
    )
    return Api(services, await first_token(services))


@pytest.fixture(scope="module")
async def port(root: Api) -> AsyncIterator[int]:
    """Where that service listens."""
    async with listening(root.services) as url:
        yield int(url.rpartition(":")[2])


@pytest.fixture
def shown(root: Api) -> list[str]:
    """What a gateway must hand on for a request to pass."""
    return [f"X-Gateway-Token: {SECRET}", f"Authorization: Bearer {root.token}"]


async def exchange(port: int, *lines: str, body: bytes = b"") -> str:
    """The head of the answer to a request of which no more arrives; the answer has no body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("\r\n".join([*lines, "Host: orders", "", ""]).encode() + body)
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write_eof()
        assert await reader.read() == b""
    writer.close()
    return head.decode()


@pytest.mark.parametrize(
    "verb", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]
)
async def test_every_verb_is_answered(port: int, shown: list[str], verb: str) -> None:
    """A gateway hands on the one that it has received."""
    head = await exchange(port, f"{verb} /auth?permission=read HTTP/1.1", *shown)
    assert head.startswith("HTTP/1.1 204 ")
    assert "X-User-Name: root\r\n" in head


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (["Content-Length: 1000000"], b""),
        (["Content-Length: 7"], b"token=a"),
        (["Transfer-Encoding: chunked"], b""),
        (["Content-Length: 100", "Content-Encoding: gzip"], b"\x1f\x8b"),
        (["Content-Length: 100", "Expect: 100-continue"], b""),
        (["Connection: Upgrade", "Upgrade: websocket"], b""),
    ],
)
async def test_a_body_is_not_waited_for(
    port: int, shown: list[str], lines: list[str], body: bytes
) -> None:
    """Gateways that keep the body to themselves may still hand on what was said of it."""
    head = await exchange(port, "POST /auth HTTP/1.1", *shown, *lines, body=body)
    assert head.startswith("HTTP/1.1 204 ")


async def test_a_connection_serves_many_requests(port: int, shown: list[str]) -> None:
    """Gateways keep theirs."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write("\r\n".join(["GET /auth HTTP/1.1", "Host: x", *shown, "", ""]).encode())
        async with asyncio.timeout(20):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")
    writer.close()


async def test_a_page_that_asks_first_asks_the_gateway(port: int, shown: list[str]) -> None:
    """We let pages call us: whose pages may call a neighbour is not for us to say."""
    asks = [f"Origin: {PAGE}", "Access-Control-Request-Method: PUT"]
    head = await exchange(port, "OPTIONS /auth HTTP/1.1", shown[0], *asks)
    assert head.startswith("HTTP/1.1 401 ")
    assert "Access-Control" not in head


async def test_the_gateway_must_show_its_secret(port: int, shown: list[str]) -> None:
    """The one that the operator has set; nothing else is looked at."""
    head = await exchange(port, "GET /auth HTTP/1.1", shown[1])
    assert head.startswith("HTTP/1.1 403 ")
    assert "WWW-Authenticate" not in head


async def test_other_paths_know_of_no_gateway(root: Api) -> None:
    """It is /auth alone, at one place."""
    async with http_client(root.services) as http:
        for path in ("/api/auth", "/auth/", "/auth/orders"):
            async with http.get(path, headers={"X-API-Key": str(root.token)}) as response:
                assert response.status == 404


async def test_the_end_is_told(services: Services) -> None:
    """A service that shuts down says when to come back, without a body."""
    door = Door(services)
    door.closing = True
    client: Client = TestClient(RawTestServer(door.handle))
    async with client as http, http.get("/auth", headers={"X-API-Key": "x"}) as response:
        assert (response.status, await response.read()) == (503, b"")
        assert response.headers["Retry-After"] == "1"


async def test_a_database_that_is_away_is_told(services: Services, postgres: str) -> None:
    """Nobody may take that for a token that is not good."""
    token = await first_token(services)
    shown = {"X-API-Key": token}
    async with (
        cut_off(postgres, services),
        http_client(services) as http,
        http.get("/auth", headers=shown) as response,
    ):
        assert (response.status, await response.read()) == (503, b"")
        assert response.headers["Retry-After"] == "1"
        assert "WWW-Authenticate" not in response.headers
