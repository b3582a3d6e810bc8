"""The end of a call: exact charges at every level, once."""

from __future__ import annotations

from kemi import meter
from kemi.grants import extend
from kemi.running import call_of_invite, find
from kemi.settlement import End, ended, hung_up
from kemi.store import layout
from kemi.store.calls import pack_call
from tests.kemi.world import CARRIER, CUSTOMER, EURO, LOWER, ROOT, UPPER, FakeDialogs, World, assert_consistent


def test_a_call_is_charged_exactly_at_every_level(world: World) -> None:
    """61.2 seconds are 62: 0.062, 0.031 and 0.0248; the carrier earns 0.0124."""
    call = world.talk()
    world.wait(61.2)
    assert world.hang_up(call)
    assert world.charges() == {CUSTOMER: 62_000, LOWER: 31_000, UPPER: 24_800}
    assert world.last_cdr()["cost"]["micros"] == 12_400
    balances = [world.get(account).balance for account in (CUSTOMER, LOWER, UPPER, ROOT, CARRIER)]
    assert balances == [1000 * EURO - 62_000, 1000 * EURO - 31_000, 1000 * EURO - 24_800, 0, 12_400]
    assert_consistent(world)


def test_a_second_end_changes_nothing(world: World) -> None:
    """BYE, then the timeout's event: settled once."""
    call = world.talk()
    world.wait(5)
    assert world.hang_up(call)
    assert not world.hang_up(call, by="grant")
    assert len(world.events("settled")) == 1


def test_at_most_the_grant_is_billed(world: World) -> None:
    """Whoever ends it, however late: the grant is what was paid for."""
    world.balance(CUSTOMER, 20_000)
    call = world.talk()
    world.wait(500)
    world.hang_up(call, by="grant")
    assert world.charges()[CUSTOMER] == 10_000
    assert world.get(CUSTOMER).balance == 10_000
    assert world.last_cdr()["duration_ms"] == 10_000


def test_a_clock_that_goes_back_costs_nothing(world: World) -> None:
    """Duration is never negative."""
    call = world.talk()
    world.wait(-3)
    world.hang_up(call)
    assert world.charges() == {CUSTOMER: 0, LOWER: 0, UPPER: 0}


def test_an_unanswered_call_costs_nothing(world: World) -> None:
    """Cancelled by the caller, or failed."""
    world.hang_up(world.ring(), by="caller", code=487)
    assert world.last_cdr()["outcome"] == "cancelled"
    world.hang_up(world.ring(), by="callee", code=486)
    assert (world.last_cdr()["outcome"], world.last_cdr()["sip_code"]) == ("failed", 486)
    assert world.get(CUSTOMER).balance == 1000 * EURO
    assert_consistent(world)


def test_a_call_that_ends_in_the_millisecond_of_its_answer_was_a_call(world: World) -> None:
    """Its first increment is charged: the gateway's bill has it too."""
    world.hang_up(world.talk())
    assert (world.last_cdr()["duration_ms"], world.charges()[CUSTOMER]) == (1, 1_000)
    assert world.last_cdr()["cost"]["billed_s"] == 1


def test_a_bill_made_before_the_lock_is_made_anew_when_the_call_has_changed(world: World) -> None:
    """Extended between the read and the BYE's transaction: the hold that goes back is the new one."""
    call = world.talk()
    seen = find(world.rooms, call)
    assert seen is not None
    record = pack_call(seen)
    world.wait(150)
    extend(world.rooms, seen.key, world.now)
    assert hung_up(world.rooms, seen, record, End("caller", 200, "OK", 0), world.now)
    assert world.charges()[CUSTOMER] == 150_000
    assert_consistent(world)
    assert not hung_up(world.rooms, seen, record, End("caller", 200, "OK", 0), world.now)
    assert len(world.events("settled")) == 1


def test_a_call_that_fails_is_known_for_as_long_as_a_200_may_come(world: World) -> None:
    """It rang for longer than an INVITE is kept; the gateway's 200 crosses the CANCEL: whose it is, is still known."""
    call = world.ring()
    world.wait(layout.INVITE_MEMORY_MS / 1000 - 1)
    assert ended(world.rooms, call, End("callee", 408, "Request Timeout", 0), world.now)
    world.wait(4)
    meter.tick(world.rooms, FakeDialogs().seen(), world.now)
    assert call_of_invite(world.rooms, "call-1", "from") == call
    world.wait(10)
    meter.tick(world.rooms, FakeDialogs().seen(), world.now)
    assert call_of_invite(world.rooms, "call-1", "from") is None
