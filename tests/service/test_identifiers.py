"""What checks itself is checked where it comes in: numbers for VAT, IBANs, BICs, time zones, destination groups."""

from __future__ import annotations

import zoneinfo
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from service.api.values import zone_of
from service.billing.identifiers import account_problem, bic_problem, vat_problem
from service.zones import NO_PLACES, zones
from tests.service.test_invoices import PAPER
from tests.service.test_money import House

IBAN = "DE02120300000000202051"


@pytest.mark.parametrize(
    ("country", "number"),
    [
        ("DE", "DE811115368"), ("DE", "de 811 115 368"), ("FR", "FR40303265045"), ("GR", "EL094259216"),
        ("DE", "22/815/08150"), ("DE", ""), ("IT", "RSSMRA85T10A562S"), ("ES", "B58378431"), ("GB", "GB123"),
        ("CH", "CHE-116.281.710 MWST"), ("US", "US12"), ("DE", "ATU13585627"),
    ],
)  # fmt: skip
def test_a_number_for_vat_or_another_one_is_taken(country: str, number: str) -> None:
    """National numbers, and those of countries outside the union, are of another kind."""
    assert vat_problem(country, number) == ""


@pytest.mark.parametrize(
    ("country", "number"),
    [("DE", "DE81111536"), ("DE", "DE811115369"), ("FR", "FR4030326504"), ("GR", "EL09425921"), ("AT", "AT13585627"),
     ("DE", "DE12345678X"), ("DE", "DE")],
)  # fmt: skip
def test_a_wrong_number_for_vat_is_none(country: str, number: str) -> None:
    """By length, form or check digits."""
    assert vat_problem(country, number).startswith(f"this is no number for VAT of {country}")


@given(st.integers(0, len(IBAN) - 1), st.sampled_from("0123456789ABCXYZ"))
def test_one_wrong_sign_of_an_iban_is_seen(at: int, sign: str) -> None:
    """ISO 13616, modulo 97, after the two letters and two digits by which it is known to be one."""
    assert account_problem(IBAN) == account_problem("DE02 1203 0000 0000 2020 51") == account_problem("12345678") == ""
    wrong = IBAN[:at] + sign + IBAN[at + 1 :]
    if at >= 4 and wrong != IBAN:
        assert account_problem(wrong).startswith("this is no IBAN")


def test_a_bank_has_a_code() -> None:
    """Or none."""
    assert bic_problem("") == bic_problem("COBADEFFXXX") == bic_problem("COBADEFF") == ""
    assert bic_problem("COBADEF").startswith("this is no BIC")


@pytest.mark.parametrize("name", sorted({*NO_PLACES, "", "Mars/Base", "../UTC", "posix/UTC", "right/UTC", "utc"}))
def test_what_is_no_zone_of_the_database_is_refused(name: str) -> None:
    """A machine's own zone is another one elsewhere."""
    with pytest.raises(ValueError, match="no time zone"):
        zone_of(name)


def test_every_other_zone_is_one() -> None:
    """Of the database that stands here."""
    assert {zone_of(name) for name in zoneinfo.available_timezones() - NO_PLACES} == zones() >= {"UTC", "Europe/Berlin"}


@pytest.fixture
async def house(engine: AsyncEngine, database: str, tmp_path: Path) -> House:
    """Whose ratebook has no destination groups."""
    house = House(engine, database, tmp_path)
    await house.open()
    return house


async def test_they_are_refused_where_they_come_in(house: House) -> None:
    """All that is wrong at once; nothing is kept."""
    numbers = {"tax_number": "DE1", "iban": "DE00120300000000202051", "bic": "X"}
    wrong: dict[str, Any] = {"legal_name": "C", **PAPER, **numbers}
    got = await house.ask("party.edit", "customer", **wrong)
    assert got.status == 422
    assert [one["pointer"] for one in got["errors"]] == ["/tax_number", "/iban", "/bic"]
    assert (await house.ask("party.show", "customer")).status == 404
    right = wrong | {"tax_number": "DE811115368", "iban": IBAN, "bic": "BYLADEM1001"}
    (await house.ask("party.edit", "customer", **right)).ok()
    for zone in NO_PLACES:
        assert (await house.ask("terms.edit", "customer", zone=zone)).status == 422


async def test_a_group_that_is_not_there_is_refused(house: House) -> None:
    """By limits, packages and rules of commission, with the names of those that are."""
    told = "there is no destination group 'mobil': groups.yaml of the ratebook has none"
    limit = {"name": "a", "measure": "calls", "count": 5, "group": "mobil"}
    package = {"account_id": house.ids["lower"], "name": "p", "kind": "package", "price": "1", "seconds": 60}
    agent = {"parent_id": house.ids["lower"], "name": "agent", "kind": "reseller", "commission": True}
    house.ids["agent"] = (await house.ask("account.make", **agent)).ok()["id"]
    for endpoint, account, body in (
        ("limit.make", "customer", limit),
        ("product.make", "", package | {"groups": ["mobil"]}),
        ("commission.make-rule", "agent", {"percent": "10", "destination_group": "mobil"}),
    ):
        got = await house.ask(endpoint, account, **body)
        assert (got.status, [one["detail"] for one in got["errors"]]) == (422, [told]), endpoint
    (await house.ask("limit.make", "customer", **limit | {"group": ""})).ok()
