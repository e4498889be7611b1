"""Values that a method judges one by one, in place of the schema of its argument."""

from typing import Any

import pytest

from app.errors import Refusal
from app.permissions import PermissionRegistry
from app.registry import load
from app.validation import MOST_VALUES, Parameters, Shapes, weigh

SHAPES = load(PermissionRegistry()).shapes
ROWS = Parameters([{"name": "rows", "schema": {"type": "array"}}], {})


def test_faults_are_told_from_the_value_on() -> None:
    """The words are those of every other fault, the path begins within the value."""
    found = [str(fault) for fault in SHAPES.faults("User", {"enabled": 1})]
    assert 'Value at "/enabled" must be boolean' in found
    assert 'Value at "/name" is required' in found


def test_a_component_may_refer_to_others() -> None:
    """What "#/components/schemas/…" means in a schema file it means here."""
    shapes = Shapes({"A": {"$ref": "#/components/schemas/B"}, "B": {"type": "string"}})
    assert shapes.faults("A", "x") == []
    assert [str(fault) for fault in shapes.faults("A", 1)] == ["must be string"]


@pytest.mark.parametrize(
    ("row", "values"),
    [({}, 1), ({"a": 1}, 2), ({"a": [1, "x", None]}, 5), ({"a": {"b": {"c": True}}}, 4)],
)
def test_weighs_as_an_argument_is_weighed(row: Any, values: int) -> None:
    """As many rows as fit by their weight, the list being one more value, are taken at once."""
    assert weigh(row, depth=1) == (values, None)
    most = (MOST_VALUES - 1) // values
    ROWS.bind([[row] * most])
    with pytest.raises(Refusal):
        ROWS.bind([[row] * (most + 1)])


def nested(levels: int) -> Any:
    """A list in a list and so on."""
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    "row",
    [["\0"], {"\0": 1}, ["\ud800"], [2.0**64], nested(32), [0] * (MOST_VALUES - 1)],
    ids=["NUL", "NUL in a name", "surrogate", "number", "depth", "values"],
)
def test_what_no_argument_may_have_is_told_of_the_row(row: Any) -> None:
    """A row is of no use by itself exactly if it would be so within an argument."""
    _, fault = weigh(row, depth=1)
    assert fault
    with pytest.raises(Refusal) as caught:
        ROWS.bind([[row]])
    [whole] = caught.value.faults
    assert (whole.path, whole.message) == (f"/0/0{fault.path}", fault.message)


@pytest.mark.parametrize("row", [nested(31), [0] * (MOST_VALUES - 2)], ids=["depth", "values"])
def test_as_deep_and_as_many_as_an_argument_may_have(row: Any) -> None:
    """What stands around a row counts, and no more than that."""
    assert weigh(row, depth=1)[1] is None
    ROWS.bind([[row]])
