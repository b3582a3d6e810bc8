"""A portal over the market of the matrix, with text that is meant to do harm wherever it goes, and who looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from itertools import cycle
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kemi import clock
from service.access.sessions import Visit, open_session
from service.api.nouns import NOUNS
from service.config import Config
from service.database.access_tables import mails, sessions, users
from service.database.billing_tables import invoices
from service.database.delivery_tables import cdr_deliveries, cdr_files
from service.database.interconnect_tables import disputes
from service.database.message_tables import broadcasts
from service.database.notice_tables import rate_notices
from service.database.payment_tables import bank_lines
from service.database.product_tables import subscriptions
from service.database.tables import accounts, cdrs, gateways
from service.messages.sender import Sender
from service.portal.screens import SCREENS
from tests.portal import books
from tests.portal.house import Town, portal
from tests.portal.planting import RETURNED, SECOND, SEED, TABBED, Planter
from tests.service.mailroom import mailroom
from tests.service.matrix.statement import IMPORTS, ROUTES, held
from tests.service.matrix.world import Somebody, World
from tests.service.office import Person

OPERATOR, ADMIN, READER = "super_admin@root", "admin@root", "read_only@root"
RESELLER, AGENT, BELOW, CUSTOMER, CARRIER = (
    "owner@upper", "owner@other", "postpaid_reseller@lower", "prepaid_customer@customer", "provider@carrier",
)  # fmt: skip
EVERYBODY = (OPERATOR, ADMIN, READER, RESELLER, AGENT, BELOW, CUSTOMER, CARRIER)
"""Super Admin, Admin, who only reads; distributor, commission reseller, sub-reseller; customer, provider."""
FROM_OUTSIDE: dict[sa.Table, tuple[str, ...]] = {
    cdrs: ("caller", "called", "called_sent", "destination", "call_id", "from_tag", "to_tag", "sip_reason"),
    sessions: ("agent",),
    bank_lines: ("payer", "remittance"),
    cdr_deliveries: ("fault",),
    cdr_files: ("fault",),
}
"""Texts that no request of the API brings: of callers, carriers, browsers, banks and other people's servers."""


VARIOUS: dict[sa.Table, dict[str, dict[str, Any]]] = {
    accounts: {"other": {"commission": True}},
    gateways: {"carrier": {"username": "u", "realm": "r"}},
    broadcasts: {"upper": {"state": "running"}, "other": {"state": "paused"}, "foreign": {"state": "done"}},
    mails: {"upper": {"state": "sent"}, "other": {"state": "sent"}},
    users: {"other": {"totp_active": True, "totp_secret": "x"}},
    subscriptions: {"other": {"state": "suspended"}},
    cdr_deliveries: {"upper": {"way": "sftp", "target": "sftp://a@files.example/in", "password": "secret one"}},
    disputes: {"other": {"state": "accepted"}},
}
"""States that some pages need, by the place whose thing it is."""


class Planted:
    """What stands behind the address."""

    def __init__(self) -> None:
        self.address = ""
        self.sessions: dict[str, str] = {}
        """What the cookie of each of the people says."""
        self.file = Path()
        """The ledger's."""
        self.planter: Planter
        self.letters: list[EmailMessage] = []
        """What a mail server got of all mails that were waiting."""

    def can(self, who: str, pattern: str) -> bool:
        """Whether somebody holds what a page's endpoint asks for: as the matrix states it."""
        (endpoint,) = {screen.endpoint for screen in SCREENS if screen.path == pattern}
        needs = ROUTES[endpoint].needs if endpoint in ROUTES else ROUTES[IMPORTS[endpoint][0]].needs
        world = self.planter.world
        return needs in {"public", "signed in"} or needs in held(world, world.people[who])

    async def furnish(self, engine: AsyncEngine, url: str, folder: Path) -> Config:
        """The market, planted; with calls of today."""
        town = Town(engine, url, folder)
        self.file = folder / "kambill.db"
        world = World(town, self.file)
        await world.open()
        self.planter = Planter(world)
        await self.planter.plant()
        with mailroom() as room:
            config = town.config.model_copy(update={"mail": room.config()})
            sender = Sender(engine, config, lambda: clock.now().wall_ms)
            while await sender.send_due():
                pass
            self.letters = room.letters
        async with engine.begin() as conn:
            await _vary(conn, world)
        await _owe(town)
        await town.talk_today()
        other = world.places["other"]
        owner = {"id": other.things["user"]}
        world.people[AGENT] = Somebody(AGENT, other, "owner", Person(town.office, user=owner))
        async with engine.begin() as conn:
            for table, columns in FROM_OUTSIDE.items():
                await conn.execute(sa.update(table).values(dict.fromkeys(columns, SEED)))
                hidden = dict(zip(columns, cycle((TABBED, RETURNED, SECOND)), strict=False))
                await conn.execute(sa.update(table).values(hidden).where(table.c.id % 2 == 0))
            for name in EVERYBODY:
                user_id = world.people[name].person.user["id"]
                key = await open_session(conn, user_id, Visit("", SEED), clock.now().wall_ms)
                self.sessions[name] = key.text
        return town.config


async def _vary(conn: AsyncConnection, world: World) -> None:
    """Not everything is in its first state; notices of rates that there never were are gone."""
    for table, places in VARIOUS.items():
        noun = next(one.name for one in NOUNS.values() if one.table is table)
        for name, values in places.items():
            number = world.places[name].things[noun]
            await conn.execute(sa.update(table).where(table.c.id == number).values(**values))
    await conn.execute(sa.delete(rate_notices))
    issued = sa.select(invoices).where(invoices.c.id == world.places["other"].things["invoice"])
    draft = dict((await conn.execute(issued)).mappings().one())
    for name in ("id", "state", "number", "issued_ms", "due_ms"):
        del draft[name]
    await conn.execute(sa.insert(invoices).values(**draft))


async def _owe(town: Town) -> None:
    """Somebody owes more than they have, and somebody's prices change."""
    town.office.now_ms = clock.now().wall_ms
    town.office.boss = await town.office.sign_in("boss@op.example")
    owing = {"amount": "-5000", "reason": SEED}
    await town.office.boss.do("payment.adjust", account_id=town.ids["beside"], key="owe", **owing)
    (customer,) = (await town.office.boss.do("account.list", query={"below_id": town.ids["customer"]}))["items"]
    await books.tell(town, customer["name"])


@contextmanager
def planted_portal(folder: Path) -> Iterator[Planted]:
    """Open, until one is done with it."""
    planted = Planted()
    with portal(folder, furnish=planted.furnish) as planted.address:
        yield planted
