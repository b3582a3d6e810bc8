"""A page that asks and answers on itself, and changes nothing: the question stands in the address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from service.api.problems import Problem
from service.portal.components.choosing import choices_of
from service.portal.components.facts import Section
from service.portal.components.fields import Field, Kind, errors_by_field, field, read
from service.portal.components.labels import label_of
from service.portal.components.trail import way_up
from service.portal.screen import Screen, Shown
from service.portal.visit import Visit

ASK = "ask"
"""In the address: it was asked, not only come by."""
Asked = Mapping[str, Any]
"""What was typed, as JSON values by field; what says nothing isn't there."""


class Question(NamedTuple):
    """A page for one question."""

    path: str
    endpoint: str
    title: str
    submit: str
    back: tuple[str, str]
    """Text and path of the page above."""
    fields: tuple[Kind, ...]
    answer: Callable[[Visit, Asked], Awaitable[Sequence[Section | None]]]
    """Within `looking`. Raises Problem for what is wrong with the question; None: that part is for others."""
    text: str = ""
    is_always_answered: bool = False
    """Also where nothing was typed."""


def asking(question: Question) -> Screen:
    """The page of a question."""

    async def show(visit: Visit) -> Shown:
        sections: Sequence[Section | None] = ()
        problem = None
        if question.is_always_answered or ASK in visit.request.query:
            try:
                sections = await question.answer(visit, _asked(visit, question))
            except Problem as found:
                if found.kind not in {"invalid", "conflict", "unavailable"}:
                    raise
                problem = found
        return await _shown(visit, question, sections, problem)

    return Screen(question.path, question.endpoint, show)


def _asked(visit: Visit, question: Question) -> dict[str, Any]:
    found = {}
    for kind in question.fields:
        value = read(kind, visit.request.query.getall(kind.name, []), visit.formats)
        if value not in (None, False, []):
            found[kind.name] = value
    return found


async def _shown(
    visit: Visit, question: Question, sections: Sequence[Section | None], problem: Problem | None
) -> Shown:
    names = [kind.name for kind in question.fields]
    errors = [] if problem is None else problem.errors
    beside, above = errors_by_field([one._replace(pointer=_pointer(one.pointer, names)) for one in errors], names)
    values = {
        "fields": [await _field(visit, kind, beside.get(kind.name, [])) for kind in question.fields],
        "sections": [one for one in sections if one is not None],
        "problem": problem,
        "above": above,
        "submit": visit.say(question.submit),
        "text": visit.say(question.text) if question.text else "",
    }
    status = 200 if problem is None else problem.status
    return Shown("question.html", visit.say(question.title), values, status, (await way_up(visit, *question.back),))


def _pointer(pointer: str, names: Sequence[str]) -> str:
    """/calls/0/number is about the field `number`."""
    last = pointer.rpartition("/")[2]
    return f"/{last}" if last in names else pointer


async def _field(visit: Visit, kind: Kind, errors: Sequence[str]) -> Field:
    choices = await choices_of(visit, kind) if kind.shape == "choice" else []
    if choices is None:
        kind = kind._replace(shape="number")
    typed = tuple(one for one in visit.request.query.getall(kind.name, []) if one)
    return field(kind, visit.say(label_of(kind.called or kind.name)), typed, errors, choices or [])
