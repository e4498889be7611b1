"""The options of a `read` method → one SELECT and its parameters; its rows → the answer; pure.

The grammar is the wire's "read options". Columns and operators come from the schema files and the
table below only; every value a caller gives travels as a parameter.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from app import cursor, moments
from app.errors import Fault, invalid, not_found

# A condition that a method adds by itself: column, SQL type, operator, value.
Condition = tuple[str, str, str, Any]

# kind of filter (the name of its schema component) → SQL type of the values compared
SQL_TYPES: Final = {"StringFilter": "text", "BooleanFilter": "boolean", "TimeFilter": "timestamptz"}

# operator → SQL over column {c} and value {v}. "not …" is its negation, true of null as well.
OPERATORS: Final = {
    "=": "{c} = {v}",
    "<": "{c} < {v}",
    ">": "{c} > {v}",
    "<=": "{c} <= {v}",
    ">=": "{c} >= {v}",
    "in": "{c} = any({v})",
    "like": "{c} ilike {v}",
    "ilike": "{c} ilike {v}",
    "includes": "strpos({c}, {v}) > 0",
    "includes case insensitive": "strpos(lower({c}), lower({v})) > 0",
    "starts with": "starts_with({c}, {v})",
    "starts with case insensitive": "starts_with(lower({c}), lower({v}))",
    "ends with": "right({c}, length({v})) = {v}",
    "ends with case insensitive": "right(lower({c}), length({v})) = lower({v})",
}

_WILDCARD: Final = re.compile(r"(?<!\\)(?:\\\\)*[%_]")
_IDLE_BACKSLASH: Final = re.compile(r"\\([%_\\])|\\")


@dataclass(frozen=True, slots=True)
class Listing:
    """What a `read` method lists, as its schema file describes it.

    `columns` of an answered row; `types` of the fields that can be filtered, as SQL types;
    the `nullable` ones; `default_order`; `page_limit`; `missing`, the text for an unknown id.
    """

    columns: tuple[str, ...]
    types: Mapping[str, str]
    nullable: frozenset[str]
    default_order: Sequence[Any]
    page_limit: int
    missing: str

    @classmethod
    def of(cls, method: Mapping[str, Any], components: Mapping[str, Any]) -> "Listing":
        """The listing of a method whose first parameter is read options."""
        options = method["params"][0]["schema"]["properties"]
        row = components[method["x-row"]]["properties"]
        filters = {f: _component(s) for f, s in options["where"]["properties"].items()}
        return cls(
            columns=tuple(row),
            types={f: SQL_TYPES[kind] for f, kind in filters.items() if kind in SQL_TYPES},
            nullable=frozenset(field for field, schema in row.items() if "null" in schema["type"]),
            default_order=options["order_by"]["default"],
            page_limit=components["PageLimit"]["default"],
            missing=method["x-missing"],
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows a call asks for.

    `options` are the caller's, validated; `given` the method's own conditions; `path` is where the
    options stand among the arguments.
    """

    listing: Listing
    options: Mapping[str, Any]
    given: Sequence[Condition]
    path: str


