"""Read a token's permissions."""

from app.call import Call, Success
from app.errors import not_found
from app.permissions import permission_map


async def get_permissions(call: Call, token_id: str) -> Success:
    """The boolean map over every permission the owner holds, as `set-permissions` takes it.

    Raises:
        Refusal: the token is not there or not the caller's (404).
    """
    row = await call.row("api_tokens/get_permissions", token_id=token_id)
    if row is None:
        raise not_found("Token not found")
    return Success(permission_map(row), {"permissions": call.permissions.describe(row["held"])})
