"""The answer is gated: a 2xx passes with a grant or not at all, and a leg that must not be gets ACK and BYE."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from tests.kemi.world import CUSTOMER, LOWER, ROOT, UPPER
from tests.sip.agents import Agent, Call
from tests.sip.calls import answer, cancel, hang_up, is_talking, paid_once, ring
from tests.sip.proxy import Proxy, eventually


def is_hung_up(gateway: Agent, call: Call, tag: str, routes: tuple[str, ...] = ()) -> None:
    """The leg of a To-tag gets ACK and BYE that a strict peer takes for its dialog's own."""
    ack = gateway.expect("ACK", Call_ID=call.call_id)
    bye = gateway.expect("BYE", Call_ID=call.call_id)
    for message in (ack, bye):
        assert (message.tag("From"), message.tag("To")) == (call.from_tag, tag)
        assert tuple(message.headers("Route")) == routes
    assert ack.header("CSeq") == f"{call.cseq} ACK"
    assert int(bye.header("CSeq").split()[0]) > call.cseq
    gateway.reply(bye, 200, "OK")


def outcome(proxy: Proxy, call: Call) -> tuple[str, int]:
    """Of the one record of a call: how it ended, and what its customer pays."""
    (cdr,) = proxy.cdrs(call.call_id)
    return cdr["outcome"], cdr["charges"][0]["micros"]


def test_a_second_200_of_another_fork_is_hung_up(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """A gateway that forked sends two To-tags: the second leg ends, the first talks and is billed once."""
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 200, "OK", tag="first")
    assert caller.expect(200, Call_ID=call.call_id).tag("To") == "first"
    gateway.reply(invite, 200, "OK", tag="second")
    is_hung_up(gateway, call, "second")
    caller.expect_silence(call.call_id, 0.2)
    assert is_talking(proxy, call)
    call.to_tag, call.target = "first", f"sip:gw@{gateway.ip}:{gateway.port}"
    call.routes = (f"sip:{proxy.ip};lr",)
    call.request("BYE")
    gateway.reply(gateway.expect("BYE"), 200, "OK")
    paid_once(proxy, call)


def test_a_repeated_200_passes_and_is_not_charged_again(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The same To-tag: the caller's ACK was lost."""
    call, invite = ring(caller, gateway)
    for _ in range(3):
        gateway.reply(invite, 200, "OK", tag="one")
        call.take(caller.expect(200, Call_ID=call.call_id))
    call.ack()
    gateway.expect("ACK")
    (running,) = proxy.running()
    assert len([line for line in proxy.journal() if line["e"] == "answered" and line["call"] == running.hex]) < 2
    hang_up(call, gateway)
    paid_once(proxy, call)


def test_only_who_is_asked_rings(proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]) -> None:
    """Neither the caller's own 180, with the branch that it can work out, nor that of a gateway which was left reaches
    the caller or says when the call rang; the next one's does.
    """
    second = agent("127.0.0.12", 5060)
    call, invite = ring(caller, gateway)
    caller.send(gateway.reply_text(invite, 180, "Ringing", tag="mine"))
    caller.expect_nothing(180, 0.2, Call_ID=call.call_id)
    gateway.reply(invite, 503, "Full", tag="g")
    asked = second.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 180, "Ringing", tag="g")
    caller.send(gateway.reply_text(invite, 180, "Ringing", tag="mine"))
    caller.expect_nothing(180, 0.2, Call_ID=call.call_id)
    second.reply(asked, 180, "Ringing", tag="s")
    caller.expect(180, Call_ID=call.call_id)
    second.reply(asked, 486, "Busy Here", tag="s")
    assert caller.expect_final(call.call_id).code == 486
    cdr = proxy.cdr(call.call_id)
    rang = [bool(ring_ms) for *_, ring_ms, _ in cdr["attempts"]]
    assert rang == [False, True]
    assert cdr["ring_ms"] - cdr["start_ms"] >= 400


