import string
from typing import Any

import pytest

from tests.conftest import MemberMaker
from tests.methods.support import INJECTIONS, PASSWORD, Sql, events, signed_in, stored, user_id
from tests.support import MISSING_ID, Api

OTHER = "staple battery horse"
LETTERS = string.ascii_letters


@pytest.fixture
async def alice(root: Api) -> str:
    """The id of a user who can sign in."""
    return str((await root("users/create", "alice", {"password": PASSWORD}))["id"])


async def sign_in_code(root: Api, name: str, password: str) -> int:
    """How an attempt to sign in is answered: 200, or the refusal's code."""
    result = await root.bearing(None).result("session/sign-in", name, password)
    return int(getattr(result, "code", 200))


async def test_lets_the_user_sign_in(root: Api) -> None:
    """Who had no password signs in by the new one."""
    made = await root("users/create", "alice")
    assert await root("users/set-password", made["id"], PASSWORD) is None
    person = await signed_in(root, "alice", PASSWORD)
    assert (await person("session/read"))["user"]["id"] == made["id"]


async def test_replaces_the_one_before(root: Api, alice: str) -> None:
    """The password of before is wrong from now on."""
    await root("users/set-password", alice, OTHER)
    assert await sign_in_code(root, "alice", PASSWORD) == -32812
    assert await sign_in_code(root, "alice", OTHER) == 200


async def test_takes_it_away(root: Api, alice: str) -> None:
    """Without a password nobody signs in."""
    await root("users/set-password", alice, None)
    assert await sign_in_code(root, "alice", PASSWORD) == -32812


@pytest.mark.parametrize("password", [OTHER, PASSWORD, None])
async def test_ends_every_session_at_once(root: Api, alice: str, password: str | None) -> None:
    """Whoever had signed in has to do so again, even if the password is the same."""
    people = [await signed_in(root, "alice", PASSWORD) for _ in range(2)]
    await root("users/set-password", alice, password)
    for person in people:
        assert (await person.refusal("session/read")).code == -32812


async def test_ends_the_session_that_calls(root: Api) -> None:
    """An administrator who changes their own password signs in anew."""
    target = await user_id(root, "root")
    await root("users/set-password", target, PASSWORD)
    person = await signed_in(root, "root", PASSWORD)
    await person("users/set-password", target, OTHER)
    assert (await person.refusal("session/read")).code == -32812


async def test_keeps_tokens_and_other_peoples_sessions(
    root: Api, alice: str, member: MemberMaker
) -> None:
    """Only that user's sessions end; no token does."""
    bob = await member("bob")
    await root("users/set-password", await user_id(root, "bob"), PASSWORD)
    person = await signed_in(root, "bob", PASSWORD)
    await root("users/set-password", alice, OTHER)
    assert await person("session/read")
    await root("users/set-password", await user_id(root, "bob"), OTHER)
    assert await bob("session/read")


async def test_enables_nobody(root: Api, alice: str) -> None:
    """A disabled user stays disabled with a new password."""
    await root("users/set-enabled", alice, False)
    await root("users/set-password", alice, OTHER)
    assert await sign_in_code(root, "alice", OTHER) == -32813


# The password


@pytest.mark.parametrize(
    "password",
    [
        LETTERS[:12],
        (LETTERS * 20)[:1024],
        "🔑🔒🔓🗝🚪" * 204,
        " leading, trailing and inner  spaces ",
        "\u05e1\u05d9\u05e1\u05de\u05d4 \u05d0\u05e8\u05d5\u05db\u05d4 \u05de\u05d0\u05d5\u05d3",
        "line\nand\ttab and \x1b",
        *(text for text in INJECTIONS if len(text) >= 12),
    ],
)
async def test_takes_any_text(shared: Api, password: str) -> None:
    """A password is 12 to 1024 characters of any kind, and every one of them counts."""
    target = await user_id(shared, "root")
    await shared("users/set-password", target, password)
    assert await sign_in_code(shared, "root", password) == 200
    assert await sign_in_code(shared, "root", password[:-1]) == -32812


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("", "must have at least 12 characters"),
        (LETTERS[:11], "must have at least 12 characters"),
        ((LETTERS * 20)[:1025], "must have at most 1024 characters"),
        (LETTERS * 20_000, "must have at most 1024 characters"),
        ("abcd" * 10, "must have at least 5 different characters"),
        (LETTERS + "\0", "must be text without NUL and without lone surrogates"),
        (LETTERS + "\udcff", "must be text without NUL and without lone surrogates"),
        (123456789012, "must be null or string"),
        (["correct horse battery"], "must be null or string"),
        (False, "must be null or string"),
    ],
)
async def test_refuses_a_bad_password(shared: Api, password: Any, message: str) -> None:
    """What is too short, too long, too simple or no text is a fault, which does not repeat it."""
    refusal = await shared.refusal("users/set-password", MISSING_ID, password)
    assert refusal.code == -32808
    assert [(f.path, f.message) for f in refusal.faults] == [("/1", message)]


# What stays behind


async def test_keeps_the_password_nowhere(
    root: Api, alice: str, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the log nor any table shows a password: a hash of it is all there is."""
    caplog.set_level("DEBUG")
    await root("users/set-password", alice, OTHER)
    await root.refusal("users/set-password", MISSING_ID, OTHER)
    assert OTHER not in await stored(sql)
    assert OTHER not in caplog.text
    hashed = await sql.fetchval("select password_hash from users where name = 'alice'")
    assert hashed.startswith("$argon2id$")


@pytest.mark.parametrize(("password", "removed"), [(OTHER, False), (None, True)])
async def test_writes_the_audit_event(
    root: Api, alice: str, sql: Sql, password: str | None, removed: bool
) -> None:
    """Whose password was set or taken away, by whom, and that it was allowed is remembered."""
    await root("users/set-password", alice, password)
    assert await events(sql, "users/set-password") == [
        {
            "actor_user": await user_id(root, "root"),
            "actor_token": await root.token_id(),
            "target": alice,
            "details": {"name": "alice", "removed": removed, "allowed": True},
        }
    ]
