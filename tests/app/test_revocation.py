"""Revocation, end to end: when it is answered, no process calls the token valid any more."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import pytest

from app.listener import now
from app.listener.processes import LEASE
from app.receipts import LONGEST_WAIT
from tests.app.listening import Proxy, proxied
from tests.app.load import Load
from tests.app.nodes import Node, new_token, running_nodes
from tests.people import PASSWORD
from tests.support import database_of, made_database, until

NUMBER = 4
ASKING = 24
DELETE = "api-tokens/delete"
ENABLE_API = "settings/set-api-enabled"


def counts(meta: Mapping[str, Any]) -> tuple[int, int]:
    """How many processes had to confirm, and how many of them have not."""
    receipt = meta["propagated"]
    return receipt["processes"], receipt.get("pending", 0)


class Site(NamedTuple):
    """Server processes on one database, whose last one goes there through a gate."""

    nodes: list[Node]
    gate: Proxy

    async def until_all_confirm(self) -> None:
        """Wait until every process confirms what is revoked in time."""

        async def do() -> bool:
            made = await self.nodes[0]("api-tokens/create", "short-lived")
            _, meta = await self.nodes[0].answer(DELETE, made["id"])
            return "pending" not in meta["propagated"]

        await until(do)


@pytest.fixture(scope="module")
async def started(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """Four of them, which all tests of this file share."""
    data_dir = str(tmp_path_factory.mktemp("data"))
    async with made_database(postgres, template) as name:
        url = database_of(postgres, name)
        async with (
            proxied(url) as (gate, through),
            running_nodes(data_dir, *[url] * (NUMBER - 1), through) as nodes,
        ):
            yield Site(nodes, gate)


@pytest.fixture
async def site(started: Site) -> Site:
    """The same, all in order."""
    await started.until_all_confirm()
    return started


WAYS: dict[str, tuple[str, str, list[Any], str]] = {
    "delete": (DELETE, "id", [], "NOT_FOUND"),
    "disable": ("api-tokens/set-enabled", "id", [False], "DISABLED"),
    "rotate": ("api-tokens/rotate", "id", [], "NOT_FOUND"),
    "permissions": ("api-tokens/set-permissions", "id", [{}], "INSUFFICIENT_PERMISSIONS"),
    "user": ("users/set-enabled", "user_id", [False], "USER_DISABLED"),
    "user's permissions": (
        "users/set-permissions",
        "user_id",
        [{"read": False}],
        "INSUFFICIENT_PERMISSIONS",
    ),
    "user's end": ("users/delete", "user_id", [], "NOT_FOUND"),
}


@pytest.mark.parametrize("way", WAYS)
async def test_no_process_calls_it_valid_any_more(site: Site, way: str) -> None:
    """From the answer on, asked at all processes, with many calls on their way all the time."""
    method, whose, given, expected = WAYS[way]
    made = await new_token(site.nodes[0], way)
    load = Load([node.code for node in site.nodes], [made["token"]], ASKING)
    async with load.running():
        await load.until_counted("VALID")
        _, meta = await site.nodes[1].answer(method, made[whose], *given)
        load.ended(made["token"], meta["propagated"])
        await load.until_counted(expected)
    assert load.late == []
    assert await load.codes([made["token"]]) == {expected}
    assert counts(meta) == (NUMBER, 0)


async def test_the_whole_api_is_disabled(site: Site) -> None:
    """For all tokens at every process; whoever has signed in sees it."""
    root, *_ = site.nodes
    made = await new_token(root, "of the API")
    verdict = await root("api-tokens/verify", root.token)
    await root("users/set-password", verdict["user_id"], PASSWORD)
    person = await root.signed_in("root", PASSWORD)
    load = Load([node.bearing(person.token).code for node in site.nodes], [made["token"]], ASKING)
    async with load.running():
        await load.until_counted("VALID")
        _, meta = await person.answer(ENABLE_API, False)
        load.ended(made["token"], meta["propagated"])
        await load.until_counted("API_DISABLED")
    await person(ENABLE_API, True)
    assert load.late == []
    assert counts(meta) == (NUMBER, 0)
    assert await load.codes([made["token"]]) == {"VALID"}


class Frozen:
    """A process that can be made to do nothing for a while."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def freeze(self) -> None:
        """Let it do nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)


async def refuses(node: Node, token: str) -> bool:
    """Whether a process says that there is no such token."""
    return await node.code(token) == "NOT_FOUND"


@pytest.fixture
def frozen(site: Site) -> Iterator[Frozen]:
    """The last process, which can be frozen."""
    frozen = Frozen(site.nodes[-1].server.process)
    yield frozen
    frozen.thaw()


async def test_a_frozen_process_holds_up_nobody(site: Site, frozen: Frozen) -> None:
    """The answer comes in a second and says so; the others refuse at once, it does when it can."""
    *others, last = site.nodes
    made = await new_token(others[0], "frozen")
    load = Load([node.code for node in site.nodes], [made["token"]], ASKING)
    async with load.running():
        frozen.freeze()
        began = now()
        _, meta = await others[0].answer(DELETE, made["id"])
        took = now() - began
        load.ended(made["token"], meta["propagated"])
        codes = {await node.code(made["token"]) for node in others}
        frozen.thaw()
        await until(partial(refuses, last, made["token"]))
        assert now() < load.over[made["token"]]
    assert counts(meta) == (NUMBER, 1)
    assert took < LONGEST_WAIT + 1
    assert codes == {"NOT_FOUND"}
    assert load.late == []
    assert await load.codes([made["token"]]) == {"NOT_FOUND"}


async def test_a_process_that_was_frozen_for_long(site: Site, frozen: Frozen) -> None:
    """What it is asked after the lease it refuses, first of all that it does."""
    first, *_, last = site.nodes
    made = await new_token(first, "frozen for long")
    assert await last.code(made["token"]) == "VALID"
    frozen.freeze()
    _, meta = await first.answer(DELETE, made["id"])
    over = now() + LEASE

    async def is_over() -> bool:
        return now() >= over

    await until(is_over)
    asked = [asyncio.create_task(last.code(made["token"])) for _ in range(20)]
    await asyncio.sleep(0)
    frozen.thaw()
    assert {*await asyncio.gather(*asked)} == {"NOT_FOUND"}
    assert counts(meta) == (NUMBER, 1)


async def test_a_process_that_is_cut_off(site: Site) -> None:
    """It knows that it hears of nothing, and refuses everything; that it is pending is told."""
    first, *_, last = site.nodes
    made = await new_token(first, "cut off")
    load = Load([node.code for node in site.nodes], [made["token"]], ASKING)
    async with load.running():
        site.gate.refuses = True
        site.gate.cut()
        try:
            _, meta = await first.answer(DELETE, made["id"])
            load.ended(made["token"], {})
            code = await last.code(made["token"])
        finally:
            site.gate.refuses = False
        await until(partial(refuses, last, made["token"]))
    assert counts(meta) == (NUMBER, 1)
    assert code == "BACKEND_DOWN"
    assert load.late == []
    assert await load.codes([made["token"]]) == {"NOT_FOUND"}
