"""What tariffs say about time and about each other: bands, ranges, includes, derivations; every fault at its place."""

from __future__ import annotations

import textwrap
from datetime import datetime
from pathlib import Path

import pytest

from ratebook.bands import terms_at
from ratebook.document import LoadedRatebook, load
from ratebook.model import Border, Interval, Rate, Tariff, Terms
from ratebook.money import Rounding, RoundingMode, format_nanos


def written(root: Path, **tariffs: str) -> LoadedRatebook:
    """A ratebook of these tariffs; `__` in a name is a folder's slash."""
    for name, text in tariffs.items():
        path = root / "tariffs" / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))
    return load(root)


def sound(root: Path, **tariffs: str) -> dict[str, Tariff]:
    """The tariffs of a faultless ratebook."""
    found = written(root, **tariffs)
    assert [str(problem) for problem in found.problems] == []
    return found.tariffs


def faults(root: Path, text: str) -> list[str]:
    """Of one tariff, without the file's name."""
    return [str(one).removeprefix("tariffs/x.yaml:") for one in written(root, x=text).problems]


def warnings(root: Path, **tariffs: str) -> list[str]:
    found = written(root, **tariffs)
    assert found.problems == []
    return [str(one).removeprefix("tariffs/") for one in found.warnings]


def wall_s(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


def prices(tariff: Tariff) -> dict[str, str]:
    """Each prefix's first rate a minute."""
    return {rate.prefix: format_nanos(rate.terms.intervals[0].rate_nanos) for rate in tariff.rates}


def rate_at(tariff: Tariff, prefix: str, moment: str) -> Terms:
    """The terms of a prefix at a moment, by trying all its rates."""
    at_s = wall_s(moment)
    held: list[Rate] = [
        rate
        for rate in tariff.rates
        if rate.prefix == prefix
        and (rate.effective_s is None or rate.effective_s <= at_s)
        and (rate.until_s is None or at_s < rate.until_s)
    ]
    latest = max(held, key=lambda rate: -1 if rate.effective_s is None else rate.effective_s)
    return terms_at(latest.terms, at_s)


BANDS = """
    currency: EUR
    timezone: Europe/Berlin
    border: split
    holidays: [01-01, 2026-12-25]
    bands:
      free day: {days: [sat, sun, holidays]}
      night:
        - {days: mon-fri, hours: [00:00-06:00, 22:00-24:00]}
        - {days: 12-24, hours: 12:00-24:00}
    rates:
      - {prefix: 49, destination: Germany, rate: 0.06}
      - {prefix: 49, band: night, rate: 0.03, increments: 60}
      - {prefix: 49, band: free day, rate: 0.01, connect_fee: 0.1}
      - {prefix: 33, destination: France, rate: 0.05}
"""


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-06-03T12:00:00+02:00", "0.06"),
        ("2026-06-03T22:00:00+02:00", "0.03"),
        ("2026-06-03T05:59:59+02:00", "0.03"),
        ("2026-06-06T05:59:59+02:00", "0.01"),
        ("2026-12-24T11:59:59+01:00", "0.06"),
        ("2026-12-24T12:00:00+01:00", "0.03"),
        ("2026-12-25T12:00:00+01:00", "0.01"),
        ("2028-01-01T12:00:00+01:00", "0.01"),
    ],
)
def test_bands_of_a_tariff(tmp_path: Path, moment: str, expected: str) -> None:
    """Days, hours, holidays with and without a year; the band that is written first goes before."""
    tariff = sound(tmp_path, x=BANDS)["x"]
    assert format_nanos(rate_at(tariff, "49", moment).intervals[0].rate_nanos) == expected
    assert format_nanos(rate_at(tariff, "33", moment).intervals[0].rate_nanos) == "0.05"


def test_the_rates_of_a_prefix_are_one_with_a_timetable(tmp_path: Path) -> None:
    """Others have none; the border's policy and the zone are the tariff's."""
    tariff = sound(tmp_path, x=BANDS)["x"]
    assert [(rate.prefix, rate.destination, rate.terms.timetable is None) for rate in tariff.rates] == [
        ("33", "France", True),
        ("49", "Germany", False),
    ]
    timetable = tariff.rates[1].terms.timetable
    assert timetable is not None
    assert (timetable.zone, timetable.border) == ("Europe/Berlin", Border.SPLIT)
    assert [band.name for band, _ in timetable.bands] == ["free day", "night"]


