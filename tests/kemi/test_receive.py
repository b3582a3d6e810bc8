"""Calls to somebody of ours: who pays, who is refused, where they go next."""

from __future__ import annotations

import marshal
from typing import Any

import pytest

from kemi import meter
from kemi.answer import Denied
from kemi.authorize import Admitted, Refused
from kemi.destination import Local
from kemi.failover import fail_over
from kemi.invites import Repeated
from kemi.onward import HOPS_MAX
from kemi.receive import gateway_of, local_of
from kemi.running import comes_from_side, find, speaker
from kemi.store import layout
from kemi.store.change import Change
from kemi.store.numbers import parse_uri
from tests.kemi.world import (
    CARRIER,
    CUSTOMER,
    EURO,
    LOWER,
    ROOT,
    UPPER,
    FakeDialogs,
    World,
    assert_consistent,
    terms,
)

BEING_CALLED = 9
"""The tariff: 60 cents a minute, by the second."""


@pytest.fixture
def home(world: World) -> World:
    """Device 7 of the customer's is there; number 1 leads to it."""
    world.device(7, CUSTOMER)
    world.at(7)
    world.tariff(BEING_CALLED, {"44": terms("0.60", 1, 1)})
    world.number(1, CUSTOMER, {"kind": "device", "id": 7})
    return world


def refusal(answer: Any) -> tuple[int, str]:
    """Code and rule."""
    assert isinstance(answer, Refused), answer
    return answer.code, answer.rule


def key(answer: Any) -> str:
    """Of a call that was taken."""
    assert isinstance(answer, Admitted), answer
    return answer.call


def test_a_call_from_outside_costs_nothing_where_the_number_says_nothing(home: World) -> None:
    """It rings at the device's place, by the socket that it registered by, and is the owner's."""
    answer = home.come_in()
    assert isinstance(answer, Admitted)
    assert answer.target[:5] == (0, "192.0.2.7", 5060, "udp", "")
    assert (answer.target.uri, answer.target.socket) == ("sip:d@10.0.0.1", "udp:127.0.0.1:5060")
    home.pick_up(answer.call)
    home.hang_up(answer.call)
    cdr = home.last_cdr()
    assert (cdr["account"], cdr["entrance"], cdr["number"], cdr["to_device"], cdr["charges"]) == (CUSTOMER, 1, 1, 7, [])
    assert_consistent(home)


def test_everybody_above_the_owner_pays_for_its_being_called(home: World) -> None:
    """Each to the next one: nobody passes on what costs it nothing."""
    home.number(1, CUSTOMER, {"kind": "device", "id": 7}, tariff=BEING_CALLED)
    call = key(home.come_in())
    assert [home.get(account).held for account in (CUSTOMER, LOWER, UPPER)] == [100_000] * 3
    home.pick_up(call)
    home.wait(30)
    home.hang_up(call)
    rows = [(row["account"], row["seller"], row["micros"]) for row in home.last_cdr()["charges"]]
    assert rows == [(CUSTOMER, LOWER, 300_000), (LOWER, UPPER, 300_000), (UPPER, ROOT, 300_000)]
    assert_consistent(home)


def test_a_call_from_outside_ends_with_the_owners_money(home: World) -> None:
    """Its grant is what the poorest of them can pay."""
    home.number(1, CUSTOMER, {"kind": "device", "id": 7}, tariff=BEING_CALLED)
    home.balance(LOWER, 250_000)
    call = key(home.come_in())
    home.pick_up(call)
    running = find(home.rooms, call)
    assert running is not None
    assert running.grant_s <= 25
    assert home.get(LOWER).available >= 0


@pytest.mark.parametrize("poor", [CUSTOMER, UPPER])
def test_without_money_the_number_says_whether_it_is_called(home: World, poor: int) -> None:
    """Whoever of them lacks it. Nothing is held or charged where it is called all the same."""
    home.balance(poor, 99_999)
    home.number(1, CUSTOMER, {"kind": "device", "id": 7}, tariff=BEING_CALLED)
    assert refusal(home.come_in()) == (503, "owner_funds")
    home.number(1, CUSTOMER, {"kind": "device", "id": 7}, tariff=BEING_CALLED, without_funds="allow")
    call = key(home.come_in())
    assert home.get(CUSTOMER).held == 0
    home.pick_up(call)
    home.hang_up(call)
    assert home.charges() == {}
    assert_consistent(home)


