"""Redirections of gateways on the wire: inside the carrier they are followed, elsewhere the next gateway is tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.kemi.world import CARRIER
from tests.sip.agents import Agent, Call, Message
from tests.sip.calls import hang_up, ring
from tests.sip.proxy import Proxy
from tests.sip.test_credentials import CHALLENGE, CREDENTIALS, is_proven
from tests.sip.test_numbers import pick_up

OWN = "127.0.0.21"


@pytest.fixture
def house(proxy: Proxy) -> Iterator[Proxy]:
    """Gateway 1 is followed, to gateway 2 and to a host of its own."""
    body = proxy.gateway_body(1, CARRIER, "127.0.0.11")
    networks = ["127.0.0.11/32", f"{OWN}/32"]
    proxy.send(body | {"redirects": "follow", "redirect_hosts": [OWN], "networks": networks})
    yield proxy
    proxy.send(body)


def send_on(call: Call, gateway: Agent, to: str) -> None:
    """The gateway's 302; it hears its ACK."""
    last = next(one for one in reversed(gateway.seen) if one.method == "INVITE" and not one.code)
    gateway.reply(last, 302, "Moved Temporarily", tag="r", Contact=f"<{to}>")
    gateway.expect("ACK", Call_ID=call.call_id)


def test_a_host_of_the_carrier_is_called_and_talks(
    house: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """The same call and provider: requests pass both ways, one record with both attempts."""
    own = agent(OWN, 5060)
    call, _ = ring(caller, gateway)
    send_on(call, gateway, f"sip:33123;rn=33999@{OWN}")
    invite = own.expect("INVITE", Call_ID=call.call_id)
    assert invite.uri == f"sip:33123;rn=33999@{OWN}:5060"
    back = pick_up(caller, call, own, invite)
    back.request("INFO")
    caller.reply(caller.expect("INFO", Call_ID=call.call_id), 200, "OK")
    own.expect(200, CSeq="INFO")
    gateway.expect_silence(call.call_id)
    hang_up(call, own)
    (cdr,) = house.cdrs(call.call_id)
    assert [attempt[:2] for attempt in cdr["attempts"]] == [[1, 302], [1, 200]]
    assert (cdr["gateway"], cdr["cost"]["account"]) == (1, CARRIER)


def test_who_redirects_and_where_it_leads_are_both_proven_to(
    house: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """Gateway and host challenge in their turn: each gets its own answer, at its own address, and no other one's."""
    own = agent(OWN, 5060)
    body = house.gateway_body(1, CARRIER, "127.0.0.11") | CREDENTIALS
    networks = ["127.0.0.11/32", f"{OWN}/32"]
    house.send(body | {"redirects": "follow", "redirect_hosts": [OWN], "networks": networks})
    call, invite = ring(caller, gateway)
    challenge(gateway, invite, 407)
    second = gateway.expect("INVITE", Call_ID=call.call_id)
    assert is_proven(second, "Proxy-Authorization")
    send_on(call, gateway, f"sip:33123;rn=33999@{OWN}")
    third = own.expect("INVITE", Call_ID=call.call_id)
    assert third.headers("Proxy-Authorization") == []
    challenge(own, third, 401)
    last = own.expect("INVITE", Call_ID=call.call_id)
    assert (last.uri, last.header("To")) == (third.uri, third.header("To"))
    assert last.headers("Proxy-Authorization") == []
    assert is_proven(last, "Authorization")
    pick_up(caller, call, own, last)
    gateway.expect_silence(call.call_id)
    hang_up(call, own)
    (cdr,) = house.cdrs(call.call_id)
    assert [attempt[:2] for attempt in cdr["attempts"]] == [[1, 302], [1, 200]]
    assert {message.code for message in caller.seen if message.header("Call-ID") == call.call_id} <= {100, 180, 200}


def test_a_host_that_challenges_twice_has_failed(
    house: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """The caller hears 503; nobody else is shown the proof."""
    own, second = agent(OWN, 5060), agent("127.0.0.12", 5060)
    body = house.gateway_body(1, CARRIER, "127.0.0.11") | CREDENTIALS
    networks = ["127.0.0.11/32", f"{OWN}/32"]
    house.send(body | {"redirects": "follow", "redirect_hosts": [OWN], "networks": networks})
    call, _ = ring(caller, gateway)
    send_on(call, gateway, f"sip:33123@{OWN}")
    for _ in range(2):
        challenge(own, own.expect("INVITE", Call_ID=call.call_id), 401)
    assert caller.expect_final(call.call_id).code == 503
    for one in (gateway, own, second):
        one.expect_silence(call.call_id)


def challenge(agent: Agent, invite: Message, code: int) -> None:
    """It wants to know who calls; it hears its ACK."""
    name = {401: "WWW_Authenticate", 407: "Proxy_Authenticate"}[code]
    agent.reply(invite, code, "Who are you", tag="c", **{name: CHALLENGE})
    agent.expect("ACK", Call_ID=invite.header("Call-ID"))


def test_the_best_contact_is_tried_first(
    house: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """RFC 3261 8.1.3.4: by q, in whichever header it stands, not by order."""
    own, second = agent(OWN, 5060), agent("127.0.0.12", 5060)
    call, invite = ring(caller, gateway)
    worse, better = "<sip:33123@127.0.0.12>;q=0.3, <sip:33123@127.0.0.98>;q=0.4", f"<sip:33123@{OWN}>;q=0.9"
    text = gateway.reply_text(invite, 302, "Moved", tag="r", Contact=worse)
    gateway.send(text.replace("CSeq:", f"Contact: {better}\r\nCSeq:"), invite.source)
    pick_up(caller, call, own, own.expect("INVITE", Call_ID=call.call_id))
    second.expect_silence(call.call_id)
    hang_up(call, own)


@pytest.mark.usefixtures("impatient")
def test_what_else_it_named_is_tried_when_the_best_fails(
    house: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """By q: the carrier's host, which is silent, then its other gateway; what isn't its is none. When both have failed
    the next gateway of the plan is due.
    """
    own, second, third = agent(OWN, 5060), agent("127.0.0.12", 5060), agent("127.0.0.13", 5060)
    call, invite = ring(caller, gateway)
    named = f"<sip:33123@127.0.0.12>;q=0.3, <sip:33123@127.0.0.98>;q=0.4, <sip:33123@{OWN}>;q=0.9"
    gateway.reply(invite, 302, "Moved", tag="r", Contact=named)
    gateway.expect("ACK", Call_ID=call.call_id)
    own.expect("INVITE", Call_ID=call.call_id)
    asked = second.expect("INVITE", Call_ID=call.call_id)
    assert asked.uri == "sip:33123@127.0.0.12:5060"
    second.reply(asked, 503, "Full", tag="f")
    third.reply(third.expect("INVITE", Call_ID=call.call_id), 486, "Busy", tag="t")
    assert caller.expect_final(call.call_id).code == 486
    gateway.expect_silence(call.call_id)
    (cdr,) = house.cdrs(call.call_id)
    assert [attempt[:2] for attempt in cdr["attempts"]] == [[1, 302], [1, 408], [2, 503], [3, 486]]


def test_it_goes_round_in_no_circle(house: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]) -> None:
    """The host sends it to gateway 2, which is tried, and that to the first again, which isn't: the third is due."""
    own, second, third = agent(OWN, 5060), agent("127.0.0.12", 5060), agent("127.0.0.13", 5060)
    house.send(house.gateway_body(2, CARRIER, "127.0.0.12") | {"redirects": "follow"})
    call, _ = ring(caller, gateway)
    send_on(call, gateway, f"sip:33123@{OWN}")
    own.expect("INVITE", Call_ID=call.call_id)
    send_on(call, own, "sip:33123@127.0.0.12")
    second.expect("INVITE", Call_ID=call.call_id)
    send_on(call, second, "sip:33123@127.0.0.11")
    third.reply(third.expect("INVITE", Call_ID=call.call_id), 486, "Busy", tag="t")
    assert caller.expect_final(call.call_id).code == 486
    gateway.expect_silence(call.call_id)
    (cdr,) = house.cdrs(call.call_id)
    assert [attempt[:2] for attempt in cdr["attempts"]] == [[1, 302], [1, 302], [2, 302], [3, 486]]
    assert cdr["charges"][0]["micros"] == 0
    house.send(house.gateway_body(2, CARRIER, "127.0.0.12"))


@pytest.mark.parametrize("to", ["sip:33123@127.0.0.98", "sip:4490012@127.0.0.12"])
def test_nobody_is_followed_elsewhere(
    house: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent], to: str
) -> None:
    """A stranger's host, another number: no INVITE goes there; the next gateway gets the number that was called."""
    elsewhere, second = agent("127.0.0.98", 5060), agent("127.0.0.12", 5060)
    call, _ = ring(caller, gateway)
    send_on(call, gateway, to)
    invite = second.expect("INVITE", Call_ID=call.call_id)
    assert invite.uri == "sip:33123@127.0.0.12:5060"
    second.reply(invite, 486, "Busy", tag="t")
    assert caller.expect_final(call.call_id).code == 486
    elsewhere.expect_silence(call.call_id)
