"""Line breaks and other control characters in everything that we read: refused, or as good as not there."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.kemi.world import CARRIER, CUSTOMER
from tests.sip.agents import SDP, Agent, Call, Message
from tests.sip.calls import answer, hang_up
from tests.sip.proxy import Proxy

EVIL = "X-Evil: 1"
BREAKS = {
    "CR LF escaped": "%0d%0aX-Evil: 1",
    "LF escaped": "%0aX-Evil: 1",
    "CR": "\rX-Evil: 1",
    "NUL": "\0",
    "DEL": "\x7f",
}
HEADERS = (
    *("uri", "From", "To", "Call-ID", "Contact", "Via", "Record-Route", "P-Asserted-Identity", "Privacy", "Require"),
    *("CSeq", "Max-Forwards", "X-Other"),
)


def with_break(call: Call, header: str, what: str) -> bytes:
    """The INVITE, with something in the middle of a header's text."""
    extra = {"Record-Route": "<sip:127.0.0.2:5060;lr>", "P-Asserted-Identity": "<sip:+4412@x>", "Privacy": "none"}
    extra |= {"Require": "timer", "X-Other": "<sip:some@x>"}
    headers = {header.replace("-", "_"): extra[header]} if header in extra else {}
    text = call.text("INVITE", body=SDP, **headers)
    start = text.index("INVITE sip:") + 12 if header == "uri" else text.index(f"\n{header}: ") + len(header) + 3
    at = text.index("sip:", start) + 6 if "sip:" in text[start : start + 20] else start + 2
    if header == "Via":
        at = text.index(";branch=", start) + 12
    return (text[:at] + what + text[at:]).encode()


@pytest.mark.parametrize("what", BREAKS.values(), ids=BREAKS)
@pytest.mark.parametrize("header", HEADERS)
def test_a_break_makes_no_header_and_no_line(
    proxy: Proxy, caller: Agent, gateway: Agent, header: str, what: str
) -> None:
    """Refused or inert: no header goes out that was none before, one line of ours and one record at most."""
    proxy.send(proxy.trunk_body(1, CUSTOMER, trusted=True), trusted_gateway(proxy))
    said, known = proxy.log.read_bytes().count(b"sr_kemi_core"), len(records(proxy))
    call = Call(caller, "0033123")
    caller.send(with_break(call, header, what))
    out = next((one for one in iter(lambda: gateway.receive(0.2), None) if one.method == "INVITE"), None)
    if out is not None:
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)", out.text)
        assert EVIL not in str([out.headers(name) for name in ("From", "To", "Contact", "P-Asserted-Identity")])
        assert out.headers(EVIL.split(":", maxsplit=1)[0]) == []
        gateway.reply(out, 486, "Busy", tag="b")
        caller.receive(0.3)
    time.sleep(0.3)
    assert proxy.log.read_bytes().count(b"sr_kemi_core") - said <= 1
    found = records(proxy)[known:]
    assert len(found) <= 1
    texts = [record[name] for record in found for name in ("caller", "called", "caller_sent", "called_sent", "call_id")]
    assert all(text.isprintable() for text in texts)
    proxy.send(proxy.trunk_body(1, CUSTOMER), proxy.gateway_body(1, CARRIER, "127.0.0.11"))


def trusted_gateway(proxy: Proxy) -> dict[str, Any]:
    """Gateway 1, which is told who calls."""
    return proxy.gateway_body(1, CARRIER, "127.0.0.11") | {"trusted": True}


def records(proxy: Proxy) -> list[dict[str, Any]]:
    """Every record of the journal."""
    return [line["cdr"] for line in proxy.journal() if "cdr" in line]


@pytest.mark.parametrize("what", ["\rX-Evil: 1", "\x01", "\x7f"])
def test_a_control_character_in_any_header_is_refused(proxy: Proxy, caller: Agent, gateway: Agent, what: str) -> None:
    """400, in headers too that nobody reads; in a call, the call goes on."""
    call = Call(caller, "0033123")
    call.invite(X_Other=f"some{what}thing")
    final = caller.expect_final(call.call_id)
    assert final.code == 400
    call.to_tag = final.tag("To")
    call.ack()
    gateway.expect_silence(call.call_id)
    talking, _ = answer(caller, gateway)
    talking.request("INFO", X_Other=f"some{what}thing")
    assert caller.expect_final(talking.call_id).code == 400
    gateway.expect_silence(talking.call_id)
    talking.cseq -= 1
    hang_up(talking, gateway)


