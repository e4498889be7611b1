"""Pages by cursor: where a page ended, as opaque text, and the SQL for "after that"; pure.

A page found by its place in the order costs the same however deep it lies, which OFFSET does not
(https://use-the-index-luke.com/no-offset). Order is PostgreSQL's own: null above every value.
"""

import base64
import binascii
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

# (field, descending); the last is always the id, so no two rows stand in one place.
Order = Sequence[tuple[str, bool]]


def complete(order_by: Sequence[Any]) -> list[tuple[str, bool]]:
    """The order that `order_by` asks for, each field once, ties broken by id.

    The id follows the last field's direction, so that one index serves both directions.
    """
    steps: dict[str, bool] = {}
    for step in order_by:
        field, *direction = [step] if isinstance(step, str) else step
        steps.setdefault(field, direction == ["desc"])
    return [*steps.items(), ("id", [*steps.values()][-1])]


def clause(order: Order) -> str:
    """The order as SQL, over the columns of `r`."""
    return ", ".join(f"r.{field} {'desc' if down else 'asc'}" for field, down in order)


def encode(order: Order, row: Mapping[str, Any]) -> str:
    """The cursor of the page that ends with `row`."""
    state = [order, [row[field] for field, _ in order]]
    return base64.urlsafe_b64encode(orjson.dumps(state)).decode().rstrip("=")


def decode(cursor: str, order: Order) -> list[Any]:
    """The values of `order` at which the page before ended, as JSON has them.

    Raises:
        ValueError: it is not a cursor, or one of another order.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        state = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise ValueError("not a cursor") from None
    match state:
        case [list() as steps, list() as values] if len(values) == len(order):
            if steps == [list(step) for step in order]:
                return values
    raise ValueError("not a cursor of this order")


def conditions(order: Order, places: Sequence[str | None], nullable: Collection[str]) -> list[str]:
    """What holds for every row after `places`, the SQL of the cursor's values (None for null)."""
    if len({down for _, down in order}) == 1 and not any(f in nullable for f, _ in order):
        # A comparison of rows, at whose very place an index can begin to read.
        fields = ", ".join(f"r.{field}" for field, _ in order)
        return [f"({fields}) {'<' if order[0][1] else '>'} ({', '.join(map(str, places))})"]
    steps = []
    for last, (field, down) in enumerate(order):
        ties = [_same(f, place) for (f, _), place in zip(order[:last], places, strict=False)]
        steps.append(" and ".join([*ties, _beyond(field, down, places[last], nullable)]))
    field, down = order[0]
    # The first condition says nothing new: it is where an index can begin to read.
    return [_reached(field, down, places[0], nullable), f"(({') or ('.join(steps)}))"]


def _same(field: str, place: str | None) -> str:
    return f"r.{field} is null" if place is None else f"r.{field} = {place}"


def _beyond(field: str, down: bool, place: str | None, nullable: Collection[str]) -> str:
    if place is None:
        return f"r.{field} is not null" if down else "false"
    if down:
        return f"r.{field} < {place}"
    return (
        f"(r.{field} > {place} or r.{field} is null)"
        if field in nullable
        else (f"r.{field} > {place}")
    )


def _reached(field: str, down: bool, place: str | None, nullable: Collection[str]) -> str:
    if place is None:
        return "true" if down else f"r.{field} is null"
    if down:
        return f"r.{field} <= {place}"
    return (
        f"(r.{field} >= {place} or r.{field} is null)"
        if field in nullable
        else (f"r.{field} >= {place}")
    )
