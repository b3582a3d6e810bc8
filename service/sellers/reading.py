"""Values of a mail as its reader writes them: days, times, amounts, counts, and the few words among them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.numbers import format_decimal

from service.sellers.german import WORDS

AMOUNTS = frozenset({"amount", "balance", "open", "threshold", "total"})
COUNTS = frozenset({"calls", "changes", "count"})
DAYS = frozenset({"due", "received", "since", "until"})
TIMES = frozenset({"effective", "expires"})
SAID = frozenset({"action", "event", "rule", "seen"})
"""Placeholders, by what stands for them."""
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) (\S+)")
_AMOUNT = re.compile(r"\b\d+\.\d+\b")


def read_in(values: Mapping[str, str], language: str) -> dict[str, str]:
    """As somebody reads them who reads this language; what isn't written as expected stays. English stays whole."""
    try:
        locale = Locale.parse(language, sep="-")
    except (ValueError, UnknownLocaleError):
        return dict(values)
    if locale.language == "en":
        return dict(values)
    return {name: _read(name, text, locale) for name, text in values.items()}


def _read(name: str, text: str, locale: Locale) -> str:
    if name in AMOUNTS | COUNTS:
        return _number(text, locale)
    if name in DAYS:
        return _day(text, locale)
    if name in TIMES:
        return _time(text, locale)
    return _said(text, locale) if name in SAID else text


def _number(text: str, locale: Locale) -> str:
    """With as many decimals as were told."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    decimals = text.partition(".")[2]
    pattern = "#,##0" + ("." + "0" * len(decimals) if decimals else "")
    return str(format_decimal(value, pattern, locale, decimal_quantization=False))


def _day(text: str, locale: Locale) -> str:
    try:
        return str(format_date(date.fromisoformat(text), "medium", locale=locale))
    except ValueError:
        return text


def _time(text: str, locale: Locale) -> str:
    """The zone stays: it was told in its reader's."""
    found = _TIME.fullmatch(text)
    if found is None:
        return text
    day = datetime.fromisoformat(found[1])
    told = f"{format_date(day, 'medium', locale)}, {format_time(day, 'short', locale=locale)} {found[2]}"
    return told.replace("\u202f", " ")


def _said(text: str, locale: Locale) -> str:
    """What an alarm says, or what happened to a dispute, phrase by phrase; names stay."""
    if locale.language != "de":
        return text
    for pattern, words in WORDS:
        text = re.sub(pattern, words, text)
    return _AMOUNT.sub(lambda found: _number(found[0], locale), text)
