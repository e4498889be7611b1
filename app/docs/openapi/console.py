"""The older console REST API, out of its table, as OpenAPI has it."""

import re
from collections.abc import Mapping
from typing import Any, Final

from app.console_api import ENDPOINTS, KEY_ID, TYPES, Endpoint, Field, Shown
from app.docs.openapi.answers import Answer, in_json
from app.docs.openapi.envelopes import Schema, closed, refused
from app.docs.openapi.headers import REQUEST_ID, headers, parameters
from app.docs.openapi.security import IN_HEADERS, KEYS
from app.errors import Code

TAG: Final = "console"
FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_DESCRIPTION: Final = """\
Fields may stand in the query and in a form, whatever the verb; the key that calls is the field
`auth_token`, or stands in `X-Canary-Auth-Token`. Whatever happens, the answer is a JSON object.
"""
_TEXT: Final[Schema] = {"type": "string"}
_SECRET: Final = "apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo41Q5rX"  # noqa: S105 - an example
_EXAMPLES: Final[Mapping[str, str]] = {
    "note": "ci",
    "auth_token_type": "read-only",
    "key_id": "61c88647",
}
_KEY: Final[Schema] = closed(
    {
        "auth_token": {**_TEXT, "description": "The secret if it can be told, else a hint."},
        "auth_token_type": {"enum": [*TYPES.values(), "Custom"]},
        "created": {**_TEXT, "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\+0000$"},
        "created_by": {**_TEXT, "description": "The key that made it, or the user's name."},
        "key_id": {**_TEXT, "pattern": "^[0-9a-f]{8}$"},
        "note": _TEXT,
    }
)
_ANSWERED: Final[Mapping[Shown, Mapping[str, Schema]]] = {
    Shown.NOTHING: {},
    Shown.KEY: {"global_api_key": _KEY},
    Shown.KEYS: {"global_api_keys": {"type": "array", "items": _KEY}},
    Shown.SECRET: {"token": _TEXT, "auth_token": _TEXT},
}
_FILE: Final = f"""\
; save this file as ~/.canarytools.config
[CanaryTools]
api_key = {_SECRET}
domain = tokens.example.com
"""
# HTTP status → why it is answered.
_REFUSED: Final[Mapping[int, str]] = {
    400: "A field is missing, wrong, or given twice and not the same",
    401: "`Invalid auth_token`: the key is missing or not good",
    403: "The key may not do this, or `API is disabled`",
    404: "There is no such key, or its secret is not kept",
    408: "The body did not arrive in time",
    409: "The key cannot be made or changed just now",
    413: "The body is too long",
    415: "The body is no form",
    500: "Internal Server Error",
    503: "The database is out of reach, or the service shuts down",
}
_MORE: Final[Mapping[int, tuple[str, ...]]] = {401: ("WWW-Authenticate",), 503: ("Retry-After",)}
_DEPRECATED: Final = {
    "Deprecation": {"description": "Since when (RFC 9745).", "schema": _TEXT},
    "Link": {"description": "What stands in its place.", "schema": _TEXT},
}


def console() -> dict[str, Any]:
    """The paths and their operations."""
    return {path: {e.verb.lower(): _operation(e)} for path, e in ENDPOINTS.items()}


def operation_id(endpoint: Endpoint) -> str:
    """What an endpoint is called: /api/v1/auth_token/add is consoleAuthTokenAdd."""
    words = re.split(r"[/_]", endpoint.path.removeprefix("/api/v1/"))
    return "console" + "".join(map(str.capitalize, words))


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    fields = _fields(endpoint)
    in_query = endpoint.verb == "GET"
    queried = [_parameter(field, endpoint) for field in fields] if in_query else []
    told: dict[str, Any] = {
        "operationId": operation_id(endpoint),
        "tags": [TAG],
        "summary": "; or, without fields: ".join(a.summary for a in endpoint.actions),
        "description": _DESCRIPTION,
        "security": [*IN_HEADERS, *({name: []} for name in KEYS)],
        "servers": [{"url": "/"}],
        "parameters": [*queried, *parameters(REQUEST_ID)],
        "responses": _responses(endpoint),
    }
    if endpoint.successor:
        told["deprecated"] = True
    if fields and not in_query:
        told["requestBody"] = _body(endpoint, fields)
    return told


def _fields(endpoint: Endpoint) -> list[Field]:
    return list(dict.fromkeys(field for action in endpoint.actions for field in action.fields))


def _schema(field: Field) -> Schema:
    # An empty one counts as not given.
    values: Schema = {"enum": [*field.values]} if field.values else {**_TEXT, "minLength": 1}
    return {**values, "description": field.summary}


def _is_required(field: Field, endpoint: Endpoint) -> bool:
    return all(field in action.required for action in endpoint.actions)


def _parameter(field: Field, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "name": field.name,
        "in": "query",
        "required": _is_required(field, endpoint),
        "description": field.summary,
        "schema": _schema(field),
        "example": _EXAMPLES[field.name],
    }


def _body(endpoint: Endpoint, fields: list[Field]) -> dict[str, Any]:
    required = [field.name for field in fields if _is_required(field, endpoint)]
    schema = {
        "type": "object",
        "properties": {field.name: _schema(field) for field in fields},
        **({"required": required} if required else _together(endpoint)),
    }
    content = {"schema": schema, "example": {f.name: _EXAMPLES[f.name] for f in fields}}
    return {"required": bool(required), "content": {form: dict(content) for form in FORMS}}


def _together(endpoint: Endpoint) -> Schema:
    """That whoever gives one of the fields which an action must have gives all of them."""
    names = [field.name for action in endpoint.actions for field in action.required]
    return {"dependentRequired": dict.fromkeys(names, names)} if names else {}


def _responses(endpoint: Endpoint) -> dict[str, Answer]:
    statuses = [s for s in _REFUSED if s not in _never(endpoint)]
    found = {"200": _success(endpoint), **{str(s): _refusal(s) for s in statuses}}
    if endpoint.successor:
        for answer in found.values():
            answer["headers"] = {**answer["headers"], **_DEPRECATED}
    return found


def _never(endpoint: Endpoint) -> set[int]:
    """Statuses that nothing here comes to."""
    changes = {"api-tokens/create", "api-tokens/rotate"}
    taken = any(action.method in changes for action in endpoint.actions)
    named = any(KEY_ID in action.fields for action in endpoint.actions)
    return {s for s, comes in ((404, named), (409, taken)) if not comes}


def _success(endpoint: Endpoint) -> Answer:
    shown = [action.shown for action in endpoint.actions]
    if Shown.FILE in shown:
        content = {"text/plain": {"schema": _TEXT, "example": _FILE}}
        return {"description": "The file.", "headers": headers(), "content": content}
    schemas = [closed({"result": {"const": "success"}, **_ANSWERED[each]}) for each in shown]
    return in_json("It went well.", schemas[0] if len(schemas) == 1 else {"anyOf": schemas})


def _refusal(status: int) -> Answer:
    schema = closed({"message": _TEXT, "result": {"const": "error"}})
    if status == 400:  # noqa: PLR2004 - what is not even HTTP is refused as everywhere
        schema = {"anyOf": [schema, refused(Code.BAD_REQUEST)]}
    return in_json(_REFUSED[status], schema, *_MORE.get(status, ()))
