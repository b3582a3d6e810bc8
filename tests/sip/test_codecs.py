"""Codecs of gateways, on the wire: what each gets of an offer, and who is passed over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.kemi.world import CARRIER
from tests.sip.agents import SDP, Agent, Call, Message
from tests.sip.calls import hang_up
from tests.sip.proxy import Proxy

OFFER = SDP.replace("RTP/AVP 0\r\n", "RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n")


@pytest.fixture
def choosy(proxy: Proxy) -> Iterator[Proxy]:
    """Gateway 1 takes G729 alone, gateway 2 A-law first."""
    choices = {1: ["G729"], 2: ["PCMA", "PCMU"]}
    proxy.send(*(proxy.gateway_body(one, CARRIER, f"127.0.0.1{one}") | {"codecs": of} for one, of in choices.items()))
    yield proxy
    proxy.send(*(proxy.gateway_body(one, CARRIER, f"127.0.0.1{one}") for one in choices))


def payloads(message: Message) -> str:
    """Of the audio that is offered."""
    (found,) = re.findall(r"m=audio \d+ RTP/AVP ([0-9 ]+)", message.text)
    length = int(message.header("Content-Length"))
    assert message.text.split("\r\n\r\n", 1)[1] == message.text[-length:]
    return str(found)


def invite(call: Call) -> None:
    """With the offer."""
    call.agent.send(call.text("INVITE", body=OFFER))


def test_each_gateway_gets_its_codecs_and_no_other(
    choosy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """The cheapest takes none of them; the next gets them in its order; the third, when that fails, as they came."""
    second, third = agent("127.0.0.12", 5060), agent("127.0.0.13", 5060)
    call = Call(caller, "0033123")
    invite(call)
    arrived = second.expect("INVITE", Call_ID=call.call_id)
    assert payloads(arrived) == "8 0 101"
    assert arrived.header("Content-Type") == "application/sdp"
    second.reply(arrived, 503, "Busy", tag="s")
    arrived = third.expect("INVITE", Call_ID=call.call_id)
    assert payloads(arrived) == "0 8 101"
    third.reply(arrived, 486, "Busy Here", tag="t")
    assert caller.expect_final(call.call_id).code == 486
    gateway.expect_silence(call.call_id, 0)
    assert [attempt[:2] for attempt in choosy.cdr(call.call_id)["attempts"]] == [[2, 503], [3, 486]]


def test_what_changes_a_call_offers_no_others(choosy: Proxy, caller: Agent, agent: Callable[..., Agent]) -> None:
    """A re-INVITE is limited too; one that has none of them gets 488, and the call goes on."""
    second = agent("127.0.0.12", 5060)
    call = Call(caller, "0033123")
    invite(call)
    arrived = second.expect("INVITE", Call_ID=call.call_id)
    second.reply(arrived, 200, "OK", tag="s")
    call.take(caller.expect(200, Call_ID=call.call_id))
    call.ack()
    second.expect("ACK", Call_ID=call.call_id)
    call.cseq += 1
    call.new_branch()
    caller.send(call.text("INVITE", body=OFFER))
    again = second.expect("INVITE", Call_ID=call.call_id)
    assert payloads(again) == "8 0 101"
    second.reply(again, 200, "OK")
    caller.expect(200, CSeq=f"{call.cseq} INVITE")
    call.ack()
    second.expect("ACK", Call_ID=call.call_id)
    call.cseq += 1
    call.new_branch()
    caller.send(call.text("INVITE", body=OFFER.replace("0 8 101", "18 101")))
    assert caller.expect_final(call.call_id).code == 488
    second.expect_silence(call.call_id)
    call.ack()
    hang_up(call, second)
    assert choosy.cdr(call.call_id)["outcome"] == "answered"


PARTS = f"--b\r\nContent-Type: application/sdp\r\n\r\n{OFFER}\r\n--b\r\nSubject: x\r\n\r\nhere\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (OFFER.replace("s=-", "s=\xe9"), "application/sdp"),
        (OFFER.replace("s=-", "s=\0"), "application/sdp"),
        (PARTS, "multipart/mixed;boundary=b"),
        (PARTS, 'multipart/alternative; boundary="b"'),
    ],
    ids=["latin", "nul", "mixed", "alternative"],
)
def test_an_offer_in_an_older_alphabet_or_in_parts_is_limited_too(
    choosy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent], body: str, kind: str
) -> None:
    """A session's name in Latin-1, or something beside it, is no way around the codecs; what is beside stays."""
    second = agent("127.0.0.12", 5060)
    call = Call(caller, "0033123")
    caller.send(call.text("INVITE", body=body, Content_Type=kind).encode("latin-1"))
    arrived = second.expect("INVITE", Call_ID=call.call_id)
    assert re.findall(r"m=audio \d+ RTP/AVP ([0-9 ]+)", arrived.text) == ["8 0 101"]
    assert len(arrived.text.split("\r\n\r\n", 1)[1].encode()) == int(arrived.header("Content-Length"))
    assert arrived.header("Content-Type") == kind
    assert ("here" in arrived.text) == (body == PARTS)
    gateway.expect_silence(call.call_id, 0)
    second.reply(arrived, 486, "Busy Here", tag="t")
    assert caller.expect_final(call.call_id).code == 486
