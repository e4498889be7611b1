"""JSON Schemas → YAML for readers: what others refer to shown in its place, unless it is long."""

from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from typing import Any, Final

import yaml

SCHEMAS: Final = "#/components/schemas/"
# Lines that a shared schema may have to be shown wherever it is used.
SHORT: Final = 12
WIDTH: Final = 96
MOST_INDENTED: Final = 24

# Readers want to know first what it is, then how much, and then what is in it.
_FIRST: Final = ("$ref", "title", "description", "type", "enum", "const", "format", "default")
_LAST: Final = (
    *("required", "additionalProperties", "properties", "items", "prefixItems"),
    *("allOf", "anyOf", "oneOf", "if", "then", "else"),
)
_RANKS: Final = {name: rank - len(_FIRST) for rank, name in enumerate(_FIRST)} | {
    name: rank + 1 for rank, name in enumerate(_LAST)
}


class Shown:
    """The schemas that a page shows in place, and those it shows once, under their names.

    Args:
        components: what "#/components/schemas/…" refers to.
    """

    def __init__(self, components: Mapping[str, Any]) -> None:
        self._components = components
        self._long = {name for name in components if self._is_long(name)}

    def yaml(self, schema: Mapping[str, Any]) -> str:
        """A schema as YAML; the one it may consist in is shown in place however long it is."""
        return _yaml(self._opened(schema))

    def named(self, schema: Mapping[str, Any]) -> list[str]:
        """The shared schemas that its YAML only names."""
        return sorted(set(_names(self._opened(schema))))

    def component(self, name: str) -> Mapping[str, Any]:
        """A shared schema."""
        found: Mapping[str, Any] = self._components[name]
        return found

    def reached(self, schemas: list[Mapping[str, Any]]) -> list[str]:
        """The shared schemas that a reader of these is sent to, and from there on."""
        found: set[str] = set()
        pending = schemas
        while pending:
            names = {name for schema in pending for name in self.named(schema)} - found
            found |= names
            pending = [self.component(name) for name in names]
        return sorted(found)

    def _is_long(self, name: str) -> bool:
        whole = _resolved(self._components[name], lambda ref: self._followed(ref, set()))
        return _yaml(whole).count("\n") > SHORT

    def _opened(self, schema: Mapping[str, Any]) -> Any:
        """A schema with what it refers to in place, save for what is long."""
        if "$ref" in schema:
            schema = {**_target(schema["$ref"], self._components), **_beside(schema)}
        return _resolved(schema, lambda ref: self._followed(ref, self._long))

    def _followed(self, ref: str, kept: set[str]) -> Any | None:
        """What a reference leads to, or None if it is to be shown as it is."""
        return None if ref.removeprefix(SCHEMAS) in kept else _target(ref, self._components)


def _target(ref: str, components: Mapping[str, Any]) -> Any:
    """What "#/components/schemas/Token/properties/id" leads to."""
    steps = ref.removeprefix(SCHEMAS).split("/")
    return reduce(lambda found, step: found[step], steps, components)


def _beside(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != "$ref"}


def _resolved(schema: Any, follow: Callable[[str], Any | None]) -> Any:
    """A schema with its references followed, its members in an order to be read."""
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema and (target := follow(schema["$ref"])) is not None:
        return _resolved({**target, **_beside(schema)}, follow)
    ranked = sorted(schema, key=lambda name: _RANKS.get(name, 0))
    return {name: _member(name, schema[name], follow) for name in ranked}


def _member(keyword: str, value: Any, follow: Callable[[str], Any | None]) -> Any:
    """A member of a schema: schemas by their names, a list of them, one of them, or mere data."""
    if keyword == "properties":
        return {name: _resolved(schema, follow) for name, schema in value.items()}
    if keyword in {"prefixItems", "allOf", "anyOf", "oneOf"}:
        return [_resolved(schema, follow) for schema in value]
    if keyword in {"enum", "const", "default"}:
        return value
    return _resolved(value, follow)


def _names(schema: Any) -> Iterator[str]:
    """The names that a shown schema still refers to."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].removeprefix(SCHEMAS)
        schema = list(schema.values())
    if isinstance(schema, list):
        for member in schema:
            yield from _names(member)


class _Dumper(yaml.SafeDumper):
    """Writes what stands in several places out each time; a list of plain values takes a line."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _list(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    """On one line unless something in it has lines itself; words that belong together stay so."""
    is_plain = not any(isinstance(value, dict | list) for value in values)
    is_words = not any(" " in str(value) for value in values)
    is_flow = is_plain and (is_words or len(str(values)) < WIDTH - MOST_INDENTED)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=is_flow)


_Dumper.add_representer(list, _list)


def _yaml(value: Any) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)
