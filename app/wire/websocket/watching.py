"""Whose new tokens a connection wants to hear of, and whether it can be sure to hear of all."""

import asyncio
from typing import Final

from app.call import Sql
from app.errors import Refusal
from app.listener import Listener

# Seconds that a subscription waits for transactions that are running, and between two looks.
PATIENCE: Final = 0.2
PAUSE: Final = 0.01


class Watching:
    """Hears of the new tokens of one user.

    Who makes a token just when the watching begins may not see it. So all transactions that were
    running then have to end; until they have, `is_unsure`: some may go by unheard.
    """

    __slots__ = ("_begun", "_listener", "_sql", "_turn", "_user_id", "is_unsure")

    def __init__(self, listener: Listener, sql: Sql) -> None:
        self._listener = listener
        self._sql = sql
        self._user_id: str | None = None
        # The number of a transaction that began after the watching.
        self._begun: int | None = None
        self._turn = asyncio.Lock()
        self.is_unsure = False

    def begin_again(self) -> None:
        """The listener was away, and listens again: nobody knows what went by."""
        self._begun = None
        self.is_unsure = True

    async def watch(self, user_id: str | None) -> bool:
        """Hear of this user's new tokens from now on, of nobody else's.

        Answers whether some may have gone by before, and none will any more.
        """
        async with self._turn:
            before, self._user_id = self._user_id, user_id
            if user_id != before:
                self._begun = None
                if user_id:
                    await self._listener.watch(user_id)
                if before:
                    await self._listener.unwatch(before)
            elif not self.is_unsure:
                return False
            was_unsure, self.is_unsure = self.is_unsure, False
            if user_id and not await self._is_sure_soon():
                self.is_unsure = True
            return was_unsure and not self.is_unsure

    async def _is_sure_soon(self) -> bool:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not await self._is_sure():
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(PAUSE)
        return True

    async def _is_sure(self) -> bool:
        """Whether all have ended who may not have seen that we watch."""
        try:
            if self._begun is None:
                begun = await self._sql.row("_service/transaction", {})
                self._begun = begun["number"] if begun else None
            running = await self._sql.row("_service/running", {})
        except Refusal:
            return False
        return bool(running and self._begun and running["oldest"] >= self._begun)
