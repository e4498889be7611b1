"""Tells when every process has heard of what was committed, and how many have not in time."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from app.listener import Confirmation, Listener, now

# Seconds that a receipt waits at most, and after which those are asked again who have not answered:
# they may have been connecting, and some may be gone.
LONGEST_WAIT: Final = 1.0
AGAIN: Final = 0.1


@dataclass(frozen=True, slots=True)
class Receipt:
    """How far something that was committed has come.

    `processes` is how many might have used what they remembered when they were asked, the one that
    asked among them; `pending` how many of those have neither confirmed nor left, nor has their
    lease ended: they will not use it any more by the end of their lease. When nobody can be asked,
    all that were known last are pending, and there may be others.
    """

    processes: int
    ms: int
    pending: int = 0

    def shown(self) -> dict[str, int]:
        """As it is shown to who called."""
        shown = {"processes": self.processes, "ms": self.ms}
        return shown | {"pending": self.pending} if self.pending else shown


@dataclass(slots=True, eq=False)
class _Round:
    """One barrier: how many wait for it, who was asked, and who of those is still to confirm."""

    number: int = 0
    waiting: int = 0
    asked: frozenset[str] | None = None
    missing: set[str] = field(default_factory=set)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    def looked(self, alive: frozenset[str], confirmed: dict[str, int]) -> None:
        """These may have a lease, as the last look has found, and have confirmed so far."""
        if self.asked is None:
            self.asked, self.missing = alive, set(alive)
        self.missing &= alive
        for process_id in [*self.missing]:
            self.confirmed(process_id, confirmed.get(process_id, 0))

    def confirmed(self, process_id: str, number: int) -> None:
        """A process has heard this barrier of ours, and all before it."""
        if self.asked is not None and number >= self.number:
            self.missing.discard(process_id)
            if not self.missing:
                self.is_over.set()


class Receipts:
    """Asks all processes what they have heard; who calls while it is asking is asked for next.

    Args:
        listener: hears, and says what is to be said.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        listener.confirmed = self._confirmed
        self._numbers = count(1)
        # Process → the last of our barriers that it has confirmed.
        self._last: dict[str, int] = {}
        # The one that is not sent yet, and those that are.
        self._next = _Round()
        self._sent: list[_Round] = []
        self._is_wanted = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None

    async def confirmed(self) -> Receipt:
        """Wait until every process has heard of all that was committed before this call.

        At most LONGEST_WAIT seconds: the receipt says how it went.
        """
        began, joined = now(), self._next
        joined.waiting += 1
        self._is_wanted.set()
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_while_wanted())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_WAIT):
                    await joined.is_over.wait()
        finally:
            self._leave(joined)
        return self._receipt(joined, round((now() - began) * 1000))

    def _receipt(self, joined: _Round, ms: int) -> Receipt:
        if joined.asked is None:
            known = len(self._listener.processes.alive | {self._listener.id})
            return Receipt(known, ms, known)
        return Receipt(len(joined.asked), ms, len(joined.missing))

    def _leave(self, joined: _Round) -> None:
        joined.waiting -= 1
        if not joined.waiting and joined in self._sent:
            self._sent.remove(joined)
        if not self._sent and not self._next.waiting and self._asking:
            self._asking.cancel()
            self._asking = None

    async def _ask_while_wanted(self) -> None:
        while True:
            self._is_wanted.clear()
            begun = self._next
            begun.number = next(self._numbers)
            if begun.waiting:
                self._next = _Round()
                self._sent.append(begun)
            alive = await self._listener.ask(begun.number)
            if alive is not None:
                self._looked(alive)
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN):
                    await self._is_wanted.wait()

    def _looked(self, alive: frozenset[str]) -> None:
        self._last = {key: number for key, number in self._last.items() if key in alive}
        for sent in self._sent:
            sent.looked(alive, self._last)

    def _confirmed(self, confirmation: Confirmation) -> None:
        process_id, number = confirmation
        self._last[process_id] = max(number, self._last.get(process_id, 0))
        for sent in self._sent:
            sent.confirmed(process_id, number)
