"""For tests of receipts: processes on one database, and rows of some that never answer."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple
from uuid import uuid4

import orjson

from app.listener import CHANNEL, Listener, listening
from app.receipts import Receipt, Receipts
from tests.app.listening import Recorder, recorder
from tests.methods.support import Sql
from tests.support import until


class Process(NamedTuple):
    """What a process has: a listener, who is told by it, and the receipts."""

    listener: Listener
    told: Recorder
    receipts: Receipts

    async def until_it_is(self, processes: int, pending: int = 0) -> None:
        """Wait until its receipts say this."""

        async def says_so() -> bool:
            receipt = await self.receipts.confirmed()
            return (receipt.processes, receipt.pending) == (processes, pending)

        await until(says_so)


def counts(receipt: Receipt) -> tuple[int, int]:
    """How many had to confirm, and how many of them have not."""
    return receipt.processes, receipt.pending


@asynccontextmanager
async def processes_at(*urls: str) -> AsyncIterator[list[Process]]:
    """A process for each of these ways to the database."""
    async with AsyncExitStack() as stack:
        found = []
        for url in urls:
            listener = await stack.enter_async_context(listening(url))
            found.append(Process(listener, recorder(listener), Receipts(listener)))
        yield found


async def silent_process(sql: Sql, lease: float = 30.0) -> str:
    """The id of a process that is known to all, and of which nothing more is heard."""
    made = str(uuid4())
    await sql.execute("insert into processes values ($1, 1, $2)", made, lease)
    return made


async def heard_barriers(sql: Sql) -> list[int]:
    """The numbers of the barriers that are sent from now on, as somebody else hears them."""
    heard: list[int] = []

    def hear(_connection: object, _pid: int, _channel: str, text: object) -> None:
        told = orjson.loads(str(text))
        if "barrier" in told:
            heard.append(told["barrier"])

    await sql.add_listener(CHANNEL, hear)
    return heard
