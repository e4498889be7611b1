from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import MemberMaker
from tests.methods.support import Sql, put_tokens
from tests.support import Api

NAMES = [
    "alpha",
    "ALPHABET",
    "beta",
    "100%",
    "100 percent",
    "a_b",
    "axb",
    "back\\slash",
    "backslash",
    "end\\",
    "Ärger",
    "50\\%",
]
ALL = set(NAMES)


def day(number: int) -> datetime:
    """A day of 2030."""
    return datetime(2030, 1, number, tzinfo=UTC)


# What tokens 1, 2 and 3 have; all others have no role and never end.
OTHERS: Mapping[str, Mapping[str, Any]] = {
    "alpha": {"role": "admin", "enabled": False, "expires": day(1), "last_used": day(3)},
    "ALPHABET": {"role": "analyst", "enabled": False, "expires": day(2)},
    "beta": {"role": "Admin", "expires": day(3)},
}
NO_ROLE = ALL - OTHERS.keys()


@dataclass(frozen=True)
class Shelf:
    """A user's tokens, for root to look through."""

    root: Api
    owner: str

    async def names(self, where: Mapping[str, Any]) -> set[str]:
        """The names of the tokens for which all conditions hold."""
        rows = await self.root("api-tokens/read", {"owner": self.owner, "where": where})
        assert len(rows) == len({row["id"] for row in rows})
        return {row["name"] for row in rows}


