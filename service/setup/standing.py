"""What stands in the ledger, in the fields of the endpoints that would make it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.rules import ROOT_ID
from service.api.call import Asking
from service.api.dispatch import Inner
from service.api.lists import PAGE_ROWS_MAX
from service.database.access_tables import account_roles
from service.database.billing_tables import account_taxes, billing_parties, billing_terms
from service.database.commission_tables import commission_terms
from service.database.fraud_tables import risk_choices
from service.database.peer_tables import devices
from service.database.seller_tables import (
    brands,
    credit_note_numberings,
    mail_templates,
    numberings,
    receipt_numberings,
)
from service.database.tables import accounts
from service.fraud.patterns import SEQUENTIAL
from service.peers.devices_api import hashes
from service.setup.kinds import BY_NAME, KINDS, Kind
from service.setup.typed import default_of

Key = tuple[Any, ...]


class Thing(NamedTuple):
    """Something that stands."""

    id: int
    values: dict[str, Any]
    """By the names of the body's fields; accounts with their `roles` and `default_role` too."""
    is_one_of_several: bool = False
    """Others have the same key."""


Standing = dict[str, dict[Key, Thing]]
"""By section and key."""


_OF_ACCOUNTS = {
    "brands": brands, "numberings": numberings, "credit_note_numberings": credit_note_numberings,
    "receipt_numberings": receipt_numberings, "parties": billing_parties, "account_taxes": account_taxes,
    "terms": billing_terms,
    "commission_terms": commission_terms, "range_choices": risk_choices,
}  # fmt: skip
"""Of which an account has one: by section, where it stands."""


def key_of(kind: Kind, values: dict[str, Any]) -> Key:
    """Which one it is."""
    return tuple(values.get(name) for name in kind.key)


async def load_standing(inner: Inner) -> Standing:
    """Everything that a file can name but plans."""
    return {kind.section: await _loaded(inner, kind) for kind in KINDS}


async def _loaded(inner: Inner, kind: Kind) -> dict[Key, Thing]:
    special = {"accounts": _accounts, "mail_templates": _templates}
    if kind.section in _OF_ACCOUNTS:
        things = await _of_accounts(inner, kind, _OF_ACCOUNTS[kind.section])
    else:
        things = await special.get(kind.section, _listed)(inner, kind)
    found: dict[Key, Thing] = {}
    for thing in things:
        key = key_of(kind, thing.values)
        found[key] = thing._replace(is_one_of_several=key in found)
    return found


async def _listed(inner: Inner, kind: Kind) -> list[Thing]:
    """Through the list that the API has."""
    endpoint = BY_NAME[kind.lists or f"{kind.noun}.list"]
    found: list[Thing] = []
    query = [("limit", str(PAGE_ROWS_MAX))]
    cursor = ""
    while True:
        asking = Asking(parameters={}, query=(*query, *([("cursor", cursor)] if cursor else [])))
        page: Any = (await inner.ask(endpoint, asking)).body
        found += [Thing(view.id, _values(kind, view)) for view in page.items]
        if page.next is None:
            return found
        cursor = page.next


def _values(kind: Kind, view: BaseModel) -> dict[str, Any]:
    values = {name: getattr(view, name) for name in kind.fields if hasattr(view, name)}
    if kind.noun == "gateway":
        values["name"] = values["name"].rpartition("/")[2]
    if kind.noun == "pattern" and values["kind"] == SEQUENTIAL:
        values |= {"percent": default_of(kind.model, "percent"), "seconds": None}
    if kind.noun == "limit" and values["period"] == "call":
        values["period"] = default_of(kind.model, "period")
    if values.get("state") == "invited":
        values["state"] = "active"
    return values


async def _accounts(inner: Inner, kind: Kind) -> list[Thing]:
    """Without the root; with their ceilings."""
    given: defaultdict[int, list[int]] = defaultdict(list)
    for row in await inner.conn.execute(sa.select(account_roles).order_by(account_roles.c.role_id)):
        given[row.account_id].append(row.role_id)
    narrowed = sa.select(accounts.c.id).where(accounts.c.default_role.is_(False))
    narrow = set((await inner.conn.execute(narrowed)).scalars())
    return [
        thing._replace(values=thing.values | {"roles": given[thing.id], "default_role": thing.id not in narrow})
        for thing in await _listed(inner, kind)
        if thing.id != ROOT_ID
    ]


async def _of_accounts(inner: Inner, kind: Kind, table: sa.Table) -> list[Thing]:
    """What an account has one of, as it is shown."""
    show = BY_NAME[kind.lists or f"{kind.noun}.show"]
    of = sa.select(table.c.account_id).distinct().order_by(table.c.account_id)
    numbers = list((await inner.conn.execute(of)).scalars())
    found = []
    for number in numbers:
        view = (await inner.ask(show, Asking(parameters={"account_id": str(number)}))).body
        assert view is not None
        found.append(Thing(number, {"account_id": number} | _values(kind, view)))
    return found


async def _templates(inner: Inner, kind: Kind) -> list[Thing]:
    rows = await inner.conn.execute(sa.select(mail_templates))
    return [Thing(row.account_id, {name: row._mapping[name] for name in kind.fields}) for row in rows]


async def has_password(conn: AsyncConnection, device_id: int, password: str) -> bool:
    """Whether a device signs in by this one already."""
    row = (await conn.execute(sa.select(devices).where(devices.c.id == device_id))).one()
    return hashes(row.username, row.realm, password)["ha1_md5"] == str(row.ha1_md5)
