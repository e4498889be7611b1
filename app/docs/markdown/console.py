"""The older console REST API, out of its table → its section."""

from collections.abc import Iterator
from typing import Final

from app.console_api import ENDPOINTS, Action, Endpoint, Field
from app.docs.markdown.blocks import fenced, table
from app.permissions import ADMIN

CONSOLE: Final = "Older console API"
_OPENING: Final = """\
Clients of Thinkst Canary's console API go on working: only host and key change. Its keys are API
tokens like all others: a key's type is a role, its note is the token's name, and its `key_id` the
short id that `api-tokens/read` shows too. Fields may stand in the query and in a form (also
`multipart/form-data`), whatever the verb, DELETE included. The key that calls is the field
`auth_token`, or stands in the header `X-Canary-Auth-Token`; sessions are no keys.

Answers are JSON objects: `{"result": "success", …}`, or with another status
`{"message": "…", "result": "error"}`. The message `Invalid auth_token` (401) means the key itself;
`API is disabled` (403) that no key is taken until somebody who has signed in changes that."""
_KEYS: Final = """\
Secrets are shown once: `auth_token` is a key's secret in the answer of `add`, and elsewhere a hint,
and `download` has the file of the key that calls. Where the operator has sealed copies kept
(`--recovery-key-file`), `list` and `download` show administrators the secrets of keys made since,
each time with an audit event."""
_KEY: Final = """\
{
  "auth_token": "apt_…Q5rX",
  "auth_token_type": "Read-Only",
  "created": "2026-11-29 12:00:00 UTC+0000",
  "created_by": "Global-API-Token[key_id:61c88647]",
  "key_id": "c3910c8e",
  "note": "ci"
}"""
_EXAMPLES: Final = {"note": "ci", "auth_token_type": "read-only", "key_id": "$KEY_ID"}


def console_section(url: str) -> Iterator[str]:
    """The blocks of the section."""
    yield f"## {CONSOLE}"
    yield _OPENING
    yield table(
        ("endpoint", "fields", "", "permission"),
        (_row(endpoint, action) for endpoint in ENDPOINTS.values() for action in endpoint.actions),
    )
    yield (
        "Those with another name in brackets are deprecated, and say so (`Deprecation`, `Link`). "
        "Without fields they are those of the first generation, with one key for all."
    )
    yield "A key, as `add` and `list` show it:"
    yield fenced("json", _KEY)
    yield _KEYS
    for endpoint in ENDPOINTS.values():
        if not endpoint.successor:
            yield fenced("sh", _curl(endpoint, url))


def _row(endpoint: Endpoint, action: Action) -> tuple[str, str, str, str]:
    instead = f" (`{endpoint.successor}`)" if endpoint.successor else ""
    fields = ", ".join(_field(field, action) for field in action.fields)
    permission = f"`{ADMIN}`" if action.permission == ADMIN else "any key"
    return f"`{endpoint.verb} {endpoint.path}`{instead}", fields, action.summary, permission


def _field(field: Field, action: Action) -> str:
    values = f" ({', '.join(field.values)})" if field.values else ""
    return f"`{field.name}`{'' if field in action.required else '?'}{values}"


def _curl(endpoint: Endpoint, url: str) -> str:
    verb = "" if endpoint.verb == "GET" else f" -X {endpoint.verb}"
    get = " -G" if endpoint.verb == "GET" else ""
    fields = ['-d "auth_token=$TOKEN"']
    fields += [f'-d "{f.name}={_EXAMPLES[f.name]}"' for f in endpoint.actions[0].required]
    return f"curl{verb}{get} '{url}{endpoint.path}' \\\n    " + " ".join(fields)
