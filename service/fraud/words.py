"""What limits and patterns are called in mails, lists and on accounts. Pure."""

from __future__ import annotations

from typing import NamedTuple

from ratebook.money import format_micros

PERIOD_S = {"hour": 3_600, "day": 86_400, "call": 0}
MINUTE_MS = 60_000


class LimitText(NamedTuple):
    """What of a limit is said."""

    measure: str
    amount: int
    period: str
    currency: str
    group: str = ""


def amount_text(measure: str, amount: int, currency: str) -> str:
    """A limit's amount, or what was seen of it, with its unit."""
    if measure == "spend":
        return f"{format_micros(amount)} {currency}"
    if measure == "minutes":
        whole, rest = divmod(amount, MINUTE_MS)
        return f"{whole} min {rest // 1000} s" if rest else f"{whole} min"
    unit = {"calls": "calls", "destinations": "new destinations", "first_call": "s"}[measure]
    return f"{amount} {unit}"


def rule_text(limit: LimitText) -> str:
    """Such as `more than 50 EUR an hour to premium`."""
    amount = amount_text(limit.measure, limit.amount, limit.currency)
    where = f" to {limit.group}" if limit.group else ""
    if limit.measure == "first_call":
        return f"first calls of {amount} at most{where}"
    return f"more than {amount} {'an hour' if limit.period == 'hour' else 'a day'}{where}"


ACTION_TEXT = {
    "warn": "Calls go on",
    "block": "Further calls are refused",
    "suspend": "The {place} is suspended and its calls are cut",
}


def action_text(action: str, place: str) -> str:
    """What was done. `place`: account, trunk, gateway."""
    return ACTION_TEXT[action].format(place=place)
