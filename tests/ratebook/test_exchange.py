"""What one currency is worth in another: exact, dated, and told wrong where it is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratebook.document import LoadedRatebook, load
from ratebook.exchange import (
    ALWAYS_S,
    NO_EXCHANGE,
    PAR,
    Exchange,
    exchanged,
    exchanged_up,
    factor_shown,
    factor_text,
    parse_factor,
    reduced,
)
from ratebook.model import Terms
from ratebook.money import NANOS
from ratebook.price import charge, longest_s
from tests.ratebook.oracle import slow_charge
from tests.ratebook.strategies import terms_of_all_kinds

NEVER_ASKED = 0
NANOS_OF_A_RATE = st.integers(1, 10**9 * NANOS - 1)
FACTORS = st.builds(reduced, st.integers(1, 10**15), st.integers(1, 10**15))
DAY_S = 1_790_000_000


def exchange(base: str = "", **pairs: tuple[tuple[int, int], ...]) -> Exchange:
    """Of pairs written as USD_EUR."""
    return Exchange(base, {(name[:3], name[4:]): course for name, course in pairs.items()})


def always(nanos: int) -> tuple[tuple[int, int], ...]:
    """One rate that always held."""
    return ((ALWAYS_S, nanos),)


@given(NANOS_OF_A_RATE)
def test_the_other_way_is_the_exact_reciprocal(nanos: int) -> None:
    """There and back is nothing at all."""
    rates = exchange(USD_EUR=always(nanos))
    there, back = rates.factor("USD", "EUR", DAY_S), rates.factor("EUR", "USD", DAY_S)
    assert there is not None
    assert back is not None
    assert Fraction(*there) == Fraction(nanos, NANOS)
    assert Fraction(*there) * Fraction(*back) == 1
    assert there == (back[1], back[0])


@given(NANOS_OF_A_RATE, NANOS_OF_A_RATE)
def test_over_the_base_is_the_exact_product(one: int, other: int) -> None:
    """Each pair given from the base, used once against its direction."""
    rates = exchange("EUR", EUR_USD=always(one), EUR_GBP=always(other))
    found = rates.factor("USD", "GBP", DAY_S)
    assert found is not None
    assert Fraction(*found) == Fraction(other, one)


def test_a_currency_is_itself() -> None:
    """Whatever is given."""
    assert NO_EXCHANGE.factor("EUR", "EUR", DAY_S) == PAR


def test_nothing_is_crossed_without_a_base() -> None:
    """Both pairs are there, and nobody said that they may be joined."""
    pairs = {"EUR_USD": always(NANOS), "EUR_GBP": always(NANOS)}
    assert exchange(**pairs).factor("USD", "GBP", DAY_S) is None
    assert exchange("USD", **pairs).factor("USD", "GBP", DAY_S) is None
    assert exchange("EUR", **pairs).factor("USD", "GBP", DAY_S) == PAR
    assert exchange("EUR", **pairs).factor("USD", "CHF", DAY_S) is None


def test_a_pair_of_its_own_goes_before_the_base() -> None:
    """From the second on in which it holds."""
    rates = exchange("EUR", EUR_USD=always(2 * NANOS), EUR_GBP=always(NANOS), USD_GBP=((DAY_S, 600_000_000),))
    assert rates.factor("USD", "GBP", DAY_S - 1) == (1, 2)
    assert rates.factor("USD", "GBP", DAY_S) == (3, 5)
    assert rates.factor("GBP", "USD", DAY_S) == (5, 3)


def test_a_date_holds_from_its_second_on() -> None:
    """And nothing before the first one."""
    rates = exchange(USD_EUR=((DAY_S, NANOS), (DAY_S + 10, 2 * NANOS)))
    found = [rates.factor("USD", "EUR", DAY_S + more) for more in (-1, 0, 9, 10, 10**9)]
    assert found == [None, (1, 1), (1, 1), (2, 1), (2, 1)]


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 9)), min_size=1, unique_by=lambda one: one[0]),
       st.integers(-6, 6), st.integers(0, 12))  # fmt: skip
def test_what_is_left_out_is_over(course: list[tuple[int, int]], at_s: int, later_s: int) -> None:
    """The table since a moment says the same from that moment on; and its record is itself."""
    rates = exchange(USD_EUR=tuple(sorted(course)))
    left = Exchange.from_record(rates.since(at_s).to_record())
    assert left.factor("USD", "EUR", at_s + later_s) == rates.factor("USD", "EUR", at_s + later_s)
    assert len([one for one in left.courses["USD", "EUR"] if one[0] <= at_s]) <= 1


@given(terms_of_all_kinds(), st.integers(0, 10_000_000), FACTORS)
def test_a_charge_is_rounded_once(terms: Terms, duration_ms: int, factor: tuple[int, int]) -> None:
    """The exact fraction times the factor, then rounded: by fractions of Python's own."""
    found = charge(terms, duration_ms, NEVER_ASKED, factor)
    assert found == slow_charge(terms, duration_ms, NEVER_ASKED, Fraction(*factor))


