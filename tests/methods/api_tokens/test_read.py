from typing import Any

import pytest

from tests.conftest import MemberMaker
from tests.methods.support import INJECTIONS, Sql, bearer, token, unreachable
from tests.support import MISSING_ID, Api

COLUMNS = {
    "id",
    "key_id",
    "user_id",
    "name",
    "role",
    "hint",
    "permissions",
    "enabled",
    "created",
    "created_by",
    "updated",
    "expires",
    "last_used",
    "metadata",
    "rotation",
}


async def names(api: Api, **options: Any) -> list[str]:
    """The names of the tokens that these options select, in order."""
    return [row["name"] for row in await api("api-tokens/read", options)]


async def test_lists_by_name(member: MemberMaker) -> None:
    """Without options the caller's own tokens are listed, by name."""
    alice = await member("alice")
    await member("bob")
    for name in ("c", "b", "d"):
        await alice("api-tokens/create", name)
    answer = await alice.success("api-tokens/read")
    assert [row["name"] for row in answer.data] == ["alice's", "b", "c", "d"]
    assert answer.meta == {"rows": 4, "next_page": False, "next_cursor": None}


@pytest.mark.parametrize("options", [(), (None,), ({},), ({"where": {}},)])
async def test_takes_no_options(shared: Api, options: tuple[Any, ...]) -> None:
    """Options may be missing, null or empty."""
    assert len(await shared("api-tokens/read", *options)) == 1


async def test_never_shows_a_secret(root: Api, sql: Sql) -> None:
    """Nothing but the described columns is answered: no secret and no digest."""
    made = await root("api-tokens/create", "ci", {"token": "correct-horse-battery-staple"})
    row = await token(sql, made["id"])
    assert row
    for options in ({}, {"count": True}, {"id": made["id"]}, {"where": {"token": made["token"]}}):
        answer = await root.success("api-tokens/read", options)
        for found in answer.data if isinstance(answer.data, list) else [answer.data]:
            assert found.keys() == COLUMNS
        for part in (made["token"], row["digest"].hex(), str(row["digest"])):
            assert part not in repr(answer)


async def test_shows_permissions_in_effect(member: MemberMaker, sql: Sql) -> None:
    """A permission the owner has lost is not shown."""
    alice = await member("alice", ["read", "admin"])
    await sql.execute("""update users set permissions = '{"admin": false}' where name = 'alice'""")
    [row] = await alice("api-tokens/read")
    assert row["permissions"] == {"read": True}


async def test_needs_no_permission(member: MemberMaker) -> None:
    """A token that may do nothing still sees what its user has."""
    powerless = await member("alice", token={})
    assert await names(powerless) == ["alice's"]


# One by id


async def test_reads_one(root: Api) -> None:
    """An id is answered with that token as an object, and no meta."""
    made = await root("api-tokens/create", "ci", {"role": "read-only", "metadata": {"a": 1}})
    answer = await root.success("api-tokens/read", {"id": made["id"]})
    assert answer.data == {name: value for name, value in made.items() if name != "token"}
    assert answer.meta == {}


async def test_reads_several(root: Api, member: MemberMaker) -> None:
    """Several ids are a condition: of one's own those that are there, and nobody else's."""
    made = [(await root("api-tokens/create", name))["id"] for name in ("one", "two", "three")]
    _, ids = await unreachable(member)
    assert await names(root, where={"id": ["in", [made[2], *ids, made[0]]]}) == ["one", "three"]
    assert await names(root, where={"id": made[1]}) == ["two"]


async def test_refuses_a_foreign_token(member: MemberMaker) -> None:
    """Another user's token, one that is not there, and an id that is none get one answer."""
    alice, ids = await unreachable(member)
    for token_id in ids:
        refusal = await alice.refusal("api-tokens/read", {"id": token_id})
        assert (refusal.code, refusal.text) == (404, "Token not found")


async def test_refuses_one_that_the_conditions_exclude(shared: Api) -> None:
    """Conditions hold beside an id too."""
    token_id = await shared.token_id()
    refusal = await shared.refusal("api-tokens/read", {"id": token_id, "where": {"name": "x"}})
    assert refusal.code == 404


# Whose


async def test_reads_ones_own_by_default(root: Api, member: MemberMaker) -> None:
    """An administrator too sees but their own, until they ask for more."""
    alice = await member("alice")
    assert await names(root) == await names(root, owner="me") == ["root"]
    refusal = await root.refusal("api-tokens/read", {"id": await alice.token_id()})
    assert refusal.code == 404


async def test_shows_an_administrator_everybodys(member: MemberMaker) -> None:
    """Owner "all" leaves nobody out."""
    admin = await member("carol", ["admin"])
    alice = await member("alice")
    assert await names(admin, owner="all") == ["alice's", "carol's", "root"]
    row = await admin("api-tokens/read", {"id": await alice.token_id(), "owner": "all"})
    assert row["name"] == "alice's"


async def test_shows_an_administrator_one_users(root: Api, member: MemberMaker) -> None:
    """A user's id as owner selects their tokens alone."""
    alice, bob = await member("alice"), await member("bob")
    [row] = await alice("api-tokens/read")
    assert await names(root, owner=row["user_id"]) == ["alice's"]
    options = {"id": await bob.token_id(), "owner": row["user_id"]}
    assert (await root.refusal("api-tokens/read", options)).code == 404


