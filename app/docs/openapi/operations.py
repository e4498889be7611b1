"""Methods → the operations of their paths: POST, and GET where there is nothing to send."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from app.docs.headings import slug
from app.docs.modules import module_of
from app.docs.openapi.answers import (
    JSON,
    OF_BODIES,
    OF_REQUESTS,
    Refused,
    in_json,
    refusals_by_status,
)
from app.docs.openapi.envelopes import Schema, enveloped, ref
from app.docs.openapi.headers import REQUEST_ID, VOID, parameters
from app.docs.openapi.links import links
from app.docs.openapi.security import NONE, REQUIRED
from app.docs.refusals import refusals
from app.errors import Code
from app.registry import VERSION, Method, Registry

# Methods that browsers are told to keep a session by, or to forget it.
SESSION_KEEPERS: Final = frozenset({"/v1/session/sign-in", "/v1/session/sign-out"})


def path_item(method: Method, registry: Registry) -> dict[str, Any]:
    """The operations of a method's path."""
    found = {"post": _post(method, registry)}
    if method.answers_get:
        found["get"] = _get(method)
    return found


def operation_id(method: Method) -> str:
    """What generated clients call it: "/v1/api-tokens/create" → "apiTokensCreate"."""
    first, *rest = method.name.removeprefix(VERSION).replace("/", "-").split("-")
    return first + "".join(word.capitalize() for word in rest)


def required_arguments(method: Method) -> int:
    """How many arguments must be given."""
    return sum(param.get("required", False) for param in method.schema["params"])


def body_schema(method: Method) -> Schema:
    """The arguments by position."""
    places = [_place(param) for param in method.schema["params"]]
    if not places:
        return {"type": "array", "maxItems": 0}
    return {
        "type": "array",
        "prefixItems": places,
        "maxItems": len(places),
        "minItems": required_arguments(method),
    }


def _post(method: Method, registry: Registry) -> dict[str, Any]:
    answered = _operation(method, method)
    found_links = links(method, registry, operation_id)
    if found_links:
        answered["responses"]["200"]["links"] = found_links
    body = {
        "required": required_arguments(method) > 0,
        "content": {JSON: {"schema": body_schema(method), "examples": _bodies(method)}},
    }
    return {**answered, "operationId": operation_id(method), "requestBody": body}


def _get(method: Method) -> dict[str, Any]:
    """The same without arguments: what is refused because of them cannot be."""
    bare = replace(method, schema={**method.schema, "errors": []})
    answered = _operation(method, bare, Code.INVALID_ARGUMENTS)
    return {**answered, "operationId": f"{operation_id(method)}ByGet"}


def _operation(method: Method, refusing: Method, *impossible: Code) -> dict[str, Any]:
    refused = [
        *(each for each in _refusals(refusing) if each.code not in impossible),
        *OF_REQUESTS,
        *OF_BODIES,
    ]
    return {
        "tags": [module_of(method)],
        "summary": method.schema["summary"],
        "description": method.schema["description"],
        "security": NONE if method.permission == "guest" else REQUIRED,
        "x-permission": method.permission,
        "x-changes": method.changes,
        "parameters": parameters(VOID, REQUEST_ID),
        "responses": {"200": _success(method), **refusals_by_status(refused)},
    }


def _refusals(method: Method) -> Iterator[Refused]:
    """What the method's calls are refused with, and the statuses that come of it."""
    own = {error["code"] for error in method.schema["errors"]}
    may_lack = method.permission not in {"guest", "user"} or Code.ACCESS_DENIED in own
    for code, text in refusals(method):
        if code is not Code.ACCESS_DENIED:
            yield Refused.of(code, text)
            continue
        if text == Refused.of(code).text:  # nobody is asked for credentials in other words
            yield Refused.of(code, status=401)
        if may_lack:
            yield Refused.of(code, text)


def _place(param: Mapping[str, Any]) -> Schema:
    """One argument; an optional one may be null."""
    schema = dict(param["schema"])
    told = {"title": param["name"]}
    if "summary" in param:
        told["description"] = param["summary"]
    if param.get("required"):
        return {**schema, **told}
    return {**told, "anyOf": [schema, {"type": "null"}]}


def _success(method: Method) -> dict[str, Any]:
    result = method.schema["result"]
    schema = result["schema"]
    data = schema if schema == {"type": "null"} else {"anyOf": [schema, _EMPTY]}
    meta = ref("Page") if method.listing else None
    named = ["Set-Cookie"] if method.name in SESSION_KEEPERS else []
    return in_json(
        result.get("summary", "Done."), enveloped(data, meta), *named, **_answers(method)
    )


_EMPTY: Final[Schema] = {"type": "null", "description": "The answer to a void call."}


def _bodies(method: Method) -> dict[str, Any]:
    return {
        slug(shown["name"]): {
            "summary": shown["name"],
            "value": [param["value"] for param in shown["params"]],
        }
        for shown in method.schema["examples"]
    }


def _answers(method: Method) -> dict[str, Any]:
    return {
        slug(shown["name"]): {
            "summary": shown["name"],
            "value": {"jsonrpc": "2.0", "result": _result(method, shown["result"]["value"])},
        }
        for shown in method.schema["examples"]
    }


def _result(method: Method, data: Any) -> dict[str, Any]:
    shown = {"status": 200, "status_text": "OK", "exception": False, "data": data}
    if method.listing and isinstance(data, list):
        shown["meta"] = {"rows": len(data), "next_page": False, "next_cursor": None}
    return shown
