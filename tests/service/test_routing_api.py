"""Gateways and plans through the API: health and credentials, plans that are checked and written, figures."""

from __future__ import annotations

import hashlib
import json

import pytest
import sqlalchemy as sa

from kemi.clock import now
from kemi.prober import note_result
from kemi.rooms import Rooms
from kemi.store import commands, quality
from kemi.store.carry import begin_store
from kemi.store.change import Change
from ratebook.quality import Figures
from service.commands import bodies
from service.database.access_tables import audit
from service.database.engine import reading
from service.database.tables import gateways, plans
from tests.service.office import Office
from tests.service.test_peers_api import Shop

GOOD = "plans: {night: {order: [quality, cost], routes: [{prefix: 44, gateways: [carrier/gw1]}]}}"


@pytest.fixture
async def shop(office: Office) -> Shop:
    """Open, with one gateway."""
    shop = Shop(office)
    await shop.open()
    made = await shop.boss.do("gateway.make", account_id=shop.ids["carrier"], name="gw1", host="192.0.2.50")
    shop.ids["gw1"] = made["id"]
    return shop


async def test_what_is_asked_of_a_gateway(shop: Shop) -> None:
    """What is there if nobody speaks, what can be said, and what can't."""
    shown = await shop.boss.do("gateway.show", gateway_id=shop.ids["gw1"])
    assert [shown[name] for name in ("probe_s", "failures_max", "out_s", "failure_codes")] == [0, 5, 60, [408, 503]]
    edited = await shop.boss.do(
        "gateway.edit", gateway_id=shop.ids["gw1"], probe_s=30, failures_max=3, out_s=10, failure_codes=[408, 500, 503]
    )
    assert edited["failure_codes"] == [408, 500, 503]
    (body,) = await shop.told()
    assert [body[name] for name in ("probe_s", "failures_max", "out_s")] == [30, 3, 10]
    for wrong in ({"probe_s": 3601}, {"failures_max": -1}, {"failure_codes": [200]}, {"out_s": 0}):
        assert (await shop.boss.ask("gateway.edit", gateway_id=shop.ids["gw1"], **wrong)).status == 422


async def test_credentials_are_never_seen_again(shop: Shop) -> None:
    """Kept as hashes; neither an answer nor the audit has them; the store gets them; taken away they are gone."""
    number = shop.ids["gw1"]
    body = {"username": "kambill", "realm": "carrier.example", "password": "s3cret", "register_s": 600}
    got = await shop.boss.ask("gateway.credentials", gateway_id=number, **body)
    shown = got.ok()
    assert (shown["username"], shown["realm"], shown["register_s"]) == ("kambill", "carrier.example", 600)
    ha1 = hashlib.md5(b"kambill:carrier.example:s3cret").hexdigest()
    assert "s3cret" not in str(got)
    assert ha1 not in str(got)
    (told,) = await shop.told()
    assert (told["ha1_md5"], told["register_s"]) == (ha1, 600)
    async with reading(shop.office.engine) as conn:
        lines = [json.dumps(dict(row._mapping), default=str) for row in await conn.execute(sa.select(audit))]
    assert any("gateway.credentials" in line for line in lines)
    assert not any("s3cret" in line or ha1 in line for line in lines)
    for wrong in ({"username": 'a"b'}, {"realm": ""}, {"register_s": 5}, {"contact": "nowhere"}):
        assert (await shop.boss.ask("gateway.credentials", gateway_id=number, **body | wrong)).status == 422
    gone = await shop.boss.do("gateway.forget-credentials", gateway_id=number)
    assert (gone["username"], gone["register_s"]) == ("", 0)
    async with reading(shop.office.engine) as conn:
        row = (await conn.execute(sa.select(gateways).where(gateways.c.id == number))).one()
    assert (row.ha1_md5, row.ha1_sha256) == ("", "")


async def test_plans_are_checked_with_all_their_faults(shop: Shop) -> None:
    """Those of the text, and names that mean nothing, each at its place; nothing is written."""
    good = await shop.boss.do("plan.check", source=GOOD)
    assert good == {"ok": True, "plans": ["night"], "problems": []}
    found = await shop.boss.do(
        "plan.check",
        source="plans:\n  a: {order: costs, routes: [{gateways: [carrier/gw2]}]}\n"
        "  b: {rules: [{only: [x/y], accounts: [custmer]}]}\n",
    )
    assert "order 'costs'" in found["problems"].pop(0)
    assert found["problems"] == [
        "source:3:6: the plan has no routes: a list `routes:` of {prefix, gateways}",
        "source:2:42: plan 'a': there is no gateway 'carrier/gw2' (did you mean carrier/gw1?)",
        "source:3:23: plan 'b': there is no gateway 'x/y'",
        "source:3:40: plan 'b': there is no account 'custmer' (did you mean customer?)",
    ]
    assert (await shop.boss.do("plan.list"))["items"] == []
    assert (await shop.reseller.ask("plan.check", source=GOOD)).status == 403


