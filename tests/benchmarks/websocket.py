"""How many calls a WebSocket makes against keep-alive HTTP, and what an idle one costs.

    python -m tests.benchmarks.websocket [--rounds 5] [--seconds 2] [--idle 1000]

The same client makes all calls in the same run. Slots are short and interleaved: only the ratios
mean anything.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final

import click
import orjson
import uvloop
from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType

from tests.benchmarks.process import resident
from tests.support import Server, running_server

IN_FLIGHT: Final = 32
Slot = Callable[[str, list[Any], float], Awaitable[int]]


async def over_http(session: ClientSession, method: str, arguments: list[Any], until: float) -> int:
    """How many calls one keep-alive connection makes, one after the other."""
    body, calls = orjson.dumps(arguments), 0
    headers = {"Content-Type": "application/json"}
    while time.monotonic() < until:
        async with session.post(f"/v1/{method}", data=body, headers=headers) as answer:
            await answer.read()
        calls += 1
    return calls


async def over_many(session: ClientSession, method: str, arguments: list[Any], until: float) -> int:
    """The same with as many connections as a WebSocket has calls in flight."""
    each = (over_http(session, method, arguments, until) for _ in range(IN_FLIGHT))
    return sum(await asyncio.gather(*each))


async def over_websocket(
    socket: ClientWebSocketResponse, method: str, arguments: list[Any], until: float
) -> int:
    """How many calls one WebSocket makes, that many in flight."""
    call = {"jsonrpc": "2.0", "method": f"/v1/{method}", "params": arguments, "id": 1}
    frame, calls = orjson.dumps(call), 0
    for _ in range(IN_FLIGHT):
        await socket.send_frame(frame, WSMsgType.TEXT)
    while time.monotonic() < until:
        assert orjson.loads((await socket.receive()).data)["id"] == 1
        await socket.send_frame(frame, WSMsgType.TEXT)
        calls += 1
    for _ in range(IN_FLIGHT):
        await socket.receive()
    return calls


async def measure_calls(server: Server, rounds: int, seconds: float) -> None:
    """Print how many times as many calls a WebSocket makes, for several methods."""
    token = server.root_token
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        ClientSession(server.url, headers=headers, connector=TCPConnector(limit=0)) as session,
        session.ws_connect("/api", protocols=["jsonrpc_2.0"]) as socket,
    ):
        made = await session.post("/v1/api-tokens/create", json=["measured"])
        token_id = (await made.json())["result"]["data"]["id"]
        slots: Mapping[str, Callable[[str, list[Any], float], Awaitable[int]]] = {
            "one": lambda *call: over_http(session, *call),
            "many": lambda *call: over_many(session, *call),
            "socket": lambda *call: over_websocket(socket, *call),
        }
        calls: dict[str, list[Any]] = {
            "no-such-method": [],
            "session/read": [],
            "api-tokens/get-permissions": [token_id],
            "api-tokens/read": [{"id": token_id}],
            "api-tokens/create": ["measured"],
        }
        print(f"call | WebSocket / one HTTP connection | WebSocket / {IN_FLIGHT} HTTP connections")
        for method, arguments in calls.items():
            found: dict[str, list[int]] = {name: [] for name in slots}
            for _ in range(rounds):
                for name, slot in slots.items():
                    found[name].append(await slot(method, arguments, time.monotonic() + seconds))
            shares = [_shares(found["socket"], found[name]) for name in ("one", "many")]
            print(f"{method} | {shares[0]} | {shares[1]}", flush=True)


def _shares(ours: list[int], theirs: list[int]) -> str:
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    return f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


async def measure_memory(server: Server, idle: int) -> None:
    """Print what an idle WebSocket costs the server, once its caller is known."""
    headers = {"Authorization": f"Bearer {server.root_token}"}
    async with ClientSession(
        server.url, headers=headers, connector=TCPConnector(limit=0)
    ) as session:
        warm = [await _opened(session) for _ in range(50)]
        before = resident(server.process.pid)
        sockets = [await _opened(session) for _ in range(idle)]
        after = resident(server.process.pid)
        print(f"{idle} idle connections: {(after - before) / idle / 1024:.1f} KiB each")
        await asyncio.gather(*(socket.close() for socket in [*warm, *sockets]))


async def _opened(session: ClientSession) -> ClientWebSocketResponse:
    """A connection that has called once and subscribed."""
    socket = await session.ws_connect("/api", protocols=["jsonrpc_2.0"])
    await socket.send_json(
        {"method": "/subscribe", "params": [["api-tokens/change"]], "jsonrpc": "2.0"}
    )
    await socket.send_json({"method": "/v1/session/read", "id": 1, "jsonrpc": "2.0"})
    await socket.receive()
    return socket


async def measure(rounds: int, seconds: float, idle: int, folder: Path) -> None:
    """Measure everything on a service of its own."""
    async with running_server("--data-dir", str(folder / "data")) as server:
        await measure_memory(server, idle)
        await measure_calls(server, rounds, seconds)


@click.command()
@click.option("--rounds", default=5)
@click.option("--seconds", default=2.0)
@click.option("--idle", default=1000)
def main(rounds: int, seconds: float, idle: int) -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(measure(rounds, seconds, idle, Path(folder)))


if __name__ == "__main__":
    main()
