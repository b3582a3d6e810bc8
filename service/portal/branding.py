"""Whose name, logo and colours a page shows: of the visitor's seller, or of the host name before anybody signs in."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.rules import ROOT_ID
from service.database.seller_tables import brands
from service.portal.colours import style_sheet
from service.sellers.brand import brand_of

PROGRAM = "Kambill"


class Look(NamedTuple):
    """How the portal looks."""

    company: str = PROGRAM
    primary: str = ""
    accent: str = ""
    logo: bytes | None = None
    logo_type: str = ""

    @property
    def digest(self) -> str:
        """Changes with colours and logo: part of their addresses."""
        told = b"|".join([self.primary.encode(), self.accent.encode(), self.logo or b""])
        return hashlib.sha256(told).hexdigest()[:16]

    @property
    def style(self) -> str:
        """The style sheet of the colours."""
        return style_sheet(self.primary, self.accent)


async def look_of(conn: AsyncConnection, path: str | None, host: str) -> Look:
    """Of the account with a path; None: nobody is signed in, and the host name tells. Else the operator's."""
    row = await _of_host(conn, host) if path is None else await brand_of(conn, path)
    if row is None and path is None:
        row = await brand_of(conn, f"/{ROOT_ID}/")
    if row is None:
        return Look()
    return Look(row.company or PROGRAM, row.primary_colour, row.accent_colour, row.logo, row.logo_type)


async def _of_host(conn: AsyncConnection, host: str) -> Row[Any] | None:
    name = host.lower().partition(":")[0]
    if not name.isascii():
        return None  # no host's name, nor anything that can be asked of a ledger
    return (await conn.execute(sa.select(brands).where(brands.c.host == name))).first()
