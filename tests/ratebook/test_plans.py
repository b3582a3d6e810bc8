"""Routing plans as operators write them."""

from __future__ import annotations

import json
import textwrap

import pytest
import yaml

from ratebook.document import parse_plans
from ratebook.document.written import written_plan
from ratebook.model import Band, Hours, Window
from ratebook.routing import Choice, Demand, Demands, Match, NoLoss, Order, Pin, Plan, Portability, Route, Rule


def read(text: str) -> tuple[dict[str, Plan], list[str]]:
    """The plans of a text, and its faults without the file's name."""
    node = yaml.compose(textwrap.dedent(text).lstrip("\n"), Loader=yaml.CSafeLoader)
    assert node is not None
    plans, problems, _ = parse_plans(node, "x")
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
            order=(Order.PRIORITY,),
            no_loss=NoLoss.WARN,
            failover_codes=frozenset({408, 500, 501, 502}),
            try_timeout_ms=3000,
            attempts_max=2,
            ring_timeout_s=60,
            expected_call_s=240,
            routes={
                "44": (Route((Choice("carrier-a/gw1", 1), Choice("carrier-b/gw1", 9), Choice("carrier-c/gw1", 3))),),
                "": (Route((Choice("carrier-a/gw1", 1),)),),
                "881": (Route(()),),
            },
        )
    }


@pytest.mark.parametrize(
    ("said", "may"),
    [
        ("", True), ("no_loss: off, ", False), ("no_loss: warn, ", False), ("no_loss: off, resellers: yes, ", True),
        ("resellers: no, ", False), ("resellers: perhaps, ", None),
    ],
)  # fmt: skip
def test_whether_resellers_may_give_it(said: str, may: bool | None) -> None:
    """Unless calls by it may lose money, or as it says; so does a route that says of its numbers otherwise."""
    plans, faults = read(f"{{a: {{{said}routes: [{{gateways: [p/g]}}]}}}}")
    assert (faults == []) is (may is not None)
    if may is not None:
        assert plans["a"].is_for_resellers is may
        assert Plan.from_record(plans["a"].to_record()) == plans["a"]
        (again, _) = read(f"a: {json.dumps(written_plan(plans['a']))}")
        assert again["a"].is_for_resellers is may
    if not said:
        plans, _ = read("{a: {routes: [{gateways: [p/g]}, {prefix: 49, gateways: [p/g], no_loss: off}]}}")
        assert not plans["a"].is_for_resellers


def test_what_a_plan_says_if_it_says_nothing() -> None:
    """Cheapest first, never at a loss, failing over on silence and server faults."""
    plans, faults = read("{a: {routes: [{gateways: [p/g]}]}}")
    assert faults == []
    assert plans["a"][1:8] == ((Order.COST,), NoLoss.STRICT, frozenset({408, *range(500, 600)}), 5000, 4, 120, 180)
    assert plans["a"].routes == {"": (Route((Choice("p/g", 1),)),)}
    assert plans["a"][9:] == (Match.LONGEST, None, Demands(), (), Portability.OFF, None)


RICH = """
    wholesale:
      order: [quality, percentage]
      match: longest-first
      timezone: Europe/Berlin
      holidays: [12-25]
      bands:
        night: {hours: 22:00-06:00}
        free: {days: [sat, sun, holidays]}
      quality: {window: 120, calls: 50, bands: [{asr: 50, acd: 60, pdd: 4}, {asr: 30}]}
      rules:
        - {exclude: [c/gw], accounts: [north/acme]}
        - {only: [a/gw], prefixes: [4420, 4430-4432]}
        - {first: [b/gw], groups: [mobile, 4]}
      routes:
        - {prefix: [44, 45], gateways: [{gateway: a/gw, weight: 70}, {gateway: b/gw, weight: 30, band: night}]}
        - {prefix: 49, band: [night, free], order: cost, no_loss: off, ring_timeout: 30, expected_call: 60,
           failover: {codes: [503], try_timeout: 2, attempts: 1}, gateways: [a/gw]}
        - {prefix: 49, gateways: []}
"""


def test_every_word_of_a_rich_plan() -> None:
    """Order, time, quality, pins, and what a route says anew."""
    plans, faults = read(RICH)
    assert faults == []
    plan = plans["wholesale"]
    pair = Route((Choice("a/gw", 1, 70), Choice("b/gw", 2, 30, (0,))))
    anew = {"order": (Order.COST,), "no_loss": NoLoss.OFF, "ring_timeout_s": 30, "expected_call_s": 60}
    anew |= {"failover_codes": frozenset({503}), "try_timeout_ms": 2000, "attempts_max": 1}
    assert plan.order == (Order.QUALITY, Order.PERCENTAGE)
    assert plan.routes == {
        "44": (pair,),
        "45": (pair,),
        "49": (Route((Choice("a/gw", 1),), (0, 1), tuple(anew.items())), Route((), (-1,))),
    }
    assert plan.match is Match.LONGEST_FIRST
    night = Window(0b111_1111, (), 79_200, 108_000)
    free = Window(0b110_0000, (1225,), 0, 86_400)
    assert plan.hours == Hours("Europe/Berlin", (Band("night", (night,)), Band("free", (free,))))
    assert plan.demands == Demands(7200, 50, (Demand(50, 60, 4000), Demand(30)))
    assert plan.rules == (
        Rule(Pin.EXCLUDE, ("c/gw",), (), ("north/acme",)),
        Rule(Pin.ONLY, ("a/gw",), ("4420", "4430", "4431", "4432")),
        Rule(Pin.FIRST, ("b/gw",), groups=("mobile", "4")),
    )


