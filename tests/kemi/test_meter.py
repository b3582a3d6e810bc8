"""The meter: longer grants, cuts, reaped calls, forgotten INVITEs."""

from __future__ import annotations

from kemi import meter
from kemi.authorize import Admitted
from kemi.invites import Repeated
from kemi.settlement import End, given_up
from tests.kemi.world import CUSTOMER, FakeDialogs, World, assert_consistent


def test_a_call_is_extended_ten_seconds_before_its_money_ends(world: World) -> None:
    """Nothing at 89 seconds; at 90 the timer gets what remains of 200."""
    world.talk()
    dialogs = FakeDialogs()
    world.wait(89)
    meter.tick(world.rooms, dialogs.seen(), world.now)
    assert dialogs.set == []
    world.wait(1)
    meter.tick(world.rooms, dialogs.seen(), world.now)
    assert dialogs.set == [(110, 7, 9)]
    assert_consistent(world)


def test_a_call_without_money_runs_out_by_its_timer(world: World) -> None:
    """20 seconds of money: 10, then 10 more before they end, then nothing, and the meter settles if nobody else did."""
    world.balance(CUSTOMER, 20_000)
    world.talk()
    dialogs = FakeDialogs()
    for _ in range(24):
        world.wait(1)
        meter.tick(world.rooms, dialogs.seen(), world.now)
    assert dialogs.set == [(13, 7, 9)]
    assert len(world.running()) == 1
    world.wait(2)
    meter.tick(world.rooms, dialogs.seen(), world.now)
    assert world.running() == []
    assert (world.last_cdr()["ended_by"], world.charges()[CUSTOMER]) == ("grant", 20_000)


def _told(world: World) -> list[str]:
    """To whom the meter says BYE by itself."""
    dialogs = FakeDialogs()
    world.wait(1)
    meter.tick(world.rooms, dialogs.seen(), world.now)
    return sorted(to for to, text in dialogs.sent if text.startswith("BYE "))


BOTH = ["sip:callee@127.0.0.11", "sip:caller@127.0.0.2:5060"]


def test_who_talks_when_kamailios_timers_stand_still_is_hung_up(world: World) -> None:
    """The meter settles what nobody else has: both sides hear of it, or they would talk on for nothing."""
    world.balance(CUSTOMER, 20_000)
    world.talk()
    while world.running():
        assert _told(world) == []
    assert (world.last_cdr()["ended_by"], _told(world)) == ("grant", BOTH)


def test_who_talks_in_a_dialog_that_is_gone_is_hung_up(world: World) -> None:
    """Kamailio knows no dialog of a call that has to be extended, or that has never been acknowledged."""
    world.talk()
    world.wait(90)
    meter.tick(world.rooms, FakeDialogs(alive=False).seen(), world.now)
    assert _told(world) == BOTH
    world.talk()
    world.wait(33)
    meter.tick(world.rooms, FakeDialogs(alive=False, acknowledged=False).seen(), world.now)
    assert (world.running(), _told(world)) == ([], BOTH)


def test_a_top_up_in_the_last_second_goes_on(world: World) -> None:
    """One second before the end there is money again."""
    world.balance(CUSTOMER, 10_000)
    world.talk()
    dialogs = FakeDialogs()
    world.wait(9)
    world.credit(CUSTOMER, 1_000_000_000)
    meter.tick(world.rooms, dialogs.seen(), world.now)
    assert dialogs.set == [(101, 7, 9)]


def test_a_call_whose_dialog_is_gone_is_settled_where_it_was_last_seen(world: World) -> None:
    """Extended once at 90 seconds, gone at 190: 90 seconds are charged."""
    world.talk()
    world.wait(90)
    meter.tick(world.rooms, FakeDialogs().seen(), world.now)
    world.wait(100)
    meter.tick(world.rooms, FakeDialogs(alive=False).seen(), world.now)
    assert (world.last_cdr()["ended_by"], world.charges()[CUSTOMER]) == ("reaper", 90_000)
    assert_consistent(world)


def test_a_call_that_rings_for_ever_is_released(world: World) -> None:
    """Two seconds of silence, 60 of ring limit and ten of grace."""
    world.ring()
    world.wait(71)
    meter.tick(world.rooms, FakeDialogs().seen(), world.now)
    assert len(world.running()) == 1
    world.wait(1)
    meter.tick(world.rooms, FakeDialogs().seen(), world.now)
    assert (world.running(), world.last_cdr()["ended_by"]) == ([], "reaper")
    assert_consistent(world)


