"""Trunks, gateways and plans in SQL. Each change numbers the store's command in the same transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.routing import Plan, Route
from service.accounts.rules import ROOT_ID
from service.commands import bodies
from service.commands.outbox import Command, enqueue, enqueue_all
from service.database.tables import accounts, gateways, plans, tariffs, trunk_networks, trunks
from service.peers.rules import GatewaySpec, TrunkSpec, doors


class Ids(NamedTuple):
    """What things are called in SQL, by name."""

    accounts: Mapping[str, int]
    tariffs: Mapping[str, int]
    plans: Mapping[str, int]
    gateways: Mapping[str, int]


async def load_ids(conn: AsyncConnection) -> Ids:
    """All names with their ids."""
    found = []
    for table in (accounts, tariffs, plans, gateways):
        query = sa.select(table.c.name, table.c.id)
        rows = await conn.execute(query.where(table.c.owner_id == ROOT_ID) if table is tariffs else query)
        found.append({name: int(number) for name, number in rows})
    return Ids(*found)


# --- trunks


async def put_trunks(conn: AsyncConnection, node: str, specs: Sequence[TrunkSpec], ids: Ids, now_ms: int) -> None:
    """Makes trunks, or changes those of these names."""
    values = [
        {
            "name": spec.name,
            "account_id": ids.accounts[spec.account],
            "plan_id": None if spec.plan is None else ids.plans[spec.plan],
            "tariff_id": None if spec.tariff is None else ids.tariffs[spec.tariff],
            **{name: value for name, value in spec._asdict().items() if name in _TRUNK_COLUMNS},
        }
        for spec in specs
    ]
    await _release_networks(conn, [spec.name for spec in specs])
    rows = await _put(conn, trunks, values, now_ms)
    ways = [{"trunk_id": rows[spec.name].id, **door._asdict()} for spec in specs for door in doors(spec)]
    if ways:
        await conn.execute(sa.insert(trunk_networks), ways)
    told = [Command(bodies.trunk_body(rows[spec.name], spec.networks)) for spec in specs]
    await enqueue_all(conn, node, told, now_ms=now_ms)


async def _release_networks(conn: AsyncConnection, names: list[str]) -> None:
    """Takes the networks from trunks that are about to change, so that they can be exchanged between them."""
    chosen = sa.select(trunks.c.id).where(trunks.c.name == sa.bindparam("of_name"))
    if names:
        delete = sa.delete(trunk_networks).where(trunk_networks.c.trunk_id.in_(chosen))
        await conn.execute(delete, [{"of_name": name} for name in names])


_TRUNK_COLUMNS = {
    "transport", "port", "tech_prefix", "channels", "cps",
    "international_prefix", "national_prefix", "country", "state",
}  # fmt: skip


async def networks_by_trunk(conn: AsyncConnection) -> dict[int, list[str]]:
    """The networks of every trunk, by its id."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    rows = await conn.execute(sa.select(trunk_networks.c.trunk_id, trunk_networks.c.network))
    for trunk_id, network in rows:
        found[trunk_id].append(network)
    return dict(found)


async def trunk_specs(conn: AsyncConnection) -> dict[str, TrunkSpec]:
    """All trunks as specs, by name."""
    networks = await networks_by_trunk(conn)
    query = (
        sa.select(
            trunks,
            accounts.c.name.label("account_name"),
            plans.c.name.label("plan_name"),
            tariffs.c.name.label("tariff_name"),
        )
        .join(accounts, accounts.c.id == trunks.c.account_id)
        .join(plans, plans.c.id == trunks.c.plan_id, isouter=True)
        .join(tariffs, tariffs.c.id == trunks.c.tariff_id, isouter=True)
    )
    return {
        row.name: TrunkSpec(
            name=row.name,
            account=row.account_name,
            networks=tuple(sorted(networks.get(row.id, []))),
            plan=row.plan_name,
            tariff=row.tariff_name,
            **{name: row._mapping[name] for name in _TRUNK_COLUMNS},
        )
        for row in await conn.execute(query)
    }


