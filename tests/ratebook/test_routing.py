"""What a plan says survives its record."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.model import Band, Hours, Window
from ratebook.routing import Choice, Demand, Demands, Match, NoLoss, Order, Pin, Plan, Route, Rule

PLAN = Plan(
    name="standard",
    order=(Order.COST,),
    no_loss=NoLoss.STRICT,
    failover_codes=frozenset({408, 503}),
    try_timeout_ms=5000,
    attempts_max=4,
    ring_timeout_s=120,
    expected_call_s=180,
    routes={
        "": (Route((Choice("7", 1),)),),
        "44": (Route((Choice("7", 1), Choice("8", 2))),),
        "4420": (Route((Choice("9", 1),)),),
        "881": (Route(()),),
    },
)
NIGHT = Band("night", (Window(0b111_1111, (), 79_200, 86_400), Window(0, (1225, 20_270_326), 0, 21_600)))
RICH = PLAN._replace(
    order=(Order.QUALITY, Order.PERCENTAGE),
    routes={
        "44": (
            Route((Choice("7", 3, 70, (0,)), Choice("8", 2, 30)), (0,), (("no_loss", NoLoss.OFF),)),
            Route((Choice("9", 1),), (-1,), (("order", (Order.COST,)), ("failover_codes", frozenset({500})))),
        )
    },
    match=Match.ALL,
    hours=Hours("Europe/Berlin", (NIGHT,)),
    demands=Demands(7200, 50, (Demand(50, 60, 4000), Demand(asr_percent=10))),
    rules=(Rule(Pin.EXCLUDE, ("7",), ("49", "43"), ("12",)), Rule(Pin.FIRST, ("9", "8"))),
)


@pytest.mark.parametrize("plan", [PLAN, RICH])
def test_a_plan_survives_its_record(plan: Plan) -> None:
    """Through JSON text."""
    assert Plan.from_record(json.loads(json.dumps(plan.to_record()))) == plan


def test_a_record_says_no_more_than_it_must() -> None:
    """What is as it is if nothing is said stands in none; choices are a gateway and its priority."""
    record = PLAN.to_record()
    assert record["routes"][1] == ["44", [["7", 1], ["8", 2]]]
    assert record["order"] == "cost"
    assert record.keys().isdisjoint({"match", "hours", "demands", "rules"})


@given(
    order=st.lists(st.sampled_from(Order), min_size=1, unique=True),
    rows=st.dictionaries(
        st.text("0123456789", max_size=6),
        st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 9)), max_size=3),
        max_size=4,
    ),
    pins=st.lists(st.tuples(st.sampled_from(Pin), st.integers(1, 9), st.text("0123", max_size=3)), max_size=3),
)
def test_any_plan_survives_its_record(
    order: list[Order], rows: dict[str, list[tuple[int, int, int]]], pins: list[tuple[Pin, int, str]]
) -> None:
    """Whatever it routes."""
    routes = {
        prefix: (Route(tuple(Choice(str(gateway), *rest) for gateway, *rest in choices)),)
        for prefix, choices in rows.items()
    }
    rules = tuple(Rule(pin, (str(gateway),), (prefix,)) for pin, gateway, prefix in pins)
    plan = PLAN._replace(order=tuple(order), routes=routes, rules=rules)
    assert Plan.from_record(json.loads(json.dumps(plan.to_record()))) == plan


def test_a_foreign_record_is_refused() -> None:
    """Missing fields, unknown words."""
    record = PLAN.to_record()
    with pytest.raises(TypeError):
        Plan.from_record({name: value for name, value in record.items() if name != "order"})
    with pytest.raises(ValueError, match="is not a valid Order"):
        Plan.from_record(record | {"order": "taste"})
    with pytest.raises(TypeError):
        Plan.from_record(record | {"colour": "red"})


def test_all_that_a_plan_names_can_be_renamed() -> None:
    """Gateways of routes and rules, accounts; one without another name raises."""
    assert RICH.gateways() == {"7", "8", "9"}
    assert RICH.accounts() == {"12"}
    there = RICH.renamed({"7": "a/x", "8": "b/x", "9": "c/x"}, {"12": "north/acme"})
    assert there.rules[0] == Rule(Pin.EXCLUDE, ("a/x",), ("49", "43"), ("north/acme",))
    assert there.renamed({"a/x": "7", "b/x": "8", "c/x": "9"}, {"north/acme": "12"}) == RICH
    with pytest.raises(KeyError):
        RICH.renamed({"7": "a/x"}, {"12": "north/acme"})
