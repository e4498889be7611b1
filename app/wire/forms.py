"""Form bodies and queries of HTTP requests → their fields."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from multipart import MultipartError, MultipartParser, parse_options_header

from app.errors import Code, Refusal, bad_request
from app.wire.bodies import is_of
from app.wire.http import Received

FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
# Bytes of a body. Tokens are short, and a megabyte of %41 would hold up everybody.
LONGEST: Final = 65_536
MOST_FIELDS: Final = 100

# Name → its values, in the order in which they stand there.
Fields: TypeAlias = Mapping[str, Sequence[str]]


def decode(received: Received) -> Fields:
    """The fields of a form body.

    Raises:
        Refusal: the content type is not that of a form, or the body is none.
    """
    if not is_of(received.headers.get("Content-Type", ""), FORM):
        raise Refusal(Code.UNSUPPORTED_CONTENT_TYPE)
    if len(received.body) > LONGEST:
        raise Refusal(Code.TOO_LARGE)
    return fields(received.body, MOST_FIELDS)


def multipart(received: Received) -> Fields:
    """The fields of a multipart body (RFC 7578); of a file, what is in it.

    Raises:
        Refusal: it is longer than a form may be, ends too early, or is not in UTF-8.
    """
    if len(received.body) > LONGEST:
        raise Refusal(Code.TOO_LARGE)
    found: dict[str, list[str]] = {}
    try:
        _, options = parse_options_header(received.headers["Content-Type"])
        parser = MultipartParser(
            BytesIO(received.body), options["boundary"], strict=True, part_limit=MOST_FIELDS
        )
        for part in parser:
            found.setdefault(part.name, []).append(part.raw.decode())
    except (MultipartError, KeyError, ValueError):
        raise _undecodable() from None
    return found


def fields(raw: bytes, most: int | None = None) -> Fields:
    """The fields that bytes are, of which there are at most so many.

    Raises:
        Refusal: there are more, or they are not in UTF-8.
    """
    found: dict[str, list[str]] = {}
    try:
        text = raw.decode()
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=most)
    except ValueError:
        raise _undecodable() from None
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def single(form: Fields, name: str) -> str:
    """The one value of a field that must have one.

    Raises:
        Refusal: it has none, or several; an empty one counts as none (RFC 6749, section 3.2).
    """
    values = form.get(name, ())
    if len(values) != 1 or not values[0]:
        raise bad_request(f"{name} must be given, once")
    return values[0]


def _undecodable() -> Refusal:
    return Refusal(Code.UNDECODABLE_BODY, "Unable to decode fields")
