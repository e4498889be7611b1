import asyncio
from typing import Any

import orjson
import pytest

from tests.conftest import MemberMaker
from tests.methods.support import (
    EVERYTHING,
    Sql,
    bearer,
    blocked,
    break_audit,
    events,
    moment,
    stored,
    token,
    unreachable,
    works,
)
from tests.support import Api

OWN = "correct-horse-battery-staple"


async def made(api: Api, **options: Any) -> dict[str, Any]:
    """A new token of the caller's, as it is listed, with its secret."""
    return dict(await api("api-tokens/create", "ci", options))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "deploy"},
        {"name": "ü" * 255},
        {"metadata": {}},
        {"metadata": {"team": "web", "nested": [1, {"a": None}]}},
        {"expires": "2099-01-31T12:00:00Z"},
        {"expires": None},
        {"role": None},
    ],
    ids=repr,
)
async def test_changes_what_is_given_and_nothing_else(root: Api, changes: dict[str, Any]) -> None:
    """The answer is the token as it is listed afterwards, and all else is as it was."""
    before = await made(root, role="read-only", expires="30d", metadata={"a": 1})
    after = await root("api-tokens/update", before["id"], changes)
    changed = {name for name in after if before[name] != after[name]}
    assert changed == {*changes, "updated"}
    for name, value in changes.items():
        assert str(after[name]).replace(".000000", "") == str(value)
    assert await root("api-tokens/read", {"id": before["id"]}) == after
    assert await works(root, before["token"])


async def test_a_role_brings_its_permissions(root: Api) -> None:
    """They replace what the token had, and the role is shown as it was given."""
    before = await made(root, permissions=EVERYTHING)
    after = await root("api-tokens/update", before["id"], {"role": "analyst"})
    assert (after["role"], after["permissions"]) == ("analyst", {"read": True, "write": True})


async def test_permissions_set_by_hand_clear_the_role(root: Api) -> None:
    """A role is shown only while the permissions are the role's."""
    before = await made(root)
    await root("api-tokens/update", before["id"], {"role": "read-only"})
    await root("api-tokens/set-permissions", before["id"], {"write": True})
    assert (await root("api-tokens/read", {"id": before["id"]}))["role"] is None


async def test_without_its_role_a_token_may_do_the_same(root: Api) -> None:
    """Null takes the name of the role away and leaves the permissions."""
    before = await made(root, role="read-only")
    after = await root("api-tokens/update", before["id"], {"role": None})
    assert after["permissions"] == {"read": True}


async def test_refuses_a_role_that_is_not_there(root: Api) -> None:
    """It is named, and nothing has changed."""
    before = await made(root)
    refusal = await root.refusal("api-tokens/update", before["id"], {"role": "x", "name": "y"})
    assert (refusal.code, refusal.text) == (400, 'Role "x" is not valid')
    assert (await root("api-tokens/read", {"id": before["id"]}))["name"] == "ci"


async def test_refuses_a_role_that_holds_more_than_the_caller(member: MemberMaker) -> None:
    """Nobody edits themselves upward by a role."""
    weak = await member("alice", None, {"read": True})
    refusal = await weak.refusal("api-tokens/update", await weak.token_id(), {"role": "analyst"})
    text = 'Access denied: you do not hold permission "write"'
    assert (refusal.code, refusal.text) == (-32811, text)


async def test_refuses_a_stronger_token(member: MemberMaker, sql: Sql) -> None:
    """A weak token changes nothing of a stronger one, its value least of all."""
    alice = await member("alice")
    strong, weak = await alice.token_id(), await bearer(alice, read=True)
    for changes in ({"token": OWN}, {"name": "x"}, {"expires": "1s"}, {"finish_rotation": True}):
        assert (await weak.refusal("api-tokens/update", strong, changes)).code == -32811
    assert await works(alice, str(alice.token))
    told = await events(sql, "api-tokens/update")
    assert [event["details"]["allowed"] for event in told] == [False] * 4


