"""The console's session cookie: when it counts, and how it is set (RFC 6265)."""

from typing import Final
from urllib.parse import urlsplit

from multidict import CIMultiDictProxy

from app.call import Kept
from app.token_format import SESSION_PREFIX, is_session

NAME: Final = "api_tokens_session"
# Stands for a cookie that holds no session: nothing else is taken from one, a token least of all.
DEAD: Final = f"{SESSION_PREFIX}_"


def sessions(headers: CIMultiDictProxy[str]) -> list[str]:
    """The session secrets a browser sends; none if another site's page made it send them."""
    found = [
        value
        for header in headers.getall("Cookie", ())
        for name, _, value in (pair.strip().partition("=") for pair in header.split(";"))
        if name == NAME and value
    ]
    if not found or not _is_own_page(headers):
        return []
    return [value if is_session(value) else DEAD for value in found]


def setting(kept: Kept, headers: CIMultiDictProxy[str]) -> str:
    """The Set-Cookie header that makes the browser keep a session, or forget it."""
    secure = "; Secure" if is_https(headers) else ""
    return (
        f"{NAME}={kept.secret}; Path=/; Max-Age={kept.seconds}; HttpOnly; SameSite=Strict{secure}"
    )


def _is_own_page(headers: CIMultiDictProxy[str]) -> bool:
    """Whether the page that calls came from here.

    Browsers say so (https://www.w3.org/TR/fetch-metadata), or at least where the page came from;
    the scheme is not compared: a gateway in front of us may speak another one.
    """
    site, host = headers.get("Sec-Fetch-Site"), headers.get("Host", "").lower()
    if site is not None:
        return site == "same-origin"
    return host != "" and _host(headers.get("Origin", "")) == host


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def is_https(headers: CIMultiDictProxy[str]) -> bool:
    """Whether the browser speaks TLS, to us or to a gateway."""
    if headers.get("Origin", "").startswith("https://"):
        return True
    # Of several gateways the first one, which the browser spoke to, stands first.
    return headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower() == "https"
