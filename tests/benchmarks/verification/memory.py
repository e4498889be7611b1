"""What a cached token takes, how long others wait meanwhile, and whether memory stays as it is."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from statistics import linear_regression, median
from typing import Final

from aiohttp import ClientSession

from app.token_format import make
from tests.benchmarks import wrk
from tests.benchmarks.process import resident
from tests.benchmarks.verification.findings import Finding, at_most, milliseconds, percentile
from tests.benchmarks.verification.ground import VERIFY, Database, Ground, call
from tests.benchmarks.wrk import Bodies
from tests.support import Server

CACHED: Final = 300_000
# Of them so many come before memory is first looked at: what is made once has been made then.
FIRST: Final = 20_000
BATCH: Final = 100
# Under lasting load: tokens that are verified, and seconds between two looks at the memory.
LASTING: Final = 100_000
LOOK: Final = 10.0
MEBIBYTE: Final = 1 << 20


async def cached_tokens(ground: Ground) -> list[Finding]:
    """Fill the cache from batches, while somebody else verifies one token."""
    database = await ground.database()
    cached = min(CACHED, database.stock.known)
    async with database.served() as server, database.session(server) as session:
        first = min(FIRST, cached // 2)
        await _verify(database, session, 0, first)
        waiting = asyncio.create_task(_waits(database, server))
        before, began = resident(server.process.pid), time.perf_counter()
        await _verify(database, session, first, cached)
        elapsed = time.perf_counter() - began
        each = (resident(server.process.pid) - before) / (cached - first)
        waiting.cancel()
        waits = await waiting
    details = f"{cached:,} tokens; {(cached - first) / elapsed:,.0f}/s in batches of {BATCH}"
    size = Finding("memory per cached token", each, f"{each:.0f} bytes", at_most(600), details)
    shown = f"{milliseconds(max(waits))}, p99 {milliseconds(percentile(waits, 99))}"
    return [size, Finding("longest wait of others meanwhile", max(waits), shown)]


async def _verify(database: Database, session: ClientSession, first: int, last: int) -> None:
    """Verify the tokens of these numbers, two batches at a time."""
    batches = iter(range(first, last, BATCH))
    await asyncio.gather(*(_verify_batches(database, session, batches) for _ in range(2)))


async def _verify_batches(
    database: Database, session: ClientSession, batches: Iterator[int]
) -> None:
    for number in batches:
        secrets = list(database.stock.secrets(number, BATCH))
        verdicts = (await call(session, "api-tokens/verify-batch", secrets))["data"]
        assert all(verdict["valid"] for verdict in verdicts)


async def _waits(database: Database, server: Server) -> list[float]:
    """How long each call of somebody else takes, until it is cancelled."""
    [secret], times = database.stock.secrets(0, 1), []
    with suppress(asyncio.CancelledError):
        async with database.session(server) as session:
            while True:
                began = time.perf_counter()
                await call(session, "api-tokens/verify", secret)
                times.append(time.perf_counter() - began)
    return times


async def lasting_load(ground: Ground) -> list[Finding]:
    """Verify, make and end tokens for minutes, and look at the memory from time to time."""
    database = await ground.database()
    async with (
        database.served() as server,
        database.session(server) as session,
        database.administration(server) as root,
        asyncio.TaskGroup() as tasks,
    ):
        await _verify(database, session, 0, min(LASTING, database.stock.known))
        changing = tasks.create_task(_change(session, root))
        seconds = ground.extent.minutes * 60
        loading = tasks.create_task(_verify_all(database, server, seconds))
        looks = await _looks(server, seconds)
        changing.cancel()
    slope, _ = linear_regression(range(len(looks)), looks)
    percent = slope * seconds / LOOK / median(looks) * 100
    shown = f"{percent:+.2f} % in {ground.extent.minutes:g} minutes"
    details = (
        f"{looks[0] / MEBIBYTE:.1f} MiB, at last {looks[-1] / MEBIBYTE:.1f} MiB;"
        f" {loading.result().rate:,.0f}/s"
    )
    return [Finding("memory under lasting load", percent, shown, at_most(1), details)]


async def _verify_all(database: Database, server: Server, seconds: float) -> wrk.Load:
    bodies = Bodies(database.stock.bodies, 0, min(LASTING, database.stock.known))
    return await wrk.load(server.url + VERIFY, database.caller, bodies, seconds)


async def _change(session: ClientSession, root: ClientSession) -> None:
    """Make a token, verify it, end it, verify it again, and one that never was; over and over."""
    while True:
        made = (await call(root, "api-tokens/create", "made and ended"))["data"]
        assert await _is_valid(session, made["token"])
        await call(root, "api-tokens/delete", made["id"])
        assert not await _is_valid(session, made["token"])
        assert not await _is_valid(session, make("apt"))


async def _is_valid(session: ClientSession, token: str) -> bool:
    return bool((await call(session, "api-tokens/verify", token))["data"]["valid"])


async def _looks(server: Server, seconds: float) -> list[int]:
    """The memory from time to time; the first look comes after a tenth of the load."""
    await asyncio.sleep(seconds / 10)
    looks = [resident(server.process.pid)]
    for _ in range(int(seconds * 0.85 / LOOK)):
        await asyncio.sleep(LOOK)
        looks.append(resident(server.process.pid))
    return looks
