"""What other back ends and gateways speak of themselves → its section."""

from collections.abc import Iterator
from typing import Final

from app.docs.headings import link
from app.docs.markdown.blocks import fenced, table
from app.docs.markdown.gateways import gateway_blocks
from app.registry import Registry

STANDARDS: Final = "Back ends and gateways"
_OPENING: Final = """\
What is itself called with tokens asks about each of them: {verify}. What speaks one of these
standards need not be told how."""

_INTROSPECTION: Final = """\
`POST {url}/oauth2/introspect` with a form whose `token` is asked about. The caller needs permission
`verify`, and shows a token as everywhere; to a library of OAuth 2.0 it is the client's id, with any
secret."""
_INTROSPECT: Final = """\
curl -X POST '{url}/oauth2/introspect' \\
    -H "Authorization: Bearer $TOKEN" \\
    -d 'token=apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo41Q5rX'"""
_ACTIVE: Final = """\
{
  "active": true,
  "scope": "read",
  "client_id": "01900000-0000-7000-8000-000000000001",
  "username": "root",
  "sub": "01900000-0000-7000-8000-000000000002",
  "jti": "01900000-0000-7000-8000-000000000001",
  "iat": 1795299912,
  "exp": 1797891912,
  "token_type": "Bearer"
}"""
_INACTIVE: Final = """\
`client_id` and `jti` are the token's id, `sub` is the user's; without `exp` it does not expire. The
answer about any token that is not good is `{"active": false}`."""

_REVOCATION: Final = """\
`POST {url}/oauth2/revoke` with a form whose `token` is to end. Whoever holds it may do that, and
needs nothing else. The answer is 200, whether or not there was such a token."""
_REVOKE: Final = """\
curl -X POST '{url}/oauth2/revoke' -d 'token=apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo41Q5rX'"""

_ERRORS: Final = (
    ("`invalid_request`", "400, 405, 408, 413, 415", "It is no form, or does not have one token."),
    ("`invalid_client`", "401", "The caller's own token is missing, or not good."),
    ("`insufficient_scope`", "403", "The caller does not have permission `verify`."),
    ("`server_error`", "500", "The service failed."),
    ("`temporarily_unavailable`", "503", "The database is out of reach, or the service ends."),
)

_FORWARD_AUTH: Final = """\
A gateway asks `{url}/auth`, with any verb and the headers of the request it has received itself,
whether to let that pass. The credential is taken from `Authorization` or `X-API-Key`, and never
from a cookie. `?permission=read` asks for a permission too, `?permission=read&permission=write` for
both. Browsers send no credential when they ask by OPTIONS what a page may do: that is for the
gateway to answer."""
_ANSWERS: Final = (
    ("204", "Good. With `?status=200` this is a 200, which Envoy wants."),
    ("401", "No good token; `WWW-Authenticate` tells if there was one at all."),
    ("403", "It misses a permission, or the gateway's own token is wrong."),
    ("400", "There is no such permission, or there are two credentials that differ."),
    ("503", "The database is out of reach, or the service ends."),
)
_IDENTITY: Final = """\
With a good answer come `X-User-Id`, `X-User-Name`, `X-Token-Id`, `X-Token-Name` and, with spaces
between them, `X-Permissions`. In names, what is not visible ASCII is percent-encoded UTF-8
(`%C3%A9` is é), and so is %. The gateway must set all of them, or callers can forge the others.

With `--gateway-token` the gateway must show that secret as `X-Gateway-Token`; without, whoever can
reach `/auth` can ask it."""


def standards_section(registry: Registry, url: str) -> Iterator[str]:
    """The blocks of the section."""
    verify = registry.methods["/v1/api-tokens/verify"].schema["summary"]
    yield f"## {STANDARDS}"
    yield _OPENING.format(verify=link(verify))
    yield "### Introspection (RFC 7662)"
    yield _INTROSPECTION.format(url=url)
    yield fenced("sh", _INTROSPECT.format(url=url))
    yield fenced("json", _ACTIVE)
    yield _INACTIVE
    yield "### Revocation (RFC 7009)"
    yield _REVOCATION.format(url=url)
    yield fenced("sh", _REVOKE.format(url=url))
    yield "Refusals of these two are a JSON object with an `error`:"
    yield table(("error", "HTTP status", ""), _ERRORS)
    yield "### Forward-auth"
    yield _FORWARD_AUTH.format(url=url)
    yield table(("HTTP status", ""), _ANSWERS)
    yield _IDENTITY
    yield from gateway_blocks(url)
