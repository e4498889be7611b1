"""A service that can be reached over WebSocket, and clients that keep to the protocol."""

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

import orjson
from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType, web

from app.door import Door, Server
from app.services import Services
from app.wire.websocket.handshake import PROTOCOL
from tests.methods.support import Sql
from tests.support import Api, until

PATIENCE: Final = 20.0
CHANGE: Final = "api-tokens/change"
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Place(NamedTuple):
    """A service that can be reached: where, and the door that requests come in by."""

    url: str
    door: Door

    async def is_quiet(self) -> bool:
        """Whether nobody is connected and no call is in flight."""
        return not self.door.audience.connections and not self.door.audience.tasks


@asynccontextmanager
async def opened(services: Services) -> AsyncIterator[Place]:
    """The service over HTTP in this process, as `app.server` has it."""
    door = Door(services)
    server = Server(door.handle, keepalive_timeout=75)
    runner = web.ServerRunner(server, shutdown_timeout=1)
    await runner.setup()
    try:
        # Small buffers, so that who does not read is noticed early.
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
        await web.SockSite(runner, listening, backlog=256).start()
        yield Place(f"http://127.0.0.1:{runner.addresses[0][1]}", door)
    finally:
        if not door.closing:
            await door.close()
        await runner.cleanup()


class Peer:
    """A client that keeps to the protocol; keeps answers and events apart."""

    def __init__(self, websocket: ClientWebSocketResponse) -> None:
        self.websocket = websocket
        self._ids = count(1)
        self._answers: list[Any] = []
        self._events: deque[list[Any]] = deque()

    async def send(self, document: Any) -> None:
        """Send one JSON value, or the bytes of a text frame."""
        data = document if isinstance(document, bytes) else orjson.dumps(document)
        await self.websocket.send_frame(data, WSMsgType.TEXT)

    async def tell(self, method: str, *params: Any) -> None:
        """Call without waiting for an answer, now or ever."""
        await self.send({"jsonrpc": "2.0", "method": spelled(method), "params": params})

    async def begin(self, method: str, *params: Any) -> int:
        """Call; the id that the answer will bear."""
        call_id = next(self._ids)
        body = {"jsonrpc": "2.0", "method": spelled(method), "params": params, "id": call_id}
        await self.send(body)
        return call_id

    async def call(self, method: str, *params: Any) -> Any:
        """The answer of a call."""
        return await self.answer(await self.begin(method, *params))

    async def code(self, method: str = "session/read", *params: Any) -> int | None:
        """The code a call is refused with, or None."""
        answer = await self.call(method, *params)
        return answer["error"]["code"] if "error" in answer else None

    async def data(self, method: str, *params: Any) -> Any:
        """The data of a call that goes well."""
        answer = await self.call(method, *params)
        return answer["result"]["data"]

    async def answer(self, call_id: Any) -> Any:
        """The answer with this id, whenever it comes."""
        while True:
            for answer in self._answers:
                if answer["id"] == call_id:
                    self._answers.remove(answer)
                    return answer
            self._sort(await self.receive())

    async def event(self) -> list[Any]:
        """The next event."""
        while not self._events:
            self._sort(await self.receive())
        return self._events.popleft()

    async def events_until(self, last: list[Any]) -> list[list[Any]]:
        """The events that come before this one."""
        events = []
        while (event := await self.event()) != last:
            events.append(event)
        return events

    async def receive(self) -> Any:
        """The next document, whatever it is."""
        async with asyncio.timeout(PATIENCE):
            message = await self.websocket.receive()
        assert message.type is WSMsgType.TEXT, message
        return orjson.loads(message.data)

    async def subscribe(self) -> None:
        """Hear of tokens from now on; who calls is known by then."""
        await self.tell("/subscribe", [CHANGE])
        await self.call("session/read")

    async def close_code(self) -> int | None:
        """The code with which the service closes; what it still sends before is passed over."""
        async with asyncio.timeout(PATIENCE):
            while (await self.websocket.receive()).type is WSMsgType.TEXT:
                pass
        return self.websocket.close_code

    def abort(self) -> None:
        """Be gone, without a word."""
        transport = self.websocket.get_extra_info("socket")
        assert transport
        transport.shutdown(socket.SHUT_RDWR)

    def _sort(self, document: Any) -> None:
        if document.get("method") == "/publish":
            self._events.append(document["params"])
        else:
            self._answers.append(document)


Connect: TypeAlias = Callable[..., Awaitable[Peer]]


@asynccontextmanager
async def connecting(place: Place) -> AsyncIterator[Connect]:
    """Opens clients; once they are closed nothing of them may be left."""
    before = len(asyncio.all_tasks())
    peers: list[Peer] = []
    async with ClientSession(place.url, connector=TCPConnector(limit=0)) as session:

        async def connect(
            token: str | None = None,
            path: str = "/api/",
            headers: Mapping[str, str] = NO_HEADERS,
            protocols: tuple[str, ...] = (PROTOCOL,),
        ) -> Peer:
            offered = protocols if token is None else (*protocols, token)
            websocket = await session.ws_connect(
                path, protocols=offered, headers=headers, max_msg_size=0
            )
            peers.append(Peer(websocket))
            return peers[-1]

        yield connect
        for peer in peers:
            await peer.websocket.close()

    async def nothing_left() -> bool:
        return await place.is_quiet() and len(asyncio.all_tasks()) <= before

    await until(nothing_left)


# What tells a subscriber to read again.
MISSED: Final = [CHANGE, {"id": None, "action": "missed"}]


def change(token_id: str, action: str) -> list[Any]:
    """The event that tells of a token."""
    return [CHANGE, {"id": token_id, "action": action}]


async def marked(owner: Api) -> list[Any]:
    """The event of one more token of the owner's: whoever hears it has heard what came before."""
    made = await owner("api-tokens/create", "marker")
    return change(made["id"], "create")


async def begin_subscription(peer: Peer) -> str:
    """Subscribe to tokens; the id that the answer will bear."""
    call = {"jsonrpc": "2.0", "id": "subscribe", "method": "/subscribe", "params": [[CHANGE]]}
    await peer.send(call)
    return "subscribe"


async def make_token(sql: Sql) -> str:
    """The id of a new token of root's, made by nobody."""
    statement = """
        insert into api_tokens (user_id, name, digest, digest_scheme, hint, created_by)
        select user_id, 'late', 'late', 'none', 'apt_…', created_by
        from api_tokens where name = 'root'
        returning id
    """
    return str(await sql.fetchval(statement))


def spelled(method: str) -> str:
    """The method as a call names it: one of the connection's own, or one of the service."""
    return method if method.startswith("/") else f"/v1/{method}"
