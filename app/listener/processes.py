"""Which processes may be using what they remember, judged by this process's own clock; pure."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

# Seconds between two beats of a process, and how long each lets it use what it remembers.
BEAT: Final = 1.0
LEASE: Final = 3.0
# Others allow a process a twentieth more: no two machines' clocks go at quite the same speed.
_ALLOWANCE: Final = 1.05
# Seconds after which the row of a process that is dead is cleared away.
LONG_DEAD: Final = 60.0

# The moment it is, for leases: a clock that nobody can set. Where there is one (Linux), it is one
# that has gone on when a machine wakes up; a virtual machine that was held up from outside may
# find that neither has, and that its lease is as long as before.
now: Final[Callable[[], float]] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)


class Row(NamedTuple):
    """A process as the database knows it; `number` is another one with each of its beats."""

    id: str
    number: int
    lease: float


@dataclass(slots=True)
class _Sighting:
    """A process as it was last seen, until when it may have a lease, and whether that is over."""

    row: Row
    until: float
    is_over: bool = False


class Processes:
    """Those that may have a lease, as far as this process has looked.

    The clock of the database plays no part, it may be set. A process is taken for dead when a look
    that began after its lease, reckoned from when its last beat was first seen, finds that it has
    not beaten again. By the time it does, it has heard all that was committed before that look.
    """

    def __init__(self) -> None:
        self._seen: dict[str, _Sighting] = {}

    @property
    def alive(self) -> frozenset[str]:
        """The ids of those that may have a lease."""
        return frozenset(key for key, sighting in self._seen.items() if not sighting.is_over)

    def looked(self, rows: Iterable[Row], began: float, ended: float) -> None:
        """Take note of all rows there are, by a look between these two moments."""
        self._seen = {row.id: self._sighting(row, began, ended) for row in rows}

    def long_dead(self, at: float) -> list[Row]:
        """The rows that are of no use to anybody any more at this moment."""
        bound = at - LONG_DEAD
        return [seen.row for seen in self._seen.values() if seen.is_over and seen.until < bound]

    def _sighting(self, row: Row, began: float, ended: float) -> _Sighting:
        before = self._seen.get(row.id)
        if before is None or before.row != row:
            return _Sighting(row, ended + row.lease * _ALLOWANCE)
        before.is_over = before.is_over or began >= before.until
        return before
