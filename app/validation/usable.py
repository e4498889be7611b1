"""What of an argument we can keep and give back, whatever a schema says."""

from collections.abc import Iterator
from typing import Any, Final

from app.errors import Fault
from app.validation.faults import below

# Levels of arrays and objects within an argument: enough for anybody, and far from what the JSON
# encoder and the validator can do, so that what was taken can always be answered.
DEEPEST: Final = 32
# Values in an argument: validation comes before permission, so that
# anybody at all may ask for it, and what it costs has to be bounded.
MOST_VALUES: Final = 20_000
LARGEST: Final = 2**64


def first_unusable(value: Any, path: str) -> Fault | None:
    """Why an argument can be of no use, if so."""
    if isinstance(value, str) and value.isascii() and "\0" not in value:
        return None  # most of them, and quicker like this
    return next(_unusable(value, path, 0, iter(range(MOST_VALUES))), None)


def weigh(value: Any, depth: int) -> tuple[int, Fault | None]:
    """How many values a part of an argument has, so deep in it, and why it can be of no use."""
    most = MOST_VALUES - depth  # what it is part of are values too
    budget = iter(range(most))
    fault = next(_unusable(value, "", depth, budget), None)
    return next(budget, most), fault


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
                yield from _unusable(member, below(path, str(name)), depth + 1, budget)


def _is_storable(text: str) -> bool:
    """Whether PostgreSQL can store a text, and UTF-8 spell it."""
    if "\0" in text:
        return False
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
