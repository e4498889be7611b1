from datetime import datetime, timedelta

from app.call import Request, Success
from tests.conftest import MemberMaker
from tests.methods.support import Sql, signed_in
from tests.people import PASSWORD, person
from tests.support import Api

READ = "session/read"


async def test_tells_a_token_who_it_is(root: Api, sql: Sql) -> None:
    """By an API token: the user, and the token with its end."""
    found = await root(READ)
    user_id = str(await sql.fetchval("select id from users"))
    assert found["user"] == {"id": user_id, "name": "root", "root": True}
    assert found["api_token"] == {"id": await root.token_id(), "name": "root", "expires": None}
    assert found["session"] is None


async def test_tells_when_a_token_ends(root: Api) -> None:
    """The moment its maker was told."""
    made = await root("api-tokens/create", "short", {"expires": "30d"})
    found = await root.bearing(made["token"])(READ)
    assert found["api_token"]["expires"] == made["expires"]


async def test_tells_a_session_who_it_is(root: Api) -> None:
    """By a session: the user, and how long it lasts if it is not used."""
    user_id = await person(root)
    alice = await signed_in(root, "alice", PASSWORD)
    found = await alice(READ)
    assert found["user"] == {"id": user_id, "name": "alice", "root": False}
    assert found["api_token"] is None
    begins, ends = (datetime.fromisoformat(found["session"][at]) for at in ("created", "expires"))
    assert ends - begins == timedelta(days=7)


async def test_tells_what_is_in_effect(member: MemberMaker) -> None:
    """A token's own permissions that its user holds, not all the user holds; and what they are."""
    alice = await member("alice", ["read", "write", "verify"], {"read": True, "verify": False})
    answer = await alice.success(READ)
    assert answer.data["permissions"] == {"read": True}
    assert answer.meta["permissions"] == {"read": {"title": "Read", "description": "Read data."}}


async def test_tells_what_a_session_holds(root: Api, sql: Sql) -> None:
    """All its user holds just now."""
    await person(root)
    alice = await signed_in(root, "alice", PASSWORD)
    assert (await alice(READ))["permissions"] == {"read": True, "write": True}
    await sql.execute("update users set permissions = '{\"write\": false}' where name = 'alice'")
    assert (await alice(READ))["permissions"] == {"read": True}


async def test_tells_the_command_line(root: Api) -> None:
    """Who speaks for a user there uses neither session nor token."""
    caller = await root.services.operator("root")
    answer = await root.services.dispatcher.dispatch(Request(f"/v1/{READ}", []), caller)
    assert isinstance(answer, Success)
    assert answer.data["user"]["name"] == "root"
    assert (answer.data["session"], answer.data["api_token"]) == (None, None)


async def test_a_user_deleted_meanwhile_is_told_so(root: Api, sql: Sql) -> None:
    """A call that was under way when its user was deleted gets the refusal of the next one."""
    await person(root)
    caller = await root.services.operator("alice")
    await sql.execute("delete from users where name = 'alice'")
    answer = await root.services.dispatcher.dispatch(Request(f"/v1/{READ}", []), caller)
    assert getattr(answer, "code", None) == -32815


async def test_shows_no_secret(root: Api) -> None:
    """The session's secret is shown once, by signing in."""
    await person(root)
    alice = await signed_in(root, "alice", PASSWORD)
    assert alice.token
    assert alice.token[8:] not in repr(await alice.success(READ))
