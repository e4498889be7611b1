"""Calls per second of the service, as a share of a bare aiohttp handler's in the same run.

    python -m tests.benchmarks.calls [--rounds 5] [--seconds 3]

Needs `wrk`. Slots are short and interleaved, since machines change speed while one measures: only
the ratios mean anything. The bare handler reads the body and answers constant bytes, on uvloop.
"""

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import click
import orjson
import uvloop
from aiohttp import ClientSession

from tests.benchmarks import bare, wrk
from tests.benchmarks.wrk import Bodies
from tests.support import running_server


async def measure(rounds: int, seconds: int, folder: Path) -> None:
    """Measure everything in turn, several times, and print medians of the ratios."""
    data = str(folder / "data")
    async with running_server("--data-dir", data) as server, bare.running() as least:
        token = server.root_token
        slots = await prepare(server.url, token, folder)
        ratios: dict[str, list[float]] = {name: [] for name in slots}
        for _ in range(rounds):
            base = await wrk.load(least.url, token, slots["authentication alone"][1], seconds)
            for name, (method, bodies) in slots.items():
                url = f"{server.url}/v1/api-tokens/{method}"
                found = await wrk.load(url, token, bodies, seconds)
                ratios[name].append(found.rate / base.rate)
    print("call | share of a bare handler: median (lowest-highest)")
    for name, shares in ratios.items():
        print(f"{name} | {median(shares):.2f} ({min(shares):.2f}-{max(shares):.2f})")


async def prepare(url: str, token: str, folder: Path) -> dict[str, tuple[str, Bodies]]:
    """What is measured: name → method and the body of its calls."""
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
        file = folder / f"{number}.json"
        file.write_bytes(orjson.dumps(arguments) + b"\n")
        slots[name] = (method, Bodies(file))
    return slots


@click.command()
@click.option("--rounds", default=5)
@click.option("--seconds", default=3)
def main(rounds: int, seconds: int) -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(measure(rounds, seconds, Path(folder)))


if __name__ == "__main__":
    main()
