"""In whose name an account's mails are sent: its seller's, which is the account above it. The root is its own."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.rules import ROOT_ID
from service.config import Config
from service.database.tables import accounts
from service.messages.letters import Sender
from service.sellers.brand import brand_of

PROGRAM = "Kambill"


class Seller(NamedTuple):
    """Who sells to an account, and how its mails look."""

    id: int
    path: str
    sender: Sender

    @property
    def domain(self) -> str:
        """Of the addresses that it sends from."""
        return self.sender.address.rpartition("@")[2] or "localhost"


async def seller_of(conn: AsyncConnection, config: Config, account: Row[Any]) -> Seller:
    """Of an account."""
    return await seller_named(conn, config, account.parent_id or ROOT_ID)


async def seller_named(conn: AsyncConnection, config: Config, number: int) -> Seller:
    """By its number."""
    row = (await conn.execute(sa.select(accounts).where(accounts.c.id == number))).one()
    return Seller(row.id, row.path, await sender_of(conn, config, row))


async def sender_of(conn: AsyncConnection, config: Config, seller: Row[Any]) -> Sender:
    """By its own brand. Of one that it only inherits nothing is taken that names somebody else."""
    brand = await brand_of(conn, seller.path)
    own = brand if brand is not None and brand.account_id == seller.id else None
    company = (own.company if own else "") or (PROGRAM if seller.id == ROOT_ID else seller.name)
    return Sender(
        name=(own.sender_name if own else "") or company,
        address=(own.sender_address if own else "") or config.mail.sender,
        company=company,
        company_address=own.address if own else "",
        portal=f"https://{own.host}" if own and own.host else config.mail.portal,
        colour=brand.primary_colour if brand else "",
    )
