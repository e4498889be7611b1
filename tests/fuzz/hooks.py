"""What schemathesis does beside its own: puts back what calls take away, and checks some more."""

import asyncio
import atexit
import json
import os
import re
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any, Final, TypeAlias

import asyncpg
import schemathesis
from schemathesis.checks import CheckContext
from schemathesis.specs.openapi.checks import negative_data_rejection

from app import console_api

Case: TypeAlias = schemathesis.Case[Any]

# What only schemas say of arguments.
_OF_SCHEMAS: Final = re.compile(
    r"Invalid number of arguments"
    r"|is (not known|required)"
    r"|must be (one of: .*|((string|integer|number|boolean|object|array|null)( or )?)+)"
    r"|must (have at (least|most) \d+ (characters|items|entries)|be at (least|most) \d+)"
    r"|must match .*"
)
# What can be meant where schemas take any text. Texts that schemas refuse are left as they are.
_WORDS: Final = {
    "role": ("read-only", "read-write", "analyst", "admin"),
    "expires": ("1h", "30d", "2099-12-31T23:59:59Z", "2001-01-01T00:00:00Z"),
    "created": ("2001-01-01T00:00:00Z", "2099-12-31T23:59:59Z"),
    "owner": ("me", "all", "root", "alice"),
    "permissions": ("read", "write", "admin", "verify"),
}
_LONGEST: Final = 64
_LOOP: Final = asyncio.new_event_loop()
_CONNECTIONS: Final[list[Any]] = []
# Operation → statuses it has answered with, and how often.
_STATUSES: Final[dict[str, dict[int | str, int]]] = defaultdict(lambda: defaultdict(int))


async def _put_back() -> None:
    if not _CONNECTIONS:
        _CONNECTIONS.append(await asyncpg.connect(os.environ["FUZZ_DATABASE_URL"]))
    await _CONNECTIONS[0].execute("select put_back()")


@atexit.register
def _report() -> None:
    Path(os.environ["FUZZ_STATUSES"]).write_text(json.dumps(_STATUSES), "utf-8")


@schemathesis.hook
def after_call(
    context: schemathesis.HookContext, case: Case, response: schemathesis.Response
) -> None:
    """Note the status; have the callers, and what examples speak of, as they were."""
    seen = _STATUSES[case.operation.label]
    seen[response.status_code] += 1
    if b'"active":true' in response.content:
        seen["active"] += 1
    if case.method in {"POST", "DELETE"} and response.status_code == 200:
        _LOOP.run_until_complete(_put_back())


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Say what can be meant in about half of the places for it: what is made up never is."""
    return [_meant(part) for part in body] if isinstance(body, list) else body


def _meant(value: Any) -> Any:
    if isinstance(value, list):
        return [_meant(part) for part in value]
    if not isinstance(value, dict):
        return value
    return {name: _member(name, member) for name, member in value.items()}


def _member(name: str, value: Any) -> Any:
    if name == "permissions" and isinstance(value, dict):
        return {_word(name, key): granted for key, granted in value.items()}
    return _word(name, value) if name in _WORDS and isinstance(value, str) else _meant(value)


def _word(name: str, text: str) -> str:
    """A word in place of a text, which one the text tells: no run differs from another."""
    kind, rest = divmod(zlib.crc32(text.encode("utf-8", "surrogatepass")), 2)
    return text if rest or len(text) > _LONGEST else _WORDS[name][kind % len(_WORDS[name])]


@schemathesis.check
def what_does_not_fit_is_refused(
    ctx: CheckContext, response: schemathesis.Response, case: Case
) -> None:
    """Arguments that are not as the schema says are refused; /rpc does that with status 200."""
    if isinstance(case.body, list) and case.path != "/rpc":
        negative_data_rejection(ctx, response, case)


@schemathesis.check
def what_fits_is_taken(ctx: CheckContext, response: schemathesis.Response, case: Case) -> None:
    """Arguments that are as the schema says are not refused for what schemas say."""
    is_positive = case.meta is not None and case.meta.generation.mode.is_positive
    if not is_positive or response.status_code != 400 or case.path == "/auth":
        return
    if console_api.is_below(case.path):
        text = response.json()["message"]
        assert not text.endswith("is required"), text
        assert "must be one of" not in text, text
        return
    assert not case.path.startswith("/oauth2/"), "a form that is as the schema says"
    for fault in response.json()["error"]["data"]["meta"].get("faults", []):
        message = f"{fault['path']} {fault['message']}"
        assert not _OF_SCHEMAS.fullmatch(fault["message"]), message


@schemathesis.check
def only_void_calls_are_answered_nothing(
    ctx: CheckContext, response: schemathesis.Response, case: Case
) -> None:
    """Methods answer null only where they have nothing else to answer, or are asked to."""
    answer = case.operation.definition.raw["responses"].get("200", {})
    if response.status_code != 200 or not case.path.startswith("/v1/"):
        return
    schema = answer["content"]["application/json"]["schema"]["properties"]["result"]
    data = schema["allOf"][1]["properties"]["data"]
    is_void = case.headers is not None and case.headers.get("X-Api-Void-Call") == "true"
    if data != {"type": "null"} and not is_void:
        assert response.json()["result"]["data"] is not None
