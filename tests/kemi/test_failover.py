"""The next gateway, after one has failed."""

from __future__ import annotations

import pytest

from kemi.answer import Denied, Grant
from kemi.failover import fail_over
from kemi.settlement import End, ended
from tests.kemi.world import CARRIER, CUSTOMER, DEAR_CARRIER, ROOT, World, assert_consistent


def test_providers_cost_is_the_one_that_carried_the_call(world: World) -> None:
    """Two gateways fail; the dear carrier's rate is what is owed."""
    world.talk_by_the_third()
    cdr = world.last_cdr()
    assert (cdr["cost"]["account"], cdr["cost"]["micros"]) == (DEAR_CARRIER, 18_000)
    assert [attempt[:2] for attempt in cdr["attempts"]] == [[1, 503], [2, 408], [3, 200]]
    assert world.charges()[CUSTOMER] == 60_000
    assert_consistent(world)


def test_a_gateway_without_room_costs_no_attempt(world: World) -> None:
    """One attempt, and the cheap provider is owed as much as may be: the dear one carries it, no other follows."""
    world.plan(attempts_max=1)
    world.account(CARRIER, parent=ROOT, kind="provider", exposure_limit=1)
    call = world.ring()
    assert [attempt[0] for one in world.running() for attempt in one.attempts] == [3]
    assert fail_over(world.rooms, call, 503, world.now) is None
    assert_consistent(world)


def test_each_attempt_has_its_own_times(world: World) -> None:
    """The first rang for a second and then failed; the second didn't ring. The call's own ringing is the first one."""
    start_ms = world.now.wall_ms
    call = world.ring()
    world.wait(1.5)
    fail_over(world.rooms, call, 503, world.now, ring_ms=start_ms + 500)
    world.wait(2)
    world.pick_up(call)
    world.wait(60)
    world.hang_up(call)
    cdr = world.last_cdr()
    assert cdr["attempts"] == [
        [1, 503, start_ms, start_ms + 500, start_ms + 1500],
        [2, 200, start_ms + 1500, 0, start_ms + 3500],
    ]
    assert (cdr["ring_ms"], cdr["answer_ms"]) == (start_ms + 500, start_ms + 3500)


def test_the_last_attempt_of_a_call_that_nobody_answers(world: World) -> None:
    """Rang and was declined."""
    call = world.ring()
    start_ms = world.now.wall_ms
    world.wait(3)
    assert ended(world.rooms, call, End("callee", 603, "Decline", start_ms + 800), world.now)
    cdr = world.last_cdr()
    assert cdr["attempts"] == [[1, 603, start_ms, start_ms + 800, start_ms + 3000]]
    assert cdr["ring_ms"] == start_ms + 800


def test_a_late_200_of_a_gateway_that_was_given_up_is_denied(world: World) -> None:
    """Gateway 1 answers after the call went on to gateway 2: its leg gets ACK and BYE, the call rings on."""
    call = world.ring()
    fail_over(world.rooms, call, 408, world.now)
    denied = world.pick_up(call, ip="127.0.0.11")
    assert isinstance(denied, Denied)
    assert denied.rule == "candidate"
    assert world.pick_up(call, ip="127.0.0.12") == Grant(100)


def test_no_more_gateways_ends_the_fail_over(world: World) -> None:
    """After the third there is none; the holds stay until the call ends."""
    call = world.ring()
    fail_over(world.rooms, call, 503, world.now)
    fail_over(world.rooms, call, 503, world.now)
    assert fail_over(world.rooms, call, 503, world.now) is None
    assert world.get(CUSTOMER).held == 10_000
    world.hang_up(call, by="callee", code=503)
    assert_consistent(world)


@pytest.mark.parametrize("code", [404, 486, 603])
def test_busy_is_no_reason_to_try_another_gateway(world: World, code: int) -> None:
    """Only the plan's codes fail over; the others go to the caller."""
    assert fail_over(world.rooms, world.ring(), code, world.now) is None


def test_an_answered_call_does_not_fail_over(world: World) -> None:
    """A late 503 of a branch that was given up."""
    assert fail_over(world.rooms, world.talk(), 503, world.now) is None
