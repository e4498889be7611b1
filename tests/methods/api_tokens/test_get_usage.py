from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.conftest import MemberMaker
from tests.methods.support import Sql, bearer, moment, unreachable
from tests.support import Api

NOW = datetime(2026, 11, 24, 12, 30, 15, 123456, UTC)
GET_USAGE = "api-tokens/get-usage"


async def put_day(sql: Sql, token_id: str, day: date, **columns: Any) -> None:
    """Have a token used on a day."""
    values = {"token_id": UUID(token_id), "day": day, "verifications": 1, **columns}
    places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    await sql.execute(
        f"insert into token_usage ({', '.join(values)}) values ({places})", *values.values()
    )


def today() -> date:
    """The day it is in UTC."""
    return datetime.now(UTC).date()


async def days_of(api: Api, token_id: str, **options: str) -> list[date]:
    """The days that an answer tells of."""
    usage = await api(GET_USAGE, token_id, {name.rstrip("_"): options[name] for name in options})
    return [date.fromisoformat(day["day"]) for day in usage["days"]]


async def test_tells_of_a_token_that_was_never_used(root: Api) -> None:
    """There are no days, and no last use."""
    made = await root("api-tokens/create", "new")
    usage = await root(GET_USAGE, made["id"])
    assert usage == {
        "token_id": made["id"],
        "last_used": None,
        "previous_last_used": None,
        "days": [],
    }


async def test_tells_what_each_day_had(root: Api, sql: Sql) -> None:
    """Days come newest first, each with all its counts; what was not counted is empty."""
    made = await root("api-tokens/create", "used")
    await put_day(sql, made["id"], today() - timedelta(days=1), verifications=2)
    counted = {
        "refusals": '{"EXPIRED": 3, "DISABLED": 1}',
        "permissions": '{"read": 5}',
        "previous": 2,
    }
    await put_day(sql, made["id"], today(), verifications=9, **counted)
    usage = await root(GET_USAGE, made["id"])
    assert usage["days"] == [
        {
            "day": str(today()),
            "verifications": 9,
            "previous": 2,
            "refusals": {"EXPIRED": 3, "DISABLED": 1},
            "permissions": {"read": 5},
        },
        {
            "day": str(today() - timedelta(days=1)),
            "verifications": 2,
            "previous": 0,
            "refusals": {},
            "permissions": {},
        },
    ]


@pytest.mark.parametrize("of_the_day", [NOW - timedelta(hours=1), NOW, None], ids=str)
async def test_tells_the_last_use_there_is(
    root: Api, sql: Sql, of_the_day: datetime | None
) -> None:
    """Of the token's own last use and those of its days, of any day, the latest is told."""
    made = await root("api-tokens/create", "used")
    before = NOW - timedelta(minutes=1)
    await sql.execute("update api_tokens set last_used = $1 where name = 'used'", before)
    await put_day(sql, made["id"], date(2025, 1, 1), last_used=of_the_day)
    usage = await root(GET_USAGE, made["id"])
    assert moment(usage["last_used"]) == max(of_the_day or before, before)


async def test_tells_of_no_other_token(root: Api, sql: Sql) -> None:
    """What one token was used for is not told of another."""
    one, other = [await root("api-tokens/create", name) for name in ("one", "other")]
    await put_day(sql, one["id"], today(), last_used=NOW)
    usage = await root(GET_USAGE, other["id"])
    assert (usage["last_used"], usage["days"]) == (None, [])


# By the secret before a rotation


@pytest.mark.parametrize(
    ("uses", "expected"),
    [
        ([], None),
        ([None], None),
        ([timedelta(seconds=-1)], None),
        ([timedelta()], timedelta()),
        ([timedelta(minutes=1), timedelta(seconds=30), None], timedelta(minutes=1)),
        ([timedelta(days=-8), timedelta(minutes=2)], timedelta(minutes=2)),
    ],
    ids=str,
)
async def test_tells_when_the_secret_before_was_last_used(
    root: Api, sql: Sql, uses: list[timedelta | None], expected: timedelta | None
) -> None:
    """It is the latest use on any day since the last rotation: older ones had another before."""
    made = await root("api-tokens/create", "rotated")
    await sql.execute("update api_tokens set rotated = $1 where name = 'rotated'", NOW)
    for n, after in enumerate(uses):
        moment_of = None if after is None else NOW + after
        await put_day(sql, made["id"], date(2026, 1, 1 + n), previous_last_used=moment_of)
    told = (await root(GET_USAGE, made["id"]))["previous_last_used"]
    assert (told and moment(told)) == (None if expected is None else NOW + expected)


