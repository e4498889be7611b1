"""Receipts: when they come, every process has heard of what was committed before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import uuid4

import asyncpg
import pytest

from app import receipts
from app.listener import Change, Confirmation
from app.receipts import Receipt
from tests.app.listening import notify
from tests.app.receipts import Process, counts, heard_barriers, processes_at, silent_process
from tests.methods.support import Sql, put_tokens
from tests.settled import settled
from tests.support import until

NUMBER = 4


@pytest.fixture
async def sql(unsettled: Sql) -> Sql:
    """A connection that waits for nobody."""
    return unsettled


@pytest.fixture
async def processes(database_url: str) -> AsyncIterator[list[Process]]:
    """Four of them on the test's database."""
    async with processes_at(*[database_url] * NUMBER) as found:
        yield found


@pytest.fixture
async def barriers(sql: Sql) -> list[int]:
    """The numbers of those that are sent."""
    return await heard_barriers(sql)


async def test_all_confirm(processes: list[Process]) -> None:
    """Whoever asks; they count themselves."""
    for process in processes:
        assert counts(await process.receipts.confirmed()) == (NUMBER, 0)


async def test_a_process_alone_confirms_to_itself(database_url: str) -> None:
    """Nobody else has to."""
    async with processes_at(database_url) as [process]:
        assert counts(await process.receipts.confirmed()) == (1, 0)


async def test_every_process_has_heard_of_what_was_committed(
    database_url: str, processes: list[Process]
) -> None:
    """However many changes are made and asked for at once."""

    async def change(sql: Sql, process: Process) -> None:
        for _ in range(25):
            change = Change("users", str(uuid4()), None, ())
            await notify(sql, change.table, change.action)
            assert counts(await process.receipts.confirmed()) == (NUMBER, 0)
            for each in processes:
                assert change in each.told.changes

    async with AsyncExitStack() as stack:
        connections = [await asyncpg.connect(database_url) for _ in range(2 * NUMBER)]
        for connection in connections:
            stack.push_async_callback(connection.close)
        await asyncio.gather(*map(change, connections, processes * 2))


async def test_those_who_ask_together_share_a_barrier(
    processes: list[Process], barriers: list[int], sql: Sql
) -> None:
    """A hundred revocations at once cost one question."""
    asked = processes[0].receipts
    found = await asyncio.gather(*(asked.confirmed() for _ in range(100)))
    assert {counts(receipt) for receipt in found} == {(NUMBER, 0)}
    await sql.execute("select 1")  # what was sent has come by then
    assert barriers == [1]


async def test_who_asks_later_shares_no_barrier_that_was_sent(
    database_url: str, barriers: list[int], sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been sent before what they ask about was committed."""
    monkeypatch.setattr(receipts, "AGAIN", 10)
    monkeypatch.setattr(receipts, "LONGEST_WAIT", 10)
    async with processes_at(database_url) as [process]:
        other = await silent_process(sql)

        async def asked(number: int) -> "asyncio.Task[Receipt]":
            task = asyncio.create_task(process.receipts.confirmed())

            async def was_sent() -> bool:
                return barriers == [*range(1, number + 1)]

            await until(was_sent)
            return task

        async def confirm(number: int) -> None:
            text = Confirmation(other, number).text
            await sql.execute("select pg_notify($1, $2)", process.listener.channel, text)

        first, second = await asked(1), await asked(2)
        await confirm(1)
        assert counts(await first) == (2, 0)
        await process.told.told(sql)  # it has had the time to be wrong
        assert not second.done()
        await confirm(2)
        assert counts(await second) == (2, 0)


async def test_is_quick(processes: list[Process]) -> None:
    """Nobody notices that a revocation waits for its receipt."""
    found = [await process.receipts.confirmed() for process in processes * 25]
    assert sorted(receipt.ms for receipt in found)[len(found) // 2] < 50


async def test_those_who_watch_do_not_hold_it_up(processes: list[Process], sql: Sql) -> None:
    """However many begin to at once: they are told to the database together."""
    user = await put_tokens(sql, [])
    listener = processes[0].listener
    users = [user, *(str(uuid4()) for _ in range(2000))]
    watching = [asyncio.create_task(listener.watch(each)) for each in users]
    assert counts(await processes[1].receipts.confirmed()) == (NUMBER, 0)
    await asyncio.gather(*watching)
    watched = await sql.fetchval(
        "select count(distinct objid) from pg_locks where locktype = 'advisory'"
        " and classid = 7823 and granted"
        " and database = (select oid from pg_database where datname = current_database())"
    )
    assert watched == 64


async def test_who_gives_up_leaves_nothing_behind(database_url: str) -> None:
    """A call that is cancelled while it waits; the next is served as ever."""
    async with processes_at(database_url) as [process]:
        before = asyncio.all_tasks()
        waiting = asyncio.create_task(process.receipts.confirmed())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])

        async def is_over() -> bool:
            return asyncio.all_tasks() <= before

        await until(is_over)
        assert counts(await process.receipts.confirmed()) == (1, 0)


def test_shows_what_is_pending_only_if_something_is() -> None:
    """In the words of the answer's `meta.propagated`."""
    assert Receipt(4, 3).shown() == {"processes": 4, "ms": 3}
    assert Receipt(4, 1000, 2).shown() == {"processes": 4, "ms": 1000, "pending": 2}


async def test_a_test_can_wait_for_all_processes(processes: list[Process], sql: Sql) -> None:
    """From any connection, after any statement."""
    for number in range(20):
        change = Change("users", str(number), None, ())
        await notify(sql, change.table, change.action)
        await settled(sql)
        assert all(change in each.told.changes for each in processes)


async def test_a_test_does_not_wait_in_a_transaction(processes: list[Process], sql: Sql) -> None:
    """Nothing has happened yet."""
    async with sql.transaction():
        await notify(sql, "users", "update")
        await settled(sql)
    await settled(sql)
    assert all(each.told.changes for each in processes)
