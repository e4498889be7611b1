"""Receipts and processes that die, freeze or are cut off: who has a lease is waited for."""

import asyncio
import math
import signal
import sys
from asyncio.subprocess import PIPE
from asyncio.subprocess import Process as Child
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest

from app import receipts
from app.listener import now, processes
from tests.app.listening import Proxy, proxied
from tests.app.receipts import Process, counts, processes_at, silent_process
from tests.methods.support import Sql
from tests.settled import settled
from tests.support import ROOT, until

LEASE: Final = 0.6


@pytest.fixture
async def sql(unsettled: Sql) -> Sql:
    """A connection that waits for nobody."""
    return unsettled


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that has to be waited for takes less time."""
    monkeypatch.setattr(processes, "BEAT", 0.1)
    monkeypatch.setattr(processes, "LEASE", LEASE)
    monkeypatch.setattr(receipts, "LONGEST_WAIT", 0.3)
    monkeypatch.setattr(receipts, "AGAIN", 0.05)


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A way to the test's database that may fail."""
    async with proxied(database_url) as found:
        yield found


@pytest.fixture
async def pair(
    database_url: str, proxy: tuple[Proxy, str]
) -> AsyncIterator[tuple[Process, Process, Proxy]]:
    """Two processes, and the gate that the second goes through."""
    gate, url = proxy
    async with processes_at(database_url, url) as [near, far]:
        yield near, far, gate


async def test_a_process_that_is_cut_off_has_no_lease_by_the_time_nobody_waits_for_it(
    pair: tuple[Process, Process, Proxy],
) -> None:
    """Though nothing tells it that it is."""
    near, far, gate = pair
    gate.refuses = True
    gate.fall_silent()
    waits = 0
    while counts(await near.receipts.confirmed()) == (2, 1):
        waits += 1
    assert now() >= far.listener.lease
    assert waits > 0
    assert counts(await near.receipts.confirmed()) == (1, 0)


async def test_a_process_that_leaves_has_no_lease(database_url: str) -> None:
    """Calls that are still running ask the database."""
    async with processes_at(database_url) as [process]:
        assert now() < process.listener.lease
    assert process.listener.lease == -math.inf


async def test_a_process_that_was_killed_is_pending_until_its_lease_is_over(
    pair: tuple[Process, Process, Proxy], sql: Sql
) -> None:
    """Then it is never waited for again."""
    near, _, _ = pair
    await silent_process(sql, lease=LEASE)
    began = now()
    assert counts(await near.receipts.confirmed()) == (3, 1)
    await near.until_it_is(2)
    assert now() - began >= LEASE
    receipt = await near.receipts.confirmed()
    assert (counts(receipt), receipt.ms < 300) == ((2, 0), True)


async def test_a_process_that_beats_is_waited_for(
    pair: tuple[Process, Process, Proxy], sql: Sql
) -> None:
    """For as long as it does: it may be only slow to answer."""
    near, _, _ = pair
    await silent_process(sql, lease=0.3)
    for number in range(2, 6):
        receipt = await near.receipts.confirmed()
        assert counts(receipt) == (3, 1)
        await sql.execute("update processes set number = $1 where number < 10", number)


async def test_the_row_of_a_dead_process_is_cleared_away(
    pair: tuple[Process, Process, Proxy], sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By any that beats, and no other row."""
    monkeypatch.setattr(processes, "LONG_DEAD", 0.2)
    dead = await silent_process(sql, lease=0.1)
    alive = await silent_process(sql, lease=30)

    async def ids() -> set[str]:
        return {str(row["id"]) for row in await sql.fetch("select id from processes")}

    async def is_gone() -> bool:
        return dead not in await ids()

    assert not await is_gone()
    await until(is_gone)
    near, far, _ = pair
    assert await ids() == {alive, near.listener.id, far.listener.id}


async def test_a_process_whose_row_was_cleared_away_has_it_again(
    pair: tuple[Process, Process, Proxy], sql: Sql
) -> None:
    """With its next beat, if it was dead only to all appearances."""
    near, far, _ = pair
    await sql.execute("delete from processes where id = $1", far.listener.id)
    await near.until_it_is(2)


async def test_processes_outlive_a_crash_of_the_database(sql: Sql) -> None:
    """Who begins after it knows of those who have not noticed: the table is written to disk."""
    query = "select relpersistence = 'p' from pg_class where relname = 'processes'"
    assert await sql.fetchval(query) is True


CHILD: Final = """
import asyncio, os, sys
from app.listener import listening, now, processes
processes.BEAT, processes.LEASE = 0.1, 0.6

async def main():
    async with listening(sys.argv[1]) as listener:
        is_over = asyncio.Event()
        def answer():
            if os.read(0, 1):
                print(now() < listener.lease, flush=True)
            else:
                is_over.set()
        asyncio.get_running_loop().add_reader(0, answer)
        await is_over.wait()

asyncio.run(main())
"""


@asynccontextmanager
async def child(database_url: str) -> AsyncIterator[Child]:
    """A process of its own; each byte said to it is answered by whether it has a lease."""
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, database_url, cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    try:
        yield made
    finally:
        if made.returncode is None:
            made.kill()
        await made.wait()


async def has_lease(process: Child) -> bool:
    """Whether it says so."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(b"?")
    async with asyncio.timeout(20):
        answer = await process.stdout.readline()
    assert answer in {b"True\n", b"False\n"}
    return answer == b"True\n"


async def test_a_frozen_process(database_url: str) -> None:
    """Pending until its lease is over; when it wakes up it has none, until it has heard all."""
    async with processes_at(database_url) as [near], child(database_url) as other:
        assert await has_lease(other)
        assert counts(await near.receipts.confirmed()) == (2, 0)
        other.send_signal(signal.SIGSTOP)
        assert counts(await near.receipts.confirmed()) == (2, 1)
        await near.until_it_is(1)
        asked = asyncio.create_task(has_lease(other))
        await asyncio.sleep(0)
        other.send_signal(signal.SIGCONT)
        assert not await asked
        await near.until_it_is(2)

        async def has_one_again() -> bool:
            return await has_lease(other)

        await until(has_one_again)


async def test_a_killed_process(database_url: str, sql: Sql) -> None:
    """Pending until its lease is over, also for those who begin only then, and for a test."""
    async with child(database_url) as other:
        assert await has_lease(other)
        other.kill()
        await other.wait()
        async with processes_at(database_url) as [near]:
            assert counts(await near.receipts.confirmed()) == (2, 1)
            await near.until_it_is(1)
            await settled(sql)


async def test_a_process_that_ends_is_not_waited_for(database_url: str, sql: Sql) -> None:
    """It takes its row along."""
    async with child(database_url) as other:
        assert await has_lease(other)
        assert await sql.fetchval("select count(*) from processes") == 1
        assert other.stdin
        other.stdin.close()
        assert await other.wait() == 0
        assert await sql.fetchval("select count(*) from processes") == 0