# --- gateways


_GATEWAY_COLUMNS = {"host", "port", "transport", "prefix", "strip", "channels", "cps", "state"}


async def put_gateways(conn: AsyncConnection, node: str, specs: Sequence[GatewaySpec], ids: Ids, now_ms: int) -> None:
    """Makes gateways, or changes those of these names."""
    values = [
        {
            "name": spec.name,
            "account_id": ids.accounts[spec.provider],
            "networks": list(spec.networks),
            **{name: value for name, value in spec._asdict().items() if name in _GATEWAY_COLUMNS},
        }
        for spec in specs
    ]
    rows = await _put(conn, gateways, values, now_ms)
    told = [Command(bodies.gateway_body(rows[spec.name])) for spec in specs]
    await enqueue_all(conn, node, told, now_ms=now_ms)


async def gateway_specs(conn: AsyncConnection) -> dict[str, GatewaySpec]:
    """All gateways as specs, by name."""
    query = sa.select(gateways, accounts.c.name.label("provider")).join(
        accounts, accounts.c.id == gateways.c.account_id
    )
    return {
        row.name: GatewaySpec(
            name=row.name,
            provider=row.provider,
            networks=tuple(row.networks),
            **{name: row._mapping[name] for name in _GATEWAY_COLUMNS},
        )
        for row in await conn.execute(query)
    }


async def _put(
    conn: AsyncConnection, table: sa.Table, values: list[dict[str, Any]], now_ms: int
) -> dict[str, Row[Any]]:
    """Inserts or updates rows by their names; all rows of the table by name."""
    known = set((await conn.execute(sa.select(table.c.name))).scalars())
    fresh = [row | {"created_ms": now_ms} for row in values if row["name"] not in known]
    changed = [row | {"of_name": row["name"]} for row in values if row["name"] in known]
    if fresh:
        await conn.execute(sa.insert(table), fresh)
    if changed:
        update = sa.update(table).where(table.c.name == sa.bindparam("of_name"))
        await conn.execute(update.values(version=table.c.version + 1), changed)
    return {row.name: row for row in await conn.execute(sa.select(table))}


# --- plans


async def put_plan(
    conn: AsyncConnection, node: str, plan: Plan, gateway_ids: Mapping[str, int], *, source: str, now_ms: int
) -> int:
    """Makes a routing plan, or changes the one of this name. `plan` names gateways; all must be in `gateway_ids`."""
    record = with_gateways(plan, {name: str(number) for name, number in gateway_ids.items()}).to_record()
    update = sa.update(plans).where(plans.c.name == plan.name).values(record=record, source=source)
    found = (await conn.execute(update.returning(plans.c.id))).scalar()
    if found is None:
        insert = sa.insert(plans).values(name=plan.name, record=record, source=source)
        found = (await conn.execute(insert.returning(plans.c.id))).scalar_one()
    row = (await conn.execute(sa.select(plans).where(plans.c.id == found))).one()
    await enqueue(conn, node, bodies.plan_body(row), now_ms=now_ms)
    return int(found)


async def load_plans(conn: AsyncConnection) -> dict[str, Plan]:
    """All plans with their gateways by name."""
    names = {str(number): name for name, number in await conn.execute(sa.select(gateways.c.name, gateways.c.id))}
    rows = await conn.execute(sa.select(plans.c.name, plans.c.record))
    return {name: with_gateways(Plan.from_record(record), names) for name, record in rows}


def with_gateways(plan: Plan, names: Mapping[str, str]) -> Plan:
    """The plan with every gateway called by another name. Raises KeyError for one that has none."""
    routes = {
        prefix: tuple(Route(names[str(route.gateway)], route.priority) for route in choices)
        for prefix, choices in plan.routes.items()
    }
    return plan._replace(routes=routes)
