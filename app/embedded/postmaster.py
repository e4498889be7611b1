"""The running server: started, watched over and started again until it is stopped."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from app.database import answers
from app.embedded import locks
from app.embedded.account import Account
from app.embedded.binaries import Binaries
from app.embedded.child import HERE, Child, end, ended, last_words, spawn
from app.embedded.layout import PORT, SOCKET, Layout, explained
from app.embedded.patience import PAUSE, log, noting, to_the_end
from app.errors import CannotStart

SETTINGS: Final = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_directories": ".",  # the cluster, which is the server's working directory
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    # Neither a client's errors nor checkpoints: the file is emptied only at the next start.
    "log_min_messages": "log",
    "log_checkpoints": "off",
}
# What a server that was killed leaves behind. The pid inside may since be anybody's, and with that
# process alive PostgreSQL would refuse to start.
LEFT_OVERS: Final = ("postmaster.pid", SOCKET, f"{SOCKET}.lock")
WATCH: Final = 0.5  # seconds between two looks at a server that should go on running
SHORTEST_BREAK: Final = 0.1  # seconds, before the server is started again
LONGEST_BREAK: Final = 10.0


class Postmaster:
    """The server process of one cluster, for the holder of the service lock alone."""

    def __init__(
        self, layout: Layout, binaries: Binaries, account: Account, settings: Mapping[str, str]
    ) -> None:
        self._layout = layout
        self._account = account
        options = [f"-c{name}={value}" for name, value in (SETTINGS | dict(settings)).items()]
        self._command = [str(binaries.postgres), "-D", HERE, *options]

    @asynccontextmanager
    async def running(self, dsn: str) -> AsyncIterator[None]:
        """Run the server for the length of the context, which begins once it answers at `dsn`.

        Raises:
            CannotStart: the server ended instead of answering.
        """
        with explained(self._layout.root):
            child = await self._start()
        try:
            await self._until_it_answers(child, dsn)
        except BaseException:
            await to_the_end(end(child))
            raise
        async with self._kept_running(child):
            yield

    async def _start(self) -> Child:
        """Start the server once no process of an earlier one is left."""
        lock = await locks.when_free(self._layout.postgres_lock)
        try:
            for name in LEFT_OVERS:
                (self._layout.cluster / name).unlink(missing_ok=True)
            return spawn(self._command, self._layout.cluster, self._layout, self._account, lock)
        finally:
            os.close(lock)

    async def _until_it_answers(self, child: Child, dsn: str) -> None:
        """Wait as long as the server lives: a recovery may take hours."""
        with noting(f"the embedded database is still starting; see {self._layout.log}"):
            while not await answers(dsn):
                if child.poll() is not None:
                    words = f"{last_words(self._layout)} (see {self._layout.log})"
                    raise CannotStart(f"the embedded database does not start: {words}")
                await asyncio.sleep(PAUSE)

    @asynccontextmanager
    async def _kept_running(self, child: Child) -> AsyncIterator[None]:
        self._child = child
        keeper = asyncio.create_task(self._keep_running())
        try:
            yield
        finally:
            await to_the_end(self._stop(keeper))

    async def _stop(self, keeper: asyncio.Task[None]) -> None:
        keeper.cancel()
        await asyncio.wait([keeper])
        await end(self._child)

    async def _keep_running(self) -> None:
        """Start the server again whenever it ends, at longer and longer intervals, for ever."""
        pause = 0.0
        while True:
            began = time.monotonic()
            status = await ended(self._child, WATCH)
            lived = time.monotonic() - began
            pause = SHORTEST_BREAK if lived > LONGEST_BREAK else _longer(pause)
            log.error(
                "the embedded database ended (status %d); starting it again in %.1f s",
                status,
                pause,
            )
            await asyncio.sleep(pause)
            try:
                self._child = await self._start()
            except (OSError, CannotStart) as error:
                log.error("the embedded database cannot be started: %s", error)


def _longer(pause: float) -> float:
    return min(max(2 * pause, SHORTEST_BREAK), LONGEST_BREAK)
