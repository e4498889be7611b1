"""What it costs to count how tokens are used, and to write it, among a million tokens.

    python -m tests.benchmarks.usage [--tokens 1000000] [--rate 10000] [--rounds 3]

First the time of one count. Then the tokens that one connection writes in a second, and the
processor time of the database for one. Then look-ups of tokens take turns with the same while so
many different tokens a second are counted and written: machines change speed while one measures,
so only the ratio of medians means anything.
"""

import asyncio
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import asyncpg
import click
import uvloop

from app import embedded, statements
from app.database import Database
from app.permissions import PermissionRegistry
from app.statements import Statements
from app.usage import Usage, recording
from app.usage.writing import Writer
from tests.benchmarks.population import Population

NAMES: Final = ("read",)
USED: Final = 20_000
CALLERS: Final = 8
SLOT: Final = 15.0  # seconds: the writer has its turn every five
TICK: Final = 0.01
# Seconds of processor time are told in these.
JIFFY: Final = 1 / os.sysconf("SC_CLK_TCK")


def microseconds(work: Callable[[], object], times: int = 200_000) -> float:
    """How long a piece of work takes: the quickest of five series."""

    def series() -> float:
        began = time.perf_counter()
        for _ in range(times):
            work()
        return (time.perf_counter() - began) / times * 1e6

    return min(series() for _ in range(5))


def measure_counting() -> None:
    """Print what one count takes."""
    usage, token = Usage(), "01900000-0000-7000-8000-000000000001"
    nothing = microseconds(lambda: None)
    for name, work in {
        "valid": lambda: usage.count(token, "VALID"),
        "valid, with a permission": lambda: usage.count(token, "VALID", NAMES),
        "refused": lambda: usage.count(token, "EXPIRED"),
    }.items():
        print(f"count, {name}: {microseconds(work) - nothing:.2f} µs")


def processor_time(pid: int) -> float:
    """How many seconds a process has worked."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * JIFFY


async def measure_writing(url: str, ids: list[str]) -> None:
    """Print how many tokens are written in a second, and what one costs the database."""
    now = [time.time()]
    used = random.sample(ids, USED)
    async with opened(url, 1) as (database, sql):
        pid = (await database.rows("select pg_backend_pid() as pid"))[0]["pid"]
        usage = Usage(lambda: now[0])
        writer = Writer(sql, usage)
        for name, later, permissions in (
            ("first of the day, last_used too", 0.0, ()),
            ("again, last_used too", 7200.0, ()),
            ("again, without last_used", 30.0, ()),
            ("again, with a permission", 0.0, NAMES),
            ("again, adding to a permission", 0.0, NAMES),
        ):
            now[0] += later
            for token in used:
                usage.count(token, "VALID", permissions)
            worked, began = processor_time(pid), time.perf_counter()
            await writer.write()
            seconds = time.perf_counter() - began
            cost = (processor_time(pid) - worked) / USED * 1e6
            print(f"write, {name}: {USED / seconds:,.0f} tokens/s, {cost:.0f} µs of the database")


@asynccontextmanager
async def opened(url: str, size: int) -> AsyncIterator[tuple[Database, Statements]]:
    """A process's connections to the database."""
    database = Database(url, size=size)
    yield database, Statements(database, statements.load())
    await database.close()


async def look_up(sql: Statements, digests: list[bytes], seconds: float) -> list[float]:
    """How long each look-up of a token took, of several callers within some seconds."""
    known, times, end = PermissionRegistry().known, list[float](), time.monotonic() + seconds

    async def caller() -> None:
        while (began := time.monotonic()) < end:
            given = {"digests": [random.choice(digests)], "known_permissions": known}
            await sql.rows("_service/find_tokens", given)
            times.append(time.monotonic() - began)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return times


async def use(usage: Usage, ids: Iterable[str], rate: int) -> None:
    """Count so many different tokens a second."""
    tokens, began, counted = iter(ids), time.monotonic(), 0
    with suppress(StopIteration):
        while True:
            while counted < rate * (time.monotonic() - began):
                usage.count(next(tokens), "VALID", NAMES)
                counted += 1
            await asyncio.sleep(TICK)


async def slot(url: str, digests: list[bytes], ids: list[str], rate: int) -> tuple[float, float]:
    """Look-ups a second, and their 99th percentile in ms, while so many tokens are counted."""
    async with opened(url, CALLERS + 1) as (_, sql):
        await look_up(sql, digests, 1)
        writing: Any = recording(sql, 5.0) if rate else nullcontext(Usage())
        async with writing as usage:
            using = asyncio.create_task(use(usage, random.sample(ids, len(ids)), rate))
            times = await look_up(sql, digests, SLOT)
            using.cancel()
            await asyncio.wait([using])
            waiting = usage.waiting
    print(f"{rate:,} tokens/s counted: {len(times) / SLOT:,.0f} look-ups/s, {waiting:,} waiting")
    return len(times) / SLOT, quantiles(times, n=100)[98] * 1000


async def measure_load(url: str, digests: list[bytes], ids: list[str], rate: int, n: int) -> None:
    """Print what writing leaves of the look-ups."""
    rounds = [[await slot(url, digests, ids, given) for given in (0, rate)] for _ in range(n)]
    ratio = median(loaded[0] / alone[0] for alone, loaded in rounds)
    alone_p99, loaded_p99 = (median(pair[which][1] for pair in rounds) for which in (0, 1))
    print(f"look-ups while {rate:,} tokens/s are counted ÷ without: {ratio:.2f}")
    print(f"their p99: {loaded_p99:.1f} ms, without {alone_p99:.1f} ms")


async def use_all(url: str, ids: list[str]) -> None:
    """Have each of these tokens used today."""
    async with opened(url, 1) as (_, sql):
        usage = Usage()
        for token in ids:
            usage.count(token, "VALID", NAMES)
        await Writer(sql, usage).write()


async def run(tokens: int, rate: int, rounds: int) -> None:
    """Measure on an embedded database."""
    measure_counting()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        async with (
            embedded.serve(Path(folder), "nobody") as server,
            Population(tokens, 10_000, 1000).made(server, alone=False) as url,
        ):
            connection = await asyncpg.connect(url)
            rows = await connection.fetch("select id::text, digest from api_tokens")
            await connection.close()
            ids, digests = [row["id"] for row in rows], [row["digest"] for row in rows]
            await measure_writing(url, ids)
            random.shuffle(ids)
            used = ids[: int(rate * SLOT)]
            await use_all(url, used)
            print("tokens that were used today already:")
            await measure_load(url, digests, used, rate, rounds)
            print("tokens that were not, as after midnight:")
            await measure_load(url, digests, ids[len(used) :], rate, rounds)


@click.command(help=__doc__)
@click.option("--tokens", default=1_000_000, help="How many there are.")
@click.option("--rate", default=10_000, help="How many of them are used in a second.")
@click.option("--rounds", default=3, help="How many turns look-ups take.")
def main(tokens: int, rate: int, rounds: int) -> None:
    """Measure."""
    uvloop.run(run(tokens, rate, rounds))


if __name__ == "__main__":
    main()
