"""Hears of every change in the database, on a connection of its own, and tells who subscribed."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import asyncpg
import orjson

from app import database
from app.database import UNAVAILABLE, Connection

log = logging.getLogger("api_tokens")

CHANNEL: Final = "api_tokens"
# Seconds between two attempts to reach the database again: doubled from the first to the last.
SHORTEST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
# Seconds of silence after which the connection is asked whether it still lives, and for the answer.
PULSE: Final = 10.0
PATIENCE: Final = 5.0

_WATCH: Final = "select pg_advisory_lock_shared(7823, watch_number($1))"
_UNWATCH: Final = "select pg_advisory_unlock_shared(7823, watch_number($1))"


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to rows of a table, as the triggers of sql/_schema/009_changes.sql tell it.

    `action` is create, update, enable, disable, rotate or delete; `user_id` whose rows they are.
    """

    table: str
    action: str
    user_id: str | None
    ids: tuple[str, ...]

    @classmethod
    def of(cls, message: str) -> "Change":
        """The change that a message tells of."""
        told = orjson.loads(message)
        return cls(told["table"], told["action"], told["user_id"], tuple(told["ids"]))


class Subscriber(Protocol):
    """Who wants to know. Neither may block or raise."""

    def changed(self, change: Change) -> None:
        """Something was changed, here or in another process; it is committed."""

    def missed(self) -> None:
        """Changes may have been missed: what is known of the database may be out of date."""


class Listener:
    """Listens for as long as it runs, connecting anew whenever the connection is lost.

    Of new tokens it hears only if their users are watched (see sql/_schema/009_changes.sql).
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._ear: Ear | None = None
        self._watched: Counter[str] = Counter()
        self._is_again = False
        self.subscribers: list[Subscriber] = []

    async def watch(self, user_id: str) -> None:
        """Hear of new tokens of this user, until `unwatch` was called as often.

        Not yet of those that are being made: see `wire.websocket.watching`.
        """
        self._watched[user_id] += 1
        if self._ear:  # whoever was first may still be waiting for the answer
            await asyncio.shield(self._ear.watch(user_id))

    async def unwatch(self, user_id: str) -> None:
        """Somebody has no interest any more."""
        self._watched[user_id] -= 1
        if not self._watched[user_id]:
            del self._watched[user_id]
            if self._ear:
                await asyncio.shield(self._ear.unwatch(user_id))

    async def connect(self) -> "Ear":
        """A connection that listens. Raises what the driver raises."""
        return await Ear.open(self._dsn, self._heard)

    async def run(self, ear: "Ear") -> None:
        """Listen for ever, beginning with a connection that does."""
        while True:
            self._ear = ear
            for user_id in [*self._watched]:
                if user_id in self._watched:  # or it was given up meanwhile
                    await ear.watch(user_id)
            # It listens by now: what comes from here on is heard, what came before may be lost.
            if self._is_again:
                for subscriber in self.subscribers:
                    subscriber.missed()
            await ear.closed()
            self._ear, self._is_again = None, True
            log.warning("the database no longer tells of changes; connecting again")
            ear = await self._connect_again()

    async def _connect_again(self) -> "Ear":
        pause = SHORTEST_PAUSE
        while True:
            try:
                return await self.connect()
            except (*UNAVAILABLE, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("cannot listen: %s: %s", type(error).__name__, error)
            except Exception:
                log.exception("cannot listen")  # and deaf nobody must stay
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _heard(self, message: str) -> None:
        change = Change.of(message)
        for subscriber in self.subscribers:
            subscriber.changed(change)


class Ear:
    """One connection that listens, until it is lost."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lost = asyncio.Event()
        self._turn = asyncio.Lock()
        self._watched: set[str] = set()

    @classmethod
    async def open(cls, dsn: str, heard: Callable[[str], None]) -> "Ear":
        """Connect and listen; `heard` is called with each message."""
        connection = await database.connect(
            dsn,
            command_timeout=PATIENCE,
            server_settings={"application_name": "api-tokens listener"},
        )
        ear = cls(connection)
        connection.add_termination_listener(lambda _: ear._lost.set())
        try:
            await connection.add_listener(CHANNEL, lambda _1, _2, _3, message: heard(message))
        except BaseException:
            connection.terminate()
            raise
        return ear

    async def closed(self) -> None:
        """Return when the connection is lost; a silent one is asked from time to time."""
        try:
            while not await self._is_lost_within(PULSE):
                async with self._turn:
                    await self._ask("select 1")
        finally:
            self._connection.terminate()

    async def watch(self, user_id: str) -> None:
        """Hear of new tokens of this user."""
        async with self._turn:
            if user_id not in self._watched:
                self._watched.add(user_id)
                await self._ask(_WATCH, user_id)

    async def unwatch(self, user_id: str) -> None:
        """Hear of them no longer."""
        async with self._turn:
            if user_id in self._watched:
                self._watched.discard(user_id)
                await self._ask(_UNWATCH, user_id)

    async def _ask(self, statement: str, *parameters: Any) -> None:
        """Run a statement; one that fails is the end of the connection."""
        try:
            await self._connection.execute(statement, *parameters)
        except (*UNAVAILABLE, asyncpg.PostgresError, asyncpg.InterfaceError):
            self._lost.set()

    async def _is_lost_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._lost.wait(), seconds)
        except TimeoutError:
            return False
        return True


@asynccontextmanager
async def listening(dsn: str) -> AsyncIterator[Listener]:
    """A listener that listens until the block ends.

    Raises:
        CannotStart: the database is out of reach.
    """
    listener = Listener(dsn)
    with database.at_start():
        ear = await listener.connect()
    task = asyncio.create_task(listener.run(ear))
    task.add_done_callback(_tell_of_the_end)
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.wait([task])


def _tell_of_the_end(task: asyncio.Task[None]) -> None:
    """Nobody shall be deaf without anybody knowing it."""
    if not task.cancelled() and task.exception():
        log.critical("nobody listens to the database any more", exc_info=task.exception())
