"""The registry → the README's table of methods."""

from collections.abc import Mapping
from typing import Any

from app.registry import VERSION, Registry


def methods_table(registry: Registry) -> str:
    """A Markdown table of the methods: name, arguments, who may call it, what it does."""
    rows = ["| method | arguments | permission | |", "|---|---|---|---|"]
    for method in registry.methods.values():
        arguments = ", ".join(_argument(param) for param in method.schema["params"])
        name = method.name.removeprefix(VERSION)
        rows.append(
            f"| `{name}` | {arguments} | {method.permission} | {method.schema['summary']} |"
        )
    return "\n".join(rows)


def _argument(param: Mapping[str, Any]) -> str:
    return str(param["name"]) + ("" if param.get("required") else "?")