@given(terms_of_all_kinds(), st.integers(0, 10**9), st.integers(1, 4_000), FACTORS)
def test_the_longest_call_is_paid_and_the_next_second_is_not(
    terms: Terms, micros: int, limit_s: int, factor: tuple[int, int]
) -> None:
    """In the account's currency."""
    found = longest_s(terms, micros, limit_s, NEVER_ASKED, factor)
    if found > 0:
        assert charge(terms, found * 1000, NEVER_ASKED, factor).micros <= micros
    if 0 < found < limit_s:
        assert charge(terms, found * 1000 + 1000, NEVER_ASKED, factor).micros > micros


def test_compared_amounts_are_rounded_up() -> None:
    """A cost never looks smaller than it is."""
    assert exchanged_up(10, (1, 3)) == 4
    assert exchanged_up(9, (1, 3)) == 3
    assert exchanged_up(-10, (1, 3)) == -3


def test_reported_amounts_are_rounded_to_the_nearest() -> None:
    """Half away from zero."""
    assert [exchanged(micros, (1, 2)) for micros in (3, 4, -3)] == [2, 2, -2]


@given(FACTORS)
def test_a_factor_is_kept_as_text(factor: tuple[int, int]) -> None:
    """And read back."""
    assert parse_factor(factor_text(factor)) == factor


@pytest.mark.parametrize("text", ["", "1", "1/0", "0/1", "a/b", "-1/2", "1.5/2"])
def test_what_is_no_factor_is_refused(text: str) -> None:
    """With an example."""
    with pytest.raises(ValueError, match="23/25"):
        parse_factor(text)


def test_people_see_decimals_where_they_are_exact() -> None:
    """And the fraction where they aren't."""
    assert (factor_shown((23, 25)), factor_shown((25, 23)), factor_shown(PAR)) == ("0.92", "25/23", "1.00")


# --- exchange.yaml


def read(folder: Path, text: str, **decks: str) -> LoadedRatebook:
    """A ratebook with this file."""
    (folder / "tariffs").mkdir()
    (folder / "decks").mkdir()
    (folder / "tariffs" / "retail.yaml").write_text('currency: EUR\nrates: [{prefix: "", rate: 1}]\n')
    (folder / "exchange.yaml").write_text(text)
    for name, deck in decks.items():
        (folder / "decks" / f"{name}.csv").write_text(deck)
    return load(folder)


def test_rates_by_hand_and_from_a_deck(tmp_path: Path) -> None:
    """In the named zone; nine decimals."""
    found = read(
        tmp_path,
        "base: EUR\ntimezone: Europe/Berlin\nrates:\n"
        "  - {from: USD, to: EUR, rate: 0.921659123}\n"
        "  - {from: USD, to: EUR, rate: 0.93, effective: 2026-12-01}\n"
        "decks: [ecb.csv]\n",
        ecb="from;to;rate;effective\nEUR;GBP;0.87;2026-10-30\n\n",
    )
    assert found.problems == []
    assert found.exchange == Exchange(
        "EUR",
        {
            ("USD", "EUR"): ((ALWAYS_S, 921_659_123), (1_796_079_600, 930_000_000)),
            ("EUR", "GBP"): ((1_793_314_800, 870_000_000),),
        },
    )


def test_without_the_file_nothing_is_exchanged(tmp_path: Path) -> None:
    """As before."""
    (tmp_path / "tariffs").mkdir()
    (tmp_path / "tariffs" / "retail.yaml").write_text('currency: EUR\nrates: [{prefix: "", rate: 1}]\n')
    assert load(tmp_path).exchange == NO_EXCHANGE


FAULTY = """\
base: EUT
timezone: Europe/Berlim
rats: []
rates:
  - {from: USD, to: EUR, rate: 0.92}
  - {from: USD, to: EUR, rate: 0.93}
  - {from: EUR, to: USD, rate: 1.08}
  - {from: usd, to: EUR, rate: 0.92}
  - {from: GBP, to: GBP, rate: 1}
  - {from: GBP, to: EUR, rate: 0}
  - {from: GBP, to: EUR, rate: 1.0123456789}
  - {from: GBP, to: EUR, rate: 1.1, effective: soon}
  - {from: GBP, rate: 1.1}
  - {form: GBP, to: EUR, rate: 1.1}
decks: [ecd.csv, ../tariffs/retail.yaml]
"""


