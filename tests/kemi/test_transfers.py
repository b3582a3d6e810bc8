"""Transfers: what a Refer-To and a Replaces may say, whom a REFER reaches, who takes a call over."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi.authorize import Admitted, Refused
from kemi.guards import FORBIDDEN, NOT_ALLOWED, Answer
from kemi.running import find
from kemi.store.calls import RunningCall
from kemi.store.change import Change
from kemi.store.devices import device_by_id
from kemi.transfers import NOT_HERE, Aim, Replaces, parse_aim, parse_replaces, referred, taken_over
from tests.kemi.world import CUSTOMER, LOWER, World

ANN, BOB, CARL = 1, 2, 3
DIALOG = Replaces("a@b", "1", "2")


@pytest.mark.parametrize(
    ("uri", "aim"),
    [
        ("sip:0033123@kambill", Aim("0033123", "kambill", None)),
        ("sip:%2B33123@192.0.2.1:5070;user=phone", Aim("+33123", "192.0.2.1:5070", None)),
        ("sip:d2@[2001:db8::1]:5060", Aim("d2", "[2001:db8::1]:5060", None)),
        ("tel:+33-1-23;phone-context=x", Aim("+33123", "", None)),
        (f"sip:d2@kambill?Replaces={quote(str(DIALOG))}", Aim("d2", "kambill", DIALOG)),
    ],
)
def test_what_a_refer_to_says(uri: str, aim: Aim) -> None:
    """User, host, and the dialog that is to be taken over."""
    assert parse_aim(uri) == aim


@pytest.mark.parametrize(
    "uri",
    [
        "", "sip:kambill", "http://kambill/x", "sip:0033@kambill;method=MESSAGE", "sip:0033@kambill?Route=%3Csip:x%3E",
        "sip:0033@kambill?Replaces=a", f"sip:0033@kambill?Replaces={quote(str(DIALOG))}&Route=x", "sip:00 33@kambill",
        "sip:0033@kambill>,<sip:0044@kambill", "sip:0033@ka_mbill",
    ],
)  # fmt: skip
def test_what_is_no_aim(uri: str) -> None:
    """Another method, another header, no user, two of them."""
    assert parse_aim(uri) is None


@pytest.mark.parametrize(
    "body",
    [
        "",
        "a@b",
        "a@b;to-tag=1",
        "a@b;to-tag=1;to-tag=2;from-tag=3",
        "a@b;to-tag=1;from-tag=2;early-only",
        "a,b;to-tag=1;from-tag=2",
    ],
)
def test_what_is_no_replaces(body: str) -> None:
    """Both tags once, no more; calls that still ring are nobody's to take."""
    assert parse_replaces(body) is None


@given(st.text(alphabet="abcXYZ0123456789@.-_", min_size=1, max_size=40), st.text(alphabet="abc0-.", min_size=1))
def test_a_replaces_is_read_as_it_is_written(call_id: str, tag: str) -> None:
    """Both ways, in a Refer-To too."""
    said = Replaces(call_id, tag[:100], "x")
    assert parse_replaces(str(said)) == said
    assert parse_aim(f"sip:d1@kambill?Replaces={quote(str(said), safe='')}") == Aim("d1", "kambill", said)


@given(st.text(max_size=80))
def test_no_text_is_too_odd(text: str) -> None:
    """Never an exception."""
    parse_aim("sip:" + text)
    parse_replaces(text)


@pytest.fixture
def house(world: World) -> World:
    """Ann, Bob and Carl: the customer's devices, all of which may, registered."""
    for number in (ANN, BOB, CARL):
        world.device(number, CUSTOMER, transfers="account")
        world.at(number, f"sip:d{number}@10.0.0.{number}", f"192.0.2.{number}")
    return world


def talking(world: World, called: str = "d2", device: int = ANN, **fields: Any) -> RunningCall:
    """An answered call of Ann to somebody."""
    admitted = world.call_ours(called, device, ip=f"192.0.2.{device}", **fields)
    assert isinstance(admitted, Admitted), admitted
    world.pick_up(admitted.call)
    running = find(world.rooms, admitted.call)
    assert running is not None
    assert running.is_answered
    return running


def refer(world: World, running: RunningCall, uri: str, side: str = "caller") -> str | Answer:
    """What the other side is told."""
    return referred(world.rooms, running, side, (uri,), lambda own: own.endswith("@192.0.2.10") or "192.0.2.10" in own)


def test_our_name_with_a_port_of_ours(house: World) -> None:
    """Telephones write it so. Another port of that name, or the port of another name, is somebody else's."""
    with Change(house.rooms.store) as change:
        change.txn.put(b"sockets", b"udp:192.0.2.10:5070 tls:192.0.2.10:5061", db=change.store.meta)
    running = talking(house)
    assert refer(house, running, "sip:d3@kambill:5070") == "sip:d3@kambill:5070"
    assert refer(house, running, "sip:d3@KAMBILL:5061") == "sip:d3@KAMBILL:5061"
    assert refer(house, running, "sip:d3@kambill:5060") == NOT_HERE
    assert refer(house, running, "sip:d3@kambill.example:5070") == NOT_HERE


