"""Credentials → Caller, or a refusal."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from app import token_format
from app.accounts import Accounts
from app.call import ANONYMOUS, Caller, Row, Sql
from app.errors import Code, Refusal, bad_request
from app.permissions import PermissionRegistry
from app.token_format import Format

EXPIRED: Final = "Session was deleted: the token has expired"
SESSION_ENDED: Final = "Authorization is required: the session has ended"
USER_DISABLED: Final = "Session is disabled: the user is disabled"


class Authenticates(Protocol):
    """What tells who calls."""

    async def caller(self, credentials: Sequence[str]) -> Caller:
        """Who calls (see `Authentication.caller`)."""


@dataclass(frozen=True, slots=True)
class Authentication:
    """Tells who calls, from what the caller showed; one statement, save at a secret's first use."""

    sql: Sql
    tokens: Format
    permissions: PermissionRegistry
    accounts: Accounts

    async def caller(self, credentials: Sequence[str]) -> Caller:
        """Who calls. An account that is known but disabled comes back barred.

        Raises:
            Refusal: the credential is unknown, malformed or expired, or there are several.
        """
        if not credentials:
            return ANONYMOUS
        if len(credentials) > 1:
            raise bad_request("Only one credential may be given, and these differ")
        [secret] = credentials
        if token_format.is_session(secret):
            return await self._session_caller(secret)
        return await self._token_caller(secret)

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

    async def _token_caller(self, token: str) -> Caller:
        # What cannot be a token is refused here: junk never reaches the database.
        if not self.tokens.is_well_formed(token):
            raise Refusal(Code.DELETED)
        digests = self.tokens.digests(token)
        row = await self.sql.row(
            "_service/authenticate_token",
            {"digests": digests, "known_permissions": self.permissions.known},
        )
        if row is None:
            raise Refusal(Code.DELETED)
        if row["expires"] is not None and row["expires"] <= datetime.now(UTC):
            raise Refusal(Code.DELETED, EXPIRED)
        barred = _barred(row)
        if not barred:
            await self._settle(row, token, digests)
        return Caller(
            user_id=row["user_id"],
            user_name=row["user_name"],
            token_id=row["token_id"],
            token_name=row["token_name"],
            permissions=row["permissions"],
            barred=barred,
        )

    async def _settle(self, row: Row, token: str, digests: Sequence[bytes]) -> None:
        """Do what was left for the first use of a token's secret."""
        token_id = row["token_id"]
        if row["ends_rotation"]:
            values = {"token_id": token_id, "user_id": row["user_id"], "digests": digests}
            await self.sql.row("_service/end_rotation", values)
        if row["is_stale"]:
            values = {"token_id": token_id} | self.tokens.stored(token)
            with suppress(Refusal):  # it works as it is; the next use tries again
                await self.sql.row("_service/rekey_token", values)


def _barred(row: Row) -> Refusal | None:
    """Why a token that exists may not be used just now."""
    if not row["enabled"]:
        return Refusal(Code.DISABLED, "Session is disabled: the token is disabled")
    if not row["user_enabled"]:
        return Refusal(Code.DISABLED, USER_DISABLED)
    if not row["api_enabled"]:
        return Refusal(Code.DISABLED, "Session is disabled: the API is disabled")
    return None
