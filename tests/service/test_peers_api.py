"""What accounts own, through the API: trunks, devices, numbers, translation rules, gateways."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from kemi.clerk import Clerk
from kemi.clock import Now
from kemi.rooms import Rooms
from kemi.store.carry import begin_store
from kemi.store.translate import bound_of
from ratebook.document import parse_plans
from service.database.engine import reading
from service.database.peer_tables import devices
from service.database.tables import commands, plans, tariffs
from tests.service.office import NOW_MS, Got, Office, Person
from tests.service.wanted import ON_SQLITE


class Shop:
    """A reseller with two customers, another reseller with one, a provider; who works at the first ones."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.boss = office.boss
        self.ids: dict[str, int] = {}
        self.reseller = self.customer = office.nobody

    async def open(self) -> None:
        """All of them."""
        for name, parent, kind in (
            ("reseller", "", "reseller"),
            ("other", "", "reseller"),
            ("customer", "reseller", "customer"),
            ("second", "reseller", "customer"),
            ("foreign", "other", "customer"),
            ("carrier", "", "provider"),
        ):
            above = self.ids.get(parent, 1)
            self.ids[name] = await self.office.account(self.boss, above, name, kind)
        self.reseller = await self.office.hire(self.boss, self.ids["reseller"], "r@r.example")
        self.customer = await self.office.hire(self.boss, self.ids["customer"], "c@c.example")

    async def told(self, count: int = 1) -> list[dict[str, object]]:
        """The last commands for the store."""
        async with reading(self.office.engine) as conn:
            rows = await conn.execute(sa.select(commands.c.body).order_by(commands.c.number.desc()).limit(count))
            return [row.body for row in rows]

    async def trunk(self, by: Person, **more: object) -> Got:
        """A customer's trunk."""
        values = {"account_id": self.ids["customer"], "name": "t1", "networks": ["192.0.2.7"]}
        return await by.ask("trunk.make", **values | more)


@pytest.fixture
async def shop(office: Office) -> Shop:
    """Open."""
    shop = Shop(office)
    await shop.open()
    return shop


async def test_a_trunk_is_made_edited_and_removed(shop: Shop) -> None:
    """The store is told each time; the audit has both sides."""
    made = (await shop.trunk(shop.reseller, tech_prefix="77#", port=5070, channels=3)).ok()
    assert (made["networks"], made["port"], made["version"]) == (["192.0.2.7/32"], 5070, 1)
    (body,) = await shop.told()
    assert (body["do"], body["account"], body["networks"]) == ("trunk", shop.ids["customer"], ["192.0.2.7/32"])
    assert (body["tech_prefix"], body["port"], body["channels"]) == ("77#", 5070, 3)
    edited = await shop.reseller.do(
        "trunk.edit", trunk_id=made["id"], networks=["192.0.2.0/24", "2001:db8::/48"], port=None, channels=None
    )
    assert (edited["networks"], edited["port"], edited["version"]) == (["192.0.2.0/24", "2001:db8::/48"], None, 2)
    (body,) = await shop.told()
    assert (body["port"], body["channels"]) == (0, 0)
    listed = await shop.reseller.do("trunk.list", query={"network": "192.0.2.0/24"})
    assert [one["id"] for one in listed["items"]] == [made["id"]]
    stale = await shop.reseller.ask("trunk.edit", trunk_id=made["id"], match='"1"', channels=1)
    assert stale.status == 412
    assert (await shop.reseller.ask("trunk.remove", trunk_id=made["id"])).status == 204
    assert [body["do"] for body in await shop.told()] == ["trunk_gone"]
    trail = await shop.reseller.do("audit.list", query={"noun": "trunk"})
    assert [line["action"] for line in trail["items"]] == ["trunk.remove", "trunk.edit", "trunk.make"]
    assert trail["items"][1]["before"]["port"] == 5070


async def test_no_two_trunks_share_a_way_in(shop: Shop) -> None:
    """The same network by another tech prefix is another way; whose the first one is stays hidden."""
    (await shop.trunk(shop.boss, account_id=shop.ids["foreign"], name="theirs")).ok()
    twice = await shop.trunk(shop.reseller, networks=["198.51.100.1", "192.0.2.7"])
    assert (twice.status, twice["errors"][0]["pointer"]) == (422, "/networks/1")
    assert "could not be told apart" in twice["errors"][0]["detail"]
    assert "theirs" not in str(twice.body)
    nines = await shop.trunk(shop.reseller, tech_prefix="9")
    assert "would be taken" in nines["errors"][0]["detail"]  # those of the first one that begin with 9
    assert (await shop.trunk(shop.boss, tech_prefix="9")).status == 201
    assert (await shop.trunk(shop.reseller, name="theirs", networks=["198.51.100.1"])).status == 201
    named = await shop.trunk(shop.reseller, name="theirs", networks=["198.51.100.2"])
    assert "the account has a trunk of this name" in named["errors"][0]["detail"]


