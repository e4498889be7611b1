"""What holds for every method → the sections that come first."""

from collections.abc import Iterator
from typing import Final

from app.docs.markdown.blocks import bullets, fenced, plain, table
from app.docs.markdown.method import status
from app.errors import ANSWERS, RETRY_AFTER, Code
from app.permissions import PermissionRegistry

_CALLS: Final = """\
A method is called by `POST {url}/v1/MODULE/METHOD`. The body is a JSON array of its arguments in
their order; those that are not required may be left out at the end, or be null. What changes
nothing and requires no argument answers a GET as well. Methods are under `{url}/api/v1` too.

The same methods are there by JSON-RPC 2.0, with arguments by position or by name: `POST {url}/rpc`,
in batches as well, which answers 200 to refusals too; and as a WebSocket at `{url}/api`."""

_CREDENTIALS: Final = (
    "`Authorization: Bearer TOKEN`: an API token, or the `token` that `session/sign-in` answers.",
    "`Authorization: Basic …` with the token as user name and any password: `curl -u TOKEN:`.",
    "`X-API-Key: TOKEN`.",
    "On a WebSocket: `Sec-WebSocket-Protocol: jsonrpc_2.0, TOKEN`.",
    "The cookie of a session, from pages of the service itself.",
)

_JAVASCRIPT: Final = """\
import Api from "{url}/api.js";

const api = new Api("{url}/api/", {{ token: "apt_…" }});"""

_SUCCESS: Final = """\
{"jsonrpc": "2.0", "result": {"status": 200, "status_text": "OK", "exception": false, "data": …}}"""

_REFUSAL: Final = """\
{
  "jsonrpc": "2.0",
  "error": {
    "code": -32808,
    "message": "Arguments validation error",
    "data": {
      "exception": false,
      "meta": {
        "errors": ["Value at \\"/0\\" must be string"],
        "faults": [{"path": "/0", "message": "must be string"}]
      }
    }
  }
}"""


def opening(url: str, permissions: PermissionRegistry) -> Iterator[str]:
    """How to call, who to be, and what comes back."""
    yield "## Calls"
    yield _CALLS.format(url=url)
    yield "In a browser, or in Node.js 22 or newer with a copy of that file:"
    yield fenced("js", _JAVASCRIPT.format(url=url))
    yield "In a shell the token is taken from `TOKEN`."
    yield "## Credentials"
    yield bullets(_CREDENTIALS)
    yield "Two different ones at once are refused."
    yield "## Answers"
    yield "What a method answers is `data`. Lists have a `meta` beside it, which tells of more."
    yield fenced("json", _SUCCESS)
    yield "A refusal has a code and a text, and for wrong arguments a list of what is wrong where."
    yield fenced("json", _REFUSAL)
    yield (
        "In JavaScript either is an object: `res.ok`, `res.status` (200, the code, 0 for no "
        "answer, -32817 for aborted; of a gateway its HTTP status), "
        "`res.statusText`, `res.data`, `res.meta`. The header `X-Request-Id` of an answer names "
        "it in the service's log."
    )
    yield from _permissions(permissions)
    yield from _errors()


def _permissions(known: PermissionRegistry) -> Iterator[str]:
    """Those of this service: its operator names them."""
    yield "## Permissions and roles"
    yield "What users and tokens of this service may hold; examples below have the built-in names."
    yield table(
        ("permission", "title", "", "new users hold it"),
        (
            (f"`{p.name}`", plain(p.title), plain(p.description), "yes" if p.default else "no")
            for p in known.permissions.values()
        ),
    )
    if known.roles:
        yield table(
            ("role", "title", "permissions"),
            (
                (f"`{r.name}`", plain(r.title), ", ".join(f"`{name}`" for name in r.permissions))
                for r in known.roles.values()
            ),
        )


def _errors() -> Iterator[str]:
    yield "## All errors"
    yield (
        "Some have a text of their own in place of this one. Those marked * come with "
        "`Retry-After`. On `/rpc` what JSON-RPC 2.0 defines bears its codes: -32700, -32601 and "
        "-32602 in place of -32807, -32809 and -32808."
    )
    yield table(("code", "HTTP status", "text"), map(_error, ANSWERS))


def _error(code: Code) -> tuple[str, str, str]:
    star = " *" if code in RETRY_AFTER else ""
    return f"`{int(code)}`", f"{status(code)}{star}", ANSWERS[code][1]
