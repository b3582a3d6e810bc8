"""Taking a call: holds at every level, limits, refusals with their reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kemi import authorize
from kemi.authorize import Admitted, Refused
from kemi.invites import Repeated
from kemi.store.calls import RINGING
from tests.kemi.world import (
    CARRIER,
    CUSTOMER,
    DEAR_CARRIER,
    LOWER,
    PRICES,
    ROOT,
    UPPER,
    World,
    assert_consistent,
    terms,
)


def test_first_hold_covers_ten_seconds_at_every_level(world: World) -> None:
    """0.06, 0.03 and 0.024 a minute for 10 seconds; nothing is held on the root and the providers."""
    world.ring()
    assert [world.get(account).held for account in (CUSTOMER, LOWER, UPPER)] == [10_000, 5_000, 4_000]
    assert [world.get(account).held for account in (ROOT, CARRIER)] == [0, 0]
    assert_consistent(world)


def test_first_hold_is_whole_increments(world: World) -> None:
    """60/60: ten seconds cost a whole minute."""
    world.ring("+4930")
    assert world.get(CUSTOMER).held == 60_000


def test_a_rich_account_holds_no_more(world: World) -> None:
    """Early calls leave the money to later ones."""
    world.credit(CUSTOMER, 1_000_000_000)
    world.ring()
    assert world.get(CUSTOMER).held == 10_000


@pytest.mark.parametrize("number", ["+33123", "+49301"])
def test_money_for_three_first_holds_admits_three(world: World, number: str) -> None:
    """The fourth is refused, and it leaves nothing behind."""
    hold = 10_000 if number == "+33123" else 60_000
    world.balance(CUSTOMER, 3 * hold)
    answers = [world.invite(number) for _ in range(4)]
    assert [isinstance(answer, Admitted) for answer in answers] == [True, True, True, False]
    assert answers[3] == Refused(402, "Insufficient funds", "funds", CUSTOMER)
    assert world.get(CUSTOMER).available == 0
    assert_consistent(world)


def test_a_poor_reseller_refuses_without_its_customer_learning_why(world: World) -> None:
    """503 to the caller; the reseller and the rule stand in the record."""
    world.balance(UPPER, 3_999)
    refused = world.invite()
    assert refused == Refused(503, "Temporarily unavailable", "funds", UPPER)
    assert world.last_cdr()["refused_by"] == UPPER
    assert_consistent(world)


def test_a_credit_limit_is_money(world: World) -> None:
    """Postpaid: nothing paid, ten cents of credit."""
    world.balance(CUSTOMER, 0)
    world.account(CUSTOMER, parent=LOWER, credit_limit=10_000, prepaid=False)
    assert isinstance(world.invite(), Admitted)
    assert isinstance(world.invite(), Refused)


@pytest.mark.parametrize(("account", "code"), [(CUSTOMER, 403), (LOWER, 503), (ROOT, 503)])
def test_a_suspended_account_stops_the_calls_below(world: World, account: int, code: int) -> None:
    """403 to the account itself, 503 to everybody below it."""
    parent = {CUSTOMER: LOWER, LOWER: UPPER, ROOT: 0}[account]
    world.account(account, parent=parent, state="suspended")
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert (refused.code, refused.rule, refused.account) == (code, "suspended", account)


def test_channels_are_counted_on_the_whole_path(world: World) -> None:
    """A reseller with two channels takes two calls, and one more when one ends."""
    world.account(UPPER, parent=ROOT, channels=2)
    call = world.ring()
    world.ring()
    assert world.invite() == Refused(503, "Temporarily unavailable", "channels", UPPER)
    world.hang_up(call)
    assert isinstance(world.invite(), Admitted)


def test_calls_a_second_are_limited_in_any_second(world: World) -> None:
    """Two at once and no third; after half a second one more, not two."""
    world.account(LOWER, parent=UPPER, cps=2)
    assert [isinstance(world.invite(), Admitted) for _ in range(3)] == [True, True, False]
    world.wait(0.5)
    assert [isinstance(world.invite(), Admitted) for _ in range(2)] == [True, False]


def test_a_trunks_own_limit(world: World) -> None:
    """One channel: the second call is refused."""
    world.trunk(1, CUSTOMER, channels=1)
    world.ring()
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert refused.rule == "trunk_limit"


def test_a_trunks_calls_a_second(world: World) -> None:
    """Two, whoever's money is there; a second later again."""
    world.trunk(1, CUSTOMER, cps=2)
    told = [world.invite() for _ in range(3)]
    assert [isinstance(one, Admitted) for one in told] == [True, True, False]
    assert isinstance(told[2], Refused)
    assert told[2].rule == "trunk_limit"
    world.wait(1)
    assert isinstance(world.invite(), Admitted)


