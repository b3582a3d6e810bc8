"""A carrier's sheet into a deck of a draft: looked at first, column by column, then imported."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple
from urllib.parse import urlencode

from aiohttp import web

from ratebook.sheets.columns import Field as Column
from service.api.problems import Problem, invalid
from service.portal.components.columns import each
from service.portal.components.facts import Section
from service.portal.components.fields import Choice, Field, Kind, errors_by_field, field, kinds, read
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.labels import label_of, value_of
from service.portal.components.lists import Cell, table_of
from service.portal.pages.prices import counted
from service.portal.screen import Crumb, Gone, Screen, Shown
from service.portal.visit import Visit
from service.tariffs.api import TariffText
from service.tariffs.sheets_api import FILE_BYTES_MAX, SheetFile, SheetLooked

TARIFF = "/tariffs/{tariff_id}"
ANSWERS = ("kind", "date_order", "dash", "twice", "past", "notice_days", "currency", "sheet", "strict")
"""What a sheet may leave open."""
PREFIX = "column-"
"""Of the fields that say which column is what."""
FORM_BYTES_MAX = FILE_BYTES_MAX * 4 // 3 + (1 << 20)
SHOWN_MAX = 200
_KINDS = kinds(SheetFile)


class Sent(NamedTuple):
    """What came with the form."""

    deck: str
    file: str
    """In base64: it comes along from the first look to the import."""
    values: dict[str, str]
    """What was answered, by field."""
    columns: dict[str, str]
    """The header's name by what it is."""


async def show(visit: Visit) -> Shown:
    """Asks for the file."""
    return _page(visit, Sent(visit.request.query.get("deck", ""), "", {}, {}), None, None)


async def take(visit: Visit) -> Shown | Gone:
    """Looks at it, or imports it. A sheet that leaves something open is shown again with the question."""
    sent = _sent(visit)
    try:
        looked = await _ask(visit, sent, is_import=visit.form.get("do") == "import")
    except Problem as problem:
        if problem.kind == "signed-out":
            raise
        async with visit.looking():
            return _page(visit, sent, problem, None)
    if looked.done:
        return await _done(visit, sent.deck)
    async with visit.looking():
        return await _looked(visit, sent, looked)


async def _done(visit: Visit, deck: str) -> Gone:
    """To what it changes; a text that doesn't name the deck yet changes nothing by it, and is to be written first."""
    async with visit.looking():
        row = await visit.ask("tariff.show", TariffText, tariff_id=visit.parameter("tariff_id"))
    if deck in (row.source or ""):
        said = visit.say("The sheet is imported into the draft: publish it to bring it into force.")
        return Gone(f"/tariffs/{row.id}/changes", said)
    said = visit.say("The sheet is kept. The text didn't name it: look at the last line, and save.")
    return Gone(f"/tariffs/{row.id}/edit?{urlencode({'deck': deck})}", said)


def _sent(visit: Visit) -> Sent:
    form: Any = visit.form
    file = form.get("file")
    if isinstance(file, web.FileField):
        data = base64.b64encode(file.file.read(FILE_BYTES_MAX + 1)).decode()
    else:
        data = str(form.get("kept", ""))
    texts = {name: value.strip() for name, value in form.items() if isinstance(value, str)}
    known = {name.removeprefix(PREFIX): value for name, value in texts.items() if name.startswith(PREFIX) and value}
    return Sent(texts.get("deck", ""), data, {name: texts[name] for name in ANSWERS if texts.get(name)}, known)


async def _ask(visit: Visit, sent: Sent, *, is_import: bool) -> SheetLooked:
    if not sent.file:
        raise visit.told(invalid("/file", "choose a file: CSV, XLSX or XLS, 8 MiB at most"))
    answers = {name: read(_KINDS[name], [value], visit.formats) for name, value in sent.values.items()}
    body = {"deck": sent.deck, "file": sent.file, "do": is_import, "columns": sent.columns, **answers}
    found = (await visit.do("tariff.import", body, tariff_id=visit.parameter("tariff_id"))).body
    assert isinstance(found, SheetLooked)
    return found


async def _looked(visit: Visit, sent: Sent, looked: SheetLooked) -> Shown:
    """What would be imported, and what is asked."""
    known = {name: str(one["header"]) for name, one in looked.columns.items()}
    shown = sent._replace(columns=known, values=_answers(looked) | sent.values)
    sections = [
        Section(
            visit.say("What changes in the deck"), _facts(visit, looked),
            await table_of(visit, _CHANGES, looked.changes[:SHOWN_MAX]),
            empty=visit.say("The deck says all of it already."),
        ),
        Section(visit.say("Worth a look"), template="lines.html", data=visit.explain(looked.notices), is_full=True)
        if looked.notices else None,
        Section(visit.say("Rows that are left out"), [], await table_of(visit, _LEFT, looked.left_out[:SHOWN_MAX]))
        if looked.left_out else None,
    ]  # fmt: skip
    return _page(visit, shown, None, looked, sections)