@ON_SQLITE
@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("networks", ["0.0.0.0/0"], "is everybody"),
        ("networks", ["192.0.2.7/24"], "bits behind its mask"),
        ("networks", ["example.net"], "is no network"),
        ("networks", [], "at least one network was expected, or a certificate"),
        ("port", 0, "greater than or equal to 1"),
        ("port", 65536, "less than or equal to 65535"),
        ("transport", "sctp", "'any', 'udp', 'tcp' or 'tls'"),
        ("tech_prefix", "abc", "pattern"),
        ("channels", 0, "greater than or equal to 1"),
        ("country", "+44", "pattern"),
        ("caller_rule", "replace", "needs a number"),
        ("caller_numbers", ["12"], "pattern"),
        ("state", "closed", "not permitted"),
    ],
)
async def test_what_is_no_trunk(shop: Shop, field: str, value: object, said: str) -> None:
    """Each value with what was expected."""
    got = await shop.trunk(shop.boss, **{field: value})
    assert got.status == 422
    assert said in str(got["errors"]), got
    assert (await shop.boss.do("trunk.list"))["items"] == []


async def test_a_tariff_of_a_trunk_belongs_to_somebody_above(shop: Shop) -> None:
    """Published, in the account's currency."""
    async with shop.office.engine.begin() as conn:
        rows = [
            {"name": "of-other", "owner_id": shop.ids["other"], "currency": "EUR", "version": "00" * 8},
            {"name": "unpublished", "owner_id": 1, "currency": "EUR", "version": None},
            {"name": "dollars", "owner_id": 1, "currency": "USD", "version": "00" * 8},
            {"name": "good", "owner_id": 1, "currency": "EUR", "version": "00" * 8},
        ]
        await conn.execute(sa.insert(tariffs), rows)
        ids = {row.name: row.id for row in await conn.execute(sa.select(tariffs))}
    for name, said in (("of-other", "nobody above"), ("unpublished", "not published"), ("dollars", "in USD")):
        got = await shop.trunk(shop.boss, tariff_id=ids[name])
        assert (got.status, said in got["errors"][0]["detail"]) == (422, True), got
    hidden = await shop.trunk(shop.reseller, tariff_id=ids["of-other"])
    assert hidden["errors"][0]["detail"] == f"there is no tariff {ids['of-other']}"
    assert (await shop.trunk(shop.boss, tariff_id=ids["good"])).status == 201


async def test_who_may_not(shop: Shop) -> None:
    """A customer reads its trunks and changes none; nobody reaches outside; a provider makes no calls."""
    theirs = (await shop.trunk(shop.boss, account_id=shop.ids["foreign"], name="theirs")).ok()["id"]
    mine = (await shop.trunk(shop.boss, networks=["192.0.2.8"])).ok()["id"]
    assert (await shop.customer.do("trunk.show", trunk_id=mine))["id"] == mine
    assert (await shop.customer.ask("trunk.edit", trunk_id=mine, channels=1)).status == 403
    assert (await shop.trunk(shop.customer, networks=["192.0.2.9"])).status == 403
    for endpoint in ("trunk.show", "trunk.edit", "trunk.remove"):
        assert (await shop.reseller.ask(endpoint, trunk_id=theirs)).status == 404
    outside = await shop.trunk(shop.reseller, account_id=shop.ids["foreign"])
    assert (outside.status, outside["errors"][0]["pointer"]) == (422, "/account_id")
    assert "makes no calls" in str((await shop.trunk(shop.boss, account_id=shop.ids["carrier"])).body)
    await shop.boss.do("account.close", account_id=shop.ids["second"], reason="gone")
    assert (await shop.trunk(shop.boss, account_id=shop.ids["second"], networks=["192.0.2.10"])).status == 409


async def test_a_device_shows_its_password_once(shop: Shop) -> None:
    """Only hashes are kept (RFC 7616); nothing of it stands in lists or in the audit."""
    made = await shop.customer.do("device.make", account_id=shop.ids["customer"], username="ann.desk")
    password, device = made["password"], made["device"]
    assert (len(password), device["realm"]) == (24, "kambill")
    async with reading(shop.office.engine) as conn:
        row = (await conn.execute(sa.select(devices))).one()
    text = f"ann.desk:kambill:{password}".encode()
    assert row.ha1_md5 == hashlib.md5(text, usedforsecurity=False).hexdigest()
    assert row.ha1_sha256 == hashlib.sha256(text).hexdigest()
    assert password not in str(row)
    seen = [
        await shop.boss.do("device.list"),
        await shop.boss.do("audit.list"),
        await shop.boss.do("device.show", device_id=device["id"]),
    ]
    assert password not in json.dumps(seen)
    assert "ha1" not in json.dumps(seen)
    again = await shop.customer.do("device.change-password", device_id=device["id"])
    assert again["password"] != password
    async with reading(shop.office.engine) as conn:
        assert (await conn.execute(sa.select(devices.c.ha1_md5))).scalar_one() != row.ha1_md5
    made_up = await shop.customer.do("device.make", account_id=shop.ids["customer"])
    assert made_up["device"]["username"].startswith("d")