def test_bands_have_dates_of_their_own(tmp_path: Path) -> None:
    """The night's rate changes on a day on which the day's rate does not."""
    tariff = sound(
        tmp_path,
        x="""
            currency: EUR
            bands: {night: {hours: 22:00-06:00}}
            rates:
              - {prefix: 49, rate: 0.06}
              - {prefix: 49, band: night, rate: 0.03, until: 2026-06-01}
              - {prefix: 49, band: night, rate: 0.02, effective: 2026-06-01}
              - {prefix: 49, rate: 0.07, effective: 2026-07-01}
        """,
    )["x"]
    moments = ("2026-05-31T23:59:59Z", "2026-06-01T00:00:00Z", "2026-06-30T12:00:00Z", "2026-07-01T12:00:00Z")
    found = [format_nanos(rate_at(tariff, "49", moment).intervals[0].rate_nanos) for moment in moments]
    assert found == ["0.03", "0.02", "0.06", "0.07"]
    assert len(tariff.rates) == 3


def test_decks_name_bands_too(tmp_path: Path) -> None:
    """In a column of their name; an unknown one is a fault at its cell."""
    (tmp_path / "decks").mkdir()
    deck = tmp_path / "decks" / "d.csv"
    deck.write_text("prefix,rate,band\n49,0.06,\n49,0.03,night\n")
    text = "currency: EUR\nbands: {night: {hours: 22:00-06:00}}\ndecks: [d.csv]\n"
    tariff = sound(tmp_path, x=text)["x"]
    assert format_nanos(rate_at(tariff, "49", "2026-06-01T23:00:00Z").intervals[0].rate_nanos) == "0.03"
    deck.write_text("prefix,rate,band\n49,0.06,\n49,0.03,nigth\n")
    assert [str(one) for one in written(tmp_path, x=text).problems] == [
        "decks/d.csv:3:9: band 'nigth': one of night was expected (did you mean night?)"
    ]


def test_faults_of_bands(tmp_path: Path) -> None:
    """All at once, each at its place."""
    text = """
        currency: EUR
        border: cut
        holidays: [13-01, 2027-02-29]
        bands:
          night: {days: mon-fry, hours: 25:00-06:00}
          day: {hour: 08:00-18:00}
        rates:
          - {prefix: 49, rate: 0.06, band: nights}
          - {prefix: 33, rate: 0.06, band: night}
    """
    assert faults(tmp_path, text) == [
        "2:9: border 'cut': one of start, split, interval was expected",
        "3:12: a holiday '13-01': a date such as 2026-12-25, or 12-25 for each year, was expected",
        "3:19: a holiday '2027-02-29': a date such as 2026-12-25, or 12-25 for each year, was expected",
        (
            "5:17: days 'mon-fry': "
            "mon to sun, a range such as mon-fri, a date or holidays was expected (did you mean fri?)"
        ),
        "5:33: hours '25:00-06:00': hours such as 18:00-24:00, 22:00-06:00 or 00:00-24:00 were expected",
        "6:9: a window of a band has no field 'hour': one of days, hours (did you mean hours?)",
        "8:36: there is no band 'nights': one of night, day (did you mean night?)",
        (
            "9:14: prefix '33' has a rate in band night alone: "
            "one without a band beside it, for all other hours (it may be blocked)"
        ),
    ]


def test_prefixes_as_lists_and_ranges(tmp_path: Path) -> None:
    """In one text or many; a range keeps its digits."""
    tariff = sound(
        tmp_path,
        x="""
            currency: EUR
            rates:
              - {prefix: "49152, 49172-49174", rate: 1}
              - {prefix: [4474, 0098-0101], rate: 2}
        """,
    )["x"]
    assert prices(tariff) == {
        "0098": "2.00", "0099": "2.00", "0100": "2.00", "0101": "2.00", "4474": "2.00",
        "49152": "1.00", "49172": "1.00", "49173": "1.00", "49174": "1.00",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["9-8", "1-22", "00000-99999", "1-", "-1", "a-b"])
def test_ranges_that_are_none(tmp_path: Path, text: str) -> None:
    """Backwards, of two lengths, too large, open."""
    (found,) = faults(tmp_path, f"currency: EUR\nrates: [{{prefix: '{text}', rate: 1}}]\n")
    assert found.startswith(f"2:18: prefix {text!r}: ")


