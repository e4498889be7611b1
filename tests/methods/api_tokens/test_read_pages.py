import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.call import Success
from tests.methods.support import Sql, put_tokens
from tests.support import MISSING_ID, Api

FIELDS = ["name", "role", "enabled", "created", "expires", "last_used"]
ORDERS: list[list[Any]] = [
    *([[field, direction]] for field, direction in product(FIELDS, ("asc", "desc"))),
    [["role", "desc"], ["expires", "asc"]],
    ["last_used", ["role", "desc"], ["name", "desc"]],
    [["enabled", "desc"], ["last_used", "desc"], "role", "expires", "created", "name"],
    ["role", ["role", "desc"]],
]


def moment(microsecond: int | None) -> datetime | None:
    """A moment of 2030, as close to the next as the database can tell, or none."""
    if microsecond is None:
        return None
    return datetime(2030, 1, 1, 0, 0, 0, microsecond, tzinfo=UTC)


# Every combination of role and expiry twice: plenty of ties, and nulls on both ends.
ROWS: list[dict[str, Any]] = [
    {
        "name": "abcabc"[n % 6] * 2,
        "role": role,
        "enabled": n % 3 == 0,
        "created": moment(n // 4),
        "expires": moment(expires),
        "last_used": None if n % 2 else moment(n),
    }
    for n, (role, expires, _) in enumerate(product([None, "", "r", "z"], [None, 0, 1], range(2)))
]


@dataclass(frozen=True)
class Shelf:
    """A user's tokens, for root to page through."""

    root: Api
    owner: str

    async def page(self, **options: Any) -> Success:
        """One page."""
        return await self.root.success("api-tokens/read", {"owner": self.owner, **options})

    async def ids(self, **options: Any) -> list[str]:
        """The ids on one page."""
        return [row["id"] for row in (await self.page(**options)).data]

    async def pages(self, **options: Any) -> AsyncIterator[list[str]]:
        """The ids on each page, by cursor, up to the last."""
        more: Any = {}
        while more is not None:
            answer = await self.page(**options, **more)
            assert answer.meta["next_page"] is (answer.meta["next_cursor"] is not None)
            yield [row["id"] for row in answer.data]
            cursor = answer.meta["next_cursor"]
            more = None if cursor is None else {"after": cursor}

    async def result(self, **options: Any) -> Any:
        """The answer to options of all kinds, good or bad."""
        return await self.root.result("api-tokens/read", {"owner": self.owner, **options})


@pytest.fixture(scope="module")
async def shelf(shared: Api, shared_sql: Sql) -> Shelf:
    """Two dozen tokens that no test changes."""
    return Shelf(shared, await put_tokens(shared_sql, ROWS))


@pytest.fixture
async def own_shelf(shared: Api, shared_sql: Sql) -> Shelf:
    """The same tokens of another user, for one test to change."""
    return Shelf(shared, await put_tokens(shared_sql, ROWS))


def sealed(state: Any) -> str:
    """A cursor as the service writes it, of anything."""
    return base64.urlsafe_b64encode(orjson.dumps(state)).decode().rstrip("=")


# Order


def placed(row: dict[str, Any], fields: list[str]) -> list[tuple[bool, Any]]:
    """Where a row stands in an order: null after every value, text by code points."""
    values = [row[field] for field in fields]
    times = {"created", "expires", "last_used"}
    return [
        (value is None, datetime.fromisoformat(value) if value and field in times else value)
        for field, value in zip(fields, values, strict=True)
    ]


@pytest.mark.parametrize("field", FIELDS)
async def test_orders_by_every_field(shelf: Shelf, field: str) -> None:
    """Values rise, null comes last, and ties are broken by id."""
    rows = (await shelf.page(order_by=[[field, "asc"]])).data
    assert rows == sorted(rows, key=lambda row: placed(row, [field, "id"]))
    assert len(rows) == len(ROWS)


@pytest.mark.parametrize("order_by", [[field] for field in FIELDS] + ORDERS[12:15])
async def test_reverses_every_order(shelf: Shelf, order_by: list[Any]) -> None:
    """With each direction turned round the same rows come from last to first."""
    steps = [step if isinstance(step, list) else [step, "asc"] for step in order_by]
    reverse = [[field, "asc" if down == "desc" else "desc"] for field, down in steps]
    assert await shelf.ids(order_by=reverse) == (await shelf.ids(order_by=order_by))[::-1]


async def test_orders_by_several_fields(shelf: Shelf) -> None:
    """The first field counts most, the id least."""
    rows = (await shelf.page(order_by=["enabled", ["role"], ["name", "asc"]])).data
    assert rows == sorted(rows, key=lambda row: placed(row, ["enabled", "role", "name", "id"]))


@pytest.mark.parametrize("order_by", [["name"], [["name"]], [["name", "asc"]], ["name", "name"]])
async def test_orders_by_name_by_default(shelf: Shelf, order_by: list[Any]) -> None:
    """All ways to ask for the order by name give what comes unasked."""
    assert await shelf.ids(order_by=order_by) == await shelf.ids()


# Limit, offset, count


@pytest.mark.parametrize(("limit", "rows"), [(1, 1), (23, 23), (24, 24), (25, 24), (100, 24)])
async def test_limits_the_page(shelf: Shelf, limit: int, rows: int) -> None:
    """A page has up to so many rows, and tells whether there are more."""
    answer = await shelf.page(limit=limit)
    assert [row["id"] for row in answer.data] == (await shelf.ids())[:limit]
    assert (answer.meta["rows"], answer.meta["next_page"]) == (rows, rows < 24)
    assert (answer.meta["next_cursor"] is None) == (rows == 24)


async def test_limits_the_page_to_a_hundred(shared: Api, shared_sql: Sql) -> None:
    """Without a limit a page has a hundred rows."""
    owner = await put_tokens(shared_sql, [{"name": f"{n:03}"} for n in range(101)])
    answer = await Shelf(shared, owner).page(count=True)
    assert len(answer.data) == answer.meta["rows"] == 100
    assert (answer.meta["next_page"], answer.meta["total_rows"]) == (True, 101)


@pytest.mark.parametrize("offset", [0, 1, 23, 24, 25, 1_000_000_000])
@pytest.mark.parametrize("limit", [1, 5, 100])
async def test_skips_rows(shelf: Shelf, offset: int, limit: int) -> None:
    """An offset leaves out the first rows; beyond the last there are none."""
    answer = await shelf.page(offset=offset, limit=limit)
    assert [row["id"] for row in answer.data] == (await shelf.ids())[offset : offset + limit]
    assert answer.meta["next_page"] is (offset + limit < 24)


async def test_skips_rows_after_a_cursor(shelf: Shelf) -> None:
    """An offset counts from where the cursor stands."""
    cursor = (await shelf.page(limit=5)).meta["next_cursor"]
    assert await shelf.ids(after=cursor, offset=3, limit=4) == (await shelf.ids())[8:12]


@pytest.mark.parametrize(
    "options",
    [{}, {"limit": 1}, {"offset": 7}, {"offset": 24}, {"limit": 3, "order_by": [["role", "desc"]]}],
)
async def test_counts_all_rows(shelf: Shelf, options: dict[str, Any]) -> None:
    """The count is of all rows that match, on whatever page, and changes no page."""
    answer = await shelf.page(**options, count=True)
    plain = await shelf.page(**options)
    assert answer.data == plain.data
    assert answer.meta == {**plain.meta, "total_rows": 24}


@pytest.mark.parametrize(("name", "total"), [("aa", 8), ("nobody", 0)])
async def test_counts_what_matches(shelf: Shelf, name: str, total: int) -> None:
    """Conditions narrow the count as they narrow the rows."""
    answer = await shelf.page(where={"name": name}, count=True)
    assert (len(answer.data), answer.meta["total_rows"]) == (total, total)


async def test_counts_all_rows_beside_a_cursor(shelf: Shelf) -> None:
    """The count is the same on every page."""
    cursor = (await shelf.page(limit=20)).meta["next_cursor"]
    answer = await shelf.page(after=cursor, count=True)
    assert (answer.meta["rows"], answer.meta["total_rows"]) == (4, 24)


@pytest.mark.parametrize("options", [{}, {"count": False}])
async def test_does_not_count_unasked(shelf: Shelf, options: dict[str, Any]) -> None:
    """Counting costs: it is done when asked for."""
    assert (await shelf.page(**options)).meta.keys() == {"rows", "next_page", "next_cursor"}


# Cursors


@pytest.mark.parametrize("order_by", ORDERS)
@pytest.mark.parametrize("limit", [1, 5, 12])
async def test_pages_by_cursor(shelf: Shelf, order_by: list[Any], limit: int) -> None:
    """Page after page shows every row exactly once, in the order of one long page."""
    pages = [page async for page in shelf.pages(order_by=order_by, limit=limit)]
    assert [row for page in pages for row in page] == await shelf.ids(order_by=order_by)
    assert {len(page) for page in pages[:-1]} <= {limit}


@pytest.mark.parametrize("order_by", ORDERS[:12])
async def test_pages_past_changes(own_shelf: Shelf, shared_sql: Sql, order_by: list[Any]) -> None:
    """Rows that stay are shown exactly once while others come and go between the pages."""
    before = set(await own_shelf.ids())
    seen: list[str] = []
    gone: set[str] = set()
    async for page in own_shelf.pages(order_by=order_by, limit=3):
        seen += page
        unseen = sorted(before - set(seen) - gone)[:1]
        gone |= {*page[-1:], *unseen}
        await shared_sql.execute("delete from api_tokens where id = any($1::uuid[])", list(gone))
        await shared_sql.execute(
            """
            insert into api_tokens (user_id, name, role, enabled, digest, digest_scheme, hint,
                created, created_by, expires, last_used)
            select user_id, name, role, enabled, uuid_send(uuid_v7()), '', '',
                created, created_by, expires, last_used
            from api_tokens where user_id = $1::text::uuid limit 1
            """,
            own_shelf.owner,
        )
        assert len(seen) < 100
    assert len(seen) == len(set(seen))
    assert before - gone <= set(seen)


async def test_pages_within_conditions(shelf: Shelf) -> None:
    """Conditions hold on every page."""
    where = {"name": ["in", ["aa", "bb"]], "role": ["!=", None]}
    pages = [page async for page in shelf.pages(where=where, limit=5)]
    assert [row for page in pages for row in page] == await shelf.ids(where=where)
    assert [len(page) for page in pages] == [5, 5, 2]


async def test_shows_no_rows_of_others_by_their_cursor(shelf: Shelf, shared: Api) -> None:
    """A cursor says where, never whose."""
    cursor = (await shelf.page(limit=1)).meta["next_cursor"]
    rows = await shared("api-tokens/read", {"after": cursor})
    assert [row["name"] for row in rows] == ["root"]


async def test_goes_on_after_a_row_that_is_gone(own_shelf: Shelf, shared_sql: Sql) -> None:
    """A cursor keeps its place when the row it was made from is deleted."""
    whole = await own_shelf.ids()
    cursor = (await own_shelf.page(limit=5)).meta["next_cursor"]
    await shared_sql.execute("delete from api_tokens where id = $1::text::uuid", whole[4])
    assert await own_shelf.ids(after=cursor) == whole[5:]


@pytest.mark.parametrize(
    "order_by",
    [[["name", "desc"]], ["created"], ["name", "created"], ["role"]],
)
async def test_refuses_a_cursor_of_another_order(shelf: Shelf, order_by: list[Any]) -> None:
    """A place in one order is none in another."""
    cursor = (await shelf.page(limit=1)).meta["next_cursor"]
    refusal = await shelf.root.refusal("api-tokens/read", {"after": cursor, "order_by": order_by})
    assert [(f.path, f.message) for f in refusal.faults] == [
        ("/0/after", "must be the next_cursor of the page before")
    ]


STEPS = [["name", False], ["id", False]]
TIMES = [["expires", False], ["id", False]]
MOMENT = "2030-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("cursor", "order_by"),
    [
        ("", ["name"]),
        ("nonsense", ["name"]),
        ("%%%", ["name"]),
        ("ünïcode", ["name"]),
        ("'; drop table api_tokens; --", ["name"]),
        (base64.urlsafe_b64encode(b"\xff\xfe").decode(), ["name"]),
        (base64.urlsafe_b64encode(b"[" * 3000).decode(), ["name"]),
        (
            base64.urlsafe_b64encode(b'[[["name",false],["id",false]],["\\ud800","x"]]').decode(),
            ["name"],
        ),
        (sealed(None), ["name"]),
        (sealed({}), ["name"]),
        (sealed([]), ["name"]),
        (sealed([STEPS]), ["name"]),
        (sealed([STEPS, []]), ["name"]),
        (sealed([STEPS, ["aa"]]), ["name"]),
        (sealed([STEPS, ["aa", MISSING_ID, "more"]]), ["name"]),
        (sealed([STEPS, ["aa", MISSING_ID], "more"]), ["name"]),
        (sealed([STEPS, {"name": "aa", "id": MISSING_ID}]), ["name"]),
        (sealed([[["digest", False], ["id", False]], ["aa", MISSING_ID]]), ["name"]),
        (sealed([[["name; drop table users", False], ["id", False]], ["a", MISSING_ID]]), ["name"]),
        (sealed([STEPS, ["a\0b", MISSING_ID]]), ["name"]),
        (sealed([STEPS, [7, MISSING_ID]]), ["name"]),
        (sealed([STEPS, [True, MISSING_ID]]), ["name"]),
        (sealed([STEPS, [["aa"], MISSING_ID]]), ["name"]),
        (sealed([STEPS, [{}, MISSING_ID]]), ["name"]),
        (sealed([STEPS, ["aa", 7]]), ["name"]),
        (sealed([STEPS, ["aa", "\0"]]), ["name"]),
        (sealed([[["enabled", False], ["id", False]], ["true", MISSING_ID]]), ["enabled"]),
        (sealed([[["enabled", False], ["id", False]], [1, MISSING_ID]]), ["enabled"]),
        (sealed([TIMES, ["soon", MISSING_ID]]), ["expires"]),
        (sealed([TIMES, [1893456000, MISSING_ID]]), ["expires"]),
        (sealed([TIMES, [True, MISSING_ID]]), ["expires"]),
        (sealed([TIMES, ["0001-01-01T00:00:00+01:00", MISSING_ID]]), ["expires"]),
        (sealed([TIMES, ["infinity", MISSING_ID]]), ["expires"]),
        (sealed([[["expires", 0], ["id", 0]], [MOMENT, {}]]), ["expires"]),
    ],
)
async def test_refuses_what_is_no_cursor(shelf: Shelf, cursor: str, order_by: list[Any]) -> None:
    """A cursor is trusted no more than any other argument."""
    refusal = await shelf.root.refusal("api-tokens/read", {"after": cursor, "order_by": order_by})
    assert (refusal.code, [fault.path for fault in refusal.faults]) == (-32808, ["/0/after"])


