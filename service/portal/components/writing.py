"""A page where a text is written: checked before it is kept, each fault shown with the lines that it is in."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from service.api.problems import FieldError, Problem
from service.portal.components.choosing import choices_of
from service.portal.components.fields import Field, field, kinds
from service.portal.components.labels import label_of
from service.portal.screen import Crumb, Gone, Screen, Shown, filled
from service.portal.visit import BY_NAME, Visit

BYTES_MAX = 9 << 20
SOURCE, VERSION, DO, CHECK = "source", "_version", "do", "check"
LINES_AROUND = 1
"""Shown before and behind a line with a fault."""
_PLACED = re.compile(r"[^\n]*?:(\d+):(\d+): (.*)", re.DOTALL)


class Text(NamedTuple):
    """What is written."""

    source: str
    version: str = ""
    """Of what was looked at; empty: it has none."""
    files: Mapping[str, str] = {}
    """What stands beside it, by name: faults may be there."""
    values: Mapping[str, str] = {}
    """Of the fields above it."""


class Pen(NamedTuple):
    """A page for one kind of text."""

    path: str
    endpoint: str
    title: str
    back: str
    first: Callable[[Visit], Awaitable[Text]]
    """What stands before anybody has typed."""
    check: Callable[[Visit, Text], Awaitable[list[str]]]
    """Tells what is worth a look. Raises Problem for faults; changes nothing. Within `looking`."""
    write: Callable[[Visit, Text], Awaitable[Gone]]
    """Keeps it. Raises Problem, and nothing was changed."""
    fields: tuple[str, ...] = ()
    """Of the endpoint's body, above the text."""
    text: str = ""


class Fault(NamedTuple):
    """What is wrong, and where."""

    line: int
    """0: it has no place in a text that is known."""
    file: str
    """Empty: it is in the text itself."""
    said: str
    around: tuple[tuple[int, str], ...]
    """The lines about it."""


def faults_of(errors: Sequence[FieldError], source: str, files: Mapping[str, str]) -> list[Fault]:
    """Of `source:3:5: what is wrong` the place, with lines 2 to 4; what names no place stands by itself. Pure."""
    return [_fault(one, source, files) for one in errors if one.pointer == f"/{SOURCE}" or _file(one)]


def _file(error: FieldError) -> str:
    return error.pointer.removeprefix("/decks/") if error.pointer.startswith("/decks/") else ""


def _fault(error: FieldError, source: str, files: Mapping[str, str]) -> Fault:
    name, found = _file(error), _PLACED.fullmatch(error.detail)
    lines = (files.get(name, "") if name else source).splitlines()
    if found is None or not 0 < int(found[1]) <= len(lines):
        return Fault(0, name, error.detail, ())
    line = int(found[1])
    shown = range(max(1, line - LINES_AROUND), min(len(lines), line + LINES_AROUND) + 1)
    return Fault(line, name, found[3], tuple((at, lines[at - 1]) for at in shown))


def writing(pen: Pen) -> Screen:
    """The page of a pen."""

    async def show(visit: Visit) -> Shown:
        text = await pen.first(visit)
        asked = {name: visit.request.query.get(name, "") for name in pen.fields}
        return await _shown(visit, pen, text._replace(values={**asked, **text.values}))

    async def act(visit: Visit) -> Shown | Gone:
        return await _sent(visit, pen)

    return Screen(pen.path, pen.endpoint, show, act, body_bytes_max=BYTES_MAX)


async def _sent(visit: Visit, pen: Pen) -> Shown | Gone:
    """Checks or keeps what was typed; then goes on, or shows it again with what there is to say."""
    async with visit.looking():
        stands = await pen.first(visit)
    typed = Text(
        str(visit.form.get(SOURCE, "")).replace("\r\n", "\n"),
        str(visit.form.get(VERSION, "")),
        stands.files,
        {name: str(visit.form.get(name, "")).strip() for name in pen.fields},
    )
    try:
        if visit.form.get(DO) != CHECK:
            return await pen.write(visit, typed)
        async with visit.looking():
            said = await pen.check(visit, typed)
            return await _shown(visit, pen, typed, said=said)
    except Problem as problem:
        if problem.kind == "signed-out":
            raise
        async with visit.looking():
            return await _shown(visit, pen, typed, problem)


async def _shown(
    visit: Visit, pen: Pen, text: Text, problem: Problem | None = None, said: Sequence[str] | None = None
) -> Shown:
    errors = problem.errors if problem is not None else []
    faults = faults_of(errors, text.source, text.files)
    back = filled(pen.back, visit.request.match_info)
    beside = {*(f"/{name}" for name in pen.fields), f"/{SOURCE}"}
    values = {
        "problem": problem,
        "above": [one.detail for one in errors if one.pointer not in beside and not _file(one)],
        "faults": faults,
        "said": said,
        "fields": [await _field(visit, pen, name, text, errors) for name in pen.fields],
        "source": text.source,
        "version": text.version,
        "text": visit.say(pen.text) if pen.text else "",
        "back": back,
    }
    status = 200 if problem is None else problem.status
    return Shown("writing.html", visit.say(pen.title), values, status, (Crumb(visit.say("Back"), back),))


async def _field(visit: Visit, pen: Pen, name: str, text: Text, errors: Sequence[FieldError]) -> Field:
    body = BY_NAME[pen.endpoint].body
    assert body is not None
    kind = kinds(body)[name]
    choices = await choices_of(visit, kind, pen.endpoint) if kind.shape == "choice" else []
    if choices is None:
        kind = kind._replace(shape="number")
    value = text.values.get(name, "")
    wrong = [one.detail for one in errors if one.pointer == f"/{name}"]
    return field(kind, visit.say(label_of(name)), (value,) if value else (), wrong, choices or [])
