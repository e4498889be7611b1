from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import permutations, product
from typing import Any

import pytest

from app import cursor
from app.database import Database
from app.errors import Refusal
from app.read_options import (
    OPERATORS,
    SQL_TYPES,
    Condition,
    Index,
    Listing,
    Query,
    Selection,
)

LISTING = Listing(
    columns=("id", "name", "note", "enabled", "at"),
    types={"name": "text", "note": "text", "enabled": "boolean", "at": "timestamptz"},
    nullable=frozenset({"note", "at"}),
    default_order=[["name", "asc"]],
    page_limit=100,
    longest_page=100,
    missing="Row not found",
)
INJECTION = "x' or '1'='1"
# Each row by its id's last digit; `secret` is a column that no answer shows.
TABLE = r"""
    select *, 'secret' as secret from (values
        ('00000000-0000-0000-0000-000000000001'::uuid,
            'alpha', 'x%y', true, '2027-01-01T00:00:00Z'::timestamptz),
        ('00000000-0000-0000-0000-000000000002', 'Alpine', 'x_y', true, '2027-01-02T00:00:00Z'),
        ('00000000-0000-0000-0000-000000000003', 'beta', null, false, null),
        ('00000000-0000-0000-0000-000000000004', 'beta', 'x\y', false, '2027-01-01T00:00:00Z'),
        ('00000000-0000-0000-0000-000000000005', 'x'' or ''1''=''1', '', true, null)
    ) as v (id, name, note, enabled, at) where $1
"""
# The same rows, chosen in a table and then fetched from the statement one by one.
INDEXED = replace(LISTING, index=Index(f"({TABLE})", leading="enabled", order="name"))
FIELDS = ("name", "note", "enabled", "at")
IDS = [f"00000000-0000-0000-0000-00000000000{digit}" for digit in range(1, 6)]
ORDERS = [
    [list(step) for step in zip(fields, directions, strict=True)]
    for count in (1, 2)
    for fields in permutations(FIELDS, count)
    for directions in product(("asc", "desc"), repeat=count)
]
either_way = pytest.mark.parametrize("listing", [LISTING, INDEXED], ids=["statement", "index"])


@pytest.fixture
async def database(postgres: str) -> AsyncIterator[Database]:
    """A connection to select with; nothing is stored."""
    opened = Database(postgres, size=1)
    yield opened
    await opened.close()


def query(options: dict[str, Any], *given: Condition, listing: Listing = LISTING) -> Query:
    """What the options make of the table; they stand first among the arguments."""
    return Query(TABLE, [True], Selection(listing, options, given, "/0"))


async def answer(
    database: Database, options: dict[str, Any], *given: Condition, listing: Listing = LISTING
) -> Any:
    """The data and meta that a caller would get."""
    made = query(options, *given, listing=listing)
    rows = await database.rows(made.text, made.parameters)
    return made.answer([dict(row) for row in rows])


async def found(
    database: Database, options: dict[str, Any], *given: Condition, listing: Listing = LISTING
) -> str:
    """The last digits of the ids, in order of the ids unless the options say another."""
    options_in_order = {"order_by": ["enabled"], **options}
    data, _ = await answer(database, options_in_order, *given, listing=listing)
    digits = [row["id"][-1] for row in data]
    return "".join(digits if "order_by" in options else sorted(digits))


