"""Which gateways a number may take, and in what order they are tried."""

from __future__ import annotations

import json

import pytest

from ratebook.routing import Candidate, NoLoss, Order, Plan, Route, match_routes, order_candidates

PLAN = Plan(
    name="standard",
    order=Order.COST,
    no_loss=NoLoss.STRICT,
    failover_codes=frozenset({408, 503}),
    try_timeout_ms=5000,
    attempts_max=4,
    ring_timeout_s=120,
    expected_call_s=180,
    routes={"": (Route("7", 1),), "44": (Route("7", 1), Route("8", 2)), "4420": (Route("9", 1),), "881": ()},
)
CHEAP, EVEN, DEAR = Candidate(1, 3, 100), Candidate(2, 1, 200), Candidate(3, 2, 300)


@pytest.mark.parametrize(
    ("number", "gateways"),
    [
        ("44201", ["9"]),
        ("4420", ["9"]),
        ("442", ["7", "8"]),
        ("44", ["7", "8"]),
        ("4", ["7"]),
        ("", ["7"]),
        ("8811", []),
    ],
)
def test_the_longest_prefix_alone_counts(number: str, gateways: list[str]) -> None:
    """A prefix without gateways bars its numbers."""
    assert [route.gateway for route in match_routes(PLAN, number)] == gateways


def test_without_a_default_other_numbers_have_no_route() -> None:
    """Nothing is found for them."""
    assert match_routes(PLAN._replace(routes={"44": (Route("7", 1),)}), "45") == ()


@pytest.mark.parametrize(("order", "ids"), [(Order.COST, [1, 2, 3]), (Order.PRIORITY, [2, 3, 1])])
def test_order_by_cost_or_priority(order: Order, ids: list[int]) -> None:
    """The other one decides between equals."""
    found = order_candidates(PLAN._replace(order=order), [DEAR, EVEN, CHEAP], 1000)
    assert [one.gateway_id for one in found] == ids


def test_equals_keep_the_order_of_the_plan() -> None:
    """Stable; and the second key decides before it."""
    twins = [Candidate(5, 1, 100), Candidate(4, 1, 100), Candidate(6, 0, 100)]
    assert [one.gateway_id for one in order_candidates(PLAN, twins, None)] == [6, 5, 4]


@pytest.mark.parametrize(
    ("no_loss", "ids"), [(NoLoss.STRICT, [1, 2]), (NoLoss.WARN, [2, 1, 3]), (NoLoss.OFF, [2, 3, 1])]
)
def test_a_gateway_that_loses_money(no_loss: NoLoss, ids: list[int]) -> None:
    """At a price of 200: one that costs as much loses nothing; strict drops, warn puts it last, off doesn't care."""
    plan = PLAN._replace(no_loss=no_loss, order=Order.PRIORITY)
    found = [one.gateway_id for one in order_candidates(plan, [CHEAP, EVEN, DEAR], 200)]
    assert found == (sorted(ids, key=[2, 1].index) if no_loss is NoLoss.STRICT else ids)


def test_without_a_price_nothing_loses() -> None:
    """Nobody pays for the call."""
    assert len(order_candidates(PLAN, [CHEAP, EVEN, DEAR], None)) == 3


def test_no_more_than_the_attempts() -> None:
    """The best ones, after those that lose are gone."""
    plan = PLAN._replace(attempts_max=1)
    assert order_candidates(plan, [DEAR, EVEN, CHEAP], 250) == [CHEAP]
    assert order_candidates(plan, [DEAR], 250) == []


def test_a_plan_survives_its_record() -> None:
    """Through JSON text."""
    record = json.loads(json.dumps(PLAN.to_record()))
    assert Plan.from_record(record) == PLAN
    assert record["routes"][1] == ["44", [["7", 1], ["8", 2]]]


def test_a_foreign_record_is_refused() -> None:
    """Missing fields, unknown words."""
    record = PLAN.to_record()
    with pytest.raises(KeyError):
        Plan.from_record({name: value for name, value in record.items() if name != "order"})
    with pytest.raises(ValueError, match="is not a valid Order"):
        Plan.from_record(record | {"order": "taste"})
    with pytest.raises(TypeError):
        Plan.from_record(record | {"colour": "red"})
