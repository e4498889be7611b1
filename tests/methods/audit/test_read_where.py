"""Which events: conditions, order, pages, and what is not understood."""

from typing import Any

import pytest

from tests.methods.audit.conftest import ANN, BEN, LAB, THING, TOKEN, letters
from tests.methods.support import INJECTIONS
from tests.support import MISSING_ID, Api


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"actor_user": ANN}, "fba"),
        ({"actor_user": ["=", ANN]}, "fba"),
        ({"actor_user": ["!=", ANN]}, "gedc"),
        ({"actor_user": ["in", [ANN, BEN]]}, "fdcba"),
        ({"actor_user": ["not in", [ANN, BEN]]}, "ge"),
        ({"actor_user": None}, "ge"),
        ({"actor_user": ["!=", None]}, "fdcba"),
        ({"actor_user": ANN.upper()}, "fba"),
        ({"actor_user": MISSING_ID}, ""),
        ({"actor_user": "nonsense"}, ""),
        ({"actor_token": TOKEN}, "a"),
        ({"actor_token": ["!=", None]}, "a"),
        ({"target": THING}, "da"),
        ({"target": ["in", [ANN, THING]]}, "fedca"),
        ({"target": ANN, "actor_user": BEN}, "c"),
        ({"action": "lab/c"}, "c"),
        ({"action": ["in", ["lab/c", "lab/a"]]}, "ca"),
        ({"action": ["like", "LAB/_"]}, "gfedcba"),
        ({"at": "2001-01-01T03:00:00Z"}, "d"),
        ({"at": ["<", "2001-01-01T03:00:00Z"]}, "cba"),
        ({"at": [">=", "2001-01-01T05:00:00+01:00"], "action": ["like", "lab/"]}, "gfe"),
        ({"at": ["in", ["2001-01-01T03:00:00Z"]], "target": ["=", THING]}, "d"),
    ],
)
async def test_filters(trail: Api, where: dict[str, Any], expected: str) -> None:
    """Every condition must hold."""
    assert await letters(trail, where={**LAB, **where}) == expected


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        (["at"], "abcdefg"),
        ([["at", "desc"]], "gfedcba"),
        (["action"], "abcdefg"),
        ([["action", "desc"], "at"], "gfedcba"),
    ],
)
@pytest.mark.parametrize("owner", ["all", ANN])
async def test_orders(trail: Api, order_by: list[Any], owner: str, expected: str) -> None:
    """By time or by action, either way."""
    theirs = set(expected) if owner == "all" else set("abcef")
    found = await letters(trail, order_by=order_by, owner=owner)
    assert found == "".join(letter for letter in expected if letter in theirs)


@pytest.mark.parametrize("field", ["at", "action"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("owner", ["all", ANN])
@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_by_cursor(
    trail: Api, field: str, direction: str, owner: str, limit: int
) -> None:
    """Page after page shows every event exactly once, in the order of one long page."""
    options = {"where": LAB, "order_by": [[field, direction]], "owner": owner}
    whole, seen = await letters(trail, **options), ""
    page: dict[str, Any] = {"next_page": True}
    while page["next_page"]:
        answer = await trail.success("audit/read", {**options, "limit": limit})
        page, options["after"] = dict(answer.meta), answer.meta["next_cursor"]
        seen += "".join(row["action"][-1] for row in answer.data)
    assert seen == whole


async def test_pages_by_offset_and_counts(trail: Api) -> None:
    """An offset skips events; the count is of all that match."""
    options = {"where": LAB, "offset": 1, "limit": 2, "count": True, "owner": ANN}
    answer = await trail.success("audit/read", options)
    assert [row["action"] for row in answer.data] == ["lab/e", "lab/c"]
    assert (answer.meta["rows"], answer.meta["total_rows"]) == (2, 5)


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"limit": 0}, "/0/limit"),
        ({"limit": 101}, "/0/limit"),
        ({"offset": -1}, "/0/offset"),
        ({"order_by": ["target"]}, "/0/order_by/0"),
        ({"order_by": ["id"]}, "/0/order_by/0"),
        ({"order_by": [["details", "asc"]]}, "/0/order_by/0/0"),
        ({"where": {"details": "x"}}, "/0/where/details"),
        ({"where": {"view": "all"}}, "/0/where/view"),
        ({"where": {"about": ANN}}, "/0/where/about"),
        ({"where": {"seal": 1}}, "/0/where/seal"),
        ({"where": {"actor_user": ["like", ["0"]]}}, "/0/where/actor_user/0"),
        ({"where": {"target": ["in", []]}}, "/0/where/target/1"),
        ({"where": {"at": "today"}}, "/0/where/at"),
        ({"owner": None}, "/0/owner"),
        ({"owner": 7}, "/0/owner"),
        ({"owner": "x" * 101}, "/0/owner"),
        ({"after": "nonsense"}, "/0/after"),
        ({"count": 1}, "/0/count"),
    ],
)
async def test_refuses_options_that_cannot_be_used(
    trail: Api, options: dict[str, Any], path: str
) -> None:
    """Each fault is told at its place."""
    refusal = await trail.refusal("audit/read", options)
    assert (refusal.code, [fault.path for fault in refusal.faults]) == (-32808, [path])


@pytest.mark.parametrize("text", INJECTIONS)
async def test_takes_sql_for_a_value(trail: Api, text: str) -> None:
    """SQL in a value is text that no event has."""
    for field in ("action", "actor_user", "actor_token", "target"):
        assert await letters(trail, where={field: text}) == ""
    assert await letters(trail) == "gfedcba"
