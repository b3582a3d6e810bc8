"""Contacts of REGISTER: as telephones write them, and as nobody should."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi.contacts import CONTACTS_MAX, Binding, Contact, alternatives, parse_contacts, parse_expires

URI = "sip:ann@192.0.2.7:5060"

GOOD = {
    URI: [Contact(URI, 1000, None)],
    f"<{URI};transport=udp>": [Contact(f"{URI};transport=udp", 1000, None)],
    f'"Ann, at her desk" <{URI}>;expires=120;q=0.25': [Contact(URI, 250, 120)],
    f"Ann <{URI}> ; Q=0 ;expires = 0": [Contact(URI, 0, 0)],
    f"{URI};expires=60": [Contact(URI, 1000, 60)],
    f'<{URI}>;+sip.instance="<urn:uuid:0;q=0.1,x>";reg-id=1, <sip:b@192.0.2.8>;q=1.000': [
        Contact(URI, 1000, None),
        Contact("sip:b@192.0.2.8", 1000, None),
    ],
    "": [],
}


@pytest.mark.parametrize(("text", "contacts"), GOOD.items())
def test_contacts_as_telephones_write_them(text: str, contacts: list[Contact]) -> None:
    """Names, brackets, parameters; several in one header or in several."""
    assert parse_contacts([text] if text else []) == Binding(tuple(contacts), is_star=False)
    if contacts:
        assert parse_contacts([text, text]) == Binding((*contacts, *contacts), is_star=False)


def test_a_star() -> None:
    """Alone."""
    assert parse_contacts([" * "]) == Binding((), is_star=True)


@pytest.mark.parametrize(
    "text",
    [
        f"*, {URI}",
        "tel:+4420",
        "<http://192.0.2.7>",
        f"<{URI}",
        f"<{URI}>;q=2",
        f"<{URI}>;q=0.1234",
        f"<{URI}>;expires=soon",
        f"<{URI}>;expires=-1",
        f"<{URI}> junk",
        f'"open <{URI}>',
        f"<{URI} x>",
        ", ".join([f"<{URI}>"] * 11),
        f"<{URI}>;x={'x' * 5000}",
    ],
)
def test_what_is_no_contact(text: str) -> None:
    """Other schemes, bad numbers, unended quotes, too many, too long."""
    assert parse_contacts([text]) is None


@given(st.text(alphabet='<>";,= \t*qsip:@.1a', max_size=300))
def test_no_text_breaks_the_parser(text: str) -> None:
    """It says what it is, or None."""
    found = parse_contacts([text])
    assert found is None or all(
        one.uri.startswith(("sip", "SIP")) or one.uri.lower()[:3] == "sip" for one in found.contacts
    )


@pytest.mark.parametrize("piece", ["; ", " ", '"', "<", ';a="b" ', ", ", ";=", '";'])
def test_no_text_takes_long(piece: str) -> None:
    """Patterns that look back would take hours for some of these."""
    start = time.process_time()
    for head in ("", f"<{URI}>", '"', "a"):
        parse_contacts([(head + piece * 2000)[:4096]])
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3600", 3600), (" 0 ", 0), ("9999999999", 2**32 - 1), ("12345678901", None), ("\u0661", None), ("", None)],
)
def test_expires(text: str, seconds: int | None) -> None:
    """Seconds in 32 bits; what is more is the most."""
    assert parse_expires(text) == seconds


@pytest.mark.parametrize(
    ("headers", "uris"),
    [
        (["<sip:a>;q=0.2, <sip:b>;q=0.9", "<sip:c>"], "sip:c sip:b sip:a"),
        (["<sip:a>, <sip:b>", "<sip:c>;q=1.000"], "sip:a sip:b sip:c"),
        (["<tel:+33>;expires=60;q=.5, <sip:b>;q=0.05"], "sip:b"),
        (['"Box, <sip:x>" <sip:a;q=0.9>;q=0.1, sip:b;q=0.7'], "sip:b sip:a;q=0.9"),
        (["<tel:+33-1>;Q=0.3"], "tel:+33-1"),
        (["<sip:a>;q=0.1, <sip:b>;q=2, <sip:c>;q=0.2"], "sip:c sip:a"),
        (["<sip:a>", "<sip:b"], "sip:a"),
        (["<sip:a>;q=0,<sip:b>;q=0.0,<sip:c>;q=0.001"], "sip:c sip:a sip:b"),
        (["*"], "*"),
        ([], ""),
        (["<sip:a" + "a" * 5000 + ">"], ""),
    ],
)
def test_alternatives_are_tried_by_their_q(headers: list[str], uris: str) -> None:
    """RFC 3261 8.1.3.4: then in their order. What is in the brackets is the URI's; one with a wrong q is left out."""
    assert alternatives(headers) == tuple(uris.split())


def test_alternatives_are_limited() -> None:
    """As many as a REGISTER may have."""
    assert len(alternatives(["<sip:a>"] * 200)) == CONTACTS_MAX


@given(st.lists(st.text(max_size=40), max_size=5))
def test_no_text_makes_alternatives_fail(headers: list[str]) -> None:
    """Whoever redirects may write anything."""
    alternatives(headers)
