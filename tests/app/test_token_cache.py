"""The token cache: what was read is believed until something changes, and not a moment longer."""

import math
from collections.abc import Callable

import pytest

from app import token_cache
from app.listener import now
from app.token_cache import TokenCache
from tests.app.verifying import Hearing, change, facts

KEY = b"key"


def cache_of(*token_ids: str, limit: int = 100) -> TokenCache:
    """A cache that holds these tokens, each by its id, put in this order."""
    cache = TokenCache(Hearing(), limit)
    for token_id in token_ids:
        cache.put(token_id.encode(), facts(token_id))
    return cache


def held(cache: TokenCache, token_ids: str) -> str:
    """Which of these tokens, each a letter, are believed."""
    return "".join(letter for letter in token_ids if cache.get(letter.encode()))


class Clock:
    """Tells the moment that a test has set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = now()
        monkeypatch.setattr(token_cache, "now", lambda: self.now)


def test_remembers_what_was_put() -> None:
    """Every fact, as it was read."""
    cache, known = TokenCache(Hearing(), 100), facts()
    cache.put(KEY, known)
    assert cache.get(KEY) == known


def test_knows_nothing_of_others() -> None:
    """What is known of one token is known of no other digest."""
    cache = cache_of("a")
    assert cache.get(b"b") is None
    assert not cache.is_missing(b"b")


def test_the_longest_unused_go_first() -> None:
    """The limit holds, and a token that was used stays."""
    cache = cache_of("a", "b", "c", limit=3)
    cache.get(b"a")
    cache.put(b"d", facts("d"))
    assert held(cache, "abcd") == "acd"


def test_what_was_read_anew_stays() -> None:
    """A token that is put again was used just now, too."""
    cache = cache_of("a", "b", limit=2)
    cache.put(b"a", facts("a"))
    cache.put(b"c", facts("c"))
    assert held(cache, "abc") == "ac"


def test_never_holds_more_than_the_limit() -> None:
    """However many are put, the same ones again among them."""
    cache = cache_of(*"abcdefabcdef", limit=3)
    assert len(cache) == 3


def test_a_limit_of_zero_remembers_nothing() -> None:
    """Neither tokens nor misses: every verification asks the database."""
    cache = cache_of("a", limit=0)
    cache.put_missing(KEY, cache.position)
    assert cache.get(b"a") is None
    assert len(cache) == 0
    assert not cache.is_missing(KEY)


FORGETTING = {
    "the token": lambda cache: cache.changed(change("api_tokens", "a")),
    "the token among others": lambda cache: cache.changed(change("api_tokens", "x", "a", "y")),
    "its user": lambda cache: cache.changed(change("users", "user")),
    "a deleted token": lambda cache: cache.changed(change("api_tokens", "a", action="delete")),
    "a disabled token": lambda cache: cache.changed(change("api_tokens", "a", action="disable")),
    "an enabled token": lambda cache: cache.changed(change("api_tokens", "a", action="enable")),
    "the settings": lambda cache: cache.changed(change("settings")),
    "something missed": lambda cache: cache.missed(),
}


@pytest.mark.parametrize("happens", FORGETTING.values(), ids=FORGETTING)
def test_what_has_changed_is_not_believed(happens: Callable[[TokenCache], None]) -> None:
    """What was read of it before is gone, and is kept in memory no longer than until it is used."""
    cache = cache_of("a")
    happens(cache)
    assert cache.get(b"a") is None
    assert len(cache) == 0


@pytest.mark.parametrize("happens", FORGETTING.values(), ids=FORGETTING)
def test_what_was_read_before_a_change_is_not_kept(happens: Callable[[TokenCache], None]) -> None:
    """A reading that began before the change may have missed it, whenever it ends."""
    cache = cache_of()
    known = facts("a", read_at=cache.position)
    happens(cache)
    cache.put(b"a", known)
    assert not cache.is_true(known)
    assert len(cache) == 0
    assert cache.get(b"a") is None


@pytest.mark.parametrize("happens", FORGETTING.values(), ids=FORGETTING)
def test_what_is_read_after_a_change_is_believed(happens: Callable[[TokenCache], None]) -> None:
    """A change is over when it was heard: it forbids nothing that is read from then on."""
    cache = cache_of("a")
    happens(cache)
    known = facts("a", read_at=cache.position)
    cache.put(b"a", known)
    assert cache.get(b"a") == known


OTHERS = {
    "another token": lambda cache: cache.changed(change("api_tokens", "b")),
    "another user": lambda cache: cache.changed(change("users", "other")),
    "a session": lambda cache: cache.changed(change("sessions", "a", "user", action="delete")),
    "another table": lambda cache: cache.changed(change("marker", "a", "user")),
    "a new token": lambda cache: cache.changed(change("api_tokens", "b", action="create")),
    "something made here": lambda cache: cache.made(),
}


@pytest.mark.parametrize("happens", OTHERS.values(), ids=OTHERS)
def test_what_has_not_changed_is_believed(happens: Callable[[TokenCache], None]) -> None:
    """Changes elsewhere cost nothing."""
    cache = cache_of("a")
    happens(cache)
    assert cache.get(b"a") == facts("a")


def test_without_a_lease_nothing_is_believed() -> None:
    """Changes may go by unheard just now."""
    hearing = Hearing()
    cache = TokenCache(hearing, 100)
    cache.put(b"a", facts("a"))
    cache.put_missing(KEY, cache.position)
    hearing.lease = -math.inf
    assert not cache.is_current
    assert cache.get(b"a") is None
    assert not cache.is_missing(KEY)


def test_a_lease_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its last moment, without anybody saying so."""
    clock = Clock(monkeypatch)
    cache = TokenCache(Hearing(clock.now + 3), 100)
    cache.put(b"a", facts("a"))
    clock.now += 2.999
    assert cache.get(b"a")
    clock.now += 0.001
    assert cache.get(b"a") is None


