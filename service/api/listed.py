"""A list's lines, from how it is listed and what its view says: each field is the column that the view takes it from.

Fields that a view works out are given as expressions by whoever declares the list. They say what the view says, and a
test compares all of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import sqlalchemy as sa

from service.api.call import Call
from service.api.lines import LINES_MAX, Expression, LineColumn, Lines, LinesAsked, Spelling, constant, told
from service.api.lists import Listing, behind, cursor_of, filtered, order_of
from service.api.nouns import NOUNS, visible
from service.api.values import Told

Cells = Callable[[Call], Mapping[str, Expression]]
"""What fields say that aren't columns, by their names; amounts in micro-units, moments in milliseconds."""
Reader = Callable[[Call, LinesAsked], Awaitable[Lines]]


def lines_of(given: Listing | Callable[[Call], Listing], view: type[Told], cells: Cells = lambda _: {}) -> Reader:
    """Reads a list's batches. `given`: how it is listed, which may follow from its order."""

    async def read(call: Call, asked: LinesAsked) -> Lines:
        listing = given if isinstance(given, Listing) else given(call)
        noun, order = NOUNS[listing.noun], order_of(call.query, listing)
        base = listing.select if listing.select is not None else sa.select(noun.table)
        values = _values(base, view) | dict(cells(call))
        where = (visible(noun, call.actor), *filtered(call, listing), behind(call.query, order))

        def query(spelling: Spelling) -> sa.Select[Any]:
            line = spelling.line(asked.columns, [_cell(call, asked, spelling, one, values) for one in asked.columns])
            chosen = base.with_only_columns(line, order.column, noun.table.c.id, maintain_column_froms=True)
            return chosen.where(*where).order_by(*order.columns).limit(LINES_MAX)

        found = await told(call, asked, query)
        following = cursor_of(order, found.rows[-1][1], found.rows[-1][2]) if len(found.rows) == LINES_MAX else None
        return Lines(found.text, len(found.rows), following, found.is_escaped)

    return read


def _values(base: sa.Select[Any], view: type[Told]) -> dict[str, Expression]:
    """Columns of a query, by the fields that take them."""
    columns = {column.key: column for column in base.selected_columns}
    named = {name: str(field.validation_alias or name) for name, field in view.model_fields.items()}
    found = {name: columns[key] for name, key in named.items() if key in columns}
    return {name: one.element if isinstance(one, sa.Label) else one for name, one in found.items()}


def _cell(
    call: Call, asked: LinesAsked, spelling: Spelling, column: LineColumn, values: Mapping[str, Expression]
) -> Expression:
    if column.of is None:
        return spelling.cell(column.kind, values[column.name])
    noun, field = column.of
    return spelling.text(_name(call, noun, values[field])) if column.name not in asked.hidden else constant("")


def _name(call: Call, noun: str, number: Expression) -> Expression:
    """What a thing is called, where the asker may look at it."""
    kind = NOUNS[noun]
    found = sa.select(kind.label).where(kind.table.c.id == number, visible(kind, call.actor))
    return found.correlate_except(kind.table).scalar_subquery()
