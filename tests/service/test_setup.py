"""`apply` on real databases: one transaction, the store's commands with it, and nothing to do the second time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from kemi.clock import Now
from kemi.identify import Source, identify
from kemi.rooms import Rooms
from kemi.store import commands as store_commands
from kemi.store.carry import begin_store
from kemi.store.change import Change
from kemi.store.environment import Snapshot
from service.access.actor import local_actor
from service.access.sessions import Sessions
from service.accounts.overview import account_lines
from service.accounts.storage import lock_account
from service.api.call import Api
from service.commands.bodies import cut_body, ready_body, settings_body, tariff_body
from service.config import CallPath, Config
from service.database.engine import open_engine, reading
from service.database.tables import accounts, commands, tariffs, trunk_networks
from service.ledger.payments import PaymentRequest, pay
from service.setup.perform import MeanwhileChanged, SetupFault, do_setup, perform, plan_setup
from service.start import ensure_first_rows

NOW_MS = 1_790_000_000_000
ACTOR = local_actor("test")
COMPANY = """
accounts:
  - {name: lower, parent: upper, kind: reseller, commission: true}
  - {name: upper, kind: reseller, tariff: wholesale}
  - {name: customer, parent: lower, kind: customer, tariff: wholesale, credit_limit: 5, channels: 2, cps: 3}
providers:
  - {name: carrier, tariff: wholesale, gateways: [{name: gw1, host: 127.0.0.11, port: 15081, strip: 2, prefix: "9"}]}
trunks:
  - {name: t1, account: customer, networks: [127.0.0.2, "2001:db8::/48"], tech_prefix: "77#"}
  - {name: t2, account: customer, networks: [127.0.0.3]}
