from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.attempts import MOST_KEYS, Attempts, neighbourhood
from app.errors import Refusal


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time by which attempts are counted."""
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    """Three at once, then one every ten seconds."""
    return Attempts(3, 10, clock)


def wait(attempts: Attempts, key: Any = "alice") -> int | None:
    """In how many seconds one may come back; None if the attempt was let through."""
    try:
        attempts.take(key)
    except Refusal as refusal:
        return refusal.retry_after if refusal.code == -32802 else -1
    return None


def test_lets_so_many_through_at_once(attempts: Attempts) -> None:
    """The burst, and not one more."""
    assert [wait(attempts) for _ in range(5)] == [None, None, None, 10, 10]


def test_lets_one_more_through_as_time_goes_by(attempts: Attempts, clock: Clock) -> None:
    """One attempt comes back every ten seconds, and whoever waits as told is let through."""
    for _ in range(3):
        wait(attempts)
    clock.now += 9.5
    assert wait(attempts) == 1
    clock.now += 1
    assert [wait(attempts), wait(attempts)] == [None, 10]
    clock.now += 30
    assert [wait(attempts) for _ in range(4)] == [None, None, None, 10]


def test_a_refused_attempt_does_not_count(attempts: Attempts, clock: Clock) -> None:
    """Who keeps knocking has to wait no longer than who waits."""
    for _ in range(100):
        wait(attempts)
    clock.now += 10
    assert wait(attempts) is None


def test_an_attempt_given_back_does_not_count(attempts: Attempts) -> None:
    """However often it goes well, nobody is held up."""
    for _ in range(10):
        assert wait(attempts) is None
        attempts.give_back("alice")
    assert [wait(attempts) for _ in range(4)] == [None, None, None, 10]


def test_giving_back_makes_nobody_richer(attempts: Attempts, clock: Clock) -> None:
    """There are never more at once than the burst."""
    wait(attempts)
    clock.now += 60
    for _ in range(5):
        attempts.give_back("alice")
    attempts.give_back("nobody")
    assert [wait(attempts) for _ in range(4)] == [None, None, None, 10]


@pytest.mark.parametrize("other", ["bob", "Alice", "alice ", ""])
def test_each_key_has_its_own(attempts: Attempts, other: str) -> None:
    """One who is refused bars nobody else, and names are compared exactly."""
    for _ in range(4):
        wait(attempts)
    assert wait(attempts, other) is None


def test_a_flood_of_names_frees_none(attempts: Attempts) -> None:
    """It takes so much memory and no more; who is locked out stays so, before it or after."""
    for _ in range(4):
        wait(attempts, "first")
    for number in range(MOST_KEYS + 1):
        wait(attempts, number)
    for _ in range(4):
        wait(attempts, "last")
    assert wait(attempts, "first") == 10
    assert wait(attempts, "last") == 10


def test_what_is_given_back_is_forgotten(attempts: Attempts) -> None:
    """Attempts that went well do not fill the memory either."""
    for _ in range(4):
        wait(attempts, "first")
    for number in range(MOST_KEYS + 1):
        attempts.take(number)
        attempts.give_back(number)
    assert wait(attempts, "first") == 10


def test_forgets_who_tried_longest_ago(attempts: Attempts) -> None:
    """Not who tried first: a name that is tried again and again is remembered."""
    wait(attempts, "first")
    for number in range(MOST_KEYS - 1):
        wait(attempts, number)
    wait(attempts, "first")
    wait(attempts, "last")
    assert [wait(attempts, "first") for _ in range(2)] == [None, 10]


@given(st.lists(st.one_of(st.none(), st.integers(1, 25)), max_size=60))
def test_is_a_token_bucket(steps: list[int | None]) -> None:
    """Whatever the attempts and pauses, it lets through what a bucket of tokens does."""
    clock = Clock()
    attempts, tokens = Attempts(3, 10, clock), 30
    for step in steps:
        if step is not None:
            clock.now += step
            tokens = min(30, tokens + step)
        elif tokens >= 10:
            assert wait(attempts) is None
            tokens -= 10
        else:
            assert wait(attempts) == 10 - tokens


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("not an address", "not an address"),
    ],
)
def test_who_counts_as_one_address(address: str, expected: str) -> None:
    """A customer has one IPv4 address, but 2^64 IPv6 ones at the least."""
    assert neighbourhood(address) == expected
