"""The registrar: places that come, move, run out and are kept open; all of a request or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from kemi.contacts import parse_contacts
from kemi.guards import Answer
from kemi.identify import Source
from kemi.meter import tick
from kemi.register import INACTIVE, OUT_OF_ORDER, TOO_BRIEF, TOO_MANY, Registration, register
from kemi.store.devices import device_by_id
from kemi.store.environment import Snapshot
from kemi.store.locations import Location
from tests.kemi.world import CUSTOMER, LOWER, UPPER, FakeDialogs, World


@pytest.fixture
def home(world: World) -> World:
    """With a device d7 that may be at three places."""
    world.device(7, CUSTOMER)
    return world


def ask(world: World, contact: str, cseq: int = 1, **fields: Any) -> list[str] | Answer:
    """A REGISTER of d7; the contacts afterwards."""
    binding = parse_contacts([contact] if contact else [])
    assert binding is not None
    values: dict[str, Any] = {"user": "d7", "call_id": "c1", "cseq": cseq, "binding": binding, "expires_s": 600}
    values |= {"agent": "x" * 200, "source": Source("192.0.2.7", 5060, "udp"), "socket": "udp:127.0.0.1:5060"}
    with world.rooms.store.read() as txn:
        device = device_by_id(world.rooms.store.config, txn, 7)
    assert device is not None
    found = register(world.rooms, device, Registration(**values | fields), world.now)
    return found if isinstance(found, Answer) else [one.contact for one in found]


def places(world: World) -> list[Location]:
    """All that the store has."""
    with world.rooms.store.read() as txn:
        return list(Snapshot(world.rooms.store, txn).locations())


A, B, C, D = (f"sip:d7@192.0.2.{number}" for number in (1, 2, 3, 4))


def test_a_place_is_kept_with_all_that_a_call_needs(home: World) -> None:
    """What it said, where it came from, until when; the agent cut to its length."""
    assert ask(home, f"<{A}>;q=0.5") == [A]
    (one,) = places(home)
    assert (one.device, one.ip, one.port, one.socket, one.q) == (7, "192.0.2.7", 5060, "udp:127.0.0.1:5060", 500)
    assert (one.until_boot_ms - home.now.boot_ms, len(one.agent)) == (600_000, 100)


def test_several_places_by_rank(home: World) -> None:
    """The highest q first; a question changes nothing."""
    assert ask(home, f"<{A}>;q=0.1, <{B}>;q=0.9, <{C}>;q=0.5") == [B, C, A]
    assert ask(home, "", 2) == [B, C, A]


def test_a_renewal_moves_the_end(home: World) -> None:
    """Since stays; the old due entry finds it alive."""
    ask(home, A)
    since = places(home)[0].since_wall_ms
    home.wait(500)
    ask(home, A, 2)
    home.wait(200)
    tick(home.rooms, FakeDialogs().seen(), home.now)
    (one,) = places(home)
    assert one.since_wall_ms == since
    home.wait(401)
    assert ask(home, "", 3) == []
    tick(home.rooms, FakeDialogs().seen(), home.now)
    assert places(home) == []


def test_expires_of_contact_header_and_setting(home: World) -> None:
    """The contact's own first, then the header's, then the longest; never more than that."""
    ask(home, f"<{A}>;expires=90, <{B}>")
    ask(home, C, 2, expires_s=None)
    ask(home, f"<{A}>;expires=99999", 3)
    lengths = {one.contact: (one.until_boot_ms - home.now.boot_ms) // 1000 for one in places(home)}
    assert lengths == {A: 3600, B: 600, C: 3600}


def test_all_or_nothing(home: World) -> None:
    """One contact that is too brief or too late, and none is taken."""
    ask(home, A, 5)
    assert ask(home, f"<{B}>, <{C}>;expires=59", 6) == TOO_BRIEF
    assert ask(home, f"<{B}>, <{A}>", 5) == OUT_OF_ORDER
    assert ask(home, f"<{B}>, <{C}>, <{D}>", 7) == TOO_MANY
    assert [one.contact for one in places(home)] == [A]


def test_a_late_register_of_the_same_sequence_takes_nothing_out(home: World) -> None:
    """RFC 3261 10.3 step 7; one of another Call-ID may."""
    ask(home, A, 5)
    assert ask(home, A, 5, expires_s=0) == OUT_OF_ORDER
    assert ask(home, "*", 4, expires_s=0) == OUT_OF_ORDER
    assert ask(home, "*", 1, expires_s=0, call_id="c2") == []


def test_a_star_is_for_going_only(home: World) -> None:
    """With any other time than none: 400."""
    ask(home, A)
    answer = ask(home, "*", 2)
    assert isinstance(answer, Answer)
    assert answer.code == 400
    assert len(places(home)) == 1


def test_a_telephone_that_begins_anew_takes_its_own_place(home: World) -> None:
    """Another contact and Call-ID from the same address and port: one place, however often."""
    for number in range(10):
        assert ask(home, f"sip:d7@10.0.0.{number}", call_id=f"boot {number}") == [f"sip:d7@10.0.0.{number}"]


def test_no_other_name_and_nobody_inactive(home: World) -> None:
    """403; also when somebody above is suspended."""
    answer = ask(home, A, user="d8")
    assert isinstance(answer, Answer)
    assert answer.code == 403
    home.account(UPPER, parent=1, state="suspended")
    assert ask(home, A) == INACTIVE
    home.account(UPPER, parent=1)
    assert ask(home, A) == [A]


def test_a_suspended_or_removed_device_is_nowhere(home: World) -> None:
    """With the command itself."""
    ask(home, A)
    home.device(7, CUSTOMER, state="suspended")
    assert places(home) == []
    assert ask(home, A, 2) == INACTIVE
    home.device(7, CUSTOMER)
    ask(home, A, 3)
    home.do("device_gone", id=7)
    assert places(home) == []


def test_a_full_store_takes_no_new_place(home: World) -> None:
    """503; who is there may stay and go."""
    ask(home, A)
    home.rooms.store.devices_bytes = 0
    answer = ask(home, B, 2)
    assert isinstance(answer, Answer)
    assert answer.code == 503
    assert ask(home, A, 3) == [A]
    assert ask(home, A, 4, expires_s=0) == []


def test_a_way_is_kept_open(home: World) -> None:
    """An OPTIONS from our socket each 25 s, one however often it is renewed; none when it is gone."""
    ask(home, A)
    ask(home, A, 2)
    kamailio = FakeDialogs()
    for _ in range(3):
        home.wait(25)
        tick(home.rooms, kamailio.seen(), home.now)
    assert [place for place, _ in kamailio.sent] == ["sip:192.0.2.7:5060"] * 3
    assert all(text.startswith(f"OPTIONS {A} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;") for _, text in kamailio.sent)
    ask(home, A, 3, expires_s=0)
    home.wait(25)
    tick(home.rooms, kamailio.seen(), home.now)
    assert len(kamailio.sent) == 3


def test_a_device_of_a_lower_account_is_another_matter(home: World) -> None:
    """Places are kept by device."""
    home.device(8, LOWER)
    ask(home, A)
    home.do("device_gone", id=8)
    assert len(places(home)) == 1
