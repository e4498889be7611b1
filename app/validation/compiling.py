"""Schemas → validators, with keywords of our own."""

import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import jsonschema_rs
import orjson

from app.errors import CannotStart

Validator: TypeAlias = jsonschema_rs.Draft202012Validator

# Unicode's control characters, and its separators of lines and paragraphs.
_LINE_BREAKING: Final = frozenset({"Cc", "Zl", "Zp"})
# Invisible, or turning the text after them round: with these one name passes for another. The
# joiners and marks that emoji and right-to-left scripts need are not among them.
_DECEPTIVE: Final = frozenset(
    "\u200b\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


class _MaxBytes:
    """`x-max-bytes`: how long a value may be as JSON."""

    def __init__(self, _parent: Mapping[str, Any], limit: int, _path: Sequence[Any]) -> None:
        self.limit = limit

    def validate(self, instance: Any) -> None:
        if len(orjson.dumps(instance)) > self.limit:
            raise ValueError(f"must be at most {self.limit} bytes of JSON")


class _OneLine:
    """`x-one-line`: for names, which are to be told apart in logs, headers and tables."""

    def __init__(self, _parent: Mapping[str, Any], wanted: bool, _path: Sequence[Any]) -> None:
        self.wanted = wanted

    def validate(self, instance: Any) -> None:
        if self.wanted and isinstance(instance, str) and not _is_one_line(instance):
            raise ValueError("must be one line of visible characters")


COMPONENTS: Final = "#/components/schemas/"
KEYWORDS: Final[dict[str, Any]] = {"x-max-bytes": _MaxBytes, "x-one-line": _OneLine}


def check_schema(
    schema: Mapping[str, Any], source: str, components: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Refuse a schema that is not valid JSON Schema 2020-12, or refers to nothing.

    Raises:
        CannotStart: it is not; the text names `source`.
    """
    try:
        compiled(schema, components)
    except jsonschema_rs.ValidationError as error:
        raise _complaint(source, error) from None


def check_value(value: Any, schema: Mapping[str, Any], source: str) -> None:
    """Refuse a value that is not as a schema says.

    Raises:
        CannotStart: it is not; the text names `source` and the place.
    """
    error = next(Validator(dict(schema)).iter_errors(value), None)
    if error:
        raise _complaint(source, error)


def compiled(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Validator:
    """A validator of a schema that may refer to components."""
    named: dict[str, Any] = {}
    _gather(schema, components, named)
    whole = {**schema, "components": {"schemas": named}}
    return Validator(whole, keywords=KEYWORDS)


def _complaint(source: str, error: jsonschema_rs.ValidationError) -> CannotStart:
    place = ".".join(["$", *map(str, error.instance_path)])
    return CannotStart(f"{source}: {place}: {error.message}")


def _gather(part: Any, components: Mapping[str, Any], named: dict[str, Any]) -> None:
    """Add the components that a part of a schema refers to: compiling all would take far longer."""
    if isinstance(part, list):
        for item in part:
            _gather(item, components, named)
    elif isinstance(part, Mapping):
        name = _referred(part.get("$ref"))
        if name in components and name not in named:
            named[name] = components[name]
            _gather(components[name], components, named)
        for member in part.values():
            _gather(member, components, named)


def _referred(reference: Any) -> str:
    """The component that a reference leads to or into."""
    return (
        reference.removeprefix(COMPONENTS).partition("/")[0] if isinstance(reference, str) else ""
    )


def _is_one_line(text: str) -> bool:
    """Whether a text shows as one line, and as what it is."""
    if text.isspace():
        return False
    if text.isprintable():
        return True
    return not any(
        unicodedata.category(character) in _LINE_BREAKING or character in _DECEPTIVE
        for character in text
    )
