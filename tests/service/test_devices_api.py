"""Devices and numbers on their way to the call path, and what the call path says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kemi.clock import Now
from kemi.rooms import Rooms
from kemi.store import commands as store_commands
from kemi.store.carry import begin_store
from kemi.store.change import Change
from kemi.store.devices import device_by_name
from kemi.store.locations import Location, pack_location
from kemi.store.numbers import id_of_digits, number_by_id
from ratebook.compiled.layout import encode_terms
from service.database.tables import cdrs, charges
from tests.kemi.world import terms
from tests.service.company import NOW_MS
from tests.service.office import Office
from tests.service.test_peers_api import Shop

TERMS = encode_terms(terms("0.06")).hex()


@pytest.fixture
async def shop(office: Office) -> Shop:
    """Open."""
    shop = Shop(office)
    await shop.open()
    return shop


async def test_the_call_path_is_told_of_a_device_at_each_change(shop: Shop) -> None:
    """All that a call needs, the hashes too; then that it is gone."""
    made = await shop.boss.do(
        "device.make", account_id=shop.ids["customer"], username="ann.desk", caller_numbers=["442079460000"],
        call_max_s=600, contacts_max=2, country="44", national_prefix="0",
    )  # fmt: skip
    device = made["device"]
    (told,) = await shop.told()
    assert (told["do"], told["username"], told["call_max_s"], told["contacts_max"]) == ("device", "ann.desk", 600, 2)
    assert (told["caller_numbers"], told["country"], told["channels"]) == (["442079460000"], "44", 0)
    before = told["ha1_sha256"]
    await shop.customer.do("device.change-password", device_id=device["id"])
    (told,) = await shop.told()
    assert told["ha1_sha256"] != before
    await shop.boss.do("device.edit", device_id=device["id"], state="suspended", call_max_s=None)
    (told,) = await shop.told()
    assert (told["state"], told["call_max_s"]) == ("suspended", 0)
    assert (await shop.customer.ask("device.edit", device_id=device["id"], call_max_s=None)).status == 200
    assert (await shop.customer.ask("device.edit", device_id=device["id"], call_max_s=7_000)).status == 403
    assert (await shop.boss.ask("device.remove", device_id=device["id"])).status == 204
    assert (await shop.told())[0]["do"] == "device_gone"


async def test_the_call_path_is_told_of_a_number_at_each_change(shop: Shop) -> None:
    """Its place first, then its fallbacks; then that it is gone."""
    ids, boss = shop.ids, shop.boss
    device = (await boss.do("device.make", account_id=ids["customer"], username="ann"))["device"]["id"]
    trunk = (await shop.trunk(boss)).ok()["id"]
    made = await boss.do(
        "number.make", number="442079460000", account_id=ids["customer"], device_id=device,
        fallbacks=["trunk:t1", "sip:box@192.0.2.9:5070"],
    )  # fmt: skip
    assert made["fallbacks"] == ["trunk:t1", "sip:box@192.0.2.9:5070"]
    (told,) = await shop.told()
    assert told["do"] == "number"
    assert [(place["kind"], place.get("id"), place.get("uri")) for place in told["places"]] == [  # type: ignore[attr-defined]
        ("device", device, None),
        ("trunk", trunk, None),
        ("uri", None, "sip:box@192.0.2.9:5070"),
    ]
    assert (await shop.customer.ask("number.edit", number_id=made["id"], fallbacks=["trunk:t1"])).status == 403
    assert made["cps"] is None
    edited = await shop.reseller.do("number.edit", number_id=made["id"], channels=3, cps=2, ring_s=9)
    assert (await shop.reseller.ask("number.edit", number_id=made["id"], without_funds="allow")).status == 403
    assert (edited["fallbacks"], edited["channels"], edited["cps"]) == (made["fallbacks"], 3, 2)
    await boss.do("number.edit", number_id=made["id"], without_funds="allow")
    (told,) = await shop.told()
    assert (told["channels"], told["cps"], told["without_funds"], told["ring_s"]) == (3, 2, "allow", 9)
    await shop.reseller.do("number.edit", number_id=made["id"], cps=None)
    assert (await shop.told())[0]["cps"] == 0
    await boss.do("number.remove", number_id=made["id"])
    assert (await shop.told())[0]["do"] == "number_gone"


@pytest.mark.parametrize(
    ("fallback", "why"),
    [
        ("device:theirs", "no such device"),
        ("device:nobody", "no such device"),
        ("trunk:theirs", "no such trunk"),
        ("sip:box@example.com", "a name instead of an address"),
        ("sip:box@192.0.2.300", "a name instead of an address"),
        ("tel:+4420", "pattern"),
    ],
)
async def test_wrong_fallbacks(shop: Shop, fallback: str, why: str) -> None:
    """Somebody else's and nobody's are told alike; no name that DNS would have to know."""
    await shop.boss.do("device.make", account_id=shop.ids["second"], username="theirs")
    (await shop.trunk(shop.boss, account_id=shop.ids["second"], name="theirs")).ok()
    got = await shop.boss.ask(
        "number.make", number="442079460000", account_id=shop.ids["customer"], fallbacks=[fallback]
    )
    assert (got.status, got["errors"][0]["pointer"]) == (422, "/fallbacks/0")
    assert why in got["errors"][0]["detail"]


async def test_only_the_operator_says_what_being_called_costs(shop: Shop) -> None:
    """Who hands a number on hands its price on; nobody leads their own number to an address of their choice."""
    boss, ids = shop.boss, shop.ids
    made = await boss.do("number.make", number="442079460000", account_id=ids["reseller"])
    got = await shop.reseller.ask("number.edit", number_id=made["id"], tariff_id=1)
    assert got.status in {403, 422}
    for limit in ({"channels": 9}, {"cps": 9}):
        assert (await shop.reseller.ask("number.edit", number_id=made["id"], **limit)).status == 403
    assert (await boss.ask("number.edit", number_id=made["id"], cps=0)).status == 422
    got = await shop.reseller.ask("number.edit", number_id=made["id"], fallbacks=["sip:me@192.0.2.9"])
    assert (got.status, "sets SIP URIs" in got["detail"]) == (403, True)
    assert (await shop.reseller.ask("number.edit", number_id=made["id"], ring_s=30)).status == 200


async def test_a_number_that_changes_hands_leads_nowhere(shop: Shop) -> None:
    """Its fallbacks were somebody else's."""
    ids = shop.ids
    made = await shop.boss.do(
        "number.make", number="442079460000", account_id=ids["customer"], fallbacks=["sip:box@192.0.2.9"]
    )
    moved = await shop.reseller.do("number.edit", number_id=made["id"], account_id=ids["second"])
    assert moved["fallbacks"] == []
    assert (await shop.told())[0]["places"] == []