def test_a_200_and_a_refusal_at_once_leave_nobody_talking_for_free(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Two processes take them. Either the call talks, or it has failed, costs nothing, and its leg is hung up; so is
    the caller where neither could be held back.
    """
    for _ in range(10):
        call, invite = ring(caller, gateway)
        gateway.reply(invite, 200, "OK", tag="to")
        gateway.reply(invite, 486, "Busy Here", tag="to")
        codes = finals(caller, call)
        if codes == {200}:
            hang_up(call, gateway)
            assert outcome(proxy, call)[0] == "answered"
            continue
        for side in (caller, gateway) if 200 in codes else (gateway,):
            side.reply(side.expect("BYE", Call_ID=call.call_id), 200, "OK")
        assert outcome(proxy, call) == ("failed", 0)


def finals(caller: Agent, call: Call) -> set[int]:
    """The final answers that its caller hears in a moment, each acknowledged."""
    codes = set()
    end = time.monotonic() + 0.2
    while (message := caller.receive(end - time.monotonic())) is not None:
        if message.code >= 200 and message.method == "INVITE" and message.header("Call-ID") == call.call_id:
            codes.add(message.code)
            if message.code < 300:
                call.take(message)
                call.ack()
            else:
                caller.send(call.text("ACK", To=message.header("To"), uri=f"sip:{call.number}@kambill", routes=""))
    return codes


@pytest.mark.parametrize("cseq", ["1x", "1_0", "\u0663", "+1", "0" * 10 + "1"])
def test_a_reply_whose_cseq_is_no_number_answers_nothing(
    proxy: Proxy, caller: Agent, gateway: Agent, cseq: str
) -> None:
    """No fault, and nobody hears it: an 18x and a refusal count for nothing, a 2xx has no leg to talk on."""
    call, invite = ring(caller, gateway)
    for code in (180, 486):
        gateway.send(gateway.reply_text(invite, code, "X", tag="x").replace("CSeq: 1 ", f"CSeq: {cseq} "))
    caller.expect_nothing(180, 0.2, Call_ID=call.call_id)
    assert len(proxy.running()) == 1
    gateway.send(gateway.reply_text(invite, 200, "OK", tag="x").replace("CSeq: 1 ", f"CSeq: {cseq} "))
    gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")
    caller.expect_nothing(200, 0.2, Call_ID=call.call_id)
    assert outcome(proxy, call) == ("failed", 0)


UNREACHABLE = {
    "no Contact": None,
    "two Contacts": "<sip:a@127.0.0.11:5060>, <sip:b@127.0.0.11:5060>",
    "no port": "<sip:a@127.0.0.11:99999>",
    "an @ too many": "<sip:a@127.0.0.11;x=@y>",
    "no user": "<sip:@127.0.0.11>",
    "a quotation mark": '<sip:a"b@127.0.0.11:5060>',
}
"""The last ones Kamailio can't read: it would drop the caller's BYE, which carries them, and the call would go on."""


@pytest.mark.parametrize("contact", UNREACHABLE.values(), ids=UNREACHABLE)
def test_a_200_without_a_contact_is_no_answer(proxy: Proxy, caller: Agent, gateway: Agent, contact: str | None) -> None:
    """Nobody could send it a BYE: the caller gets 503, nothing is charged."""
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 200, "OK", tag="bare", Contact=contact)
    is_hung_up(gateway, call, "bare")
    refused = caller.expect_final(call.call_id)
    assert refused.code == 503
    call.to_tag = refused.tag("To")
    call.ack()
    assert outcome(proxy, call) == ("failed", 0)
    assert proxy.account(CUSTOMER).held == 0


@pytest.mark.parametrize("routes", ["{ours}, {more}", "{ours}, {ours}"], ids=["another's", "ours again"])
def test_a_200_with_record_routes_that_nobody_has_sent_is_no_answer(
    proxy: Proxy, caller: Agent, gateway: Agent, routes: str
) -> None:
    """Below ours, where those of the caller's proxies stand: Kamailio's dialog would send its BYE to ourselves, and the
    gateway's leg run on.
    """
    call, invite = ring(caller, gateway)
    ours = invite.header("Record-Route")
    said = gateway.reply_text(invite, 200, "OK", tag="long")
    more = routes.format(ours=ours, more="<sip:127.0.0.11:5060;lr>")
    gateway.send(said.replace(f"Record-Route: {ours}", f"Record-Route: {more}"))
    is_hung_up(gateway, call, "long")
    refused = caller.expect_final(call.call_id)
    assert refused.code == 503
    call.to_tag = refused.tag("To")
    call.ack()
    assert outcome(proxy, call) == ("failed", 0)


def test_a_200_by_a_branch_that_is_none_of_ours(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """A Via on top that we have not written: no fault, no answer; that one is hung up, and the gateway's own counts."""
    call, invite = ring(caller, gateway)
    text = gateway.reply_text(invite, 200, "OK", tag="via")
    gateway.send(text.replace("Via:", "Via: SIP/2.0/UDP 127.0.0.98;branch=zz\r\nVia:", 1), invite.source)
    gateway.expect("BYE", Call_ID=call.call_id)
    caller.expect_nothing(200, 0.2, Call_ID=call.call_id)
    gateway.reply(invite, 200, "OK", tag="t")
    call.take(caller.expect(200, Call_ID=call.call_id))
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    hang_up(call, gateway)
    paid_once(proxy, call)


@pytest.mark.parametrize("tag", ["first", "same"])
def test_an_answer_to_an_invite_that_was_given_up_is_not_the_next_ones(
    proxy: Proxy, caller: Agent, gateway: Agent, tag: str
) -> None:
    """Both have one Call-ID and From-tag: the dearer number would talk at the price of the other one. Before the second
    one's answer, and after it.
    """
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 180, "Ringing", tag=tag)
    caller.expect(180, Call_ID=call.call_id)
    cancel(call)
    again = Call(caller, "0049123", call_id=call.call_id, from_tag=call.from_tag, cseq=2)
    again.invite()
    second = gateway.expect("INVITE", Call_ID=call.call_id, CSeq="2 INVITE")
    gateway.reply(invite, 200, "OK", tag=tag)
    is_hung_up(gateway, call, tag)
    assert caller.expect_final(call.call_id).header("CSeq") == "1 INVITE"
    assert not is_talking(proxy, call)
    gateway.reply(second, 200, "OK", tag="same")
    again.take(caller.expect(200, Call_ID=call.call_id, CSeq="2 INVITE"))
    again.ack()
    assert is_talking(proxy, again)
    gateway.reply(invite, 200, "OK", tag=tag, Contact=f"<sip:elsewhere@{gateway.ip}:{gateway.port}>")
    caller.expect_nothing(200, 0.2, Call_ID=call.call_id)
    hang_up(again, gateway)
    cancelled, talked = proxy.cdrs(call.call_id)
    assert (cancelled["outcome"], cancelled["called"]) == ("cancelled", "33123")
    assert (talked["outcome"], talked["called"], talked["charges"][0]["micros"]) == ("answered", "49123", 60_000)


