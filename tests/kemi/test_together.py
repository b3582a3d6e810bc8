"""Features in combination: which number each of them looks at, and that none of them is a way around another."""

from __future__ import annotations

from typing import Any

import pytest

from kemi.answer import Grant
from kemi.authorize import Admitted, Refused, authorise
from kemi.failover import fail_over
from kemi.forwards import forward
from kemi.identify import Source, identify
from kemi.invitation import no_offer
from kemi.running import find
from ratebook.groups import Group
from tests.kemi.world import CARRIER, CUSTOMER, LOWER, ROOT, UPPER, World, assert_consistent, terms

WRITTEN = ["77#0033123", "77#+33123", "77#33123", "77#8123"]
"""Ways of writing the same number on trunk 2: a rule makes 33 of 8."""


@pytest.fixture
def house(world: World) -> World:
    """Trunk 2 has a tech prefix and a translation rule; +33 is a destination group."""
    world.trunk(2, CUSTOMER, tech_prefix="77#")
    rule = {"account": CUSTOMER, "trunk": 2, "gateway": 0, "subject": "called", "length_min": 1, "length_max": 32}
    rule |= {"strip": 1, "prepend": "+33", "pattern": "", "replacement": ""}
    world.do("translation", id=5, position=1, prefix="8", **rule)
    world.groups(Group("France", ("33",)))
    return world


def dial(world: World, called: str, **fields: Any) -> Admitted | Refused:
    """By the trunk that it leads to."""
    trunk = identify(world.rooms, Source("127.0.0.2", 5060, "udp"), called)
    assert trunk is not None
    found = authorise(world.rooms, trunk, world.invitation(called, **fields), world.now)
    assert isinstance(found, Admitted | Refused)
    return found


@pytest.mark.parametrize("written", WRITTEN)
def test_a_block_list_looks_at_the_number_that_is_called(house: World, written: str) -> None:
    """Whatever is written: not at the tech prefix, not before the rule."""
    house.precautions(CUSTOMER, numbers=[[0, "called", "33123", True, False]])
    refused = dial(house, written)
    assert isinstance(refused, Refused)
    assert (refused.rule, house.last_cdr()["called"]) == ("called_list", "33123")
    house.precautions(CUSTOMER, numbers=[[0, "called", "8123", True, False], [0, "called", "77", False, False]])
    assert isinstance(dial(house, written), Admitted)


def test_a_limit_of_a_group_counts_every_writing(house: World) -> None:
    """Four calls of the group, whatever was dialled; the fifth is one too many."""
    house.precautions(CUSTOMER, {"limit": len(WRITTEN), "group": "France"})
    for written in WRITTEN:
        assert isinstance(dial(house, written), Admitted)
    for written in WRITTEN:
        refused = dial(house, written)
        assert isinstance(refused, Refused)
        assert refused.rule == f"limit {CUSTOMER * 10}"
    assert isinstance(dial(house, "77#0044900"), Admitted)
    assert_consistent(house)


def test_a_high_risk_range_is_closed_to_every_writing(house: World) -> None:
    """Also to that which a rule makes."""
    house.do("ranges", ranges=[["33123", 1, 0]])
    for written in WRITTEN:
        refused = dial(house, written)
        assert isinstance(refused, Refused)
        assert refused.rule.startswith("high_risk")


def test_an_emergency_number_by_every_way(house: World) -> None:
    """A suspended account, a device, a tech prefix and a rule that makes it: each is put through, and costs nothing."""
    house.do("special", id=1, account=ROOT, trunk=0, prefix=False, plan=1, number="112", kind="emergency")
    rule = {"account": CUSTOMER, "gateway": 0, "subject": "called", "length_min": 1, "length_max": 32, "pattern": ""}
    house.do("translation", id=6, trunk=0, position=2, prefix="0112", strip=1, prepend="", replacement="", **rule)
    house.device(7, CUSTOMER, state="suspended")
    house.account(CUSTOMER, parent=LOWER, state="suspended")
    house.account(UPPER, parent=ROOT, state="suspended")
    house.precautions(CUSTOMER, {"limit": 0}, numbers=[[0, "called", "112", True, False]])
    calls = [dial(house, "112"), dial(house, "77#112"), dial(house, "0112"), house.call_ours("112", 7)]
    for call in calls:
        assert isinstance(call, Admitted)
        assert isinstance(house.pick_up(call.call), Grant)
        house.hang_up(call.call)
        cdr = house.last_cdr()
        assert (cdr["kind"], cdr["called"], cdr["charges"], cdr["cost"]) == ("emergency", "112", [], None)
    assert_consistent(house)


@pytest.mark.parametrize(("is_trusted", "is_private"), [(True, True), (False, True), (True, False), (False, False)])
def test_a_forced_number_and_privacy(house: World, is_trusted: bool, is_private: bool) -> None:
    """The forced one is who calls, whatever was said; only a trusted gateway learns it of who asks not to be shown."""
    house.trunk(1, CUSTOMER, caller_rule="replace", caller_numbers=["442079460000"])
    house.gateway(1, CARRIER, "127.0.0.11", trusted=is_trusted)
    admitted = dial(house, "+33123", is_private=is_private, asserted="+15550001")
    assert isinstance(admitted, Admitted)
    parties, running = admitted.target.parties, find(house.rooms, admitted.call)
    assert running is not None
    assert (running.caller, running.is_private, parties.is_private) == ("442079460000", is_private, is_private)
    assert ("442079460000" in parties.from_uri, bool(parties.asserted)) == (not is_private, is_trusted)
    assert "1632" not in str(parties)


def test_a_forward_that_would_lose_goes_to_the_next_place(house: World) -> None:
    """Who forwards pays less for the call out than it costs: nobody goes there; the number's box is called."""
    owner = 7
    house.tariff(70, {"": terms("0.006")})
    house.account(owner, parent=ROOT, tariff=70)
    house.credit(owner, 1_000_000)
    house.device(1, owner, forwards=True)
    house.at(1)
    house.number(1, owner, {"kind": "device", "id": 1}, {"kind": "uri", "uri": "sip:box@192.0.2.9"})
    admitted = house.come_in()
    assert isinstance(admitted, Admitted)
    uri = ("sip:0033123@kambill",)
    assert forward(house.rooms, admitted.call, 302, uri, 0, lambda _: False, no_offer, house.now) is None
    assert house.last_cdr()["rule"] == "loss"
    target = fail_over(house.rooms, admitted.call, 302, house.now)
    assert target is not None
    assert target.uri == "sip:box@192.0.2.9"
    assert_consistent(house)
