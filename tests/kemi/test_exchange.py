"""Calls over several currencies: each level in its account's, by the rate of exchange of its answer."""

from __future__ import annotations

from fractions import Fraction

import pytest

from kemi import quote
from kemi.authorize import Admitted, Refused, authorise
from kemi.failover import fail_over
from kemi.grants import extend
from kemi.identify import Source, identify
from kemi.running import find
from kemi.settlement import delivered
from kemi.store.carry import begin_store
from kemi.ways import find_ways
from ratebook.choice import offer
from ratebook.exchange import parse_factor
from ratebook.money import NANOS
from ratebook.price import charge
from tests.kemi.world import (
    BOOT,
    CARRIER,
    CUSTOMER,
    DEAR_CARRIER,
    LOWER,
    ROOT,
    START,
    UPPER,
    World,
    assert_consistent,
    terms,
)

START_S = START.wall_ms // 1000


def price(rate: str, currency: str, **more: object) -> dict[str, object]:
    """A tariff of one rate for every number."""
    return {"": terms(rate, currency=currency, **more)}


@pytest.fixture
def market(world: World) -> World:
    """The customer has pounds and pays by a tariff in dollars; the lower reseller has dollars and pays by one in euros;
    the upper one and its tariff are in euros; the carriers ask in dollars, the dear one keeps its account in euros.
    """
    world.account(CUSTOMER, parent=LOWER, currency="GBP")
    world.account(LOWER, parent=UPPER, currency="USD")
    world.account(CARRIER, parent=ROOT, kind="provider", currency="USD")
    world.tariff(CUSTOMER, price("0.06", "USD"))
    world.tariff(LOWER, price("0.03", "EUR"))
    world.tariff(CARRIER, price("0.012", "USD"))
    world.tariff(DEAR_CARRIER, price("0.018", "USD"))
    world.exchange(("USD", "GBP", "0.75"), ("EUR", "USD", "1.1"), base="USD")
    return world


def test_each_level_in_its_account_s_currency(market: World) -> None:
    """61 seconds: 0.061 dollars are 0.04575 pounds; 0.0305 euros are 0.03355 dollars; the root earns 0.0244 euros."""
    call = market.talk()
    assert_consistent(market)
    assert [market.get(account).held for account in (CUSTOMER, LOWER, UPPER)] == [75_000, 55_000, 40_000]
    market.wait(61)
    market.hang_up(call)
    assert market.charges() == {CUSTOMER: 45_750, LOWER: 33_550, UPPER: 24_400}
    cdr = market.last_cdr()
    assert [(one["currency"], one["exchange"]) for one in cdr["charges"]] == [
        ("GBP", "3/4"), ("USD", "11/10"), ("EUR", "1/1"),
    ]  # fmt: skip
    cost = cdr["cost"]
    assert (cost["account"], cost["micros"], cost["currency"], cost["exchange"]) == (CARRIER, 12_200, "USD", "1/1")
    assert market.get(CARRIER).balance == 12_200
    assert_consistent(market)


def test_rounded_once_in_the_account_s_currency(market: World) -> None:
    """A tariff of two decimals, up: 0.061 dollars times three quarters is 0.05 pounds, not 0.0525."""
    rounded = terms("0.06", currency="USD")
    market.tariff(CUSTOMER, {"": rounded._replace(rounding=rounded.rounding._replace(decimals=2))})
    call = market.talk()
    market.wait(61)
    market.hang_up(call)
    assert market.charges()[CUSTOMER] == 50_000


