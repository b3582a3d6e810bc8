"""Who calls, through a real Kamailio: a gateway sees our values only, each side its own From and To, whoever speaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.kemi.world import CARRIER, CUSTOMER
from tests.sip.agents import Agent, Call, Message
from tests.sip.calls import answer, cancel, hang_up, ring
from tests.sip.proxy import Proxy

OURS = "441632960001"
NAMED = '"A. Caller" <sip:+441632960000@127.0.0.2;x=y>;tag={tag}'


@pytest.fixture
def trunk(proxy: Proxy) -> Iterator[Callable[..., None]]:
    """Changes the trunk for one test."""
    yield lambda **fields: proxy.send(proxy.trunk_body(1, CUSTOMER, **fields))
    proxy.send(proxy.trunk_body(1, CUSTOMER))


@pytest.fixture
def carrier(proxy: Proxy) -> Iterator[Callable[..., None]]:
    """Changes gateway 1 for one test."""
    yield lambda **fields: proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11") | fields)
    proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11"))


def named(call: Call) -> str:
    """A From with everything that it may have."""
    return NAMED.format(tag=call.from_tag)


def end(call: Call, caller: Agent, gateway: Agent, invite: Message) -> Message:
    """486 through to the caller; the gateway's ACK."""
    gateway.reply(invite, 486, "Busy", tag="b")
    final = caller.expect_final(call.call_id)
    call.to_tag = final.tag("To")
    call.ack()
    return gateway.expect("ACK", Call_ID=call.call_id)


def at_gateway(proxy: Proxy, call: Call, number: str = "441632960000") -> tuple[str, str]:
    """From and To of the caller's side, as the gateway must see them."""
    return f"<sip:{number}@{proxy.ip}>;tag={call.from_tag}", "<sip:33123@127.0.0.11>"


def parties(message: Message) -> tuple[str, str]:
    """From and To."""
    assert (len(message.headers("From")), len(message.headers("To"))) == (1, 1)
    return message.header("From"), message.header("To")