DOMESTIC = """
    currency: EUR
    increments: 60
    rates: [{prefix: 49, rate: 0.01}, {prefix: 4915, rate: 0.05}]
"""
WORLD = """
    currency: EUR
    rates: [{prefix: 49, rate: 0.99}, {prefix: 33, rate: 0.02}, {prefix: 1, rate: 0.03}]
"""


def test_a_tariff_includes_others(tmp_path: Path) -> None:
    """Its own prefixes go before included ones, and those of the first before those of the next: of this it is told."""
    found = {"domestic": DOMESTIC, "world": WORLD, "retail": """
        currency: EUR
        include: [domestic, world]
        rates: [{prefix: 1, rate: 0.04}]
    """}  # fmt: skip
    tariff = sound(tmp_path, **found)["retail"]
    assert prices(tariff) == {"1": "0.04", "33": "0.02", "49": "0.01", "4915": "0.05"}
    assert [rate.terms.intervals[0].increment_s for rate in tariff.rates] == [1, 1, 60, 60]
    assert warnings(tmp_path, **found) == [
        "retail.yaml:2:21: 1 rates of world have prefixes of a tariff before it: these are left out"
    ]


def test_a_tariff_derives_from_another(tmp_path: Path) -> None:
    """Percentage, then so much a minute, then at least, then up to the grid, then at most; fees by the percentage."""
    tariff = sound(
        tmp_path,
        cost="""
            currency: EUR
            connect_fee: 0.01
            rates:
              - {prefix: 1, rate: 0.0101}
              - {prefix: 2, rate: 0.0001}
              - {prefix: 3, rate: 9}
              - {prefix: 4, blocked: yes}
              - {prefix: 5, rate: 1}
        """,
        retail="""
            currency: EUR
            derive: {from: cost, markup: 15%, add: 0.001, floor: 0.005, ceiling: 5, grid: 0.0005}
            rates: [{prefix: 5, rate: 0.5}]
        """,
    )["retail"]
    assert prices(tariff) == {"1": "0.013", "2": "0.005", "3": "5.00", "4": "0.005", "5": "0.50"}
    assert [format_nanos(rate.terms.connect_fee_nanos) for rate in tariff.rates] == ["0.0115"] * 4 + ["0.00"]
    assert [rate.terms.blocked for rate in tariff.rates] == [False, False, False, True, False]


def test_what_a_deriving_tariff_says_itself_holds(tmp_path: Path) -> None:
    """Increments of plain rates, and each other field; what it does not say is the other's."""
    tariff = sound(
        tmp_path,
        cost="""
            currency: EUR
            increments: 1
            grace: 3
            rates:
              - {prefix: 1, rate: 0.01}
              - {prefix: 2, intervals: [{from: 0, rate: 1}, {from: 60, rate: 2}]}
        """,
        retail="""
            currency: EUR
            increments: 60/30
            rounding: {decimals: 2, mode: up}
            minimum: 0.02
            derive: {from: cost}
        """,
    )["retail"]
    one, two = (rate.terms for rate in tariff.rates)
    assert one.intervals == (Interval(0, 10_000_000, 60), Interval(60, 10_000_000, 30))
    assert two.intervals == (Interval(0, 10**9, 1), Interval(60, 2 * 10**9, 1))
    assert (one.grace_s, one.rounding, one.minimum_nanos) == (3, Rounding(RoundingMode.UP, 2), 20_000_000)


def test_derivation_goes_through_bands_currencies_and_tariffs(tmp_path: Path) -> None:
    """A reseller's tariff of a tariff of a cost in dollars, with its timetable."""
    tariffs = sound(
        tmp_path,
        cost="""
            currency: USD
            bands: {night: {hours: 22:00-06:00}}
            rates: [{prefix: 1, rate: 0.02}, {prefix: 1, band: night, rate: 0.01}]
        """,
        wholesale="{currency: EUR, derive: {from: cost, exchange: 0.9, markup: 10%}}",
        north__gold="{currency: EUR, derive: {from: wholesale, markup: 50, prefixes: [1-9]}}",
    )
    found = [
        format_nanos(rate_at(tariffs["north/gold"], "1", moment).intervals[0].rate_nanos)
        for moment in ("2026-06-01T12:00:00Z", "2026-06-01T23:00:00Z")
    ]
    assert found == ["0.0297", "0.01485"]
    assert tariffs["north/gold"].rates[0].terms.currency == "EUR"