def _register(folder: Path, places: dict[int, str]) -> None:
    """A store in which devices are registered: user of the contact by device."""
    begin_store(folder / "run", folder / "data", "boot", NOW_MS, Now(1, NOW_MS)).close()
    rooms = Rooms.open(folder / "run", folder / "data")
    assert rooms.has_store()
    more: dict[str, Any] = {"port": 5060, "transport": "udp", "socket": "udp:192.0.2.1:5060", "q": 500, "call_id": "c"}
    more |= {"cseq": 1, "agent": "phone 1.0", "since_wall_ms": NOW_MS, "until_wall_ms": NOW_MS, "ping_boot_ms": 0}
    with Change(rooms.store) as change:
        for device, user in places.items():
            one = Location(device, f"sip:{user}@10.0.0.1", "192.0.2.7", until_boot_ms=2**62, **more)
            change.txn.put(one.key, pack_location(one), db=change.store.location)
        over = Location(1, "sip:over@10.0.0.1", "192.0.2.7", until_boot_ms=1, **more)
        change.txn.put(over.key, pack_location(over), db=change.store.location)
    rooms.close()


async def test_registrations_are_those_of_the_subtree(shop: Shop, tmp_path: Path) -> None:
    """With where they are; nobody else's, nothing that is over or suspended, nothing that is unknown."""
    config = shop.office.api.config.model_copy(update={"run_dir": tmp_path / "run", "data_dir": tmp_path / "data"})
    shop.office.api = shop.office.api._replace(config=config)
    assert (await shop.boss.ask("device.registrations")).status == 503
    made = {
        name: (await shop.boss.do("device.make", account_id=shop.ids[name], username=name))["device"]["id"]
        for name in ("customer", "second", "foreign")
    }
    _register(tmp_path, {number: name for name, number in made.items()} | {999: "nobody"})
    seen = await shop.boss.do("device.registrations")
    assert {one["username"] for one in seen["items"]} == {"customer", "second", "foreign"}
    assert seen["total"] == 3
    (mine,) = (await shop.customer.do("device.registrations"))["items"]
    assert (mine["contact"], mine["address"], mine["q"], mine["agent"]) == (
        "sip:customer@10.0.0.1", "192.0.2.7:5060", 0.5, "phone 1.0",
    )  # fmt: skip
    both = (await shop.reseller.do("device.registrations"))["items"]
    assert {one["username"] for one in both} == {"customer", "second"}
    (one,) = (await shop.reseller.do("device.registrations", query={"device_id": made["second"]}))["items"]
    assert one["username"] == "second"
    assert (await shop.reseller.ask("device.registrations", query={"device_id": made["foreign"]})).status == 422
    await shop.boss.do("device.edit", device_id=made["customer"], state="suspended")
    assert (await shop.customer.do("device.registrations"))["items"] == []


