"""What answers over HTTP say beside what is in their bodies, even if nothing is."""

from dataclasses import replace

from app.authentication import SESSION_ENDED
from app.call import FORGOTTEN, Failure, Kept, Result, Success
from app.errors import Code, Refusal
from app.wire import cookies, envelope
from app.wire.http import Answer, Received


def completed(answer: Answer, result: Result, received: Received) -> Answer:
    """The answer with the headers that the result of a call asks for."""
    if isinstance(result, Success):
        more = _cookie(result.session, received) if result.session else None
    elif result.code is Code.VERB_NOT_ALLOWED:  # what changes something is not for GET
        more = {"Allow": "POST"}
    else:
        more = _cookie(FORGOTTEN, received) if _has_dead_cookie(result, received) else None
    return replace(answer, headers={**answer.headers, **more}) if more else answer


def verb_refused(request_id: str, *allowed: str) -> Answer:
    """The answer to a verb that a path does not have: 405, and which it has."""
    answered = envelope.render(Failure.of(Refusal(Code.VERB_NOT_ALLOWED)), request_id)
    return replace(answered, headers={**answered.headers, "Allow": ", ".join(allowed)})


def _cookie(kept: Kept, received: Received) -> dict[str, str]:
    return {"Set-Cookie": cookies.setting(kept, received.headers)}


def _has_dead_cookie(failure: Failure, received: Received) -> bool:
    """Whether the refusal is that of a session, and a cookie held it."""
    return failure.text == SESSION_ENDED and bool(cookies.sessions(received.headers))
