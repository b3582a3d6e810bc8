"""Requests in a call: what belongs to it passes, what is forged changes nothing; a BYE ends both sides or neither."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.kemi.world import CARRIER, CUSTOMER
from tests.sip.agents import Agent, Call, Message
from tests.sip.calls import answer, hang_up, is_talking, ring
from tests.sip.proxy import Proxy

AWAY = "<sip:127.0.0.98:5060;lr>"
"""A Route to somebody's own host."""


def final(agent: Agent, call: Call) -> int:
    """The code of the next final answer of a call."""
    return agent.expect_final(call.call_id).code


def ours(call: Call) -> str:
    """The Route of a well-behaved request: ours alone."""
    return ", ".join(f"<{one}>" for one in call.routes)


# --- BYE


@pytest.mark.parametrize(
    "headers",
    [
        {"routes": "{ours}, " + AWAY},
        {"Max_Forwards": "1"},
        {"uri": "sip:nobody@127.0.0.98:5060"},
        {"routes": ""},
        {"Require": "timer\r\nRequire: nosuch"},
        {"Proxy_Require": "nosuch"},
    ],
    ids=["second Route", "Max-Forwards 1", "other target", "no Route", "Require", "Proxy-Require"],
)
def test_an_odd_bye_ends_both_sides(proxy: Proxy, caller: Agent, gateway: Agent, headers: dict[str, str]) -> None:
    """Who speaks counts, not the way that the request names, nor what it requires: ours goes to the gateway."""
    call, _ = answer(caller, gateway)
    call.request("BYE", **{name: value.replace("{ours}", ours(call)) for name, value in headers.items()})
    assert final(caller, call) == 200
    bye = gateway.expect("BYE")
    assert bye.uri == f"sip:gw@{gateway.ip}:{gateway.port}"
    gateway.reply(bye, 200, "OK")
    assert [cdr["ended_by"] for cdr in proxy.cdrs(call.call_id)] == ["caller"]
    assert proxy.running() == []


