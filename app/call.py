"""Request, Caller, Call, Result: the words every stage speaks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, Protocol

from app.errors import Code, Fault, Refusal, invalid
from app.permissions import ADMIN, PermissionRegistry
from app.read_options import Condition, Listing, Selection
from app.token_format import Format

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One call as a wire understood it.

    `method` is the wire name ("/v1/api-tokens/read"); `arguments` a list by position or a dict by
    name; `credentials` each different credential the caller showed; `read_only` whether the wire
    promised that nothing changes (HTTP GET); `id` the request id that logs and answers bear.
    """

    method: str
    arguments: Sequence[Any] | Mapping[str, Any]
    credentials: tuple[str, ...] = ()
    read_only: bool = False
    id: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a user, perhaps through a token, with the permissions in effect for this call.

    Without `user_id` the caller is anonymous. `barred` is the refusal of an account that is known
    but disabled: it comes after "no such method" and before everything else.
    """

    user_id: str | None = None
    user_name: str | None = None
    token_id: str | None = None
    token_name: str | None = None
    permissions: Mapping[str, bool] = field(default_factory=dict)
    barred: Refusal | None = None

    def holds(self, permission: str) -> bool:
        """Whether this permission is in effect for the caller; "user" = anybody known."""
        if permission == "guest":
            return True
        if permission == "user":
            return self.user_id is not None
        return self.permissions.get(permission, False)


ANONYMOUS: Final = Caller()


@dataclass(frozen=True, slots=True)
class Success:
    """A method's answer: any JSON value, and what is said about it."""

    data: Any = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """A refusal, as a value."""

    code: Code
    text: str
    status: int
    faults: tuple[Fault, ...] = ()

    @classmethod
    def of(cls, refusal: Refusal) -> "Failure":
        """The value of a refusal that was raised."""
        return cls(refusal.code, refusal.text, refusal.status, refusal.faults)


Result = Success | Failure


class Sql(Protocol):
    """What a method may ask of the database: its statements, by file name."""

    async def row(self, name: str, values: Mapping[str, Any]) -> Row | None:
        """The first row, or None."""

    async def page(self, name: str, values: Mapping[str, Any], selection: Selection) -> Success:
        """One page of what the statement selects (see `read_options.Query`)."""


@dataclass(frozen=True)
class Call:
    """One call of a method: who calls, and what the method may use."""

    caller: Caller
    sql: Sql
    permissions: PermissionRegistry
    tokens: Format
    listing: Listing | None
    place: Callable[[str], str]

    @cached_property
    def now(self) -> datetime:
        """The one moment at which this call happens."""
        return datetime.now(UTC)

    @cached_property
    def scope(self) -> dict[str, Any]:
        """Who calls, as the parameters `$n caller_…` that statements name for themselves."""
        caller = self.caller
        return {
            "caller_user": caller.user_id,
            "caller_token": caller.token_id,
            "caller_is_admin": caller.holds(ADMIN),
            "caller_permissions": caller.permissions,
            "known_permissions": self.permissions.known,
        }

    async def row(self, statement: str, /, **values: Any) -> Row | None:
        """The first row of the statement in `sql/…`, or None; it may name the scope too."""
        return await self.sql.row(statement, self.scope | values)

    async def page(self, name: str, options: Row, *given: Condition) -> Success:
        """One page of the statement in `sql/NAME.sql`, narrowed by the conditions `given`."""
        assert self.listing, "the schema file describes no listing"
        selection = Selection(self.listing, options, given, self.place("options"))
        return await self.sql.page(name, self.scope, selection)

    def fault(self, argument: str, member: str, message: str) -> Refusal:
        """The refusal of a member of an argument, at the place where the caller gave it."""
        return invalid(Fault(f"{self.place(argument)}/{member}", message))
