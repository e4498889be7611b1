"""Writes how tokens were used, every few seconds and at the end, in nobody's way."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from uuid import uuid4

from app.call import Row
from app.errors import Refusal
from app.statements import Statements
from app.usage.counting import Tally, Usage

log = logging.getLogger("api_tokens")

# Tokens one statement writes: their locks are held for some 20 ms.
MOST_TOKENS: Final = 500
# After a statement the writer rests so many times as long as it took, so that the database that
# verifies spends a third of one connection's time on this at most; and less the more waits, so that
# nothing is lost before one connection is not enough.
REST: Final = 2.0
# How many seconds old a token's `last_used` must be to be written anew, where no more than so many
# wait. It takes three times as long as all else. The exact one stands with the day's counts.
PRECISIONS: Final = ((10_000, 60.0), (100_000, 3600.0), (250_000, 86_400.0))
LOWEST_PRECISION: Final = 7 * 86_400.0
# Days that are kept, how many of tokens one statement forgets, and every how many seconds.
KEPT_DAYS: Final = 400
MOST_FORGOTTEN: Final = 5_000
FORGETTING: Final = 3600.0
# Seconds that there are at the end to write what is left, and between two attempts.
PATIENCE: Final = 5.0
PAUSE: Final = 0.1


@asynccontextmanager
async def recording(
    sql: Statements, interval: float, usage: Usage | None = None
) -> AsyncIterator[Usage]:
    """Counts, and writes what was counted every `interval` seconds and at the end of the block.

    What is counted after the block is lost.
    """
    usage = usage or Usage()
    writer = Writer(sql, usage)
    task = asyncio.create_task(writer.run(interval))
    try:
        yield usage
    finally:
        task.cancel()
        await asyncio.wait([task])
        await writer.finish()


class Writer:
    """Writes what was counted, some tokens at a time, each once."""

    def __init__(self, sql: Statements, usage: Usage) -> None:
        self._sql = sql
        self._usage = usage
        # A part is given, under the same number, until it is known to be written: if an answer was
        # lost, the database knows the number and does not add the part again.
        self._id = str(uuid4())
        self._number = 0
        self._part: Tally | None = None
        # What the database answers to it. It is waited for whatever happens to whoever asked: it
        # tells of tokens that were not written, and no second asking would.
        self._answer: asyncio.Task[list[Row]] | None = None
        self._forgets_at = 0.0

    async def run(self, interval: float) -> None:
        """Write for ever: a turn begins so many seconds after the one before began, or later."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            # Not `wait_for`, which loses a cancellation that comes along with what it waits for.
            with suppress(TimeoutError):
                async with asyncio.timeout_at(began + interval):
                    await self._usage.half_full.wait()
            began = loop.time()
            await _tried(self.write(REST))
            await _tried(self._forget())

    async def finish(self) -> None:
        """Write what is left, if that can be done in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self._usage.waiting:
                    await _tried(self.write())
                    await asyncio.sleep(PAUSE if self._usage.waiting else 0)
        if self._answer:
            self._answer.cancel()
        if self._usage.waiting:
            log.warning("what tokens were used for last is lost: it could not be written in time")

    async def write(self, rest: float = 0.0) -> None:
        """Write what was counted so far; raises a Refusal, and then goes on there the next time.

        Args:
            rest: how long to rest after each statement, as a multiple of the time it took.
        """
        self._usage.close()
        while await self._write_part(rest):
            pass

    async def _write_part(self, rest: float) -> bool:
        usage = self._usage
        if self._part is None:
            self._part = usage.take(MOST_TOKENS)
            self._number += 1
        part = self._part
        if part is None:
            return False
        began = time.monotonic()
        left = await self._answered(part)
        self._part = None
        usage.written(part, [row["token_id"] for row in left])
        await asyncio.sleep(rest * usage.room * (time.monotonic() - began))
        return True

    async def _answered(self, part: Tally) -> list[Row]:
        """The tokens that are left of a part; raises a Refusal, and then it is to be asked anew."""
        precision = _precision(self._usage.waiting)
        given = {"writer": self._id, "batch": self._number, "precision": precision}
        if self._answer is None:
            asked = self._sql.rows("_service/record_usage", given | part.parameters())
            self._answer = asyncio.create_task(asked)
        # A cancellation that comes along with the answer ends here, and leaves it to be taken.
        await asyncio.wait([self._answer])
        answer, self._answer = self._answer, None
        return answer.result()

    async def _forget(self) -> None:
        """Forget what is long past: now and then, and more of it the next time if there is more."""
        if time.monotonic() < self._forgets_at:
            return
        given = {"days": KEPT_DAYS, "most": MOST_FORGOTTEN}
        row = await self._sql.row("_service/forget_usage", given)
        assert row
        if row["forgotten"] < MOST_FORGOTTEN:
            self._forgets_at = time.monotonic() + FORGETTING


def _precision(waiting: int) -> float:
    return next((seconds for most, seconds in PRECISIONS if waiting <= most), LOWEST_PRECISION)


async def _tried(step: Coroutine[Any, Any, None]) -> None:
    try:
        await step
    except Refusal:  # the database is away or busy: it has said so
        pass
    except Exception:
        log.exception("cannot write what tokens were used for")
