from typing import Any

import pytest

from tests.conftest import MemberMaker
from tests.methods.support import INJECTIONS, Sql
from tests.support import Api

ROLES = {
    "read-only": ["read"],
    "read-write": ["read", "write"],
    "analyst": ["read", "write"],
    "admin": ["admin", "read", "verify", "write"],
}


async def test_makes_a_token_that_works(root: Api) -> None:
    """The secret in the answer is a token of the caller's user."""
    made = await root("api-tokens/create", "backup")
    row = await root.bearing(made["token"])("api-tokens/read", {"id": made["id"]})
    assert row == {name: value for name, value in made.items() if name != "token"}


async def test_answers_what_was_made(root: Api, member: MemberMaker) -> None:
    """Without options the answer describes an enabled token that never ends."""
    alice = await member("alice")
    [first] = await alice("api-tokens/read")
    made = await alice("api-tokens/create", "backup")
    assert made["user_id"] == first["user_id"]
    assert made["hint"] == f"apt_…{made['token'][-4:]}"
    assert (made["name"], made["role"], made["enabled"]) == ("backup", None, True)
    assert (made["expires"], made["last_used"], made["metadata"]) == (None, None, {})
    assert made["created"] == made["updated"]


@pytest.mark.parametrize("options", [(), (None,), ({},), ({"role": None, "expires": None},)])
async def test_grants_nothing_by_default(shared: Api, options: tuple[Any, ...]) -> None:
    """Without a role and permissions a token may do nothing."""
    made = await shared("api-tokens/create", "powerless", *options)
    assert made["permissions"] == {}


async def test_makes_different_secrets(shared: Api) -> None:
    """No two tokens have one secret, nor one id."""
    made = [await shared("api-tokens/create", "twin") for _ in range(5)]
    assert len({row["token"] for row in made}) == len({row["id"] for row in made}) == 5


# What it may do


@pytest.mark.parametrize("role", ROLES)
async def test_grants_what_the_role_does(shared: Api, role: str) -> None:
    """A role gives its permissions, and is remembered."""
    made = await shared("api-tokens/create", "ci", {"role": role})
    assert (made["role"], sorted(made["permissions"])) == (role, ROLES[role])


async def test_grants_the_permissions_given(shared: Api) -> None:
    """Of a permission map those are in effect that are true."""
    wanted = {"read": True, "write": False, "verify": True}
    made = await shared("api-tokens/create", "ci", {"permissions": wanted})
    assert made["permissions"] == {"read": True, "verify": True}


@pytest.mark.parametrize("permissions", [{"read": True}, {"read": False}, {}])
async def test_refuses_a_role_with_permissions(shared: Api, permissions: dict[str, bool]) -> None:
    """A role and permissions together are ambiguous."""
    options = {"role": "read-only", "permissions": permissions}
    refusal = await shared.refusal("api-tokens/create", "ci", options)
    assert (refusal.code, refusal.text) == (400, "Give either a role or permissions, not both")


@pytest.mark.parametrize("name", ["*", "guest", "root", "user", "fly", "", "READ", "read "])
@pytest.mark.parametrize("granted", [True, False])
async def test_refuses_a_permission_that_is_none(shared: Api, name: str, granted: bool) -> None:
    """Reserved and unknown names are no permissions, not even to be denied."""
    options = {"permissions": {"read": True, name: granted}}
    refusal = await shared.refusal("api-tokens/create", "ci", options)
    assert (refusal.code, refusal.text) == (400, f'Permission "{name}" is not valid')


@pytest.mark.parametrize("role", ["owner", "", "Admin", *INJECTIONS])
async def test_refuses_a_role_that_is_none(shared: Api, role: str) -> None:
    """An unknown role is refused by name."""
    refusal = await shared.refusal("api-tokens/create", "ci", {"role": role})
    assert (refusal.code, refusal.text) == (400, f'Role "{role}" is not valid')


