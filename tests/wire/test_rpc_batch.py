"""Batches at /rpc: how many calls, how many at a time, and what HTTP is told of them all."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import orjson
import pytest

from app.authentication import Authenticates
from app.call import Caller, Row, Sql, Success
from app.config import Settings
from app.read_options import Selection
from app.services import open_services
from app.token_format import SESSION_PREFIX, make
from app.wire import rpc
from app.wire.cookies import NAME
from app.wire.http import Answer
from tests.people import PASSWORD, http_client, person
from tests.support import Api, first_token
from tests.wire.support import (
    CREATE,
    LIMIT,
    READ,
    answer_to,
    call,
    code,
    error,
    names,
    post,
    received,
    told,
)

Found = TypeVar("Found")

OWN_PAGE: Final = {"Sec_Fetch_Site": "same-origin"}
FORGET: Final = f"{NAME}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
SIGN_IN: Final = call("v1/session/sign-in", ["alice", PASSWORD], id="in")


async def test_a_batch_may_have_as_many_calls_as_the_limit(root: Api) -> None:
    """A hundred are answered, in their order."""
    documents = await told(root, [call("nothing", id=number) for number in range(LIMIT)])
    assert [code(each) for each in documents] == [(number, -32601) for number in range(LIMIT)]


async def test_a_batch_may_not_have_more(root: Api) -> None:
    """One more and none is run; a single error says so, of whatever is in it."""
    refused = await told(root, [call(CREATE, ["x"], id=number) for number in range(LIMIT)] + [1])
    text = "Invalid Request: a batch may have at most 100 calls"
    assert error(refused) == (None, -32600, text)
    assert await names(root) == []


async def test_notifications_count_too(root: Api) -> None:
    """A batch that is too long is refused even if nobody waits for an answer."""
    refused = await told(root, [call(CREATE, ["x"])] * (LIMIT + 1))
    assert code(refused) == (None, -32600)
    assert await names(root) == []


async def test_the_limit_is_a_setting(settings: Settings) -> None:
    """The operator's limit is what holds over HTTP."""
    async with open_services(replace(settings, batch_limit=2), serving=True) as services:
        headers = {"Authorization": f"Bearer {await first_token(services)}"}
        async with http_client(services) as http:
            calls = [call("nothing", id=number) for number in range(3)]
            taken = await http.post("/rpc", json=calls[:2], headers=headers)
            refused = await http.post("/rpc", json=calls, headers=headers)
            assert [code(each) for each in await taken.json()] == [(0, -32601), (1, -32601)]
            text = "Invalid Request: a batch may have at most 2 calls"
            assert error(await refused.json()) == (None, -32600, text)


async def test_ids_may_occur_twice(root: Api) -> None:
    """Whoever gives them so gets them so: each call is run and answered."""
    documents = await told(
        root, [call(CREATE, [name], id=1) for name in "abc"] + [call("nothing", id=1)]
    )
    assert [each["id"] for each in documents] == [1, 1, 1, 1]
    assert [each["result"]["data"]["name"] for each in documents[:3]] == ["a", "b", "c"]
    assert await names(root) == ["a", "b", "c"]


async def test_invalid_calls_among_notifications_are_answered(root: Api) -> None:
    """They are not taken for notifications themselves."""
    documents = await told(root, [call(CREATE, ["x"]), 1, call(CREATE, ["y"]), {"jsonrpc": "2.0"}])
    assert [code(each) for each in documents] == [(None, -32600), (None, -32600)]
    assert await names(root) == ["x", "y"]


async def test_a_batch_in_a_batch_is_an_invalid_request(root: Api) -> None:
    """It is one call that is none."""
    [refused] = await told(root, [[call(CREATE, ["x"], id=1)]])
    assert code(refused) == (None, -32600)
    assert await names(root) == []


async def test_a_refused_credential_answers_each_call(root: Api) -> None:
    """But for notifications: nobody waits for their answer."""
    batch = [call(READ, id=1), call(CREATE, ["x"]), call("nothing", id=2), call(READ, id=3)]
    documents = await told(root.bearing("nonsense"), batch)
    assert [code(each) for each in documents] == [(1, -32815), (2, -32815), (3, -32815)]


async def test_two_credentials_are_refused_for_each_call(root: Api) -> None:
    """They are never silently ranked."""
    documents = await told(root, [call(READ, id=1), call(READ, id=2)], X_API_Key=make("apt"))
    assert [code(each) for each in documents] == [(1, 400), (2, 400)]


@dataclass
class Turnstile:
    """Lets every statement through, and counts how many are under way at a time."""

    before: Sql
    inside: int = 0
    most: int = 0

    async def row(self, name: str, values: Mapping[str, Any]) -> Row | None:
        """The first row, as the one before it has it."""
        return await self._through(self.before.row(name, values))

    async def rows(self, name: str, values: Mapping[str, Any]) -> list[Row]:
        """Every row, as the one before it has it."""
        return await self._through(self.before.rows(name, values))

    async def page(self, name: str, values: Mapping[str, Any], selection: Selection) -> Success:
        """One page, as the one before it has it."""
        return await self._through(self.before.page(name, values, selection))

    async def staged(self, *given: Any) -> Row | None:
        """The first row, as the one before it has it."""
        return await self._through(self.before.staged(*given))

    async def _through(self, work: Awaitable[Found]) -> Found:
        """Whoever else may run gets the time to come in too."""
        self.inside += 1
        self.most = max(self.most, self.inside)
        for _ in range(10):
            await asyncio.sleep(0)
        found = await work
        self.inside -= 1
        return found


