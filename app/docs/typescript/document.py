"""The text of api.d.ts: the client's own types, then those that the schemas make."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from app.docs.typescript.types import SCHEMAS, STEP, WIDTH, comment, key, members, spaced, written
from app.registry import VERSION, Method, Registry

CLIENT: Final = (Path(__file__).parent / "client.d.ts").read_text("utf-8")


def typescript(registry: Registry) -> str:
    """The types of the client, of every method and event, and of all they are made of."""
    methods = registry.methods.values()
    lists = [method for method in methods if _is_list(method)]
    sections = [
        CLIENT,
        _interface("Methods", "Every method.", map(_method, methods)),
        _interface("Rows", "Methods that list, when they are asked for one row.", map(_row, lists)),
        _interface("Events", "What the service tells.", map(_event, registry.events.items())),
        *(_own_type(*own) for method in methods for own in _own(method)),
        *(_type(name, registry.components[name]) for name in _shared(registry)),
    ]
    return "\n".join(sections)


def _interface(name: str, summary: str, body: Iterable[str]) -> str:
    return f"{comment([summary])}export interface {name} {{\n{''.join(body)}}}\n"


def _method(method: Method) -> str:
    """What a method takes and answers; of one that lists, when it does."""
    arguments = [_argument(param, _name_of(method, param)) for param in method.schema["params"]]
    if not _is_list(method):
        return _line(method, arguments, _name_of(method, method.schema["result"]))
    return _line(method, arguments, f"{method.schema['x-row']}[], Page")


def _row(method: Method) -> str:
    [options] = method.schema["params"]
    asked = _argument({**options, "required": True}, f"One<{_name_of(method, options)}>")
    return _line(method, [asked], method.schema["x-row"])


def _line(method: Method, arguments: list[str], answer: str) -> str:
    schema = method.schema
    said = [f"{schema['summary']}. {schema['description']}", f"Permission: {method.permission}."]
    return comment(said, STEP) + _declared(method.name, f"[{', '.join(arguments)}]", answer)


def _declared(name: str, arguments: str, answer: str) -> str:
    line = f"{STEP}{key(name)}: Method<{arguments}, {answer}>;\n"
    if len(line) <= WIDTH:
        return line
    return f"{STEP}{key(name)}: Method<\n{STEP * 2}{arguments},\n{STEP * 2}{answer}\n{STEP}>;\n"


def _event(event: tuple[str, Mapping[str, Any]]) -> str:
    name, schema = event
    arguments = [_argument(param, written(param["schema"])) for param in schema["params"]]
    said = comment([f"{schema['summary']}. {schema['description']}"], STEP)
    return f"{said}{STEP}{key(name)}: [{', '.join(arguments)}];\n"


def _argument(param: Mapping[str, Any], type_name: str) -> str:
    """An argument of a list of them; one that may be left out may be null as well."""
    if param.get("required"):
        return f"{param['name']}: {type_name}"
    return f"{param['name']}?: {type_name} | null"


def _is_list(method: Method) -> bool:
    return method.listing is not None


def _own(method: Method) -> Iterator[tuple[Method, Mapping[str, Any]]]:
    """The arguments and results of a method whose types are nobody else's, and have a name."""
    for descriptor in [*method.schema["params"], method.schema["result"]]:
        if "properties" in descriptor["schema"]:
            yield method, descriptor


def _own_type(method: Method, descriptor: Mapping[str, Any]) -> str:
    """Options of a method that lists are without `id`: that is how one asks for a row."""
    of = f"`{descriptor['name']}` of {method.name}."
    schema = {"description": descriptor.get("summary", of), **descriptor["schema"]}
    if _is_list(method):
        schema["properties"] = {k: v for k, v in schema["properties"].items() if k != "id"}
    return _type(_name_of(method, descriptor), schema)


def _name_of(method: Method, descriptor: Mapping[str, Any]) -> str:
    """The type of an argument or a result: its name if it has one of its own."""
    if "properties" not in descriptor["schema"]:
        return written(descriptor["schema"], STEP)
    words = re.findall(r"\w+", f"{method.name.removeprefix(VERSION)} {descriptor['name']}")
    return "".join(word[0].upper() + word[1:] for word in words)


def _type(name: str, schema: Mapping[str, Any]) -> str:
    """A type of its own."""
    said = comment([schema["description"]]) if "description" in schema else ""
    if schema.get("type") == "object" and "properties" in schema:
        return f"{said}export interface {name} {{\n{members(schema, STEP)}}}\n"
    return f"{said}export type {name}{spaced(' =', written(schema))};\n"


def _shared(registry: Registry) -> list[str]:
    """The names of the shared schemas that methods and events are made of, in their order."""
    found: set[str] = set()
    schemas = [method.schema for method in registry.methods.values()]
    pending: list[Any] = [[schema["params"], schema["result"]] for schema in schemas]
    pending += [event["params"] for event in registry.events.values()]
    while pending:
        names = set(_names(pending)) - found
        found |= names
        pending = [registry.components[name] for name in names]
    return [name for name in registry.components if name in found]


def _names(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix(SCHEMAS).partition("/")[0]
        schema = list(schema.values())
    if isinstance(schema, list):
        for member in schema:
            yield from _names(member)
