"""The token cache beside the truth: whatever happens in whatever order, it never tells the past."""

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from app import token_cache
from app.token_cache import TokenCache
from app.verdicts import Known
from tests.app.verifying import Hearing, change, facts

# Each token's user.
OWNERS = {"a": "ann", "b": "ann", "c": "bob", "d": "bob"}
NAMES = [*OWNERS, *OWNERS.values(), "settings"]
tokens = st.sampled_from(sorted(OWNERS))


@dataclass
class World:
    """What is true: how often each token, user and everything has changed; which tokens exist."""

    changes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 0))
    made: set[str] = field(default_factory=set)

    def state(self, token: str) -> str:
        """All that facts of a token depend on."""
        return f"{self.changes[token]} {self.changes[OWNERS[token]]} {self.changes['settings']}"


class Remembering(RuleBasedStateMachine):
    """Readings that begin and end, changes that are heard or not, and questions between them."""

    def __init__(self) -> None:
        super().__init__()
        self.few = pytest.MonkeyPatch()
        self.few.setattr(token_cache, "MOST_CHANGES", 1)
        self.few.setattr(token_cache, "MISS_SECONDS", math.inf)
        self.world = World()
        self.readings: list[tuple[str, Known | None, int]] = []
        self.missing: set[str] = set()

    def teardown(self) -> None:
        """Leave the bounds as they were."""
        self.few.undo()

    @initialize(limit=st.integers(0, 4))
    def begin(self, limit: int) -> None:
        """A process starts."""
        self.hearing = Hearing()
        self.cache = TokenCache(self.hearing, limit)
        self.limit = limit

    @rule(token=tokens)
    def read(self, token: str) -> None:
        """A reading of a token begins; the database answers as things are."""
        read_at = self.cache.position
        state = self.world.state(token)
        known = facts(token, OWNERS[token], read_at, state)
        self.readings.append((token, known if token in self.world.made else None, read_at))

    @precondition(lambda self: self.readings)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """A reading ends, whichever."""
        at = data.draw(st.integers(0, len(self.readings) - 1))
        token, known, read_at = self.readings.pop(at)
        if known is None:
            self.cache.put_missing(token.encode(), read_at)
        else:
            self.cache.put(token.encode(), known)
            if self.limit and self.cache.is_current and read_at == self.cache.position:
                assert self.cache.get(token.encode()) == known

    @rule(token=tokens, action=st.sampled_from(["update", "enable", "disable", "rotate"]))
    def change_token(self, token: str, action: str) -> None:
        """A token changes."""
        self._change(token, "api_tokens", token, action=action)

    @rule(user=st.sampled_from(sorted({*OWNERS.values()})))
    def change_user(self, user: str) -> None:
        """A user changes."""
        self._change(user, "users", user)

    @rule()
    def change_settings(self) -> None:
        """The API is switched off or on."""
        self._change("settings", "settings")

    @rule(token=tokens, is_here=st.booleans())
    def make(self, token: str, is_here: bool) -> None:
        """A token is made, here or in a process that is heard."""
        self.world.made.add(token)
        if is_here:
            self.cache.made()
        else:
            self._change(token, "api_tokens", token, action="create")

    @rule()
    def lose(self) -> None:
        """Nothing is heard from now on."""
        self.hearing.lease = -math.inf

    @rule()
    def hear(self) -> None:
        """Everything is heard from now on; what happened meanwhile nobody knows."""
        if not self.cache.is_current:
            self.cache.missed()
            self.hearing.lease = math.inf

    @rule(token=tokens)
    def ask(self, token: str) -> None:
        """Whatever is answered from memory is so now."""
        known = self.cache.get(token.encode())
        assert known is None or known.name == self.world.state(token)
        assert not (self.cache.is_missing(token.encode()) and token in self.world.made)
        assert len(self.cache) <= self.limit

    def _change(self, name: str, table: str, *ids: str, action: str = "update") -> None:
        self.world.changes[name] += 1
        if self.cache.is_current:
            self.cache.changed(change(table, *ids, action=action))


Remembering.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestRemembering = Remembering.TestCase
