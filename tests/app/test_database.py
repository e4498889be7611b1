import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from asyncpg import Connection, Record

from app import embedded
from app.database import Database, answers
from app.errors import CannotStart, Refusal
from tests.support import database_of
from tests.support import until as until_true

NOWHERE = "postgresql://127.0.0.1:1/nothing"
OURS = (
    "from pg_stat_activity where application_name = 'api-tokens' and datname = current_database()"
)


@pytest.fixture
async def open_database(database_url: str) -> AsyncIterator[Callable[..., Database]]:
    """Makes databases on the test's own, closed at the end."""
    opened: list[Database] = []

    def make(size: int = 1, wait: float = 30, **options: Any) -> Database:
        opened.append(Database(database_url, size=size, wait=wait, **options))
        return opened[-1]

    yield make
    for database in opened:
        await database.close()


Opener = Callable[..., Database]


@asynccontextmanager
async def occupied(database: Database, size: int = 1) -> AsyncIterator[None]:
    """Hold every connection until the block ends."""
    if size == 0:
        yield
        return
    async with database.connection(), occupied(database, size - 1):
        yield


async def started(*works: Any) -> list[asyncio.Task[Any]]:
    """Tasks that have all got as far as they can without waiting."""
    tasks = [asyncio.create_task(work) for work in works]
    await asyncio.sleep(0)
    return tasks


async def until(sql: "Connection[Record]", condition: str) -> None:
    """Wait until some of our connections are as the condition says."""
    await until_true(lambda: sql.fetchval(f"select count(*) > 0 {condition}"))


async def running(sql: "Connection[Record]") -> None:
    """Wait until one of our connections is in the middle of a statement that sleeps."""
    await until(sql, f"{OURS} and state = 'active' and query like '%pg_sleep%'")


async def kill_all(sql: "Connection[Record]") -> None:
    """End every connection of ours, as an administrator or a failover does."""
    await sql.execute(f"select pg_terminate_backend(pid, 5000) {OURS}")


async def refusal(database: Database, text: str = "select 1", *parameters: Any) -> Refusal:
    """How a statement is refused."""
    with pytest.raises(Refusal) as caught:
        await database.rows(text, parameters)
    return caught.value


async def value(database: Database, text: str = "select 1", *parameters: Any) -> Any:
    """The one value that a statement answers."""
    row = await database.row(text, parameters)
    assert row is not None
    return row[0]


async def test_connections_are_handed_out_in_order(open_database: Opener) -> None:
    """Who has waited longest is next, however many wait."""
    database, served = open_database(size=3), []

    async def use(number: int) -> None:
        async with database.connection() as connection:
            served.append(number)
            await connection.fetchval("select 1")

    async with occupied(database, 3):
        tasks = await started(*map(use, range(40)))
    await asyncio.gather(*tasks)
    assert served == list(range(40))


async def test_nobody_overtakes(open_database: Opener) -> None:
    """Who comes back at once stands behind those who wait already."""
    database, served = open_database(), []

    async def use(name: str) -> None:
        async with database.connection():
            served.append(name)

    async with occupied(database):
        [waiting] = await started(use("waiting"))
    await use("coming back")
    await waiting
    assert served == ["waiting", "coming back"]


async def test_no_more_connections_than_allowed(
    open_database: Opener, sql: "Connection[Record]"
) -> None:
    """Fifty calls at once share two connections."""
    database = open_database(size=2)
    pids = await asyncio.gather(*[value(database, "select pg_backend_pid()") for _ in range(50)])
    assert len({*pids}) == 2
    assert await sql.fetchval(f"select count(*) {OURS}") == 2


async def test_connections_take_turns(open_database: Opener) -> None:
    """The one that has been idle longest is next, so that none goes stale unnoticed."""
    database = open_database(size=3)
    async with occupied(database, 3):
        pass
    pids = [await value(database, "select pg_backend_pid()") for _ in range(6)]
    assert len({*pids[:3]}) == 3
    assert pids[3:] == pids[:3]


async def test_a_connection_is_opened_when_needed(
    open_database: Opener, sql: "Connection[Record]"
) -> None:
    """A service that nobody calls holds none."""
    database = open_database(size=4)
    assert await sql.fetchval(f"select count(*) {OURS}") == 0
    await value(database)
    assert await sql.fetchval(f"select count(*) {OURS}") == 1


async def test_who_waits_too_long_is_told_so(open_database: Opener) -> None:
    """After `wait` seconds the backend is busy; when it is free again calls go well."""
    database = open_database(wait=0.05)
    async with occupied(database):
        refused = await refusal(database)
    assert (refused.code, refused.text, refused.status) == (-32814, "Backend is busy", 503)
    assert await value(database) == 1


async def test_a_cancelled_waiter_leaves_the_queue(open_database: Opener) -> None:
    """Its turn goes to the next one."""
    database = open_database()
    async with occupied(database):
        first, second = await started(value(database), value(database))
        first.cancel()
    assert await second == 1
    assert first.cancelled()


