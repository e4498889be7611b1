"""A server for clients that want to see it go and come back."""

import signal
from contextlib import AsyncExitStack

import asyncpg

from tests.clients.npm import Outside
from tests.support import Server, running_server


class Service:
    """A server process on a database of its own, which comes back at the same address."""

    def __init__(self, database_url: str, data_dir: str) -> None:
        self._database_url = database_url
        self._data_dir = data_dir
        self._running = AsyncExitStack()
        self._server: Server | None = None
        self._sql: asyncpg.Connection[asyncpg.Record] | None = None
        self.url = ""
        self.token = ""

    async def start(self) -> None:
        """Start the server, where it was before, unless it runs."""
        if self._server and self._server.process.returncode is None:
            return
        port = self.url.rpartition(":")[2] or "0"
        options = ["--data-dir", self._data_dir, "--database-url", self._database_url]
        started = running_server(*options, "--port", port)
        self._server = await self._running.enter_async_context(started)
        self.url = self._server.url
        self.token = self.token or self._server.root_token

    async def kill(self) -> None:
        """End the server without giving it time for anything."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """End the server well."""
        await self._end(signal.SIGTERM)

    async def freeze(self) -> None:
        """Let the server fall silent, while its connections stay."""
        assert self._server
        self._server.process.send_signal(signal.SIGSTOP)

    async def thaw(self) -> None:
        """Let it go on."""
        assert self._server
        self._server.process.send_signal(signal.SIGCONT)

    async def hold(self, token_id: str) -> None:
        """Let whoever wants to change this token wait."""
        self._sql = self._sql or await asyncpg.connect(self._database_url)
        await self._sql.execute("begin")
        await self._sql.execute("select from api_tokens where id = $1 for update", token_id)

    async def release(self) -> None:
        """Let them go on."""
        assert self._sql
        await self._sql.execute("commit")

    @property
    def outside(self) -> Outside:
        """What a script may ask for."""
        return {
            "start": self.start,
            "kill": self.kill,
            "stop": self.stop,
            "freeze": self.freeze,
            "thaw": self.thaw,
            "hold": self.hold,
            "release": self.release,
        }

    async def close(self) -> None:
        """End everything."""
        if self._sql:
            await self._sql.close()
        await self._running.aclose()

    async def _end(self, number: signal.Signals) -> None:
        assert self._server
        self._server.process.send_signal(number)
        await self._server.process.wait()
