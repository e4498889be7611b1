"""Credentials → Caller, or a refusal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from app import token_format
from app.accounts import Accounts
from app.call import ANONYMOUS, Caller, Sql
from app.errors import Code, Refusal, bad_request
from app.permissions import PermissionRegistry
from app.token_format import Format
from app.verdicts import VALID, Known, VerdictCode, permission_map
from app.verification import Verification

EXPIRED: Final = "Session was deleted: the token has expired"
SESSION_ENDED: Final = "Authorization is required: the session has ended"
USER_DISABLED: Final = "Session is disabled: the user is disabled"
API_DISABLED: Final = "Session is disabled: the API is disabled"
_BARRED: Final = {
    VerdictCode.DISABLED: "Session is disabled: the token is disabled",
    VerdictCode.USER_DISABLED: USER_DISABLED,
    VerdictCode.API_DISABLED: API_DISABLED,
}


class Authenticates(Protocol):
    """What tells who calls."""

    def kept(self, credentials: Sequence[str]) -> Caller | None:
        """Who calls, if that is in memory (see `Authentication.kept`)."""

    async def caller(self, credentials: Sequence[str]) -> Caller:
        """Who calls (see `Authentication.caller`)."""


@dataclass(frozen=True, slots=True)
class Authentication:
    """Tells who calls, from what the caller showed."""

    sql: Sql
    verification: Verification
    tokens: Format
    permissions: PermissionRegistry
    accounts: Accounts

    async def caller(self, credentials: Sequence[str]) -> Caller:
        """Who calls. An account that is known but disabled comes back barred.

        Raises:
            Refusal: the credential is unknown, malformed or expired, or there are several.
        """
        return self.kept(credentials) or await self._found(credentials[0])

    def kept(self, credentials: Sequence[str]) -> Caller | None:
        """Who calls, if nobody has to be asked; None if somebody has. Raises as `caller` does."""
        if not credentials:
            return ANONYMOUS
        if len(credentials) > 1:
            raise bad_request("Only one credential may be given, and these differ")
        known = self.verification.kept(credentials[0])
        return None if known is None else self._token_caller(known)

    async def _found(self, secret: str) -> Caller:
        if token_format.is_session(secret):
            return await self._session_caller(secret)
        known = await self.verification.found(secret)
        if known is None:
            raise Refusal(Code.DELETED)
        return self._token_caller(known)

    async def _session_caller(self, secret: str) -> Caller:
        if not token_format.is_well_formed(secret, token_format.SESSION_PREFIX):
            raise Refusal(Code.AUTHORIZATION_REQUIRED, SESSION_ENDED)
        row = await self.sql.row(
            "_service/authenticate_session",
            {
                "digests": self.tokens.session_digests(secret),
                "idle": self.accounts.idle,
                "longest": self.accounts.longest,
                "known_permissions": self.permissions.known,
            },
        )
        if row is None:
            raise Refusal(Code.AUTHORIZATION_REQUIRED, SESSION_ENDED)
        return Caller(
            user_id=row["user_id"],
            user_name=row["user_name"],
            session_id=row["session_id"],
            permissions=row["permissions"],
            barred=None if row["user_enabled"] else Refusal(Code.DISABLED, USER_DISABLED),
        )

    def _token_caller(self, known: Known) -> Caller:
        code = self.verification.used(known)
        barred = None if code is VALID else _bar(code)
        held = permission_map(known.scope)
        # By position: a class takes twice as long by name.
        return Caller(
            known.user_id, known.user_name, known.token_id, known.name, None, held, barred
        )


def _bar(code: VerdictCode) -> Refusal:
    """Why a token that exists may not be used just now; one that has expired is none any more."""
    if code is VerdictCode.EXPIRED:
        raise Refusal(Code.DELETED, EXPIRED)
    return Refusal(Code.DISABLED, _BARRED[code])