async def test_nobody_sets_their_own_price(shop: Shop) -> None:
    """Nor routes or limits: of one's own trunks and devices whoever stands above says."""
    own = {"account_id": shop.ids["reseller"]}
    for more in ({"channels": 5}, {"cps": 5}):
        assert (await shop.trunk(shop.reseller, **own, **more)).status == 403
        assert (await shop.reseller.ask("device.make", **own, **more)).status == 403
        mine = (await shop.reseller.do("device.make", **own))["device"]["id"]
        assert (await shop.reseller.ask("device.edit", device_id=mine, **more)).status == 403
    limited = (await shop.trunk(shop.boss, **own, channels=2)).ok()["id"]
    assert (await shop.reseller.ask("trunk.edit", trunk_id=limited, channels=None)).status == 403
    assert (await shop.reseller.ask("trunk.edit", trunk_id=limited, tech_prefix="9")).status == 200
    assert (await shop.reseller.ask("device.make", account_id=shop.ids["customer"], channels=5)).status == 201


async def test_devices_are_apart(shop: Shop) -> None:
    """Foreign ones aren't there; a name that is taken says nothing of whose it is; the realm stays."""
    theirs = await shop.boss.do("device.make", account_id=shop.ids["foreign"], username="taken")
    number = theirs["device"]["id"]
    for endpoint in ("device.show", "device.edit", "device.change-password", "device.remove"):
        assert (await shop.reseller.ask(endpoint, device_id=number)).status == 404
    taken = await shop.reseller.ask("device.make", account_id=shop.ids["customer"], username="taken")
    assert taken["errors"][0]["detail"] == "this name can't be used: take another one"
    bad = await shop.reseller.ask("device.make", account_id=shop.ids["customer"], username="a b")
    assert bad["errors"][0]["pointer"] == "/username"
    config = shop.office.api.config.model_copy(update={"sip_realm": "elsewhere"})
    shop.office.api = shop.office.api._replace(config=config)
    moved = await shop.boss.ask("device.make", account_id=shop.ids["customer"])
    assert (moved.status, "set `sip_realm` back" in moved["detail"]) == (409, True)


async def test_numbers_are_handed_down(shop: Shop) -> None:
    """The operator brings them in; what they led to is forgotten when they change hands."""
    made = await shop.boss.do("number.make", number="442079460000", account_id=shop.ids["reseller"])
    trunk = (await shop.trunk(shop.boss)).ok()["id"]
    given = await shop.reseller.do("number.edit", number_id=made["id"], account_id=shop.ids["customer"], trunk_id=trunk)
    assert (given["account_id"], given["trunk_id"]) == (shop.ids["customer"], trunk)
    assert (await shop.customer.do("number.list"))["items"][0]["number"] == "442079460000"
    bound = await shop.boss.ask("trunk.remove", trunk_id=trunk)
    assert (bound.status, "numbers are bound" in bound["detail"]) == (409, True)
    moved = await shop.reseller.do("number.edit", number_id=made["id"], account_id=shop.ids["second"])
    assert (moved["account_id"], moved["trunk_id"]) == (shop.ids["second"], None)
    assert (await shop.customer.do("number.list"))["items"] == []
    assert (await shop.boss.ask("number.remove", number_id=made["id"])).status == 204


async def test_wrong_numbers(shop: Shop) -> None:
    """Not E.164, there already, somebody else's trunk, two places, out of the subtree."""
    boss, ids = shop.boss, shop.ids
    made = await boss.do("number.make", number="442079460000", account_id=ids["customer"])
    trunk = (await shop.trunk(boss, account_id=ids["second"])).ok()["id"]
    device = (await boss.do("device.make", account_id=ids["customer"]))["device"]["id"]
    again = await boss.ask("number.make", number="442079460000", account_id=ids["second"])
    assert "here already" in again["errors"][0]["detail"]
    assert (await boss.ask("number.make", number="0123456", account_id=ids["second"])).status == 422
    other = await boss.ask("number.edit", number_id=made["id"], trunk_id=trunk)
    assert (other["errors"][0]["pointer"], "one below" in other["errors"][0]["detail"]) == ("/trunk_id", True)
    await boss.do("number.edit", number_id=made["id"], device_id=device)
    mine = (await shop.trunk(boss, name="mine", networks=["192.0.2.99"])).ok()["id"]
    both = await boss.ask("number.edit", number_id=made["id"], trunk_id=mine)
    assert "not both" in both["errors"][0]["detail"]
    assert (await shop.reseller.ask("number.make", number="4420794", account_id=ids["customer"])).status == 403
    out = await shop.reseller.ask("number.edit", number_id=made["id"], account_id=ids["foreign"])
    assert (out.status, out["errors"][0]["pointer"]) == (422, "/account_id")
    assert (await shop.reseller.ask("number.remove", number_id=made["id"])).status == 403
    assert (await shop.customer.ask("number.edit", number_id=made["id"], note="x")).status == 403