def test_a_gateway_sees_our_values_and_the_caller_its_own(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """INVITE, 180, 486, and the ACK that Kamailio makes."""
    call = Call(caller, "0033123")
    call.invite(From=named(call), Contact=f'"A. Caller" <sip:alice@{caller.ip}:{caller.port};x=y>;q=1')
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    ours = at_gateway(proxy, call)
    assert parties(invite) == ours
    assert invite.headers("Contact") == [f"<sip:441632960000@{caller.ip}:{caller.port};x=y>"]
    assert (invite.header("P-Asserted-Identity"), invite.header("Privacy")) == ("", "")
    gateway.reply(invite, 180, "Ringing", tag="r")
    assert parties(caller.expect(180)) == (named(call), "<sip:0033123@kambill>;tag=r")
    gateway.reply(invite, 486, "Busy", tag="r")
    final = caller.expect_final(call.call_id)
    assert parties(final) == (named(call), f"<sip:0033123@kambill>;tag={final.tag('To')}")
    call.to_tag = final.tag("To")
    call.ack()
    ack = gateway.expect("ACK", Call_ID=call.call_id)
    assert parties(ack) == (ours[0], ours[1] + ";tag=r")
    cdr = proxy.cdr(call.call_id)
    assert (cdr["caller"], cdr["caller_sent"]) == ("441632960000", "+441632960000")


@pytest.mark.parametrize("code", [180, 183, 200])
def test_what_a_reply_says_of_people_and_networks_stays_here(
    proxy: Proxy, caller: Agent, gateway: Agent, code: int
) -> None:
    """Whom the carrier sent the call to, who pays there and what its networks are named: RFC 7044, 5806, 7315."""
    call, invite = ring(caller, gateway)
    names = ("History-Info", "Diversion", "P-Charging-Vector", "Reply-To", "P-Charge-Info", "P-Asserted-Identity", "n")
    headers = {name.replace("-", "_"): "<sip:secret@carrier.example>" for name in names}
    gateway.reply(invite, code, "Yes", tag="t", **headers, X_Other="1")
    heard = caller.expect(code, Call_ID=call.call_id)
    assert "carrier.example" not in heard.text
    assert heard.header("X-Other") == ""
    if code < 200:
        end(call, caller, gateway, invite)
        return
    call.take(heard)
    call.ack()
    hang_up(call, gateway)


def test_a_cancel_names_both_as_the_invite_did(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """It would not match otherwise."""
    call = Call(caller, "0033123")
    call.invite(From=named(call))
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 180, "Ringing", tag="r")
    caller.expect(180)
    call.cancel()
    request = gateway.expect("CANCEL", Call_ID=call.call_id)
    assert parties(request) == at_gateway(proxy, call)
    gateway.reply(request, 200, "OK")
    gateway.reply(invite, 487, "Request Terminated", tag="r")
    assert caller.expect_final(call.call_id).code in {200, 487}


def test_requests_of_both_sides_keep_each_ones_view(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """ACK, re-INVITE, INFO and UPDATE each way with their answers, and a BYE from the caller."""
    call, back = answer(caller, gateway)
    own_from, own_to = f"<sip:+441632960000@{caller.ip}>;tag={call.from_tag}", "<sip:0033123@kambill>"
    sent_from, sent_to = at_gateway(proxy, call)
    own_to, sent_to = f"{own_to};tag={call.to_tag}", f"{sent_to};tag={call.to_tag}"
    assert parties(gateway.seen[-1]) == (sent_from, sent_to)
    for method in ("INFO", "UPDATE", "INVITE"):
        call.request(method, P_Asserted_Identity="<sip:president@example.com>")
        request = gateway.expect(method, Call_ID=call.call_id)
        assert parties(request) == (sent_from, sent_to)
        assert request.header("P-Asserted-Identity") == ""
        if method != "INFO":
            assert request.headers("Contact") == [f"<sip:441632960000@{caller.ip}:{caller.port}>"]
        gateway.reply(request, 200, "OK", P_Asserted_Identity="<sip:gw@127.0.0.11>")
        ok = caller.expect(200, CSeq=method)
        assert parties(ok) == (own_from, own_to)
        assert ok.header("P-Asserted-Identity") == ""
    call.ack()
    assert parties(gateway.expect("ACK", Call_ID=call.call_id)) == (sent_from, sent_to)
    for method in ("INFO", "UPDATE", "INVITE"):
        back.request(method, From=sent_to, To=sent_from)
        request = caller.expect(method, Call_ID=call.call_id)
        assert parties(request) == (own_to, own_from)
        assert request.uri == f"sip:caller@{caller.ip}:{caller.port}"
        contact = None if method == "INFO" else f"<sip:caller@{caller.ip}:{caller.port}>"
        caller.reply(request, 200, "OK", Contact=contact)
        ok = gateway.expect(200, CSeq=method)
        assert parties(ok) == (sent_to, sent_from)
        if contact:
            assert ok.headers("Contact") == [f"<sip:441632960000@{caller.ip}:{caller.port}>"]
    back.ack(From=sent_to, To=sent_from)
    assert parties(caller.expect("ACK", Call_ID=call.call_id)) == (own_to, own_from)
    call.bye()
    bye = gateway.expect("BYE", Call_ID=call.call_id)
    assert parties(bye) == (sent_from, sent_to)
    gateway.reply(bye, 200, "OK")
    assert proxy.cdr(call.call_id)["ended_by"] == "caller"


def test_a_target_that_nobody_was_told_is_not_reached(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The gateway knows the caller's Contact by our user only."""
    call, back = answer(caller, gateway)
    back.target = f"sip:caller@{caller.ip}:{caller.port}"
    back.request("INFO")
    assert gateway.expect_final(call.call_id).code == 403
    call.bye()
    gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")
    assert [one.first_line for one in caller.seen if one.header("CSeq").endswith("INFO")] == []


def test_the_gateways_bye_reaches_the_caller_in_its_own_words(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """To as its From was, From as its To was."""
    call, back = answer(caller, gateway)
    back.request("BYE")
    assert gateway.expect_final(call.call_id).code == 200
    bye = caller.expect("BYE", Call_ID=call.call_id)
    assert parties(bye) == (
        f"<sip:0033123@kambill>;tag={call.to_tag}",
        f"<sip:+441632960000@{caller.ip}>;tag={call.from_tag}",
    )
    caller.reply(bye, 200, "OK")


@pytest.mark.parametrize("moved", [False, True], ids=["as it was", "moved"])
def test_a_cut_tells_each_side_in_its_own_words(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent], moved: bool
) -> None:
    """Kamailio's own BYEs, also to a gateway that has moved."""
    call, back = answer(caller, gateway)
    there = gateway
    if moved:
        there = agent(gateway.ip)
        back.request("INVITE", Contact=f"<sip:gw@{there.ip}:{there.port}>")
        caller.reply(caller.expect("INVITE"), 200, "OK", Contact=f"<sip:caller@{caller.ip}:{caller.port}>")
        gateway.expect(200, CSeq="INVITE")
        back.ack()
        caller.expect("ACK", Call_ID=call.call_id)
    (running,) = proxy.running()
    proxy.send({"do": "cut", "call": running.hex, "by": "test"})
    bye = there.expect("BYE", Call_ID=call.call_id)
    sent_from, sent_to = at_gateway(proxy, call)
    assert parties(bye) == (sent_from, f"{sent_to};tag={call.to_tag}")
    there.reply(bye, 200, "OK")
    other = caller.expect("BYE", Call_ID=call.call_id)
    assert parties(other)[1] == f"<sip:+441632960000@{caller.ip}>;tag={call.from_tag}"
    caller.reply(other, 200, "OK")


def test_a_late_repetition_of_the_answer_is_in_the_callers_words(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The same 200 when Kamailio has forgotten the transaction."""
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 200, "OK", tag="t")
    call.take(caller.expect(200, CSeq="INVITE"))
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    time.sleep(6.5)
    gateway.reply(invite, 200, "OK", tag="t")
    again = caller.expect(200, CSeq="INVITE")
    assert parties(again) == (f"<sip:+441632960000@{caller.ip}>;tag={call.from_tag}", "<sip:0033123@kambill>;tag=t")
    call.bye()
    gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")


def test_a_failed_over_call_names_the_second_gateway(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """One From, To and Contact each; the call goes on with the second one's."""
    second = agent("127.0.0.12", 5060)
    proxy.send(proxy.gateway_body(2, CARRIER, "127.0.0.12") | {"number_format": "plus"})
    call = Call(caller, "0033123")
    call.invite(From=named(call))
    gateway.reply(gateway.expect("INVITE", Call_ID=call.call_id), 503, "Full", tag="a")
    invite = second.expect("INVITE", Call_ID=call.call_id)
    sent = (f"<sip:+441632960000@{proxy.ip}>;tag={call.from_tag}", "<sip:+33123@127.0.0.12>")
    assert parties(invite) == sent
    assert len(invite.headers("Contact")) == 1
    second.reply(invite, 200, "OK", tag="t")
    ok = caller.expect(200, CSeq="INVITE")
    assert parties(ok) == (named(call), "<sip:0033123@kambill>;tag=t")
    call.take(ok)
    call.ack()
    assert parties(second.expect("ACK", Call_ID=call.call_id)) == (sent[0], sent[1] + ";tag=t")
    call.bye()
    bye = second.expect("BYE", Call_ID=call.call_id)
    assert parties(bye) == (sent[0], sent[1] + ";tag=t")
    second.reply(bye, 200, "OK")
    proxy.send(proxy.gateway_body(2, CARRIER, "127.0.0.12"))


# --- rules, trust, privacy


def test_a_number_that_is_not_listed_is_replaced(
    proxy: Proxy, caller: Agent, gateway: Agent, trunk: Callable[..., None]
) -> None:
    """By the first of the list; the record has what was sent beside it."""
    trunk(caller_rule="listed", caller_numbers=[OURS, "441632960000"])
    for user, shown in (("+441632960000", "441632960000"), ("+33155555", OURS), ("anything", OURS)):
        call = Call(caller, "0033123", from_user=user)
        call.invite()
        invite = gateway.expect("INVITE", Call_ID=call.call_id)
        assert parties(invite) == at_gateway(proxy, call, shown)
        end(call, caller, gateway, invite)
        assert (proxy.cdr(call.call_id)["caller"], proxy.cdr(call.call_id)["caller_sent"]) == (shown, user)


@pytest.mark.parametrize("trusted_trunk", [False, True])
@pytest.mark.parametrize("trusted_gateway", [False, True])
def test_identities_are_taken_from_and_given_to_the_trusted(
    proxy: Proxy,
    caller: Agent,
    gateway: Agent,
    trunk: Callable[..., None],
    carrier: Callable[..., None],
    trusted_trunk: bool,
    trusted_gateway: bool,
) -> None:
    """P-Asserted-Identity of the one, to the other; nobody else's."""
    trunk(trusted=trusted_trunk)
    carrier(trusted=trusted_gateway)
    call = Call(caller, "0033123")
    call.invite(P_Asserted_Identity='"X" <sip:+33155555@evil.example>, <tel:+33166666>', Remote_Party_ID="<sip:1@x>")
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    number = "33155555" if trusted_trunk else "441632960000"
    assert parties(invite) == at_gateway(proxy, call, number)
    asserted = [f"<sip:{number}@{proxy.ip}>"] if trusted_gateway else []
    assert (invite.headers("P-Asserted-Identity"), invite.headers("Remote-Party-ID")) == (asserted, [])
    end(call, caller, gateway, invite)
    assert proxy.cdr(call.call_id)["caller"] == number


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize(
    "asking", [{"Privacy": "id"}, {"From": "Anonymous <sip:anonymous@anonymous.invalid>;tag={tag}"}], ids=["id", "From"]
)
def test_who_wants_to_stay_unknown_does(
    proxy: Proxy,
    caller: Agent,
    gateway: Agent,
    trunk: Callable[..., None],
    carrier: Callable[..., None],
    trusted: bool,
    asking: dict[str, str],
) -> None:
    """Nothing of the number in what an untrusted gateway gets; a trusted one gets it, marked."""
    trunk(caller_rule="replace", caller_numbers=[OURS])
    carrier(trusted=trusted)
    call = Call(caller, "0033123", from_user=OURS)
    contact = f"<sip:{OURS}@{caller.ip}:{caller.port}>"
    call.invite(Contact=contact, **{name: value.format(tag=call.from_tag) for name, value in asking.items()})
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    assert invite.header("From") == f"<sip:anonymous@anonymous.invalid>;tag={call.from_tag}"
    assert invite.headers("Privacy") == ["id"]
    assert (OURS in invite.text) is trusted
    assert invite.headers("P-Asserted-Identity") == ([f"<sip:{OURS}@{proxy.ip}>"] if trusted else [])
    end(call, caller, gateway, invite)
    assert proxy.cdr(call.call_id)["caller"] == OURS


def test_a_private_call_lets_itself_be_hung_up_by_both(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """INFO from the gateway to the anonymous Contact, then the caller's BYE."""
    call, back = answer(caller, gateway, Privacy="id")
    assert back.target == f"sip:anonymous@{caller.ip}:{caller.port}"
    back.request("INFO")
    caller.reply(caller.expect("INFO", Call_ID=call.call_id), 200, "OK")
    gateway.expect(200, CSeq="INFO")
    call.bye()
    bye = gateway.expect("BYE", Call_ID=call.call_id)
    assert "441632960000" not in bye.text
    gateway.reply(bye, 200, "OK")


def test_a_private_call_can_be_cancelled(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """487, and nothing is charged."""
    call = Call(caller, "0033123")
    call.invite(Privacy="id")
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 180, "Ringing", tag="r")
    caller.expect(180)
    cancel(call)
    request = gateway.expect("CANCEL", Call_ID=call.call_id)
    assert "441632960000" not in request.text
    gateway.reply(request, 200, "OK")
    gateway.reply(invite, 487, "Request Terminated", tag="r")
    assert proxy.cdr(call.call_id)["outcome"] == "cancelled"