@pytest.mark.parametrize("junk", ["!!!!", "\n", " ", "=", "%3D", "é"])
async def test_refuses_a_cursor_with_other_characters(shelf: Shelf, junk: str) -> None:
    """A cursor has characters of its own alphabet only; others are not passed over."""
    cursor = (await shelf.page(limit=1)).meta["next_cursor"]
    refusal = await shelf.root.refusal("api-tokens/read", {"after": cursor[:8] + junk + cursor[8:]})
    assert [fault.path for fault in refusal.faults] == ["/0/after"]


@pytest.mark.parametrize("place", ["nonsense", "", None])
async def test_refuses_a_cursor_without_an_id(shelf: Shelf, place: Any) -> None:
    """No page ends with a row that has no id."""
    refusal = await shelf.root.refusal("api-tokens/read", {"after": sealed([STEPS, ["aa", place]])})
    assert [fault.path for fault in refusal.faults] == ["/0/after"]


@pytest.mark.parametrize("field", ["name", "enabled", "created"])
async def test_refuses_a_cursor_with_null_where_there_is_none(shelf: Shelf, field: str) -> None:
    """No page ends with a row without a value where every row has one."""
    cursor = sealed([[[field, False], ["id", False]], [None, MISSING_ID]])
    refusal = await shelf.root.refusal("api-tokens/read", {"after": cursor, "order_by": [field]})
    assert [fault.path for fault in refusal.faults] == ["/0/after"]


