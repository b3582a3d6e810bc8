"""INVITEs that are not what they should be: refused before any money is touched, and never twice."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.kemi.world import CUSTOMER
from tests.sip.agents import SDP, WAIT_S, Agent, Call
from tests.sip.calls import answer, hang_up
from tests.sip.proxy import Proxy


def refused(caller: Agent, call: Call) -> int:
    """The code of the final answer, acknowledged."""
    final = caller.expect_final(call.call_id)
    call.to_tag = final.tag("To")
    call.ack()
    return final.code


LONG = "x" * 600

BAD = {
    "no Contact": {"Contact": None},
    "two Contacts": {"Contact": "<sip:a@127.0.0.2>, <sip:b@127.0.0.2>"},
    "Contact *": {"Contact": "*"},
    "Contact on no port": {"Contact": "<sip:a@127.0.0.2:99999>"},
    "Contact that Kamailio can't read": {"Contact": "<sip:a@127.0.0.2;x=@y>"},
    "no From tag": {"From": "<sip:caller@127.0.0.2>"},
    "long Contact": {"Contact": f"<sip:{LONG}@127.0.0.2>"},
    "long From": {"From": f"<sip:{LONG}@127.0.0.2>;tag=f"},
    "tag of two words": {"From": '<sip:a@127.0.0.2>;tag="x y"'},
    "long tag": {"From": f"<sip:a@127.0.0.2>;tag={LONG}"},
    "long user": {"uri": "sip:" + "1" * 100 + "@127.0.0.1"},
    "CSeq at the end": {"CSeq": "4294967295 INVITE"},
    "open Record-Route": {"Record_Route": "<sip:192.0.2.9;lr"},
    "folded Record-Route": {"Record_Route": "<sip:192.0.2.9\r\n\t;lr>"},
    "CSeq of another method": {"CSeq": "1 BYE"},
}


@pytest.mark.parametrize("headers", BAD.values(), ids=BAD)
def test_what_could_not_be_ended_is_refused(
    proxy: Proxy, caller: Agent, gateway: Agent, headers: dict[str, str | None]
) -> None:
    """400; no hold, nothing at the gateway."""
    call = Call(caller, "0033123")
    call.invite(**headers)
    assert refused(caller, call) == 400
    gateway.expect_silence(call.call_id)
    assert proxy.account(CUSTOMER).held == 0


def test_a_long_call_id_is_refused(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """256 characters."""
    call = Call(caller, "0033123", call_id="c" * 256)
    call.invite()
    assert refused(caller, call) == 400
    gateway.expect_silence(call.call_id)


@pytest.mark.parametrize("header", ["Call-ID", "From", "To", "Contact", "uri", "Via"])
def test_bytes_that_are_no_text_are_refused(proxy: Proxy, caller: Agent, gateway: Agent, header: str) -> None:
    """0xff somewhere that we keep: 400, where a naive script bills nothing and lets the call through."""
    call = Call(caller, "0033123")
    text = call.text("INVITE", body=SDP)
    here = f"{header}: " if header != "uri" else "INVITE sip:"
    at = text.index(here) + len(here)
    at = (
        text.index(";branch=", at) + 16
        if header == "Via"
        else text.index("sip:", at) + 5
        if "<sip" in text[at : at + 5]
        else at
    )
    raw = text[:at].encode() + b"\xff" + text[at:].encode()
    caller.send(raw)
    answer_code = next((m.code for m in iter(lambda: caller.receive(WAIT_S), None) if m.code >= 200), 0)
    assert answer_code == 400
    gateway.expect_nothing("INVITE", 0.1)  # others' requests may be sent again
    assert proxy.account(CUSTOMER).held == 0


def test_control_characters_reach_no_gateway(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """A line break in escapes stays an escape; a number with it is no number."""
    call = Call(caller, "0033123%0d%0aX-Evil:1")
    call.invite()
    assert refused(caller, call) == 400
    gateway.expect_silence(call.call_id)


@pytest.mark.parametrize("route", ["<sip:127.0.0.98:5060;lr>", "<sip:{proxy};lr>, <sip:127.0.0.98:5060;lr>"])
def test_a_preloaded_route_is_refused(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent], route: str
) -> None:
    """It would lead past the plan: 403."""
    elsewhere = agent("127.0.0.98", 5060)
    call = Call(caller, "0033123")
    call.invite(routes=route.replace("{proxy}", f"{proxy.ip}:{proxy.port}"))
    assert refused(caller, call) == 403
    elsewhere.expect_silence(call.call_id)
    gateway.expect_silence(call.call_id, 0)


@pytest.mark.parametrize("require", ["nosuch", "timer\r\nRequire: nosuch"])
def test_a_required_extension_that_nobody_knows_is_refused(proxy: Proxy, caller: Agent, require: str) -> None:
    """420, in whichever header it stands."""
    call = Call(caller, "0033123")
    call.invite(Require=require)
    assert refused(caller, call) == 420


def test_too_many_hops(proxy: Proxy, caller: Agent) -> None:
    """Max-Forwards 0: 483."""
    call = Call(caller, "0033123")
    call.invite(Max_Forwards="0")
    assert refused(caller, call) == 483


def test_a_second_invite_of_the_same_call_is_a_loop(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Same Call-ID and From-tag while the first rings: 482; the first keeps its own money and time."""
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    again = Call(caller, "0044999", call_id=call.call_id, from_tag=call.from_tag, cseq=2)
    again.invite()
    assert refused(caller, again) == 482
    gateway.expect_nothing("INVITE", but=invite)
    assert len(proxy.running()) == 1
    gateway.reply(invite, 486, "Busy", tag="b")
    caller.expect(486)
    call.ack()
    assert [cdr["called"] for cdr in proxy.cdrs(call.call_id) if cdr["outcome"] == "failed"] == ["33123"]


def test_a_retransmission_after_the_transaction_is_no_second_call(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Kamailio forgets an answered INVITE after 5 s; the same INVITE again makes no second hold and no second leg."""
    call, _ = answer(caller, gateway)
    time.sleep(6.5)
    caller.send(call_text(call))
    caller.expect_silence(call.call_id, 0.3)
    gateway.expect_silence(call.call_id, 0)
    assert len(proxy.running()) == 1
    hang_up(call, gateway)
    caller.send(call_text(call))
    gateway.expect_nothing("INVITE")
    assert proxy.account(CUSTOMER).held == 0
    assert len(proxy.cdrs(call.call_id)) == 1


def call_text(call: Call) -> str:
    """The call's INVITE as it was first sent."""
    first = Call(call.agent, call.number, call_id=call.call_id, from_tag=call.from_tag)
    first.branch = call.branches[0]
    return first.text("INVITE", body=SDP)


def test_identity_headers_of_a_customer_are_not_passed_on(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Nobody trusts who they say is calling; what both ends need passes."""
    call = Call(caller, "0033123")
    claims = {"P_Asserted_Identity": "<sip:president@example.com>", "Diversion": "<sip:x@example.com>"}
    claims |= dict.fromkeys(("n", "b", "P_Called_Party_ID"), "<sip:x@example.com>")
    call.invite(**claims, X_Other="1", Supported="timer")
    invite = gateway.expect("INVITE")
    assert "example.com" not in invite.text
    assert (invite.header("P-Asserted-Identity"), invite.header("Diversion")) == ("", "")
    assert (invite.header("X-Other"), invite.header("Supported")) == ("", "timer")
    gateway.reply(invite, 486, "Busy", tag="b")
    caller.expect(486)
    call.ack()
