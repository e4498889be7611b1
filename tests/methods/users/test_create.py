import asyncio
from typing import Any

import pytest

from tests.conftest import MemberMaker
from tests.methods.support import (
    INJECTIONS,
    PASSWORD,
    Sql,
    bearer,
    break_audit,
    events,
    signed_in,
    stored,
)
from tests.support import Api


async def test_holds_the_default_permissions(root: Api) -> None:
    """A new user is enabled, is not root, and holds what is default."""
    made = await root("users/create", "alice")
    assert (made["name"], made["enabled"], made["root"]) == ("alice", True, False)
    assert made["permissions"] == {"read": True, "write": True}


@pytest.mark.parametrize("options", [(), (None,), ({},)])
async def test_answers_what_read_answers(root: Api, options: tuple[Any, ...]) -> None:
    """The answer is the user as `users/read` shows them."""
    made = await root("users/create", "alice", *options)
    assert await root("users/read", {"id": made["id"]}) == made


@pytest.mark.parametrize(
    "names", [[], ["read"], ["admin"], ["read", "read"], ["admin", "read", "verify", "write"]]
)
async def test_holds_exactly_the_named_permissions(
    root: Api, member: MemberMaker, names: list[str]
) -> None:
    """What is named is held, and nothing else: no names, no permissions."""
    made = await root("users/create", "alice", {"permissions": names})
    assert made["permissions"] == dict.fromkeys(names, True)
    bob = await member("bob", names)
    held = await bob("api-tokens/get-permissions", await bob.token_id())
    assert held == dict.fromkeys(names, True)


@pytest.mark.parametrize("name", ["*", "guest", "root", "user", "fly", "", "READ", *INJECTIONS])
async def test_refuses_a_permission_that_is_none(shared: Api, name: str) -> None:
    """Reserved and unknown names are no permissions."""
    options = {"permissions": ["read", name]}
    refusal = await shared.refusal("users/create", "alice", options)
    assert (refusal.code, refusal.text) == (400, f'Permission "{name}" is not valid')


@pytest.mark.parametrize(
    ("permissions", "path"),
    [
        (None, "/1/permissions"),
        ("read", "/1/permissions"),
        ({"read": True}, "/1/permissions"),
        (["read"] * 257, "/1/permissions"),
        ([None], "/1/permissions/0"),
        (["read", 1], "/1/permissions/1"),
        (["p" * 65], "/1/permissions/0"),
    ],
)
async def test_refuses_what_is_no_list_of_names(shared: Api, permissions: Any, path: str) -> None:
    """Permissions are a list of at most 256 names."""
    refusal = await shared.refusal("users/create", "alice", {"permissions": permissions})
    assert (refusal.code, [f.path for f in refusal.faults]) == (-32808, [path])


@pytest.mark.parametrize("name", ["root", "enabled", "id", "password_hash"])
async def test_refuses_options_it_does_not_know(shared: Api, name: str) -> None:
    """Nobody becomes root, or anything else that is not offered."""
    refusal = await shared.refusal("users/create", "alice", {name: True})
    assert [(f.path, f.message) for f in refusal.faults] == [(f"/1/{name}", "is not known")]


# Who may


async def test_refuses_a_user_without_permission_admin(member: MemberMaker, sql: Sql) -> None:
    """Only administrators add users."""
    alice = await member("alice", ["read", "write", "verify"])
    refusal = await alice.refusal("users/create", "mallory")
    assert (refusal.code, refusal.status, refusal.text) == (-32811, 403, "Access denied")
    assert await sql.fetchval("select count(*) from users") == 2


async def test_refuses_an_administrators_weak_token(member: MemberMaker) -> None:
    """What counts is what the token may do, not what its user may."""
    weak = await member("alice", ["admin", "read"], {"read": True})
    assert (await weak.refusal("users/create", "mallory")).code == -32811


async def test_lets_an_administrator_add_users(member: MemberMaker) -> None:
    """One need not be root."""
    admin = await member("alice", ["admin", "read", "write"])
    made = await admin("users/create", "bob")
    assert made["permissions"] == {"read": True, "write": True}


@pytest.mark.parametrize("names", [["verify"], ["admin", "write"]])
async def test_refuses_permissions_the_caller_lacks(
    member: MemberMaker, sql: Sql, names: list[str]
) -> None:
    """An administrator gives nobody more than they hold."""
    admin = await member("alice", ["admin", "read"])
    refusal = await admin.refusal("users/create", "mallory", {"permissions": names})
    assert refusal.code == -32811
    assert await sql.fetchval("select count(*) from users") == 2


