"""Calls as they should be: answered, charged at every level, cut in time, refused with their reason."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.kemi.world import CARRIER, CUSTOMER, DEAR_CARRIER, LOWER, UPPER
from tests.sip.agents import Agent, Call
from tests.sip.calls import answer, seconds
from tests.sip.proxy import Proxy, eventually


def test_a_call_is_charged_at_every_level(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """INVITE to BYE through a real Kamailio; each second begun is charged, two at least."""
    call, _ = answer(caller, gateway)
    time.sleep(1.05)
    call.bye()
    bye = gateway.expect("BYE")
    gateway.reply(bye, 200, "OK")
    cdr = proxy.cdr(call.call_id)
    assert (cdr["outcome"], cdr["ended_by"]) == ("answered", "caller")
    assert 1050 <= cdr["duration_ms"] <= 1000 * (bye.at - call.begun_s) + 50
    count = seconds(cdr)
    charges = {row["account"]: (row["billed_s"], row["micros"]) for row in cdr["charges"]}
    assert charges == {CUSTOMER: (count, count * 1000), LOWER: (count, count * 500), UPPER: (count, count * 400)}
    assert (cdr["cost"]["account"], cdr["cost"]["micros"]) == (CARRIER, count * 200)
    eventually(lambda: proxy.running() == [])
    assert proxy.account(CUSTOMER).held == 0


def test_the_callee_hangs_up(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """BYE from the gateway: the caller gets one of ours, with the right target and tags."""
    call, back = answer(caller, gateway)
    back.request("BYE")
    gateway.expect(200, CSeq="BYE")
    bye = caller.expect("BYE")
    assert (bye.uri, bye.tag("From"), bye.tag("To")) == (
        f"sip:caller@{caller.ip}:{caller.port}",
        call.to_tag,
        call.from_tag,
    )
    caller.reply(bye, 200, "OK")
    cdr = proxy.cdr(call.call_id)
    assert (cdr["ended_by"], cdr["charges"][0]["billed_s"]) == ("callee", seconds(cdr))


def test_a_call_is_cut_when_its_money_ends(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Ten seconds of first hold at 0.06 a minute are the last money: BYE to both within the timer's second."""
    proxy.send({"do": "credit", "account": CUSTOMER, "micros": 10_000 - proxy.account(CUSTOMER).available})
    call, _ = answer(caller, gateway)
    assert Call(caller, "0033124").invite() is None
    refused = caller.expect(402)
    assert "Insufficient funds" in refused.first_line
    bye = gateway.expect("BYE", Call_ID=call.call_id)
    assert 9.0 <= bye.at - call.answered_at <= 11.5
    gateway.reply(bye, 200, "OK")
    caller.reply(caller.expect("BYE"), 200, "OK")
    cdr = proxy.cdr(call.call_id)
    assert (cdr["ended_by"], cdr["charges"][0]["micros"]) == ("grant", 10_000)
    assert 9_000 < cdr["duration_ms"] <= 10_000
    assert proxy.account(CUSTOMER).available == 0


def test_refusals_say_why(proxy: Proxy, caller: Agent) -> None:
    """403 for a suspended customer, 503 for a suspended reseller, 400 for what is no number."""

    def code(number: str = "0033123") -> tuple[int, str]:
        call = Call(caller, number)
        call.invite()
        message = caller.expect_final(call.call_id)
        call.to_tag = message.tag("To")
        call.ack()
        return message.code, message.first_line.split(" ", 2)[2]

    assert code("alice") == (400, "Not a telephone number")
    proxy.send(proxy.account_body(CUSTOMER, parent=LOWER, state="suspended"))
    assert code() == (403, "Account suspended")
    proxy.send(proxy.account_body(CUSTOMER, parent=LOWER), proxy.account_body(UPPER, parent=1, state="suspended"))
    assert code() == (503, "Temporarily unavailable")
    proxy.send(proxy.account_body(UPPER, parent=1), {"do": "credit", "account": UPPER, "micros": -(10**12)})
    assert code() == (503, "Temporarily unavailable")


def test_a_stranger_hears_nothing(proxy: Proxy, agent: Callable[..., Agent]) -> None:
    """An INVITE, an OPTIONS and a REGISTER from an address that no trunk has."""
    stranger = agent("127.0.0.99")
    Call(stranger, "0033123").invite()
    for method in ("OPTIONS", "REGISTER", "MESSAGE"):
        stranger.send(Call(stranger, "0033123").text(method))
    assert stranger.receive(0.5) is None
    assert proxy.running() == []


