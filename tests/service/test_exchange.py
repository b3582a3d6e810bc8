"""A company of several currencies: published rates of exchange, calls by them, books in each currency."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from kemi.refusal import Refused
from kemi.store import commands as actions
from kemi.store.change import Change
from ratebook.document import load
from ratebook.exchange import Exchange
from ratebook.price import charge
from service.access.actor import local_actor
from service.api.dispatch import Inner
from service.calls.browse import find_cdr
from service.database.engine import reading
from service.database.rerating_tables import corrections
from service.database.tables import accounts, cdrs, charges, commands, exchange_versions, postings
from service.ledger.storage import balance_of, imbalances
from service.setup.export import export
from service.tariffs.exchange import ExchangeTakenAway, History, history, in_force
from service.tariffs.publisher import RatebookFaulty
from service.tariffs.traffic import Group, Sum, by_destination, calls_of
from tests.service.again import by_account, rerate
from tests.service.company import EURO, NOW_MS, Company
from tests.service.office import Office
from tests.service.test_money import House

NOW_S = NOW_MS // 1000
TARIFFS = {
    "wholesale": ("EUR", "0.024"), "resale": ("EUR", "0.03"), "retail": ("USD", "0.06"), "carrier": ("USD", "0.012"),
}  # fmt: skip
EXCHANGE = """
base: EUR
rates:
  - {from: EUR, to: USD, rate: 1.20, effective: 2020-01-01}
  - {from: EUR, to: USD, rate: 1.25, effective: 2026-01-01}
  - {from: EUR, to: USD, rate: 1.60, effective: 2027-01-01}
  - {from: EUR, to: GBP, rate: 0.80}
"""
SETUP = """
accounts:
  - {name: upper, kind: reseller, tariff: wholesale}
  - {name: lower, parent: upper, kind: reseller, tariff: resale, currency: USD}
  - {name: customer, parent: lower, kind: customer, tariff: retail, currency: GBP}
providers:
  - {name: carrier, tariff: carrier, currency: USD, gateways: [{name: gw1, host: 127.0.0.11}]}
plans:
  standard: {routes: [{prefix: "", gateways: [carrier/gw1]}]}
trunks:
  - {name: t1, account: customer, networks: [127.0.0.2], plan: standard}