async def test_no_number_leads_to_kambill_itself(shop: Shop) -> None:
    """As Kamailio has said where it listens; at another port somebody else may be."""
    config = shop.office.config
    now = Now(1, NOW_MS)
    begin_store(config.run_dir, config.data_dir, "b", 1, now).close()
    rooms = Rooms.open(config.run_dir, config.data_dir)
    Clerk(rooms, "b", 1, ("udp:192.0.2.10:5060", "udp:2001:db8::10:5060")).tick(Now(2_000, NOW_MS))
    rooms.close()
    body = {"number": "442079460000", "account_id": shop.ids["customer"]}
    for circle in ("sip:x@192.0.2.10", "sip:x@[2001:db8:0::10]:5060"):
        got = await shop.boss.ask("number.make", **body, fallbacks=["sip:x@192.0.2.9", circle])
        assert (got.status, got["errors"][0]["pointer"]) == (422, "/fallbacks/1")
        assert "in circles" in got["errors"][0]["detail"]
    elsewhere = ["sip:x@192.0.2.10:5070", "sip:x@192.0.2.10:5060;transport=tcp"]
    assert (await shop.boss.do("number.make", **body, fallbacks=elsewhere))["fallbacks"] == elsewhere


async def test_no_gateway_is_kambill_itself(shop: Shop) -> None:
    """Made so, or moved there: by another port or transport it is another machine's affair."""
    config = shop.office.api.config
    now = Now(1, NOW_MS)
    begin_store(config.run_dir, config.data_dir, "b", 1, now).close()
    rooms = Rooms.open(config.run_dir, config.data_dir)
    Clerk(rooms, "b", 1, ("udp:192.0.2.10:5060",)).tick(Now(2_000, NOW_MS))
    rooms.close()
    body = {"account_id": shop.ids["carrier"], "name": "gw"}
    got = await shop.boss.ask("gateway.make", **body, host="192.0.2.10")
    assert (got.status, got["errors"][0]["pointer"]) == (422, "/host")
    assert "in circles" in got["errors"][0]["detail"]
    made = await shop.boss.do("gateway.make", **body, host="192.0.2.10", port=5070)
    moved = await shop.boss.ask("gateway.edit", gateway_id=made["id"], port=5060)
    assert (moved.status, moved["errors"][0]["pointer"]) == (422, "/host")
    await shop.boss.do("gateway.edit", gateway_id=made["id"], transport="tcp", port=5060)


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("::ffff:192.0.2.7", "write 192.0.2.7"),
        ("fe80::1%eth0", "the plain address of one machine"),
        ("0.0.0.0", "the plain address of one machine"),
        ("::", "the plain address of one machine"),
        ("239.1.2.3", "the plain address of one machine"),
        ("255.255.255.255", "the plain address of one machine"),
    ],
)
async def test_where_no_call_can_go_is_no_gateway(shop: Shop, host: str, said: str) -> None:
    """Each call would wait for nobody, and get 503 without a word why."""
    got = await shop.boss.ask("gateway.make", account_id=shop.ids["carrier"], name="gw", host=host)
    assert (got.status, got["errors"][0]["pointer"]) == (422, "/host")
    assert said in got["errors"][0]["detail"]


async def test_no_number_leads_past_the_plans(shop: Shop) -> None:
    """A carrier's host or network, whoever asks: nobody would pay for what goes there."""
    where = {"host": "192.0.2.20", "networks": ["198.51.100.0/28"]}
    await shop.boss.do("gateway.make", account_id=shop.ids["carrier"], name="gw", **where)
    body = {"number": "442079460000", "account_id": shop.ids["customer"]}
    for theirs in ("sip:0088299@192.0.2.20", "sip:0088299@192.0.2.20:5099", "sip:x@198.51.100.3;transport=tcp"):
        got = await shop.boss.ask("number.make", **body, fallbacks=["sip:x@192.0.2.9", theirs])
        assert (got.status, got["errors"][0]["pointer"]) == (422, "/fallbacks/1")
        assert "by a routing plan" in got["errors"][0]["detail"]
    made = await shop.boss.do("number.make", **body, fallbacks=["sip:x@198.51.100.16"])
    theirs = ["sip:0088299@192.0.2.20"]
    assert (await shop.reseller.ask("number.edit", number_id=made["id"], fallbacks=theirs)).status == 422