def test_a_third_partys_bye_ends_nothing(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """Right Call-ID, tags and CSeq from an address of neither side: 481."""
    call, _ = answer(caller, gateway)
    thief = Call(agent("127.0.0.99"), call.number, call_id=call.call_id, from_tag=call.from_tag, cseq=5)
    thief.to_tag, thief.target, thief.routes = call.to_tag, call.target, call.routes
    thief.request("BYE")
    assert final(thief.agent, call) == 481
    gateway.expect_nothing("BYE", Call_ID=call.call_id)
    assert is_talking(proxy, call)
    hang_up(call, gateway)


def test_the_gateway_cannot_hang_up_as_the_caller(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The caller's tags from the gateway's address: 481."""
    call, back = answer(caller, gateway)
    back.from_tag, back.to_tag = back.to_tag, back.from_tag
    back.request("BYE")
    assert final(gateway, call) == 481
    assert is_talking(proxy, call)
    hang_up(call, gateway)


@pytest.mark.parametrize("cseq", [1, 1002, 2**32 - 1], ids=["stale", "far ahead", "at the end"])
def test_a_bye_out_of_order_ends_nothing(proxy: Proxy, caller: Agent, gateway: Agent, cseq: int) -> None:
    """CSeq not above the INVITE's, or too far above it: 500 or 400, and the call goes on."""
    call, _ = answer(caller, gateway)
    call.cseq = cseq - 1
    call.request("BYE")
    assert final(caller, call) in {400, 500}
    gateway.expect_nothing("BYE", Call_ID=call.call_id)
    assert is_talking(proxy, call)
    call.cseq = 1
    hang_up(call, gateway)


@pytest.mark.parametrize("cseq", ["5x", "0x5", "1_0", "+5", "-5", "\u0663", "5.0", "0" * 10 + "5"])
@pytest.mark.parametrize("method", ["INFO", "INVITE", "ACK", "BYE"])
def test_a_request_whose_cseq_is_no_number_goes_nowhere(
    proxy: Proxy, caller: Agent, gateway: Agent, method: str, cseq: str
) -> None:
    """Kamailio's dialog would keep it, and not know how to go on: the BYE that ends the call must reach the gateway."""
    call, _ = answer(caller, gateway)
    call.request(method, CSeq=f"{cseq} {method}")
    if method != "ACK":
        assert final(caller, call) == 400
    gateway.expect_silence(call.call_id)
    assert is_talking(proxy, call)
    hang_up(call, gateway)


def test_a_repeated_bye_is_answered_again(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """One record, one BYE to the gateway, two answers."""
    call, _ = answer(caller, gateway)
    call.request("BYE")
    assert final(caller, call) == 200
    caller.send(call.text("BYE"))
    assert final(caller, call) == 200
    bye = gateway.expect("BYE")
    gateway.reply(bye, 200, "OK")
    gateway.expect_nothing("BYE", 0.7, but=bye, Call_ID=call.call_id)
    assert len(proxy.cdrs(call.call_id)) == 1


def test_both_hang_up_at_once(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Two BYEs cross: each is answered, one record."""
    call, back = answer(caller, gateway)
    call.request("BYE")
    back.request("BYE")
    finals = {final(caller, call), final(gateway, call)}
    assert 200 in finals  # whose came first: with two workers that isn't always whose was sent first
    assert finals <= {200, 481}
    for one in (caller, gateway):
        one.reply_to_all("BYE", call.call_id)
    assert len(proxy.cdrs(call.call_id)) == 1
    assert proxy.running() == []


def test_our_bye_has_a_higher_cseq_than_all_before(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The gateway sent an INFO with CSeq 101; the BYE that we send in its name is above that."""
    call, back = answer(caller, gateway)
    back.request("INFO")
    info = caller.expect("INFO")
    caller.reply(info, 200, "OK")
    gateway.expect(200, CSeq="INFO")
    back.request("BYE")
    bye = caller.expect("BYE")
    assert int(bye.header("CSeq").split()[0]) > int(info.header("CSeq").split()[0])
    caller.reply(bye, 200, "OK")
    assert proxy.cdr(call.call_id)["ended_by"] == "callee"


# --- other requests


FORGED = {
    "second Route": ({"routes": "{ours}, " + AWAY}, 403),
    "Route to elsewhere": ({"routes": AWAY}, 403),
    "elsewhere first": ({"routes": AWAY + ", {ours}"}, 403),
    "no Route": ({"routes": ""}, 403),
    "other target": ({"uri": "sip:premium@127.0.0.98:5060"}, 403),
    "Max-Forwards 1": ({"Max_Forwards": "1"}, 483),
    "Require": ({"Require": "nosuch"}, 420),
}


@pytest.mark.parametrize("method", ["INFO", "INVITE", "UPDATE"])
@pytest.mark.parametrize(("headers", "code"), FORGED.values(), ids=FORGED)
def test_a_request_on_another_way_is_refused(
    proxy: Proxy,
    caller: Agent,
    gateway: Agent,
    agent: Callable[..., Agent],
    method: str,
    headers: dict[str, str],
    code: int,
) -> None:
    """Nothing reaches the gateway or anybody else; the call and its CSeq are as before."""
    elsewhere = agent("127.0.0.98", 5060)
    call, _ = answer(caller, gateway)
    call.request(method, **{name: value.replace("{ours}", ours(call)) for name, value in headers.items()})
    assert final(caller, call) == code
    gateway.expect_silence(call.call_id)
    elsewhere.expect_silence(call.call_id, 0)
    assert is_talking(proxy, call)
    hang_up(call, gateway)


@pytest.mark.parametrize("method", ["REFER", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "OPTIONS"])
def test_methods_that_start_something_else_are_not_allowed(
    proxy: Proxy, caller: Agent, gateway: Agent, method: str
) -> None:
    """A transfer or a message would be a leg that nobody pays."""
    call, _ = answer(caller, gateway)
    call.request(method)
    assert final(caller, call) == 405
    gateway.expect_silence(call.call_id)
    hang_up(call, gateway)


@pytest.mark.parametrize("method", ["INVITE", "INFO", "UPDATE", "PRACK", "BYE"])
def test_an_invented_to_tag_is_unknown(proxy: Proxy, caller: Agent, gateway: Agent, method: str) -> None:
    """With our Route and a fresh Call-ID: 481 where a stock proxy relays."""
    call = Call(caller, "0033123")
    call.to_tag, call.target = "invented", f"sip:free@{gateway.ip}:{gateway.port}"
    call.routes = (f"sip:{proxy.ip}:{proxy.port};lr",)
    call.request(method)
    assert final(caller, call) == 481
    gateway.expect_silence(call.call_id)


@pytest.mark.parametrize("method", ["INVITE", "INFO", "UPDATE", "PRACK", "BYE", "ACK"])
def test_while_it_rings_an_invented_to_tag_is_unknown(proxy: Proxy, caller: Agent, gateway: Agent, method: str) -> None:
    """Kamailio's dialog module would know any tag then."""
    call, ring = ringing(caller, gateway)
    call.take(ring)
    call.to_tag = "invented"
    call.request(method)
    if method == "ACK":
        caller.expect_silence(call.call_id)
    else:
        assert final(caller, call) == 481
    gateway.expect_silence(call.call_id)
    call.cseq, call.to_tag = 1, ""


def test_while_it_rings_prack_and_update_pass_to_the_ringing_side(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """With the To-tag and Contact of its 18x, and no other target or Route."""
    call, ring = ringing(caller, gateway)
    call.take(ring)
    for method in ("PRACK", "UPDATE"):
        call.request(method)
        gateway.reply(gateway.expect(method), 200, "OK")
        assert final(caller, call) == 200
    call.request("PRACK", routes=f"{ours(call)}, {AWAY}")
    assert final(caller, call) == 403
    call.request("UPDATE", uri="sip:premium@127.0.0.98:5060")
    assert final(caller, call) == 403
    call.request("INFO")
    assert final(caller, call) == 481
    gateway.expect_silence(call.call_id)


def ringing(caller: Agent, gateway: Agent) -> tuple[Call, Message]:
    """A call whose gateway has said 180, and that 180."""
    call = Call(caller, "0033123")
    call.invite()
    gateway.reply(gateway.expect("INVITE", Call_ID=call.call_id), 180, "Ringing", tag="early")
    return call, caller.expect(180)


def test_an_ack_to_elsewhere_goes_nowhere(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """ACK is never answered, so that it would make a quiet relay."""
    elsewhere = agent("127.0.0.98", 5060)
    call, _ = answer(caller, gateway)
    call.ack(routes=AWAY)
    call.ack(uri="sip:x@127.0.0.98:5060")
    call.ack(routes=f"{ours(call)}, {AWAY}")
    elsewhere.expect_silence(call.call_id)
    gateway.expect_silence(call.call_id)
    hang_up(call, gateway)


# --- targets that move


def test_a_caller_that_moves_is_followed(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """re-INVITE with another Contact, accepted: the BYE at the end goes there."""
    call, back = answer(caller, gateway)
    new = agent(caller.ip)
    call.request("INVITE", Contact=f"<sip:moved@{new.ip}:{new.port}>")
    again = gateway.expect("INVITE")
    gateway.reply(again, 200, "OK")
    caller.expect(200, CSeq="INVITE")
    call.ack()
    gateway.expect("ACK")
    back.target = again.contact
    assert back.target == f"sip:441632960000@{new.ip}:{new.port}"
    back.request("INFO")
    new.reply(new.expect("INFO"), 200, "OK")
    back.request("BYE")
    bye = new.expect("BYE")
    assert bye.uri == f"sip:moved@{new.ip}:{new.port}"
    new.reply(bye, 200, "OK")
    assert len(proxy.cdrs(call.call_id)) == 1


@pytest.mark.parametrize("contact", ["<sip:gw@127.0.0.11:99999>", "<sip:gw@127.0.0.11;x=@y>", None])
def test_an_answer_with_no_target_moves_nobody(
    proxy: Proxy, caller: Agent, gateway: Agent, contact: str | None
) -> None:
    """The gateway accepts a re-INVITE with a Contact that Kamailio can't read: the caller keeps the one it has, and can
    hang up. Else its BYE, which is sent to that Contact, would be dropped, and the call go on at its cost.
    """
    call, _ = answer(caller, gateway)
    known = call.target
    call.request("INVITE")
    gateway.reply(gateway.expect("INVITE", Call_ID=call.call_id), 200, "OK", Contact=contact)
    accepted = caller.expect(200, CSeq=f"{call.cseq} INVITE")
    assert accepted.contact == known
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    hang_up(call, gateway)
    assert len(proxy.cdrs(call.call_id)) == 1


def test_a_refused_move_changes_nothing(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """re-INVITE with another Contact, 488: requests to the caller go where they went."""
    call, back = answer(caller, gateway)
    call.request("INVITE", Contact="<sip:moved@127.0.0.98:5060>")
    gateway.reply(gateway.expect("INVITE"), 488, "Not Acceptable Here")
    assert final(caller, call) == 488
    back.request("INFO")
    caller.reply(caller.expect("INFO"), 200, "OK")
    gateway.expect(200, CSeq="INFO")
    hang_up(call, gateway)


@pytest.mark.parametrize("speaks", ["caller", "callee"])
def test_a_prack_of_an_answered_call_passes_without_a_word(
    proxy: Proxy, caller: Agent, gateway: Agent, speaks: str
) -> None:
    """Kamailio's dialog module calls it a fault of its own; the BYE that follows of its own has a CSeq that is new."""
    before = proxy.log.stat().st_size
    call, back = answer(caller, gateway)
    one, other = (call, gateway) if speaks == "caller" else (back, caller)
    for _ in range(2):
        one.request("PRACK", RAck="1 1 INVITE")
        other.reply(other.expect("PRACK", Call_ID=call.call_id), 200, "OK")
        one.agent.expect(200, CSeq=f"{one.cseq} PRACK")
    (running,) = proxy.running()
    proxy.send({"do": "cut", "call": running.hex, "by": "ada"})
    bye = other.expect("BYE", Call_ID=call.call_id)
    assert int(bye.header("CSeq").split()[0]) > one.cseq
    second = one.agent.expect("BYE", Call_ID=call.call_id)  # an answer before it would have to come again
    other.reply(bye, 200, "OK")
    one.agent.reply(second, 200, "OK")
    other.expect_silence(call.call_id, 0.7, but=bye)
    assert b"CRITICAL" not in proxy.log.read_bytes()[before:]


@pytest.mark.parametrize("method", ["ACK", "INFO", "PRACK"])
def test_who_calls_stays_unknown_in_the_call(caller: Agent, gateway: Agent, method: str) -> None:
    """The Contact of a request that moves nobody names its sender too, and so do other headers."""
    call, _ = answer(caller, gateway, Privacy="id")
    headers = {"Reply_To": "<sip:boss@192.0.2.9>", "P_Charge_Info": "<sip:boss@192.0.2.9>"}
    call.request(method, Contact=f"<sip:boss@{caller.ip}:{caller.port}>", **headers)
    request = gateway.expect(method, Call_ID=call.call_id)
    assert "boss" not in request.text
    assert request.contact == f"sip:anonymous@{caller.ip}:{caller.port}"
    if method != "ACK":
        gateway.reply(request, 200, "OK")
    hang_up(call, gateway)


@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.97", "127.0.0.12"], ids=["caller", "stranger", "other gateway"])
def test_a_forged_answer_moves_nobody(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent], host: str
) -> None:
    """A 200 that nobody asked for, with all of the call's tags: whoever is cut off by us later is the gateway, not
    whom somebody else put in its place.
    """
    call, _ = answer(caller, gateway)
    (before,) = proxy.running()
    forger = caller if host == caller.ip else agent(host)
    for from_tag, to_tag in ((call.from_tag, call.to_tag), (call.to_tag, call.from_tag)):
        if host == caller.ip and to_tag == call.from_tag:
            continue  # of itself it may say where it is
        lines = ["SIP/2.0 200 OK", f"Via: SIP/2.0/UDP {forger.ip}:{forger.port};branch=z9hG4bKforged{to_tag}"]
        lines += [f"From: <sip:a@a>;tag={from_tag}", f"To: <sip:b@b>;tag={to_tag}", f"Call-ID: {call.call_id}"]
        lines += ["CSeq: 1 INVITE", f"Contact: <sip:me@{forger.ip}:{forger.port}>", "Content-Length: 0", "", ""]
        forger.send("\r\n".join(lines))
    for end in (caller, gateway):
        end.expect_silence(call.call_id, 0.2)
    (after,) = proxy.running()
    assert (after.caller_leg, after.callee_leg) == (before.caller_leg, before.callee_leg)
    proxy.send({"do": "cut", "call": after.hex})
    for end in (caller, gateway):
        end.reply(end.expect("BYE", Call_ID=call.call_id), 200, "OK")


@pytest.mark.parametrize("side", ["caller", "callee"])
def test_a_bye_whose_uri_is_no_text_ends_the_call(proxy: Proxy, caller: Agent, gateway: Agent, side: str) -> None:
    """Both sides hear of it, and it is charged; with such bytes in a tag it is of no call."""
    call, back = answer(caller, gateway)
    speaks, other = (call, gateway) if side == "caller" else (back, caller)
    speaks.cseq += 1
    speaks.new_branch()
    stray = speaks.text("BYE").replace(f"tag={speaks.to_tag}", "tag=\xff")
    speaks.agent.send(stray.encode("latin-1"))
    speaks.agent.expect_nothing(200, CSeq="BYE")
    speaks.new_branch()
    speaks.agent.send(speaks.text("BYE", uri="sip:\xff@127.0.0.1").encode("latin-1"))
    speaks.agent.expect(200, CSeq="BYE")
    other.reply(other.expect("BYE", Call_ID=call.call_id), 200, "OK")
    assert (proxy.cdr(call.call_id)["ended_by"], proxy.running()) == (side, [])


@pytest.mark.parametrize("asks", ["caller", "callee"])
def test_who_is_neither_side_refuses_no_request_in_a_call(
    proxy: Proxy, agent: Callable[..., Agent], caller: Agent, gateway: Agent, asks: str
) -> None:
    """A 481 by the branch of a re-INVITE, with all tags: its sender would hang up. It goes nowhere, the side's own 200
    does, and so does its own refusal.
    """
    forger = agent("127.0.0.98", 5060)
    call, back = answer(caller, gateway)
    asking, other = (call, gateway) if asks == "caller" else (back, caller)
    for code in (200, 488):
        asking.request("INVITE")
        invite = other.expect("INVITE", Call_ID=call.call_id)
        forger.reply(invite, 481, "No such call")
        other.reply(invite, code)
        assert asking.agent.expect_final(call.call_id).code == code
        asking.ack()
    hang_up(call, gateway)


def test_a_callers_own_answer_to_its_update_moves_nobody(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Who knows what tm makes branches of can answer its own UPDATE in the gateway's name."""
    call, _ = answer(caller, gateway)
    (before,) = proxy.running()
    call.request("UPDATE")
    update = gateway.expect("UPDATE", Call_ID=call.call_id)
    caller.send(gateway.reply_text(update, 200, "OK", Contact=f"<sip:me@{caller.ip}:{caller.port}>"))
    assert caller.expect(200, CSeq="UPDATE").contact == before.callee_leg.contact
    (after,) = proxy.running()
    assert after.callee_leg == before.callee_leg
    hang_up(call, gateway)


@pytest.mark.parametrize("method", ["PRACK", "UPDATE"])
def test_a_callers_own_ringing_leads_nowhere(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent], method: str
) -> None:
    """An 18x in the gateway's name, with a Contact elsewhere: nobody hears it, nothing goes there for the caller."""
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 100, "Trying")
    victim = agent("127.0.0.98")
    contact = f"<sip:x@{victim.ip}:{victim.port}>"
    caller.send(gateway.reply_text(invite, 183, "Progress", tag="mine", Contact=contact))
    caller.expect_nothing(183, 0.2, Call_ID=call.call_id)
    call.to_tag, call.target, call.routes = "mine", contact.strip("<>"), (f"sip:{proxy.ip};lr",)
    call.request(method)
    assert caller.expect_answer(method, call.call_id, str(call.cseq)).code == 481
    victim.expect_silence(call.call_id, 0.2)
    gateway.reply(invite, 486, "Busy Here", tag="g")
    assert caller.expect_final(call.call_id).code == 486


@pytest.mark.parametrize("by", ["caller", "callee"])
def test_who_has_another_address_by_now_still_hangs_up(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent], by: str
) -> None:
    """The operator moves trunk and gateway in mid-call: from where requests to a side go, its BYE ends the call, and
    nothing else passes. From elsewhere, with both tags, nothing does.
    """
    call, back = answer(caller, gateway)
    moved = proxy.gateway_body(1, CARRIER, "127.0.0.91"), proxy.trunk_body(1, CUSTOMER, networks=["127.0.0.92/32"])
    proxy.send(*moved)
    try:
        ours, theirs, there = (call, caller, gateway) if by == "caller" else (back, gateway, caller)
        ours.agent = agent("127.0.0.93")
        ours.request("BYE")
        ours.agent.expect_nothing(200, 0.2)
        ours.agent = theirs
        ours.request("INVITE")
        theirs.expect(481, CSeq="INVITE")
        ours.bye()
        there.reply(there.expect("BYE", Call_ID=call.call_id), 200, "OK")
        assert proxy.cdr(call.call_id)["ended_by"] == by
    finally:
        proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11"), proxy.trunk_body(1, CUSTOMER))


def test_who_shows_no_certificate_yet_still_hangs_up(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """A trunk is given a certificate while it talks without TLS: its BYE ends the call, nobody else's does, and its
    next call needs the certificate.
    """
    call, _ = answer(caller, gateway)
    proxy.send(proxy.trunk_body(1, CUSTOMER, certificate="dns:pbx.example"))
    try:
        call.agent = agent("127.0.0.93")
        call.request("BYE")
        call.agent.expect_nothing(200, 0.2)
        call.agent = caller
        hang_up(call, gateway)
        assert proxy.cdr(call.call_id)["ended_by"] == "caller"
        Call(caller, "0033123").invite()
        assert caller.receive(0.3) is None
    finally:
        proxy.send(proxy.trunk_body(1, CUSTOMER))
