"""Verifying: whatever is done to the sealed trail behind the service's back is noticed."""

import re

import pytest

from app.config import Settings
from app.seals.verifying import Broken, Chain, verify
from app.services import Services, open_services
from app.token_format import Key
from tests.app.support import key_of, put_events, seal
from tests.methods.support import Sql

STRANGER = Key.of(b"another secret of 32 bytes or more")
# The second event of seal 2.
ONE = "id = (select id from audit_events where seal = 2 order by id offset 1 limit 1)"
FORGED = "it was changed, or made without the key"


@pytest.fixture
async def trail(services: Services, sql: Sql) -> Services:
    """Three seals of three events each, one event more, and no trigger to keep it so."""
    await put_events(sql, 9)
    await seal(services, 3)
    await put_events(sql, 1)
    for table in ("audit_events", "audit_seals"):
        await sql.execute(f"alter table {table} disable trigger user")
    return services


async def verified(services: Services, *keys: Key, noted: tuple[int, bytes] | None = None) -> Chain:
    """The chain, found unbroken by the service's key or by these."""
    return await verify(services.sql, keys or [key_of(services)], noted)


async def broken(services: Services, *keys: Key, noted: tuple[int, bytes] | None = None) -> str:
    """What is found broken; when a seal was made differs from run to run."""
    with pytest.raises(Broken) as caught:
        await verified(services, *keys, noted=noted)
    return re.sub(r" of \S+:", " of TIME:", str(caught.value))


async def digest(sql: Sql, number: int) -> bytes:
    """The digest of a seal."""
    found = await sql.fetchval("select digest from audit_seals where number = $1", number)
    assert isinstance(found, bytes)
    return found


async def test_an_untouched_trail_verifies(trail: Services, sql: Sql) -> None:
    """The length of the chain is told, its last digest, and what is not sealed yet."""
    assert await verified(trail) == Chain(9, 3, await digest(sql, 3), 1)


async def test_an_empty_trail_verifies(services: Services) -> None:
    """Where nothing has happened nothing is broken."""
    assert await verified(services) == Chain(0, 0, bytes(32), 0)


async def test_a_long_trail_verifies(services: Services, sql: Sql) -> None:
    """Seals and events are read a piece at a time, and none is left out."""
    await put_events(sql, 1005)
    await seal(services, 1)
    await put_events(sql, 1500)
    await seal(services, 1200)
    assert (await verified(services))[:2] == (2505, 1007)
    await sql.execute("alter table audit_events disable trigger user")
    await sql.execute("update audit_events set action = 'x' where seal = 1007")
    expected = "seal 1007 of TIME: its events were changed (300 sealed, 300 found)"
    assert await broken(services) == expected


@pytest.mark.parametrize(
    ("change", "count"),
    [
        (f"update audit_events set action = 'x' where {ONE}", 3),
        (f"update audit_events set actor_user = target where {ONE}", 3),
        (f"update audit_events set target = null where {ONE}", 3),
        (f"update audit_events set details = '{{}}' where {ONE}", 3),
        (f"update audit_events set at = at + interval '1 microsecond' where {ONE}", 3),
        (f"update audit_events set at = 'infinity' where {ONE}", 3),
        (f"update audit_events set at = '4713-01-01 BC' where {ONE}", 3),
        (f"update audit_events set id = uuid_v7() where {ONE}", 3),
        (f"update audit_events set seal = null where {ONE}", 2),
        (f"update audit_events set seal = 3 where {ONE}", 2),
        (f"update audit_events set seal = 9 where {ONE}", 2),
        (f"delete from audit_events where {ONE}", 2),
        ("delete from audit_events where seal = 2", 0),
        ("update audit_events set seal = 5 - seal where seal in (2, 3)", 3),
        ("insert into audit_events (action, seal) values ('added', 2)", 4),
        ("update audit_events set seal = 2 where seal is null", 4),
        (
            "with moved as (update audit_events set seal = 3 where " + ONE + ")"
            " update audit_events set seal = 2"
            " where id = (select id from audit_events where seal = 3 limit 1)",
            3,
        ),
    ],
)
async def test_notices_changed_events(trail: Services, sql: Sql, change: str, count: int) -> None:
    """Events that were changed, taken out, put in or moved: their seal says so."""
    await sql.execute(change)
    expected = f"seal 2 of TIME: its events were changed (3 sealed, {count} found)"
    assert await broken(trail) == expected


