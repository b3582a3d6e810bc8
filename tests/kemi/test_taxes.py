"""Taxes that are added to prepaid prices: in hold, grant and charge of that level, and in no other.

The customer pays 19 % to reseller 3, on 0.06 a minute; the resellers are prepaid too, and nothing is added to theirs.
"""

from __future__ import annotations

import pytest

from kemi.answer import Grant
from kemi.authorize import Admitted, Refused, authorise
from kemi.grants import extend
from kemi.identify import Source, identify
from kemi.running import find
from kemi.settlement import delivered
from kemi.store.carry import begin_store
from kemi.store.layout import TAXES
from ratebook.money import NANOS
from tests.kemi.world import BOOT, CUSTOMER, EURO, LOWER, ROOT, START, UPPER, World, assert_consistent, terms

START_S = START.wall_ms // 1000
VAT = (0, 7, 119, 100)
NEW_VAT_S = START_S + 30


@pytest.fixture
def fiscal(world: World) -> World:
    """Reseller 3 adds 19 % to what it sells."""
    world.taxes(LOWER, VAT)
    return world


def last_levels(world: World) -> list[tuple[int, str, int]]:
    """Charge, tax and its rates of each level, from the customer upwards."""
    return [(one["micros"], one["tax"], one["tax_set"]) for one in world.last_cdr()["charges"]]


def test_hold_and_charge_have_the_tax_at_its_level_only(fiscal: World) -> None:
    """61 seconds at 0.06 a minute are 0.061, and 0.07259 with tax; whoever is above pays the price alone."""
    call = fiscal.talk()
    assert_consistent(fiscal)
    assert [fiscal.get(account).held for account in (CUSTOMER, LOWER, UPPER)] == [119_000, 50_000, 40_000]
    fiscal.wait(61)
    fiscal.hang_up(call)
    assert last_levels(fiscal) == [(72_590, "119/100", 7), (30_500, "1/1", 0), (24_400, "1/1", 0)]
    assert fiscal.get(CUSTOMER).balance == 1000 * EURO - 72_590
    assert_consistent(fiscal)


def test_rounded_once_with_the_tax(fiscal: World) -> None:
    """A tariff of two decimals, up: 0.061 times 1.19 is 0.08; a tax on the rounded 0.07 would be 0.0833."""
    fiscal.tariff(CUSTOMER, {"": terms("0.06", rounding=terms("0").rounding._replace(decimals=2))})
    call = fiscal.talk()
    fiscal.wait(61)
    fiscal.hang_up(call)
    assert fiscal.charges()[CUSTOMER] == 70_000  # half-up of 0.07259
    fiscal.taxes(LOWER, (0, 8, 5, 4))
    call = fiscal.talk()
    fiscal.wait(61)
    fiscal.hang_up(call)
    assert fiscal.charges()[CUSTOMER] == 80_000  # of 0.07625


def test_the_call_is_cut_when_money_and_tax_are_used_up(fiscal: World) -> None:
    """0.0119 pay ten seconds, where 0.01 would without it; of one micro-unit less no call begins."""
    fiscal.balance(CUSTOMER, 11_900)
    call = fiscal.ring()
    fiscal.pick_up(call)
    running = find(fiscal.rooms, call)
    assert running is not None
    assert running.grant_s == 10
    assert fiscal.get(CUSTOMER).available == 0
    fiscal.wait(9)
    extended = extend(fiscal.rooms, bytes.fromhex(call), fiscal.now)
    assert extended is not None
    assert not extended.grew
    fiscal.wait(60)
    fiscal.hang_up(call, by="grant")
    assert fiscal.charges()[CUSTOMER] == 11_900
    assert fiscal.get(CUSTOMER).balance == 0
    fiscal.balance(CUSTOMER, 11_899)
    refused = fiscal.invite()
    assert isinstance(refused, Refused)
    assert (refused.rule, refused.account) == ("funds", CUSTOMER)