async def test_a_token_that_was_never_rotated_has_no_secret_before(root: Api, sql: Sql) -> None:
    """Without a rotation there is no time, whatever was counted."""
    made = await root("api-tokens/create", "as it was")
    await put_day(sql, made["id"], today(), previous_last_used=NOW)
    assert (await root(GET_USAGE, made["id"]))["previous_last_used"] is None


# Which days


@pytest.fixture
async def used(shared: Api, shared_sql: Sql) -> str:
    """A token that was used every day from two years ago to tomorrow."""
    made = await shared("api-tokens/create", "used every day")
    await shared_sql.execute(
        "insert into token_usage (token_id, day, verifications)"
        " select $1, $2::date - n, 1 from generate_series(-1, 730) n",
        UUID(made["id"]),
        today(),
    )
    return str(made["id"])


@pytest.mark.parametrize(
    ("options", "first", "last"),
    [
        ({}, -29, 0),
        ({"from": -3}, -3, 0),
        ({"from": 0}, 0, 0),
        ({"to": -10}, -39, -10),
        ({"to": 1}, -28, 1),
        ({"from": -400, "to": -395}, -400, -395),
        ({"from": -365}, -365, 0),
    ],
    ids=str,
)
async def test_tells_of_the_days_that_are_asked_for(
    shared: Api, used: str, options: dict[str, int], first: int, last: int
) -> None:
    """Both ends are included; by default it is the 30 days up to the last, which is today."""
    now = today()
    given = {name: str(now + timedelta(days=n)) for name, n in options.items()}
    expected = [now + timedelta(days=n) for n in range(last, first - 1, -1)]
    assert await days_of(shared, used, **given) == expected


@pytest.mark.parametrize("end", ["0001-01-01", "0001-01-30", "0001-02-01", "9999-12-31"])
async def test_takes_the_ends_of_time(shared: Api, used: str, end: str) -> None:
    """Any day there is can be asked for."""
    assert await days_of(shared, used, to=end) == []


@pytest.mark.parametrize(
    ("options", "place", "message"),
    [
        ({"from": "2026-02-30"}, "from", "must be a day that exists"),
        ({"to": "0000-01-01"}, "to", "must be a day that exists"),
        ({"from": "2026-02-02", "to": "2026-02-01"}, "from", "must not be after the last day"),
        (
            {"from": "2025-01-01", "to": "2026-01-02"},
            "from",
            "must be less than 366 days before the last",
        ),
        ({"from": "0001-01-01", "to": "9999-12-31"}, "from", "must be less than 366 days before"),
        ({"from": "20260201"}, "from", "must match"),
        ({"from": "2026-W01-1"}, "from", "must match"),
        ({"from": "2026-02-01\n"}, "from", "must match"),
        ({"from": "\u0662\u0660\u0662\u0666-02-01"}, "from", "must match"),
        ({"from": 20260201}, "from", "must be string"),
        ({"from": None}, "from", "must be string"),
        ({"since": "2026-02-01"}, "since", "is not known"),
    ],
    ids=str,
)
async def test_refuses_days_that_cannot_be_meant(
    shared: Api, options: dict[str, Any], place: str, message: str
) -> None:
    """Each fault is told at its place, whichever token it is about."""
    refusal = await shared.refusal(GET_USAGE, "nonsense", options)
    [fault] = refusal.faults
    assert (refusal.code, fault.path) == (-32808, f"/1/{place}")
    assert fault.message.startswith(message)


# Whose


async def test_tells_of_a_stronger_token_of_the_same_user(member: MemberMaker, sql: Sql) -> None:
    """To look is not to touch: a weak token sees how its user's others are used."""
    alice = await member("alice")
    strong = await alice("api-tokens/create", "strong", {"permissions": {"write": True}})
    await put_day(sql, strong["id"], today())
    assert await days_of(await bearer(alice), strong["id"]) == [today()]


async def test_refuses_a_foreign_token(member: MemberMaker) -> None:
    """Another user's token, one that is not there, and an id that is none get one answer."""
    alice, ids = await unreachable(member)
    for token_id in ids:
        refusal = await alice.refusal(GET_USAGE, token_id)
        assert (refusal.code, refusal.text) == (404, "Token not found")


async def test_lets_an_administrator_see_others_tokens(member: MemberMaker, sql: Sql) -> None:
    """Permission admin reaches every user's tokens."""
    admin, alice = await member("carol", ["admin"]), await member("alice")
    made = await alice("api-tokens/create", "hers")
    await put_day(sql, made["id"], today())
    assert await days_of(admin, made["id"]) == [today()]
