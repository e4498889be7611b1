"""For tests under load: verifies tokens all the time, and notes what is called valid too late."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import cycle, islice
from types import MappingProxyType
from typing import Final

from app.call import Success
from app.errors import Code, Refusal
from app.listener import now, processes
from app.services import Services
from tests.support import Api, until

Verifies = Callable[[str], Awaitable[str]]
NO_RECEIPT: Final = MappingProxyType({"pending": 1})


def verifier(services: Services) -> Verifies:
    """What verifying a token in this process comes to: a verdict's code, or that of a refusal."""

    async def code(token: str) -> str:
        try:
            return str((await services.dispatcher.verification.verified(token)).code)
        except Refusal as refusal:
            return refusal.code.name

    return code


class Load:
    """Verifies tokens at some places, again and again, and takes note of what that comes to.

    Args:
        places: where each verification is asked for.
        tokens: which.
        number: how many ask at any time.
    """

    def __init__(self, places: Sequence[Verifies], tokens: Sequence[str], number: int = 50) -> None:
        self._places = places
        self._tokens = tokens
        self._number = number
        # Token → the moment from which on nobody may call it valid who is asked then.
        self.over: dict[str, float] = {}
        # By how many seconds too late a token was called valid.
        self.late: list[float] = []
        self.counts: Counter[str] = Counter()
        self._ends = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Verify for the length of the block, which begins when every place knows every token."""
        for place in self._places:
            for token in self._tokens:
                assert await place(token) == "VALID"
        asking = [asyncio.create_task(self._ask_again_and_again(n)) for n in range(self._number)]
        try:
            yield
        finally:
            self._ends = True
            await asyncio.gather(*asking)

    async def revoke(self, root: Api, token: str, method: str, *arguments: object) -> bool:
        """End a token by a call; False if it was told to come back."""
        result = await root.result(method, *arguments)
        if isinstance(result, Success):
            self.ended(token, result.meta["propagated"])
            return True
        if result.code is Code.NOT_FOUND:
            self.ended(token)  # by a call before, whose answer was lost
            return True
        assert result.code is Code.BACKEND_DOWN, result
        return False

    def ended(self, token: str, receipt: Mapping[str, int] = NO_RECEIPT) -> None:
        """A token was ended just now: it is over if the receipt says so, else with the lease."""
        self.over[token] = now() + (processes.LEASE if "pending" in receipt else 0)

    async def until_counted(self, code: str, more: int = 100) -> None:
        """Wait until this was answered so many times more."""
        await self._until(code, self.counts[code] + more)

    async def until_refused(self) -> None:
        """Wait until some were told to come back."""
        await self._until(Code.BACKEND_DOWN.name, 10)

    async def _until(self, code: str, times: int) -> None:
        async def enough() -> bool:
            return self.counts[code] >= times

        await until(enough)

    async def until_all_is_over(self) -> None:
        """Wait until nobody may call any of those valid that were ended, and some have asked."""

        async def is_over() -> bool:
            return now() > max(self.over.values())

        await until(is_over)
        await self.until_counted("NOT_FOUND")

    async def codes(self, tokens: Sequence[str]) -> set[str]:
        """What verifying these now comes to, wherever."""
        return {await place(token) for place in self._places for token in tokens}

    async def _ask_again_and_again(self, number: int) -> None:
        place = self._places[number % len(self._places)]
        for token in islice(cycle(self._tokens), number, None):
            if self._ends:
                return
            asked = now()
            code = await place(token)
            self.counts[code] += 1
            lateness = asked - self.over.get(token, math.inf)
            if code == "VALID" and lateness >= 0:
                self.late.append(lateness)
            await asyncio.sleep(0)