"""


@pytest.fixture
async def ledger(engine: AsyncEngine) -> AsyncEngine:
    """Root and node, and a published tariff."""
    await ensure_first_rows(engine, Config(), NOW_MS)
    async with engine.begin() as conn:
        await conn.execute(sa.insert(tariffs).values(name="wholesale", currency="EUR", version="0" * 16))
    return engine


def api_of(engine: AsyncEngine) -> Api:
    """Of a ledger without a service."""
    return Api(Config(), engine, Sessions())


async def apply(engine: AsyncEngine, folder: Path, text: str) -> list[str]:
    """Does what a text says; the lines shown."""
    path = folder / "setup.yaml"
    path.write_text(text)
    return (await do_setup(api_of(engine), ACTOR, path, NOW_MS)).lines()


async def bodies(engine: AsyncEngine) -> list[dict[str, Any]]:
    """All commands, in order."""
    async with reading(engine) as conn:
        rows = await conn.execute(sa.select(commands.c.body).order_by(commands.c.number))
        return [row.body for row in rows]


async def test_a_company_is_made_with_its_commands(ledger: AsyncEngine, tmp_path: Path) -> None:
    """Each row is told to the store as the contract says, parents first."""
    await apply(ledger, tmp_path, COMPANY)
    told = await bodies(ledger)
    ids = {body["name"]: body["id"] for body in told if body["do"] == "account"}
    assert [(body["do"], body["name"]) for body in told] == [
        ("account", "Operator"),
        ("account", "upper"),
        ("account", "carrier"),
        ("account", "lower"),
        ("account", "customer"),
        ("gateway", "carrier/gw1"),
        ("trunk", "t1"),
        ("trunk", "t2"),
    ]
    assert told[4] == {
        "do": "account", "epoch": 0, "id": ids["customer"], "parent": ids["lower"], "kind": "customer", "charged": True,
        "state": "active", "cut": True, "prepaid": True, "currency": "EUR", "tariff": 1, "credit_limit": 5_000_000,
        "exposure_limit": None, "channels": 2, "cps": 3, "name": "customer",
    }  # fmt: skip
    assert [body["charged"] for body in told[:5]] == [False, True, False, False, True]
    assert told[5] == {
        "do": "gateway", "epoch": 0, "id": 1, "provider": ids["carrier"], "name": "carrier/gw1", "host": "127.0.0.11",
        "port": 15081, "transport": "udp", "networks": [], "prefix": "9", "strip": 2, "channels": 0, "cps": 0,
        "state": "active", "tariff": 0, "number_format": "plain", "trusted": False,
        "probe_s": 0, "failures_max": 5, "out_s": 60, "failure_codes": [408, 503],
        "username": "", "realm": "", "ha1_md5": "", "ha1_sha256": "", "register_s": 0, "contact": "",
        "signs": False, "identity": "off", "codecs": [], "redirects": "off", "redirect_hosts": [],
    }  # fmt: skip
    assert told[6] == {
        "do": "trunk", "epoch": 0, "id": 1, "account": ids["customer"], "networks": ["127.0.0.2/32", "2001:db8::/48"],
        "transport": "any", "port": 0, "tech_prefix": "77#", "state": "active", "channels": 0, "cps": 0, "plan": 0,
        "tariff": 0, "name": "t1", "international_prefix": "00", "national_prefix": "", "country": "",
        "caller_rule": "pass", "caller_numbers": [], "trusted": False, "certificate": "", "identity": "off",
        "attestation": "rules", "transfers": "off", "forwards": False,
    }  # fmt: skip


async def test_paths_and_depths_follow_the_tree(ledger: AsyncEngine, tmp_path: Path) -> None:
    """A subtree is a range of paths; its list begins with its top."""
    await apply(ledger, tmp_path, COMPANY)
    async with reading(ledger) as conn:
        assert [(line.name, line.depth) for line in await account_lines(conn, "upper")] == [
            ("upper", 0), ("lower", 1), ("customer", 2),
        ]  # fmt: skip
        assert [line.name for line in await account_lines(conn, "carrier")] == ["carrier"]
        path = (await conn.execute(sa.select(accounts.c.path).where(accounts.c.name == "customer"))).scalar_one()
        assert path == "/1/2/4/5/"


async def test_the_second_time_there_is_nothing_to_do(ledger: AsyncEngine, tmp_path: Path) -> None:
    """Neither a line nor a command."""
    await apply(ledger, tmp_path, COMPANY)
    before = await bodies(ledger)
    assert await apply(ledger, tmp_path, COMPANY) == []
    assert await bodies(ledger) == before


async def test_a_changed_field_is_one_command(ledger: AsyncEngine, tmp_path: Path) -> None:
    """What stays isn't told again; what the file no longer names stays."""
    await apply(ledger, tmp_path, COMPANY)
    before = len(await bodies(ledger))
    text = "accounts: [{name: upper, kind: reseller, tariff: wholesale, state: suspended}]"
    assert await apply(ledger, tmp_path, text) == ["~ account upper: state active -> suspended"]
    told = (await bodies(ledger))[before:]
    assert [(body["do"], body["name"], body["state"]) for body in told] == [("account", "upper", "suspended")]


async def test_trunks_exchange_their_networks(ledger: AsyncEngine, tmp_path: Path) -> None:
    """Each takes the other's, though both can't have one at the same time."""
    await apply(ledger, tmp_path, COMPANY)
    exchanged = """
trunks:
  - {name: t1, account: customer, networks: 127.0.0.3}
  - {name: t2, account: customer, networks: [127.0.0.2, "2001:db8::/48"], tech_prefix: "77#"}
"""
    await apply(ledger, tmp_path, exchanged)
    async with reading(ledger) as conn:
        rows = await conn.execute(sa.select(trunk_networks.c.trunk_id, trunk_networks.c.network).order_by("network"))
        assert [tuple(row) for row in rows] == [(2, "127.0.0.2/32"), (1, "127.0.0.3/32"), (2, "2001:db8::/48")]


PLANS = """
plans:
  standard: {order: priority, routes: [{prefix: "", gateways: [carrier/gw1]}]}
trunks:
  - {name: t2, account: customer, networks: [127.0.0.3], plan: standard}
"""


