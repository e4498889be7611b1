"""The request that opens a WebSocket: whether it is one, and the credentials it carries."""

import re
from collections.abc import Sequence
from typing import Final

from multidict import CIMultiDictProxy

from app.errors import Refusal, bad_request
from app.wire.credentials import credentials

PATHS: Final = frozenset({"/", "/api", "/api/"})
PROTOCOL: Final = "jsonrpc_2.0"
VERSION: Final = "13"
# Sixteen bytes in base64 (RFC 6455, section 4.1).
_KEY: Final = re.compile(r"[A-Za-z0-9+/]{22}==")


def is_asked_for(verb: str, headers: CIMultiDictProxy[str]) -> bool:
    """Whether a request, at one of `PATHS`, asks for a WebSocket."""
    upgrades = (name.lower() for name in _listed(headers, "Upgrade"))
    return verb == "GET" and "websocket" in upgrades


def protocols(headers: CIMultiDictProxy[str]) -> tuple[str, ...]:
    """The subprotocols to choose from: ours, or none if the client names none.

    Raises:
        Refusal: the client speaks others only, or another version of WebSocket, or none.
    """
    if headers.get("Sec-WebSocket-Version") != VERSION:
        raise _refusal(f"Sec-WebSocket-Version must be {VERSION}")
    if not _KEY.fullmatch(headers.get("Sec-WebSocket-Key", "")):
        raise _refusal("Sec-WebSocket-Key must be 16 bytes in base64")
    offered = _listed(headers, "Sec-WebSocket-Protocol")
    # aiohttp reads the first such header alone, and logs it, tokens and all, if ours is not there.
    first = headers.get("Sec-WebSocket-Protocol", "").split(",")
    if offered and PROTOCOL not in [part.strip() for part in first]:
        raise _refusal(f"Sec-WebSocket-Protocol must have {PROTOCOL}")
    return (PROTOCOL,) if offered else ()


def shown(headers: CIMultiDictProxy[str]) -> tuple[str, ...]:
    """Each different credential of a handshake.

    Browsers let a page set no header of it: a token may stand beside the subprotocol's name.
    """
    tokens = [name for name in _listed(headers, "Sec-WebSocket-Protocol") if name != PROTOCOL]
    return tuple(dict.fromkeys([*tokens, *credentials(headers)]))


def _listed(headers: CIMultiDictProxy[str], name: str) -> Sequence[str]:
    parts = (part.strip() for value in headers.getall(name, ()) for part in value.split(","))
    return [part for part in parts if part]


def _refusal(text: str) -> Refusal:
    return bad_request(f"Not a WebSocket handshake of ours: {text}")
