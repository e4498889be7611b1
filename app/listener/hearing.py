"""Listens for as long as the service runs, connects anew when it must, and tells who subscribed."""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol
from uuid import uuid4

import asyncpg

from app import database
from app.database import UNAVAILABLE
from app.listener import processes
from app.listener.ear import Ear
from app.listener.messages import CHANNEL, Barrier, Change, Confirmation, own_channel, parsed
from app.listener.processes import Processes
from app.listener.voice import Voice

log = logging.getLogger("api_tokens")

# Seconds between two attempts to reach the database again: doubled from the first to the last.
SHORTEST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
# Seconds that taking leave may take.
FAREWELL: Final = 1.0


class Subscriber(Protocol):
    """Who wants to know. Neither may block; whoever raises is told that it has missed something."""

    def changed(self, change: Change) -> None:
        """Something was changed, here or in another process; it is committed."""

    def missed(self) -> None:
        """Changes may have been missed: what is known of the database may be out of date."""


class Listener:
    """Hears of every change for as long as it runs, connecting anew when the connection is lost.

    Of new tokens it hears only if their users are watched (see sql/_schema/009_changes.sql).
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._voice: Voice | None = None
        self._hears = asyncio.Event()
        self._watched: Counter[str] = Counter()
        self._has_missed = False
        self._is_leaving = False
        self.id = str(uuid4())
        self.channel = own_channel(self.id)
        self.processes = Processes()
        # Until when, by `now()`, what was read of the database may be used again: up to then, no
        # change that was committed longer than LEASE ago has gone by unheard.
        self.lease = -math.inf
        self.subscribers: list[Subscriber] = []
        # Called when a process says that it has heard one of our barriers.
        self.confirmed: Callable[[Confirmation], None] = lambda _: None

    async def watch(self, user_id: str) -> None:
        """Hear of new tokens of this user, until `unwatch` was called as often.

        Not yet of those that are being made: see `wire.websocket.watching`.
        """
        self._watched[user_id] += 1
        if self._voice:  # whoever was first may still be waiting for the answer
            await self._voice.settle(user_id)

    async def unwatch(self, user_id: str) -> None:
        """Somebody has no interest any more."""
        self._watched[user_id] -= 1
        if not self._watched[user_id]:
            del self._watched[user_id]
            if self._voice:
                await self._voice.settle(user_id)

    async def ask(self, number: int) -> frozenset[str] | None:
        """Ask every process to confirm that it has heard all that is committed by now.

        Waits while this process does not listen itself.

        Returns:
            The ids of those that may have a lease, this process among them; None if the connection
            was lost and nobody knows who was asked.
        """
        await self._hears.wait()
        if self._voice is None:
            return None
        self._voice.say(CHANNEL, Barrier(self.channel, number).text)
        went_well = await self._voice.said()
        return self.processes.alive | {self.id} if went_well else None

    async def connect(self) -> Ear:
        """A connection that listens. Raises what the driver raises."""
        return await Ear.open(self._dsn, {CHANNEL: self._heard, self.channel: self._answered})

    async def begin(self) -> Voice:
        """Listen, and be known to all; from now on there is a lease. Raises as `connect` does."""
        ear = await self.connect()
        voice = Voice(ear, self.id, self.processes, self._watched, self._beaten)
        self._voice = voice
        try:
            await voice.begin()
        except BaseException:
            self._end(voice)
            raise
        self._hears.set()
        return voice

    async def run(self, voice: Voice) -> None:
        """Listen for ever, having begun, or until it is time to leave."""
        while True:
            try:
                await voice.run()
            except (*UNAVAILABLE, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("listener: %s: %s", type(error).__name__, error)
            except Exception:
                log.exception("the listener failed")
            finally:
                self._end(voice)
            if self._is_leaving:
                return
            log.warning("the database no longer tells of changes; connecting again")
            voice = await self._begin_again()

    def leave(self) -> bool:
        """Take leave of the others; False if they are out of reach."""
        self._is_leaving = True
        self.lease = -math.inf
        if self._voice:
            self._voice.leave()
        return self._voice is not None

    async def _begin_again(self) -> Voice:
        pause = SHORTEST_PAUSE
        while True:
            try:
                return await self.begin()
            except (*UNAVAILABLE, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("cannot listen: %s: %s", type(error).__name__, error)
            except Exception:
                log.exception("cannot listen")  # and deaf nobody must stay
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _end(self, voice: Voice) -> None:
        self._hears.clear()
        self._voice, self._has_missed, self.lease = None, True, -math.inf
        voice.close()

    def _beaten(self, began: float) -> None:
        # It listened before it beat: what comes from here on is heard, what came before may be
        # lost. Nobody can tell until it has a lease, which is not before all have been told.
        if self._has_missed:
            for subscriber in self.subscribers:
                subscriber.missed()
            self._has_missed = False
        if not self._is_leaving:
            self.lease = began + processes.LEASE

    def _heard(self, text: str) -> None:
        told = parsed(text)
        if change := Change.of(told):
            self._tell(change)
        elif barrier := Barrier.of(told):
            confirmation = Confirmation(self.id, barrier.number)
            if barrier.channel == self.channel:
                self.confirmed(confirmation)
            elif self._voice:
                self._voice.say(barrier.channel, confirmation.text)

    def _tell(self, change: Change) -> None:
        try:
            for subscriber in self.subscribers:
                subscriber.changed(change)
        except Exception:
            log.exception("a change was not taken note of")
            # The next beat makes up for it; until then nothing is used of what was read.
            self._has_missed, self.lease = True, -math.inf

    def _answered(self, text: str) -> None:
        if confirmation := Confirmation.of(parsed(text)):
            self.confirmed(confirmation)


@asynccontextmanager
async def listening(dsn: str) -> AsyncIterator[Listener]:
    """A listener that listens until the block ends.

    Raises:
        CannotStart: the database is out of reach.
    """
    listener = Listener(dsn)
    with database.at_start():
        voice = await listener.begin()
    task = asyncio.create_task(listener.run(voice))
    task.add_done_callback(_tell_of_the_end)
    try:
        yield listener
    finally:
        if listener.leave():
            await asyncio.wait([task], timeout=FAREWELL)
        task.cancel()
        await asyncio.wait([task])


def _tell_of_the_end(task: asyncio.Task[None]) -> None:
    """Nobody shall be deaf without anybody knowing it."""
    if not task.cancelled() and task.exception():
        log.critical("nobody listens to the database any more", exc_info=task.exception())