async def test_a_plan_is_told_with_ids_and_compared_by_names(ledger: AsyncEngine, tmp_path: Path) -> None:
    """The store gets the gateway's number; the second time nothing differs."""
    await apply(ledger, tmp_path, COMPANY)
    lines = await apply(ledger, tmp_path, PLANS)
    assert [line.split(":")[0] for line in lines] == ["+ plan standard", "~ trunk t2"]
    *_, plan, trunk = await bodies(ledger)
    assert (plan["do"], plan["id"], plan["order"], plan["routes"]) == ("plan", 1, "priority", [["", [["1", 1]]]])
    assert trunk["plan"] == 1
    assert await apply(ledger, tmp_path, PLANS) == []
    assert await apply(ledger, tmp_path, PLANS.replace("priority", "cost")) == [
        "~ plan standard: order priority -> cost"
    ]


async def test_a_plan_with_an_unknown_gateway_is_told(ledger: AsyncEngine, tmp_path: Path) -> None:
    """At the plan's place."""
    await apply(ledger, tmp_path, COMPANY)
    with pytest.raises(SetupFault, match=r"3:3: plan 'standard': there is no gateway 'carrier/gw9' \(did"):
        await apply(ledger, tmp_path, PLANS.replace("gw1", "gw9"))


async def test_a_plan_of_the_ratebook_comes_with_the_trunk_that_names_it(ledger: AsyncEngine, tmp_path: Path) -> None:
    """One file makes gateways and trunks; the plan between them stands in routing.yaml."""
    plans, trunks = PLANS.split("trunks:")
    (tmp_path / "routing.yaml").write_text(plans)
    (tmp_path / "setup.yaml").write_text(
        COMPANY.replace("networks: [127.0.0.3]", "networks: [127.0.0.3], plan: standard")
    )
    await do_setup(api_of(ledger), ACTOR, tmp_path / "setup.yaml", NOW_MS, tmp_path)
    assert [body["do"] for body in await bodies(ledger)][-3:] == ["plan", "trunk", "trunk"]
    with pytest.raises(SetupFault, match=r"no routing plan 'standart' \(did you mean standard\?; known: standard\)"):
        await apply(ledger, tmp_path, "trunks:" + trunks.replace("standard", "standart"))
    with pytest.raises(SetupFault, match="no routing plan 'other'"):
        await apply(ledger, tmp_path, "trunks:" + trunks.replace("standard", "other"))


async def test_a_closed_trunk_gives_its_networks_free(ledger: AsyncEngine, tmp_path: Path) -> None:
    """Another trunk takes them in the same file; afterwards there is nothing to do."""
    await apply(ledger, tmp_path, COMPANY)
    text = """
trunks:
  - {name: t2, account: customer, networks: [127.0.0.3], state: closed}
  - {name: t3, account: upper, networks: [127.0.0.3]}
"""
    assert [line.split(":")[0] for line in await apply(ledger, tmp_path, text)] == ["- trunk t2", "+ trunk t3"]
    closed, opened = (await bodies(ledger))[-2:]
    assert closed["do"] == "trunk_gone"
    assert (opened["state"], opened["networks"]) == ("active", ["127.0.0.3/32"])
    assert await apply(ledger, tmp_path, text) == []


async def test_a_fault_changes_nothing(ledger: AsyncEngine, tmp_path: Path) -> None:
    """All faults in one answer, with file, line and column."""
    before = await bodies(ledger)
    text = COMPANY.replace("name: t2, account: customer", "name: t2, account: custommer").replace("127.0.0.11", "x")
    with pytest.raises(SetupFault) as fault:
        await apply(ledger, tmp_path, text)
    assert str(fault.value).startswith(f"{tmp_path}/setup.yaml:7:")
    assert str(fault.value).endswith("nothing was changed")
    assert await bodies(ledger) == before


async def test_a_change_meanwhile_is_noticed(ledger: AsyncEngine, tmp_path: Path) -> None:
    """What was shown is what is done, or nothing."""
    path = tmp_path / "setup.yaml"
    path.write_text(COMPANY)
    shown = await plan_setup(api_of(ledger), ACTOR, path, NOW_MS)
    await apply(ledger, tmp_path, "accounts: [{name: upper, kind: reseller}]")
    before = await bodies(ledger)
    with pytest.raises(MeanwhileChanged):
        await perform(api_of(ledger), ACTOR, shown, NOW_MS)
    assert await bodies(ledger) == before


