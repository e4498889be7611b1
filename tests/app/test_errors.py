import pytest

from app.errors import (
    ANSWERS,
    RETRY_AFTER,
    Code,
    Fault,
    Refusal,
    bad_request,
    conflict,
    invalid,
    not_found,
)

# The table of wire.md, section 1. -32811 is 401 for a caller who showed no credentials.
TABLE = [
    (-32802, 429, "Too many requests"),
    (-32803, 415, "Unsupported content type"),
    (-32804, 405, "HTTP method not allowed"),
    (-32807, 400, "Unable to decode RPC message body"),
    (-32808, 400, "Arguments validation error"),
    (-32809, 404, "API method not found"),
    (-32810, 400, "Persistent connection is required to call API method"),
    (-32811, 403, "Access denied"),
    (-32812, 401, "Authorization is required"),
    (-32813, 403, "Session is disabled"),
    (-32814, 503, "Backend is down"),
    (-32815, 401, "Session was deleted"),
    (-32816, 503, "Service is shutting down"),
    (400, 400, "Bad Request"),
    (404, 404, "Not Found"),
    (409, 409, "Conflict"),
    (413, 413, "Content Too Large"),
    (500, 500, "Internal Server Error"),
    (-32600, 400, "Invalid Request"),  # of JSON-RPC itself, section 3
]


@pytest.mark.parametrize(("code", "status", "text"), TABLE)
def test_a_code_has_its_status_and_text(code: int, status: int, text: str) -> None:
    """Both are those that the wire's table gives."""
    refusal = Refusal(Code(code))
    assert (refusal.status, refusal.text, str(refusal)) == (status, text, text)


def test_there_are_no_other_codes() -> None:
    """A new code is in the table of the wire too."""
    assert {*Code} == {*ANSWERS} == {code for code, _, _ in TABLE}


def test_who_is_sent_away_for_a_while_learns_for_how_long() -> None:
    """Every code whose status is 429 or 503 has a Retry-After, and no other."""
    waiting = {code for code, status, _ in TABLE if status in {429, 503}}
    assert {*RETRY_AFTER} == waiting
    assert all(seconds >= 1 for seconds in RETRY_AFTER.values())


def test_a_refusal_may_have_its_own_text_and_status() -> None:
    """The code stays what it is."""
    refusal = Refusal(Code.ACCESS_DENIED, "Not you", status=401)
    assert (refusal.code, refusal.text, refusal.status) == (-32811, "Not you", 401)


@pytest.mark.parametrize(
    ("refusal", "code", "status"),
    [
        (bad_request("x"), 400, 400),
        (not_found("x"), 404, 404),
        (conflict("x"), 409, 409),
    ],
)
def test_a_method_refuses_in_one_word(refusal: Refusal, code: int, status: int) -> None:
    """Each word has its code, and the text is the method's."""
    assert (refusal.code, refusal.status, refusal.text) == (code, status, "x")
    assert refusal.faults == ()


def test_faults_come_along() -> None:
    """A refusal of arguments tells every fault, in order."""
    faults = (Fault("/0", "must be string"), Fault("/1", "is not known"))
    refusal = invalid(*faults)
    assert (refusal.code, refusal.status, refusal.faults) == (-32808, 400, faults)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault("/0", "must be string"), 'Value at "/0" must be string'),
        (Fault("/1/a~1b/0", "is required"), 'Value at "/1/a~1b/0" is required'),
        (Fault("", "Invalid number of arguments"), "Invalid number of arguments"),
    ],
)
def test_a_fault_is_one_sentence(fault: Fault, sentence: str) -> None:
    """The place comes first, unless it is the arguments as such."""
    assert str(fault) == sentence
