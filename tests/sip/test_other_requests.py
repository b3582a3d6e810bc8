"""What is no call: OPTIONS answered; transfers, redirections and takeovers lead nowhere; the rest is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.kemi.world import CUSTOMER
from tests.sip.agents import Agent, Call
from tests.sip.calls import answer, hang_up
from tests.sip.proxy import Proxy


def refused(call: Call, caller: Agent) -> int:
    """The code of the final answer, acknowledged."""
    final = caller.expect_final(call.call_id)
    call.to_tag = final.tag("To")
    call.ack()
    return final.code


def test_options_is_answered(proxy: Proxy, caller: Agent, agent: Callable[..., Agent]) -> None:
    """To a trunk; a stranger hears nothing."""
    call = Call(caller, "0033123")
    caller.send(call.text("OPTIONS", uri="sip:kambill"))
    assert caller.expect(200, CSeq="OPTIONS").header("Server") == ""
    stranger = agent("127.0.0.77")
    other = Call(stranger, "0033123")
    stranger.send(other.text("OPTIONS", uri="sip:kambill"))
    stranger.expect_silence(other.call_id)


@pytest.mark.parametrize(
    "method", ["REFER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "REGISTER", "INFO", "UPDATE", "PRACK", "BYE", "NEWS"]
)
def test_other_methods_are_refused(proxy: Proxy, caller: Agent, gateway: Agent, method: str) -> None:
    """405, whatever they refer to."""
    call = Call(caller, "0033123")
    caller.send(call.text(method, Refer_To="<sip:0044900@kambill>", Event="presence"))
    assert caller.expect_final(call.call_id).code == 405
    gateway.expect_silence(call.call_id)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Replaces": "x@y;to-tag=1;from-tag=2"}, 403),
        ({"Join": "x@y;to-tag=1;from-tag=2"}, 403),
        ({"Require": "replaces"}, 420),
        ({"Require": "join"}, 420),
    ],
)
def test_nobody_takes_a_call_over(
    proxy: Proxy, caller: Agent, gateway: Agent, headers: dict[str, str | None], code: int
) -> None:
    """The named call goes on, the INVITE goes nowhere."""
    talking, _ = answer(caller, gateway)
    call = Call(caller, "0033123")
    call.invite(**headers)
    assert refused(call, caller) == code
    gateway.expect_silence(call.call_id)
    hang_up(talking, gateway)


@pytest.mark.parametrize("header", ["Replaces", "rEPLACES", "Join"])
def test_nobody_takes_a_call_over_from_within_another(proxy: Proxy, caller: Agent, gateway: Agent, header: str) -> None:
    """RFC 3891 3: in a re-INVITE it is 400; the gateway doesn't hear of it, and both calls go on."""
    other, _ = answer(caller, gateway)
    talking, _ = answer(caller, gateway)
    named = f"{other.call_id};to-tag={other.to_tag};from-tag={other.from_tag}"
    talking.request("INVITE", **{header: named})
    assert caller.expect_answer("INVITE", talking.call_id, str(talking.cseq)).code == 400
    gateway.expect_silence(talking.call_id)
    talking.cseq -= 1
    hang_up(talking, gateway)
    hang_up(other, gateway)


def test_a_refer_to_in_an_invite_is_left_out(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """In its short form too; the call is an ordinary one."""
    call = Call(caller, "0033123")
    call.invite(r="<sip:0044900@kambill>", b="<sip:boss@example.com>")
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    assert "0044900" not in invite.text
    assert "boss@example.com" not in invite.text
    gateway.reply(invite, 486, "Busy", tag="b")
    assert refused(call, caller) == 486


@pytest.mark.parametrize("code", [300, 302, 305, 380])
def test_a_redirection_is_a_failure(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent], code: int
) -> None:
    """The next gateway gets the call; where the first one points to nobody goes."""
    elsewhere, second = agent("127.0.0.98", 5060), agent("127.0.0.12", 5060)
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, code, "Moved", tag="m", Contact="<sip:0044900@127.0.0.98:5060>")
    again = second.expect("INVITE", Call_ID=call.call_id)
    assert "0044900" not in again.text
    second.reply(again, 486, "Busy", tag="b")
    assert refused(call, caller) == 486
    elsewhere.expect_silence(call.call_id, 0)
    attempts = proxy.cdr(call.call_id)["attempts"]
    assert [attempt[:2] for attempt in attempts] == [[1, code], [2, 486]]


def test_a_redirection_of_every_gateway_reaches_nobody(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """503 to the caller, who is not told where to go."""
    gateways = [gateway, agent("127.0.0.12", 5060), agent("127.0.0.13", 5060)]
    call = Call(caller, "0033123")
    call.invite()
    for one in gateways:
        invite = one.expect("INVITE", Call_ID=call.call_id)
        one.reply(invite, 302, "Moved", tag="m", Contact="<sip:0044900@127.0.0.98:5060>")
    final = caller.expect_final(call.call_id)
    assert (final.code, final.header("Contact")) == (503, "")
    call.to_tag = final.tag("To")
    call.ack()
    assert proxy.account(CUSTOMER).held == 0
