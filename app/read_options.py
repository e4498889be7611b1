"""The options of a `read` method → one SELECT and its parameters; its rows → the answer; pure.

The grammar is the wire's "read options". Columns and operators come from the schema files and the
table below only; every value a caller gives travels as a parameter.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from app import cursor, moments
from app.errors import Fault, invalid, not_found

# A condition that a method adds by itself: column, SQL type, operator, value.
Condition = tuple[str, str, str, Any]

# kind of filter (the name of its schema component) → SQL type of the values compared
SQL_TYPES: Final = {
    "StringFilter": "text",
    "BooleanFilter": "boolean",
    "TimeFilter": "timestamptz",
    "IdFilter": "uuid",
    "KeyIdFilter": "text",
}

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
    # ours alone, about the whole row: no schema offers it
    "bears": "bears(r, {v})",
}
# Conditions on these leave hardly any row, by an index of their own.
UNIQUE: Final = frozenset({"id", "key_id", "token"})

_WILDCARD: Final = re.compile(r"(?<!\\)(?:\\\\)*[%_]")
_IDLE_BACKSLASH: Final = re.compile(r"\\([%_\\])|\\")


@dataclass(frozen=True, slots=True)
class Index:
    """The index that alone tells which rows are asked for: it holds all that can be asked about.

    `table` is what it is on, `leading` its first column, `order` the field it is ordered by then.
    """

    table: str
    leading: str
    order: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a `read` method lists, as its schema file describes it.

    `columns` of an answered row; `types` of the fields that can be filtered, as SQL types;
    the `nullable` ones; `default_order`; `page_limit`, unless another is asked for, which can be
    up to `longest_page`; `missing`, the text for an unknown id; `index`, if rows are to be chosen
    by one and only the page's own fetched from the statement.
    """

    columns: tuple[str, ...]
    types: Mapping[str, str]
    nullable: frozenset[str]
    default_order: Sequence[Any]
    page_limit: int
    longest_page: int
    missing: str
    index: Index | None = None

    @classmethod
    def of(cls, method: Mapping[str, Any], components: Mapping[str, Any]) -> "Listing":
        """The listing of a method whose first parameter is read options."""
        options = method["params"][0]["schema"]["properties"]
        shown = components[method["x-row"]]
        row = shown["properties"]
        filters = {f: _component(s) for f, s in options["where"]["properties"].items()}
        return cls(
            columns=tuple(shown["required"]),
            types={f: SQL_TYPES[kind] for f, kind in filters.items() if kind in SQL_TYPES},
            nullable=frozenset(field for field, schema in row.items() if "null" in schema["type"]),
            default_order=options["order_by"]["default"],
            page_limit=components["PageLimit"]["default"],
            longest_page=components["PageLimit"]["maximum"],
            missing=method["x-missing"],
            index=Index(**method["x-index"]) if "x-index" in method else None,
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
        asked = [self._asked(*condition) for condition in options.get("where", {}).items()]
        source, filters = self._source(base, [*named, *selection.given, *asked])
        page = self._page(base, source + _where(filters + self._after()))
        self.text = self._counted(source + _where(filters), page) if options.get("count") else page

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

    def _source(self, base: str, conditions: Sequence[Condition]) -> tuple[str, list[str]]:
        """What rows are chosen from, and the conditions that are left to choose them by.

        The planner does not know the values, and takes every owner for an average one. Where it
        could choose an index that serves that one and fails another, it gets no choice: the step
        that the right index makes comes first.
        """
        index = self._listing.index
        left = [(column, self._condition(column, *rest)) for column, *rest in conditions]
        source = f"{index.table} r" if index else f"({base}) r"
        for columns in self._steps({column for column, _ in left}):
            source = _step(source, [sql for column, sql in left if column in columns])
            left = [(column, sql) for column, sql in left if column not in columns]
        return source, [sql for _, sql in left]

    def _steps(self, columns: AbstractSet[str]) -> Iterator[AbstractSet[str]]:
        """Which conditions on these columns come first: those that one index serves, together."""
        index = self._listing.index
        if index and columns & UNIQUE:
            yield UNIQUE
        if index and index.leading in columns and index.order != self._order[0][0]:
            yield {index.leading, index.order}

    def _page(self, base: str, chosen: str) -> str:
        columns = ", ".join(f"r.{column}" for column in self._listing.columns)
        order = cursor.clause(self._order)
        # One row more than the page tells whether there is a next one.
        limit = self._place(self._limit + 1, "bigint")
        offset = self._place(int(self._options.get("offset", 0)), "bigint")
        chosen += f" order by {order} limit {limit} offset {offset}"
        if self._listing.index is None:
            return f"select {columns} from {chosen}"
        # The planner takes a limit it does not know for a tenth of all rows: tell it of another.
        longest = self._listing.longest_page + 1
        ids = f"select r.id from (select r.id from {chosen}) r limit {longest}"
        row = _step(f"({base}) r", ["r.id = p.id"])
        return f"select {columns} from ({ids}) p, lateral {row} order by {order}"

    def _counted(self, chosen: str, page: str) -> str:
        """The page with the number of all rows beside each, and one row of nulls if it is empty."""
        return (
            f"select r.*, t.total_rows from (select count(*) as total_rows from {chosen}) t"
            f" left join ({page}) r on true order by {cursor.clause(self._order)}"
        )

    def _asked(self, field: str, condition: Any) -> Condition:
        operator, value = condition if isinstance(condition, list) else ("=", condition)
        sql_type = self._listing.types[field]
        return field, sql_type, operator, self._typed(f"where/{field}", sql_type, value)

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


def _step(source: str, conditions: Sequence[str]) -> str:
    """What the conditions leave, found before anything else is looked at: so `offset 0` has it."""
    return f"(select * from {source}{_where(conditions)} offset 0) r"


def _pattern(value: str, *, anywhere: bool) -> str:
    r"""A LIKE pattern; a backslash that escapes nothing stands for itself.

    `anywhere`: a value without a wildcard is looked for anywhere in the text.
    """
    pattern = _IDLE_BACKSLASH.sub(lambda m: m[0] if m[1] else r"\\", value)
    return f"%{pattern}%" if anywhere and not _WILDCARD.search(pattern) else pattern