"""


class Market(Company):
    """The customer has pounds, its reseller dollars, the one above euros; the carrier asks in dollars."""

    setup = SETUP

    def write(self) -> None:
        """A tariff of one rate for each level, and what currencies are worth."""
        (self.config.ratebook / "tariffs").mkdir(parents=True, exist_ok=True)
        for name, (currency, rate) in TARIFFS.items():
            self.tariff(name, currency, rate)
        self.exchange(EXCHANGE)

    def tariff(self, name: str, currency: str, rate: str) -> None:
        """Of one rate."""
        text = f'currency: {currency}\nrates:\n  - {{prefix: "", rate: {rate}}}\n'
        (self.config.ratebook / "tariffs" / f"{name}.yaml").write_text(text)

    def exchange(self, text: str) -> None:
        """What currencies are worth."""
        (self.config.ratebook / "exchange.yaml").write_text(text)

    async def ids(self) -> dict[str, int]:
        """Of accounts by name."""
        async with reading(self.engine) as conn:
            return {row.name: row.id for row in await conn.execute(sa.select(accounts.c.name, accounts.c.id))}

    async def bodies(self) -> list[dict[str, Any]]:
        """The commands about rates of exchange."""
        async with reading(self.engine) as conn:
            rows = await conn.execute(sa.select(commands.c.body).order_by(commands.c.number))
            return [row.body for row in rows if row.body["do"] == "exchange"]

    async def last_call(self) -> str:
        """The key of the last record."""
        async with reading(self.engine) as conn:
            key: str = (await conn.execute(sa.select(cdrs.c.call).order_by(cdrs.c.id.desc()).limit(1))).scalar_one()
        return key


@pytest.fixture
async def market(engine: AsyncEngine, tmp_path: Path) -> Market:
    """Open for business."""
    market = Market(engine, tmp_path)
    await market.open()
    return market


async def test_a_call_is_charged_in_each_account_s_currency(market: Market) -> None:
    """A minute: 0.06 dollars are 0.0384 pounds over the base, 0.03 euros are 0.0375 dollars; the books agree."""
    market.call(60)
    await market.pump()
    ids = await market.ids()
    stored = market.store()
    left = {name: stored[ids[name]].balance for name in ("customer", "lower", "upper", "carrier")}
    assert left == {
        "customer": 1000 * EURO - 38_400,
        "lower": 1000 * EURO - 37_500,
        "upper": 1000 * EURO - 24_000,
        "carrier": 12_000,
    }
    async with reading(market.engine) as conn:
        sold = {
            (name, currency): await balance_of(conn, ids[name], currency, "revenue")
            for name, currency in (("lower", "GBP"), ("upper", "USD"), ("Operator", "EUR"), ("lower", "USD"))
        }
        assert sold == {("lower", "GBP"): 38_400, ("upper", "USD"): 37_500, ("Operator", "EUR"): 24_000,
                        ("lower", "USD"): 0}  # fmt: skip
        assert await balance_of(conn, ids["Operator"], "USD", "cost") == -12_000
    assert await market.broken() == {}


async def test_the_record_shows_what_was_exchanged(market: Market) -> None:
    """Each level's factor as an exact fraction, and every seller's margin in what it earned."""
    market.call(60)
    await market.pump()
    async with reading(market.engine) as conn:
        rows = (await conn.execute(sa.select(charges).order_by(charges.c.level))).all()
        cdr = (await conn.execute(sa.select(cdrs))).one()
        view = await find_cdr(conn, cdr.call)
    assert [(row.currency, row.exchange) for row in rows] == [("GBP", "16/25"), ("USD", "5/4"), ("EUR", "1/1")]
    assert (cdr.cost_currency, cdr.cost_exchange) == ("USD", "1/1")
    assert [(line.tariff_currency, line.exchange) for line in view.charges] == [
        ("USD", (16, 25)), ("EUR", (5, 4)), ("EUR", (1, 1)),
    ]  # fmt: skip
    assert [(one.account, one.currency, one.earned_micros, one.paid_micros, one.micros) for one in view.margins] == [
        ("lower", "GBP", 38_400, 24_000, 14_400),
        ("upper", "USD", 37_500, 30_000, 7_500),
        ("Operator", "EUR", 24_000, 9_600, 14_400),
    ]


async def test_the_charge_is_the_pricing_function_s(market: Market) -> None:
    """Simulator, hold, record: one number, rounded once."""
    market.call(61.7)
    await market.pump()
    (rate,) = load(market.config.ratebook).tariffs["retail"].rates
    async with reading(market.engine) as conn:
        level = (await conn.execute(sa.select(charges).where(charges.c.level == 0))).one()
        cdr = (await conn.execute(sa.select(cdrs))).one()
    found = charge(rate.terms, cdr.duration_ms, cdr.answer_ms // 1000, (16, 25))
    assert (level.billed_s, level.charge_micros) == found == (62, 39_680)


async def test_only_what_holds_and_comes_is_sent(market: Market) -> None:
    """The rate of 2020 is over; publishing twice is once."""
    *_, body = before = await market.bodies()
    assert {pair[0] + pair[1]: len(pair[2]) for pair in body["rates"]} == {"EURUSD": 2, "EURGBP": 1}
    assert body["base"] == "EUR"
    assert not (await market.publish()).done.exchange
    assert await market.bodies() == before


async def test_another_rate_holds_for_new_answers(market: Market) -> None:
    """A call that talks keeps its own; each version stays in the ledger with who and when."""
    old = market.talk()
    market.exchange(EXCHANGE.replace("0.80", "0.90"))
    market.wait(1)
    done = await market.publish()
    assert (done.done.exchange, done.done.tariffs) == (True, [])
    await market.pump()
    new = market.talk()
    market.wait(59)
    market.hang_up(old)
    market.wait(1)
    market.hang_up(new)
    await market.pump()
    async with reading(market.engine) as conn:
        rows = await conn.execute(sa.select(charges.c.exchange, charges.c.charge_micros).where(charges.c.level == 0))
        assert [tuple(row) for row in rows] == [("16/25", 38_400), ("18/25", 43_200)]
        versions = (await conn.execute(sa.select(exchange_versions).order_by(exchange_versions.c.id))).all()
        assert [(row.published_ms - NOW_MS, row.published_by) for row in versions] == [(0, "test"), (1000, "test")]
        known = await history(conn, [NOW_MS, NOW_MS + 5000])
        assert [known.factor("EUR", "GBP", NOW_MS + ms) for ms in (-1, 0, 999, 1000)] == [
            None, (4, 5), (4, 5), (9, 10),
        ]  # fmt: skip
        assert await history(conn, []) == History((), ())
        later = await history(conn, [NOW_MS + 5000])
        assert len(later.versions) == 1
    assert await market.broken() == {}


async def test_a_future_rate_switches_by_itself(market: Market) -> None:
    """On new year's day a euro is 1.60 dollars: nothing is published for it."""
    market.wait(1_798_761_600 - NOW_S - 30)
    market.call(20)
    market.wait(10)
    market.call(60)
    await market.pump()
    async with reading(market.engine) as conn:
        rows = await conn.execute(sa.select(charges.c.exchange).where(charges.c.level == 1).order_by(charges.c.cdr_id))
        assert list(rows.scalars()) == ["5/4", "8/5"]


