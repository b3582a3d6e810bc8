"""Credentials of a set-up file's gateways: compared by the hashes that are kept of them, never shown."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.database.tables import gateways
from service.peers.devices_api import hashes
from service.peers.gateways_api import Credentials
from service.setup import changes as told
from service.setup.changes import Change, FieldChange
from service.setup.directory import Unknown
from service.setup.kinds import GATEWAYS, HASHED
from service.setup.rows import Rows
from service.setup.sheet import Row
from service.setup.typed import NOTHINGS, Wrong, value_in


async def do_credentials(rows: Rows, gone: list[Row]) -> None:
    """By what carriers know us, of the gateways that say it; a row that says nothing of it leaves it alone."""
    for row in rows.setup.rows["gateways"]:
        if row not in gone and any(name in row.values for name in GATEWAYS.further):
            await rows.guarded(GATEWAYS, row, _do(rows, row))


async def _do(rows: Rows, row: Row) -> None:
    try:
        account = rows.number("account", row.text("account"), [])
        gateway = rows.number("gateway", f"{row.text('account')}/{row.text('name')}", rows.names.above(account))
    except Unknown:
        raise Wrong from None  # the row's own fault has been told
    stands = (await rows.inner.conn.execute(sa.select(gateways).where(gateways.c.id == gateway))).one()
    if "username" in row.values and row.text("username") in NOTHINGS:
        if stands.username:
            await rows.ask("gateway.forget-credentials", {"gateway_id": gateway})
            _tell(rows, row, stands.username, "none")
        return
    schemas = Credentials.model_json_schema()["properties"]
    given = {name: value_in(row.values[name], schemas[name]) for name in GATEWAYS.further if name in row.values}
    if HASHED not in given:
        raise Wrong((HASHED, "a user name goes with its realm and password"))
    if _differs(given, stands):
        await rows.ask("gateway.credentials", {"gateway_id": gateway}, given)
        _tell(rows, row, stands.username, row.text("username"))


def _differs(given: dict[str, Any], stands: Any) -> bool:
    same = {name: given.get(name, default) for name, default in (("register_s", 0), ("contact", ""))}
    same |= {name: given.get(name) for name in ("username", "realm")}
    if any(getattr(stands, name) != value for name, value in same.items()):
        return True
    password = str(given[HASHED])
    return hashes(str(given["username"]), str(given["realm"]), password)["ha1_md5"] != str(stands.ha1_md5)


def _tell(rows: Rows, row: Row, old: str, new: str) -> None:
    name = f"{row.text('account')}/{row.text('name')}"
    rows.changes.append(Change(told.CHANGED, "gateway", name, (FieldChange("credentials", old or "none", new),)))
