"""Tokens as OAuth's clients ask for them, with a form that has one as `token`.

/oauth2/introspect tells what is known of it (RFC 7662), /oauth2/revoke ends it (RFC 7009).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from app.call import Failure, Request
from app.dispatcher import Dispatcher
from app.errors import Code, Refusal
from app.permissions import VERIFY
from app.wire import envelope, forms
from app.wire.credentials import without_cookies
from app.wire.http import Answer, Received
from app.wire.oauth_errors import INSUFFICIENT_SCOPE, challenge, error

_BASIC: Final = 'Basic realm="api-tokens"'
_INACTIVE: Final[Mapping[str, Any]] = {"active": False}
# What answers of a status say in other words than those of methods.
_HEADERS: Final[Mapping[int, Mapping[str, str]]] = {
    HTTPStatus.FORBIDDEN: {"WWW-Authenticate": challenge(INSUFFICIENT_SCOPE, scope=VERIFY)},
    HTTPStatus.METHOD_NOT_ALLOWED: {"Allow": "POST"},
}


class Endpoint(NamedTuple):
    """The method that a path calls with the token, and what its answer is told as."""

    method: str
    told: Callable[[Any, str], Answer]


async def answer(dispatcher: Dispatcher, received: Received, request_id: str) -> Answer:
    """Run the call that a request at one of the endpoints asks for."""
    endpoint = ENDPOINTS[received.path]
    try:
        request = parse(received, endpoint.method, request_id)
    except Refusal as refusal:
        return refused(Failure.of(refusal), request_id)
    result = await dispatcher.dispatch(request)
    if not isinstance(result, Failure):
        return endpoint.told(result.data, request_id)
    return _challenged(refused(result, request_id), received)


def parse(received: Received, method: str, request_id: str) -> Request:
    """The call of a method with the token of the form.

    Raises:
        Refusal: it is no POST of a form, or the form has no token.
    """
    if received.verb != "POST":
        raise Refusal(Code.VERB_NOT_ALLOWED)
    return Request(
        method=method,
        arguments=[forms.single(forms.decode(received), "token")],
        credentials=without_cookies(received.headers),
        id=request_id,
        address=received.address,
    )


def refused(failure: Failure, request_id: str) -> Answer:
    """A refusal by the name that it has in OAuth."""
    if failure.code is Code.DISABLED:  # whoever calls is not let in, whatever they might do
        failure = replace(failure, status=HTTPStatus.UNAUTHORIZED)
    body = envelope.encode({"error": error(failure.status)})
    headers = {**envelope.headers(request_id, failure), **_HEADERS.get(failure.status, {})}
    return Answer(failure.status, body, headers)


def _challenged(answered: Answer, received: Received) -> Answer:
    """A refusal that asks for credentials in the way in which the caller has shown some."""
    scheme = received.headers.get("Authorization", "").partition(" ")[0].lower()
    if answered.status != HTTPStatus.UNAUTHORIZED or scheme != "basic":
        return answered
    return replace(answered, headers={**answered.headers, "WWW-Authenticate": _BASIC})


def _introspection(data: Mapping[str, Any], request_id: str) -> Answer:
    """What is known of a good token; of any other, only that it is not one."""
    return envelope.plain(200, _claims(data) if data["valid"] else _INACTIVE, request_id)


def _claims(data: Mapping[str, Any]) -> dict[str, Any]:
    expires = data["expires"]
    return {
        "active": True,
        "scope": " ".join(sorted(data["permissions"])),
        "client_id": data["token_id"],
        "username": data["user_name"],
        "sub": data["user_id"],
        "jti": data["token_id"],
        "iat": int(data["created"].timestamp()),
        **({} if expires is None else {"exp": int(expires.timestamp())}),
        "token_type": "Bearer",
    }


def _revocation(_data: None, request_id: str) -> Answer:
    """Nothing, whether or not there was such a token."""
    return replace(envelope.nothing(request_id), status=200)


ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "/oauth2/introspect": Endpoint("/v1/api-tokens/verify", _introspection),
    "/oauth2/revoke": Endpoint("/v1/api-tokens/revoke", _revocation),
}