def test_what_is_written_is_read_as_the_same() -> None:
    """`kambill export` and the API write plans."""
    plans, _ = read(RICH)
    written = yaml.safe_dump({name: written_plan(plan) for name, plan in plans.items()}, sort_keys=False)
    assert read(written) == (plans, [])


def test_where_a_plan_names_something() -> None:
    """For whoever knows whether it is there: the first place of each gateway, account and group."""
    node = yaml.compose(textwrap.dedent(RICH).lstrip("\n"), Loader=yaml.CSafeLoader)
    assert node is not None
    found = parse_plans(node, "x").mentioned
    assert {name: place[1:] for name, place in found.items()} == {
        ("gateway", "c/gw"): (11, 18),
        ("account", "north/acme"): (11, 36),
        ("gateway", "a/gw"): (12, 15),
        ("gateway", "b/gw"): (13, 16),
        ("group", "mobile"): (13, 32),
        ("group", "4"): (13, 40),
    }


@pytest.mark.parametrize(
    ("plan", "found"),
    [
        ("5", "1:5: a plan is no table of fields: `name: value`, one of order, no_loss, failover, ring_timeout, "),
        (
            "{order: costs, routes: []}",
            "1:13: order 'costs': one of cost, priority, percentage, quality, prefix was expected (did you mean cost?)",
        ),
        ("{order: [], routes: []}", "1:13: the order is empty or has a word twice: such as cost, or [quality, cost]"),
        ("{order: [cost, cost], routes: []}", "1:13: the order is empty or has a word twice"),
        ("{match: short, routes: []}", "1:13: match 'short': one of longest, longest-first, all was expected"),
        ("{routes: [{band: night, gateways: []}]}", "1:22: there is no band 'night': a table `bands:` in the plan"),
        (
            "{bands: {night: {hours: 1:00-2:00}}, routes: [{gateways: []}, {prefix: 4, band: nihgt, gateways: []}]}",
            "1:85: there is no band 'nihgt': one of night (did you mean night?)",
        ),
        (
            "{bands: {night: {hours: 1:00-2:00}}, routes: [{prefix: 4, band: night, gateways: []}]}",
            "1:51: prefix '4' has no route outside its bands: one without `band`, for all other times",
        ),
        (
            "{bands: {n: {hours: 1:00-2:00}}, routes: [{band: n, gateways: []}, {gateways: []}, {gateways: []}]}",
            "1:88: prefix '' has a second route",
        ),
        ("{timezone: Berlin, routes: []}", "1:16: timezone 'Berlin': a time zone such as Europe/Berlin or UTC"),
        (
            "{routes: [{gateways: [{gateway: a/b, weight: 5}]}]}",
            "1:27: a weight counts only where lots are drawn: `percentage` in the order",
        ),
        (
            "{order: percentage, routes: [{gateways: [{gateway: a/b, weight: 5}, a/c]}]}",
            "1:73: a gateway without weight among others that have one",
        ),
        ("{quality: {window: 5}, routes: []}", "1:24: window '5': a whole number from 15 to 240 was expected"),
        ("{quality: {bands: []}, routes: []}", "1:23: quality has no bands: such as [{asr: 40"),
        ("{quality: {bands: [{asr: 101}]}, routes: []}", "1:30: asr '101': a whole number from 1 to 100 was expected"),
        ("{rules: [{prefixes: [4]}], routes: []}", "1:14: the rule must do one thing: one of `only:`, `first:`"),
        ("{rules: [{only: [a/b], first: [a/c]}], routes: []}", "1:14: the rule must do one thing"),
        ("{rules: [{only: []}], routes: []}", "1:21: only names no gateway: `provider/gateway`, one at least"),
        ("{rules: [{only: [ab]}], routes: []}", "1:22: gateway 'ab': provider/gateway was expected"),
        ("{rules: [{olny: [a/b]}], routes: []}", "1:15: a rule has no field 'olny': one of only, first, exclude"),
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
        ("{routes: [{prefix: [4, 5-x], gateways: []}]}", "1:28: prefix '5-x': up to 18 digits were expected"),
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
