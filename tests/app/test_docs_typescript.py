"""JSON Schemas as TypeScript types; tests/clients/test_typescript.py has them compiled."""

import json
from typing import Any

import pytest

from app import registry
from app.docs.modules import only
from app.docs.typescript import typescript
from app.docs.typescript.types import written
from app.permissions import PermissionRegistry


@pytest.mark.parametrize(
    ("schema", "type_name"),
    [
        (True, "unknown"),
        ({}, "unknown"),
        (False, "never"),
        ({"type": "integer", "minimum": 0}, "number"),
        ({"type": ["string", "null"]}, "string | null"),
        ({"enum": ["a", 1, None, True]}, '"a" | 1 | null | true'),
        ({"const": "a"}, '"a"'),
        ({"type": "array", "items": {"type": "string"}}, "string[]"),
        ({"type": "array", "items": {"type": ["string", "null"]}}, "Array<string | null>"),
        ({"type": "array"}, "unknown[]"),
        ({"prefixItems": [{"type": "string"}]}, "[string?, ...unknown[]]"),
        ({"prefixItems": [{"const": 1}, True], "minItems": 1, "maxItems": 2}, "[1, unknown?]"),
        ({"prefixItems": [{"const": 1}], "minItems": 1, "items": False}, "[1]"),
        ({"type": "object"}, "Record<string, unknown>"),
        ({"type": "object", "additionalProperties": {"const": True}}, "Record<string, true>"),
        ({"type": "object", "additionalProperties": False}, "Record<string, never>"),
        (
            {"properties": {"a": {"type": "string"}, "b-c": {}}, "required": ["a"]},
            '{\n    a: string;\n    "b-c"?: unknown;\n}',
        ),
        ({"$ref": "#/components/schemas/Token"}, "Token"),
        ({"$ref": "#/components/schemas/Token/properties/id", "maxLength": 1}, 'Token["id"]'),
        ({"$ref": "#/components/schemas/Names/items"}, "Names[number]"),
        ({"if": {"type": "array"}, "then": {}, "else": {"type": "string"}}, "unknown[] | string"),
        (
            {"type": ["string", "null"], "if": {"type": "null"}, "else": {"const": "a"}},
            'null | "a"',
        ),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string | null"),
        ({"type": "object", "anyOf": [{"$ref": "#/components/schemas/User"}, {}]}, "User"),
        ({"allOf": [{"type": ["string", "null"]}, {"type": "string"}]}, "string"),
        ({"allOf": [{"type": "string"}, {"type": "null"}]}, "never"),
        (
            {
                "prefixItems": [{"enum": ["=", "in"]}, True],
                "minItems": 2,
                "maxItems": 2,
                "if": {"prefixItems": [{"enum": ["in"]}]},
                "then": {"prefixItems": [True, {"type": "array"}]},
                "else": {"prefixItems": [True, {"type": "string"}]},
            },
            '["in", unknown[]] | ["=", string]',
        ),
    ],
    ids=lambda value: json.dumps(value) if not isinstance(value, str) else "",
)
def test_a_schema_is_a_type(schema: Any, type_name: str) -> None:
    """What a schema allows is what its type allows."""
    assert written(schema) == type_name


def test_long_unions_take_lines() -> None:
    """A type that is too long for a line has a line for each choice."""
    names = ["a" * 40, "b" * 40, "c" * 40]
    assert written({"enum": names}) == "".join(f'\n    | "{name}"' for name in names)


def test_comments_end_where_they_should() -> None:
    """A description cannot end the comment that it stands in."""
    schema = {"properties": {"a": {"description": "See */ x", "type": "string"}}}
    assert written(schema) == "{\n    /** See *\\/ x */\n    a?: string;\n}"


def test_a_module_has_only_what_it_is_made_of() -> None:
    """The types of one module's methods are without those that only others need."""
    text = typescript(only(registry.load(PermissionRegistry()), "users"))
    assert "export interface User {" in text
    assert "Token" not in text.partition("export interface Methods")[2]