async def test_a_rate_that_is_paid_by_cannot_be_taken_away(market: Market) -> None:
    """All stays as it was: the tariffs of the same publishing too."""
    before = await market.bodies()
    market.exchange("rates:\n  - {from: EUR, to: USD, rate: 1.25}\n")
    market.tariff("wholesale", "EUR", "0.025")
    with pytest.raises(ExchangeTakenAway, match="USD/GBP any more, and accounts pay by it"):
        await market.publish()
    (market.config.ratebook / "exchange.yaml").unlink()
    with pytest.raises(ExchangeTakenAway, match="EUR/USD, USD/GBP any more"):
        await market.publish()
    assert await market.bodies() == before
    market.exchange(EXCHANGE)
    assert [one.name for one in (await market.publish()).done.tariffs] == ["wholesale"]


async def test_a_fault_in_it_publishes_nothing(market: Market) -> None:
    """Beside a good tariff."""
    market.exchange(EXCHANGE + "  - {from: USD, to: EUR, rate: 0.8}\n")
    market.tariff("wholesale", "EUR", "0.025")
    with pytest.raises(RatebookFaulty, match=r"exchange\.yaml:8:5: USD to EUR stands the other way round"):
        await market.publish()


async def test_a_new_store_gets_them_again(market: Market) -> None:
    """The folder is wiped: rebuilt from the ledger, calls are charged as before."""
    before = await market.bodies()
    market.wipe()
    market.begin()
    await market.pump()
    assert len(await market.bodies()) == len(before) + 1
    market.call(60)
    ids = await market.ids()
    assert market.store()[ids["customer"]].balance == 1000 * EURO - 38_400
    await market.pump()
    assert await market.broken() == {}


async def test_providers_that_cannot_be_compared_are_warned_of(market: Market) -> None:
    """A carrier in francs, whose rate goes: its calls would go another way."""
    francs = EXCHANGE + "  - {from: EUR, to: CHF, rate: 0.95}\n"
    market.exchange(francs)
    await market.publish()
    office = Office(market.engine, market.config)
    await office.open()
    await office.account(office.boss, 1, "alpine", "provider", currency="CHF")
    market.exchange(EXCHANGE)
    done = await market.publish()
    assert done.warnings == ["no rate of exchange CHF/EUR: these providers are no way then"]


async def test_selling_below_cost_is_warned_of_across_currencies(market: Market) -> None:
    """0.031 dollars are 0.0248 euros: more than 0.024."""
    market.tariff("carrier", "USD", "0.031")
    done = await market.publish()
    _, warning = done.warnings  # the first one: the carrier's price has jumped
    assert warning.startswith("tariffs/wholesale.yaml:3:14: every number is sold below every provider's price")
    assert "a call of 1 s earns 0.0004 and costs 0.000414 EUR" in warning
    market.tariff("carrier", "USD", "0.0299")
    assert (await market.publish()).warnings == []


async def test_a_call_without_a_rate_is_refused_and_told(market: Market) -> None:
    """The store lacks it (somebody took it away by hand): 503, the pair in the record of the account alone."""
    with market.rooms() as rooms, Change(rooms.store) as change:
        body = {"do": "exchange", "n": change.applied_command, "base": "", "rates": []}
        actions.apply(change, body, market.now)
    assert market.dial() == Refused(503, "No rate of exchange", "exchange USD/GBP", (await market.ids())["customer"])
    await market.pump()
    async with reading(market.engine) as conn:
        view = await find_cdr(conn, await market.last_call())
    assert (view.row.rule, view.row.refused_by_name, view.charges) == ("exchange USD/GBP", "customer", [])


