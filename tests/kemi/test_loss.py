"""No loss, at every level: who sells a call must not pay more for it than it earns."""

from __future__ import annotations

import pytest

from kemi.authorize import Admitted, Refused
from kemi.failover import fail_over
from ratebook.model import Interval
from ratebook.money import parse_nanos
from tests.kemi.test_quality import carry
from tests.kemi.world import CARRIER, CUSTOMER, LOWER, ROOT, UPPER, World, assert_consistent, terms


@pytest.mark.parametrize("loser", [LOWER, UPPER])
def test_a_reseller_who_would_lose_while_the_customer_pays_enough(world: World, loser: int) -> None:
    """Its buying price is above its selling price: refused as caused above the caller, with who and why in the CDR."""
    below = {LOWER: "0.06", UPPER: "0.03"}[loser]
    world.tariff(loser, {"": terms(below[:-1] + str(int(below[-1]) + 1))})
    refused = world.invite()
    assert refused == Refused(503, "Temporarily unavailable", "loss", loser)
    cdr = world.last_cdr()
    assert (cdr["refused_by"], cdr["rule"], cdr["charges"]) == (loser, "loss", [])
    assert_consistent(world)


def test_who_earns_as_much_as_it_pays_loses_nothing(world: World) -> None:
    """Equal prices."""
    world.tariff(LOWER, {"": terms("0.06")})
    assert isinstance(world.invite(), Admitted)


def test_fees_and_increments_count(world: World) -> None:
    """Cheaper by the minute, dearer by the call: 0.03 a minute in whole five minutes against 0.06 by the second."""
    world.tariff(LOWER, {"": terms("0.03", 300, 300)})
    assert isinstance(world.invite(), Admitted)  # 0.15 of 0.18
    world.plan(expected_call_s=60)
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert (refused.rule, refused.account) == ("loss", LOWER)
    world.tariff(LOWER, {"": terms("0.03", connect_fee_nanos=parse_nanos("0.031"))})
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert (refused.rule, refused.account) == ("loss", LOWER)


def test_warn_lets_the_call_go_on_and_names_who_loses(world: World) -> None:
    """For the log."""
    world.tariff(LOWER, {"": terms("0.07")})
    world.plan(no_loss="warn")
    admitted = world.invite()
    assert isinstance(admitted, Admitted)
    assert admitted.loser == LOWER


def test_off_asks_nobody(world: World) -> None:
    """The call goes on, and nobody is named."""
    world.tariff(LOWER, {"": terms("0.07")})
    world.plan(no_loss="off")
    admitted = world.invite()
    assert isinstance(admitted, Admitted)
    assert admitted.loser == 0


def test_a_route_may_say_otherwise(world: World) -> None:
    """Of its numbers alone."""
    world.tariff(LOWER, {"": terms("0.07"), "49": terms("0.07", 60, 60)})
    routes = [["", [[1, 1]]], ["49", [[1, 1]], {"no_loss": "off"}]]
    world.plan(routes=routes)
    assert isinstance(world.invite("+4930"), Admitted)
    assert isinstance(world.invite("+33123"), Refused)


def test_commission_resellers_have_no_price_to_lose_by(world: World) -> None:
    """Not charged: the levels beside it are compared with each other."""
    world.account(LOWER, parent=UPPER, charged=False)
    world.tariff(LOWER, {"": terms("9")})
    assert isinstance(world.invite(), Admitted)
    world.tariff(UPPER, {"": terms("0.061")})
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert refused.account == UPPER


def test_the_root_loses_by_a_gateway(world: World) -> None:
    """Every carrier asks more than the upper reseller pays: the root's own loss."""
    world.plan(routes=[["", [[1, 1]]]])
    world.tariff(CARRIER, {"": terms("0.025")})
    assert world.invite() == Refused(503, "Temporarily unavailable", "loss", ROOT)


def test_the_cheapest_gateway_is_that_of_the_expected_call(world: World) -> None:
    """A fee and long increments make the cheaper minute the dearer call; a longer call turns it round."""
    steps = (Interval(0, parse_nanos("0.010"), 60),)
    fee = terms("0.010")._replace(intervals=steps, connect_fee_nanos=parse_nanos("0.02"))
    world.tariff(CARRIER, {"": fee})
    world.plan(expected_call_s=90)  # 0.04 of the one, 0.027 of the other
    assert world.invite("+33123").target.gateway == 3  # type: ignore[union-attr]
    world.plan(expected_call_s=600)  # 0.12 and 0.18
    assert world.invite("+33123").target.gateway == 1  # type: ignore[union-attr]


@pytest.mark.parametrize(("worth", "loser"), [("0.51", 0), ("0.49", UPPER)])
def test_each_level_is_compared_in_one_currency(world: World, worth: str, loser: int) -> None:
    """The lower reseller has dollars and pays 0.06 of them; the upper one pays 0.03 euros: what is a dollar worth?"""
    world.account(LOWER, parent=UPPER, currency="USD")
    world.tariff(LOWER, {"": terms("0.06", currency="USD")})
    world.tariff(UPPER, {"": terms("0.03")})
    world.tariff(CUSTOMER, {"": terms("0.12")})
    world.exchange(("EUR", "USD", f"{1 / float(worth):.6f}"))
    decision = world.invite()
    assert isinstance(decision, Refused if loser else Admitted)
    assert not isinstance(decision, Refused) or (decision.rule, decision.account) == ("loss", loser)


def ways(world: World) -> list[int]:
    """The gateways of a call, best first, if each fails."""
    call, found = world.ring(), []
    while True:
        found.append(next(one.gateway for one in world.running() if one.hex == call))
        if fail_over(world.rooms, call, 503, world.now) is None:
            break
    world.hang_up(call)
    return found


def test_attempts_that_nobody_answers_count_in_the_cost(world: World) -> None:
    """One where no figures are known: the cheaper minute is the dearer call, and no call if it earns less than both."""
    world.tariff(CARRIER, {"": terms("0.012", attempt_fee_nanos=parse_nanos("0.036"))})
    assert ways(world) == [3, 1, 2]  # 0.054 and 0.072, of 0.072
    world.tariff(CARRIER, {"": terms("0.012", attempt_fee_nanos=parse_nanos("0.036001"))})
    assert ways(world) == [3]
    world.plan(routes=[["", [[1, 1]]]])
    assert world.invite() == Refused(503, "Temporarily unavailable", "loss", ROOT)


@pytest.mark.parametrize(
    ("answered", "found"),
    [(20, [1, 2, 3]), (18, [1, 2, 3]), (5, [3, 1, 2]), (4, [3, 1, 2]), (3, [3]), (0, [3])],
)
def test_figures_say_how_many_attempts_a_call_takes(world: World, answered: int, found: list[int]) -> None:
    """Of twenty: 0.036 and 0.008 for each that failed, against 0.054 and the 0.072 that the call earns."""
    world.tariff(CARRIER, {"": terms("0.012", attempt_fee_nanos=parse_nanos("0.008"))})
    for gateway in (1, 2):
        carry(world, gateway, 20, answered)
    assert ways(world) == found


def test_what_the_caller_pays_for_an_attempt_is_no_loss(world: World) -> None:
    """Whom the operator sells to pays as much as the provider gets."""
    fee = parse_nanos("0.04")
    world.tariff(CARRIER, {"": terms("0.012", attempt_fee_nanos=fee)})
    assert ways(world) == [3]
    world.tariff(UPPER, {"": terms("0.024", attempt_fee_nanos=fee)})
    assert ways(world) == [1, 2, 3]
