"""What may pass in a call, by what the store knows of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi import guards
from kemi.guards import Answer, InDialog
from kemi.notes import Early
from kemi.store.calls import ANSWERED, RINGING, Leg, RunningCall

CALLER = Leg("from", "sip:caller@127.0.0.2", (), 1, "udp:127.0.0.1:5060")
CALLEE = Leg("to", "sip:gw@127.0.0.11", ("sip:127.0.0.12;lr",), 0, "udp:127.0.0.1:5060")


def running(state: str = ANSWERED, **fields: Any) -> RunningCall:
    """A call; what guards don't look at is empty."""
    values: dict[str, Any] = dict.fromkeys(RunningCall._fields)
    values |= {"state": state, "caller_leg": CALLER, "callee_leg": CALLEE if state == ANSWERED else None}
    values |= {"sent_from": "sip:44123@127.0.0.1"}
    return RunningCall(**values | fields)


def info(**fields: Any) -> InDialog:
    """A good INFO of the caller."""
    values: dict[str, Any] = {
        "method": "INFO",
        "from_tag": "from",
        "to_tag": "to",
        "cseq": 2,
        "request_uri": CALLEE.contact,
        "routes": CALLEE.route_set,
        "comes_by_us": True,
        "max_forwards": 70,
        "require": "",
        "contacts": (),
    }
    return InDialog(**values | fields)


def test_a_good_request_of_either_side_passes() -> None:
    """To the other one's target, by its route set."""
    assert guards.check_in_dialog(running(), info(), "caller") is None
    back = info(from_tag="to", to_tag="from", request_uri="sip:44123@127.0.0.2", routes=(), cseq=500)
    assert guards.side_of(running(), back.from_tag, back.to_tag) == "callee"
    assert guards.check_in_dialog(running(), back, "callee") is None
    shown = back._replace(request_uri=CALLER.contact)
    assert guards.check_in_dialog(running(), shown, "callee") == guards.FORBIDDEN


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"request_uri": "sip:gw@127.0.0.98"}, guards.FORBIDDEN),
        ({"routes": ()}, guards.FORBIDDEN),
        ({"routes": (*CALLEE.route_set, "sip:127.0.0.98;lr")}, guards.FORBIDDEN),
        ({"comes_by_us": False}, guards.FORBIDDEN),
        ({"method": "REFER"}, guards.NOT_ALLOWED),
        ({"method": "CANCEL"}, guards.NOT_ALLOWED),
        ({"cseq": 1}, guards.LOW_CSEQ),
        ({"cseq": 1002}, guards.LOW_CSEQ),
        ({"max_forwards": 9}, guards.TOO_MANY_HOPS),
        ({"require": "timer, nosuch"}, guards.BAD_EXTENSION),
        ({"method": "INVITE"}, guards.BAD_REQUEST),
        ({"method": "INVITE", "contacts": ("sip:a@10.0.0.1", "sip:c@10.0.0.1")}, guards.BAD_REQUEST),
        ({"method": "INVITE", "contacts": ("sip:a@name",)}, guards.BAD_REQUEST),
        ({"method": "UPDATE", "contacts": ("*",)}, guards.BAD_REQUEST),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], answer: Answer) -> None:
    """One fault each, one answer each."""
    assert guards.check_in_dialog(running(), info(**fields), "caller") == answer


@pytest.mark.parametrize(
    "fields",
    [
        {"cseq": 1001},
        {"max_forwards": 10},
        {"require": "timer, 100rel"},
        {"method": "INVITE", "contacts": ("sip:a@10.0.0.1",)},
        {"method": "ACK", "cseq": 1, "max_forwards": 1},
    ],
)
def test_what_is_just_right_passes(fields: dict[str, Any]) -> None:
    """The negative twins."""
    assert guards.check_in_dialog(running(), info(**fields), "caller") is None


def test_the_first_cseq_of_a_side_leaves_room() -> None:
    """Below 2^30: the ones that follow, and ours in a BYE, have to fit."""
    first = CALLEE._replace(cseq=0)
    assert guards.check_cseq(2**30, first) is None
    assert guards.check_cseq(2**30 + 1, first) == guards.LOW_CSEQ


def test_a_bye_is_judged_by_who_sends_it() -> None:
    """And by whether it comes next: its way and its headers are not looked at, as it is never sent on."""
    assert guards.check_bye(running(), "caller", 2) is None
    assert guards.check_bye(running(), "caller", 1) == guards.LOW_CSEQ
    assert guards.check_bye(running(RINGING), "caller", 2) == guards.UNKNOWN_DIALOG


@pytest.mark.parametrize(
    ("tags", "side"),
    [
        (("from", "to"), "caller"),
        (("to", "from"), "callee"),
        (("from", "other"), None),
        (("other", "to"), None),
        (("to", "to"), None),
    ],
)
def test_both_tags_tell_the_side(tags: tuple[str, str], side: str | None) -> None:
    """Of an answered call."""
    assert guards.side_of(running(), *tags) == side