def faults(options: dict[str, Any]) -> list[str]:
    """What the caller is told about options that cannot be used."""
    with pytest.raises(Refusal) as caught:
        query(options)
    assert caught.value.code == -32808
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("field", "condition", "expected"),
    [
        ("name", "beta", "34"),
        ("name", ["=", "beta"], "34"),
        ("name", ["=", "Beta"], ""),
        ("name", ["!=", "beta"], "125"),
        ("name", ["=", INJECTION], "5"),
        ("note", None, "3"),
        ("note", ["=", None], "3"),
        ("note", ["!=", None], "1245"),
        ("note", ["!=", "x%y"], "2345"),
        ("note", ["in", ["x%y", "x_y"]], "12"),
        ("note", ["not in", ["x%y", "x_y"]], "345"),
        ("note", "", "5"),
        ("name", ["like", "alp"], "12"),
        ("name", ["like", "LPH"], "1"),
        ("name", ["like", "al%"], "12"),
        ("name", ["like", "al"], "12"),
        ("name", ["like", "_eta"], "34"),
        ("name", ["not like", "%a"], "25"),
        ("note", ["not like", "x"], "35"),
        ("name", ["like", ""], "12345"),
        ("note", ["like", r"x\%y"], "1"),
        ("note", ["like", r"\_"], "2"),
        ("note", ["like", r"x\\y"], "4"),
        ("note", ["like", r"x\y"], "4"),
        ("note", ["like", "\\"], "4"),
        ("note", ["like", r"x\\%"], "4"),
        ("note", ["like", "x%y"], "124"),
        ("name", ["ilike", "ALPHA"], "1"),
        ("name", ["ilike", "alp"], ""),
        ("name", ["not ilike", "alp%"], "345"),
        ("note", ["includes", "%"], "1"),
        ("note", ["includes", "_"], "2"),
        ("note", ["includes", "X"], ""),
        ("note", ["includes", ""], "1245"),
        ("note", ["not includes", "_"], "1345"),
        ("name", ["includes case insensitive", "ALP"], "12"),
        ("name", ["not includes case insensitive", "ALP"], "345"),
        ("name", ["starts with", "Al"], "2"),
        ("note", ["starts with", "x%"], "1"),
        ("name", ["starts with case insensitive", "aL"], "12"),
        ("name", ["ends with", "a"], "134"),
        ("name", ["ends with", ""], "12345"),
        ("name", ["ends with", "longer than any name"], ""),
        ("name", ["ends with case insensitive", "NE"], "2"),
        ("enabled", True, "125"),
        ("enabled", ["=", False], "34"),
        ("enabled", ["!=", True], "34"),
        ("enabled", ["=", None], ""),
        ("at", "2027-01-01T00:00:00Z", "14"),
        ("at", ["=", "2027-01-01T01:00:00+01:00"], "14"),
        ("at", ["!=", "2027-01-01T00:00:00Z"], "235"),
        ("at", [">", "2027-01-01T00:00:00Z"], "2"),
        ("at", [">=", "2027-01-01T00:00:00Z"], "124"),
        ("at", ["<", "2027-01-02T00:00:00Z"], "14"),
        ("at", ["<=", "2027-01-02T00:00:00Z"], "124"),
        ("at", ["in", ["2027-01-02T00:00:00Z", "2030-01-01T00:00:00Z"]], "2"),
        ("at", ["not in", ["2027-01-02T00:00:00Z"]], "1345"),
        ("at", None, "35"),
    ],
)
@either_way
async def test_a_condition_finds(
    database: Database, listing: Listing, field: str, condition: Any, expected: str
) -> None:
    """Each operator means on real rows what its name says; "not" is true of null as well."""
    assert await found(database, {"where": {field: condition}}, listing=listing) == expected


@either_way
@pytest.mark.parametrize("field", ["enabled", "name"])
async def test_all_conditions_must_hold(database: Database, listing: Listing, field: str) -> None:
    """Those of the caller and those of the method, whichever come first in whatever order."""
    options = {"where": {"name": ["like", "a"], "enabled": True}, "order_by": [field]}
    given: Condition = ("name", "text", "=", "alpha")
    assert sorted(await found(database, options, listing=listing)) == ["1", "2"]
    assert await found(database, options, given, listing=listing) == "1"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (IDS[2], "3"),
        (["=", IDS[2]], "3"),
        (["!=", IDS[2]], "1245"),
        (["in", [IDS[0], IDS[4], "nonsense"]], "15"),
        (["not in", [IDS[0], IDS[4]]], "234"),
        ("nonsense", ""),
        (None, ""),
    ],
)
async def test_a_condition_on_an_id_finds(
    database: Database, condition: Any, expected: str
) -> None:
    """Ids are equal or not; one that is malformed is one that no row has."""
    listing = replace(LISTING, types={**LISTING.types, "id": SQL_TYPES["IdFilter"]})
    assert await found(database, {"where": {"id": condition}}, listing=listing) == expected


