"""A list as a file: CSV while it is read, XLSX sheet by sheet. No cell of either is a formula."""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, closing
from copy import copy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from aiohttp import web
from pydantic import BaseModel

from service.api.lines import Kind as LineKind
from service.api.lines import LineColumn, Lines, LinesAsked
from service.api.values import AMOUNT_SCHEMA, noun_in
from service.portal.components import written
from service.portal.components.batches import Told, ahead
from service.portal.components.book import Book
from service.portal.edge import HEADERS, unbroken
from service.portal.formats import MICROS, Formats
from service.portal.visit import BY_NAME, Visit

CHUNK_BYTES = 1 << 18
BATCH_ROWS = 2_000
"""Of a list that is read page by page: a page's own work is that of a hundred rows."""
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Handler = Callable[[Visit], Any]


class FileColumn(NamedTuple):
    """A column of a file."""

    name: str
    kind: LineKind
    value: Callable[[Visit, Any], object]
    """Of a row of the list that no database puts together: text, int, Decimal, bool or None."""
    learns: tuple[str, str] | None = None
    """What it names, and the field that holds its number."""

    @property
    def asked(self) -> LineColumn:
        """The same for whoever puts lines together."""
        return LineColumn(self.name, self.kind, self.learns)


class Source(NamedTuple):
    """Where a file's rows come from."""

    name: str
    """Of the file."""
    endpoint: str
    query: Callable[[Visit], dict[str, str]]
    file_columns: tuple[FileColumn, ...] = ()
    of_sellers: frozenset[str] = frozenset()
    """Columns that whoever sells nothing has not."""


def hidden_from(visit: Visit, of_sellers: frozenset[str]) -> frozenset[str]:
    """Which of these a visitor hasn't."""
    return frozenset() if visit.sells else of_sellers


def _columns_for(visit: Visit, source: Source) -> list[FileColumn]:
    hidden = hidden_from(visit, source.of_sellers)
    return [one for one in columns_of(source) if one.name not in hidden]


def columns_of(source: Source) -> list[FileColumn]:
    """Every plain field of the rows, by the API's names, with the names of what numbers name; then the list's own."""
    model = BY_NAME[source.endpoint].answer
    assert model is not None
    item: type[BaseModel] = model.model_fields["items"].annotation.__args__[0]  # type: ignore[union-attr]
    told = item.model_json_schema(mode="serialization")["properties"]
    found: list[FileColumn] = []
    for name, field in item.model_fields.items():
        if field.exclude:  # for pages alone
            continue
        made = _column(name, told[name], noun_in(field.annotation, field.metadata))
        found += [one for one in made if one.name == name or one.name not in item.model_fields]
    return [*found, *source.file_columns]


def _column(name: str, told: dict[str, Any], noun: str) -> list[FileColumn]:
    way = next((one for one in told.get("anyOf", [told]) if one.get("type") != "null"), told)
    kind = way.get("type")
    if "date-time" in str(way.get("format", "")):
        return [FileColumn(name, "moment", lambda visit, row: _moment(getattr(row, name), visit.formats))]
    if way.get("pattern") == AMOUNT_SCHEMA["pattern"]:
        return [FileColumn(name, "amount", lambda _, row: _amount(getattr(row, name)))]
    if isinstance(kind, list):
        kind = next(one for one in kind if one != "null")
    if kind in _KINDS:
        column = FileColumn(name, _KINDS[kind], lambda _, row: getattr(row, name))
        return [column, *_named(name, noun or _noun(name))]
    if kind == "array" and way.get("items", {}).get("type") in {"string", "integer"}:
        return [FileColumn(name, "list", lambda _, row: "; ".join(str(one) for one in getattr(row, name)))]
    return []


_KINDS: dict[Any, LineKind] = {"string": "text", "integer": "number", "boolean": "flag"}


def _noun(name: str) -> str:
    return name.removesuffix("_id") if name.endswith("_id") and f"{name.removesuffix('_id')}.show" in BY_NAME else ""


def _named(name: str, noun: str) -> list[FileColumn]:
    if not noun:
        return []

    def value(visit: Visit, row: Any) -> str:
        number = getattr(row, name)
        return visit.name(noun, number) if visit.knows(noun, number) else ""

    return [FileColumn(name.removesuffix("_id"), "text", value, (noun, name))]


