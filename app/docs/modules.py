"""The modules that methods and events belong to: the first part of their names."""

from dataclasses import replace
from itertools import groupby

from app.registry import VERSION, Method, Registry


def module_of(method: Method) -> str:
    """The module of a method: "api-tokens" for "/v1/api-tokens/create"."""
    return method.name.removeprefix(VERSION).partition("/")[0]


def modules(registry: Registry) -> dict[str, list[Method]]:
    """The methods of each module, in the order of their names."""
    methods = sorted(registry.methods.values(), key=lambda method: method.name)
    return {name: list(found) for name, found in groupby(methods, key=module_of)}


def only(registry: Registry, module: str | None) -> Registry:
    """The same registry with nothing but the methods and events of one module; None: of all."""
    if module is None:
        return registry
    return replace(
        registry,
        methods={name: m for name, m in registry.methods.items() if module_of(m) == module},
        events={n: e for n, e in registry.events.items() if n.startswith(f"{module}/")},
    )
