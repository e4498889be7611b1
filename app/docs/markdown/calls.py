"""A method's example → the call as it is written in JavaScript, and as it is pasted in a shell."""

import shlex
from collections.abc import Mapping
from typing import Any

from app.docs.markdown.literals import javascript, json
from app.registry import Method


def javascript_call(method: Method, example: Mapping[str, Any]) -> str:
    """`const res = await api.call(…);`"""
    start = f'const res = await api.call("{method.name}"'
    arguments = _arguments(example)
    for position, argument in enumerate(arguments, 1):
        # What is too long for the line is broken up where it stands, as formatters do it.
        taken = len(start.rpartition("\n")[2]) + (4 if position == len(arguments) else 2)
        start += ", " + javascript(argument, taken)
    return start + ");"


def curl_call(method: Method, example: Mapping[str, Any], url: str) -> str:
    """A complete curl command; the token is in $TOKEN, so that it is not in anybody's history."""
    headers = ['-H "Authorization: Bearer $TOKEN"'] if method.permission != "guest" else []
    headers.append("-H 'Content-Type: application/json'")
    lines = [
        f"curl -X POST {shlex.quote(url + method.name)}",
        " ".join(headers),
        f"-d {shlex.quote(json(_arguments(example)))}",
    ]
    return " \\\n    ".join(lines)


def _arguments(example: Mapping[str, Any]) -> list[Any]:
    return [param["value"] for param in example["params"]]