async def test_a_waiter_cancelled_at_its_turn_passes_it_on(open_database: Opener) -> None:
    """A connection given to somebody who has just gone is not lost."""
    database = open_database()
    async with occupied(database):
        first, second = await started(value(database), value(database))
    first.cancel()
    assert await second == 1
    assert first.cancelled()
    assert await value(database) == 1


async def test_a_cancelled_call_does_no_harm(
    open_database: Opener, sql: "Connection[Record]"
) -> None:
    """The next call does not get the answer, or the connection, of the one that was cancelled."""
    database = open_database()
    [call] = await started(value(database, "select 'late', pg_sleep(60)"))
    await running(sql)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await value(database, "select 'next'") == "next"


async def test_a_connection_lost_in_mid_call_is_told(
    open_database: Opener, sql: "Connection[Record]"
) -> None:
    """The call is refused as the backend being down, and the next one works."""
    database = open_database()
    [call] = await started(refusal(database, "select pg_sleep(60)"))
    await running(sql)
    await kill_all(sql)
    assert ((await call).code, (await call).text) == (-32814, "Backend is down")
    assert await value(database) == 1


async def test_a_connection_lost_while_idle_is_replaced(
    open_database: Opener, sql: "Connection[Record]"
) -> None:
    """Nobody notices that the server was restarted between two calls."""
    database = open_database(size=2)
    async with database.connection() as first, database.connection() as second:
        pass
    await kill_all(sql)
    async with asyncio.timeout(20):
        while not (first.is_closed() and second.is_closed()):
            await sql.fetchval("select 1")
    assert await asyncio.gather(*[value(database) for _ in range(4)]) == [1] * 4


async def test_a_slow_statement_is_ended(open_database: Opener) -> None:
    """After the statement timeout the backend counts as down, for that call alone."""
    database = open_database(statement_timeout=1)
    assert (await refusal(database, "select pg_sleep(60)")).code == -32814
    assert await value(database) == 1


async def test_a_stuck_server_holds_no_call(tmp_path: Path) -> None:
    """A backend that does not even answer a cancel request is given up."""
    async with embedded.serve(tmp_path / "data") as dsn:  # whose processes are ours to stop
        database = Database(dsn, size=1, wait=30, statement_timeout=1)
        pid = await value(database, "select pg_backend_pid()")
        os.kill(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(20):
                assert (await refusal(database)).code == -32814
            assert await value(database) == 1
        finally:
            os.kill(pid, signal.SIGCONT)
            await database.close()


@pytest.mark.parametrize(
    "url", [NOWHERE, "postgresql://nobody@%2Fnowhere/nothing", "postgresql://name.invalid/nothing"]
)
async def test_an_unknown_server_is_down(url: str) -> None:
    """Nothing listens, no such socket, no such host: one answer."""
    refused = await refusal(Database(url))
    assert (refused.code, refused.text, refused.status) == (-32814, "Backend is down", 503)


async def test_a_database_that_is_gone_is_down(postgres: str) -> None:
    """A server that refuses the connection is out of reach as well."""
    assert (await refusal(Database(database_of(postgres, f"gone_{uuid4().hex}")))).code == -32814


async def test_a_slot_survives_a_failed_connection() -> None:
    """A server that is down does not use up the connections."""
    database = Database(NOWHERE, size=1, wait=5)
    assert [(await refusal(database)).text for _ in range(3)] == ["Backend is down"] * 3


async def test_a_slot_survives_a_cancelled_connection() -> None:
    """Who gives up while the server hesitates does not take the connection along."""
    arrived: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    silent = await asyncio.start_server(lambda _, writer: arrived.put_nowait(writer), "127.0.0.1")
    async with silent, asyncio.timeout(20):
        port = silent.sockets[0].getsockname()[1]
        database = Database(f"postgresql://x@127.0.0.1:{port}/x?sslmode=disable", size=1, wait=1)
        for _ in range(3):
            [call] = await started(value(database))
            writer = await arrived.get()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            writer.close()


async def test_a_taken_name_is_a_conflict(open_database: Opener) -> None:
    """The constraint decides, and its text is the caller's."""
    database = open_database()
    insert = "insert into users (name) values ($1)"
    await database.rows(insert, ["ann"])
    refused = await refusal(database, insert, "ann")
    assert (refused.code, refused.text) == (409, "Name is taken")


async def test_a_taken_value_is_a_conflict(open_database: Opener) -> None:
    """Two tokens cannot have one digest."""
    database = open_database()
    insert = """
        insert into api_tokens (user_id, name, digest, digest_scheme, hint, created_by)
        select id, 'x', 'same', 'x', 'x', '{}' from users
    """
    await database.rows("insert into users (name) values ('ann')")
    await database.rows(insert)
    refused = await refusal(database, insert)
    assert (refused.code, refused.text) == (409, "Token value is taken")


@pytest.mark.parametrize(
    ("text", "surprise"),
    [
        ("select 1 / 0", asyncpg.DivisionByZeroError),
        ("select nonsense", asyncpg.UndefinedColumnError),
        ("insert into users (name) values ('')", asyncpg.CheckViolationError),
        ("insert into users (name) values (null)", asyncpg.NotNullViolationError),
        ("insert into settings default values", asyncpg.UniqueViolationError),
        ("select $1", asyncpg.InterfaceError),
    ],
)
async def test_a_slip_of_ours_stays_a_surprise(
    open_database: Opener, text: str, surprise: type[Exception]
) -> None:
    """What a caller cannot help is no refusal; the connection stays good."""
    database = open_database()
    before = await value(database, "select pg_backend_pid()")
    with pytest.raises(surprise):
        await database.rows(text)
    assert await value(database, "select pg_backend_pid()") == before


async def test_each_call_is_its_own_transaction(open_database: Opener) -> None:
    """What went well is there for everybody, what failed is not."""
    database = open_database()
    await database.rows("insert into users (name) values ('ann')")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await database.rows("insert into users (name) select 'bob' where 1 / 0 = 1")
    assert await value(database, "select string_agg(name, ' ') from users") == "ann"


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        None,
        True,
        "",
        'quote"back\\slash',
        "ä🎈\u2028\x7f",
        2**63,
        -(2**63),
        0.1,
        1e308,
        5e-324,
        {"a": [1, {"b": None}], "": "ü"},
    ],
)
async def test_json_comes_back_as_it_was(open_database: Opener, data: Any) -> None:
    """Any JSON value survives the way into PostgreSQL and out of it."""
    row = await open_database().row("select $1::jsonb, jsonb_typeof($1)", [data])
    assert row is not None
    assert row[0] == data
    assert (row[1] is None) == (data is None)


