"""The words on paper, and how a language writes numbers and dates. Pure.

Numbers come in as integers and are written by their digits: babel sets the marks and rounds nothing.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import NumberPattern, parse_pattern

from ratebook.money import MICRO_DECIMALS, NANO_DECIMALS
from service.billing import currencies

FOLDER = Path(__file__).parent / "languages"
DEFAULT = "en"
"""Of those whose language has no words here."""
LANGUAGES = tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))


@cache
def words_of(language: str) -> Mapping[str, str]:
    """One of LANGUAGES, by the names of its file."""
    found: dict[str, str] = tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8"))
    return found


class Language(NamedTuple):
    """A language as a document speaks it."""

    tag: str
    """BCP 47; the regional form that was asked for, if the words are in that language."""
    words: Mapping[str, str]
    locale: Locale

    @property
    def is_right_to_left(self) -> bool:
        """Whether its text runs from right to left."""
        return str(self.locale.text_direction) == "rtl"

    def number(self, value: int, exponent: int = 0, decimals_min: int = 0) -> str:
        """`value` of 10^-exponent each, with as many decimals as it needs."""
        shown = max(decimals_min, decimals_of(value, exponent))
        exact = Decimal(value).scaleb(-exponent)
        return str(_pattern(shown).apply(exact, self.locale, numbering_system="latn"))

    def micros(self, micros: int, decimals_min: int) -> str:
        """An amount or quantity."""
        return self.number(micros, MICRO_DECIMALS, decimals_min)

    def nanos(self, nanos: int, decimals_min: int) -> str:
        """A price."""
        return self.number(nanos, NANO_DECIMALS, decimals_min)

    def money(self, micros: int, decimals_min: int, currency: str) -> str:
        """An amount with its currency, which no line break parts."""
        return f"{self.micros(micros, decimals_min)}\u00a0{currency}"

    def percent(self, percent_micros: int) -> str:
        """A rate of tax."""
        return f"{self.micros(percent_micros, 0)}\u00a0%"

    def date(self, day: date) -> str:
        """A day, so that nobody takes the month for it."""
        return format_date(day, self.words["date"], locale=self.locale)

    def duration(self, seconds: int) -> str:
        """Hours, minutes and seconds."""
        minutes, rest = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{rest:02}"


@cache
def _pattern(decimals: int) -> NumberPattern:
    return parse_pattern("#,##0" + ("." + "0" * decimals if decimals else ""))


def runs_right_to_left(text: str) -> bool:
    """Whether its first letter does (UAX 9, P2 and P3)."""
    kinds = (unicodedata.bidirectional(char) for char in text)
    return next((kind for kind in kinds if kind in {"L", "R", "AL"}), "L") != "L"


def decimals_of(value: int, exponent: int) -> int:
    """How many decimals `value` of 10^-exponent each needs."""
    digits = f"{abs(value) % 10**exponent:0{exponent}}".rstrip("0")
    return len(digits)


def exact_decimals(currency: str, amounts: Iterable[int]) -> int:
    """Of a paper that rounds nothing: the currency's, or more where an amount needs them."""
    return max([currencies.decimals_of(currency), *(decimals_of(micros, MICRO_DECIMALS) for micros in amounts)])


@cache
def language_of(tag: str) -> Language:
    """The language of a tag, or of the nearest one that has words."""
    base = tag.split("-", maxsplit=1)[0]
    if base not in LANGUAGES:
        return language_of(DEFAULT)
    try:
        return Language(tag, words_of(base), Locale.parse(tag, sep="-"))
    except UnknownLocaleError:
        return Language(base, words_of(base), Locale.parse(base))
