"""Media through rtpengine where it is wanted: both SDPs name it, it hears of every end, and calls go on without it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scripts.benchmarks.ports import free_port
from tests.kemi.world import CARRIER, CUSTOMER, LOWER
from tests.sip.agents import SDP, Agent, Call
from tests.sip.calls import answer, cancel, hang_up, ring
from tests.sip.proxy import Proxy, eventually
from tests.sip.rtpengine import ADDRESS, RtpEngine

PORT = free_port()


@pytest.fixture(scope="module")
def edge() -> Iterator[Proxy]:
    """With rtpengine at a port."""
    proxy = Proxy(local=f"#!define WITH_RTPENGINE\n#!define KAMBILL_RTPENGINE udp:127.0.0.1:{PORT}\n")
    engine = RtpEngine(PORT)  # Kamailio asks at its start whether it is there
    try:
        proxy.start()
        engine.close()
        proxy.furnish()
        yield proxy
    finally:
        proxy.close()


@pytest.fixture
def engine() -> Iterator[RtpEngine]:
    """Answers."""
    engine = RtpEngine(PORT)
    yield engine
    engine.close()
    assert engine.faults == []


@pytest.fixture
def ends(edge: Proxy) -> Iterator[tuple[Agent, Agent]]:
    """Caller and gateway."""
    caller, gateway = (Agent(ip, port, (edge.ip, edge.port)) for ip, port in (("127.0.0.2", 0), ("127.0.0.11", 5060)))
    yield caller, gateway
    caller.close()
    gateway.close()


def test_both_sides_talk_to_it(engine: RtpEngine, ends: tuple[Agent, Agent]) -> None:
    """Offer, answer, the same of a re-INVITE, delete at the BYE."""
    caller, gateway = ends
    call, _ = answer(caller, gateway)
    invite, answered = (next(message for message in end.seen if "m=audio" in message.text) for end in (gateway, caller))
    assert ADDRESS in invite.text
    assert ADDRESS in answered.text
    hang_up(call, gateway)
    eventually(lambda: "delete" in engine.commands())
    assert engine.commands()[:2] == ["offer", "answer"]


def test_an_offer_may_come_with_the_answer(engine: RtpEngine, ends: tuple[Agent, Agent]) -> None:
    """An INVITE without SDP, the offer in the 200, the answer in the ACK; so the other way in a re-INVITE."""
    caller, gateway = ends
    call = Call(caller, "0033123")
    caller.send(call.text("INVITE"))
    gateway.reply(gateway.expect("INVITE", Call_ID=call.call_id), 200, "OK", tag="m")
    offer = caller.expect(200, Call_ID=call.call_id)
    call.take(offer)
    caller.send(call.text("ACK", body=SDP, Content_Type="application/sdp"))
    answered = gateway.expect("ACK", Call_ID=call.call_id)
    assert engine.commands() == ["offer", "answer"]
    call.request("INVITE")
    gateway.reply(gateway.expect("INVITE", Call_ID=call.call_id), 200, "OK")
    again = caller.expect(200, CSeq="2 INVITE", Call_ID=call.call_id)
    caller.send(call.text("ACK", body=SDP, Content_Type="application/sdp"))
    once_more = gateway.expect("ACK", Call_ID=call.call_id)
    assert engine.commands() == ["offer", "answer"] * 2
    hang_up(call, gateway)
    for message in (offer, answered, again, once_more):
        assert f"c=IN IP4 {ADDRESS}\r\n" in message.text


def test_a_gateway_that_takes_some_codecs_only_gets_its_address_too(
    engine: RtpEngine, ends: tuple[Agent, Agent], edge: Proxy
) -> None:
    """In the INVITE and in a re-INVITE: what rtpengine made of the offer, with the wanted codecs."""
    caller, gateway = ends
    edge.send(edge.gateway_body(1, CARRIER, "127.0.0.11") | {"codecs": ["PCMA"]})
    offer = SDP.replace("RTP/AVP 0", "RTP/AVP 0 8")
    call = Call(caller, "0033123")
    caller.send(call.text("INVITE", body=offer))
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 200, "OK", tag="m")
    call.take(caller.expect(200, Call_ID=call.call_id))
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    call.cseq += 1
    call.new_branch()
    caller.send(call.text("INVITE", body=offer))
    again = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(again, 488, "No")
    caller.expect_final(call.call_id)
    call.ack()
    hang_up(call, gateway)
    edge.send(edge.gateway_body(1, CARRIER, "127.0.0.11"))
    for message in (invite, again):
        assert f"c=IN IP4 {ADDRESS}\r\n" in message.text
        assert "m=audio 9 RTP/AVP 8\r\n" in message.text


OLD = SDP.replace("s=-", "s=J\xf6rg\0")
"""A session's name in Latin-1, and a NUL behind it."""
PARTS = f"--b1\r\nContent-Type: x/isup\r\n\r\n\1\0\xff\r\n--b1\r\nContent-Type: {{}}\r\n\r\n{SDP}\r\n--b1--\r\n"
MIXED = "multipart/mixed;boundary=b1"
IN_PARTS = PARTS.format("application/sdp")


