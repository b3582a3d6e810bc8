"""From the answer to the end: grants, exact charges, fail-over, and that nothing happens twice."""

from __future__ import annotations

import pytest

from kemi import progress
from kemi.progress import Denied, End, Grant
from ratebook.model import Rate
from tests.kemi.world import CARRIER, CUSTOMER, DEAR_CARRIER, EURO, LOWER, ROOT, UPPER, World, assert_consistent, terms


def test_the_answer_takes_a_standard_grant(world: World) -> None:
    """100 seconds, held at each level's price."""
    call = world.ring()
    assert world.pick_up(call) == Grant(100)
    assert [world.get(account).held for account in (CUSTOMER, LOWER, UPPER)] == [100_000, 50_000, 40_000]
    assert_consistent(world)


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


def test_short_money_is_granted_in_first_holds(world: World) -> None:
    """The upper reseller has money for 25 seconds at 0.024 a minute: 10 at once, the rest while the call goes on."""
    world.balance(UPPER, 10_000)
    call = world.ring()
    assert world.pick_up(call) == Grant(10)
    grants = []
    for _ in range(3):
        extension = progress.extend(world.rooms, bytes.fromhex(call), world.now)
        assert extension is not None
        grants.append(extension.after.grant_s)
    assert grants == [20, 25, 25]
    assert world.get(UPPER).available == 0


def test_an_early_answer_does_not_starve_a_call_that_rings(world: World) -> None:
    """Money for three first holds, and the first call answered before the others are there."""
    world.balance(CUSTOMER, 30_000)
    world.talk()
    world.ring()
    world.ring()
    assert world.get(CUSTOMER).available == 0


def test_a_grant_ends_with_a_paid_increment(world: World) -> None:
    """60/60: money for one and a half minutes gives one."""
    world.balance(CUSTOMER, 90_000)
    assert world.pick_up(world.ring("+4930")) == Grant(60)


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


def test_providers_cost_is_the_one_that_carried_the_call(world: World) -> None:
    """Two gateways fail; the dear carrier's rate is what is owed."""
    call = world.ring()
    second = progress.fail_over(world.rooms, call, 503, world.now)
    third = progress.fail_over(world.rooms, call, 408, world.now)
    assert second is not None
    assert third is not None
    assert (second.gateway, third.gateway) == (2, 3)
    world.pick_up(call)
    world.wait(60)
    world.hang_up(call)
    cdr = world.last_cdr()
    assert (cdr["cost"]["account"], cdr["cost"]["micros"]) == (DEAR_CARRIER, 18_000)
    assert [attempt[:2] for attempt in cdr["attempts"]] == [[1, 503], [2, 408], [3, 200]]
    assert world.charges()[CUSTOMER] == 60_000
    assert_consistent(world)


def test_a_late_200_of_a_gateway_that_was_given_up_is_denied(world: World) -> None:
    """Gateway 1 answers after the call went on to gateway 2: its leg gets ACK and BYE, the call rings on."""
    call = world.ring()
    progress.fail_over(world.rooms, call, 408, world.now)
    denied = world.pick_up(call, ip="127.0.0.11")
    assert isinstance(denied, Denied)
    assert denied.rule == "candidate"
    assert world.pick_up(call, ip="127.0.0.12") == Grant(100)


def test_no_more_gateways_ends_the_fail_over(world: World) -> None:
    """After the third there is none; the holds stay until the call ends."""
    call = world.ring()
    progress.fail_over(world.rooms, call, 503, world.now)
    progress.fail_over(world.rooms, call, 503, world.now)
    assert progress.fail_over(world.rooms, call, 503, world.now) is None
    assert world.get(CUSTOMER).held == 10_000
    world.hang_up(call, by="callee", code=503)
    assert_consistent(world)


@pytest.mark.parametrize("code", [404, 486, 603])
def test_busy_is_no_reason_to_try_another_gateway(world: World, code: int) -> None:
    """Only the plan's codes fail over; the others go to the caller."""
    assert progress.fail_over(world.rooms, world.ring(), code, world.now) is None


