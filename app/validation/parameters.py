"""Arguments by position or by name → bound arguments, or a list of faults."""

from collections.abc import Mapping, Sequence
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
        self._minimum = sum(self._required)
        self._validators = [compiled(param["schema"], components) for param in params]

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
        unknown = [Fault(below("", name), "is not known") for name in strange]
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
