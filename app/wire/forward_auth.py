"""Forward-auth at /auth: may the request pass that a gateway has received, and whose is it?

The gateway asks with the headers of that request. They are all there is to it: the verb says
nothing, a body is not looked at, and no answer has one.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from multidict import CIMultiDictProxy

from app.call import Caller, Failure, Request
from app.dispatcher import Dispatcher
from app.errors import CannotStart, Code, Refusal, bad_request
from app.permissions import VERIFY
from app.verdicts import VerdictCode
from app.wire import envelope, forms
from app.wire.credentials import MALFORMED, without_cookies
from app.wire.http import Answer, Received
from app.wire.oauth_errors import INSUFFICIENT_SCOPE, INVALID_REQUEST, INVALID_TOKEN, challenge

PATH: Final = "/auth"
METHOD: Final = "/v1/api-tokens/verify"
GATEWAY: Final = Caller(permissions={VERIFY: True})
SECRET: Final = "X-Gateway-Token"  # noqa: S105 - a header's name

_VISIBLE: Final = re.compile(r"[!-~]+")
# What stands in a header as it is: visible ASCII, but for what the rest is encoded with.
_PLAIN: Final = "".join(map(chr, range(ord("!"), ord("~") + 1))).replace("%", "")


def secret(given: str | None) -> bytes | None:
    """The secret that gateways must show, if there is one.

    Raises:
        CannotStart: no header can hold it.
    """
    if given is None:
        return None
    if not _VISIBLE.fullmatch(given):
        raise CannotStart("--gateway-token must be visible ASCII characters, at least one")
    return given.encode()


async def answer(
    dispatcher: Dispatcher, received: Received, request_id: str, expected: bytes | None
) -> Answer:
    """Tell a gateway, which must show the `expected` secret if there is one."""
    if expected is not None and not _is_shown(expected, received.headers):
        return _bare(HTTPStatus.FORBIDDEN, request_id)
    try:
        query = forms.fields(received.query.encode("utf-8", "surrogateescape"))
        wanted = query.get("permission", ())
        request = parse(received, wanted, request_id)
    except Refusal as refusal:
        return refused(Failure.of(refusal), request_id)
    result = await dispatcher.dispatch(request, GATEWAY)
    if isinstance(result, Failure):
        return refused(result, request_id)
    if not result.data["valid"]:
        return _denied(result.data["code"], wanted, request_id)
    return _bare(_good(query), request_id, _identity(result.data))


def parse(received: Received, wanted: Sequence[str], request_id: str) -> Request:
    """The call that verifies the one credential, for these permissions.

    Raises:
        Refusal: there is none, or there are several.
    """
    shown = without_cookies(received.headers)  # browsers send ours to all sites of a domain
    if not shown:
        raise Refusal(Code.ACCESS_DENIED, status=HTTPStatus.UNAUTHORIZED)
    if len(shown) > 1:
        raise bad_request("Only one credential may be given, and these differ")
    token = shown[0] if shown[0].isascii() else MALFORMED  # it may be no text at all
    options = {"permissions": list(dict.fromkeys(wanted))}
    return Request(METHOD, [token, options], id=request_id, address=received.address)


def refused(failure: Failure, request_id: str) -> Answer:
    """What is refused without a look at the token."""
    told = envelope.headers(request_id, failure)
    if failure.status == HTTPStatus.BAD_REQUEST:
        # The one place where it can stand what is wrong with, say, the gateway's configuration.
        told["WWW-Authenticate"] = challenge(INVALID_REQUEST, error_description=failure.text)
    del told["Content-Type"]
    return Answer(failure.status, b"", told)


def _is_shown(expected: bytes, headers: CIMultiDictProxy[str]) -> bool:
    given = headers.getall(SECRET, ())
    return len(given) == 1 and hmac.compare_digest(
        given[0].encode("utf-8", "surrogateescape"), expected
    )


def _denied(code: str, wanted: Sequence[str], request_id: str) -> Answer:
    """The answer about a token that is not good for it."""
    if code == VerdictCode.INSUFFICIENT_PERMISSIONS:
        status, told = HTTPStatus.FORBIDDEN, challenge(INSUFFICIENT_SCOPE, scope=" ".join(wanted))
    else:
        status, told = HTTPStatus.UNAUTHORIZED, challenge(INVALID_TOKEN)
    return _bare(status, request_id, {"WWW-Authenticate": told})


def _good(query: forms.Fields) -> HTTPStatus:
    """What says yes: Envoy lets nothing pass but for 200, and asks for it."""
    return HTTPStatus.OK if "200" in query.get("status", ()) else HTTPStatus.NO_CONTENT


def _identity(data: Mapping[str, Any]) -> dict[str, str]:
    """Whose request it is. Each header is always there, and takes the place of a forged one."""
    return {
        "X-User-Id": data["user_id"],
        "X-User-Name": _encoded(data["user_name"]),
        "X-Token-Id": data["token_id"],
        "X-Token-Name": _encoded(data["name"]),
        "X-Permissions": " ".join(sorted(data["permissions"])),
    }


def _encoded(name: str) -> str:
    """A name as a header can hold it: percent-encoded UTF-8 (RFC 3986) where it is not plain."""
    return quote(name, safe=_PLAIN)


def _bare(status: int, request_id: str, told: Mapping[str, str] = MappingProxyType({})) -> Answer:
    answered = envelope.nothing(request_id)
    return replace(answered, status=status, headers={**answered.headers, **told})
