"""Transfers on the wire: each new leg is a call of its own, held and charged, or there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.kemi.world import CARRIER, CUSTOMER, LOWER, UPPER
from tests.sip.agents import Agent, Call, Message
from tests.sip.calls import answer, hang_up, is_talking
from tests.sip.phones import Phone
from tests.sip.proxy import Proxy, eventually
from tests.sip.test_numbers import micros, pick_up

ANN, BOB, CARL = 111, 112, 113
IPS = {ANN: "127.0.0.71", BOB: "127.0.0.72", CARL: "127.0.0.73"}
Phones = dict[int, Phone]


@pytest.fixture
def house(proxy: Proxy, agent: Callable[..., Agent]) -> Iterator[Phones]:
    """Three devices of the customer that may transfer, registered."""
    proxy.send(*(proxy.device_body(one, CUSTOMER, transfers="account") for one in IPS))
    phones = {one: Phone(agent(ip, 0), user=f"d{one}") for one, ip in IPS.items()}
    for phone in phones.values():
        assert phone.register().code == 200
    yield phones
    proxy.send(*({"do": "device_gone", "id": one} for one in IPS))


def talk(house: Phones) -> tuple[Call, Call]:
    """Ann and Bob: her end, and his as a caller back."""
    ann, bob = house[ANN].agent, house[BOB].agent
    call = house[ANN].dial(f"d{BOB}")
    back = pick_up(ann, call, bob, bob.expect("INVITE", Call_ID=call.call_id))
    return call, back


def refer(call: Call, to: str) -> int:
    """The code of what comes back at once."""
    call.request("REFER", Refer_To=f"<{to}>")
    return call.agent.expect_answer("REFER", call.call_id, str(call.cseq)).code


def passed_on(sender: Call, other: Agent, to: str) -> Message:
    """The REFER as it arrives; accepted."""
    sender.request("REFER", Refer_To=f"<{to}>", Referred_By="<sip:boss@example.com>")
    there = other.expect("REFER", Call_ID=sender.call_id)
    other.reply(there, 202, "Accepted")
    assert sender.agent.expect_answer("REFER", sender.call_id, str(sender.cseq)).code == 202
    return there


def end(call: Call, other: Agent) -> None:
    """BYE, to the end on both sides."""
    call.bye()
    other.reply(other.expect("BYE", Call_ID=call.call_id), 200, "OK")


def test_who_is_sent_to_a_number_calls_it_and_pays(proxy: Proxy, house: Phones, gateway: Agent) -> None:
    """Ann sends Bob to a number outside. What he gets is ours; his call is held and charged to the cent, hers was free;
    she hears by NOTIFY how it went.
    """
    call, back = talk(house)
    bob = house[BOB]
    there = passed_on(call, bob.agent, "sip:0033123@kambill")
    assert there.header("Refer-To") == "<sip:+33123@kambill>"
    assert "boss@example.com" not in there.text
    assert there.contact.endswith(f"@{house[ANN].agent.ip}:{house[ANN].agent.port}")
    new = bob.dial("+33123")
    invite = gateway.expect("INVITE", Call_ID=new.call_id)
    assert [(one.device, one.legs[0].held) for one in proxy.running() if one.call_id == new.call_id] == [(BOB, 10_000)]
    pick_up(bob.agent, new, gateway, invite)
    back.request("NOTIFY", Event="refer;id=2", Subscription_State="terminated;reason=noresource")
    notify = house[ANN].agent.expect("NOTIFY", Call_ID=call.call_id)
    house[ANN].agent.reply(notify, 200, "OK")
    bob.agent.expect(200, CSeq="NOTIFY")
    end(call, bob.agent)
    assert is_talking(proxy, new)
    end(new, gateway)
    assert micros(proxy.cdr(call.call_id)) == {}
    cdr = proxy.cdr(new.call_id)
    seconds = -(-cdr["duration_ms"] // 1000)
    assert micros(cdr) == {CUSTOMER: seconds * 1000, LOWER: seconds * 500, UPPER: seconds * 400}


def test_who_is_called_may_refer_too(proxy: Proxy, house: Phones) -> None:
    """Bob sends Ann to Carl, by his name; her answers go back to him."""
    call, back = talk(house)
    there = passed_on(back, house[ANN].agent, f"sip:d{CARL}@{proxy.ip}:{proxy.port}")
    assert there.header("Refer-To") == f"<sip:d{CARL}@{proxy.ip}:{proxy.port}>"
    assert f"d{BOB}" in there.header("From")
    end(call, house[BOB].agent)


def test_telephones_behind_nats_and_gateways_that_choose(
    proxy: Proxy, agent: Callable[..., Agent], gateway: Agent
) -> None:
    """Ann and Bob name addresses of their own networks. REFER, NOTIFY and the new call find them where they are;
    the first gateway takes none of what Bob offers, the second is called.
    """
    second = agent("127.0.0.12", 5060)
    choices = {1: ["G729"], 2: ["PCMU"]}
    proxy.send(*(proxy.gateway_body(one, CARRIER, f"127.0.0.1{one}") | {"codecs": of} for one, of in choices.items()))
    proxy.send(*(proxy.device_body(one, CUSTOMER, transfers="account") for one in (ANN, BOB)))
    within = {one: f"sip:d{one}@192.168.1.{one}:5060" for one in (ANN, BOB)}
    ann, bob = (Phone(agent(IPS[one], 0), user=f"d{one}", contact=within[one]) for one in (ANN, BOB))
    assert bob.register().code == 200
    call = ann.dial(f"d{BOB}", Contact=f"<{within[ANN]}>")
    invite = bob.agent.expect("INVITE", Call_ID=call.call_id)
    bob.agent.reply(invite, 200, "OK", tag="b", Contact=f"<{within[BOB]}>")
    call.take(ann.agent.expect(200, Call_ID=call.call_id))
    call.ack()
    bob.agent.expect("ACK", Call_ID=call.call_id)
    back = Call(bob.agent, call.number, call_id=call.call_id, from_tag="b", cseq=100)
    back.to_tag, back.target, back.routes = call.from_tag, invite.contact, tuple(reversed(call.routes))
    there = passed_on(call, bob.agent, "sip:0033123@kambill")
    assert there.contact.endswith(f"@{ann.agent.ip}:{ann.agent.port}")
    new = bob.dial("+33123", Contact=f"<{within[BOB]}>")
    arrived = second.expect("INVITE", Call_ID=new.call_id)
    gateway.expect_silence(new.call_id, 0)
    assert arrived.contact.endswith(f"@{bob.agent.ip}:{bob.agent.port}")
    pick_up(bob.agent, new, second, arrived)
    back.request("NOTIFY", Event="refer", Subscription_State="terminated;reason=noresource")
    ann.agent.reply(ann.agent.expect("NOTIFY", Call_ID=call.call_id), 200, "OK")
    bob.agent.expect(200, CSeq="NOTIFY")
    end(call, bob.agent)
    end(new, second)
    cdr = proxy.cdr(new.call_id)
    assert (cdr["device"], [attempt[:2] for attempt in cdr["attempts"]]) == (BOB, [[2, 200]])
    proxy.send(*(proxy.gateway_body(one, CARRIER, f"127.0.0.1{one}") for one in choices))
    proxy.send(*({"do": "device_gone", "id": one} for one in (ANN, BOB)))


def test_our_name_with_our_port_is_here(proxy: Proxy, house: Phones) -> None:
    """With another port it is somebody else's: 403."""
    call, _ = talk(house)
    there = passed_on(call, house[BOB].agent, f"sip:d{CARL}@kambill:{proxy.port}")
    assert there.header("Refer-To") == f"<sip:d{CARL}@kambill:{proxy.port}>"
    assert refer(call, f"sip:d{CARL}@kambill:{proxy.port + 1}") == 403
    end(call, house[BOB].agent)


