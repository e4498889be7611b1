"""What every wire over HTTP shares: a request as received, an answer to send, the request id."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from multidict import CIMultiDictProxy

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


@dataclass(frozen=True, slots=True)
class Received:
    """An HTTP request: its verb, decoded path, headers, whole body, and where it came from."""

    verb: str
    path: str
    headers: CIMultiDictProxy[str]
    body: bytes = b""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def request_id(headers: CIMultiDictProxy[str]) -> str:
    """The id a gateway gave the request, if it can stand in a log as it is; else a new one."""
    given = headers.get("X-Request-Id", "")
    return given if _REQUEST_ID.fullmatch(given) else new_request_id()


def new_request_id() -> str:
    """An id for a request that brought none."""
    return secrets.token_hex(8)