def test_an_inactive_trunk_is_refused(world: World) -> None:
    """403, and by name."""
    world.trunk(1, CUSTOMER, state="inactive")
    assert world.invite() == Refused(403, "Trunk inactive", "trunk", CUSTOMER)


def test_no_rate_is_404_to_the_account_itself(world: World) -> None:
    """And 503 when a level above lacks it."""
    world.tariff(CUSTOMER, {"44": terms("0.06")})
    assert world.invite() == Refused(404, "No rate for this number", "rate", CUSTOMER)
    world.tariff(CUSTOMER, {"": terms("0.06")})
    world.tariff(UPPER, {"44": terms("0.024")})
    assert world.invite() == Refused(503, "Temporarily unavailable", "rate", UPPER)


def test_a_blocked_prefix_is_403(world: World) -> None:
    """The longest prefix wins, blocked or not."""
    world.tariff(CUSTOMER, {"": terms("0.06"), "331": terms("0", blocked=True)})
    assert world.invite("+33123") == Refused(403, "Destination blocked", "blocked", CUSTOMER)
    assert isinstance(world.invite("+33223"), Admitted)


def test_a_number_that_is_none_is_400(world: World) -> None:
    """Letters can't be rated."""
    refused = world.invite("alice")
    assert isinstance(refused, Refused)
    assert (refused.code, refused.rule) == (400, "number")


def test_the_cheaper_gateway_comes_first(world: World) -> None:
    """Gateway 1, of the carrier that asks 0.012."""
    admitted = world.invite("0033123")
    assert isinstance(admitted, Admitted)
    assert (admitted.target.gateway, admitted.target.host, admitted.target.number) == (1, "127.0.0.11", "33123")


def test_a_gateway_that_would_lose_money_is_left_out(world: World) -> None:
    """The root sells at 0.024: a carrier at 0.03 is no way, and with no other the call is refused."""
    world.tariff(CARRIER, {"": terms("0.03")})
    admitted = world.invite()
    assert isinstance(admitted, Admitted)
    assert admitted.target.gateway == 3
    world.tariff(DEAR_CARRIER, {"": terms("0.025")})
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert (refused.code, refused.rule, refused.account) == (503, "loss", ROOT)


def test_a_full_gateway_is_passed_over(world: World) -> None:
    """Gateway 1 has one channel: the second call goes by gateway 2."""
    world.gateway(1, CARRIER, "127.0.0.11", channels=1)
    targets = [world.invite() for _ in range(2)]
    assert [answer.target.gateway for answer in targets if isinstance(answer, Admitted)] == [1, 2]


def test_an_inactive_gateway_or_provider_is_no_way(world: World) -> None:
    """Gateway 1 out of use; then its provider suspended."""
    world.gateway(1, CARRIER, "127.0.0.11", state="inactive")
    first = world.invite()
    world.account(CARRIER, parent=ROOT, kind="provider", state="suspended")
    second = world.invite()
    assert isinstance(first, Admitted)
    assert isinstance(second, Admitted)
    assert (first.target.gateway, second.target.gateway) == (2, 3)