async def test_the_statements_own_parameters_stay(database: Database) -> None:
    """What the options add is numbered after what the statement had."""
    made = Query(TABLE, [False], Selection(LISTING, {"where": {"name": "beta"}}, (), "/0"))
    assert await database.rows(made.text, made.parameters) == []


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_no_value_becomes_sql(operator: str) -> None:
    """Whatever a caller sends travels beside the text, never in it."""
    condition = [operator, [INJECTION] if operator == "in" else INJECTION]
    made = query({"where": {"name": condition}})
    assert INJECTION not in made.text
    assert INJECTION in str(made.parameters).replace("\\'", "'")


async def test_without_options_all_rows_by_name(database: Database) -> None:
    """The default order holds, ties are broken by id."""
    data, meta = await answer(database, {})
    expected = ["1", "2", "3", "4", "5"]
    assert sorted(row["id"][-1] for row in data) == expected
    names = [(row["name"], row["id"]) for row in data]
    in_order = await database.rows(f"select name, id from ({TABLE}) r order by name, id", [True])
    assert names == [tuple(row) for row in in_order]
    assert meta == {"rows": 5, "next_page": False, "next_cursor": None}


async def test_shows_the_listed_columns_alone(database: Database) -> None:
    """A column that is there to be searched, such as a digest, is never shown."""
    data, _ = await answer(database, {})
    assert {tuple(row) for row in data} == {LISTING.columns}


@either_way
@pytest.mark.parametrize("order_by", ORDERS, ids=str)
@pytest.mark.parametrize("limit", [1, 2])
async def test_pages_by_cursor_make_up_the_whole(
    database: Database, listing: Listing, order_by: list[list[str]], limit: int
) -> None:
    """In every order, page after page gives each row once, in the order of the whole."""
    whole, _ = await answer(database, {"order_by": order_by})
    options, rows = {"order_by": order_by, "limit": limit}, []
    while True:
        data, meta = await answer(database, options, listing=listing)
        rows += data
        if not meta["next_page"]:
            break
        options["after"] = meta["next_cursor"]
    assert rows == whole
    assert len(rows) == 5


@pytest.mark.parametrize("order_by", ORDERS, ids=str)
async def test_pages_by_cursor_within_a_condition(
    database: Database, order_by: list[list[str]]
) -> None:
    """What an index finds first is all that pages are made of."""
    options: dict[str, Any] = {"where": {"enabled": True}, "order_by": order_by, "limit": 2}
    first, meta = await answer(database, options, listing=INDEXED)
    options["after"] = meta["next_cursor"]
    second, _ = await answer(database, options, listing=INDEXED)
    assert {row["id"] for row in first} | {row["id"] for row in second} == {*IDS[:2], IDS[4]}
    assert (len(first), len(second)) == (2, 1)


@either_way
async def test_an_offset_skips(database: Database, listing: Listing) -> None:
    """Pages by offset overlap as little as pages by cursor do."""
    pages = [
        await found(
            database, {"order_by": ["enabled"], "limit": 2, "offset": offset}, listing=listing
        )
        for offset in (0, 2, 4, 6)
    ]
    assert pages == ["34", "12", "5", ""]


@pytest.mark.parametrize(("limit", "more"), [(4, True), (5, False), (6, False), (2.0, True)])
async def test_tells_whether_there_is_more(database: Database, limit: float, more: bool) -> None:
    """A cursor is given when another page follows, and then alone."""
    data, meta = await answer(database, {"limit": limit})
    assert meta["rows"] == len(data) == min(limit, 5)
    assert meta["next_page"] is more
    assert (meta["next_cursor"] is not None) is more


async def test_the_listing_bounds_a_page(database: Database) -> None:
    """Without a limit of its own a page has the listing's."""
    data, meta = await answer(database, {}, listing=replace(LISTING, page_limit=3))
    assert (len(data), meta["next_page"]) == (3, True)


