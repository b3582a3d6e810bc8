"""Tariffs as operators write them: what they come to, and every fault at its place."""

from __future__ import annotations

import textwrap
import time
from datetime import datetime
from pathlib import Path

import pytest

from ratebook.document import parse_tariff
from ratebook.document.problems import PROBLEMS_MAX
from ratebook.model import DurationMode, FreeMode, Interval, Tariff, Terms
from ratebook.money import HALF_UP_6, Rounding, RoundingMode, parse_nanos

NOWHERE = Path("/nowhere")


def read(text: str, name: str = "retail") -> Tariff:
    """The tariff of a faultless text."""
    tariff, problems, _ = parse_tariff(textwrap.dedent(text), "tariffs/x.yaml", name, NOWHERE)
    assert [str(problem) for problem in problems] == []
    assert tariff is not None
    return tariff


def faults(text: str) -> list[str]:
    """All faults of a text, without the file's name."""
    problems = parse_tariff(textwrap.dedent(text).lstrip("\n"), "x", "x", NOWHERE).problems
    return [str(problem).removeprefix("x:") for problem in problems]


def wall_s(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


def test_a_small_tariff() -> None:
    """Currency and one rate: the rest has defaults."""
    tariff = read("""
        currency: EUR
        rates:
          - {prefix: 44, destination: United Kingdom, rate: 0.0120}
    """)
    assert tariff[:3] == ("retail", "EUR", "UTC")
    (rate,) = tariff.rates
    assert rate[:4] == ("44", "United Kingdom", None, None)
    assert rate.terms == Terms("EUR", (Interval(0, 12_000_000, 1),))


def test_every_word_of_a_tariff() -> None:
    """Fields at the top hold for all rates; a rate may set each anew."""
    tariff = read("""
        name: gold
        description: what gold customers pay
        currency: USD
        timezone: Europe/Berlin
        increments: 30/6
        connect_fee: 0.01
        minimum: 0.02
        maximum: 9
        grace: 3
        free_seconds: {seconds: 10, taken: after}
        attempt_fee: 0.001
        message_fee: 0.05
        rounding: {decimals: 4, mode: half-even}
        duration: nearest
        effective: 2026-01-01
        until: 2027-01-01 08:00
        rates:
          - {prefix: "1", rate: 0.60}
          - prefix: "2"
            rate: 0.60
            increments: 60
            connect_fee: 0
            minimum: 0
            maximum: 5
            grace: 0
            free_seconds: 20
            attempt_fee: 0
            message_fee: 0
            rounding: {mode: up}
            duration: down
            effective: 2026-06-01T00:00:00Z
            until: 2026-07-01
    """)
    assert tariff.name == "gold"
    first, second = tariff.rates
    assert first.terms == Terms(
        currency="USD",
        intervals=(Interval(0, 600_000_000, 30), Interval(30, 600_000_000, 6)),
        connect_fee_nanos=parse_nanos("0.01"),
        minimum_nanos=parse_nanos("0.02"),
        maximum_nanos=parse_nanos("9"),
        grace_s=3,
        free_s=10,
        free_mode=FreeMode.AFTER,
        attempt_fee_nanos=parse_nanos("0.001"),
        message_fee_nanos=parse_nanos("0.05"),
        rounding=Rounding(RoundingMode.HALF_EVEN, 4),
        duration_mode=DurationMode.NEAREST,
    )
    assert (first.effective_s, first.until_s) == (
        wall_s("2026-01-01T00:00:00+01:00"),
        wall_s("2027-01-01T08:00:00+01:00"),
    )
    assert second.terms == Terms(
        currency="USD",
        intervals=(Interval(0, 600_000_000, 60),),
        maximum_nanos=parse_nanos("5"),
        free_s=20,
        free_mode=FreeMode.AFTER,
        rounding=Rounding(RoundingMode.UP, 4),
        duration_mode=DurationMode.DOWN,
        message_fee_nanos=0,
    )
    assert (second.effective_s, second.until_s) == (
        wall_s("2026-06-01T00:00:00+00:00"),
        wall_s("2026-07-01T00:00:00+02:00"),
    )


def test_prefixes_stay_what_was_written() -> None:
    """No octal, no base 60, no booleans; a plus is dropped, quotes are not needed; empty is every number."""
    tariff = read(
        """
        currency: EUR
        rates:
          - {prefix: [0123, "+44", 1_0 ], rate: 1}
    """.replace("1_0", "10")
    )
    assert [rate.prefix for rate in tariff.rates] == ["0123", "10", "44"]
    assert read('currency: EUR\nrates: [{prefix: "", rate: 1}]').rates[0].prefix == ""


def test_intervals() -> None:
    """Any number of them, each with its increment, one second if it says none."""
    tariff = read("""
        currency: EUR
        increments: 60
        rates:
          - prefix: "1"
            intervals:
              - {rate: 0.60, increment: 30}
              - {from: 30, rate: 0.30}
              - {from: 600, rate: 0, increment: 60}
    """)
    assert tariff.rates[0].terms.intervals == (
        Interval(0, 600_000_000, 30),
        Interval(30, 300_000_000, 1),
        Interval(600, 0, 60),
    )


def test_a_blocked_rate_needs_no_price() -> None:
    """It may have one."""
    tariff = read("""
        currency: EUR
        rates:
          - {prefix: "1900", blocked: yes}
          - {prefix: "1901", blocked: true, rate: 1}
          - {prefix: "1902", blocked: no, rate: 1}
    """)
    assert [rate.terms.blocked for rate in tariff.rates] == [True, True, False]
    assert tariff.rates[0].terms.intervals == (Interval(0, 0, 1),)


def test_a_prefix_may_have_a_rate_for_each_date() -> None:
    """Which begin at different moments."""
    tariff = read("""
        currency: EUR
        rates:
          - {prefix: "44", rate: 1}
          - {prefix: "44", rate: 2, effective: 2026-12-01}
    """)
    assert [rate.effective_s for rate in tariff.rates] == [None, wall_s("2026-12-01T00:00:00+00:00")]


def test_a_tariff_in_a_folder_keeps_it_in_its_name() -> None:
    """A name of its own stands for the file's only: nobody takes another's name."""
    text = "currency: EUR\nrates: []\n"
    assert read(text, "north/gold").name == "north/gold"
    assert read("name: silver\n" + text, "north/gold").name == "north/silver"


@pytest.mark.parametrize(
    ("rate", "found"),
    [
        ('prefix: "x", rate: 1', "3:14: prefix 'x': up to 18 digits were expected"),
        ("prefix: 1234567890123456789, rate: 1", "3:14: prefix '1234567890123456789': up to 18 digits were expected"),
        ("prefix: , rate: 1", '3:14: the prefix is empty: digits, or `""` for every number'),
        (
            "prefix: '44,', rate: 1",
            "3:14: prefix '44,': digits between all separators were expected: an empty prefix is every number",
        ),
        ("prefix: [], rate: 1", "3:14: the list of prefixes is empty: prefixes such as [44, 45]"),
        ("prefix: [1, [2]], rate: 1", "3:18: prefix is a list or table: a single value"),
        ("rate: 1", '3:5: the rate has no prefix: `prefix: "44"`, or "" for every number'),
        ("prefix: 1", "3:5: the rate has no price: `rate`, `intervals` or `blocked: yes`"),
        ("prefix: 1, rate: 1e3", "3:23: rate '1e3': '1e3' is not a decimal number such as 0.0125"),
        ("prefix: 1, rate: 0.0000000001", "3:23: rate '0.0000000001': '0.0000000001' has more than 9 decimals"),
        ("prefix: 1, rate: -1", "3:23: rate '-1': an amount from zero to below 1000000000 was expected"),
        (
            "prefix: 1, rate: 1000000000",
            "3:23: rate '1000000000': an amount from zero to below 1000000000 was expected",
        ),
        ("prefix: 1, rate: ", "3:23: rate '': '' is not a decimal number such as 0.0125"),
        ("prefix: 1, rate: [1]", "3:23: rate is a list or table: a single value"),
        ("prefix: 1, rate: 1, rate: 2", "3:26: 'rate' stands twice: once"),
        (
            "prefix: 1, rate: 1, increments: 0/6",
            "3:38: increments '0/6': increments of at least one second were expected",
        ),
        ("prefix: 1, rate: 1, increments: 6/", "3:38: increments '6/': increments such as 30/6 were expected"),
        ("prefix: 1, rate: 1, grace: 1:30", "3:33: grace '1:30': whole seconds from 0 to 86400 were expected"),
        ("prefix: 1, rate: 1, grace: 86401", "3:33: grace '86401': whole seconds from 0 to 86400 were expected"),
        ("prefix: 1, rate: 1, blocked: perhaps", "3:35: blocked 'perhaps': yes or no was expected"),
        (
            "prefix: 1, rate: 1, free_seconds: 1m",
            "3:40: free_seconds '1m': whole seconds from 0 to 86400 were expected",
        ),
        (
            "prefix: 1, rate: 1, free_seconds: {seconds: 1, taken: befor}",
            "3:60: taken 'befor': one of before, after was expected (did you mean before?)",
        ),
        (
            "prefix: 1, rate: 1, rounding: up",
            "3:36: rounding is no table of fields: `name: value`, one of decimals, mode",
        ),
        ("prefix: 1, rate: 1, rounding: {decimals: 7}", "3:47: decimals '7': a whole number from 0 to 6 was expected"),
        (
            "prefix: 1, rate: 1, rounding: {mode: half-op}",
            "3:43: mode 'half-op': one of half-up, half-even, up, down was expected (did you mean half-up?)",
        ),
        ("prefix: 1, rate: 1, duration: long", "3:36: duration 'long': one of up, down, nearest was expected"),
        (
            "prefix: 1, rate: 1, effective: 2026-02-30",
            "3:37: effective '2026-02-30': a date such as 2026-12-01 or 2026-12-01 08:00 was expected",
        ),
        (
            "prefix: 1, rate: 1, effective: 0226-12-01",
            "3:37: effective '0226-12-01': a date of the year 1900 or later was expected",
        ),
        (
            "prefix: 1, rate: 1, effective: 2026-03-01, until: 2026-03-01",
            "3:56: until is not after effective: a later date",
        ),
        ("prefix: 1, rate: 1, minimum: 2, maximum: 1", "3:47: the maximum is below the minimum: at least the minimum"),
        ("prefix: 1, rate: 1, intervals: [{rate: 1}]", "3:23: a rate beside intervals: one of them"),
        ("prefix: 1, intervals: []", "3:28: 0 intervals: 1 to 32 of them"),
        ("prefix: 1, intervals: 5", "3:28: intervals is not a list: items that begin with `-`"),
        (
            "prefix: 1, intervals: [{from: 5, rate: 1}]",
            "3:29: the interval begins at 5 s: 0 for the first one, then rising",
        ),
        (
            "prefix: 1, intervals: [{rate: 1}, {from: 0, rate: 1}]",
            "3:40: the interval begins at 0 s: 0 for the first one, then rising",
        ),
        ("prefix: 1, intervals: [{from: 0}]", "3:29: the interval has no rate: a rate per minute"),
        (
            "prefix: 1, intervals: [{rate: 1, increment: 0}]",
            "3:50: increment '0': at least one second was expected",
        ),
        (
            'prefix: 1, rate: 1, destination: "a\\nb"',
            "3:39: destination 'a\\nb': a name of 1 to 128 characters was expected",
        ),
    ],
)
def test_a_fault_of_a_rate(rate: str, found: str) -> None:
    """One line each: place, what is wrong, what was expected."""
    assert faults(f"currency: EUR\nrates:\n  - {{{rate}}}\n") == [found]


def test_a_huge_value_is_not_printed() -> None:
    """Its beginning is enough."""
    (found,) = faults(f"currency: EUR\nrates: [{{prefix: 1, rate: {'9' * 100_000}}}]\n")
    assert len(found) < 300
    assert found.endswith("9'… has more than 12 digits before the point")


def test_a_misspelt_field_is_guessed() -> None:
    """With all that it may have been; nonsense gets no guess."""
    (misspelt,) = faults("currency: EUR\nrates:\n  - {prefix: 1, rate: 1, conect_fee: 1}\n")
    assert misspelt.startswith("3:26: a rate has no field 'conect_fee': one of prefix, destination, rate, ")
    assert misspelt.endswith(", until (did you mean connect_fee?)")
    (nonsense,) = faults("currency: EUR\nrates:\n  - {prefix: 1, rate: 1, xyzzy: 1}\n")
    assert "did you mean" not in nonsense


def test_the_tariff_itself() -> None:
    """Currency, zone, name, rates: all at once."""
    found = faults("""
        currency: eur
        timezone: Europe/Berlim
        name: a/b
        rates: 5
    """)
    assert found == [
        "1:11: currency 'eur': three capital letters such as EUR were expected",
        "2:11: timezone 'Europe/Berlim': a time zone such as Europe/Berlin or UTC was expected",
        "3:7: name 'a/b': up to 128 letters, digits, dots, dashes or underscores were expected",
        "4:8: rates is not a list: items that begin with `-`",
    ]
    assert faults("rates: []") == ["1:1: the tariff has no currency: a line such as `currency: EUR`"]
    assert faults("currency: EUR") == [
        "1:1: the tariff has no rates: a list `rates:` or `decks:`, `include:` or `derive:`"
    ]


def test_twenty_faults_are_twenty_findings() -> None:
    """Each at its place; nothing stops at the first."""
    rates = "".join(f"  - {{prefix: {number}, rate: x}}\n" for number in range(20))
    found = faults(f"currency: EUR\nrates:\n{rates}")
    assert [one.split(" ")[0] for one in found] == [f"{line}:{23 + (line > 12)}:" for line in range(3, 23)]


def test_the_same_prefix_twice() -> None:
    """At the same date, wherever the prefix stands; the place of the other one is named."""
    found = faults("""
        currency: EUR
        rates:
          - {prefix: [44, 45], rate: 1}
          - {prefix: 45, rate: 1, effective: 2026-01-01}
          - {prefix: [46, "45"], rate: 1}
          - {prefix: 45, rate: 2, effective: 2026-01-01T00:00:00Z}
    """)
    assert found == [
        "5:19: prefix '45' has a second rate of the same date: one; the other stands in x:3",
        "6:14: prefix '45' has a second rate of the same date: one; the other stands in x:4",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "1:1: an empty file: currency and rates"),
        ("# only a comment\n", "1:1: an empty file: currency and rates"),
        ("a: [1,\n", "2:1: no YAML (did not find expected node content): YAML was expected"),
        (
            "a:\n\tb: 1\n",
            "2:1: no YAML (found character that cannot start any token): blanks in place of the tab were expected",
        ),
        ("a:\tb: 1\n", "1:5: no YAML (mapping values are not allowed in this context): YAML was expected"),
        ("a: 'x", "1:6: no YAML (found unexpected end of stream): YAML was expected"),
        ("x: 1\n---\ny: 2\n", "2:1: no YAML (but found another document): YAML was expected"),
        ("é: 1\na: \x01", "2:4: no YAML (control characters are not allowed): printable text was expected"),
        ("a: &x [1]\nb: *x\n", "2:4: an alias: what it stands for, written out"),
    ],
)
def test_what_is_no_tariff_at_all(text: str, found: str) -> None:
    """One finding, at the place where reading stopped."""
    assert faults(text) == [found]