def test_every_fault_at_its_place(tmp_path: Path) -> None:
    """All at once, with what was meant."""
    found = read(tmp_path, FAULTY, ecb="from,to,rate\n")
    assert [str(problem) for problem in found.problems] == [
        "exchange.yaml:1:7: no rate has EUT, over which all are exchanged: one of EUR, USD (did you mean EUR?)",
        "exchange.yaml:2:11: timezone 'Europe/Berlim': a time zone such as Europe/Berlin or UTC was expected",
        (
            "exchange.yaml:3:1: exchange.yaml has no field 'rats': one of base, timezone, rates, decks "
            "(did you mean rates?)"
        ),
        "exchange.yaml:6:5: USD to EUR stands in exchange.yaml:5 for the same date: once a date",
        (
            "exchange.yaml:7:5: EUR to USD stands the other way round in exchange.yaml:5: "
            "a pair one way: the other way it is the reciprocal"
        ),
        "exchange.yaml:8:12: from 'usd': three capital letters such as EUR were expected",
        "exchange.yaml:9:5: GBP is exchanged for itself: two currencies",
        "exchange.yaml:10:32: rate '0': a rate above zero was expected",
        "exchange.yaml:11:32: rate '1.0123456789': '1.0123456789' has more than 9 decimals",
        "exchange.yaml:12:48: effective 'soon': a date such as 2026-12-01 or 2026-12-01 08:00 was expected",
        "exchange.yaml:13:5: a rate of exchange without to: {from: USD, to: EUR, rate: 0.92}",
        "exchange.yaml:14:5: a rate of exchange without from: {from: USD, to: EUR, rate: 0.92}",
        (
            "exchange.yaml:14:6: a rate of exchange has no field 'form': one of from, to, rate, effective "
            "(did you mean from?)"
        ),
        "exchange.yaml:15:9: there is no deck decks/ecd.csv: the name of a file that is there (did you mean ecb.csv?)",
        "exchange.yaml:15:18: '../tariffs/retail.yaml' leads out of the folder decks: a name inside it",
    ]


def test_every_fault_of_a_deck_at_its_cell(tmp_path: Path) -> None:
    """By line and column."""
    deck = "from,to,rate,effective\nUSD,EUR,0.9,\nEUR,USD,1,\nUS,EUR,x,never\nUSD,EUR\n"
    found = read(tmp_path, "decks: [ecb.csv, odd.csv, empty.csv]\n", ecb=deck, odd="from,too,rate,rate\n", empty="")
    assert [str(problem).replace("decks/", "") for problem in found.problems] == [
        (
            "ecb.csv:3:1: EUR to USD stands the other way round in ecb.csv:2: "
            "a pair one way: the other way it is the reciprocal"
        ),
        "ecb.csv:4:1: from 'US': three capital letters such as EUR were expected",
        "ecb.csv:4:8: rate 'x': 'x' is not a decimal number such as 0.0125",
        "ecb.csv:4:10: effective 'never': a date such as 2026-12-01 or 2026-12-01 08:00 was expected",
        "ecb.csv:5:1: rate '': '' is not a decimal number such as 0.0125",
        "empty.csv:1:1: no column from and to and rate: a header with from, to and rate",
        "odd.csv:1:1: no column to: a header with from, to and rate",
        "odd.csv:1:6: unknown column 'too': one of from, to, rate, effective (did you mean to?)",
        "odd.csv:1:15: column 'rate' stands twice: once",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ""),
        ("base: EUR\n", "exchange.yaml:1:1: there are no rates"),
        ("[1]\n", "exchange.yaml:1:1: exchange.yaml is no table of fields"),
        ("rates: {from: USD}\n", "exchange.yaml:1:8: rates is not a list"),
        ("rates: [&a {from: USD, to: EUR, rate: 1}, *a]\n", "exchange.yaml:1:43: an alias"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    """An empty one says nothing, and that is no fault."""
    found = read(tmp_path, text)
    assert [str(one)[: len(message)] for one in found.problems] == ([message] if message else [])
    assert found.exchange.courses == {}


def test_a_jump_is_a_warning(tmp_path: Path) -> None:
    """Ten times as much, next day."""
    text = (
        "rates:\n  - {from: USD, to: EUR, rate: 0.92}\n"
        "  - {from: USD, to: EUR, rate: 0.99, effective: 2026-12-01}\n"
        "  - {from: USD, to: EUR, rate: 9.2, effective: 2026-12-02}\n"
    )
    found = read(tmp_path, text)
    assert found.problems == []
    assert [str(one) for one in found.warnings] == [
        (
            "exchange.yaml:4:5: USD to EUR is more than 2 times the rate of exchange.yaml:3, or its part: "
            "perhaps the decimal point, or the pair the other way round"
        )
    ]


WORDS = st.sampled_from(
    ["base", "rates", "decks", "from", "to", "rate", "effective", "USD", "EUR", "0.9", "1e9", "2026-12-01", "ecb.csv",
     ":", "-", ",", "{", "}", "[", "]", "\n", "  ", "'", "&a", "*a", "\t", "é", "0"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(WORDS, max_size=40).map(" ".join), st.lists(WORDS, max_size=25).map(",".join))
def test_whatever_stands_there_is_told(text: str, deck: str) -> None:
    """Nothing raises, every fault has its place, and what is sound exchanges there and back to nothing."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        found = read(root, text, ecb=deck)
    for problem in found.problems:
        assert problem.place.line > 0
        assert problem.place.column > 0
    for have, want in found.exchange.courses:
        there, back = found.exchange.factor(have, want, 2**40), found.exchange.factor(want, have, 2**40)
        assert there is not None
        assert there[::-1] == back