def test_a_resellers_tariff_looks_into_its_own_folder_first(tmp_path: Path) -> None:
    """Then among all."""
    tariffs = sound(
        tmp_path,
        base="{currency: EUR, rates: [{prefix: 1, rate: 1}]}",
        north__base="{currency: EUR, rates: [{prefix: 1, rate: 2}]}",
        north__gold="{currency: EUR, derive: {from: base, markup: 100%}}",
        south__gold="{currency: EUR, derive: {from: base, markup: 100%}}",
    )
    assert prices(tariffs["north/gold"]) == {"1": "4.00"}
    assert prices(tariffs["south/gold"]) == {"1": "2.00"}


def test_faults_between_tariffs(tmp_path: Path) -> None:
    """Unknown, of another currency, in a circle; what lacks its source is no tariff."""
    found = written(
        tmp_path,
        a="{currency: EUR, include: [b]}",
        b="{currency: EUR, derive: {from: c}}",
        c="{currency: EUR, include: [a]}",
        d="{currency: EUR, include: [worlt]}",
        e="{currency: USD, include: [world]}",
        f="{currency: USD, derive: {from: world, markup: much, floor: 2, ceiling: 1, grit: 1}}",
        g="{currency: EUR, derive: {markup: 10%}}",
        world=WORLD,
    )
    assert [str(one).removeprefix("tariffs/") for one in found.problems] == [
        "c.yaml:1:27: the tariff takes from itself (a → b → c → a): another tariff",
        "d.yaml:1:27: there is no tariff 'worlt': the name of one (did you mean world?)",
        "e.yaml:1:27: world is in EUR, this tariff in USD: the same currency; derive: can exchange",
        "f.yaml:1:32: world is in EUR, this tariff in USD: the same currency, or `exchange:`",
        "f.yaml:1:47: markup 'much': a percentage such as 20% or -5% was expected",
        "f.yaml:1:72: the ceiling is below the floor: at least the floor",
        (
            "f.yaml:1:75: derive has no field 'grit': "
            "one of from, markup, add, floor, ceiling, grid, exchange, prefixes (did you mean grid?)"
        ),
        "g.yaml:1:25: derive names no tariff: `from: wholesale`",
    ]
    assert list(found.tariffs) == ["g", "world"]


def test_warnings_are_no_faults(tmp_path: Path) -> None:
    """Zero prices, gaps and overlaps in dates: allowed, rarely meant, each at its row."""
    (tmp_path / "decks").mkdir()
    (tmp_path / "decks" / "d.csv").write_text("prefix,rate,until,effective\n1,0,,\n2,1,2026-01-02,\n2,2,,2026-01-05\n")
    text = """
        currency: EUR
        decks: [d.csv]
        rates:
          - {prefix: 44, rate: 0}
          - {prefix: 45, rate: 1, until: 2026-02-01}
          - {prefix: 45, rate: 2, effective: 2026-01-01}
          - {prefix: 46, rate: 1, until: 2026-02-01}
          - {prefix: 46, rate: 2, effective: 2026-02-01}
    """
    assert [one.removeprefix("../") for one in warnings(tmp_path, x=text)] == [
        "decks/d.csv:2:3: a rate of zero: a price, or blocked: yes",
        (
            "decks/d.csv:4:1: this rate of prefix '2' begins some time after that of decks/d.csv:3 has ended: "
            "the one's until as the other's effective"
        ),
        "x.yaml:4:24: a rate of zero: a price, or `blocked: yes`",
        (
            "x.yaml:6:14: this rate of prefix '45' begins before that of tariffs/x.yaml:5 has ended: "
            "the one's until as the other's effective"
        ),
    ]


@pytest.mark.parametrize("hours", ["10:00-10:00", "00:00-00:00", "[]", "[08:00-09:00, 10:00-10:00]"])
def test_a_window_of_no_time_is_a_fault(tmp_path: Path, hours: str) -> None:
    """It could mean never or always; the whole day is said otherwise."""
    text = "currency: EUR\nbands: {night: {hours: %s}}\nrates: [{prefix: 44, rate: 1}]\n"
    (told,) = faults(tmp_path, text % hours)
    assert told.startswith("2:")
    assert faults(tmp_path, text % "00:00-24:00") == []
