from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import MemberMaker
from tests.methods.support import INJECTIONS, Sql
from tests.support import MISSING_ID, Api

NAMES = ["alice", "alina", "bob", "carol", "root"]


@pytest.fixture(scope="module")
async def people(shared: Api, shared_sql: Sql) -> Api:
    """Root's API beside four users: bob is disabled, carol may do nothing; each a year younger."""
    for name in ("alice", "alina", "bob"):
        await shared("users/create", name)
    await shared("users/create", "carol", {"permissions": []})
    await shared_sql.execute("update users set enabled = name <> 'bob'")
    for year, name in enumerate(NAMES, 2001):
        await shared_sql.execute(
            "update users set created = make_timestamptz($1, 1, 1, 0, 0, 0, 'UTC') where name = $2",
            year,
            name,
        )
    return shared


async def names(api: Api, **options: Any) -> list[str]:
    """The names of the users that these options select, in order."""
    return [row["name"] for row in await api("users/read", options)]


async def test_lists_by_name(people: Api) -> None:
    """Without options everybody is listed, by name."""
    answer = await people.success("users/read")
    assert [row["name"] for row in answer.data] == ["alice", "alina", "bob", "carol", "root"]
    assert answer.meta == {"rows": 5, "next_page": False, "next_cursor": None}


async def test_shows_what_each_holds(people: Api) -> None:
    """Permissions are those in effect: all of root's, the defaults, or none."""
    held = {row["name"]: sorted(row["permissions"]) for row in await people("users/read")}
    assert held["root"] == ["admin", "read", "verify", "write"]
    assert (held["alice"], held["carol"]) == (["read", "write"], [])


async def test_never_shows_a_password(people: Api, shared_sql: Sql) -> None:
    """Nothing but the described columns is answered."""
    await shared_sql.execute("update users set password_hash = 'a hash'")
    for row in await people("users/read"):
        assert row.keys() == {"id", "name", "enabled", "root", "permissions", "created"}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"name": "bob"}, ["bob"]),
        ({"name": ["like", "AL"]}, ["alice", "alina"]),
        ({"name": ["like", "AL%"]}, ["alice", "alina"]),
        ({"name": ["starts with", "al"]}, ["alice", "alina"]),
        ({"name": ["starts with", "AL"]}, []),
        ({"name": ["not in", ["bob", "root"]]}, ["alice", "alina", "carol"]),
        ({"enabled": False}, ["bob"]),
        ({"enabled": ["!=", False], "name": ["includes", "o"]}, ["carol", "root"]),
        ({"created": [">=", "2004-01-01T00:00:00Z"]}, ["carol", "root"]),
        ({"created": ["<", "2002-01-01T00:30:00+01:00"]}, ["alice"]),
        ({"name": ["=", None]}, []),
    ],
)
async def test_filters(people: Api, where: dict[str, Any], expected: list[str]) -> None:
    """Every condition must hold."""
    assert await names(people, where=where) == expected


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        (["name"], ["alice", "alina", "bob", "carol", "root"]),
        ([["name", "desc"]], ["root", "carol", "bob", "alina", "alice"]),
        ([["created"]], ["alice", "alina", "bob", "carol", "root"]),
        (["enabled", ["created", "desc"]], ["bob", "root", "carol", "alina", "alice"]),
    ],
)
async def test_orders(people: Api, order_by: list[Any], expected: list[str]) -> None:
    """The first field counts most."""
    assert await names(people, order_by=order_by) == expected


@pytest.mark.parametrize("field", ["name", "enabled", "created"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_by_cursor(people: Api, field: str, direction: str, limit: int) -> None:
    """Page after page shows everybody exactly once, in the order of one long page."""
    options: dict[str, Any] = {"order_by": [[field, direction]]}
    whole, seen = await names(people, **options), []
    page: dict[str, Any] = {"next_page": True}
    while page["next_page"]:
        answer = await people.success("users/read", {**options, "limit": limit})
        page, options["after"] = dict(answer.meta), answer.meta["next_cursor"]
        seen += [row["name"] for row in answer.data]
    assert seen == whole


async def test_pages_by_offset_and_counts(people: Api) -> None:
    """An offset skips rows; the count is of all that match."""
    options = {"where": {"enabled": True}, "offset": 1, "limit": 2, "count": True}
    answer = await people.success("users/read", options)
    assert [row["name"] for row in answer.data] == ["alina", "carol"]
    assert (answer.meta["rows"], answer.meta["total_rows"]) == (2, 4)


async def test_counts_beyond_the_last_page(people: Api) -> None:
    """An empty page still tells how many there are."""
    answer = await people.success("users/read", {"offset": 50, "count": True})
    assert (answer.data, answer.meta["rows"], answer.meta["total_rows"]) == ([], 0, 5)


async def test_reads_one(people: Api) -> None:
    """An id is answered with that user as an object."""
    [bob] = await people("users/read", {"where": {"name": "bob"}})
    assert await people("users/read", {"id": bob["id"]}) == bob


@pytest.mark.parametrize("user_id", [MISSING_ID, "nonsense", "", *INJECTIONS])
async def test_refuses_an_id_that_is_not_there(people: Api, user_id: str) -> None:
    """A missing id and a malformed one get one answer."""
    refusal = await people.refusal("users/read", {"id": user_id})
    assert (refusal.code, refusal.text) == (404, "User not found")


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"limit": 0}, "/0/limit"),
        ({"limit": 101}, "/0/limit"),
        ({"offset": -1}, "/0/offset"),
        ({"order_by": ["password_hash"]}, "/0/order_by/0"),
        ({"order_by": [["root", "asc"]]}, "/0/order_by/0/0"),
        ({"where": {"password_hash": "x"}}, "/0/where/password_hash"),
        ({"where": {"role": "x"}}, "/0/where/role"),
        ({"where": {"name": ["~", "x"]}}, "/0/where/name/0"),
        ({"where": {"created": "today"}}, "/0/where/created"),
        ({"owner": "all"}, "/0/owner"),
        ({"after": "nonsense"}, "/0/after"),
        ({"count": 1}, "/0/count"),
    ],
)
async def test_refuses_options_that_cannot_be_used(
    people: Api, options: dict[str, Any], path: str
) -> None:
    """Each fault is told at its place."""
    refusal = await people.refusal("users/read", options)
    assert (refusal.code, [fault.path for fault in refusal.faults]) == (-32808, [path])


@pytest.mark.parametrize("text", INJECTIONS)
async def test_takes_sql_for_a_value(people: Api, text: str) -> None:
    """SQL in a value is text that nobody is named."""
    for operator in ("=", "like", "ilike", "includes", "starts with", "ends with"):
        assert await names(people, where={"name": [operator, text]}) == []
    assert len(await people("users/read")) == 5


async def test_refuses_a_user_without_permission_admin(member: MemberMaker) -> None:
    """Only administrators see who there is."""
    alice = await member("alice", ["read", "write", "verify"])
    refusal = await alice.refusal("users/read")
    assert (refusal.code, refusal.status, refusal.text) == (-32811, 403, "Access denied")


async def test_refuses_an_administrators_weak_token(member: MemberMaker) -> None:
    """What counts is what the token may do, not what its user may."""
    weak = await member("alice", ["admin", "read"], {"read": True})
    assert (await weak.refusal("users/read", {"id": str(uuid4())})).code == -32811
