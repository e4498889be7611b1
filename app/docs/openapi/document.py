"""The OpenAPI document as a whole: what it is of, where that is, and what its parts share."""

from typing import Any, Final

from app.docs.modules import modules
from app.docs.openapi.answers import SHARED
from app.docs.openapi.console import TAG, console
from app.docs.openapi.envelopes import envelopes
from app.docs.openapi.headers import HEADERS, PARAMETERS
from app.docs.openapi.json_rpc import json_rpc
from app.docs.openapi.operations import path_item
from app.docs.openapi.others import others
from app.docs.openapi.security import KEYS, SCHEMES
from app.registry import Registry

OPENAPI: Final = "3.1.1"
_DESCRIPTION: Final = """\
Issue, manage and verify API tokens.

A method is called by `POST` with a JSON array of its arguments, by position; optional ones at the
end may be left out, or be null. A body that is no array is the one argument. A JSON-RPC 2.0
envelope posted to a method's path, no batch, is a call of the method it names; a refusal of it has
the status and the code of this path, and without an id it is answered 204. Methods that
change nothing and need no argument answer `GET` too.

A refusal has a code and a text. Verbs that a path does not have are answered 405 with `Allow`, but
a GET that misses arguments, which it cannot bring, 400 for want of them.
WebSocket, which the same methods can be called over, is not described here: see `/openrpc.json`.
"""
_TAGS: Final = ("json-rpc", "standards", TAG, "documents", "probes")


def openapi(registry: Registry, version: str) -> dict[str, Any]:
    """The OpenAPI document of every path (https://spec.openapis.org/oas/v3.1.1.html).

    Args:
        registry: the methods, and what they share.
        version: that of the service.
    """
    methods = registry.methods.values()
    return {
        "openapi": OPENAPI,
        "info": {"title": "api-tokens", "description": _DESCRIPTION, "version": version},
        "servers": [{"url": "/"}, {"url": "/api", "description": "The same methods."}],
        "tags": [{"name": name} for name in (*modules(registry), *_TAGS)],
        "paths": {
            **{method.name: path_item(method, registry) for method in methods},
            **json_rpc(registry),
            **others(),
            **console(),
        },
        "components": {
            "schemas": {**registry.components, **envelopes(registry)},
            "responses": SHARED,
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "securitySchemes": {**SCHEMES, **KEYS},
        },
    }
