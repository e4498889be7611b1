"""Clients that do not read what they are sent: cut off in time, and kept in little memory."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from app.config import Settings
from tests.methods.support import Sql
from tests.support import KEY, Api, Server, running_server, until
from tests.wire.websocket.raw import TEXT, raw
from tests.wire.websocket.support import CHANGE, Connect, Peer, Place

WAIT: Final = 1.0
MEGABYTE: Final = 1024 * 1024


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With little patience for clients that do not read."""
    return replace(settings, websocket_patience=WAIT)


async def put_large_tokens(sql: Sql) -> None:
    """Give root a page of tokens that is half a megabyte."""
    await sql.execute(
        "insert into api_tokens (user_id, name, digest, digest_scheme, hint, created_by, metadata)"
        " select u.id, 'large ' || n, decode(md5(n::text), 'hex'), 'none', 'apt_…', t.created_by,"
        " jsonb_build_object('text', repeat('x', 4000))"
        " from users u join api_tokens t on t.user_id = u.id, generate_series(1, 99) n"
    )


async def put_many_tokens(sql: Sql, count: int) -> None:
    """Give root so many more tokens, at once."""
    await sql.execute(
        "insert into api_tokens (user_id, name, digest, digest_scheme, hint, created_by)"
        " select t.user_id, 'many ' || n, decode(md5(n::text), 'hex'), 'none', 'apt_…', created_by"
        " from api_tokens t, generate_series(1, $1) n where t.name = 'root'",
        count,
    )


def cut_off(caplog: pytest.LogCaptureFixture) -> int:
    """How many clients the log says were cut off."""
    return caplog.text.count("cut off a client: it does not read")


async def read_ids(peer: Peer, count: int) -> set[str]:
    """The tokens that so many events tell of, read as they come."""
    return {(await peer.event())[1]["id"] for _ in range(count)}


@pytest.mark.parametrize("method", ["/schema", "api-tokens/read"])
async def test_who_calls_and_never_reads_is_cut_off(
    root: Api, place: Place, connect: Connect, sql: Sql, method: str
) -> None:
    """After --websocket-patience and not before; the service goes on."""
    await put_large_tokens(sql)
    peer, began = await connect(root.token), time.monotonic()
    async with raw(place.url, root.token) as client:
        for call_id in range(200):
            client.call(method, call_id)
        assert await peer.code() is None
        await until(lambda: only(place, 1))
        assert time.monotonic() - began >= WAIT
    assert await peer.code() is None


async def only(place: Place, number: int) -> bool:
    """Whether so many clients are left, and no calls."""
    audience = place.door.audience
    return len(audience.connections) == number and not audience.tasks


async def test_a_slow_reader_gets_everything(
    root: Api, place: Place, connect: Connect, sql: Sql
) -> None:
    """Who reads a little now and then is waited for."""
    await put_large_tokens(sql)
    async with raw(place.url, root.token) as client:
        for call_id in range(40):
            client.call("api-tokens/read", call_id)
        sizes = [len((await client.receive())[1]) for _ in range(40)]
    assert min(sizes) > 400_000


async def test_who_pings_and_never_reads_is_cut_off(
    root: Api, place: Place, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Pongs are not kept for ever either."""
    caplog.set_level(logging.INFO)
    flood = (b"\x89\xfd\0\0\0\0" + b"x" * 125) * 10_000
    async with raw(place.url, root.token) as client:

        async def sent_until_gone() -> bool:
            if client.writer.transport.get_write_buffer_size() == 0:
                client.writer.write(flood)
            return await place.is_quiet()

        await until(sent_until_gone)
    assert cut_off(caplog) == 1


async def test_a_subscriber_that_never_reads_is_cut_off(
    root: Api, place: Place, connect: Connect, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    """After --websocket-patience; another one gets every event."""
    caplog.set_level(logging.INFO)
    peer = await connect(root.token)
    await peer.subscribe()
    async with raw(place.url, root.token) as client:
        client.send(
            TEXT,
            b'{"jsonrpc":"2.0","method":"/subscribe","params":[["%s"]],"id":1}' % CHANGE.encode(),
        )
        await client.receive()
        reading = asyncio.create_task(read_ids(peer, 9_000))
        await put_many_tokens(sql, 9_000)
        ids = await reading
        await until(lambda: only(place, 1))
    assert len(ids) == 9_000
    assert cut_off(caplog) == 1


async def test_a_subscriber_far_behind_is_told_that_it_missed_some(
    root: Api, connect: Connect, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events are not kept without end: whoever lost some may look."""
    monkeypatch.setattr("app.wire.websocket.hearing.MOST_WAITING", 150)
    peer = await connect(root.token)
    await peer.subscribe()
    await put_many_tokens(sql, 500)
    events = await peer.events_until([CHANGE, {"id": None, "action": "missed"}])
    assert len(events) < 500
    assert await peer.code() is None


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    """A server process with a short patience."""
    options = ["--data-dir", str(tmp_path), "--database-url", database_url]
    options += ["--websocket-patience", str(WAIT), "--shutdown-timeout", "1"]
    async with running_server(*options, environment={"API_TOKENS_KEY": KEY}) as started:
        yield started


def resident(server: Server) -> int:
    """The bytes of memory that the server holds."""
    pages = Path(f"/proc/{server.process.pid}/statm").read_text("utf-8").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


async def test_takes_little_memory(server: Server, sql: Sql) -> None:
    """Answers of half a gigabyte that nobody reads are not made."""
    await put_large_tokens(sql)
    most = before = resident(server)
    async with raw(server.url, server.root_token) as client:
        for call_id in range(1_000):
            client.call("api-tokens/read", call_id)

        async def ended() -> bool:
            nonlocal most
            most = max(most, resident(server))
            return "cut off a client" in server.said()

        await until(ended)
    assert most - before < 80 * MEGABYTE


async def test_does_not_hold_up_the_end(server: Server, sql: Sql) -> None:
    """After SIGTERM the service waits for its calls and for its clients, so long and no longer."""
    await put_large_tokens(sql)
    async with raw(server.url, server.root_token) as client:
        for call_id in range(200):
            client.call("api-tokens/read", call_id)
        await client.receive()
        server.process.terminate()
        async with asyncio.timeout(1 + 2 * WAIT + 3):
            assert await server.process.wait() == 0
    assert "Traceback" not in server.said()
