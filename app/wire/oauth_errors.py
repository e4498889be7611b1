"""What refusals are called by OAuth (RFC 6749, section 5.2, and RFC 6750, section 3)."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

INVALID_REQUEST: Final = "invalid_request"
INVALID_TOKEN: Final = "invalid_token"  # noqa: S105 - an error's name
INSUFFICIENT_SCOPE: Final = "insufficient_scope"

# HTTP status → the error; whatever else may be wrong with a request has one name.
_ERRORS: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "invalid_client",
    HTTPStatus.FORBIDDEN: INSUFFICIENT_SCOPE,
    HTTPStatus.TOO_MANY_REQUESTS: "temporarily_unavailable",
    HTTPStatus.INTERNAL_SERVER_ERROR: "server_error",
    HTTPStatus.SERVICE_UNAVAILABLE: "temporarily_unavailable",
}
# What texts in a challenge may not have.
_UNQUOTABLE: Final = re.compile(r"[^ !#-\[\]-~]")


def error(status: int) -> str:
    """What a refusal with this status is called."""
    return _ERRORS.get(status, INVALID_REQUEST)


def challenge(error: str, **told: str) -> str:
    """What WWW-Authenticate says of the credential that was shown, or of the request with it."""
    texts = {name: _UNQUOTABLE.sub("'", text) for name, text in {"error": error, **told}.items()}
    return "Bearer " + ", ".join(f'{name}="{text}"' for name, text in texts.items())
