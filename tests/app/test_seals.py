"""Sealing: every event gets into one seal, whoever else is at it, and in nobody's way."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from app.config import Settings
from app.seals import COLUMNS, PURPOSE, Seal, event_text
from app.seals.sealing import sealing
from app.seals.verifying import verify
from app.services import Services, open_services
from app.token_format import SESSION_PREFIX, Key, is_well_formed
from tests.app.support import key_of, put_events, seal
from tests.methods.support import Sql, blocked
from tests.support import Api, first_token, until

EVENT = dict.fromkeys(COLUMNS) | {"id": "1", "at": "2.000000", "action": "a", "details": "{}"}


async def seals(sql: Sql) -> dict[int | None, int]:
    """How many events each seal has; None stands for those that have none."""
    query = "select seal, count(*) from audit_events group by seal order by seal"
    return {row["seal"]: row["count"] for row in await sql.fetch(query)}


async def all_sealed(sql: Sql) -> bool:
    """Whether no event is left to seal."""
    return None not in await seals(sql)


async def test_seals_every_event_once(services: Services, sql: Sql) -> None:
    """Events are sealed some at a time until none is left."""
    await put_events(sql, 2500)
    await seal(services)
    assert await seals(sql) == {1: 1000, 2: 1000, 3: 500}
    assert (await verify(services.sql, [key_of(services)]))[:2] == (2500, 3)


async def test_makes_no_empty_seal(services: Services, sql: Sql) -> None:
    """Where nothing is new nothing is sealed."""
    await put_events(sql, 3)
    for _ in range(3):
        await seal(services)
    assert await seals(sql) == {1: 3}
    assert await sql.fetchval("select count(*) from audit_seals") == 1


async def test_the_service_seals_by_itself(settings: Settings, sql: Sql) -> None:
    """What calls have written is sealed while the service runs, and verifies."""
    async with open_services(replace(settings, seal_interval=0.01), serving=True) as services:
        root = Api(services, await first_token(services))
        for name in "abc":
            await root("api-tokens/create", name)
        await until(lambda: all_sealed(sql))
        chain = await verify(services.sql, [key_of(services)])
    assert (chain.events, chain.unsealed) == (5, 0)


async def test_one_of_several_makes_a_seal(services: Services, sql: Sql) -> None:
    """Of sealers that have read the same events one seals them, the others change nothing."""
    await put_events(sql, 10)
    locked = sql.transaction()
    await locked.start()
    await sql.execute("lock table audit_seals in share mode")
    sealers = [asyncio.create_task(seal(services)) for _ in range(4)]
    await blocked(sql, 4)
    await locked.rollback()
    await asyncio.gather(*sealers)
    assert await seals(sql) == {1: 10}
    assert await sql.fetchval("select count(*) from audit_seals") == 1


async def test_several_at_once_make_one_chain(services: Services, sql: Sql) -> None:
    """Sealers that run into each other, while events are written, leave one chain without a gap."""

    async def write() -> None:
        for _ in range(50):
            await put_events(sql, 5)

    async def seal_meanwhile() -> None:
        while not writing.done():
            await seal(services, 7)

    writing = asyncio.create_task(write())
    await asyncio.gather(writing, *(seal_meanwhile() for _ in range(4)))
    await seal(services, 7)
    chain = await verify(services.sql, [key_of(services)])
    assert (chain.events, chain.unsealed) == (250, 0)


async def test_a_growing_trail_verifies(services: Services, sql: Sql) -> None:
    """What is sealed while one verifies does not look like a break."""
    await put_events(sql, 300)
    growing = asyncio.create_task(seal(services, 3))
    while not growing.done():
        chain = await verify(services.sql, [key_of(services)])
        assert chain.events == 3 * chain.seals
    await growing


async def test_takes_late_events_later(services: Services, sql: Sql, database_url: str) -> None:
    """An event that commits after newer ones were sealed gets into a later seal; nobody waits."""
    slow: Sql = await asyncpg.connect(database_url)
    try:
        transaction = slow.transaction()
        await transaction.start()
        await put_events(slow, 1)
        await put_events(sql, 2)
        await seal(services)
        assert await seals(sql) == {1: 2}
        await transaction.commit()
    finally:
        await slow.close()
    await seal(services)
    assert await seals(sql) == {1: 2, 2: 1}
    assert (await verify(services.sql, [key_of(services)])).events == 3


async def test_calls_do_not_wait_for_a_seal(root: Api, sql: Sql) -> None:
    """While a seal is stuck half-way, calls write their events."""
    services = root.services
    locked = sql.transaction()
    await locked.start()
    await sql.execute("select from audit_events for update")
    stuck = asyncio.create_task(seal(services))
    await blocked(sql, 1)
    await root("api-tokens/create", "meanwhile")
    assert not stuck.done()
    await locked.rollback()
    await stuck
    assert await seals(sql) == {1: 2, 2: 1}


async def test_ends_in_the_middle_of_a_seal(services: Services, sql: Sql) -> None:
    """A sealer that is stopped leaves nothing half done and nothing running."""
    await put_events(sql, 3)
    tasks = asyncio.all_tasks()
    locked = sql.transaction()
    await locked.start()
    await sql.execute("select from audit_events for update")
    async with sealing(services.sql, key_of(services), 0.01):
        await blocked(sql, 1)
    assert asyncio.all_tasks() == tasks
    await locked.rollback()
    await seal(services)
    assert (await verify(services.sql, [key_of(services)]))[:2] == (3, 1)


async def test_goes_on_after_an_error(
    services: Services, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    """What the database has against a seal is logged; when that is over, sealing goes on."""
    await put_events(sql, 3)
    await sql.execute("alter table audit_seals add constraint broken check (false)")

    async def complained() -> bool:
        return "cannot seal the audit trail" in caplog.text

    async with sealing(services.sql, key_of(services), 0.01):
        await until(complained)
        assert await seals(sql) == {None: 3}
        await sql.execute("alter table audit_seals drop constraint broken")
        await until(lambda: all_sealed(sql))


async def test_goes_on_after_a_lost_connection(
    services: Services, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that goes away says so itself; when it is back, sealing goes on."""
    await put_events(sql, 3)
    locked = sql.transaction()
    await locked.start()
    await sql.execute("select from audit_events for update")
    async with sealing(services.sql, key_of(services), 0.01):
        await blocked(sql, 1)
        await sql.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where application_name = 'api-tokens' and datname = current_database()"
        )
        await locked.rollback()
        await until(lambda: all_sealed(sql))
    assert "terminating connection" in caplog.text
    assert "cannot seal" not in caplog.text