@pytest.mark.parametrize("text", ["- 1\n", "5\n", "{}\n", "a tariff\n"])
def test_what_is_no_table(text: str) -> None:
    """A list, a number, nothing, a sentence."""
    (found,) = faults(text)
    assert found.startswith("1:1: a tariff is no table of fields: `name: value`, one of name, ")


def test_hostile_files_are_refused_in_bounded_time() -> None:
    """A bomb of aliases, a hundred thousand brackets, a long line, a long scalar in the message."""
    started = time.process_time()
    bomb = "a: &a [x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)},*{chr(97 + n)}]\n" for n in range(20)
    )
    assert faults(bomb) == ["2:8: an alias: what it stands for, written out"]
    assert faults("[" * 100_000) == ["1:13: nested more than 12 deep: a flatter document"]
    assert faults("x" * 17_000_000) == ["1:1: the file has 17000000 bytes: 16777216 at most"]
    (long,) = faults(f"currency: {'E' * 100_000}\nrates: []\n")
    assert len(long) < 200
    assert time.process_time() - started < 5


def test_no_more_faults_than_anybody_reads() -> None:
    """The rest is counted; and what is broken stays out of the tariff."""
    rates = "".join(f"  - {{prefix: [x, {number}], rate: 1}}\n" for number in range(PROBLEMS_MAX + 5))
    tariff, problems, _ = parse_tariff(f"currency: EUR\nrates:\n{rates}", "x", "x", NOWHERE)
    assert len(problems) == PROBLEMS_MAX + 1
    assert str(problems[-1]) == f"x:{PROBLEMS_MAX + 2}:15: 5 more faults: correct these first"
    assert tariff is not None
    assert {rate.prefix for rate in tariff.rates} == {str(number) for number in range(PROBLEMS_MAX + 5)}


def test_rounding_has_a_default() -> None:
    """Half-up to six."""
    assert read("currency: EUR\nrates: [{prefix: 1, rate: 1}]").rates[0].terms.rounding == HALF_UP_6


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2026-03-29 01:59:59", "2026-03-29T00:59:59+00:00"),
        ("2026-03-29 03:00", "2026-03-29T01:00:00+00:00"),
        ("2026-10-25 02:30", "2026-10-25T00:30:00+00:00"),
        ("2028-02-29", "2028-02-28T23:00:00+00:00"),
        ("2026-06-01T00:00:00+05:30", "2026-05-31T18:30:00+00:00"),
        ("9999-12-31 23:59:59-05:00", "9999-12-30T00:00:00+00:00"),
    ],
)
def test_dates_are_meant_in_the_tariffs_zone(local: str, utc: str) -> None:
    """Around both changes of the clocks, on a leap day, with an offset of their own."""
    text = f"currency: EUR\ntimezone: Europe/Berlin\nrates: [{{prefix: 1, rate: 1, effective: '{local}'}}]"
    assert read(text).rates[0].effective_s == wall_s(utc)