async def test_refuses_default_permissions_the_caller_lacks(root: Api, sql: Sql) -> None:
    """Permissions that come by default are given as much as those that are named."""
    admin = await bearer(root, admin=True)
    assert (await admin.refusal("users/create", "mallory")).code == -32811
    assert await sql.fetchval("select count(*) from users") == 1


# The name


@pytest.mark.parametrize("name", ["x", "a" * 255, "🔑" * 255, "\u05d0\u05d1 \u0645", *INJECTIONS])
async def test_keeps_the_name(shared: Api, name: str) -> None:
    """A name is any text of up to 255 characters on one line."""
    made = await shared("users/create", name)
    assert (await shared("users/read", {"id": made["id"]}))["name"] == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a" * 256,
        "🔑" * 256,
        "a\0b",
        "a\nb",
        "a\tb",
        "\x1b[31m",
        "\x7f",
        "\x85",
        "\ud800",
        7,
        None,
    ],
)
async def test_refuses_a_bad_name(shared: Api, name: Any) -> None:
    """Empty, longer or many-lined names, control characters and other types are faults."""
    refusal = await shared.refusal("users/create", name)
    assert (refusal.code, [fault.path for fault in refusal.faults]) == (-32808, ["/0"])


async def test_refuses_a_name_that_is_taken(root: Api) -> None:
    """No two users have one name."""
    await root("users/create", "alice")
    for name in ("alice", "root"):
        refusal = await root.refusal("users/create", name)
        assert (refusal.code, refusal.status, refusal.text) == (409, 409, "Name is taken")
    assert len(await root("users/read")) == 2


async def test_gives_a_name_to_one_of_two(root: Api) -> None:
    """When two ask for one name at the same moment, exactly one gets it."""
    results = await asyncio.gather(*(root.result("users/create", "alice") for _ in range(4)))
    assert sorted(getattr(result, "code", 200) for result in results) == [200, 409, 409, 409]


# The password


async def test_signs_in_by_the_password_given(root: Api) -> None:
    """A user who is given a password can sign in at once."""
    made = await root("users/create", "alice", {"password": PASSWORD})
    person = await signed_in(root, "alice", PASSWORD)
    assert (await person("session/read"))["user"]["id"] == made["id"]


@pytest.mark.parametrize("options", [{}, {"password": None}])
async def test_cannot_sign_in_without_a_password(root: Api, options: dict[str, Any]) -> None:
    """A user who is given none has none."""
    await root("users/create", "alice", options)
    refusal = await root.bearing(None).refusal("session/sign-in", "alice", PASSWORD)
    assert refusal.code == -32812


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("x" * 11, "must have at least 12 characters"),
        ("x" * 1025, "must have at most 1024 characters"),
        ("abcd" * 10, "must have at least 5 different characters"),
        (123456789012, "must be null or string"),
    ],
)
async def test_refuses_a_bad_password(shared: Api, password: Any, message: str) -> None:
    """A password is as `set-password` takes it."""
    refusal = await shared.refusal("users/create", "mallory", {"password": password})
    assert refusal.code == -32808
    assert [(f.path, f.message) for f in refusal.faults] == [("/1/password", message)]


async def test_keeps_the_password_nowhere(
    root: Api, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the answer, nor the log, nor any table shows the password."""
    caplog.set_level("DEBUG")
    made = await root("users/create", "alice", {"password": PASSWORD})
    await root.refusal("users/create", "alice", {"password": PASSWORD})
    assert PASSWORD not in f"{made}{caplog.text}{await stored(sql)}"


# What stays behind


async def test_writes_the_audit_event(root: Api, sql: Sql) -> None:
    """Who added whom with which permissions is remembered."""
    made = await root("users/create", "alice", {"permissions": ["read"]})
    assert (await events(sql, "users/create"))[-1] == {
        "actor_user": str(await sql.fetchval("select id from users where root")),
        "actor_token": await root.token_id(),
        "target": made["id"],
        "details": {"name": "alice", "permissions": {"read": True, "write": False}},
    }


async def test_adds_nobody_without_the_audit_event(root: Api, sql: Sql) -> None:
    """A user and the audit event are one: neither is there without the other."""
    await break_audit(sql)
    assert (await root.refusal("users/create", "alice")).code == 500
    assert await sql.fetchval("select count(*) from users") == 1
