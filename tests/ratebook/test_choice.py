"""Which gateways a number may take, and in what order they are tried."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.choice import Candidate, in_order, left_out, lot, offer, without_loss
from ratebook.model import Band, Hours, Window
from ratebook.routing import Choice, Match, NoLoss, Order, Pin, Plan, Route, Rule
from tests.ratebook.test_routing import PLAN

CHEAP, EVEN, DEAR = Candidate(1, 3, 100), Candidate(2, 1, 200), Candidate(3, 2, 300)
NOON = int(datetime(2026, 12, 1, 12, tzinfo=UTC).timestamp())
MIDNIGHT = NOON + 11 * 3600
HOURS = Hours("Europe/Berlin", (Band("night", (Window(0b111_1111, (), 79_200, 86_400 + 21_600),)),))


def gateways(plan: Plan, number: str, path: tuple[int, ...] = (4, 1), at_s: int = NOON) -> list[list[str]]:
    """What is offered, tier by tier."""
    return [[one.gateway for one in tier] for tier in offer(plan, number, path, at_s).tiers]


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("44201", [["9"]]),
        ("4420", [["9"]]),
        ("442", [["7", "8"]]),
        ("44", [["7", "8"]]),
        ("4", [["7"]]),
        ("", [["7"]]),
        ("8811", []),
    ],
)
def test_the_longest_prefix_alone_counts(number: str, found: list[list[str]]) -> None:
    """A prefix without gateways bars its numbers."""
    assert gateways(PLAN, number) == found


def test_without_a_default_other_numbers_have_no_route() -> None:
    """Nothing is found for them."""
    assert gateways(PLAN._replace(routes={"44": (Route((Choice("7", 1),)),)}), "45") == []


def test_the_longest_prefix_first_and_then_the_shorter_ones() -> None:
    """Each gateway once, where it stands first; a barred prefix leads nowhere."""
    plan = PLAN._replace(match=Match.LONGEST_FIRST)
    assert gateways(plan, "44201") == [["9"], ["7", "8"], []]
    assert gateways(plan, "8811") == []


def test_all_prefixes_as_one() -> None:
    """The order is asked over all of them."""
    assert gateways(PLAN._replace(match=Match.ALL), "44201") == [["9", "7", "8"]]
    assert gateways(PLAN._replace(match=Match.ALL), "8811") == []


def test_a_route_by_the_time_of_day() -> None:
    """By the clocks of the plan's zone: 23:00 in Berlin is night, 13:00 is not."""
    night = Route((Choice("8", 1),), (0,), (("attempts_max", 1),))
    plan = PLAN._replace(hours=HOURS, routes={"44": (night, Route((Choice("7", 1),), (-1,)))})
    assert gateways(plan, "44", at_s=MIDNIGHT) == [["8"]]
    assert gateways(plan, "44", at_s=NOON) == [["7"]]
    assert offer(plan, "44", (), MIDNIGHT).plan.attempts_max == 1
    assert offer(plan, "44", (), NOON).plan is plan


def test_a_gateway_by_the_time_of_day() -> None:
    """The others of its route are there all day."""
    plan = PLAN._replace(hours=HOURS, routes={"": (Route((Choice("7", 1, 1, (0,)), Choice("8", 2))),)})
    assert gateways(plan, "44", at_s=MIDNIGHT) == [["7", "8"]]
    assert gateways(plan, "44", at_s=NOON) == [["8"]]


def test_what_a_route_says_anew() -> None:
    """Of several, the longest prefix's word counts."""
    routes = {"": (Route((Choice("7", 1),), (), (("ring_timeout_s", 9),)),), "44": (Route((Choice("8", 1),)),)}
    plan = PLAN._replace(routes=routes, match=Match.ALL)
    assert offer(plan, "33", (), NOON).plan == plan._replace(ring_timeout_s=9)
    assert offer(plan, "44", (), NOON).plan == plan


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (Rule(Pin.EXCLUDE, ("7",)), [["8"]]),
        (Rule(Pin.EXCLUDE, ("7", "8")), [[]]),
        (Rule(Pin.EXCLUDE, ("7",), ("45",)), [["7", "8"]]),
        (Rule(Pin.EXCLUDE, ("7",), ("45", "4")), [["8"]]),
        (Rule(Pin.EXCLUDE, ("7",), (), ("5",)), [["7", "8"]]),
        (Rule(Pin.EXCLUDE, ("7",), (), ("4",)), [["8"]]),
        (Rule(Pin.ONLY, ("8",)), [["8"]]),
        (Rule(Pin.ONLY, ("9",)), [["9"]]),
        (Rule(Pin.FIRST, ("8",)), [["8"], ["7"]]),
        (Rule(Pin.FIRST, ("9", "8")), [["9"], ["8"], ["7"]]),
    ],
)
def test_pins_and_exclusions(rule: Rule, found: list[list[str]]) -> None:
    """For numbers, for whom, or for all."""
    assert gateways(PLAN._replace(rules=(rule,)), "44") == found


