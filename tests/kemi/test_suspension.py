"""A suspended account's calls, and those of everybody below it, end; those that ring are not answered."""

from __future__ import annotations

import pytest

from kemi import meter, suspension
from kemi.answer import Denied, Grant
from kemi.authorize import Admitted
from tests.kemi.world import CUSTOMER, LOWER, ROOT, UPPER, FakeDialogs, World, assert_consistent

PARENTS = {UPPER: ROOT, LOWER: UPPER, CUSTOMER: LOWER}


def suspend(world: World, account: int, state: str = "suspended", *, cut: bool = True) -> None:
    """As the ledger commands it."""
    world.account(account, parent=PARENTS[account], state=state, cut=cut)


def tick(world: World, dialogs: FakeDialogs) -> None:
    """A second of the meter."""
    world.wait(1)
    meter.tick(world.rooms, dialogs.seen(), world.now)


def test_calls_below_a_suspended_reseller_are_cut(world: World) -> None:
    """At the next tick their timers are set to a second, and what they are charged ends there."""
    world.talk()
    world.wait(5)
    suspend(world, UPPER)
    dialogs = FakeDialogs()
    tick(world, dialogs)
    assert dialogs.set == [(1, 7, 9)]
    world.wait(1)
    assert world.hang_up(world.running()[0].key.hex(), by="grant")
    assert (world.last_cdr()["ended_by"], world.last_cdr()["duration_ms"]) == ("suspension", 7000)
    assert_consistent(world)


def test_who_is_active_again_may_call(world: World) -> None:
    """Suspended and let go on before the meter's next tick: the call of before ends, the one begun since doesn't."""
    before = world.talk()
    suspend(world, CUSTOMER)
    world.wait(0.2)
    suspend(world, CUSTOMER, state="active")
    since = world.ring(call_id="since")
    tick(world, FakeDialogs())
    assert {call.hex: call.cut_by for call in world.running()} == {before: suspension.BY, since: ""}
    assert isinstance(world.pick_up(since), Grant)
    assert_consistent(world)


def test_others_go_on(world: World) -> None:
    """Whoever doesn't stand below it."""
    world.account(20, parent=ROOT)
    suspend_other = {"parent": ROOT, "state": "suspended"}
    world.talk()
    world.account(20, **suspend_other)
    dialogs = FakeDialogs()
    tick(world, dialogs)
    assert (dialogs.set, len(world.running())) == ([], 1)


def test_an_account_may_say_that_its_calls_go_on(world: World) -> None:
    """They end with their grants: no new one is given while it is suspended."""
    world.talk()
    suspend(world, CUSTOMER, cut=False)
    dialogs = FakeDialogs()
    tick(world, dialogs)
    assert dialogs.set == []
    assert world.running()[0].cut_by == ""


def test_a_call_that_rings_is_not_answered_any_more(world: World) -> None:
    """Its 200 comes after the suspension: the caller hears why, the leg gets BYE, nobody is charged."""
    call = world.ring()
    suspend(world, CUSTOMER)
    tick(world, FakeDialogs())
    denied = world.pick_up(call)
    assert denied == Denied("suspended", 403, "Account suspended")
    cdr = world.last_cdr()
    assert (cdr["outcome"], cdr["rule"], cdr["refused_by"]) == ("failed", "suspended", CUSTOMER)
    assert world.running() == []
    assert_consistent(world)


@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("who", [CUSTOMER, UPPER])
def test_the_answer_itself_looks_at_the_state(world: World, who: int, cut: bool) -> None:
    """No tick of the meter has been since; whatever becomes of calls that talk, no new grant is given."""
    call = world.ring()
    suspend(world, who, cut=cut)
    assert isinstance(world.pick_up(call), Denied)
    cdr = world.last_cdr()
    assert (cdr["rule"], cdr["refused_by"], cdr["duration_ms"]) == ("suspended", who, 0)
    assert {row["micros"] for row in cdr["charges"]} == {0}
    assert world.running() == []
    assert_consistent(world)


def test_a_suspended_trunk_answers_nothing(world: World) -> None:
    """A limit suspends it while its call rings; one that nobody suspended goes on though it is closed to new calls."""
    suspended, closed = world.ring(), world.ring()
    world.trunk(1, CUSTOMER, state="suspended")
    assert isinstance(world.pick_up(suspended), Denied)
    world.trunk(1, CUSTOMER, state="closed")
    assert isinstance(world.pick_up(closed), Grant)
    assert_consistent(world)


def test_a_suspended_device_is_not_talked_to(world: World) -> None:
    """Neither may the one that calls be answered, nor the one that is called answer."""
    for number in (7, 8):
        world.device(number, CUSTOMER)
        world.at(number)
    call = world.call_ours("d8", device=7)
    assert isinstance(call, Admitted)
    world.device(8, CUSTOMER, state="suspended")
    assert isinstance(world.pick_up(call.call), Denied)
    out = world.call_ours("+33123", device=7)
    assert isinstance(out, Admitted)
    world.device(7, CUSTOMER, state="suspended")
    assert isinstance(world.pick_up(out.call), Denied)
    assert_consistent(world)


def test_an_emergency_call_is_answered_all_the_same(world: World) -> None:
    """It is nobody's to stop."""
    world.do("special", id=1, account=ROOT, trunk=0, prefix=False, plan=1, number="112", kind="emergency")
    call = world.ring("112")
    suspend(world, CUSTOMER)
    assert isinstance(world.pick_up(call), Grant)


def test_a_caller_does_not_learn_that_its_reseller_is_suspended(world: World) -> None:
    """503, and the record names the reseller."""
    call = world.ring()
    suspend(world, UPPER)
    tick(world, FakeDialogs())
    assert world.pick_up(call) == Denied("suspended", 503, "Temporarily unavailable")
    assert world.last_cdr()["refused_by"] == UPPER


def test_a_resumption_before_the_tick_is_too_late_for_what_ran(world: World) -> None:
    """Suspended and resumed within a second: the calls of then end, new ones pass."""
    call = world.ring()
    suspend(world, CUSTOMER)
    suspend(world, CUSTOMER, "active")
    tick(world, FakeDialogs())
    assert isinstance(world.pick_up(call), Denied)
    assert isinstance(world.pick_up(world.ring()), Grant)


def test_many_calls_are_cut_in_slices(world: World) -> None:
    """More than one transaction takes, all in one tick."""
    for _ in range(suspension.CALLS_PER_CHANGE * 2 + 1):
        world.talk()
    suspend(world, LOWER, "closed")
    dialogs = FakeDialogs()
    tick(world, dialogs)
    assert len(dialogs.set) == suspension.CALLS_PER_CHANGE * 2 + 1
    assert_consistent(world)


def test_an_account_without_calls_leaves_no_mark(world: World) -> None:
    """So that a store filled anew with ten thousand suspended accounts has nothing to look for."""
    suspend(world, CUSTOMER)
    with world.rooms.store.read() as txn, txn.cursor(world.rooms.store.due) as cursor:
        assert [key for key, _ in cursor if key[8:9] == suspension.KIND] == []
