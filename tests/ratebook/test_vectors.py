"""Every vector of other projects that a tariff can say, through parser, compiler, look-up and price."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ratebook.compiled.read import Found, RatesReader
from ratebook.compiled.write import compile_tariff, open_for_writing, write_version
from ratebook.document import parse_tariff
from ratebook.money import HALF_UP_6, MICROS
from ratebook.price import charge, longest_s
from scripts.vectoring.__main__ import main as run_files
from scripts.vectoring.__main__ import rounded as rounded_there
from scripts.vectoring.translate import (
    Case,
    Vector,
    case_of,
    two_interval_fraction,
    vectors_of,
)
from tests.ratebook.oracle import rounded

FOLDER = Path(__file__).parent.parent / "vectors"
FILES = [FOLDER / "rating.json", FOLDER / "two_interval_charges.json"]
LEFT_OUT = {
    "cgrates-105": "packages of minutes are an account's, and no tariff's",
    "yeti-146": "packages of minutes are an account's, and no tariff's",
    "yeti-147": "it books calls that are priced already on balances",
    "ccm-174": "its last rounding is to whole hundreds, ours to decimals of the currency",
}
VECTORS = {name: vector for path in FILES for name, vector in vectors_of(path.read_text()).items()}


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    opened = open_for_writing(tmp_path_factory.mktemp("vectors") / "rates")
    yield opened
    opened.close()


def at_s(case: Case) -> int:
    return int(datetime.fromisoformat(case.moment).timestamp())


def look_up(env: Any, case: Case) -> Found:
    """The rate of the case's number, all the way from its YAML."""
    tariff, problems, _ = parse_tariff(case.tariff, "vector.yaml", "vector", Path("/nowhere"))
    assert not problems, [str(problem) for problem in problems]
    assert tariff is not None
    compiled = compile_tariff(tariff)
    write_version(env, compiled)
    with RatesReader(env).snapshot() as rates:
        found = rates.find(compiled.version, case.number, at_s(case))
    assert found is not None
    return found


def due(case: Case) -> int:
    """Micro-units that the case expects."""
    assert case.charge is not None
    return int(rounded_there(abs(case.charge), case.rounding) * MICROS)


@pytest.mark.parametrize("name", [name for name in VECTORS if name not in LEFT_OUT])
def test_a_vector(env: Any, name: str) -> None:
    """Its charge rounded as it says, its billed seconds, its prefix, its longest call, by the compiled form."""
    case = case_of(VECTORS[name])
    found = look_up(env, case)
    answer = charge(found.terms, int(case.duration_s) * 1000, at_s(case))
    assert case.prefix in {None, found.prefix}
    assert case.billed_s in {None, answer.billed_s}
    if case.charge is not None:
        assert answer.micros == due(case)
    if case.money is not None:
        longest = longest_s(found.terms, int(case.money * MICROS), int(case.duration_s), at_s(case))
        assert longest == case.longest_s


