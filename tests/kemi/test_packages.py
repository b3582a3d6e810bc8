"""Packages on the call path: seconds first, then money, and never more than there is."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from kemi import meter
from kemi.answer import Grant
from kemi.authorize import Admitted
from kemi.grants import extend
from kemi.rehearse import Asked, rehearse, stage
from kemi.store import packages
from kemi.store.carry import begin_store
from kemi.store.packages import GONE
from ratebook.groups import Group
from ratebook.money import parse_nanos
from tests.kemi.world import (
    BOOT,
    CUSTOMER,
    EURO,
    LOWER,
    START,
    UPPER,
    FakeDialogs,
    World,
    assert_consistent,
    terms,
)

SECOND = START.wall_ms // 1000


def row(world: World, level: int = 0) -> dict[str, Any]:
    """What one level was charged for the last call."""
    charged: dict[str, Any] = world.last_cdr()["charges"][level]
    return charged


def whole_call(world: World, seconds: float, called: str = "+33123") -> dict[str, Any]:
    """A call with the meter at work; what its customer was charged."""
    call = world.talk(called)
    while seconds > 0:
        world.wait(min(seconds, 5))
        seconds -= 5
        meter.tick(world.rooms, FakeDialogs().seen(), world.now)
    world.hang_up(call)
    assert_consistent(world)
    return row(world)


def test_a_covered_call_costs_nothing(world: World) -> None:
    """What is not used comes back; the levels above pay as always."""
    world.package(1, CUSTOMER, 3600)
    call = world.talk()
    assert (world.stock(1).held, world.get(CUSTOMER).held) == (100, 0)
    world.wait(40)
    world.hang_up(call)
    found = row(world)
    assert (found["billed_s"], found["micros"], found["covered_s"], found["takes"]) == (40, 0, 40, [[1, 40]])
    assert (world.stock(1).left, world.stock(1).held) == (3560, 0)
    assert world.get(CUSTOMER).balance == 1000 * EURO
    assert world.charges()[LOWER] == 20_000
    assert_consistent(world)


def test_what_exceeds_the_package_is_paid(world: World) -> None:
    """30 of 50 seconds; then the next call pays all."""
    world.package(1, CUSTOMER, 30)
    found = whole_call(world, 50)
    assert (found["billed_s"], found["covered_s"], found["micros"]) == (50, 30, 20_000)
    assert world.stock(1).left == 0
    assert whole_call(world, 50)["micros"] == 50_000
    assert world.get(CUSTOMER).balance == 1000 * EURO - 70_000


def test_a_package_ends_within_an_increment(world: World) -> None:
    """60/60: 90 seconds of 120 billed ones."""
    world.package(1, CUSTOMER, 90)
    found = whole_call(world, 61, "+4930")
    assert (found["billed_s"], found["covered_s"], found["micros"]) == (120, 90, 30_000)


def test_twenty_calls_share_a_package(world: World) -> None:
    """It ends exactly at zero and all go on at the tariff; at no moment more is held than there is."""
    world.package(1, CUSTOMER, 777)
    calls = [world.talk() for _ in range(20)]
    for _ in range(25):
        world.wait(5)
        meter.tick(world.rooms, FakeDialogs().seen(), world.now)
        assert_consistent(world)
    for call in calls:
        world.hang_up(call)
        assert_consistent(world)
    rows = [event["cdr"]["charges"][0] for event in world.events("settled")]
    assert sum(one["covered_s"] for one in rows) == 777
    assert (world.stock(1).left, world.stock(1).held) == (0, 0)
    assert sum(one["micros"] for one in rows) == (20 * 125 - 777) * 1000 == 1000 * EURO - world.get(CUSTOMER).balance


@pytest.mark.parametrize(("amount", "lasts_s"), [(10_000, 42), (777, 42), (777, 5), (60, 90), (10_000, 125)])
def test_a_package_that_is_over_while_twenty_calls_run(world: World, amount: int, lasts_s: int) -> None:
    """From then on nobody takes more of it than is held; each second is covered or paid, and nothing stays held."""
    world.package(1, CUSTOMER, amount, until_s=SECOND + lasts_s)
    calls = [world.talk() for _ in range(20)]
    held = amount
    for passed_s in range(5, 130, 5):
        world.wait(5)
        meter.tick(world.rooms, FakeDialogs().seen(), world.now)
        assert_consistent(world)
        if passed_s >= lasts_s:
            assert world.stock(1).held <= held
            held = world.stock(1).held
    late = world.talk()
    assert world.stock(1).held == held
    world.hang_up(late)
    for call in calls:
        world.hang_up(call)
        assert_consistent(world)
    rows = [event["cdr"]["charges"][0] for event in world.events("settled")]
    covered = sum(one["covered_s"] for one in rows)
    assert 0 < covered <= held <= amount
    assert rows[0]["takes"] == []  # of the call that began when it was over
    assert (world.stock(1).left, world.stock(1).held) == (amount - covered, 0)
    seconds = sum(one["billed_s"] for one in rows)
    assert sum(one["micros"] for one in rows) == (seconds - covered) * 1000 == 1000 * EURO - world.get(CUSTOMER).balance


def test_without_money_the_package_is_all_there_is(world: World) -> None:
    """25 seconds are two first holds; a third is refused; the other five go to who asks for more first."""
    world.balance(CUSTOMER, 0)
    world.package(1, CUSTOMER, 25)
    first = world.talk()
    second = world.ring()
    assert world.pick_up(second) == Grant(10)
    assert world.stock(1).held == 20
    refused = world.invite()
    assert not isinstance(refused, Admitted)
    assert (refused.code, refused.rule) == (402, "funds")
    extension = extend(world.rooms, bytes.fromhex(first), world.now)
    assert extension is not None
    assert extension.after.grant_s == 15
    world.hang_up(first)
    world.hang_up(second)
    assert world.stock(1).left == 23  # a second each
    assert_consistent(world)


def test_only_calls_that_it_is_for(world: World) -> None:
    """By destination group, by tariff, by date; of a product that is not there none."""
    world.groups(Group("france", ("33",)), Group("germany", ("49",)))
    world.package(1, CUSTOMER, 1000, groups=["germany", "nowhere"])
    assert whole_call(world, 10)["takes"] == []
    assert whole_call(world, 10, "+4930")["takes"] == [[1, 60]]
    world.package(1, CUSTOMER, 0, tariffs=[LOWER])
    assert whole_call(world, 10)["takes"] == []
    world.package(1, CUSTOMER, 0, tariffs=[LOWER, CUSTOMER], until_s=SECOND)
    assert whole_call(world, 10)["takes"] == []
    world.package(1, CUSTOMER, 0, from_s=world.now.wall_s + 100)
    assert whole_call(world, 10)["takes"] == []
    world.package(1, CUSTOMER, 0)
    assert whole_call(world, 10)["takes"] == [[1, 10]]
    world.do("package", id=2, account=CUSTOMER, product=99, amount=5, money=False, fees=True, priority=-1,
             from_s=0, until_s=2**40)  # fmt: skip
    assert whole_call(world, 10)["takes"] == [[1, 10]]


def test_which_of_several_is_used_first(world: World) -> None:
    """The lower priority, then what ends sooner, then the older one; seconds before money."""
    world.package(1, CUSTOMER, 5, until_s=2**39)
    world.package(2, CUSTOMER, 5, until_s=2**38)
    world.package(3, CUSTOMER, 5, priority=-1)
    world.package(4, CUSTOMER, 3_000, priority=-9, product=2, money=True)
    found = whole_call(world, 20)
    assert found["takes"] == [[3, 5], [2, 5], [1, 5], [4, 3_000]]
    assert (found["covered_s"], found["covered_micros"], found["micros"]) == (15, 3_000, 2_000)


def test_the_level_that_owns_it_is_spared(world: World) -> None:
    """A reseller's package pays what the reseller pays; its customer's price is as ever."""
    world.package(1, UPPER, 20)
    assert whole_call(world, 30)["micros"] == 30_000
    assert (row(world, 2)["covered_s"], row(world, 2)["micros"]) == (20, 4_000)


def test_money_of_a_package_pays_fees_too(world: World) -> None:
    """Whole connect fee and minutes, up to what there is."""
    world.tariff(CUSTOMER, {"": terms("0.06", connect_fee_nanos=parse_nanos("0.05"))})
    world.package(1, CUSTOMER, 55_000, money=True)
    found = whole_call(world, 10)
    assert (found["micros"], found["covered_micros"], found["takes"]) == (5_000, 55_000, [[1, 55_000]])


@pytest.mark.parametrize(("fees", "micros"), [(True, 5_000), (False, 55_000)])
def test_connect_fees_as_the_product_says(world: World, fees: bool, micros: int) -> None:
    """In the package, or paid beside it."""
    world.tariff(CUSTOMER, {"": terms("0.06", connect_fee_nanos=parse_nanos("0.05"))})
    world.package(1, CUSTOMER, 20, fees=fees)
    found = whole_call(world, 25)
    assert (found["micros"], found["covered_s"], found["fees_covered"]) == (micros, 20, fees)


def test_an_attempt_is_paid_with_money(world: World) -> None:
    """It is held beside the package, and the package comes back whole."""
    world.tariff(CUSTOMER, {"": terms("0.06", attempt_fee_nanos=parse_nanos("0.002"))})
    world.package(1, CUSTOMER, 100)
    call = world.ring()
    assert (world.get(CUSTOMER).held, world.stock(1).held) == (5_000, 5)
    world.hang_up(call, "callee", 486)
    assert (row(world)["micros"], row(world)["takes"]) == (2_000, [])
    assert (world.stock(1).left, world.stock(1).held) == (100, 0)


def test_a_call_goes_on_with_the_next_period(world: World) -> None:
    """Money was held for what the old one may not have had; the new one pays at the end, and it comes back."""
    world.package(1, CUSTOMER, 15, until_s=SECOND + 12)
    call = world.talk()
    world.wait(12)
    world.package(2, CUSTOMER, 1000, from_s=SECOND + 12)
    meter.tick(world.rooms, FakeDialogs().seen(), world.now)
    world.wait(18)
    assert (world.get(CUSTOMER).held, world.stock(1).held) == (100_000, 0)
    world.hang_up(call)
    assert (row(world)["takes"], row(world)["micros"]) == ([[2, 30]], 0)


def test_what_is_over_stays_with_the_calls_that_hold_it(world: World) -> None:
    """Forgotten with the last of them; then the account costs no look any more."""
    world.package(1, CUSTOMER, 500)
    call = world.talk()
    world.do("package_gone", id=1, account=CUSTOMER)
    assert world.stock(1).flags & GONE
    assert whole_call(world, 10)["takes"] == []
    world.hang_up(call)
    assert world.stocks() == {}
    world.package(2, CUSTOMER, 500)
    world.do("package_gone", id=2, account=CUSTOMER)
    assert world.stocks() == {}
    assert world.get(CUSTOMER).flags == world.get(LOWER).flags


def test_a_correction_takes_what_is_free(world: World) -> None:
    """Below what calls hold: they keep it, and nothing new is held."""
    world.package(1, CUSTOMER, 100)
    call = world.talk()
    held = world.stock(1).held
    world.package(1, CUSTOMER, -95)
    other = world.talk()
    assert world.stock(1).held == held
    world.hang_up(other)
    world.wait(3)
    world.hang_up(call)
    assert (row(world)["takes"], world.stock(1).left) == ([[1, 3]], 2)


def test_an_account_keeps_its_packages_when_it_is_edited(world: World) -> None:
    """The command of an account says nothing about them."""
    world.package(1, CUSTOMER, 100)
    world.account(CUSTOMER, parent=LOWER, channels=9)
    assert whole_call(world, 10)["takes"] == [[1, 10]]


def test_a_new_store_knows_what_calls_hold(world: World) -> None:
    """Of the first grant and of a longer one, and from the command on what is left."""
    world.package(1, CUSTOMER, 5000)
    call = world.talk()
    clerk = world.clerk()
    clerk.tick(world.now)
    world.wait(95)
    extend(world.rooms, bytes.fromhex(call), world.now)
    assert world.events("extended")[-1]["packages"][0][3] == ((1, False, 200),)
    clerk.tick(world.now)
    clerk.close()
    world.rooms.close()
    shutil.rmtree(world.run_dir)
    begin_store(world.run_dir, world.data_dir, BOOT, START.wall_ms, world.now).close()
    assert world.rooms.has_store()
    assert (world.stock(1).left, world.stock(1).held) == (0, 200)
    world.hang_up(call)
    assert world.stock(1).left == -95
    world.furnish()
    world.package(1, CUSTOMER, 5000)
    assert (world.stock(1).left, world.stock(1).held) == (4905, 0)
    assert whole_call(world, 5)["takes"] == [[1, 5]]


def test_who_has_none_costs_no_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither record nor destination group is read for a chain without packages."""

    def never(*_: object) -> Any:
        raise AssertionError("looked")

    monkeypatch.setattr(packages, "stocks_of", never)
    monkeypatch.setattr("kemi.quote.Look.groups", never)
    assert whole_call(world, 15)["micros"] == 15_000
    assert world.running() == []


