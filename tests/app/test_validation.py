import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from itertools import zip_longest
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import CannotStart, Fault, Refusal
from app.permissions import PermissionRegistry
from app.registry import Method, load
from app.validation import Parameters, check_schema, is_valid

REGISTRY = load(PermissionRegistry())
CREATE = REGISTRY.methods["/v1/api-tokens/create"].parameters
READ = REGISTRY.methods["/v1/api-tokens/read"].parameters
PARAMETERS = [
    pytest.param(method, index, id=f"{method.name}-{param['name']}")
    for method in REGISTRY.methods.values()
    for index, param in enumerate(method.schema["params"])
]
SURROGATES = "must be text without NUL and without lone surrogates"
ONE_LINE = "must be one line without control characters"
TOO_LONG_A_NAME = "has a name that must have at most 1 characters"
BAD_NAMES = "must have names without NUL and without lone surrogates"


def one(schema: Mapping[str, Any]) -> Parameters:
    """The parameters of a method that takes one value of this schema."""
    return Parameters([{"name": "value", "required": True, "schema": schema}], {})


def faults(parameters: Parameters, arguments: Any) -> list[str]:
    """What a caller is told about these arguments, as `meta.errors` has it."""
    with pytest.raises(Refusal) as caught:
        parameters.bind(arguments)
    assert caught.value.code == -32808
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": "string"}, 1, "must be string"),
        ({"type": "integer"}, 1.5, "must be integer"),
        ({"type": "integer"}, True, "must be integer"),
        ({"type": "boolean"}, 1, "must be boolean"),
        ({"type": "object"}, [], "must be object"),
        ({"type": ["string", "null"]}, 1, "must be null or string"),
        ({"enum": ["a", 1, None]}, "b", "must be one of: a, 1, null"),
        ({"const": True}, 1, "must be true"),
        ({"minLength": 2}, "x", "must have at least 2 characters"),
        ({"maxLength": 2}, "🎈🎈🎈", "must have at most 2 characters"),
        ({"minItems": 1}, [], "must have at least 1 items"),
        ({"maxItems": 1}, [1, 2], "must have at most 1 items"),
        ({"minProperties": 1}, {}, "must have at least 1 entries"),
        ({"maxProperties": 1}, {"a": 1, "b": 2}, "must have at most 1 entries"),
        ({"minimum": 0}, -1, "must be at least 0"),
        ({"maximum": 100}, 10**30, "must be at most 100"),
        ({"pattern": "^[a-z]*$"}, "A", "must match ^[a-z]*$"),
        ({"pattern": "^[a-z]*$"}, "a\n", "must match ^[a-z]*$"),
        ({"x-max-bytes": 6}, {"a": 1}, "must be at most 6 bytes of JSON"),
        ({"x-max-bytes": 7}, "äää", "must be at most 7 bytes of JSON"),
        ({"x-one-line": True}, "a\nb", ONE_LINE),
        ({"x-one-line": True}, "a\x7f", ONE_LINE),
        ({"x-one-line": True}, "\x9b31m", ONE_LINE),
        ({"x-one-line": True}, "a\u2028b", ONE_LINE),
        ({"x-one-line": True}, "a\u2029b", ONE_LINE),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, TOO_LONG_A_NAME),
        ({}, "nul\0", SURROGATES),
        ({}, "\ud800", SURROGATES),
        ({}, "ä\udfff", SURROGATES),
        ({}, float("nan"), "must be a number within 64 bits"),
        ({}, float("-inf"), "must be a number within 64 bits"),
        ({}, 2.0**64, "must be a number within 64 bits"),
        ({}, {"nul\0": 1}, BAD_NAMES),
        ({}, {"\udc00": 1}, BAD_NAMES),
    ],
)
def test_says_what_a_value_must_be(schema: Mapping[str, Any], value: Any, message: str) -> None:
    """Each rule has one sentence that tells what to give rather than what was given."""
    assert faults(one(schema), [value]) == [f'Value at "/0" {message}']


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 1.0),
        ({"maxLength": 2}, "🎈🎈"),
        ({"x-max-bytes": 7}, {"a": 1}),
        ({"x-max-bytes": 8}, "äää"),
        ({"x-one-line": True}, "Ä\u00a0\u200d🎈 "),
        ({"x-one-line": False}, "a\nb"),
        ({"x-one-line": True}, ["a\nb"]),
        ({}, "\ue000\ud7ff🎈"),
        ({}, 10**30),
        ({}, -1.8e19),
        ({}, 2.0**64 - 2048),
        ({}, None),
    ],
)
def test_takes_what_is_just_allowed(schema: Mapping[str, Any], value: Any) -> None:
    """Limits count characters and bytes as people do, and all of Unicode is text."""
    assert one(schema).bind([value]) == [value]


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ({"a": ["x", {"b": "\0"}]}, "/0/a/1/b", SURROGATES),
        ({"a": [1, float("inf")]}, "/0/a/1", "must be a number within 64 bits"),
        ({"a": {"\0": {"b": "\0"}}}, "/0/a", BAD_NAMES),
        ({"a/b": {"c~d": "\0"}}, "/0/a~1b/c~0d", SURROGATES),
        ({"~1": "\0"}, "/0/~01", SURROGATES),
        ({"": "\0"}, "/0/", SURROGATES),
    ],
)
def test_looks_everywhere_for_what_cannot_be_stored(value: Any, path: str, message: str) -> None:
    """Text that PostgreSQL cannot hold is found at any depth, also where a schema is silent."""
    assert faults(one({}), [value]) == [f'Value at "{path}" {message}']


