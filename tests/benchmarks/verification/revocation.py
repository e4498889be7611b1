"""How soon a token that was deleted is refused by every process; and that none is late."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

import orjson
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from tests.benchmarks.verification.findings import Finding, at_most, milliseconds, percentile
from tests.benchmarks.verification.ground import VERIFY, Database, Ground, call
from tests.support import until

PROCESSES: Final = 4
DELETIONS: Final = 200


@dataclass(slots=True)
class Poller:
    """Asks one process about one token, as fast as it answers."""

    socket: ClientWebSocketResponse
    # When each answer "valid" was asked for, and when it came.
    valid: list[tuple[float, float]] = field(default_factory=list)

    async def run(self, token: str) -> None:
        """Ask until the token is refused."""
        frame = orjson.dumps({"jsonrpc": "2.0", "method": VERIFY, "params": [token], "id": 1})
        asked = time.perf_counter()
        while await self._is_valid(frame):
            self.valid.append((asked, asked := time.perf_counter()))

    async def _is_valid(self, frame: bytes) -> bool:
        await self.socket.send_frame(frame, WSMsgType.TEXT)
        answer = orjson.loads((await self.socket.receive()).data)
        return bool(answer["result"]["data"]["valid"])


@dataclass(frozen=True, slots=True)
class Deletion:
    """How it went: seconds that delete took, seconds after which all refused, late answers."""

    took: float
    last_valid: float
    late: int
    propagated: dict[str, Any]


async def revocation(ground: Ground) -> list[Finding]:
    """Delete tokens, one after the other, while each of four processes is asked about them."""
    database = await ground.database()
    async with AsyncExitStack() as stack:
        pollers, root = await _opened(database, stack)
        found = [await _deletion(pollers, root) for _ in range(DELETIONS)]
    return [_soon(found), _late(found), _duration(found)]


async def _opened(database: Database, stack: AsyncExitStack) -> tuple[list[Poller], ClientSession]:
    """A poller of each process, and an administrator at the first."""
    servers = [await stack.enter_async_context(database.served()) for _ in range(PROCESSES)]
    pollers = []
    for server in servers:
        session = await stack.enter_async_context(database.session(server))
        pollers.append(Poller(await stack.enter_async_context(session.ws_connect("/api"))))
    return pollers, await stack.enter_async_context(database.administration(servers[0]))


async def _deletion(pollers: list[Poller], root: ClientSession) -> Deletion:
    made = (await call(root, "api-tokens/create", "to be deleted"))["data"]
    for poller in pollers:
        poller.valid.clear()
    tasks = [asyncio.create_task(poller.run(made["token"])) for poller in pollers]

    async def known_to_all() -> bool:
        return all(len(poller.valid) > 1 for poller in pollers)

    await until(known_to_all)
    began = time.perf_counter()
    answer = await call(root, "api-tokens/delete", made["id"])
    answered = time.perf_counter()
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks)
    valid = [times for poller in pollers for times in poller.valid]
    return Deletion(
        answered - began,
        max(0.0, max(came for _, came in valid) - answered),
        sum(asked > answered for asked, _ in valid),
        answer.get("meta", {}).get("propagated", {}),
    )


def _soon(found: list[Deletion]) -> Finding:
    times = [deletion.last_valid for deletion in found]
    name = f"revocation: delete answered → last valid of {PROCESSES} processes, p99"
    late = percentile(times, 99)
    details = f"p50 {milliseconds(median(times))}, longest {milliseconds(max(times))}"
    return Finding(name, late * 1000, milliseconds(late), at_most(100), details)


def _late(found: list[Deletion]) -> Finding:
    late = sum(deletion.late for deletion in found)
    pending = sum("pending" in deletion.propagated for deletion in found)
    processes = min(deletion.propagated.get("processes", 0) for deletion in found)
    details = f"{len(found)} deletions; receipts of {processes} processes, {pending} incomplete"
    return Finding(
        "valid to what was asked after the receipt", late, str(late), at_most(0), details
    )


def _duration(found: list[Deletion]) -> Finding:
    times = [deletion.took for deletion in found]
    shown = f"{milliseconds(median(times))}, p99 {milliseconds(percentile(times, 99))}"
    return Finding("delete itself, p50", median(times), shown)
