"""Forward-auth at /auth, as OpenAPI has it."""

from typing import Any, Final

from app.docs.openapi.answers import Answer
from app.docs.openapi.headers import REQUEST_ID, challenge, headers, parameters
from app.docs.openapi.security import IN_HEADERS

_DESCRIPTION: Final = """\
For `auth_request` of nginx, ForwardAuth of Traefik, `forward_auth` of Caddy, and `ext_authz` of
Envoy: credentials are those of the request that the gateway has received. The verb does not matter,
others than these are answered too, and a body is not looked at. Names are percent-encoded UTF-8
where they are not visible ASCII.
"""
_TEXT: Final = {"type": "string"}
_PARAMETERS: Final[list[dict[str, Any]]] = [
    {
        "name": "permission",
        "in": "query",
        "description": "What the token must have; repeated, all of these.",
        "schema": {"type": "array", "items": _TEXT},
        "example": ["read"],
    },
    {
        "name": "status",
        "in": "query",
        "description": "`200`: what to answer in place of 204, for Envoy.",
        "schema": {"enum": ["200"]},
    },
    {
        "name": "X-Gateway-Token",
        "in": "header",
        "description": "What `--gateway-token` says, if it says anything.",
        "schema": _TEXT,
    },
]
_IDENTITY: Final = {
    "X-User-Id": "Whose token it is.",
    "X-User-Name": "Their name.",
    "X-Token-Id": "Which token it is.",
    "X-Token-Name": "Its name.",
    "X-Permissions": "The permissions in effect, with a space between them.",
}
_VISIBLE: Final = {"type": "string", "pattern": "^[ -~]*$"}


def forward_auth() -> dict[str, Any]:
    """The path and its operations."""
    told = {
        "tags": ["standards"],
        "summary": "Let a request pass, or not, and tell whose it is",
        "description": _DESCRIPTION,
        "security": IN_HEADERS,
        "servers": [{"url": "/"}],
        "parameters": [*_PARAMETERS, *parameters(REQUEST_ID)],
        "responses": _responses(),
    }
    return {
        "/auth": {
            "get": {**told, "operationId": "auth"},
            "head": {**told, "operationId": "authHead"},
            "post": {**told, "operationId": "authByPost"},
        }
    }


def _responses() -> dict[str, Answer]:
    named = {
        name: {"description": description, "required": True, "schema": _VISIBLE}
        for name, description in _IDENTITY.items()
    }
    passed = {"description": "Let it pass.", "headers": {**headers(), **named}}
    return {
        "200": passed,
        "204": passed,
        "400": _refused("Permissions that there are not, or credentials that differ."),
        "401": _denied("No credential, or none that is good.", 'Bearer( error="invalid_token")?'),
        "403": _refused("A permission is missing, or the gateway's own token."),
        "500": _refused("Internal Server Error."),
        "503": _refused("The database is out of reach, or the service shuts down.", "Retry-After"),
    }


def _refused(description: str, *named: str) -> Answer:
    return {"description": description, "headers": headers(*named)}


def _denied(description: str, pattern: str) -> Answer:
    told = {**headers(), "WWW-Authenticate": challenge(f"^{pattern}$")}
    return {"description": description, "headers": told}