def is_page_or_fault(result: Any) -> bool:
    """Whether the answer is a page, or tells that `after` is wrong and nothing else."""
    if isinstance(result, Success):
        return len(result.data) <= len(ROWS)
    return result.code == -32808 and {f.path for f in result.faults} == {"/0/after"}


@pytest.mark.parametrize("order_by", ORDERS)
async def test_survives_a_tampered_cursor(shelf: Shelf, order_by: list[Any]) -> None:
    """Whichever byte is changed, lost or doubled, the answer is a page or that fault."""
    cursor = (await shelf.page(limit=7, order_by=order_by)).meta["next_cursor"]
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for at in range(0, len(raw), 3):
        for middle in (b"", b"\0", b'"', b"9", raw[at : at + 1] * 2):
            tampered = base64.urlsafe_b64encode(raw[:at] + middle + raw[at + 1 :]).decode()
            assert is_page_or_fault(await shelf.result(after=tampered, order_by=order_by)), tampered


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from([MISSING_ID, MOMENT, "aa", "9999-12-31T23:59:59.999999-23:59"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(field=st.sampled_from(FIELDS), down=st.booleans(), value=JSON, row=JSON)
@example(field="created", down=False, value="9999-12-31T23:59:59-01:00", row=MISSING_ID)
async def test_survives_every_cursor(
    shelf: Shelf, field: str, down: bool, value: Any, row: Any
) -> None:
    """Whatever stands where values should, the answer is a page or that fault."""
    cursor = sealed([[[field, down], ["id", down]], [value, row]])
    order_by = [[field, "desc" if down else "asc"]]
    assert is_page_or_fault(await shelf.result(after=cursor, order_by=order_by))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cursor=st.text(max_size=200) | st.binary(max_size=200).map(base64.urlsafe_b64encode))
async def test_survives_every_text_as_a_cursor(shelf: Shelf, cursor: str | bytes) -> None:
    """Random text is no cursor, and no trouble."""
    text = cursor if isinstance(cursor, str) else cursor.decode()
    refusal = await shelf.result(after=text)
    assert (refusal.code, {fault.path for fault in refusal.faults}) == (-32808, {"/0/after"})
