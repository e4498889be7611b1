"""How much may be in flight: slots that calls take up and give back."""

import asyncio


class Slots:
    """So many slots. Whoever wants some waits until there are as many at the same time.

    `asyncio.Semaphore` hands them out one by one, and takes longer than the rest of a quick call.
    """

    __slots__ = ("_free", "_given_back")

    def __init__(self, free: int) -> None:
        self._free = free
        self._given_back = asyncio.Event()

    def taken(self, count: int) -> bool:
        """Take so many, if there are as many just now."""
        if self._free < count:
            return False
        self._free -= count
        return True

    async def take(self, count: int) -> None:
        """Take so many, as soon as there are as many."""
        while not self.taken(count):
            self._given_back.clear()
            await self._given_back.wait()

    def give_back(self, count: int) -> None:
        """Let others have so many."""
        self._free += count
        self._given_back.set()
