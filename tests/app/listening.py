"""For tests of the listener: somebody who is told, and a way to the database that may fail."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

import orjson
from yarl import URL

from app.listener import CHANNEL, Change, Listener
from tests.methods.support import Sql
from tests.support import until

MARKER: Final = "marker"
HEARD: Final = Change("api_tokens", "update", None, ("x",))


class Recorder:
    """A subscriber that writes down what it is told."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.times_missed = 0

    def changed(self, change: Change) -> None:
        """Write it down."""
        self.changes.append(change)

    def missed(self) -> None:
        """Count it."""
        self.times_missed += 1

    async def told(self, sql: Sql) -> list[Change]:
        """What it was told since it was last asked, of all that is committed by now."""
        mark = str(uuid4())
        await notify(sql, MARKER, mark)

        async def heard() -> bool:
            return any(change.action == mark for change in self.changes)

        await until(heard)
        told = [change for change in self.changes if change.table != MARKER]
        self.changes.clear()
        return told

    async def until_missed(self, times: int = 1) -> None:
        """Wait until it was told so often that something may have been missed."""

        async def enough() -> bool:
            return self.times_missed >= times

        await until(enough)


def recorder(listener: Listener) -> Recorder:
    """A new subscriber."""
    made = Recorder()
    listener.subscribers.append(made)
    return made


async def notify(sql: Sql, table: str, action: str, *ids: str) -> None:
    """Send a message as the triggers do."""
    message = {"table": table, "action": action, "user_id": None, "ids": ids}
    await sql.execute("select pg_notify($1, $2)", CHANNEL, orjson.dumps(message).decode())


async def backends(sql: Sql) -> list[int]:
    """The database's processes that listeners of this database are connected to."""
    rows = await sql.fetch(
        "select pid from pg_stat_activity where application_name = 'api-tokens listener'"
        " and datname = current_database()"
    )
    return [row["pid"] for row in rows]


async def hears(told: Recorder, sql: Sql) -> None:
    """It hears of what is sent from now on."""
    await notify(sql, "api_tokens", "update", "x")
    assert await told.told(sql) == [HEARD]


class Proxy:
    """Stands before the database: may refuse, cut connections off, or fall silent."""

    def __init__(self, dsn: str) -> None:
        self._dsn = URL(dsn)
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._silent: set[asyncio.StreamWriter] = set()
        self.refuses = False
        # When each attempt to connect was made.
        self.attempts: list[float] = []

    def cut(self) -> None:
        """End every connection, in both directions."""
        for writer in self._writers:
            writer.transport.abort()

    def fall_silent(self) -> None:
        """Pass nothing on over the connections there are; new ones are like any."""
        self._silent.update(self._writers)

    async def arrive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection."""
        self.attempts.append(time.monotonic())
        if self.refuses:
            writer.transport.abort()
            return
        upstream_reader, upstream_writer = await self._upstream()
        self._writers += [writer, upstream_writer]
        for source, target in ((reader, upstream_writer), (upstream_reader, writer)):
            task = asyncio.create_task(self._pass_on(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End everything."""
        self.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                if writer not in self._silent:
                    writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    async def _upstream(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        port = int(self._dsn.query.get("port", self._dsn.explicit_port or 5432))
        host = self._dsn.query.get("host")
        if host:
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._dsn.host, port)


async def attempts(gate: Proxy, number: int) -> list[float]:
    """When the next so many attempts to connect were made; the ones before are forgotten."""
    gate.attempts.clear()

    async def enough() -> bool:
        return len(gate.attempts) >= number

    await until(enough)
    return gate.attempts[:number]


@asynccontextmanager
async def proxied(dsn: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before the database, and the URL that leads there through it."""
    proxy = Proxy(dsn)
    server = await asyncio.start_server(proxy.arrive, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = URL(dsn)
    through = url.with_host("127.0.0.1").with_port(port) if url.host else _with_host(dsn, port)
    try:
        yield proxy, str(through)
    finally:
        server.close()
        await proxy.close()


def _with_host(dsn: str, port: int) -> str:
    """A URL of a Unix socket, postgresql://user@/name?host=…, as one of TCP."""
    head, _, rest = dsn.partition("@/")
    return f"{head}@127.0.0.1:{port}/{rest.partition('?')[0]}"