async def test_refuses_unreachable_tokens(member: MemberMaker, sql: Sql) -> None:
    """Another's token and one that is not there get the same answer, and nothing is written."""
    alice, ids = await unreachable(member)
    for token_id in ids:
        refusal = await alice.refusal("api-tokens/update", token_id, {"name": "x"})
        assert (refusal.code, refusal.text) == (404, "Token not found")
    assert await events(sql, "api-tokens/update") == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({}, "/1"),
        ({"name": ""}, "/1/name"),
        ({"name": None}, "/1/name"),
        ({"name": "x" * 256}, "/1/name"),
        ({"name": "a\nb"}, "/1/name"),
        ({"role": 1}, "/1/role"),
        ({"expires": "2020-01-01T00:00:00Z"}, "/1/expires"),
        ({"expires": "0d"}, "/1/expires"),
        ({"expires": "tomorrow"}, "/1/expires"),
        ({"expires": "9999-12-31T23:59:59-00:01"}, "/1/expires"),
        ({"expires": "9999-12-31T23:59:59.999999Z"}, "/1/expires"),
        ({"expires": "2027-03-28T02:30:00"}, "/1/expires"),
        ({"token": None}, "/1/token"),
        ({"token": "short"}, "/1/token"),
        ({"token": "x" * 513}, "/1/token"),
        ({"token": "x" * 20}, "/1/token"),
        ({"token": "abcdefghij" * 2}, "/1/token"),
        ({"token": "apt_" + "x" * 36}, "/1/token"),
        ({"token": "session_abcdefghijklmnopqrst"}, "/1/token"),
        ({"token": "correct horse battery staple"}, "/1/token"),
        ({"metadata": None}, "/1/metadata"),
        ({"metadata": {"x": "y" * 4096}}, "/1/metadata"),
        ({"finish_rotation": "yes"}, "/1/finish_rotation"),
        ({"permissions": {"read": True}}, "/1/permissions"),
        ({"user_id": "x"}, "/1/user_id"),
        ({"enabled": True}, "/1/enabled"),
    ],
    ids=repr,
)
async def test_refuses_changes_that_are_none(
    shared: Api, changes: dict[str, Any], path: str
) -> None:
    """Each is refused at its place, and nothing has changed."""
    before = await made(shared)
    refusal = await shared.refusal("api-tokens/update", before["id"], changes)
    assert (refusal.code, refusal.faults[0].path) == (-32808, path)
    row = await shared("api-tokens/read", {"id": before["id"]})
    assert row == {name: before[name] for name in row}


@pytest.mark.parametrize(
    ("given", "stored_as"),
    [
        ("9999-12-31T23:59:59.999998Z", "9999-12-31T23:59:59.999998Z"),
        ("2099-03-28T03:30:00+01:00", "2099-03-28T02:30:00Z"),
        ("2099-10-25T02:30:00+02:00", "2099-10-25T00:30:00Z"),
        ("2099-01-01T00:00:00-23:59", "2099-01-01T23:59:00Z"),
        ("2099-01-01t00:00:00.5z", "2099-01-01T00:00:00.500000Z"),
    ],
)
async def test_expiries_are_kept_in_utc(root: Api, given: str, stored_as: str) -> None:
    """Whatever the offset and however far off, a moment comes back as the same moment."""
    before = await made(root)
    after = await root("api-tokens/update", before["id"], {"expires": given})
    assert after["expires"] == stored_as


async def test_an_expired_token_can_be_given_time(root: Api, sql: Sql) -> None:
    """It is refused with its own text, stays listed, and works again when its owner says so."""
    before = await made(root)
    await sql.execute("update api_tokens set expires = now() - interval '1 s' where name = 'ci'")
    refusal = await root.bearing(before["token"]).refusal("api-tokens/read")
    text = "Session was deleted: the token has expired"
    assert (refusal.code, refusal.text) == (-32815, text)
    [row] = await root("api-tokens/read", {"where": {"name": "ci"}})
    assert row["expires"] is not None
    await root("api-tokens/update", before["id"], {"expires": "1h"})
    assert await works(root, before["token"])


async def test_a_value_of_ones_own_replaces_the_secret(root: Api, sql: Sql) -> None:
    """From the answer on only the new value works, and it stands nowhere in the database."""
    before = await made(root)
    after = await root("api-tokens/update", before["id"], {"token": OWN})
    assert not await works(root, before["token"])
    assert await works(root, OWN)
    assert after["hint"] == "…aple"
    assert "token" not in after
    assert OWN not in await stored(sql)


async def test_a_value_of_ones_own_ends_a_rotation(root: Api) -> None:
    """No older secret works beside it."""
    before = await made(root)
    rotated = await root("api-tokens/rotate", before["id"], {"grace": "1h"})
    after = await root("api-tokens/update", before["id"], {"token": OWN})
    assert after["rotation"] is None
    working = [await works(root, secret) for secret in (before["token"], rotated["token"], OWN)]
    assert working == [False, False, True]


async def test_its_own_value_can_be_given_again(root: Api) -> None:
    """What a token has already is not taken."""
    before = await made(root, token=OWN)
    await root("api-tokens/update", before["id"], {"token": OWN})
    assert await works(root, OWN)


