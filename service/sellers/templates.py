"""Mail templates: their kinds, what may stand in them, how they are filled. Pure.

A placeholder is {{ name }}, of a fixed list for each kind: no expressions, nothing that is looked up or called.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import NamedTuple

from service.sellers.german import GERMAN

_PLACE = re.compile(r"{{(.*?)}}", re.DOTALL)
_NAME = re.compile(r"\s*([a-z_]+)\s*")


class Kind(NamedTuple):
    """A mail that is sent by itself."""

    placeholders: Mapping[str, str]
    """Each with a value for previews."""
    subject: str
    text: str


_COMMON = {
    "company": "Example Telecom",
    "company_address": "1 Example Street\nExample Town",
    "account": "Customer Ltd",
    "name": "Ada",
    "email": "ada@example.net",
    "portal": "https://portal.example.net",
}
COMMON = frozenset(_COMMON)
"""What every mail can say: of whom it is, and to whom."""
_ASKED = {"number": "2026-00042", "total": "119.00", "open": "100.00", "currency": "EUR", "due": "2026-12-15"}
"""Of an invoice that is not paid."""

KINDS: dict[str, Kind] = {
    "invitation": Kind(
        _COMMON | {"link": "https://portal.example.net/password?link=…", "expires": "2026-12-01 12:00 UTC"},
        "Your login at {{ company }}",
        "Hello {{ name }},\n\nyou have a login for {{ account }} now. Choose your password here, until {{ expires }}:\n"
        "{{ link }}\n\n{{ company }}\n",
    ),
    "welcome": Kind(
        _COMMON,
        "Welcome to {{ company }}",
        "Hello {{ name }},\n\nyour password is set: sign in as {{ email }}.\n{{ portal }}\n\n{{ company }}\n",
    ),
    "reset": Kind(
        _COMMON | {"link": "https://portal.example.net/password?link=…", "expires": "2026-12-01 12:00 UTC"},
        "Your password at {{ company }}",
        "Hello {{ name }},\n\nsomebody asked for a new password for {{ email }}. If it was you, choose it here, until "
        "{{ expires }}:\n{{ link }}\n\nIf it was not, nothing has changed.\n\n{{ company }}\n",
    ),
    "low_balance": Kind(
        _COMMON | {"balance": "4.20", "threshold": "5.00", "currency": "EUR"},
        "{{ account }}: {{ balance }} {{ currency }} left",
        "Hello {{ name }},\n\nthe balance of {{ account }} has fallen below {{ threshold }} {{ currency }}: it is "
        "{{ balance }} {{ currency }} now. Calls end when it is used up.\n\n{{ company }}\n",
    ),
    "recharge_failed": Kind(
        _COMMON | {"amount": "50.00", "currency": "EUR", "fault": "Your card was declined."},
        "{{ account }} could not be recharged",
        "Hello {{ name }},\n\n{{ amount }} {{ currency }} could not be taken by the card that {{ account }} has left: "
        "{{ fault }} It is not tried again. Leave another card, or pay by hand: {{ portal }}\n\n{{ company }}\n",
    ),
    "invoice": Kind(
        _COMMON | {"number": "2026-00042", "total": "119.00", "currency": "EUR", "due": "2026-12-15"},
        "Invoice {{ number }} of {{ company }}",
        "Hello {{ name }},\n\nthere is invoice {{ number }} over {{ total }} {{ currency }}, due on {{ due }}. You "
        "find it here: {{ portal }}\n\n{{ company }}\n{{ company_address }}\n",
    ),
    "due_soon": Kind(
        _COMMON | _ASKED,
        "Invoice {{ number }} is due on {{ due }}",
        "Hello {{ name }},\n\n{{ open }} {{ currency }} of invoice {{ number }} over {{ total }} {{ currency }} are "
        "due on {{ due }}.\n\n{{ company }}\n",
    ),
    "receipt": Kind(
        _COMMON | {"number": "17", "total": "100.00", "currency": "EUR", "received": "2026-12-01"},
        "Your payment of {{ total }} {{ currency }}",
        "Hello {{ name }},\n\nthank you: {{ total }} {{ currency }} for {{ account }} arrived on {{ received }} "
        "(receipt {{ number }}).\n\n{{ company }}\n{{ company_address }}\n",
    ),
    "reminder": Kind(
        _COMMON | _ASKED,
        "Invoice {{ number }} is overdue",
        "Hello {{ name }},\n\ninvoice {{ number }} over {{ total }} {{ currency }} was due on {{ due }}, and "
        "{{ open }} {{ currency }} of it are open. Please pay now.\n\n{{ company }}\n",
    ),
    "rate_change": Kind(
        _COMMON
        | {
            "tariff": "retail",
            "effective": "2027-01-01 00:00 UTC",
            "changes": "12",
            "concerned": "Customer Ltd",
        },
        "New rates from {{ effective }}",
        "Hello {{ name }},\n\nfrom {{ effective }} on rates of {{ concerned }} change ({{ tariff }}). The attached "
        "table has all {{ changes }} of them.\n\n{{ company }}\n",
    ),
    "fraud_alarm": Kind(
        _COMMON
        | {
            "rule": "more than 50.00 EUR an hour",
            "action": "The account is suspended and its calls are cut",
            "seen": "73.20 EUR",
        },
        "{{ account }}: unusual calls",
        "Hello {{ name }},\n\ncalls of {{ account }} have passed a limit ({{ rule }}): {{ seen }}. {{ action }}.\n\n"
        "{{ company }}\n",
    ),
    "doctor_failed": Kind(
        _COMMON | {"faults": "conservation: entry 7: 1 micro-units of EUR where 0 were expected", "count": "1"},
        "{{ company }}: {{ count }} checks failed",
        "Hello {{ name }},\n\nthe doctor has looked tonight, and found what should not be:\n\n{{ faults }}\n\n"
        "All of it: {{ portal }}/doctor\n\n{{ company }}\n",
    ),
    "dispute": Kind(
        _COMMON
        | {
            "dispute": "17",
            "partner": "Carrier Ltd",
            "about": "Calls of the 3rd",
            "event": "was answered",
            "said": "Which two calls are missing?",
            "total": "12.50",
            "currency": "EUR",
        },
        "Dispute {{ dispute }} {{ event }}: {{ about }}",
        "Hello {{ name }},\n\ndispute {{ dispute }} of {{ partner }} over {{ total }} {{ currency }} {{ event }}:\n\n"
        "{{ said }}\n\nAll of it: {{ portal }}/disputes/{{ dispute }}\n\n{{ company }}\n",
    ),
    "cdr_file": Kind(
        _COMMON | {"file": "calls-2026-12-01.csv", "calls": "1234"},
        "{{ account }}: {{ calls }} calls",
        "Hello,\n\n{{ file }} with {{ calls }} calls of {{ account }} is attached.\n\n{{ company }}\n",
    ),
    "report": Kind(
        _COMMON | {"report": "Traffic by destination", "since": "2026-12-01", "until": "2026-12-31"},
        "{{ report }}: {{ since }} to {{ until }}",
        "Hello {{ name }},\n\n{{ report }} of {{ account }}, from {{ since }} to {{ until }}, is attached.\n\n"
        "{{ company }}\n",
    ),
    "broadcast": Kind(
        _COMMON
        | {
            "subject": "Maintenance on Sunday",
            "message": "We move to a new data centre.",
            "unsubscribe": "https://portal.example.net/unsubscribe/1-…",
        },
        "{{ subject }}",
        "{{ message }}\n\n{{ company }}\n{{ company_address }}\n\nNo more such mails: {{ unsubscribe }}\n",
    ),
}


ENGLISH = "en"


def built_in(kind: str, language: str) -> tuple[str, str] | None:
    """Subject and text that the program brings along; None: nothing in this language. English has all kinds."""
    if language == ENGLISH:
        return KINDS[kind].subject, KINDS[kind].text
    return _OTHERS.get(language, {}).get(kind)


def built_in_languages() -> tuple[str, ...]:
    """Those that the program brings texts along in."""
    return (ENGLISH, *_OTHERS)


_OTHERS = {"de": GERMAN}


def text_problem(kind: str, text: str) -> str | None:
    """What is wrong with a subject or text; None: nothing."""
    return _problem(text, KINDS[kind].placeholders)


def message_problem(text: str) -> str | None:
    """The same of what a broadcast says: it may name whoever reads it."""
    return _problem(text, _COMMON)


def _problem(text: str, known: Mapping[str, str]) -> str | None:
    for match in _PLACE.finditer(text):
        found = _NAME.fullmatch(match[1])
        name = found[1] if found else match[1].strip()
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f": did you mean {near[0]}?" if near else f": one of {', '.join(known)} was expected"
            return f"unknown placeholder {name!r}{hint}"
    rest = _PLACE.sub("", text)
    if "{{" in rest or "}}" in rest:
        return "a placeholder is not closed: write {{ name }}"
    return None


def places_in(text: str) -> set[str]:
    """Names of what stands in a text without problems."""
    return {match[1].strip() for match in _PLACE.finditer(text)}


def fill(text: str, values: Mapping[str, str]) -> str:
    """A text without problems, with its values; what a value holds is never looked at again."""
    return _PLACE.sub(lambda match: values[match[1].strip()], text)


def fill_subject(text: str, values: Mapping[str, str]) -> str:
    """The same in one line: a value can't begin a header of its own."""
    return " ".join(fill(text, values).split())
