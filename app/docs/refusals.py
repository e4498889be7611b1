"""What a method can answer in place of its result: its own refusals, and those of every call."""

from collections.abc import Iterator
from typing import Final

from app.errors import ANSWERS, Code
from app.registry import Method

# Of what is asked for credentials. Guests' methods are not: there a dead session bars nobody.
_OF_CALLERS: Final = (
    Code.ACCESS_DENIED,
    Code.AUTHORIZATION_REQUIRED,
    Code.DISABLED,
    Code.DELETED,
)
_OF_CALLS: Final = (
    Code.INVALID_ARGUMENTS,
    Code.BACKEND_DOWN,
    Code.SHUTTING_DOWN,
    Code.INTERNAL,
)
_TWO_CREDENTIALS: Final = "Only one credential may be given, and these differ"


def refusals(method: Method) -> list[tuple[Code, str]]:
    """Code and text of each, the method's own first; its own texts may name what was asked for."""
    own = [(Code(error["code"]), str(error["message"])) for error in method.schema["errors"]]
    return list(dict.fromkeys([*own, *_common(method)]))


def _common(method: Method) -> Iterator[tuple[Code, str]]:
    if method.permission != "guest":
        yield Code.BAD_REQUEST, _TWO_CREDENTIALS
        yield from ((code, ANSWERS[code][1]) for code in _OF_CALLERS)
    yield from ((code, ANSWERS[code][1]) for code in _OF_CALLS)