async def test_the_real_store_takes_the_commands(shop: Shop, tmp_path: Path) -> None:
    """What is told of devices and numbers is what the call path understands."""
    ids, boss = shop.ids, shop.boss
    device = (await boss.do("device.make", account_id=ids["customer"], username="ann"))["device"]["id"]
    await boss.do("number.make", number="442079460000", account_id=ids["customer"], device_id=device, cps=2)
    told = await shop.told(2)
    begin_store(tmp_path / "run", tmp_path / "data", "boot", NOW_MS, Now(1, NOW_MS)).close()
    rooms = Rooms.open(tmp_path / "run", tmp_path / "data")
    assert rooms.has_store()
    with Change(rooms.store) as change:
        for number, body in enumerate(reversed(told), start=1):
            store_commands.apply(change, {**body, "n": number}, Now(1, NOW_MS))
        found = device_by_name(change.store.config, change.txn, "ann")
        number_id = id_of_digits(change.store.config, change.txn, "442079460000")
        number_found = number_by_id(change.store.config, change.txn, number_id)
    assert found is not None
    assert (found.id, found.account, found.contacts_max) == (device, ids["customer"], 5)
    assert number_found is not None
    assert [(place.kind, place.id) for place in number_found.places] == [("device", device)]
    assert (number_found.channels_max, number_found.cps_max) == (0, 2)
    rooms.close()


async def test_who_is_called_sees_the_call_and_its_own_part(shop: Shop) -> None:
    """Not who called, not what they paid; and nobody sees it who has nothing to do with it."""
    ids = shop.ids
    texts = dict.fromkeys(("called", "called_sent", "destination", "call_id", "from_tag", "to_tag", "sip_reason"), "")
    zero = {"node_id": 1, "epoch": 1, "sequence": 1, "sip_code": 200, "trunk_id": 7, "start_ms": 1, "end_ms": 1}
    row = {"call": "0" * 32, "outcome": "answered", "ended_by": "caller", "caller": "33123", "attempts": []}
    whose = {"account_id": ids["foreign"], "path": [ids["foreign"]], "owner_id": ids["customer"], "duration_ms": 1}
    charge = {"seller_id": 1, "tariff": "", "prefix": "", "terms": TERMS, "billed_s": 1, "currency": "EUR"}
    async with shop.office.engine.begin() as conn:
        made = await conn.execute(sa.insert(cdrs).values(**row, **whose, **zero, **texts).returning(cdrs.c.id))
        cdr = made.scalar_one()
        for level, (account, micros) in enumerate(((ids["foreign"], 5), (ids["customer"], 7))):
            line = {"cdr_id": cdr, "level": level, "account_id": account, "charge_micros": micros, **charge}
            await conn.execute(sa.insert(charges).values(**line))
    (seen,) = (await shop.customer.do("cdr.list"))["items"]
    assert [(one["account_id"], one["charge"]) for one in seen["charges"]] == [(ids["customer"], "0.000007")]
    assert (seen["account_id"], seen["trunk_id"], seen["caller"], seen["cost"]) == (None, None, "33123", None)
    other = await shop.office.hire(shop.boss, ids["second"], "s@s.example")
    assert (await other.do("cdr.list"))["items"] == []
    assert len((await shop.reseller.do("cdr.list"))["items"]) == 1
