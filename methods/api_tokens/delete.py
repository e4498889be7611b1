"""Delete an API token."""

from app.call import Call
from app.permissions import checked_touch


async def delete(call: Call, token_id: str) -> None:
    """Delete a token: it stops working at once.

    Raises:
        Refusal: it is not there or not the caller's (404), or stronger than the caller.
    """
    checked_touch(await call.row("api_tokens/delete", token_id=token_id), "Token not found")
