import pytest

from tests.conftest import MemberMaker
from tests.methods.support import Sql, bearer, unreachable
from tests.support import Api


async def test_maps_every_permission_the_owner_holds(member: MemberMaker) -> None:
    """What the token may do is true, what it could be given besides is false."""
    alice = await member("alice", ["read", "write", "verify"])
    weak = await bearer(alice, read=True)
    permissions = await alice("api-tokens/get-permissions", await weak.token_id())
    assert permissions == {"read": True, "write": False, "verify": False}


async def test_maps_every_permission_of_root(root: Api) -> None:
    """Root holds all there are."""
    permissions = await root("api-tokens/get-permissions", await root.token_id())
    assert permissions == {"read": True, "write": True, "admin": True, "verify": True}


async def test_is_empty_where_the_owner_holds_nothing(member: MemberMaker) -> None:
    """There is nothing to switch for a user without permissions."""
    alice = await member("alice", [])
    answer = await alice.success("api-tokens/get-permissions", await alice.token_id())
    assert (answer.data, answer.meta) == ({}, {"permissions": {}})


async def test_explains_each_permission(member: MemberMaker) -> None:
    """Title and description of exactly the answered names are in `meta.permissions`."""
    alice = await member("alice", ["read", "admin"])
    answer = await alice.success("api-tokens/get-permissions", await alice.token_id())
    assert answer.meta["permissions"] == {
        "read": {"title": "Read", "description": "Read data."},
        "admin": {
            "title": "Administer",
            "description": "Manage users, settings and other people's tokens.",
        },
    }


async def test_follows_what_the_owner_holds(member: MemberMaker, sql: Sql) -> None:
    """A permission the owner has lost is gone from the map, and back when it is."""
    alice = await member("alice")
    token_id = await alice.token_id()
    await sql.execute("""update users set permissions = '{"write": false}' where name = 'alice'""")
    assert await alice("api-tokens/get-permissions", token_id) == {"read": True}
    await sql.execute("update users set permissions = '{}' where name = 'alice'")
    assert await alice("api-tokens/get-permissions", token_id) == {"read": True, "write": True}


async def test_ignores_permissions_nobody_knows_any_more(member: MemberMaker, sql: Sql) -> None:
    """Names that left the registry while they stood in a map are not shown."""
    alice = await member("alice")
    old = """permissions || '{"fly": true}'"""
    await sql.execute(f"update users set permissions = {old}")
    await sql.execute(f"update api_tokens set permissions = {old}")
    permissions = await alice("api-tokens/get-permissions", await alice.token_id())
    assert permissions == {"read": True, "write": True}


@pytest.mark.parametrize("granted", [{}, {"read": True}, {"read": True, "write": True}])
@pytest.mark.parametrize("method", ["set-permissions", "update-permissions"])
async def test_gives_what_can_be_given_back(
    member: MemberMaker, method: str, granted: dict[str, bool]
) -> None:
    """The map, given back unchanged, changes nothing."""
    alice = await member("alice", ["read", "write", "admin"])
    token_id = await (await bearer(alice, **granted)).token_id()
    permissions = await alice("api-tokens/get-permissions", token_id)
    assert await alice(f"api-tokens/{method}", token_id, permissions) == permissions
    row = await alice("api-tokens/read", {"id": token_id})
    assert row["permissions"] == granted


async def test_shows_a_stronger_token_of_the_same_user(member: MemberMaker) -> None:
    """To look is not to touch: a weak token sees what its user's others may do."""
    alice = await member("alice")
    weak = await bearer(alice)
    permissions = await weak("api-tokens/get-permissions", await alice.token_id())
    assert permissions == {"read": True, "write": True}


async def test_refuses_a_foreign_token(member: MemberMaker) -> None:
    """Another user's token, one that is not there, and an id that is none get one answer."""
    alice, ids = await unreachable(member)
    for token_id in ids:
        refusal = await alice.refusal("api-tokens/get-permissions", token_id)
        assert (refusal.code, refusal.text) == (404, "Token not found")


async def test_lets_an_administrator_see_others_tokens(member: MemberMaker) -> None:
    """Permission admin reaches every user's tokens, and answers over what *they* hold."""
    admin, alice = await member("carol", ["admin"]), await member("alice")
    permissions = await admin("api-tokens/get-permissions", await alice.token_id())
    assert permissions == {"read": True, "write": True}