def test_tells_every_fault_at_once() -> None:
    """Nobody has to mend one thing after another."""
    arguments = ["", {"expires": 5, "role": 3, "permissions": {"a/b": 1}, "x~y": 0}]
    assert sorted(faults(CREATE, arguments)) == [
        'Value at "/0" must have at least 1 characters',
        'Value at "/1/expires" must be null or string',
        'Value at "/1/permissions/a~1b" must be boolean',
        'Value at "/1/role" must be null or string',
        'Value at "/1/x~0y" is not known',
    ]


def test_explains_the_branch_that_was_meant() -> None:
    """In a condition the operator decides what its value must be."""
    where = {"name": ["in", "x"], "enabled": ["<", True], "created": ["=", 1]}
    assert sorted(faults(READ, [{"where": where}])) == [
        'Value at "/0/where/created/1" must be null or string',
        'Value at "/0/where/enabled/0" must be one of: =, !=',
        'Value at "/0/where/name/1" must be array',
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["Invalid number of arguments"]),
        (["x", {}, 1], ["Invalid number of arguments"]),
        (["x", None, None], ["Invalid number of arguments"]),
        ([None], ['Value at "/0" must be string']),
        (["x", 1], ['Value at "/1" must be object']),
        ({}, ['Value at "/name" is required']),
        ({"name": None}, ['Value at "/name" must be string']),
        ({"name": "x", "options": 1}, ['Value at "/options" must be object']),
        ({"name": "x", "options": {"a": 1}}, ['Value at "/options/a" is not known']),
        ({"name": "x", "0": 1, "a/b": 2}, [f'Value at "/{n}" is not known' for n in ("0", "a~1b")]),
        ({"Name": "x"}, ['Value at "/Name" is not known', 'Value at "/name" is required']),
    ],
)
def test_refuses_arguments_that_do_not_fit(arguments: Any, expected: list[str]) -> None:
    """By position or by name: too few, too many, null where a value is needed, unknown names."""
    assert faults(CREATE, arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["x"], ["x", None]),
        (["x", None], ["x", None]),
        (["x", {}], ["x", {}]),
        ({"name": "x"}, ["x", None]),
        ({"options": {}, "name": "x"}, ["x", {}]),
        ({"name": "x", "options": None}, ["x", None]),
    ],
)
def test_binds_arguments_in_order(arguments: Any, expected: list[Any]) -> None:
    """An optional argument that is missing or null is None to the method."""
    assert CREATE.bind(arguments) == expected


def test_a_required_argument_may_be_null_if_its_schema_says_so() -> None:
    """Null is a value like any other where it means something."""
    assert one({"type": ["string", "null"]}).bind([None]) == [None]


def test_knows_where_an_argument_stands() -> None:
    """Faults that a method finds are named as the caller gave the argument."""
    assert CREATE.path("options", ["x", {}]) == "/1"
    assert CREATE.path("options", {"name": "x", "options": {}}) == "/options"


@pytest.mark.parametrize("depth", [100, 253, 254, 255, 256, 1000])
@pytest.mark.parametrize("place", ["name", "metadata"])
def test_deep_nesting_is_a_value_or_a_fault(depth: int, place: str) -> None:
    """Whatever depth the decoder lets through, the answer is never an internal error."""
    nested = b"[" * depth + b"]" * depth
    body = {"name": b"[%b]", "metadata": b'["x",{"metadata":{"a":%b}}]'}[place] % nested
    try:
        CREATE.bind(orjson.loads(body))
        messages = []
    except Refusal as refusal:
        messages = [fault.message for fault in refusal.faults]
    assert all(message.startswith("must ") for message in messages)


@pytest.mark.parametrize("schema", [{"type": "text"}, {"minLength": -1}, {"enum": 1}, {"$ref": 1}])
def test_a_wrong_schema_stops_the_start(schema: dict[str, Any]) -> None:
    """A schema file with a slip is named, and the place in it."""
    with pytest.raises(CannotStart, match=r"^schemas/x\.json: \$"):
        check_schema(schema, "schemas/x.json")


@pytest.mark.parametrize(("value", "valid"), [("Ann", True), ("", False), ("a\nb", False)])
def test_checks_a_value_outside_a_call(value: str, valid: bool) -> None:
    """`is_valid` knows the components and our own keywords."""
    reference = {"$ref": "#/components/schemas/Name"}
    assert is_valid(reference, REGISTRY.components, value) is valid


# From here on: the compiled validator against the reference implementation in Python.


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
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
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
