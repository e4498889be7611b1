"""How ids and JSON travel between the database and us: as text and as values; pure."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import orjson

_NO_ID: Final = bytes(16)


def encode_id(text: str) -> bytes:
    """A UUID's bytes. What is no UUID names nothing: it becomes the nil one, which no row has."""
    try:
        return UUID(text).bytes
    except ValueError:
        return _NO_ID


def decode_id(data: bytes) -> str:
    """A UUID as every wire spells it."""
    digits = data.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def encode_json(value: Any) -> bytes:
    """JSON after the number of the format, of which there is one."""
    return b"\x01" + orjson.dumps(value)


def decode_json(data: bytes) -> Any:
    """The value of what `encode_json` spells."""
    return orjson.loads(data[1:])


# PostgreSQL's type → what encodes our values and decodes its own, in its binary format.
CODECS: Final[dict[str, tuple[Callable[[Any], bytes], Callable[[bytes], Any]]]] = {
    "uuid": (encode_id, decode_id),
    "jsonb": (encode_json, decode_json),
}