@pytest.mark.parametrize(
    "to",
    [
        "sip:0044900@127.0.0.98",
        "sip:nobody@kambill",
        "sip:0044900@kambill?Route=%3Csip:127.0.0.98%3E",
        "http://kambill",
    ],
)
def test_a_transfer_to_elsewhere_is_refused(house: Phones, to: str) -> None:
    """403, and the other side hears nothing; the call goes on."""
    call, _ = talk(house)
    assert refer(call, to) == 403
    house[BOB].agent.expect_silence(call.call_id)
    end(call, house[BOB].agent)


def test_who_may_not_transfer(proxy: Proxy, house: Phones, gateway: Agent) -> None:
    """By default nobody; never a gateway's side, and never to it: 405 or 403, and no leg."""
    proxy.send(proxy.device_body(BOB, CUSTOMER))
    call, back = talk(house)
    assert refer(call, "sip:0033123@kambill") == 403
    assert refer(back, "sip:0033123@kambill") == 405
    back.request("NOTIFY", Event="refer")
    assert back.agent.expect_answer("NOTIFY", back.call_id, str(back.cseq)).code == 405
    end(call, house[BOB].agent)
    out = house[ANN].dial("0033123")
    far = pick_up(house[ANN].agent, out, gateway, gateway.expect("INVITE", Call_ID=out.call_id))
    assert refer(out, "sip:0044900@kambill") == 403
    assert refer(far, "sip:0044900@kambill") == 405
    gateway.expect_silence(out.call_id)
    end(out, gateway)


