"""JSON-RPC 2.0 envelopes (https://www.jsonrpc.org/specification) → Request."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.call import Request
from app.errors import Code, Refusal


def is_envelope(body: Any) -> bool:
    """Whether a body is a JSON-RPC request rather than arguments."""
    return isinstance(body, dict) and body.get("jsonrpc") == "2.0"


def members(body: Any) -> dict[str, Any]:
    """What an answer repeats of a body: the id of an envelope that has one."""
    return {"id": body["id"]} if is_envelope(body) and "id" in body else {}


def parse(body: Mapping[str, Any], request: Request) -> Request:
    """The call an envelope asks for, in place of the one its URL named.

    `method` comes with or without the leading slash, `params` by position or by name.

    Raises:
        Refusal: it is no request.
    """
    method, arguments = body.get("method"), body.get("params")
    arguments = [] if arguments is None else arguments
    if not isinstance(method, str) or not isinstance(arguments, list | dict):
        raise Refusal(Code.UNDECODABLE_BODY)
    return replace(request, method="/" + method.removeprefix("/"), arguments=arguments)
