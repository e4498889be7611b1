"""HTTP headers → the credentials they carry.

`Authorization: Bearer TOKEN` (RFC 6750), `Authorization: Basic base64(TOKEN:anything)` (RFC 7617,
as `curl -u TOKEN:X` sends it), a bare token, `X-API-Key: TOKEN`, and the console's cookie.
"""

import base64
import binascii
from typing import Final

from multidict import CIMultiDictProxy

from app.wire import cookies

# Stands for a header that holds no token: no token is spelled like this, so it is refused as one.
MALFORMED: Final = ""


def credentials(headers: CIMultiDictProxy[str]) -> tuple[str, ...]:
    """Each different credential that the headers carry; a malformed one counts too."""
    shown = [_authorization(value) for value in headers.getall("Authorization", ())]
    shown += [value.strip() for value in headers.getall("X-API-Key", ())]
    return tuple(dict.fromkeys([*shown, *cookies.sessions(headers)]))


def _authorization(value: str) -> str:
    scheme, separator, rest = value.strip().partition(" ")
    if not separator:
        return scheme if scheme.lower() not in {"bearer", "basic"} else MALFORMED
    if scheme.lower() == "bearer":
        return rest.strip()
    return _basic(rest.strip()) if scheme.lower() == "basic" else MALFORMED


def _basic(value: str) -> str:
    """The user name; a token may hold any visible character but the colon that ends it."""
    try:
        pair = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return MALFORMED
    return pair.partition(":")[0]
