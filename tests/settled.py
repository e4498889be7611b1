"""Waits until every process has heard of what a test has committed behind the service's back."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import uuid4
from weakref import WeakKeyDictionary

import asyncpg

from app.listener import CHANNEL, now
from app.listener.messages import Barrier, Confirmation, own_channel, parsed
from app.listener.processes import Processes, Row

if TYPE_CHECKING:
    Sql: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Sql = asyncpg.Connection  # generic in its stubs alone

PATIENCE: Final = 20.0
AGAIN: Final = 0.1


class Asker:
    """Asks on a connection that is no process's what the processes have heard."""

    def __init__(self) -> None:
        self._channel = own_channel(str(uuid4()))
        self._processes = Processes()
        self._confirmed: dict[str, int] = {}
        self._number = 0
        self._is_answered = asyncio.Event()
        self._turn = asyncio.Lock()

    async def ask(self, sql: Sql) -> None:
        """Ask until all have confirmed whose leases are not over."""
        async with self._turn:
            await sql.add_listener(self._channel, self._answered)
            missing, first = None, self._number + 1
            while missing is None or missing:
                alive = await self._say(sql)
                missing = alive if missing is None else missing & alive
                with suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN):
                        missing = await self._wait_for(missing, first)

    async def _say(self, sql: Sql) -> set[str]:
        """Send a barrier; answers who may have a lease."""
        self._number += 1
        barrier = Barrier(self._channel, self._number).text
        began = now()
        found = await sql.fetch("select id, number, lease from speak($1, $2)", [CHANNEL], [barrier])
        rows = [Row(str(row["id"]), row["number"], row["lease"]) for row in found]
        self._processes.looked(rows, began, now())
        return set(self._processes.alive)

    async def _wait_for(self, missing: set[str], number: int) -> set[str]:
        while missing := {key for key in missing if self._confirmed.get(key, 0) < number}:
            self._is_answered.clear()
            await self._is_answered.wait()
        return missing

    def _answered(self, _connection: object, _pid: int, _channel: str, text: object) -> None:
        if confirmation := Confirmation.of(parsed(str(text))):
            self._confirmed[confirmation.process_id] = confirmation.number
            self._is_answered.set()


# One for each connection: it has to look for a while until it knows who is dead.
_askers: WeakKeyDictionary[Any, Asker] = WeakKeyDictionary()


async def settled(connection: Sql) -> None:
    """Wait until every process has heard of all that is committed by now.

    A process that was killed is waited for until its lease is over. In a transaction there is
    nothing to wait for: what is said in it is not heard before its end.
    """
    if not connection.is_in_transaction():
        async with asyncio.timeout(PATIENCE):
            await _askers.setdefault(connection, Asker()).ask(connection)


class Settling(Sql):
    """A connection whose changes all processes have heard of when they are made."""

    async def execute(  # the signature is asyncpg's
        self,
        query: str,
        *args: object,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> str:
        """Run a statement that is for its effect, and wait until all know."""
        status = await super().execute(query, *args, timeout=timeout)
        await settled(self)
        return status
