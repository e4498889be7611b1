"""Seals: the chain that shows whether the audit trail was changed.

Every few seconds the new events are closed in by a seal, which carries the digest of its events and
of the seal before. It is made with the digest key, which is not in the database: who has the
database alone cannot make a chain that verifies. They can cut off its end, which shows to those who
noted a later seal, and change what is not sealed yet.
"""

from dataclasses import dataclass
from typing import Final

from app.call import Row
from app.token_format import Key

# What the first seal has in place of the digest of the one before.
NOTHING_BEFORE: Final = bytes(32)
# No token has a space in it, and so no token's digest is a seal's.
PURPOSE: Final = "api-tokens audit seal"
# All that an event says, as the statements that read events for us spell it.
COLUMNS: Final = (
    *("id", "at", "actor_user", "actor_token", "actor_session"),
    *("action", "target", "details"),
)


@dataclass(frozen=True, slots=True)
class Seal:
    """What a seal says; `sealed` is when, in seconds since 1970 as PostgreSQL writes them."""

    number: int
    sealed: str
    events: int
    events_digest: bytes
    previous_digest: bytes
    key_id: str

    def digest(self, key: Key) -> bytes:
        """What only the key can make of it."""
        digests = (self.events_digest.hex(), self.previous_digest.hex())
        lines = (PURPOSE, self.number, self.sealed, self.events, *digests, self.key_id)
        return key.digest("\n".join(map(str, lines)))


def event_text(event: Row) -> bytes:
    """An event as it goes into the digest: names and values of its columns, each with its length.

    Nulls are left out: a column that is added later changes nothing about the events before.
    """
    texts = [text for name in COLUMNS if event[name] is not None for text in (name, event[name])]
    return b"".join(map(_measured, texts)) + b"\n"


def _measured(text: str) -> bytes:
    data = text.encode()
    return b"%d:%b," % (len(data), data)
