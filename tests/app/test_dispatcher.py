import logging
from typing import Any

import pytest
from asyncpg import Connection, Record

from app.call import Caller, Failure, Request, Success
from app.services import Services
from app.token_format import make
from tests.conftest import MemberMaker
from tests.methods.support import Sql, events
from tests.support import MISSING_ID, Api

READ = "/v1/api-tokens/read"
CREATE = "/v1/api-tokens/create"
ADD_USER = "/v1/users/create"
DISABLE = "update api_tokens set enabled = false where name = 'alice''s'"
EXPIRE = "update api_tokens set expires = now() where name = 'alice''s'"


async def refused(api: Api, method: str, *arguments: Any, read_only: bool = False) -> Failure:
    """How a call is refused."""
    credentials = () if api.token is None else (api.token,)
    request = Request(method, list(arguments), credentials, read_only, id="request-7")
    result = await api.services.dispatcher.dispatch(request)
    assert isinstance(result, Failure), result
    return result


# wire.md: credentials known → method exists → account enabled → limits → arguments → permission →
# the method's own. Each test below breaks a rule and every later one that can be broken with it.


async def test_credentials_come_before_the_method(services: Services) -> None:
    """A stranger learns nothing about which methods there are."""
    stranger = Api(services, make("apt"))
    assert (await refused(stranger, "/v1/nothing", 1, 2, 3)).code == -32815


async def test_an_expired_credential_comes_before_the_method(
    member: MemberMaker, sql: "Connection[Record]"
) -> None:
    """Nor does a token that was good once."""
    alice = await member("alice")
    await sql.execute(EXPIRE)
    assert (await refused(alice, "/v1/nothing")).code == -32815


async def test_two_credentials_come_before_the_method(root: Api) -> None:
    """Which of them to believe is the first question."""
    request = Request("/v1/nothing", [], (root.token or "", make("apt")))
    result = await root.services.dispatcher.dispatch(request)
    assert isinstance(result, Failure)
    assert result.code == 400


@pytest.mark.parametrize(
    "method",
    [
        "/v1/nothing",
        "/v1/api-tokens",
        "/v1/api-tokens/",
        "/v1/api-tokens/read/",
        "/v1/api-tokens/Read",
        "/v1/api_tokens/read",
        "/v1/api-tokens/set_enabled",
        "/v2/api-tokens/read",
        "api-tokens/read",
        "v1/api-tokens/read",
        "//v1/api-tokens/read",
        "/v1/_service/ready",
        "/v1/api-tokens/__init__",
        "",
        "\ud800",
    ],
)
async def test_an_unknown_method_is_none(root: Api, method: str) -> None:
    """A name is exactly what the schema file says."""
    failure = await refused(root, method)
    assert (failure.code, failure.text) == (-32809, "API method not found")
    assert (await refused(root.bearing(None), method)).code == -32809


async def test_the_method_comes_before_the_account(
    member: MemberMaker, sql: "Connection[Record]"
) -> None:
    """A disabled token, too, is told that there is no such method."""
    alice = await member("alice")
    await sql.execute(DISABLE)
    assert (await refused(alice, "/v1/nothing", 1, 2, 3)).code == -32809


async def test_the_account_comes_before_the_arguments(
    member: MemberMaker, sql: "Connection[Record]"
) -> None:
    """A disabled token is told so before its arguments are looked at."""
    alice = await member("alice")
    await sql.execute(DISABLE)
    assert (await refused(alice, CREATE)).code == -32813
    assert (await refused(alice, ADD_USER, "bob")).code == -32813


async def test_the_arguments_come_before_the_permission(root: Api, member: MemberMaker) -> None:
    """What is wrong with a call is told to everybody, without a token too."""
    alice = await member("alice")
    for api in (alice, root.bearing(None)):
        assert (await refused(api, ADD_USER)).code == -32808
        assert (await refused(api, ADD_USER, 1)).code == -32808
    assert (await refused(root.bearing(None), CREATE)).code == -32808


async def test_the_permission_comes_before_the_methods_own(root: Api, member: MemberMaker) -> None:
    """Who may not add users does not learn which names are taken, or which permissions are."""
    alice = await member("alice")
    assert (await refused(root, ADD_USER, "alice")).code == 409
    assert (await refused(alice, ADD_USER, "alice")).code == -32811
    assert (await refused(alice, ADD_USER, "bob", {"permissions": ["fly"]})).code == -32811


async def test_a_refused_call_changes_nothing(member: MemberMaker, root: Api) -> None:
    """The method does not run when the permission is missing."""
    alice = await member("alice")
    await refused(alice, ADD_USER, "bob")
    assert [user["name"] for user in await root("users/read")] == ["alice", "root"]


async def test_a_guest_is_asked_for_a_credential(services: Services) -> None:
    """Without one the answer is 401: it says to come back with a token."""
    failure = await refused(Api(services, None), READ)
    assert (failure.code, failure.status, failure.text) == (-32811, 401, "Access denied")


async def test_who_lacks_a_permission_is_denied(member: MemberMaker) -> None:
    """With a credential the answer is 403: another one would be needed."""
    failure = await refused(await member("alice"), ADD_USER, "bob")
    assert (failure.code, failure.status, failure.text) == (-32811, 403, "Access denied")


