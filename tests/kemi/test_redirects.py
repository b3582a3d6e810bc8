"""Redirections of gateways: inside the carrier, for the same number, checked as every next gateway, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi.again import same_place
from kemi.answer import Grant
from kemi.failover import fail_over
from kemi.invitation import no_offer
from kemi.redirects import Aim, Followed, Others, follow, parse_aim
from kemi.running import find
from tests.kemi.world import CARRIER, CUSTOMER, DEAR_CARRIER, World, assert_consistent, terms

OWN = "127.0.0.21"
"""A host of the carrier that is no gateway of ours."""


@pytest.fixture
def house(world: World) -> World:
    """Gateway 1 is followed: to gateway 2, of the same carrier, and to one more host."""
    networks = ["127.0.0.11", "127.0.0.21/32", "127.0.0.22/32"]
    world.gateway(1, CARRIER, "127.0.0.11", redirects="follow", redirect_hosts=[OWN], networks=networks)
    return world


def redirect(
    world: World, call: str, *uris: str, code: int = 302, past: tuple[str, ...] = (), **fields: Any
) -> Followed | None:
    """Gateway 1 says so."""
    return follow(world.rooms, call, code, uris, past, 0, fields.get("offer", no_offer), world.now)


def test_another_gateway_of_the_carrier_is_an_attempt(house: World) -> None:
    """Its own price and channel, the customers' holds as they were; the number as the carrier writes it."""
    house.tariff(9, {"": terms("0.006")})
    house.gateway(2, CARRIER, "127.0.0.12", tariff=9)
    house.plan(order="priority")
    call = house.ring()
    found = redirect(house, call, "sip:+33123;rn=+33999@127.0.0.12:5060")
    assert found is not None
    assert (found.target.gateway, found.target.host, found.target.number) == (2, "127.0.0.12", "+33123;rn=+33999")
    running = find(house.rooms, call)
    assert running is not None
    assert [attempt[:2] for attempt in running.attempts] == [(1, 302), (2, 0)]
    assert house.get(CUSTOMER).held == 10_000
    assert_consistent(house)
    assert isinstance(house.pick_up(call), Grant)
    house.wait(60)
    house.hang_up(call)
    assert house.last_cdr()["cost"]["micros"] == 6_000
    assert_consistent(house)


def test_a_listed_host_is_the_same_gateway(house: World) -> None:
    """No channel more; it answers from its own network; then the next gateway is due."""
    house.gateway(
        1, CARRIER, "127.0.0.11", redirects="follow", redirect_hosts=[OWN], networks=["127.0.0.0/27"], channels=1
    )
    call = house.ring()
    found = redirect(house, call, f"sip:33123@{OWN}:5070;transport=tcp")
    assert found is not None
    assert found.target[:4] == (1, OWN, 5070, "tcp")
    assert f"@{OWN}" in found.target.parties.to_uri
    assert_consistent(house)
    assert redirect(house, call, f"sip:33123@{OWN}:5070;transport=tcp", past=(found.aim.place,)) is None
    target = fail_over(house.rooms, call, 503, house.now)
    assert target is not None
    assert target.gateway == 2
    assert_consistent(house)


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("sip:33123@127.0.0.13", 302),  # another carrier's
        ("sip:33123@127.0.0.22", 302),  # its network, but no listed host
        ("sip:33123@203.0.113.9", 302),
        ("sip:33123@127.0.0.11", 302),  # itself
        ("sip:44123@127.0.0.12", 302),  # another number, and so another price
        ("sip:3312@127.0.0.12", 302),
        ("sip:33123@127.0.0.12:5061", 302),
        ("sip:33123@gw2.example.com", 302),
        ("sip:127.0.0.12", 302),
        ("tel:+33123", 302),
        ("", 302),
        ("sip:33123@127.0.0.12", 305),
        ("sip:33123@127.0.0.12", 380),
    ],
)
def test_what_is_not_followed(house: World, uri: str, code: int) -> None:
    """The next gateway is tried, as after any failure."""
    call = house.ring()
    assert redirect(house, call, uri, code=code) is None
    assert_consistent(house)
    target = fail_over(house.rooms, call, code, house.now)
    assert target is not None
    assert target.gateway == 2