@pytest.mark.parametrize(
    "change",
    [
        "sealed = sealed + interval '1 s'",
        "sealed = 'infinity'",
        "sealed = '0001-01-01 BC'",
        "events = 4",
        "events_digest = digest",
        "previous_digest = digest",
        "digest = events_digest",
        "digest = ''",
    ],
)
async def test_notices_a_changed_seal(trail: Services, sql: Sql, change: str) -> None:
    """Whatever a seal says is in its digest."""
    await sql.execute(f"update audit_seals set {change} where number = 2")
    assert await broken(trail) == f"seal 2 of TIME: {FORGED}"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("delete from audit_seals where number = 1", "seal 1 is missing: after 0 comes 2"),
        ("delete from audit_seals where number = 2", "seal 2 is missing: after 1 comes 3"),
        (
            "delete from audit_seals where number = 3",
            "seal 3 is missing, and there are events of it",
        ),
        ("delete from audit_seals", "seal 1 is missing, and there are events of it"),
        (
            "update audit_seals set number = 9 where number = 2",
            "seal 2 is missing: after 1 comes 3",
        ),
        ("update audit_seals set number = number + 5", "seal 1 is missing: after 0 comes 6"),
    ],
)
async def test_notices_a_missing_seal(
    trail: Services, sql: Sql, change: str, complaint: str
) -> None:
    """Seals are numbered from 1 without a gap, and as far as there are events of them."""
    await sql.execute(change)
    assert await broken(trail) == complaint


@pytest.mark.parametrize("number", [4, 0, -7, 2**63 - 1, -(2**63)])
async def test_notices_events_of_no_seal(trail: Services, sql: Sql, number: int) -> None:
    """An event that claims a seal that was never made is noticed on either side of the chain."""
    nil = "00000000-0000-0000-0000-000000000000"
    query = "insert into audit_events (id, action, seal) values ($1, 'added', $2)"
    await sql.execute(query, nil, number)
    assert await broken(trail) == f"seal {number} is missing, and there are events of it"


async def test_notices_renumbered_seals(trail: Services, sql: Sql) -> None:
    """Closing the gap that a seal leaves does not help: a seal's digest has its number in it."""
    await sql.execute("delete from audit_events where seal = 2")
    await sql.execute("delete from audit_seals where number = 2")
    await sql.execute("update audit_events set seal = 2 where seal = 3")
    await sql.execute("update audit_seals set number = 2 where number = 3")
    assert await broken(trail) == f"seal 2 of TIME: {FORGED}"


async def test_notices_a_seal_that_followed_another(trail: Services, sql: Sql) -> None:
    """A genuine seal cannot be put behind another genuine one than that it was made to follow."""
    await sql.execute("create table kept as select * from audit_seals where number = 3")
    await sql.execute("delete from audit_seals where number > 1")
    await sql.execute("update audit_events set seal = null where seal = 2")
    await seal(trail)
    await sql.execute("insert into audit_seals select * from kept")
    assert await broken(trail) == "seal 3 of TIME: it was made to follow another seal"


async def test_tells_the_first_break(trail: Services, sql: Sql) -> None:
    """Of several breaks the first in order of the seals is told, with the time it was made."""
    await sql.execute("delete from audit_seals where number = 3")
    await sql.execute("delete from audit_events where seal = 2")
    await sql.execute(
        "update audit_seals set sealed = '2027-01-31 23:59:59.5 UTC' where number = 1"
    )
    with pytest.raises(Broken, match=r"^seal 1 of 2027-01-31T23:59:59Z: it was changed"):
        await verified(trail)