@pytest.mark.parametrize("talks", [True, False])
def test_an_answer_with_another_calls_tags_turned_round_is_not_of_it(
    proxy: Proxy, caller: Agent, gateway: Agent, talks: bool
) -> None:
    """Two calls of one Call-ID, the From-tag of each the To-tag of the other one. The second one's 200 would pass with
    nobody's grant, or at the first one's price: it is hung up, and costs nothing.
    """
    if talks:
        call, _ = answer(caller, gateway)
    else:
        call, invite = ring(caller, gateway)
        gateway.reply(invite, 180, "Ringing", tag="turned")
        call.to_tag = caller.expect(180, Call_ID=call.call_id).tag("To")
    other = Call(caller, "0049123", call_id=call.call_id, from_tag=call.to_tag)
    other.invite()
    second = gateway.expect("INVITE", Call_ID=call.call_id, From=f";tag={other.from_tag}")
    gateway.reply(second, 200, "OK", tag=call.from_tag)
    is_hung_up(gateway, other, call.from_tag)
    assert caller.expect_final(call.call_id).code == 487
    assert is_talking(proxy, call) is talks
    assert outcome_of(proxy, call, "49123") == ("failed", 0)
    if talks:
        hang_up(call, gateway)
    else:
        cancel(call)


def outcome_of(proxy: Proxy, call: Call, called: str) -> tuple[str, int]:
    """Of one of the calls of a Call-ID."""
    (cdr,) = [one for one in proxy.cdrs(call.call_id) if one["called"] == called]
    return cdr["outcome"], cdr["charges"][0]["micros"]


