"""Peers that fall silent: a lost BYE, a dead other side. The call ends at its money's end, and its hold goes back."""

from __future__ import annotations

from collections.abc import Callable

from tests.kemi.world import CUSTOMER
from tests.sip.agents import Agent, Call
from tests.sip.calls import answer, ring
from tests.sip.proxy import Proxy, eventually

GRANT_S = 3


def with_money_for(proxy: Proxy, seconds: int) -> None:
    """So many seconds of one call, and no more."""
    debit = 1000 * seconds - proxy.account(CUSTOMER).balance
    proxy.send({"do": "settings", "first_hold_s": seconds}, {"do": "credit", "account": CUSTOMER, "micros": debit})


def test_a_call_whose_bye_was_lost_ends_with_its_money(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Neither side says another word: both hear BYE at the third second; three seconds are billed."""
    with_money_for(proxy, GRANT_S)
    call, _ = answer(caller, gateway)
    bye = gateway.expect("BYE", Call_ID=call.call_id)
    assert GRANT_S - 1.1 < bye.at - call.answered_at < GRANT_S + 1.2
    caller.expect("BYE")
    cdr = proxy.cdr(call.call_id)
    proxy.send({"do": "settings"})
    assert (cdr["ended_by"], cdr["charges"][0]["billed_s"]) == ("grant", GRANT_S)


def test_two_dead_sides_hold_nothing_back(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """No BYE of ours is answered: settled at the timer all the same, money and channels free, one record."""
    with_money_for(proxy, GRANT_S)
    call, _ = answer(caller, gateway)
    caller.close()
    gateway.close()
    cdr = proxy.cdr(call.call_id)
    proxy.send({"do": "settings"})
    assert cdr["charges"][0]["billed_s"] == GRANT_S
    account = proxy.account(CUSTOMER)
    assert (account.held, account.channels) == (0, 0)
    assert len(proxy.cdrs(call.call_id)) == 1


def test_a_bye_to_a_dead_side_is_settled_at_once(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The caller hangs up, the gateway never answers our BYE: it is sent again, the bill is closed."""
    call, _ = answer(caller, gateway)
    call.request("BYE")
    assert caller.expect_final(call.call_id).code == 200
    first = gateway.expect("BYE", Call_ID=call.call_id)
    assert proxy.cdr(call.call_id, 3)["ended_by"] == "caller"
    again = gateway.expect("BYE", Call_ID=call.call_id)
    assert first.text == again.text
    gateway.reply(again, 200, "OK")


def test_silent_gateways_give_a_timely_answer(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """Three that say nothing, half a second each: 408, and no hold is left."""
    agent("127.0.0.12", 5060)
    agent("127.0.0.13", 5060)
    proxy.send(proxy.plan_body(try_timeout_ms=500))
    call, invite = ring(caller, gateway)
    final = caller.expect_final(call.call_id)
    proxy.send(proxy.plan_body())
    assert (final.code, final.at - invite.at < 3) == (408, True)
    call.to_tag = final.tag("To")
    call.ack()
    eventually(lambda: proxy.account(CUSTOMER).held == 0)
    assert [attempt[:2] for attempt in proxy.cdr(call.call_id)["attempts"]] == [[1, 408], [2, 408], [3, 408]]


def test_an_operator_cuts_a_call(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """BYE to both within two seconds; the record says who."""
    call, _ = answer(caller, gateway)
    proxy.send({"do": "cut", "call": proxy.running()[0].hex, "by": "alice"})
    for side in (gateway, caller):
        side.reply(side.expect("BYE", 4, Call_ID=call.call_id), 200, "OK")
    assert proxy.cdr(call.call_id)["ended_by"] == "operator"


def test_calls_after_many_denied_answers(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Each worker has dropped several 2xx: none of them owes its next INVITE anything."""
    for _ in range(24):
        call, invite = ring(caller, gateway)
        gateway.reply(invite, 200, "OK", tag="bare", Contact=None)
        refused = caller.expect_final(call.call_id)
        call.to_tag = refused.tag("To")
        call.ack()
        assert refused.code == 503
    for _ in range(24):
        good = Call(caller, "0033123")
        good.invite()
        begun = caller.expect(100, Call_ID=good.call_id).at
        invite = gateway.expect("INVITE", Call_ID=good.call_id)
        assert invite.at - begun < 0.45  # the first one: sent again it is later
        gateway.reply(invite, 486, "Busy", tag="b")
        busy = caller.expect_final(good.call_id)
        good.to_tag = busy.tag("To")
        good.ack()
        assert busy.code == 486
