"""End an API token by its secret."""

from app.call import Call, Success


async def revoke(call: Call, token: str) -> Success:
    """End a token, which whoever holds it may do; a secret within its grace ends only itself.

    Nobody is told whether there was such a token.
    """
    row = None
    if await call.verification.known(token) is not None:
        row = await call.row("api_tokens/revoke", digests=call.tokens.digests(token))
    return Success(changed=row is not None)
