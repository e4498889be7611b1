"""Compiles schemas/; positional or named arguments → bound arguments or a list of faults."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from types import MappingProxyType
from typing import Any, Final

import jsonschema_rs
import orjson

from app.errors import CannotStart, Fault, invalid

# Unicode's control characters, and its separators of lines and paragraphs.
_LINE_BREAKING: Final = frozenset({"Cc", "Zl", "Zp"})
# Invisible, or turning the text after them round: with these one name passes for another. The
# joiners and marks that emoji and right-to-left scripts need are not among them.
_DECEPTIVE: Final = frozenset(
    "\u200b\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
# Levels of arrays and objects within an argument: enough for anybody, and far from what the JSON
# encoder and the validator can do, so that what was taken can always be answered.
DEEPEST: Final = 32
# Values in an argument, and faults in an answer: validation comes before permission, so that
# anybody at all may ask for it, and what it costs has to be bounded.
MOST_VALUES: Final = 20_000
MOST_FAULTS: Final = 20
LARGEST: Final = 2**64
_WRONG_NUMBER: Final = "Invalid number of arguments"


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


KEYWORDS: Final[dict[str, Any]] = {"x-max-bytes": _MaxBytes, "x-one-line": _OneLine}


def check_schema(
    schema: Mapping[str, Any], source: str, components: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Refuse a schema that is not valid JSON Schema 2020-12, or refers to nothing.

    Raises:
        CannotStart: it is not; the text names `source`.
    """
    try:
        _compile(schema, components)
    except jsonschema_rs.ValidationError as error:
        raise _complaint(source, error) from None


def check_value(value: Any, schema: Mapping[str, Any], source: str) -> None:
    """Refuse a value that is not as a schema says.

    Raises:
        CannotStart: it is not; the text names `source` and the place.
    """
    error = next(jsonschema_rs.Draft202012Validator(dict(schema)).iter_errors(value), None)
    if error:
        raise _complaint(source, error)


def _complaint(source: str, error: jsonschema_rs.ValidationError) -> CannotStart:
    place = ".".join(["$", *map(str, error.instance_path)])
    return CannotStart(f"{source}: {place}: {error.message}")


class Parameters:
    """A method's parameters: checks arguments and puts them in order.

    Args:
        params: OpenRPC content descriptors (`name`, `required`, `schema`), in order.
        components: what "#/components/schemas/…" in them refers to.
    """

    def __init__(self, params: Sequence[Mapping[str, Any]], components: Mapping[str, Any]) -> None:
        self.names = [param["name"] for param in params]
        self._required = [param.get("required", False) for param in params]
        self._minimum = sum(self._required)
        self._validators = [_compile(param["schema"], components) for param in params]

    def bind(self, arguments: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
        """The arguments in order, None where an optional one was left out.

        Raises:
            Refusal: -32808 with the faults, not more than anybody would read.
        """
        if isinstance(arguments, Mapping):
            return self._check(self._by_name(arguments), self.names)
        if not self._minimum <= len(arguments) <= len(self.names):
            raise invalid(Fault("", _WRONG_NUMBER))
        missing = len(self.names) - len(arguments)
        return self._check([*arguments, *[None] * missing], range(len(self.names)))

    def path(self, name: str, arguments: Sequence[Any] | Mapping[str, Any]) -> str:
        """Where the argument `name` stands: "/name", or "/0" when given by position."""
        return f"/{name if isinstance(arguments, Mapping) else self.names.index(name)}"

    def _by_name(self, arguments: Mapping[str, Any]) -> list[Any]:
        strange = sorted(arguments.keys() - {*self.names})[:MOST_FAULTS]
        unknown = [Fault(_step("", name), "is not known") for name in strange]
        absent = [
            Fault(f"/{name}", "is required")
            for name, required in zip(self.names, self._required, strict=True)
            if required and name not in arguments
        ]
        if unknown or absent:
            raise invalid(*unknown, *absent)
        return [arguments.get(name) for name in self.names]

    def _check(self, values: list[Any], places: Sequence[str] | range) -> list[Any]:
        faults: list[Fault] = []
        for value, place, required, validator in zip(
            values, places, self._required, self._validators, strict=True
        ):
            if value is not None or required:
                faults += _faults(validator, value, f"/{place}")
        if faults:
            raise invalid(*faults)
        return values


class Shapes:
    """The components that schema files share, for values that a method judges one by one."""

    def __init__(self, components: Mapping[str, Any]) -> None:
        self._components = components
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}

    def faults(self, name: str, value: Any) -> list[Fault]:
        """What is wrong with a value out of a bound argument; paths begin at the value."""
        if name not in self._validators:
            self._validators[name] = _compile(self._components[name], self._components)
        return _mismatches(self._validators[name], value, "")