def test_a_refer_is_rebuilt_from_our_values(house: World) -> None:
    """E.164 by the sender's rules, at our socket or by our name; a device of the account by its own."""
    running = talking(house)
    assert refer(house, running, "sip:0033123@192.0.2.10") == "sip:+33123@127.0.0.1:5060"
    assert refer(house, running, "sip:0033123@kambill", "callee") == "sip:+33123@kambill"
    assert refer(house, running, "tel:+33-123") == "sip:+33123@127.0.0.1:5060"
    assert refer(house, running, "sip:d3@kambill;user=phone") == "sip:d3@kambill"
    attended = f"sip:d3@kambill?Replaces={quote(str(DIALOG), safe='')}"
    assert refer(house, running, attended) == attended


@pytest.mark.parametrize("uri", ["sip:0033123@203.0.113.9", "sip:nobody@kambill", "sip:0033@kambill?Route=x", ""])
def test_a_refer_to_elsewhere_is_refused(house: World, uri: str) -> None:
    """A foreign host, nobody's name, more than a number."""
    assert refer(house, talking(house), uri) == NOT_HERE
    assert referred(house.rooms, talking(house), "caller", ("sip:1@kambill",) * 2, lambda _: True) == NOT_HERE


def test_who_may_not_refer(house: World) -> None:
    """Off by default; towards somebody for whom it is off; to and by a gateway."""
    running = talking(house)
    house.device(BOB, CUSTOMER)
    assert refer(house, running, "sip:0033@kambill") == FORBIDDEN
    assert refer(house, running, "sip:0033@kambill", "callee") == NOT_ALLOWED
    house.device(BOB, CUSTOMER, transfers="account", state="suspended")
    assert refer(house, running, "sip:0033@kambill") == FORBIDDEN
    out = talking(house, "0033123")
    assert refer(house, out, "sip:0033@kambill") == FORBIDDEN
    assert refer(house, out, "sip:0033@kambill", "callee") == NOT_ALLOWED


def test_another_account_is_reached_where_both_say_so(house: World) -> None:
    """A call to a number of somebody else's device: `account` is not enough on either side."""
    house.device(4, LOWER, transfers="anyone")
    house.at(4, "sip:d4@10.0.0.4", "192.0.2.4")
    house.number(1, LOWER, {"kind": "device", "id": 4})
    running = talking(house, "+44201")
    assert refer(house, running, "sip:0033123@kambill") == FORBIDDEN
    house.device(ANN, CUSTOMER, transfers="anyone")
    assert refer(house, running, "sip:0033123@kambill") == "sip:+33123@kambill"
    house.device(4, LOWER, transfers="account")
    assert refer(house, running, "sip:0033123@kambill") == FORBIDDEN


def test_a_trunk_gets_its_tech_prefix(house: World) -> None:
    """Else its call would not be known as its own."""
    house.trunk(2, CUSTOMER, networks=["127.0.0.9"], tech_prefix="77#", transfers="account")
    house.number(1, CUSTOMER, {"kind": "trunk", "id": 2})
    running = talking(house, "+44201")
    assert refer(house, running, "sip:0033123@kambill") == "sip:77#+33123@kambill"


def taken(world: World, running: RunningCall, device: int = CARL, tags: tuple[str, str] = ("to", "from")) -> Any:
    """The place to which a device's INVITE goes that is to take a call over; None: nowhere."""
    with world.rooms.store.read() as txn:
        found = device_by_id(world.rooms.store.config, txn, device)
    assert found is not None
    return taken_over(world.rooms, found, str(Replaces(running.call_id, *tags)), world.now)


def test_a_device_takes_over_a_call_of_its_account(house: World) -> None:
    """The call goes to that place alone, and is one of its own, with its own record."""
    running = talking(house)
    place = taken(house, running)
    assert (place.id, place.uri) == (BOB, "sip:d2@10.0.0.2")
    assert taken(house, running, tags=("from", "to")).id == ANN
    house.at(BOB, "sip:d2@10.0.0.22", "192.0.2.22", q=1000)
    admitted = house.call_ours("d2", CARL, ip="192.0.2.3", place=place)
    assert isinstance(admitted, Admitted)
    assert admitted.target.uri == "sip:d2@10.0.0.2"
    assert len(house.running()) == 2


def test_who_takes_nothing_over(house: World) -> None:
    """Wrong tags, a call that rings, a device of another account, one that may not, whoever isn't a device."""
    running = talking(house)
    assert taken(house, running, tags=("to", "x")) is None
    house.device(4, LOWER, transfers="anyone")
    assert taken(house, running, 4) is None
    house.device(CARL, CUSTOMER)
    assert taken(house, running) is None
    house.device(CARL, CUSTOMER, transfers="account")
    house.device(BOB, CUSTOMER)
    assert taken(house, running) is None
    out = talking(house, "0033123")
    assert taken(house, out) is None
    ringing = house.call_ours("d2", ANN, ip="192.0.2.1")
    assert isinstance(ringing, Admitted)
    rings = find(house.rooms, ringing.call)
    assert rings is not None
    assert taken(house, rings, tags=("", "from")) is None


def test_a_takeover_goes_nowhere_else(house: World) -> None:
    """Out by a gateway, or to another device: 403, and nothing is held."""
    place = taken(house, talking(house))
    for called in ("0033123", "d1"):
        refused = house.call_ours(called, CARL, ip="192.0.2.3", place=place)
        assert isinstance(refused, Refused)
        assert (refused.code, refused.rule) == (403, "takeover")
    assert len(house.running()) == 1
