"""Credentials → Caller, or a refusal."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from app.call import ANONYMOUS, Caller, Row, Sql
from app.errors import Code, Refusal, bad_request
from app.permissions import PermissionRegistry
from app.token_format import Format

EXPIRED: Final = "Session was deleted: the token has expired"


class Authentication:
    """Tells who calls, from what the caller showed; one statement at most."""

    def __init__(self, sql: Sql, tokens: Format, permissions: PermissionRegistry) -> None:
        self._sql = sql
        self._tokens = tokens
        self._permissions = permissions

    async def caller(self, credentials: Sequence[str]) -> Caller:
        """Who calls. An account that is known but disabled comes back barred.

        Raises:
            Refusal: the credential is unknown, malformed or expired, or there are several.
        """
        if not credentials:
            return ANONYMOUS
        if len(credentials) > 1:
            raise bad_request("Only one credential may be given, and these differ")
        return await self._token_caller(credentials[0])

    async def _token_caller(self, token: str) -> Caller:
        # What cannot be a token is refused here: junk never reaches the database.
        if not self._tokens.is_well_formed(token):
            raise Refusal(Code.DELETED)
        row = await self._sql.row(
            "_service/authenticate_token",
            {
                "digests": self._tokens.digests(token),
                "known_permissions": self._permissions.known,
            },
        )
        if row is None:
            raise Refusal(Code.DELETED)
        if row["expires"] is not None and row["expires"] <= datetime.now(UTC):
            raise Refusal(Code.DELETED, EXPIRED)
        return Caller(
            user_id=row["user_id"],
            user_name=row["user_name"],
            token_id=row["token_id"],
            token_name=row["token_name"],
            permissions=row["permissions"],
            barred=_barred(row),
        )


def _barred(row: Row) -> Refusal | None:
    """Why a token that exists may not be used just now."""
    if not row["enabled"]:
        return Refusal(Code.DISABLED, "Session is disabled: the token is disabled")
    if not row["user_enabled"]:
        return Refusal(Code.DISABLED, "Session is disabled: the user is disabled")
    if not row["api_enabled"]:
        return Refusal(Code.DISABLED, "Session is disabled: the API is disabled")
    return None
