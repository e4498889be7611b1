"""The refusals a method can raise, and the one table code → HTTP status → text."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class CannotStart(Exception):  # noqa: N818 - it reads as what it is: "cannot start: <text>"
    """The service or a command cannot go on; the text is one line for the operator."""


class Code(IntEnum):
    """What an answer's `error.code` may be; the negative ones are the public client's."""

    BAD_REQUEST = 400
    NOT_FOUND = 404
    CONFLICT = 409
    TOO_LARGE = 413
    INTERNAL = 500
    INVALID_REQUEST = -32600
    TOO_MANY_REQUESTS = -32802
    UNSUPPORTED_CONTENT_TYPE = -32803
    VERB_NOT_ALLOWED = -32804
    UNDECODABLE_BODY = -32807
    INVALID_ARGUMENTS = -32808
    METHOD_NOT_FOUND = -32809
    PERSISTENT_CONNECTION_REQUIRED = -32810
    ACCESS_DENIED = -32811
    AUTHORIZATION_REQUIRED = -32812
    DISABLED = -32813
    BACKEND_DOWN = -32814
    DELETED = -32815
    SHUTTING_DOWN = -32816


# code → HTTP status, text for the caller. Spelled as the public client's own table spells them.
ANSWERS: Final[dict[Code, tuple[int, str]]] = {
    Code.BAD_REQUEST: (400, "Bad Request"),
    Code.NOT_FOUND: (404, "Not Found"),
    Code.CONFLICT: (409, "Conflict"),
    Code.TOO_LARGE: (413, "Content Too Large"),
    Code.INTERNAL: (500, "Internal Server Error"),
    Code.INVALID_REQUEST: (400, "Invalid Request"),
    Code.TOO_MANY_REQUESTS: (429, "Too many requests"),
    Code.UNSUPPORTED_CONTENT_TYPE: (415, "Unsupported content type"),
    Code.VERB_NOT_ALLOWED: (405, "HTTP method not allowed"),
    Code.UNDECODABLE_BODY: (400, "Unable to decode RPC message body"),
    Code.INVALID_ARGUMENTS: (400, "Arguments validation error"),
    Code.METHOD_NOT_FOUND: (404, "API method not found"),
    Code.PERSISTENT_CONNECTION_REQUIRED: (
        400,
        "Persistent connection is required to call API method",
    ),
    Code.ACCESS_DENIED: (403, "Access denied"),
    Code.AUTHORIZATION_REQUIRED: (401, "Authorization is required"),
    Code.DISABLED: (403, "Session is disabled"),
    Code.BACKEND_DOWN: (503, "Backend is down"),
    Code.DELETED: (401, "Session was deleted"),
    Code.SHUTTING_DOWN: (503, "Service is shutting down"),
}

# Codes whose answer says when to come back, in seconds.
RETRY_AFTER: Final[dict[Code, int]] = {
    Code.TOO_MANY_REQUESTS: 1,
    Code.BACKEND_DOWN: 1,
    Code.SHUTTING_DOWN: 1,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the arguments.

    `path` is a JSON pointer into them ("/1/expires"; "" is the argument list itself), `message`
    says what the value there must be.
    """

    path: str
    message: str

    def __str__(self) -> str:
        """The fault as the one sentence that `meta.errors` has."""
        return f'Value at "{self.path}" {self.message}' if self.path else self.message


class Refusal(Exception):  # noqa: N818 - an expected answer, not an error of the service
    """A call is refused: `code`, the public `text`, the HTTP `status`, and any `faults`.

    `retry_after`: in how many seconds it makes sense to come back, if that is known.
    """

    def __init__(
        self,
        code: Code,
        text: str | None = None,
        *,
        status: int | None = None,
        faults: Sequence[Fault] = (),
        retry_after: int | None = None,
    ) -> None:
        default_status, default_text = ANSWERS[code]
        self.code = code
        self.text = text or default_text
        self.status = status or default_status
        self.faults = tuple(faults)
        self.retry_after = retry_after or RETRY_AFTER.get(code)
        super().__init__(self.text)


class NotHeld(Refusal):
    """A caller would grant a permission it does not hold itself."""

    def __init__(self, permission: str) -> None:
        text = f'Access denied: you do not hold permission "{permission}"'
        super().__init__(Code.ACCESS_DENIED, text)
        self.permission = permission


def bad_request(text: str) -> Refusal:
    """The arguments are well formed, and still cannot be meant."""
    return Refusal(Code.BAD_REQUEST, text)


def not_found(text: str) -> Refusal:
    """What is named is not there, or not the caller's: nobody can tell which."""
    return Refusal(Code.NOT_FOUND, text)


def conflict(text: str) -> Refusal:
    """What is asked for is taken."""
    return Refusal(Code.CONFLICT, text)


def invalid(*faults: Fault) -> Refusal:
    """Some arguments are wrong; each fault says where and how."""
    return Refusal(Code.INVALID_ARGUMENTS, faults=faults)
