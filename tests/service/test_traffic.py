"""One price (simulator, hold, CDR, rating again); what a draft would have earned; warnings of a loss."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.compiled.layout import decode_terms
from ratebook.document import load
from ratebook.exchange import PAR
from ratebook.groups import Group, Groups
from ratebook.price import charge
from service.database.engine import reading
from service.database.tables import cdrs, charges
from service.tariffs.publisher import look
from service.tariffs.repricer import Refusal, Repriced, Repricer
from service.tariffs.traffic import PricedCall, by_destination, calls_of
from tests.service.again import rated_again
from tests.service.company import EURO, NOW_MS, TARIFFS, Company, write_ratebook

CUSTOMER = 5
AWAY_S = 60
"""From the answer to the border of the band."""


@pytest.fixture
async def company(engine: AsyncEngine, tmp_path: Path) -> Company:
    """Open for business, by a customer's tariff whose price changes a minute after the first answer."""
    company = Company(engine, tmp_path)
    await company.open()
    border = datetime.fromtimestamp(NOW_MS // 1000, UTC) + timedelta(seconds=AWAY_S)
    (company.config.ratebook / "tariffs" / "retail.yaml").write_text(
        f"""
currency: EUR
border: split
increments: 7
connect_fee: 0.001
bands: {{later: {{hours: "{border:%H:%M:%S}-24:00"}}}}
rates:
  - {{prefix: "", destination: everywhere, rate: 0.0733}}
  - {{prefix: "", destination: everywhere, rate: 0.0311, band: later, increments: 11}}
"""
    )
    await company.publish()
    await company.pump()
    return company


async def test_simulator_hold_cdr_and_pricing_again_agree(company: Company) -> None:
    """A call over the border of a band: one number everywhere, to the micro-unit, by hand too."""
    call = company.talk()
    company.wait(95.5)
    company.hang_up(call)
    await company.pump()
    # 9 steps of 7 s begin before the border, 3 of 11 s behind it
    by_hand = round((0.001 + (63 * 0.0733 + 33 * 0.0311) / 60) * EURO)
    tariff = load(company.config.ratebook).tariffs["retail"]
    (rate,) = tariff.rates
    async with reading(company.engine) as conn:
        cdr = (await conn.execute(sa.select(cdrs))).one()
        level = (await conn.execute(sa.select(charges).where(charges.c.account_id == CUSTOMER))).one()
    simulated = charge(rate.terms, 95_500, cdr.answer_ms // 1000)
    again = charge(decode_terms(bytes.fromhex(level.terms)), cdr.duration_ms, cdr.answer_ms // 1000)
    (found,) = [one async for one in calls_of(company.engine, "retail", NOW_MS - 1, NOW_MS + 10**9, costs=False)]
    assert cdr.duration_ms == 95_500
    assert simulated == again == (level.billed_s, level.charge_micros) == (96, by_hand)
    assert 1000 * EURO - company.store()[CUSTOMER].balance == by_hand
    assert found.charge_micros == by_hand
    assert Repricer(tariff.rates).price(found, PAR) == (rate, 96, by_hand)
    assert (await rated_again(company)).changed == 0
    assert await company.broken() == {}


async def test_a_wrong_price_rated_again_is_the_price_of_the_right_rates(company: Company) -> None:
    """Charged by other rates first: after re-rating by these, it is what it would have been from the beginning."""
    right = company.config.ratebook / "tariffs" / "retail.yaml"
    text = right.read_text()
    right.write_text("currency: EUR\nrates: [{prefix: '', rate: 0.5, increments: 60}]\n")
    await company.publish()
    await company.pump()
    call = company.talk()
    company.wait(95.5)
    company.hang_up(call)
    await company.pump()
    right.write_text(text)
    await company.publish()
    by_hand = round((0.001 + (63 * 0.0733 + 33 * 0.0311) / 60) * EURO)
    run = await rated_again(company)
    await company.pump()
    async with reading(company.engine) as conn:
        cdr = (await conn.execute(sa.select(cdrs))).one()
        level = (await conn.execute(sa.select(charges).where(charges.c.account_id == CUSTOMER))).one()
    again = charge(decode_terms(bytes.fromhex(level.terms)), cdr.duration_ms, cdr.answer_ms // 1000)
    assert again == (level.billed_s, level.charge_micros) == (96, by_hand)
    assert (run.changed, 1000 * EURO - company.store()[CUSTOMER].balance) == (1, by_hand)
    assert await company.broken() == {}


async def test_what_is_held_pays_for_what_is_granted(company: Company) -> None:
    """The grant of a call that is answered a minute before the border is held at both prices."""
    company.talk()
    account = company.store()[CUSTOMER]
    tariff = load(company.config.ratebook).tariffs["retail"]
    granted_s = 100
    assert account.held == charge(tariff.rates[0].terms, granted_s * 1000, NOW_MS // 1000).micros


async def test_a_draft_over_last_weeks_calls(company: Company) -> None:
    """By destination: what was charged, what it would be, what it cost, what would be refused."""
    for seconds in (10, 20):
        call = company.talk()
        company.wait(seconds)
        company.hang_up(call)
    await company.pump()
    draft = load(company.config.ratebook).tariffs["resale"].rates
    period = (NOW_MS - 10**9, NOW_MS + 10**9)
    found = await by_destination(calls_of(company.engine, "retail", *period, costs=False), list(draft), "EUR")
    (total,) = found.values()
    assert (total.calls, total.duration_ms, total.after_micros, total.without_rate) == (2, 30_000, 15_000, 0)
    assert total.cost_micros == 6_000
    assert total.before_micros == 1000 * EURO - company.store()[CUSTOMER].balance
    none = await by_destination(calls_of(company.engine, "retail", *period, costs=False), [], "EUR")
    assert [(one.calls, one.after_micros, one.without_rate) for one in none.values()] == [(2, 0, 2)]
    costs = await by_destination(calls_of(company.engine, "carrier", *period, costs=True), list(draft), "EUR")
    assert [(one.before_micros, one.after_micros) for one in costs.values()] == [(6_000, 15_000)]
    for wanted, name in ((["1"], ""), ([""], "world")):
        groups = Groups([Group("world", tuple(wanted))])
        grouped = await by_destination(
            calls_of(company.engine, "retail", *period, costs=False), list(draft), "EUR", groups=groups
        )
        assert {key: one.calls for key, one in grouped.items()} == {(name, "EUR"): 2}
    early = calls_of(company.engine, "retail", 0, NOW_MS - 10**9, costs=False)
    assert await by_destination(early, list(draft), "EUR") == {}


async def test_publishing_warns_of_what_is_sold_below_its_cost(company: Company) -> None:
    """It is published all the same; a price above every provider's is not warned of."""
    write_ratebook(company.config.ratebook, TARIFFS | {"carrier": "0.035"})
    done = await company.publish()
    costs = "and costs 0.000583 EUR: a price that earns"
    jump = "the price of every number moves by +191 %: a call of 30 s costs 0.0175 instead of 0.006 EUR"
    assert done.warnings[0] == f"tariffs/carrier.yaml:3:14: {jump}: about what is published"
    assert [one for one in done.warnings if "below" in one] == [
        f"tariffs/{name}.yaml:3:14: every number is sold below every provider's price: "
        f"a call of 1 s earns {earned} {costs}"
        for name, earned in (("resale", "0.0005"), ("wholesale", "0.0004"))
    ]
    assert [one.name for one in done.done.tariffs] == ["carrier", "retail"]
    assert done.done.tariffs[0].changes == {"increased": 1}


async def test_publishing_warns_of_what_a_reseller_sells_below_its_own_price(company: Company) -> None:
    """Of each pair of tariffs that somebody pays and its seller pays; the operator's own price is above its cost."""
    write_ratebook(company.config.ratebook, TARIFFS | {"retail": "0.025"})
    done = await company.publish()
    said = "tariffs/retail.yaml:3:14: every number is sold below what its seller pays by resale"
    assert [one for one in done.warnings if "below" in one] == [
        f"{said}: a call of 1 s earns 0.000417 and costs 0.0005 EUR: a price that earns"
    ]
    write_ratebook(company.config.ratebook, TARIFFS | {"retail": "0.031"})
    assert not [one for one in (await company.publish()).warnings if "below" in one]


async def test_a_look_before_publishing(company: Company) -> None:
    """The same warnings, and nothing is published by it."""
    write_ratebook(company.config.ratebook, TARIFFS | {"retail": "0.025"})
    folder = company.config.ratebook
    seen = await look(company.config, company.engine, folder, load(folder), NOW_MS)
    assert list(map(str, seen)) == (await company.publish()).warnings
    assert seen


def test_a_message_is_priced_again_by_its_fee(tmp_path: Path) -> None:
    """Not as a call of no length; one that no gateway has taken costs nothing; without a fee it would be refused."""
    write_ratebook(tmp_path)
    found = []
    for fee in ("message_fee: 0.05\n", ""):
        (tmp_path / "tariffs" / "retail.yaml").write_text(f"currency: EUR\n{fee}rates: [{{prefix: '', rate: 0.06}}]\n")
        repricer = Repricer(load(tmp_path).tariffs["retail"].rates)
        for answer_ms in (NOW_MS, 0):
            sent = PricedCall("message", "33123", "", NOW_MS, answer_ms, 0, 0, 0, "", "EUR", "EUR", PAR)
            priced = repricer.price(sent, (1, 2))
            found.append(priced[1:] if isinstance(priced, Repriced) else priced)
    assert found == [(0, 25_000), (0, 0), Refusal.NO_RATE, (0, 0)]


def test_a_call_that_was_answered_in_a_blocked_band_is_priced_again_as_it_began(tmp_path: Path) -> None:
    """At the rate that held before; one that began in it would have been refused."""
    write_ratebook(tmp_path)
    border_s = NOW_MS // 1000 // 86_400 * 86_400 + 18 * 3600
    (tmp_path / "tariffs" / "retail.yaml").write_text(
        'currency: EUR\nbands: {day: {hours: "08:00-18:00"}}\n'
        "rates:\n  - {prefix: '', rate: 0.06, band: day}\n  - {prefix: '', blocked: yes}\n"
    )
    repricer = Repricer(load(tmp_path).tariffs["retail"].rates)
    border_ms = border_s * 1000
    began = PricedCall("call", "33123", "", border_ms - 9000, border_ms, 60_000, 0, 0, "", "EUR", "EUR", PAR)
    priced = repricer.price(began, PAR)
    assert isinstance(priced, Repriced)
    assert (priced.billed_s, priced.micros) == (60, 60_000)
    assert repricer.price(began._replace(start_ms=border_ms), PAR) is Refusal.BLOCKED
