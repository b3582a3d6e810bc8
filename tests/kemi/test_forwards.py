"""Calls that are forwarded by a redirection: another call, made and paid by who forwards, joined to the first one."""

from __future__ import annotations

from typing import Any

import pytest

from kemi import joined, meter, prestart
from kemi.answer import Denied, Grant
from kemi.authorize import Admitted
from kemi.failover import fail_over
from kemi.forwards import Forwarded, forward, take_back
from kemi.invitation import no_offer
from kemi.running import call_of_invite, find
from kemi.settlement import End, hung_up
from kemi.sides import may_speak
from kemi.store.calls import RunningCall, pack_call
from tests.kemi.world import CUSTOMER, EURO, LOWER, ROOT, UPPER, FakeDialogs, World, assert_consistent, terms

OWNER, BOB = 7, 1
OUT = "sip:0033123@kambill"


@pytest.fixture
def house(world: World) -> World:
    """Bob, a device of another account right below the root, has the number +44201, and may forward."""
    world.account(OWNER, parent=ROOT, tariff=UPPER)
    world.credit(OWNER, 1000 * EURO)
    world.device(BOB, OWNER, forwards=True)
    world.at(BOB, "sip:d1@10.0.0.1", "192.0.2.1")
    world.number(1, OWNER, {"kind": "device", "id": BOB})
    return world


def ring(world: World, **fields: Any) -> str:
    """The customer's trunk calls the number: 6 cents a minute."""
    admitted = world.call_ours(**fields)
    assert isinstance(admitted, Admitted), admitted
    return admitted.call


def redirect(world: World, call: str, uri: str = OUT, code: int = 302) -> Forwarded | None:
    """Who rings says so."""
    return forward(world.rooms, call, code, (uri,), 0, lambda own: "192.0.2.10" in own, no_offer, world.now)


def forwarded(world: World, call: str, uri: str = OUT) -> str:
    """The key of the call as which the dialog goes on."""
    found = redirect(world, call, uri)
    assert found is not None
    assert_consistent(world)
    return found.call


def get(world: World, call: str) -> RunningCall:
    """A running one."""
    running = find(world.rooms, call)
    assert running is not None
    return running


def test_who_forwards_pays_for_its_own_call(house: World) -> None:
    """Caller: its price of the number. Who forwards: 2.4 cents a minute for the call out; one dialog, two records."""
    first = ring(house)
    second = forwarded(house, first)
    running = get(house, second)
    assert (running.account, running.device, running.gateway, running.called) == (OWNER, BOB, 1, "33123")
    assert (running.call_id, running.caller, running.joined) == (
        get(house, first).call_id, "441632960000", (bytes.fromhex(first), bytes.fromhex(second)),
    )  # fmt: skip
    assert (house.get(CUSTOMER).held, house.get(OWNER).held) == (10_000, 4_000)
    assert house.pick_up(second) == Grant(100)
    assert_consistent(house)
    house.wait(30)
    assert house.hang_up(second)
    assert not house.hang_up(first)
    assert_consistent(house)
    assert house.running() == []
    settled = {event["cdr"]["call"]: event["cdr"] for event in house.events("settled")}
    charged = {key: {row["account"]: row["micros"] for row in cdr["charges"]} for key, cdr in settled.items()}
    assert charged == {first: {CUSTOMER: 30_000, LOWER: 15_000, UPPER: 12_000}, second: {OWNER: 12_000}}
    assert settled[second]["cost"]["micros"] == 6_000
    assert [attempt[:2] for attempt in settled[first]["attempts"]] == [[0, 302], [0, 200]]
    assert {cdr["duration_ms"] for cdr in settled.values()} == {30_000}


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("sip:0033123@203.0.113.9", 302), ("sip:nobody@kambill", 302), ("sip:+44201@kambill", 302), ("", 302),
        (OUT, 305), (OUT, 380), ("sip:0033123@kambill?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2", 302),
    ],
)  # fmt: skip
def test_what_is_not_followed(house: World, uri: str, code: int) -> None:
    """Elsewhere, nobody, the number itself, another kind: the caller's hold stays as it was, nobody else has one."""
    call = ring(house)
    assert redirect(house, call, uri, code) is None
    assert [one.hex for one in house.running()] == [call]
    assert house.get(OWNER).held == 0
    assert_consistent(house)


def test_who_may_not_forward(house: World) -> None:
    """By default nobody; not who is suspended; not a gateway; not an answered call."""
    call = ring(house)
    house.device(BOB, OWNER)
    assert redirect(house, call) is None
    house.device(BOB, OWNER, forwards=True, state="suspended")
    assert redirect(house, call) is None
    house.device(BOB, OWNER, forwards=True)
    assert redirect(house, house.ring()) is None
    house.pick_up(call)
    assert redirect(house, call) is None
    assert_consistent(house)


