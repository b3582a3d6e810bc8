"""A call whose answer nobody acknowledges."""

from __future__ import annotations

from kemi import meter
from tests.kemi.world import CUSTOMER, FakeDialogs, World, assert_consistent


def test_without_an_ack_it_ends_at_64_t1_and_is_billed_until_then(world: World) -> None:
    """32 seconds; its dialog's timer runs out a second later."""
    dialogs = FakeDialogs(acknowledged=False)
    world.pick_up(world.ring())
    world.wait(31.9)
    meter.tick(world.rooms, dialogs.seen(), world.now)
    assert len(world.running()) == 1
    world.wait(0.9)
    meter.tick(world.rooms, dialogs.seen(), world.now)
    assert world.running() == []
    assert dialogs.set == [(1, 7, 9)]
    assert (world.last_cdr()["ended_by"], world.last_cdr()["duration_ms"]) == ("system", 32_000)
    assert world.charges()[CUSTOMER] == 32_000
    assert_consistent(world)


def test_with_an_ack_it_goes_on_and_is_not_asked_for_again(world: World) -> None:
    """The next look finds nothing that waits."""
    world.pick_up(world.ring())
    world.wait(40)
    meter.tick(world.rooms, FakeDialogs().seen(), world.now)
    meter.tick(world.rooms, FakeDialogs(acknowledged=False).seen(), world.now)
    assert len(world.running()) == 1


def test_a_call_that_ended_before_is_not_ended_again(world: World) -> None:
    """Hung up without an ACK; the entry goes, nothing else does."""
    call = world.ring()
    world.pick_up(call)
    world.hang_up(call)
    world.wait(40)
    meter.tick(world.rooms, FakeDialogs(acknowledged=False).seen(), world.now)
    assert len(world.events("settled")) == 1
    assert_consistent(world)
