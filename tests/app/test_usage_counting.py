"""Counting: what is noted of each use, for which day, and how much of it may wait."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.usage import Usage
from app.usage.counting import Tally
from app.verdicts import VerdictCode

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


class Clock:
    """Tells the time that a test has set."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self.now.timestamp()


def taken(usage: Usage, most: int = 1000) -> list[Tally]:
    """Everything that waits, as it would be written."""
    usage.close()
    parts = []
    while part := usage.take(most):
        usage.written(part, [])
        parts.append(part)
    return parts


def verifications(usage: Usage) -> dict[date, dict[str, int]]:
    """How often each token was verified on each day."""
    return {part.day: part.verifications for part in taken(usage)}


def test_counts_each_token() -> None:
    """Each verification of a token counts one, refused or not."""
    usage = Usage(Clock())
    for _ in range(3):
        usage.count("one", "VALID")
    usage.count("one", "EXPIRED")
    usage.count("other", "VALID")
    assert verifications(usage) == {NOON.date(): {"one": 4, "other": 1}}


def test_notes_the_last_use() -> None:
    """A token was last used when it was last valid: a refused one is not used."""
    clock = Clock()
    usage = Usage(clock)
    usage.count("one", "VALID")
    clock.now += timedelta(seconds=1.5)
    usage.count("one", "VALID")
    clock.now += timedelta(seconds=1)
    usage.count("one", "DISABLED")
    usage.count("other", "DISABLED")
    [part] = taken(usage)
    assert part.last_used == {"one": NOON.timestamp() + 1.5}


def test_counts_refusals_by_code() -> None:
    """Every code but "VALID" is a refusal, and spelled as plain text."""
    usage = Usage(Clock())
    for code in ("VALID", "EXPIRED", VerdictCode.DISABLED, VerdictCode.VALID, "EXPIRED"):
        usage.count("one", code)
    [part] = taken(usage)
    assert part.refusals == {"one": {"EXPIRED": 2, "DISABLED": 1}}
    assert {type(name) for name in part.refusals["one"]} == {str}


def test_counts_permissions_that_were_granted() -> None:
    """Permissions count where they were granted, once a verification however often it names one."""
    usage = Usage(Clock())
    usage.count("one", "VALID", ["read", "write", "read"])
    usage.count("one", "VALID", ["read"])
    usage.count("one", "INSUFFICIENT_PERMISSIONS", ["read", "admin"])
    [part] = taken(usage)
    assert part.permissions == {"one": {"read": 2, "write": 1}}


def test_tells_the_secret_before_apart() -> None:
    """Uses by the secret before a rotation count among all, and by themselves, refused or not."""
    clock = Clock()
    usage = Usage(clock)
    for code, by_previous in (("VALID", True), ("EXPIRED", True), ("VALID", False)):
        usage.count("one", code, by_previous=by_previous)
        usage.count("other", code)
        clock.now += timedelta(seconds=1)
    [part] = taken(usage)
    assert part.verifications == {"one": 3, "other": 3}
    assert part.previous == {"one": 2}
    assert part.previous_last_used == {"one": NOON.timestamp() + 1}


def test_counts_for_the_day_of_utc() -> None:
    """What happens before midnight belongs to the day before, whenever it is written."""
    clock = Clock(datetime(2026, 12, 31, 23, 59, 59, 999_000, UTC))
    usage = Usage(clock)
    usage.count("one", "VALID")
    clock.now += timedelta(milliseconds=1)
    usage.count("one", "VALID")
    usage.count("one", "VALID")
    assert verifications(usage) == {date(2026, 12, 31): {"one": 1}, date(2027, 1, 1): {"one": 2}}


def test_goes_back_with_the_clock() -> None:
    """A clock set back to another day takes the counting there, and loses nothing."""
    clock = Clock()
    usage = Usage(clock)
    for days in (0, -1, 1, -1):
        clock.now = NOON + timedelta(days=days)
        usage.count("one", "VALID")
    found = [(part.day.day, part.verifications["one"]) for part in taken(usage)]
    assert found == [(24, 1), (23, 1), (25, 1), (23, 1)]


def test_goes_on_while_it_is_written() -> None:
    """What is counted after a turn has begun is for the next turn."""
    usage = Usage(Clock())
    usage.count("one", "VALID")
    usage.close()
    usage.count("one", "EXPIRED")
    part = usage.take(1000)
    assert part
    usage.written(part, [])
    assert (part.verifications, part.refusals) == ({"one": 1}, {})
    assert usage.take(1000) is None
    assert [part.refusals for part in taken(usage)] == [{"one": {"EXPIRED": 1}}]


