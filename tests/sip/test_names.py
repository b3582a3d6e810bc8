"""Contacts and Record-Routes with names, or with transports of which the proxy has no socket: nobody's name server is
asked, so that none can make a worker wait, and each side hears the other's BYE.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.sip.agents import Agent, Call
from tests.sip.calls import answer, hang_up, ring
from tests.sip.proxy import Proxy
from tests.sip.test_numbers import pick_up

NAMES = ["sip:x@slow.example:5070;x-i=7", "sip:x@127.0.0.98;maddr=slow.example", "sips:x@slow.example"]
NAMES += ["sip:x@127.0.0.98;transport=TCP", "sip:x@127.0.0.98:5066;transport=ws", "sips:x@127.0.0.98"]
"""The proxy of these tests has UDP only."""
NAMES += ["sip:x@[::ffff:127.0.0.98]:5060", "sip:x@[::]", "sip:x@[ff02::1]:5070;x-i=7"]
"""To which nothing leaves."""


@pytest.mark.parametrize("named", NAMES)
def test_a_caller_with_a_name_is_reached_where_it_calls_from(
    proxy: Proxy, caller: Agent, gateway: Agent, named: str
) -> None:
    """The gateway gets the address in its place; its requests, and our BYE, reach the caller."""
    call = Call(caller, "0033123")
    call.invite(Contact=f"<{named}>")
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    assert f"@{caller.ip}:{caller.port}" in invite.contact
    assert "slow.example" not in invite.text
    back = pick_up(caller, call, gateway, invite)
    back.request("INFO")
    caller.reply(caller.expect("INFO", Call_ID=call.call_id), 200, "OK")
    gateway.expect(200, CSeq="INFO")
    back.bye()
    bye = caller.expect("BYE", Call_ID=call.call_id)
    assert bye.uri.startswith(f"sip:x@{caller.ip}:{caller.port}")
    caller.reply(bye, 200, "OK")
    assert proxy.cdr(call.call_id)["ended_by"] == "callee"


@pytest.mark.parametrize("named", NAMES)
def test_a_callee_with_a_name_is_reached_where_it_answers_from(
    proxy: Proxy, caller: Agent, gateway: Agent, named: str
) -> None:
    """In its 18x, its 200 and a re-INVITE of its own."""
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 183, "Progress", tag="n", Contact=f"<{named}>")
    early = caller.expect(183, Call_ID=call.call_id)
    assert f"@{gateway.ip}:{gateway.port}" in early.contact
    gateway.reply(invite, 200, "OK", tag="n", Contact=f"<{named}>")
    call.take(caller.expect(200, Call_ID=call.call_id))
    assert f"@{gateway.ip}:{gateway.port}" in call.target
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    back = Call(gateway, call.number, call_id=call.call_id, from_tag="n", cseq=100)
    back.to_tag, back.target, back.routes = call.from_tag, invite.contact, tuple(reversed(call.routes))
    back.request("INVITE", Contact="<sip:y@slow.example>")
    moving = caller.expect("INVITE", Call_ID=call.call_id)
    assert moving.contact == f"sip:y@{gateway.ip}:{gateway.port}"
    caller.reply(moving, 200, "OK")
    gateway.expect(200, CSeq="101 INVITE")
    call.target = moving.contact
    call.request("INFO")
    gateway.reply(gateway.expect("INFO", Call_ID=call.call_id), 200, "OK")
    caller.expect(200, CSeq="INFO")
    hang_up(call, gateway)
    assert len(proxy.cdrs(call.call_id)) == 1


def test_proxies_with_names_are_reached_where_they_send_from(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Of each side's Record-Routes only the next hop is ours to know: it is an address, and the others stay."""
    far, near = "<sip:far.example;lr>", "<sip:near.example:5099;lr;did=7>"
    call = Call(caller, "0033123")
    call.invite(Record_Route=f"{near}\r\nRecord-Route: {far}", Contact="<sip:x@home.example>")
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    routes = re.findall("<([^>]+)>", ", ".join(invite.headers("Record-Route")))
    assert routes[1:] == [f"sip:{caller.ip}:{caller.port};lr;did=7", "sip:far.example;lr"]
    assert invite.contact.endswith("@home.example")
    theirs = "<sip:gfar.example;lr>, <sip:gnear.example;lr>"
    gateway.reply(
        invite,
        200,
        "OK",
        tag="p",
        Contact="<sip:y@office.example>",
        Record_Route=", ".join([theirs, *invite.headers("Record-Route")]),
    )
    answered = caller.expect(200, Call_ID=call.call_id)
    call.take(answered)
    ours, *beyond = call.routes = call.routes[2:]  # as the caller's own proxies leave it
    assert beyond == [f"sip:{gateway.ip}:{gateway.port};lr", "sip:gfar.example;lr"]
    call.ack()
    assert gateway.expect("ACK", Call_ID=call.call_id).uri == "sip:y@office.example"
    back = Call(gateway, call.number, call_id=call.call_id, from_tag="p", cseq=100)
    back.to_tag, back.target, back.routes = call.from_tag, invite.contact, (ours, *routes[1:])
    back.request("INFO")
    there = caller.expect("INFO", Call_ID=call.call_id)
    assert there.header("Route").startswith(f"<sip:{caller.ip}:{caller.port};lr;did=7>")
    caller.reply(there, 200, "OK")
    gateway.expect(200, CSeq="INFO")
    call.bye()
    bye = gateway.expect("BYE", Call_ID=call.call_id)
    assert bye.uri == "sip:y@office.example"
    gateway.reply(bye, 200, "OK")
    assert proxy.cdr(call.call_id)["ended_by"] == "caller"


@pytest.mark.parametrize("contact", ["sip:a@b@slow.example", "sip:x@slow.example?Route=y"])
def test_a_name_that_can_not_be_replaced_is_refused(
    caller: Agent, gateway: Agent, agent: Callable[..., Agent], contact: str
) -> None:
    """400 at the beginning; in a call, and the call goes on."""
    call = Call(caller, "0033123")
    call.invite(Contact=f"<{contact}>")
    refused = caller.expect_final(call.call_id)
    assert refused.code == 400
    gateway.expect_silence(call.call_id)
    talking, _ = answer(caller, gateway)
    talking.request("INVITE", Contact=f"<{contact}>")
    assert caller.expect_final(talking.call_id).code == 400
    gateway.expect_silence(talking.call_id)
    talking.cseq -= 1
    hang_up(talking, gateway)
