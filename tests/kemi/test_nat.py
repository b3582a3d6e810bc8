"""Contacts behind a NAT become the address that they come from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi.identify import Source
from kemi.nat import reachable, uri_of

HOME = Source("192.0.2.7", 40000, "udp")


@pytest.mark.parametrize(
    ("contact", "mended"),
    [
        ("sip:ann@192.168.1.5:5060", "sip:ann@192.0.2.7:40000"),
        ("sip:ann@192.0.2.7:40000;ob", "sip:ann@192.0.2.7:40000;ob"),
        ("sip:ann@192.0.2.7", "sip:ann@192.0.2.7:40000"),
        ("sip:192.168.1.5;line=3", "sip:192.0.2.7:40000"),
        ("sips:ann@phone.invalid:5061", "sip:ann@192.0.2.7:40000"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_contact_is_where_its_message_comes_from(contact: str, mended: str) -> None:
    """The user stays; what is reachable as it stands stays whole."""
    assert reachable(contact, HOME) == mended


def test_ipv6_and_other_transports() -> None:
    """Brackets, and the transport that isn't UDP."""
    assert uri_of("ann", Source("2001:db8::7", 5061, "tls")) == "sip:ann@[2001:db8::7]:5061;transport=tls"
    assert reachable("sip:ann@[2001:db8::7]:5061", Source("2001:db8::7", 5061, "udp")) == "sip:ann@[2001:db8::7]:5061"


@given(st.text(max_size=100))
def test_no_contact_breaks_it(text: str) -> None:
    """It is an address or as it was."""
    assert reachable(f"sip:{text}", HOME)