@pytest.mark.parametrize("lack", ["money", "state"])
def test_nobody_outside_learns_why_an_answer_is_refused(home: World, lack: str) -> None:
    """What the owner lacked when its telephone was picked up is its own affair: 503, as for the next call."""
    home.number(1, CUSTOMER, {"kind": "device", "id": 7}, tariff=BEING_CALLED)
    call = key(home.come_in())
    if lack == "money":
        home.balance(CUSTOMER, -1)
    else:
        home.account(CUSTOMER, parent=LOWER, state="suspended")
    denied = home.pick_up(call)
    assert isinstance(denied, Denied)
    assert (denied.code, denied.reason) == (503, "Temporarily unavailable")
    assert home.last_cdr()["refused_by"] == CUSTOMER


def test_who_is_on_the_callers_path_pays_once(home: World) -> None:
    """The customer calls its reseller's number: the chain of its call, and nothing for being called."""
    home.number(1, LOWER, {"kind": "device", "id": 7}, tariff=BEING_CALLED)
    call = key(home.call_ours())
    running = find(home.rooms, call)
    assert running is not None
    assert [leg.account for leg in running.legs] == [CUSTOMER, LOWER, UPPER]
    assert (running.gateway, running.provider) == (0, None)


def test_an_owner_elsewhere_pays_beside_them(home: World) -> None:
    """Held and settled with the call, though it is not on its path; suspended, it ends the call."""
    home.account(9, parent=ROOT)
    home.credit(9, EURO)
    home.number(1, 9, {"kind": "device", "id": 7}, tariff=BEING_CALLED)
    call = key(home.call_ours())
    assert home.get(9).held == 100_000
    home.pick_up(call)
    assert_consistent(home)
    home.account(9, parent=ROOT, state="suspended")
    dialogs = FakeDialogs()
    meter.tick(home.rooms, dialogs.seen(), home.now)
    assert dialogs.set == [(1, 7, 9)]
    home.hang_up(call, by="grant")
    assert home.get(9).held == 0
    assert set(home.charges()) == {CUSTOMER, LOWER, UPPER, 9}


def test_free_by_setting(home: World) -> None:
    """Then no rate is needed either."""
    home.tariff(CUSTOMER, {"33": terms("0.06")})
    assert refusal(home.call_ours()) == (404, "rate")
    home.do("settings", on_net_free=True)
    call = key(home.call_ours())
    home.pick_up(call)
    home.hang_up(call)
    assert home.charges() == {}
    assert_consistent(home)


def test_names_reach_who_shares_a_seller(home: World) -> None:
    """Free; from a device only; nobody else's names are known."""
    home.account(9, parent=ROOT)
    home.device(8, CUSTOMER)
    home.device(10, 9)
    home.at(8)
    call = key(home.call_ours("d7", 8))
    home.pick_up(call)
    home.hang_up(call)
    assert (home.charges(), home.last_cdr()["to_device"]) == ({}, 7)
    assert refusal(home.call_ours("d7", 10)) == refusal(home.call_ours("nobody", 10)) == (400, "number")
    assert refusal(home.call_ours("d7")) == (400, "number")
    assert_consistent(home)


def test_who_is_not_there_is_away_and_who_is_nobody_is_not_found(home: World) -> None:
    """Each with its record."""
    home.device(7, CUSTOMER, state="suspended")
    assert refusal(home.come_in()) == (480, "away")
    assert home.last_cdr()["rule"] == "away"
    home.number(1, CUSTOMER, {"kind": "device", "id": 7}, state="suspended")
    assert refusal(home.come_in()) == (404, "nobody")
    home.number(1, CUSTOMER, {"kind": "device", "id": 7})
    home.account(UPPER, parent=ROOT, state="suspended")
    assert refusal(home.come_in()) == (404, "nobody")
    home.do("number_gone", id=1)
    assert local_of(home.rooms, "+44201") is None


