from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.methods.support import Sql, put_tokens
from tests.support import Api

NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)
# When the tokens of these names end; "for ever" never does.
ENDS: Mapping[str, datetime | None] = {
    "long past": datetime.min.replace(tzinfo=UTC) + MINUTE,
    "just past": NOW - MINUTE,
    "an hour on": NOW + 60 * MINUTE,
    "for ever": None,
}
EXPIRED = {"long past", "just past"}
OTHERS = ENDS.keys() - EXPIRED


@dataclass(frozen=True)
class Shelf:
    """A user's tokens, for root to look through."""

    root: Api
    owner: str

    async def names(self, where: Mapping[str, Any], **options: Any) -> set[str]:
        """The names of the tokens for which all conditions hold."""
        given = {"owner": self.owner, "where": where, **options}
        return {row["name"] for row in await self.root("api-tokens/read", given)}


@pytest.fixture(scope="module")
async def shelf(shared: Api, shared_sql: Sql) -> Shelf:
    """Tokens that have ended, that will, and that never do."""
    rows = [{"name": name, "expires": end} for name, end in ENDS.items()]
    return Shelf(shared, await put_tokens(shared_sql, rows))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (True, EXPIRED),
        (False, OTHERS),
        (["=", True], EXPIRED),
        (["=", False], OTHERS),
        (["!=", True], OTHERS),
        (["!=", False], EXPIRED),
        (None, set()),
        (["=", None], set()),
        (["!=", None], EXPIRED | OTHERS),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
async def test_filters_by_what_has_expired(
    shelf: Shelf, condition: Any, expected: set[str]
) -> None:
    """A token has expired or has not, also one that never does: no token is neither."""
    assert await shelf.names({"expired": condition}) == expected


@pytest.mark.parametrize("order_by", ["name", "expires", "created"])
async def test_filters_whatever_the_order(shelf: Shelf, order_by: str) -> None:
    """By whichever index rows are found, the same ones are."""
    for expired, expected in ((True, EXPIRED), (False, OTHERS)):
        assert await shelf.names({"expired": expired}, order_by=[order_by]) == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"expires": None}, {"for ever"}),
        ({"expires": ["!=", None]}, {"an hour on"}),
        ({"name": ["like", "an"], "enabled": True}, {"an hour on"}),
        ({"name": "just past"}, set()),
    ],
    ids=str,
)
async def test_wants_the_other_conditions_too(
    shelf: Shelf, where: dict[str, Any], expected: set[str]
) -> None:
    """It is one condition among others, on the time of expiry as well."""
    assert await shelf.names({**where, "expired": False}) == expected


async def test_counts_what_has_expired(shelf: Shelf) -> None:
    """`count` tells how many such tokens there are, and a page goes on at its cursor."""
    options = {"owner": shelf.owner, "where": {"expired": False}, "limit": 1, "count": True}
    page = await shelf.root.success("api-tokens/read", options)
    assert ([row["name"] for row in page.data], page.meta["total_rows"]) == (["an hour on"], 2)
    after = {**options, "after": page.meta["next_cursor"]}
    assert [row["name"] for row in await shelf.root("api-tokens/read", after)] == ["for ever"]


async def test_finds_one_by_id_unless_it_does_not_fit(shelf: Shelf) -> None:
    """A token that was asked for by id is not there if the condition does not hold for it."""
    options = {"owner": shelf.owner, "where": {"name": "just past"}}
    [row] = await shelf.root("api-tokens/read", options)
    by_id = {"owner": shelf.owner, "id": row["id"]}
    assert await shelf.root("api-tokens/read", {**by_id, "where": {"expired": True}}) == row
    refusal = await shelf.root.refusal("api-tokens/read", {**by_id, "where": {"expired": False}})
    assert refusal.code == 404


@pytest.mark.parametrize(
    "condition",
    ["true", 1, [], [True], ["<", True], ["in", [True]], ["=", 0], ["=", True, True], {"=": True}],
    ids=str,
)
async def test_refuses_a_bad_condition(shelf: Shelf, condition: Any) -> None:
    """What is no condition on a boolean is a fault at the field."""
    refusal = await shelf.root.refusal("api-tokens/read", {"where": {"expired": condition}})
    assert refusal.code == -32808
    for fault in refusal.faults:
        assert f"{fault.path}/".startswith("/0/where/expired/")


async def test_cannot_be_sorted_by(shelf: Shelf) -> None:
    """It is no field of a token: sort by `expires`."""
    refusal = await shelf.root.refusal("api-tokens/read", {"order_by": ["expired"]})
    assert refusal.code == -32808
