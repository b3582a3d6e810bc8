"""Where devices are registered now, straight from the hot store. Nothing of it is in the ledger."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field

from kemi import clock
from kemi.store.environment import StoreAbsent, snapshot_of
from kemi.store.locations import Location
from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.nouns import NOUNS, visible
from service.api.problems import Problem
from service.api.values import AccountId, Asked, DeviceId, Moment, Told
from service.database.peer_tables import devices

REGISTRATIONS_MAX = 1_000


class RegistrationView(Told):
    """One place of one device."""

    device_id: int
    username: str
    account_id: int
    contact: Annotated[str, Field(description="What the device calls itself by")]
    address: Annotated[str, Field(description="Where its requests come from, and go to")]
    transport: str
    q: Annotated[float, Field(description="The highest is called first")]
    agent: Annotated[str, Field(description="What the device says that it is")]
    since_at: Moment
    until_at: Moment


class Registrations(Told):
    """Who is registered."""

    items: list[RegistrationView]
    total: Annotated[int, Field(description=f"All of them; at most {REGISTRATIONS_MAX} are shown, the latest first")]


class RegistrationQuery(Asked):
    """Which devices."""

    account_id: Annotated[AccountId | None, Field(description="Of this account alone")] = None
    device_id: DeviceId | None = None


def _look(run_dir: Path, boot_ms: int) -> list[Location] | None:
    """All places that can be called at this moment; None: there is no store."""
    try:
        with snapshot_of(run_dir) as snapshot:
            return [one for one in snapshot.locations() if one.until_boot_ms > boot_ms]
    except StoreAbsent:
        return None


async def list_registrations(call: Call) -> Answer:
    """Those of the subtree's devices."""
    query: RegistrationQuery = call.query
    found = await asyncio.to_thread(_look, call.api.config.run_dir, clock.now().boot_ms)
    if found is None:
        raise Problem("unavailable", "the call path isn't there: Kamailio makes its store when it starts")
    wanted = visible(NOUNS["device"], call.actor) & (devices.c.state == "active")
    for column, number in ((devices.c.account_id, query.account_id), (devices.c.id, query.device_id)):
        if number is not None:
            wanted &= column == number
    rows = {row.id: row for row in await call.conn.execute(sa.select(devices).where(wanted))}
    seen = sorted((one for one in found if one.device in rows), key=lambda one: one.until_wall_ms, reverse=True)
    shown = [_view(one, rows[one.device]) for one in seen[:REGISTRATIONS_MAX]]
    return Answer(Registrations(items=shown, total=len(seen)))


def _view(one: Location, row: sa.Row[tuple[object, ...]]) -> RegistrationView:
    host = f"[{one.ip}]" if ":" in one.ip else one.ip
    return RegistrationView(
        device_id=one.device,
        username=row.username,
        account_id=row.account_id,
        contact=one.contact,
        address=f"{host}:{one.port}",
        transport=one.transport,
        q=one.q / 1000,
        agent=one.agent,
        since_at=one.since_wall_ms,
        until_at=one.until_wall_ms,
    )


ENDPOINTS = [
    Endpoint(
        "device.registrations", "GET", "/registrations", Permission.DEVICES_READ, list_registrations,
        "List where devices are registered", query=RegistrationQuery, answer=Registrations,
    ),
]  # fmt: skip
