"""What a connection is told without having asked: system events, and those it subscribes to."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from app.errors import Code, Refusal
from app.listener import Change
from app.wire.identity import Identity, Standing
from app.wire.websocket.outbox import Outbox
from app.wire.websocket.watching import Watching

log = logging.getLogger("api_tokens")

CHANGE: Final = "api-tokens/change"
# What a client may subscribe to.
EVENTS: Final = frozenset({CHANGE})
# Events that wait for a client; one that is further behind is told that it missed some.
MOST_WAITING: Final = 10_000
# Seconds until a connection asks again who it calls as, after the database could not tell.
RETRY: Final = 1.0

# Standing → what tells the client that it has come to that.
_SYSTEM_EVENTS: Final = {
    Standing.DISABLED: "sessionDisable",
    Standing.DELETED: "sessionDelete",
}


class _Event(NamedTuple):
    """An event to be sent; a `system` event is for those too whose credential is no longer good."""

    system: bool
    name: str
    arguments: tuple[Any, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        """The notification that tells of it."""
        return {"jsonrpc": "2.0", "method": "/publish", "params": [self.name, *self.arguments]}


class Hearing:
    """Hears of changes for one connection, and tells the client what concerns it.

    Args:
        identity: who the connection calls as; asked anew before any event is sent.
        outbox: where events go.
        watching: hears of the user's new tokens.
        turns: how many connections may ask at the same time.
    """

    __slots__ = (
        "_again",
        "_closed",
        "_identity",
        "_outbox",
        "_subscriptions",
        "_task",
        "_turns",
        "_waiting",
        "_watching",
    )

    def __init__(
        self, identity: Identity, outbox: Outbox, watching: Watching, turns: asyncio.Semaphore
    ) -> None:
        self._identity = identity
        self._outbox = outbox
        self._watching = watching
        self._turns = turns
        self._waiting: list[_Event] = []
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._closed = False
        self._subscriptions: set[str] = set()

    async def subscribe(self, names: set[str]) -> None:
        """Tell of these events too, from when this returns; unknown ones are ignored.

        Where that cannot be promised just now, the client is told `missed` as soon as it can.
        """
        self._subscriptions |= names & EVENTS
        is_known = await self._is_known()
        await self._watch()
        if not is_known:
            self._watching.is_unsure = True
        if self._watching.is_unsure:
            self.look_again()

    async def unsubscribe(self, names: set[str]) -> None:
        """Tell of these events no longer."""
        self._subscriptions -= names
        await self._watch()

    def hear(self, change: Change) -> None:
        """Something has changed that belongs to the user of this connection, or to everybody."""
        if change.table == "api_tokens" and CHANGE in self._subscriptions:
            for token_id in change.ids:
                self._tell(CHANGE, {"id": token_id, "action": change.action})
        elif self._is_about_us(change):
            self.look_again()

    def missed(self) -> None:
        """Nobody knows what has changed."""
        self._watching.begin_again()
        self.look_again()

    def moved(self, before: Standing) -> None:
        """The credential is not what it was: if it was good, the client is told."""
        event = _SYSTEM_EVENTS.get(self._identity.standing)
        if event and before is not Standing.UNKNOWN:
            self._waiting.append(_Event(system=True, name=event))
        # Whatever happened while it was not known whom this connection concerns was not heard.
        self.look_again()

    def look_again(self) -> None:
        """Find out who calls, soon, and send what waits for that."""
        self._again = True
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._look())

    async def close(self) -> None:
        """The client is gone."""
        self._closed = True
        self._waiting.clear()
        await self.unsubscribe(set(EVENTS))

    def _tell(self, name: str, *arguments: Any) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._waiting = [event for event in self._waiting if event.system]
            name, arguments = CHANGE, ({"id": None, "action": "missed"},)
        self._waiting.append(_Event(False, name, arguments))
        self.look_again()

    def _is_about_us(self, change: Change) -> bool:
        caller = self._identity.caller_known
        return {
            "api_tokens": caller.token_id in change.ids,
            "sessions": caller.session_id in change.ids,
            "settings": caller.token_id is not None,
            "users": True,
        }.get(change.table, False)

    async def _look(self) -> None:
        try:
            while self._again and not self._closed:
                self._again = False
                # What is heard from here on waits: who calls may be out of date for it.
                waiting, self._waiting = self._waiting, []
                is_known = await self._is_known()
                if is_known:
                    await self._watch()
                    await self._send(waiting)
                else:
                    self._waiting = waiting + self._waiting
                if self._watching.is_unsure or not is_known:
                    self._again = True
                    await asyncio.sleep(RETRY)
        except Exception:
            log.exception("cannot tell a connection what it should know")
            self._outbox.cut_off("it cannot be told what it should know")
        finally:
            self._task = None

    async def _is_known(self) -> bool:
        """Ask who calls; False if nobody can tell just now."""
        async with self._turns:
            try:
                await self._identity.caller()
            except Refusal as refusal:
                return refusal.code is not Code.BACKEND_DOWN
        return True

    async def _watch(self) -> None:
        """Hear of the user's new tokens if there is a subscription, and of nobody else's."""
        user_id = self._identity.caller_known.user_id if self._subscriptions else None
        if await self._watching.watch(user_id) and user_id:
            self._tell(CHANGE, {"id": None, "action": "missed"})

    async def _send(self, waiting: Sequence[_Event]) -> None:
        for event in waiting:
            if event.system or self._identity.standing is Standing.GOOD:
                await self._outbox.send(event.document)