def test_the_rate_of_the_second_of_the_answer(market: World) -> None:
    """One second before, the old one; in its second, the new one; a call that talks keeps its own."""
    change_s = START_S + 10
    dated = [[START_S - 9, 3 * NANOS // 4], [change_s, NANOS // 2]]
    market.do("exchange", base="USD", rates=[["USD", "GBP", dated], ["EUR", "USD", [[0, NANOS]]]])
    calls = [market.ring() for _ in range(3)]
    assert [leg.factor for leg in market.running()[0].legs] == [(3, 4), (1, 1), (1, 1)]
    for call, wait in zip(calls, (9, 1, 30), strict=True):
        market.wait(wait)
        market.pick_up(call)
    market.wait(20)
    charged = []
    for call in calls:
        market.hang_up(call)
        charged.append((market.last_cdr()["charges"][0]["exchange"], market.charges()[CUSTOMER]))
    assert charged == [("3/4", 38_250), ("1/2", 25_000), ("1/2", 10_000)]
    assert_consistent(market)


def test_a_rate_published_while_it_rings_holds_at_the_answer(market: World) -> None:
    """And one published while it talks does not."""
    call = market.ring()
    market.exchange(("USD", "GBP", "0.5"), ("EUR", "USD", "1.1"), base="USD")
    market.pick_up(call)
    market.exchange(("USD", "GBP", "0.9"), ("EUR", "USD", "1.1"), base="USD")
    market.wait(95)
    assert extend(market.rooms, bytes.fromhex(call), market.now) is not None
    assert market.get(CUSTOMER).held == 100_000
    market.wait(5)
    market.hang_up(call)
    assert market.charges()[CUSTOMER] == 50_000


def test_a_rate_that_goes_while_it_rings_leaves_that_of_the_invite(market: World) -> None:
    """As a tariff's version does."""
    call = market.ring()
    market.exchange(("EUR", "USD", "1.1"))
    market.pick_up(call)
    market.wait(60)
    market.hang_up(call)
    assert market.charges()[CUSTOMER] == 45_000


def test_an_attempt_pays_its_fee_by_the_rate_of_the_invite(market: World) -> None:
    """0.10 dollars are 0.075 pounds, whatever is published then."""
    market.tariff(CUSTOMER, price("0.06", "USD", attempt_fee_nanos=NANOS // 10))
    call = market.ring()
    assert market.get(CUSTOMER).held == 75_000
    market.exchange(("USD", "GBP", "0.5"), ("EUR", "USD", "1.1"), base="USD")
    market.hang_up(call, code=487)
    assert market.charges()[CUSTOMER] == 75_000


def test_money_ends_in_the_account_s_currency(market: World) -> None:
    """0.0075 pounds are 0.01 dollars: ten seconds."""
    market.balance(CUSTOMER, 7_500)
    call = market.ring()
    market.pick_up(call)
    running = find(market.rooms, call)
    assert running is not None
    assert running.grant_s == 10
    assert market.get(CUSTOMER).available == 0
    market.balance(CUSTOMER, 7_499)
    refused = market.invite()
    assert isinstance(refused, Refused)
    assert refused.rule == "funds"


@pytest.mark.parametrize(
    ("rates", "account", "rule", "told"),
    [
        ((("EUR", "USD", "1.1"),), CUSTOMER, "exchange USD/GBP", "No rate of exchange"),
        ((("USD", "GBP", "0.75"),), LOWER, "exchange EUR/USD", "Temporarily unavailable"),
    ],
)
def test_a_missing_rate_refuses_the_call(
    market: World, rates: tuple[tuple[str, str, str], ...], account: int, rule: str, told: str
) -> None:
    """503; the pair is named in the record, and the caller learns of its own account only."""
    market.exchange(*rates)
    refused = market.invite()
    assert refused == Refused(503, told, rule, account)
    assert (market.last_cdr()["rule"], market.last_cdr()["refused_by"]) == (rule, account)
    assert market.running() == []


def test_a_rate_of_later_is_none_yet(market: World) -> None:
    """It begins in its second."""
    pound = ["USD", "GBP", [[START_S + 5, NANOS]]]
    market.do("exchange", base="", rates=[pound, ["EUR", "USD", [[0, NANOS]]]])
    assert isinstance(market.invite(), Refused)
    market.wait(5)
    market.ring()


# --- ways


def test_costs_are_compared_in_one_currency(market: World) -> None:
    """0.018 dollars of one carrier and 0.017 euros of the other: which is dearer follows from the rate."""
    market.tariff(CARRIER, price("0.018", "USD"))
    market.tariff(DEAR_CARRIER, price("0.017", "EUR"))
    market.ring()
    assert market.running()[-1].gateway == 1
    market.exchange(("USD", "GBP", "0.75"), ("EUR", "USD", "1.05"), base="USD")
    market.ring()
    assert sorted(call.gateway for call in market.running()) == [1, 3]


def test_no_loss_across_currencies(market: World) -> None:
    """The root earns 0.024 euros a minute: 0.0264 dollars, and not a micro-unit more for three minutes."""
    market.plan(routes=[["", [[1, 1]]]])
    market.tariff(CARRIER, price("0.0264", "USD"))
    market.ring()
    market.tariff(CARRIER, price("0.0264004", "USD"))
    refused = market.invite()
    assert isinstance(refused, Refused)
    assert refused.rule == "loss"
    market.exchange(("USD", "GBP", "0.75"), ("EUR", "USD", "1.2"), base="USD")
    market.ring()


def test_a_cost_that_cannot_be_compared_is_no_way(market: World) -> None:
    """The other carrier is taken; without it the root refuses, and names the pair to itself alone."""
    market.account(CARRIER, parent=ROOT, kind="provider", currency="CHF")
    market.tariff(CARRIER, price("0.001", "CHF"))
    market.ring()
    assert market.running()[0].gateway == 3
    market.plan(routes=[["", [[1, 1], [2, 2]]]])
    assert market.invite() == Refused(503, "Temporarily unavailable", "exchange CHF/EUR", ROOT)


def test_a_provider_is_paid_in_its_own_currency(market: World) -> None:
    """By a tariff in dollars, to an account in euros: 0.018 dollars times ten elevenths, rounded once."""
    market.plan(routes=[["", [[3, 1]]]])
    call = market.talk()
    market.wait(60)
    market.hang_up(call)
    cost = market.last_cdr()["cost"]
    exact = charge(terms("0.018", currency="USD"), 60_000, START_S, (10, 11))
    assert (cost["micros"], cost["currency"], cost["exchange"]) == (exact.micros, "EUR", "10/11")
    assert cost["micros"] == 16_364 == round(Fraction(18_000) * Fraction(*parse_factor(cost["exchange"])))
    assert market.get(DEAR_CARRIER).balance == 16_364


def test_the_next_gateway_is_exchanged_anew(market: World) -> None:
    """Cost, currency and factor are the third one's; the customers' holds stay."""
    call = market.ring()
    held = [market.get(account).held for account in (CUSTOMER, LOWER, UPPER)]
    for gateway in (2, 3):
        target = fail_over(market.rooms, call, 503, market.now)
        assert target is not None
        assert target.gateway == gateway
    assert [market.get(account).held for account in (CUSTOMER, LOWER, UPPER)] == held
    market.pick_up(call)
    market.wait(60)
    market.hang_up(call)
    cost = market.last_cdr()["cost"]
    assert (cost["account"], cost["micros"], cost["exchange"]) == (DEAR_CARRIER, 16_364, "10/11")


def test_the_last_gateway_that_cannot_be_compared_is_no_failover(market: World) -> None:
    """The code goes to the caller."""
    market.plan(routes=[["", [[1, 1], [3, 2]]]])
    call = market.ring()
    market.account(DEAR_CARRIER, parent=ROOT, kind="provider", currency="CHF")
    assert fail_over(market.rooms, call, 503, market.now) is None


def test_what_nobody_pays_is_compared_in_the_root_s_currency(market: World) -> None:
    """The cheapest way in euros first, and none without a rate."""
    market.tariff(CARRIER, price("0.019", "USD"))
    market.tariff(DEAR_CARRIER, price("0.018", "USD"))
    store = market.rooms.store
    with store.read() as txn, market.rooms.rates.snapshot() as rates:
        configuration = store.configuration(txn)
        plan = configuration.plan(txn, 1)
        assert plan is not None
        look = quote.Look(store, txn, configuration, rates, "33123", START_S, START.boot_ms)
        offered = offer(plan, "33123", (), START_S)
        assert [way.gateway.id for way in find_ways(look, offered, None, set(), b"").each(look.txn)] == [3, 1, 2]
    market.exchange(("USD", "GBP", "0.75"))
    with store.read() as txn, market.rooms.rates.snapshot() as rates:
        look = quote.Look(store, txn, store.configuration(txn), rates, "33123", START_S, START.boot_ms)
        with pytest.raises(quote.NoExchange, match="USD/EUR"):
            find_ways(look, offered, None, set(), b"")


def test_a_wiped_store_carries_the_factor_over(market: World) -> None:
    """From the journal: the call is charged as it was answered."""
    call = market.talk()
    clerk = market.clerk()
    clerk.tick(market.now)
    clerk.close()
    market.close()
    for path in (market.run_dir / "hot").iterdir():
        path.unlink()
    begin_store(market.run_dir, market.data_dir, BOOT, START.wall_ms, market.now).close()
    assert market.rooms.has_store()
    market.wait(61)
    market.hang_up(call)
    assert market.charges() == {CUSTOMER: 45_750, LOWER: 33_550, UPPER: 24_400}


def test_a_message_in_each_account_s_currency(market: World) -> None:
    """Its fees are exchanged like a call's price; what it costs is compared with the euros that the root earns."""
    fee = NANOS // 10
    market.tariff(CUSTOMER, price("0.06", "USD", message_fee_nanos=fee))
    market.tariff(LOWER, price("0.03", "EUR", message_fee_nanos=fee // 2))
    market.tariff(UPPER, price("0.02", "EUR", message_fee_nanos=fee // 4))
    market.tariff(CARRIER, price("0.01", "USD", message_fee_nanos=fee // 2))  # 0.0455 euros: more than is earned
    market.tariff(DEAR_CARRIER, price("0.01", "USD", message_fee_nanos=fee // 5))
    trunk = identify(market.rooms, Source("127.0.0.2", 5060, "udp"), "+33123")
    assert trunk is not None
    admitted = authorise(market.rooms, trunk, market.invitation("+33123"), market.now, is_message=True)
    assert isinstance(admitted, Admitted)
    delivered(market.rooms, admitted.call, market.now)
    assert_consistent(market)
    assert market.charges() == {CUSTOMER: 75_000, LOWER: 55_000, UPPER: 25_000}
    cost = market.last_cdr()["cost"]
    assert (cost["account"], cost["currency"], cost["micros"]) == (DEAR_CARRIER, "EUR", 18_182)
