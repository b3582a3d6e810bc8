"""Whose an address is before somebody below the operator names it: a carrier's, or another one's trunk's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from kemi.store.environment import StoreAbsent, snapshot_of
from service.api.call import Call
from service.api.nouns import seen
from service.api.problems import invalid
from service.database.tables import accounts, gateways, trunk_networks, trunks

TAKEN = "it lies in what is somebody else's: its calls would be taken for this trunk's. The operator can list it"


async def is_carriers(conn: AsyncConnection, network: str) -> bool:
    """Whether an address, or one of a network's, is a gateway's: one that calls go to, or come in from."""
    rows = await conn.execute(sa.select(gateways.c.host, gateways.c.networks))
    theirs = {ip_network(text) for row in rows for text in (row.host, *row.networks)}
    asked = ip_network(network)
    return any(asked.version == one.version and asked.overlaps(one) for one in theirs)


async def check_not_ours(call: Call, place: tuple[str, int, str], pointer: str) -> None:
    """Nobody is called where Kamailio itself listens, as far as it has said so. `place`: address, port and transport.
    Raises Problem.
    """
    if await asyncio.to_thread(_is_ours, call.api.config.run_dir, *place):
        raise invalid(pointer, "this is Kambill's own address: its calls would go in circles")


def _is_ours(run_dir: Path, ip: str, port: int, transport: str) -> bool:
    try:
        with snapshot_of(run_dir) as snapshot:
            return f"{transport}:{ip}:{port}" in snapshot.sockets
    except StoreAbsent:
        return False


async def check_free(call: Call, trunk: Row[Any], networks: Sequence[str], which: Iterable[str]) -> None:
    """Nobody but the operator lists networks, these of a trunk's, that would take calls from a carrier, or from trunks
    outside their own subtree: the longest network and tech prefix count. Raises Problem.
    """
    if call.actor.is_root:
        return
    for text in which:
        if await is_carriers(call.conn, text) or await _is_anothers(call, trunk, text):
            raise invalid(f"/networks/{networks.index(text)}", TAKEN)


async def _is_anothers(call: Call, trunk: Row[Any], text: str) -> bool:
    ways = trunk_networks.c
    network = ip_network(text)
    around = [str(network.supernet(new_prefix=length)) for length in range(1, network.prefixlen + 1)]
    found = (
        sa.select(ways.trunk_id)
        .join(trunks, trunks.c.id == ways.trunk_id)
        .join(accounts, accounts.c.id == trunks.c.account_id)
        .where(ways.network.in_(around), ~seen(accounts.c.path, call.actor))
        .where(sa.literal(trunk.tech_prefix).like(ways.tech_prefix + "%"))
    )
    if trunk.port:
        found = found.where(ways.port.in_((0, trunk.port)))
    return (await call.conn.execute(found.limit(1))).first() is not None