def test_who_forwards_without_money_is_refused(house: World) -> None:
    """A record of its own says so; the caller's call fails as any other, and gives its hold back."""
    house.balance(OWNER, 0)
    call = ring(house)
    assert redirect(house, call) is None
    refused = house.events("refused")[-1]["cdr"]
    assert (refused["account"], refused["rule"], refused["device"], refused["called"]) == (OWNER, "funds", BOB, "33123")
    assert fail_over(house.rooms, call, 302, house.now) is None
    house.hang_up(call, "callee", 503)
    assert house.get(CUSTOMER).held == 0


def test_the_next_place_is_tried_when_a_forward_is_not_followed(house: World) -> None:
    """Bob has no money for it; the number leads to a box too, and the caller's hold is as it was."""
    box = {"kind": "uri", "uri": "sip:box@192.0.2.9"}
    house.number(1, OWNER, {"kind": "device", "id": BOB}, box)
    house.balance(OWNER, 0)
    call = ring(house)
    assert redirect(house, call) is None
    target = fail_over(house.rooms, call, 302, house.now)
    assert target is not None
    assert target.uri == box["uri"]
    assert isinstance(house.pick_up(call), Grant)
    assert [attempt[1] for attempt in get(house, call).attempts] == [302, 200]
    assert_consistent(house)


BOX = {"kind": "uri", "uri": "sip:box@192.0.2.9"}


def fail(world: World, call: str, code: int = 503) -> Forwarded | None:
    """All that the forwarding call could try has failed."""
    return take_back(world.rooms, call, code, End("callee", code, "No", 0), world.now)


def test_a_forward_that_fails_goes_back_to_the_next_place(house: World) -> None:
    """Bob's own call is over and free; the caller's goes on as if he had been away, however long that took."""
    house.number(1, OWNER, {"kind": "device", "id": BOB}, BOX)
    first = ring(house)
    second = forwarded(house, first)
    house.wait(50)
    found = fail(house, second)
    assert found is not None
    assert (found.call, found.target.uri) == (first, BOX["uri"])
    assert (house.last_cdr()["call"], house.last_cdr()["outcome"], house.last_cdr()["sip_code"]) == (
        second, "failed", 503,
    )  # fmt: skip
    assert (house.get(OWNER).held, house.get(CUSTOMER).held) == (0, 10_000)
    running = get(house, first)
    assert (running.joined, [attempt[1] for attempt in running.attempts]) == ((), [302, 503, 0])
    assert call_of_invite(house.rooms, running.call_id, running.from_tag) == first
    assert_consistent(house)
    house.wait(29)
    meter.tick(house.rooms, FakeDialogs().seen(), house.now)
    assert isinstance(house.pick_up(first), Grant)
    house.wait(10)
    house.hang_up(first)
    assert house.charges()[CUSTOMER] == 10_000
    assert_consistent(house)


@pytest.mark.parametrize(("places", "code"), [((), 503), ((BOX,), 403)])
def test_a_forward_that_fails_and_has_nowhere_to_go_ends_all(
    house: World, places: tuple[dict[str, Any], ...], code: int
) -> None:
    """No other place, or a code that is everybody's last word: nothing is changed, and the end is of both."""
    house.number(1, OWNER, {"kind": "device", "id": BOB}, *places)
    first = ring(house)
    second = forwarded(house, first)
    assert fail(house, second, code) is None
    assert len(house.running()) == 2
    assert get(house, second).joined == (bytes.fromhex(first), bytes.fromhex(second))
    house.hang_up(second, "callee", code)
    assert house.running() == []
    assert_consistent(house)


def test_only_what_is_forwarded_goes_back(house: World) -> None:
    """Not a call as it is, nor one that has been forwarded, nor one that is answered."""
    house.number(1, OWNER, {"kind": "device", "id": BOB}, BOX)
    first = ring(house)
    assert fail(house, first) is None
    second = forwarded(house, first)
    assert fail(house, first) is None
    house.pick_up(second)
    assert fail(house, second) is None
    assert len(house.running()) == 2


def test_a_chain_goes_back_to_the_last_number_with_a_place_left(house: World) -> None:
    """Two forwards: the second number has no place more, so that both end and the first number's next is tried."""
    house.number(1, OWNER, {"kind": "device", "id": BOB}, BOX)
    house.number(2, OWNER, {"kind": "device", "id": BOB})
    first = ring(house)
    third = forwarded(house, forwarded(house, first, "sip:+44202@kambill"))
    found = fail(house, third)
    assert found is not None
    assert (found.call, found.target.uri, [one.hex for one in house.running()]) == (first, BOX["uri"], [first])
    assert house.get(OWNER).channels == 0
    assert_consistent(house)


