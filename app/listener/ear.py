"""One connection that listens: its statements, and that it is lost."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from app import database
from app.database import Connection
from app.listener import processes
from app.listener.processes import Processes, Row, now

# Seconds that the database has for an answer; then the connection counts as lost.
PATIENCE: Final = 3.0

_BEAT: Final = "select id, number, lease from beat($1, $2, $3, $4, $5)"
_SPEAK: Final = "select id, number, lease from speak($1, $2)"
_LEAVE: Final = "delete from processes where id = $1"
_WATCH: Final = (
    "select pg_advisory_lock_shared(7823, watch_number(id)) from unnest($1::uuid[]) as watched (id)"
)
_UNWATCH: Final = (
    "select pg_advisory_unlock_shared(7823, watch_number(id))"
    " from unnest($1::uuid[]) as watched (id)"
)

Hears = Mapping[str, Callable[[str], None]]


class Ear:
    """A connection that listens, until it is lost. One statement at a time; each raises as asyncpg.

    All that was committed before a statement was sent has been heard when it is answered: the
    database sends what it has to tell before it says that it is ready again (PostgresMain calls
    ProcessNotifyInterrupt before ReadyForQuery), and asyncpg hands each message, and then the
    answer, to the end of the event loop's queue (_process_notification and _dispatch_result).
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.is_lost = False
        # Called when it is lost.
        self.lost: Callable[[], None] = lambda: None

    @classmethod
    async def open(cls, dsn: str, hears: Hears) -> "Ear":
        """Connect, and call what `hears` has for a channel with each message."""
        connection = await database.connect(
            dsn,
            command_timeout=PATIENCE,
            server_settings={"application_name": "api-tokens listener"},
        )
        ear = cls(connection)
        connection.add_termination_listener(lambda _: ear.lose())
        try:
            for channel, heard in hears.items():
                await connection.add_listener(channel, _teller(heard))
        except BaseException:
            connection.terminate()
            raise
        return ear

    async def beat(self, process_id: str, known: Processes) -> float:
        """Say that a process is alive; answers the moment before."""
        began = now()
        dead = known.long_dead(began)
        number = int(began * 1e9)
        gone = [row.id for row in dead], [row.number for row in dead]
        await self._look(known, _BEAT, process_id, number, processes.LEASE, *gone)
        return began

    async def speak(self, messages: Mapping[str, str], known: Processes) -> None:
        """Say something on some channels."""
        await self._look(known, _SPEAK, [*messages], [*messages.values()])

    async def watch(self, user_ids: Collection[str]) -> None:
        """Hear of new tokens of these users."""
        await self._connection.execute(_WATCH, user_ids)

    async def unwatch(self, user_ids: Collection[str]) -> None:
        """Hear of them no longer."""
        await self._connection.execute(_UNWATCH, user_ids)

    async def leave(self, process_id: str) -> None:
        """The process uses nothing that it remembers any more; nobody has to ask it."""
        await self._connection.execute(_LEAVE, process_id)

    def lose(self) -> None:
        """The connection is of no use any more."""
        self.is_lost = True
        self.lost()

    def close(self) -> None:
        """End it."""
        self._connection.terminate()

    async def _look(self, known: Processes, statement: str, *parameters: Any) -> None:
        began = now()
        found = await self._connection.fetch(statement, *parameters)
        known.looked((Row(*row) for row in found), began, now())


def _teller(heard: Callable[[str], None]) -> Callable[[object, int, str, object], None]:
    def tell(_connection: object, _pid: int, _channel: str, message: object) -> None:
        heard(str(message))

    return tell
