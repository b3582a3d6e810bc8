"""What publishing warns of, each at its row: prices that move far, prices below cost, prices below the buying price.

Pure. What is allowed and rarely meant: it is published all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ratebook.bulk import RateIndex
from ratebook.document import Place, Places, Problem
from ratebook.jumps import Jump
from ratebook.margin import Loss, losses
from ratebook.model import Rate, Tariff
from ratebook.money import format_micros
from ratebook.price import Factor

COMPARED_RATES_MAX = 300_000
"""Of a price and all costs beside it: a warning is worth a second or two."""
SHOWN_MAX = 20
"""Of one kind and tariff; the rest is counted."""


class Bought(NamedTuple):
    """What prices are held against."""

    rates: list[Rate]
    factor: Factor
    """What its currency is worth in that of the prices."""


class Sold(NamedTuple):
    """A tariff that is looked at."""

    tariff: Tariff
    places: Places
    at_s: int

    def place(self, prefix: str) -> Place:
        """Where the price of a prefix stands."""
        found = self.places.find(self.tariff.name, prefix, self.at_s)
        return found or Place(self.tariff.name, 1, 1)  # the file has gone meanwhile

    def problems(self, found: list[tuple[str, str, str]], more: str) -> list[Problem]:
        """Of prefix, message and what is expected; and `more`, with how many are not shown."""
        shown = [Problem(self.place(prefix), *said) for prefix, *said in found[:SHOWN_MAX]]
        left = len(found) - SHOWN_MAX
        if left > 0:
            shown.append(Problem(shown[-1].place, f"{left} more prices {more}", "a look at `kambill tariff diff`"))
        return shown


def jumped(sold: Sold, found: Iterable[Jump]) -> list[Problem]:
    """Prices that move by more than the set percentage."""
    currency = sold.tariff.currency
    lines = [(one.prefix, _moved(one, currency), "about what is published") for one in found]
    return sold.problems(lines, "move as far")


def _moved(jump: Jump, currency: str) -> str:
    return (
        f"the price of {_named(jump.prefix)} moves {_how_far(jump)}: a call of {jump.seconds} s costs "
        f"{format_micros(jump.after_micros)} instead of {format_micros(jump.before_micros)} {currency}"
    )


def _how_far(jump: Jump) -> str:
    return "from nothing" if jump.percent is None else f"by {jump.percent:+} %"


def below_cost(sold: Sold, costs: list[Bought]) -> list[Problem]:
    """Prices below what every provider asks who has a rate; not of very large tariffs."""
    if not costs or not _is_small(sold.tariff.rates, *(cost.rates for cost in costs)):
        return []
    lost = [
        {one.prefix: one for one in losses(sold.tariff.rates, cost.rates, sold.at_s, cost.factor)} for cost in costs
    ]
    indexes = [RateIndex(cost.rates) for cost in costs]
    below = [
        next(one[prefix] for one in lost if prefix in one)
        for prefix in sorted(set().union(*lost))
        if all(prefix in one or index.find(prefix, sold.at_s) is None for one, index in zip(lost, indexes, strict=True))
    ]
    return _lines(sold, below, "every provider's price", "lie below every provider's")


def below_buying(sold: Sold, buying: str, cost: Bought) -> list[Problem]:
    """Prices below what their seller pays itself; not of very large tariffs."""
    if not _is_small(sold.tariff.rates, cost.rates):
        return []
    found = losses(sold.tariff.rates, cost.rates, sold.at_s, cost.factor)
    return _lines(sold, found, f"what its seller pays by {buying}", f"lie below what their seller pays by {buying}")


def _lines(sold: Sold, found: list[Loss], what: str, more: str) -> list[Problem]:
    lines = [(one.price.prefix, _lost(one, what, sold.tariff.currency), "a price that earns") for one in found]
    return sold.problems(lines, more)


def _lost(loss: Loss, what: str, currency: str) -> str:
    return (
        f"{_named(loss.prefix)} is sold below {what}: a call of {loss.seconds} s earns "
        f"{format_micros(loss.price_micros)} and costs {format_micros(loss.cost_micros)} {currency}"
    )


def _is_small(*rates: Sequence[Rate]) -> bool:
    return sum(map(len, rates)) <= COMPARED_RATES_MAX


def _named(prefix: str) -> str:
    return prefix or "every number"
