import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from app.call import FORGOTTEN, Kept
from app.token_format import SESSION_PREFIX, completed, is_well_formed
from app.wire.cookies import DEAD, NAME, sessions, setting
from app.wire.credentials import credentials

SECRET = completed(SESSION_PREFIX, "a" * 30)
OTHER = completed(SESSION_PREFIX, "b" * 30)
TOKEN = completed("apt", "a" * 30)
OWN_PAGE = [("Sec-Fetch-Site", "same-origin")]


def headers(*given: tuple[str, str]) -> CIMultiDictProxy[str]:
    """The headers of a request."""
    return CIMultiDictProxy(CIMultiDict(given))


def sent(*cookies: str) -> list[str]:
    """The sessions in these Cookie headers of our own page."""
    return sessions(headers(*OWN_PAGE, *(("Cookie", cookie) for cookie in cookies)))


@pytest.mark.parametrize(
    "cookies",
    [
        [f"{NAME}={SECRET}"],
        [f"a=b; {NAME}={SECRET}; c=d"],
        [f"a=b;{NAME}={SECRET};c=d"],
        [f"  {NAME}={SECRET}  "],
        [f"; ;{NAME}={SECRET};;"],
        [f"a; =b; {NAME}; {NAME}=; {NAME}={SECRET}"],
        [f'a="{NAME}={OTHER}"; {NAME}={SECRET}'],
        ["a=b", f"{NAME}={SECRET}", "c=d"],
        [f"x={'y' * 100_000}; {NAME}={SECRET}"],
        [f"\udcff=\udcff; {NAME}={SECRET}"],
    ],
    ids=lambda cookies: cookies[0][:20],
)
def test_finds_the_session(cookies: list[str]) -> None:
    """Whatever other cookies there are beside it, and however they are spelled."""
    assert sent(*cookies) == [SECRET]


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        ";",
        "=",
        NAME,
        f"{NAME}=",
        f"{NAME};",
        f"{NAME.upper()}={SECRET}",
        f"x{NAME}={SECRET}",
        f"{NAME}x={SECRET}",
        f"={NAME}={SECRET}",
        f"a={NAME}={SECRET}",
        f"$Version=1,{NAME}={SECRET}",
    ],
)
def test_other_cookies_are_none(cookie: str) -> None:
    """No cookie of ours, or an empty one, is as if there were none."""
    assert sent(cookie) == []


@pytest.mark.parametrize(
    "value",
    [
        TOKEN,
        f'"{SECRET}"',
        "correct-horse-battery-staple",
        SECRET.upper(),
        f"%20{SECRET}",
        "=",
        "x",
    ],
)
def test_a_cookie_holds_a_session_and_nothing_else(value: str) -> None:
    """An API token in it does not count as one: what is there is a session that has ended."""
    assert sent(f"{NAME}={value}") == [DEAD]


def test_what_stands_for_a_dead_session_is_none() -> None:
    """It is refused before any database is asked."""
    assert not is_well_formed(DEAD, SESSION_PREFIX)


def test_finds_every_session() -> None:
    """Two cookies that differ are two credentials: none is preferred."""
    assert sent(f"{NAME}={SECRET}; {NAME}={OTHER}") == [SECRET, OTHER]
    assert sent(f"{NAME}={OTHER}", f"{NAME}={SECRET}") == [OTHER, SECRET]


# Whose page it is


@pytest.mark.parametrize(
    "given",
    [
        [("Sec-Fetch-Site", "same-origin")],
        [("Sec-Fetch-Site", "same-origin"), ("Origin", "null")],
        [("Origin", "http://tokens.example"), ("Host", "tokens.example")],
        [("Origin", "https://tokens.example"), ("Host", "tokens.example")],
        [("Origin", "http://tokens.example:8080"), ("Host", "tokens.example:8080")],
        [("Origin", "http://[::1]:8080"), ("Host", "[::1]:8080")],
        [("Origin", "http://tokens.example"), ("Host", "Tokens.Example")],
    ],
)
def test_believes_our_own_page(given: list[tuple[str, str]]) -> None:
    """The browser says so, or names the very host it speaks to as the page's origin."""
    assert sessions(headers(*given, ("Cookie", f"{NAME}={SECRET}"))) == [SECRET]


@pytest.mark.parametrize(
    "given",
    [
        [],
        [("Host", "tokens.example")],
        [("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "same-site")],
        [("Sec-Fetch-Site", "none")],
        [("Sec-Fetch-Site", "")],
        [("Sec-Fetch-Site", "Same-Origin")],
        [
            ("Sec-Fetch-Site", "cross-site"),
            ("Origin", "http://tokens.example"),
            ("Host", "tokens.example"),
        ],
        [("Origin", "http://evil.example"), ("Host", "tokens.example")],
        [("Origin", "http://evil.tokens.example"), ("Host", "tokens.example")],
        [("Origin", "http://tokens.example.evil.example"), ("Host", "tokens.example")],
        [("Origin", "http://tokens.example:81"), ("Host", "tokens.example")],
        [("Origin", "http://tokens.example"), ("Host", "tokens.example:81")],
        [("Origin", "http://tokens.example@evil.example"), ("Host", "tokens.example")],
        [("Origin", "tokens.example"), ("Host", "tokens.example")],
        [("Origin", "null"), ("Host", "tokens.example")],
        [("Origin", "null"), ("Host", "null")],
        [("Origin", ""), ("Host", "")],
        [("Origin", "null")],
        [("Origin", "http://[")],
        [("Origin", "http://["), ("Host", "")],
        [("Referer", "http://tokens.example/"), ("Host", "tokens.example")],
        [("Origin", "http://evil.example"), ("X-Forwarded-Host", "evil.example"), ("Host", "x")],
    ],
)
def test_believes_no_other_page(given: list[tuple[str, str]]) -> None:
    """A cookie that a page of another site made a browser send is as if there were none."""
    found = headers(*given, ("Cookie", f"{NAME}={SECRET}"))
    assert sessions(found) == []
    assert credentials(found) == ()


# How it is set


def test_sets_a_cookie_for_this_site_alone() -> None:
    """No script can read it, no other site makes a browser send it."""
    assert setting(Kept(SECRET, 60), headers()) == (
        f"{NAME}={SECRET}; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"
    )


def test_forgets_a_cookie() -> None:
    """The same cookie with nothing in it, which ends at once."""
    assert setting(FORGOTTEN, headers()) == (
        f"{NAME}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
    )


@pytest.mark.parametrize(
    ("given", "secure"),
    [
        ([("Origin", "https://tokens.example")], True),
        ([("X-Forwarded-Proto", "https")], True),
        ([("X-Forwarded-Proto", "HTTPS")], True),
        ([("X-Forwarded-Proto", "https, http")], True),
        ([("Origin", "http://tokens.example"), ("X-Forwarded-Proto", "https")], True),
        ([("Origin", "http://tokens.example")], False),
        ([("Origin", "httpsx://tokens.example")], False),
        ([("X-Forwarded-Proto", "http")], False),
        ([("X-Forwarded-Proto", "http, https")], False),
        ([("X-Forwarded-Proto", "httpsx")], False),
        ([("Origin", "null")], False),
        ([], False),
    ],
)
def test_is_secure_where_the_browser_speaks_tls(given: list[tuple[str, str]], secure: bool) -> None:
    """Such a cookie is never sent in the clear; without TLS it could not be set at all."""
    assert setting(Kept(SECRET, 60), headers(*given)).endswith("; Secure") is secure