@pytest.mark.parametrize("owner", [MISSING_ID, "nonsense", "", "ALL", "root", *INJECTIONS])
async def test_shows_nothing_of_a_user_who_is_not_there(shared: Api, owner: str) -> None:
    """An owner who is not there has no tokens."""
    answer = await shared.success("api-tokens/read", {"owner": owner})
    assert (answer.data, answer.meta["rows"]) == ([], 0)


@pytest.mark.parametrize("owner", ["all", MISSING_ID, "nonsense", ""])
async def test_refuses_other_owners_without_permission_admin(
    member: MemberMaker, owner: str
) -> None:
    """Whose tokens there are is for administrators to know."""
    alice = await member("alice")
    refusal = await alice.refusal("api-tokens/read", {"owner": owner})
    assert (refusal.code, refusal.status) == (-32811, 403)


async def test_refuses_other_owners_to_an_administrators_weak_token(member: MemberMaker) -> None:
    """What counts is what the token may do, not what its user may."""
    admin = await member("carol", ["admin", "read"])
    weak = await bearer(admin, read=True)
    assert (await weak.refusal("api-tokens/read", {"owner": "all"})).code == -32811


@pytest.mark.parametrize("owner", [None, 7, True, ["all"], "x" * 101])
async def test_refuses_what_is_no_owner(shared: Api, owner: Any) -> None:
    """An owner is text of a bounded length."""
    refusal = await shared.refusal("api-tokens/read", {"owner": owner})
    assert (refusal.code, [fault.path for fault in refusal.faults]) == (-32808, ["/0/owner"])


# What is not understood


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"user_id": MISSING_ID}, "/0/user_id"),
        ({"select": "*"}, "/0/select"),
        ({"Where": {}}, "/0/Where"),
        ({"a/b~c": 1}, "/0/a~1b~0c"),
        ({"where": []}, "/0/where"),
        ({"where": None}, "/0/where"),
        ({"where": {"digest": "x"}}, "/0/where/digest"),
        ({"where": {"hint": "x"}}, "/0/where/hint"),
        ({"where": {"user_id": "x"}}, "/0/where/user_id"),
        ({"where": {"permissions": "x"}}, "/0/where/permissions"),
        ({"where": {"name = '' or true; --": "x"}}, "/0/where/name = '' or true; --"),
        ({"order_by": []}, "/0/order_by"),
        ({"order_by": "name"}, "/0/order_by"),
        ({"order_by": [[]]}, "/0/order_by/0"),
        ({"order_by": [["name", "asc", "desc"]]}, "/0/order_by/0"),
        ({"order_by": [["name", "DESC"]]}, "/0/order_by/0/1"),
        ({"order_by": [["name", None]]}, "/0/order_by/0/1"),
        ({"order_by": [["name", "asc; drop table users"]]}, "/0/order_by/0/1"),
        ({"order_by": ["id"]}, "/0/order_by/0"),
        ({"order_by": ["digest"]}, "/0/order_by/0"),
        ({"order_by": ["token"]}, "/0/order_by/0"),
        ({"order_by": [["metadata", "asc"]]}, "/0/order_by/0/0"),
        ({"order_by": ["name", 1]}, "/0/order_by/1"),
        ({"order_by": ["name"] * 7}, "/0/order_by"),
        ({"limit": 0}, "/0/limit"),
        ({"limit": 101}, "/0/limit"),
        ({"limit": -1}, "/0/limit"),
        ({"limit": "10"}, "/0/limit"),
        ({"limit": 1.5}, "/0/limit"),
        ({"limit": True}, "/0/limit"),
        ({"limit": None}, "/0/limit"),
        ({"offset": -1}, "/0/offset"),
        ({"offset": "0"}, "/0/offset"),
        ({"offset": 2**63}, "/0/offset"),
        ({"offset": 0.5}, "/0/offset"),
        ({"count": "yes"}, "/0/count"),
        ({"count": None}, "/0/count"),
        ({"id": None}, "/0/id"),
        ({"id": 7}, "/0/id"),
        ({"id": "x" * 101}, "/0/id"),
        ({"id": "\0"}, "/0/id"),
        ({"after": None}, "/0/after"),
        ({"after": 7}, "/0/after"),
        ({"after": "x" * 8193}, "/0/after"),
        ([], "/0"),
        ("name", "/0"),
    ],
)
async def test_refuses_options_that_cannot_be_used(shared: Api, options: Any, path: str) -> None:
    """Each fault is told at its place; nothing is ignored or clipped."""
    refusal = await shared.refusal("api-tokens/read", options)
    assert (refusal.code, [fault.path for fault in refusal.faults]) == (-32808, [path])


async def test_tells_every_fault(shared: Api) -> None:
    """All that is wrong is told at once."""
    options = {"limit": 0, "offset": -1, "order_by": ["digest"], "where": {"enabled": "yes"}}
    refusal = await shared.refusal("api-tokens/read", options)
    assert {fault.path for fault in refusal.faults} == {
        "/0/limit",
        "/0/offset",
        "/0/order_by/0",
        "/0/where/enabled",
    }


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize(
    "operator",
    [
        "=",
        "like",
        "ilike",
        "includes",
        "includes case insensitive",
        "starts with",
        "starts with case insensitive",
        "ends with",
        "ends with case insensitive",
    ],
)
async def test_takes_sql_for_a_value(shared: Api, operator: str, text: str) -> None:
    """SQL in a value is text that no token is named."""
    for field in ("name", "role"):
        assert await names(shared, where={field: [operator, text]}) == []
    assert await names(shared, where={"name": ["in", [text, "root"]]}) == ["root"]
    assert await names(shared, where={"token": text}) == []
    assert await names(shared) == ["root"]