async def test_a_draft_over_calls_of_several_currencies(market: Market) -> None:
    """In the currency of the charge, by the factor of each call; the cost by the rate of its moment."""
    market.call(60)
    await market.pump()
    exchange = load(market.config.ratebook).exchange
    draft = list(load(market.config.ratebook).tariffs["carrier"].rates)  # dollars, as retail
    period = (NOW_MS - 10**9, NOW_MS + 10**9)

    async def simulated(currency: str, known: Exchange) -> dict[Group, Sum]:
        return await by_destination(calls_of(market.engine, "retail", *period, costs=False), draft, currency, known)

    found = await simulated("USD", exchange)
    assert found == {Group("", "GBP"): Sum(1, 60_000, 38_400, 7_680, 7_680, 0)}
    in_euros = await simulated("EUR", exchange)
    assert [one.after_micros for one in in_euros.values()] == [9_600]
    unknown = await simulated("EUR", Exchange("", {}))
    assert unknown == {Group("", "GBP"): Sum(1, 60_000, 38_400, 0, 0, 1)}
    costs = await by_destination(calls_of(market.engine, "carrier", *period, costs=True), draft, "USD", exchange)
    assert costs == {Group("", "USD"): Sum(1, 60_000, 12_000, 12_000, 12_000, 0)}


# --- the API


@pytest.fixture
async def office(market: Market) -> Office:
    """The market's API, with a Super Admin."""
    office = Office(market.engine, market.config)
    await office.open()
    return office


async def test_currencies_need_a_rate(market: Market, office: Office) -> None:
    """Of an account beside its parent's, of a tariff beside the account's; the error names the pair."""
    ids = await market.ids()
    new = {"parent_id": 1, "name": "ann", "kind": "customer"}
    refused = await office.boss.ask("account.make", **new, currency="CHF")
    assert (refused.status, refused["errors"][0]["pointer"]) == (422, "/currency")
    assert (
        "no rate of exchange CHF/EUR holds now: the operator adds it to exchange.yaml" in refused["errors"][0]["detail"]
    )
    ann = await office.boss.do("account.make", **new, currency="GBP")
    assert (ann["currency"], ann["balance"]) == ("GBP", "0.00")
    listed = await office.boss.do("tariff.list")
    tariffs = {one["name"]: one["id"] for one in listed["items"]}
    paid = await office.boss.do("account.edit", account_id=ann["id"], tariff_id=tariffs["wholesale"])
    assert paid["tariff_id"] == tariffs["wholesale"]
    async with reading(market.engine) as conn:
        known = await in_force(conn)
    assert known.factor("EUR", "CHF", NOW_S) is None
    assert ids["customer"] != ann["id"]


async def test_a_seller_s_tariff_in_another_currency(market: Market, office: Office) -> None:
    """With a rate it is written; it keeps its currency; without one it is not."""
    ids = await market.ids()
    values = {"account_id": ids["lower"], "name": "own"}
    text = 'currency: {}\nrates: [{{prefix: "", rate: 0.1}}]\n'
    refused = await office.boss.ask("tariff.make", **values, source=text.format("CHF"))
    assert "CHF/USD" in refused["errors"][0]["detail"]
    checked = await office.boss.ask("tariff.check-text", **values, source=text.format("CHF"))
    assert checked.status == 422
    made = await office.boss.do("tariff.make", **values, source=text.format("GBP"))
    assert made["currency"] == "GBP"
    changed = await office.boss.ask("tariff.edit", tariff_id=made["id"], source=text.format("USD"))
    assert "was written in GBP" in changed["errors"][0]["detail"]


async def test_transfers_stay_within_one_currency(market: Market, office: Office) -> None:
    """Pounds are no dollars, whatever they are worth."""
    ids = await market.ids()
    body = {"from_account_id": ids["lower"], "to_account_id": ids["customer"], "amount": "1", "reason": "x"}
    refused = await office.boss.ask("payment.transfer", key="1", **body)
    assert (refused.status, refused["errors"][0]["pointer"]) == (422, "/to_account_id")


async def test_the_api_shows_what_was_exchanged(market: Market, office: Office) -> None:
    """To each viewer its own levels."""
    market.call(60)
    await market.pump()
    ids = await market.ids()
    whole = (await office.boss.do("cdr.list"))["items"][0]
    assert [(one["charge"], one["currency"], one["tariff_currency"], one["exchange"], one["margin"])
            for one in whole["charges"]] == [
        ("0.0384", "GBP", "USD", "16/25", "0.0144"),
        ("0.0375", "USD", "EUR", "5/4", "0.0075"),
        ("0.024", "EUR", "EUR", "1/1", "0.0144"),
    ]  # fmt: skip
    assert (whole["cost"]["currency"], whole["cost"]["exchange"]) == ("USD", "1/1")
    lower = await office.hire(office.boss, ids["lower"], "lower@lower.example")
    seen = (await lower.do("cdr.list"))["items"][0]
    assert [(one["currency"], one["margin"]) for one in seen["charges"]] == [("GBP", "0.0144"), ("USD", None)]
    assert seen["cost"] is None


