"""CSV as people's tables give it: cells become the values that an endpoint's body takes. Pure."""

from __future__ import annotations

import csv
import io
from typing import Any, NamedTuple

from pydantic import BaseModel

from service.api.problems import FieldError

ID = "id"
"""The column that names what is to be changed; empty: something new."""
SPLIT = ";"
"""Between the values of one cell."""
_YES_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
NOTHING = "none"
"""What takes a value away where that can be done."""


class Table(NamedTuple):
    """Rows of a CSV text."""

    columns: list[str]
    rows: list[dict[str, str]]


def read_table(text: str, known: set[str]) -> tuple[Table, list[FieldError]]:
    """The rows, and what is wrong with the text as a whole. `known`: names that a column may have."""
    text = text.removeprefix("\ufeff")
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as fault:
        return Table([], []), [FieldError("body", "/csv", f"no CSV: {fault}")]
    lines = [line for line in lines if any(cell.strip() for cell in line)]
    if not lines:
        return Table([], []), [FieldError("body", "/csv", "it is empty: a line of column names was expected")]
    columns = [cell.strip() for cell in lines[0]]
    errors = [
        FieldError("body", f"/csv/1/{at}", f"unknown column {name!r}: one of {', '.join(sorted(known))} was expected")
        for at, name in enumerate(columns, 1)
        if name not in known
    ]
    errors += [
        FieldError("body", f"/csv/1/{at}", f"the column {name!r} stands here twice")
        for at, name in enumerate(columns, 1)
        if name in columns[: at - 1]
    ]
    errors += [
        FieldError("body", f"/csv/{at}", f"{len(line)} cells, and there are {len(columns)} columns")
        for at, line in enumerate(lines[1:], 2)
        if len(line) != len(columns)
    ]
    rows = [dict(zip(columns, (cell.strip() for cell in line), strict=False)) for line in lines[1:]]
    return Table(columns, rows), errors


def values_of(cells: dict[str, str], model: type[BaseModel]) -> dict[str, Any]:
    """The body of one row. What can't be read as its kind stays text, and the form tells what it should be."""
    schemas = model.model_json_schema()["properties"]
    return {name: value_of(cell, schemas[name]) for name, cell in cells.items() if name != ID and cell}


def value_of(cell: str, schema: dict[str, Any]) -> Any:
    """The value of a text by the schema of its field."""
    kinds = [schema, *schema.get("anyOf", [])]
    types = {kind.get("type") for kind in kinds}
    if "null" in types and cell.lower() == NOTHING:
        return None
    if "array" in types:
        items = next(kind["items"] for kind in kinds if kind.get("type") == "array")
        return [value_of(part.strip(), items) for part in cell.split(SPLIT) if part.strip()]
    if "integer" in types and cell.isascii() and cell.isdecimal() and len(cell) < 20:
        return int(cell)
    if "boolean" in types:
        return _YES_NO.get(cell.lower(), cell)
    return cell
