"""Answers of HTTP operations: a success, and what can be refused with which status and codes."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from app.docs.openapi.envelopes import Schema, refused
from app.docs.openapi.headers import headers
from app.errors import ANSWERS, RETRY_AFTER, Code

Answer: TypeAlias = dict[str, Any]
JSON: Final = "application/json"


class Refused(NamedTuple):
    """One way to be refused: the HTTP status, the code and the text."""

    status: int
    code: Code
    text: str

    @classmethod
    def of(cls, code: Code, text: str | None = None, *, status: int | None = None) -> "Refused":
        """As the table of codes has it, save what is given."""
        usual_status, usual_text = ANSWERS[code]
        return cls(status or usual_status, code, text or usual_text)


# Whatever is asked for.
OF_REQUESTS: Final = (
    Refused.of(Code.BAD_REQUEST),
    Refused.of(Code.INTERNAL),
    Refused.of(Code.SHUTTING_DOWN),
)
# Wherever a body is read.
OF_BODIES: Final = (
    Refused.of(Code.UNDECODABLE_BODY),
    Refused.of(Code.UNDECODABLE_BODY, status=408),
    Refused.of(Code.TOO_LARGE),
    Refused.of(Code.UNSUPPORTED_CONTENT_TYPE),
)
# Headers that say more than the code does.
_TELLING: Final[Mapping[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate", "Set-Cookie"),
    **{ANSWERS[code][0]: ("Retry-After",) for code in RETRY_AFTER},
}


def in_json(description: str, schema: Schema, *named: str, **examples: Any) -> Answer:
    """An answer in JSON; headers beside the request id are `named`."""
    content: dict[str, Any] = {"schema": schema}
    if examples:
        content["examples"] = examples
    return {"description": description, "headers": headers(*named), "content": {JSON: content}}


def refusals_by_status(refusals: Iterable[Refused]) -> dict[str, Answer]:
    """An answer for each status, with the codes and texts behind it."""
    by_status: dict[int, list[Refused]] = {}
    for refusal in dict.fromkeys(refusals):
        by_status.setdefault(refusal.status, []).append(refusal)
    return {str(status): _shared_or_own(by_status[status]) for status in sorted(by_status)}


def refusal_answer(refusals: Iterable[Refused]) -> Answer:
    """The answer that all of these, of one status, are given by."""
    told = list(refusals)
    schema = refused(*sorted({int(refusal.code) for refusal in told}))
    description = "; ".join(f"{each.text} ({int(each.code)})" for each in told)
    return in_json(description, schema, *_TELLING.get(told[0].status, ()))


def _shared_or_own(refusals: list[Refused]) -> Answer:
    name = _SHARED_NAMES.get(tuple(refusals))
    return {"$ref": f"#/components/responses/{name}"} if name else refusal_answer(refusals)


# What nearly every operation has, word for word.
_SHARED_NAMES: Final[Mapping[tuple[Refused, ...], str]] = {
    (Refused.of(Code.UNDECODABLE_BODY, status=408),): "BodyTooSlow",
    (Refused.of(Code.TOO_LARGE),): "BodyTooLarge",
    (Refused.of(Code.UNSUPPORTED_CONTENT_TYPE),): "NotJson",
    (Refused.of(Code.INTERNAL),): "Failed",
    (Refused.of(Code.SHUTTING_DOWN),): "ShuttingDown",
    (Refused.of(Code.BACKEND_DOWN), Refused.of(Code.SHUTTING_DOWN)): "OutOfService",
}
SHARED: Final[dict[str, Answer]] = {
    name: refusal_answer(refusals) for refusals, name in _SHARED_NAMES.items()
}
