from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from app.errors import CannotStart, Refusal
from app.permissions import PermissionRegistry
from app.registry import load
from app.validation import Parameters, check_schema, is_valid

REGISTRY = load(PermissionRegistry())
CREATE = REGISTRY.methods["/v1/api-tokens/create"].parameters
READ = REGISTRY.methods["/v1/api-tokens/read"].parameters
SURROGATES = "must be text without NUL and without lone surrogates"
ONE_LINE = "must be one line of visible characters"
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