def test_a_call_goes_down_its_list(home: World) -> None:
    """Places by rank, trunk, URI; what can't be reached is left out; a code that ends it ends it."""
    home.at(7, "sip:cell@10.0.0.2", ip="192.0.2.8", q=500)
    home.trunk(2, CUSTOMER, networks=["192.0.2.64/26", "192.0.2.20/32"])
    home.trunk(3, CUSTOMER, networks=["198.51.100.0/24"])
    uri = {"kind": "uri", "uri": "sip:box@192.0.2.9:5070"}
    home.number(1, CUSTOMER, {"kind": "device", "id": 7}, {"kind": "trunk", "id": 3}, {"kind": "trunk", "id": 2}, uri)
    call = key(home.come_in())
    reached = []
    for code in (486, 480, 503):
        target = fail_over(home.rooms, call, code, home.now)
        assert target is not None
        reached.append((target.uri, target.host, target.port))
    assert reached == [
        ("sip:cell@10.0.0.2", "192.0.2.8", 5060),
        ("sip:44201@192.0.2.20:5060", "192.0.2.20", 5060),
        ("sip:box@192.0.2.9:5070", "192.0.2.9", 5070),
    ]
    assert fail_over(home.rooms, call, 486, home.now) is None
    other = key(home.come_in())
    assert fail_over(home.rooms, other, 403, home.now) is None
    assert_consistent(home)


def test_no_place_is_a_carriers(home: World) -> None:
    """Its host or network, its gateway active or not: calls go there by a plan only, since it wants money."""
    home.gateway(9, CARRIER, "192.0.2.9", networks=["198.51.100.0/28"], state="suspended")
    theirs = [{"kind": "uri", "uri": f"sip:00882@{ip}"} for ip in ("192.0.2.9:5099", "198.51.100.7")]
    fine = {"kind": "uri", "uri": "sip:box@192.0.2.10"}
    home.number(1, CUSTOMER, *theirs, fine)
    running = find(home.rooms, key(home.come_in()))
    assert running is not None
    assert [hop.uri for hop in running.hops] == ["sip:box@192.0.2.10"]
    home.number(1, CUSTOMER, *theirs)
    assert refusal(home.come_in()) == (503, "places 44201")


def test_hops_are_bounded(home: World) -> None:
    """However many places there are."""
    for number in range(HOPS_MAX + 5):
        home.at(7, f"sip:{number}@10.0.0.1")
    running = find(home.rooms, key(home.come_in()))
    assert running is not None
    assert len(running.hops) == HOPS_MAX


def test_only_the_hop_at_hand_answers(home: World) -> None:
    """From where it stands; after a fail-over the one before no longer."""
    home.number(1, CUSTOMER, {"kind": "device", "id": 7}, {"kind": "uri", "uri": "sip:box@192.0.2.9"})
    call = key(home.come_in())
    assert not hasattr(home.pick_up(call, ip="192.0.2.9"), "timeout_s")
    assert fail_over(home.rooms, call, 486, home.now) is not None
    assert not hasattr(home.pick_up(call, ip="192.0.2.7"), "timeout_s")
    assert hasattr(home.pick_up(call, ip="192.0.2.9"), "timeout_s")


def side_at(world: World, call: str, from_tag: str, to_tag: str, ip: str) -> str | None:
    """Who speaks with these tags from an address; None: nobody."""
    found = speaker(world.rooms, call, from_tag, to_tag, ip)
    return None if found is None else found.side


def test_each_side_speaks_from_where_it_is(home: World) -> None:
    """The carrier from its networks, the device from its places."""
    call = key(home.come_in())
    home.pick_up(call)
    running = find(home.rooms, call)
    assert running is not None
    assert side_at(home, call, "to", "from", "192.0.2.7") == "callee"
    assert side_at(home, call, "to", "from", "192.0.2.8") is None
    assert side_at(home, call, "from", "to", "127.0.0.11") == "caller"
    assert not comes_from_side(home.rooms, running, "caller", "127.0.0.12")


def test_channels_of_a_number(home: World) -> None:
    """Given back at each end."""
    home.number(1, CUSTOMER, {"kind": "device", "id": 7}, channels=1)
    call = key(home.come_in())
    assert refusal(home.come_in()) == (503, "number_limit")
    home.hang_up(call, code=487)
    assert isinstance(home.come_in(), Admitted)


def test_calls_a_second_of_a_number(home: World) -> None:
    """Two in any second, whoever calls; a number beside it is not slowed, and what was refused has used nothing."""
    home.number(1, CUSTOMER, {"kind": "device", "id": 7}, cps=2)
    home.number(2, CUSTOMER, {"kind": "device", "id": 7})
    assert isinstance(home.come_in(), Admitted)
    assert isinstance(home.call_ours("+44201"), Admitted)
    held = home.get(CUSTOMER).held
    assert [refusal(home.come_in()), refusal(home.call_ours("+44201"))] == [(503, "number_limit")] * 2
    assert (home.get(CUSTOMER).held, len(home.running())) == (held, 2)
    assert isinstance(home.come_in("+44202"), Admitted)
    home.wait(0.5)
    assert isinstance(home.come_in(), Admitted)
    assert refusal(home.come_in()) == (503, "number_limit")


