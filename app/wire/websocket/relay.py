"""Runs the calls of a connection: all at the same time, in no more tasks than have to wait."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Work = TypeVar("Work")


class Relay(Generic[Work]):
    """Does what it is given, beginning in that order.

    A task costs more than a call that nothing has to be waited for. So a task does one thing after
    the other; another one stands by, and goes on as soon as that one waits for anything.

    Args:
        do: does it; nothing that it raises is known here.
        tasks: where the tasks stand as long as there is any work in them.
    """

    __slots__ = ("_do", "_stands_by", "_tasks", "_waiting")

    def __init__(
        self, do: Callable[[Work], Awaitable[None]], tasks: set[asyncio.Task[None]]
    ) -> None:
        self._do = do
        self._tasks = tasks
        self._waiting: deque[Work] = deque()
        self._stands_by = False

    def put(self, work: Work) -> None:
        """Do this too."""
        self._waiting.append(work)
        self._stand_by()

    def _stand_by(self) -> None:
        if not self._stands_by:
            self._stands_by = True
            task = asyncio.create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        self._stands_by = False
        while self._waiting:
            work = self._waiting.popleft()
            if self._waiting:
                self._stand_by()
            await self._do(work)