@pytest.mark.parametrize(
    "text",
    [
        "01900000-0000-7000-8000-00000000dead",
        "01900000-0000-7000-8000-00000000DEAD",
        "0190000000007000800000000000dead",
        "{01900000-0000-7000-8000-00000000dead}",
    ],
)
async def test_an_id_is_text(open_database: Opener, text: str) -> None:
    """Every spelling of a UUID is the same id, and comes back in the one of RFC 9562."""
    expected = "01900000-0000-7000-8000-00000000dead"
    assert await value(open_database(), "select $1::uuid", text) == expected


@pytest.mark.parametrize(
    "text", ["", "nonsense", "01900000", "01900000-0000-7000-8000-00000000deadbeef", "\0", "ä" * 32]
)
async def test_a_malformed_id_names_nothing(open_database: Opener, text: str) -> None:
    """What is no UUID is no error: it matches no row."""
    database = open_database()
    await database.rows("insert into users (name) values ('ann')")
    assert await value(database, "select count(*) from users where id = $1", text) == 0
    assert await value(database, "select count(*) from users where id = any($1)", [text]) == 0


async def test_an_absent_id_is_null(open_database: Opener) -> None:
    """None is null, not the id of nothing."""
    assert await value(open_database(), "select $1::uuid is null", None) is True


async def test_closing_ends_every_connection(database_url: str, sql: "Connection[Record]") -> None:
    """Those in use are closed as soon as they come back."""
    database = Database(database_url, size=2, wait=30)
    async with occupied(database, 2):
        pass
    async with database.connection() as connection:
        [closing] = await started(database.close())
        assert await connection.fetchval("select 'still here'") == "still here"
    await closing
    assert connection.is_closed()
    await until(sql, f"from (select count(*) as n {OURS}) x where n = 0")


async def test_closing_ends_a_connection_in_use_when_it_comes_back(
    database_url: str, sql: "Connection[Record]"
) -> None:
    """A call that outlasts the closing keeps its connection that long; nobody gets one after."""
    database = Database(database_url, size=1)
    async with database.connection():
        await database.close()
        assert await sql.fetchval(f"select count(*) {OURS}") == 1
    await until_true(lambda: sql.fetchval(f"select count(*) = 0 {OURS}"))
    assert (await refusal(database)).code == -32816


async def test_a_server_that_runs_answers(postgres: str) -> None:
    """The question that a start asks first."""
    assert await answers(postgres) is True


async def test_a_server_that_is_absent_does_not_answer() -> None:
    """It may be there later."""
    assert await answers(NOWHERE) is False


@pytest.mark.parametrize("url", ["mysql://127.0.0.1/x", "nonsense", "postgresql://h:port/x"])
async def test_a_url_that_is_none_stops_the_start(url: str) -> None:
    """It will not get better by waiting."""
    with pytest.raises(CannotStart, match=r"^the database URL cannot be used: "):
        await answers(url)


async def test_a_server_that_refuses_us_stops_the_start(postgres: str) -> None:
    """An unknown database is told with the server's reason."""
    name = f"gone_{uuid4().hex}"
    expected = f'^the database refuses the connection: database "{name}" does not exist$'
    with pytest.raises(CannotStart, match=expected):
        await answers(database_of(postgres, name))
