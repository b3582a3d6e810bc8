"""Kinds of columns: what a list's rows say, as cells."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from service.api.nouns import NOUNS
from service.api.values import moment_text
from service.portal.components.facts import Fact
from service.portal.components.fields import kinds
from service.portal.components.labels import label_of
from service.portal.components.lists import Cell, Column
from service.portal.formats import NEVER, decimals_by_currency
from service.portal.visit import BY_NAME, Visit
from service.portal.wording import language_names

PLACES: dict[str, str] = {
    "account": "/accounts/{}",
    "bank-line": "/bank-lines/{}",
    "broadcast": "/broadcasts/{}",
    "cdr": "/calls/{}",
    "commitment": "/commitments/{}",
    "delivery": "/deliveries/{}",
    "destination-group": "/destination-groups/{}",
    "device": "/devices/{}",
    "dispute": "/disputes/{}",
    "gateway": "/gateways/{}",
    "invoice": "/invoices/{}",
    "number": "/numbers/{}",
    "plan": "/plans/{}",
    "product": "/products/{}",
    "reconciliation": "/reconciliations/{}",
    "role": "/roles/{}",
    "statement": "/statements/{}",
    "subscription": "/subscriptions/{}",
    "tariff": "/tariffs/{}",
    "trunk": "/trunks/{}",
    "user": "/users/{}",
}
"""Where the page of a thing is."""
WORDS = {"root": "operator"}
"""What people call a kind or state, where it isn't its name."""
STATES: dict[str, str] = {
    "active": "success", "answered": "success", "in use": "success", "done": "success", "sent": "success",
    "suspended": "warning", "invited": "info", "ringing": "info", "waiting": "info", "ending": "warning",
    "issued": "info", "paid": "success", "part_paid": "warning", "overdue": "danger", "settled": "success",
    "starting": "info", "open": "warning", "accepted": "success", "partly": "success",
    "warn": "info", "block": "warning", "suspend": "danger", "allow": "success", "emergency": "danger", "free": "info",
    "gathering": "info", "sending": "info", "left_out": "secondary",
    "asked": "info", "loaded": "success", "faulty": "danger", "running": "info",
    "rejected": "danger", "closed": "secondary", "cancelled": "secondary", "failed": "danger", "refused": "danger",
    "out": "danger", "draft": "secondary", "scheduled": "info", "paused": "warning", "bounced": "danger",
    "posted": "success", "ignored": "secondary", "on": "success", "off": "secondary",
}  # fmt: skip
"""The colour of a state's badge."""


AGENT_SHOWN_MAX = 80


def text(title: str, name: str, *, sort: str = "", is_wide: bool = False) -> Column:
    """A field's text; what is missing is a dash."""
    return each(title, lambda visit, row: Cell(_said(visit, name, getattr(row, name))), sort=sort, is_wide=is_wide)


def each(
    title: str, cell: Callable[[Visit, Any], Cell], *, sort: str = "", at_end: bool = False, is_wide: bool = False,
    learns: tuple[tuple[str, str], ...] = (),
) -> Column:  # fmt: skip
    """A cell of each row by itself."""
    return Column(title, lambda visit, rows: [cell(visit, row) for row in rows], sort, at_end, learns, is_wide)


def itself(title: str, noun: str, name: str, *, sort: str = "") -> Column:
    """What the row is called, with a link to its page."""
    return each(title, lambda _, row: Cell(_plain(getattr(row, name)), PLACES[noun].format(row.id)), sort=sort)


def other(title: str, noun: str, name: str, *, is_wide: bool = False) -> Column:
    """Another thing that the row names by its number: its name, with a link where the visitor may see it."""

    def cell(visit: Visit, row: Any) -> Cell:
        return thing(visit, noun, getattr(row, name))

    return each(title, cell, is_wide=is_wide, learns=((noun, name),))


def thing(visit: Visit, noun: str, number: int | None) -> Cell:
    """A thing whose name was learned."""
    if not number:
        return Cell(NEVER)
    link = PLACES[noun].format(number) if noun in PLACES and visit.knows(noun, number) else ""
    return Cell(visit.name(noun, number), link)


def state(title: str = "State", name: str = "state") -> Column:
    """A state as a badge."""
    return each(title, lambda visit, row: badge(visit, getattr(row, name)))


def badge(visit: Visit, value: str) -> Cell:
    """A state, or a kind."""
    return Cell(visit.say(WORDS.get(value) or value.replace("_", " ")), "", STATES.get(value, "secondary"))


def moment(title: str, name: str, *, sort: str = "", is_wide: bool = False) -> Column:
    """A time."""
    return each(title, lambda visit, row: Cell(_unbroken(visit, getattr(row, name))), sort=sort, is_wide=is_wide)


def _unbroken(visit: Visit, wall_ms: int | None) -> str:
    """A time that stays on one line."""
    return visit.formats.moment(wall_ms).replace(" ", "\u00a0")