async def test_nobody_takes_anothers_calls_by_a_network(shop: Shop) -> None:
    """A carrier's, or one in a stranger's trunk's: the operator's affair, since the longest network counts."""
    await shop.boss.do("gateway.make", account_id=shop.ids["carrier"], name="gw", host="198.51.100.20")
    theirs = {"account_id": shop.ids["foreign"], "name": "t", "networks": ["203.0.113.0/24"]}
    await shop.boss.do("trunk.make", **theirs)
    for network in ("198.51.100.20", "198.51.100.0/24", "203.0.113.7", "203.0.113.0/24", "203.0.113.0/25"):
        got = await shop.trunk(shop.reseller, networks=["192.0.2.7", network], tech_prefix="9")
        assert (got.status, got["errors"][0]["pointer"]) == (422, "/networks/1"), network
        assert "somebody else" in got["errors"][0]["detail"]
    made = (await shop.trunk(shop.reseller, networks=["192.0.2.7", "203.0.112.0/23"])).ok()
    way = {"trunk_id": made["id"], "networks": ["192.0.2.7", "203.0.113.9"]}
    assert (await shop.reseller.ask("trunk.edit", **way)).status == 422
    await shop.boss.do("trunk.edit", **way)
    await shop.reseller.do("trunk.edit", trunk_id=made["id"], name="as it stands")
    await shop.boss.do("trunk.make", **theirs | {"name": "u", "networks": ["192.0.2.64/26"], "tech_prefix": "77"})
    beside = {"networks": ["192.0.2.65"], "name": "beside"}
    assert (await shop.trunk(shop.reseller, **beside, tech_prefix="778")).status == 422
    assert (await shop.trunk(shop.reseller, **beside, tech_prefix="78")).status == 201
    prefixed = await shop.reseller.ask("trunk.edit", trunk_id=made["id"], tech_prefix="00")
    assert (prefixed.status, prefixed["errors"][0]["pointer"]) == (422, "/networks/1")
    own = {"account_id": shop.ids["second"], "name": "inside", "networks": ["192.0.2.7"], "tech_prefix": "7"}
    await shop.reseller.do("trunk.make", **own)


async def test_the_first_rule_that_fits_is_applied(shop: Shop) -> None:
    """The trunk's and the account's together, by position; a number that none fits stays."""
    ids, me = shop.ids, shop.reseller
    trunk = (await shop.trunk(me)).ok()["id"]
    rule = {"account_id": ids["customer"], "subject": "called"}
    await me.do("translation.make", **rule, position=20, prefix="0", strip=1, prepend="44")
    await me.do("translation.make", **rule, position=10, prefix="00", strip=2)
    own = await me.do("translation.make", **rule, position=5, prefix="09", length_max=5, prepend="1", trunk_id=trunk)

    async def tried(number: str, **more: int) -> tuple[str, bool]:
        got = await me.do("translation.try", **rule, number=number, **more)
        return got["number"], got["rule_id"] == own["id"]

    assert await tried("0049123") == ("49123", False)
    assert await tried("020123") == ("4420123", False)
    assert await tried("123") == ("123", False)
    assert await tried("0912") == ("44912", False)
    assert await tried("0912", trunk_id=trunk) == ("10912", True)
    assert await tried("091234", trunk_id=trunk) == ("4491234", False)
    wrong = await me.ask("translation.edit", translation_id=own["id"], length_min=9)
    assert wrong["errors"][0]["pointer"] == "/length_max"
    assert (await me.ask("translation.remove", translation_id=own["id"])).status == 204
    theirs = await shop.boss.do("translation.make", account_id=ids["foreign"], subject="caller", position=1)
    assert (await me.ask("translation.show", translation_id=theirs["id"])).status == 404
    foreign = await me.ask("translation.make", **rule, position=1, trunk_id=(await foreign_trunk(shop)))
    assert foreign["errors"][0]["pointer"] == "/trunk_id"
    assert (await shop.customer.ask("translation.make", **rule, position=1)).status == 403


async def foreign_trunk(shop: Shop) -> int:
    """Of the second customer."""
    made = await shop.trunk(shop.boss, account_id=shop.ids["second"], name="t9", networks=["192.0.2.200"])
    return int(made.ok()["id"])


