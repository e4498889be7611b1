"""What can be done next with what a method has made, as OpenAPI's links."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from app.registry import Method, Registry

# A first argument → the method whose answer has a value for it, as `id`.
_MAKERS: Final[Mapping[str, str]] = {
    "tokenId": "/v1/api-tokens/create",
    "userId": "/v1/users/create",
}
_ID: Final = "$response.body#/result/data/id"


def links(method: Method, registry: Registry, name: Callable[[Method], str]) -> dict[str, Any]:
    """A link to each method that takes the id of what this one makes; `name` is an operation's."""
    return {
        name(target): {
            "operationId": name(target),
            "description": target.schema["summary"],
            "requestBody": [_ID, *_further_arguments(target)],
        }
        for target in registry.methods.values()
        if method.name in _makers(target)
    }


def _makers(target: Method) -> Iterator[str]:
    for param in target.schema["params"][:1]:
        if param["name"] in _MAKERS:
            yield _MAKERS[param["name"]]


def _further_arguments(target: Method) -> list[Any]:
    """Those beside the id, as the first example has them."""
    return [param["value"] for param in target.schema["examples"][0]["params"][1:]]
