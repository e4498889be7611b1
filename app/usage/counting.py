"""Counts how tokens are used, in memory; cheap enough to be done for every verification."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, Final

log = logging.getLogger("api_tokens")

VALID: Final = "VALID"
DAY: Final = 86_400
# Tokens, and names counted of them, that wait to be written: some 80 MB. Beyond that nothing is
# lost of those that wait; others are counted again when there is room.
LIMIT: Final = 500_000

Names = dict[str, dict[str, int]]


class Tally:
    """How tokens were used on one day, each by its id."""

    __slots__ = (
        *("day", "last_used", "permissions", "previous", "previous_last_used", "refusals"),
        "verifications",
    )

    def __init__(self, day: date) -> None:
        self.day = day
        self.verifications: dict[str, int] = {}
        self.last_used: dict[str, float] = {}
        self.refusals: Names = {}
        self.permissions: Names = {}
        # By the secret before a rotation.
        self.previous: dict[str, int] = {}
        self.previous_last_used: dict[str, float] = {}

    def __len__(self) -> int:
        """How much it holds: tokens, secrets before, and names counted of them."""
        names = (*self.refusals.values(), *self.permissions.values())
        return len(self.verifications) + len(self.previous) + sum(map(len, names))

    def part(self, token_ids: Iterable[str]) -> "Tally":
        """What it holds of these tokens, taken out of it."""
        part = Tally(self.day)
        columns = [*zip(self._columns(), part._columns(), strict=True)]
        for token_id in token_ids:
            for ours, theirs in columns:
                if token_id in ours:
                    theirs[token_id] = ours.pop(token_id)
        return part

    def parameters(self) -> dict[str, Any]:
        """What the statement that writes it is given, in order of tokens."""
        token_ids = sorted(self.verifications)
        return {
            "day": self.day,
            "token_ids": token_ids,
            "verifications": [*map(self.verifications.__getitem__, token_ids)],
            "last_used": [*map(self.last_used.get, token_ids)],
            "refusals": [*map(self.refusals.get, token_ids)],
            "permissions": [*map(self.permissions.get, token_ids)],
            "previous": [*map(self.previous.get, token_ids)],
            "previous_last_used": [*map(self.previous_last_used.get, token_ids)],
        }

    def _columns(self) -> tuple[dict[str, Any], ...]:
        return (
            *(self.verifications, self.last_used, self.refusals, self.permissions),
            *(self.previous, self.previous_last_used),
        )


class Usage:
    """Counts; holds what was counted until it is written.

    Args:
        clock: seconds since 1970.
        limit: how much may wait.
    """

    def __init__(self, clock: Callable[[], float] = time.time, limit: int = LIMIT) -> None:
        self._clock = clock
        self._limit = limit
        self._day_begins = self._day_ends = 0.0
        self._tally = Tally(date.min)
        # To be written in this turn, the oldest first; and in the next one.
        self._closed: deque[Tally] = deque()
        self._later: list[Tally] = []
        self.waiting = 0
        self.half_full = asyncio.Event()
        self._has_told = False

    def count(
        self,
        token_id: str,
        code: str,
        permissions: Collection[str] = (),
        by_previous: bool = False,
    ) -> None:
        """Note that somebody used a token, or tried to.

        Args:
            token_id: which.
            code: "VALID", or why it was refused.
            permissions: those that were asked for; they count where it was not refused.
            by_previous: whether that was by its secret before a rotation.
        """
        now = self._clock()
        if not self._day_begins <= now < self._day_ends:
            self._begin_day(now)
        tally = self._tally
        if token_id in tally.verifications:
            tally.verifications[token_id] += 1
        elif self._takes():
            tally.verifications[token_id] = 1
        else:
            return
        if by_previous:
            self._count_previous(token_id, now)
        if code != VALID:
            self._count_names(tally.refusals, token_id, (str(code),))
            return
        tally.last_used[token_id] = now
        if permissions:
            self._count_names(tally.permissions, token_id, {*permissions})

    @property
    def room(self) -> float:
        """How much of the room is free: 1 is all of it."""
        return 1 - self.waiting / self._limit

    def close(self) -> None:
        """What was counted so far is to be written now; what comes is for the next turn."""
        self._closed.extend(self._later)
        self._later.clear()
        self._close_tally()
        self.half_full.clear()

    def take(self, most: int) -> Tally | None:
        """Some of what is to be written, out of the oldest; None if that is all."""
        while self._closed and not self._closed[0].verifications:
            self._closed.popleft()
        if not self._closed:
            return None
        return self._closed[0].part([*islice(self._closed[0].verifications, most)])

    def written(self, part: Tally, left: Iterable[str]) -> None:
        """A part was written, but for the tokens that are left for the next turn."""
        rest = part.part(left)
        if rest.verifications:
            self._later.append(rest)
        self.waiting -= len(part)
        if self.waiting >= self._limit // 2:
            self.half_full.set()
        elif not self.waiting:
            self._has_told = False

    def _begin_day(self, now: float) -> None:
        """Count for the day of now, which is the one before where a clock was set back."""
        self._close_tally()
        self._day_begins = now - now % DAY
        self._day_ends = self._day_begins + DAY
        self._tally.day = datetime.fromtimestamp(self._day_begins, UTC).date()

    def _close_tally(self) -> None:
        if self._tally.verifications:
            self._closed.append(self._tally)
            self._tally = Tally(self._tally.day)

    def _count_previous(self, token_id: str, now: float) -> None:
        tally = self._tally
        if token_id in tally.previous:
            tally.previous[token_id] += 1
        elif self._takes():
            tally.previous[token_id] = 1
        else:
            return
        tally.previous_last_used[token_id] = now

    def _count_names(self, names: Names, token_id: str, counted: Iterable[str]) -> None:
        counts = names.setdefault(token_id, {})
        for name in counted:
            if name in counts:
                counts[name] += 1
            elif self._takes():
                counts[name] = 1

    def _takes(self) -> bool:
        """Whether there is room for one more, which is then taken."""
        if self.waiting >= self._limit:
            if not self._has_told:
                log.warning("more tokens are used than can be written: some uses are not counted")
                self._has_told = True
            return False
        self.waiting += 1
        if self.waiting == self._limit // 2:
            self.half_full.set()
        return True
