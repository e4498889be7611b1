"""Bodies of HTTP requests → JSON values."""

from typing import Any, Final

import orjson
from multidict import istr

from app.errors import Code, Refusal
from app.wire.http import Received

# It has one encoding (RFC 8259, section 8.1).
JSON: Final = "application/json"
_CONTENT_TYPE: Final = istr("Content-Type")


def decode(received: Received) -> Any:
    """The JSON value of a body.

    Raises:
        Refusal: the content type is not JSON, or the body is not.
    """
    content_type = received.headers.get(_CONTENT_TYPE, "")
    if content_type != JSON and not is_of(content_type, JSON):
        raise Refusal(Code.UNSUPPORTED_CONTENT_TYPE)
    try:
        return orjson.loads(received.body)
    except orjson.JSONDecodeError:
        raise Refusal(Code.UNDECODABLE_BODY) from None


def is_of(content_type: str, media_type: str) -> bool:
    """Whether a Content-Type is this media type, in UTF-8."""
    given, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [p.partition("=")[2].strip('"') for p in parameters if p.startswith("charset")]
    return given == media_type and all(c in {"utf-8", "utf8"} for c in charsets)
