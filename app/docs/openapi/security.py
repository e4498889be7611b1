"""How callers say who they are, as OpenAPI has it."""

from typing import Any, Final

SCHEMES: Final[dict[str, Any]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token, or the secret of a session.",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "The token is the user name; the password is ignored.",
    },
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API token."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "api_tokens_session",
        "description": "The cookie that signing in sets; it counts for pages of the service only.",
    },
}
# Ways that the older console API has besides.
KEYS: Final[dict[str, Any]] = {
    "consoleHeader": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Canary-Auth-Token",
        "description": "An API token.",
    },
    "consoleField": {
        "type": "apiKey",
        "in": "query",
        "name": "auth_token",
        "description": "An API token; the field may stand in a form as well.",
    },
}
# One of them, whichever.
REQUIRED: Final[list[dict[str, list[str]]]] = [{name: []} for name in SCHEMES]
# The same where no page of the service calls: cookies are not looked at.
IN_HEADERS: Final[list[dict[str, list[str]]]] = [
    {name: []} for name in SCHEMES if name != "session"
]
NONE: Final[list[dict[str, list[str]]]] = []
# For what depends on the methods that are called.
OPTIONAL: Final[list[dict[str, list[str]]]] = [{}, *REQUIRED]
