"""Calls a method of a running service over HTTP, for the command line."""

from collections.abc import Iterable
from http.client import HTTPException, IncompleteRead, InvalidURL
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, Request, build_opener

import orjson

from app.registry import VERSION

TIMEOUT: Final = 30.0


class CallError(Exception):
    """A call was refused or not answered; the text is for the operator."""


def call(url: str, method: str, arguments: Iterable[str], token: str | None) -> Any:
    """The data a method of the service at `url` answers; each argument is a JSON text.

    Raises:
        CallError: the service refuses the call, or none answers.
    """
    path = f"/{method.removeprefix('/')}"
    path = path if path.startswith(VERSION) else VERSION + path[1:]
    body = f"[{','.join(arguments)}]".encode()
    return _data(url, _post(url, quote(path), body, _headers(token)))


def _headers(token: str | None) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if token:
        # The HTTP library would refuse it too, and print it.
        if not (token.isascii() and token.isprintable()):
            raise CallError("the token has characters that no token has")
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _post(url: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    try:
        request = Request(url.rstrip("/") + path, body, headers)  # noqa: S310 - the operator's URL
        return _exchange(request)
    except (OSError, ValueError, InvalidURL, IncompleteRead) as error:
        raise CallError(f"no answer from {url}: {getattr(error, 'reason', error)}") from None
    except HTTPException:
        raise _stranger(url) from None


def _exchange(request: Request) -> bytes:
    """The body of an answer, whatever its status."""
    try:
        with _opener.open(request, timeout=TIMEOUT) as response:
            return bytes(response.read())
    except HTTPError as error:
        with error:
            place = error.headers["Location"]
            if place:
                text = f"{request.full_url} redirects to {place!r}; a call follows no redirect"
                raise CallError(text) from None
            return error.read()


def _data(url: str, body: bytes) -> Any:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _stranger(url) from None
    match answer:
        case {"result": {"data": data}}:
            return data
        case {"error": {"message": str(text), "data": {"meta": {"errors": [*faults]}}}}:
            raise CallError(": ".join([text, *map(str, faults)]))
        case {"error": {"message": str(text)}}:
            raise CallError(text)
    raise _stranger(url)


def _stranger(url: str) -> CallError:
    return CallError(f"what answers at {url} is not api-tokens")


class _StaysHere(HTTPRedirectHandler):
    """Follows no redirect: the token would go with the request, to any host."""

    def redirect_request(self, *_: Any) -> None:
        """Make no second request."""


_opener: Final = build_opener(_StaysHere)