async def test_gateways_are_the_providers(shop: Shop) -> None:
    """Made, edited, removed; who provides beside buying says by what it is paid; plans keep what they name."""
    boss, ids = shop.boss, shop.ids
    made = await boss.do("gateway.make", account_id=ids["carrier"], name="gw1", host="192.0.2.50", prefix="9")
    assert (made["name"], made["version"]) == ("carrier/gw1", 1)
    (body,) = await shop.told()
    assert (body["do"], body["host"], body["provider"], body["tariff"]) == ("gateway", "192.0.2.50", ids["carrier"], 0)
    edited = await boss.do("gateway.edit", gateway_id=made["id"], state="suspended", host="2001:db8::7")
    assert (edited["state"], edited["version"]) == ("suspended", 2)
    named = await boss.ask("gateway.make", account_id=ids["carrier"], name="gw2", host="sip.example.net")
    assert "wait for DNS" in named["errors"][0]["detail"]
    again = await boss.ask("gateway.make", account_id=ids["carrier"], name="gw1", host="192.0.2.51")
    assert again["errors"][0]["pointer"] == "/name"
    no = await boss.ask("gateway.make", account_id=ids["customer"], name="gw1", host="192.0.2.51")
    assert "is no provider" in no["errors"][0]["detail"]
    both = await shop.office.account(boss, 1, "both", "customer")
    await boss.do("account.edit", account_id=both, provides=True)
    paid = await boss.ask("gateway.make", account_id=both, name="gw1", host="192.0.2.51")
    assert paid["errors"][0]["pointer"] == "/tariff_id"
    assert (await shop.reseller.ask("gateway.list")).status == 403
    async with shop.office.engine.begin() as conn:
        record = plan_record(made["id"])
        await conn.execute(sa.insert(plans).values(name="standard", record=record))
    kept = await boss.ask("gateway.remove", gateway_id=made["id"])
    assert (kept.status, "leads there" in kept["detail"]) == (409, True)
    shown = (await boss.do("plan.list"))["items"][0]
    assert shown["record"] == record
    assert (await shop.reseller.do("plan.list"))["items"][0]["record"] == {}


async def test_what_may_be_owed_to_a_provider(shop: Shop) -> None:
    """Set and taken away by who may change providers; nothing is owed to who doesn't provide."""
    boss = shop.boss
    carrier = shop.ids["carrier"]
    set_to = await boss.do("account.edit", account_id=carrier, exposure_limit="250.5")
    assert set_to["exposure_limit"] == "250.50"
    assert (await shop.told())[0]["exposure_limit"] == 250_500_000
    assert (await boss.do("account.edit", account_id=carrier, exposure_limit=None))["exposure_limit"] is None
    no = await boss.ask("account.edit", account_id=shop.ids["customer"], exposure_limit="1")
    assert no["errors"][0]["pointer"] == "/exposure_limit"
    below = await boss.ask("account.edit", account_id=carrier, exposure_limit="-1")
    assert below.status == 422


def plan_record(gateway_id: int) -> dict[str, object]:
    """A plan by which every number goes there."""
    node = yaml.compose("standard: {routes: [{prefix: '', gateways: [x/y]}]}", Loader=yaml.CSafeLoader)
    plans_read, problems, _ = parse_plans(node, "test")
    assert problems == []
    return plans_read["standard"].renamed({"x/y": str(gateway_id)}, {}).to_record()


async def test_rules_reach_the_call_path_one_by_one(shop: Shop) -> None:
    """Each change numbers a command; what is removed is told too."""
    rule = {"account_id": shop.ids["customer"], "subject": "called", "position": 1}
    made = await shop.reseller.do("translation.make", **rule, pattern="0([1-9][0-9]*)", replacement="44\\1")
    (body,) = await shop.told()
    assert (body["do"], body["id"], body["account"]) == ("translation", made["id"], rule["account_id"])
    assert bound_of(body).rule.applied("0207") == "44207"
    await shop.reseller.do("translation.edit", translation_id=made["id"], replacement="+44\\1")
    assert (await shop.told())[-1]["replacement"] == "+44\\1"
    await shop.reseller.do("translation.remove", translation_id=made["id"])
    gone = (await shop.told())[-1]
    assert (gone["do"], gone["id"], gone["account"]) == ("translation_gone", made["id"], rule["account_id"])


@pytest.mark.parametrize(
    ("fields", "pointer", "why"),
    [
        ({"pattern": "(\\d+)+", "replacement": "1"}, "/pattern", "could take for ever"),
        ({"pattern": "\\d*\\d*\\d*\\d*9", "replacement": "1"}, "/pattern", "takes too long to try"),
        ({"pattern": "\\d{6}", "replacement": "1", "length_max": 5}, "/pattern", "it never applies"),
        ({"pattern": "1"}, "/replacement", "go together"),
        ({"prefix": "012", "position": 9}, "/position", "it would never apply: rule"),
        ({"prefix": "", "position": 1}, "/position", "would never apply: this one takes"),
    ],
)
async def test_a_rule_that_explodes_or_never_applies_is_refused(
    shop: Shop, fields: dict[str, Any], pointer: str, why: str
) -> None:
    """With the reason; nothing is kept."""
    me, rule = shop.reseller, {"account_id": shop.ids["customer"], "subject": "called"}
    await me.do("translation.make", **rule, position=5, prefix="01", strip=1)
    got = await me.ask("translation.make", **rule | {"position": 6} | fields)
    assert (got.status, got["errors"][0]["pointer"]) == (422, pointer)
    assert why in got["errors"][0]["detail"]
    assert len((await me.do("translation.list"))["items"]) == 1


