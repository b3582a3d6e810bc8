"""What the sentences around a table tell: its currency, its date, increments by the names of destinations."""

from __future__ import annotations

import re
from typing import NamedTuple

from ratebook.sheets.values import increments_in, plain_letters

EURO = "\N{EURO SIGN}"
CURRENCIES = frozenset(
    [
        "USD",
        "EUR",
        "GBP",
        "CHF",
        "CAD",
        "AUD",
        "NZD",
        "SEK",
        "NOK",
        "DKK",
        "PLN",
        "CZK",
        "HUF",
        "RON",
        "BGN",
        "TRY",
        "RUB",
        "UAH",
        "JPY",
        "CNY",
        "HKD",
        "SGD",
        "INR",
        "IDR",
        "MYR",
        "THB",
        "PHP",
        "KRW",
        "AED",
        "SAR",
        "QAR",
        "KWD",
        "BHD",
        "OMR",
        "ILS",
        "EGP",
        "ZAR",
        "NGN",
        "KES",
        "GHS",
        "MAD",
        "TND",
        "BRL",
        "MXN",
        "ARS",
        "CLP",
        "COP",
        "PEN",
    ]
)
_DATE = (
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}"
    r"|\d{1,2}(?:st|nd|rd|th)?[-/. ](?:[A-Za-z]{3,9})[-/., ]+\d{2,4}|[A-Za-z]{3,9} \d{1,2}(?:st|nd|rd|th)?,? \d{4}"
)
_ANY_DATE = re.compile(_DATE)
_EFFECTIVE = re.compile(
    rf"\b(?:effective|valid from|gu[e]?ltig ab|valable des|efectiva|valid[oa] (?:desde|dal))\b[^0-9]{{0,40}}?({_DATE})",
    re.IGNORECASE,
)
_EXCEPT = re.compile(r"\b(?:except(?:ing)?|excluding|other than)\b(?: for)?", re.IGNORECASE)
_INCREMENTS = re.compile(r"(\d{1,3}\s*[/+]\s*\d{1,3})")
_ALL = re.compile(
    r"\b(?:all (?:other|remaining|the other)?\s*(?:destinations|codes|countries|routes)?|others?|default|rest)\b"
)
_BILLED = re.compile(r"\b(?:bill|charg|increment|pulse|round)", re.IGNORECASE)
_LIST = re.compile(r"\s*(?:[,;]|\band\b|&)\s*")
_AROUND = re.compile(
    r"\b(?:the following|following|destinations?|countries|codes|routes|are|is|will be|be|billed|billing|charged"
    r"|increments?|in|at|with|by|of|on|for|per|seconds?|sec|note|please|pulse|rounding|rounded|to|as|a|minimum|basis"
    r"|all calls|calls|which|that|:)\b|[:.*()\-]",
    re.IGNORECASE,
)


class Notices(NamedTuple):
    """What was told beside the table."""

    currency: str
    """Empty: nothing."""
    dates: list[str]
    """All dates that are named: they show whether the day comes first."""
    effective: list[str]
    """Those that are named beside the word."""
    increments: dict[str, tuple[int, int] | None]
    """By the beginning of a destination's name, in small letters. None: an exception, of which nothing is said."""
    default_increments: tuple[int, int] | None
    """Of all that nothing else is said of."""


def currencies_in(text: str) -> set[str]:
    """Those that are named by their codes, and the euro by its sign, which no other currency has."""
    told = {"EUR"} if EURO in text else set()
    if not any(map(str.isalpha, text)):
        return told
    return told | {word for word in re.findall(r"\b[A-Z]{3}\b", text) if word in CURRENCIES}


def read_notices(texts: list[str]) -> Notices:
    """Of the sentences around a table, from the first to the last."""
    currency = ""
    dates: list[str] = []
    effective: list[str] = []
    increments: dict[str, tuple[int, int] | None] = {}
    default = None
    for text in map(plain_letters, texts):
        named = [word for word in re.findall(r"[A-Z]{3}", text) if word in CURRENCIES]
        currency = currency or (named[0] if named else "")
        dates += _ANY_DATE.findall(text)
        effective += _EFFECTIVE.findall(text)
        found = increments_in(text) if _BILLED.search(text) else None
        if found is None:
            continue
        for whole in re.split(r"(?<=[a-z0-9)])[.;]\s+(?=[A-Z])", text):
            sentence, *others = _EXCEPT.split(whole, maxsplit=1)
            for other in others:
                exceptions, rest = _exceptions(other)
                increments |= exceptions
                default = rest or default
            told = increments_in(sentence)
            if told is None:
                continue
            if _ALL.search(sentence.lower()):
                default = told
                continue
            names = _names(sentence)
            increments |= dict.fromkeys(names, told)
            if not names and not re.search(r"following|below", sentence, re.IGNORECASE):
                default = default or told
    return Notices(currency, dates, effective, increments, default)


def _exceptions(text: str) -> tuple[dict[str, tuple[int, int] | None], tuple[int, int] | None]:
    """`Mexico (60/60) and Gambia, Cuba 30/6` by their names; and increments of all others, if they are told behind."""
    *pieces, last = _INCREMENTS.split(text)
    found: dict[str, tuple[int, int] | None] = {}
    default = None
    for names, numbers in zip(pieces[::2], pieces[1::2], strict=True):
        told = increments_in(numbers)
        if _ALL.search(names.lower()):
            default = told
        else:
            found |= dict.fromkeys(_names(names), told)
    told = increments_in(pieces[-1]) if pieces else None
    if not found or not pieces:  # `except 60/60 for Mexico`, or nothing but names
        found |= dict.fromkeys(_names(last), told)
    return found, default


def _names(sentence: str) -> list[str]:
    """`the following are billed 60/60: Mexico, Gambia` names Mexico and Gambia."""
    bare = re.sub(r"\d{1,3}\s*[/+]\s*\d{1,3}", " ", sentence)
    parts = (" ".join(_AROUND.sub(" ", part).split()).lower() for part in _LIST.split(bare))
    return [part for part in parts if len(part) > 2]
