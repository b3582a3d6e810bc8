"""What stands in the ledger, in the words of the file."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.routing import Plan
from service.accounts.rules import ROOT_ID, ROOT_NAME, AccountSpec
from service.accounts.storage import account_specs, is_untouched
from service.database.tables import accounts, tariffs
from service.peers.rules import GatewaySpec, TrunkSpec
from service.peers.storage import gateway_specs, load_plans, trunk_specs


class Standing(NamedTuple):
    """Everything that a file can name. By name; the root is not among the accounts."""

    root_name: str
    currency: str
    """Of the root."""
    untouched: bool
    """Nothing has a currency yet but the root."""
    accounts: dict[str, AccountSpec]
    trunks: dict[str, TrunkSpec]
    gateways: dict[str, GatewaySpec]
    plans: dict[str, Plan]
    tariffs: dict[str, str]
    """Currencies of the published tariffs."""


async def load_standing(conn: AsyncConnection) -> Standing:
    """One look at all of it."""
    root = (await conn.execute(sa.select(accounts.c.name, accounts.c.currency).where(accounts.c.id == ROOT_ID))).first()
    published = sa.select(tariffs.c.name, tariffs.c.currency).where(
        tariffs.c.version.is_not(None) & (tariffs.c.owner_id == ROOT_ID)
    )
    return Standing(
        root_name=root.name if root else ROOT_NAME,
        currency=root.currency if root else "",
        untouched=await is_untouched(conn),
        accounts=await account_specs(conn),
        trunks=await trunk_specs(conn),
        gateways=await gateway_specs(conn),
        plans=await load_plans(conn),
        tariffs={row.name: row.currency for row in await conn.execute(published)},
    )
