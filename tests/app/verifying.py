"""For tests of what is remembered of tokens: facts to remember, and whether changes are heard."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from app.listener import Change
from app.verdicts import Known

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@dataclass
class Hearing:
    """What a listener says of itself: until when it hears of every change."""

    lease: float = math.inf


def facts(
    token_id: str = "token", user_id: str = "user", read_at: int = 0, name: str = "ci"
) -> Known:
    """What a reading that began at this position may find."""
    return Known(
        token_id=token_id,
        user_id=user_id,
        user_name="alice",
        name=name,
        role=None,
        scope="read write",
        bar=None,
        created=NOON,
        expires=None,
        until=None,
        read_at=read_at,
    )


def change(table: str, *ids: str, action: str = "update") -> Change:
    """A change as it is heard of."""
    return Change(table, action, None, ids)