async def test_rules_of_a_gateway_are_the_providers(shop: Shop) -> None:
    """They need the right to change gateways; a gateway with rules stays; its outcome can be tried."""
    boss, ids = shop.boss, shop.ids
    gateway = (await boss.do("gateway.make", account_id=ids["carrier"], name="gw1", host="192.0.2.50"))["id"]
    rule = {"account_id": ids["carrier"], "subject": "called", "gateway_id": gateway}
    made = await boss.do("translation.make", **rule, position=1, prefix="44", strip=2, prepend="0")
    assert (await boss.do("translation.try", **rule, number="44207"))["number"] == "0207"
    plain = {"account_id": ids["carrier"], "subject": "called"}
    assert await boss.do("translation.try", **plain, number="44207") == {
        "number": "44207", "rule_id": None, "is_number": True,
    }  # fmt: skip
    assert (await boss.ask("gateway.remove", gateway_id=gateway)).status == 409
    other = await boss.ask("translation.make", **rule | {"account_id": ids["customer"]}, position=1)
    assert other["errors"][0]["pointer"] == "/gateway_id"
    await boss.do("translation.remove", translation_id=made["id"])
    assert (await boss.ask("gateway.remove", gateway_id=gateway)).status == 204


@pytest.mark.parametrize("form", ["plus", "rn"])
async def test_a_format_with_plus_leaves_the_number_whole(shop: Shop, form: str) -> None:
    """Prefix and strip would put something before the +."""
    boss, gateway = shop.boss, {"account_id": shop.ids["carrier"], "name": "gw1", "host": "192.0.2.50"}
    got = await boss.ask("gateway.make", **gateway, number_format=form, strip=2)
    assert got["errors"][0]["pointer"] == "/number_format"
    made = await boss.do("gateway.make", **gateway, number_format=form, trusted=True)
    assert (await shop.told())[-1]["number_format"] == form
    got = await boss.ask("gateway.edit", gateway_id=made["id"], prefix="00")
    assert got["errors"][0]["pointer"] == "/number_format"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("dns:PBX.Example.com", "dns:pbx.example.com"),
        ("URI:sip:pbx.example.com", "uri:sip:pbx.example.com"),
        ("cn:The PBX", "cn:The PBX"),
        ("sha256:" + ":".join(["AB"] * 32), "sha256:" + "ab" * 32),
    ],
)
async def test_a_certificate_opens_a_trunk(shop: Shop, given: str, kept: str) -> None:
    """Without any network; the store is told; taken away, a network is needed again."""
    made = (await shop.trunk(shop.reseller, networks=[], certificate=given)).ok()
    assert (made["certificate"], made["networks"]) == (kept, [])
    assert [(body["certificate"], body["networks"]) for body in await shop.told()] == [(kept, [])]
    bare = await shop.reseller.ask("trunk.edit", trunk_id=made["id"], certificate="")
    assert (bare.status, bare["errors"][0]["pointer"]) == (422, "/networks")
    edited = await shop.reseller.do("trunk.edit", trunk_id=made["id"], certificate="", networks=["192.0.2.7"])
    assert (edited["certificate"], edited["networks"]) == ("", ["192.0.2.7/32"])


@ON_SQLITE
@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({"certificate": "pbx.example"}, "/certificate", "cn:NAME, dns:NAME"),
        ({"certificate": "dns:*.example"}, "/certificate", "without *"),
        ({"certificate": "sha256:abc"}, "/certificate", "64 hex digits"),
        ({"certificate": "uri:pbx"}, "/certificate", "is no URI"),
        ({"certificate": "cn:"}, "/certificate", "cn:NAME"),
        ({"certificate": "cn:PBX", "transport": "udp"}, "/certificate", "over TLS"),
        ({"certificate": "cn:PBX", "port": 5061}, "/certificate", "over TLS"),
    ],
)
async def test_what_is_no_certificate(shop: Shop, fields: dict[str, object], pointer: str, said: str) -> None:
    """Each with what to write."""
    got = await shop.trunk(shop.boss, **fields)
    assert (got.status, got["errors"][0]["pointer"]) == (422, pointer)
    assert said in got["errors"][0]["detail"]


async def test_no_two_trunks_share_a_certificate(shop: Shop) -> None:
    """By another tech prefix they do."""
    (await shop.trunk(shop.boss, account_id=shop.ids["foreign"], networks=[], certificate="cn:PBX")).ok()
    twice = await shop.trunk(shop.reseller, networks=[], certificate="CN:PBX")
    assert (twice.status, twice["errors"][0]["pointer"]) == (422, "/certificate")
    assert (await shop.trunk(shop.reseller, networks=[], certificate="cn:PBX", tech_prefix="9")).status == 201


