"""Calls per second: verification against the least that aiohttp does, two workers against one."""

import asyncio
from collections.abc import Callable
from typing import Final

import orjson

from tests.benchmarks import bare, frames, wrk
from tests.benchmarks.verification.findings import Finding, at_least
from tests.benchmarks.verification.ground import VERIFY, WARM, Database, Ground
from tests.benchmarks.verification.sides import Side, compared
from tests.benchmarks.wrk import Bodies
from tests.support import Server

# An answer has the size of a good one within this share: then hardly any was another.
TOLERANCE: Final = 0.005


async def warm_http(ground: Ground) -> list[Finding]:
    """Tokens that the cache knows, over HTTP."""
    database = await ground.database()
    sides = await _against_bare(ground, database, lambda _: database.warm)
    return [compared("warm verify over HTTP ÷ bare handler", at_least(0.85), *sides)]


async def cold_http(ground: Ground) -> list[Finding]:
    """Tokens that the cache does not know: none is verified twice while the service lives."""
    database = await ground.database()
    sides = await _against_bare(ground, database, lambda n: database.cold(n, ground.extent.rounds))
    name = f"cold verify over HTTP, {ground.extent.tokens:,} stored ÷ bare handler"
    return [compared(name, at_least(0.65), *sides)]


async def _against_bare(
    ground: Ground, database: Database, bodies: Callable[[int], Bodies]
) -> tuple[Side, Side]:
    """What the service and the bare handler make of the same calls, in turn."""
    async with database.served() as server:
        size = await database.warmed(server)
        async with bare.running(await _answer(database, server)) as least:
            ours, theirs = Side(server.process.pid), Side(least.pid)
            for number in range(ground.extent.rounds):
                given = (database.caller, bodies(number), ground.extent.seconds)
                await theirs.measured(wrk.load(least.url + VERIFY, *given))
                load = await ours.measured(wrk.load(server.url + VERIFY, *given))
                _check(load, size)
                assert bodies(number).count <= WARM or load.calls < bodies(number).count
    return ours, theirs


async def _answer(database: Database, server: Server) -> str:
    """The body of an answer, for others to answer the same."""
    body = database.warm.file.read_bytes().split(b"\n", 1)[0]
    headers = {"Content-Type": "application/json"}
    async with (
        database.session(server) as session,
        session.post(VERIFY, data=body, headers=headers) as answer,
    ):
        return await answer.text()


async def workers(ground: Ground) -> list[Finding]:
    """Two processes on one port against one."""
    database = await ground.database()
    one, two = Side(), Side()
    async with database.served() as alone, database.served("--workers", "2") as both:
        size = await database.warmed(alone)
        await database.warmed(both)
        for _ in range(ground.extent.rounds):
            for server, side in ((alone, one), (both, two)):
                given = (database.caller, database.warm, ground.extent.seconds)
                _check(await side.measured(wrk.load(server.url + VERIFY, *given)), size)
    return [compared("2 workers ÷ 1 worker, warm verify over HTTP", at_least(1.5), two, one)]


async def warm_websocket(ground: Ground) -> list[Finding]:
    """Tokens that the cache knows, over one WebSocket, 32 calls in flight."""
    database = await ground.database()
    messages = [_message(secret) for secret in database.stock.secrets(0, WARM)]
    given = (database.caller, messages, ground.extent.seconds)
    async with database.served() as server, bare.running() as least:
        ours, theirs = Side(server.process.pid), Side(least.pid)
        await database.warmed(server)
        for _ in range(ground.extent.rounds):
            await theirs.measured(asyncio.to_thread(frames.load, least.url, *given))
            load = await ours.measured(asyncio.to_thread(frames.load, server.url, *given))
            assert b'"valid":true' in load.last, load.last
    return [compared("warm verify over one WebSocket ÷ bare echo", at_least(0.6), ours, theirs)]


def _message(secret: str) -> bytes:
    call = {"jsonrpc": "2.0", "method": VERIFY, "params": [secret], "id": 1}
    return orjson.dumps(call)


def _check(load: wrk.Load, size: float) -> None:
    """Every call was answered, and found its token good: other answers are shorter."""
    assert load.failed == 0, load
    assert abs(load.size / size - 1) < TOLERANCE, (load, size)
