"""Reads the whole chain of seals, a piece at a time, and tells where it was changed."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import fields
from typing import Final, NamedTuple

from app.call import Row
from app.seals import NOTHING_BEFORE, Seal, event_text
from app.statements import Statements
from app.token_format import Key

_BEFORE_ALL: Final = {"seal": 0, "id": "ffffffff-ffff-ffff-ffff-ffffffffffff"}
_PARTS: Final = tuple(field.name for field in fields(Seal))


class Broken(Exception):  # noqa: N818 - it reads as what it is
    """The audit trail is not as it was sealed; the text is one line that says where."""


class Chain(NamedTuple):
    """A chain that is as it was made: its length, its last digest, and what is not sealed yet."""

    events: int
    seals: int
    digest: bytes
    unsealed: int


async def verify(
    sql: Statements, keys: Sequence[Key], noted: tuple[int, bytes] | None = None
) -> Chain:
    """Compare all that is sealed with its seals.

    Args:
        sql: where they are.
        keys: every key that seals were made with.
        noted: the number and the digest of a seal that must be among them.

    Raises:
        Broken: something was changed; what breaks the chain first is told.
    """
    ends = await sql.row("_service/audit_ends", {})
    assert ends
    keys_by_id = {key.id: key for key in keys}
    chain, events = Chain(0, 0, NOTHING_BEFORE, ends["unsealed"]), _Events(sql)
    bounds = {"number": 0, "last_number": ends["last_number"]}
    async for row in _all_rows("_service/seals", sql, bounds):
        chain = await _followed(chain, row, events, keys_by_id)
        if noted and noted[0] == chain.seals and noted[1] != chain.digest:
            raise Broken(f"{_title(row)}: it is not the one that was noted")
    if ends["claimed"] is not None:
        raise Broken(f"seal {ends['claimed']} is missing, and there are events of it")
    if noted and noted[0] > chain.seals:
        raise Broken(f"seal {noted[0]} is missing: the last one there is {chain.seals}")
    return chain


async def _followed(chain: Chain, row: Row, events: "_Events", keys: Mapping[str, Key]) -> Chain:
    """The chain with one more seal."""
    number = chain.seals + 1
    if row["number"] != number:
        raise Broken(f"seal {number} is missing: after {chain.seals} comes {row['number']}")
    seal, found = Seal(**{name: row[name] for name in _PARTS}), await events.of(number)
    key = keys.get(seal.key_id)
    if key is None:
        raise Broken(f"{_title(row)}: its key {seal.key_id!r} is not among ours")
    changed = f"its events were changed ({seal.events} sealed, {found[0]} found)"
    checks = {
        "it was changed, or made without the key": (seal.digest(key), row["digest"]),
        "it was made to follow another seal": (seal.previous_digest, chain.digest),
        changed: ((seal.events, seal.events_digest), found),
    }
    for text, (expected, actual) in checks.items():
        if expected != actual:
            raise Broken(f"{_title(row)}: {text}")
    return Chain(chain.events + seal.events, number, row["digest"], chain.unsealed)


def _title(row: Row) -> str:
    return f"seal {row['number']} of {row['shown_time']}"


class _Events:
    """The sealed events, each read once, in order of their seals."""

    def __init__(self, sql: Statements) -> None:
        self._rows = _all_rows("_service/sealed_events", sql, _BEFORE_ALL)
        self._next: Row | None = None

    async def of(self, number: int) -> tuple[int, bytes]:
        """How many events this seal has, and their digest."""
        count, digest = 0, hashlib.sha256()
        event = self._next or await anext(self._rows, None)
        while event and event["seal"] == number:
            count += 1
            digest.update(event_text(event))
            event = await anext(self._rows, None)
        self._next = event
        return count, digest.digest()


async def _all_rows(name: str, sql: Statements, after: Row) -> AsyncIterator[Row]:
    """Every row of a statement that goes on after the last one, some at a time."""
    while page := await sql.rows(name, after):
        for row in page:
            yield row
        after = {column: page[-1].get(column, value) for column, value in after.items()}