def test_a_cut_call_ends_by_its_timer_and_is_charged_until_then(world: World) -> None:
    """The timer gets one second, the grant two, and the BYE that leaves settles it."""
    call = world.talk()
    world.wait(30)
    world.do("cut", call=call, by="ann")
    dialogs = FakeDialogs()
    meter.tick(world.rooms, dialogs.seen(), world.now)
    world.wait(1)
    meter.tick(world.rooms, dialogs.seen(), world.now)
    assert dialogs.set == [(1, 7, 9)]
    assert world.get(CUSTOMER).held == 32_000
    world.hang_up(call, by="grant")
    assert (world.last_cdr()["ended_by"], world.charges()[CUSTOMER]) == ("operator", 31_000)
    assert_consistent(world)


def test_a_cut_call_whose_end_nobody_tells_is_settled_by_the_meter(world: World) -> None:
    """Two seconds of grant and the reaper's five."""
    world.do("cut", call=world.talk())
    for _ in range(9):
        meter.tick(world.rooms, FakeDialogs().seen(), world.now)
        world.wait(1)
    assert world.running() == []
    assert (world.last_cdr()["ended_by"], world.charges()[CUSTOMER]) == ("operator", 2_000)


def test_a_cut_call_without_a_dialog_ends_now(world: World) -> None:
    """Nobody is there to send a BYE."""
    call = world.talk()
    world.wait(30)
    world.do("cut", call=call)
    meter.tick(world.rooms, FakeDialogs(alive=False).seen(), world.now)
    assert (world.last_cdr()["ended_by"], world.charges()[CUSTOMER]) == ("operator", 30_000)


def test_a_cut_of_a_call_that_is_gone_does_nothing(world: World) -> None:
    """It ended while the command was on its way."""
    call = world.talk()
    world.hang_up(call)
    world.do("cut", call=call)
    meter.tick(world.rooms, FakeDialogs().seen(), world.now)
    assert len(world.events("settled")) == 1


def test_invites_are_forgotten_after_64_seconds(world: World) -> None:
    """The index doesn't grow for ever."""
    world.hang_up(world.ring(call_id="x", branch="z9hG4bK-1"))
    world.wait(64)
    meter.tick(world.rooms, FakeDialogs().seen(), world.now)
    with world.rooms.store.read() as txn:
        assert world.rooms.store.state(txn).invites == 0
    assert isinstance(world.invite(call_id="x", branch="z9hG4bK-1"), Admitted)


def test_the_invite_of_a_call_that_runs_is_remembered(world: World) -> None:
    """However long it rings or talks, no other call has its Call-ID and From-tag; nor soon after."""
    call = world.ring(call_id="x", branch="z9hG4bK-1")
    world.pick_up(call)
    for _ in range(8):
        world.wait(32)
        meter.tick(world.rooms, FakeDialogs().seen(), world.now)
        assert world.invite(call_id="x", branch="z9hG4bK-2", cseq=9) == Repeated(retransmission=False)
    world.hang_up(call)
    for _ in range(2):
        world.wait(32)
        meter.tick(world.rooms, FakeDialogs().seen(), world.now)
        assert world.invite(call_id="x", branch="z9hG4bK-2", cseq=1) == Repeated(retransmission=False)
    for _ in range(2):
        world.wait(64)
        meter.tick(world.rooms, FakeDialogs().seen(), world.now)
    assert isinstance(world.invite(call_id="x", branch="z9hG4bK-2", cseq=1), Admitted)


def test_a_cancelled_invite_is_remembered_while_a_gateway_may_answer_it(world: World) -> None:
    """Kamailio waits for its answer up to the ring limit."""
    world.plan(ring_timeout_s=120)
    call = world.ring(call_id="x", branch="z9hG4bK-1")
    assert given_up(world.rooms, call, End("caller", 487, "Request Terminated", 0), world.now)
    world.wait(119)
    meter.tick(world.rooms, FakeDialogs().seen(), world.now)
    assert world.invite(call_id="x", branch="z9hG4bK-2", cseq=1) == Repeated(retransmission=False)
    world.wait(15)
    meter.tick(world.rooms, FakeDialogs().seen(), world.now)
    with world.rooms.store.read() as txn:
        assert world.rooms.store.state(txn).invites == 0


def test_many_due_calls_are_all_looked_at_in_one_tick(world: World) -> None:
    """More than one slice."""
    for _ in range(meter.SLICE + 5):
        world.ring()
    world.wait(72)
    meter.tick(world.rooms, FakeDialogs().seen(), world.now)
    assert world.running() == []
    assert_consistent(world)


def test_without_a_store_the_meter_waits(world: World) -> None:
    """Nothing to do, nothing raised."""
    world.rooms.close()
    (world.run_dir / "hot" / "data.mdb").unlink()
    meter.tick(world.rooms, FakeDialogs().seen(), world.now)
