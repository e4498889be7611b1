"""The paths that are no methods, as OpenAPI has them: probes, documents, and what others ask."""

from typing import Any, Final

from app.docs.openapi.answers import (
    JSON,
    OF_BODIES,
    OF_REQUESTS,
    Answer,
    in_json,
    refusal_answer,
    refusals_by_status,
)
from app.docs.openapi.envelopes import Schema, closed, enveloped
from app.docs.openapi.forward_auth import forward_auth
from app.docs.openapi.headers import KNOWN, REQUEST_ID, VOID, headers, parameters
from app.docs.openapi.oauth import oauth
from app.docs.openapi.security import NONE
from app.errors import Code

# Unlike methods, these are at no second address.
_HERE: Final = [{"url": "/"}]
# Path → operationId, summary, media type.
DOCUMENTS: Final = {
    "/": ("console", "The console, a page for people", "text/html"),
    "/docs": ("docs", "The reference, to read", "text/html"),
    "/openrpc.json": ("openrpc", "The methods, as OpenRPC", JSON),
    "/openapi.json": ("openapi", "This document", JSON),
    "/api.js": ("apiScript", "The client for browsers, an ES module", "text/javascript"),
    "/api.d.ts": ("apiTypes", "The types of that client", "text/plain"),
}
_NULL: Final[Schema] = {"type": "null"}
_OPENRPC: Final[Schema] = {
    "type": "object",
    "required": ["openrpc", "info", "methods", "components"],
}


def others() -> dict[str, Any]:
    """These paths and their operations."""
    return {
        "/health": _probe("health", "Whether the process lives"),
        "/ready": _probe("ready", "Whether the database answers too", _not_ready()),
        **{path: _document(*told) for path, told in DOCUMENTS.items()},
        **oauth(),
        **forward_auth(),
        "/api/schema": _asked("schema", "The methods, as OpenRPC", {"anyOf": [_OPENRPC, _NULL]}),
        "/api/publish": _published(),
    }


def _read(operation: dict[str, Any], responses: dict[str, Answer]) -> dict[str, Any]:
    """GET, and HEAD: the same without a body."""
    told = {"security": NONE, "servers": _HERE, **operation}
    bare = {
        status: {name: part for name, part in answer.items() if name != "content"}
        for status, answer in responses.items()
    }
    return {
        "get": {**told, "responses": responses},
        "head": {**told, "operationId": f"{told['operationId']}Head", "responses": bare},
    }


def _probe(name: str, summary: str, unready: Answer | None = None) -> dict[str, Any]:
    ready = in_json("Yes.", _status("ok"), yes={"value": {"status": "ok"}})
    responses = {"200": ready, **refusals_by_status(OF_REQUESTS)}
    if unready:
        responses["503"] = unready
    told = {"operationId": name, "tags": ["probes"], "summary": summary}
    return _read({**told, "parameters": parameters(REQUEST_ID)}, responses)


def _not_ready() -> Answer:
    """A service that shuts down says so as everywhere, and when to come back."""
    answer = refusal_answer(each for each in OF_REQUESTS if each.code is Code.SHUTTING_DOWN)
    content = answer["content"][JSON]
    content["schema"] = {"anyOf": [_status("the database does not answer"), content["schema"]]}
    return {**answer, "description": f"No; or: {answer['description']}", "headers": headers()}


def _status(text: str) -> Schema:
    return closed({"status": {"const": text}})


def _document(name: str, summary: str, media_type: str) -> dict[str, Any]:
    schema: Schema = {"type": "object"} if media_type == JSON else {"type": "string"}
    responses = {
        "200": {
            "description": summary,
            "headers": headers("ETag"),
            "content": {media_type: {"schema": schema}},
        },
        "304": {"description": "The reader has it already.", "headers": headers("ETag")},
        **refusals_by_status([*OF_REQUESTS, *OF_BODIES]),
    }
    told = {"operationId": name, "tags": ["documents"], "summary": summary}
    return _read({**told, "parameters": parameters(KNOWN, REQUEST_ID)}, responses)


def _asked(name: str, summary: str, data: Schema) -> dict[str, Any]:
    """What clients may ask by GET or POST, whoever they are."""
    told = {
        "tags": ["json-rpc"],
        "summary": summary,
        "security": NONE,
        "servers": _HERE,
        "parameters": parameters(VOID, REQUEST_ID),
        "responses": {
            "200": in_json(summary, enveloped(data)),
            **refusals_by_status([*OF_REQUESTS, *OF_BODIES]),
        },
    }
    return {
        "get": {**told, "operationId": name},
        "post": {**told, "operationId": f"{name}ByPost"},
    }


def _published() -> dict[str, Any]:
    item = _asked("publish", "Take an event, and ignore it: there are none to know", _NULL)
    item["post"]["requestBody"] = {
        "description": "The event's name and arguments, in an array.",
        "content": {JSON: {"schema": {}, "example": ["name"]}},
    }
    return item