def test_the_command_prices_every_vector(capsys: pytest.CaptureFixture[str]) -> None:
    """`kambill tariff price --calls`: id, expected, got, ok a line; what is left out has its reason."""
    assert run_files([str(path) for path in FILES]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert {row[0] for row in rows} == set(VECTORS)
    assert {row[0]: row[3].removeprefix("left out: ") for row in rows if row[3] != "ok"} == LEFT_OUT
    assert all(row[1] == row[2] for row in rows)


def test_a_wrong_vector_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A millionth more than it costs; a tariff that is none; a file that asks for nothing we know."""
    dear = copy.deepcopy(VECTORS["cgrates-001"]) | {"exact_cost": "2701.000001"}
    dear["tariff"]["entries"][0]["rounding"]["decimals"] = 6
    broken = VECTORS["cgrates-001"] | {"id": "broken", "tariff": dear["tariff"] | {"timezone": "Europe/Atlantis"}}
    strange = {"id": "strange", "kind": "weather"}
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps({"vectors": [dear, broken, strange]}))
    assert run_files([str(path)]) == 1
    first, second, third = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert first[1:] == ["2701.000001,3600s,prefix=0256", "2701,3600s,prefix=0256", "WRONG"]
    assert "a time zone such as" in second[2]
    assert third[1:] == ["-", "-", "left out: no tariff says weather"]


def test_an_attempt_costs_its_fee_if_a_carrier_had_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once a call, without tax; an attempt within a call is no question to a tariff; a wrong fee is noticed."""
    refused = VECTORS["yeti-139"]
    sent = refused["given"] | {"internal_disconnect_code_id": None}
    fee = {"customer_price_no_vat": "2.0", "customer_price": "2.46", "vendor_price": "3.0"}
    vectors = [
        refused | {"id": "sent", "given": sent, "expected": fee},
        refused | {"id": "wrong", "given": sent, "expected": {"customer_price": "0"}},
        refused | {"id": "not the last", "given": sent | {"is_last_cdr": False}, "expected": {"customer_price": "0"}},
    ]
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps({"vectors": vectors}))
    assert run_files([str(path)]) == 1
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [row[1:] for row in rows[:2]] == [["2", "2", "ok"], ["0", "2", "WRONG"]]
    assert rows[2][3].startswith("left out: ")


@pytest.mark.parametrize("content", [None, "no JSON", "[]", "{}"])
def test_what_is_no_file_of_vectors_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    """A folder, text, and JSON of another shape."""
    path = tmp_path
    if content is not None:
        path = tmp_path / "vectors.json"
        path.write_text(content)
    assert run_files([str(path)]) == 2
    assert f"vectors: {path}: no file of vectors (" in capsys.readouterr().err


def test_below_zero_the_rule_is_ours() -> None:
    """Up is away from zero: a refund of -x rounds as x does."""
    for name, vector in VECTORS.items():
        if vector["kind"] == "rounding":
            given = vector["given"]
            case = case_of(vector | {"given": given | {"value": f"-{given['value']}"}})
            assert rounded_there(case.charge or Fraction(0), case.rounding) == -Decimal(vector["expected"]["value"]), (
                name
            )


CHARGES = [vector for name, vector in VECTORS.items() if name.startswith("two-interval")]


@pytest.mark.parametrize("vector", CHARGES)
def test_the_exact_fractions_are_those_of_the_file(vector: Vector) -> None:
    """The oracle's decimals are cut at some twenty digits: closer than that to the fraction."""
    exact = two_interval_fraction(vector)
    assert abs(exact - Fraction(vector["amount_no_vat"])) < Fraction(1, 10**15)


def test_a_call_of_no_length_costs_nothing(env: Any) -> None:
    """No first interval, and no fee."""
    tariff = CHARGES[0]["tariff"] | {"connect_fee": "0.05", "initial_rate_per_min": "0.1", "next_rate_per_min": "0.2"}
    vector = CHARGES[0] | {"tariff": tariff, "usage_s": 0, "billed_s": "0"}
    assert two_interval_fraction(vector) == 0
    case = case_of(vector)
    assert charge(look_up(env, case).terms, 0, at_s(case)).micros == 0


@pytest.mark.parametrize("vector", CHARGES)
def test_a_tax_is_a_factor(env: Any, vector: Vector) -> None:
    """It multiplies before the one rounding: the file's amount with tax."""
    found = look_up(env, case_of(vector))
    tax = 1 + Fraction(vector["tariff"]["vat_percent"]) / 100
    answer = charge(found.terms, vector["usage_s"] * 1000, 0, (tax.numerator, tax.denominator))
    exact = two_interval_fraction(vector) * tax
    assert abs(exact - Fraction(vector["amount"])) < Fraction(1, 10**14)
    assert answer.micros == rounded(exact, HALF_UP_6)
