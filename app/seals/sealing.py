"""Seals what is new in the audit trail, beside the calls and never in their way."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Final

from app.errors import Refusal
from app.seals import NOTHING_BEFORE, Seal, event_text
from app.statements import Statements
from app.token_format import Key

log = logging.getLogger("api_tokens")

MOST_EVENTS: Final = 1000
LONGEST_PAUSE: Final = 60.0


@asynccontextmanager
async def sealing(sql: Statements, key: Key, interval: float) -> AsyncIterator[None]:
    """Seal what is new every `interval` seconds until the block ends."""
    task = asyncio.create_task(_seal_for_ever(sql, key, interval))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _seal_for_ever(sql: Statements, key: Key, interval: float) -> None:
    pause = interval
    while True:
        await asyncio.sleep(pause)
        went_well = await _try_to_seal(sql, key)
        pause = interval if went_well else min(2 * pause, max(interval, LONGEST_PAUSE))


async def _try_to_seal(sql: Statements, key: Key) -> bool:
    try:
        await seal_all(sql, key)
    except Refusal:  # the database is away or busy: it has said so
        return False
    except Exception:
        log.exception("cannot seal the audit trail")
        return False
    return True


async def seal_all(sql: Statements, key: Key, most: int = MOST_EVENTS) -> None:
    """Seal every event that is not, `most` at a time, or leave it to a process that is quicker."""
    while await _seal_some(sql, key, most):
        pass


async def _seal_some(sql: Statements, key: Key, most: int) -> bool:
    """Make the next seal; False if nothing is left, or another process has made that one."""
    # These events and the last seal are of one moment: if anybody seals the events in between,
    # then by the next seal, and there is only one of that number.
    events = await sql.rows("_service/unsealed_events", {"most": most})
    if not events:
        return False
    seal = Seal(
        number=events[0]["last_number"] + 1,
        sealed=events[0]["now"],
        events=len(events),
        events_digest=hashlib.sha256(b"".join(map(event_text, events))).digest(),
        previous_digest=events[0]["last_digest"] or NOTHING_BEFORE,
        key_id=key.id,
    )
    given = {"digest": seal.digest(key), "ids": [event["id"] for event in events]}
    return await sql.row("_service/seal_events", asdict(seal) | given) is not None