@pytest.fixture(scope="module")
async def shelf(shared: Api, shared_sql: Sql) -> Shelf:
    """Tokens of all kinds."""
    rows = [
        {"name": name, "created": day(n), **OTHERS.get(name, {})} for n, name in enumerate(NAMES, 1)
    ]
    return Shelf(shared, await put_tokens(shared_sql, rows))


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("=", "alpha", {"alpha"}),
        ("=", "ALPHA", set()),
        ("=", "a_b", {"a_b"}),
        ("=", "100%", {"100%"}),
        ("=", "", set()),
        ("=", None, set()),
        ("!=", "alpha", ALL - {"alpha"}),
        ("!=", None, ALL),
        ("in", ["alpha", "beta", "nobody", "%"], {"alpha", "beta"}),
        ("in", ["alpha"] * 100, {"alpha"}),
        ("not in", ["alpha", "beta"], ALL - {"alpha", "beta"}),
        # like: case does not matter; without a wildcard the value may stand anywhere
        ("like", "ALPHA", {"alpha", "ALPHABET"}),
        ("like", "ph", {"alpha", "ALPHABET"}),
        ("like", "ärger", {"Ärger"}),
        ("like", "", ALL),
        ("like", "alpha%", {"alpha", "ALPHABET"}),
        ("like", "%bet", {"ALPHABET"}),
        ("like", "%", ALL),
        ("like", "_____", {"alpha", "Ärger"}),
        ("like", "a_b", {"a_b", "axb"}),
        ("like", "A\\_B", {"a_b"}),
        ("like", "100%", {"100%", "100 percent"}),
        ("like", "100\\%", {"100%"}),
        ("like", "\\%", {"100%", "50\\%"}),
        ("like", "\\_", {"a_b"}),
        ("like", "back\\slash", {"back\\slash"}),
        ("like", "back\\\\slash", {"back\\slash"}),
        ("like", "\\", {"back\\slash", "end\\", "50\\%"}),
        ("like", "end\\", {"end\\"}),
        ("like", "%\\", {"end\\"}),
        ("like", "\\\\%", set()),
        ("like", "%\\\\%", {"back\\slash", "end\\", "50\\%"}),
        ("like", "50\\\\\\%", {"50\\%"}),
        ("not like", "alpha", ALL - {"alpha", "ALPHABET"}),
        ("not like", "a_b", ALL - {"a_b", "axb"}),
        ("not like", "%", set()),
        # ilike: the whole text, as SQL has it
        ("ilike", "ALPHA", {"alpha"}),
        ("ilike", "alpha%", {"alpha", "ALPHABET"}),
        ("ilike", "ÄRGER", {"Ärger"}),
        ("ilike", "A\\_B", {"a_b"}),
        ("ilike", "end\\", {"end\\"}),
        ("not ilike", "ALPHA", ALL - {"alpha"}),
        ("not ilike", "%a%", {"100%", "100 percent", "end\\", "Ärger", "50\\%"}),
        # the others know no wildcards
        ("includes", "ph", {"alpha"}),
        ("includes", "%", {"100%", "50\\%"}),
        ("includes", "_", {"a_b"}),
        ("includes", "\\", {"back\\slash", "end\\", "50\\%"}),
        ("includes", "", ALL),
        ("includes case insensitive", "PH", {"alpha", "ALPHABET"}),
        ("includes case insensitive", "äR", {"Ärger"}),
        ("not includes", "a", {"100%", "100 percent", "ALPHABET", "end\\", "Ärger", "50\\%"}),
        ("not includes case insensitive", "A", {"100%", "100 percent", "end\\", "Ärger", "50\\%"}),
        ("starts with", "al", {"alpha"}),
        ("starts with", "a_", {"a_b"}),
        ("starts with", "alphabets", set()),
        ("starts with", "", ALL),
        ("starts with case insensitive", "aLPHA", {"alpha", "ALPHABET"}),
        ("starts with case insensitive", "ä", {"Ärger"}),
        ("ends with", "ta", {"beta"}),
        ("ends with", "%", {"100%", "50\\%"}),
        ("ends with", "\\", {"end\\"}),
        ("ends with", "a longer text than any name", set()),
        ("ends with", "", ALL),
        ("ends with case insensitive", "BET", {"ALPHABET"}),
        ("ends with case insensitive", "bet", {"ALPHABET"}),
        ("ends with case insensitive", "ÄRGER", {"Ärger"}),
    ],
)
async def test_filters_text(shelf: Shelf, operator: str, value: Any, expected: set[str]) -> None:
    """Every operator on text means what it says."""
    assert await shelf.names({"name": [operator, value]}) == expected


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("=", "admin", {"alpha"}),
        ("=", None, NO_ROLE),
        ("!=", None, set(OTHERS)),
        ("!=", "admin", ALL - {"alpha"}),
        ("in", ["admin", "analyst"], {"alpha", "ALPHABET"}),
        ("not in", ["admin", "analyst"], ALL - {"alpha", "ALPHABET"}),
        ("like", "%", set(OTHERS)),
        ("not like", "ADMIN", ALL - {"alpha", "beta"}),
        ("not ilike", "a%", NO_ROLE),
        ("includes", "", set(OTHERS)),
        ("not includes", "admin", ALL - {"alpha"}),
        ("not includes case insensitive", "ADMIN", ALL - {"alpha", "beta"}),
        ("starts with", "", set(OTHERS)),
        ("ends with", "", set(OTHERS)),
    ],
)
async def test_filters_text_that_may_be_null(
    shelf: Shelf, operator: str, value: Any, expected: set[str]
) -> None:
    """Null is no text: it fulfils no condition, and so each that begins with "not"."""
    assert await shelf.names({"role": [operator, value]}) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (["=", True], ALL - {"alpha", "ALPHABET"}),
        (["=", False], {"alpha", "ALPHABET"}),
        (["!=", True], {"alpha", "ALPHABET"}),
        (["!=", False], ALL - {"alpha", "ALPHABET"}),
        (["=", None], set()),
        (["!=", None], ALL),
        (True, ALL - {"alpha", "ALPHABET"}),
        (False, {"alpha", "ALPHABET"}),
        (None, set()),
    ],
)
async def test_filters_booleans(shelf: Shelf, condition: Any, expected: set[str]) -> None:
    """Booleans are equal or not."""
    assert await shelf.names({"enabled": condition}) == expected


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("=", "2030-01-02T00:00:00Z", {"ALPHABET"}),
        ("=", "2030-01-02T02:00:00+02:00", {"ALPHABET"}),
        ("=", "2030-01-01T19:00:00.000-05:00", {"ALPHABET"}),
        ("=", "2030-01-02T00:00:00.000001Z", set()),
        ("=", None, NO_ROLE),
        ("!=", None, set(OTHERS)),
        ("!=", "2030-01-02T00:00:00Z", ALL - {"ALPHABET"}),
        ("<", "2030-01-02T00:00:00Z", {"alpha"}),
        ("<=", "2030-01-02T00:00:00Z", {"alpha", "ALPHABET"}),
        (">", "2030-01-02T00:00:00Z", {"beta"}),
        (">=", "2030-01-02T00:00:00Z", {"ALPHABET", "beta"}),
        (">=", "0001-01-01T00:00:00Z", set(OTHERS)),
        ("<=", "9999-12-31T23:59:59.999999Z", set(OTHERS)),
        ("in", ["2030-01-01T00:00:00Z", "2030-01-03T01:00:00+01:00"], {"alpha", "beta"}),
        ("not in", ["2030-01-01T00:00:00Z"], ALL - {"alpha"}),
    ],
)
async def test_filters_times(shelf: Shelf, operator: str, value: Any, expected: set[str]) -> None:
    """Times compare as moments, whatever their offset; null is neither early nor late."""
    assert await shelf.names({"expires": [operator, value]}) == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"name": "beta"}, {"beta"}),
        ({"name": "like"}, set()),
        ({"role": None}, NO_ROLE),
        ({"expires": None}, NO_ROLE),
        ({"expires": "2030-01-03T00:00:00Z"}, {"beta"}),
        ({"last_used": "2030-01-03T00:00:00Z"}, {"alpha"}),
        ({"created": "2030-01-03T00:00:00Z"}, {"beta"}),
    ],
)
async def test_takes_a_bare_value(shelf: Shelf, where: dict[str, Any], expected: set[str]) -> None:
    """A value without an operator must be equal."""
    assert await shelf.names(where) == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"enabled": False, "role": ["!=", "admin"]}, {"ALPHABET"}),
        (
            {"name": ["like", "a"], "created": [">", "2030-01-06T00:00:00Z"], "role": None},
            {"axb", "back\\slash", "backslash"},
        ),
        ({"last_used": ["!=", None], "name": ["not like", "alpha"]}, set()),
    ],
)
async def test_wants_every_condition(
    shelf: Shelf, where: dict[str, Any], expected: set[str]
) -> None:
    """Conditions on several fields must all hold."""
    assert await shelf.names(where) == expected


