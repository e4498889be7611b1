import asyncio
from typing import Any

import asyncpg
import pytest

from app.call import Failure, Request, Success
from tests.conftest import MemberMaker
from tests.methods.support import (
    PASSWORD,
    Sql,
    blocked,
    break_audit,
    events,
    signed_in,
    user_id,
)
from tests.support import Api

OFF = "Session is disabled: the API is disabled"
DENIED = "Access denied: only a person signed in can switch the API on"


@pytest.fixture
async def person(root: Api) -> Api:
    """Root, signed in."""
    await root("users/set-password", await user_id(root, "root"), PASSWORD)
    return await signed_in(root, "root", PASSWORD)


async def is_on(sql: Sql) -> bool:
    """What is stored."""
    return bool(await sql.fetchval("select api_enabled from settings"))


async def test_refuses_every_token_at_once(person: Api, root: Api, member: MemberMaker) -> None:
    """Off, not even root's token is taken, and each is told why."""
    alice = await member("alice")
    assert await person("settings/set-api-enabled", False) is None
    for api in (root, alice):
        refusal = await api.refusal("api-tokens/read")
        assert (refusal.code, refusal.status, refusal.text) == (-32813, 403, OFF)


async def test_lets_sessions_go_on(person: Api) -> None:
    """Off, people do what they always do, and sign in."""
    await person("settings/set-api-enabled", False)
    assert await person("users/read")
    assert await (await signed_in(person, "root", PASSWORD))("session/read")


async def test_takes_tokens_again(person: Api, root: Api) -> None:
    """A person signed in switches it on, and tokens work as before."""
    before = await root("api-tokens/read")
    for enabled in (False, True):
        await person("settings/set-api-enabled", enabled)
    assert await root("api-tokens/read") == before


@pytest.mark.parametrize("enabled", [True, False])
async def test_may_be_repeated(person: Api, sql: Sql, enabled: bool) -> None:
    """Saying the same twice changes nothing the second time."""
    for _ in range(2):
        await person("settings/set-api-enabled", enabled)
    assert await is_on(sql) is enabled


async def test_lets_a_token_switch_off(root: Api) -> None:
    """An administrator's token can pull the plug, which ends it as well."""
    await root("settings/set-api-enabled", False)
    assert (await root.refusal("settings/set-api-enabled", True)).text == OFF


async def test_lets_a_token_switch_on_what_is_on(root: Api, sql: Sql) -> None:
    """That changes nothing."""
    assert await root("settings/set-api-enabled", True) is None
    assert await is_on(sql)
    [event] = await events(sql, "settings/set-api-enabled")
    assert event["details"] == {"enabled": True, "allowed": True}


async def test_refuses_a_token_that_waits_while_it_is_switched_off(
    root: Api, sql: Sql, database_url: str
) -> None:
    """It sees what was done while it waited for the row."""
    other = await asyncpg.connect(database_url)
    try:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("update settings set api_enabled = false")
        call = asyncio.create_task(root.refusal("settings/set-api-enabled", True))
        await blocked(sql, 1)
        await transaction.commit()
        assert (await call).text == DENIED
    finally:
        await other.close()
    assert not await is_on(sql)


async def test_refuses_a_token_that_was_let_in_before(root: Api, sql: Sql) -> None:
    """A token's call that began while the API was on does not switch it on again."""
    dispatcher = root.services.dispatcher
    caller = await dispatcher.authentication.caller((str(root.token),))
    await sql.execute("update settings set api_enabled = false")
    request = Request("/v1/settings/set-api-enabled", [True])
    result = await dispatcher.dispatch(request, caller)
    assert isinstance(result, Failure)
    assert (result.code, result.status, result.text) == (-32811, 403, DENIED)
    assert await is_on(sql) is False


async def test_lets_the_command_line_switch_on(root: Api, sql: Sql) -> None:
    """Whoever has the machine is not locked out."""
    await root("settings/set-api-enabled", False)
    request = Request("/v1/settings/set-api-enabled", [True])
    operator = await root.services.operator("root")
    assert isinstance(await root.services.dispatcher.dispatch(request, operator), Success)
    assert await is_on(sql)


async def test_refuses_a_session_without_permission_admin(root: Api, sql: Sql) -> None:
    """Only administrators switch it, signed in or not."""
    await root("users/create", "alice", {"password": PASSWORD})
    alice = await signed_in(root, "alice", PASSWORD)
    refusal = await alice.refusal("settings/set-api-enabled", False)
    assert (refusal.code, refusal.text) == (-32811, "Access denied")
    assert await is_on(sql)


@pytest.mark.parametrize("enabled", [None, 0, 1, "false", "", [], {}])
async def test_refuses_what_is_no_boolean(shared: Api, enabled: Any) -> None:
    """Nothing is guessed: what is neither true nor false is a fault."""
    refusal = await shared.refusal("settings/set-api-enabled", enabled)
    assert [(f.path, f.message) for f in refusal.faults] == [("/0", "must be boolean")]


@pytest.mark.parametrize("enabled", [True, False])
async def test_writes_the_audit_event(person: Api, root: Api, sql: Sql, enabled: bool) -> None:
    """Who switched it how is remembered; it is about nothing with an id."""
    await person("settings/set-api-enabled", enabled)
    assert await events(sql, "settings/set-api-enabled") == [
        {
            "actor_user": await user_id(person, "root"),
            "actor_token": "None",
            "target": "None",
            "details": {"enabled": enabled, "allowed": True},
        }
    ]


async def test_changes_nothing_without_its_audit_event(root: Api, sql: Sql) -> None:
    """The change and its audit event are one: neither is there without the other."""
    await break_audit(sql)
    assert (await root.refusal("settings/set-api-enabled", False)).code == 500
    assert await is_on(sql)
