"""Walks methods/, pairs each function with its schema; refuses gaps and duplicates at start."""

import importlib
import inspect
import keyword
from collections.abc import Awaitable, Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from app.errors import CannotStart
from app.permissions import PermissionRegistry
from app.read_options import Listing
from app.validation import Parameters, Shapes, check_schema, check_value

ROOT: Final = Path(__file__).resolve().parent.parent
VERSION: Final = "/v1/"
ANYBODY: Final = frozenset({"guest", "user"})

# What a schema file must have: an OpenRPC Method Object with our own members.
DESCRIPTOR: Final = {
    "type": "object",
    "required": ["name", "schema"],
    "properties": {"name": {"type": "string"}, "schema": {"type": "object"}},
}
SHAPE: Final = {
    "type": "object",
    "required": [
        *("name", "summary", "description", "x-permission", "x-changes"),
        *("params", "result", "errors", "examples"),
    ],
    "properties": {
        "summary": {"type": "string"},
        "description": {"type": "string"},
        "errors": {"type": "array"},
        "examples": {"type": "array", "minItems": 1},
        "x-permission": {"type": "string"},
        "x-changes": {"type": "boolean"},
        "x-revokes": {"type": "boolean"},
        "params": {"type": "array", "items": DESCRIPTOR},
        "result": DESCRIPTOR,
    },
}

EVENT_SHAPE: Final = {
    "type": "object",
    "required": ["summary", "description", "x-subscribe", "params"],
    "properties": {
        "summary": {"type": "string"},
        "description": {"type": "string"},
        "x-subscribe": {"type": "boolean"},
        "params": {"type": "array", "items": DESCRIPTOR},
    },
}

# An operator's limit → where in schemas/_components.json it stands.
LIMITS: Final = {
    "name_limit": (("Name", "maxLength"),),
    "permission_limit": (("PermissionMap", "maxProperties"), ("PermissionNames", "maxItems")),
    "metadata_limit": (("Metadata", "x-max-bytes"),),
    "page_limit": (("PageLimit", "maximum"),),
}


@dataclass(frozen=True, slots=True)
class Method:
    """One method: its wire name, function and schema, and what was made of the schema.

    `permission` is "guest", "user" or the name of a permission; `changes` tells whether it changes
    anything (a GET may then not call it), `revokes` whether that may end what a token is good for
    (it is answered when every process knows); `listing` is there for methods with read options.
    """

    name: str
    function: Callable[..., Awaitable[Any]]
    schema: Mapping[str, Any]
    parameters: Parameters
    permission: str
    changes: bool
    revokes: bool
    listing: Listing | None

    @property
    def answers_get(self) -> bool:
        """Whether a GET, which brings no arguments and must not change anything, may call it."""
        return not self.changes and not any(p.get("required") for p in self.schema["params"])


@dataclass(frozen=True, slots=True)
class Registry:
    """Every method by its wire name, what their schemas share, live events, and permissions."""

    methods: Mapping[str, Method]
    components: Mapping[str, Any]
    shapes: Shapes
    events: Mapping[str, Any]
    permissions: PermissionRegistry


def load(
    permissions: PermissionRegistry, limits: Mapping[str, int] | None = None, root: Path = ROOT
) -> Registry:
    """Every method below `root`, under an operator's `limits`.

    Raises:
        CannotStart: a file lacks its twin, or a schema is not as it should be.
    """
    functions, schemas = _stems(root / "methods", ".py"), _stems(root / "schemas", ".json")
    for stem in functions ^ schemas:
        raise CannotStart(f"{stem}: a method needs both methods/{stem}.py and schemas/{stem}.json")
    components = load_components(root, limits or {})
    methods = [_method(root, stem, components) for stem in sorted(functions)]
    _check_unique(methods)
    for method in methods:
        if method.permission not in ANYBODY | permissions.permissions.keys():
            raise CannotStart(f"{method.name}: there is no permission {method.permission!r}")
    by_name = {method.name: method for method in methods}
    return Registry(by_name, components, Shapes(components), _events(root, components), permissions)


def load_components(root: Path, limits: Mapping[str, int]) -> dict[str, Any]:
    """What schema files share, with the operator's limits in place of the built-in ones."""
    components: dict[str, Any] = deepcopy(_json(root / "schemas" / "_components.json"))
    for setting, limit in limits.items():
        for name, bound in LIMITS[setting]:
            components[name][bound] = limit
    page = components["PageLimit"]
    page["default"] = min(page["default"], page["maximum"])
    for name, schema in components.items():
        check_schema(schema, f"schemas/_components.json: {name}", components)
    return components


def _events(root: Path, components: Mapping[str, Any]) -> Mapping[str, Any]:
    """What persistent connections are told of, by name (see schemas/_events.json)."""
    source = "schemas/_events.json"
    events: Mapping[str, Any] = _json(root / source)
    check_value(events, {"additionalProperties": EVENT_SHAPE}, source)
    for name, event in events.items():
        for descriptor in event["params"]:
            check_schema(descriptor["schema"], f"{source}: {name}", components)
    return events


def wire_name(stem: str) -> str:
    """What callers call the method at this path: "api_tokens/read" → "/v1/api-tokens/read"."""
    return VERSION + stem.replace("_", "-")


def _stems(directory: Path, suffix: str) -> set[str]:
    """The path of every method below a directory; a leading underscore means "not a method"."""
    paths = (path.relative_to(directory) for path in directory.rglob(f"*{suffix}"))
    return {
        path.with_suffix("").as_posix()
        for path in paths
        if not any(part.startswith("_") for part in path.parts)
    }


def _method(root: Path, stem: str, components: Mapping[str, Any]) -> Method:
    schema = _json(root / "schemas" / f"{stem}.json")
    source = f"schemas/{stem}.json"
    if schema.get("name") != wire_name(stem):
        raise CannotStart(f"{source}: its name must be {wire_name(stem)}")
    check_value(schema, SHAPE, source)
    for descriptor in [*schema["params"], schema["result"]]:
        check_schema(descriptor["schema"], f"{source}: {descriptor['name']}", components)
    return Method(
        name=schema["name"],
        function=_function(stem, len(schema["params"])),
        schema=schema,
        parameters=Parameters(schema["params"], components),
        permission=schema["x-permission"],
        changes=schema["x-changes"],
        revokes=schema.get("x-revokes", False),
        listing=Listing.of(schema, components) if "x-row" in schema else None,
    )


def _function(stem: str, arguments: int) -> Callable[..., Awaitable[Any]]:
    """The function of a method: in the module of that path, with that name."""
    module = importlib.import_module("methods." + stem.replace("/", "."))
    name = stem.rpartition("/")[2]
    if keyword.iskeyword(name):
        name += "_"
    function: Callable[..., Awaitable[Any]] | None = getattr(module, name, None)
    if function is None or not inspect.iscoroutinefunction(function):
        raise CannotStart(f"methods/{stem}.py: it must have an async function named as the file")
    if len(inspect.signature(function).parameters) != 1 + arguments:
        raise CannotStart(f"methods/{stem}.py: its arguments differ from schemas/{stem}.json")
    return function


def _check_unique(methods: Iterable[Method]) -> None:
    seen: set[str] = set()
    for method in methods:
        if method.name in seen:
            raise CannotStart(f"{method.name}: two methods have this name")
        seen.add(method.name)


def _json(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except ValueError as error:
        raise CannotStart(f"{path}: {error}") from None
