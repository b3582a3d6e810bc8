"""What providers get for attempts that fail: each for its own, once, whatever becomes of the call."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from kemi.authorize import Admitted
from kemi.failover import fail_over
from kemi.invitation import no_offer
from kemi.redirects import follow
from kemi.settlement import delivered
from kemi.store import exposure
from kemi.store.layout import Exposure
from ratebook.model import Band, Border, Timetable, Window
from ratebook.money import parse_nanos
from tests.kemi.test_text_messages import send
from tests.kemi.world import (
    CARRIER,
    CUSTOMER,
    DEAR_CARRIER,
    PRICES,
    ROOT,
    World,
    assert_consistent,
    terms,
)

FEES = {CARRIER: "0.000777", DEAR_CARRIER: "0.0015"}
FEE, DEAR_FEE = 777, 1_500
"""The same in micro-units."""


@pytest.fixture
def fees(world: World) -> World:
    """Both carriers want to be paid for attempts."""
    for account, price in PRICES.items():
        fee = parse_nanos(FEES.get(account, "0"))
        world.tariff(account, {"": terms(price, attempt_fee_nanos=fee, message_fee_nanos=parse_nanos("0.001"))})
    return world


def owed(world: World) -> tuple[int, int]:
    """To both carriers."""
    return world.get(CARRIER).balance, world.get(DEAR_CARRIER).balance


def recorded(world: World) -> Counter[int]:
    """What records say that each provider gets."""
    sums: Counter[int] = Counter()
    for kind in ("attempted", "settled"):
        for event in world.events(kind):
            cost = event["cdr"]["cost"]
            if cost:
                sums[cost["account"]] += cost["micros"]
    return sums


def test_each_gateway_that_failed_is_paid_for_its_attempt(fees: World) -> None:
    """Two gateways fail, the third one is talked to for a minute: 2 fees of the one carrier, a minute of the other."""
    fees.talk_by_the_third()
    assert owed(fees) == (2 * FEE, 18_000)
    assert recorded(fees) == {CARRIER: 2 * FEE, DEAR_CARRIER: 18_000}
    assert fees.charges()[CUSTOMER] == 60_000
    assert_consistent(fees)


def test_the_record_of_an_attempt_is_the_operators(fees: World) -> None:
    """It says which gateway failed of which call, when and how; nobody below the operator has it."""
    start_ms = fees.now.wall_ms
    call = fees.ring()
    fees.wait(2)
    fail_over(fees.rooms, call, 503, fees.now, ring_ms=start_ms + 700)
    (event,) = fees.events("attempted")
    cdr = event["cdr"]
    assert owed(fees) == (FEE, 0)
    assert (cdr["kind"], cdr["outcome"], cdr["sip_code"], cdr["gateway"]) == ("attempt", "failed", 503, 1)
    assert (cdr["account"], cdr["path"], cdr["trunk"], cdr["charges"]) == (ROOT, [ROOT], 0, [])
    assert (cdr["start_ms"], cdr["ring_ms"], cdr["answer_ms"]) == (start_ms, start_ms + 700, 0)
    assert (cdr["end_ms"], cdr["duration_ms"], cdr["call_id"]) == (start_ms + 2_000, 0, "call-1")
    assert cdr["attempts"] == [[1, 503, start_ms, start_ms + 700, start_ms + 2_000]]
    assert (cdr["cost"]["account"], cdr["cost"]["micros"], cdr["cost"]["billed_s"]) == (CARRIER, FEE, 0)
    assert cdr["call"] != call
    assert len(cdr["call"]) == 32


def test_nobody_answers(fees: World) -> None:
    """All three fail: the last one's fee is the call's own cost, and the others are not lost."""
    call = fees.ring()
    for _ in range(2):
        fail_over(fees.rooms, call, 503, fees.now)
    assert fail_over(fees.rooms, call, 503, fees.now) is None
    assert len(fees.events("attempted")) == 2
    fees.hang_up(call, by="callee", code=503)
    assert owed(fees) == (2 * FEE, DEAR_FEE)
    assert (fees.last_cdr()["cost"]["account"], fees.last_cdr()["cost"]["micros"]) == (DEAR_CARRIER, DEAR_FEE)
    assert_consistent(fees)


@pytest.mark.parametrize(("by", "code"), [("caller", 487), ("operator", 503), ("reaper", 503), ("callee", 408)])
def test_a_call_that_is_given_up_after_one_has_failed(fees: World, by: str, code: int) -> None:
    """CANCEL, a cut, nobody there, a ring timeout: both attempts are paid, and a second end changes nothing."""
    call = fees.ring()
    fail_over(fees.rooms, call, 503, fees.now)
    assert fees.hang_up(call, by=by, code=code)
    assert not fees.hang_up(call, by=by, code=code)
    assert fail_over(fees.rooms, call, 503, fees.now) is None
    assert owed(fees) == (2 * FEE, 0)
    assert recorded(fees) == {CARRIER: 2 * FEE}


def test_an_attempt_without_a_fee_leaves_no_record(world: World) -> None:
    """As most tariffs are."""
    fail_over(world.rooms, world.ring(), 503, world.now)
    assert world.events("attempted") == []


def test_what_no_gateway_follows_is_paid_once(fees: World) -> None:
    """The next gateways have no room: nothing is paid for going on, the end pays."""
    for gateway in (2, 3):
        carrier = CARRIER if gateway == 2 else DEAR_CARRIER
        fees.gateway(gateway, carrier, f"127.0.0.1{gateway}", channels=1)
    full = [fees.ring() for _ in range(3)]
    fail_over(fees.rooms, full[0], 503, fees.now)
    fail_over(fees.rooms, full[1], 503, fees.now)
    before = owed(fees)
    assert before == (2 * FEE, 0)
    assert fail_over(fees.rooms, full[2], 503, fees.now) is None
    assert owed(fees) == before
    assert len(fees.events("attempted")) == 2
    fees.hang_up(full[2], by="callee", code=503)
    assert owed(fees) == (3 * FEE, 0)
    assert_consistent(fees)


def test_messages_have_a_fee_of_their_own(fees: World) -> None:
    """A MESSAGE that one gateway refuses and the next one takes costs one message."""
    sent = send(fees)
    assert isinstance(sent, Admitted)
    fail_over(fees.rooms, sent.call, 503, fees.now)
    assert delivered(fees.rooms, sent.call, fees.now)
    assert owed(fees) == (1_000, 0)
    assert fees.events("attempted") == []


def test_a_redirection_is_one_attempt(fees: World) -> None:
    """The carrier sends the call on to its other gateway, and that one fails: one fee for both."""
    fees.gateway(1, CARRIER, "127.0.0.11", redirects="follow")
    call = fees.ring()
    uris = ("sip:33123@127.0.0.12:5060",)
    assert follow(fees.rooms, call, 302, uris, (), 0, no_offer, fees.now) is not None
    assert fees.running()[0].gateway == 2
    assert owed(fees) == (0, 0)
    fail_over(fees.rooms, call, 503, fees.now)
    assert owed(fees) == (FEE, 0)
    assert_consistent(fees)


def test_a_place_of_the_carrier_that_fails_is_paid_for(fees: World) -> None:
    """It was sent to a host of its own, which fails, and to the other gateway that it had named: one fee, then two."""
    own = "127.0.0.21"
    networks = ["127.0.0.11/32", f"{own}/32"]
    fees.gateway(1, CARRIER, "127.0.0.11", redirects="follow", redirect_hosts=[own, "127.0.0.11"], networks=networks)
    call = fees.ring()
    uris = (f"sip:33123@{own}", "sip:33123@127.0.0.12")
    first = follow(fees.rooms, call, 302, uris, (), 0, no_offer, fees.now)
    assert first is not None
    assert owed(fees) == (0, 0)
    second = follow(fees.rooms, call, 503, first.others, (first.aim.place,), 0, no_offer, fees.now)
    assert second is not None
    assert owed(fees) == (FEE, 0)
    fail_over(fees.rooms, call, 503, fees.now)
    assert owed(fees) == (2 * FEE, 0)
    assert [event["cdr"]["gateway"] for event in fees.events("attempted")] == [1, 2]
    assert_consistent(fees)


def test_what_an_attempt_costs_counts_for_the_limit_of_exposure(fees: World) -> None:
    """The carrier may be owed a first hold and not a fee beside it: its other gateway is none, the dear one is next."""
    held = 2_000
    fees.account(CARRIER, parent=ROOT, kind="provider", exposure_limit=held + FEE - 1)
    call = fees.ring()
    second = fail_over(fees.rooms, call, 503, fees.now)
    assert second is not None
    assert second.gateway == 3
    with fees.rooms.store.read() as txn:
        assert exposure.of(fees.rooms.store, txn, CARRIER) == Exposure(held + FEE - 1, 0)
    assert owed(fees) == (FEE, 0)
    assert_consistent(fees)


def test_the_rate_of_the_attempts_own_second(fees: World) -> None:
    """In another currency, whose worth changes between two attempts: each by what it was when its INVITE went out."""
    fees.tariff(CARRIER, {"": terms("0.012", currency="USD", attempt_fee_nanos=parse_nanos("0.001"))})
    fees.exchange(("USD", "EUR", "0.9"))
    call = fees.ring()
    fees.wait(1)
    fees.exchange(("USD", "EUR", "0.8"))
    fail_over(fees.rooms, call, 503, fees.now)
    fail_over(fees.rooms, call, 503, fees.now)
    assert [event["cdr"]["cost"]["micros"] for event in fees.events("attempted")] == [900, 800]
    assert owed(fees) == (1_700, 0)


def test_the_last_attempt_is_paid_by_its_own_second(fees: World) -> None:
    """Of a call that nobody answers: the one before it by its own one, too, and the caller by its first second."""
    noon = Band("noon", (Window(0b111_1111, (), 12 * 3_600, 13 * 3_600),))
    for account, fee, at_noon in ((CARRIER, "0.001", "0.002"), (CUSTOMER, "0.003", "0.004")):
        before, during = (terms(PRICES[account], attempt_fee_nanos=parse_nanos(one)) for one in (fee, at_noon))
        fees.tariff(account, {"": before._replace(timetable=Timetable("UTC", Border.START, ((noon, during),)))})
    fees.wait((12 * 3_600 - 1 - fees.now.wall_s) % 86_400)
    call = fees.ring()
    fees.wait(2)
    fail_over(fees.rooms, call, 503, fees.now)
    fees.wait(2)
    fees.hang_up(call)
    assert [event["cdr"]["cost"]["micros"] for event in fees.events("attempted")] == [1_000]
    cdr = fees.last_cdr()
    assert (cdr["cost"]["micros"], fees.charges()[CUSTOMER]) == (2_000, 3_000)
    assert_consistent(fees)


def test_the_journal_tells_it(fees: World) -> None:
    """The clerk carries the record out; opening it again changes nothing."""
    call = fees.ring()
    fail_over(fees.rooms, call, 503, fees.now)
    (told,) = fees.events("attempted")
    clerk = fees.clerk()
    clerk.tick(fees.now)
    clerk.close()
    lines = [line for line in fees.journal() if line["e"] == "attempted"]
    assert [line["cdr"] for line in lines] == [told["cdr"]]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_providers_get_what_records_say(fees: World, seed: int) -> None:
    """Random calls fail over, are answered and end: balances are the records' sums, and these what was tried."""
    dice = random.Random(seed)
    fees.account(CARRIER, parent=ROOT, kind="provider", exposure_limit=dice.choice([None, 9_000, 40_000]))
    calls: list[str] = []
    due: Counter[int] = Counter()
    for _ in range(60):
        fees.wait(dice.choice([0, 0.5, 3]))
        act = dice.choice(["ring", "fail", "fail", "answer", "end"])
        if act == "ring" or not calls:
            calls.append(fees.ring())
            continue
        at = dice.randrange(len(calls))
        before = next(one for one in fees.running() if one.hex == calls[at])
        if act == "fail" and fail_over(fees.rooms, calls[at], 503, fees.now) is not None:
            due[before.gateway] += 1
        elif act == "answer":
            fees.pick_up(calls[at])
        elif act == "end":
            fees.hang_up(calls.pop(at), by=dice.choice(["caller", "callee"]))
            due[before.gateway] += not before.is_answered
        assert_consistent(fees)
    assert owed(fees) == (recorded(fees)[CARRIER], recorded(fees)[DEAR_CARRIER])
    attempts: list[dict[str, Any]] = [event["cdr"] for kind in ("attempted", "settled") for event in fees.events(kind)]
    paid = Counter(cdr["gateway"] for cdr in attempts if not cdr["answer_ms"])
    assert paid == +due
    unanswered = sum(cdr["cost"]["micros"] for cdr in attempts if not cdr["answer_ms"])
    assert unanswered == FEE * (due[1] + due[2]) + DEAR_FEE * due[3]
