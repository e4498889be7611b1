"""A JSON Schema with conditions → the schemas without any, of which a value satisfies one."""

from collections.abc import Callable, Iterable, Mapping
from itertools import zip_longest
from typing import Any, Final, TypeAlias

# An object, or one of the schemas `true` and `false`.
Schema: TypeAlias = Any

_CONDITIONS: Final = frozenset({"if", "then", "else", "allOf", "anyOf", "oneOf"})


def alternatives(schema: Schema, base: Schema = True) -> list[Schema]:
    """The ways to satisfy both a schema and a `base` that has no conditions."""
    told = {} if isinstance(schema, bool) else schema
    plain = {name: value for name, value in told.items() if name not in _CONDITIONS}
    found = [_both(base, plain or schema is not False)]
    for part in told.get("allOf", ()):
        found = [other for way in found for other in alternatives(part, way)]
    for keyword in ("anyOf", "oneOf"):
        if keyword in told:
            found = [other for way in found for other in _any(_telling(told[keyword]), way)]
    if "if" in told:
        found = [other for way in found for other in _branches(told, way)]
    return [way for way in found if not _is_impossible(way)]


def _telling(choices: list[Schema]) -> list[Schema]:
    """The choices that say something.

    One that says nothing stands for what the service takes in only to refuse it by itself.
    """
    return [choice for choice in choices if choice not in ({}, True)] or choices


def _any(choices: Iterable[Schema], base: Schema) -> list[Schema]:
    return [way for choice in choices for way in alternatives(choice, base)]


def _branches(schema: Mapping[str, Any], base: Schema) -> list[Schema]:
    condition = schema["if"]
    return [
        *alternatives(schema.get("then", True), _both(base, condition)),
        *alternatives(schema.get("else", True), _without(base, condition)),
    ]


def _both(one: Schema, other: Schema) -> Schema:
    """What satisfies both; of words that do not decide on a type the other's are kept."""
    if one is True or other is False:
        return other
    if other is True or one is False:
        return one
    shared = one.keys() & other.keys() & _BOTH.keys()
    return {**one, **other, **{name: _BOTH[name](one[name], other[name]) for name in shared}}


def _both_lists(one: list[Schema], other: list[Schema]) -> list[Schema]:
    return [_both(*pair) for pair in zip_longest(one, other, fillvalue=True)]


def _both_properties(one: dict[str, Schema], other: dict[str, Schema]) -> dict[str, Schema]:
    names = dict.fromkeys([*one, *other])
    return {name: _both(one.get(name, True), other.get(name, True)) for name in names}


_BOTH: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "type": lambda one, other: [name for name in types(one) if name in types(other)],
    "enum": lambda one, other: [value for value in one if value in other],
    "required": lambda one, other: [*one, *other],
    "properties": _both_properties,
    "prefixItems": _both_lists,
    "items": _both,
}


def _without(base: Schema, condition: Schema) -> Schema:
    """What is left of a schema where a condition does not hold; all, where that is hard to say."""
    if isinstance(base, bool) or isinstance(condition, bool) or len(condition) != 1:
        return base
    [(name, excluded)] = condition.items()
    if name not in base or name not in _WITHOUT:
        return base
    return {**base, name: _WITHOUT[name](base[name], excluded)}


def _without_first(items: list[Schema], excluded: list[Schema]) -> list[Schema]:
    """Of what decides by its first item."""
    return [_without(items[0], excluded[0]), *items[1:]] if len(excluded) == 1 else items


_WITHOUT: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "type": lambda base, excluded: [t for t in types(base) if t not in types(excluded)],
    "enum": lambda base, excluded: [value for value in base if value not in excluded],
    "prefixItems": _without_first,
}


def _is_impossible(schema: Schema) -> bool:
    if isinstance(schema, bool):
        return not schema
    return [] in (schema.get("type"), schema.get("enum"))


def types(named: str | list[str]) -> list[str]:
    """The types that `type` names, one or several."""
    return [named] if isinstance(named, str) else named