def test_a_reply_with_one_goes_nowhere(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The gateway's own 180 is not passed on, the next one is."""
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 180, "Ringing", tag="t", X_Other="some\rX-Evil: 1")
    caller.expect_nothing(180, CSeq="INVITE")
    gateway.reply(invite, 183, "Progress", tag="t")
    caller.expect(183)
    gateway.reply(invite, 486, "Busy", tag="t")
    final = caller.expect_final(call.call_id)
    call.to_tag = final.tag("To")
    call.ack()


def test_a_gateways_reason_with_a_break_is_ours(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """What can't be printed is not passed on, nor recorded."""
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 486, "Bu\x01sy\x7f", tag="b")
    final = caller.expect_final(call.call_id)
    assert final.first_line.isprintable()
    call.to_tag = final.tag("To")
    call.ack()
    assert str(proxy.cdr(call.call_id)["sip_reason"]).isprintable()


NO_TEXT = "Jos\xe9"
"""In Latin-1, as older switches write: no UTF-8."""


@pytest.mark.parametrize(("code", "reason"), [(302, "Moved"), (302, NO_TEXT), (503, NO_TEXT)])
def test_a_gateways_no_that_is_no_text_fails_over(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent], code: int, reason: str
) -> None:
    """The next gateway is tried, and the caller hears nothing of the first one's words."""
    second = agent("127.0.0.12", 5060)
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    no = gateway.reply_text(invite, code, reason, tag="g", Contact=f'"{NO_TEXT}" <sip:1@127.0.0.98>')
    gateway.send(no.encode("latin-1"))
    second.reply(second.expect("INVITE", Call_ID=call.call_id), 486, "Busy", tag="h")
    assert caller.expect_final(call.call_id).first_line == "SIP/2.0 486 Busy"
    assert [attempt[:2] for attempt in proxy.cdr(call.call_id)["attempts"]] == [[1, code], [2, 486]]


@pytest.mark.parametrize(
    "odd", [{"Server": NO_TEXT}, {"Contact": f'"{NO_TEXT}" <sip:gw@127.0.0.11:5060>'}, {"Server": "a\x01b"}]
)
def test_an_answer_that_is_no_text_is_hung_up(proxy: Proxy, caller: Agent, gateway: Agent, odd: dict[str, str]) -> None:
    """The carrier has answered and nobody can be told: its leg gets ACK and BYE, the caller 503; nothing is charged or
    held, and the answer that it says again opens nothing.
    """
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    answer_text = gateway.reply_text(invite, 200, "OK", tag="g", **odd).encode("latin-1")
    gateway.send(answer_text)
    refused = caller.expect_final(call.call_id)
    assert refused.code == 503
    call.to_tag = refused.tag("To")
    call.ack()
    hung_up(gateway, call)
    gateway.send(answer_text)
    hung_up(gateway, call)
    caller.expect_nothing(200, 0.2, CSeq="INVITE")
    (cdr,) = proxy.cdrs(call.call_id)
    assert (cdr["outcome"], cdr["charges"][0]["micros"], cdr["gateway"]) == ("failed", 0, 1)
    assert (proxy.account(CUSTOMER).held, proxy.running()) == (0, [])


def hung_up(gateway: Agent, call: Call) -> Message:
    """Its leg gets ACK and BYE, which comes back."""
    ack = gateway.expect("ACK", Call_ID=call.call_id)
    bye = gateway.expect("BYE", Call_ID=call.call_id)
    assert {(one.tag("From"), one.tag("To"), one.uri) for one in (ack, bye)} == {
        (call.from_tag, "g", f"sip:gw@{gateway.ip}:{gateway.port}")
    }
    gateway.reply(bye, 200, "OK")
    return bye