@either_way
async def test_the_longest_page_is_whole(database: Database, listing: Listing) -> None:
    """Whatever the highest limit is, what follows is known."""
    data, meta = await answer(database, {"limit": 3}, listing=replace(listing, longest_page=3))
    assert (len(data), meta["next_page"]) == (3, True)


@pytest.mark.parametrize(
    ("options", "rows", "total"),
    [
        ({}, 5, 5),
        ({"limit": 2}, 2, 5),
        ({"limit": 2, "offset": 4}, 1, 5),
        ({"offset": 9}, 0, 5),
        ({"where": {"enabled": True}, "limit": 1}, 1, 3),
        ({"where": {"enabled": True}, "order_by": ["at"], "limit": 1}, 1, 3),
        ({"where": {"name": "nobody"}}, 0, 0),
    ],
)
@either_way
async def test_counts_all_rows(
    database: Database, listing: Listing, options: dict[str, Any], rows: int, total: int
) -> None:
    """The total is that of the conditions, on whatever page one is, an empty one too."""
    data, meta = await answer(database, {**options, "count": True}, listing=listing)
    assert (len(data), meta["rows"], meta["total_rows"]) == (rows, rows, total)


async def test_counts_the_same_on_later_pages(database: Database) -> None:
    """A cursor narrows the page, not the total."""
    _, first = await answer(database, {"limit": 3, "count": True})
    data, second = await answer(
        database, {"limit": 3, "count": True, "after": first["next_cursor"]}
    )
    assert (len(data), second["total_rows"]) == (2, 5)


@either_way
async def test_an_id_gives_that_row(database: Database, listing: Listing) -> None:
    """One row, as an object, and nothing said about pages."""
    data, meta = await answer(database, {"id": IDS[2]}, listing=listing)
    assert (data["id"], meta) == (IDS[2], {})


@either_way
@pytest.mark.parametrize("row_id", ["00000000-0000-0000-0000-00000000000f", "nonsense", ""])
async def test_an_unknown_id_is_not_found(
    database: Database, listing: Listing, row_id: str
) -> None:
    """An id that no row has, and one that is none, give the listing's text."""
    with pytest.raises(Refusal) as caught:
        await answer(database, {"id": row_id}, listing=listing)
    assert (caught.value.code, caught.value.text) == (404, "Row not found")


@either_way
async def test_an_id_obeys_the_methods_own_conditions(database: Database, listing: Listing) -> None:
    """What is not the caller's is not found by its id either."""
    enabled: Condition = ("enabled", "boolean", "=", True)
    with pytest.raises(Refusal, match=r"^Row not found$"):
        await answer(database, {"id": IDS[2]}, enabled, listing=listing)


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ("yesterday", "must be a time such as 2027-01-31T12:00:00Z"),
        (["<", "2027-02-30T00:00:00Z"], "must be a time that exists"),
        (["in", ["2027-01-01T00:00:00Z", ""]], "must be a time such as 2027-01-31T12:00:00Z"),
    ],
)
def test_a_time_that_is_none_is_a_fault(condition: Any, text: str) -> None:
    """The fault stands where the caller wrote the condition."""
    assert faults({"where": {"at": condition}}) == [f'Value at "/0/where/at" {text}']


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 1),
        ("name", True),
        ("name", ["x"]),
        ("name", "nul\0"),
        ("enabled", "true"),
        ("enabled", 1),
        ("at", 1),
        ("at", "yesterday"),
        ("at", []),
        ("id", 1),
        ("id", "nonsense"),
        ("id", None),
        ("name", None),  # a column that is never null
        ("enabled", None),
    ],
)
def test_a_forged_cursor_is_a_fault(field: str, value: Any) -> None:
    """What comes out of a cursor is trusted no more than any other argument."""
    order_by = ["enabled"] if field == "id" else [field]
    row = {field: None, "enabled": True, "id": "00000000-0000-0000-0000-000000000001"}
    forged = cursor.encode(cursor.complete(order_by), {**row, field: value})
    text = faults({"order_by": order_by, "after": forged})
    assert text[0].startswith('Value at "/0/after" must be ')
