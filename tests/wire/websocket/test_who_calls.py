"""Who calls over a WebSocket: the credentials of its handshake, asked about at every call."""

import base64
from collections.abc import Mapping

import pytest

from app.wire.cookies import NAME
from tests.conftest import MemberMaker
from tests.methods.support import PASSWORD, Sql
from tests.people import person
from tests.support import Api
from tests.wire.websocket.support import Connect, Place

NEVER_MADE = "apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo41Q5rX"


def headers_with(token: str) -> list[Mapping[str, str]]:
    """Each way in which a header carries a token."""
    basic = base64.b64encode(f"{token}:anything".encode()).decode()
    return [
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"Basic {basic}"},
        {"Authorization": token},
        {"X-API-Key": token},
    ]


@pytest.mark.parametrize("way", range(4), ids=["bearer", "basic", "bare", "X-API-Key"])
async def test_a_header_may_carry_the_token(shared: Api, shared_connect: Connect, way: int) -> None:
    """As over HTTP."""
    assert shared.token
    peer = await shared_connect(headers=headers_with(shared.token)[way])
    assert (await peer.data("session/read"))["user"]["name"] == "root"


async def test_one_credential_twice_is_one(shared: Api, shared_connect: Connect) -> None:
    """Beside the subprotocol and in a header."""
    peer = await shared_connect(shared.token, headers={"X-API-Key": str(shared.token)})
    assert await peer.code() is None


async def test_two_that_differ_are_refused(shared: Api, shared_connect: Connect) -> None:
    """Call by call: who is meant nobody can tell."""
    peer = await shared_connect(shared.token, headers={"X-API-Key": NEVER_MADE})
    assert [await peer.code(), await peer.code()] == [400, 400]


async def test_without_a_token_one_is_asked_for(shared_connect: Connect) -> None:
    """The handshake is accepted, or the public client would try again for ever."""
    peer = await shared_connect()
    assert [await peer.code(), await peer.code()] == [-32811, -32811]


@pytest.mark.parametrize(
    "token", [NEVER_MADE, "apt_short", "nonsense", "x" * 600], ids=lambda token: token[:9]
)
async def test_an_unknown_token_is_answered_so(shared_connect: Connect, token: str) -> None:
    """The handshake is accepted, each call refused."""
    peer = await shared_connect(token)
    assert [await peer.code(), await peer.code()] == [-32815, -32815]


async def test_a_disabled_token_is_answered_so(root: Api, connect: Connect) -> None:
    """The handshake is accepted, each call refused until the token is enabled."""
    made = await root("api-tokens/create", "ci")
    await root("api-tokens/set-enabled", made["id"], False)
    peer = await connect(made["token"])
    assert [await peer.code(), await peer.code()] == [-32813, -32813]
    await root("api-tokens/set-enabled", made["id"], True)
    assert await peer.code() is None


async def test_an_expired_token_is_answered_so(root: Api, connect: Connect, sql: Sql) -> None:
    """The handshake is accepted, each call refused."""
    made = await root("api-tokens/create", "ci")
    await sql.execute("update api_tokens set expires = now() where name = 'ci'")
    peer = await connect(made["token"])
    answer = await peer.call("session/read")
    assert answer["error"]["code"] == -32815
    assert "expired" in answer["error"]["message"]


async def test_a_token_that_expires_meanwhile_is_refused(
    root: Api, connect: Connect, sql: Sql
) -> None:
    """No call is let through by what was known of the token before."""
    made = await root("api-tokens/create", "ci")
    peer = await connect(made["token"])
    assert await peer.code() is None
    await sql.execute("update api_tokens set expires = now() where name = 'ci'")
    assert await peer.code() == -32815


@pytest.mark.parametrize("method", ["api-tokens/nothing", "nonsense", ""])
async def test_an_unknown_method_is_told_to_a_guest(shared_connect: Connect, method: str) -> None:
    """As over HTTP, that comes before the question who calls."""
    assert await (await shared_connect()).code(method) == -32809


async def test_a_guest_may_sign_in(root: Api, connect: Connect) -> None:
    """And is given the secret, which is for the next connection."""
    await person(root)
    peer = await connect()
    secret = (await peer.data("session/sign-in", "alice", PASSWORD))["token"]
    assert await peer.code() == -32811
    signed_in = await connect(secret)
    assert (await signed_in.data("session/read"))["user"]["name"] == "alice"


async def cookie_of(root: Api) -> dict[str, str]:
    """The header with which a browser sends alice's session."""
    await person(root)
    made = await root.bearing(None)("session/sign-in", "alice", PASSWORD)
    return {"Cookie": f"{NAME}={made['token']}"}


async def test_a_page_of_ours_has_its_cookie(root: Api, place: Place, connect: Connect) -> None:
    """The console's session counts where the page comes from here."""
    peer = await connect(headers={**await cookie_of(root), "Origin": place.url})
    assert (await peer.data("session/read"))["user"]["name"] == "alice"


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_page_of_others_has_no_cookie(
    root: Api, connect: Connect, origin: str | None
) -> None:
    """A cookie that another site's page makes the browser send counts for nothing."""
    headers = await cookie_of(root) | ({"Origin": origin} if origin else {})
    peer = await connect(headers=headers)
    assert await peer.code() == -32811


async def test_permissions_are_those_of_now(
    root: Api, member: MemberMaker, connect: Connect
) -> None:
    """What is taken from a token is missed at the next call."""
    alice = await member("alice", ["read", "write", "admin"])
    peer = await connect(alice.token)
    assert await peer.code("users/read") is None
    await root("api-tokens/set-permissions", await alice.token_id(), {"read": True})
    assert await peer.code("users/read") == -32811


async def test_calls_at_the_same_time_are_one_callers(root: Api, connect: Connect) -> None:
    """Calls that share the question who calls are all answered."""
    peer = await connect(root.token)
    ids = [await peer.begin("session/read") for _ in range(50)]
    answers = [await peer.answer(call_id) for call_id in ids]
    assert {answer["result"]["data"]["user"]["name"] for answer in answers} == {"root"}