# What goes into a digest


async def test_every_column_is_sealed(sql: Sql) -> None:
    """A column of an event that no seal covers would be anybody's to change."""
    query = "select column_name from information_schema.columns where table_name = 'audit_events'"
    assert {row[0] for row in await sql.fetch(query)} == {*COLUMNS, "seal"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"actor_user": "x"}, {"actor_token": "x"}),
        ({"target": None}, {"target": ""}),
        ({"action": "ab", "target": "c"}, {"action": "a", "target": "bc"}),
        ({"action": "a"}, {"action": "a\n"}),
        ({"action": "a", "target": "c"}, {"action": "a,6:target,1:c"}),
        ({"action": "é"}, {"action": "e\u0301"}),
        ({"details": '{"n": 1.0}'}, {"details": '{"n": 1.00}'}),
    ],
)
def test_different_events_have_different_texts(one: Any, other: Any) -> None:
    """No two events are spelled alike, whatever stands in them."""
    assert event_text(EVENT | one) != event_text(EVENT | other)


def test_a_series_of_events_is_spelled_like_no_other() -> None:
    """An event cannot be taken for two, nor two for one."""
    two = event_text(EVENT) + event_text(EVENT)
    assert event_text(EVENT | {"details": "{}" + event_text(EVENT).decode()}) != two


def test_spelling_stays() -> None:
    """Seals made with this version must verify with every later one."""
    assert event_text(EVENT) == b"2:id,1:1,2:at,8:2.000000,6:action,1:a,7:details,2:{},\n"
    made = Seal(7, "1800000000.000000", 3, bytes(32), b"\xff" * 32, "0a1b2c3d")
    digest = "c43f02f919829b37b0ef39705d77e98dd2efb4e76520fd52886886e330e3e4a8"
    assert made.digest(Key.of(b"k" * 32)).hex() == digest


def test_no_token_has_a_seal_for_its_digest() -> None:
    """What a seal is the digest of cannot be a token's value: nobody can call with it."""
    for prefix in ("apt", "api", SESSION_PREFIX):
        assert not is_well_formed(f"{PURPOSE}\n1\n2\n3\n4\n5\n6", prefix)