def test_the_same_invite_again_is_a_retransmission(world: World) -> None:
    """Same Call-ID, From-tag, CSeq and Via branch: silence, one hold."""
    world.ring(call_id="x", branch="z9hG4bK-1")
    assert world.invite(call_id="x", branch="z9hG4bK-1") == Repeated(retransmission=True)
    assert world.get(CUSTOMER).held == 10_000


def test_a_late_retransmission_after_the_end_is_silent_for_64_seconds(world: World) -> None:
    """RFC 3261's 64*T1 twice: the ended call doesn't come back."""
    call = world.ring(call_id="x", branch="z9hG4bK-1")
    world.hang_up(call)
    world.wait(63)
    assert world.invite(call_id="x", branch="z9hG4bK-1") == Repeated(retransmission=True)
    assert_consistent(world)


@pytest.mark.parametrize("cseq", [1, 2])
def test_a_second_invite_of_a_running_call_is_a_loop(world: World, cseq: int) -> None:
    """Another branch or another CSeq while the first one runs: 482."""
    world.ring(call_id="x", branch="z9hG4bK-1")
    assert world.invite(call_id="x", branch="z9hG4bK-2", cseq=cseq) == Repeated(retransmission=False)
    assert len(world.running()) == 1


def test_a_new_cseq_after_the_end_is_a_new_call(world: World) -> None:
    """A caller may try again with the same Call-ID."""
    world.hang_up(world.ring(call_id="x", branch="z9hG4bK-1"))
    assert isinstance(world.invite(call_id="x", branch="z9hG4bK-2", cseq=2), Admitted)


def test_the_same_call_id_from_another_tag_is_another_call(world: World) -> None:
    """Call-IDs alone name nothing."""
    world.ring(call_id="x", from_tag="a")
    assert isinstance(world.invite(call_id="x", from_tag="b"), Admitted)


def test_attempts_that_cost_are_held_for(world: World) -> None:
    """A fee on unanswered attempts that is above the first seconds' price."""
    world.tariff(CUSTOMER, {"": terms("0.06", attempt_fee_nanos=50_000_000)})
    call = world.ring()
    assert world.get(CUSTOMER).held == 50_000
    world.hang_up(call, code=487)
    assert world.charges() == {CUSTOMER: 50_000, LOWER: 0, UPPER: 0}


def test_a_commission_reseller_is_on_the_path_and_not_in_the_chain(world: World) -> None:
    """Its customer pays the distributor above; nothing is held on it."""
    world.account(LOWER, parent=UPPER, charged=False)
    world.ring()
    (call,) = world.running()
    assert [(leg.account, leg.seller) for leg in call.legs] == [(CUSTOMER, UPPER), (UPPER, ROOT)]
    assert call.path == (CUSTOMER, LOWER, UPPER, ROOT)
    assert world.get(LOWER).held == 0


def test_a_commission_reseller_below_its_limit_stops_calls(world: World) -> None:
    """It pays nothing for them, but it must be worth its word."""
    world.account(LOWER, parent=UPPER, charged=False)
    world.balance(LOWER, -1)
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert (refused.rule, refused.account, refused.code) == ("funds", LOWER, 503)


def test_a_trunks_own_tariff_prices_its_account_only(world: World) -> None:
    """The customer's leg by the trunk's tariff, the others by their accounts'."""
    world.tariff(50, {"": terms("0.6")})
    world.trunk(1, CUSTOMER, tariff=50)
    world.ring()
    assert [world.get(account).held for account in (CUSTOMER, LOWER)] == [100_000, 5_000]


def test_rates_switch_at_their_second(world: World) -> None:
    """The same version has today's and tomorrow's price."""
    later_s = world.now.wall_s + 60
    world.tariff(CUSTOMER, {"": terms("0.12")}, effective_s=later_s)
    assert isinstance(world.invite(), Refused)
    world.wait(60)
    assert isinstance(world.invite(), Admitted)


