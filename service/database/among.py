"""Numbers of a list: however many these are, they are one parameter, and the statement stays the same."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.columns import BIG
from service.database.engine import is_sqlite


def among(conn: AsyncConnection, column: sa.ColumnElement[Any], numbers: Collection[int]) -> sa.ColumnElement[bool]:
    """Whether a column's number is one of some: a step on its index for each."""
    if not is_sqlite(conn):
        return column == sa.any_(sa.literal(list(numbers), sa.ARRAY(BIG)))
    return column.in_(sa.select(listed(numbers).c.value))


def listed(numbers: Collection[int]) -> sa.TableValuedAlias:
    """As a table with a column `value`. For SQLite."""
    return sa.func.json_each(json.dumps(list(numbers))).table_valued("value")
