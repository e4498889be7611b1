"""The triggers that tell of changes: of which, to whom they belong, and by what name."""

import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from app.listener import Change, Listener, listening
from tests.app.listening import Recorder, recorder
from tests.methods.support import Sql, put_tokens, signed_in, user_id
from tests.people import PASSWORD, person
from tests.support import Api


@pytest.fixture
async def listener(database_url: str) -> AsyncIterator[Listener]:
    """A listener on the test's database."""
    async with listening(database_url) as found:
        yield found


@pytest.fixture
def told(listener: Listener) -> Recorder:
    """What it is told."""
    return recorder(listener)


async def token_of(sql: Sql, user: str) -> str:
    """The id of a user's only token."""
    return str(await sql.fetchval("select id from api_tokens where user_id = $1", user))


UPDATES: Final[dict[str, tuple[str, str]]] = {
    "disabled": ("enabled = false", "disable"),
    "disabled and renamed": ("enabled = false, name = 'new'", "disable"),
    "renamed": ("name = 'new'", "update"),
    "permitted": ("""permissions = '{"read": true}'""", "update"),
    "rotated": ("rotated = now(), digest = 'new'", "rotate"),
    "moved to another key": ("digest = 'new'", "update"),
    "used and renamed": ("last_used = now(), name = 'new'", "update"),
    "given an end": ("expires = now()", "update"),
    "at the end of a rotation": ("previous_until_first_use = true", "update"),
}


@pytest.mark.parametrize(("change", "action"), UPDATES.values(), ids=UPDATES)
async def test_tells_of_a_changed_token(sql: Sql, told: Recorder, change: str, action: str) -> None:
    """By the name of what happened to it."""
    user = await put_tokens(sql, [{"name": "old"}])
    await sql.execute(f"update api_tokens set {change}")
    expected = Change("api_tokens", action, user, (await token_of(sql, user),))
    assert await told.told(sql) == [expected]


async def test_tells_of_an_enabled_token(sql: Sql, told: Recorder) -> None:
    """As of a disabled one."""
    user = await put_tokens(sql, [{"name": "old", "enabled": False}])
    await sql.execute("update api_tokens set enabled = true")
    assert [change.action for change in await told.told(sql)] == ["enable"]
    assert await told.told(sql) == []
    assert user


async def test_every_column_counts_but_some(sql: Sql) -> None:
    """A column that is added to api_tokens has to be added to the trigger, unless it is like it.

    Short ids never change, and who may see sealed copies is asked when they are shown.
    """
    definition = await sql.fetchval(
        "select pg_get_triggerdef(oid) from pg_trigger"
        " where tgrelid = 'api_tokens'::regclass and tgname = 'tell_of_changed_token'"
    )
    columns = await sql.fetch(
        "select attname from pg_attribute"
        " where attrelid = 'api_tokens'::regclass and attnum > 0 and not attisdropped"
    )
    counted = {row["attname"] for row in columns} - {"last_used", "key_id", "sealed"}
    for side in ("old", "new"):
        assert set(re.findall(rf"\b{side}\.(\w+)", definition)) == counted


async def test_says_nothing_of_use(sql: Sql, told: Recorder) -> None:
    """Nor of what is written as it was."""
    await put_tokens(sql, [{"name": "old"}])
    await sql.execute("update api_tokens set last_used = $1", datetime.now(UTC))
    await sql.execute("update api_tokens set name = name, enabled = enabled")
    assert await told.told(sql) == []


async def test_says_nothing_of_what_is_rolled_back(sql: Sql, told: Recorder) -> None:
    """Nothing has happened."""
    await put_tokens(sql, [{"name": "old"}])
    transaction = sql.transaction()
    await transaction.start()
    await sql.execute("update api_tokens set name = 'new'")
    await sql.execute("delete from api_tokens")
    await sql.execute("delete from users")
    await transaction.rollback()
    assert await told.told(sql) == []


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [1]), (100, [100]), (101, [1, 100]), (250, [50, 100, 100])]
)
async def test_tells_of_a_hundred_deleted_tokens_at_a_time(
    sql: Sql, told: Recorder, count: int, sizes: list[int]
) -> None:
    """Each once, and no message longer than the database takes."""
    user = await put_tokens(sql, [{"name": f"n{n}"} for n in range(count)])
    ids = {str(row["id"]) for row in await sql.fetch("delete from api_tokens returning id")}
    changes = await told.told(sql)
    assert sorted(len(change.ids) for change in changes) == sizes
    assert {token for change in changes for token in change.ids} == ids
    assert {(c.table, c.action, c.user_id) for c in changes} == {("api_tokens", "delete", user)}


async def test_each_owner_is_told_of_their_own(sql: Sql, told: Recorder) -> None:
    """However many tokens are deleted at once."""
    users = {await put_tokens(sql, [{"name": "x"}] * size): size for size in (1, 2, 3)}
    await sql.execute("delete from api_tokens")
    assert {change.user_id: len(change.ids) for change in await told.told(sql)} == users


