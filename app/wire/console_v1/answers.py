"""Results → this API's JSON, and the configuration file that its clients read."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from app.authentication import API_DISABLED
from app.call import Failure
from app.console_api import DEPRECATED, ENDPOINTS, TYPES, Shown
from app.errors import Code, not_found
from app.permissions import PermissionRegistry
from app.wire import envelope
from app.wire.http import HEADERS, Answer

# Clients tell a key that is not good by this very text.
INVALID_KEY: Final = "Invalid auth_token"
OTHER_TYPE: Final = "Custom"
API_OFF: Final = "API is disabled"
NOT_KEPT: Final = "The secret of this key is not kept: it was shown once, when it was made"
_SUCCESS: Final = {"result": "success"}
_FILE: Final = """\
; save this file as ~/.canarytools.config
[CanaryTools]
api_key = {secret}
domain = {host}
"""
_FILE_HEADERS: Final = {
    **HEADERS,
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Disposition": "attachment; filename=canarytools.config",
}


def success(shown: Shown, data: Any, known: PermissionRegistry, request_id: str) -> Answer:
    """What a call that went well is answered, in JSON."""
    told: dict[str, Any]
    if shown is Shown.KEY:
        told = {"global_api_key": key(data, known)}
    elif shown is Shown.KEYS:
        told = {"global_api_keys": [key(row, known) for row in data]}
    elif shown is Shown.SECRET:
        told = {"token": data["token"], "auth_token": data["token"]}
    else:
        told = {}
    return envelope.plain(200, {**_SUCCESS, **told}, request_id)


def file(secret: str | None, host: str, request_id: str) -> Answer:
    """The configuration file of a key.

    Raises:
        Refusal: nobody can tell its secret.
    """
    if secret is None:
        raise not_found(NOT_KEPT)
    return Answer(200, _FILE.format(secret=secret, host=host).encode(), _FILE_HEADERS, request_id)


def refused(failure: Failure, request_id: str, path: str) -> Answer:
    """A refusal, by the text that clients know it by."""
    body = envelope.encode({"message": _text(failure), "result": "error"})
    headers = envelope.headers(request_id, failure)
    endpoint = ENDPOINTS.get(path)
    if endpoint and failure.code is Code.VERB_NOT_ALLOWED:
        headers["Allow"] = endpoint.verb
    return deprecated(Answer(failure.status, body, headers), path)


def deprecated(answer: Answer, path: str) -> Answer:
    """The answer, which says so where its path has another one in its place (RFC 9745)."""
    endpoint = ENDPOINTS.get(path)
    if endpoint is None or endpoint.successor is None:
        return answer
    link = f'<{endpoint.successor}>; rel="successor-version"'
    return replace(answer, headers={**answer.headers, "Deprecation": DEPRECATED, "Link": link})


def key(row: Mapping[str, Any], known: PermissionRegistry) -> dict[str, Any]:
    """A token as this API shows it: with its secret if that can be told, else with a hint."""
    return {
        "auth_token": row.get("token") or row["hint"],
        "auth_token_type": _type(row, known),
        "created": row["created"].strftime("%Y-%m-%d %H:%M:%S UTC+0000"),
        "created_by": _creator(row["created_by"]),
        "key_id": row["key_id"],
        "note": row["name"],
    }


def _text(failure: Failure) -> str:
    if failure.code is Code.DELETED:
        return INVALID_KEY
    return API_OFF if failure.text == API_DISABLED else failure.text


def _type(row: Mapping[str, Any], known: PermissionRegistry) -> str:
    """The type that a token was made of, or which has just its permissions."""
    if row["role"] in TYPES:
        return TYPES[row["role"]]
    roles = (known.roles[name] for name in TYPES if name in known.roles)
    held = {*row["permissions"]}
    return next((TYPES[role.name] for role in roles if held == {*role.permissions}), OTHER_TYPE)


def _creator(told: Mapping[str, Any]) -> str:
    if told.get("key_id"):
        return f"Global-API-Token[key_id:{told['key_id']}]"
    return str(told["user_name"])
