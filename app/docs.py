"""The registry → documents for people and machines; pure."""

from collections.abc import Mapping
from typing import Any, Final

from app.errors import ANSWERS, Code
from app.registry import VERSION, Registry

OPENRPC: Final = "1.3.2"


def openrpc(registry: Registry, version: str) -> dict[str, Any]:
    """The OpenRPC document of every method (https://spec.open-rpc.org)."""
    return {
        "openrpc": OPENRPC,
        "info": {"title": "api-tokens", "version": version},
        "methods": [_documented(method.schema) for method in registry.methods.values()],
        "components": {"schemas": registry.components},
    }


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


def _documented(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema file with what every method can answer beside its own errors."""
    everywhere = (Code.INVALID_ARGUMENTS, Code.ACCESS_DENIED, Code.DISABLED, Code.DELETED)
    own = {error["code"] for error in schema["errors"]}
    common = [{"code": int(c), "message": ANSWERS[c][1]} for c in everywhere if c not in own]
    return {**schema, "errors": [*schema["errors"], *common]}