async def test_plans_are_written_by_the_operator(shop: Shop) -> None:
    """Once; shown as people write them; a fault changes nothing; those of routing.yaml stay the file's."""
    written = (await shop.boss.do("plan.write", source=GOOD))["items"]
    assert [(one["name"], one["source"]) for one in written] == [("night", "api")]
    assert "gateway: carrier/gw1" in written[0]["text"]
    (body,) = await shop.told()
    assert (body["do"], body["order"], body["routes"]) == (
        "plan",
        "quality cost",
        [["44", [[str(shop.ids["gw1"]), 1]]]],
    )
    assert (await shop.boss.do("plan.write", source=GOOD))["items"] == []
    again = await shop.boss.do("plan.check", source=written[0]["text"])
    assert again["ok"], again
    no = await shop.boss.ask("plan.write", source=GOOD.replace("gw1", "gw7"))
    assert (no.status, "did you mean" in no["errors"][0]["detail"]) == (422, True)
    async with shop.office.engine.begin() as conn:
        await conn.execute(sa.update(plans).values(source="routing.yaml"))
    kept = await shop.boss.ask("plan.write", source=GOOD.replace("44", "45"))
    assert "change it there" in kept["errors"][0]["detail"]
    assert (await shop.reseller.ask("plan.write", source=GOOD)).status == 403


async def test_gateways_as_they_are_now(shop: Shop) -> None:
    """Out with its reason, and figures by prefix, from the hot store; without a store 503; not for resellers."""
    number, config = shop.ids["gw1"], shop.office.config
    assert (await shop.boss.ask("gateway.live")).status == 503
    moment = now()
    begin_store(config.run_dir, config.data_dir, "boot", moment.wall_ms, moment).close()
    rooms = Rooms.open(config.run_dir, config.data_dir)
    assert rooms.has_store()
    async with reading(shop.office.engine) as conn:
        row = (await conn.execute(sa.select(gateways).where(gateways.c.id == number))).one()
    with Change(rooms.store) as change:
        commands.apply(change, {"n": 1, **bodies.gateway_body(row)}, moment)
        counted = Figures(10, 4, 240_000, 5, 10_000, 1, 2)
        quality.add(change, {(number, "44"): counted, (number, quality.WHOLE): counted}, moment.wall_s)
    for _ in range(5):
        note_result(rooms, number, 503, moment)
    rooms.close()
    (live,) = (await shop.boss.do("gateway.live"))["items"]
    assert (live["name"], live["state"], live["failures"], live["last_code"]) == ("carrier/gw1", "out", 5, 503)
    assert (live["registered"], live["calls"]) == (None, 0)
    figures = live["figures"]
    assert (figures["asr_percent"], figures["acd_s"], figures["pdd_ms"]) == (40, 60, 2_000)
    assert (figures["false_answers"], figures["short_calls"]) == (1, 2)
    shown = await shop.boss.do("gateway.quality", gateway_id=number)
    assert shown == {"whole": figures, "prefixes": [{"prefix": "44", "figures": figures}]}
    assert (await shop.boss.ask("gateway.quality", gateway_id=number, query={"window": 5})).status == 422
    assert (await shop.reseller.ask("gateway.live")).status == 403


async def test_resellers_give_the_plans_that_the_operator_lets_them(shop: Shop) -> None:
    """To trunks and devices, new ones or not; what stands there stays, and the operator gives any."""
    route = "routes: [{prefix: 44, gateways: [carrier/gw1]}]"
    gift, lent = f"{{no_loss: off, {route}}}", f"{{resellers: yes, no_loss: off, {route}}}"
    source = f"plans: {{strict: {{{route}}}, gift: {gift}, lent: {lent}}}"
    number = {one["name"]: one["id"] for one in (await shop.boss.do("plan.write", source=source))["items"]}
    listed = (await shop.reseller.do("plan.list"))["items"]
    assert {one["name"]: one["given"] for one in listed} == {"strict": True, "gift": False, "lent": True}
    assert all(one["given"] for one in (await shop.boss.do("plan.list"))["items"])
    for plan, status in (("strict", 201), ("lent", 201), ("gift", 422)):
        trunk = await shop.trunk(shop.reseller, name=plan, networks=[f"192.0.2.{number[plan]}"], plan_id=number[plan])
        device = await shop.reseller.ask("device.make", account_id=shop.ids["customer"], plan_id=number[plan])
        assert (trunk.status, device.status) == (status, status), plan
    assert trunk["errors"][0]["pointer"] == device["errors"][0]["pointer"] == "/plan_id"
    made = (await shop.trunk(shop.boss, name="gift", networks=["192.0.2.99"], plan_id=number["gift"])).ok()
    await shop.reseller.do("trunk.edit", trunk_id=made["id"], channels=3, plan_id=number["gift"])
    await shop.reseller.do("trunk.edit", trunk_id=made["id"], plan_id=number["strict"])
    again = await shop.reseller.ask("trunk.edit", trunk_id=made["id"], plan_id=number["gift"])
    assert again["errors"][0]["detail"] == "the operator alone gives this routing plan"
    (phone,) = (await shop.boss.do("device.list", query={"limit": 1}))["items"]
    edited = await shop.reseller.ask("device.edit", device_id=phone["id"], plan_id=number["gift"])
    assert edited["errors"][0]["pointer"] == "/plan_id"
