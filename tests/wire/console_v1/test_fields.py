"""Requests → fields and keys: where they may stand, and what is none."""

import base64
from typing import Any, Final

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from app.console_api import ENDPOINTS, NOTE, TYPE
from app.errors import Refusal
from app.token_format import SESSION_PREFIX, completed
from app.wire.console_v1 import fields
from app.wire.credentials import MALFORMED
from app.wire.http import Received

FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data; boundary=xyz"
SESSION: Final = completed(SESSION_PREFIX, "0" * 30)
[ADD, ROTATE] = ENDPOINTS["/api/v1/token/add"].actions


def received(
    query: str = "", body: bytes = b"", content_type: str = FORM, verb: str = "POST", **headers: str
) -> Received:
    """A request."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    shown = CIMultiDictProxy(CIMultiDict({"Content-Type": content_type, **given}))
    return Received(verb, "/api/v1/token/add", shown, body, query=query)


def parts(*pairs: tuple[str, bytes], end: bytes = b"--xyz--\r\n", more: str = "") -> bytes:
    """A multipart body."""
    heads = ((f'Content-Disposition: form-data; name="{name}"{more}', v) for name, v in pairs)
    return b"".join(b"--xyz\r\n%s\r\n\r\n%s\r\n" % (head.encode(), v) for head, v in heads) + end


@pytest.mark.parametrize("verb", ["GET", "POST", "DELETE", "PUT"])
@pytest.mark.parametrize(
    ("query", "body", "content_type"),
    [
        ("note=a%20b&auth_token=k", b"", ""),
        ("", b"note=a+b&auth_token=k", FORM),
        ("auth_token=k", b"note=a+b", f"{FORM}; charset=UTF-8"),
        ("", parts(("note", b"a b"), ("auth_token", b"k")), MULTIPART),
        ("note=a+b", parts(("auth_token", b"k")), MULTIPART.replace("xyz", '"xyz"')),
        ("", parts(("note", b"a b"), ("auth_token", b"k"), more='; filename="x"'), MULTIPART),
    ],
    ids=["query", "form", "both", "multipart", "query and multipart", "files"],
)
def test_fields_stand_anywhere(verb: str, query: str, body: bytes, content_type: str) -> None:
    """In the query and in forms of both kinds, whatever the verb."""
    found = fields.read(received(query, body, content_type, verb))
    assert found == {"note": ["a b"], "auth_token": ["k"]}


def test_both_places_are_read() -> None:
    """A field that stands in both has both values."""
    assert fields.read(received("note=a&note=b", b"note=c")) == {"note": ["a", "b", "c"]}


def test_names_are_text_in_any_language() -> None:
    """UTF-8 it is, in each kind of form."""
    told = "naïve 鍵 🗝"
    assert fields.read(received(body=parts(("note", told.encode())), content_type=MULTIPART)) == {
        "note": [told]
    }


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b'{"note": "a"}', 415),
        ("", b"note=a", 415),
        (f"{FORM}; charset=latin-1", b"note=a", 415),
        ("multipart/mixed; boundary=xyz", parts(("note", b"a")), 415),
        (FORM, b"note=%ff", 400),
        (FORM, b"note=\xff", 400),
        (FORM, b"&".join([b"a=b"] * 101), 400),
        (FORM, b"note=" + b"a" * 65_536, 413),
        (MULTIPART, parts(("note", b"\xff")), 400),
        (MULTIPART, parts(("note", b"a"), end=b""), 400),
        (MULTIPART, b"nothing of the kind", 400),
        (MULTIPART, parts(*[("a", b"b")] * 101), 400),
        (MULTIPART, parts(("note", b"a" * 65_536)), 413),
        ("multipart/form-data", parts(("note", b"a")), 400),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_form_is_refused(content_type: str, body: bytes, status: int) -> None:
    """Whole: no field is taken of a body that is wrong somewhere."""
    with pytest.raises(Refusal) as caught:
        fields.read(received(body=body, content_type=content_type))
    assert caught.value.status == status


def test_a_query_that_is_no_text_is_refused() -> None:
    """As a body is."""
    with pytest.raises(Refusal) as caught:
        fields.read(received("note=%ff"))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("auth_token=key", {}),
        ("", {"X_Canary_Auth_Token": "key"}),
        ("", {"Authorization": "Bearer key"}),
        ("", {"Authorization": "Basic " + base64.b64encode(b"key:x").decode()}),
        ("", {"X_API_Key": "key"}),
        ("auth_token=key&auth_token=key", {"X_Canary_Auth_Token": "key"}),
        ("auth_token=", {"X_Canary_Auth_Token": "key"}),
    ],
)
def test_a_key_is_shown_in_many_ways(query: str, headers: dict[str, Any]) -> None:
    """However often, if it is the same."""
    request = received(query, **headers)
    assert fields.keys(request, fields.read(request)) == ("key",)


def test_keys_that_differ_are_all_told() -> None:
    """Whoever authenticates refuses them."""
    request = received("auth_token=a", b"auth_token=b", X_Canary_Auth_Token="c")
    assert fields.keys(request, fields.read(request)) == ("a", "b", "c")


@pytest.mark.parametrize("query", ["", "auth_token=", f"auth_token={SESSION}"])
def test_without_a_key_there_is_a_bad_one(query: str) -> None:
    """So nobody is anonymous here, and a session is no key."""
    request = received(query)
    assert fields.keys(request, fields.read(request)) == (MALFORMED,)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ROTATE),
        ({"note": [""], "auth_token_type": [""]}, ROTATE),
        ({"other": ["a"]}, ROTATE),
        ({"note": ["a"]}, ADD),
        ({"auth_token_type": ["admin"]}, ADD),
    ],
)
def test_fields_choose_what_is_meant(given: dict[str, list[str]], expected: object) -> None:
    """The newer meaning, if any field of it is given."""
    assert fields.chosen((ADD, ROTATE), given) is expected


def test_values_are_those_given() -> None:
    """Once, or more often and always the same; others are not looked at."""
    given = {"note": ["a", "a", ""], "auth_token_type": ["admin"], "other": ["a", "b"]}
    assert fields.values(ADD, given) == {NOTE: "a", TYPE: "admin"}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"note": ["a"]}, "auth_token_type is required"),
        ({"note": [""], "auth_token_type": ["admin"]}, "note is required"),
        ({"note": ["a", "b"]}, "note is given twice, and not the same"),
        (
            {"note": ["a"], "auth_token_type": ["Admin"]},
            "auth_token_type must be one of: read-only, analyst, admin",
        ),
    ],
)
def test_values_that_cannot_be_meant_are_refused(given: dict[str, list[str]], text: str) -> None:
    """By the field's name."""
    with pytest.raises(Refusal) as caught:
        fields.values(ADD, given)
    assert (caught.value.status, caught.value.text) == (400, text)
