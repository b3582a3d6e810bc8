"""Every vector of other projects that a tariff can say, through parser, compiler, look-up and price."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ratebook.compiled.read import Found, RatesReader
from ratebook.compiled.write import compile_tariff, open_for_writing, write_version
from ratebook.document import parse_tariff
from ratebook.money import HALF_UP_6, MICROS
from ratebook.price import charge, longest_s
from tests.ratebook.oracle import rounded
from tests.ratebook.vectors import Case, Inexpressible, Vector, case_of, named_vectors, two_interval_fraction

WAITING_FOR_THE_RATEBOOK = (
    "cgrates-001",
    "cgrates-002",
    "cgrates-010",
    "cgrates-011",
    "cgrates-013",
    "cgrates-015",
    "cgrates-016",
    "cgrates-025",
    "cgrates-032",
    "cgrates-091",
    "cgrates-092",
    "cgrates-094",
    "cgrates-095",
    "cgrates-100",
    "cgrates-101",
    "sipwise-165",
    "ccm-174",
)
"""Time bands; ccm-174 rounds to a hundred."""

WAITING_FOR_BILLING = (
    "cgrates-105",
    "yeti-135",
    "yeti-139",
    "yeti-146",
    "yeti-147",
)
"""Bundles of minutes; 139: a call refused by ourselves, which is no attempt; 147: settlement of two sides."""

VECTORS = named_vectors()
WAITING = {*WAITING_FOR_THE_RATEBOOK, *WAITING_FOR_BILLING}


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    opened = open_for_writing(tmp_path_factory.mktemp("vectors") / "rates")
    yield opened
    opened.close()


def look_up(env: Any, case: Case) -> Found:
    """The rate of the case's number, all the way from its YAML."""
    tariff, problems, _ = parse_tariff(case.tariff, "vector.yaml", "vector", Path("/nowhere"))
    assert not problems, [str(problem) for problem in problems]
    assert tariff is not None
    compiled = compile_tariff(tariff)
    write_version(env, compiled)
    with RatesReader(env).snapshot() as rates:
        found = rates.find(compiled.version, case.number, int(datetime.fromisoformat(case.moment).timestamp()))
    assert found is not None
    return found


@pytest.mark.parametrize("name", [name for name in VECTORS if name not in WAITING])
def test_a_vector(env: Any, name: str) -> None:
    """Its charge rounded as it says, its billed seconds, its prefix, its longest call."""
    case = case_of(VECTORS[name])
    found = look_up(env, case)
    answer = charge(found.terms, case.duration_s * 1000, 0)
    assert case.prefix in {None, found.prefix}
    assert case.billed_s in {None, answer.billed_s}
    if case.charge is not None:
        assert answer.micros == rounded(case.charge, case.rounding)
    if case.money is not None:
        assert longest_s(found.terms, int(case.money * MICROS), case.duration_s, 0) == case.longest_s


@pytest.mark.parametrize("name", sorted(WAITING))
def test_a_waiting_vector_can_not_be_said_yet(name: str) -> None:
    """What can be said must be tested."""
    with pytest.raises(Inexpressible):
        case_of(VECTORS[name])


def test_each_waiting_vector_waits_for_one_thing() -> None:
    """And is a vector."""
    assert not set(WAITING_FOR_THE_RATEBOOK) & set(WAITING_FOR_BILLING)
    assert set(VECTORS) >= WAITING


CHARGES = [vector for name, vector in VECTORS.items() if name.startswith("two-interval")]


@pytest.mark.parametrize("vector", CHARGES)
def test_the_exact_fractions_are_those_of_the_file(vector: Vector) -> None:
    """The oracle's decimals are cut at some twenty digits: closer than that to the fraction."""
    exact = two_interval_fraction(vector)
    assert abs(exact - Fraction(vector["amount_no_vat"])) < Fraction(1, 10**15)


@pytest.mark.parametrize("vector", CHARGES)
def test_a_tax_is_a_factor(env: Any, vector: Vector) -> None:
    """It multiplies before the one rounding: the file's amount with tax."""
    found = look_up(env, case_of(vector))
    tax = 1 + Fraction(vector["tariff"]["vat_percent"]) / 100
    answer = charge(found.terms, vector["usage_s"] * 1000, 0, (tax.numerator, tax.denominator))
    exact = two_interval_fraction(vector) * tax
    assert abs(exact - Fraction(vector["amount"])) < Fraction(1, 10**14)
    assert answer.micros == rounded(exact, HALF_UP_6)