@pytest.mark.parametrize(("body", "kind"), [(OLD, "application/sdp"), (IN_PARTS, MIXED)], ids=["old", "parts"])
def test_what_is_no_text_and_other_parts_are_no_hindrance(
    engine: RtpEngine, ends: tuple[Agent, Agent], edge: Proxy, body: str, kind: str
) -> None:
    """Offer and answer name rtpengine, and other parts stay as they were; nothing fails after the money is held."""
    caller, gateway = ends
    faults = edge.counter("faults")
    call = Call(caller, "0033123")
    caller.send(call.text("INVITE", body=body, Content_Type=kind).encode("latin-1"))
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    text = gateway.reply_text(invite, 200, "OK", tag="m").replace("application/sdp", kind)
    head = text.partition("\r\n\r\n")[0].replace(f"Content-Length: {len(SDP)}", f"Content-Length: {len(body)}")
    gateway.send(f"{head}\r\n\r\n{body}".encode("latin-1"), invite.source)
    answered = caller.expect(200, Call_ID=call.call_id)
    call.take(answered)
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    hang_up(call, gateway)
    wanted = body.encode("latin-1").decode("utf-8", "replace").replace("127.0.0.1", ADDRESS)
    for message in (invite, answered):
        found = message.text.partition("\r\n\r\n")[2].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        assert found == (wanted.replace("\0", "\ufffd") if body == OLD else wanted)
        assert message.header("Content-Type") == kind
    assert edge.counter("faults") == faults


def test_several_parts_without_an_sdp_pass(engine: RtpEngine, ends: tuple[Agent, Agent]) -> None:
    """As they came; rtpengine is not asked."""
    caller, gateway = ends
    call = Call(caller, "0033123")
    caller.send(call.text("INVITE", body=PARTS.format("text/plain"), Content_Type=MIXED).encode("latin-1"))
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 486, "Busy", tag="b")
    assert caller.expect_final(call.call_id).code == 486
    assert invite.text.partition("\r\n\r\n")[2].replace("\udcff", "\xff") == PARTS.format("text/plain")
    assert "offer" not in engine.commands()


def test_it_hears_of_calls_that_come_to_nothing(engine: RtpEngine, ends: tuple[Agent, Agent], edge: Proxy) -> None:
    """Busy, given up, cut."""
    caller, gateway = ends
    busy = Call(caller, "0033123")
    busy.invite()
    gateway.reply(gateway.expect("INVITE", Call_ID=busy.call_id), 486, "Busy", tag="b")
    caller.expect(486)
    eventually(lambda: "delete" in engine.commands())
    engine.asked.clear()
    given_up = Call(caller, "0033123")
    given_up.invite()
    invite = gateway.expect("INVITE", Call_ID=given_up.call_id)
    gateway.reply(invite, 180, "Ringing", tag="r")
    caller.expect(180)
    cancel(given_up)
    gateway.reply(gateway.expect("CANCEL"), 200, "OK")
    gateway.reply(invite, 487, "Gone", tag="r")
    eventually(lambda: "delete" in engine.commands())
    engine.asked.clear()
    call, _ = answer(caller, gateway)
    running = next(one for one in edge.running() if one.call_id == call.call_id)
    edge.send({"do": "cut", "call": running.hex})
    for end in ends:
        end.reply(end.expect("BYE", Call_ID=call.call_id), 200, "OK")
    eventually(lambda: "delete" in engine.commands())


