"""ACK and BYE by hand."""

from __future__ import annotations

from kemi import messages
from kemi.messages import LostLeg

LEG = LostLeg(
    call_id="c1",
    from_header="<sip:a@127.0.0.2>;tag=f",
    to_header="<sip:b@127.0.0.1>;tag=t",
    cseq=5,
    contact="sip:gw@127.0.0.11:5080",
    route_set=("sip:127.0.0.12;lr", "sip:127.0.0.13;lr"),
    ip="127.0.0.12",
    port=5060,
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


def test_both_go_back_to_where_the_2xx_came_from() -> None:
    """IPv6 in brackets; a leg without Contact is addressed by that."""
    assert messages.destination(LEG) == "sip:127.0.0.12:5060"
    bare = LEG._replace(contact="", ip="2001:db8::1")
    assert messages.destination(bare) == "sip:[2001:db8::1]:5060"
    assert messages.request(bare, "BYE", "b").startswith("BYE sip:[2001:db8::1]:5060 SIP/2.0\r\n")
