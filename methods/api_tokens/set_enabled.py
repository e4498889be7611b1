"""Enable or disable an API token."""

from app.call import Call
from app.permissions import checked_touch


async def set_enabled(call: Call, token_id: str, enabled: bool) -> None:
    """Enable or disable a token: a disabled one is refused from now on.

    Raises:
        Refusal: it is not there or not the caller's (404), or stronger than the caller.
    """
    row = await call.row("api_tokens/set_enabled", token_id=token_id, enabled=enabled)
    checked_touch(row, "Token not found")