def test_nobody_is_followed_unless_it_is_set(world: World) -> None:
    """As delivered."""
    assert redirect(world, world.ring(), "sip:33123@127.0.0.12") is None


def test_the_first_place_that_may_be_tried(house: World) -> None:
    """A Contact with several."""
    found = redirect(house, house.ring(), "sip:33123@203.0.113.9", "sip:33123@127.0.0.12", f"sip:33123@{OWN}")
    assert found is not None
    assert found.target.gateway == 2


def test_credentials_go_where_the_settings_lead(house: World) -> None:
    """The place that was redirected to is tried once more, as it was; not when its host is no longer listed."""
    call = house.ring()
    found = redirect(house, call, f"sip:33123;rn=33999@{OWN}:5070")
    assert found is not None
    again = same_place(house.rooms, call, Aim.from_note(found.aim.to_note()), house.now)
    assert again is not None
    assert (again[0][:5], again[1].id) == ((1, OWN, 5070, "udp", "33123;rn=33999"), 1)
    assert again[0].parties.to_uri == found.target.parties.to_uri
    house.gateway(1, CARRIER, "127.0.0.11", redirects="follow", networks=["127.0.0.0/27"])
    assert same_place(house.rooms, call, found.aim, house.now) is None


def test_another_gateway_has_credentials_of_its_own(house: World) -> None:
    """Its address is where its own go, with the number as the first one wrote it; not where it moved to since."""
    call = house.ring()
    found = redirect(house, call, "sip:33123;rn=33999@127.0.0.12")
    assert found is not None
    again = same_place(house.rooms, call, found.aim, house.now)
    assert again is not None
    assert (again[0][:5], again[1].id) == ((2, "127.0.0.12", 5060, "udp", "33123;rn=33999"), 2)
    house.gateway(2, CARRIER, "127.0.0.15")
    assert same_place(house.rooms, call, found.aim, house.now) is None


def test_three_times_and_never_twice_to_the_same(house: World) -> None:
    """Gateway 2 sends it back."""
    house.gateway(2, CARRIER, "127.0.0.12", redirects="follow")
    call = house.ring()
    assert redirect(house, call, "sip:33123@127.0.0.12") is not None
    assert redirect(house, call, "sip:33123@127.0.0.11") is None
    assert redirect(house, call, "sip:33123@127.0.0.12") is None
    other = house.ring()
    assert redirect(house, other, "sip:33123@127.0.0.12", past=("a", "b", "c")) is None
    assert_consistent(house)


@pytest.mark.parametrize("why", ["loss", "full", "inactive", "excluded", "attempts", "time"])
def test_it_is_checked_as_every_attempt(house: World, why: str) -> None:
    """Cost, capacity, state, rules of the plan, attempts and ringing time."""
    call = house.ring()
    if why == "loss":
        house.tariff(9, {"": terms("0.60")})
        house.gateway(2, CARRIER, "127.0.0.12", tariff=9)
    elif why == "full":
        house.gateway(2, CARRIER, "127.0.0.12", cps=1)
        house.gateway(2, CARRIER, "127.0.0.12", channels=1)
        house.plan(routes=[["", [[2, 1]]]])
        house.ring()
        house.plan()
    elif why == "inactive":
        house.gateway(2, CARRIER, "127.0.0.12", state="suspended")
    elif why == "excluded":
        house.plan(routes=[["", [[1, 1], [3, 2]]]])
    elif why == "attempts":
        house.plan(attempts_max=1)
    else:
        house.wait(60)
    assert redirect(house, call, "sip:33123@127.0.0.12") is None
    assert house.get(CUSTOMER).held == 10_000 * len(house.running())
    assert_consistent(house)