class Bazaar(House):
    """A market with its people."""

    def __init__(self, market: Market, office: Office) -> None:
        self.company, self.office, self.config = market, office, market.config


async def test_a_call_is_rated_again_in_its_currency(market: Market, office: Office) -> None:
    """At the exchange of its answer, whatever holds now; by rates of a third currency at what that was worth then."""
    market.call(60)
    await market.pump()
    ids = await market.ids()
    house = Bazaar(market, office)
    market.tariff("retail", "USD", "0.12")
    market.exchange(EXCHANGE.replace("0.80", "0.90"))
    market.wait(60)
    await market.publish()
    assert by_account(await rerate(house)) == {(ids["customer"], "charge"): ("0.0384", "0.00")}
    tariff = {one["name"]: one["id"] for one in (await office.boss.do("tariff.list", query={"limit": 200}))["items"]}
    done = await rerate(house, tariff_id=tariff["retail"], by_tariff_id=tariff["resale"])
    assert by_account(done) == {(ids["customer"], "charge"): ("0.00", "-0.0528")}  # 0.03 euros are 0.024 pounds
    async with reading(market.engine) as conn:
        rows = (await conn.execute(sa.select(corrections).order_by(corrections.c.id))).all()
    assert [(row.before_exchange, row.after_exchange, row.after_micros) for row in rows] == [
        ("16/25", "16/25", 76_800), ("16/25", "4/5", 24_000),
    ]  # fmt: skip
    assert market.store()[ids["customer"]].balance == 1000 * EURO - 24_000
    assert await market.broken() == {}


async def test_a_move_hands_over_each_currency(market: Market, office: Office) -> None:
    """A commission-based reseller with customers of three currencies: their money changes sellers, none is mixed."""
    ids = await market.ids()
    one, other = [await office.account(office.boss, 1, name, "reseller") for name in ("one", "other")]
    broker = await office.account(office.boss, one, "broker", "reseller", commission=True, currency="USD")
    for name, currency in (("ann", "GBP"), ("bob", "EUR"), ("cid", "GBP")):
        number = await office.account(office.boss, broker, name, "customer", currency=currency)
        await office.boss.do("payment.make", key=name, account_id=number, amount="7", reason="x")
    await office.boss.do("account.move", account_id=broker, parent_id=other)
    async with reading(market.engine) as conn:
        assert await imbalances(conn) == []
        cash = {
            (name, currency): await balance_of(conn, number, currency, "cash")
            for name, number in (("one", one), ("other", other))
            for currency in ("GBP", "EUR", "USD")
        }
        last = sa.select(sa.func.max(postings.c.entry_id)).scalar_subquery()
        lines = (await conn.execute(sa.select(postings).where(postings.c.entry_id == last))).all()
    assert cash == {
        ("one", "GBP"): 0, ("one", "EUR"): 0, ("one", "USD"): 0,
        ("other", "GBP"): -14 * EURO, ("other", "EUR"): -7 * EURO, ("other", "USD"): 0,
    }  # fmt: skip
    assert len(lines) == 4
    await market.pump()
    assert await market.broken() == {}
    assert ids


async def test_an_export_names_currencies_that_are_not_the_parent_s(market: Market, office: Office) -> None:
    """And no other."""
    async with reading(market.engine) as conn:
        text = await export(Inner(office.api, local_actor("test"), conn, NOW_MS))
    named = {
        line.split("name: ")[1].split(",")[0]: "currency" in line for line in text.splitlines() if "kind: " in line
    }
    assert {name: named[name] for name in ("upper", "lower", "customer", "carrier")} == {
        "upper": False, "lower": True, "customer": True, "carrier": True,
    }  # fmt: skip


async def test_the_doctor_sees_a_charge_in_the_wrong_currency(market: Market) -> None:
    """The sum of all would still be right."""
    market.call(60)
    await market.pump()
    async with market.engine.begin() as conn:
        await conn.execute(sa.update(charges).where(charges.c.level == 0).values(currency="USD"))
    broken = await market.broken()
    assert "differ by 38400 micro-units of USD" in broken["exactly once"]
