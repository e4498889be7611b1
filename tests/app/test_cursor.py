import base64
import re
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from app import cursor

ORDER = [("name", False), ("created", True), ("id", True)]
ROW = {"id": "01900000-0000-7000-8000-000000000001", "name": "Ann", "created": None, "more": 1}


def forged(state: Any) -> str:
    """A cursor that holds whatever one likes."""
    return base64.urlsafe_b64encode(orjson.dumps(state)).decode().rstrip("=")


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ([["name"]], [("name", False), ("id", False)]),
        ([["name", "asc"]], [("name", False), ("id", False)]),
        ([["name", "desc"]], [("name", True), ("id", True)]),
        (["name"], [("name", False), ("id", False)]),
        (
            ["role", ["name", "desc"]],
            [("role", False), ("name", True), ("id", True)],
        ),
        (
            [["role", "desc"], "name"],
            [("role", True), ("name", False), ("id", False)],
        ),
        ([["name", "desc"], ["name", "asc"], "name"], [("name", True), ("id", True)]),
        (
            ["name", ["role", "desc"], ["name", "desc"]],
            [("name", False), ("role", True), ("id", True)],
        ),
    ],
)
def test_completes_an_order(order_by: list[Any], expected: list[tuple[str, bool]]) -> None:
    """Each field counts where it comes first; the id breaks ties in the last one's direction."""
    assert cursor.complete(order_by) == expected


def test_spells_an_order_as_sql() -> None:
    """Every step has its direction."""
    assert cursor.clause(ORDER) == "r.name asc, r.created desc, r.id desc"


@pytest.mark.parametrize("name", ["Ann", "", "ä🎈\u2028", 'quote"back\\slash', "x" * 255, None])
def test_gives_back_what_went_in(name: str | None) -> None:
    """The values at which a page ended survive, in the order of the steps."""
    text = cursor.encode(ORDER, {**ROW, "name": name})
    assert cursor.decode(text, ORDER) == [name, None, ROW["id"]]


def test_keeps_a_time_to_the_microsecond() -> None:
    """A time comes back as text that means the same moment."""
    moment = datetime(2027, 1, 31, 12, 0, 0, 1, tzinfo=UTC)
    _, text, _ = cursor.decode(cursor.encode(ORDER, {**ROW, "created": moment}), ORDER)
    assert datetime.fromisoformat(text) == moment


@pytest.mark.parametrize("length", range(4))
def test_can_stand_in_a_url(length: int) -> None:
    """Letters, digits, - and _ alone, whatever the padding would have been."""
    assert re.fullmatch("[A-Za-z0-9_-]+", cursor.encode(ORDER, {**ROW, "name": "ÿ" * length}))


def test_holds_no_more_than_the_order_needs() -> None:
    """Columns that the order does not name are not in it."""
    assert b"more" not in base64.urlsafe_b64decode(cursor.encode(ORDER, ROW) + "==")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "====",
        "ä",
        "not a cursor",
        "/+/+",
        "\0",
        forged(None),
        forged([]),
        forged({}),
        forged("text"),
        forged([[], []]),
        forged([ORDER]),
        forged([ORDER, []]),
        forged([ORDER, ["Ann", None]]),
        forged([ORDER, ["Ann", None, ROW["id"], "more"]]),
        forged([ORDER, ["Ann", None, ROW["id"]], "more"]),
        forged([ORDER, {"0": 1, "1": 2, "2": 3}]),
        forged([{"0": 1}, ["Ann", None, ROW["id"]]]),
        forged([ORDER[:2], ["Ann", None, ROW["id"]]]),
        forged([[*reversed(ORDER)], ["Ann", None, ROW["id"]]]),
        forged([[("name", 0), ("created", "x"), ("id", True)], ["Ann", None, ROW["id"]]]),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        cursor.encode(ORDER, ROW)[:-3],
    ],
)
def test_refuses_what_is_no_cursor(text: str) -> None:
    """Text of another making, cut, or forged with other steps is one plain error."""
    with pytest.raises(ValueError, match=r"^not a cursor"):
        cursor.decode(text, ORDER)


@pytest.mark.parametrize(
    "order",
    [
        [("name", True), ("created", True), ("id", True)],
        [("name", False), ("created", True), ("id", False)],
        [("name", False), ("id", True)],
        [("created", True), ("name", False), ("id", True)],
        [("name", False), ("expires", True), ("id", True)],
    ],
)
def test_refuses_the_cursor_of_another_order(order: list[tuple[str, bool]]) -> None:
    """A page goes on in the order in which it began."""
    with pytest.raises(ValueError, match=r"^not a cursor of this order$"):
        cursor.decode(cursor.encode(ORDER, ROW), order)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([("id", False)], "(r.id) > ($1)"),
        ([("id", True)], "(r.id) < ($1)"),
        ([("at", False), ("id", False)], "(r.at, r.id) > ($1, $2)"),
        ([("a", True), ("b", True), ("id", True)], "(r.a, r.b, r.id) < ($1, $2, $3)"),
    ],
)
def test_compares_rows_where_nothing_is_null(order: list[tuple[str, bool]], expected: str) -> None:
    """One comparison finds the very place in an index, so a deep page costs no more."""
    places = [f"${number}" for number, _ in enumerate(order, 1)]
    assert cursor.conditions(order, places, {"c"}) == [expected]


def test_the_first_condition_is_one_an_index_can_use() -> None:
    """Where rows cannot be compared, a plain comparison of the first field comes first."""
    order = [("name", False), ("created", True), ("id", True)]
    assert cursor.conditions(order, ["$1", "$2", "$3"], set())[0] == "r.name >= $1"


@pytest.mark.parametrize(
    ("order", "places", "nullable", "expected"),
    [
        (
            [("a", False), ("id", True)],
            ["$1", "$2"],
            (),
            ["r.a >= $1", "((r.a > $1) or (r.a = $1 and r.id < $2))"],
        ),
        (
            [("a", False), ("id", False)],
            ["$1", "$2"],
            ("a",),
            [
                "(r.a >= $1 or r.a is null)",
                "(((r.a > $1 or r.a is null)) or (r.a = $1 and r.id > $2))",
            ],
        ),
        (
            [("a", False), ("id", False)],
            [None, "$1"],
            ("a",),
            ["r.a is null", "((false) or (r.a is null and r.id > $1))"],
        ),
        (
            [("a", True), ("id", True)],
            [None, "$1"],
            ("a",),
            ["true", "((r.a is not null) or (r.a is null and r.id < $1))"],
        ),
        (
            [("a", True), ("id", True)],
            ["$1", "$2"],
            ("a",),
            ["r.a <= $1", "((r.a < $1) or (r.a = $1 and r.id < $2))"],
        ),
    ],
)
def test_spells_what_comes_after(
    order: list[tuple[str, bool]],
    places: list[str | None],
    nullable: tuple[str, ...],
    expected: list[str],
) -> None:
    """Null stands above every value, so it comes last going up and first going down."""
    assert cursor.conditions(order, places, nullable) == expected
