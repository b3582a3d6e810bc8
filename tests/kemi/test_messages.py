"""ACK and BYE by hand."""

from __future__ import annotations

from kemi import messages
from kemi.messages import Far
from tests.kemi.world import World

LEG = Far(
    call_id="c1",
    from_header="<sip:a@127.0.0.2>;tag=f",
    to_header="<sip:b@127.0.0.1>;tag=t",
    cseq=5,
    contact="sip:gw@127.0.0.11:5080",
    route_set=("sip:127.0.0.12;lr", "sip:127.0.0.13;lr"),
    next_hop="sip:127.0.0.12:5060",
    socket="udp:127.0.0.1:5060",
)


def test_the_ack_of_a_lost_leg() -> None:
    """Whole, to the letter."""
    assert messages.request(LEG, "ACK", "b1") == (
        "ACK sip:gw@127.0.0.11:5080 SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKb1\r\n"
        "Route: <sip:127.0.0.12;lr>\r\n"
        "Route: <sip:127.0.0.13;lr>\r\n"
        "From: <sip:a@127.0.0.2>;tag=f\r\n"
        "To: <sip:b@127.0.0.1>;tag=t\r\n"
        "Call-ID: c1\r\n"
        "CSeq: 5 ACK\r\n"
        "Max-Forwards: 70\r\n"
        "Content-Length: 0\r\n"
        "\r\n"
    )


def test_the_bye_has_the_next_cseq() -> None:
    """RFC 3261 12.2.1.1."""
    assert "CSeq: 6 BYE\r\n" in messages.request(LEG, "BYE", "b2")


def test_a_leg_without_contact_is_addressed_by_where_it_came_from() -> None:
    """IPv6 in brackets; the transport where it isn't UDP."""
    bare = LEG._replace(contact="", next_hop=messages.address("2001:db8::1", 5060, "udp"))
    assert messages.request(bare, "BYE", "b").startswith("BYE sip:[2001:db8::1]:5060 SIP/2.0\r\n")
    assert messages.address("127.0.0.12", 5061, "tls") == "sip:127.0.0.12:5061;transport=tls"


def test_each_side_of_a_call_can_be_ended(world: World) -> None:
    """With the tags, the target and the CSeq that its own requests would see next."""
    world.talk()
    running = world.running()[0]
    assert running.callee_leg is not None
    callee, caller = (messages.side_of(running, leg.tag) for leg in (running.callee_leg, running.caller_leg))
    assert callee is not None
    assert caller is not None
    assert (callee.cseq, callee.contact) == (running.caller_leg.cseq, running.callee_leg.contact)
    assert (caller.cseq, caller.contact) == (0, running.caller_leg.contact)
    assert caller.to_header == f"<{running.from_uri}>;tag={running.from_tag}"
    assert caller.from_header == f"<{running.to_uri}>;tag={running.callee_leg.tag}"
    assert callee.from_header == f"<sip:441632960000@127.0.0.1>;tag={running.from_tag}"
    assert callee.to_header == f"<sip:33123@127.0.0.11>;tag={running.callee_leg.tag}"
    assert messages.side_of(running, "stranger") is None
