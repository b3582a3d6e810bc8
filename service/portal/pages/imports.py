"""Many things at once, from a table of CSV: made and changed by the very endpoints of their nouns."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import BaseModel

from service.api.bulk import Report, RowReport
from service.api.cells import ID
from service.portal.components import columns
from service.portal.components.columns import each
from service.portal.components.facts import page, section
from service.portal.components.fields import kinds
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, table_of
from service.portal.formats import NEVER
from service.portal.screen import Screen, Shown
from service.portal.visit import BY_NAME, Visit

MAKES = {
    "account": "account.make", "user": "user.invite", "trunk": "trunk.make", "device": "device.make",
    "number": "number.make",
}  # fmt: skip
"""What makes one, by the noun that can be imported."""
TEXT = (
    "A line of column names, then a line for each. With an id a row changes what stands; an empty cell says nothing. "
    "Several values in a cell are separated by semicolons."
)
BYTES_MAX = 5 << 20


def _what(_visit: Visit, row: RowReport) -> Cell:
    if row.problem is None:
        return Cell("✓")
    errors = "; ".join(f"{one['pointer'].lstrip('/')}: {one['detail']}" for one in row.problem.get("errors", []))
    return Cell(errors or row.problem.get("detail") or row.problem["title"])


def _once(_visit: Visit, row: RowReport) -> Cell:
    """What is shown this once: a device's password, an invitation's link."""
    answer: dict[str, Any] = row.answer or {}
    return Cell(str(answer.get("password") or answer.get("link") or NEVER))


async def tell(visit: Visit, body: BaseModel) -> Shown:
    """Row by row."""
    assert isinstance(body, Report)
    shown = (
        columns.number("Row", "row"),
        columns.number("Number of the thing", "id"),
        each("What became of it", _what),
        each("Shown this once", _once),
    )
    table = await table_of(visit, shown, body.rows)
    title = visit.say("{done} done, {failed} not").format(done=body.done, failed=body.failed)
    return page(visit, title, [section(visit, "Rows", [])._replace(table=table)])


async def show_sample(visit: Visit) -> web.StreamResponse:
    """A file with the names of all columns, to be filled in."""
    noun = visit.parameter("noun")
    body = BY_NAME[MAKES[noun]].body
    assert body is not None
    text = ",".join([ID, *kinds(body)]) + "\r\n"
    headers = {"Content-Disposition": f'attachment; filename="{noun}s.csv"'}
    return web.Response(text=text, content_type="text/csv", headers=headers)


def _form(noun: str) -> Screen:
    form = Form(
        f"/{noun}s/import", f"{noun}.import", "Import from CSV", "Import", f"/{noun}s", ("mode", "csv"), tells=tell,
        text=TEXT, links=(("A file to fill in", f"/imports/{noun}.csv", f"{noun}.import"),),
    )  # fmt: skip
    return form_screen(form)._replace(body_bytes_max=BYTES_MAX)


SCREENS = (
    *(_form(noun) for noun in MAKES),
    Screen("/imports/{noun:account|user|trunk|device|number}.csv", "me.show", show_sample),
)
