"""HTTP headers → the credentials they carry.

`Authorization: Bearer TOKEN` (RFC 6750), `Authorization: Basic base64(TOKEN:anything)` (RFC 7617,
as `curl -u TOKEN:X` sends it), a bare token, `X-API-Key: TOKEN`, and the console's cookie.
"""

import base64
import binascii
from typing import Final

from multidict import CIMultiDictProxy, istr

from app.wire import cookies

# Stands for a header that holds no token: no token is spelled like this, so it is refused as one.
MALFORMED: Final = ""
# Headers are looked up twice as fast by names of this type.
_AUTHORIZATION: Final = istr("Authorization")
_API_KEY: Final = istr("X-API-Key")
_COOKIE: Final = istr("Cookie")


def credentials(headers: CIMultiDictProxy[str]) -> tuple[str, ...]:
    """Each different credential that the headers carry; a malformed one counts too."""
    shown = _shown(headers)
    if _COOKIE in headers:
        shown += cookies.sessions(headers)
    return tuple(shown) if len(shown) == 1 else tuple(dict.fromkeys(shown))


def without_cookies(headers: CIMultiDictProxy[str]) -> tuple[str, ...]:
    """As `credentials`, for what no page of the service calls: cookies are not looked at."""
    return tuple(dict.fromkeys(_shown(headers)))


def _shown(headers: CIMultiDictProxy[str]) -> list[str]:
    shown = []
    for value in headers.getall(_AUTHORIZATION, ()):
        shown.append(_authorization(value))  # noqa: PERF401 - of one, a comprehension takes longer
    if _API_KEY in headers:
        shown += [value.strip() for value in headers.getall(_API_KEY)]
    return shown


def _authorization(value: str) -> str:
    scheme, separator, rest = value.strip().partition(" ")
    kind = scheme.lower()
    if not separator:
        return scheme if kind not in {"bearer", "basic"} else MALFORMED
    if kind == "bearer":
        return rest.strip()
    return _basic(rest.strip()) if kind == "basic" else MALFORMED


def _basic(value: str) -> str:
    """The user name; a token may hold any visible character but the colon that ends it."""
    try:
        pair = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return MALFORMED
    return pair.partition(":")[0]
