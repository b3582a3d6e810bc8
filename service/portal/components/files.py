"""A list as a file: CSV while it is read, XLSX sheet by sheet. No cell of either is a formula."""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from aiohttp import web
from pydantic import BaseModel

from ratebook.money import format_micros
from ratebook.sheets.write import FORMULAS
from service.api.lines import LinesAsked
from service.api.values import AMOUNT_SCHEMA, noun_in
from service.portal.components import book
from service.portal.components.book import Book
from service.portal.edge import HEADERS
from service.portal.formats import MICROS, Formats
from service.portal.visit import BY_NAME, Visit

CHUNK_BYTES = 1 << 18
BATCH_ROWS = 2_000
"""Of a list that is read page by page: a page's own work is that of a hundred rows."""
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Handler = Callable[[Visit], Any]
Kind = Literal["csv", "xlsx"]


class FileColumn(NamedTuple):
    """A column of a file."""

    name: str
    value: Callable[[Visit, Any], object]
    """Text, int, Decimal, bool or None."""
    learns: tuple[str, str] | None = None


class Source(NamedTuple):
    """Where a file's rows come from."""

    name: str
    """Of the file."""
    endpoint: str
    query: Callable[[Visit], dict[str, str]]
    file_columns: tuple[FileColumn, ...] = ()


def columns_of(source: Source) -> list[FileColumn]:
    """Every plain field of the rows, by the API's names, with the names of what numbers name; then the list's own."""
    model = BY_NAME[source.endpoint].answer
    assert model is not None
    item: type[BaseModel] = model.model_fields["items"].annotation.__args__[0]  # type: ignore[union-attr]
    told = item.model_json_schema(mode="serialization")["properties"]
    found: list[FileColumn] = []
    for name, field in item.model_fields.items():
        made = _column(name, told[name], noun_in(field.annotation, field.metadata))
        found += [one for one in made if one.name == name or one.name not in item.model_fields]
    return [*found, *source.file_columns]


def _column(name: str, told: dict[str, Any], noun: str) -> list[FileColumn]:
    way = next((one for one in told.get("anyOf", [told]) if one.get("type") != "null"), told)
    kind = way.get("type")
    if way.get("format") == "date-time" or "date-time" in str(way.get("format", "")):
        return [FileColumn(name, lambda visit, row: _moment(getattr(row, name), visit.formats))]
    if way.get("pattern") == AMOUNT_SCHEMA["pattern"]:
        return [FileColumn(name, lambda _, row: _amount(getattr(row, name)))]
    if isinstance(kind, list):
        kind = next(one for one in kind if one != "null")
    if kind in {"string", "integer", "boolean"}:
        column = FileColumn(name, lambda _, row: getattr(row, name))
        return [column, *_named(name, noun or _noun(name))]
    if kind == "array" and way.get("items", {}).get("type") in {"string", "integer"}:
        return [FileColumn(name, lambda _, row: "; ".join(str(one) for one in getattr(row, name)))]
    return []


def _noun(name: str) -> str:
    return name.removesuffix("_id") if name.endswith("_id") and f"{name.removesuffix('_id')}.show" in BY_NAME else ""


def _named(name: str, noun: str) -> list[FileColumn]:
    if not noun:
        return []

    def value(visit: Visit, row: Any) -> str:
        number = getattr(row, name)
        return visit.name(noun, number) if visit.knows(noun, number) else ""

    return [FileColumn(name.removesuffix("_id"), value, (noun, name))]


def _moment(wall_ms: int | None, formats: Formats) -> str:
    """ISO 8601 with the zone's distance from UTC; empty: never."""
    if not wall_ms:
        return ""
    return datetime.fromtimestamp(wall_ms // 1000, UTC).astimezone(formats.zone).isoformat()


def _amount(micros: int | None) -> Decimal | None:
    return None if micros is None else Decimal(micros) / MICROS


class Batch(NamedTuple):
    """Rows as the file has them."""

    text: str
    rows: int


async def _batches(visit: Visit, source: Source, columns: list[FileColumn], kind: Kind) -> AsyncIterator[Batch]:
    """All rows, batch by batch; each is a look of its own, so that what is revoked meanwhile ends the file."""
    query = dict(source.query(visit))
    parameters = visit.path_of(source.endpoint)
    is_quick = BY_NAME[source.endpoint].lines is not None
    asked = LinesAsked(tuple(column.name for column in columns), kind, visit.formats.zone)
    following: str | None = query.get("cursor", "")
    while following is not None:
        query["cursor"] = following
        if is_quick:
            async with visit.looking(again=True):
                lines = await visit.read_lines(source.endpoint, parameters, query, asked)
            batch, following = Batch(lines.text, lines.rows), lines.next
        else:
            batch, following = await _page(visit, source, columns, query, kind)
        yield batch


async def _page(
    visit: Visit, source: Source, columns: list[FileColumn], query: dict[str, str], kind: Kind
) -> tuple[Batch, str | None]:
    """A page of the endpoint, and the next one's cursor."""
    async with visit.looking(again=True):
        path = visit.path_of(source.endpoint)
        page: Any = (await visit.look_at(source.endpoint, path, query, rows=BATCH_ROWS)).body
        for column in columns:
            if column.learns is not None:
                noun, name = column.learns
                await visit.learn(noun, [getattr(row, name) for row in page.items])
    rows = [[column.value(visit, row) for column in columns] for row in page.items]
    return Batch(_lines(rows) if kind == "csv" else "".join(map(book.row, rows)), len(rows)), page.next


def inert(value: object) -> object:
    """Of a CSV's cell: text that no spreadsheet takes for a formula; numbers stay numbers."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULAS) else value
    if isinstance(value, Decimal):
        return format_micros(int(value * MICROS))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else value


def csv_of(source: Source) -> Handler:
    """Sends a list as CSV, while it is read."""

    async def send(visit: Visit) -> web.StreamResponse:
        columns = columns_of(source)
        batches = _batches(visit, source, columns, "csv")
        first = await anext(batches)
        response = web.StreamResponse(headers=_headers(source, "csv", "text/csv; charset=utf-8"))
        await response.prepare(visit.request)
        await response.write(_bytes(_lines([[column.name for column in columns]]) + first.text))
        async for batch in batches:
            await response.write(_bytes(batch.text))
        await response.write_eof()
        return response

    return send


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _lines(rows: Iterable[list[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([inert(value) for value in row] for row in rows)
    return text.getvalue()


def xlsx_of(source: Source) -> Handler:
    """Sends a list as XLSX. It is written to disk first, for flat memory."""

    async def send(visit: Visit) -> web.StreamResponse:
        columns = columns_of(source)
        with tempfile.TemporaryFile() as file:
            with closing(Book(file, [column.name for column in columns])) as made:
                async for batch in _batches(visit, source, columns, "xlsx"):
                    await asyncio.to_thread(made.add, *batch)
            return await _sent(visit, source, file)

    return send


async def _sent(visit: Visit, source: Source, file: Any) -> web.StreamResponse:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    response = web.StreamResponse(headers=_headers(source, "xlsx", _XLSX) | {"Content-Length": str(size)})
    await response.prepare(visit.request)
    while part := file.read(CHUNK_BYTES):
        await response.write(part)
    await response.write_eof()
    return response


def _headers(source: Source, suffix: str, kind: str) -> dict[str, str]:
    told = {"Content-Type": kind, "Content-Disposition": f'attachment; filename="{source.name}.{suffix}"'}
    return {**HEADERS, **told}
