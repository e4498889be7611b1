"""Verification while things fail: a clear refusal if need be, never "valid" for what is revoked."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from app import receipts
from app.config import Settings
from app.listener import ear, processes
from app.services import Services, open_services
from tests.app.listening import Proxy, proxied
from tests.app.load import Load, verifier
from tests.conftest import settings_for
from tests.methods.support import Sql
from tests.support import Api, first_token, until

KEPT, REVOKED = 4, 16
DELETE = "api-tokens/delete"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that has to be waited for takes less time."""
    monkeypatch.setattr(processes, "BEAT", 0.1)
    monkeypatch.setattr(processes, "LEASE", 0.6)
    monkeypatch.setattr(ear, "PATIENCE", 1.0)
    monkeypatch.setattr(receipts, "LONGEST_WAIT", 0.3)
    monkeypatch.setattr(receipts, "AGAIN", 0.05)


class Tokens(NamedTuple):
    """Tokens of root's: those that stay, and those that are to be revoked, all with their ids."""

    kept: dict[str, str]
    doomed: dict[str, str]


async def made_tokens(root: Api) -> Tokens:
    """New ones."""
    made = [await root("api-tokens/create", str(n)) for n in range(KEPT + REVOKED)]
    ids = [(row["token"], row["id"]) for row in made]
    return Tokens(dict(ids[:KEPT]), dict(ids[KEPT:]))


@pytest.fixture
async def pair(
    settings: Settings, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Services, Services, Proxy]]:
    """Two processes' services on one database, and the gate that the second goes through."""
    assert settings.database_url
    async with AsyncExitStack() as stack:
        gate, url = await stack.enter_async_context(proxied(settings.database_url))
        near = await stack.enter_async_context(open_services(settings, serving=True))
        through = replace(settings, database_url=url, **getattr(request, "param", {}))
        far = await stack.enter_async_context(open_services(through, serving=True))
        yield near, far, gate


async def listeners(sql: Sql) -> list[int]:
    """The database's processes that listeners are connected to."""
    rows = await sql.fetch(
        "select pid from pg_stat_activity where application_name = 'api-tokens listener'"
        " and datname = current_database()"
    )
    return [row["pid"] for row in rows]


async def kill_listeners(sql: Sql, killed: list[int]) -> None:
    """End the connection of one listener after the other, whenever all are connected."""

    async def are_there() -> bool:
        return len(await listeners(sql)) == 2

    while True:
        await until(are_there)
        killed.append(sorted(await listeners(sql))[len(killed) % 2])
        await sql.execute("select pg_terminate_backend($1)", killed[-1])


async def test_listeners_that_are_killed_again_and_again(
    pair: tuple[Services, Services, Proxy], unsettled: Sql
) -> None:
    """Whatever a receipt says of a revocation then is so, and good tokens are good all the time."""
    near, far, _ = pair
    root = Api(near, await first_token(near))
    kept, doomed = await made_tokens(root)
    load = Load([verifier(near), verifier(far)], [*kept, *doomed])
    killed: list[int] = []
    async with load.running():
        killing = asyncio.create_task(kill_listeners(unsettled, killed))
        for token, token_id in doomed.items():
            assert await load.revoke(root, token, DELETE, token_id)
        killing.cancel()
        await asyncio.wait([killing])
        await load.until_all_is_over()
    assert len(killed) > 2
    assert load.late == []
    assert load.counts.keys() == {"VALID", "NOT_FOUND"}
    assert await load.codes([*doomed]) == {"NOT_FOUND"}
    assert await load.codes([*kept]) == {"VALID"}


# A statement that is never answered is given up a second after this.
IMPATIENT = {"statement_timeout": 0.3}


@pytest.mark.parametrize("pair", [IMPATIENT], indirect=True, ids=["impatient"])
@pytest.mark.parametrize("fault", ["cut off", "silent"])
async def test_a_database_that_is_out_of_reach_for_one(
    pair: tuple[Services, Services, Proxy], fault: str
) -> None:
    """It refuses, as soon as it can know that it is so, and is back by itself when that is over."""
    near, far, gate = pair
    root = Api(near, await first_token(near))
    kept, doomed = await made_tokens(root)
    load = Load([verifier(far)], [*kept, *doomed])
    async with load.running():
        if fault == "silent":
            gate.fall_silent()
        else:
            gate.refuses = True
            gate.cut()
        ending = (load.revoke(root, token, DELETE, token_id) for token, token_id in doomed.items())
        assert all(await asyncio.gather(*ending))
        await load.until_refused()
        gate.refuses = False
        await load.until_all_is_over()
        await load.until_counted("VALID")
    assert load.late == []
    assert load.counts.keys() == {"VALID", "NOT_FOUND", "BACKEND_DOWN"}
    assert await load.codes([*doomed]) == {"NOT_FOUND"}
    assert await load.codes([*kept]) == {"VALID"}


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Services]:
    """Services with a database server of their own."""
    settings = replace(settings_for("", tmp_path / "data"), database_url=None)
    async with open_services(settings, serving=True) as opened:
        yield opened


def postmaster(services: Services) -> int:
    """The process of the database server."""
    path = services.settings.data_dir / "postgres" / "postmaster.pid"
    return int(path.read_text().split()[0])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
async def test_a_database_that_ends_and_is_started_again(
    alone: Services, how: signal.Signals
) -> None:
    """Calls are refused with "later" meanwhile; what was revoked before or between stays so."""
    root = Api(alone, await first_token(alone))
    kept, doomed = await made_tokens(root)
    load = Load([verifier(alone)], [*kept, *doomed])
    waiting = [*doomed.items()]
    async with load.running():
        for token, token_id in waiting[: REVOKED // 2]:
            assert await load.revoke(root, token, DELETE, token_id)
        os.kill(postmaster(alone), how)
        await load.until_refused()
        for token, token_id in waiting[REVOKED // 2 :]:
            await until(partial(load.revoke, root, token, DELETE, token_id))
        await load.until_all_is_over()
        await load.until_counted("VALID")
    assert load.late == []
    assert load.counts.keys() == {"VALID", "NOT_FOUND", "BACKEND_DOWN"}
    assert await load.codes([*doomed]) == {"NOT_FOUND"}
    assert await load.codes([*kept]) == {"VALID"}
