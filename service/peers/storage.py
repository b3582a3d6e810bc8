"""Routing plans in SQL. Each change numbers the store's command in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.routing import Plan, Route
from service.commands import bodies
from service.commands.outbox import enqueue
from service.database.tables import gateways, plans


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
