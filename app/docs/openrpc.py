"""The registry → an OpenRPC document."""

from collections.abc import Mapping
from typing import Any, Final

from app.errors import ANSWERS, Code
from app.registry import Registry

OPENRPC: Final = "1.3.2"


def openrpc(registry: Registry, version: str) -> dict[str, Any]:
    """The OpenRPC document of every method (https://spec.open-rpc.org)."""
    return {
        "openrpc": OPENRPC,
        "info": {"title": "api-tokens", "version": version},
        "methods": [_documented(method.schema) for method in registry.methods.values()],
        "components": {"schemas": registry.components},
    }


def _documented(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema file with what every method can answer beside its own errors."""
    everywhere = (Code.INVALID_ARGUMENTS, Code.ACCESS_DENIED, Code.DISABLED, Code.DELETED)
    own = {error["code"] for error in schema["errors"]}
    common = [{"code": int(c), "message": ANSWERS[c][1]} for c in everywhere if c not in own]
    return {**schema, "errors": [*schema["errors"], *common]}
