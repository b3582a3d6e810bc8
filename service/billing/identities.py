"""Who an account is on paper, and where it is at home, as both are known now: to be frozen on what is issued."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.access_tables import users
from service.database.billing_tables import billing_parties, billing_terms
from service.database.own import own_of
from service.database.seller_tables import brands


class Home(NamedTuple):
    """Where an account is at home."""

    language: str
    zone: str


async def home_of(conn: AsyncConnection, account_id: int) -> Home:
    """By the terms of its invoices, else as its first user has it."""
    first = sa.select(users.c.language, users.c.timezone.label("zone"))
    first = first.where((users.c.account_id == account_id) & (users.c.state == "active")).order_by(users.c.id).limit(1)
    found = await own_of(conn, billing_terms, account_id) or (await conn.execute(first)).first()
    return Home("en", "UTC") if found is None else Home(found.language, found.zone)


async def identity_of(conn: AsyncConnection, account: Row[Any]) -> dict[str, Any]:
    """As `service.billing.written.party_of` reads it. Who has not said it: what its own brand says, or its name."""
    party = await own_of(conn, billing_parties, account.id)
    if party is not None:
        hidden = {"account_id", "version"}
        return {name: value for name, value in party._mapping.items() if name not in hidden}
    brand = await own_of(conn, brands, account.id)
    if brand is None:
        return {"legal_name": account.name, "country": "", "address_lines": []}
    lines = [line for line in brand.address.split("\n") if line]
    return {"legal_name": brand.company, "country": "", "address_lines": lines, "tax_number": brand.tax_number}
