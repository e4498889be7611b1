"""What a validator finds → faults, in words that say what a value must be."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final

import jsonschema_rs
import orjson

from app.errors import Fault
from app.validation.compiling import Validator

# Faults in an answer: more than anybody would read.
MOST_FAULTS: Final = 20


def mismatches(validator: Validator, value: Any, path: str) -> list[Fault]:
    """Where a value that can be of use is not as the schema says."""
    if validator.is_valid(value):
        return []
    explained = (_explained(error, path) for error in validator.iter_errors(value))
    return list(islice(chain.from_iterable(explained), MOST_FAULTS))


def _explained(error: jsonschema_rs.ValidationError, path: str) -> list[Fault]:
    """What is wrong, in words that say what the value must be rather than what it is."""
    for name in error.instance_path:
        path = below(path, str(name))
    keyword, value = error.kind.name, error.kind.value
    if keyword == "additionalProperties":
        return [Fault(below(path, name), "is not known") for name in value]
    if keyword == "required":
        return [Fault(below(path, value), "is required")]
    return [Fault(path, _in_words(error))]


def _in_words(error: jsonschema_rs.ValidationError) -> str:
    explain = _EXPLANATIONS.get(error.kind.name)
    return explain(error.kind.value) if explain else error.message


def below(path: str, name: str) -> str:
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
