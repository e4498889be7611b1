"""Arguments by position or by name → bound arguments, or a list of faults."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.errors import Fault, invalid
from app.validation.compiling import Validator, compiled
from app.validation.faults import MOST_FAULTS, below, mismatches
from app.validation.usable import first_unusable

_WRONG_NUMBER: Final = "Invalid number of arguments"


class Parameters:
    """A method's parameters: checks arguments and puts them in order.

    Args:
        params: OpenRPC content descriptors (`name`, `required`, `schema`), in order.
        components: what "#/components/schemas/…" in them refers to.
    """

    def __init__(self, params: Sequence[Mapping[str, Any]], components: Mapping[str, Any]) -> None:
        self.names = [param["name"] for param in params]
        self._required = [param.get("required", False) for param in params]
        # Whoever gives so many by position gives all that are required.
        required = (place for place, is_required in enumerate(self._required, 1) if is_required)
        self._minimum = max(required, default=0)
        validators = [compiled(param["schema"], components) for param in params]
        self._checks = [*zip(self._required, validators, strict=True)]

    def bind(self, arguments: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
        """The arguments in order, None where an optional one was left out.

        Raises:
            Refusal: -32808 with the faults, not more than anybody would read.
        """
        if isinstance(arguments, dict):
            by_name = self._by_name(arguments)
            self._check(by_name, self.names)
            return by_name
        missing = len(self.names) - len(arguments)
        if missing < 0 or len(arguments) < self._minimum:
            raise invalid(Fault("", _WRONG_NUMBER))
        by_position = [*arguments]
        self._check(by_position, range(len(by_position)))
        return by_position + [None] * missing if missing else by_position

    def path(self, name: str, arguments: Sequence[Any] | Mapping[str, Any]) -> str:
        """Where the argument `name` stands: "/name", or "/0" when given by position."""
        return f"/{name if isinstance(arguments, Mapping) else self.names.index(name)}"

    def _by_name(self, arguments: Mapping[str, Any]) -> list[Any]:
        strange = sorted(arguments.keys() - {*self.names})[:MOST_FAULTS]
        unknown = [Fault(below("", name), "is not known") for name in strange]
        absent = [
            Fault(f"/{name}", "is required")
            for name, required in zip(self.names, self._required, strict=True)
            if required and name not in arguments
        ]
        if unknown or absent:
            raise invalid(*unknown, *absent)
        return [arguments.get(name) for name in self.names]

    def _check(self, values: Sequence[Any], places: Sequence[str] | range) -> None:
        for place, value in enumerate(values):  # `zip` would take longer than all checks
            required, validator = self._checks[place]
            if value is None and not required:
                continue
            if first_unusable(value, "") or not validator.is_valid(value):
                raise invalid(*self._faults(values, places))

    def _faults(self, values: Sequence[Any], places: Sequence[str] | range) -> Iterator[Fault]:
        for value, place, (required, validator) in zip(values, places, self._checks, strict=False):
            if value is not None or required:
                yield from _faults(validator, value, f"/{place}")


class Shapes:
    """The components that schema files share, for values that a method judges one by one."""

    def __init__(self, components: Mapping[str, Any]) -> None:
        self._components = components
        self._validators: dict[str, Validator] = {}

    def faults(self, name: str, value: Any) -> list[Fault]:
        """What is wrong with a value out of a bound argument; paths begin at the value."""
        if name not in self._validators:
            self._validators[name] = compiled(self._components[name], self._components)
        return mismatches(self._validators[name], value, "")


def is_valid(schema: Mapping[str, Any], components: Mapping[str, Any], value: Any) -> bool:
    """Whether a value is as a schema says, for checks outside the path of a call."""
    return bool(compiled(schema, components).is_valid(value))


def _faults(validator: Validator, value: Any, path: str) -> list[Fault]:
    """What is wrong with a value, as far as anybody would read it."""
    unusable = first_unusable(value, path)
    return [unusable] if unusable else mismatches(validator, value, path)
