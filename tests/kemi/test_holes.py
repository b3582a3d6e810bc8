"""Calls that meet a hole in the configuration: refused, with a rule that names it; nothing held, nothing raised."""

from __future__ import annotations

import marshal
import shutil
from typing import Any

import pytest

from kemi.authorize import Admitted
from kemi.refusal import HOLES, UNAVAILABLE, Refused, hole_of
from kemi.store import layout
from kemi.store.devices import device_by_id
from kemi.store.layout import VERSION, Unreadable
from kemi.store.numbers import number_by_id
from kemi.store.trunks import trunk_by_id
from tests.kemi.world import CARRIER, CUSTOMER, LOWER, ROOT, World, assert_consistent, terms

GONE_VERSION = {"version": "ab" * 8, "currency": "EUR", "name": "gone"}


@pytest.mark.parametrize(
    ("dig", "rule", "account", "said"),
    [
        (lambda world: world.trunk(1, CUSTOMER, plan=77), "plan 77", ROOT, "routing plan 77 isn't there"),
        (lambda world: world.plan(routes=[["", [[88, 1]]]]), "gateway 88", ROOT, "gateway 88, which the routing plan"),
        (lambda world: world.gateway(1, 95, "127.0.0.11"), "provider 95", ROOT, "provider 95, of a gateway"),
        (
            lambda world: world.gateway(1, CARRIER, "127.0.0.11", tariff=66),
            "tariff 66 (of gateway 1)",
            ROOT,
            "tariff 66",
        ),
        (lambda world: world.plan(routes=[]), "empty standard", ROOT, "routing plan standard has no gateway at all"),
        (
            lambda world: world.account(CARRIER, parent=ROOT, kind="provider", state="closed"),
            f"closed {CARRIER} (of gateway 1)",
            ROOT,
            f"provider {CARRIER} (of gateway 1) is closed",
        ),
        (
            lambda world: world.account(CARRIER, parent=ROOT, kind="provider", tariff=0),
            "tariff 0 (of gateway 1)",
            ROOT,
            "the rates of tariff 0 (of gateway 1)",
        ),
        (lambda world: world.do("tariff", id=CUSTOMER, **GONE_VERSION), f"tariff {CUSTOMER}", CUSTOMER, "the rates of"),
        (lambda world: world.do("tariff", id=LOWER, **GONE_VERSION), f"tariff {LOWER}", LOWER, f"for account {LOWER}"),
        (lambda world: world.account(LOWER, parent=2, tariff=0), "tariff 0", LOWER, "tariff 0 for account"),
        (lambda world: world.trunk(1, CUSTOMER, tariff=55), "tariff 55", CUSTOMER, "tariff 55 for account"),
        (lambda world: world.account(LOWER, parent=99), "path", 99, "account 99 isn't in the store"),
        (lambda world: world.account(LOWER, parent=CUSTOMER), "path", None, "don't reach the root"),
    ],
)
def test_what_is_missing_is_named(world: World, dig: Any, rule: str, account: int | None, said: str) -> None:
    """503 to the caller whoever it is; the rule in the record."""
    world.plan(routes=[["", [[1, 1]]]])
    dig(world)
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert (refused.code, refused.reason, refused.rule) == (*UNAVAILABLE, rule)
    assert account is None or refused.account == account
    assert said in hole_of(refused)
    cdr = world.last_cdr()
    assert (cdr["rule"], cdr["charges"], cdr["cost"]) == (rule, [], None)


@pytest.mark.parametrize("raw", [b"(\1", b"", marshal.dumps((VERSION,)), marshal.dumps((VERSION, *"fields"))])
@pytest.mark.parametrize(
    ("kind", "what", "read"),
    [(b"t", "trunk", trunk_by_id), (b"d", "device", device_by_id), (b"n", "number", number_by_id)],
)
def test_a_record_that_is_none_is_named(world: World, kind: bytes, what: str, read: Any, raw: bytes) -> None:
    """Cut short, empty, without its fields, or others: whoever meets it gets 500, and the log says which it is."""
    store = world.rooms.store
    with store.write() as txn:
        txn.put(layout.kind_key(kind, 7), raw, db=store.config)
    with store.read() as txn, pytest.raises(Unreadable, match=f"^the record of {what} 7 can't be read"):
        read(store.config, txn, 7)


