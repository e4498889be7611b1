"""Receipts when connections are lost or nobody can be asked: nothing is claimed that is not so."""

import asyncio
import math
from collections.abc import AsyncIterator
from typing import Final

import pytest

from app import receipts
from app.listener import CHANNEL, Change, Listener, now, processes
from app.receipts import Receipts
from tests.app.listening import Proxy, notify, proxied
from tests.app.receipts import Process, counts, heard_barriers, processes_at, silent_process
from tests.methods.support import Sql
from tests.support import until

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


async def waits(process: Process, sql: Sql) -> "asyncio.Task[receipts.Receipt]":
    """A receipt that has been asked for twice already, and waits."""
    heard = await heard_barriers(sql)
    task = asyncio.create_task(process.receipts.confirmed())

    async def asked() -> bool:
        return len(heard) >= 2

    await until(asked)
    return task


async def test_a_process_that_connects_again_confirms(
    pair: tuple[Process, Process, Proxy], sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has forgotten all it knew, and is asked again as soon as it listens."""
    monkeypatch.setattr(receipts, "LONGEST_WAIT", 10)
    near, far, gate = pair
    gate.fall_silent()
    task = await waits(near, sql)
    gate.cut()
    assert counts(await task) == (2, 0)
    assert far.told.times_missed == 1


async def test_a_process_whose_connection_the_database_ends_confirms(
    pair: tuple[Process, Process, Proxy], sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each that had one."""
    monkeypatch.setattr(receipts, "LONGEST_WAIT", 10)
    near, far, _ = pair
    await sql.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'api-tokens listener' and datname = current_database()"
    )
    assert counts(await near.receipts.confirmed()) == (2, 0)
    assert counts(await far.receipts.confirmed()) == (2, 0)


async def test_a_process_that_cannot_connect_is_pending(
    pair: tuple[Process, Process, Proxy],
) -> None:
    """Until its lease is over; it uses nothing of what it remembers from the moment it knows."""
    near, far, gate = pair
    gate.refuses = True
    gate.cut()
    assert counts(await near.receipts.confirmed()) == (2, 1)
    assert far.listener.lease == -math.inf
    await near.until_it_is(1)


async def test_a_process_that_comes_back_counts_again(pair: tuple[Process, Process, Proxy]) -> None:
    """As soon as it may use what it remembers."""
    near, far, gate = pair
    gate.refuses = True
    gate.cut()
    await near.until_it_is(1)
    gate.refuses = False
    await far.told.until_missed()
    assert counts(await near.receipts.confirmed()) == (2, 0)


async def test_a_process_that_has_left_is_not_waited_for(database_url: str) -> None:
    """Not for a moment."""
    async with processes_at(database_url) as [near]:
        async with processes_at(database_url):
            assert counts(await near.receipts.confirmed()) == (2, 0)
        assert counts(await near.receipts.confirmed()) == (1, 0)