@pytest.mark.parametrize("money", [*range(13_000, 13_240, 17), 119_000, 238_001])
def test_no_charge_exceeds_its_hold(fiscal: World, money: int) -> None:
    """Whatever money there is: the hold is there, the charge lies within it, and a second more was not paid."""
    fiscal.balance(CUSTOMER, money)
    call = fiscal.talk()
    running = find(fiscal.rooms, call)
    assert running is not None
    held = running.legs[0].held
    assert held <= money
    assert -(-running.grant_s * 1_190 // 1) == held
    fiscal.wait(running.grant_s + 5)
    fiscal.hang_up(call, by="grant")
    assert fiscal.charges()[CUSTOMER] == held


def test_a_rate_from_a_date_is_that_of_the_answer(fiscal: World) -> None:
    """In its second without anybody telling the store; a call that talks keeps its own, one that rings gets the new."""
    fiscal.taxes(LOWER, VAT, (NEW_VAT_S, 9, 121, 100))
    talking, ringing, later = fiscal.talk(), fiscal.ring(), fiscal.ring()
    fiscal.wait(29)
    fiscal.pick_up(ringing)
    fiscal.wait(1)
    fiscal.pick_up(later)
    fresh = fiscal.talk()
    fiscal.wait(70)
    assert extend(fiscal.rooms, bytes.fromhex(talking), fiscal.now) is not None
    found = []
    for call in (talking, ringing, later, fresh):
        fiscal.hang_up(call)
        found.append(last_levels(fiscal)[0])
    assert found == [
        (119_000, "119/100", 7),
        (84_490, "119/100", 7),
        (84_700, "121/100", 9),
        (84_700, "121/100", 9),
    ]
    assert_consistent(fiscal)


@pytest.mark.parametrize("is_prepaid", [True, False])
def test_a_tax_that_begins_while_it_rings_is_paid(world: World, *, is_prepaid: bool) -> None:
    """From its second on, within what money and hold allow; who pays later has it on the invoice, as ever."""
    world.account(CUSTOMER, parent=LOWER, prepaid=is_prepaid)
    world.balance(CUSTOMER, 11_900)
    world.taxes(LOWER, (NEW_VAT_S, 9, 119, 100))
    call = world.ring()
    world.wait(30)
    assert world.pick_up(call) == Grant(10)
    world.wait(10)
    world.hang_up(call)
    assert last_levels(world)[0] == ((11_900, "119/100", 9) if is_prepaid else (10_000, "1/1", 0))
    assert [level[1] for level in last_levels(world)[1:]] == ["1/1", "1/1"]
    assert_consistent(world)


def test_a_change_reaches_the_next_call_and_no_running_one(fiscal: World) -> None:
    """The seller's tax ends: who talks pays it to the end."""
    talking = fiscal.talk()
    fiscal.do("taxes", account=LOWER, own=False, courses=None)
    fresh = fiscal.talk()
    fiscal.wait(60)
    for call, level in ((talking, (71_400, "119/100", 7)), (fresh, (60_000, "1/1", 0))):
        fiscal.hang_up(call)
        assert last_levels(fiscal)[0] == level
    assert not fiscal.get(LOWER).flags & TAXES


def test_an_account_s_own_taxes_go_before_those_of_everybody(fiscal: World) -> None:
    """An exempt one has a record that adds nothing; without it the seller's holds again."""
    fiscal.taxes(LOWER, account=CUSTOMER)
    exempt = fiscal.talk()
    fiscal.do("taxes", account=CUSTOMER, own=True, courses=None)
    taxed = fiscal.talk()
    fiscal.wait(60)
    for call, micros in ((exempt, 60_000), (taxed, 71_400)):
        fiscal.hang_up(call)
        assert fiscal.charges()[CUSTOMER] == micros


def test_nothing_is_added_to_who_pays_later(fiscal: World) -> None:
    """An invoice does that."""
    fiscal.account(CUSTOMER, parent=LOWER, prepaid=False)
    assert fiscal.get(LOWER).flags & TAXES  # it stays, whatever else is configured
    call = fiscal.talk()
    fiscal.wait(60)
    fiscal.hang_up(call)
    assert fiscal.charges()[CUSTOMER] == 60_000


def test_a_level_that_is_sold_to_by_another_has_that_one_s_taxes(world: World) -> None:
    """The root adds 10 % to what reseller 2 pays, and nothing to what others pay to theirs."""
    world.taxes(ROOT, (0, 3, 11, 10))
    call = world.talk()
    world.wait(60)
    world.hang_up(call)
    assert world.charges() == {CUSTOMER: 60_000, LOWER: 30_000, UPPER: 26_400}


def test_tax_and_exchange_are_one_factor(fiscal: World) -> None:
    """0.06 dollars a minute, 0.75 pounds for one, and 19 %: the record says both."""
    fiscal.account(CUSTOMER, parent=LOWER, currency="GBP")
    fiscal.tariff(CUSTOMER, {"": terms("0.06", currency="USD")})
    fiscal.exchange(("USD", "GBP", "0.75"), ("EUR", "GBP", "0.8"))
    call = fiscal.ring()
    fiscal.exchange(("USD", "GBP", "0.5"), ("EUR", "GBP", "0.8"))
    fiscal.pick_up(call)
    fiscal.wait(61)
    fiscal.hang_up(call)
    charge = fiscal.last_cdr()["charges"][0]
    assert (charge["exchange"], charge["tax"], charge["micros"]) == ("1/2", "119/100", 36_295)


def test_tax_is_not_earned(fiscal: World) -> None:
    """A reseller that pays 0.065 for what it sells at 0.06 loses, though it is paid 0.0714 with tax."""
    fiscal.tariff(LOWER, {"": terms("0.065")})
    refused = fiscal.invite()
    assert isinstance(refused, Refused)
    assert (refused.rule, refused.account) == ("loss", LOWER)
    fiscal.tariff(LOWER, {"": terms("0.06")})
    assert isinstance(fiscal.invite(), Admitted)


def test_tax_on_what_a_reseller_buys_is_not_paid(world: World) -> None:
    """It gets it back: at 0.06 for 0.06 it loses nothing, though 0.0714 are taken from it."""
    world.tariff(LOWER, {"": terms("0.06")})
    world.taxes(UPPER, VAT)
    call = world.talk()
    world.wait(60)
    world.hang_up(call)
    assert world.charges()[LOWER] == 71_400


def test_the_root_earns_its_price_without_tax(world: World) -> None:
    """Gateways that ask more than that are none: of 0.024 a minute, though 0.02856 are paid."""
    world.taxes(ROOT, VAT)
    world.plan(routes=[["", [[1, 1]]]])
    world.tariff(5, {"": terms("0.025")})
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert refused.rule == "loss"
    world.tariff(5, {"": terms("0.024")})
    assert isinstance(world.invite(), Admitted)


def test_a_message_is_another_service(fiscal: World) -> None:
    """What is added to calls isn't to messages; a tax of messages is in hold and charge, and not in what is earned."""
    for account, fee in ((CUSTOMER, NANOS // 10), (LOWER, NANOS // 20), (UPPER, NANOS // 40), (5, NANOS // 100)):
        fiscal.tariff(account, {"": terms("0.01", message_fee_nanos=fee)})
    trunk = identify(fiscal.rooms, Source("127.0.0.2", 5060, "udp"), "+33123")
    assert trunk is not None
    for tax, micros in (((), 100_000), ((VAT,), 119_000)):
        fiscal.taxes(LOWER, *tax, service="messages")
        admitted = authorise(fiscal.rooms, trunk, fiscal.invitation("+33123"), fiscal.now, is_message=True)
        assert isinstance(admitted, Admitted)
        assert fiscal.get(CUSTOMER).held == micros
        delivered(fiscal.rooms, admitted.call, fiscal.now)
        assert fiscal.charges() == {CUSTOMER: micros, LOWER: 50_000, UPPER: 25_000}
        assert_consistent(fiscal)


def test_who_is_called_pays_the_tax_of_being_called(fiscal: World) -> None:
    """A number's own tariff, of 0.02 a minute at each level: 19 % at the owner's."""
    fiscal.tariff(9, {"": terms("0.02")})
    fiscal.device(1, CUSTOMER)
    fiscal.at(1)
    fiscal.number(1, CUSTOMER, {"kind": "device", "id": 1}, tariff=9)
    admitted = fiscal.come_in()
    assert isinstance(admitted, Admitted), admitted
    fiscal.pick_up(admitted.call)
    fiscal.wait(60)
    fiscal.hang_up(admitted.call)
    assert fiscal.charges() == {CUSTOMER: 23_800, LOWER: 20_000, UPPER: 20_000}
    assert_consistent(fiscal)


def test_what_packages_leave_is_taxed(fiscal: World) -> None:
    """Of 90 seconds 60 are a package's: 30 cost 0.03 and the tax."""
    fiscal.package(1, CUSTOMER, 60)
    call = fiscal.talk()
    fiscal.wait(90)
    fiscal.hang_up(call)
    assert fiscal.charges()[CUSTOMER] == 35_700
    assert fiscal.stock(1).left == 0
    assert_consistent(fiscal)


def test_an_attempt_s_fee_is_taxed(fiscal: World) -> None:
    """As it was when the call began."""
    fiscal.tariff(CUSTOMER, {"": terms("0.06", attempt_fee_nanos=NANOS // 10)})
    call = fiscal.ring()
    assert fiscal.get(CUSTOMER).held == 119_000
    fiscal.hang_up(call, code=486)
    assert last_levels(fiscal)[0] == (119_000, "119/100", 7)


def test_a_wiped_store_carries_the_tax_over(fiscal: World) -> None:
    """From the journal: the call is charged as it was answered, before the new store knows of any tax."""
    call = fiscal.talk()
    clerk = fiscal.clerk()
    clerk.tick(fiscal.now)
    clerk.close()
    fiscal.close()
    for path in (fiscal.run_dir / "hot").iterdir():
        path.unlink()
    begin_store(fiscal.run_dir, fiscal.data_dir, BOOT, START.wall_ms, fiscal.now).close()
    assert fiscal.rooms.has_store()
    fiscal.wait(61)
    fiscal.hang_up(call)
    assert last_levels(fiscal)[0] == (72_590, "119/100", 7)
