"""Contacts behind a NAT become the address that they come from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi.guards import is_target
from kemi.identify import Source
from kemi.nat import address_of, at_address, is_at_address, is_plain, is_readable, is_within_reach, reachable, uri_of
from kemi.notes import URI_MAX, is_word

HOME = Source("192.0.2.7", 40000, "udp")
ALL = {(transport, version) for transport in ("udp", "tcp", "tls") for version in (4, 6)}
UDP = {("udp", 4)}


@pytest.mark.parametrize(
    ("contact", "mended"),
    [
        ("sip:ann@192.168.1.5:5060", "sip:ann@192.0.2.7:40000"),
        ("sip:ann@192.0.2.7:40000;ob", "sip:ann@192.0.2.7:40000;ob"),
        ("sip:ann@192.0.2.7", "sip:ann@192.0.2.7:40000"),
        ("sip:192.168.1.5;line=3", "sip:192.0.2.7:40000"),
        ("sips:ann@phone.invalid:5061", "sip:ann@192.0.2.7:40000"),
        ("sip:ann@192.0.2.7:40000;transport=tcp", "sip:ann@192.0.2.7:40000"),
        ("sip:ann;transport=tcp@192.0.2.7:40000", "sip:ann;transport=tcp@192.0.2.7:40000"),
        ("sips:ann@192.0.2.7:40000", "sip:ann@192.0.2.7:40000"),
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
    assert reachable("sip:a@10.0.0.1:5061", Source("10.0.0.1", 5061, "tls")) == "sip:a@10.0.0.1:5061;transport=tls"
    kept = "sips:a@10.0.0.1:5061"
    assert reachable(kept, Source("10.0.0.1", 5061, "tls")) == kept


@given(st.text(max_size=100))
def test_no_contact_breaks_it(text: str) -> None:
    """It is an address or as it was."""
    assert reachable(f"sip:{text}", HOME)


@pytest.mark.parametrize(
    ("uri", "mended"),
    [
        ("sip:sbc.example.com", "sip:192.0.2.7:40000"),
        ("sip:a@sbc.example.com:5061;transport=tls;x-i=7;lr", "sip:a@192.0.2.7:40000;x-i=7;lr"),
        ("SIPS:a:b@SBC", "sip:a:b@192.0.2.7:40000"),
        ("sip:a@198.51.100.1;maddr=slow.example;lr", "sip:a@192.0.2.7:40000;lr"),
        ("sip:a@127.1", "sip:a@192.0.2.7:40000"),
        ("sip:a@256.1.1.1", "sip:a@192.0.2.7:40000"),
        ("sip:a@[::ffff:10.0.0.1]:5060", "sip:a@192.0.2.7:40000"),
        ("sip:a@[0:0:0:0:0:FFFF:a00:1]", "sip:a@192.0.2.7:40000"),
        ("sip:a@[::]:5060;ob", "sip:a@192.0.2.7:40000;ob"),
        ("sip:a@[ff02::1]", "sip:a@192.0.2.7:40000"),
    ],
)
def test_a_name_becomes_the_address_that_it_came_from(uri: str, mended: str) -> None:
    """So does an address to which nothing leaves. User and parameters stay, but for those that say where."""
    assert not is_at_address(uri)
    assert at_address(uri, HOME, ALL) == mended
    assert is_at_address(mended)


@pytest.mark.parametrize(
    "uri",
    ["sip:a@198.51.100.1", "sips:198.51.100.1:5061;lr", "sip:a;x=y@[2001:db8::1]:5060;transport=tcp", "sip:10.0.0.1"],
)
def test_an_address_stays(uri: str) -> None:
    """Whole."""
    assert is_at_address(uri)
    assert at_address(uri, HOME, ALL) == uri


@pytest.mark.parametrize(
    "uri", ["sip:a@b@example.com", "tel:+33", "sip:", "sip:a@b?Route=c", "sip:a@[::1", "sip:a\r\n @b"]
)
def test_what_can_not_be_read_is_no_address(uri: str) -> None:
    """Nor becomes one."""
    assert at_address(uri, HOME, ALL) == uri
    assert not is_at_address(uri)


@given(st.text(max_size=100))
def test_whatever_has_a_name_is_at_an_address_or_as_it_was(text: str) -> None:
    """There is nothing between."""
    uri = f"sip:{text}"
    mended = at_address(uri, HOME, UDP)
    assert mended == uri or is_within_reach(mended, UDP)


@pytest.mark.parametrize(
    "uri",
    [
        "sip:a@10.0.0.1:65536", "sip:a@10.0.0.1:99999", "sip:a@10.0.0.1:", "sip:a@10.0.0.1;x=@y", "sip:a:b:c@10.0.0.1",
        "sip:[a]@10.0.0.1", "sip:@10.0.0.1", "sip::@10.0.0.1", "sip:a:?@10.0.0.1", "sip:a b@10.0.0.1", "sip:",
        "tel:+33", "sip:a@[::1", "*",
    ],
)  # fmt: skip
def test_what_kamailio_can_not_read_is_not_readable(uri: str) -> None:
    """It would drop the request that carries it."""
    assert not is_readable(uri)
    assert not is_at_address(uri)
    assert at_address(uri, HOME, ALL) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "sip:a@10.0.0.1:65535", "SIP:10.0.0.1", "sip:a;b;c=d@10.0.0.1", "sip:a?b@10.0.0.1", "sip:%zz@name;;=;a=b=c",
        "sip:a:@10.0.0.1", "sip:+1,2&=+$/@10.0.0.1:0", "sips:x@[2001:db8::1]:5061;lr", "sip:\u00fc@10.0.0.1",
    ],
)  # fmt: skip
def test_what_kamailio_reads_is_readable(uri: str) -> None:
    """Odd as it may be."""
    assert is_readable(uri)


_WORDS = """sip: SIP: sips: a a:b @ 1.2.3.4 256.1.1.1 1.2.3 [::1] name :5060 :70000 .5 ;lr ;maddr=x ;MADDR=1.2.3.4 ;x=
;; ?Route=b > < , %40 # \u00e9 \x7f"""
_PARTS = st.sampled_from([*_WORDS.split(), " ", "\t"])


