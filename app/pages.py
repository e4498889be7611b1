"""What is there to be read: documents made from the schemas, and the console's files."""

import asyncio
import gzip
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import orjson
from multidict import CIMultiDictProxy

from app import docs
from app.registry import Registry
from app.wire.cookies import is_https
from app.wire.headers import verb_refused
from app.wire.http import Answer, Received, host

CONSOLE: Final = Path(__file__).parent / "console"
_JSON: Final = "application/json"
_SCRIPT: Final = "text/javascript; charset=utf-8"
_TEXT: Final = "text/plain; charset=utf-8"
_PAGE: Final = "text/html; charset=utf-8"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": _PAGE,
    ".js": _SCRIPT,
    ".svg": "image/svg+xml",
}
# The reference has no scripts, and shows nothing that is not in it.
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
# The console has nothing from elsewhere, nothing that stands between other things, and is no part
# of anybody's page.
_CONSOLE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Page:
    """One document: its type, what makes its text, and what it may do in a browser."""

    content_type: str
    make: Callable[[], bytes]
    policy: str = _POLICY

    @cached_property
    def text(self) -> bytes:
        """The document, made when it is first wanted."""
        return self.make()

    @property
    def is_made(self) -> bool:
        """Whether it was wanted before."""
        return "text" in self.__dict__

    def at(self, url: str) -> bytes:
        """The document for readers who know the service by this URL."""
        return self.text.replace(docs.URL.encode(), url.encode())


class Pages:
    """The documents by their paths."""

    def __init__(self, registry: Registry) -> None:
        release = version("api-tokens")

        def page() -> bytes:
            return docs.page(docs.markdown(registry, release, docs.URL)).encode()

        self._pages = {
            "/docs": Page(_PAGE, page),
            "/openrpc.json": Page(_JSON, lambda: _json(docs.openrpc(registry, release))),
            "/openapi.json": Page(_JSON, lambda: _json(docs.openapi(registry, release))),
            "/api.js": Page(_SCRIPT, (CONSOLE / "api.js").read_bytes),
            "/api.d.ts": Page(_TEXT, lambda: docs.typescript(registry).encode()),
            **_console(),
        }

    @property
    def paths(self) -> Iterable[str]:
        """Where they are."""
        return self._pages

    async def answer(self, received: Received, request_id: str) -> Answer:
        """The document that a request asks for."""
        page = self._pages[received.path]
        if received.verb not in {"GET", "HEAD"}:
            return verb_refused(request_id, "GET", "HEAD")
        if not page.is_made:  # that takes long enough for others to notice
            await asyncio.to_thread(lambda: page.text)
        return _answer(page, received.headers, request_id)


def _console() -> dict[str, Page]:
    """The files of the console by their paths; api.js has a place of its own."""
    files = [path for path in CONSOLE.iterdir() if path.suffix in _TYPES and path.stem != "api"]
    pages = {
        f"/console/{path.name}": Page(_TYPES[path.suffix], path.read_bytes, _CONSOLE_POLICY)
        for path in files
    }
    return {"/": pages.pop("/console/index.html"), **pages}


def _json(document: Mapping[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def _answer(page: Page, headers: CIMultiDictProxy[str], request_id: str) -> Answer:
    packs = _takes_gzip(headers)
    body = page.at(_url(headers))
    body = _packed(body) if packs else body
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    given = {
        "Content-Type": page.content_type,
        "Cache-Control": "no-cache",
        "ETag": etag,
        "Vary": "Accept-Encoding, Origin, X-Forwarded-Proto",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": page.policy,
        "Referrer-Policy": "no-referrer",
        "Server": "api-tokens",
        "X-Request-Id": request_id,
        **({"Content-Encoding": "gzip"} if packs else {}),
    }
    # Gateways that compress mark a tag as weak; it counts all the same (RFC 9110, section 13.1.2).
    known = {tag.strip().removeprefix("W/") for tag in headers.get("If-None-Match", "").split(",")}
    return Answer(304, b"", given) if known & {etag, "*"} else Answer(200, body, given)


def _takes_gzip(headers: CIMultiDictProxy[str]) -> bool:
    """Whether a reader says that it does, without conditions."""
    return "gzip" in {name.strip() for name in headers.get("Accept-Encoding", "").split(",")}


@lru_cache(maxsize=32)
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=6, mtime=0)


def _url(headers: CIMultiDictProxy[str]) -> str:
    """Where the reader found us."""
    given = host(headers)
    return f"{'https' if is_https(headers) else 'http'}://{given}" if given else docs.URL