@pytest.mark.parametrize("plan", [{"routes": [["44", [[1, 1]]]]}, {"routes": [["33", []], ["", [[1, 1]]]]}])
def test_what_is_meant_is_no_hole(world: World, plan: dict[str, Any]) -> None:
    """A plan without a route for the number, or that bars it."""
    world.plan(**plan)
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert (refused.rule, hole_of(refused)) == ("route", "")


def test_a_number_that_nobody_sells_is_no_hole(world: World) -> None:
    """404, as ever."""
    world.tariff(CUSTOMER, {"44": terms("0.06")})
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert (refused.code, refused.rule, hole_of(refused)) == (404, "rate", "")


def test_a_hole_beside_a_way_stops_nobody(world: World) -> None:
    """The plan names a gateway that is gone, and others."""
    world.plan(routes=[["", [[88, 1], [1, 2]]]])
    admitted = world.invite()
    assert isinstance(admitted, Admitted)
    assert admitted.target.gateway == 1
    assert_consistent(world)


def test_a_number_whose_tariff_is_not_there(world: World) -> None:
    """What being called costs; the caller may be anybody."""
    world.device(7, LOWER)
    world.at(7)
    world.number(1, LOWER, {"kind": "device", "id": 7}, tariff=44)
    refused = world.come_in()
    assert isinstance(refused, Refused)
    assert (refused.code, refused.rule, refused.account) == (503, "tariff 44", LOWER)


def test_a_provider_that_is_suspended_is_no_hole(world: World) -> None:
    """Somebody has meant it, for a while."""
    world.plan(routes=[["", [[1, 1]]]])
    world.account(CARRIER, parent=ROOT, kind="provider", state="suspended")
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert (refused.rule, hole_of(refused)) == ("route", "")


@pytest.mark.parametrize("hole", ["trunk gone", "device of a closed account", "never was", "closed trunk"])
def test_a_number_that_leads_to_nobody(world: World, hole: str) -> None:
    """503 to whoever calls; one whose telephone is only away, or that has no places, is 480."""
    owner = 7
    world.account(owner, parent=ROOT)
    world.device(7, owner)
    world.at(7)
    world.trunk(9, owner, networks=["127.0.0.9/32"])
    place = {"kind": "trunk", "id": 99 if hole == "never was" else 9}
    place = {"kind": "device", "id": 7} if "device" in hole else place
    world.number(1, LOWER, place)
    if hole == "trunk gone":
        world.do("trunk_gone", id=9)
    elif hole == "closed trunk":
        world.trunk(9, owner, networks=["127.0.0.9/32"], state="closed")
    elif "device" in hole:
        world.account(owner, parent=ROOT, state="closed")
    for refused in (world.come_in(), world.call_ours()):
        assert isinstance(refused, Refused)
        assert (refused.code, refused.rule, refused.account) == (503, "places 44201", LOWER)
        assert "number 44201 leads to nobody" in hole_of(refused)
    world.device(8, LOWER)
    world.number(1, LOWER, place, {"kind": "device", "id": 8})
    away = world.come_in()
    assert isinstance(away, Refused)
    assert (away.code, away.rule) == (480, "away")
    world.number(1, LOWER)
    empty = world.come_in()
    assert isinstance(empty, Refused)
    assert empty.rule == "away"
    assert_consistent(world)


def test_there_are_no_rates_at_all(world: World) -> None:
    """The service has never published."""
    world.rooms.close()
    shutil.rmtree(world.data_dir / "rates")
    assert world.rooms.has_store()
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert (refused.code, refused.rule) == (503, "rates")
    assert "publish the ratebook" in hole_of(refused)


def test_a_trunk_that_replaces_by_nothing(world: World) -> None:
    """Nobody is known to call then."""
    world.trunk(1, CUSTOMER, caller_rule="replace", caller_numbers=[])
    admitted = world.invite()
    assert isinstance(admitted, Admitted)
    assert admitted.target.parties.from_uri == "sip:anonymous@anonymous.invalid"


def test_every_hole_has_its_sentence() -> None:
    """Without a place left open."""
    for rule in HOLES:
        said = hole_of(Refused(503, "", f"{rule} 7", 5))
        assert said
        assert "{" not in said