def _answers(looked: SheetLooked) -> dict[str, str]:
    """What is known of the carrier's sheets by now."""
    return {name: str(value) for name, value in looked.mapping.items() if name in ANSWERS}


def _facts(visit: Visit, looked: SheetLooked) -> list[tuple[str, Cell, str]]:
    told = [
        (visit.say("Sheet"), looked.sheet),
        (visit.say("Header in line"), str(looked.header_line)),
        (visit.say("Currency"), looked.currency),
        (visit.say("Codes"), counted(visit, looked.counts)),
        (visit.say("Columns that are not read"), ", ".join(looked.unread)),
    ]
    return [(label, Cell(text), "") for label, text in told if text]


_CHANGES = (
    each("Code", lambda _, one: Cell(one["code"])),
    each("Destination", lambda _, one: Cell(one["destination"])),
    each("What", lambda visit, one: Cell(visit.say(one["change"]))),
    each("Before", lambda visit, one: Cell(visit.formats.decimal(one["before"] or "")), at_end=True),
    each("After", lambda visit, one: Cell(visit.formats.decimal(one["after"] or "")), at_end=True),
    each("From", lambda visit, one: Cell(visit.formats.written_day(one["effective"] or ""))),
    each("Line", lambda _, one: Cell(str(one["line"] or "")), at_end=True, is_wide=True),
)
_LEFT = (
    each("Line", lambda _, one: Cell(str(one["line"])), at_end=True),
    each("What stands there", lambda _, one: Cell(one["text"])),
    each("Why", lambda visit, one: Cell(visit.refuse(one["reason"]))),
)


def _page(
    visit: Visit, sent: Sent, problem: Problem | None, looked: SheetLooked | None,
    sections: list[Section | None] | None = None,
) -> Shown:  # fmt: skip
    names = ("deck", "file", *ANSWERS)
    beside, above = errors_by_field(problem.errors if problem is not None else [], names)
    asked = {one["name"]: visit.refuse(one["text"]) for one in looked.questions} if looked is not None else {}
    back = f"/tariffs/{visit.parameter('tariff_id')}"
    values = {
        "problem": problem,
        "above": above,
        "deck": field(_KINDS["deck"], visit.say("Deck"), (sent.deck,), beside.get("deck", [])),
        "file_errors": beside.get("file", []),
        "kept": sent.file,
        "looked": looked,
        "refusal": "" if looked is None else visit.refuse(looked.refusal),
        "answers": [_answer(visit, name, sent, [*beside.get(name, []), *_said(asked, name)]) for name in ANSWERS],
        "columns": [] if looked is None else _columns(visit, looked),
        "sections": [one for one in sections or [] if one is not None],
        "back": back,
    }
    status = 200 if problem is None else problem.status
    return Shown("sheet.html", visit.say("Import a sheet"), values, status, (Crumb(visit.say("Tariff"), back),))


def _said(asked: dict[str, str], name: str) -> list[str]:
    return [asked[name]] if name in asked else []


def _answer(visit: Visit, name: str, sent: Sent, errors: list[str]) -> Field:
    kind = _KINDS[name]
    value = sent.values.get(name, "")
    choices = [Choice(one, value_of(one, visit.say)) for one in kind.choices]
    return field(kind, visit.say(label_of(name)), (value,) if value else (), errors, choices)


def _columns(visit: Visit, looked: SheetLooked) -> list[Field]:
    """For each thing that a column may be, which one it is."""
    headers = [*(str(one["header"]) for one in looked.columns.values()), *looked.unread]
    choices = [Choice(one, one) for one in dict.fromkeys(headers)]
    found = []
    for column in Column:
        kind = Kind(f"{PREFIX}{column.value}", "choice", can_be_null=True)
        known = looked.columns.get(column.value)
        values = (str(known["header"]),) if known is not None else ()
        found.append(field(kind, visit.say(label_of(column.value)), values, (), choices))
    return found


UNDO = Form(
    f"{TARIFF}/import/undo", "tariff.undo-import", "Undo a deck's last import", "Undo", TARIFF, is_danger=True,
    said="The deck is as it was before its last import.",
)  # fmt: skip
SCREENS = (
    Screen(f"{TARIFF}/import", "tariff.import", show, take, body_bytes_max=FORM_BYTES_MAX),
    form_screen(UNDO),
)