@pytest.mark.parametrize(("size", "most"), [(1, 1), (rpc.AT_ONCE, rpc.AT_ONCE), (30, rpc.AT_ONCE)])
async def test_few_calls_run_at_the_same_time(root: Api, size: int, most: int) -> None:
    """A batch does not keep all others from the database; all of it is answered all the same."""
    turnstile = Turnstile(root.services.dispatcher.sql)
    dispatcher = replace(root.services.dispatcher, sql=turnstile)
    batch = [call(READ, id=number) for number in range(size)]
    answered = await answer_to(dispatcher, received(batch, Authorization=f"Bearer {root.token}"))
    assert [each["id"] for each in orjson.loads(answered.body)] == list(range(size))
    assert (turnstile.most, turnstile.inside) == (most, 0)


@dataclass
class Asked:
    """Tells who calls, as the one before it does, and counts how often it was asked."""

    before: Authenticates
    times: int = 0

    def kept(self, credentials: Sequence[str]) -> Caller | None:  # noqa: ARG002 - whoever it is
        """Nobody, as if nothing were known."""
        return None

    async def caller(self, credentials: Sequence[str]) -> Caller:
        """Who calls."""
        self.times += 1
        return await self.before.caller(credentials)


async def test_calls_of_a_batch_share_the_question_who_calls(root: Api) -> None:
    """It is asked once for those that begin at the same time, also of who is nobody."""
    for token in (root.token, make("apt")):
        asked = Asked(root.services.dispatcher.authentication)
        dispatcher = replace(root.services.dispatcher, authentication=asked)
        batch = [call(READ, id=number) for number in range(rpc.AT_ONCE)]
        answered = await answer_to(dispatcher, received(batch, Authorization=f"Bearer {token}"))
        assert len(orjson.loads(answered.body)) == rpc.AT_ONCE
        assert asked.times == 1


async def browse(root: Api, batch: Any, secret: str | None = None) -> Answer:
    """What a page of ours is answered, which shows a session's secret if there is one."""
    shown = {"Cookie": f"{NAME}={secret}"} if secret else {}
    return await post(root.bearing(None), batch, **OWN_PAGE, **shown)


def dead_secret() -> str:
    """A session's secret that was never one."""
    return make(SESSION_PREFIX)


def kept(answered: Answer) -> str:
    """The secret that the browser is told to keep."""
    name, _, rest = answered.headers["Set-Cookie"].partition("=")
    assert name == NAME
    return rest.partition(";")[0]


async def test_signing_in_sets_the_cookie(root: Api) -> None:
    """The header is that of the call, though the answer is a batch's."""
    await person(root)
    answered = await browse(root, [call("nothing", id=1), SIGN_IN, call("nothing", id=2)])
    secret = orjson.loads(answered.body)[1]["result"]["data"]["token"]
    assert kept(answered) == secret


async def test_signing_in_twice_keeps_the_later_session(root: Api) -> None:
    """A browser keeps one cookie of a name, so one is set."""
    await person(root)
    answered = await browse(root, [SIGN_IN, {**SIGN_IN, "id": "again"}])
    secrets = [each["result"]["data"]["token"] for each in orjson.loads(answered.body)]
    assert (kept(answered), len(set(secrets))) == (secrets[1], 2)


async def test_a_notification_signs_in_too(root: Api) -> None:
    """The cookie is set by an answer without a body."""
    await person(root)
    answered = await browse(root, call("v1/session/sign-in", ["alice", PASSWORD]))
    assert (answered.status, answered.body) == (204, b"")
    assert kept(answered)


@pytest.mark.parametrize("is_batch", [False, True])
async def test_a_dead_session_is_forgotten(root: Api, is_batch: bool) -> None:
    """The browser shall not send it again."""
    read = call(READ, id=1)
    answered = await browse(root, [read, read] if is_batch else read, dead_secret())
    assert answered.headers["Set-Cookie"] == FORGET


async def test_signing_out_forgets_the_session(root: Api) -> None:
    """The calls before it were still made by the session."""
    await person(root)
    secret = kept(await browse(root, SIGN_IN))
    answered = await browse(root, call("v1/session/sign-out", id=1), secret)
    assert answered.headers["Set-Cookie"] == FORGET


@pytest.mark.parametrize("sign_in_first", [True, False])
async def test_a_new_session_is_kept_beside_a_dead_one(root: Api, sign_in_first: bool) -> None:
    """Whatever else the batch asked with the old cookie, the new one is what the browser keeps."""
    await person(root)
    batch = [SIGN_IN, call(READ, id=1)]
    answered = await browse(root, batch if sign_in_first else batch[::-1], dead_secret())
    secrets = [
        each["result"]["data"]["token"] for each in orjson.loads(answered.body) if "result" in each
    ]
    assert [kept(answered)] == secrets


async def test_a_live_session_is_not_touched(root: Api) -> None:
    """Calls of one that goes on say nothing of it."""
    await person(root)
    secret = kept(await browse(root, SIGN_IN))
    answered = await browse(root, [call(READ, id=1), call("nothing", id=2)], secret)
    assert "Set-Cookie" not in answered.headers
