"""What clients may send that is no proper call: the service answers, and goes on."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from app.config import Settings
from app.server import listening
from app.services import open_services
from tests.conftest import ServicesMaker

SECRET = "apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo41Q5rX"


@pytest.fixture(scope="module")
async def port(shared_services: ServicesMaker) -> AsyncIterator[int]:
    """The port of a service in this process that gives up on a body after half a second."""
    async with listening(await shared_services(body_timeout=0.5)) as url:
        yield int(url.rpartition(":")[2])


async def exchange(port: int, *parts: bytes) -> tuple[bytes, bytes]:
    """Send bytes as they are; the head and body of the answer, after which the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    async with asyncio.timeout(20):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return head, body


def request(*headers: str, path: str = "/v1/api-tokens/read", verb: str = "POST") -> bytes:
    """The head of a request."""
    lines = [f"{verb} {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def code(body: bytes) -> int:
    """The code of a refusal."""
    return int(orjson.loads(body)["error"]["code"])


@pytest.mark.parametrize(
    "junk",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        f"GET / HTTP/1.1\r\nAuthorization: Bearer {SECRET}\x00z\r\n\r\n".encode(),
        b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        f"GET / HTTP/1.1\r\nCookie: api_tokens_session={SECRET * 500}\r\n\r\n".encode(),
    ],
    ids=["words", "TLS", "NUL in a header", "a long header", "a huge cookie"],
)
async def test_what_is_not_http_is_refused_as_json(
    port: int, junk: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A malformed request gets our answer, and neither answer nor log repeats what it held."""
    caplog.set_level(logging.DEBUG)
    head, body = await exchange(port, junk)
    assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert b"X-Request-Id: " in head
    assert code(body) == 400
    assert SECRET not in caplog.text + body.decode()
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_body_that_never_ends_is_given_up(port: int) -> None:
    """A client that stops in mid-body is answered, and its connection closed."""
    head, body = await exchange(
        port, request("Content-Type: application/json", "Content-Length: 100"), b"[1"
    )
    assert head.startswith(b"HTTP/1.1 408 ")
    assert code(body) == -32807


async def test_a_client_that_leaves_is_not_a_surprise(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection that is cut in mid-body leaves no traceback."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("Content-Type: application/json", "Content-Length: 100") + b"[1")
    await writer.drain()
    writer.transport.abort()
    await exchange(port, request(path="/health", verb="GET"))
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_compressed_body_is_refused(port: int) -> None:
    """A body in an encoding is not unpacked, good or bad."""
    headers = ["Content-Type: application/json", "Content-Encoding: gzip", "Content-Length: 4"]
    head, body = await exchange(port, request(*headers), b"junk")
    assert head.startswith(b"HTTP/1.1 415 ")
    assert code(body) == -32803


async def test_a_client_that_asks_first_may_go_on(port: int) -> None:
    """`Expect: 100-continue` is answered before the body is there (RFC 9110, 10.1.1)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    headers = ["Content-Type: application/json", "Expect: 100-continue", "Content-Length: 2"]
    writer.write(request(*headers))
    async with asyncio.timeout(0.4):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"[]")
    assert (await reader.read()).startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_a_body_known_to_be_too_large_is_not_asked_for(port: int) -> None:
    """Who announces too much is told before sending it."""
    headers = ["Content-Type: application/json", "Expect: 100-continue", "Content-Length: 9999999"]
    head, body = await exchange(port, request(*headers))
    assert head.startswith(b"HTTP/1.1 413 ")
    assert code(body) == 413


@pytest.mark.parametrize(
    "body",
    [
        b'[{"where":{"name":["in",[' + b"1," * 400_000 + b"1]]}}]",
        b"[[" + b"1e99," * 150_000 + b"1]]",
        b'["x",{' + b",".join(b'"%d":1' % n for n in range(80_000)) + b"}]",
        b"[{" + b",".join(b'"%d":{}' % n for n in range(19_000)) + b"}]",
    ],
    ids=["a long list", "bad numbers", "a large map", "many faults"],
)
async def test_a_bad_body_costs_little(port: int, body: bytes) -> None:
    """However much is wrong, the answer names a few faults and is small."""
    headers = ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    _, answer = await exchange(port, request(*headers), body)
    assert len(answer) < 10_000
    assert code(answer) == -32808
    assert 1 <= len(orjson.loads(answer)["error"]["data"]["meta"]["faults"]) <= 20


async def test_many_unknown_names_cost_little(port: int) -> None:
    """Of arguments by name, too, the answer names a few faults."""
    names = b",".join(b'"%d":1' % n for n in range(80_000))
    body = b'{"jsonrpc":"2.0","id":1,"method":"/v1/api-tokens/read","params":{' + names + b"}}"
    headers = ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    _, answer = await exchange(port, request(*headers), body)
    assert code(answer) == -32808
    assert len(orjson.loads(answer)["error"]["data"]["meta"]["faults"]) == 20


@pytest.mark.parametrize(
    ("path", "verbs"),
    [
        ("/health", b"GET, HEAD"),
        ("/ready", b"GET, HEAD"),
        ("/api/schema", b"GET, POST"),
        ("/api/publish", b"GET, POST"),
    ],
)
async def test_fixed_paths_know_their_verbs(port: int, path: str, verbs: bytes) -> None:
    """DELETE is no way to ask anything."""
    head, body = await exchange(port, request(path=path, verb="DELETE"))
    assert head.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: " + verbs + b"\r\n" in head
    assert code(body) == -32804


@pytest.mark.parametrize("path", ["/api/schema", "/api/publish"])
async def test_an_envelope_is_a_call_wherever_it_is_posted(port: int, path: str) -> None:
    """A JSON-RPC envelope is the call it names, at fixed paths too."""
    body = b'{"jsonrpc":"2.0","method":"/v1/api-tokens/read","id":7}'
    headers = ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    _, answer = await exchange(port, request(*headers, path=path), body)
    assert (code(answer), orjson.loads(answer)["id"]) == (-32811, 7)


async def test_is_not_ready_before_the_last_migration(settings: Settings, tmp_path: Path) -> None:
    """A database that lacks a migration does not count as ready."""
    async with open_services(settings, serving=True) as services:
        assert await services.is_ready()
        assert not await replace(services, migrations=services.migrations + 1).is_ready()