def test_is_taken_in_parts() -> None:
    """Parts have no more tokens than asked for, and together they are everything."""
    usage = Usage(Clock())
    names = {f"token {n}" for n in range(25)}
    for name in names:
        usage.count(name, "VALID", ["read"])
    parts = taken(usage, 10)
    assert [len(part.verifications) for part in parts] == [10, 10, 5]
    assert {name for part in parts for name in part.permissions} == names


def test_a_part_is_in_order() -> None:
    """What a statement is given is sorted by token, each with what is its own."""
    usage = Usage(Clock())
    for name, code in {"c": "VALID", "a": "EXPIRED", "b": "VALID"}.items():
        usage.count(name, code, ["read"], by_previous=name == "b")
    [part] = taken(usage)
    assert part.parameters() == {
        "day": NOON.date(),
        "token_ids": ["a", "b", "c"],
        "verifications": [1, 1, 1],
        "last_used": [None, NOON.timestamp(), NOON.timestamp()],
        "refusals": [{"EXPIRED": 1}, None, None],
        "permissions": [None, {"read": 1}, {"read": 1}],
        "previous": [None, 1, None],
        "previous_last_used": [None, NOON.timestamp(), None],
    }


def test_keeps_what_is_left() -> None:
    """Tokens that were not written are given again in the next turn, and not in this one."""
    usage = Usage(Clock())
    for name in "abc":
        usage.count(name, "VALID", ["read"])
    usage.close()
    part = usage.take(1000)
    assert part
    usage.written(part, ["b"])
    assert (usage.take(1000), usage.waiting) == (None, 2)
    [rest] = taken(usage)
    assert (rest.verifications, rest.permissions) == ({"b": 1}, {"b": {"read": 1}})
    assert usage.waiting == 0


# How much may wait

FLOODS: dict[str, tuple[int, Callable[[Usage, int], Any]]] = {
    "tokens": (100, lambda usage, n: usage.count(f"token {n}", "VALID")),
    "permissions": (99, lambda usage, n: usage.count("one", "VALID", [f"p{n}"])),
    "refusals": (50, lambda usage, n: usage.count(f"token {n}", "EXPIRED")),
    "secrets before": (50, lambda usage, n: usage.count(f"token {n}", "VALID", (), True)),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_has_a_bound(flood: str) -> None:
    """However many tokens or names come, no more than the limit wait."""
    usage = Usage(Clock(), limit=100)
    expected, count = FLOODS[flood]
    for n in range(1000):
        count(usage, n)
    assert usage.waiting == 100
    [part] = taken(usage)
    held = part.refusals or part.permissions.get("one") or part.verifications
    assert (len(held), usage.waiting) == (expected, 0)


def test_a_full_one_goes_on_counting_what_it_has() -> None:
    """Where there is no more room, tokens that wait already lose nothing."""
    usage = Usage(Clock(), limit=10)
    for _ in range(5):
        for n in range(20):
            usage.count(f"token {n}", "VALID")
    [part] = taken(usage)
    assert part.verifications == {f"token {n}": 5 for n in range(10)}


def test_tells_once_that_it_is_full(caplog: pytest.LogCaptureFixture) -> None:
    """The log says so once, until everything has been written."""
    usage = Usage(Clock(), limit=10)
    for round_ in range(2):
        for n in range(1000):
            usage.count(f"token {n}", "VALID")
        assert len(caplog.records) == round_ + 1
        assert "some uses are not counted" in caplog.text
        taken(usage)


def test_has_room_again_when_it_is_written() -> None:
    """What is written makes room for others."""
    usage = Usage(Clock(), limit=10)
    for round_ in range(3):
        for n in range(20):
            usage.count(f"{round_} {n}", "VALID")
        assert [len(part.verifications) for part in taken(usage)] == [10]


def test_asks_to_be_written_when_half_full() -> None:
    """Whoever waits for the next turn is woken when half of the room is taken."""
    usage = Usage(Clock(), limit=10)
    for n in range(4):
        usage.count(f"token {n}", "VALID")
    assert not usage.half_full.is_set()
    usage.count("token 4", "VALID")
    assert usage.half_full.is_set()
    usage.close()
    assert not usage.half_full.is_set()


def test_asks_again_while_it_is_half_full() -> None:
    """Where what came meanwhile takes half of the room, the next turn comes at once."""
    usage = Usage(Clock(), limit=10)
    for n in range(10):
        usage.count(f"token {n}", "VALID")
    usage.close()
    for left in (7, 4, 1):
        part = usage.take(3)
        assert part
        usage.written(part, [])
        assert (usage.waiting, usage.half_full.is_set()) == (left, True)
    usage.close()
    assert not usage.half_full.is_set()