def weigh(value: Any, depth: int) -> tuple[int, Fault | None]:
    """How many values a part of an argument has, so deep in it, and why it can be of no use."""
    most = MOST_VALUES - depth  # what it is part of are values too
    budget = iter(range(most))
    fault = next(_unusable(value, "", depth, budget), None)
    return next(budget, most), fault


def is_valid(schema: Mapping[str, Any], components: Mapping[str, Any], value: Any) -> bool:
    """Whether a value is as a schema says, for checks outside the path of a call."""
    return bool(_compile(schema, components).is_valid(value))


def _compile(
    schema: Mapping[str, Any], components: Mapping[str, Any]
) -> jsonschema_rs.Draft202012Validator:
    whole = {**schema, "components": {"schemas": dict(components)}}
    return jsonschema_rs.Draft202012Validator(whole, keywords=KEYWORDS)


def _faults(validator: jsonschema_rs.Draft202012Validator, value: Any, path: str) -> list[Fault]:
    """What is wrong with a value, as far as anybody would read it."""
    unusable = next(_unusable(value, path, 0, iter(range(MOST_VALUES))), None)
    return [unusable] if unusable else _mismatches(validator, value, path)


def _mismatches(
    validator: jsonschema_rs.Draft202012Validator, value: Any, path: str
) -> list[Fault]:
    """Where a value that can be of use is not as the schema says."""
    if validator.is_valid(value):
        return []
    explained = (_explained(error, path) for error in validator.iter_errors(value))
    return list(islice(chain.from_iterable(explained), MOST_FAULTS))


def _unusable(value: Any, path: str, depth: int, budget: Iterator[int]) -> Iterator[Fault]:
    """What we could take and not keep or give back: text without a spelling, numbers, depth."""
    if next(budget, None) is None:
        yield Fault(path, f"must not be among more than {MOST_VALUES} values")
    elif isinstance(value, str):
        if not _is_storable(value):
            yield Fault(path, "must be text without NUL and without lone surrogates")
    elif isinstance(value, float):
        if not -LARGEST < value < LARGEST:  # the decoder makes floats of larger integers
            yield Fault(path, "must be a number within 64 bits")
    elif isinstance(value, list | dict):
        if depth == DEEPEST:
            yield Fault(path, f"must not be nested more than {DEEPEST} levels deep")
            return
        for name, member in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(name, str) and not _is_storable(name):
                yield Fault(path, "must have names without NUL and without lone surrogates")
            else:
                yield from _unusable(member, _step(path, str(name)), depth + 1, budget)


def _is_storable(text: str) -> bool:
    """Whether PostgreSQL can store a text, and UTF-8 spell it."""
    return "\0" not in text and _is_unicode(text)


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


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


def _explained(error: jsonschema_rs.ValidationError, path: str) -> list[Fault]:
    """What is wrong, in words that say what the value must be rather than what it is."""
    for step in error.instance_path:
        path = _step(path, str(step))
    keyword, value = error.kind.name, error.kind.value
    if keyword == "additionalProperties":
        return [Fault(_step(path, name), "is not known") for name in value]
    if keyword == "required":
        return [Fault(_step(path, value), "is required")]
    return [Fault(path, _in_words(error))]


def _in_words(error: jsonschema_rs.ValidationError) -> str:
    explain = _EXPLANATIONS.get(error.kind.name)
    return explain(error.kind.value) if explain else error.message


def _step(path: str, name: str) -> str:
    """One step further down a JSON pointer (RFC 6901)."""
    return f"{path}/{name.replace('~', '~0').replace('/', '~1')}"


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(
        value if isinstance(value, str) else orjson.dumps(value).decode() for value in values
    )


_EXPLANATIONS: Final[Mapping[str, Callable[[Any], str]]] = {
    "type": lambda types: f"must be {' or '.join(types)}",
    "enum": lambda values: f"must be one of: {_listed(values)}",
    "const": lambda value: f"must be {_listed([value])}",
    "minLength": lambda limit: f"must have at least {limit} characters",
    "maxLength": lambda limit: f"must have at most {limit} characters",
    "minItems": lambda limit: f"must have at least {limit} items",
    "maxItems": lambda limit: f"must have at most {limit} items",
    "minProperties": lambda limit: f"must have at least {limit} entries",
    "maxProperties": lambda limit: f"must have at most {limit} entries",
    "minimum": lambda limit: f"must be at least {limit}",
    "maximum": lambda limit: f"must be at most {limit}",
    "pattern": lambda pattern: f"must match {pattern}",
    "propertyNames": lambda error: f"has a name that {_in_words(error)}",
    "x-max-bytes": str,
    "x-one-line": str,
}
