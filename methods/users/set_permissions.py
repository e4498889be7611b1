"""Replace what a user holds."""

from collections.abc import Mapping

from app.call import Call
from app.errors import bad_request
from app.permissions import checked_touch


async def set_permissions(
    call: Call, user_id: str, permissions: Mapping[str, bool]
) -> Mapping[str, bool]:
    """Replace a user's permissions, and answer them; what is not named is held if it is default.

    Raises:
        Refusal: a permission is unknown or not the caller's to give; there is no such user (404),
            they hold more than the caller, or they are root.
    """
    # What the map leaves open is held by default: that is granted as well.
    call.permissions.check_grant(call.caller.permissions, {**call.permissions.known, **permissions})
    row = checked_touch(
        await call.row("users/set_permissions", user_id=user_id, permissions=permissions),
        "User not found",
    )
    if row["root"]:
        raise bad_request("Root holds every permission")
    return {name: name in row["held"] for name in call.permissions.known}
