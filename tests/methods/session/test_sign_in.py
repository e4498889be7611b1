import logging
from dataclasses import replace
from typing import Any

import pytest

from app.call import Success
from app.config import Settings
from app.services import open_services
from methods.session.sign_in import MOST_SESSIONS
from tests.methods.support import Sql, break_audit, events, signed_in, stored
from tests.people import PASSWORD, attempt, person, record_work
from tests.support import KEY, Api, first_token

SIGN_IN = "session/sign-in"
WRONG = (-32812, "Authorization is required: the name or the password is wrong", 401)


async def test_begins_a_session(root: Api) -> None:
    """The answer says who signed in, what they hold, how long, and the session's secret."""
    user_id = await person(root)
    answer = await root.bearing(None).success(SIGN_IN, "alice", PASSWORD)
    assert answer.data["user"] == {"id": user_id, "name": "alice", "root": False}
    assert answer.data["permissions"] == {"read": True, "write": True}
    assert answer.data["api_token"] is None
    assert answer.data["token"].startswith("session_")


async def test_the_session_calls_as_its_user(root: Api) -> None:
    """With the secret as a credential one is that user, by that session."""
    await person(root)
    made = await root(SIGN_IN, "alice", PASSWORD)
    found = await root.bearing(made["token"])("session/read")
    assert found == {name: made[name] for name in found}


async def test_a_browser_is_to_keep_the_secret(root: Api) -> None:
    """For as long as the session may last at most."""
    await person(root)
    answer = await attempt(root, "alice", PASSWORD)
    assert isinstance(answer, Success)
    assert answer.session
    assert answer.session.secret == answer.data["token"]
    assert answer.session.seconds == 30 * 86_400


async def test_every_session_is_another(root: Api) -> None:
    """Signing in again ends none, and each has a secret of its own."""
    await person(root)
    first, second = [await signed_in(root, "alice", PASSWORD) for _ in range(2)]
    assert first.token != second.token
    ids = {(await api("session/read"))["session"]["id"] for api in (first, second)}
    assert len(ids) == 2


async def test_a_session_may_what_its_user_may(root: Api, sql: Sql) -> None:
    """All they hold, and what they make bears their name and no token's."""
    user_id = await person(root)
    alice = await signed_in(root, "alice", PASSWORD)
    made = await alice("api-tokens/create", "hers", {"permissions": {"read": True, "write": True}})
    assert made["created_by"] == {
        "user_id": user_id,
        "user_name": "alice",
        "token_id": None,
        "token_name": None,
        "key_id": None,
    }
    assert (await alice.refusal("users/read")).code == -32811
    row = await sql.fetchrow("select * from audit_events where target = $1", made["id"])
    assert row
    assert (str(row["actor_user"]), row["actor_token"]) == (user_id, None)
    assert str(row["actor_session"]) == (await alice("session/read"))["session"]["id"]


# Who is refused


@pytest.mark.parametrize("credential", ["", "apt_nonsense", "session_nonsense"])
async def test_a_dead_credential_bars_nobody(root: Api, credential: str) -> None:
    """Whatever is shown beside name and password, a browser's stale cookie above all."""
    await person(root)
    answer = await attempt(root, "alice", PASSWORD, credentials=(credential, str(root.token)))
    assert isinstance(answer, Success)
    assert answer.data["user"]["name"] == "alice"


REFUSED: dict[str, tuple[str, str, list[str]]] = {
    "wrong password": ("alice", "wrong", ["verify"]),
    "unknown name": ("nobody", PASSWORD, ["hash"]),
    "another's password": ("alice", "the battery of bob", ["verify"]),
    "no password": ("carol", PASSWORD, ["hash"]),
    "a hash as the password": ("alice", "$argon2id$v=19$m=32,t=3,p=4$c2FsdA$aGFzaA", ["verify"]),
    "another case of the name": ("Alice", PASSWORD, ["hash"]),
    "a space behind the name": ("alice ", PASSWORD, ["hash"]),
}


@pytest.mark.parametrize(("name", "password", "work"), REFUSED.values(), ids=REFUSED)
async def test_does_not_tell_what_was_wrong(
    root: Api, monkeypatch: pytest.MonkeyPatch, name: str, password: str, work: list[str]
) -> None:
    """Name or password: one answer, after one run of Argon2 and the same two statements."""
    await person(root)
    await person(root, "bob", "the battery of bob")
    await person(root, "carol", None)
    done = record_work(monkeypatch)
    refusal = await root.refusal(SIGN_IN, name, password)
    assert (refusal.code, refusal.text, refusal.status) == WRONG
    assert (refusal.faults, refusal.retry_after) == ((), None)
    assert done == ["_service/find_password", *work, "session/sign_in"]


@pytest.mark.parametrize(("password", "code"), [(PASSWORD, -32813), ("wrong", -32812)])
async def test_tells_the_disabled_only_if_they_know_the_password(
    root: Api, sql: Sql, password: str, code: int
) -> None:
    """To others a disabled user is as one who is not there."""
    await person(root)
    await sql.execute("update users set enabled = false where name = 'alice'")
    refusal = await root.refusal(SIGN_IN, "alice", password)
    assert refusal.code == code
    assert code == -32812 or refusal.text == "Session is disabled: the user is disabled"
    assert await sql.fetchval("select count(*) from sessions") == 0


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize(
    "wrong", ["", "x" * 1025, "x" * 1_000_000, None, 7, True, [PASSWORD], {"$gt": ""}, "a\0b"]
)
async def test_refuses_what_is_no_name_or_password(
    shared: Api, monkeypatch: pytest.MonkeyPatch, index: int, wrong: Any
) -> None:
    """By the schema: nothing is hashed and no statement is run."""
    done = record_work(monkeypatch)
    arguments: list[Any] = ["root", PASSWORD]
    arguments[index] = wrong
    refusal = await shared.refusal(SIGN_IN, *arguments)
    assert (refusal.code, [fault.path for fault in refusal.faults]) == (-32808, [f"/{index}"])
    assert done == []


