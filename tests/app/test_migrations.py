import asyncio
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.errors import CannotStart
from app.migrations import DIRECTORY, Migration, apply, load

ONE = Migration(1, "001_one", "create table one (n integer); insert into one values (1);")
TWO = Migration(2, "002_two", "create table two (n integer)")
BROKEN = Migration(2, "002_two", "create table two (n integer); select 1 / 0")


async def fetch(url: str, query: str) -> list[Any]:
    """The first column of what is in the database, looked at from outside."""
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def tables(url: str) -> set[str]:
    """The names of the tables that are there."""
    return {*await fetch(url, "select tablename from pg_tables where schemaname = 'public'")}


async def complaint(url: str, migrations: list[Migration]) -> str:
    """The one line with which the start is refused."""
    with pytest.raises(CannotStart) as caught:
        await apply(url, migrations)
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_brings_a_fresh_database_up_to_date(empty_database: str) -> None:
    """All of our migrations run on an empty PostgreSQL."""
    migrations = load()
    assert await apply(empty_database, migrations) == migrations
    expected = {"users", "api_tokens", "settings", "audit_events", "schema_migrations"}
    assert expected <= await tables(empty_database)


async def test_a_second_time_there_is_nothing_to_do(empty_database: str) -> None:
    """What has been applied stays applied, once."""
    await apply(empty_database, [ONE, TWO])
    assert await apply(empty_database, [ONE, TWO]) == []
    assert await fetch(empty_database, "select n from one") == [1]


async def test_only_what_is_new_is_applied(empty_database: str) -> None:
    """A database of an older service gets what it lacks."""
    await apply(empty_database, [ONE])
    assert await apply(empty_database, [ONE, TWO]) == [TWO]
    assert await fetch(empty_database, "select n from one") == [1]


async def test_several_at_once_apply_it_once(empty_database: str) -> None:
    """One does the work, the others wait for it and find nothing to do."""
    migrations = load()
    done = await asyncio.gather(*(apply(empty_database, migrations) for _ in range(5)))
    assert sorted(map(len, done)) == [0, 0, 0, 0, len(migrations)]
    assert await fetch(empty_database, "select count(*) from settings") == [1]


async def test_remembers_what_was_applied(empty_database: str) -> None:
    """Number, name and SHA-256 of each, for the next start to compare."""
    await apply(empty_database, [ONE, TWO])
    query = "select (version, name, checksum)::text from schema_migrations order by version"
    assert await fetch(empty_database, query) == [
        f"({m.version},{m.name},{sha256(m.text.encode()).hexdigest()})" for m in (ONE, TWO)
    ]


async def test_a_failure_leaves_nothing_behind(empty_database: str) -> None:
    """What ran before the failing one is undone with it."""
    assert "division by zero" in await complaint(empty_database, [ONE, BROKEN])
    assert await tables(empty_database) == set()


async def test_a_failure_leaves_what_was_there(empty_database: str) -> None:
    """A database that worked with the older service still does, and can be mended later."""
    await apply(empty_database, [ONE])
    await complaint(empty_database, [ONE, BROKEN])
    assert await tables(empty_database) == {"one", "schema_migrations"}
    assert await apply(empty_database, [ONE, TWO]) == [TWO]


async def test_a_failure_keeps_nobody_waiting(empty_database: str) -> None:
    """The lock goes with the transaction that failed."""
    await asyncio.gather(*(complaint(empty_database, [BROKEN]) for _ in range(3)))
    assert await apply(empty_database, [ONE]) == [ONE]


async def test_a_changed_migration_stops_the_start(empty_database: str) -> None:
    """What has been applied must not be edited afterwards, not even in a comment."""
    await apply(empty_database, [ONE, TWO])
    changed = replace(ONE, text=ONE.text + " -- oops")
    expected = "migration 001_one was changed after it had been applied"
    assert await complaint(empty_database, [changed, TWO]) == expected


async def test_a_newer_database_stops_the_start(empty_database: str) -> None:
    """An older service does not touch what a newer one has made."""
    await apply(empty_database, [ONE, TWO])
    assert await complaint(empty_database, [ONE]) == (
        "the database was made by a newer api-tokens: it has migration 002_two, "
        "this one ends at 001"
    )


async def test_a_refusal_applies_nothing(empty_database: str) -> None:
    """A database that differs is not brought half-way up to date."""
    await apply(empty_database, [ONE])
    await complaint(empty_database, [replace(ONE, text="select 1"), TWO])
    assert await tables(empty_database) == {"one", "schema_migrations"}


def test_our_own_are_in_order() -> None:
    """The files in sql/_schema are numbered from 001 without a gap."""
    assert [m.version for m in load()] == list(range(1, len(list(DIRECTORY.glob("*"))) + 1))


def test_reads_a_file(tmp_path: Path) -> None:
    """Number and name are those of the file, the text is the whole of it."""
    (tmp_path / "001_first.sql").write_text("-- Ä\nselect 1;\n", "utf-8")
    assert load(tmp_path) == [Migration(1, "001_first", "-- Ä\nselect 1;\n")]


def test_reads_them_in_order(tmp_path: Path) -> None:
    """By number, whatever the folder lists first; what is no SQL is left out."""
    for name in ("010_j", "002_b", "001_a", *(f"00{n}_x" for n in range(3, 10))):
        (tmp_path / f"{name}.sql").write_text("select 1")
    (tmp_path / "README.md").write_text("")
    assert [migration.version for migration in load(tmp_path)] == list(range(1, 11))


@pytest.mark.parametrize(
    "names",
    [
        ["002_second"],
        ["001_first", "003_third"],
        ["000_zeroth", "001_first"],
        ["001_first", "001_again"],
        ["001_first", "002_second", "002_again", "003_third"],
        ["first"],
        ["1_first"],
    ],
)
def test_a_gap_stops_the_start(tmp_path: Path, names: list[str]) -> None:
    """Missing, double and unreadable numbers are one complaint, with the folder's name."""
    for name in names:
        (tmp_path / f"{name}.sql").write_text("select 1")
    with pytest.raises(CannotStart) as caught:
        load(tmp_path)
    expected = f"{tmp_path}: migrations must be numbered 001, 002, … without a gap"
    assert str(caught.value) == expected
