"""What the service is compared with: the least that aiohttp does, in a process of its own.

    python -m tests.benchmarks.bare [ANSWER]

Over HTTP it reads the body and answers constant bytes; over a WebSocket it sends back what it gets.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import uvloop
from aiohttp import WSMsgType, web

from tests.support import ROOT

ANSWER: Final = '{"jsonrpc":"2.0"}'


class Bare(NamedTuple):
    """Where it answers, and its process."""

    url: str
    pid: int


async def echo(request: web.Request) -> web.WebSocketResponse:
    """Send every message back."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


async def serve(body: bytes) -> None:
    """Answer for ever, and print the port."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/api", echo)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


@asynccontextmanager
async def running(answer: str = ANSWER) -> AsyncIterator[Bare]:
    """It runs until the block ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.bare", answer),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        yield Bare(f"http://127.0.0.1:{int(await process.stdout.readline())}", process.pid)
    finally:
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    uvloop.run(serve((sys.argv[1:] or [ANSWER])[0].encode()))
