"""Applies sql/_schema/NNN_*.sql in order under an advisory lock.

All that is pending goes in one transaction: a start that fails half-way leaves the database as it
was. What has been applied is remembered with its checksum, and must not change afterwards.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app import database
from app.errors import CannotStart
from app.statements import ROOT

DIRECTORY: Final = ROOT / "_schema"
# Any number will do, as long as every process of this service uses the same one.
LOCK: Final = 0x6170695F746F6B65

_APPLIED: Final = "select version, name, checksum from schema_migrations order by version"
_REMEMBER: Final = "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)"
_HISTORY: Final = """
    create table schema_migrations (
        version integer primary key,
        name text not null,
        checksum text not null,
        applied timestamptz not null default now()
    )
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name, and its text."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def load(directory: Path = DIRECTORY) -> list[Migration]:
    """Every migration, in order; their numbers run from 1 without a gap.

    Raises:
        CannotStart: they do not.
    """
    paths = sorted(directory.glob("*.sql"))
    if [path.name[:4] for path in paths] != [f"{n:03}_" for n in range(1, len(paths) + 1)]:
        raise CannotStart(f"{directory}: migrations must be numbered 001, 002, … without a gap")
    return [Migration(n, path.stem, path.read_text("utf-8")) for n, path in enumerate(paths, 1)]


async def apply(dsn: str, migrations: Sequence[Migration]) -> list[Migration]:
    """Bring the database up to date; answers what had to be done.

    Safe when several processes do it at once: one does, the others wait and find nothing to do.

    Raises:
        CannotStart: the database is newer than this service, or differs from its files, or
            refuses a migration; nothing has changed then.
    """
    with database.at_start():
        return await _apply(dsn, migrations)


async def _apply(dsn: str, migrations: Sequence[Migration]) -> list[Migration]:
    connection = await database.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
            pending = await _pending(connection, migrations)
            for migration in pending:
                await connection.execute(migration.text)
                await connection.execute(
                    _REMEMBER, migration.version, migration.name, migration.checksum
                )
            return pending
    finally:
        await connection.close()


async def _pending(
    connection: database.Connection, migrations: Sequence[Migration]
) -> list[Migration]:
    if await connection.fetchval("select to_regclass('schema_migrations')") is None:
        await connection.execute(_HISTORY)
    known = {migration.version: migration for migration in migrations}
    for version, name, checksum in await connection.fetch(_APPLIED):
        migration = known.pop(version, None)
        if migration is None:
            raise CannotStart(
                f"the database was made by a newer api-tokens: it has migration {name}, "
                f"this one ends at {len(migrations):03}"
            )
        if migration.checksum != checksum:
            raise CannotStart(f"migration {name} was changed after it had been applied")
    return list(known.values())
