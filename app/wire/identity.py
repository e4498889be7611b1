"""Who makes the calls that come together, in a batch or over a connection."""

import asyncio
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

from app.authentication import Authenticates
from app.call import ANONYMOUS, Caller
from app.errors import Code, Refusal


class Standing(Enum):
    """What became of the credential that a connection was opened with."""

    UNKNOWN = "unknown"
    GOOD = "good"
    DISABLED = "disabled"
    DELETED = "deleted"


# To look a member up in its class takes longer than to compare it.
_GOOD: Final = Standing.GOOD
_DISABLED: Final = Standing.DISABLED
# Refusals of the credential itself; others, such as a database that is away, say nothing of it.
_DELETED: Final = frozenset({Code.DELETED, Code.AUTHORIZATION_REQUIRED})


class Identity:
    """Asks who calls, anew for every call, but once for all calls that wait at the same time.

    Args:
        authentication: is asked.
        credentials: what the handshake carried.
        moved: is called when `standing` or the user has changed, with the standing before.
    """

    __slots__ = (
        "_asking",
        "_authentication",
        "_credentials",
        "_moved",
        "_next",
        "caller_known",
        "standing",
    )

    def __init__(
        self,
        authentication: Authenticates,
        credentials: Sequence[str],
        moved: Callable[[Standing], None] = lambda _: None,
    ) -> None:
        self._authentication = authentication
        self._credentials = credentials
        self._moved = moved
        self._asking = asyncio.Lock()
        self._next: asyncio.Task[Caller] | None = None
        self.caller_known = ANONYMOUS
        self.standing = Standing.UNKNOWN

    async def caller(self, credentials: Sequence[str] = ()) -> Caller:  # noqa: ARG002 - always ours
        """Who calls. Raises as `Authentication.caller` does.

        An asking that has begun may have read what has changed since: only one that is still to
        begin can be shared.
        """
        if not self._credentials:
            return ANONYMOUS
        kept = self.kept()
        if kept is not None:
            return kept
        if self._next is None:
            self._next = asyncio.create_task(self._ask_next())
        return await asyncio.shield(self._next)

    def kept(self, credentials: Sequence[str] = ()) -> Caller | None:  # noqa: ARG002 - always ours
        """Who calls, if nobody has to be asked. Raises as `Authentication.caller` does."""
        try:
            caller = self._authentication.kept(self._credentials)
        except Refusal as refusal:
            self._refused(refusal)
            raise
        if caller is not None:
            self._found(caller)
        return caller

    async def _ask_next(self) -> Caller:
        async with self._asking:
            self._next = None
            try:
                caller = await self._authentication.caller(self._credentials)
            except Refusal as refusal:
                self._refused(refusal)
                raise
            self._found(caller)
            return caller

    def _refused(self, refusal: Refusal) -> None:
        if refusal.code in _DELETED:
            self._settle(self.caller_known, Standing.DELETED)

    def _found(self, caller: Caller) -> None:
        self._settle(caller, _DISABLED if caller.barred else _GOOD)

    def _settle(self, caller: Caller, standing: Standing) -> None:
        before, user_before = self.standing, self.caller_known.user_id
        self.caller_known, self.standing = caller, standing
        if standing is not before or caller.user_id != user_before:
            self._moved(before)