@pytest.mark.parametrize(
    ("field", "condition"),
    [
        ("name", []),
        ("name", ["="]),
        ("name", ["=", "a", "b"]),
        ("name", ["<", "a"]),
        ("name", ["LIKE", "a"]),
        ("name", ["~", "a"]),
        ("name", ["= '' or true --", "a"]),
        ("name", ["not starts with", "a"]),
        ("name", [None, "a"]),
        ("name", ["=", 1]),
        ("name", ["=", ["a"]]),
        ("name", ["like", None]),
        ("name", ["includes", None]),
        ("name", ["in", "a"]),
        ("name", ["in", []]),
        ("name", ["in", [None]]),
        ("name", ["in", ["a"] * 101]),
        ("name", ["=", "a" * 1001]),
        ("name", ["like", "a\0"]),
        ("name", ["in", ["\ud800"]]),
        ("name", {"=": "a"}),
        ("name", 1),
        ("name", True),
        ("enabled", "true"),
        ("enabled", 1),
        ("enabled", ["=", 0]),
        ("enabled", ["<", True]),
        ("enabled", ["in", [True]]),
        ("expires", "soon"),
        ("expires", "2030-01-01"),
        ("expires", ["=", "2030-13-01T00:00:00Z"]),
        ("expires", ["in", ["2030-01-01T00:00:00Z", "soon"]]),
        ("expires", ["like", "2030"]),
        ("expires", ["<", None]),
        ("expires", ["<", 1893456000]),
        ("expires", ["<", "30d"]),
        ("expires", ["<", "infinity"]),
        ("expires", ["<", "0001-01-01T00:00:00+01:00"]),
        ("token", ""),
        ("token", None),
        ("token", ["!=", "apt_"]),
        ("token", ["like", "apt_"]),
        ("token", ["=", None]),
        ("token", "x" * 513),
        ("token", ["in", ["apt_"]]),
    ],
)
async def test_refuses_a_bad_condition(shelf: Shelf, field: str, condition: Any) -> None:
    """What does not fit the field is a fault at the field."""
    refusal = await shelf.root.refusal("api-tokens/read", {"where": {field: condition}})
    assert refusal.code == -32808
    for fault in refusal.faults:
        assert f"{fault.path}/".startswith(f"/0/where/{field}/")


