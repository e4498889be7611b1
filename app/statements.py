"""Reads sql/ once; runs a statement by its file name.

A file holds one statement. Its first line says what it is for and what no row means; its second
names the parameters, so that callers give them by name: `-- $1 token_id, $2 caller_user`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.call import Row, Success
from app.database import Database
from app.errors import CannotStart
from app.read_options import Query, Selection

ROOT: Final = Path(__file__).resolve().parent.parent / "sql"
_COMMENTS: Final = re.compile(r"\A(--.*\n)+")
_NAME: Final = re.compile(r"\$\d+ ([a-z_]+)")


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL file: its text, and the names of `$1 …` in order."""

    text: str
    parameters: tuple[str, ...]

    def bind(self, values: Mapping[str, Any]) -> list[Any]:
        """The parameters in order, out of all the values at hand."""
        return [values[name] for name in self.parameters]


def load(root: Path = ROOT) -> dict[str, Statement]:
    """Every statement below `root` by its name, "api_tokens/create"; migrations are left out.

    Raises:
        CannotStart: a file does not name its parameters as it should.
    """
    files = sorted(path for path in root.rglob("*.sql") if path.parent.name != "_schema")
    return {path.relative_to(root).with_suffix("").as_posix(): parse(path) for path in files}


def parse(path: Path) -> Statement:
    """The statement in one file."""
    text = path.read_text("utf-8").strip().rstrip(";")
    purpose, second, *_ = [*text.split("\n"), ""]
    names = _NAME.findall(second) if second.startswith("-- $") else []
    expected = "-- " + ", ".join(f"${number} {name}" for number, name in enumerate(names, 1))
    if not purpose.startswith("-- ") or (second.startswith("-- $") and second != expected):
        raise CannotStart(f"{path}: must begin with its purpose and then its parameters")
    return Statement(_COMMENTS.sub("", text), tuple(names))


class Statements:
    """The statements of this service on one database."""

    def __init__(self, database: Database, statements: Mapping[str, Statement]) -> None:
        self._database = database
        self._statements = statements

    async def row(self, name: str, values: Mapping[str, Any]) -> Row | None:
        """The first row, or None.

        Raises:
            Refusal: the database is out of reach or busy, or something is taken.
        """
        statement = self._statements[name]
        found = await self._database.row(statement.text, statement.bind(values))
        return None if found is None else dict(found)

    async def rows(self, name: str, values: Mapping[str, Any]) -> list[Row]:
        """Every row. Raises as `row` does."""
        statement = self._statements[name]
        found = await self._database.rows(statement.text, statement.bind(values))
        return [dict(row) for row in found]

    async def staged(
        self, name: str, table: str, records: Sequence[Row], values: Mapping[str, Any]
    ) -> Row | None:
        """The first row, or None, of a statement that works on records copied into a table.

        Both are one transaction. Raises as `row` does.
        """
        statement = self._statements[name]
        columns = [*records[0]]
        async with self._database.connection() as connection, connection.transaction():
            rows = [[record[column] for column in columns] for record in records]
            await connection.copy_records_to_table(table, records=rows, columns=columns)
            found = await connection.fetchrow(statement.text, *statement.bind(values))
        return None if found is None else dict(found)

    async def page(self, name: str, values: Mapping[str, Any], selection: Selection) -> Success:
        """One page of what the statement selects (see `read_options.Query`)."""
        base = self._statements[name]
        query = Query(base.text, base.bind(values), selection)
        found = await self._database.rows(query.text, query.parameters)
        return Success(*query.answer([dict(row) for row in found]))