@given(st.lists(_PARTS, max_size=7).map("".join) | st.text(max_size=30).map("sip:a@1.2.3.4".__add__))
def test_what_is_plain_is_whatever_else_is_asked_of_it(uri: str) -> None:
    """The one look never lets more pass than the looks whose place it takes."""
    if is_plain(uri):
        assert is_readable(uri)
        assert at_address(uri, HOME, ALL) == uri
        assert is_word(uri)
        assert is_target(uri)


@pytest.mark.parametrize(
    ("uri", "way"),
    [
        ("sip:a@10.0.0.1;transport=tcp", ("tcp", 4)),
        ("sip:a@10.0.0.1:5061;x=y;Transport=TLS;lr", ("tls", 4)),
        ("sips:a@10.0.0.1;transport=tcp", ("tls", 4)),
        ("sip:a@[2001:db8::1]", ("udp", 6)),
        ("sip:a@[2001:db8::1];transport=tls", ("tls", 6)),
        ("sip:a;transport=tls@10.0.0.1", ("udp", 4)),
    ],
)
def test_a_transport_of_which_we_have_no_socket_is_out_of_reach(uri: str, way: tuple[str, int]) -> None:
    """Its sender is reached by what it came by; where we have that socket, as it says."""
    assert is_within_reach(uri, {way})
    assert at_address(uri, HOME, {way}) == uri
    others = ALL - {way}
    assert not is_within_reach(uri, others)
    assert at_address(uri, HOME, others).startswith("sip:a")
    assert "192.0.2.7:40000" in at_address(uri, HOME, others)
    assert "transport" not in at_address(uri, HOME, others).rpartition("@")[2]


@pytest.mark.parametrize("parameter", ["ws", "sctp", "", "udp;transport=tcp", "TLS-SCTP"])
def test_a_transport_that_nobody_has_is_out_of_reach(parameter: str) -> None:
    """So are two at once."""
    uri = f"sip:a@10.0.0.1;transport={parameter};ob"
    assert not is_plain(uri)
    assert not is_within_reach(uri, ALL)
    assert at_address(uri, HOME, ALL) == "sip:a@192.0.2.7:40000;ob"


@pytest.mark.parametrize("uri", ["sip:+44@10.0.0.1:5060", "sip:gw@127.0.0.1:27080;transport=udp;lr", "sip:10.1.2.3;ob"])
def test_usual_targets_are_plain(uri: str) -> None:
    """The one look is worth it."""
    assert is_plain(uri)
    assert not is_target(f"{uri};x={'y' * URI_MAX}")


@pytest.mark.parametrize(
    "uri",
    ["sip:a@b.example", "sip:a@1.2.3.4;maddr=b", "sip:a@1.2.3.4;lr;MAddr=b", "sip:a@1.2.3.4?X=y", "sip:a@1.2.3.256"],
)
def test_what_may_be_looked_up_is_not_plain(uri: str) -> None:
    """Nor what carries headers."""
    assert not is_plain(uri)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:gw@127.0.0.11:5060", "127.0.0.11"),
        ("sip:127.0.0.11;lr", "127.0.0.11"),
        ("sips:a@[2001:DB8:0::1]:5061", "2001:db8::1"),
        ("sip:a@pbx.example", ""),
        ("sip:127.0.0.11@pbx.example", ""),
        ("sip:a@10.0.0.1;maddr=127.0.0.11", ""),
        ("tel:+1", ""),
    ],
)
def test_the_address_of_a_uri(uri: str, expected: str) -> None:
    """Where a request goes by it; a name says nothing."""
    assert address_of(uri) == expected
