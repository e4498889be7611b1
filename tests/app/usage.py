"""Steps of the tests of what tokens were used for: processes that count and write, and the sums."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import orjson

from app import statements
from app.call import Row
from app.database import Database
from app.errors import Code, Refusal
from app.statements import Statements
from app.usage import Usage
from app.usage.writing import Writer
from tests.methods.support import Sql, put_tokens

# Intervals at which it is written, in seconds.
QUICK: Final = 0.01
NEVER: Final = 3600.0
NOON: Final = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@asynccontextmanager
async def on_database(url: str, kind: type[Statements] = Statements) -> AsyncIterator[Statements]:
    """The statements of a process that is connected to this database."""
    database = Database(url, size=2)
    try:
        yield kind(database, statements.load())
    finally:
        await database.close()


class Unheard(Statements):
    """Statements whose first few answers are lost on the way: they are done all the same."""

    lost = 3

    async def rows(self, name: str, values: Mapping[str, Any]) -> list[Row]:
        """Every row; raises a Refusal while answers are lost."""
        found = await super().rows(name, values)
        if self.lost:
            self.lost -= 1
            raise Refusal(Code.BACKEND_DOWN)
        return found


class Held(Statements):
    """Statements whose answers are held on their way, until they are let pass."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.answered, self.way = asyncio.Event(), asyncio.Event()

    async def rows(self, name: str, values: Mapping[str, Any]) -> list[Row]:
        """Every row."""
        found = await super().rows(name, values)
        self.answered.set()
        await self.way.wait()
        return found


async def tokens_of(sql: Sql, count: int) -> list[str]:
    """The ids of so many new tokens, all of one new user; by name they are in reverse order."""
    user = await put_tokens(sql, ({"name": f"token {999 - n}"} for n in range(count)))
    rows = await sql.fetch("select id from api_tokens where user_id = $1 order by id", UUID(user))
    return [str(row["id"]) for row in rows]


async def written(sql: Sql) -> dict[tuple[str, date], dict[str, Any]]:
    """What is written of each token and day."""
    return {
        (str(row["token_id"]), row["day"]): {
            "verifications": row["verifications"],
            "refusals": orjson.loads(row["refusals"] or "{}"),
            "permissions": orjson.loads(row["permissions"] or "{}"),
        }
        for row in await sql.fetch("select * from token_usage")
    }


async def verifications(sql: Sql) -> dict[str, int]:
    """How often each token was verified, as it is written, on all days together."""
    rows = await sql.fetch(
        "select token_id, sum(verifications)::bigint from token_usage group by token_id"
    )
    return {str(token_id): count for token_id, count in rows}


async def of_service(sql: Sql) -> dict[date, tuple[int, int, dict[str, int]]]:
    """What is written of all tokens together: verifications, tokens and refusals of each day."""
    return {
        row["day"]: (row["verifications"], row["tokens"], orjson.loads(row["refusals"] or "{}"))
        for row in await sql.fetch("select * from service_usage")
    }


@dataclass(frozen=True)
class Access:
    """Who may reach a database."""

    server: Sql
    database: str

    async def shut(self) -> None:
        """Let nobody connect, and end the connections of the service."""
        await self.server.execute(f"alter database {self.database} with allow_connections false")
        await self.server.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where application_name = 'api-tokens' and datname = $1",
            self.database,
        )

    async def open(self) -> None:
        """Let anybody connect again."""
        await self.server.execute(f"alter database {self.database} with allow_connections true")


def usage_at(moment: datetime, *uses: str, code: str = "VALID") -> Usage:
    """What was counted when each of these tokens was used at a moment."""
    usage = Usage(moment.timestamp)
    for token_id in uses:
        usage.count(token_id, code)
    return usage


async def write(statements: Statements, usage: Usage) -> None:
    """Write what was counted, as one process does."""
    await Writer(statements, usage).write()


async def last_used(sql: Sql, token_id: str) -> datetime | None:
    """When a token was last used, as everybody is shown it."""
    query = "select last_used from api_tokens where id = $1"
    found: datetime | None = await sql.fetchval(query, UUID(token_id))
    return found