def test_a_number_of_a_store_from_before_it_had_calls_a_second(home: World) -> None:
    """Its record is one field shorter: any number of calls."""
    home.number(1, CUSTOMER, {"kind": "device", "id": 7}, cps=1)
    with Change(home.rooms.store) as change:
        key = layout.kind_key(b"n", 1)
        record = marshal.loads(change.txn.get(key, db=change.store.config))
        change.txn.put(key, marshal.dumps(record[:-1], 2), db=change.store.config)
    assert [isinstance(home.come_in(), Admitted) for _ in range(3)] == [True] * 3


def test_a_repeated_invite_is_known(home: World) -> None:
    """The same again says nothing, another one of the same names is a loop."""
    key(home.come_in(call_id="x", branch="z9hG4bKx"))
    assert home.come_in(call_id="x", branch="z9hG4bKx") == Repeated(retransmission=True)
    assert home.come_in(call_id="x", branch="z9hG4bKy") == Repeated(retransmission=False)


def test_gateways_bring_calls_in_only_where_somebody_has_a_number(world: World) -> None:
    """And not from elsewhere, nor when they are out of use."""
    assert gateway_of(world.rooms, "127.0.0.11") is None
    world.number(1, CUSTOMER)
    found = gateway_of(world.rooms, "127.0.0.11")
    assert found is not None
    assert found.id == 1
    assert gateway_of(world.rooms, "127.0.0.99") is None
    world.gateway(1, 5, "127.0.0.11", state="suspended")
    assert gateway_of(world.rooms, "127.0.0.11") is None


def test_whoever_answers_outlives_its_trunk(home: World) -> None:
    """A number's list keeps no trunk from being removed: the one that talks can still hang up, nobody else can."""
    home.trunk(2, CUSTOMER, networks=["127.0.0.3/32"])
    home.number(1, CUSTOMER, {"kind": "trunk", "id": 2})
    call = key(home.come_in())
    home.pick_up(call)
    home.do("trunk_gone", id=2)
    assert speaker(home.rooms, call, "to", "from", "127.0.0.3") is not None
    assert speaker(home.rooms, call, "to", "from", "127.0.0.4") is None


def test_a_long_list_of_slow_places_rings_to_its_end(home: World) -> None:
    """Each may be silent before it rings; the meter takes the call as gone only behind the last one."""
    home.number(1, CUSTOMER, *[{"kind": "uri", "uri": f"sip:box@192.0.2.{last}"} for last in range(9)], ring_s=5)
    call = key(home.come_in())
    for _ in range(8):
        home.wait(8.9)
        meter.tick(home.rooms, FakeDialogs().seen(), home.now)
        assert fail_over(home.rooms, call, 480, home.now) is not None
    home.wait(9 + 11)
    meter.tick(home.rooms, FakeDialogs().seen(), home.now)
    assert (home.running(), home.last_cdr()["ended_by"]) == ([], "reaper")


def test_an_ordinary_number_is_no_local_one(home: World) -> None:
    """It goes out as before."""
    assert not isinstance(home.call_ours("+33123"), Local | Refused)


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("sip:box@192.0.2.9", ("192.0.2.9", 5060, "udp")),
        ("sip:box@[2001:db8::9]:5061;transport=tls", ("2001:db8::9", 5061, "tls")),
        ("sip:box@example.com", None),
        ("sip:box@192.0.2.999", None),
        ("sip:box@192.0.2.9:0", None),
        ("sip:box@192.0.2.9:99999", None),
        ("sip:b x@192.0.2.9", None),
        ("sip:box@192.0.2.9;x=1", None),
        ("sips:box@192.0.2.9", None),
        ("sip:box@0.0.0.0", None),
        ("sip:box@224.0.0.5", None),
        ("sip:box@255.255.255.255", None),
        ("sip:box@[::]", None),
        ("sip:box@[fe80::9]", None),
        ("sip:box@[::ffff:192.0.2.9]", None),
    ],
)
def test_uris_of_addresses(uri: str, place: tuple[str, int, str] | None) -> None:
    """A name would make calls wait for DNS; a carrier's address in IPv6's form would not be known for a carrier's."""
    assert parse_uri(uri) == place
