"""Switch the API on or off."""

from app.call import Call
from app.errors import Code, Refusal

ONLY_PEOPLE = "Access denied: only a person signed in can switch the API on"


async def set_api_enabled(call: Call, enabled: bool) -> None:
    """Switch the API on or off: off, every API token is refused, and sessions go on.

    Raises:
        Refusal: it is an API token that would switch it on.
    """
    row = await call.row("settings/set_api_enabled", enabled=enabled)
    assert row, "the settings are one row, always"
    if not row["allowed"]:
        raise Refusal(Code.ACCESS_DENIED, ONLY_PEOPLE)