@pytest.mark.usefixtures("impatient")
def test_a_dead_gateway_is_passed_over(proxy: Proxy, caller: Agent, agent: Callable[..., Agent]) -> None:
    """Gateway 1 is silent, 2 says 503, 3 answers: one hold, one charge, the third's cost."""
    agent("127.0.0.11", 5060)
    second, third = agent("127.0.0.12", 5060), agent("127.0.0.13", 5060)
    call = Call(caller, "0033123")
    call.invite()
    second.reply(second.expect("INVITE"), 503, "No circuits", tag="busy")
    invite = third.expect("INVITE")
    assert len(proxy.running()) == 1
    assert proxy.account(CUSTOMER).held == 10_000
    third.reply(invite, 200, "OK", tag="three")
    call.take(caller.expect(200))
    call.ack()
    third.expect("ACK")
    call.bye()
    third.reply(third.expect("BYE"), 200, "OK")
    cdr = proxy.cdr(call.call_id)
    assert [attempt[:2] for attempt in cdr["attempts"]] == [[1, 408], [2, 503], [3, 200]]
    assert (cdr["gateway"], cdr["cost"]["account"]) == (3, DEAR_CARRIER)
    assert len(proxy.cdrs(call.call_id)) == 1


def test_busy_reaches_the_caller_as_it_is(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The carrier's own code and reason, no second gateway, no charge."""
    call = Call(caller, "0033123")
    call.invite()
    gateway.reply(gateway.expect("INVITE"), 486, "Busy in the kitchen", tag="b")
    busy = caller.expect(486)
    call.to_tag = busy.tag("To")
    call.ack()
    assert busy.first_line.endswith("Busy in the kitchen")
    cdr = proxy.cdr(call.call_id)
    assert (cdr["outcome"], cdr["sip_code"], cdr["charges"][0]["micros"]) == ("failed", 486, 0)
    assert proxy.running() == []


def test_all_gateways_dead_is_503_or_their_code(proxy: Proxy, caller: Agent, agent: Callable[..., Agent]) -> None:
    """Three refuse: the last one's code, with all of them in the record."""
    gateways = [agent(f"127.0.0.{number}", 5060) for number in (11, 12, 13)]
    call = Call(caller, "0033123")
    call.invite()
    for gateway in gateways:
        gateway.reply(gateway.expect("INVITE"), 503, "Full", tag="x")
    refused = caller.expect(503)
    call.to_tag = refused.tag("To")
    call.ack()
    cdr = proxy.cdr(call.call_id)
    assert [attempt[1] for attempt in cdr["attempts"]] == [503, 503, 503]
    assert proxy.account(CUSTOMER).held == 0


def test_cancel_releases_the_hold(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """While it rings."""
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE")
    gateway.reply(invite, 180, "Ringing", tag="r")
    caller.expect(180)
    call.cancel()
    caller.expect(200, CSeq="CANCEL")
    gateway.reply(gateway.expect("CANCEL"), 200, "OK")
    gateway.reply(invite, 487, "Request Terminated", tag="r")
    gone = caller.expect(487)
    call.to_tag = gone.tag("To")
    call.ack()
    cdr = proxy.cdr(call.call_id)
    assert (cdr["outcome"], cdr["sip_code"], cdr["ended_by"]) == ("cancelled", 487, "caller")
    assert cdr["ring_ms"] > 0
    assert proxy.account(CUSTOMER).held == 0


def test_a_re_invite_and_info_pass_and_prolong_nothing(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Both directions; the remote target follows; the bill stays one."""
    call, back = answer(caller, gateway)
    call.request("INFO")
    gateway.reply(gateway.expect("INFO"), 200, "OK")
    caller.expect(200, CSeq="INFO")
    call.request("INVITE")
    again = gateway.expect("INVITE")
    gateway.reply(again, 200, "OK", Contact=f"<sip:moved@{gateway.ip}:{gateway.port}>")
    call.target = caller.expect(200, CSeq="INVITE").contact
    call.ack()
    gateway.expect("ACK")
    back.request("INFO")
    caller.reply(caller.expect("INFO"), 200, "OK")
    gateway.expect(200, CSeq="INFO")
    (running,) = proxy.running()
    assert running.callee_leg is not None
    assert running.callee_leg.contact == f"sip:moved@{gateway.ip}:{gateway.port}"
    call.bye()
    bye = gateway.expect("BYE")
    assert bye.uri == f"sip:moved@{gateway.ip}:{gateway.port}"
    gateway.reply(bye, 200, "OK")
    assert len(proxy.cdrs(call.call_id)) == 1


def test_options_of_a_known_trunk_is_answered(caller: Agent) -> None:
    """Its keep-alive; other methods are not for us."""
    caller.send(Call(caller, "ping").text("OPTIONS"))
    caller.expect(200)
    caller.send(Call(caller, "x").text("SUBSCRIBE"))
    caller.expect(405)