# By the token itself


@pytest.mark.parametrize("own", [{}, {"token": "correct-horse-battery-staple"}])
@pytest.mark.parametrize("bare", [True, False])
async def test_finds_a_token_by_its_value(shared: Api, own: dict[str, str], bare: bool) -> None:
    """Whoever has a token at hand finds which it is."""
    made = await shared("api-tokens/create", "wanted", own)
    condition = made["token"] if bare else ["=", made["token"]]
    [row] = await shared("api-tokens/read", {"where": {"token": condition}})
    assert row["id"] == made["id"]
    await shared("api-tokens/delete", made["id"])


@pytest.mark.parametrize(("until", "names"), [("1 hour", ["wanted"]), ("-1 second", [])])
async def test_finds_a_token_by_the_secret_before(
    shared: Api, shared_sql: Sql, until: str, names: list[str]
) -> None:
    """While a rotation runs either value finds the token; then the new one alone."""
    tokens = shared.services.dispatcher.tokens
    before = tokens.make()
    made = await shared("api-tokens/create", "wanted")
    await shared_sql.execute(
        "update api_tokens set previous_digest = $1, previous_until = now() + $2::text::interval"
        " where id = $3::text::uuid",
        tokens.digests(before)[0],
        until,
        made["id"],
    )
    for order_by in (["name"], ["created"]):
        options = {"where": {"token": before}, "order_by": order_by}
        assert [row["name"] for row in await shared("api-tokens/read", options)] == names
        options = {"where": {"token": made["token"]}, "order_by": order_by}
        assert [row["name"] for row in await shared("api-tokens/read", options)] == ["wanted"]
    await shared("api-tokens/delete", made["id"])


@pytest.mark.parametrize(("start", "end"), [(-4, None), (-3, None), (-4, -1), (-1, None)])
async def test_finds_a_token_by_its_last_characters(
    shared: Api, start: int, end: int | None
) -> None:
    """Any part of what the hint shows finds the token."""
    made = await shared("api-tokens/create", "wanted")
    for part in (made["hint"], made["token"][start:end]):
        rows = await shared("api-tokens/read", {"where": {"token": part}})
        assert made["id"] in {row["id"] for row in rows}


async def test_does_not_find_a_token_by_what_the_hint_hides(shared: Api) -> None:
    """Parts of the secret that are not shown cannot be guessed one after the other."""
    made = await shared("api-tokens/create", "wanted")
    for part in (made["token"][4:12], made["token"][:12], made["token"][:-1], made["token"] + "x"):
        assert await shared("api-tokens/read", {"where": {"token": part}}) == []


@pytest.mark.parametrize("part", ["%", "_%", "apt\\_", "APT_"])
async def test_knows_no_wildcards_in_a_token(shared: Api, part: str) -> None:
    """What is looked for in the hint is taken as it stands."""
    assert await shared("api-tokens/read", {"where": {"token": part}}) == []


async def test_does_not_find_a_foreign_token(root: Api, member: MemberMaker) -> None:
    """A token at hand says nothing to one whose it is not; an administrator may ask for all."""
    alice, bob = await member("alice"), await member("bob")
    assert await alice("api-tokens/read", {"where": {"token": bob.token}}) == []
    [row] = await root("api-tokens/read", {"where": {"token": bob.token}, "owner": "all"})
    assert row["name"] == "bob's"
