from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import MemberMaker
from tests.methods.support import Sql
from tests.support import Api

READ = "usage/read"


def today() -> date:
    """The day it is in UTC."""
    return datetime.now(UTC).date()


async def test_tells_of_a_service_that_was_never_used(root: Api) -> None:
    """There are no days."""
    assert await root(READ) == {"days": []}


async def test_tells_what_each_day_had(root: Api, sql: Sql) -> None:
    """Days come newest first, each with all its counts; where none was refused that is empty."""
    await sql.execute(
        "insert into service_usage (day, verifications, tokens, refusals)"
        " values ($1::date - 1, 5000000000, 3, null), ($1, 9, 2, '{\"EXPIRED\": 4}')",
        today(),
    )
    assert await root(READ) == {
        "days": [
            {"day": str(today()), "verifications": 9, "tokens": 2, "refusals": {"EXPIRED": 4}},
            {
                "day": str(today() - timedelta(days=1)),
                "verifications": 5_000_000_000,
                "tokens": 3,
                "refusals": {},
            },
        ]
    }


async def test_tells_of_everybodys_tokens(member: MemberMaker, sql: Sql) -> None:
    """An administrator who is not root sees it all."""
    admin = await member("carol", ["admin"])
    await sql.execute("insert into service_usage values ($1, 1, 1)", today())
    assert [day["day"] for day in (await admin(READ))["days"]] == [str(today())]


# Which days


@pytest.fixture
async def used(shared: Api, shared_sql: Sql) -> Api:
    """A service that was used every day from two years ago to tomorrow."""
    await shared_sql.execute(
        "insert into service_usage (day, verifications, tokens)"
        " select $1::date - n, 1, 1 from generate_series(-1, 730) n on conflict do nothing",
        today(),
    )
    return shared


@pytest.mark.parametrize(
    ("options", "first", "last"),
    [
        ({}, -29, 0),
        ({"from": -3}, -3, 0),
        ({"to": -10}, -39, -10),
        ({"to": 1}, -28, 1),
        ({"from": -400, "to": -395}, -400, -395),
        ({"from": -365}, -365, 0),
    ],
    ids=str,
)
async def test_tells_of_the_days_that_are_asked_for(
    used: Api, options: dict[str, int], first: int, last: int
) -> None:
    """Both ends are included; by default it is the 30 days up to the last, which is today."""
    now = today()
    given = {name: str(now + timedelta(days=n)) for name, n in options.items()}
    days = [date.fromisoformat(day["day"]) for day in (await used(READ, given))["days"]]
    assert days == [now + timedelta(days=n) for n in range(last, first - 1, -1)]


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
        ({"to": "today"}, "to", "must match"),
        ({"from": None}, "from", "must be string"),
        ({"since": "2026-02-01"}, "since", "is not known"),
    ],
    ids=str,
)
async def test_refuses_days_that_cannot_be_meant(
    shared: Api, options: dict[str, Any], place: str, message: str
) -> None:
    """Each fault is told at its place."""
    refusal = await shared.refusal(READ, options)
    [fault] = refusal.faults
    assert (refusal.code, fault.path) == (-32808, f"/0/{place}")
    assert fault.message.startswith(message)


# Whose


async def test_refuses_who_is_no_administrator(member: MemberMaker) -> None:
    """How the whole service is used is nothing for its users."""
    alice = await member("alice", ["read", "write", "verify"])
    assert (await alice.refusal(READ)).code == -32811
