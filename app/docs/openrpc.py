"""The registry → an OpenRPC document."""

from typing import Any, Final

from app.docs.modules import module_of
from app.docs.refusals import refusals
from app.registry import Method, Registry

OPENRPC: Final = "1.3.2"
# Where a service is that nobody told to be elsewhere.
URL: Final = "http://127.0.0.1:8080"
# What only the service itself has use for: whence rows come, and in what order.
_INTERNAL: Final = frozenset({"x-row", "x-missing", "x-index"})


def openrpc(registry: Registry, version: str, url: str = URL) -> dict[str, Any]:
    """The OpenRPC document of every method (https://spec.open-rpc.org).

    Args:
        registry: the methods, and what they share.
        version: that of the service.
        url: where the service is; the specification's own validator takes only whole URLs.
    """
    return {
        "openrpc": OPENRPC,
        "info": {
            "title": "api-tokens",
            "description": "Issue, manage and verify API tokens.",
            "version": version,
        },
        "servers": _servers(url),
        "methods": [_documented(method) for method in registry.methods.values()],
        "components": {"schemas": _draft_7(registry.components)},
        "x-events": _draft_7(registry.events),
    }


def _servers(url: str) -> list[dict[str, str]]:
    return [
        {
            "name": "api",
            "url": f"{url}/api",
            "summary": "HTTP and WebSocket; refusals bear the codes of this document.",
        },
        {
            "name": "rpc",
            "url": f"{url}/rpc",
            "summary": "HTTP, batches too; refusals that JSON-RPC 2.0 defines bear its codes.",
        },
    ]


def _documented(method: Method) -> dict[str, Any]:
    """A method's schema file with its module, and with all it can answer beside its result."""
    told = {n: _draft_7(value) for n, value in method.schema.items() if n not in _INTERNAL}
    return {**told, "tags": [{"name": module_of(method)}], "errors": _errors(method)}


def _draft_7(part: Any) -> Any:
    """Schemas in draft 7, which OpenRPC has: `prefixItems` was a list of `items` then."""
    if isinstance(part, list):
        return [_draft_7(member) for member in part]
    if not isinstance(part, dict):
        return part
    if isinstance(part.get("prefixItems"), list):
        rest = {"additionalItems": part["items"]} if "items" in part else {}
        part = {**part, "items": part["prefixItems"], **rest}
        del part["prefixItems"]
    return {name: _draft_7(member) for name, member in part.items()}


def _errors(method: Method) -> list[dict[str, Any]]:
    """An error for each code, as the specification wants it, with all texts that it comes with."""
    texts: dict[int, list[str]] = {}
    for code, text in refusals(method):
        texts.setdefault(int(code), []).append(text)
    return [{"code": code, "message": "; ".join(told)} for code, told in texts.items()]
