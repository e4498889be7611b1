"""What clients are told when the service was deaf for a while: that something may be missing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.listener import Ear, Listener
from tests.conftest import MemberMaker
from tests.methods.support import Sql
from tests.support import Api, until
from tests.wire.websocket.support import CHANGE, Connect, Place, change, marked

MISSED = [CHANGE, {"id": None, "action": "missed"}]


class Deafness:
    """Keeps the listener from connecting again, from when it is used until the end of its block."""

    def __init__(self, sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
        self._sql = sql
        self._tries = 0
        self._over = asyncio.Event()
        real = Listener.connect

        async def connect(itself: Listener) -> Ear:
            self._tries += 1
            await self._over.wait()
            return await real(itself)

        monkeypatch.setattr(Listener, "connect", connect)

    @asynccontextmanager
    async def lasts(self) -> AsyncIterator[None]:
        """The listener hears nothing in this block."""
        await self._sql.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'api-tokens listener' and datname = current_database()"
        )
        await until(self._is_deaf)
        yield
        self._over.set()

    async def _is_deaf(self) -> bool:
        return self._tries > 0


@pytest.fixture
def deafness(place: Place, unsettled: Sql, monkeypatch: pytest.MonkeyPatch) -> Deafness:
    """Of the test's own service, which listens already."""
    return Deafness(unsettled, monkeypatch)


async def test_a_subscriber_is_told_that_it_may_have_missed_something(
    root: Api, connect: Connect, deafness: Deafness
) -> None:
    """Once; what happened meanwhile is not told, and what comes after it is."""
    peer = await connect(root.token)
    await peer.subscribe()
    token = (await root("api-tokens/create", "ci"))["id"]
    assert await peer.event() == change(token, "create")
    async with deafness.lasts():
        await root("api-tokens/update", token, {"name": "unheard"})
    assert await peer.event() == MISSED
    assert await peer.events_until(await marked(root)) == []


async def test_who_did_not_subscribe_is_not_told(
    root: Api, member: MemberMaker, connect: Connect, unsettled: Sql, deafness: Deafness
) -> None:
    """A client that keeps no list has nothing to read again."""
    peer, other = await connect((await member("alice")).token), await connect(root.token)
    await peer.call("session/read")
    await other.subscribe()
    async with deafness.lasts():
        pass
    assert await other.event() == MISSED
    await unsettled.execute("update api_tokens set enabled = false where name = 'alice''s'")
    assert await peer.events_until(["sessionDisable"]) == []


ENDS = {
    "sessionDisable": ("update api_tokens set enabled = false where name = 'alice''s'", -32813),
    "sessionDelete": ("delete from api_tokens where name = 'alice''s'", -32815),
}


@pytest.mark.parametrize("event", ENDS)
async def test_a_token_that_ended_meanwhile_is_told(
    member: MemberMaker, connect: Connect, unsettled: Sql, deafness: Deafness, event: str
) -> None:
    """Everybody's standing is looked at again; of tokens they hear nothing more."""
    statement, code = ENDS[event]
    alice = await member("alice")
    peer = await connect(alice.token)
    await peer.subscribe()
    async with deafness.lasts():
        await unsettled.execute(statement)
    assert await peer.event() == [event]
    assert await peer.code() == code


async def test_calls_go_on_meanwhile(
    root: Api, connect: Connect, unsettled: Sql, deafness: Deafness
) -> None:
    """Each asks who calls: nobody is let through because nobody heard."""
    made = await root("api-tokens/create", "ci")
    peer, other = await connect(made["token"]), await connect(root.token)
    assert await peer.code() is None
    async with deafness.lasts():
        await unsettled.execute("update api_tokens set enabled = false where name = 'ci'")
        assert [await peer.code(), await other.code()] == [-32813, None]


async def test_subscribing_meanwhile(root: Api, connect: Connect, deafness: Deafness) -> None:
    """Is answered at once; when the service hears again, the client is told to look."""
    peer = await connect(root.token)
    async with deafness.lasts():
        await peer.subscribe()
    assert await peer.event() == MISSED
    mark = await marked(root)
    assert await peer.event() == mark