@pytest.mark.parametrize(
    "options",
    [
        {"permissions": {"write": True}},
        {"permissions": {"read": True, "admin": True}},
        {"role": "read-write"},
        {"role": "admin"},
    ],
)
async def test_refuses_to_grant_more_than_the_caller_holds(
    member: MemberMaker, options: dict[str, Any]
) -> None:
    """A weak token cannot make one that is stronger, whatever its user holds."""
    weak = await member("alice", ["read", "write", "admin"], {"read": True})
    refusal = await weak.refusal("api-tokens/create", "ci", options)
    assert (refusal.code, refusal.status) == (-32811, 403)
    assert len(await weak("api-tokens/read")) == 1


async def test_refuses_to_grant_more_than_an_administrator_holds(member: MemberMaker) -> None:
    """Permission admin does not stand for the others."""
    admin = await member("alice", ["read", "admin"])
    refusal = await admin.refusal("api-tokens/create", "ci", {"permissions": {"verify": True}})
    assert refusal.code == -32811


async def test_denies_what_the_caller_does_not_hold(member: MemberMaker) -> None:
    """False grants nothing: anybody may say it."""
    weak = await member("alice", token={"read": True})
    wanted = {"read": True, "write": False, "admin": False}
    made = await weak("api-tokens/create", "ci", {"permissions": wanted})
    assert made["permissions"] == {"read": True}


async def test_loses_what_its_owner_loses(member: MemberMaker, sql: Sql) -> None:
    """What a token may do is limited at every moment by what its owner holds."""
    alice = await member("alice", ["read", "admin"])
    await alice("users/read")
    await sql.execute("""update users set permissions = '{"admin": false}' where name = 'alice'""")
    assert (await alice.refusal("users/read")).code == -32811
    [row] = await alice("api-tokens/read")
    assert row["permissions"] == {"read": True}


@pytest.mark.parametrize(
    ("permissions", "path"),
    [
        ({f"p{n}": False for n in range(257)}, "/1/permissions"),
        ({"read": "true"}, "/1/permissions/read"),
        ({"read": 1}, "/1/permissions/read"),
        ({"read": None}, "/1/permissions/read"),
        (["read"], "/1/permissions"),
        ("read", "/1/permissions"),
        (None, "/1/permissions"),
        ({"re\0ad": True}, "/1/permissions"),
    ],
)
async def test_refuses_what_is_no_permission_map(shared: Api, permissions: Any, path: str) -> None:
    """A permission map has at most 256 names, and nothing but booleans."""
    refusal = await shared.refusal("api-tokens/create", "ci", {"permissions": permissions})
    assert refusal.code == -32808
    assert [fault.path for fault in refusal.faults] == [path]


# Whose it is


@pytest.mark.parametrize("name", ["user_id", "userId", "owner", "user", "digest", "created_by"])
async def test_refuses_options_it_does_not_know(shared: Api, name: str) -> None:
    """The owner comes from the credential: nothing in the body can name one."""
    [other] = await shared("users/read", {"limit": 1})
    refusal = await shared.refusal("api-tokens/create", "ci", {name: other["id"]})
    assert [(f.path, f.message) for f in refusal.faults] == [(f"/1/{name}", "is not known")]


async def test_remembers_who_made_it(member: MemberMaker) -> None:
    """The user and the token that asked for it are told by id and by the name they had."""
    alice = await member("alice")
    [first] = await alice("api-tokens/read")
    made = await alice("api-tokens/create", "ci")
    assert made["created_by"] == {
        "user_id": first["user_id"],
        "user_name": "alice",
        "token_id": first["id"],
        "token_name": "alice's",
        "key_id": first["key_id"],
    }


async def test_remembers_the_operator(member: MemberMaker) -> None:
    """A token that the command line made was made by the user alone."""
    [row] = await (await member("alice"))("api-tokens/read")
    assert row["created_by"] == {
        "user_id": row["user_id"],
        "user_name": "alice",
        "token_id": None,
        "token_name": None,
        "key_id": None,
    }