async def test_a_gateway_takes_some_codecs(shop: Shop) -> None:
    """In capitals and in their order; what is no name, or stands twice, is refused with the reason."""
    body = {"account_id": shop.ids["carrier"], "name": "choosy", "host": "192.0.2.98"}
    gateway = await shop.boss.do("gateway.make", **body, codecs=["pcma", "G729"])
    assert gateway["codecs"] == ["PCMA", "G729"]
    edited = await shop.boss.do("gateway.edit", gateway_id=gateway["id"], codecs=[])
    assert edited["codecs"] == []
    assert [told["codecs"] for told in await shop.told(2)] == [[], ["PCMA", "G729"]]
    for codecs, pointer, said in (
        (["PCMA", "pcma"], "/codecs", "PCMA stands there twice"),
        (["PCMA;x"], "/codecs/0", "match"),
    ):
        got = await shop.boss.ask("gateway.edit", gateway_id=gateway["id"], codecs=codecs)
        assert (got.status, got["errors"][0]["pointer"]) == (422, pointer)
        assert said in got["errors"][0]["detail"]


async def test_a_gateways_redirections_are_followed_to_its_own_hosts(shop: Shop) -> None:
    """Told to the store; a host outside its networks would never be heard. By whom it belongs to it isn't set."""
    body = {"account_id": shop.ids["carrier"], "name": "moving", "host": "192.0.2.98", "networks": ["192.0.2.96/28"]}
    gateway = await shop.boss.do("gateway.make", **body, redirects="follow", redirect_hosts=["192.0.2.99"])
    (told,) = await shop.told(1)
    assert (told["redirects"], told["redirect_hosts"]) == ("follow", ["192.0.2.99"])
    for field, value, pointer in (
        ("redirect_hosts", ["192.0.2.99", "192.0.2.1"], "/redirect_hosts/1"),
        ("redirect_hosts", ["192.0.2.99", "192.0.2.99"], "/redirect_hosts"),
        ("redirect_hosts", ["carrier.example"], "/redirect_hosts/0"),
        ("networks", ["192.0.2.98"], "/redirect_hosts/0"),
        ("redirects", "always", "/redirects"),
    ):
        got = await shop.boss.ask("gateway.edit", gateway_id=gateway["id"], **{field: value})
        assert (got.status, got["errors"][0]["pointer"]) == (422, pointer)
    edited = await shop.boss.do("gateway.edit", gateway_id=gateway["id"], redirects="off", redirect_hosts=[])
    assert (edited["redirects"], edited["redirect_hosts"]) == ("off", [])


async def test_callers_that_nobody_knows_are_said_to_be_by_who_stands_above(shop: Shop) -> None:
    """By a trunk's setting, told to the store; not by the account itself."""
    made = (await shop.trunk(shop.boss, account_id=shop.ids["reseller"], attestation="gateway")).ok()
    assert made["attestation"] == "gateway"
    assert [body["attestation"] for body in await shop.told()] == ["gateway"]
    got = await shop.reseller.ask("trunk.edit", trunk_id=made["id"], attestation="rules")
    assert (got.status, "attestation" in got["detail"]) == (403, True)


async def test_transfers_are_allowed_by_who_stands_above(shop: Shop) -> None:
    """And redirections followed: of trunks and devices, off unless said; the store is told."""
    assert (await shop.trunk(shop.reseller, transfers="account")).ok()["transfers"] == "account"
    device = (await shop.reseller.do("device.make", account_id=shop.ids["customer"]))["device"]
    assert device["transfers"] == "off"
    await shop.reseller.do("device.edit", device_id=device["id"], transfers="anyone")
    await shop.reseller.do("device.edit", device_id=device["id"], forwards=True)
    assert [body["forwards"] for body in await shop.told(2)] == [True, False]
    told = [body["transfers"] for body in (await shop.told(4))[1:]]
    assert told == ["anyone", "off", "account"]
    got = await shop.reseller.ask("device.edit", device_id=device["id"], transfers="everybody")
    assert (got.status, got["errors"][0]["pointer"]) == (422, "/transfers")
    mine = (await shop.reseller.do("device.make", account_id=shop.ids["reseller"]))["device"]
    assert (await shop.reseller.ask("device.edit", device_id=mine["id"], transfers="account")).status == 403
    assert (await shop.reseller.ask("device.edit", device_id=mine["id"], forwards=True)).status == 403


async def test_signatures_are_asked_for_by_who_stands_above(shop: Shop) -> None:
    """Of trunks and gateways; the store is told."""
    made = (await shop.trunk(shop.reseller, identity="refuse")).ok()
    assert made["identity"] == "refuse"
    assert [body["identity"] for body in await shop.told()] == ["refuse"]
    gateway = await shop.boss.do(
        "gateway.make", account_id=shop.ids["carrier"], name="signed", host="192.0.2.99", signs=True, identity="require"
    )
    assert (gateway["signs"], gateway["identity"]) == (True, "require")
    assert [(body["signs"], body["identity"]) for body in await shop.told()] == [(True, "require")]
    got = await shop.trunk(shop.reseller, name="t2", networks=["192.0.2.8"], identity="always")
    assert (got.status, got["errors"][0]["pointer"]) == (422, "/identity")
