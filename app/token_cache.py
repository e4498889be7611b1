"""What is known of tokens, as long as it is true: digest → facts; bounded, and in memory alone.

What was read before the last change of a token, of its user, or of everything, is not true: so
facts bear the position, among all changes heard, at which their reading began. The same rule holds
for what is being read just now (`app.lookups`).
"""

from collections import OrderedDict
from typing import Any, Final, Protocol

from app.listener import Change, now
from app.verdicts import Known

# Tokens and users whose last change is remembered; what was read before older changes is dropped.
MOST_CHANGES: Final = 100_000
# Digests remembered to be no token's, and for how many seconds.
MOST_MISSES: Final = 50_000
MISS_SECONDS: Final = 1.0
# What may make a digest a token's that was none's before.
_MAKING: Final = frozenset({"create", "update", "rotate"})


class Hears(Protocol):
    """What hears of changes: until `lease`, by `listener.now()`, none has gone by unheard."""

    lease: float


class TokenCache:
    """Facts of tokens by the digests of their secrets; a subscriber of the listener.

    Args:
        listener: nothing that was read is believed while it may not hear of changes.
        limit: how many tokens are kept.
    """

    def __init__(self, listener: Hears, limit: int) -> None:
        self._listener = listener
        self._limit = limit
        # Plain tuples of texts and moments: the garbage collector takes them off its list, so that
        # a million of them do not hold anybody up.
        self._facts: OrderedDict[bytes, tuple[Any, ...]] = OrderedDict()
        # Digest → when it is forgotten, and the position at which it was read.
        self._misses: OrderedDict[bytes, tuple[float, int]] = OrderedDict()
        # Id of a token or user → the position of its last change.
        self._changes: OrderedDict[str, int] = OrderedDict()
        # How many changes were heard; and the last that may have changed everything, or have made
        # a token.
        self.position = 0
        self._all_changed = 0
        self._made = 0

    def __len__(self) -> int:
        """How many tokens are kept; what is kept of some may be true no longer."""
        return len(self._facts)

    @property
    def is_current(self) -> bool:
        """Whether what was read may be believed just now: changes are heard."""
        return now() < self._listener.lease

    def get(self, key: bytes) -> Known | None:
        """The facts of the token with this digest, if they are known to be true."""
        facts = self._facts.get(key)
        if facts is None or now() >= self._listener.lease:
            return None
        known = tuple.__new__(Known, facts)  # `_make`, without counting what was one before
        if not self.is_true(known):
            del self._facts[key]
            return None
        self._facts.move_to_end(key)
        return known

    def put(self, key: bytes, known: Known) -> None:
        """Keep the facts of a token, in place of those that were longest of no use."""
        if self._limit and self.is_true(known):
            self._facts[key] = tuple(known)
            self._facts.move_to_end(key)
            if len(self._facts) > self._limit:
                self._facts.popitem(last=False)

    def is_missing(self, key: bytes) -> bool:
        """Whether it is known that no token has this digest."""
        forgotten, read_at = self._misses.get(key, (0.0, 0))
        return now() < min(forgotten, self._listener.lease) and self.is_still_missing(read_at)

    def put_missing(self, key: bytes, read_at: int) -> None:
        """Keep, for a moment, that no token has this digest."""
        if self._limit:
            self._misses[key] = (now() + MISS_SECONDS, read_at)
            if len(self._misses) > MOST_MISSES:
                self._misses.popitem(last=False)

    def is_true(self, known: Known) -> bool:
        """Whether nothing has changed since these facts were read."""
        changes, read_at = self._changes, known.read_at
        return (
            read_at >= self._all_changed
            and read_at >= changes.get(known.token_id, 0)
            and read_at >= changes.get(known.user_id, 0)
        )

    def is_still_missing(self, read_at: int) -> bool:
        """Whether no token was made since this position."""
        return read_at >= self._made

    def made(self) -> None:
        """Tokens may have been made that were asked for before."""
        self.position += 1
        self._made = self.position

    def changed(self, change: Change) -> None:
        """Believe nothing that was read before this change of a token, a user or the settings."""
        if change.table == "settings":
            self.missed()
        elif change.table in {"api_tokens", "users"}:
            self.position += 1
            for changed_id in change.ids:
                self._changes[changed_id] = self.position
                self._changes.move_to_end(changed_id)
            while len(self._changes) > MOST_CHANGES:
                self._all_changed = self._changes.popitem(last=False)[1]
            if change.action in _MAKING:
                self._made = self.position

    def missed(self) -> None:
        """Believe nothing that was read before."""
        self.position += 1
        self._changes.clear()  # they were before
        self._all_changed = self._made = self.position
