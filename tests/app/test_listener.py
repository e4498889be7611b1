"""The listener: hears of every change, connects anew when it must, and says when it may be deaf."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import asyncpg
import pytest

from app.errors import CannotStart
from app.listener import Change, Listener, hearing, listening
from tests.app.listening import (
    HEARD,
    Proxy,
    Recorder,
    attempts,
    backends,
    hears,
    notify,
    proxied,
    recorder,
)
from tests.methods.support import Sql, put_tokens
from tests.support import until


@pytest.fixture
async def sql(unsettled: Sql) -> Sql:
    """A connection that waits for nobody."""
    return unsettled


@pytest.fixture
async def listener(database_url: str) -> AsyncIterator[Listener]:
    """A listener on the test's database."""
    async with listening(database_url) as found:
        yield found


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A way to the test's database that may fail."""
    async with proxied(database_url) as found:
        yield found


async def test_hears_of_a_change(listener: Listener, sql: Sql) -> None:
    """As the message says it."""
    told = recorder(listener)
    await notify(sql, "users", "delete", "a", "b")
    assert await told.told(sql) == [Change("users", "delete", None, ("a", "b"))]


async def test_tells_every_subscriber(listener: Listener, sql: Sql) -> None:
    """In the order in which things were committed."""
    subscribers = [recorder(listener), recorder(listener)]
    for action in ("one", "two", "three"):
        await notify(sql, "users", action)
    for told in subscribers:
        assert [change.action for change in await told.told(sql)] == ["one", "two", "three"]


async def test_a_removed_subscriber_hears_nothing(listener: Listener, sql: Sql) -> None:
    """From then on."""
    told, other = recorder(listener), recorder(listener)
    listener.subscribers.remove(told)
    await hears(other, sql)
    assert told.changes == []


async def test_a_long_message_comes_through(listener: Listener, sql: Sql) -> None:
    """As long as the database takes it: a hundred ids are half of that."""
    told = recorder(listener)
    ids = tuple(f"{n:036}" for n in range(200))
    await notify(sql, "api_tokens", "delete", *ids)
    assert await told.told(sql) == [Change("api_tokens", "delete", None, ids)]


async def test_a_message_of_others_does_not_stop_it(listener: Listener, sql: Sql) -> None:
    """Whoever may connect may send anything."""
    told = recorder(listener)
    for junk in ("", "hello", "[]", '{"table": 1}'):
        await sql.execute("select pg_notify('api_tokens', $1)", junk)
    await hears(told, sql)


async def test_connects_again(listener: Listener, sql: Sql) -> None:
    """When its connection is ended it says once that something may be missed, and hears again."""
    told = recorder(listener)
    for times in (1, 2):
        [pid] = await backends(sql)
        await sql.execute("select pg_terminate_backend($1)", pid)
        await told.until_missed(times)
        await hears(told, sql)
        assert told.times_missed == times


async def test_says_so_when_it_listens_again(proxy: tuple[Proxy, str], sql: Sql) -> None:
    """Not before: what happens after `missed` is heard, so nothing falls between the two."""
    gate, url = proxy
    after: list[asyncio.Task[None]] = []

    class Prompt(Recorder):
        """Makes a change as soon as it is told."""

        def missed(self) -> None:
            super().missed()
            after.append(asyncio.create_task(notify(sql, "api_tokens", "update", "x")))

    async with listening(url) as listener:
        told = Prompt()
        listener.subscribers.append(told)
        gate.refuses = True
        gate.cut()
        await attempts(gate, 3)
        await notify(sql, "api_tokens", "update", "lost")
        assert told.times_missed == 0
        gate.refuses = False
        await told.until_missed()
        await after[0]
        assert await told.told(sql) == [HEARD]