def _poor(edge: Proxy) -> dict[str, Any]:
    return {"do": "credit", "account": CUSTOMER, "micros": -2 * edge.account(CUSTOMER).balance}


TURNED_AWAY: dict[str, tuple[Callable[[Proxy], dict[str, Any]] | None, dict[str, str | None]]] = {
    "poor": (_poor, {}),
    "suspended": (lambda edge: edge.account_body(CUSTOMER, parent=LOWER, state="suspended"), {}),
    "no Contact": (None, {"Contact": None}),
    "control character": (None, {"Server": "x\1y"}),
}
"""What comes between INVITE and 200, and what the 200 says."""


@pytest.mark.parametrize("why", TURNED_AWAY)
def test_it_hears_of_a_200_that_is_no_answer(
    engine: RtpEngine, ends: tuple[Agent, Agent], edge: Proxy, why: str
) -> None:
    """Its ports would wait for an hour."""
    caller, gateway = ends
    command, headers = TURNED_AWAY[why]
    call, invite = ring(caller, gateway)
    if command is not None:
        edge.send(command(edge))
    gateway.reply(invite, 200, "OK", tag="t", **headers)
    assert caller.expect_final(call.call_id).code >= 400
    eventually(lambda: engine.commands()[-1] == "delete")
    gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")
    edge.restore()


def test_it_hears_of_a_call_that_nobody_can_be_sent(engine: RtpEngine, ends: tuple[Agent, Agent], edge: Proxy) -> None:
    """Its gateway wants TCP, of which there is no socket."""
    caller, _ = ends
    edge.send(
        edge.plan_body(routes=[["", [[1, 1]]]]), edge.gateway_body(1, CARRIER, "127.0.0.11") | {"transport": "tcp"}
    )
    call = Call(caller, "0033123")
    call.invite()
    assert caller.expect_final(call.call_id).code == 503
    eventually(lambda: "delete" in engine.commands())
    edge.send(edge.plan_body(), edge.gateway_body(1, CARRIER, "127.0.0.11"))


def test_a_silent_engine_lets_no_call_be_answered_and_refused(
    engine: RtpEngine, ends: tuple[Agent, Agent], edge: Proxy
) -> None:
    """The carrier answers just before the gateway's time is over; rtpengine, asked about that, says nothing: the timer
    is first, the leg gets ACK and BYE, and who has heard 408 pays nothing.
    """
    caller, gateway = ends
    edge.send(edge.plan_body(routes=[["", [[1, 1]]]], try_timeout_ms=500))
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    engine.silent = True
    time.sleep(0.35)
    gateway.reply(invite, 200, "OK", tag="late")
    refused = caller.expect_final(call.call_id)
    call.to_tag = refused.tag("To")
    call.ack()
    assert refused.code == 408
    gateway.expect("ACK", Call_ID=call.call_id)
    gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")
    caller.expect_nothing(200, Call_ID=call.call_id)
    cdr = edge.cdr(call.call_id)
    assert (cdr["outcome"], cdr["sip_code"]) == ("failed", 408)
    assert [charge["micros"] for charge in cdr["charges"]] == [0, 0, 0]
    edge.send(edge.plan_body())


def test_without_it_calls_go_on(ends: tuple[Agent, Agent]) -> None:
    """Nobody answers at its port: the SDPs pass as they are."""
    caller, gateway = ends
    call, _ = answer(caller, gateway)
    assert ADDRESS not in "".join(message.text for end in ends for message in end.seen)
    hang_up(call, gateway)
