"""The headers of requests and answers, as OpenAPI has them."""

from typing import Any, Final

VOID: Final = "VoidCall"
REQUEST_ID: Final = "RequestId"
KNOWN: Final = "IfNoneMatch"

PARAMETERS: Final[dict[str, Any]] = {
    VOID: {
        "name": "X-Api-Void-Call",
        "in": "header",
        "description": "`true`: the call runs to its end, and is answered an empty success.",
        "schema": {"type": "string"},
    },
    REQUEST_ID: {
        "name": "X-Request-Id",
        "in": "header",
        "description": "What logs and the answer shall call the request: 1 to 64 letters, digits"
        " or `._:-`. The service makes one up if it is anything else.",
        "schema": {"type": "string"},
    },
    KNOWN: {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag`s of what the reader has already.",
        "schema": {"type": "string"},
    },
}

HEADERS: Final[dict[str, Any]] = {
    "X-Request-Id": {
        "description": "What logs call this request.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"},
    },
    "WWW-Authenticate": {
        "description": "What to show credentials as.",
        "required": True,
        "schema": {"const": "Bearer"},
    },
    "Retry-After": {
        "description": "In how many seconds it makes sense to come back.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "Set-Cookie": {
        "description": "For browsers: the session to keep, or that there is none any more.",
        "schema": {"type": "string", "pattern": "^api_tokens_session="},
    },
    "ETag": {
        "description": "What this very text is known by.",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[0-9a-f]{32}"$'},
    },
}


def parameters(*names: str) -> list[dict[str, str]]:
    """References to headers of requests."""
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def challenge(pattern: str) -> dict[str, Any]:
    """WWW-Authenticate where it says more than how to show credentials."""
    return {
        "description": "What to show credentials as, and what is wrong with those shown.",
        "required": True,
        "schema": {"type": "string", "pattern": pattern},
    }


def headers(*names: str) -> dict[str, dict[str, str]]:
    """References to headers of an answer; every answer has a request id."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}
