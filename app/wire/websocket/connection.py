"""One open WebSocket: frames in → calls; answers out, in whatever order they are ready."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import orjson
from aiohttp import WSMsgType, web

from app.call import Failure, Request, Result, Success
from app.dispatcher import Dispatcher
from app.errors import Code, Refusal, bad_request
from app.wire import envelope, jsonrpc
from app.wire.identity import Identity
from app.wire.websocket.hearing import Hearing
from app.wire.websocket.outbox import Outbox
from app.wire.websocket.relay import Relay
from app.wire.websocket.slots import Slots

log = logging.getLogger("api_tokens")

# Seconds that a client has to say goodbye too.
FAREWELL: Final = 2.0
# Calls of one batch that run at the same time.
AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection may take.

    `calls` in flight, beyond which frames wait; bytes of a `frame`; calls in a `batch`; `patience`
    is for how many seconds a client may leave unread what it is sent.
    """

    calls: int
    frame: int
    batch: int
    patience: float


# A call in flight, and the slots that it takes up.
_Call: TypeAlias = tuple[jsonrpc.Envelope, int]


@dataclass(eq=False, kw_only=True)
class Connection:
    """Serves one client until it goes.

    `socket` is the WebSocket, open; `at` what its calls have in common: where they come from, a
    request id. `dispatcher` runs them and asks `identity` who makes them; answers go to `outbox`,
    and what `hearing` tells besides. `tasks` is where calls in flight stand: they may outlive the
    connection. `schema` is the answer to `/schema`. By `user_id` the audience finds it.
    """

    socket: web.WebSocketResponse
    at: Request
    dispatcher: Dispatcher
    identity: Identity
    outbox: Outbox
    hearing: Hearing
    tasks: set[asyncio.Task[None]]
    bounds: Bounds
    schema: Success
    user_id: str | None = None
    closing: bool = False

    def __post_init__(self) -> None:
        """Let this connection's calls be made by whoever opened it."""
        self._dispatcher = replace(self.dispatcher, authentication=self.identity)
        self._slots = Slots(self.bounds.calls)
        self._relay = Relay(self._answer, self.tasks)
        # The calls whose answers are wanted, by who they are: a client may use an id twice.
        self._wanted: dict[int, jsonrpc.Envelope] = {}
        self._is_over = asyncio.Event()

    async def run(self) -> None:
        """Take frames until the client goes. Calls that have begun run on to their end."""
        self.hearing.look_again()
        try:
            async for message in self.socket:
                if message.type is WSMsgType.TEXT:
                    await self._take(message.data)
                elif message.type is WSMsgType.PING:
                    await self.outbox.pong(message.data)
        finally:
            await self.hearing.close()
            self._is_over.set()

    async def say_goodbye(self) -> None:
        """Close: this process goes away. Returns when the client has said goodbye too, or is gone.

        aiohttp itself does not wait for that; a client that then finds nobody to say goodbye to
        takes it for a breakdown.
        """
        timer = asyncio.get_running_loop().call_later(FAREWELL, self.outbox.cut_off)
        try:
            await self.outbox.say_goodbye()
            await self._is_over.wait()
        finally:
            timer.cancel()

    async def _take(self, frame: bytes) -> None:
        """Begin what a frame asks for; returns when the next frame may be looked at."""
        try:
            body = orjson.loads(frame)
        except orjson.JSONDecodeError:
            return
        if isinstance(body, list):
            # One batch at a time, since its answers are kept until the last of them is there.
            await asyncio.wait([self._start(self._answer_batch(body))])
        elif not _is_answer(body):
            asked, slots = jsonrpc.read(body, self.at), self._weight(frame)
            if not self._slots.taken(slots):
                await self._slots.take(slots)
            self._wanted[id(asked)] = asked
            if _is_notice(asked):  # done at once, in the order of frames
                await self._answer((asked, slots))
                self.outbox.flush()
            else:
                self._relay.put((asked, slots))

    def _weight(self, frame: bytes) -> int:
        """How many slots a call takes: all of them together hold what two long frames do."""
        calls = self.bounds.calls
        return min(calls, 1 + len(frame) * calls // self.bounds.frame)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def _answer(self, call: _Call) -> None:
        """Run a call that has its slots, which it keeps until the client has read the answer."""
        asked, slots = call
        try:
            result = await jsonrpc.answer(self._run, asked)
            if asked.members and id(asked) in self._wanted:  # without an id nobody waits for it
                await self.outbox.send(envelope.document(result, asked.members, jsonrpc.HOUSE))
        finally:
            self._wanted.pop(id(asked), None)
            self._slots.give_back(slots)

    async def _answer_batch(self, body: Sequence[Any]) -> None:
        try:
            batch = jsonrpc.read_batch(body, self.at, self.bounds.batch)
        except Refusal as refusal:
            await self.outbox.send(envelope.document(Failure.of(refusal), {"id": None}))
            return
        results = await jsonrpc.answer_all(self._run_in_slot, batch, AT_ONCE)
        documents = jsonrpc.documents(batch, results, jsonrpc.HOUSE)
        if documents:
            await self.outbox.send(documents)

    async def _run_in_slot(self, request: Request) -> Result:
        if request.method == "/schema":  # a batch of these would be a thousand times as long
            return Failure.of(bad_request("The schema may not be asked for in a batch"))
        await self._slots.take(1)
        try:
            return await self._run(request)
        finally:
            self._slots.give_back(1)

    async def _run(self, request: Request) -> Result:
        notice = _NOTICES.get(request.method)
        if notice:
            try:
                return await notice(self, request.arguments)
            except Exception:
                log.exception("request %s: %s failed", request.id, request.method)
                return Failure.of(Refusal(Code.INTERNAL))
        if self.closing:
            return Failure.of(Refusal(Code.SHUTTING_DOWN))
        return await self._dispatcher.dispatch(request)

    async def _subscribe(self, arguments: Any) -> Success:
        await self.hearing.subscribe(_names(arguments))
        return Success()

    async def _unsubscribe(self, arguments: Any) -> Success:
        await self.hearing.unsubscribe(_names(arguments))
        return Success()

    async def _abort(self, arguments: Any) -> Success:
        """The answer is not wanted any more. What has begun runs on: a change is made or not."""
        for aborted in _list(arguments)[:1]:
            for key, asked in [*self._wanted.items()]:
                if _is_same(asked.members.get("id"), aborted):
                    del self._wanted[key]
        return Success()

    async def _publish(self, _arguments: Any) -> Success:
        """Clients have nothing to tell each other through us."""
        return Success()

    async def _show_schema(self, _arguments: Any) -> Success:
        return self.schema


# What a client asks of the connection itself: method → what does it.
_NOTICES: Final[Mapping[str, Callable[[Connection, Any], Awaitable[Success]]]] = {
    "/subscribe": Connection._subscribe,
    "/unsubscribe": Connection._unsubscribe,
    "/publish": Connection._publish,
    "/abort": Connection._abort,
    "/schema": Connection._show_schema,
}


def _is_notice(asked: jsonrpc.Envelope) -> bool:
    return isinstance(asked.asked, Request) and asked.asked.method in _NOTICES


def _is_answer(body: Any) -> bool:
    """Whether a client answers a call that it thinks we made."""
    return isinstance(body, dict) and "method" not in body and ("result" in body or "error" in body)


def _is_same(call_id: Any, other: Any) -> bool:
    """Whether two ids are one: `true` is not 1, and null is nobody's."""
    return call_id is not None and not isinstance(other, bool) and call_id == other


def _list(arguments: Any) -> list[Any]:
    return arguments if isinstance(arguments, list) else []


def _names(arguments: Any) -> set[str]:
    """The names in `[["name", …]]`."""
    first = _list(arguments)[:1]
    return {name for name in _list(first[0]) if isinstance(name, str)} if first else set()
