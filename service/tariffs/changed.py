"""Which terms of two rates differ, by the names that a tariff's YAML has for them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ratebook.model import Band, FreeMode, Terms
from ratebook.money import format_nanos


class ChangedTerm(NamedTuple):
    """One term, and what it says in both."""

    term: str
    band: str
    """Of the hours; empty: outside of all bands."""
    before: str
    """Empty: nothing is said."""
    after: str


def changed_terms(before: Terms, after: Terms) -> list[ChangedTerm]:
    """Outside of all bands first, then band by band. None are the same as equal terms, and only then."""
    found = [*_changed("", before, after), *_border(before, after)]
    old, new = _bands(before), _bands(after)
    for name in dict.fromkeys([*old, *new]):
        found += _of_band(name, old.get(name), new.get(name))
    if [name for name in old if name in new] != [name for name in new if name in old]:
        found.append(ChangedTerm("bands", "", ", ".join(old), ", ".join(new)))  # the first one that fits holds
    return found


def _changed(band: str, before: Terms, after: Terms) -> Iterator[ChangedTerm]:
    for term, say in _SAID.items():
        then, now = say(before), say(after)
        if then != now:
            yield ChangedTerm(term, band, then, now)


def _border(before: Terms, after: Terms) -> Iterator[ChangedTerm]:
    for term in ("timezone", "border"):
        then, now = _of_timetable(before, term), _of_timetable(after, term)
        if then and now and then != now:
            yield ChangedTerm(term, "", then, now)


def _of_timetable(terms: Terms, term: str) -> str:
    if terms.timetable is None:
        return ""
    return terms.timetable.zone if term == "timezone" else terms.timetable.border.value


_Held = tuple[Band, Terms]


def _bands(terms: Terms) -> dict[str, _Held]:
    return {} if terms.timetable is None else {band.name: (band, held) for band, held in terms.timetable.bands}


def _of_band(name: str, before: _Held | None, after: _Held | None) -> Iterator[ChangedTerm]:
    """A band that comes or goes is one change, with what it charges."""
    if before is None or after is None:
        yield ChangedTerm("bands", name, *("" if one is None else _rates(one[1]) for one in (before, after)))
        return
    if before[0] != after[0]:
        yield ChangedTerm("hours", name, "", "")
    yield from _changed(name, before[1], after[1])


def _rates(terms: Terms) -> str:
    return "/".join(format_nanos(one.rate_nanos) for one in terms.intervals)


def _free(terms: Terms) -> str:
    is_said = terms.free_s or terms.free_mode is not FreeMode.BEFORE
    return f"{terms.free_s} {terms.free_mode.value}" if is_said else ""


def _money(nanos: int | None) -> str:
    return format_nanos(nanos) if nanos else ""


def _bound(nanos: int | None) -> str:
    """Nothing at all is something else than none."""
    return "" if nanos is None else format_nanos(nanos)


_SAID: dict[str, Callable[[Terms], str]] = {
    "rate": _rates,
    "increments": lambda terms: "/".join(str(one.increment_s) for one in terms.intervals),
    "intervals": lambda terms: "/".join(str(one.from_s) for one in terms.intervals),
    "connect_fee": lambda terms: _money(terms.connect_fee_nanos),
    "minimum": lambda terms: _money(terms.minimum_nanos),
    "maximum": lambda terms: _bound(terms.maximum_nanos),
    "grace": lambda terms: str(terms.grace_s or ""),
    "free_seconds": _free,
    "attempt_fee": lambda terms: _money(terms.attempt_fee_nanos),
    "message_fee": lambda terms: _bound(terms.message_fee_nanos),
    "rounding": lambda terms: f"{terms.rounding.decimals} {terms.rounding.mode.value}",
    "duration": lambda terms: terms.duration_mode.value,
    "blocked": lambda terms: "yes" if terms.blocked else "",
    "currency": lambda terms: terms.currency,
}
"""What each says. Increments are seconds of steps, intervals where each begins."""