def _moment(wall_ms: int | None, formats: Formats) -> str:
    """ISO 8601 with the zone's distance from UTC; empty: never."""
    if not wall_ms:
        return ""
    return datetime.fromtimestamp(wall_ms // 1000, UTC).astimezone(formats.zone).isoformat()


def _amount(micros: int | None) -> Decimal | None:
    return None if micros is None else Decimal(micros) / MICROS


def _batches(visit: Visit, source: Source, columns: list[FileColumn]) -> AsyncGenerator[Lines, None]:
    """All rows, batch by batch; each is a look of its own, so that what is revoked meanwhile ends the file."""
    query = dict(source.query(visit))
    parameters = visit.path_of(source.endpoint)
    lines_of = _page if BY_NAME[source.endpoint].lines is None else _lines

    async def read(cursor: str, told: Told) -> Lines:
        look = copy(visit)  # two go on at once
        async with look.looking(again=True, as_one=True):
            return await lines_of(look, source, columns, _Part(parameters, {**query, "cursor": cursor}, told))

    return ahead(read, query.get("cursor", ""))


class _Part(NamedTuple):
    """Which rows, and who is told where the next ones begin."""

    parameters: dict[str, str]
    query: dict[str, str]
    told: Told


async def _lines(visit: Visit, source: Source, columns: list[FileColumn], part: _Part) -> Lines:
    """A batch that the database puts together."""
    hidden = {one.name for one in columns if one.learns is not None and not visit.can(f"{one.learns[0]}.show")}
    asked = LinesAsked(tuple(one.asked for one in columns), visit.formats.zone, frozenset(hidden), part.told)
    return await visit.read_lines(source.endpoint, part.parameters, part.query, asked)


async def _page(visit: Visit, source: Source, columns: list[FileColumn], part: _Part) -> Lines:
    """A page of the endpoint, for lists that are never long."""
    page: Any = (await visit.look_at(source.endpoint, part.parameters, part.query, rows=BATCH_ROWS)).body
    for column in columns:
        if column.learns is not None:
            noun, name = column.learns
            await visit.learn(noun, [getattr(row, name) for row in page.items])
    asked = [column.asked for column in columns]
    told = [written.line(asked, [column.value(visit, row) for column in columns]) for row in page.items]
    return Lines("".join(told), len(told), page.next, is_escaped=True)


def _names(columns: list[FileColumn]) -> Lines:
    """The line of names."""
    head = [LineColumn(column.name, "text") for column in columns]
    return Lines(written.line(head, [column.name for column in columns]), 1, None)


def csv_of(source: Source) -> Handler:
    """Sends a list as CSV, while it is read."""

    async def send(visit: Visit) -> web.StreamResponse:
        columns = _columns_for(visit, source)
        async with aclosing(_batches(visit, source, columns)) as batches:
            first = await anext(batches)
            response = web.StreamResponse(headers=_headers(source, "csv", "text/csv; charset=utf-8"))
            with unbroken(visit.request):
                await response.prepare(visit.request)
                await response.write(_bytes(_names(columns)))
                await response.write(await asyncio.to_thread(_bytes, first))
                async for batch in batches:
                    await response.write(await asyncio.to_thread(_bytes, batch))
                await response.write_eof()
        return response

    return send


def _bytes(lines: Lines) -> bytes:
    return written.csv_rows(lines).encode("utf-8", "replace")


def xlsx_of(source: Source) -> Handler:
    """Sends a list as XLSX. It is written to disk first, for flat memory."""

    async def send(visit: Visit) -> web.StreamResponse:
        columns = _columns_for(visit, source)
        ((names, _),) = written.sheet_rows(_names(columns), [LineColumn(one.name, "text") for one in columns])
        with tempfile.TemporaryFile() as file:
            reading = aclosing(_batches(visit, source, columns))
            with closing(Book(file, names)) as made:
                async with reading as batches:
                    async for batch in batches:
                        await asyncio.to_thread(_add, made, batch, columns)
            return await _sent(visit, source, file)

    return send


def _add(made: Book, lines: Lines, columns: list[FileColumn]) -> None:
    asked = [column.asked for column in columns]
    for told, count in written.sheet_rows(lines, asked):
        made.add(told, count)


async def _sent(visit: Visit, source: Source, file: Any) -> web.StreamResponse:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    response = web.StreamResponse(headers=_headers(source, "xlsx", _XLSX) | {"Content-Length": str(size)})
    with unbroken(visit.request):
        await response.prepare(visit.request)
        while part := file.read(CHUNK_BYTES):
            await response.write(part)
        await response.write_eof()
    return response


def _headers(source: Source, suffix: str, kind: str) -> dict[str, str]:
    told = {"Content-Type": kind, "Content-Disposition": f'attachment; filename="{source.name}.{suffix}"'}
    return {**HEADERS, **told}