def test_a_nearly_full_store_takes_no_new_call_and_still_ends_old_ones(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 beyond the guard; the running call settles."""
    call = world.talk()
    monkeypatch.setattr(world.rooms.store, "guard_bytes", 4096)
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert (refused.code, refused.rule) == (503, "store")
    assert world.hang_up(call)
    assert_consistent(world)


def test_refused_calls_leave_a_record(world: World) -> None:
    """Who, what, why: with the code that was sent."""
    world.balance(CUSTOMER, 0)
    world.invite("+33123")
    cdr = world.last_cdr()
    assert (cdr["outcome"], cdr["sip_code"], cdr["rule"]) == ("refused", 402, "funds")
    assert (cdr["called"], cdr["caller"], cdr["account"]) == ("33123", "441632960000", CUSTOMER)


def test_a_broken_path_is_refused(world: World) -> None:
    """An account whose parent the store doesn't know."""
    world.account(CUSTOMER, parent=99)
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert (refused.code, refused.rule, refused.account) == (503, "path", 99)


def test_an_unknown_plan_is_no_route(world: World) -> None:
    """A trunk without a plan leads nowhere."""
    world.trunk(1, CUSTOMER, plan=0)
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert refused.rule == "route"


def test_the_running_call_says_all_of_it(world: World) -> None:
    """What the record of a ringing call has."""
    key = world.ring("0033123")
    (call,) = world.running()
    assert (call.hex, call.state, call.trunk, call.account) == (key, RINGING, 1, CUSTOMER)
    assert (call.called_sent, call.called) == ("0033123", "33123")
    assert set(PRICES) >= {leg.account for leg in call.legs}
    assert call.provider is not None
    assert call.provider.account == CARRIER


def _meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Something is written between the pricing of a call and its taking."""
    take = authorize._take

    def late(*args: Any) -> Any:
        happens()
        return take(*args)

    monkeypatch.setattr(authorize, "_take", late)


def test_money_that_was_spent_while_a_call_was_priced_is_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transaction that takes a call judges by the balances of its own moment."""
    _meanwhile(monkeypatch, lambda: world.balance(LOWER, 0))
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert (refused.rule, refused.account) == ("funds", LOWER)
    assert_consistent(world)


def test_a_call_is_priced_anew_when_an_account_above_it_changes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reseller is suspended between the price and the taking; another one moves to its own tariff."""
    _meanwhile(monkeypatch, lambda: world.account(UPPER, parent=ROOT, state="suspended"))
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert (refused.rule, refused.account) == ("suspended", UPPER)


def test_a_tree_that_changes_again_and_again_refuses_in_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tries, then 503 with its record."""
    tariffs = iter(range(100, 200))
    _meanwhile(monkeypatch, lambda: world.account(ROOT, tariff=next(tariffs)))
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert (refused.rule, refused.code, next(tariffs)) == ("busy", 503, 103)
    assert world.last_cdr()["rule"] == "busy"
    assert_consistent(world)


def test_a_call_that_nobody_would_pay_is_refused(world: World) -> None:
    """A commission-based reseller's own trunk, with nobody above it but the root."""
    for account, parent in ((CUSTOMER, LOWER), (LOWER, UPPER), (UPPER, ROOT)):
        world.account(account, parent=parent, charged=False)
    refused = world.invite()
    assert refused == Refused(403, "No account to charge", "payer", CUSTOMER)
    assert world.running() == []


def test_a_call_that_only_a_seller_would_pay_is_refused(world: World) -> None:
    """A commission-based reseller's own trunk below distributors, who have sold that call to nobody."""
    world.account(CUSTOMER, parent=LOWER, charged=False)
    assert world.invite() == Refused(403, "No account to charge", "payer", CUSTOMER)
    assert_consistent(world)