async def test_waits_longer_and_longer(
    proxy: tuple[Proxy, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice as long each time, up to a bound; after a success it begins anew."""
    monkeypatch.setattr(hearing, "SHORTEST_PAUSE", 0.02)
    monkeypatch.setattr(hearing, "LONGEST_PAUSE", 0.15)
    gate, url = proxy
    async with listening(url) as listener:
        told = recorder(listener)
        for times in (1, 2):
            gate.refuses = True
            gate.cut()
            moments = await attempts(gate, 8)
            pauses = [later - earlier for earlier, later in pairwise(moments)]
            for pause, least in zip(
                pauses, (0.02, 0.04, 0.08, 0.15, 0.15, 0.15, 0.15), strict=True
            ):
                assert pause >= least * 0.95
            assert pauses[0] < pauses[-1]
            assert pauses[-1] < 1
            gate.refuses = False
            await told.until_missed(times)


async def test_hears_of_new_tokens_of_the_watched(listener: Listener, sql: Sql) -> None:
    """For as long as somebody watches their user."""
    told = recorder(listener)
    user = await put_tokens(sql, [])

    async def make() -> None:
        await sql.execute(
            "insert into api_tokens (user_id, name, digest, digest_scheme, hint, created_by)"
            " values ($1, 'x', uuid_send(gen_random_uuid()), 'none', 'apt_…', '{}')",
            user,
        )

    counts = []
    for step in (None, listener.watch, listener.watch, listener.unwatch, listener.unwatch):
        if step:
            await step(user)
        await make()
        counts.append(len(await told.told(sql)))
    assert counts == [0, 1, 1, 1, 0]


async def test_watches_again_after_it_was_lost(listener: Listener, sql: Sql) -> None:
    """Whoever was watched before is watched by the time `missed` is told."""
    told = recorder(listener)
    user = await put_tokens(sql, [])
    await listener.watch(user)
    [pid] = await backends(sql)
    await sql.execute("select pg_terminate_backend($1)", pid)
    await told.until_missed()
    await sql.execute(
        "insert into api_tokens (user_id, name, digest, digest_scheme, hint, created_by)"
        " values ($1, 'x', 'x', 'none', 'apt_…', '{}')",
        user,
    )
    assert [change.action for change in await told.told(sql)] == ["create"]


async def test_watches_before_it_says_what_was_missed(
    listener: Listener, sql: Sql, database_url: str
) -> None:
    """Or new tokens might go by unheard after that."""
    told = recorder(listener)
    user = await put_tokens(sql, [])
    await listener.watch(user)
    [pid] = await backends(sql)
    other = await asyncpg.connect(database_url)

    async def wait(pids: list[int]) -> None:
        async def do() -> bool:
            query = "select wait_event = 'advisory' from pg_stat_activity where pid = any($1)"
            return bool(await sql.fetchval(query, pids))

        await until(do)

    # Who has this lock, for which there is a queue, keeps others from watching.
    lock = "select pg_advisory_lock(7823, watch_number($1))"
    locked = asyncio.create_task(other.execute(lock, user))
    await wait([other.get_server_pid()])
    await sql.execute("select pg_terminate_backend($1)", pid)
    await locked

    async def is_connected() -> bool:
        return await backends(sql) not in ([], [pid])

    await until(is_connected)
    await wait(await backends(sql))
    assert told.times_missed == 0
    await other.close()
    await told.until_missed()


async def test_watching_while_it_is_deaf(proxy: tuple[Proxy, str], sql: Sql) -> None:
    """Who begins to watch then need not wait, and is heard of when it listens again."""
    gate, url = proxy
    user = await put_tokens(sql, [])
    async with listening(url) as listener:
        told = recorder(listener)
        gate.refuses = True
        gate.cut()
        await attempts(gate, 1)
        async with asyncio.timeout(5):
            await listener.watch(user)
        gate.refuses = False
        await told.until_missed()
        await sql.execute(
            "insert into api_tokens (user_id, name, digest, digest_scheme, hint, created_by)"
            " values ($1, 'x', 'x', 'none', 'apt_…', '{}')",
            user,
        )
        assert [change.action for change in await told.told(sql)] == ["create"]


async def test_leaves_no_connection(database_url: str, sql: Sql) -> None:
    """The end of the block is the end of listening."""
    async with listening(database_url):
        assert len(await backends(sql)) == 1

    async def gone() -> bool:
        return await backends(sql) == []

    await until(gone)


async def test_ends_while_it_connects(proxy: tuple[Proxy, str]) -> None:
    """It can be ended when the database is out of reach."""
    gate, url = proxy
    async with asyncio.timeout(10), listening(url):
        gate.refuses = True
        gate.cut()
        await attempts(gate, 2)


async def test_a_start_without_a_database_is_refused() -> None:
    """In one line for the operator."""
    with pytest.raises(CannotStart):
        async with listening("postgresql://nobody@127.0.0.1:1/nothing"):
            pass
