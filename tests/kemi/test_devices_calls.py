"""Devices as callers: rules, caller ID and special numbers as for trunks; what somebody of ours is told."""

from __future__ import annotations

import pytest

from kemi.authorize import Admitted, Refused, authorise
from kemi.destination import Local
from kemi.failover import fail_over
from kemi.identify import Source, identify
from tests.kemi.test_specials import tell as special
from tests.kemi.test_translate import tell as rule
from tests.kemi.world import CARRIER, CUSTOMER, LOWER, ROOT, World, assert_consistent, terms

BEING_CALLED = 9


@pytest.fixture
def home(world: World) -> World:
    """Devices 7 and 8 of the customer's are there; number 1 leads to both."""
    for number in (7, 8):
        world.device(number, CUSTOMER)
        world.at(number)
    world.number(1, CUSTOMER, {"kind": "device", "id": 7}, {"kind": "device", "id": 8})
    return world


def admitted(decision: object) -> Admitted:
    """A call that is let through."""
    assert isinstance(decision, Admitted), decision
    return decision


def test_rules_of_the_account_are_for_its_devices_too(home: World) -> None:
    """Not those of one trunk; the caller's as the called."""
    rule(home, 1, CUSTOMER, prefix="9", strip=1, prepend="0033")
    rule(home, 2, CUSTOMER, prefix="9", strip=1, prepend="0049", trunk=1)
    rule(home, 3, CUSTOMER, "caller", length_min=3, length_max=3, prepend="+441632960")
    admitted(home.call_ours("9123", device=7, caller="017"))
    (call,) = home.running()
    assert (call.called, call.called_sent, call.caller, call.caller_sent) == ("33123", "9123", "441632960017", "017")
    assert (call.device, call.trunk) == (7, 0)


@pytest.mark.parametrize(
    ("fields", "said", "number"),
    [
        ({}, "d7", ""),
        ({}, "+441632960000", "441632960000"),
        ({"caller_number": "441632960001"}, "d7", "441632960001"),
        ({"caller_number": "441632960001"}, "+441632960000", "441632960001"),
        ({"caller_numbers": ["441632960002", "441632960003"]}, "00441632960003", "441632960003"),
        ({"caller_numbers": ["441632960002"]}, "+33155", "441632960002"),
        ({"caller_number": "441632960001", "caller_numbers": ["441632960002"]}, "+33155", "441632960001"),
    ],
)
@pytest.mark.parametrize("private", [False, True])
def test_who_a_device_is(home: World, fields: dict[str, object], said: str, number: str, private: bool) -> None:
    """Its own number, or one of those that it may say; what it asserts does not count."""
    home.device(7, CUSTOMER, **fields)
    target = admitted(home.call_ours("+33123", device=7, caller=said, asserted="33199999", is_private=private)).target
    assert home.running()[0].caller == number
    shown = f"sip:{number}@" if number and not private else "sip:anonymous@"
    assert target.parties.from_uri.startswith(shown)
    assert (target.parties.asserted, target.parties.is_private) == ("", private)


def test_an_emergency_call_of_a_device(home: World) -> None:
    """Without money, beyond its channels, as it is dialled."""
    special(home, "112")
    home.account(CUSTOMER, parent=LOWER, state="suspended")
    home.balance(CUSTOMER, 0)
    home.device(7, CUSTOMER, channels=1, plan=0)
    for _ in range(3):
        admitted(home.call_ours("112", device=7))
    assert [(call.called, call.special, call.device) for call in home.running()] == [("112", "emergency", 7)] * 3
    assert_consistent(home)
    for call in home.running():
        home.hang_up(call.hex, code=487)
    assert_consistent(home)


def test_a_special_number_comes_before_one_of_ours(home: World) -> None:
    """The operator's list says where it goes."""
    special(home, "44201", kind="free")
    admitted(home.call_ours("44201", device=7))
    assert (home.running()[0].special, home.running()[0].number) == ("free", 0)


def test_what_somebody_of_ours_is_told(home: World) -> None:
    """The caller's number, at each hop the same; by name the name; of who is private nothing."""
    home.device(7, CUSTOMER, caller_number="441632960001")
    first = admitted(home.call_ours(device=7))
    told = first.target.parties
    assert (told.from_uri, told.to_uri) == ("sip:+441632960001@127.0.0.1", "sip:+44201@127.0.0.1")
    assert told.asserted == told.from_uri
    following = fail_over(home.rooms, first.call, 486, home.now)
    assert following is not None
    assert following.parties == told
    by_name = admitted(home.call_ours("d7", device=8, caller="d8")).target.parties
    assert (by_name.from_uri, by_name.to_uri, by_name.asserted) == ("sip:d8@127.0.0.1", "sip:d7@127.0.0.1", "")
    private = admitted(home.call_ours("d7", device=8, caller="d8", is_private=True)).target.parties
    assert private.from_uri == "sip:anonymous@anonymous.invalid"
    assert private.contact.startswith("sip:anonymous@")


@pytest.mark.parametrize(("trusted", "caller"), [(False, "441632960000"), (True, "33155")])
def test_a_call_from_outside_says_who_calls(home: World, trusted: bool, caller: str) -> None:
    """By From; by P-Asserted-Identity of a trusted gateway."""
    home.gateway(1, CARRIER, "127.0.0.11", trusted=trusted)
    admitted(home.come_in(asserted="+33155"))
    assert home.running()[0].caller == caller


def test_a_message_to_a_number_of_ours_is_refused(home: World) -> None:
    """Telephones are called; no carrier gets it."""
    trunk = identify(home.rooms, Source("127.0.0.2", 5060, "udp"), "+44201")
    assert trunk is not None
    decision = authorise(home.rooms, trunk, home.invitation("+44201"), home.now, is_message=True)
    assert not isinstance(decision, Local)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.rule) == (405, "message")


def test_being_called_is_charged_in_each_account_s_currency(home: World) -> None:
    """60 euro cents a minute: the owner has pounds, the one above it euros."""
    home.account(CUSTOMER, parent=LOWER, currency="GBP")
    home.exchange(("EUR", "GBP", "0.75"))
    home.tariff(BEING_CALLED, {"44": terms("0.60", 1, 1)})
    home.number(1, CUSTOMER, {"kind": "device", "id": 7}, tariff=BEING_CALLED)
    call = admitted(home.come_in()).call
    home.pick_up(call)
    home.wait(30)
    home.hang_up(call)
    rows = [(row["account"], row["micros"], row["currency"], row["exchange"]) for row in home.last_cdr()["charges"]]
    assert rows[0] == (CUSTOMER, 225_000, "GBP", "3/4")
    assert rows[1] == (LOWER, 300_000, "EUR", "1/1")
    assert rows[-1][0] != ROOT
    assert_consistent(home)
