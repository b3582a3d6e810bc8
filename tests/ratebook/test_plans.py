"""Routing plans as operators write them."""

from __future__ import annotations

import textwrap

import pytest
import yaml

from ratebook.document import parse_plans
from ratebook.routing import NoLoss, Order, Plan, Route


def read(text: str) -> tuple[dict[str, Plan], list[str]]:
    """The plans of a text, and its faults without the file's name."""
    node = yaml.compose(textwrap.dedent(text).lstrip("\n"), Loader=yaml.CSafeLoader)
    assert node is not None
    plans, problems = parse_plans(node, "x")
    return plans, [str(problem).removeprefix("x:") for problem in problems]


def test_every_word_of_a_plan() -> None:
    """Codes and ranges; gateways by name or with a priority of their own."""
    plans, faults = read("""
        standard:
          order: priority
          no_loss: warn
          failover: {codes: [408, 500-502], try_timeout: 3, attempts: 2}
          ring_timeout: 60
          expected_call: 240
          routes:
            - {prefix: "44", gateways: [carrier-a/gw1, {gateway: carrier-b/gw1, priority: 9}, carrier-c/gw1]}
            - {prefix: "", gateways: [carrier-a/gw1]}
            - {prefix: "881", gateways: []}
    """)
    assert faults == []
    assert plans == {
        "standard": Plan(
            name="standard",
            order=Order.PRIORITY,
            no_loss=NoLoss.WARN,
            failover_codes=frozenset({408, 500, 501, 502}),
            try_timeout_ms=3000,
            attempts_max=2,
            ring_timeout_s=60,
            expected_call_s=240,
            routes={
                "44": (Route("carrier-a/gw1", 1), Route("carrier-b/gw1", 9), Route("carrier-c/gw1", 3)),
                "": (Route("carrier-a/gw1", 1),),
                "881": (),
            },
        )
    }


def test_what_a_plan_says_if_it_says_nothing() -> None:
    """Cheapest first, never at a loss, failing over on silence and server faults."""
    plans, faults = read("{a: {routes: [{gateways: [p/g]}]}}")
    assert faults == []
    assert plans["a"][1:-1] == (Order.COST, NoLoss.STRICT, frozenset({408, *range(500, 600)}), 5000, 4, 120, 180)
    assert plans["a"].routes == {"": (Route("p/g", 1),)}


@pytest.mark.parametrize(
    ("plan", "found"),
    [
        ("5", "1:5: a plan is no table of fields: `name: value`, one of order, no_loss, failover, ring_timeout, "),
        ("{order: costs, routes: []}", "1:13: order 'costs': one of cost, priority was expected (did you mean cost?)"),
        ("{no_loss: never, routes: []}", "1:15: no_loss 'never': one of strict, warn, off was expected"),
        ("{ring_timeout: 181, routes: []}", "1:20: ring_timeout '181': a whole number from 5 to 180 was expected"),
        ("{expected_call: 0, routes: []}", "1:21: expected_call '0': at least one second was expected"),
        ("{order: cost}", "1:5: the plan has no routes: a list `routes:` of {prefix, gateways}"),
        ("{failover: {codes: 5}, routes: []}", "1:24: codes is not a list: items that begin with `-`"),
        (
            "{failover: {codes: [200]}, routes: []}",
            "1:25: code '200': a SIP code such as 503, or a range such as 500-599, was expected",
        ),
        (
            "{failover: {codes: [503-500]}, routes: []}",
            "1:25: code '503-500': a SIP code such as 503, or a range such as 500-599, was expected",
        ),
        ("{failover: {attempts: 0}, routes: []}", "1:27: attempts '0': a whole number from 1 to 16 was expected"),
        ("{failover: {try_timeout: 0}, routes: []}", "1:30: try_timeout '0': a whole number from 1 to 60 was expected"),
        ("{routes: [{prefix: 4}]}", "1:15: the route has no gateways: `gateways: [provider/gateway]`"),
        ("{routes: [{prefix: x, gateways: [p/g]}]}", "1:24: prefix 'x': up to 18 digits were expected"),
        ("{routes: [{gateways: [p]}]}", "1:27: gateway 'p': provider/gateway was expected"),
        ("{routes: [{gateways: [/g]}]}", "1:27: gateway '/g': provider/gateway was expected"),
        ("{routes: [{gateways: [p/g, p/g]}]}", "1:32: 'p/g' stands twice: once"),
        (
            "{routes: [{gateways: [{gateway: p/g, priority: -1}]}]}",
            "1:52: priority '-1': a whole number from 0 to 1000 was expected",
        ),
        ("{routes: [{gateways: [{priority: 1}]}]}", "1:27: a gateway without name: `gateway: provider/gateway`"),
        (
            "{routes: [{prefix: 4, gateways: []}, {prefix: +4, gateways: []}]}",
            "1:42: prefix '4' has a second route: one route with all gateways",
        ),
    ],
)
def test_a_fault_of_a_plan(plan: str, found: str) -> None:
    """Each at its place."""
    _, faults = read(f"{{a: {plan}}}")
    assert len(faults) == 1
    assert faults[0].startswith(found)


def test_names_of_plans() -> None:
    """Trunks and commands write them; one that stands twice would hide the other."""
    _, faults = read("a b: {routes: []}\nc: {routes: []}\nc: {routes: []}\n")
    assert faults == [
        "1:6: plan 'a b': a name of letters, digits, dots, dashes or underscores",
        "3:1: 'c' stands twice: once",
    ]


def test_plans_are_a_table() -> None:
    """No list."""
    _, faults = read("- a\n")
    assert faults == ["1:1: plans is no table of fields: `name: value`"]