async def test_a_process_may_leave_while_it_is_waited_for(
    pair: tuple[Process, Process, Proxy], sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That ends the waiting."""
    monkeypatch.setattr(receipts, "LONGEST_WAIT", 10)
    near, _, _ = pair
    await silent_process(sql)
    task = await waits(near, sql)
    await sql.execute("delete from processes where number = 1")
    assert counts(await task) == (3, 0)


async def test_who_cannot_ask_claims_nothing(pair: tuple[Process, Process, Proxy]) -> None:
    """All it knew last are pending, itself among them, and it is told in time."""
    _, far, gate = pair
    assert counts(await far.receipts.confirmed()) == (2, 0)
    gate.refuses = True
    gate.cut()
    receipt = await far.receipts.confirmed()
    assert counts(receipt) == (2, 2)
    assert 300 <= receipt.ms < 3000


async def test_who_does_not_listen_claims_nothing(database_url: str) -> None:
    """It never has."""
    assert counts(await Receipts(Listener(database_url)).confirmed()) == (1, 1)


async def test_a_database_that_goes_while_a_receipt_waits(
    pair: tuple[Process, Process, Proxy], sql: Sql
) -> None:
    """Nothing is claimed; when it is there again, everything is as ever."""
    _, far, gate = pair
    await silent_process(sql)
    task = await waits(far, sql)
    gate.refuses = True
    gate.cut()
    assert (await task).pending > 0
    assert counts(await far.receipts.confirmed()) == (3, 3)
    await sql.execute("delete from processes where number = 1")
    gate.refuses = False
    await far.until_it_is(2)


async def test_a_database_that_comes_back_in_time(
    pair: tuple[Process, Process, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt waits for it."""
    monkeypatch.setattr(receipts, "LONGEST_WAIT", 10)
    near, far, gate = pair
    gate.cut()
    assert counts(await far.receipts.confirmed()) == (2, 0)
    assert counts(await near.receipts.confirmed()) == (2, 0)


class Clumsy:
    """A subscriber that fails when it is told of a change."""

    def __init__(self) -> None:
        self.times_missed = 0

    def changed(self, change: Change) -> None:
        """Fail."""
        raise KeyError(change)

    def missed(self) -> None:
        """Count it."""
        self.times_missed += 1


async def test_a_subscriber_that_fails_has_missed_something(
    pair: tuple[Process, Process, Proxy], sql: Sql
) -> None:
    """Nothing that was read is used from the moment it fails until it has been told so."""
    near, far, _ = pair
    clumsy = Clumsy()
    far.listener.subscribers.insert(0, clumsy)
    await notify(sql, "users", "update", "x")
    assert counts(await near.receipts.confirmed()) == (2, 0)
    # By now it has failed; either it has been told, or there is no lease.
    assert clumsy.times_missed or far.listener.lease == -math.inf

    async def is_told() -> bool:
        return clumsy.times_missed == 1 and now() < far.listener.lease

    await until(is_told)


JUNK: Final = (
    "",
    "hello",
    "[]",
    "null",
    "{}",
    '{"table": "users"}',
    '{"table": "users", "action": "update", "user_id": 7, "ids": []}',
    '{"table": "users", "action": "update", "user_id": null, "ids": [7]}',
    '{"barrier": 1}',
    '{"barrier": 1, "channel": ""}',
    '{"barrier": 1, "channel": "pg_catalog"}',
    '{"barrier": "1", "channel": "api_tokens_0123456789abcdef0123456789abcdef"}',
    '{"barrier": 1e99, "channel": "api_tokens_0123456789abcdef0123456789abcdef"}',
    '{"barrier": 18446744073709551615, "channel": "api_tokens_0123456789abcdef0123456789abcdef"}',
    '{"barrier": -1, "channel": "api_tokens_0123456789abcdef0123456789abcdef\\u0000"}',
    '{"process": "x", "confirms": null}',
    '{"process": {}, "confirms": 1}',
    '{"process": "nobody", "confirms": 9999}',
    "x" * 7900,
)


async def test_what_others_say_on_the_channels_kills_nobody(
    pair: tuple[Process, Process, Proxy], sql: Sql
) -> None:
    """Whoever may connect may say anything; what makes no sense is not heard."""
    near, far, _ = pair
    for text in JUNK:
        for channel in (CHANNEL, near.listener.channel, far.listener.channel):
            await sql.execute("select pg_notify($1, $2)", channel, text)
    assert counts(await near.receipts.confirmed()) == (2, 0)
    assert (near.told.changes, near.told.times_missed, far.told.times_missed) == ([], 0, 0)


async def test_nobody_confirms_what_was_never_asked(
    pair: tuple[Process, Process, Proxy], sql: Sql
) -> None:
    """A confirmation of an older barrier is none of a newer one."""
    near, _, _ = pair
    await near.receipts.confirmed()
    silent = await silent_process(sql)
    old = f'{{"process": "{silent}", "confirms": 1}}'
    await sql.execute("select pg_notify($1, $2)", near.listener.channel, old)
    assert counts(await near.receipts.confirmed()) == (3, 1)