def test_not_of_an_answered_call_nor_to_somebody_of_ours(house: World) -> None:
    """A late 302, and a telephone's."""
    assert redirect(house, house.talk(), "sip:33123@127.0.0.12") is None
    house.device(7, CUSTOMER)
    house.at(7)
    house.number(1, CUSTOMER, {"kind": "device", "id": 7})
    admitted = house.come_in(ip="127.0.0.13")
    house.gateway(3, DEAR_CARRIER, "127.0.0.13", redirects="follow")
    assert redirect(house, admitted.call, "sip:44201@127.0.0.12") is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("uri", "aim"),
    [
        ("sip:33123@192.0.2.1", Aim("33123", "192.0.2.1", 5060, "udp")),
        ("sip:+33123;npdi;rn=+331@192.0.2.1:5070", Aim("+33123;npdi;rn=+331", "192.0.2.1", 5070, "udp")),
        ("sip:1@[2001:db8:0::1]:5061;user=phone;transport=TLS", Aim("1", "2001:db8::1", 5061, "tls")),
        ("sip:1@192.0.2.1;transport=sctp", Aim("1", "192.0.2.1", 5060, "udp")),
        ("sips:1@192.0.2.1", None),
        ("sip:1@192.0.2.1:0", None),
        ("sip:1@192.0.2.999", None),
        ("sip:1@192.0.2.1?Route=%3Csip:x%3E", None),
        ("sip:1\r\nX: y@192.0.2.1", None),
    ],
)
def test_what_a_contact_says(uri: str, aim: Aim | None) -> None:
    """A number at an address."""
    assert parse_aim(uri) == aim


@given(st.text(max_size=80))
def test_no_text_is_too_odd(text: str) -> None:
    """Never an exception."""
    parse_aim("sip:" + text)


def test_what_else_was_named_is_priced_and_counted_as_every_next_gateway(house: World) -> None:
    """The host first, then the other gateway at its own price; each has room for the call in its turn, or is passed."""
    house.tariff(9, {"": terms("0.015")})
    house.gateway(2, CARRIER, "127.0.0.12", tariff=9)
    call = house.ring()
    first = redirect(house, call, f"sip:33123@{OWN}", "sip:33123@127.0.0.98", "sip:33123@127.0.0.12")
    assert first is not None
    assert (first.target.host, first.others) == (OWN, Others(1, ("sip:33123@127.0.0.98", "sip:33123@127.0.0.12")))
    assert Others.from_note(first.others.to_note()) == first.others
    second = again(house, call, first)
    assert second is not None
    assert (second.target.gateway, second.target.host, second.others.to_note()) == (2, "127.0.0.12", "")
    assert Others.from_note(second.others.to_note()) is None
    assert_consistent(house)
    house.pick_up(call)
    house.wait(60)
    house.hang_up(call)
    assert house.last_cdr()["cost"]["micros"] == 15_000
    assert [attempt[:2] for attempt in house.last_cdr()["attempts"]] == [[1, 302], [1, 503], [2, 200]]


@pytest.mark.parametrize("why", ["code", "attempts", "setting", "channels", "been there"])
def test_what_else_was_named_is_not_tried(house: World, why: str) -> None:
    """After a code that is no reason, beyond the plan's attempts, when the setting is gone, where there is no room, and
    where the call has been.
    """
    house.plan(attempts_max=2 if why == "attempts" else 4)
    house.gateway(2, CARRIER, "127.0.0.12", channels=1)
    call = house.ring()
    first = redirect(house, call, f"sip:33123@{OWN}", "sip:33123@127.0.0.12")
    assert first is not None
    if why == "setting":
        house.gateway(1, CARRIER, "127.0.0.11")
    if why == "channels":
        fail_over(house.rooms, house.ring(), 503, house.now)
    past = ("127.0.0.12|5060|udp",) if why == "been there" else ()
    before = house.running()
    assert again(house, call, first, 486 if why == "code" else 503, past) is None
    assert house.running() == before
    assert_consistent(house)


def again(world: World, call: str, first: Followed, code: int = 503, past: tuple[str, ...] = ()) -> Followed | None:
    """The place that was tried has failed."""
    return follow(world.rooms, call, code, first.others, (first.aim.place, *past), 0, no_offer, world.now)
