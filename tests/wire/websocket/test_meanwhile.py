"""What changes while it is being found out who calls."""

import asyncio
from typing import Any, Final

import pytest

from app.authentication import Authentication
from app.call import Caller
from app.errors import Code, Refusal
from tests.methods.support import Sql
from tests.support import Api, until
from tests.wire.websocket.support import MISSED, Connect, Place, begin_subscription, make_token


class Held:
    """Holds back what authentication has found, until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found = asyncio.Event()
        self.go_on = asyncio.Event()
        self.asked = 0
        self._monkeypatch = monkeypatch

    def begin(self) -> None:
        """Do so from now on."""
        real = Authentication.caller

        async def caller(itself: Authentication, credentials: Any) -> Caller:
            self.asked += 1
            answer = await real(itself, credentials)
            if credentials and not self.go_on.is_set():
                self.found.set()
                await self.go_on.wait()
            return answer

        self._monkeypatch.setattr(Authentication, "caller", caller)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """Holds back who calls, from now on."""
    return Held(monkeypatch)


CHANGES: Final = {
    "sessionDisable": ("enabled = false", -32813),
    "sessionDelete": ("digest = 'x'", -32815),
}


@pytest.mark.parametrize("event", CHANGES)
async def test_told_even_of_what_happens_during_the_handshake(
    root: Api, connect: Connect, sql: Sql, held: Held, event: str
) -> None:
    """What is read before a change, and used after it, is looked at again."""
    change, code = CHANGES[event]
    made = await root("api-tokens/create", "ci")
    held.begin()
    peer = await connect(made["token"])
    await held.found.wait()
    await sql.execute(f"update api_tokens set {change} where name = 'ci'")
    held.go_on.set()
    assert await peer.event() == [event]
    assert await peer.code() == code


async def test_a_call_is_not_let_through_by_an_older_answer(
    root: Api, connect: Connect, sql: Sql, held: Held
) -> None:
    """A call that comes while the question who calls is open has it asked anew."""
    made = await root("api-tokens/create", "ci")
    held.begin()
    peer = await connect(made["token"])
    await held.found.wait()
    await sql.execute("update api_tokens set enabled = false where name = 'ci'")
    call_id = await peer.begin("session/read")
    await (await connect()).call("/schema")
    held.go_on.set()
    assert (await peer.answer(call_id))["error"]["code"] == -32813


async def test_who_is_gone_is_not_asked_about(
    root: Api, place: Place, connect: Connect, held: Held
) -> None:
    """What is found out of a connection that is closed has no consequences."""
    held.begin()
    peer = await connect(root.token)
    await held.found.wait()
    await peer.websocket.close()
    await until(place.is_quiet)
    held.go_on.set()
    assert await (await connect()).code() == -32811
    assert held.asked == 1


async def test_a_first_frame_that_subscribes_misses_no_token(
    root: Api, connect: Connect, sql: Sql, held: Held
) -> None:
    """Of one that is being made it is told, as if it had been known before who calls."""
    held.begin()
    peer = await connect(root.token)
    await held.found.wait()
    async with sql.transaction():
        token_id = await make_token(sql)
        subscribed = await begin_subscription(peer)
        held.go_on.set()
        await peer.answer(subscribed)
    assert await peer.event() == MISSED
    assert token_id in [row["id"] for row in await peer.data("api-tokens/read")]


async def test_who_is_known_too_late_misses_no_change(
    root: Api, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscription while the database cannot say who calls is made good afterwards."""
    real, busy = Authentication.caller, True

    async def caller(itself: Authentication, credentials: Any) -> Caller:
        if credentials and busy:
            raise Refusal(Code.BACKEND_DOWN)
        return await real(itself, credentials)

    monkeypatch.setattr(Authentication, "caller", caller)
    peer = await connect(root.token)
    await peer.subscribe()
    busy = False
    assert await peer.event() == MISSED