def test_an_answer_that_is_no_text_ends_no_call_that_talks(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Of another fork: that leg is hung up. Of the leg that talks, and of somebody else: nothing happens."""
    call, back = answer(caller, gateway)
    invite = next(one for one in gateway.seen if one.method == "INVITE" and one.header("Call-ID") == call.call_id)
    gateway.send(gateway.reply_text(invite, 200, "OK", tag="g", Server=NO_TEXT).encode("latin-1"))
    bye = hung_up(gateway, call)
    gateway.send(gateway.reply_text(invite, 200, "OK", tag=back.from_tag, Server=NO_TEXT).encode("latin-1"))
    gateway.expect_nothing("BYE", 0.2, but=bye, Call_ID=call.call_id)
    assert len(proxy.running()) == 1
    hang_up(call, gateway)


@pytest.mark.parametrize("by", ["caller", "callee"])
@pytest.mark.parametrize(
    "said",
    [
        {"Reason": f'Q.850;cause=16;text="{NO_TEXT}"'},
        {"Reason": 'Q.850;cause=16;text="\x01\x1b[0m\x7f"'},
        {"Reason": 'Q.850;cause=16;text="a\rb"'},
        {"Replaces": "another@call;to-tag=1;from-tag=2"},
    ],
)
def test_who_hangs_up_is_heard_whatever_it_says_of_why(
    proxy: Proxy, caller: Agent, gateway: Agent, by: str, said: dict[str, str]
) -> None:
    """A Reason in an older alphabet, control characters, a header that is for no BYE: for whoever says it the call is
    over (RFC 3261 15.1.1), so it is for the bill.
    """
    call, back = answer(caller, gateway)
    ours, theirs, there = (call, caller, gateway) if by == "caller" else (back, gateway, caller)
    ours.cseq += 1
    ours.new_branch()
    theirs.send(ours.text("BYE", **said).encode("latin-1"))
    there.reply(there.expect("BYE", Call_ID=call.call_id), 200, "OK")
    assert theirs.expect(200, CSeq="BYE").header("Call-ID") == call.call_id
    assert proxy.cdr(call.call_id)["ended_by"] == by


def test_nobody_else_ends_a_call_by_an_answer_that_is_no_text(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """The INVITE's own branches, from an address that isn't the gateway's: it rings on."""
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 180, "Ringing", tag="g")
    caller.expect(180, Call_ID=call.call_id)
    agent("127.0.0.99").send(gateway.reply_text(invite, 200, "OK", tag="x", Server=NO_TEXT).encode("latin-1"))
    caller.expect_silence(call.call_id, 0.2)
    assert len(proxy.running()) == 1
    gateway.reply(invite, 486, "Busy", tag="g")
    assert caller.expect_final(call.call_id).code == 486


@pytest.mark.parametrize("code", [180, 302, 486, 503])
def test_nobody_else_refuses_a_call_by_a_reply_that_is_no_text(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent], code: int
) -> None:
    """Neither the caller, which would put the gateway out, nor a stranger: it is with the gateway that was asked."""
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    for forger in (caller, agent("127.0.0.99")):
        forger.send(gateway.reply_text(invite, code, "No", tag="x", Server=NO_TEXT).encode("latin-1"))
    caller.expect_nothing(code, 0.2, Call_ID=call.call_id)
    gateway.reply(invite, 404, "Not Found", tag="g")
    assert caller.expect_final(call.call_id).code == 404
    assert [attempt[:2] for attempt in proxy.cdr(call.call_id)["attempts"]] == [[1, 404]]


def test_ringing_that_is_no_text_says_nothing_of_the_gateway(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """It goes on with the caller's own From and To, without Contact and identities."""
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    ringing = gateway.reply_text(invite, 180, "Ringing", tag="g", Server=NO_TEXT, P_Asserted_Identity="<sip:1@within>")
    gateway.send(ringing.encode("latin-1"))
    heard = caller.expect(180, Call_ID=call.call_id)
    assert heard.header("To") == f"<{call.target}>;tag=g"
    assert (heard.headers("Contact"), heard.headers("P-Asserted-Identity")) == ([], [])
    assert gateway.ip not in heard.text
    gateway.reply(invite, 486, "Busy", tag="g")
    assert caller.expect_final(call.call_id).code == 486


@pytest.mark.parametrize("method", ["OPTIONS", "BYE", "INVITE", f"INV{NO_TEXT}"])
def test_a_reply_to_nothing_that_is_no_text_goes_nowhere(
    proxy: Proxy, agent: Callable[..., Agent], method: str
) -> None:
    """Nobody makes us send to whom its second Via names."""
    stranger, victim = agent("127.0.0.66"), agent("127.0.0.99")
    lines = [
        "SIP/2.0 404 No",
        f"Via: SIP/2.0/UDP {proxy.ip}:{proxy.port};branch=z9hG4bKours",
        f"Via: SIP/2.0/UDP {victim.ip}:{victim.port};branch=z9hG4bKtheirs",
        *("From: <sip:a@b>;tag=1", "To: <sip:c@d>;tag=2", "Call-ID: stray@test", f"CSeq: 1 {method}"),
        *(f"Server: {NO_TEXT}", "Content-Length: 0", "", ""),
    ]
    stranger.send("\r\n".join(lines).encode("latin-1"))
    assert victim.receive(0.3) is None
