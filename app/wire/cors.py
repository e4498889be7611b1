"""Pages of other origins: which may call from browsers (https://fetch.spec.whatwg.org/#http-cors-protocol).

Access-Control-Allow-Credentials is never sent: pages of others call with tokens they hold, and no
cookie of ours goes with it.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from multidict import CIMultiDictProxy

from app.errors import CannotStart
from app.wire import envelope
from app.wire.http import Answer

ANY: Final = "*"
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, X-API-Key, X-Api-Void-Call, X-Request-Id"
    ),
    # Seconds a browser need not ask again; each has a lower bound of its own.
    "Access-Control-Max-Age": "86400",
}
# What browsers send: names in ASCII, in lower case, and never a pattern.
_ORIGIN: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_PORTS: Final = {"http": "80", "https": "443"}
_LAST_PORT: Final = 65_535
_SHOWN: Final = "Retry-After, WWW-Authenticate, X-Request-Id"


def origins(given: Sequence[str]) -> frozenset[str]:
    """The origins an operator names, as browsers spell them.

    Raises:
        CannotStart: one of them is none.
    """
    return frozenset(_origin(text) for text in given)


def allowance(headers: CIMultiDictProxy[str], origins: frozenset[str]) -> dict[str, str]:
    """The headers that let a browser show an answer to the page that asked for it."""
    if not _is_allowed(headers, origins):
        return {"Vary": "Origin"} if origins else {}
    return {
        "Access-Control-Allow-Origin": ANY if ANY in origins else headers["Origin"],
        "Access-Control-Expose-Headers": _SHOWN,
        "Vary": "Origin",
    }


def preflight(
    verb: str, headers: CIMultiDictProxy[str], origins: frozenset[str], request_id: str
) -> Answer | None:
    """The answer to a browser that asks what a page may send; None for any other request."""
    asks = verb == "OPTIONS" and "Access-Control-Request-Method" in headers
    if not asks or not _is_allowed(headers, origins):
        return None
    answered = envelope.nothing(request_id)
    return replace(answered, headers={**answered.headers, **_PREFLIGHT})


def _is_allowed(headers: CIMultiDictProxy[str], origins: frozenset[str]) -> bool:
    return ANY in origins or headers.get("Origin", "") in origins


def _origin(text: str) -> str:
    if text == ANY:
        return text
    found = _ORIGIN.fullmatch(text.lower())
    if not found or int(found["port"] or 0) > _LAST_PORT:
        raise CannotStart(f"--cors-origin: {text!r} is no origin such as https://example.com")
    scheme, host, port = found.groups()
    # Browsers leave out the port that the scheme has anyway.
    return f"{scheme}://{host}" + ("" if port in {None, _PORTS[scheme]} else f":{port}")
