"""Routing plans in SQL, with gateways and accounts by their numbers. Each change numbers the store's command in the
same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.document.problems import suggestion
from ratebook.routing import Plan
from service.accounts.naming import joined, last_of, meant, shortest, told_apart
from service.commands import bodies
from service.commands.outbox import enqueue
from service.database.ratebook_tables import destination_groups
from service.database.tables import accounts, gateways, plans


class Lack(NamedTuple):
    """A name of a plan that means nothing, or several things."""

    noun: str
    """gateway, account or group."""
    name: str
    text: str
    """A sentence."""


class Names(NamedTuple):
    """What plans may name."""

    gateways: dict[str, int]
    accounts: dict[str, int]
    """By their paths of names, the root first."""
    groups: frozenset[str] = frozenset()
    """Destination groups in force."""

    @classmethod
    async def read(cls, conn: AsyncConnection, plans: Iterable[Plan] = ()) -> Names:
        """Of the ledger; accounts and groups only if one of these plans names any."""
        rows = await conn.execute(sa.select(gateways.c.name, gateways.c.id))
        found = {name: int(number) for name, number in rows}
        named = list(plans)
        paths = await _paths(conn) if any(plan.accounts() for plan in named) else {}
        groups: Iterable[str] = ()
        if any(plan.groups() for plan in named):
            groups = (await conn.execute(sa.select(destination_groups.c.name))).scalars()
        return cls(found, paths, frozenset(groups))

    def lacks(self, plan: Plan) -> list[Lack]:
        """What the plan names and there is not."""
        return [*self._gateways_lacked(plan), *self._accounts_lacked(plan), *self._groups_lacked(plan)]

    def _gateways_lacked(self, plan: Plan) -> Iterator[Lack]:
        for name in sorted(plan.gateways() - self.gateways.keys()):
            yield Lack("gateway", name, f"there is no gateway {name!r}{suggestion(name, self.gateways)}")

    def _accounts_lacked(self, plan: Plan) -> Iterator[Lack]:
        for name in sorted(plan.accounts()):
            found = meant(name, self.accounts)
            if not found:
                near = suggestion(last_of(name), shortest(self.accounts).values())
                yield Lack("account", name, f"there is no account {name!r}{near}")
            elif len(found) > 1:
                yield Lack("account", name, told_apart(name, found.items()))

    def _groups_lacked(self, plan: Plan) -> Iterator[Lack]:
        known = dict.fromkeys(self.groups)
        for name in sorted(plan.groups() - self.groups):
            yield Lack("group", name, f"there is no destination group {name!r}{suggestion(name, known)}")

    def numbered(self, plan: Plan) -> Plan:
        """The plan with numbers. Raises KeyError for what it lacks."""
        numbers = {name: str(*meant(name, self.accounts).values()) for name in plan.accounts()}
        return plan.renamed({name: str(number) for name, number in self.gateways.items()}, numbers)

    def named(self, plan: Plan) -> Plan:
        """A plan of the ledger as people write it."""
        short = shortest(self.accounts)
        return plan.renamed(
            {str(number): name for name, number in self.gateways.items()},
            {str(number): short[path] for path, number in self.accounts.items()},
        )


async def _paths(conn: AsyncConnection) -> dict[str, int]:
    rows = {row.id: row for row in await conn.execute(sa.select(accounts.c.id, accounts.c.name, accounts.c.path))}

    def path(ids: str) -> str:
        return joined(rows[int(one)].name for one in ids.strip("/").split("/"))

    return {path(row.path): number for number, row in rows.items()}


async def put_plan(conn: AsyncConnection, node: str, plan: Plan, *, source: str, now_ms: int) -> int:
    """Makes a routing plan, or changes the one of this name. `plan` has numbers."""
    record = plan.to_record()
    update = sa.update(plans).where(plans.c.name == plan.name).values(record=record, source=source)
    found = (await conn.execute(update.returning(plans.c.id))).scalar()
    if found is None:
        insert = sa.insert(plans).values(name=plan.name, record=record, source=source)
        found = (await conn.execute(insert.returning(plans.c.id))).scalar_one()
    row = (await conn.execute(sa.select(plans).where(plans.c.id == found))).one()
    await enqueue(conn, node, bodies.plan_body(row), now_ms=now_ms)
    return int(found)


async def load_plans(conn: AsyncConnection) -> dict[str, Plan]:
    """All plans by name, with numbers."""
    rows = await conn.execute(sa.select(plans.c.name, plans.c.record))
    return {name: Plan.from_record(record) for name, record in rows}


async def named_plans(conn: AsyncConnection) -> Mapping[str, Plan]:
    """All plans by name, as people write them."""
    found = await load_plans(conn)
    names = await Names.read(conn, found.values())
    return {name: names.named(plan) for name, plan in found.items()}
