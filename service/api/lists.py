"""Lists: filtered, sorted, page by page. A cursor says where the next page begins, and holds while rows come and go."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.api.call import Call
from service.api.nouns import NOUNS, visible
from service.api.problems import invalid
from service.api.values import Asked, Told

PAGE_ROWS_MAX = 200
Condition = sa.ColumnElement[bool]
T = TypeVar("T", bound=Told)


class Paging(Asked):
    """What every list can be asked."""

    limit: Annotated[int, Field(ge=1, le=PAGE_ROWS_MAX, description="Rows of a page")] = 50
    cursor: Annotated[str, Field(max_length=1_000, description="`next` of the page before")] = ""
    sort: Annotated[str, Field(max_length=50, description="A column; with - before it the other way round")] = ""


class Page(Told, Generic[T]):
    """A page of a list."""

    items: list[T]
    next: Annotated[str | None, Field(description="The cursor of the next page; null: this is the last")]


class Listing(NamedTuple):
    """How things of one kind are listed."""

    noun: str
    sorts: Mapping[str, sa.ColumnElement[Any]]
    """By name; the first one when none is asked for, downwards if its name begins with -. None may hold null."""
    filters: Mapping[str, Callable[[Any], Condition]]
    """By the query's field; a field without a value filters nothing."""
    select: sa.Select[Any] | None = None
    """Columns and joins; None: the noun's table."""
    where: Callable[[Call], Condition] | None = None
    """What beside the subtree limits it."""


def contains(column: sa.ColumnElement[Any]) -> Callable[[str], Condition]:
    """A filter for text that stands anywhere in a column, whatever its case."""
    return lambda text: column.icontains(text, autoescape=True)


def equals(column: sa.ColumnElement[Any]) -> Callable[[Any], Condition]:
    """A filter for one value."""
    return lambda value: column == value


class Order(NamedTuple):
    """In which a list was asked for: by a column, and rows alike in it by their numbers."""

    name: str
    """As it was asked for: with - it falls."""
    column: sa.ColumnElement[Any]
    number: sa.ColumnElement[Any]

    @property
    def falls(self) -> bool:
        """Whether the largest comes first."""
        return self.name.startswith("-")

    @property
    def columns(self) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
        """For ORDER BY."""
        return (self.column.desc(), self.number.desc()) if self.falls else (self.column, self.number)


def order_of(query: Paging, listing: Listing) -> Order:
    """Raises Problem."""
    name = query.sort or next(iter(listing.sorts))
    sorts = {key.removeprefix("-"): column for key, column in listing.sorts.items()}
    if name.removeprefix("-") not in sorts:
        raise invalid("/sort", f"one of {', '.join(sorts)} was expected, with or without - before it", "query")
    return Order(name, sorts[name.removeprefix("-")], NOUNS[listing.noun].table.c.id)


def filtered(call: Call, listing: Listing) -> list[Condition]:
    """What the query's filters, and what else limits the list, come to; the subtree apart."""
    found = [] if listing.where is None else [listing.where(call)]
    for field, make in listing.filters.items():
        value = getattr(call.query, field)
        if value is not None and value != "":
            found.append(make(value))
    return found


def place_of(query: Paging, order: Order) -> tuple[Any, int] | None:
    """Value and number of the last row that was shown; None: it is the first page. Raises Problem."""
    return _opened(query.cursor, order.name, order.column.type) if query.cursor else None


def behind(query: Paging, order: Order) -> Condition:
    """Rows behind the last one that was shown: one step on the index of the order. Raises Problem."""
    place = place_of(query, order)
    if place is None:
        return sa.true()
    value, last = place
    column, number = order.column, order.number
    if order.falls:
        return sa.and_(column <= value, sa.or_(column < value, number < last))
    return sa.and_(column >= value, sa.or_(column > value, number > last))


async def page_of(call: Call, listing: Listing) -> tuple[list[Row[Any]], str | None]:
    """The page that was asked for, and the next one's cursor; None: there is none. Raises Problem."""
    query: Paging = call.query
    noun, order = NOUNS[listing.noun], order_of(query, listing)
    base = listing.select if listing.select is not None else sa.select(noun.table)
    base = base.add_columns(order.column.label("sorted_by")).where(visible(noun, call.actor))
    base = base.where(*filtered(call, listing), behind(query, order)).order_by(*order.columns)
    return page_from(query, order, list(await call.conn.execute(base.limit(query.limit + 1))))


def page_from(query: Paging, order: Order, rows: list[Row[Any]]) -> tuple[list[Row[Any]], str | None]:
    """A page of rows with `sorted_by`, one more than asked for if there is one; and the next one's cursor."""
    more, rows = len(rows) > query.limit, rows[: query.limit]
    return rows, cursor_of(order, rows[-1].sorted_by, rows[-1].id) if more else None


def cursor_of(order: Order, value: Any, number: int) -> str:
    """Of what stands behind a row."""
    return _closed(order.name, value, number)


def _closed(sort: str, value: Any, number: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([sort, value, number]).encode()).decode().rstrip("=")


def _opened(cursor: str, sort: str, kind: sa.types.TypeEngine[Any]) -> tuple[Any, int]:
    """Value and number of the last row that was shown. Raises Problem."""
    try:
        found, value, number = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, TypeError):
        found, value, number = "", "", None
    if found != sort or not _is_of(kind, value) or not _is_of(_NUMBER, number):
        raise invalid("/cursor", "this is no cursor of this list in this order: begin again without it", "query")
    return value, number


_NUMBER = sa.BigInteger()


def _is_of(kind: sa.types.TypeEngine[Any], value: object) -> bool:
    """Whether a column of this type may hold it on either engine: no NUL, no half of a surrogate pair, so many bits."""
    if type(value) is not kind.python_type:
        return False
    if isinstance(value, str):
        return "\0" not in value and not any(0xD800 <= ord(char) < 0xE000 for char in value)
    return not isinstance(value, int) or abs(value) < (1 << 63 if isinstance(kind, sa.BigInteger) else 1 << 31)
