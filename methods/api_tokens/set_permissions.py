"""Replace a token's permissions."""

from collections.abc import Mapping

from app.call import Call
from app.permissions import checked_touch, permission_map


async def set_permissions(
    call: Call, token_id: str, permissions: Mapping[str, bool]
) -> Mapping[str, bool]:
    """Replace a token's permissions and clear its role; answers what is in effect now.

    Raises:
        Refusal: a permission is unknown or not the caller's to grant; the token is not there or
            not the caller's (404), or stronger than the caller.
    """
    call.permissions.check_grant(call.caller.permissions, permissions)
    row = await call.row("api_tokens/set_permissions", token_id=token_id, permissions=permissions)
    return permission_map(checked_touch(row, "Token not found"))
