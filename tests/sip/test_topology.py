"""Topology hiding: neither side of a call sees anything of the other's network, and every check still holds."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.sip.agents import Agent, Call, Message
from tests.sip.proxy import Proxy, eventually

HIDING = "#!define WITH_TOPOLOGY_HIDING\n#!define KAMBILL_MASK_KEY a-secret-of-this-test\n"
CALLER, GATEWAY, BEYOND = "127.0.0.2", "127.0.0.11", "192.0.2.33"
"""`BEYOND`: a proxy behind either side, in its Via and Record-Route."""


@pytest.fixture(scope="module", params=[True, False], ids=["hiding", "open"])
def edge(request: pytest.FixtureRequest) -> Iterator[tuple[Proxy, bool]]:
    """With it and without."""
    proxy = Proxy(local=HIDING if request.param else "")
    try:
        proxy.start()
        proxy.furnish()
        yield proxy, request.param
    finally:
        proxy.close()


def told(message: Message, *addresses: str) -> list[str]:
    """The lines of a message's head that name an address. What the ends themselves write into From and To stays."""
    lines = message.text.partition("\r\n\r\n")[0].split("\r\n")
    lines = [line for line in lines if not line.startswith(("From:", "To:"))]
    return [line for line in lines if any(address in line for address in addresses)]


def check(message: Message, *addresses: str, hidden: bool) -> None:
    """That nothing is told of the other side where it is hidden."""
    assert not hidden or told(message, *addresses) == []


@pytest.mark.parametrize("mark", [None, "dih", "of a peer's own"])
def test_a_call_through_it(edge: tuple[Proxy, bool], mark: str | None) -> None:
    """INVITE, 180, 200, ACK, re-INVITE from both sides, INFO, BYE: each message that arrives is looked at. What either
    side writes as if it were hidden hides nothing less.
    """
    proxy, hidden = edge
    caller, gateway = Agent(CALLER, 0, (proxy.ip, proxy.port)), Agent(GATEWAY, 5060, (proxy.ip, proxy.port))
    try:
        call = Call(caller, "0033123", call_id=f"77-{os.urandom(4).hex()}")
        via = f"SIP/2.0/UDP {CALLER}:{caller.port};branch={call.branch}, SIP/2.0/UDP {BEYOND};branch=z9hG4bKbeyond"
        call.invite(Via=via, TH=mark, User_Agent="Acme", Geolocation="<sip:acme>", Subject="Acme")
        invite = gateway.expect("INVITE", Call_ID=call.call_id)
        assert [invite.header(name) for name in ("TH", "User-Agent", "Geolocation", "Subject")] == [""] * 4
        check(invite, CALLER, BEYOND, hidden=hidden)
        assert hidden or (told(invite, CALLER) and told(invite, BEYOND))
        gateway.reply(invite, 180, "Ringing", tag="gw")
        check(caller.expect(180), GATEWAY, hidden=hidden)
        gateway.reply(invite, 200, "OK", tag="gw", TH=mark, Server="Acme")
        answer = caller.expect(200)
        assert (answer.header("TH"), answer.header("Server")) == ("", "")
        check(answer, GATEWAY, hidden=hidden)
        call.take(answer)
        call.ack()
        check(gateway.expect("ACK", Call_ID=call.call_id), CALLER, hidden=hidden)
        (running,) = proxy.running()
        assert running.callee_leg is not None
        assert GATEWAY in running.callee_leg.contact
        for method in ("INFO", "INVITE", "UPDATE"):
            call.request(method, Contact=f"<sip:caller@{CALLER}:{caller.port}>")
            request = gateway.expect(method, Call_ID=call.call_id)
            check(request, CALLER, hidden=hidden)
            gateway.reply(request, 200, "OK", tag="gw")
            accepted = caller.expect(200, CSeq=method)
            check(accepted, GATEWAY, hidden=hidden)
            if method == "INVITE":
                call.ack()
                check(gateway.expect("ACK", Call_ID=call.call_id), CALLER, hidden=hidden)
        back = Call(gateway, "0033123", call_id=invite.header("Call-ID"), from_tag="gw", cseq=50)
        back.to_tag, back.target = call.from_tag, invite.contact
        routes = [one.strip("<>") for header in invite.headers("Record-Route") for one in header.split(",")]
        back.routes = tuple(routes)
        back.request("INFO")
        request = caller.expect("INFO")
        check(request, GATEWAY, hidden=hidden)
        caller.reply(request, 200, "OK")
        check(gateway.expect(200, CSeq="INFO"), CALLER, hidden=hidden)
        call.request("BYE")
        check(caller.expect(200, CSeq="BYE"), GATEWAY, hidden=hidden)
        bye = gateway.expect("BYE", Call_ID=call.call_id)
        check(bye, CALLER, hidden=hidden)
        gateway.reply(bye, 200, "OK")
        assert [cdr["ended_by"] for cdr in proxy.cdrs(call.call_id)] == ["caller"]
    finally:
        caller.close()
        gateway.close()


def test_our_own_byes_are_hidden_too(edge: tuple[Proxy, bool]) -> None:
    """A second fork's leg that is hung up, a gateway's BYE, and a call that is cut: all the BYEs that we write."""
    proxy, hidden = edge
    caller, gateway = Agent(CALLER, 0, (proxy.ip, proxy.port)), Agent(GATEWAY, 5060, (proxy.ip, proxy.port))
    try:
        call = Call(caller, "0033123", call_id=f"78-{os.urandom(4).hex()}")
        call.invite()
        invite = gateway.expect("INVITE", Call_ID=call.call_id)
        gateway.reply(invite, 200, "OK", tag="first")
        call.take(caller.expect(200))
        call.ack()
        gateway.expect("ACK", Call_ID=call.call_id)
        gateway.reply(invite, 200, "OK", tag="second")
        ack = gateway.expect("ACK", Call_ID=call.call_id)
        bye = gateway.expect("BYE", Call_ID=call.call_id)
        assert (ack.tag("To"), bye.tag("To")) == ("second", "second")
        assert (ack.header("Call-ID"), bye.header("Call-ID")) == (invite.header("Call-ID"),) * 2
        check(ack, CALLER, hidden=hidden)
        check(bye, CALLER, hidden=hidden)
        gateway.reply(bye, 200, "OK")
        (running,) = proxy.running()
        proxy.send({"do": "cut", "call": running.hex})
        to_caller, to_gateway = (end.expect("BYE", Call_ID=call.call_id) for end in (caller, gateway))
        check(to_caller, GATEWAY, hidden=hidden)
        check(to_gateway, CALLER, hidden=hidden)
        assert to_gateway.header("Call-ID") == invite.header("Call-ID")
        caller.reply(to_caller, 200, "OK")
        gateway.reply(to_gateway, 200, "OK")
        eventually(lambda: proxy.running() == [])
    finally:
        caller.close()
        gateway.close()