async def test_nothing_deleted_is_nothing_to_tell(sql: Sql, told: Recorder) -> None:
    """A statement without rows tells nothing."""
    await sql.execute("delete from api_tokens")
    await sql.execute("update users set enabled = false")
    assert await told.told(sql) == []


async def test_tells_of_new_tokens_where_somebody_watches(
    sql: Sql, told: Recorder, listener: Listener
) -> None:
    """Each by itself, to whom it belongs."""
    user = await put_tokens(sql, [])
    await listener.watch(user)
    await sql.execute(
        "insert into api_tokens (user_id, name, digest, digest_scheme, hint, created_by)"
        " select $1, 'n', uuid_send(gen_random_uuid()), 'none', 'apt_…', '{}'"
        " from generate_series(1, 101)",
        user,
    )
    changes = await told.told(sql)
    rows = await sql.fetch("select id from api_tokens")
    assert {change.ids for change in changes} == {(str(row["id"]),) for row in rows}
    assert {(c.table, c.action, c.user_id) for c in changes} == {("api_tokens", "create", user)}


async def test_says_nothing_of_new_tokens_that_nobody_watches(sql: Sql, told: Recorder) -> None:
    """Making tokens costs nothing where nobody wants to know."""
    await put_tokens(sql, [{"name": "x"}])
    assert await told.told(sql) == []


USERS: Final[dict[str, tuple[str, Sequence[str]]]] = {
    "disabled": ("update users set enabled = false", ["disable"]),
    "permitted": ("""update users set permissions = '{"admin": true}'""", ["update"]),
    "given a password": ("update users set password_hash = 'x'", ["update"]),
    "left as they were": ("update users set name = name", []),
    "deleted": ("delete from users", ["delete"]),
}


@pytest.mark.parametrize(("statement", "actions"), USERS.values(), ids=USERS)
async def test_tells_of_a_user(
    sql: Sql, told: Recorder, statement: str, actions: list[str]
) -> None:
    """Whatever changes of them may change what their tokens may do."""
    user = await put_tokens(sql, [])
    await sql.execute(statement)
    assert await told.told(sql) == [Change("users", action, user, (user,)) for action in actions]


async def test_tells_of_all_that_goes_with_a_user(sql: Sql, told: Recorder) -> None:
    """Their tokens are deleted too."""
    user = await put_tokens(sql, [{"name": "x"}])
    token = await token_of(sql, user)
    await sql.execute("delete from users")
    assert sorted(await told.told(sql), key=str) == [
        Change("api_tokens", "delete", user, (token,)),
        Change("users", "delete", user, (user,)),
    ]


async def test_tells_of_the_settings(sql: Sql, told: Recorder) -> None:
    """When the API is switched, and not when it is left as it is."""
    for enabled in (False, False, True):
        await sql.execute("update settings set api_enabled = $1", enabled)
    await sql.execute("update settings set digest_key_id = 'x'")
    assert await told.told(sql) == [Change("settings", "update", None, ())] * 2


async def test_tells_of_ended_sessions(root: Api, sql: Sql, listener: Listener) -> None:
    """By whatever they ended; not of those that begin or are used."""
    alice = await person(root)
    api = await signed_in(root, "alice", PASSWORD)
    told = recorder(listener)
    await told.told(sql)  # of what went before
    other = await signed_in(root, "alice", PASSWORD)
    await other("session/read")
    assert await told.told(sql) == []
    await api("session/sign-out")
    [change] = await told.told(sql)
    assert (change.table, change.action, change.user_id) == ("sessions", "delete", alice)
    await root("users/set-password", alice, "another horse battery")
    tables = {change.table for change in await told.told(sql)}
    assert tables == {"sessions", "users"}


CALLS: Final[dict[str, tuple[str, list[Any], list[str]]]] = {
    "update": ("api-tokens/update", [{"name": "new"}], ["update"]),
    "rotate": ("api-tokens/rotate", [], ["rotate"]),
    "disable": ("api-tokens/set-enabled", [False], ["disable"]),
    "enable what is enabled": ("api-tokens/set-enabled", [True], ["update"]),
    "permit": ("api-tokens/set-permissions", [{}], ["update"]),
    "look": ("api-tokens/get-permissions", [], []),
    "delete": ("api-tokens/delete", [], ["delete"]),
}


@pytest.mark.parametrize("name", CALLS)
async def test_names_what_a_method_does(root: Api, sql: Sql, listener: Listener, name: str) -> None:
    """One change for each call that makes one."""
    method, arguments, actions = CALLS[name]
    made = await root("api-tokens/create", "ci", {"permissions": {"read": True}})
    told = recorder(listener)
    await root(method, made["id"], *arguments)
    owner = await user_id(root, "root")
    expected = [Change("api_tokens", action, owner, (made["id"],)) for action in actions]
    assert await told.told(sql) == expected