def test_a_notify_of_something_else_does_not_pass(house: Phones) -> None:
    """Only of a REFER that went the other way."""
    call, back = talk(house)
    passed_on(call, house[BOB].agent, "sip:0033123@kambill")
    for sender, event in ((back, "presence"), (call, "refer")):
        sender.request("NOTIFY", Event=event, Subscription_State="active")
        assert sender.agent.expect_answer("NOTIFY", call.call_id, str(sender.cseq)).code == 405
    end(call, house[BOB].agent)


def take_over(phone: Phone, number: str, call: Call, **tags: Any) -> Call:
    """A device's INVITE that is to take Ann's place in her call to Bob."""
    values = {"to": call.to_tag, "frm": call.from_tag} | tags
    body = f"{call.call_id};to-tag={values['to']};from-tag={values['frm']}"
    return phone.dial(number, Replaces=body, Require="replaces")


def test_a_device_takes_over_a_call_of_its_account(proxy: Proxy, house: Phones) -> None:
    """Carl takes Ann's place at Bob: a call of its own; Bob ends the one that it replaces."""
    call, back = talk(house)
    bob, carl = house[BOB].agent, house[CARL].agent
    new = take_over(house[CARL], f"d{BOB}", call)
    invite = bob.expect("INVITE", Call_ID=new.call_id)
    assert invite.header("Replaces").startswith(call.call_id)
    assert len(proxy.running()) == 2
    pick_up(carl, new, bob, invite)
    back.bye()
    house[ANN].agent.reply(house[ANN].agent.expect("BYE", Call_ID=call.call_id), 200, "OK")
    assert proxy.cdr(call.call_id)["ended_by"] == "callee"
    assert is_talking(proxy, new)
    end(new, bob)
    cdr = proxy.cdr(new.call_id)
    assert (cdr["device"], cdr["to_device"], cdr["outcome"]) == (CARL, BOB, "answered")


def test_who_takes_no_call_over(proxy: Proxy, house: Phones, gateway: Agent) -> None:
    """A dialog that there isn't, somebody outside, a device of another account, one that may not: 403."""
    call, _ = talk(house)
    carl = house[CARL]
    attempts = [
        take_over(carl, f"d{BOB}", call, to="invented"),
        take_over(carl, "0033123", call),
        take_over(carl, f"d{ANN}", call),
    ]
    proxy.send(proxy.device_body(CARL, LOWER, transfers="anyone"))
    attempts.append(take_over(carl, f"d{BOB}", call))
    proxy.send(proxy.device_body(CARL, CUSTOMER))
    attempts.append(take_over(carl, f"d{BOB}", call))
    assert [carl.agent.expect_final(one.call_id).code for one in attempts] == [403] * 5
    for one in attempts:
        house[BOB].agent.expect_silence(one.call_id, 0)
        gateway.expect_silence(one.call_id, 0)
    end(call, house[BOB].agent)
    eventually(lambda: proxy.running() == [])


def test_a_trunk_takes_nothing_over(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Whatever it may otherwise."""
    proxy.send(proxy.trunk_body(1, CUSTOMER, transfers="anyone"))
    talking, _ = answer(caller, gateway)
    call = Call(caller, "0033123")
    call.invite(Replaces=f"{talking.call_id};to-tag={talking.to_tag};from-tag={talking.from_tag}")
    assert caller.expect_final(call.call_id).code == 403
    hang_up(talking, gateway)
    proxy.send(proxy.trunk_body(1, CUSTOMER))
