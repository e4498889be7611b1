"""The compiled validator and the reference implementation in Python accept the same arguments."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import zip_longest
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import Fault, Refusal
from app.permissions import PermissionRegistry
from app.registry import Method, load

REGISTRY = load(PermissionRegistry())
PARAMETERS = [
    pytest.param(method, index, id=f"{method.name}-{param['name']}")
    for method in REGISTRY.methods.values()
    for index, param in enumerate(method.schema["params"])
]


def _max_bytes(_v: Any, limit: int, value: Any, _schema: Any) -> Iterator[Exception]:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > limit:
        yield jsonschema.ValidationError("too long")


def _one_line(_v: Any, wanted: bool, value: Any, _schema: Any) -> Iterator[Exception]:
    controls = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029"}
    if wanted and isinstance(value, str) and controls.intersection(value):
        yield jsonschema.ValidationError("control character")


def _pattern(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[Exception]:
    # In the regular expressions of JSON Schema (ECMA 262) "$" is the very end, as "\Z" in Python.
    standard = jsonschema.Draft202012Validator.VALIDATORS["pattern"]
    yield from standard(validator, pattern.replace("$", r"\Z"), value, schema) or ()


Reference: Any = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    {"x-max-bytes": _max_bytes, "x-one-line": _one_line, "pattern": _pattern},
)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
EDGES = st.sampled_from(
    [n * c for c in "xä\x1f\u2028" for n in (1, 19, 20, 64, 65, 100, 255, 256, 513, 4090)]
)
WORDS = st.sampled_from(["=", "!=", "<", "in", "not in", "like", "includes", "name", "asc", "up"])
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(-(2.0**63), 2.0**63)
SCALARS = st.none() | st.booleans() | st.integers(-2, 102) | NUMBERS | TEXT | EDGES | WORDS
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | WORDS, inner, max_size=4),
    max_leaves=8,
)


def conforming(schema: Any) -> st.SearchStrategy[Any]:
    """Values such as a schema describes, or nearly so: both sides judge them anyway."""
    if schema is True:
        return JSON
    if "$ref" in schema:
        schema = REGISTRY.components[schema["$ref"].rpartition("/")[2]]
    if "allOf" in schema:
        schema = merged({**schema, "allOf": None}, *schema["allOf"])
    if "if" in schema:
        rest = {**schema, "if": None, "then": None, "else": None}
        met = conforming(merged(rest, schema["if"], schema["then"]))
        return met | conforming(merged(rest, schema["else"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "prefixItems" in schema:
        return st.tuples(*map(conforming, schema["prefixItems"])).map(list)
    types: Any = schema.get("type", [])
    kinds = [types] if isinstance(types, str) else types
    return st.one_of([OF_TYPE[kind](schema) for kind in kinds])


def merged(*schemas: dict[str, Any]) -> dict[str, Any]:
    """One schema in place of several; of two tuples of items each place takes what says more."""
    whole: dict[str, Any] = {}
    for schema in schemas:
        whole |= {k: v for k, v in schema.items() if v is not None and k != "prefixItems"}
        tuples = zip_longest(whole.get("prefixItems", []), schema.get("prefixItems", []))
        items = [first if second is None or second is True else second for first, second in tuples]
        whole |= {"prefixItems": items} if items else {}
    return whole


def _objects(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    known = {name: conforming(part) for name, part in schema.get("properties", {}).items()}
    more = conforming(schema.get("additionalProperties") or True)
    return st.fixed_dictionaries({}, optional=known) | st.dictionaries(
        TEXT | EDGES, more, max_size=3
    )


OF_TYPE: dict[str, Callable[[Any], st.SearchStrategy[Any]]] = {
    "null": lambda _: st.none(),
    "boolean": lambda _: st.booleans(),
    "integer": lambda schema: st.integers(schema["minimum"] - 1, schema["maximum"] + 1),
    "string": lambda _: TEXT | EDGES | WORDS,
    "array": lambda schema: st.lists(conforming(schema["items"]), max_size=4),
    "object": _objects,
}


@st.composite
def mutants(draw: st.DrawFn, originals: list[Any]) -> Any:
    """One of these values with one thing in it changed, added or taken away."""
    whole: Any = [deepcopy(draw(st.sampled_from(originals)))]
    parent, key = whole, 0
    while parent[key] and isinstance(parent[key], list | dict) and draw(st.integers(0, 3)):
        parent = parent[key]
        key = draw(st.sampled_from(places(parent)))
    match parent[key], draw(st.sampled_from(["change", "add", "remove"])):
        case dict() as members, "add":
            members[draw(TEXT | WORDS)] = draw(JSON)
        case list() as items, "add":
            items.append(draw(JSON))
        case ((dict() | list() as some), "remove") if some:
            del some[draw(st.sampled_from(places(some)))]
        case _:
            parent[key] = draw(JSON)
    return whole[0]


def places(container: Any) -> list[Any]:
    """The keys of a dict, the indices of a list."""
    return [*container] if isinstance(container, dict) else [*range(len(container))]


def examples(method: Method, name: str) -> list[Any]:
    """The values that the schema file shows for one parameter."""
    shown = [param for example in method.schema["examples"] for param in example["params"]]
    return [param["value"] for param in shown if param["name"] == name] or [{}]


@pytest.mark.parametrize(("method", "index"), PARAMETERS)
def test_agrees_with_the_reference(method: Method, index: int) -> None:
    """For every parameter of every method: accepted exactly when `jsonschema` accepts it."""
    params = method.schema["params"]
    name, required = params[index]["name"], params[index].get("required", False)
    others = {p["name"]: examples(method, p["name"])[0] for p in params if p.get("required")}
    schema = {**params[index]["schema"], "components": {"schemas": REGISTRY.components}}
    reference, seen = Reference(schema), set()
    values = conforming(schema) | JSON | mutants(examples(method, name))

    @settings(
        max_examples=150,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[*HealthCheck],
    )
    @given(value=values.filter(is_storable))
    def agree(value: Any) -> None:
        expected = (value is None and not required) or reference.is_valid(value)
        seen.add(expected)
        try:
            method.parameters.bind({**others, name: value})
            found: tuple[Fault, ...] = ()
        except Refusal as refusal:
            found = refusal.faults
        assert (not found) == expected, found

    agree()
    assert seen == {True, False}, "neither side of the limits went untested"


def is_storable(value: Any) -> bool:
    """Whether it is a value at all to us: JSON that a wire can carry, without NUL."""
    try:
        return b"\\u0000" not in orjson.dumps(value)
    except TypeError:
        return False