async def test_refuses_a_value_that_is_taken(root: Api, member: MemberMaker, sql: Sql) -> None:
    """Whose it is nobody is told; nothing has changed, and no event says otherwise."""
    await made(root, token=OWN)
    alice = await member("alice")
    for changes in ({"token": OWN}, {"token": OWN, "name": "x"}):
        refusal = await alice.refusal("api-tokens/update", await alice.token_id(), changes)
        assert (refusal.code, refusal.text) == (409, "Token value is taken")
    assert (await alice("api-tokens/read"))[0]["name"] == "alice's"
    assert await events(sql, "api-tokens/update") == []


async def test_refuses_a_value_that_is_anothers_secret_before(
    root: Api, member: MemberMaker
) -> None:
    """While a rotated secret still works it is taken."""
    before = await made(root, token=OWN)
    await root("api-tokens/rotate", before["id"], {"grace": "1h"})
    alice = await member("alice")
    refusal = await alice.refusal("api-tokens/update", await alice.token_id(), {"token": OWN})
    assert (refusal.code, refusal.text) == (409, "Token value is taken")


async def test_of_two_who_want_one_value_at_once_one_gets_it(root: Api, sql: Sql) -> None:
    """The other is told that it is taken, whether by an update or by a new token."""
    target = await made(root)
    async with sql.transaction():
        await sql.execute("lock table audit_events in share mode")
        calls = [
            asyncio.ensure_future(root.result("api-tokens/update", target["id"], {"token": OWN})),
            asyncio.ensure_future(root.result("api-tokens/create", "other", {"token": OWN})),
        ]
        await blocked(sql, 2)
    codes = sorted(getattr(result, "code", 0) for result in await asyncio.gather(*calls))
    assert codes == [0, 409]
    assert await works(root, OWN)


async def test_finishes_a_rotation(root: Api) -> None:
    """The secret before dies at once, the new one goes on."""
    before = await made(root)
    rotated = await root("api-tokens/rotate", before["id"], {"grace": "7d"})
    after = await root("api-tokens/update", before["id"], {"finish_rotation": True})
    assert after["rotation"] is None
    assert not await works(root, before["token"])
    assert await works(root, rotated["token"])


async def test_without_a_rotation_there_is_nothing_to_finish(root: Api) -> None:
    """To finish what is not running is no mistake."""
    before = await made(root)
    await root("api-tokens/update", before["id"], {"finish_rotation": True})
    assert await works(root, before["token"])


@pytest.mark.parametrize("changes", [{"finish_rotation": False}, {"name": "x"}, {"expires": None}])
async def test_leaves_a_rotation_running(root: Api, changes: dict[str, Any]) -> None:
    """Other changes do not touch it."""
    before = await made(root)
    rotated = await root("api-tokens/rotate", before["id"], {"grace": "1h"})
    after = await root("api-tokens/update", before["id"], changes)
    assert after["rotation"] == rotated["rotation"]
    assert await works(root, before["token"])


async def test_an_earlier_expiry_ends_the_grace_earlier(root: Api) -> None:
    """The secret before never outlives the token."""
    before = await made(root)
    await root("api-tokens/rotate", before["id"], {"grace": "2h"})
    after = await root("api-tokens/update", before["id"], {"expires": "1h"})
    assert moment(after["rotation"]["ends"]) == moment(after["expires"])


async def test_an_administrator_changes_for_others(root: Api, member: MemberMaker) -> None:
    """The token stays its owner's, and may do no more than its owner."""
    alice = await member("alice", ["read"])
    after = await root("api-tokens/update", await alice.token_id(), {"role": "analyst"})
    assert after["permissions"] == {"read": True}
    assert after["user_id"] == (await alice("session/read"))["user"]["id"]


async def test_writes_one_audit_event(root: Api, sql: Sql) -> None:
    """It tells the name before and what changed; of the secret and of metadata only that."""
    before = await made(root)
    changes = {"name": "deploy", "role": "read-only", "token": OWN, "metadata": {"a": 1}}
    await root("api-tokens/update", before["id"], changes)
    [event] = await events(sql, "api-tokens/update")
    assert event["target"] == before["id"]
    told = {"name": "deploy", "role": "read-only", "token": True, "metadata": True}
    assert event["details"] == {"name": "ci", "changes": told, "allowed": True}


async def test_is_undone_without_its_audit_event(root: Api, sql: Sql) -> None:
    """The change and its event are one statement: without the one there is not the other."""
    before = await made(root)
    await break_audit(sql)
    assert (await root.refusal("api-tokens/update", before["id"], {"name": "x"})).code == 500
    row = await token(sql, before["id"])
    assert row
    assert (row["name"], orjson.loads(row["metadata"])) == ("ci", {})
