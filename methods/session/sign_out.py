"""Sign out."""

from app.call import FORGOTTEN, Call, Success
from app.errors import bad_request


async def sign_out(call: Call) -> Success:
    """End the session that calls.

    Raises:
        Refusal: it is not a session that calls.
    """
    if call.caller.session_id is None:
        raise bad_request("There is no session to sign out of")
    await call.row("session/sign_out")
    return Success(session=FORGOTTEN)
