"""Brings the ledger to what a file says: accounts, roles, users, gateways, plans, and what names those."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from ratebook.model import Hours
from ratebook.routing import Demands, Order, Plan
from service.access import audit
from service.accounts.naming import last_of
from service.accounts.rules import ROOT_ID
from service.database.tables import trunk_networks
from service.peers.storage import Names, load_plans, put_plan
from service.setup import changes as told
from service.setup.changes import Change, FieldChange
from service.setup.credentials import do_credentials
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
    await do_credentials(rows, [row for row in rows.setup.rows["gateways"] if is_gone(GATEWAYS, row)])
    await _plans(rows)
    await _release_networks(rows)
    for kind in AFTER_PLANS:
        await rows.do(kind)
    await rows.check_last()
    await tree.states()


async def _plans(rows: Rows) -> None:
    if not rows.setup.plans:
        return
    conn = rows.inner.conn
    names = await Names.read(conn, [plan for plan, _ in rows.setup.plans.values()])
    standing = await load_plans(conn)
    for name, (plan, place) in rows.setup.plans.items():
        lacks = names.lacks(plan)
        for lack in lacks:
            if (lack.noun, last_of(lack.name)) not in rows.failed:
                rows.problems.append(Problem(place, f"plan {name!r}: {lack.text}, here or in the ledger"))
        if lacks:
            rows.failed.add(("plan", name))
        elif standing.get(name) != (numbered := names.numbered(plan)):
            await _put_plan(rows, numbered, standing.get(name))


async def _put_plan(rows: Rows, plan: Plan, before: Plan | None) -> None:
    inner = rows.inner
    number = await put_plan(inner.conn, inner.api.config.node, plan, source="", now_ms=inner.now_ms)
    records = [None if one is None else one.to_record() for one in (before, plan)]
    change = audit.Change("plan.put", "plan", number, ROOT_ID, *records)
    await audit.write(inner.conn, inner.actor, change, inner.now_ms)
    rows.names.plain["plan"][plan.name] = number
    old = {} if before is None else {name: _shown(value) for name, value in before._asdict().items()}
    fields = [
        FieldChange(name.removesuffix("_max").replace("_", " "), old.get(name, ""), _shown(value))
        for name, value in plan._asdict().items()
        if name != "name"
        and (plan._field_defaults.get(name, ...) if before is None else before._asdict()[name]) != value
    ]
    what = told.NEW if before is None else told.CHANGED
    rows.changes.append(Change(what, "plan", plan.name, tuple(fields)))


def _shown(value: object) -> str:
    """A plan's field on a line: of tables and lists how many they hold."""
    if isinstance(value, Hours | Demands):
        return f"({len(value.bands)})"
    if isinstance(value, tuple) and value and isinstance(value[0], Order):
        return ", ".join(value)
    return f"({len(value)})" if isinstance(value, dict | frozenset | tuple) else str(value)


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