async def test_the_currency_is_chosen_while_nothing_stands(ledger: AsyncEngine, tmp_path: Path) -> None:
    """Dollars for a new ledger; afterwards no longer."""
    lines = await apply(ledger, tmp_path, "currency: USD\naccounts: [{name: a, kind: customer}]")
    assert lines == ["~ account Operator: currency EUR -> USD", "+ account a: parent Operator, kind customer"]
    with pytest.raises(SetupFault, match="the ledger keeps USD"):
        await apply(ledger, tmp_path, "currency: EUR")


async def test_a_missing_file_is_told(ledger: AsyncEngine, tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(SetupFault, match=r"absent\.yaml: can't be read"):
        await plan_setup(api_of(ledger), ACTOR, tmp_path / "absent.yaml", NOW_MS)


async def test_the_real_store_takes_every_command(ledger: AsyncEngine, tmp_path: Path) -> None:
    """What the ledger tells is what the call path understands: accounts, gateways, plan, trunk, tariff, settings."""
    await apply(ledger, tmp_path, COMPANY)
    await apply(ledger, tmp_path, PLANS)
    async with ledger.begin() as conn:
        tariff = (await conn.execute(sa.select(tariffs))).one()
        await pay(conn, "local", PaymentRequest("customer", 7, "", "test"), NOW_MS)
    told = [*await bodies(ledger), tariff_body(tariff), settings_body(Config(calls=CallPath(grant_s=30))), ready_body()]
    told.append(cut_body("00" * 16, "test"))
    now = Now(1, NOW_MS)
    begin_store(tmp_path / "run", tmp_path / "data", "boot", NOW_MS, now).close()
    rooms = Rooms.open(tmp_path / "run", tmp_path / "data")
    assert rooms.has_store()
    with Change(rooms.store) as change:
        for number, body in enumerate(told, start=1):
            store_commands.apply(change, {**(body or {}), "n": number}, now)
    trunk = identify(rooms, Source("127.0.0.2", 5060, "udp"), "77#+4420")
    other = identify(rooms, Source("127.0.0.3", 5060, "udp"), "4420")
    with rooms.store.read() as txn:
        snapshot = Snapshot(rooms.store, txn)
        customer = snapshot.account(5)
        assert snapshot.ready
        assert rooms.store.configuration(txn).settings(txn).grant_s == 30
    rooms.close()
    assert trunk is not None
    assert (trunk.id, trunk.account, trunk.plan) == (1, 5, 0)
    assert other is not None
    assert (other.id, other.plan) == (2, 1)
    assert customer is not None
    assert (customer.balance, customer.credit_limit, customer.channels_max, customer.tariff) == (7, 5_000_000, 2, 1)
    assert customer.is_active
    assert customer.is_charged


async def test_it_is_applied_though_it_waits_in_a_ring(ledger: AsyncEngine, tmp_path: Path) -> None:
    """It has changed the one account and wants the other, and another node the reverse: it comes again."""
    await apply(ledger, tmp_path, COMPANY)
    other = open_engine(ledger.url.render_as_string(hide_password=False))
    changed = COMPANY.replace("kind: reseller, tariff", "kind: reseller, cps: 7, tariff").replace("cps: 3", "cps: 4")
    async with other.begin() as conn:
        ids = {row.name: row.id for row in await conn.execute(sa.select(accounts.c.name, accounts.c.id))}
        if ledger.dialect.name == "sqlite":  # whose writers wait one after the other
            await conn.rollback()
        else:
            await conn.execute(sa.text("SET LOCAL deadlock_timeout = '1min'"))
            await lock_account(conn, ids["customer"])
        applied = asyncio.create_task(apply(ledger, tmp_path, changed))
        await asyncio.wait([applied], timeout=0.5)
        if ledger.dialect.name != "sqlite":
            await lock_account(conn, ids["upper"])
    assert len(await applied) == 2
    await other.dispose()
    assert await apply(ledger, tmp_path, changed) == []
