"""Reads tokens from the database; who asks while others are being read is read with the next."""

import asyncio
import sys
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from app.call import Row
from app.errors import Code, Refusal
from app.receipts import Receipts
from app.statements import Statements
from app.token_cache import TokenCache
from app.token_format import Format
from app.verdicts import Known, VerdictCode

# Statements at the same time: two keep the database at work while an answer is being read; with
# more, fewer would ask together. And how many tokens one asks for.
AT_ONCE: Final = 2
MOST: Final = 256
# Readings of one token that are overtaken by changes until whoever asks is told to come back.
MOST_READINGS: Final = 10


@dataclass(slots=True, eq=False)
class _Asked:
    """A secret that is asked for, and those who wait for the answer."""

    secret: str
    waiters: "list[asyncio.Future[tuple[Known | None, int]]]" = field(default_factory=list)

    async def wait(self) -> tuple[Known | None, int]:
        """What was found, and the position at which the reading began."""
        self.waiters.append(asyncio.get_running_loop().create_future())
        return await self.waiters[-1]

    def answer(self, known: Known | None, read_at: int) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result((known, read_at))

    def refuse(self, error: BaseException) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(error)


_Batch = dict[bytes, _Asked]


class Lookups:
    """Finds tokens by their secrets, many with one statement.

    Args:
        sql: asks the database.
        tokens: makes the digests that tokens are stored under.
        known_permissions: name → whether it is default.
        cache: tells which changes were heard, and keeps what is found.
        receipts: tell when every process knows; not there where nobody listens.
    """

    def __init__(
        self,
        sql: Statements,
        tokens: Format,
        known_permissions: Mapping[str, bool],
        cache: TokenCache,
        receipts: Receipts | None = None,
    ) -> None:
        self._sql = sql
        self._tokens = tokens
        self._known_permissions = known_permissions
        self._cache = cache
        self._receipts = receipts
        self._waiting: _Batch = {}
        self._reading: _Batch = {}
        self._batches: set[asyncio.Task[None]] = set()
        self._settling: set[asyncio.Task[None]] = set()

    async def find(self, key: bytes, secret: str) -> Known | None:
        """The facts of a token, none of which has changed since they were read; None: no token.

        Args:
            key: what the secret is kept under in the cache.
            secret: a text that can be a token.

        Raises:
            Refusal: the database is out of reach or busy, or the token changes all the time.
        """
        for _ in range(MOST_READINGS):
            # A reading that has begun may have missed a change that was made since. It can be
            # shared only as long as changes are heard: then it is found out.
            shared = self._reading.get(key) if self._cache.is_current else None
            known, read_at = await (shared or self._to_be_read(key, secret)).wait()
            if shared and not self._cache.is_current:
                continue
            if known is None and self._cache.is_still_missing(read_at):
                return None
            if known is not None and self._cache.is_true(known):
                return known
        raise Refusal(Code.BACKEND_DOWN, "Backend is busy")

    async def close(self) -> None:
        """Give up what is being read, and what was to be."""
        waiting, self._waiting = self._waiting, {}
        for asked in waiting.values():
            asked.refuse(Refusal(Code.SHUTTING_DOWN))
        tasks = self._batches | self._settling
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _to_be_read(self, key: bytes, secret: str) -> _Asked:
        if not self._waiting:
            # All who ask in this turn of the loop ask together.
            asyncio.get_running_loop().call_soon(self._begin)
        return self._waiting.setdefault(key, _Asked(secret))

    def _begin(self) -> None:
        while self._waiting and len(self._batches) < AT_ONCE:
            batch = dict(islice(self._waiting.items(), MOST))
            for key in batch:
                del self._waiting[key]
            self._reading |= batch
            self._run(self._read(batch, self._cache.position), batch, self._batches)

    def _run(
        self, work: Coroutine[Any, Any, None], batch: _Batch, tasks: set[asyncio.Task[None]]
    ) -> None:
        """Answer everybody in the batch by this work, whatever happens."""

        def ended(task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            error = Refusal(Code.SHUTTING_DOWN) if task.cancelled() else task.exception()
            for key, asked in batch.items():
                self._end(key, asked)
                if error:
                    asked.refuse(error)
            self._begin()

        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(ended)

    async def _read(self, batch: _Batch, read_at: int) -> None:
        found = await self._rows(batch)
        for key, asked in [*batch.items()]:
            row = found.get(key)
            known = None if row is None else _known(row, read_at)
            if known is None:
                self._cache.put_missing(key, read_at)
            elif row and _is_unsettled(row) and _is_usable(known):
                # By itself: it may have to wait, and nobody else for it.
                del batch[key]
                self._run(self._settle(key, asked, row, known), {key: asked}, self._settling)
                continue
            else:
                self._cache.put(key, known)
            self._end(key, asked)
            asked.answer(known, read_at)

    def _end(self, key: bytes, asked: _Asked) -> None:
        """Nobody may join this reading any more."""
        if self._reading.get(key) is asked:
            del self._reading[key]

    async def _rows(self, batch: _Batch) -> dict[bytes, Row]:
        """The rows of those tokens that there are."""
        keys = {self._tokens.digest(asked.secret): key for key, asked in batch.items()}
        values = {"digests": [*keys], "known_permissions": self._known_permissions}
        rows = await self._sql.rows("_service/find_tokens", values)
        found = {keys[row["digest"]]: row for row in rows}
        if len(found) < len(batch):
            found |= await self._other_rows([key for key in batch if key not in found], batch)
        return found

    async def _other_rows(self, keys: list[bytes], batch: _Batch) -> dict[bytes, Row]:
        """The rows of those that are stored under any other digest."""
        numbers, digests = [], []
        for number, key in enumerate(keys):
            for digest in self._tokens.digests(batch[key].secret):
                numbers.append(number)
                digests.append(digest)
        values = {
            "numbers": numbers,
            "digests": digests,
            "known_permissions": self._known_permissions,
        }
        rows = await self._sql.rows("_service/find_tokens_otherwise", values)
        return {keys[row["number"]]: row for row in rows}

    async def _settle(self, key: bytes, asked: _Asked, row: Row, known: Known) -> None:
        """Do what was left for the first use of a token's secret, then answer."""
        token_id, digests = known.token_id, self._tokens.digests(asked.secret)
        if row["ends_rotation"]:
            values = {"token_id": token_id, "user_id": known.user_id, "digests": digests}
            await self._sql.row("_service/end_rotation", values)
            if self._receipts:  # the secret before is refused everywhere, once this is answered
                await self._receipts.confirmed()
        if row["is_stale"]:
            values = {"token_id": token_id} | self._tokens.stored(asked.secret)
            with suppress(Refusal):  # it works as it is; the next use tries again
                await self._sql.row("_service/rekey_token", values)
        self._end(key, asked)
        asked.answer(known, known.read_at)


def _is_unsettled(row: Row) -> bool:
    return bool(row["ends_rotation"] or row["is_stale"])


def _is_usable(known: Known) -> bool:
    return known.code(lambda: datetime.now(UTC)) is VerdictCode.VALID


def _known(row: Row, read_at: int) -> Known:
    """The facts of a row; what many tokens have in common is in memory once."""
    shared = sys.intern
    return Known(
        token_id=row["token_id"],
        user_id=shared(row["user_id"]),
        user_name=shared(row["user_name"]),
        name=row["name"],
        role=row["role"] and shared(row["role"]),
        scope=shared(row["scope"]),
        bar=row["bar"] and shared(row["bar"]),
        created=row["created"],
        expires=row["expires"],
        until=row["until"],
        read_at=read_at,
    )