def test_before_the_answer_only_prack_and_update_to_a_side_that_rings() -> None:
    """With its tag, its target and its way."""
    rings = {"early": Early("sip:gw@127.0.0.11", ())}
    call = running(RINGING)
    good = info(method="PRACK", to_tag="early", routes=())
    assert guards.check_ringing(call, good, rings) is None
    for wrong, answer in (
        ({"method": "INFO"}, guards.UNKNOWN_DIALOG),
        ({"method": "INVITE"}, guards.UNKNOWN_DIALOG),
        ({"to_tag": "invented"}, guards.UNKNOWN_DIALOG),
        ({"from_tag": "early", "to_tag": "from"}, guards.UNKNOWN_DIALOG),
        ({"request_uri": "sip:gw@127.0.0.98"}, guards.FORBIDDEN),
        ({"routes": ("sip:127.0.0.98;lr",)}, guards.FORBIDDEN),
        ({"cseq": 1}, guards.LOW_CSEQ),
    ):
        assert guards.check_ringing(call, good._replace(**wrong), rings) == answer


def test_a_tag_of_a_2xx_tells_its_side() -> None:
    """Neither: it is a fork that nobody asked for."""
    assert [guards.side_of_tag(running(), tag) for tag in ("from", "to", "fork")] == ["caller", "callee", None]


@pytest.mark.parametrize(
    ("contacts", "routes", "good"),
    [
        (("sip:gw@127.0.0.11",), (), True),
        (("SIPS:gw@127.0.0.11",), ("sip:10.0.0.1",) * 16, True),
        (("sip:gw@name",), ("sip:10.0.0.1", "sip:name"), True),
        (("sip:gw@name",), (), False),
        (("sip:gw@10.0.0.1",), ("sip:name",), False),
        ((), (), False),
        (("sip:a@10.0.0.1", "sip:c@10.0.0.1"), (), False),
        (("*",), (), False),
        (("tel:123",), (), False),
        (("sip:a b",), (), False),
        (("sip:" + "x" * 600,), (), False),
        (("sip:gw@127.0.0.11",), ("sip:10.0.0.1",) * 17, False),
    ],
)
def test_a_leg_has_one_target_within_limits(contacts: tuple[str, ...], routes: tuple[str, ...], good: bool) -> None:
    """Or nobody could send it a BYE."""
    assert guards.is_leg("tag", contacts, routes) is good
    assert not guards.is_leg("", contacts, routes)
    assert not guards.is_leg('"two words"', contacts, routes)


def test_the_route_set_to_a_callee_is_reversed_and_ends_before_us() -> None:
    """RFC 3261 12.1.2, cut at our own entry: what stands below is the caller's side."""
    assert guards.beyond_us(("last", "first", "ours", "callers"), 2) == ("first", "last")
    assert guards.beyond_us(("ours",), 0) == ()


@given(st.integers(0, 2**33), st.integers(0, 2**31))
def test_no_cseq_passes_that_is_not_higher(cseq: int, last: int) -> None:
    """And none that runs away."""
    passes = guards.check_cseq(cseq, CALLER._replace(cseq=last)) is None
    assert passes == (last < cseq <= (last + 1000 if last else 2**30))


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ("<sip:192.0.2.9;lr>", True),
        ("<sip:192.0.2.9;lr>, <sip:[2001:db8::1];lr;did=1.2>;x=y", True),
        ('"A proxy" <sip:192.0.2.9;lr>', True),
        ("sip:192.0.2.9", False),
        ("<sip:192.0.2.9;lr", False),
        ("<sip:192.0.2.9;lr>>", False),
        ("<sip:192.0.2.9\r\n ;lr>", False),
        ("<sip:a>,", False),
        ("<" * 5_000, False),
    ],
)
def test_record_routes_are_lists_of_addresses(body: str, *, fits: bool) -> None:
    """Of others Kamailio would make no dialog."""
    assert guards.are_routes([body]) == fits


@pytest.mark.parametrize(
    ("line", "date", "fits"),
    [
        ("INVITE sip:1@a SIP/2.0", "", True),
        ("INVITE sip:1@a SIP/2.0", "Sat, 13 Nov 2010 23:29:00 GMT", True),
        ("INVITE sip:1@a SIP/2.0", "Fri, 01 Jan 2010 16:00:00 EST", False),
        ("INVITE sip:1@a SIP/2.0 ", "", False),
        ("INVITE  sip:1@a SIP/2.0", "", False),
        ("INVITE sip:1@a?Route=%3Csip:b%3E SIP/2.0", "", False),
    ],
)
def test_a_request_line_is_as_the_rfc_writes_it(line: str, date: str, *, fits: bool) -> None:
    """RFC 4475 3.1.2: trws, lwsstart, escruri, baddate."""
    assert guards.is_well_formed(line, date) == fits
