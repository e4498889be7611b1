from app.call import Request, Success
from tests.methods.support import Sql, break_audit, events, signed_in
from tests.people import PASSWORD, person
from tests.support import Api

SIGN_OUT = "session/sign-out"


async def test_ends_the_session(root: Api, sql: Sql) -> None:
    """A session that signed out works no more, and nothing of it stays."""
    await person(root)
    alice = await signed_in(root, "alice", PASSWORD)
    assert await alice(SIGN_OUT) is None
    assert (await alice.refusal("session/read")).code == -32812
    assert await sql.fetchval("select count(*) from sessions") == 0


async def test_ends_no_other_session(root: Api) -> None:
    """Others of the same user, and those of others, go on."""
    await person(root)
    await person(root, "bob")
    here, there = [await signed_in(root, "alice", PASSWORD) for _ in range(2)]
    bob = await signed_in(root, "bob", PASSWORD)
    await here(SIGN_OUT)
    assert (await there("session/read"))["user"]["name"] == "alice"
    assert (await bob("session/read"))["user"]["name"] == "bob"


async def test_makes_the_browser_forget(root: Api) -> None:
    """The answer says so to a wire that has a cookie to clear."""
    await person(root)
    alice = await signed_in(root, "alice", PASSWORD)
    answer = await alice.result(SIGN_OUT)
    assert isinstance(answer, Success)
    assert answer.session
    assert (answer.session.secret, answer.session.seconds) == ("", 0)


async def test_cannot_be_done_twice(root: Api) -> None:
    """The second time there is no session any more."""
    await person(root)
    alice = await signed_in(root, "alice", PASSWORD)
    await alice(SIGN_OUT)
    refusal = await alice.refusal(SIGN_OUT)
    assert (refusal.code, refusal.text) == (
        -32812,
        "Authorization is required: the session has ended",
    )


async def test_an_api_token_has_no_session(root: Api, sql: Sql) -> None:
    """A token is ended by deleting it; this is no other way."""
    refusal = await root.refusal(SIGN_OUT)
    assert (refusal.code, refusal.text) == (400, "There is no session to sign out of")
    assert await events(sql, SIGN_OUT) == []
    assert await root("session/read")


async def test_the_command_line_has_no_session(root: Api) -> None:
    """Who speaks for a user there has not signed in."""
    caller = await root.services.operator("root")
    answer = await root.services.dispatcher.dispatch(Request(f"/v1/{SIGN_OUT}", []), caller)
    assert getattr(answer, "code", None) == 400


async def test_is_not_done_by_get(root: Api) -> None:
    """A link that is followed ends nothing."""
    await person(root)
    alice = await signed_in(root, "alice", PASSWORD)
    assert alice.token
    request = Request(f"/v1/{SIGN_OUT}", [], (alice.token,), read_only=True)
    answer = await root.services.dispatcher.dispatch(request)
    assert getattr(answer, "code", None) == -32804
    assert await alice("session/read")


async def test_writes_the_audit_event(root: Api, sql: Sql) -> None:
    """Who signed out, and by which session."""
    user_id = await person(root)
    alice = await signed_in(root, "alice", PASSWORD)
    session_id = (await alice("session/read"))["session"]["id"]
    await alice(SIGN_OUT)
    [event] = await events(sql, SIGN_OUT)
    assert (event["actor_user"], event["target"]) == (user_id, user_id)
    by = await sql.fetchval("select actor_session from audit_events order by at desc limit 1")
    assert str(by) == session_id


async def test_ends_nothing_without_its_audit_event(root: Api, sql: Sql) -> None:
    """A session and its end are told of together or not at all."""
    await person(root)
    alice = await signed_in(root, "alice", PASSWORD)
    await break_audit(sql)
    assert (await alice.refusal(SIGN_OUT)).code == 500
    assert await alice("session/read")
