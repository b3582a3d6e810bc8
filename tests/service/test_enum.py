"""What NAPTR records mean, and which are not believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.edge.enum import Naptr, Refused, domain_of, routing_in

NUMBER = "447700900001"
TEL = "E2U+pstn:tel"


def said(uri: str, service: str = TEL, *, expression: str = "^.*$", flags: str = "u", order: int = 10) -> Naptr:
    """One record."""
    return Naptr(order, 100, flags, service, f"!{expression}!{uri}!")


def test_the_name_of_a_number() -> None:
    """RFC 6116 3.2's example."""
    assert domain_of("442079460148", "e164.arpa") == "8.4.1.0.6.4.9.7.0.2.4.4.e164.arpa"


@pytest.mark.parametrize(
    ("uri", "routing"),
    [
        (f"tel:+{NUMBER};npdi;rn=+448811", "448811"),
        (f"tel:+{NUMBER};rn=+44-8811;npdi", "448811"),
        (f"sip:+{NUMBER};npdi;rn=+448811@carrier.example;user=phone", "448811"),
        (f"tel:+{NUMBER};npdi;rn=8811;rn-context=+44", "448811"),
        (f"tel:+{NUMBER};npdi", ""),
        (f"tel:+{NUMBER}", ""),
        (f"tel:+{NUMBER};rn=+{NUMBER};npdi", ""),
        ("tel:\\1;npdi;rn=+448811", "448811"),
    ],
)
def test_a_routing_number(uri: str, routing: str) -> None:
    """RFC 4694; npdi alone says that somebody has looked and the number has not moved."""
    assert routing_in([said(uri, expression="^(.*)$" if "\\1" in uri else "^.*$")], NUMBER) == routing


def test_the_first_record_that_is_about_routes_counts() -> None:
    """By order; mail and other flags are passed over."""
    records = [
        said(f"tel:+{NUMBER};npdi;rn=+442222", order=20),
        said(f"tel:+{NUMBER};npdi;rn=+441111", order=10),
        said("mailto:x@y.example", "E2U+email:mailto", order=1),
        said(f"tel:+{NUMBER};npdi;rn=+443333", flags="", order=2),
    ]
    assert routing_in(records, NUMBER) == "441111"
    assert routing_in(records[2:], NUMBER) == ""
    assert routing_in([], NUMBER) == ""


@pytest.mark.parametrize(
    "record",
    [
        said("tel:+447700900002;npdi;rn=+448811"),
        said(f"tel:+{NUMBER};npdi;rn=+448811;RN=+448822"),
        said(f"tel:+{NUMBER};npdi;rn=+44881x"),
        said(f"tel:+{NUMBER};npdi;rn="),
        said(f"tel:+{NUMBER};npdi;rn=+{'1' * 21}"),
        said("http://carrier.example/"),
        said("tel:+4477\\1;rn=+448811", expression="^\\+4477(.*)$"),
        said("tel:x;rn=+448811", expression="^(a+)+$"),
        Naptr(10, 100, "u", TEL, ""),
    ],
)
def test_what_is_not_believed(record: Naptr) -> None:
    """Another number, no number, an expression that could be anything."""
    with pytest.raises(Refused):
        routing_in([record], NUMBER)


@given(
    st.builds(Naptr, st.integers(0, 9), st.integers(0, 9), st.just("u"), st.sampled_from([TEL, "E2U+sip"]), st.text())
)
def test_no_record_breaks_it(record: Naptr) -> None:
    """Digits, nothing, or a refusal."""
    try:
        routing = routing_in([record], NUMBER)
    except Refused:
        return
    assert routing == "" or routing.isdigit()
