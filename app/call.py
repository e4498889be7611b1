"""Request, Caller, Call, Result: the words every stage speaks.

Nobody changes one that was made. `frozen` would say so, and take a tenth of a quick call's time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Final, Protocol

from app import moments
from app.accounts import Accounts
from app.errors import Code, Fault, Refusal, bad_request, invalid
from app.permissions import ADMIN, PermissionRegistry
from app.read_options import Condition, Listing, Selection
from app.token_format import Format
from app.verdicts import Known, Verdict

Row = Mapping[str, Any]


@dataclass(slots=True)
class Request:
    """One call as a wire understood it.

    `method` is the wire name ("/v1/api-tokens/read"); `arguments` a list by position or a dict by
    name; `credentials` each different credential the caller showed; `read_only` whether the wire
    promised that nothing changes (HTTP GET); `id` the request id that logs and answers bear;
    `address` where it came from, as far as anybody knows; `permission` what the wire asks for
    beside what the method does.
    """

    method: str
    arguments: Sequence[Any] | Mapping[str, Any]
    credentials: tuple[str, ...] = ()
    read_only: bool = False
    id: str = ""
    address: str = ""
    permission: str = "guest"


@dataclass(slots=True)
class Caller:
    """Who calls: a user, perhaps through a token, with the permissions in effect for this call.

    `session_id` is there for a person signed in; the command line speaks as a user by itself.

    Without `user_id` the caller is anonymous. `barred` is the refusal of an account that is known
    but disabled: it comes after "no such method" and before everything else.
    """

    user_id: str | None = None
    user_name: str | None = None
    token_id: str | None = None
    token_name: str | None = None
    session_id: str | None = None
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
class Kept:
    """A session's secret that a browser is to keep for so many seconds, or to forget (0)."""

    secret: str
    seconds: int


FORGOTTEN: Final = Kept("", 0)


@dataclass(slots=True)
class Success:
    """A method's answer: any JSON value, what is said about it, and what a browser is to keep.

    `changed` is False if a method that changes things found nothing to change.
    """

    data: Any = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    session: Kept | None = None
    changed: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    """A refusal, as a value."""

    code: Code
    text: str
    status: int
    faults: tuple[Fault, ...] = ()
    retry_after: int | None = None

    @classmethod
    def of(cls, refusal: Refusal) -> "Failure":
        """The value of a refusal that was raised."""
        return cls(refusal.code, refusal.text, refusal.status, refusal.faults, refusal.retry_after)


Result = Success | Failure


class Sql(Protocol):
    """What a method may ask of the database: its statements, by file name."""

    async def row(self, name: str, values: Mapping[str, Any]) -> Row | None:
        """The first row, or None."""

    async def rows(self, name: str, values: Mapping[str, Any]) -> list[Row]:
        """Every row."""

    async def staged(
        self, name: str, table: str, records: Sequence[Row], values: Mapping[str, Any]
    ) -> Row | None:
        """The first row, or None, of a statement that works on records copied into a table."""

    async def page(self, name: str, values: Mapping[str, Any], selection: Selection) -> Success:
        """One page of what the statement selects (see `read_options.Query`)."""


class Verifies(Protocol):
    """What a method may ask about tokens."""

    async def verified(self, token: str, permissions: Sequence[str] = ()) -> Verdict:
        """What a token comes to that shall be used for what takes these permissions."""

    async def known(self, secret: str) -> Known | None:
        """The facts of the token with this secret, or None."""


class Shapes(Protocol):
    """What a method may ask about values that it judges one by one."""

    def faults(self, name: str, value: Any) -> list[Fault]:
        """What is wrong with a value, as the component of that name says."""