class Query:
    """One page of a base statement: `text` to run with `parameters`, and `answer` for its rows.

    Raises:
        Refusal: a time or a cursor among the options is none.
    """

    def __init__(self, base: str, parameters: Sequence[Any], selection: Selection) -> None:
        self.parameters = list(parameters)
        self._listing = listing = selection.listing
        self._options = options = selection.options
        self._path = selection.path
        self._order = cursor.complete(options.get("order_by", listing.default_order))
        self._limit = int(options.get("limit", listing.page_limit))
        named = [("id", "uuid", "=", options["id"])] if "id" in options else []
        filters = [self._condition(*condition) for condition in [*named, *selection.given]]
        where = options.get("where", {})
        filters += [self._filter(field, condition) for field, condition in where.items()]
        page = self._page(base, filters + self._after())
        self.text = self._counted(base, filters, page) if options.get("count") else page

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Any, dict[str, Any]]:
        """The data, and the meta that says where in the whole it stands."""
        columns = self._listing.columns
        found = [{c: row[c] for c in columns} for row in rows if row["id"] is not None]
        if "id" in self._options:
            if not found:
                raise not_found(self._listing.missing)
            return found[0], {}
        page, more = found[: self._limit], len(found) > self._limit
        after = cursor.encode(self._order, page[-1]) if more else None
        meta = {"rows": len(page), "next_page": more, "next_cursor": after}
        if self._options.get("count"):
            meta["total_rows"] = rows[0]["total_rows"]
        return page, meta

    def _page(self, base: str, conditions: list[str]) -> str:
        columns = ", ".join(f"r.{column}" for column in self._listing.columns)
        # One row more than the page tells whether there is a next one.
        limit = self._place(self._limit + 1, "bigint")
        offset = self._place(int(self._options.get("offset", 0)), "bigint")
        return (
            f"select {columns} from ({base}) r{_where(conditions)}"
            f" order by {cursor.clause(self._order)} limit {limit} offset {offset}"
        )

    def _counted(self, base: str, filters: list[str], page: str) -> str:
        """The page with the number of all rows beside each, and one row of nulls if it is empty."""
        total = f"select count(*) as total_rows from ({base}) r{_where(filters)}"
        return (
            f"select r.*, t.total_rows from ({total}) t left join ({page}) r on true"
            f" order by {cursor.clause(self._order)}"
        )

    def _filter(self, field: str, condition: Any) -> str:
        operator, value = condition if isinstance(condition, list) else ("=", condition)
        sql_type = self._listing.types[field]
        value = self._typed(f"where/{field}", sql_type, value)
        return self._condition(field, sql_type, operator, value)

    def _condition(self, column: str, sql_type: str, operator: str, value: Any) -> str:
        positive = "=" if operator == "!=" else operator.removeprefix("not ")
        if positive in {"like", "ilike"}:
            value = _pattern(value, anywhere=positive == "like")
        if value is None:
            sql = f"r.{column} is null"
        else:
            place = self._place(value, f"{sql_type}[]" if positive == "in" else sql_type)
            sql = OPERATORS[positive].format(c=f"r.{column}", v=place)
        return f"({sql})" if positive == operator else f"({sql}) is not true"

    def _after(self) -> list[str]:
        """The conditions under which a row comes after the page before."""
        if "after" not in self._options:
            return []
        try:
            values = cursor.decode(self._options["after"], self._order)
            places = [
                self._cursor_place(f, v) for (f, _), v in zip(self._order, values, strict=True)
            ]
        except (ValueError, AttributeError, TypeError):
            fault = Fault(f"{self._path}/after", "must be the next_cursor of the page before")
            raise invalid(fault) from None
        return cursor.conditions(self._order, places, self._listing.nullable)

    def _cursor_place(self, field: str, value: Any) -> str | None:
        """A value out of a cursor, trusted no more than any other argument."""
        if value is None and field in self._listing.nullable:
            return None
        sql_type = self._listing.types.get(field, "uuid")
        if sql_type == "uuid":
            UUID(value)
        if not isinstance(value, bool if sql_type == "boolean" else str) or "\0" in str(value):
            raise ValueError(value)
        return self._place(self._typed("after", sql_type, value), sql_type)

    def _typed(self, name: str, sql_type: str, value: Any) -> Any:
        """A value as the driver wants it: times as `datetime`, all else as it came."""
        if sql_type != "timestamptz" or value is None:
            return value
        if isinstance(value, list):
            return [self._typed(name, sql_type, member) for member in value]
        try:
            return moments.instant(value)
        except ValueError as error:
            raise invalid(Fault(f"{self._path}/{name}", str(error))) from None

    def _place(self, value: Any, sql_type: str) -> str:
        self.parameters.append(value)
        return f"${len(self.parameters)}::{sql_type}"


def _component(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rsplit("/", 1)[-1]


def _where(conditions: Sequence[str]) -> str:
    return f" where {' and '.join(conditions)}" if conditions else ""


def _pattern(value: str, *, anywhere: bool) -> str:
    r"""A LIKE pattern; a backslash that escapes nothing stands for itself.

    `anywhere`: a value without a wildcard is looked for anywhere in the text.
    """
    pattern = _IDLE_BACKSLASH.sub(lambda m: m[0] if m[1] else r"\\", value)
    return f"%{pattern}%" if anywhere and not _WILDCARD.search(pattern) else pattern
