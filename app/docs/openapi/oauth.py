"""Introspection and revocation as OAuth 2.0 has them, as OpenAPI has it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from app.docs.openapi.answers import Answer, in_json
from app.docs.openapi.envelopes import Schema, closed, refused
from app.docs.openapi.headers import REQUEST_ID, challenge, headers, parameters
from app.docs.openapi.security import IN_HEADERS, NONE
from app.errors import Code

_FORM: Final = "application/x-www-form-urlencoded"
# Unlike methods, these are at no second address.
_HERE: Final = [{"url": "/"}]
_TEXT: Final[Schema] = {"type": "string"}
_SECONDS: Final[Schema] = {"type": "integer", "description": "Seconds since 1970."}
_EXAMPLE: Final = "apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo41Q5rX"
_ID: Final = "01900000-0000-7000-8000-000000000001"
_USER: Final = "01900000-0000-7000-8000-000000000002"

_GOOD: Final[Mapping[str, Schema]] = {
    "active": {"const": True},
    "scope": {**_TEXT, "description": "The permissions in effect, with a space between them."},
    "client_id": {**_TEXT, "description": "The token's id."},
    "username": _TEXT,
    "sub": {**_TEXT, "description": "The user's id."},
    "jti": {**_TEXT, "description": "The token's id."},
    "iat": _SECONDS,
    "exp": _SECONDS,
    "token_type": {"const": "Bearer"},
}
_CLAIMS: Final = {
    "active": True,
    "scope": "read write",
    "client_id": _ID,
    "username": "alice",
    "sub": _USER,
    "jti": _ID,
    "iat": 1795357512,
    "token_type": "Bearer",
}
# HTTP status → what a form, and who sends it, may be refused for, and how that is called.
_OF_FORMS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("The request does not have one token, or is no form", "invalid_request"),
    408: ("The form did not arrive in time", "invalid_request"),
    413: ("The form is too long", "invalid_request"),
    415: ("The body is no form", "invalid_request"),
    500: ("Internal Server Error", "server_error"),
    503: ("The database is out of reach, or the service shuts down", "temporarily_unavailable"),
}
_OF_CLIENTS: Final[Mapping[int, tuple[str, str]]] = {
    401: ("Nobody, or nobody who is let in, asks", "invalid_client"),
    403: ("Who asks does not have permission `verify`", "insufficient_scope"),
}
_CHALLENGES: Final[Mapping[int, str]] = {
    401: r'^(Bearer|Basic realm="api-tokens")$',
    403: r'^Bearer error="insufficient_scope", scope="verify"$',
}


def oauth() -> dict[str, Any]:
    """The paths and their operations."""
    return {
        "/oauth2/introspect": {"post": _introspect()},
        "/oauth2/revoke": {"post": _revoke()},
    }


def _introspect() -> dict[str, Any]:
    inactive = closed({"active": {"const": False}})
    good = in_json(
        "What is known of the token; of one that is not good, only that.",
        {"oneOf": [closed(_GOOD, "exp"), inactive]},
        good={"summary": "A good token", "value": _CLAIMS},
        bad={"summary": "Any other", "value": {"active": False}},
    )
    return _form_operation(
        {
            "operationId": "introspect",
            "summary": "Ask about a token as OAuth 2.0 has it (RFC 7662)",
            "description": "The caller needs permission `verify`.",
            "security": IN_HEADERS,
        },
        good,
        {**_OF_FORMS, **_OF_CLIENTS},
    )


def _revoke() -> dict[str, Any]:
    good = {"description": "There is no such token any more.", "headers": headers()}
    return _form_operation(
        {
            "operationId": "revoke",
            "summary": "End a token as OAuth 2.0 has it (RFC 7009)",
            "description": "Whoever holds the token may. The answer does not tell if it existed.",
            "security": NONE,
        },
        good,
        _OF_FORMS,
    )


def _form_operation(
    told: dict[str, Any], good: Answer, refused: Mapping[int, tuple[str, str]]
) -> dict[str, Any]:
    fields = {
        "token": {**_TEXT, "minLength": 1},
        "token_type_hint": {**_TEXT, "description": "There is one type: this is not looked at."},
    }
    schema = {"type": "object", "properties": fields, "required": ["token"]}
    return {
        **told,
        "tags": ["standards"],
        "servers": _HERE,
        "parameters": parameters(REQUEST_ID),
        "requestBody": {
            "required": True,
            "content": {_FORM: {"schema": schema, "example": {"token": _EXAMPLE}}},
        },
        "responses": {
            "200": good,
            **{str(status): _error(status, *refused[status]) for status in sorted(refused)},
        },
    }


def _error(status: int, description: str, error: str) -> Answer:
    """A refusal in JSON, by its name in OAuth."""
    schema = closed({"error": {"const": error}})
    if status == HTTPStatus.BAD_REQUEST:  # what is not even HTTP is refused as everywhere
        schema = {"anyOf": [schema, refused(Code.BAD_REQUEST)]}
    retry = ["Retry-After"] if status == HTTPStatus.SERVICE_UNAVAILABLE else []
    told = in_json(description, schema, *retry)
    if status in _CHALLENGES:
        told["headers"]["WWW-Authenticate"] = challenge(_CHALLENGES[status])
    return told
