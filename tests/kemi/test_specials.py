"""Emergency and free numbers: no money, no limit, no cut; and no way around for any other number."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi.authorize import Admitted
from kemi.failover import fail_over
from kemi.meter import tick
from kemi.prober import note_result
from kemi.refusal import Refused
from kemi.store import commands
from kemi.store.specials import Special, Specials
from tests.kemi.world import CARRIER, CUSTOMER, LOWER, ROOT, UPPER, FakeDialogs, World, assert_consistent, terms


def tell(world: World, number: str, kind: str = "emergency", **fields: Any) -> None:
    """The command of a special number."""
    values: dict[str, Any] = {"id": 1, "account": ROOT, "trunk": 0, "prefix": False, "plan": 1}
    world.do("special", **values | {"number": number, "kind": kind} | fields)


@pytest.fixture
def poor(world: World) -> World:
    """Nobody has a cent, the customer is suspended and has every limit there is."""
    for account in (CUSTOMER, LOWER, UPPER):
        world.balance(account, 0)
    world.account(CUSTOMER, parent=LOWER, state="suspended", channels=1, cps=1)
    world.trunk(1, CUSTOMER, channels=1, cps=1)
    return world


def admitted(world: World, called: str) -> str:
    """The key of a call that is let through."""
    decision = world.invite(called)
    assert isinstance(decision, Admitted), decision
    return decision.call


def test_an_emergency_call_needs_nothing(poor: World) -> None:
    """Five at once from a suspended account without money; nothing held, charged or owed."""
    tell(poor, "112")
    calls = [admitted(poor, "112") for _ in range(5)]
    assert_consistent(poor)
    assert [call.called for call in poor.running()] == ["112"] * 5
    poor.pick_up(calls[0])
    poor.wait(30)
    poor.hang_up(calls[0])
    cdr = poor.last_cdr()
    assert (cdr["outcome"], cdr["duration_ms"], cdr["destination"]) == ("answered", 30_000, "emergency")
    assert (cdr["charges"], cdr["cost"]) == ([], None)
    for call in calls[1:]:
        poor.hang_up(call, code=487)
    assert_consistent(poor)
    assert [poor.get(account).balance for account in (CUSTOMER, LOWER, UPPER, CARRIER)] == [0, 0, 0, 0]


def test_it_reaches_a_gateway_whose_provider_has_no_rate(poor: World) -> None:
    """And the next one after a failure."""
    tell(poor, "112")
    poor.tariff(CARRIER, {"999": terms("1")})
    call = admitted(poor, "112")
    target = fail_over(poor.rooms, call, 503, poor.now)
    assert target is not None
    assert (target.gateway, target.number) == (2, "112")


def test_a_free_number_pays_the_provider_only(poor: World) -> None:
    """At its rate; a provider without a rate for it is not asked."""
    tell(poor, "44800", "free", prefix=True)
    call = admitted(poor, "0800123456")
    poor.pick_up(call)
    poor.wait(60)
    poor.hang_up(call)
    cdr = poor.last_cdr()
    assert (cdr["charges"], cdr["cost"]["micros"], cdr["destination"]) == ([], 12_000, "free")
    assert poor.get(CARRIER).balance == 12_000
    poor.tariff(CARRIER, {"999": terms("1")})
    poor.tariff(6, {"999": terms("1")})
    assert isinstance(poor.invite("0800123456"), Refused)


@pytest.mark.parametrize(
    ("how", "sent"),
    [
        ({"number_format": "plus"}, "112"),
        ({"number_format": "rn"}, "112"),
        ({"strip": 2, "prefix": "0"}, "112"),
        ({"strip": 2}, "112"),
        ({"prefix": "99#"}, "99#112"),
    ],
)
@pytest.mark.parametrize("kind", ["emergency", "free"])
def test_a_short_number_has_no_country_code(poor: World, kind: str, how: dict[str, Any], sent: str) -> None:
    """With + before it 112 is a number of America, and without its first digits it is none."""
    tell(poor, "112", kind)
    poor.gateway(1, CARRIER, "127.0.0.11", **how)
    decision = poor.invite("112")
    assert isinstance(decision, Admitted)
    assert decision.target.number == sent


def test_gateways_that_are_out_are_tried_last_for_help(poor: World) -> None:
    """One that works goes before, and where all are out one may be back; a free number waits as every other one."""
    tell(poor, "112")
    tell(poor, "116", "free", id=2)
    for number in (1, 2, 3):
        poor.gateway(number, CARRIER, f"127.0.0.1{number}", failures_max=1, out_s=60)
    note_result(poor.rooms, 1, 503, poor.now)
    decision = poor.invite("112")
    assert isinstance(decision, Admitted)
    assert [decision.target.host, *_failing_over(poor, decision.call)] == ["127.0.0.12", "127.0.0.13", "127.0.0.11"]
    for number in (2, 3):
        note_result(poor.rooms, number, 503, poor.now)
    decision = poor.invite("112")
    assert isinstance(decision, Admitted)
    assert decision.target.host == "127.0.0.11"
    refused = poor.invite("116")
    assert isinstance(refused, Refused)
    assert refused.rule == "route"


def _failing_over(world: World, call: str) -> list[str]:
    found = []
    while (target := fail_over(world.rooms, call, 503, world.now)) is not None:
        found.append(target.host)
    return found


@pytest.mark.parametrize("called", ["1120", "0112", "00112", "+112", "+44112", "11", "112#", "080", "443300112", "448"])
def test_other_numbers_are_ordinary_ones(poor: World, called: str) -> None:
    """Near misses are refused as ever."""
    tell(poor, "112")
    tell(poor, "44800", "free", prefix=True, id=2)
    refused = poor.invite(called)
    assert isinstance(refused, Refused)
    assert refused.rule == "suspended"


def test_it_is_never_cut(poor: World) -> None:
    """Not by a suspension, not by an empty account, not by the longest length of a call; by hand it can be."""
    tell(poor, "112")
    poor.do("settings", max_call_s=120)
    call = admitted(poor, "112")
    poor.pick_up(call)
    poor.account(CUSTOMER, parent=LOWER, state="suspended")
    dialogs = FakeDialogs()
    for _ in range(400):
        poor.wait(1)
        tick(poor.rooms, dialogs.seen(), poor.now)
    (running,) = poor.running()
    assert running.grant_end_boot_ms > poor.now.boot_ms
    assert running.cut_by == ""
    poor.do("cut", call=call, by="operator")
    tick(poor.rooms, dialogs.seen(), poor.now)
    assert dialogs.set[-1][0] == 1


def test_a_closed_account_makes_none(world: World) -> None:
    """Nor does a trunk that is suspended make free ones."""
    tell(world, "112")
    tell(world, "116", "free", id=2)
    world.trunk(1, CUSTOMER, state="suspended")
    assert isinstance(world.invite("112"), Admitted)
    assert isinstance(world.invite("116"), Refused)
    world.account(CUSTOMER, parent=LOWER, state="closed")
    assert isinstance(world.invite("112"), Refused)


def test_it_counts_for_its_account_and_trunk(poor: World) -> None:
    """Another account's or trunk's is none of ours; what is gone is an ordinary number."""
    tell(poor, "112", account=CARRIER)
    assert isinstance(poor.invite("112"), Refused)
    tell(poor, "112", account=CUSTOMER, trunk=9)
    assert isinstance(poor.invite("112"), Refused)
    tell(poor, "112", account=LOWER, trunk=1)
    assert isinstance(poor.invite("112"), Admitted)
    poor.do("special_gone", id=1)
    assert isinstance(poor.invite("112"), Refused)


def test_a_short_number_is_not_made_an_international_one(poor: World) -> None:
    """The trunk's country would make 44112 of it."""
    poor.trunk(1, CUSTOMER, national_prefix="")
    tell(poor, "112")
    admitted(poor, "112")
    assert poor.running()[0].called == "112"


def test_an_unknown_kind_is_refused(world: World) -> None:
    """By the command."""
    with pytest.raises(ValueError, match="unknown kind"):
        tell(world, "112", "cheap")
    assert "special" in commands._ACTIONS


ENTRIES = st.builds(
    Special,
    id=st.just(1),
    account=st.integers(1, 3),
    trunk=st.integers(0, 1),
    number=st.text("12", min_size=1, max_size=4),
    is_prefix=st.booleans(),
    kind=st.just("free"),
    plan=st.just(1),
)


@given(st.lists(ENTRIES, max_size=8), st.text("12", min_size=1, max_size=5))
def test_what_is_found_is_listed(entries: list[Special], number: str) -> None:
    """By the slow way: whole, or the longest beginning that is a prefix; of this path and trunk only."""
    found = Specials(entries).find(number, number, [2, 1], 1)
    usable = [one for one in entries if one.account in {1, 2} and one.trunk in {0, 1}]
    whole = [one for one in usable if one.number == number]
    begun = [one for one in usable if one.is_prefix and number.startswith(one.number)]
    if whole:
        assert found is not None
        assert found[0].number == number
    elif begun:
        assert found is not None
        assert found[0].number == max((one.number for one in begun), key=len)
    else:
        assert found is None
