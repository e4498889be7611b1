"""A method's example → the call as it is written in JavaScript, and as it is pasted in a shell."""

import shlex
from collections.abc import Mapping
from typing import Any

from app.docs.markdown.literals import JAVASCRIPT, JSON
from app.registry import Method


def javascript_call(method: Method, example: Mapping[str, Any]) -> str:
    """The call with api.js: `const res = await api.call(…);`."""
    call = f'const res = await api.call("{method.name}"'
    for argument in _arguments(example):
        call += ", "
        call += JAVASCRIPT.written(argument, len(call.rpartition("\n")[2]) + len(");"))
    return call + ");"


def curl_call(method: Method, example: Mapping[str, Any], url: str) -> str:
    """A complete curl command; the token is in $TOKEN, so that it is not in anybody's history."""
    authorization = '-H "Authorization: Bearer $TOKEN" ' if method.permission != "guest" else ""
    lines = [
        f"curl -X POST {shlex.quote(url + method.name)}",
        f"{authorization}-H 'Content-Type: application/json'",
        f"-d {shlex.quote(JSON.written(_arguments(example)))}",
    ]
    return " \\\n    ".join(lines)


def _arguments(example: Mapping[str, Any]) -> list[Any]:
    return [param["value"] for param in example["params"]]
