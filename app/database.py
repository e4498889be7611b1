"""The asyncpg connections; driver errors become ours here alone.

Connections are handed out first in, first out, each with its prepared statements and without a
reset between calls: twice the throughput of `asyncpg.Pool`, and no starving waiters.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg

from app.codecs import CODECS
from app.errors import CannotStart, Code, Refusal, conflict

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection  # generic in its stubs alone

log = logging.getLogger("api_tokens")

CONNECT_TIMEOUT: Final = 5.0
# What a unique constraint says to the caller who runs into it.
TAKEN: Final = {
    "users_name_key": "Name is taken",
    "api_tokens_digest_key": "Token value is taken",
    "api_tokens_previous_digest_key": "Token value is taken",
    "api_tokens_import_fingerprint_key": "Token value is taken",
}
# The server is out of reach, going down, coming up, or too busy: the same call may go well later.
UNAVAILABLE: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
)


class Database:
    """Up to `size` connections to one PostgreSQL database, opened when first needed.

    Args:
        dsn: where it is.
        size: how many connections.
        wait: seconds a caller waits for one before it is told that the backend is busy.
        statement_timeout: seconds a statement may take.
    """

    def __init__(
        self, dsn: str, *, size: int = 8, wait: float = 2.0, statement_timeout: float = 5.0
    ) -> None:
        self._dsn = dsn
        self._wait = wait
        self._statement_timeout = statement_timeout
        # A slot is a connection, or None where one is still to be made or was lost.
        self._idle: deque[Connection] = deque()
        self._vacant = size
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._closed = False

    async def rows(self, text: str, parameters: Sequence[Any] = ()) -> list[asyncpg.Record]:
        """Every row of one statement, which is its own transaction.

        Raises:
            Refusal: the database is out of reach or busy, or something is taken.
        """
        async with self.connection() as connection:
            return await connection.fetch(text, *parameters)

    async def row(self, text: str, parameters: Sequence[Any] = ()) -> asyncpg.Record | None:
        """The first row of one statement, or None. Raises as `rows` does."""
        async with self.connection() as connection:
            return await connection.fetchrow(text, *parameters)

    def connection(self) -> "Lease":
        """A connection of one's own for the length of an `async with`. Raises as `rows` does."""
        return Lease(self)

    async def close(self) -> None:
        """Close every connection, the ones in use when they come back; nothing runs any more."""
        self._closed = True
        for slot in list(self._idle):  # others come back meanwhile
            with suppress(*UNAVAILABLE, asyncpg.InterfaceError):
                await slot.close(timeout=1)

    async def open(self) -> Connection:
        """A new connection, made ready for calls. Raises a Refusal."""
        if self._closed:
            raise Refusal(Code.SHUTTING_DOWN)
        milliseconds = str(int(self._statement_timeout * 1000))
        try:
            return await connect(
                self._dsn,
                # A backend too stuck to be cancelled must not hold a call for ever.
                command_timeout=self._statement_timeout + 1,
                server_settings={
                    "application_name": "api-tokens",
                    "statement_timeout": milliseconds,
                    "idle_in_transaction_session_timeout": milliseconds,
                    "jit": "off",
                    # Planning these statements takes longer than running them; and a plan made
                    # while a table is small must serve when it has grown: by its indexes.
                    "plan_cache_mode": "force_generic_plan",
                    "enable_seqscan": "off",
                },
            )
        except (*UNAVAILABLE, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise _down(error) from None

    async def take(self) -> Connection | None:
        """The connection that has been idle longest, or a vacant slot.

        Raises:
            Refusal: none is free in time.
        """
        if self._closed:
            raise Refusal(Code.SHUTTING_DOWN)
        if self._idle:
            return self._idle.popleft()
        if self._vacant:
            self._vacant -= 1
            return None
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Connection | None] = loop.create_future()
        self._waiters.append(waiter)
        # A bare timer: `asyncio.timeout` would cost more than all else here.
        timer = loop.call_later(self._wait, _give_up, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and not waiter.exception():
                self.give(waiter.result())
            raise
        finally:
            timer.cancel()

    def give(self, slot: Connection | None) -> None:
        """Hand a slot to whoever has waited longest."""
        if self._closed and slot:
            slot.terminate()
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(slot)
                return
        if slot is None or slot.is_closed():
            self._vacant += 1
        else:
            self._idle.append(slot)


@contextmanager
def at_start() -> Iterator[None]:
    """Tell an operator in one line what the database has against a start or a command.

    Raises:
        CannotStart: it is out of reach, or refuses us something.
    """
    try:
        yield
    except Refusal as refusal:
        raise CannotStart(refusal.text) from None
    except (*UNAVAILABLE, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CannotStart(f"the database refuses: {error}") from None


class Lease:
    """A connection taken at the start of an `async with` block and given back at its end."""

    __slots__ = ("_database", "_slot")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._slot: Connection

    async def __aenter__(self) -> Connection:
        """Take a slot, and connect it if it is not."""
        slot = await self._database.take()
        if slot is None or slot.is_closed():
            try:
                slot = await self._database.open()
            except BaseException:
                self._database.give(None)
                raise
        self._slot = slot
        return slot

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Give the slot back, in order or to be connected anew; say what an error means."""
        refusal = _refusal(error, self._slot)
        # After a lost connection or a cancelled call nobody knows what the connection is doing.
        if (refusal and refusal.code is Code.BACKEND_DOWN) or not isinstance(
            error, Exception | None
        ):
            self._slot.terminate()
        self._database.give(self._slot)
        if refusal:
            raise refusal from None


async def connect(dsn: str, **options: Any) -> Connection:
    """A connection with our codecs. Raises what the driver raises."""
    connection: Connection = await asyncpg.connect(
        dsn,
        timeout=CONNECT_TIMEOUT,
        # More than there are SQL files, for good; and a bound, since a `read` has many shapes and
        # the server keeps some 150 KB for each.
        statement_cache_size=128,
        max_cached_statement_lifetime=0,
        **options,
    )
    try:
        await _set_codecs(connection)
        # The driver asks the server about these types when it first meets them: now, not later.
        await connection.execute("select $1::bytea[], $2::timestamptz[]", [], [])
    except BaseException:
        connection.terminate()
        raise
    return connection


async def answers(dsn: str) -> bool:
    """Whether the server answers a query: False while it is starting or absent.

    Raises:
        CannotStart: it refuses us, and will go on doing so.
    """
    try:
        connection = await connect(dsn)
    except UNAVAILABLE:
        return False
    except asyncpg.PostgresError as error:
        raise CannotStart(f"the database refuses the connection: {error}") from None
    except ValueError as error:
        raise CannotStart(f"the database URL cannot be used: {error}") from None
    try:
        return bool(await connection.fetchval("select true"))
    except UNAVAILABLE:
        return False
    finally:
        connection.terminate()


def _give_up(waiter: asyncio.Future[Connection | None]) -> None:
    if not waiter.done():
        waiter.set_exception(Refusal(Code.BACKEND_DOWN, "Backend is busy"))


def _refusal(error: BaseException | None, connection: Connection) -> Refusal | None:
    """What a driver error means to a caller; None for what is not the driver's, or a surprise."""
    if isinstance(error, asyncpg.UniqueViolationError) and error.constraint_name in TAKEN:
        return conflict(TAKEN[error.constraint_name])
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        return Refusal(Code.DELETED)  # all that rows belong to is a user, deleted meanwhile
    # asyncpg calls misuse and a lost connection by one name; only the connection knows.
    lost = isinstance(error, asyncpg.InterfaceError) and connection.is_closed()
    return _down(error) if lost or isinstance(error, UNAVAILABLE) else None


def _down(error: BaseException | None) -> Refusal:
    """The refusal that says "later"; why, the log says."""
    log.warning("database: %s: %s", type(error).__name__, error)
    return Refusal(Code.BACKEND_DOWN)


async def _set_codecs(connection: Connection) -> None:
    for name, (encode, decode) in CODECS.items():
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=encode, decoder=decode, format="binary"
        )