@pytest.mark.parametrize(
    ("rule", "groups", "found"),
    [
        (Rule(Pin.EXCLUDE, ("7",), groups=("mobile",)), ("mobile",), [["8"]]),
        (Rule(Pin.EXCLUDE, ("7",), groups=("mobile",)), (), [["7", "8"]]),
        (Rule(Pin.EXCLUDE, ("7",), groups=("mobile", "premium")), ("premium",), [["8"]]),
        (Rule(Pin.ONLY, ("9",), groups=("premium",)), ("mobile",), [["7", "8"]]),
        (Rule(Pin.ONLY, ("9",), ("44",), (), ("mobile",)), ("mobile",), [["9"]]),
        (Rule(Pin.ONLY, ("9",), ("45",), (), ("mobile",)), ("mobile",), [["7", "8"]]),
        (Rule(Pin.FIRST, ("8",), (), ("5",), ("mobile",)), ("mobile",), [["7", "8"]]),
    ],
)
def test_pins_and_exclusions_by_destination_group(rule: Rule, groups: tuple[str, ...], found: list[list[str]]) -> None:
    """With a prefix or an account beside it, both must fit."""
    plan = PLAN._replace(rules=(rule,))
    tiers = offer(plan, "44", (4, 1), NOON, groups).tiers
    assert [[choice.gateway for choice in tier] for tier in tiers] == found
    assert Plan.from_record(json.loads(json.dumps(plan.to_record()))) == plan


def test_a_rule_that_was_written_before_there_were_groups() -> None:
    """Of a store, or a ledger, of before."""
    record = PLAN.to_record() | {"rules": [["only", ["7"], ["44"], []]]}
    assert Plan.from_record(record).rules == (Rule(Pin.ONLY, ("7",), ("44",)),)


def test_why_a_gateway_of_the_plan_is_not_offered() -> None:
    """Rules, hours, and routes of a longer prefix."""
    routes = {"": (Route((Choice("7", 1), Choice("8", 2))),), "44": (Route((Choice("9", 1, 1, (0,)), Choice("6", 1))),)}
    plan = PLAN._replace(routes=routes, hours=HOURS, rules=(Rule(Pin.EXCLUDE, ("6", "5")),))

    def why(plan: Plan, at_s: int = NOON) -> dict[str, str]:
        return left_out(plan, "44", (4,), (), offer(plan, "44", (4,), at_s))

    assert why(plan) == {"6": "excluded", "5": "excluded", "9": "hours", "7": "longer", "8": "longer"}
    assert why(plan._replace(rules=(), match=Match.ALL), MIDNIGHT) == {}
    only = plan._replace(rules=(Rule(Pin.ONLY, ("8",)),))
    assert why(only) == {"9": "pinned", "6": "pinned", "7": "pinned"}


def test_an_exclusion_holds_whatever_else_is_pinned() -> None:
    """Also a pin that comes after it; and a barred number stays barred."""
    rules = (Rule(Pin.EXCLUDE, ("8",)), Rule(Pin.FIRST, ("8", "9")))
    assert gateways(PLAN._replace(rules=rules), "44") == [[], ["9"], ["7"]]
    assert gateways(PLAN._replace(rules=(Rule(Pin.ONLY, ("9",)),)), "881") == []


def _best_first(plan: Plan, candidates: list[Candidate], price_micros: int | None) -> list[Candidate]:
    return without_loss(plan, in_order(plan, candidates), price_micros)


@pytest.mark.parametrize(
    ("order", "ids"),
    [((Order.COST,), [1, 2, 3]), ((Order.PRIORITY,), [2, 3, 1]), ((Order.COST, Order.PRIORITY), [1, 2, 3])],
)
def test_order_by_cost_or_priority(order: tuple[Order, ...], ids: list[int]) -> None:
    """The other one decides between equals."""
    found = _best_first(PLAN._replace(order=order), [DEAR, EVEN, CHEAP], 1000)
    assert [one.gateway_id for one in found] == ids


def test_equals_keep_the_order_of_the_plan() -> None:
    """Stable; and the second key decides before it."""
    twins = [Candidate(5, 1, 100), Candidate(4, 1, 100), Candidate(6, 0, 100)]
    assert [one.gateway_id for one in in_order(PLAN, twins)] == [6, 5, 4]


