"""Numbers, money and times as one person reads them: language and time zone. Exact: nothing is rounded. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal, get_decimal_symbol

from service.billing import currencies

MICROS = 1_000_000
_FRACTION = re.compile(r"(?<![\d.])\d+\.\d+(?![\d.]*\d)")
NEVER = "\N{EN DASH}"
PLAIN_ENGLISH = Locale("en", "GB")
"""For `en`: day before month in words, 24 hours. Whoever wants it otherwise says en-US."""


class Formats(NamedTuple):
    """One person's."""

    locale: Locale
    zone: ZoneInfo

    def number(self, value: int) -> str:
        """With the thousands apart."""
        return format_decimal(value, locale=self.locale)

    def money(self, micros: int, currency: str, decimals: int = 0) -> str:
        """An exact amount with its currency: the currency's decimals or `decimals`, more where it has more."""
        told = self.amount(micros, max(decimals, currencies.decimals_of(currency)))
        return f"{told}\u00a0{currency}" if currency else told

    def amount(self, micros: int, decimals: int = 2) -> str:
        """An exact amount without a currency, with so many decimals at least."""
        wanted = max(decimals, decimals_of(micros))
        pattern = "#,##0" + ("." + "0" * wanted if wanted else "")
        return format_decimal(Decimal(micros) / MICROS, pattern, self.locale, decimal_quantization=False)

    def exact(self, text: str, currency: str) -> str:
        """An amount that is told as text, of more decimals than money has elsewhere; the currency's at least."""
        whole, _, rest = text.partition(".")
        rest = rest.rstrip("0").ljust(currencies.decimals_of(currency), "0")
        return f"{self.decimal(f'{whole}.{rest}' if rest else whole)}\u00a0{currency}"

    def field_amount(self, micros: int, currency: str) -> str:
        """As it stands in a field: exact, thousands together, with the currency's decimals. Of none that is known: two,
        or none where the amount has none.
        """
        wanted = decimals_of(micros)
        wanted = max(wanted, currencies.decimals_of(currency)) if currency else wanted and max(wanted, 2)
        whole, fraction = divmod(abs(micros), MICROS)
        text = f"{'-' * (micros < 0)}{whole}" + (f".{fraction:06}"[: wanted + 1] if wanted else "")
        return self.decimal(text)

    def decimal(self, text: str) -> str:
        """A decimal fraction that is told as text, such as a rate."""
        return text.replace(".", ",") if self.comma() else text

    def decimals_in(self, sentence: str) -> str:
        """A sentence with the decimal fractions in it written so. Addresses are none."""
        return _FRACTION.sub(lambda found: self.decimal(found[0]), sentence)

    def moment(self, wall_ms: int | None) -> str:
        """Day and time to the second, in the person's zone. None or 0: a dash."""
        return format_datetime(self._local(wall_ms), "medium", locale=self.locale) if wall_ms else NEVER

    def day(self, wall_ms: int | None) -> str:
        """The day in the person's zone."""
        return format_date(self._local(wall_ms), "medium", locale=self.locale) if wall_ms else NEVER

    def written_day(self, text: str) -> str:
        """A day that is told as text, such as a bank's: the same in every zone. What is no day stays as it is."""
        if not text:
            return NEVER
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return text
        return format_date(day, "medium", locale=self.locale)

    def clock(self, wall_ms: int) -> str:
        """Hour and minute in the person's zone."""
        return format_time(self._local(wall_ms), "short", locale=self.locale)

    def field_moment(self, wall_ms: int | None) -> str:
        """As an input of the kind datetime-local has it, and no shorter than what it says: a form sends it back."""
        if not wall_ms:
            return ""
        local = self._local(wall_ms).replace(tzinfo=None)
        least = "milliseconds" if local.microsecond else "seconds" if local.second else "minutes"
        return local.isoformat(timespec=least)

    def comma(self) -> bool:
        """Whether decimals stand behind a comma."""
        return get_decimal_symbol(self.locale) == ","

    def _local(self, wall_ms: int | None) -> datetime:
        whole, rest = divmod(wall_ms or 0, 1000)
        return datetime.fromtimestamp(whole, UTC).replace(microsecond=rest * 1000).astimezone(self.zone)


def formats_of(language: str, zone: str) -> Formats:
    """Of a user's settings; what nobody knows is English, and UTC."""
    try:
        locale = PLAIN_ENGLISH if language == "en" else Locale.parse(language, sep="-")
    except (ValueError, UnknownLocaleError):
        locale = PLAIN_ENGLISH
    try:
        return Formats(locale, ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return Formats(locale, ZoneInfo("UTC"))


def decimals_of(micros: int) -> int:
    """How many decimals an amount needs."""
    digits = f"{abs(micros) % MICROS:06}".rstrip("0")
    return len(digits)


def decimals_of_all(amounts: Iterable[int | None]) -> int:
    """So many that a column's points stand below each other."""
    return max((decimals_of(micros) for micros in amounts if micros is not None), default=0)


def decimals_by_currency(amounts: Iterable[tuple[int | None, str]]) -> dict[str, int]:
    """As `decimals_of_all`, of each currency by itself: yen have none, whatever stands beside them."""
    found: dict[str, int] = {}
    for micros, currency in amounts:
        found[currency] = max(found.get(currency, 0), decimals_of(micros or 0))
    return found


def duration(seconds: int) -> str:
    """Hours, minutes and seconds: 1:02:03, 2:03."""
    minutes, rest = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
