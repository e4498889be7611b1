import base64

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from app.token_format import is_well_formed
from app.wire.cookies import NAME
from app.wire.credentials import MALFORMED, credentials

TOKEN = "apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo41Q5rX"
OWN = "correct-horse-battery-staple"
SESSION = "session_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo0QkdzH"


def shown(*headers: tuple[str, str]) -> tuple[str, ...]:
    """The credentials in these headers."""
    return credentials(CIMultiDictProxy(CIMultiDict(headers)))


def basic(pair: str | bytes, scheme: str = "Basic") -> str:
    """The value of an Authorization header as `curl -u` makes it."""
    raw = pair if isinstance(pair, bytes) else pair.encode()
    return f"{scheme} {base64.b64encode(raw).decode()}"


def test_no_header_is_no_credential() -> None:
    """Headers that are none of ours carry none."""
    assert shown(("Content-Type", "application/json"), ("Proxy-Authorization", TOKEN)) == ()


@pytest.mark.parametrize(
    "value",
    [
        f"Bearer {TOKEN}",
        f"bearer {TOKEN}",
        f"BEARER {TOKEN}",
        f"Bearer   {TOKEN}",
        f"  Bearer {TOKEN}  ",
        TOKEN,
        f" {TOKEN} ",
        basic(f"{TOKEN}:X"),
        basic(f"{TOKEN}:"),
        basic(TOKEN),
        basic(f"{TOKEN}:a:b:c"),
        basic(f"{TOKEN}:pässword"),
        basic(f"{TOKEN}:X", "basic"),
        basic(f"{TOKEN}:X", "BASIC"),
        basic(f"{TOKEN}:X", "Basic  "),
    ],
)
def test_reads_an_authorization(value: str) -> None:
    """Bearer and Basic in any case, and a bare token, mean the same token."""
    assert shown(("Authorization", value)) == (TOKEN,)


@pytest.mark.parametrize("name", ["X-API-Key", "x-api-key", "X-Api-Key"])
@pytest.mark.parametrize("value", [TOKEN, f" {TOKEN} "])
def test_reads_an_api_key(name: str, value: str) -> None:
    """The header of many clients and gateways."""
    assert shown((name, value)) == (TOKEN,)


@pytest.mark.parametrize("token", [OWN, "!" * 20, "a,b;c=d/e+f~g@h#i$j%k", "x" * 512])
def test_reads_an_own_value(token: str) -> None:
    """Any visible characters, in each place."""
    assert shown(("Authorization", f"Bearer {token}"), ("X-API-Key", token)) == (token,)
    assert shown(("Authorization", basic(f"{token}:X"))) == (token,)


def test_basic_ends_at_the_first_colon() -> None:
    """The user name holds no colon (RFC 7617), the password may."""
    assert shown(("Authorization", basic("one:two:three"))) == ("one",)


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", f"Bearer {TOKEN}"), ("Authorization", f"Bearer {TOKEN}")],
        [("Authorization", f"Bearer {TOKEN}"), ("authorization", basic(f"{TOKEN}:X"))],
        [("Authorization", TOKEN), ("X-API-Key", TOKEN)],
        [("X-API-Key", TOKEN), ("X-API-Key", TOKEN), ("Authorization", f"bearer {TOKEN}")],
    ],
)
def test_the_same_twice_is_one(headers: list[tuple[str, str]]) -> None:
    """A gateway may add what the client sent already."""
    assert shown(*headers) == (TOKEN,)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Authorization", f"Bearer {TOKEN}"), ("X-API-Key", OWN)], (TOKEN, OWN)),
        ([("Authorization", TOKEN), ("Authorization", OWN)], (TOKEN, OWN)),
        ([("X-API-Key", OWN), ("X-API-Key", TOKEN)], (OWN, TOKEN)),
        (
            [("Authorization", f"Bearer {TOKEN}"), ("X-API-Key", TOKEN.lower())],
            (TOKEN, TOKEN.lower()),
        ),
    ],
)
def test_different_ones_are_all_there(
    headers: list[tuple[str, str]], expected: tuple[str, ...]
) -> None:
    """None is preferred and none is lost: the call will be refused."""
    assert shown(*headers) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "Bearer",
        "bearer ",
        "Basic",
        "Basic ",
        "Digest username=x",
        "Negotiate YII=",
        f"Token {TOKEN}",
        f"Bearer: {TOKEN}",
        "Basic not-base64",
        "Basic ====",
        "Basic 4pi",
        basic(b"\xff\xfe:X"),
        basic(":password"),
        basic(""),
        f"Basic {TOKEN}:X",
        f"Basic {basic(TOKEN)}",
    ],
)
def test_a_header_without_a_token_counts(value: str) -> None:
    """Who tries to show a credential and fails is not taken for somebody who showed none."""
    assert shown(("Authorization", value)) == (MALFORMED,)


@pytest.mark.parametrize(
    "value",
    [f"Bearer {TOKEN} x", f"Bearer {TOKEN},{TOKEN}", f"Bearer\t{TOKEN}", "\udcff", "Ünïcödé"],
)
def test_garbage_is_no_token(value: str) -> None:
    """Whatever is made of it, it is one credential that no token is spelled like."""
    [credential] = shown(("Authorization", value))
    assert not is_well_formed(credential, "apt")


def test_an_empty_key_counts() -> None:
    """`X-API-Key:` with nothing behind it is a credential that is none."""
    assert shown(("X-API-Key", " ")) == (MALFORMED,)


def test_a_malformed_one_beside_a_good_one_counts() -> None:
    """Two headers that differ are refused even if only one could be a token."""
    headers = [("Authorization", "Digest x=y"), ("X-API-Key", TOKEN)]
    assert shown(*headers) == (MALFORMED, TOKEN)


def test_what_stands_for_malformed_is_no_token() -> None:
    """It is refused as a token before any database is asked."""
    assert not is_well_formed(MALFORMED, "apt")


# The console's cookie

COOKIE = ("Cookie", f"{NAME}={SESSION}")
OWN_PAGE = ("Sec-Fetch-Site", "same-origin")


def test_a_session_is_a_credential_wherever_it_is() -> None:
    """As a cookie, as a bearer, as a key; the same one twice is one."""
    bearer = ("Authorization", f"Bearer {SESSION}")
    assert shown(OWN_PAGE, COOKIE) == (SESSION,)
    assert shown(bearer, ("X-API-Key", SESSION)) == (SESSION,)
    assert shown(OWN_PAGE, COOKIE, bearer) == (SESSION,)


@pytest.mark.parametrize("other", [TOKEN, OWN, f"{SESSION}x"])
def test_a_cookie_beside_another_credential_counts(other: str) -> None:
    """The call will be refused: neither is silently preferred."""
    assert shown(OWN_PAGE, COOKIE, ("Authorization", f"Bearer {other}")) == (other, SESSION)


def test_a_cookie_from_elsewhere_does_not_disturb_another_credential() -> None:
    """What is as if it were not there does not count as a second one either."""
    assert shown(COOKIE, ("Authorization", f"Bearer {TOKEN}")) == (TOKEN,)
