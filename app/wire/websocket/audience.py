"""Every open WebSocket of this process, and whom a change in the database concerns."""

import asyncio
from collections.abc import Iterable
from typing import Final

from aiohttp import web

from app.call import Request, Success
from app.dispatcher import Dispatcher
from app.listener import Change, Listener
from app.wire.identity import Identity, Standing
from app.wire.websocket.connection import Bounds, Connection
from app.wire.websocket.hearing import Hearing
from app.wire.websocket.outbox import Outbox
from app.wire.websocket.watching import Watching

# Connections that find out at the same time who they call as, when many are concerned at once.
AT_ONCE: Final = 4


class Audience:
    """The open connections, by the user they call as; a subscriber of the listener.

    Args:
        dispatcher: runs their calls.
        listener: is told whose new tokens are of interest, and tells of changes while this is open.
        bounds: what each may take.
        schema: the answer to `/schema`.
    """

    def __init__(
        self, dispatcher: Dispatcher, listener: Listener, bounds: Bounds, schema: Success
    ) -> None:
        self._dispatcher = dispatcher
        self._listener = listener
        listener.subscribers.append(self)
        self._bounds = bounds
        self._schema = schema
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._by_user: dict[str | None, set[Connection]] = {}
        self.connections: set[Connection] = set()
        # Calls in flight, of connections that are closed by now too.
        self.tasks: set[asyncio.Task[None]] = set()

    async def attend(
        self, socket: web.WebSocketResponse, transport: asyncio.Transport, at: Request
    ) -> None:
        """Serve a WebSocket until it is closed; its calls have in common what `at` has."""
        connection = self._connection(socket, transport, at)
        self.connections.add(connection)
        try:
            await connection.run()
        finally:
            self.connections.discard(connection)
            self._unplace(connection)

    def changed(self, change: Change) -> None:
        """Let those know whom it may concern."""
        for connection in self._concerned(change):
            connection.hearing.hear(change)

    def missed(self) -> None:
        """Everybody may be concerned by what nobody heard."""
        for connection in self.connections:
            connection.hearing.missed()

    async def close(self, patience: float) -> None:
        """Let calls that have begun come to their end, for so many seconds; then say goodbye."""
        for connection in self.connections:
            connection.closing = True
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=patience)
        goodbyes = (connection.say_goodbye() for connection in self.connections)
        await asyncio.gather(*goodbyes, return_exceptions=True)
        self._listener.subscribers.remove(self)

    def _connection(
        self, socket: web.WebSocketResponse, transport: asyncio.Transport, at: Request
    ) -> Connection:
        def moved(before: Standing) -> None:
            self._place(connection)
            connection.hearing.moved(before)

        identity = Identity(self._dispatcher.authentication, at.credentials, moved)
        watching = Watching(self._listener, self._dispatcher.sql)
        outbox = Outbox(socket, transport, self._bounds.patience)
        connection = Connection(
            socket=socket,
            at=at,
            dispatcher=self._dispatcher,
            identity=identity,
            outbox=outbox,
            hearing=Hearing(identity, outbox, watching, self._turns),
            tasks=self.tasks,
            bounds=self._bounds,
            schema=self._schema,
        )
        return connection

    def _place(self, connection: Connection) -> None:
        """Find the connection by its user from now on, if it is still open."""
        self._unplace(connection)
        if connection in self.connections:
            connection.user_id = connection.identity.caller_known.user_id
            self._by_user.setdefault(connection.user_id, set()).add(connection)

    def _unplace(self, connection: Connection) -> None:
        neighbours = self._by_user.get(connection.user_id, set())
        neighbours.discard(connection)
        if not neighbours:
            self._by_user.pop(connection.user_id, None)

    def _concerned(self, change: Change) -> Iterable[Connection]:
        if change.user_id is None:
            return self.connections
        return self._by_user.get(change.user_id, ())