def test_messages_and_calls_that_come_in_are_no_packages_affair(world: World) -> None:
    """What the called side pays, it pays with money; what the caller's device pays may be in its package."""
    world.device(8, CUSTOMER)
    world.at(8)
    world.number(1, CUSTOMER, {"kind": "device", "id": 8}, tariff=CUSTOMER)
    world.package(1, CUSTOMER, 1000)
    come = world.come_in()
    assert isinstance(come, Admitted)
    world.pick_up(come.call, ip="192.0.2.7")
    world.wait(10)
    world.hang_up(come.call)
    assert (row(world)["micros"], row(world)["takes"]) == (10_000, [])
    out = world.call_ours(device=8)
    assert isinstance(out, Admitted)
    world.pick_up(out.call, ip="192.0.2.7")
    world.wait(10)
    world.hang_up(out.call)
    assert (row(world)["micros"], row(world)["takes"]) == (0, [[1, 10]])
    assert_consistent(world)


def test_a_rehearsal_knows_packages(world: World) -> None:
    """How long money and package together last; nothing of either is held afterwards."""
    world.balance(CUSTOMER, 5_000)
    world.package(1, CUSTOMER, 60)
    with stage(world.rooms.store, world.data_dir, world.rooms.rates) as rooms:
        told = rehearse(rooms, Asked("trunk", 1, "+33123", "1"), world.now)
    assert told.lasts_s[CUSTOMER] == 65
    assert (world.stock(1).held, world.get(CUSTOMER).held) == (0, 0)
