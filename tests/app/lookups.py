"""For tests of look-ups: a reader on the test's database, and what it asks there."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from app import statements
from app.call import Row
from app.database import Database
from app.key_file import new_key
from app.lookups import AT_ONCE, Lookups
from app.permissions import PermissionRegistry
from app.receipts import Receipts
from app.statements import Statements
from app.token_cache import TokenCache
from app.token_format import Format, Key
from app.verdicts import Known
from tests.app.verifying import Hearing, change
from tests.methods.support import Sql, put_tokens
from tests.support import until

FIND = "_service/find_tokens"
OTHERWISE = "_service/find_tokens_otherwise"


class Noted(Statements):
    """Statements that are written down; what they answer can be held on its way."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, statements.load())
        # The names of those that were asked, and of how many tokens each reading was.
        self.names: list[str] = []
        self.sizes: list[int] = []
        self.running = self.most_running = self.answered = 0
        self.way = asyncio.Event()
        self.way.set()

    async def rows(self, name: str, values: Mapping[str, Any]) -> list[Row]:
        """Every row."""
        self.names.append(name)
        self.sizes.append(len({*values.get("numbers", values["digests"])}))
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            found = await super().rows(name, values)
        finally:
            self.running -= 1
        self.answered += 1
        await self.way.wait()
        return found

    async def row(self, name: str, values: Mapping[str, Any]) -> Row | None:
        """The first row, or None."""
        self.names.append(name)
        return await super().row(name, values)

    def let_pass(self) -> None:
        """Pass on what the database has answered so far, and hold what comes."""
        self.way.set()
        self.way.clear()

    async def until_answered(self, times: int) -> None:
        """Wait until the database has answered so many readings."""

        async def enough() -> bool:
            return self.answered >= times

        await until(enough)


@dataclass
class Reader:
    """What a process has to look tokens up, whether or not it hears of changes."""

    lookups: Lookups
    cache: TokenCache
    hearing: Hearing
    sql: Noted
    tokens: Format

    async def find(self, secret: str) -> Known | None:
        """The facts of the token with this secret."""
        return await self.lookups.find(secret.encode(), secret)

    def ask(self, *secrets: str) -> "list[asyncio.Task[Known | None]]":
        """Begin to look for all of these at once."""
        return [asyncio.create_task(self.find(secret)) for secret in secrets]

    async def names(self, *secrets: str) -> list[str | None]:
        """The names of the tokens with these secrets."""
        found = await asyncio.gather(*self.ask(*secrets))
        return [known and known.name for known in found]

    def heard(self, table: str, *ids: str, action: str = "update") -> None:
        """Let it hear of a change."""
        self.cache.changed(change(table, *ids, action=action))


def format_of(*keys: str) -> Format:
    """The format of a service with these keys."""
    return Format("apt", [Key.of(key.encode()) for key in keys])


@asynccontextmanager
async def reading(
    url: str,
    tokens: Format | None = None,
    limit: int = 10_000,
    receipts: Receipts | None = None,
    **given: Any,
) -> AsyncIterator[Reader]:
    """A reader on this database, which is closed at the end of the block."""
    database = Database(url, size=AT_ONCE, **given)
    sql, hearing = Noted(database), Hearing()
    tokens, cache = tokens or format_of(new_key()), TokenCache(hearing, limit)
    lookups = Lookups(sql, tokens, PermissionRegistry().known, cache, receipts)
    try:
        yield Reader(lookups, cache, hearing, sql, tokens)
    finally:
        await lookups.close()
        await database.close()


async def put(sql: Sql, tokens: Format, number: int, **columns: Any) -> list[str]:
    """The secrets of so many new tokens of one new user, named "0", "1" and so on."""
    secrets = [tokens.make() for _ in range(number)]
    rows = [
        {
            "name": str(n),
            "digest": tokens.digest(secret),
            "digest_scheme": tokens.scheme,
            "permissions": '{"read": true}',
            **columns,
        }
        for n, secret in enumerate(secrets)
    ]
    await put_tokens(sql, rows)
    return secrets
