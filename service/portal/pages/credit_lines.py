"""Lines of an invoice that are given back: all that is left of a line, or a part of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from service.api.lists import Page
from service.api.problems import Problem
from service.api.values import number_in
from service.billing.views import InvoiceText, InvoiceView, LineView
from service.portal.components.fields import amount, field, kinds
from service.portal.components.forms import KEY
from service.portal.components.labels import label_of
from service.portal.components.lists import same_page
from service.portal.formats import decimals_of_all
from service.portal.screen import Crumb, Gone, Screen, Shown
from service.portal.visit import BY_NAME, Visit

LINES_SHOWN = 100
WHOLE, AMOUNT, LEFT = "whole-", "amount-", "left-"
"""Beginnings of the names of a line's fields, before its number."""
_PLACE = re.compile(r"/lines/(\d+)(/amount)?")


class Wish(NamedTuple):
    """What was said of a line."""

    is_whole: bool = False
    text: str = ""
    """Of the amount, as it was typed."""
    error: str = ""


async def show(visit: Visit) -> Shown:
    """The lines of which something is left."""
    return await _shown(visit, {}, "", None)


async def act(visit: Visit) -> Shown | Gone:
    """A credit note of what was chosen; or the same page with what is wrong, each fault beside its line."""
    wishes = _wishes(visit.form)
    reason = str(visit.form.get("reason", "")).strip()
    body = {"reason": reason, "lines": [_asked(visit, number, one) for number, one in wishes.items()]}
    try:
        answer = await visit.do(
            "invoice.credit", body, key=str(visit.form.get(KEY, "")), invoice_id=visit.parameter("invoice_id")
        )
    except Problem as problem:
        if problem.kind == "signed-out":
            raise
        async with visit.looking():
            return await _shown(visit, _faulty(wishes, problem), reason, problem)
    made = answer.body
    to = made.id if isinstance(made, InvoiceView) else visit.parameter("invoice_id")
    return Gone(f"/invoices/{to}", visit.say("The credit note is issued."))


def _wishes(form: Mapping[str, Any]) -> dict[int, Wish]:
    """By line, those of which something is wanted."""
    found = {}
    for name in form:
        number = name.removeprefix(LEFT)
        if name.startswith(LEFT) and number_in(number):
            wish = Wish(WHOLE + number in form, str(form.get(AMOUNT + number, "")).strip())
            if wish.is_whole or wish.text:
                found[int(number)] = wish
    return found


def _asked(visit: Visit, number: int, wish: Wish) -> dict[str, Any]:
    """What was typed counts before what is left."""
    typed = amount(wish.text, visit.formats) if wish.text else str(visit.form.get(f"{LEFT}{number}", ""))
    return {"line_id": number, "amount": typed}


def _faulty(wishes: Mapping[int, Wish], problem: Problem) -> dict[int, Wish]:
    """With what is wrong with each."""
    found, numbers = dict(wishes), list(wishes)
    for one in problem.errors:
        place = _PLACE.fullmatch(one.pointer)
        if place is not None and int(place[1]) < len(numbers):
            number = numbers[int(place[1])]
            found[number] = found[number]._replace(error=one.detail)
    return found


async def _shown(visit: Visit, wishes: Mapping[int, Wish], reason: str, problem: Problem | None) -> Shown:
    number = visit.parameter("invoice_id")
    row = await visit.ask("invoice.show", InvoiceText, invoice_id=number)
    query = {"limit": str(LINES_SHOWN), "cursor": visit.request.query.get("cursor", "")}
    found: Any = await visit.ask("invoice.lines", Page[LineView], query, invoice_id=number)
    kind = kinds(BY_NAME["invoice.credit"].body)["reason"]
    wrong = [one.detail for one in problem.errors if one.pointer == "/reason"] if problem is not None else []
    values = {
        "problem": problem,
        "above": _above(visit, problem),
        "reason": field(kind, visit.say(label_of("reason")), (reason,) if reason else (), wrong),
        "lines": _lines(visit, found.items, wishes, row.currency),
        "key": visit.form.get(KEY) or visit.new_key(),
        "back": f"/invoices/{number}",
        "next": same_page(visit, cursor=found.next) if found.next else "",
    }
    status = 200 if problem is None else problem.status
    trail = (Crumb(row.number or visit.say("Draft"), f"/invoices/{number}"),)
    return Shown("credit_lines.html", visit.say("Credit lines of this invoice"), values, status, trail)


def _above(visit: Visit, problem: Problem | None) -> list[str]:
    """That nothing was chosen; other faults stand beside their lines, or in the problem itself."""
    nothing = problem is not None and any(one.pointer == "/lines" for one in problem.errors)
    return [visit.say("Choose a line, or write an amount beside one.")] if nothing else []


def _lines(visit: Visit, lines: Sequence[LineView], wishes: Mapping[int, Wish], currency: str) -> list[dict[str, Any]]:
    """Those of which something is left, as they are printed."""
    decimals = decimals_of_all([one.left for one in lines])
    return [
        {
            "id": one.id,
            "what": one.description or visit.say(one.kind.capitalize()),
            "position": one.position,
            "left": visit.formats.money(one.left, currency, decimals),
            "sent": one.model_dump(mode="json")["left"],
            "wish": wishes.get(one.id, Wish()),
        }
        for one in lines
        if one.left
    ]


SCREENS = (Screen("/invoices/{invoice_id}/credit/lines", "invoice.credit", show, act),)
