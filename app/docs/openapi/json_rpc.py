"""POST /rpc, as OpenAPI has it: JSON-RPC 2.0, one call or a batch of them."""

from typing import Any, Final

from app.docs.openapi.answers import (
    JSON,
    OF_BODIES,
    OF_REQUESTS,
    in_json,
    refusal_answer,
    refusals_by_status,
)
from app.docs.openapi.envelopes import closed, ref
from app.docs.openapi.headers import REQUEST_ID, headers, parameters
from app.docs.openapi.security import OPTIONAL
from app.errors import Code
from app.registry import Registry

_DESCRIPTION: Final = """\
Calls have the status 200 whatever they are answered; 204 answers what has nothing but
notifications. Codes are those of the specification where it defines them: -32700, -32600, -32601,
-32602. `/openrpc.json` describes the methods.
"""


def json_rpc(registry: Registry) -> dict[str, Any]:
    """The path and its operation."""
    return {
        "/rpc": {
            "post": {
                "tags": ["json-rpc"],
                "operationId": "rpc",
                "summary": "Call methods by JSON-RPC 2.0",
                "description": _DESCRIPTION,
                "security": OPTIONAL,
                "parameters": parameters(REQUEST_ID),
                "requestBody": {"required": True, "content": {JSON: _body(registry)}},
                "responses": _responses(),
            }
        }
    }


def _body(registry: Registry) -> dict[str, Any]:
    batch = {"type": "array", "minItems": 1, "items": ref("RpcCall")}
    return {"schema": {"anyOf": [ref("RpcCall"), batch]}, "examples": _examples(registry)}


def _examples(registry: Registry) -> dict[str, Any]:
    """The first method's first example in all the ways there are to call it."""
    method = next(iter(registry.methods.values()))
    shown = method.schema["examples"][0]["params"]
    by_position = {"method": method.name, "params": [param["value"] for param in shown]}
    by_name = {"method": method.name, "params": {p["name"]: p["value"] for p in shown}}
    calls = [{"jsonrpc": "2.0", **call} for call in (by_position, by_name)]
    return {
        "by-position": {"summary": "By position", "value": {**calls[0], "id": 1}},
        "by-name": {"summary": "By name", "value": {**calls[1], "id": "one"}},
        "notification": {"summary": "A notification", "value": calls[0]},
        "batch": {"summary": "A batch", "value": [{**c, "id": n} for n, c in enumerate(calls)]},
    }


def _responses() -> dict[str, Any]:
    batch = {"type": "array", "minItems": 1, "items": ref("RpcAnswer")}
    answered = {"anyOf": [ref("RpcAnswer"), batch]}
    refused = refusals_by_status([*OF_REQUESTS, *OF_BODIES])
    return {
        "200": in_json("An answer, or one for each call that has an id.", answered, "Set-Cookie"),
        "204": {"description": "Nobody waits for an answer.", "headers": headers("Set-Cookie")},
        **refused,
        "415": _not_json(),
    }


def _not_json() -> dict[str, Any]:
    """With the id of no call, unless it is the content's coding that is not supported."""
    answer = refusal_answer(
        each for each in OF_BODIES if each.code is Code.UNSUPPORTED_CONTENT_TYPE
    )
    content = answer["content"][JSON]
    unanswered = closed(
        {"jsonrpc": {"const": "2.0"}, "id": {"type": "null"}, "error": ref("Error")}
    )
    content["schema"] = {"anyOf": [content["schema"], unanswered]}
    return answer
