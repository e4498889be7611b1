"""Calls per second of the service, as a share of a bare aiohttp handler's in the same run.

    python -m tests.benchmarks.calls [--rounds 5] [--seconds 3]

Needs `wrk`. Slots are short and interleaved, since machines change speed while one measures: only
the ratios mean anything. The bare handler reads the body and answers constant bytes, on uvloop.
"""

import asyncio
import re
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

import click
import orjson
import uvloop
from aiohttp import ClientSession, web

from tests.support import ROOT, running_server

CONNECTIONS: Final = 32
SCRIPT: Final = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {token}"
wrk.body = '{body}'
"""


async def bare_handler(request: web.Request) -> web.Response:
    """What there is to be compared with."""
    await request.read()
    return web.Response(body=b'{"jsonrpc":"2.0"}', content_type="application/json")


async def serve_bare() -> None:
    """Run the bare handler for ever, and print its port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", bare_handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


async def rate(url: str, script: Path, seconds: int) -> float:
    """Requests per second that one wrk gets."""
    wrk = await asyncio.create_subprocess_exec(
        *("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "-s", str(script), url),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await wrk.communicate()
    [found] = re.findall(rb"Requests/sec: +([0-9.]+)", out)
    return float(found)


async def measure(rounds: int, seconds: int, folder: Path) -> None:
    """Measure everything in turn, several times, and print medians of the ratios."""
    bare = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.calls", "--bare"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert bare.stdout
    bare_url = f"http://127.0.0.1:{int(await bare.stdout.readline())}/"
    async with running_server("--data-dir", str(folder / "data")) as server:
        slots = await prepare(server.url, server.root_token, folder)
        ratios: dict[str, list[float]] = {name: [] for name in slots}
        for _ in range(rounds):
            base = await rate(bare_url, slots["authentication alone"][1], seconds)
            for name, (method, script) in slots.items():
                found = await rate(f"{server.url}/v1/api-tokens/{method}", script, seconds)
                ratios[name].append(found / base)
    bare.terminate()
    await bare.wait()
    print("call | share of a bare handler: median (lowest-highest)")
    for name, shares in ratios.items():
        print(f"{name} | {median(shares):.2f} ({min(shares):.2f}-{max(shares):.2f})")


async def prepare(url: str, token: str, folder: Path) -> dict[str, tuple[str, Path]]:
    """What is measured: name → method and the wrk script that calls it."""
    headers = {"Authorization": f"Bearer {token}"}
    create = f"{url}/v1/api-tokens/create"
    async with (
        ClientSession(headers=headers) as session,
        session.post(create, json=["measured"]) as answer,
    ):
        token_id = (await answer.json())["result"]["data"]["id"]
    calls: dict[str, tuple[str, list[Any]]] = {
        "authentication alone": ("no-such-method", []),
        "get-permissions": ("get-permissions", [token_id]),
        "read one": ("read", [{"id": token_id}]),
        "create": ("create", ["measured"]),
    }
    slots = {}
    for number, (name, (method, arguments)) in enumerate(calls.items()):
        script = folder / f"{number}.lua"
        script.write_text(SCRIPT.format(token=token, body=orjson.dumps(arguments).decode()))
        slots[name] = (method, script)
    return slots


@click.command()
@click.option("--rounds", default=5)
@click.option("--seconds", default=3)
@click.option("--bare", is_flag=True, hidden=True)
def main(rounds: int, seconds: int, bare: bool) -> None:
    """Measure, or be what is compared with."""
    if bare:
        uvloop.run(serve_bare())
    else:
        with tempfile.TemporaryDirectory() as folder:
            uvloop.run(measure(rounds, seconds, Path(folder)))


if __name__ == "__main__":
    main()