async def test_reading_alone_cannot_change(root: Api) -> None:
    """A wire that promised to change nothing (GET) does not reach a method that does."""
    failure = await refused(root, CREATE, "by-get", read_only=True)
    assert (failure.code, failure.status) == (-32804, 405)
    assert [row["name"] for row in await root("api-tokens/read")] == ["root"]


async def test_the_arguments_come_before_the_verb(root: Api) -> None:
    """`create` by GET lacks its name, and is told so."""
    assert (await refused(root, CREATE, read_only=True)).code == -32808


async def test_reading_alone_can_read(root: Api) -> None:
    """A method that changes nothing may be called so."""
    request = Request(READ, [], (root.token or "",), read_only=True)
    assert isinstance(await root.services.dispatcher.dispatch(request), Success)


async def test_a_known_caller_is_not_asked_again(services: Services) -> None:
    """The command line speaks as a user without a credential."""
    await services.make_root()
    caller = await services.operator("root")
    result = await services.dispatcher.dispatch(Request("/v1/users/read", []), caller)
    assert isinstance(result, Success)
    assert [user["name"] for user in result.data] == ["root"]


async def test_a_known_caller_is_permitted_nothing_more(services: Services) -> None:
    """It holds what it holds."""
    caller = Caller("01900000-0000-7000-8000-00000000dead", "nobody")
    result = await services.dispatcher.dispatch(Request("/v1/users/read", []), caller)
    assert isinstance(result, Failure)
    assert (result.code, result.status) == (-32811, 403)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [(["x", {"expires": "0s"}], "/1/expires"), ({"name": "x", "options": {"expires": "0s"}}, None)],
)
async def test_a_methods_faults_stand_where_they_were_given(
    root: Api, arguments: Any, path: str | None
) -> None:
    """By position or by name, a fault that only the method finds has its path."""
    request = Request(CREATE, arguments, (root.token or "",))
    result = await root.services.dispatcher.dispatch(request)
    assert isinstance(result, Failure)
    [fault] = result.faults
    assert (fault.path, fault.message) == (path or "/options/expires", "must be in the future")


async def test_a_surprise_is_no_more_than_internal(root: Api, sql: "Connection[Record]") -> None:
    """What went wrong inside is none of the caller's business."""
    await sql.execute("alter table audit_events rename to elsewhere")
    failure = await refused(root, CREATE, "x")
    assert failure == Failure(failure.code, "Internal Server Error", 500)
    assert failure.code == 500


async def test_a_surprise_is_logged_once(
    root: Api, sql: "Connection[Record]", caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the request's id, its method, and what was wrong."""
    await sql.execute("alter table audit_events rename to elsewhere")
    caplog.clear()
    await refused(root, CREATE, "x")
    [record] = caplog.records
    assert (record.name, record.levelno) == ("api_tokens", logging.ERROR)
    assert record.getMessage() == f"request request-7: {CREATE} failed"
    assert 'relation "audit_events" does not exist' in caplog.text


async def test_a_surprise_in_authentication_is_internal(
    root: Api, sql: "Connection[Record]", caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever happens, a result comes back."""
    await sql.execute("alter table api_tokens rename to elsewhere")
    assert (await refused(root, READ)).code == 500
    assert root.token
    assert root.token not in caplog.text


async def test_an_expected_refusal_is_not_logged(
    root: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody can fill the log with calls that are simply wrong."""
    caplog.clear()
    for api in (root, root.bearing(None), root.bearing(make("apt"))):
        await refused(api, "/v1/nothing")
        await refused(api, CREATE)
    assert caplog.records == []


async def test_a_method_may_answer_a_plain_value(root: Api) -> None:
    """What is no Success yet becomes one, without anything said about it."""
    result = await root.result("api-tokens/create", "x")
    assert isinstance(result, Success)
    assert result.meta == {}


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("api-tokens/create", ["x", {"permissions": {"verify": True}}]),
        ("api-tokens/create", ["x", {"role": "admin"}]),
        ("api-tokens/set-permissions", [MISSING_ID, {"verify": True}]),
        ("api-tokens/update-permissions", [MISSING_ID, {"verify": True}]),
        ("api-tokens/update", [MISSING_ID, {"role": "admin"}]),
        ("users/create", ["x", {"permissions": ["verify"]}]),
        ("users/set-permissions", [MISSING_ID, {"verify": True}]),
    ],
)
async def test_a_refused_grant_is_audited(
    member: MemberMaker, sql: Sql, method: str, arguments: list[Any]
) -> None:
    """Whoever would grant what they do not hold leaves a trace of it, once."""
    alice = await member("alice", ["read", "write", "admin"])
    assert (await alice.refusal(method, *arguments)).code == -32811
    *_, event = await events(sql, method)
    assert event["actor_token"] == await alice.token_id()
    assert event["details"] == {"permission": "verify", "allowed": False}


async def test_refused_grants_of_an_import_are_audited_once(member: MemberMaker, sql: Sql) -> None:
    """However many rows would grant it; a dry run leaves no trace, as it changes nothing."""
    alice = await member("alice", ["read", "admin"])
    rows = [
        {"token": f"acme-live-4f9TnQ2xLw8ZrK-{n}", "name": "x", "permissions": {"verify": True}}
        for n in range(3)
    ]
    await alice("api-tokens/import", rows, {"dry_run": True})
    assert await events(sql, "api-tokens/import") == []
    assert len((await alice("api-tokens/import", rows))["refused"]) == 3
    [event] = await events(sql, "api-tokens/import")
    assert event["details"] == {"permission": "verify", "allowed": False}
