"""What every wire over HTTP shares: a request as received, an answer to send, the request id."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from multidict import CIMultiDictProxy, istr

# What answers say that have no more to say. They hold secrets: no cache keeps them, no browser
# guesses them to be a page.
HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Server": "api-tokens",
    }
)
# Headers are looked up twice as fast by names of this type.
_REQUEST_ID: Final = istr("X-Request-Id")
_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}")
_GOOD_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


@dataclass(slots=True)
class Received:
    """An HTTP request: its verb, decoded path, headers, whole body, and where it came from.

    `query` is as it was sent, and there for the paths that have use for one.
    """

    verb: str
    path: str
    headers: CIMultiDictProxy[str]
    body: bytes = b""
    address: str = ""
    query: str = ""


@dataclass(slots=True)
class Answer:
    """An HTTP response. Its request id is a header too, beside those that many answers share."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    request_id: str = ""


def host(headers: CIMultiDictProxy[str]) -> str | None:
    """The name, and maybe the port, that a client knows the service by; None if it is none."""
    given = headers.get("Host", "")
    return given if _HOST.fullmatch(given) else None


def request_id(headers: CIMultiDictProxy[str]) -> str:
    """The id a gateway gave the request, if it can stand in a log as it is; else a new one."""
    given = headers.get(_REQUEST_ID)
    return given if given and _GOOD_REQUEST_ID.fullmatch(given) else new_request_id()


def new_request_id() -> str:
    """An id for a request that brought none."""
    # It is no secret: the system's source of those would be slower.
    return random.getrandbits(64).to_bytes(8, "big").hex()