def test_one_forward_of_a_chain_stays(house: World) -> None:
    """The second number has a place more: only the last call ends, and the other two are one dialog."""
    house.number(2, OWNER, {"kind": "device", "id": BOB}, BOX)
    first = ring(house)
    second = forwarded(house, first, "sip:+44202@kambill")
    found = fail(house, forwarded(house, second))
    assert found is not None
    assert found.call == second
    joined_now = (bytes.fromhex(first), bytes.fromhex(second))
    assert get(house, first).joined == get(house, second).joined == joined_now
    assert isinstance(house.pick_up(second), Grant)
    house.hang_up(second)
    assert house.running() == []
    assert_consistent(house)


def test_the_best_contact_that_may_be_called_is(house: World) -> None:
    """Bob names three places: the first is nobody's here."""
    call = ring(house)
    uris = ("sip:0033123@203.0.113.9", OUT, "sip:0033124@kambill")
    found = forward(house.rooms, call, 302, uris, 0, lambda _: False, no_offer, house.now)
    assert found is not None
    assert get(house, found.call).called == "33123"


def test_a_contact_whose_call_is_refused_is_passed_over(house: World) -> None:
    """Priced and held anew each: the first two are one blocked number, the third has no money for it, the last one is
    taken. Each refused number has one record, and nothing is left of it.
    """
    house.tariff(UPPER, {"": terms("0.024"), "331": terms("0.024", blocked=True), "882": terms("9999", 60, 60)})
    call = ring(house)
    uris = ("sip:0033100@kambill", "tel:+33100", "sip:00882@kambill", "sip:0044777@kambill", OUT)
    found = forward(house.rooms, call, 302, uris, 0, lambda _: False, no_offer, house.now)
    assert found is not None
    assert get(house, found.call).called == "44777"
    told = [(one["cdr"]["called"], one["cdr"]["rule"], one["cdr"]["account"]) for one in house.events("refused")]
    assert told == [("33100", "blocked", OWNER), ("882", "funds", OWNER)]
    assert (house.get(OWNER).held, house.get(OWNER).channels) == (4_000, 1)
    assert [attempt[1] for attempt in get(house, call).attempts] == [302, 0]
    assert_consistent(house)


def test_the_record_says_whose_caller_it_is(house: World) -> None:
    """Who asks not to be shown is no affair of who forwards: both records say so, of a refused forward too."""
    first = ring(house, is_private=True)
    second = forwarded(house, first)
    house.hang_up(second, "callee", 486)
    told = {event["cdr"]["call"]: event["cdr"] for event in house.events("settled")}
    assert [(told[one]["private"], told[one]["forwarded"]) for one in (first, second)] == [(True, False), (True, True)]
    house.balance(OWNER, 0)
    assert redirect(house, ring(house)) is None
    refused = house.events("refused")[-1]["cdr"]
    assert (refused["private"], refused["forwarded"]) == (False, True)


def test_emergency_numbers_are_never_forwarded_to(house: World) -> None:
    """They would cost nothing, and never end."""
    house.do("special", id=1, account=1, trunk=0, number="112", prefix=False, kind="emergency", plan=1)
    assert redirect(house, ring(house), "sip:112@kambill") is None
    assert house.last_cdr()["rule"] == "redirected"
    assert_consistent(house)


def test_three_times_and_no_more(house: World) -> None:
    """Numbers that lead to the same telephone: each forward a call of its own, no number twice."""
    for number in range(2, 6):
        house.number(number, OWNER, {"kind": "device", "id": BOB})
    call = ring(house)
    for number in range(2, 5):
        before, call = call, forwarded(house, call, f"sip:+4420{number}@kambill")
        assert redirect(house, call, "sip:+44201@kambill") is None
        assert len(get(house, before).joined) == number
    assert redirect(house, call, "sip:+44205@kambill") is None
    assert house.get(OWNER).channels == 3
    house.hang_up(call, "callee", 486)
    assert house.running() == []
    assert_consistent(house)


def test_a_call_from_outside_is_forwarded_outside(house: World) -> None:
    """Whoever is called pays for being called, and for the call that it makes: twice the same account, each held."""
    house.tariff(9, {"44": terms("0.60")})
    house.number(1, OWNER, {"kind": "device", "id": BOB}, tariff=9)
    admitted = house.come_in()
    assert isinstance(admitted, Admitted)
    second = forwarded(house, admitted.call)
    assert (house.get(OWNER).held, house.get(OWNER).channels) == (104_000, 2)
    assert isinstance(house.pick_up(second), Grant)
    assert_consistent(house)
    house.wait(10)
    house.hang_up(second, "callee")
    assert 1000 * EURO - house.get(OWNER).balance == 100_000 + 4_000
    assert_consistent(house)


