"""A tariff's rows as rates: the rows of a prefix sorted in time, those of bands as timetables of the others. Pure."""

from __future__ import annotations

from itertools import groupby, islice, pairwise
from operator import attrgetter, eq

from ratebook.document.bands import Bands
from ratebook.document.decks import Placed
from ratebook.document.problems import Problems
from ratebook.model import Rate, Timetable

ALWAYS_S = -(2**62)
FOR_EVER_S = 2**62


def merge(rows: list[Placed], bands: Bands, timezone: str, problems: Problems) -> list[Rate]:
    """The rates of all rows by prefix. Two rows for the same moment are a fault, a gap between two is warned of."""
    rows.sort(key=_key)
    found: list[Rate] = [row[0] for row in rows]
    prefixes = [rate[0] for rate in found]
    if not any(map(eq, prefixes, islice(prefixes, 1, None))) and not any(row[4] for row in rows):
        return found  # nearly every tariff
    found.clear()
    at, end = 0, len(rows)
    while at < end:
        following = at + 1
        while following < end and prefixes[following] == prefixes[at]:
            following += 1
        if following == at + 1 and not rows[at].band:
            found.append(rows[at][0])
        else:
            group = rows[at:following]
            _check(group, problems)
            found += merged([(row.rate, row.band) for row in group], bands, timezone)
        at = following
    return found


def _key(row: Placed) -> str:
    return row[0][0]


def _check(rows: list[Placed], problems: Problems) -> None:
    """Of one prefix."""
    by_band = {band: sorted(group, key=_begin) for band, group in groupby(sorted(rows, key=_band), key=_band)}
    for group in by_band.values():
        for first, second in pairwise(group):
            _check_pair(first, second, problems)
    if "" not in by_band:
        row = min(rows, key=attrgetter("line"))
        said = f"prefix {row.rate.prefix!r} has a rate in band {row.band} alone"
        problems.add(row.place, said, "one without a band beside it, for all other hours (it may be blocked)")


def _check_pair(first: Placed, second: Placed, problems: Problems) -> None:
    """Two rows of a prefix and band, one after the other in time."""
    one, other = first.rate, second.rate
    where = f"{first.file}:{first.line}"
    if one.effective_s == other.effective_s:
        said = f"prefix {other.prefix!r} has a second rate of the same date"
        problems.add(second.place, said, f"one; the other stands in {where}")
    elif one.until_s is not None and other.effective_s is not None and one.until_s != other.effective_s:
        how = "begins before that of" if one.until_s > other.effective_s else "begins some time after that of"
        said = f"this rate of prefix {other.prefix!r} {how} {where} has ended"
        problems.warn(second.place, said, "the one's until as the other's effective")


def _begin(row: Placed) -> tuple[int, str, int]:
    return _from_s(row.rate), row.file, row.line


def _band(row: Placed) -> str:
    return row.band


def merged(rows: list[tuple[Rate, str]], bands: Bands, timezone: str) -> list[Rate]:
    """The rates of one prefix, each with the name of its band, as rates that follow each other in time."""
    if not any(band for _, band in rows):
        return [rate for rate, _ in rows]
    moments = sorted({_from_s(rate) for rate, _ in rows} | {_until_s(rate) for rate, _ in rows})
    found: list[Rate] = []
    for start_s, end_s in pairwise(moments):
        rate = _at(rows, start_s, bands, timezone)
        if rate is None:
            continue
        effective_s, until_s = None if start_s == ALWAYS_S else start_s, None if end_s == FOR_EVER_S else end_s
        rate = rate._replace(effective_s=effective_s, until_s=until_s)
        if found and found[-1].until_s == effective_s and _what(found[-1]) == _what(rate):
            rate = rate._replace(effective_s=found.pop().effective_s)
        found.append(rate)
    return found


def _at(rows: list[tuple[Rate, str]], at_s: int, bands: Bands, timezone: str) -> Rate | None:
    """What holds from a moment on; None: no rate for all times."""
    ordered = sorted(rows, key=lambda row: _from_s(row[0]))
    latest = {band: rate for rate, band in ordered if _from_s(rate) <= at_s < _until_s(rate)}
    base = latest.get("")
    held = tuple((band, latest[band.name].terms) for band in bands.bands if band.name in latest)
    if base is None or not held:
        return base
    return base._replace(terms=base.terms._replace(timetable=Timetable(timezone, bands.border, held)))


def _what(rate: Rate) -> Rate:
    return rate._replace(effective_s=None, until_s=None)


def _from_s(rate: Rate) -> int:
    return ALWAYS_S if rate.effective_s is None else rate.effective_s


def _until_s(rate: Rate) -> int:
    return FOR_EVER_S if rate.until_s is None else rate.until_s
