"""Many at once: rows that are made or changed by the very endpoints of their noun, all or none, or each by itself."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, Field
from sqlalchemy.exc import IntegrityError

from service.api.call import Call
from service.api.cells import ID, read_table, values_of
from service.api.dispatch import perform
from service.api.endpoint import Answer, Endpoint, Key
from service.api.problems import FieldError, Problem, invalid
from service.api.values import ID_MAX, Asked, Told

ROWS_MAX = 1_000
BYTES_MAX = 4 << 20
SECRET = frozenset({"user", "device"})
"""Nouns whose answers hold what is shown once: such an answer is not kept under a key."""


class Import(Asked):
    """Rows to make, or with an `id` to change: as JSON, or as CSV with a line of names."""

    mode: Annotated[
        Literal["all_or_nothing", "by_row"],
        Field(description="all_or_nothing: one wrong row and nothing is done; by_row: each row stands for itself"),
    ]
    rows: Annotated[list[dict[str, Any]] | None, Field(max_length=ROWS_MAX)] = None
    csv: Annotated[
        str | None,
        Field(
            max_length=BYTES_MAX,
            description="Several values in a cell are separated by `;`, an empty cell says nothing, `none` takes away",
        ),
    ] = None


class RowReport(Told):
    """What became of a row."""

    row: Annotated[int, Field(description="From 1; of CSV without the line of names")]
    status: Annotated[int, Field(description="As the row's own request would have had it")]
    id: Annotated[int | None, Field(description="Of what was made or changed; null: nothing was")]
    answer: Annotated[dict[str, Any] | None, Field(description="What the row's own request would have answered")]
    problem: Annotated[dict[str, Any] | None, Field(description="Why nothing was done; null: it was")]


class Report(Told):
    """What became of the rows."""

    done: int
    failed: int
    rows: list[RowReport]


class _Row(NamedTuple):
    """A row's request."""

    endpoint: Endpoint
    parameters: dict[str, str]
    body: dict[str, Any]


class _Pair(NamedTuple):
    """What makes and what changes a thing of a noun."""

    noun: str
    make: Endpoint
    edit: Endpoint

    def models(self) -> tuple[type[BaseModel], type[BaseModel]]:
        """Their bodies."""
        assert self.make.body is not None
        assert self.edit.body is not None
        return self.make.body, self.edit.body


def endpoint_of(make: Endpoint, edit: Endpoint) -> Endpoint:
    """The import of a noun, from what makes and what changes one."""
    noun = make.name.partition(".")[0]
    key = Key.NONE if noun in SECRET else Key.OPTIONAL
    return Endpoint(
        f"{noun}.import",
        "POST",
        f"{make.path}/import",
        make.permission,
        _handler(_Pair(noun, make, edit)),
        f"Make and change many {noun}s",
        Import,
        answer=Report,
        key=key,
        body_bytes_max=BYTES_MAX + 4096,
    )


def _handler(pair: _Pair) -> Callable[[Call], Awaitable[Answer]]:
    async def handle(call: Call) -> Answer:
        """Each row has the rights, the look-ups and the faults of a request of its own."""
        body: Import = call.body
        rows = _rows(pair, body)
        reports = [await _done(call, number, row) for number, row in enumerate(rows, 1)]
        failed = [report for report in reports if report.problem is not None]
        if failed and body.mode == "all_or_nothing":
            raise Problem("invalid", f"{len(failed)} of {len(rows)} rows", errors=_errors(failed))
        call.changes += 1  # each row has written its own line; if all of them failed there is none to write
        return Answer(Report(done=len(reports) - len(failed), failed=len(failed), rows=reports))

    return handle


def _rows(pair: _Pair, body: Import) -> list[_Row]:
    """Raises Problem."""
    if (body.rows is None) == (body.csv is None):
        raise invalid("/rows", "rows or csv was expected, one of them")
    if body.rows is not None:
        return [_row(pair, number, dict(values)) for number, values in enumerate(body.rows)]
    make, edit = pair.models()
    table, errors = read_table(body.csv or "", {ID, *make.model_fields, *edit.model_fields})
    if len(table.rows) > ROWS_MAX:
        errors.append(FieldError("body", "/csv", f"{len(table.rows)} rows: at most {ROWS_MAX} at once"))
    if errors:
        raise Problem("invalid", errors=errors)
    return [_cells(pair, cells) for cells in table.rows]


def _cells(pair: _Pair, cells: dict[str, str]) -> _Row:
    make, edit = pair.models()
    number = cells.get(ID, "")
    known = edit.model_fields if number else make.model_fields
    values = values_of({name: cell for name, cell in cells.items() if name in known}, edit if number else make)
    stray = {name: cell for name, cell in cells.items() if cell and name not in known and name != ID}
    return _request(pair, number, values | stray)


def _row(pair: _Pair, at: int, values: dict[str, Any]) -> _Row:
    number = values.pop(ID, None)
    if number is not None and (type(number) is not int or not 0 < number <= ID_MAX):
        raise invalid(f"/rows/{at}/{ID}", "a number was expected")
    return _request(pair, "" if number is None else str(number), values)


def _request(pair: _Pair, number: str, values: dict[str, Any]) -> _Row:
    if not number:
        return _Row(pair.make, {}, values)
    return _Row(pair.edit, {pair.edit.parameters[0]: number}, values)


async def _done(call: Call, number: int, row: _Row) -> RowReport:
    """One row, in a savepoint: what it began is undone when it fails."""
    try:
        async with call.conn.begin_nested():
            answer = await perform(call, row.endpoint, row.parameters, json.dumps(row.body).encode())
    except IntegrityError:
        told = Problem("conflict", "this stands already, or something still depends on it").to_json()
        return RowReport(row=number, status=told["status"], id=None, answer=None, problem=told)
    except Problem as problem:
        told = problem.to_json()
        return RowReport(row=number, status=problem.status, id=None, answer=None, problem=told)
    shown = None if answer.body is None else answer.body.model_dump(mode="json")
    status = answer.status or row.endpoint.status
    return RowReport(row=number, status=status, id=id_in(shown), answer=shown, problem=None)


def id_in(shown: dict[str, Any] | None) -> int | None:
    """The number of what was made: in the answer, or in the thing that it holds beside a secret."""
    for value in [shown, *(shown or {}).values()]:
        if isinstance(value, dict) and isinstance(value.get(ID), int):
            return int(value[ID])
    return None


def _errors(failed: Iterable[RowReport]) -> Iterable[FieldError]:
    for report in failed:
        told = report.problem or {}
        for error in told.get("errors", []):
            yield FieldError("body", f"/rows/{report.row - 1}{error['pointer']}", error["detail"])
        if not told.get("errors"):
            yield FieldError("body", f"/rows/{report.row - 1}", told.get("detail") or told["title"])
