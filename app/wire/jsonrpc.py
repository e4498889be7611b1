"""JSON-RPC 2.0 envelopes (https://www.jsonrpc.org/specification) → Request."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.call import Request
from app.errors import Code, Refusal


def is_envelope(body: Any) -> bool:
    """Whether a body is a JSON-RPC request rather than arguments."""
    return isinstance(body, dict) and body.get("jsonrpc") == "2.0"


def is_notification(body: Mapping[str, Any]) -> bool:
    """Whether nobody waits for an answer."""
    return "id" not in body


def parse(body: Mapping[str, Any], request: Request) -> Request:
    """The call an envelope asks for, in place of the one its URL named.

    `method` comes with or without the leading slash, `params` by position or by name.

    Raises:
        Refusal: it is no request.
    """
    method, arguments = body.get("method"), body.get("params", [])
    if not isinstance(method, str) or not isinstance(arguments, list | dict):
        raise Refusal(Code.UNDECODABLE_BODY)
    return replace(request, method="/" + method.removeprefix("/"), arguments=arguments)
