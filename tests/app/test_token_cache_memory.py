"""The token cache in memory: what a token takes, and that it holds nobody up."""

import gc
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.token_cache import TokenCache
from app.verdicts import Known
from tests.app.verifying import NOON, Hearing

NUMBER = 100_000
MOST_BYTES = 600


def typical(number: int) -> Iterator[tuple[bytes, Known]]:
    """Tokens as they are read: of a user with nine others, with an end, all texts their own."""
    for n in range(number):
        if n % 10 == 0:
            user_id, user_name = f"{n:036}", f"person-{n}@example.org"
        yield (
            n.to_bytes(24),
            Known(
                token_id=f"{n:036}",
                user_id=user_id,
                user_name=user_name,
                name=f"deploy to production {n}",
                role=None,
                scope="read write",
                bar=None,
                created=NOON + timedelta(seconds=n),
                expires=NOON + timedelta(hours=n),
                until=None,
                read_at=n,
            ),
        )


def filled(number: int, limit: int) -> TokenCache:
    """A cache in which so many tokens were put."""
    cache = TokenCache(Hearing(), limit)
    for key, known in typical(number):
        cache.put(key, known)
    return cache


@pytest.fixture
def measured() -> Iterator[None]:
    """All that is allocated is counted."""
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def taken(cache: TokenCache, before: int) -> float:
    """The bytes that were taken since, for each token that is kept."""
    gc.collect()
    return (tracemalloc.get_traced_memory()[0] - before) / len(cache)


def test_a_token_takes_little(measured: None) -> None:
    """A million of them fit into what any server has."""
    before = tracemalloc.get_traced_memory()[0]
    cache = filled(NUMBER, NUMBER)
    assert len(cache) == NUMBER
    assert taken(cache, before) <= MOST_BYTES


def test_what_is_forgotten_takes_nothing(measured: None) -> None:
    """Ten times as many tokens as are kept leave nothing behind."""
    before = tracemalloc.get_traced_memory()[0]
    cache = filled(NUMBER // 10, NUMBER // 100)
    assert len(cache) == NUMBER // 100
    assert taken(cache, before) <= 1.1 * MOST_BYTES


def test_the_garbage_collector_looks_at_no_token() -> None:
    """However many are kept, no request waits until all of them are looked at."""
    cache = filled(1000, 1000)
    gc.collect()
    tuples = [found for found in gc.get_objects() if isinstance(found, tuple)]
    assert len(cache) == 1000
    assert not [found for found in tuples if "read write" in found]