# What stays behind


async def test_stores_only_the_digest(
    root: Api, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither database nor log holds the secret, the password, or what was typed for a name."""
    caplog.set_level(logging.DEBUG)
    await person(root)
    secret = (await root(SIGN_IN, "alice", PASSWORD))["token"]
    await root.refusal(SIGN_IN, "my password, typed into the wrong field", "hunter2 hunter2")
    text = await stored(sql) + caplog.text
    assert "alice" in text
    for part in (secret, secret[8:38], secret.encode().hex(), PASSWORD, KEY, "wrong field", "hunt"):
        assert part not in text


async def test_writes_the_audit_event(root: Api, sql: Sql) -> None:
    """Who signed in, by which session, and from where."""
    user_id = await person(root)
    await attempt(root, "alice", PASSWORD, "192.0.2.1")
    [event] = await events(sql, SIGN_IN)
    assert (event["actor_user"], event["target"]) == (user_id, user_id)
    assert event["details"] == {"allowed": True, "address": "192.0.2.1"}
    ids = "select count(*) from audit_events join sessions on actor_session = sessions.id"
    assert await sql.fetchval(ids) == 1


@pytest.mark.parametrize(("name", "known"), [("alice", True), ("nobody", False)])
async def test_writes_who_failed_to_sign_in(root: Api, sql: Sql, name: str, known: bool) -> None:
    """As nobody, for nobody knows who it was; to which user, if there is such a one."""
    user_id = await person(root)
    await attempt(root, name, "wrong", "192.0.2.1")
    [event] = await events(sql, SIGN_IN)
    assert event == {
        "actor_user": "None",
        "actor_token": "None",
        "target": user_id if known else "None",
        "details": {"allowed": False, "address": "192.0.2.1"},
    }


async def test_writes_that_a_disabled_user_tried(root: Api, sql: Sql) -> None:
    """With the right password, too, it is a failure."""
    user_id = await person(root)
    await sql.execute("update users set enabled = false where name = 'alice'")
    await attempt(root, "alice", PASSWORD)
    [event] = await events(sql, SIGN_IN)
    assert (event["actor_user"], event["target"]) == ("None", user_id)
    assert event["details"]["allowed"] is False


async def test_makes_no_session_without_its_audit_event(root: Api, sql: Sql) -> None:
    """Nobody signs in unseen, and nobody guesses passwords unseen."""
    await person(root)
    await break_audit(sql)
    for password in (PASSWORD, "wrong"):
        assert (await root.refusal(SIGN_IN, "alice", password)).code == 500
    assert await sql.fetchval("select count(*) from sessions") == 0


# How many sessions


async def test_the_oldest_session_ends_when_there_are_too_many(root: Api, sql: Sql) -> None:
    """A user has so many and no more; those of others are not touched."""
    await person(root)
    await person(root, "bob")
    oldest, second = [await signed_in(root, "alice", PASSWORD) for _ in range(2)]
    bob = await signed_in(root, "bob", PASSWORD)
    await sql.execute(
        """
        insert into sessions (user_id, epoch, digest, expires)
        select id, session_epoch, uuid_send(gen_random_uuid()), now() + interval '1 day'
        from users, generate_series(3, $1) where name = 'alice'
        """,
        MOST_SESSIONS,
    )
    assert await oldest("session/read")
    latest = await signed_in(root, "alice", PASSWORD)
    assert (await oldest.refusal("session/read")).code == -32812
    for kept in (second, latest, bob):
        assert await kept("session/read")
    assert await sql.fetchval("select count(*) from sessions") == MOST_SESSIONS + 1


async def test_removes_what_has_expired(root: Api, sql: Sql) -> None:
    """Of the user who signs in: nobody else's rows are touched."""
    await person(root)
    await person(root, "bob")
    for name in ("alice", "bob", "alice"):
        await sql.execute("update sessions set expires = now()")
        await signed_in(root, name, PASSWORD)
    found = await sql.fetch("select name from sessions join users on users.id = user_id")
    assert sorted(row["name"] for row in found) == ["alice", "bob"]


# Hashes made with other parameters


async def test_renews_an_outdated_hash(settings: Settings, sql: Sql) -> None:
    """After a change of the memory, the first right password is hashed anew, and only once."""
    async with open_services(settings, serving=True) as services:
        await person(Api(services, await first_token(services)))
    async with open_services(replace(settings, password_memory=64), serving=True) as services:
        api = Api(services, None)
        await api.refusal(SIGN_IN, "alice", "wrong")
        assert "m=32," in await hash_of(sql)
        await api(SIGN_IN, "alice", PASSWORD)
        renewed = await hash_of(sql)
        assert "m=64," in renewed
        await signed_in(api, "alice", PASSWORD)
        assert await hash_of(sql) == renewed


async def hash_of(sql: Sql) -> str:
    """The stored hash of alice's password."""
    return str(await sql.fetchval("select password_hash from users where name = 'alice'"))
