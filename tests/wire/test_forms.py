import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from app.errors import Refusal
from app.wire.forms import FORM, LONGEST, decode, single
from app.wire.http import Received


def received(body: bytes, content_type: str = FORM) -> Received:
    """A form as it arrives."""
    headers = CIMultiDictProxy(CIMultiDict({"Content-Type": content_type} if content_type else {}))
    return Received("POST", "/oauth2/revoke", headers, body)


def refusal(body: bytes, content_type: str = FORM) -> int:
    """The status with which a form is refused."""
    with pytest.raises(Refusal) as caught:
        decode(received(body, content_type))
    return caught.value.status


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", {}),
        (b"&", {}),
        (b"token=a", {"token": ["a"]}),
        (b"token=a&hint=b", {"token": ["a"], "hint": ["b"]}),
        (b"token=a&token=b", {"token": ["a", "b"]}),
        (b"token=", {"token": [""]}),
        (b"token", {"token": [""]}),
        (b"token=a=b", {"token": ["a=b"]}),
        (b"token=a+b%2Bc%26d%3D", {"token": ["a b+c&d="]}),
        (b"token=%C3%A9\xc3\xa9", {"token": ["éé"]}),
        (b"token=%zz%", {"token": ["%zz%"]}),
        (b"a;token=b", {"a;token": ["b"]}),
    ],
)
def test_a_body_is_its_fields(body: bytes, fields: dict[str, list[str]]) -> None:
    """As browsers write them."""
    assert decode(received(body)) == fields


@pytest.mark.parametrize(
    "content_type",
    [
        "APPLICATION/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=UTF-8",
        'application/x-www-form-urlencoded;charset="utf-8"',
    ],
)
def test_the_type_may_have_a_charset(content_type: str) -> None:
    """There is one that is understood."""
    assert decode(received(b"token=a", content_type)) == {"token": ["a"]}


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=latin-1",
        "application/x-www-form-urlencoded-2",
    ],
)
def test_anything_else_is_no_form(content_type: str) -> None:
    """It is refused for its type, whatever is in it."""
    assert refusal(b"token=a", content_type) == 415


@pytest.mark.parametrize("body", [b"token=%FF", b"token=\xff", b"%C3=a", b"&" * 100 + b"token=a"])
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    """Text that is not in UTF-8, and more fields than anybody has."""
    assert refusal(body) == 400


def test_a_long_form_is_refused() -> None:
    """It would hold up everybody else."""
    assert refusal(b"token=" + b"a" * LONGEST) == 413
    assert decode(received(b"token=" + b"a" * (LONGEST - 6)))


@pytest.mark.parametrize("fields", [{}, {"token": [""]}, {"token": ["a", "a"]}, {"Token": ["a"]}])
def test_a_single_field_stands_there_once(fields: dict[str, list[str]]) -> None:
    """An empty one counts as none; that one of several is meant cannot be told."""
    with pytest.raises(Refusal) as caught:
        single(fields, "token")
    assert caught.value.text == "token must be given, once"


def test_a_single_field_has_its_value() -> None:
    """Others do not matter, however often they are there."""
    assert single({"token": ["a"], "x": ["b", "c"]}, "token") == "a"