@pytest.mark.parametrize("tag", ['"a b"', ""], ids=["no word", "the caller's"])
def test_a_200_whose_tag_tells_nothing_is_no_answer(proxy: Proxy, caller: Agent, gateway: Agent, tag: str) -> None:
    """Requests could not be told by it: the leg is hung up, the caller gets 503, nothing is charged."""
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 200, "OK", tag=tag or call.from_tag)
    gateway.expect("BYE", Call_ID=call.call_id)
    refused = caller.expect_final(call.call_id)
    assert refused.code == 503
    call.to_tag = refused.tag("To")
    call.ack()
    assert outcome(proxy, call) == ("failed", 0)


def test_an_answer_that_nobody_can_pay_is_hung_up(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """A correction took the money while it rang, hold and all: 402 to the caller, no charge."""
    call, invite = ring(caller, gateway)
    before = proxy.account(CUSTOMER).balance
    proxy.send({"do": "credit", "account": CUSTOMER, "micros": -2 * before})
    gateway.reply(invite, 200, "OK", tag="poor", Record_Route=None)
    refused = caller.expect_final(call.call_id)
    is_hung_up(gateway, call, "poor")
    call.to_tag = refused.tag("To")
    call.ack()
    proxy.send({"do": "credit", "account": CUSTOMER, "micros": 2 * before})
    assert refused.code == 402
    assert outcome(proxy, call) == ("failed", 0)


@pytest.mark.parametrize(("who", "parent", "code"), [(CUSTOMER, LOWER, 403), (UPPER, ROOT, 503)])
def test_a_call_of_whom_was_suspended_meanwhile_is_not_answered(
    proxy: Proxy, caller: Agent, gateway: Agent, who: int, parent: int, code: int
) -> None:
    """The 200 comes before the meter has looked: the leg is hung up, the caller told, nothing charged or held."""
    call, invite = ring(caller, gateway)
    proxy.send(proxy.account_body(who, parent=parent, state="suspended"))
    gateway.reply(invite, 200, "OK", tag="s", Record_Route=None)
    refused = caller.expect_final(call.call_id)
    is_hung_up(gateway, call, "s")
    call.to_tag = refused.tag("To")
    call.ack()
    assert refused.code == code
    assert outcome(proxy, call) == ("failed", 0)
    assert (proxy.account(who).held, proxy.running()) == (0, [])


def test_a_leg_beyond_a_proxy_is_hung_up_by_its_route(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """A denied 2xx that came through two proxies of the carrier: Routes in their order, back to where it came from."""
    call, invite = ring(caller, gateway)
    record_routes = "<sip:127.0.0.77;lr>, <sip:127.0.0.11;lr>, " + invite.header("Record-Route")
    gateway.reply(invite, 200, "OK", tag="far", Contact=None, Record_Route=record_routes)
    is_hung_up(gateway, call, "far", ("<sip:127.0.0.11;lr>", "<sip:127.0.0.77;lr>"))


@pytest.mark.usefixtures("impatient")
def test_cancel_before_any_1xx_and_a_late_200(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The caller has its 487; the gateway's late 200 reaches nobody, its leg ends, nothing is charged."""
    call, invite = ring(caller, gateway)
    call.cancel()
    gone = caller.expect(487)
    call.to_tag = gone.tag("To")
    call.ack()
    gateway.reply(invite, 200, "OK", tag="late")
    is_hung_up(gateway, call, "late")
    caller.expect_nothing(200, 0.3, Call_ID=call.call_id, CSeq="INVITE")
    assert outcome(proxy, call) == ("cancelled", 0)


def test_a_200_after_the_cancel_is_hung_up(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The gateway was quicker than its CANCEL: the caller has 487, nobody pays."""
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 180, "Ringing", tag="x")
    caller.expect(180)
    cancel(call)
    gateway.expect("CANCEL")
    gateway.reply(invite, 200, "OK", tag="x")
    is_hung_up(gateway, call, "x")
    assert caller.expect_final(call.call_id).code == 487
    assert outcome(proxy, call) == ("cancelled", 0)


def test_a_cancel_after_the_200_is_too_late(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """RFC 3261 9.2: it has no effect; the call is up until somebody hangs up."""
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 200, "OK", tag="x")
    call.take(caller.expect(200, CSeq="INVITE"))
    call.to_tag, tag = "", call.to_tag
    cancel_text = call.text("CANCEL", uri=f"sip:{call.number}@{proxy.ip}:{proxy.port}", routes="", Contact=None)
    caller.send(cancel_text)
    caller.expect(200, CSeq="CANCEL")
    call.to_tag = tag
    call.ack()
    gateway.expect("ACK")
    assert is_talking(proxy, call)
    hang_up(call, gateway)
    paid_once(proxy, call)


def test_whichever_is_first_the_caller_and_the_bill_agree(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """CANCEL and 200 at offsets of -3 to +3 ms: 487 is free and hung up, 200 is a call with one charge."""
    for offset in range(-30, 31, 4):
        call, invite = ring(caller, gateway)
        gateway.reply(invite, 180, "Ringing", tag="x")
        caller.expect(180, Call_ID=call.call_id)
        steps = [call.cancel, lambda: gateway.reply(invite, 200, "OK", tag="x")]  # noqa: B023
        for step in steps if offset < 0 else reversed(steps):
            step()
            time.sleep(abs(offset) / 10_000)
        answer = caller.expect_final(call.call_id)
        while "INVITE" not in answer.header("CSeq"):
            answer = caller.expect_final(call.call_id)
        if answer.code == 200:
            call.take(answer)
            call.ack()
            gateway.expect("ACK", Call_ID=call.call_id)
            hang_up(call, gateway)
            paid_once(proxy, call)
        else:
            assert answer.code == 487
            is_hung_up(gateway, call, "x")
            assert outcome(proxy, call) == ("cancelled", 0)
        gateway.reply_to_all("CANCEL", call.call_id, 0.01)
    assert proxy.account(CUSTOMER).held == 0


def test_cancel_from_elsewhere_is_not_heard(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """The INVITE's own branch, from an address that isn't its trunk's."""
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 180, "Ringing", tag="x")
    caller.expect(180)
    agent("127.0.0.99").send(call.text("CANCEL", Contact=None))
    gateway.expect_nothing("CANCEL", 0.3, Call_ID=call.call_id)
    call.cancel()
    gateway.reply(gateway.expect("CANCEL", Call_ID=call.call_id), 200, "OK")
    gateway.reply(invite, 487, "Request Terminated", tag="x")
    assert caller.expect(487).code == 487
    assert outcome(proxy, call) == ("cancelled", 0)


@pytest.mark.usefixtures("impatient")
def test_a_late_answer_of_the_first_gateway_is_hung_up(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """After the fail-over only the second gateway may answer: the call is its, and its provider's."""
    second = agent("127.0.0.12", 5060)
    call, invite = ring(caller, gateway)
    other = second.expect("INVITE")
    gateway.reply(invite, 200, "OK", tag="slow")
    is_hung_up(gateway, call, "slow")
    caller.expect_nothing(200, 0.1)
    second.reply(other, 200, "OK", tag="quick")
    call.take(caller.expect(200, CSeq="INVITE"))
    call.ack()
    assert call.to_tag == "quick"
    hang_up(call, second)
    assert proxy.cdr(call.call_id)["gateway"] == 2


@pytest.mark.usefixtures("impatient")
def test_both_gateways_answer_at_once(proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]) -> None:
    """Whatever order the workers take them in: one leg talks, the other is hung up, the caller hears one answer."""
    second = agent("127.0.0.12", 5060)
    call, invite = ring(caller, gateway)
    other = second.expect("INVITE")
    second.reply(other, 200, "OK", tag="quick")
    gateway.reply(invite, 200, "OK", tag="slow")
    call.take(caller.expect(200, CSeq="INVITE"))
    call.ack()
    assert call.to_tag == "quick"
    is_hung_up(gateway, call, "slow")
    assert not [message for message in caller.seen if message.code >= 300]
    hang_up(call, second)
    assert len(proxy.cdrs(call.call_id)) == 1


def test_stray_replies_go_nowhere(proxy: Proxy, gateway: Agent, agent: Callable[..., Agent]) -> None:
    """A 200 with a second Via: a stock proxy would reflect it to whoever that names."""
    victim = agent("127.0.0.97", 5060)
    gateway.send(
        f"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {proxy.ip}:{proxy.port};branch=z9hG4bKnone\r\n"
        f"Via: SIP/2.0/UDP {victim.ip}:{victim.port};branch=z9hG4bKx\r\n"
        "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: stray\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    )
    assert victim.receive(0.3) is None


@pytest.mark.parametrize("contact", ["<sip:gw@127.0.0.11:5060>", "<sip:victim@127.0.0.97:5060>", None])
def test_a_200_of_an_invite_that_nobody_remembers_is_hung_up(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent], contact: str | None
) -> None:
    """Its leg would run on at the carrier. However often it comes there is one BYE, said again, and nothing for whom
    its Contact names.
    """
    victim = agent("127.0.0.97", 5060)
    call, invite = ring(caller, gateway)
    tag, call.call_id = call.call_id, f"late-{call.call_id}"
    text = gateway.reply_text(invite, 200, "OK", tag="late", Contact=contact).replace(tag, call.call_id)
    vias = []
    for _ in range(3):
        gateway.send(text)
        assert gateway.expect("ACK", Call_ID=call.call_id).header("CSeq") == "1 ACK"
        bye = gateway.expect("BYE", Call_ID=call.call_id, CSeq="2 BYE")
        assert (bye.tag("From"), bye.tag("To"), bye.headers("Route")) == (call.from_tag, "late", [])
        vias.append(bye.header("Via"))
    assert len({*vias}) == 1
    gateway.reply(bye, 200, "OK")
    assert victim.receive(0.2) is None
    call.call_id = tag
    cancel(call)


FOREIGN = {
    "branch": (r"branch=z9hG4bK[^;\s]+", "branch=z9hG4bK1.2.0"),
    "via": (r"^Via: SIP/2.0/UDP [^;]+", "Via: SIP/2.0/UDP 127.0.0.98:5060"),
}


@pytest.mark.parametrize("what", [*FOREIGN, "address"])
def test_a_200_of_nothing_that_is_not_of_our_invites_is_not_answered(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent], what: str
) -> None:
    """Of another branch than ours, to another Via, or from an address that is nobody's."""
    call, invite = ring(caller, gateway)
    text = gateway.reply_text(invite, 200, "OK", tag="late").replace(call.call_id, "of-nothing")
    sender = agent("127.0.0.98") if what == "address" else gateway
    sender.send(re.sub(*FOREIGN[what], text, count=1, flags=re.MULTILINE) if what in FOREIGN else text)
    sender.expect_silence("of-nothing", 0.3)
    cancel(call)


def test_so_many_200s_of_nothing_are_answered_in_a_second(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Somebody may send them in a gateway's name."""
    call, invite = ring(caller, gateway)
    begun_s = time.monotonic()
    for number in range(100):
        gateway.send(gateway.reply_text(invite, 200, "OK", tag="late").replace(call.call_id, f"of-nothing-{number}"))
    begun = 1 + int(time.monotonic() - begun_s)
    gateway.expect_nothing("INVITE", 0.5, but=invite)
    said = [one for one in gateway.seen if "of-nothing" in one.header("Call-ID")]
    for bye in said:
        if bye.method == "BYE":
            gateway.reply(bye, 200, "OK")
    assert 20 <= len([one for one in said if one.method == "ACK"]) <= 40 * begun
    cancel(call)


def test_ringing_too_long_ends_with_the_plan(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Two seconds of ringing over all gateways; 180 again and again prolongs nothing."""
    proxy.send(proxy.plan_body(ring_timeout_s=2, failover_codes=[503]))
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 180, "Ringing", tag="x")
    rang = caller.expect(180, Call_ID=call.call_id)
    for _ in range(7):
        gateway.receive(0.2)
        gateway.reply(invite, 180, "Ringing", tag="x")
    cancel = gateway.expect("CANCEL", Call_ID=call.call_id)
    proxy.send(proxy.plan_body())
    assert 1.5 < cancel.at - rang.at < 3.5
    gateway.reply(cancel, 200, "OK")
    gateway.reply(invite, 487, "Request Terminated", tag="x")
    assert caller.expect_final(call.call_id).code in {408, 480, 487, 504}
    assert outcome(proxy, call) == ("failed", 0)


def test_a_100_that_a_caller_writes_itself_wins_it_nothing(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """The gateway is silent. The call waits there for as long as one may ring, and its end costs nothing."""
    proxy.send(proxy.plan_body(ring_timeout_s=2))
    following = agent("127.0.0.12", 5060)
    call, invite = ring(caller, gateway)
    caller.send(gateway.reply_text(invite, 100, "Trying"))
    answer = caller.expect_final(call.call_id)
    proxy.send(proxy.plan_body())
    assert (answer.code, answer.at - invite.at < 3.5) == (408, True)
    following.expect_silence(call.call_id)
    assert outcome(proxy, call) == ("failed", 0)
    assert (proxy.running(), proxy.account(CUSTOMER).held) == ([], 0)


def test_every_packet_twice_is_one_call(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """INVITE, 200, ACK and BYE each come in two copies: one hold, one charge."""
    call = Call(caller, "0033123")
    call.invite()
    caller.send(call.text("INVITE"))
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.expect_nothing("INVITE", but=invite)
    assert proxy.account(CUSTOMER).held == 10_000
    for _ in range(2):
        gateway.reply(invite, 200, "OK", tag="t")
    call.take(caller.expect(200, Call_ID=call.call_id))
    call.ack()
    call.ack()
    gateway.expect("ACK")
    call.request("BYE")
    caller.send(call.text("BYE"))
    gateway.reply(gateway.expect("BYE"), 200, "OK")
    paid_once(proxy, call)
    eventually(lambda: proxy.account(CUSTOMER).held == 0)


def test_info_and_re_invite_prolong_no_grant(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Money for six seconds: INFOs in between, BYE to both at the sixth, above all CSeqs sent."""
    account = proxy.account(CUSTOMER)
    proxy.send(
        {"do": "settings", "first_hold_s": 6}, {"do": "credit", "account": CUSTOMER, "micros": 6000 - account.balance}
    )
    call, _ = answer(caller, gateway)
    for method in ("INFO", "INVITE", "INFO"):
        call.request(method)
        gateway.reply(gateway.expect(method), 200, "OK", Contact=f"<sip:gw@{gateway.ip}:{gateway.port}>")
        caller.expect(200, CSeq=method)
        if method == "INVITE":
            call.ack()
            gateway.expect("ACK")
        time.sleep(0.5)
    bye = gateway.expect("BYE", Call_ID=call.call_id)
    assert 5.0 < bye.at - call.answered_at < 7.2
    assert int(bye.header("CSeq").split()[0]) > call.cseq
    gateway.reply(bye, 200, "OK")
    caller.reply(caller.expect("BYE"), 200, "OK")
    cdr = proxy.cdr(call.call_id)
    proxy.send({"do": "settings"}, {"do": "credit", "account": CUSTOMER, "micros": account.balance})
    assert (cdr["ended_by"], cdr["charges"][0]["billed_s"]) == ("grant", 6)


def test_an_answer_that_nobody_acknowledges_ends_in_time(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The wait is 64*T1 as delivered, two seconds here: BYE to both, billed until then."""
    proxy.send({"do": "settings", "ack_wait_s": 2})
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 200, "OK", tag="x")
    caller.expect(200, CSeq="INVITE")
    gateway.reply(invite, 200, "OK", tag="x")
    gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")
    caller.reply(caller.expect("BYE"), 200, "OK")
    proxy.send({"do": "settings"})
    (cdr,) = proxy.cdrs(call.call_id)
    assert (cdr["ended_by"], cdr["duration_ms"], cdr["charges"][0]["billed_s"]) == ("system", 2000, 2)


def test_an_acknowledged_call_outlives_the_wait(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The ACK came."""
    proxy.send({"do": "settings", "ack_wait_s": 1})
    call, _ = answer(caller, gateway)
    gateway.expect_nothing("BYE", 2.5, Call_ID=call.call_id)
    assert is_talking(proxy, call)
    hang_up(call, gateway)
    proxy.send({"do": "settings"})


def test_a_second_200_without_a_contact_does_not_end_the_first_leg(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Nor its bill: the fork that nobody can reach is hung up, the call talks on."""
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 200, "OK", tag="first")
    call.take(caller.expect(200, Call_ID=call.call_id))
    call.ack()
    gateway.reply(invite, 200, "OK", tag="second", Contact=None)
    gateway.expect("ACK", Call_ID=call.call_id)
    gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")
    assert is_talking(proxy, call)
    hang_up(call, gateway)
    paid_once(proxy, call)
