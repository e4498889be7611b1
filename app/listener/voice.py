"""Says on the listener's connection what there is to say, one statement after the other."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

from app.listener import processes
from app.listener.ear import Ear
from app.listener.processes import Processes, now


class Voice:
    """What is to be said on one connection: gathered while a statement runs, then said together.

    So nobody waits for longer than a turn or two, of one statement of each kind.

    Args:
        ear: the connection.
        process_id: who beats.
        known: is told of the processes that every answer shows.
        wanted: the users whose new tokens are to be heard of; changes by itself.
        beaten: is called, when a beat is answered, with the moment before it.
    """

    def __init__(
        self,
        ear: Ear,
        process_id: str,
        known: Processes,
        wanted: Collection[str],
        beaten: Callable[[float], None],
    ) -> None:
        self._ear = ear
        self._process_id = process_id
        self._known = known
        self._wanted = wanted
        self._beaten = beaten
        self._next_beat = 0.0
        # By channel: whoever says that they have heard a message has heard those before it.
        self._messages: dict[str, str] = {}
        # Users who may have to be watched, or no longer; and those who are.
        self._unsettled = set(wanted)
        self._watched: set[str] = set()
        self._waiting: list[asyncio.Future[bool]] = []
        self._wake = asyncio.Event()
        self._is_leaving = False
        ear.lost = self._wake.set

    async def begin(self) -> None:
        """Watch and beat for the first time. Raises what the driver raises, as `run` does."""
        await self._watch()
        await self._beat()

    async def run(self) -> None:
        """Take one turn after the other, until the connection is lost or it is time to leave."""
        while not self._ear.is_lost and not self._is_leaving:
            self._wake.clear()
            waiting, self._waiting = self._waiting, []
            try:
                await self._turn()
            except BaseException:
                _answer(waiting, went_well=False)
                raise
            _answer(waiting, went_well=True)
            await self._rest()
        if self._is_leaving:
            await self._ear.leave(self._process_id)

    def say(self, channel: str, text: str) -> None:
        """Have something said, in place of what is still to be said on this channel."""
        self._messages[channel] = text
        self._wake.set()

    async def settle(self, user_id: str) -> None:
        """Wait until a user is watched who is wanted, or no longer if not."""
        self._unsettled.add(user_id)
        await self.said()

    async def said(self) -> bool:
        """Wait until all has been said that there is; False if the connection was lost before."""
        said: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(said)
        self._wake.set()
        return await said

    def leave(self) -> None:
        """Let this turn be the last."""
        self._is_leaving = True
        self._wake.set()

    def close(self) -> None:
        """Say nothing any more."""
        _answer(self._waiting, went_well=False)
        self._ear.close()

    async def _turn(self) -> None:
        await self._speak()
        if now() >= self._next_beat:
            await self._beat()
        await self._watch()

    async def _speak(self) -> None:
        messages, self._messages = self._messages, {}
        if messages:
            await self._ear.speak(messages, self._known)

    async def _beat(self) -> None:
        began = await self._ear.beat(self._process_id, self._known)
        self._next_beat = began + processes.BEAT
        self._beaten(began)

    async def _watch(self) -> None:
        unsettled, self._unsettled = self._unsettled, set()
        wanted = {user_id for user_id in unsettled if user_id in self._wanted}
        if begun := wanted - self._watched:
            self._watched |= begun
            await self._ear.watch(begun)
        if ended := (unsettled - wanted) & self._watched:
            self._watched -= ended
            await self._ear.unwatch(ended)

    async def _rest(self) -> None:
        """Until there is something to say."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0, self._next_beat - now())):
                await self._wake.wait()


def _answer(waiting: Iterable[asyncio.Future[bool]], *, went_well: bool) -> None:
    for said in waiting:
        if not said.done():
            said.set_result(went_well)
