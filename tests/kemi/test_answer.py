"""The decision about a 2xx: a stamp, a grant, or nothing passes."""

from __future__ import annotations

from kemi.answer import Denied, Grant
from ratebook.model import Rate
from tests.kemi.world import CUSTOMER, EURO, LOWER, UPPER, World, assert_consistent, terms


def test_the_answer_takes_a_standard_grant(world: World) -> None:
    """100 seconds, held at each level's price."""
    call = world.ring()
    assert world.pick_up(call) == Grant(100)
    assert [world.get(account).held for account in (CUSTOMER, LOWER, UPPER)] == [100_000, 50_000, 40_000]
    assert_consistent(world)


def test_the_same_200_again_passes_and_leaves_the_timer(world: World) -> None:
    """A retransmission of the leg that answered."""
    call = world.talk()
    assert world.pick_up(call) == Grant(None)


def test_a_second_200_of_another_leg_is_denied(world: World) -> None:
    """Its gateway gets ACK and BYE, the first leg talks on."""
    call = world.talk()
    denied = world.pick_up(call, to_tag="other")
    assert isinstance(denied, Denied)
    assert denied.rule == "second_answer"
    assert len(world.running()) == 1


def test_a_200_after_the_end_is_denied(world: World) -> None:
    """CANCEL was first."""
    call = world.ring()
    world.hang_up(call, code=487)
    denied = world.pick_up(call)
    assert isinstance(denied, Denied)
    assert denied.rule == "gone"
    assert_consistent(world)


def _dear_in_five_seconds(world: World) -> None:
    """The customer's price: 0.06 a minute, 60 from five seconds on."""
    change_s = world.now.wall_s + 5
    world.publish(
        CUSTOMER,
        Rate("", "anywhere", None, change_s, terms("0.06")),
        Rate("", "anywhere", change_s, None, terms("60")),
    )


def test_the_rate_in_effect_at_the_answer_holds(world: World) -> None:
    """It rang over the change: 3 seconds at a euro each."""
    _dear_in_five_seconds(world)
    call = world.ring()
    world.wait(5)
    assert world.pick_up(call) == Grant(10)
    world.wait(3)
    world.hang_up(call)
    assert world.charges()[CUSTOMER] == 3 * EURO


def test_an_answer_that_nobody_can_pay_ends_the_call(world: World) -> None:
    """Ten cents bought ten seconds before the change, and not one after it: settled, released, 402."""
    _dear_in_five_seconds(world)
    world.balance(CUSTOMER, 100_000)
    call = world.ring()
    world.wait(5)
    assert world.pick_up(call) == Denied("funds", 402, "Insufficient funds")
    assert world.running() == []
    assert (world.last_cdr()["rule"], world.charges()[CUSTOMER]) == ("funds", 0)
    assert_consistent(world)
