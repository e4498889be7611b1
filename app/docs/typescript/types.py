"""A JSON Schema → the TypeScript type of the values it allows."""

import re
from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap
from typing import Any, Final

import orjson

from app.docs.typescript.alternatives import Schema, alternatives, types

SCHEMAS: Final = "#/components/schemas/"
WIDTH: Final = 96
STEP: Final = "    "

_WORD: Final = re.compile(r"[A-Za-z_$][\w$]*")
_SIMPLE: Final = re.compile(r'[\w$]+(\["\w+"\])*')
_PRIMITIVES: Final = {
    "boolean": "boolean",
    "integer": "number",
    "null": "null",
    "number": "number",
    "string": "string",
}
# What says which type is meant where none is named.
_TELLTALES: Final = {
    "properties": "object",
    "additionalProperties": "object",
    "prefixItems": "array",
    "items": "array",
}


def written(schema: Schema, indent: str = "") -> str:
    """The type; it begins with a line break if it takes several lines to itself."""
    choices = _choices(schema, indent)
    flat = " | ".join(choices)
    if len(choices) == 1 or _fits(flat, indent):
        return flat
    inner = indent + STEP
    return "".join(f"\n{inner}| {choice}" for choice in _choices(schema, inner))


def member(name: str, schema: Schema, indent: str, *, required: bool) -> str:
    """A member of an object, with what is said of it."""
    mark = ":" if required else "?:"
    said = comment([schema["description"]], indent) if _has_description(schema) else ""
    return f"{said}{indent}{key(name)}{spaced(mark, written(schema, indent))};\n"


def spaced(mark: str, text: str) -> str:
    """A mark, and a type after it."""
    return f"{mark}{text}" if text.startswith("\n") else f"{mark} {text}"


def members(schema: Mapping[str, Any], indent: str) -> str:
    """The members of an object, a line or more for each."""
    required = schema.get("required", ())
    return "".join(
        member(name, each, indent, required=name in required)
        for name, each in schema.get("properties", {}).items()
    )


def comment(paragraphs: Iterable[str], indent: str = "") -> str:
    """A comment that editors show."""
    texts = [text.replace("*/", "*\\/") for text in paragraphs]
    lines = list(_lines(texts, WIDTH - len(indent) - len(" * ")))
    if len(lines) == 1 and len(indent) + len(lines[0]) + len("/**  */") <= WIDTH:
        return f"{indent}/** {lines[0]} */\n"
    body = "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines)
    return f"{indent}/**\n{body}{indent} */\n"


def key(name: str) -> str:
    """The name of a member."""
    return name if _WORD.fullmatch(name) else literal(name)


def literal(value: Any) -> str:
    """A value as JavaScript has it."""
    return orjson.dumps(value).decode()


def _lines(paragraphs: list[str], width: int) -> Iterator[str]:
    for number, text in enumerate(paragraphs):
        if number:
            yield ""
        yield from wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _has_description(schema: Schema) -> bool:
    return isinstance(schema, dict) and "description" in schema


def _choices(schema: Schema, indent: str) -> list[str]:
    """The types of which a value has one."""
    texts = (text for way in alternatives(schema) for text in _members(way, indent))
    return list(dict.fromkeys(texts)) or ["never"]


def _fits(text: str, indent: str) -> bool:
    """Whether it looks well in a line, or with no lines but those of an object."""
    return "[\n" not in text and all(len(indent) + len(line) <= WIDTH for line in text.splitlines())


def _members(schema: Schema, indent: str) -> list[str]:
    """The types of which a value has one; the schema has no conditions."""
    if schema is True:
        return ["unknown"]
    if "$ref" in schema:  # what stands beside it tells of lengths and the like
        return [_reference(schema["$ref"])]
    if "const" in schema:
        return [literal(schema["const"])]
    if "enum" in schema:
        return [literal(value) for value in schema["enum"]]
    return [_of_type(name, schema, indent) for name in _types(schema)] or ["unknown"]


def _of_type(name: str, schema: Mapping[str, Any], indent: str) -> str:
    if name in _PRIMITIVES:
        return _PRIMITIVES[name]
    return _object(schema, indent) if name == "object" else _array(schema, indent)


def _types(schema: Mapping[str, Any]) -> list[str]:
    if "type" in schema:
        return types(schema["type"])
    return list(dict.fromkeys(told for word, told in _TELLTALES.items() if word in schema))


def _reference(ref: str) -> str:
    """A shared type, or a member of one: "…/Token/properties/id" → Token["id"]."""
    name, *path = ref.removeprefix(SCHEMAS).split("/")
    steps = iter(path)
    # After "properties" comes the name of one.
    return name + "".join(
        "[number]" if step == "items" else f"[{literal(next(steps))}]" for step in steps
    )


def _object(schema: Mapping[str, Any], indent: str) -> str:
    rest = schema.get("additionalProperties", True)
    if not schema.get("properties"):
        return f"Record<string, {'never' if rest is False else written(rest, indent)}>"
    body = f"{{\n{members(schema, indent + STEP)}{indent}}}"
    return f"{body} & Record<string, {written(rest, indent)}>" if isinstance(rest, dict) else body


def _array(schema: Mapping[str, Any], indent: str) -> str:
    if "prefixItems" not in schema:
        return _list_of(schema.get("items", True), indent)
    flat = f"[{', '.join(_items(schema, indent))}]"
    if _fits(flat, indent):
        return flat
    inner = indent + STEP
    lines = (text if text[0] == "\n" else f"\n{inner}{text}" for text in _items(schema, inner))
    return f"[{','.join(lines)},\n{indent}]"


def _items(schema: Mapping[str, Any], indent: str) -> list[str]:
    """The types of the items that have places of their own, and of those that may follow."""
    first, rest = schema["prefixItems"], schema.get("items", True)
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    items = [written(item, indent) for item in first]
    items[least:] = [f"{_grouped(text)}?" for text in items[least:]]
    if rest is not False and (most is None or most > len(first)):
        items.append(f"...{_list_of(rest, indent)}")
    return items


def _grouped(text: str) -> str:
    return text if _SIMPLE.fullmatch(text) else f"({text})"


def _list_of(schema: Schema, indent: str) -> str:
    text = written(schema, indent)
    if _SIMPLE.fullmatch(text):
        return f"{text}[]"
    return f"Array<{text}\n{indent}>" if text[0] == "\n" else f"Array<{text}>"
