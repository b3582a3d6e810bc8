"""Brings the ledger to what a file says: accounts, roles, users, gateways, plans, and what names those."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from ratebook.routing import Plan
from service.access import audit
from service.accounts.naming import last_of
from service.accounts.rules import ROOT_ID
from service.database.tables import gateways, trunk_networks
from service.peers.storage import load_plans, put_plan
from service.setup import changes as told
from service.setup.changes import Change, FieldChange
from service.setup.directory import Unknown
from service.setup.kinds import AFTER_PLANS, GATEWAYS, ROLES, TRUNKS, USERS
from service.setup.rows import Rows, is_gone
from service.setup.sheet import Problem, Row
from service.setup.standing import Key, Thing
from service.setup.tree import Tree


async def do_all(rows: Rows) -> None:
    """In the order in which each may name what comes before it; see the rows' problems and changes then."""
    tree = Tree(rows)
    await tree.currency()
    await tree.do()
    await rows.do(ROLES)
    await tree.ceilings()
    await rows.do(USERS)
    await rows.do(GATEWAYS)
    await _plans(rows)
    await _release_networks(rows)
    for kind in AFTER_PLANS:
        await rows.do(kind)
    await tree.states()


async def _plans(rows: Rows) -> None:
    conn = rows.inner.conn
    standing = await load_plans(conn) if rows.setup.plans else {}
    known = {name: int(number) for name, number in await conn.execute(sa.select(gateways.c.name, gateways.c.id))}
    for name, (plan, place) in rows.setup.plans.items():
        missing = {route.gateway for routes in plan.routes.values() for route in routes} - known.keys()
        for gateway in sorted(one for one in missing if ("gateway", last_of(one)) not in rows.failed):
            text = f"plan {name!r}: no gateway {gateway!r} under `providers` or in the ledger"
            rows.problems.append(Problem(place, text))
        if missing:
            rows.failed.add(("plan", name))
        elif standing.get(name) != plan:
            await _put_plan(rows, plan, standing.get(name), known)


async def _put_plan(rows: Rows, plan: Plan, before: Plan | None, known: dict[str, int]) -> None:
    inner = rows.inner
    number = await put_plan(inner.conn, inner.api.config.node, plan, known, source="", now_ms=inner.now_ms)
    records = [None if one is None else one.to_record() for one in (before, plan)]
    change = audit.Change("plan.put", "plan", number, ROOT_ID, *records)
    await audit.write(inner.conn, inner.actor, change, inner.now_ms)
    rows.names.plain["plan"][plan.name] = number
    old = {} if before is None else {name: _shown(name, value) for name, value in before._asdict().items()}
    fields = [
        FieldChange(name.removesuffix("_max").replace("_", " "), old.get(name, ""), _shown(name, value))
        for name, value in plan._asdict().items()
        if name != "name" and (before is None or before._asdict()[name] != value)
    ]
    what = told.NEW if before is None else told.CHANGED
    rows.changes.append(Change(what, "plan", plan.name, tuple(fields)))


def _shown(name: str, value: object) -> str:
    return f"({len(value)})" if isinstance(value, dict | frozenset) and name != "name" else str(value)


async def _release_networks(rows: Rows) -> None:
    """Of trunks that the file names, when one wants what another one has: so that they can exchange theirs."""
    wanted = {_trunk(rows, row): row for row in rows.setup.rows["trunks"] if not is_gone(TRUNKS, row)}
    things = {key: rows.standing["trunks"].get(key) for key in wanted}
    standing: dict[Key, Thing] = {key: thing for key, thing in things.items() if thing is not None}
    owners = {door: key for key, thing in standing.items() for door in _doors(thing.values)}
    claims = ((owners.get(door), key) for key, row in wanted.items() for door in _doors(row.values))
    if any(owner not in {None, key} for owner, key in claims):
        numbers = [thing.id for thing in standing.values()]
        await rows.inner.conn.execute(sa.delete(trunk_networks).where(trunk_networks.c.trunk_id.in_(numbers)))
        for thing in standing.values():
            thing.values["networks"] = []


def _trunk(rows: Rows, row: Row) -> Key:
    """Its account and name; of an account that means nothing, or several: none."""
    try:
        return (rows.names.account(row.text("account")), row.text("name"))
    except Unknown:
        return (None, row.text("name"))


def _doors(values: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Ways in, as the file writes them or as they stand: single addresses without their mask."""
    networks = values.get("networks", [])
    rest = [str(values.get(name) or "").replace("any", "") for name in ("port", "transport", "tech_prefix")]
    for network in networks if isinstance(networks, list) else [networks]:
        yield (network.removesuffix("/32").removesuffix("/128"), *rest)
