"""MESSAGE as it is held and settled: the fee of every level, once, and only when a gateway has taken it."""

from __future__ import annotations

import pytest

from kemi.authorize import Admitted, Refused, authorise
from kemi.failover import fail_over
from kemi.identify import Source, identify
from kemi.meter import tick
from kemi.settlement import End, delivered, ended
from kemi.store.queues import ended_call
from tests.kemi.world import (
    CARRIER,
    CUSTOMER,
    DEAR_CARRIER,
    LOWER,
    PRICES,
    UPPER,
    FakeDialogs,
    World,
    assert_consistent,
    terms,
)

FEES = {CUSTOMER: 50_000, LOWER: 30_000, UPPER: 20_000, CARRIER: 10_000, DEAR_CARRIER: 19_000}


@pytest.fixture
def priced(world: World) -> World:
    """Every tariff prices a MESSAGE."""
    for account, price in PRICES.items():
        world.tariff(account, {"": terms(price, message_fee_nanos=FEES[account] * 1000)})
    return world


def send(world: World, called: str = "+33123") -> Admitted | Refused:
    """A MESSAGE of the customer's trunk."""
    trunk = identify(world.rooms, Source("127.0.0.2", 5060, "udp"), called)
    assert trunk is not None
    decision = authorise(world.rooms, trunk, world.invitation(called), world.now, is_message=True)
    assert isinstance(decision, Admitted | Refused)
    return decision


def test_a_message_is_no_first_call(priced: World) -> None:
    """Who has texted a number has not talked there: the first call is as short as before."""
    priced.precautions(CUSTOMER, {"measure": "first_call", "limit": 20, "window_s": 0})
    admitted = send(priced)
    assert isinstance(admitted, Admitted)
    assert delivered(priced.rooms, admitted.call, priced.now)
    priced.ring("+33123")
    assert [one.call_max_s for one in priced.running()] == [20]


def test_it_is_held_and_charged_once(priced: World) -> None:
    """Both ends of it: taken twice, it is paid once."""
    admitted = send(priced)
    assert isinstance(admitted, Admitted)
    assert_consistent(priced)
    assert {leg.account: leg.held for leg in priced.running()[0].legs} == {
        account: FEES[account] for account in (CUSTOMER, LOWER, UPPER)
    }
    assert delivered(priced.rooms, admitted.call, priced.now)
    assert not delivered(priced.rooms, admitted.call, priced.now)
    assert_consistent(priced)
    assert priced.charges() == {account: FEES[account] for account in (CUSTOMER, LOWER, UPPER)}
    cdr = priced.last_cdr()
    assert (cdr["kind"], cdr["outcome"], cdr["duration_ms"], cdr["cost"]["micros"]) == (
        "message",
        "answered",
        0,
        10_000,
    )
    assert priced.get(CARRIER).balance == 10_000


def test_what_is_not_taken_is_given_back(priced: World) -> None:
    """Refused by the gateway, or forgotten by everybody."""
    for end in ("refused", "forgotten"):
        admitted = send(priced)
        assert isinstance(admitted, Admitted)
        if end == "refused":
            ended(priced.rooms, admitted.call, End("callee", 404, "Not Found", 0), priced.now)
        else:
            priced.wait(80)
            tick(priced.rooms, FakeDialogs().seen(), priced.now)
        assert_consistent(priced)
        assert (priced.last_cdr()["outcome"], set(priced.charges().values())) == ("failed", {0})
        assert not delivered(priced.rooms, admitted.call, priced.now)


@pytest.mark.parametrize(("silent", "rule"), [(CUSTOMER, "message"), (UPPER, "message"), (CARRIER, "")])
def test_every_level_must_price_it(priced: World, silent: int, rule: str) -> None:
    """A level that doesn't refuses it; a provider that doesn't is passed over."""
    priced.tariff(silent, {"": terms(PRICES[silent])})
    decision = send(priced)
    if rule:
        assert isinstance(decision, Refused)
        assert (decision.rule, decision.code) == (rule, 405 if silent == CUSTOMER else 503)
        assert priced.last_cdr()["kind"] == "message"
    else:
        assert priced.running()[0].provider is not None
        assert priced.running()[0].provider.account == DEAR_CARRIER


def test_nothing_is_sent_at_a_loss_or_without_money(priced: World) -> None:
    """No-loss by the fees; 402 for the customer's own want of money; the next gateway by its own fee."""
    admitted = send(priced)
    assert isinstance(admitted, Admitted)
    for gateway in (2, 3):
        target = fail_over(priced.rooms, admitted.call, 503, priced.now)
        assert target is not None
        assert target.gateway == gateway
    ended(priced.rooms, admitted.call, End("callee", 503, "No", 0), priced.now)
    priced.balance(CUSTOMER, FEES[CUSTOMER] - 1)
    refused = send(priced)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.rule) == (402, "funds")
    priced.balance(CUSTOMER, 1_000_000)
    for provider in (CARRIER, DEAR_CARRIER):
        priced.tariff(provider, {"": terms("0.01", message_fee_nanos=FEES[UPPER] * 1000 + 1000)})
    refused = send(priced)
    assert isinstance(refused, Refused)
    assert refused.rule == "loss"


def test_it_is_no_call_that_a_restart_would_end(priced: World) -> None:
    """It has no other side that a BYE could go to."""
    admitted = send(priced)
    assert isinstance(admitted, Admitted)
    delivered(priced.rooms, admitted.call, priced.now)
    with priced.rooms.store.read() as txn, txn.cursor(priced.rooms.store.event) as cursor:
        assert [ended_call(bytes(raw)) for _, raw in cursor] == [None, None]  # the store's opening, and the MESSAGE


def test_no_level_loses_by_its_fee(priced: World) -> None:
    """A reseller that pays more for it than it gets, though calls earn enough."""
    priced.tariff(LOWER, {"": terms(PRICES[LOWER], message_fee_nanos=(FEES[CUSTOMER] + 1) * 1000)})
    refused = send(priced)
    assert isinstance(refused, Refused)
    assert (refused.rule, refused.account, refused.code) == ("loss", LOWER, 503)
    priced.plan(no_loss="warn")
    admitted = send(priced)
    assert isinstance(admitted, Admitted)
    assert admitted.loser == LOWER