# Who seals


async def remake(services: Services, sql: Sql, key: Key) -> None:
    """Do what somebody can who has the database: change an event, and seal all anew."""
    await sql.execute("delete from audit_seals")
    await sql.execute(f"update audit_events set action = 'x' where {ONE}")
    await sql.execute("update audit_events set seal = null")
    await seal(services, 3, key)


async def test_notices_a_chain_made_with_another_key(trail: Services, sql: Sql) -> None:
    """A whole chain that was made anew lacks our key."""
    await remake(trail, sql, STRANGER)
    expected = f"seal 1 of TIME: its key '{STRANGER.id}' is not among ours"
    assert await broken(trail) == expected


async def test_notices_a_chain_made_in_the_name_of_our_key(trail: Services, sql: Sql) -> None:
    """The id of a key stands in the database; without the key itself it is of no use."""
    await remake(trail, sql, Key(key_of(trail).id, STRANGER.secret))
    assert await broken(trail) == f"seal 1 of TIME: {FORGED}"


async def test_shows_a_strange_key_id_on_one_line(trail: Services, sql: Sql) -> None:
    """What stands in the database cannot write to an operator's terminal."""
    await sql.execute("update audit_seals set key_id = e'a\\n\\x1b[2J' where number = 1")
    assert await broken(trail) == r"seal 1 of TIME: its key 'a\n\x1b[2J' is not among ours"


async def test_a_retired_key_verifies_what_it_sealed(trail: Services) -> None:
    """After a change of keys both verify the chain, and the new one alone tells what it lacks."""
    old, new = key_of(trail), STRANGER
    await seal(trail, key=new)
    assert (await verified(trail, new, old)).seals == 4
    expected = f"seal 1 of TIME: its key '{old.id}' is not among ours"
    assert await broken(trail, new) == expected


# A seal that was noted


async def test_finds_the_seal_that_was_noted(trail: Services, sql: Sql) -> None:
    """A seal that is there as it was noted is no break, wherever it stands."""
    for number in (1, 2, 3):
        await verified(trail, noted=(number, await digest(sql, number)))


async def test_misses_the_end_that_was_cut_off(trail: Services, sql: Sql) -> None:
    """Without its end the chain is whole by itself; who has noted the end knows better."""
    noted = (3, await digest(sql, 3))
    await sql.execute("delete from audit_events where seal = 3 or seal is null")
    await sql.execute("delete from audit_seals where number = 3")
    assert (await verified(trail)).seals == 2
    assert await broken(trail, noted=noted) == "seal 3 is missing: the last one there is 2"


async def test_misses_the_end_that_was_made_anew(trail: Services, sql: Sql) -> None:
    """A service that is made to seal changed events again cannot make the same seal."""
    noted = (3, await digest(sql, 3))
    await sql.execute("delete from audit_seals where number = 3")
    await sql.execute("update audit_events set action = 'x', seal = null where seal = 3")
    await seal(trail)
    assert (await verified(trail)).seals == 3
    assert await broken(trail, noted=noted) == "seal 3 of TIME: it is not the one that was noted"


# Whose settings


async def test_settings_of_the_database_change_nothing(
    settings: Settings, services: Services, sql: Sql
) -> None:
    """Seals verify however the database writes times and numbers."""
    await put_events(sql, 3)
    await seal(services, 2)
    name = await sql.fetchval("select current_database()")
    for setting in (
        "timezone to 'Asia/Kathmandu'",
        "datestyle to 'SQL, DMY'",
        "intervalstyle to 'sql_standard'",
        "extra_float_digits to -15",
        "bytea_output to 'escape'",
    ):
        await sql.execute(f"alter database {name} set {setting}")
    async with open_services(settings, serving=False) as others:
        await put_events(sql, 2)
        await seal(others, 1)
        assert (await verified(others))[:2] == (5, 4)
    assert (await verified(services))[:2] == (5, 4)