@dataclass
class Call:
    """One call of a method: who calls from where, and what the method may use."""

    caller: Caller
    address: str
    sql: Sql
    permissions: PermissionRegistry
    tokens: Format
    accounts: Accounts
    listing: Listing | None
    place: Callable[[str], str]
    shapes: Shapes
    verification: Verifies

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
            "caller_session": caller.session_id,
            "caller_is_admin": caller.holds(ADMIN),
            "caller_permissions": caller.permissions,
            "known_permissions": self.permissions.known,
        }

    @cached_property
    def creator(self) -> Row:
        """Who makes something, by the names of today: it stays true when they change or go."""
        caller = self.caller
        return {
            "user_id": caller.user_id,
            "user_name": caller.user_name,
            "token_id": caller.token_id,
            "token_name": caller.token_name,
        }

    async def row(self, statement: str, /, **values: Any) -> Row | None:
        """The first row of the statement in `sql/…`, or None; it may name the scope too."""
        return await self.sql.row(statement, self.scope | values)

    async def rows(self, statement: str, /, **values: Any) -> list[Row]:
        """Every row of the statement; it may name the scope too."""
        return await self.sql.rows(statement, self.scope | values)

    async def staged(
        self, statement: str, /, table: str, records: Sequence[Row], **values: Any
    ) -> Row | None:
        """As `row`, of a statement that works on records copied into a table, all or nothing."""
        return await self.sql.staged(statement, table, records, self.scope | values)

    async def page(self, name: str, options: Row, *given: Condition) -> Success:
        """One page of the statement in `sql/NAME.sql`, narrowed by the conditions `given`."""
        assert self.listing, "the schema file describes no listing"
        selection = Selection(self.listing, options, given, self.place("options"))
        return await self.sql.page(name, self.scope, selection)

    def granted_role(self, name: str) -> dict[str, bool]:
        """The permission map of a role, if the caller may grant all of it."""
        wanted = dict.fromkeys(self.permissions.role(name).permissions, True)
        self.permissions.check_grant(self.caller.permissions, wanted)
        return wanted

    def granted(self, given: Row) -> Mapping[str, bool]:
        """The permission map of a new token: its role's, or the one given, or none."""
        role, wanted = given.get("role"), given.get("permissions")
        if role is not None and wanted is not None:
            raise bad_request("Give either a role or permissions, not both")
        if role is not None:
            return self.granted_role(role)
        self.permissions.check_grant(self.caller.permissions, wanted or {})
        return wanted or {}

    def expiry(self, argument: str, text: str | None) -> datetime | None:
        """When a token ends, as the member `expires` of an argument says; None: never."""
        try:
            return None if text is None else moments.expiry(text, self.now)
        except ValueError as error:
            raise self.fault(argument, "expires", str(error)) from None

    def days(self, argument: str, given: Mapping[str, str]) -> tuple[date, date]:
        """The days, both ends included, that the members `from` and `to` of an argument name."""
        last = self._day(argument, "to", given.get("to")) or self.now.date()
        first = self._day(argument, "from", given.get("from"))
        try:
            return moments.first_day(first, last), last
        except ValueError as error:
            raise self.fault(argument, "from", str(error)) from None

    def wanted(self, options: Row) -> Sequence[str]:
        """The permissions that a token is to be verified for, as options name them."""
        names: Sequence[str] = options.get("permissions") or ()
        if names:
            self.permissions.check_names(names)
        return names

    async def password_hash(
        self, argument: str, member: str | None, password: str | None
    ) -> str | None:
        """What is stored of a password, an argument or a member of it; None of none."""
        if password is None:
            return None
        weakness = self.accounts.passwords.weakness(password)
        if weakness:
            raise self.fault(argument, member, weakness)
        return await self.accounts.passwords.hash(password)

    def check_value(self, argument: str, value: str) -> None:
        """Refuse a value of one's own, the member `token` of an argument, that is weak."""
        weakness = self.tokens.weakness(value)
        if weakness:
            raise self.fault(argument, "token", weakness)

    def _day(self, argument: str, member: str, text: str | None) -> date | None:
        try:
            return None if text is None else moments.day(text)
        except ValueError as error:
            raise self.fault(argument, member, str(error)) from None

    def fault(self, argument: str, member: str | None, message: str) -> Refusal:
        """The refusal of an argument or of a member of it, at the place where it was given."""
        path = f"{self.place(argument)}/{member}" if member else self.place(argument)
        return invalid(Fault(path, message))