def test_quality_then_cost() -> None:
    """The better band first, whatever it costs; within a band the cheaper one."""
    plan = PLAN._replace(order=(Order.QUALITY, Order.COST))
    poor, good, dear = CHEAP._replace(quality=1), EVEN, DEAR
    assert [one.gateway_id for one in in_order(plan, [poor, dear, good])] == [2, 3, 1]


def test_the_longer_rate_prefix_first() -> None:
    """Before cost; without the word it says nothing."""
    exact, rough = DEAR._replace(prefix_gap=5), CHEAP._replace(prefix_gap=8)
    assert in_order(PLAN._replace(order=(Order.PREFIX, Order.COST)), [rough, exact]) == [exact, rough]
    assert in_order(PLAN, [rough, exact]) == [rough, exact]


def test_a_tier_comes_before_every_order() -> None:
    """A pinned gateway, or that of a longer prefix."""
    assert in_order(PLAN, [CHEAP._replace(tier=1), DEAR])[0] is DEAR


def test_lots_fall_by_weight() -> None:
    """70 : 20 : 10 : 0 over ten thousand draws, to a percent; the same draw is the same order."""
    weights = {1: 70, 2: 20, 3: 10, 4: 0}
    plan = PLAN._replace(order=(Order.PERCENTAGE,))
    firsts = dict.fromkeys(weights, 0)
    for draw in range(10_000):
        key = draw.to_bytes(4, "big")
        drawn = [Candidate(one, 1, 5, lot=lot(key, one, weight)) for one, weight in weights.items()]
        found = in_order(plan, drawn)
        firsts[found[0].gateway_id] += 1
        assert found[-1].gateway_id == 4
    assert [round(count / 100) for count in firsts.values()] == pytest.approx([70, 20, 10, 0], abs=1.5)
    assert lot(b"key", 1, 7) == lot(b"key", 1, 7) != lot(b"other", 1, 7)


@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 2)), max_size=8),
    order=st.lists(st.sampled_from([Order.COST, Order.PRIORITY, Order.QUALITY]), min_size=1, unique=True),
    price=st.one_of(st.none(), st.integers(0, 5)),
    no_loss=st.sampled_from(NoLoss),
)
def test_any_candidates_in_any_order(
    rows: list[tuple[int, int, int]], order: list[Order], price: int | None, no_loss: NoLoss
) -> None:
    """Beside a slow second implementation: word by word."""
    candidates = [Candidate(at, *row[:2], quality=row[2]) for at, row in enumerate(rows)]
    plan = PLAN._replace(order=tuple(order), no_loss=no_loss, attempts_max=16)
    loses = {one: price is not None and one.cost_micros > price for one in candidates}
    wanted = [one for one in candidates if no_loss is not NoLoss.STRICT or not loses[one]]
    words = {"cost": lambda one: one.cost_micros, "priority": lambda one: one.priority, "quality": lambda one: one[5]}
    for word in reversed([*order, "cost", "priority"]):
        wanted.sort(key=words[word])
    if no_loss is NoLoss.WARN:
        wanted = [one for one in wanted if not loses[one]] + [one for one in wanted if loses[one]]
    assert _best_first(plan, candidates, price) == wanted


@pytest.mark.parametrize(
    ("no_loss", "ids"), [(NoLoss.STRICT, [1, 2]), (NoLoss.WARN, [2, 1, 3]), (NoLoss.OFF, [2, 3, 1])]
)
def test_a_gateway_that_loses_money(no_loss: NoLoss, ids: list[int]) -> None:
    """At a price of 200: one that costs as much loses nothing; strict drops, warn puts it last, off doesn't care."""
    plan = PLAN._replace(no_loss=no_loss, order=(Order.PRIORITY,))
    found = [one.gateway_id for one in _best_first(plan, [CHEAP, EVEN, DEAR], 200)]
    assert found == (sorted(ids, key=[2, 1].index) if no_loss is NoLoss.STRICT else ids)


def test_without_a_price_nothing_loses() -> None:
    """Nobody pays for the call."""
    assert len(in_order(PLAN, [CHEAP, EVEN, DEAR])) == 3


def test_attempts_leave_no_candidate_out() -> None:
    """The best one may have no room; those that lose are gone."""
    plan = PLAN._replace(attempts_max=1)
    assert _best_first(plan, [DEAR, EVEN, CHEAP], 250) == [CHEAP, EVEN]
    assert _best_first(plan, [DEAR], 250) == []
