"""The API of bans: whose SIP messages nobody looks at. The operator's alone."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import AfterValidator, Field

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.problems import Problem, invalid
from service.api.values import Asked, Moment, Text, Told
from service.commands import bodies
from service.commands.outbox import enqueue
from service.database.edge_tables import bans
from service.edge.storage import holding

ROOT = 1
SHORTEST_BITS = {4: 8, 6: 16}
"""A network that is larger is a mistake."""


def _network(text: str) -> str:
    """As the call path writes it: a single address without its length."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("an address or a network was expected, such as 192.0.2.7 or 2001:db8::/64") from None
    if "%" in text or (network.version == 6 and network.network_address.ipv4_mapped is not None):
        raise ValueError("nothing comes from there: write the plain IPv4 or IPv6 network")
    if network.prefixlen < SHORTEST_BITS[network.version]:
        raise ValueError(f"this bans half the world: /{SHORTEST_BITS[network.version]} is the largest network")
    return str(network.network_address) if network.num_addresses == 1 else str(network)


class BanView(Told):
    """Somebody whose messages nobody looks at."""

    id: int
    network: str
    why: Annotated[str, Field(description="flood, scanner, strikes or operator")]
    note: str
    made_at: Annotated[Moment, Field(validation_alias="made_ms")]
    until: Annotated[Moment, Field(validation_alias="until_ms", description="null: until it is lifted")]


class BanQuery(Paging):
    """Which ones."""

    network: Annotated[Text, Field(max_length=50)] = ""
    why: Literal["", "flood", "scanner", "strikes", "operator"] = ""


class NewBan(Asked):
    """Somebody to ban. Calls that run go on: they end with their money, since a BYE from there isn't heard."""

    network: Annotated[str, Field(max_length=50, examples=["192.0.2.7"]), AfterValidator(_network)]
    minutes: Annotated[int, Field(ge=1, le=5_256_000)] | None = None
    note: Annotated[Text, Field(max_length=200)] = ""


_LISTING = Listing(
    "ban",
    {"-id": bans.c.id, "network": bans.c.network},
    {"network": equals(bans.c.network), "why": equals(bans.c.why)},
    None,
    lambda call: holding(call.now_ms),
)


async def list_bans(call: Call) -> Answer:
    """A page of them, the latest first; without those whose time is over."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[BanView](items=[BanView.model_validate(row) for row in rows], next=following))


async def make_ban(call: Call) -> Answer:
    """Known to the call path within two seconds; also a trunk's or gateway's own network, if that is asked for."""
    if not call.actor.is_root:
        raise Problem("forbidden", "bans are the operator's")
    body: NewBan = call.body
    await call.conn.execute(sa.delete(bans).where((bans.c.network == body.network) & ~holding(call.now_ms)))
    if (await call.conn.execute(sa.select(bans.c.id).where(bans.c.network == body.network))).first() is not None:
        raise invalid("/network", "it is banned already: lift that ban first")
    until_ms = call.now_ms + body.minutes * 60_000 if body.minutes is not None else 0
    values = {"network": body.network, "why": "operator", "note": body.note, "made_ms": call.now_ms}
    made = sa.insert(bans).values(**values, until_ms=until_ms).returning(bans)
    row = (await call.conn.execute(made)).one()
    await enqueue(call.conn, call.node, bodies.ban_body(row), now_ms=call.now_ms)
    view = BanView.model_validate(row)
    await call.audit("ban.make", "ban", row.id, ROOT, None, view)
    return Answer(view)


async def lift_ban(call: Call) -> Answer:
    """Whoever it was may send again within two seconds; what it does wrong counts anew."""
    await call.conn.execute(sa.delete(bans).where(bans.c.id == call.row.id))
    await enqueue(call.conn, call.node, bodies.lift_body(call.row.network), now_ms=call.now_ms)
    await call.audit("ban.lift", "ban", call.row.id, ROOT, BanView.model_validate(call.row), None)
    return Answer(status=204)


_P = Permission
ENDPOINTS = [
    Endpoint(
        "ban.list", "GET", "/bans", _P.SETTINGS_READ, list_bans, "List bans", query=BanQuery, answer=Page[BanView]
    ),
    Endpoint("ban.make", "POST", "/bans", _P.SETTINGS_CHANGE, make_ban, "Ban a sender", NewBan, answer=BanView,
             status=201),
    Endpoint("ban.lift", "DELETE", "/bans/{ban_id}", _P.SETTINGS_CHANGE, lift_ban, "Lift a ban", status=204),
]  # fmt: skip