def test_a_lease_that_comes_back_brings_back_what_is_true() -> None:
    """Nothing was missed, or it would have been said."""
    hearing = Hearing()
    cache = TokenCache(hearing, 100)
    cache.put(b"a", facts("a"))
    hearing.lease = -math.inf
    assert cache.get(b"a") is None
    hearing.lease = math.inf
    assert cache.get(b"a") == facts("a")


@pytest.mark.parametrize("action", ["create", "update", "rotate"])
def test_a_miss_is_forgotten_when_a_token_may_have_been_made(action: str) -> None:
    """Whoever has just got a token may use it at once."""
    cache = cache_of()
    cache.put_missing(KEY, cache.position)
    cache.changed(change("api_tokens", "new", action=action))
    assert not cache.is_missing(KEY)


@pytest.mark.parametrize("happens", [TokenCache.made, TokenCache.missed])
def test_a_miss_is_forgotten_when_anything_may_be_there(
    happens: Callable[[TokenCache], None],
) -> None:
    """Something was made in this very process, or by others who were not heard."""
    cache = cache_of()
    cache.put_missing(KEY, cache.position)
    assert cache.is_missing(KEY)
    happens(cache)
    assert not cache.is_missing(KEY)


@pytest.mark.parametrize("action", ["enable", "disable", "delete"])
def test_a_miss_outlives_what_makes_no_token(action: str) -> None:
    """Tokens that go make none of another digest."""
    cache = cache_of()
    cache.put_missing(KEY, cache.position)
    cache.changed(change("api_tokens", "old", action=action))
    assert cache.is_missing(KEY)


def test_a_miss_that_was_read_before_is_not_believed() -> None:
    """A reading that began before a token was made may have missed it, whenever it ends."""
    cache = cache_of()
    read_at = cache.position
    cache.made()
    cache.put_missing(KEY, read_at)
    assert not cache.is_still_missing(read_at)
    assert not cache.is_missing(KEY)


def test_a_miss_is_kept_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody tells other processes of new tokens that nobody watches: a miss has to end."""
    clock = Clock(monkeypatch)
    cache = cache_of()
    cache.put_missing(KEY, cache.position)
    clock.now += 0.999 * token_cache.MISS_SECONDS
    assert cache.is_missing(KEY)
    clock.now += 0.001 * token_cache.MISS_SECONDS
    assert not cache.is_missing(KEY)


def test_misses_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the oldest are asked for again; whoever guesses fills no memory."""
    monkeypatch.setattr(token_cache, "MOST_MISSES", 3)
    cache = cache_of()
    for key in (b"a", b"b", b"c", b"d"):
        cache.put_missing(key, cache.position)
    assert [cache.is_missing(key) for key in (b"a", b"b", b"c", b"d")] == [False, True, True, True]


@pytest.fixture
def few_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the last three tokens and users that have changed are remembered."""
    monkeypatch.setattr(token_cache, "MOST_CHANGES", 3)


def test_what_is_older_than_the_changes_remembered_is_not_believed(few_changes: None) -> None:
    """It may have changed, or may not: nobody knows any more."""
    cache = cache_of("a")
    for token_id in ("b", "c", "d", "e"):
        cache.changed(change("api_tokens", token_id))
    assert cache.get(b"a") is None


def test_what_is_newer_than_the_changes_forgotten_is_believed(few_changes: None) -> None:
    """The bound costs only what was read before."""
    cache = cache_of()
    cache.changed(change("api_tokens", "b"))
    cache.put(b"a", facts("a", read_at=cache.position))
    for token_id in ("c", "d", "e"):
        cache.changed(change("api_tokens", token_id))
    assert cache.get(b"a")


def test_one_change_of_more_than_are_remembered(few_changes: None) -> None:
    """Nothing from before it is believed, whatever it was of; all from after it is."""
    cache = cache_of(*"abcde")
    cache.changed(change("api_tokens", *"abcde"))
    assert held(cache, "abcde") == ""
    for letter in "abcde":
        cache.put(letter.encode(), facts(letter, read_at=cache.position))
    assert held(cache, "abcde") == "abcde"


def test_the_last_change_of_a_token_counts(few_changes: None) -> None:
    """It is remembered for as long as if it had been the only one."""
    cache = cache_of()
    for token_id in ("a", "b", "c"):
        cache.changed(change("api_tokens", token_id))
    cache.put(b"a", facts("a", read_at=cache.position))
    for token_id in ("a", "d", "e"):
        cache.changed(change("api_tokens", token_id))
    assert cache.get(b"a") is None


def test_changes_forgotten_bring_nothing_back(few_changes: None) -> None:
    """What a change of everything has ended stays so, when a change before it is forgotten."""
    cache = cache_of()
    cache.changed(change("api_tokens", "x"))
    cache.put(b"a", facts("a", read_at=cache.position))
    cache.changed(change("settings"))
    for token_id in ("b", "c", "d"):
        cache.changed(change("api_tokens", token_id))
    assert cache.get(b"a") is None
