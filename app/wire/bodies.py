"""Bodies of HTTP requests → JSON values."""

from typing import Any

import orjson

from app.errors import Code, Refusal
from app.wire.http import Received


def decode(received: Received) -> Any:
    """The JSON value of a body.

    Raises:
        Refusal: the content type is not JSON, or the body is not.
    """
    if not _is_json(received.headers.get("Content-Type", "")):
        raise Refusal(Code.UNSUPPORTED_CONTENT_TYPE)
    try:
        return orjson.loads(received.body)
    except orjson.JSONDecodeError:
        raise Refusal(Code.UNDECODABLE_BODY) from None


def _is_json(content_type: str) -> bool:
    """Whether a Content-Type is JSON in the one encoding JSON has (RFC 8259, section 8.1)."""
    if content_type == "application/json":
        return True
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [p.partition("=")[2].strip('"') for p in parameters if p.startswith("charset")]
    return media_type == "application/json" and all(c in {"utf-8", "utf8"} for c in charsets)