def test_the_next_gateway_is_tried_and_the_code_ends_both(house: World) -> None:
    """Failing over is the forwarding call's; a failure of all is everybody's, and costs nobody."""
    first = ring(house)
    second = forwarded(house, first)
    target = fail_over(house.rooms, second, 503, house.now)
    assert target is not None
    assert target.gateway == 2
    house.hang_up(second, "callee", 404)
    outcomes = [event["cdr"]["outcome"] for event in house.events("settled")]
    assert (outcomes, house.running()) == (["failed", "failed"], [])
    assert_consistent(house)


def test_an_answer_that_one_can_not_pay_ends_both(house: World) -> None:
    """Who forwards has spent its money meanwhile: the caller hears 503 and not why; nobody holds anything."""
    first = ring(house)
    second = forwarded(house, first)
    house.balance(OWNER, 0)
    assert house.pick_up(second) == Denied("funds", 503, "Temporarily unavailable")
    assert house.running() == []
    codes = {event["cdr"]["call"]: event["cdr"]["sip_code"] for event in house.events("settled")}
    assert codes == {first: 503, second: 402}
    assert_consistent(house)


def test_the_dialog_ends_with_the_first_money(house: World) -> None:
    """The timer is the shortest grant's whichever is extended; what runs out ends both, billed at most its grant."""
    house.balance(OWNER, 20_000)
    second = forwarded(house, ring(house))
    assert house.pick_up(second) == Grant(10)
    dialogs = FakeDialogs()
    for _ in range(60):
        house.wait(1)
        meter.tick(house.rooms, dialogs.seen(), house.now)
    assert house.running() == []
    longest_s = 20_000 * 60 // 24_000
    assert all(seconds <= longest_s for seconds, *_ in dialogs.set)
    bills = [event["cdr"]["charges"][0] for event in house.events("settled")]
    assert {row["account"] for row in bills} == {CUSTOMER, OWNER}
    assert house.get(OWNER).balance == 0
    assert_consistent(house)


def test_whichever_is_cut_the_dialog_ends(house: World) -> None:
    """By the first one's key; its BYE settles both as cut by the operator or with it."""
    first = ring(house)
    second = forwarded(house, first)
    house.pick_up(second)
    house.wait(5)
    house.do("cut", call=first, by="somebody")
    dialogs = FakeDialogs()
    meter.tick(house.rooms, dialogs.seen(), house.now)
    assert dialogs.set == [(1, 7, 9)]
    house.wait(1)
    house.hang_up(second, "grant")
    assert {event["cdr"]["duration_ms"] for event in house.events("settled")} == {6_000}
    assert_consistent(house)


def test_the_caller_speaks_as_it_began(house: World) -> None:
    """From its trunk's networks, though the call at hand is somebody else's; the gateway is the other side."""
    second = forwarded(house, ring(house))
    house.pick_up(second)
    running = get(house, second)
    with house.rooms.store.read() as txn:
        speaks = [
            may_speak(house.rooms.store, txn, running, side, ip, ())
            for side, ip in (("caller", "127.0.0.2"), ("caller", "192.0.2.1"), ("callee", "127.0.0.11"))
        ]
    assert speaks == [True, False, True]


def test_a_bye_that_was_read_before_settles_both(house: World) -> None:
    """The bill that is made before the lock is taken is made anew."""
    second = forwarded(house, ring(house))
    house.pick_up(second)
    house.wait(3)
    running = get(house, second)
    assert hung_up(house.rooms, running, pack_call(running), End("caller", 200, "OK", 0), house.now)
    assert house.running() == []
    assert_consistent(house)


def test_after_a_restart_it_is_one_dialog(house: World) -> None:
    """Named by the last call, as long as the shortest grant; what rang is released with all its parts."""
    house.balance(OWNER, 20_000)
    talking = forwarded(house, ring(house))
    house.pick_up(talking)
    forwarded(house, ring(house, from_tag="other"))
    house.rooms.close()
    assert prestart.prepare(house.run_dir, house.data_dir, house.now) == 1
    table = (house.data_dir / "dialogs" / "dialog").read_text().splitlines()[1:]
    variables = (house.data_dir / "dialogs" / "dialog_vars").read_text()
    assert (len(table), talking in variables) == (1, True)
    assert f":{house.now.wall_s + 10}:" in table[0]
    assert house.rooms.has_store()
    assert len(house.running()) == 2
    assert_consistent(house)


def test_a_dialog_that_has_just_ended_has_an_end(house: World) -> None:
    """The meter asks when it runs out while a BYE of another process settles it."""
    second = forwarded(house, ring(house))
    house.pick_up(second)
    running = get(house, second)
    house.hang_up(second, "caller")
    assert joined.grant_end_boot_ms(house.rooms.store, running) == running.grant_end_boot_ms