def number(title: str, name: str, *, sort: str = "", nothing: str = NEVER, is_wide: bool = False) -> Column:
    """A whole number."""

    def cell(visit: Visit, row: Any) -> Cell:
        value = getattr(row, name)
        return Cell(visit.say(nothing) if value is None else visit.formats.number(value))

    return each(title, cell, sort=sort, at_end=True, is_wide=is_wide)


def yes(title: str, name: str, *, is_wide: bool = False) -> Column:
    """Whether something is so."""
    return each(title, lambda visit, row: Cell(visit.say("yes" if getattr(row, name) else "no")), is_wide=is_wide)


def money(title: str, amount: Callable[[Any], int | None], currency: Callable[[Any], str], *, sort: str = "") -> Column:
    """Amounts, exact, the points of each currency's below each other. None: a dash."""

    def cells(visit: Visit, rows: Sequence[Any]) -> list[Cell]:
        told = [(amount(row), currency(row)) for row in rows]
        decimals = decimals_by_currency(told)
        return [
            Cell(NEVER if micros is None else visit.formats.money(micros, its, decimals[its])) for micros, its in told
        ]

    return Column(title, cells, sort, at_end=True)


def amount(title: str, micros: Callable[[Any], int | None], *, is_wide: bool = False) -> Column:
    """Amounts in the currency of the thing that the page is about, their points below each other. None: a dash."""

    def cells(visit: Visit, rows: Sequence[Any]) -> list[Cell]:
        return money(title, micros, lambda _: visit.currency).cells(visit, rows)

    return Column(title, cells, at_end=True, is_wide=is_wide, has_currency=True)


def said(title: str, name: str, *, is_wide: bool = False) -> Column:
    """What the service itself has said, in the visitor's language; what it doesn't know stays."""
    return each(title, lambda visit, row: Cell(visit.refuse(getattr(row, name)) or NEVER), is_wide=is_wide)


def rate(title: str, name: str, *, is_wide: bool = False) -> Column:
    """A price of a minute, told as text."""
    return each(
        title, lambda visit, row: Cell(visit.formats.decimal(getattr(row, name) or "") or NEVER), is_wide=is_wide
    )


def deed(text: str, link: str, endpoint: str, offered: Callable[[Any], bool] = lambda _: True) -> Column:
    """What can be done with a row, for whoever may; `offered`: with which ones. `link`: {} is the row's number,
    {row.name} a field of it.

    What is for whoever stands above an account isn't offered of rows of one's own.
    """
    is_for_above = any(BY_NAME[name].below for name in endpoint.split() if name in BY_NAME)

    def cell(visit: Visit, row: Any) -> Cell:
        is_own = is_for_above and row.account_id == visit.account_id
        return Cell(visit.say(text), link.format(row.id, row=row)) if not is_own and offered(row) else Cell("")

    return each(text, cell)._replace(needs=endpoint)


def _plain(value: Any) -> str:
    if value is None or value in ("", []):
        return NEVER
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)


def _said(visit: Visit, name: str, value: Any) -> str:
    """A value that its field can be chosen from is a word; any other is what it is."""
    if value and isinstance(value, str) and value in _words().get(name, ()):
        return visit.say(value.replace("_", " "))
    return _plain(value)


@functools.cache
def _words() -> dict[str, set[str]]:
    """By field: the values that endpoints take in it."""
    found: dict[str, set[str]] = {}
    for endpoint in BY_NAME.values():
        for model in (endpoint.query, endpoint.body):
            for name, kind in kinds(model).items() if model is not None else ():
                if not kind.noun and kind.shape == "choice":
                    found.setdefault(name, set()).update(kind.choices)
    return found


def agent(text: str) -> str:
    """Of what a browser calls itself the beginning."""
    return (text if len(text) <= AGENT_SHOWN_MAX else f"{text[:AGENT_SHOWN_MAX]} …") or "?"


def facts(visit: Visit, view: Any, *names: str) -> list[Fact]:
    """Fields of a thing, each by its kind. What they name has to be learned before."""
    return [
        Fact(label_of(name), _told(visit, name, getattr(view, name), is_moment=_is_moment(view, name)))
        for name in names
    ]


def _is_moment(view: Any, name: str) -> bool:
    told = getattr(type(view), "model_fields", {}).get(name)
    return told is not None and any(getattr(mark, "func", None) is moment_text for mark in told.metadata)


def _told(visit: Visit, name: str, value: Any, *, is_moment: bool) -> Cell:
    if name.endswith("_at") or is_moment:
        return Cell(visit.formats.moment(value))
    if isinstance(value, bool):
        return Cell(visit.say("yes" if value else "no"))
    noun = name.removesuffix("_id")
    if noun in NOUNS and name != noun:
        return thing(visit, noun, value)
    if name == "language":
        return Cell(language_names().get(value, _plain(value)))
    if isinstance(value, int):
        return Cell(str(value) if name == "port" else visit.formats.number(value))
    return Cell(_said(visit, name, value))