def test_an_answered_call_does_not_fail_over(world: World) -> None:
    """A late 503 of a branch that was given up."""
    assert progress.fail_over(world.rooms, world.talk(), 503, world.now) is None


def test_an_unanswered_call_costs_nothing(world: World) -> None:
    """Cancelled by the caller, or failed."""
    world.hang_up(world.ring(), by="caller", code=487)
    assert world.last_cdr()["outcome"] == "cancelled"
    world.hang_up(world.ring(), by="callee", code=486)
    assert (world.last_cdr()["outcome"], world.last_cdr()["sip_code"]) == ("failed", 486)
    assert world.get(CUSTOMER).balance == 1000 * EURO
    assert_consistent(world)


def test_extension_holds_the_next_hundred_seconds(world: World) -> None:
    """Hold and grant grow together."""
    call = world.talk()
    world.wait(90)
    extension = progress.extend(world.rooms, bytes.fromhex(call), world.now)
    assert extension is not None
    assert extension.grew
    assert extension.after.grant_s == 200
    assert world.get(CUSTOMER).held == 200_000
    assert world.events("extended")[-1]["held"] == [200_000, 100_000, 80_000]
    assert_consistent(world)


def test_extension_stops_where_the_money_ends_and_a_top_up_moves_it(world: World) -> None:
    """25 seconds of money; then a thousand euros more."""
    world.balance(CUSTOMER, 25_000)
    key = bytes.fromhex(world.talk())
    for _ in range(3):
        progress.extend(world.rooms, key, world.now)
    short = world.running()[0]
    world.credit(CUSTOMER, 1000 * EURO)
    topped = progress.extend(world.rooms, key, world.now)
    assert topped is not None
    assert (short.grant_s, topped.after.grant_s) == (25, 125)
    assert_consistent(world)


def test_a_suspended_account_gets_no_longer_grant(world: World) -> None:
    """Anybody on the path."""
    key = bytes.fromhex(world.talk())
    world.account(ROOT, state="suspended")
    extension = progress.extend(world.rooms, key, world.now)
    assert extension is not None
    assert not extension.grew


def test_a_call_has_a_longest_length(world: World) -> None:
    """`max_call_s` of the settings."""
    world.do("settings", max_call_s=120)
    key = bytes.fromhex(world.talk())
    extension = progress.extend(world.rooms, key, world.now)
    assert extension is not None
    assert extension.after.grant_s == 120


def test_requests_in_the_call_raise_cseq_and_move_the_target(world: World) -> None:
    """A re-INVITE from a new address; an older one changes nothing."""
    call = world.talk()
    progress.advance(world.rooms, call, "callee", 5, "sip:new@127.0.0.11")
    progress.advance(world.rooms, call, "callee", 4, "sip:old@127.0.0.11")
    progress.advance(world.rooms, call, "caller", 2, None)
    running = progress.find(world.rooms, call)
    assert running is not None
    assert running.callee_leg is not None
    assert (running.callee_leg.cseq, running.callee_leg.contact) == (5, "sip:new@127.0.0.11")
    assert (running.caller_leg.cseq, running.caller_leg.contact) == (2, "sip:caller@127.0.0.2:5060")


def test_each_side_has_its_networks(world: World) -> None:
    """The trunk's for the caller, the gateway's for the callee."""
    running = progress.find(world.rooms, world.talk())
    assert running is not None
    caller = progress.networks_of(world.rooms, running, "caller")
    callee = progress.networks_of(world.rooms, running, "callee")
    assert (str(caller[0]), str(callee[0])) == ("127.0.0.2/32", "127.0.0.11/32")


def test_nothing_is_found_of_a_call_that_ended(world: World) -> None:
    """Not even its request's CSeq."""
    call = world.talk()
    world.hang_up(call)
    assert progress.find(world.rooms, call) is None
    progress.advance(world.rooms, call, "caller", 9, None)
    assert progress.extend(world.rooms, bytes.fromhex(call), world.now) is None
    assert not progress.ended(world.rooms, call, End("caller", 200, "OK", 0), world.now)
