"""The European Central Bank's reference rates, as the package `currencyconverter` brings them: no network is asked.

They are of the day on which that package was released, and end there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from currency_converter import CurrencyConverter, RateNotFoundError

from ratebook.document.exchange import EXCHANGE_FILE
from ratebook.document.problems import suggestion
from ratebook.document.tariffs import DECKS_FOLDER
from service.faults import Fault
from service.tariffs.replacing import replace_text

BASE = "EUR"
"""Of all of its rates."""
ZONE = "Europe/Berlin"
"""In which its days begin: Frankfurt's."""
DECK = "ecb.csv"
OUT_OF_DATE = timedelta(days=31)
"""A currency without a rate for so long is no more."""
HEADER = "from,to,rate,effective\n"


class Seeded(NamedTuple):
    """What was written."""

    deck: Path
    rates: int
    last: date
    """The last day that the package knows."""
    exchange: Path
    is_new: bool
    """Whether exchange.yaml was made too; if not, it has to name the deck."""


def seed(folder: Path, base: str, currencies: Sequence[str], since: date) -> Seeded:
    """Writes the history into a deck of a ratebook's folder, anew; exchange.yaml if there is none. Raises Fault."""
    known: Any = CurrencyConverter(decimal=True)
    if base != BASE:
        raise Fault(f"the bank's rates are all of {BASE}: --seed {BASE}, and others are exchanged over it as the base")
    last = known.bounds[BASE].last_date
    current = {one for one in known.currencies if last - known.bounds[one].last_date <= OUT_OF_DATE} - {BASE}
    for currency in currencies:
        if currency not in current:
            said = f"the European Central Bank has no rate of {currency} on {last}"
            raise Fault(f"{said}: one such as USD was expected{suggestion(currency, current)}")
    rows = [row for currency in currencies for row in _rates(known, currency, since)]
    deck, exchange = folder / DECKS_FOLDER / DECK, folder / EXCHANGE_FILE
    deck.parent.mkdir(parents=True, exist_ok=True)
    replace_text(deck, HEADER + "".join(rows))
    is_new = not exchange.exists()
    if is_new:
        replace_text(exchange, f"base: {BASE}\ntimezone: {ZONE}\ndecks: [{DECK}]\n")
    return Seeded(deck, len(rows), last, exchange, is_new)


def _rates(known: Any, currency: str, since: date) -> Iterator[str]:
    """Lines of the deck; a day without a rate, such as a Sunday, has none: the one before holds.

    The first line is that of the last rate up to `since`, so that there is one from there on.
    """
    bounds = known.bounds[currency]
    days = (bounds.last_date - bounds.first_date).days
    found: list[tuple[date, Decimal]] = []
    for day in (bounds.first_date + timedelta(number) for number in range(days + 1)):
        try:
            rate = known.convert(Decimal(1), BASE, currency, date=day)
        except RateNotFoundError:
            continue
        found = [*(found if day > since else []), (day, rate)]
    for day, rate in found:
        yield f"{BASE},{currency},{rate:f},{max(day, since)}\n"
