"""What all answers in JSON are wrapped in, as schemas that the whole document shares."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from app.docs.refusals import refusals
from app.errors import Code
from app.registry import Registry

Schema: TypeAlias = dict[str, Any]

# JSON-RPC 2.0 has codes of its own for these; on /rpc they stand in place of ours.
SPECIFIED: Final[Mapping[Code, int]] = {
    Code.METHOD_NOT_FOUND: -32601,
    Code.INVALID_ARGUMENTS: -32602,
    Code.UNDECODABLE_BODY: -32700,
}
_VERSION: Final[Schema] = {"const": "2.0"}
_ID: Final[Schema] = {"type": ["string", "number", "null"]}


def ref(name: str) -> Schema:
    """A reference to a shared schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def closed(properties: Mapping[str, Any], *optional: str) -> Schema:
    """An object with these members and no others, all there save the optional ones."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def enveloped(data: Schema, meta: Schema | None = None) -> Schema:
    """The answer of a call that went well with such data, and such things said about it."""
    narrowed = {
        "properties": {"data": data} | ({"meta": meta} if meta else {}),
        "required": ["data"],
    }
    return closed({"jsonrpc": _VERSION, "result": {"allOf": [ref("Result"), narrowed]}})


def refused(*codes: int) -> Schema:
    """The answer of a call refused with one of these codes."""
    return {
        "allOf": [
            ref("Refusal"),
            {"properties": {"error": {"properties": {"code": {"enum": list(codes)}}}}},
        ]
    }


def envelopes(registry: Registry) -> dict[str, Schema]:
    """The shared schemas by their names."""
    return {
        "Result": _result(),
        "Page": _page(),
        "Error": _error(),
        "Refusal": closed({"jsonrpc": _VERSION, "error": ref("Error")}),
        "RpcCall": _call(),
        "RpcAnswer": {"oneOf": [ref("RpcSuccess"), ref("RpcRefusal")]},
        "RpcSuccess": closed({"jsonrpc": _VERSION, "id": _ID, "result": ref("Result")}),
        "RpcRefusal": closed({"jsonrpc": _VERSION, "id": _ID, "error": _rpc_error(registry)}),
    }


def _result() -> Schema:
    described = {
        "status": {"const": 200},
        "status_text": {"const": "OK"},
        "exception": {"const": False},
        "data": {"description": "What the method answers."},
        "meta": {"type": "object", "description": "What there is to say about the data."},
    }
    return {"title": "Result", **closed(described, "meta")}


def _page() -> Schema:
    described = {
        "rows": {"type": "integer", "minimum": 0, "description": "How many there are here."},
        "next_page": {"type": "boolean", "description": "Whether more follow."},
        "next_cursor": {
            "type": ["string", "null"],
            "description": "What to give as `after` for the next page.",
        },
        "total_rows": {
            "type": "integer",
            "minimum": 0,
            "description": "How many there are in all, if `count` was asked for.",
        },
    }
    return {"title": "Page of a list", **closed(described, "total_rows")}


def _error() -> Schema:
    fault = closed(
        {
            "path": {"type": "string", "description": "A JSON pointer into the arguments."},
            "message": {"type": "string", "description": "What the value there must be."},
        }
    )
    meta = closed(
        {
            "errors": {"type": "array", "minItems": 1, "items": {"type": "string"}},
            "faults": {"type": "array", "minItems": 1, "items": fault},
        },
        *("errors", "faults"),
    )
    failed = {"type": "boolean", "description": "Whether the service itself failed."}
    # Faults are told of arguments and of nothing else.
    told = {"properties": {"data": {"properties": {"meta": {"required": ["errors", "faults"]}}}}}
    untold = {"properties": {"data": {"properties": {"meta": {"maxProperties": 0}}}}}
    of_arguments = [int(Code.INVALID_ARGUMENTS), SPECIFIED[Code.INVALID_ARGUMENTS]]
    return {
        "title": "Error",
        **closed(
            {
                "code": {"type": "integer"},
                "message": {"type": "string", "minLength": 1},
                "data": closed({"exception": failed, "meta": meta}),
            }
        ),
        "if": {"properties": {"code": {"enum": of_arguments}}},
        "then": told,
        "else": untold,
    }


def _call() -> Schema:
    """A call; members that are not named here are ignored."""
    return {
        "title": "JSON-RPC call",
        "type": "object",
        "required": ["jsonrpc", "method"],
        "properties": {
            "jsonrpc": _VERSION,
            "method": {"type": "string", "description": "With or without the leading slash."},
            "params": {"type": ["array", "object"], "description": "By position or by name."},
            "id": {**_ID, "description": "What the answer repeats. Without one there is none."},
        },
    }


def _rpc_error(registry: Registry) -> Schema:
    """As everywhere, with codes of the specification where it defines them."""
    codes = {code for method in registry.methods.values() for code, _ in refusals(method)}
    # What is told of calls that no method ever sees.
    codes |= {*SPECIFIED, Code.INVALID_REQUEST}
    spelled = sorted({SPECIFIED.get(code, int(code)) for code in codes})
    return {"allOf": [ref("Error"), {"properties": {"code": {"enum": spelled}}}]}
