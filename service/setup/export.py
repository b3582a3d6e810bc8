"""Writes what stands as the file that `kambill apply` reads: applied to an empty ledger it makes the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
import yaml

from ratebook.document.written import written_plan
from ratebook.routing import Plan
from service.accounts.rules import ROOT_ID
from service.api.dispatch import Inner
from service.database.access_tables import roles
from service.database.tables import accounts
from service.peers.storage import named_plans
from service.setup.directory import Directory
from service.setup.kinds import ACCOUNTS, GATEWAYS, KINDS, PRODUCTS, ROLES, SETS, Kind, field_of, noun_of, text_of
from service.setup.standing import Thing, load_standing
from service.setup.typed import default_of

_HEAD = """\
# What stood in the ledger, for `kambill apply`. Not in it: money, passwords, and tariffs, those of the ratebook and
# those that sellers wrote through the API. Users are invited anew; devices and webhooks get new secrets.
"""


async def export(inner: Inner) -> str:
    """The file's text."""
    names = await Directory.read(inner.conn)
    standing = await load_standing(inner)
    rows = await inner.conn.execute(sa.select(accounts.c.id, accounts.c.currency))
    currencies = {row.id: row.currency for row in rows}
    built_in = set((await inner.conn.execute(sa.select(roles.c.id).where(roles.c.built_in != ""))).scalars())
    text = [_HEAD, f"currency: {currencies[ROOT_ID]}\n"]
    plans = await named_plans(inner.conn)
    for kind in KINDS:
        things = list(standing[kind.section].values())
        if kind is ACCOUNTS:
            things.sort(key=lambda thing: len(names.above(thing.id)))
        if kind is ROLES:
            things = [thing for thing in things if thing.id not in built_in]
        text += _section(kind.section, (_row(kind, thing, names, currencies) for thing in things))
        if kind is GATEWAYS:
            text += _plans(plans)
    return "".join(text)


def _section(name: str, rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    lines = [f"  - {_flow(row)}\n" for row in rows]
    if lines:
        yield f"\n{name}:\n"
        yield from lines


def _flow(value: Any) -> str:
    """On one line."""
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9).strip()


def _row(kind: Kind, thing: Thing, names: Directory, currencies: dict[int, str]) -> dict[str, Any]:
    """Fields that say more than what is there when nobody speaks."""
    found = dict(_fields(kind, thing.values, names))
    if kind is PRODUCTS:
        return _without_currency(found, thing, currencies[thing.values["account_id"]])
    if kind is ACCOUNTS:
        return _account(_without_currency(found, thing, currencies[thing.values["parent_id"]]), thing, names)
    return found


def _fields(kind: Kind, values: Mapping[str, Any], names: Directory) -> Iterator[tuple[str, Any]]:
    above = names.above(values.get("account_id") or values.get("parent_id") or ROOT_ID)
    is_below = "account_id" in values and len(above) > 1 and kind is not PRODUCTS
    path = above[1:] if is_below else above
    for name in kind.fields:
        value = values.get(name)
        if _is_silent(kind, name, value):
            continue
        where = above if noun_of(name) in {"role", "trunk", "gateway"} else path
        yield field_of(name), value if name == "state" else _written(kind, name, value, names, where)


def _is_silent(kind: Kind, name: str, value: Any) -> bool:
    """Whether a field says what holds anyway, or is asked for when the thing is made and never told again."""
    if name == "state":
        return value in {"active", None}
    if name in kind.once or (name not in kind.key and value == default_of(kind.model, name)):
        return True
    return value is None or text_of(kind, name, value) is None


def _without_currency(found: dict[str, Any], thing: Thing, currency: str) -> dict[str, Any]:
    """Where it is the one of the account above."""
    return {name: value for name, value in found.items() if name != "currency" or thing.values["currency"] != currency}


def _account(found: dict[str, Any], thing: Thing, names: Directory) -> dict[str, Any]:
    """Its name first, its ceiling last."""
    given = [names.name("role", one, names.above(thing.id)) for one in thing.values["roles"]]
    roles_ = {"roles": given} if given else {}
    return {
        "name": found["name"],
        **found,
        **roles_,
        **({} if thing.values["default_role"] else {"default_role": False}),
    }


def _written(kind: Kind, name: str, value: Any, names: Directory, path: list[int]) -> Any:
    noun = noun_of(name)
    if noun and isinstance(value, list):
        return sorted(names.name(noun, one, path) for one in value)
    if noun:
        return names.name(noun, value, path)
    return sorted(str(one) for one in value) if name in SETS else text_of(kind, name, value)


def _plans(plans: Mapping[str, Plan]) -> Iterator[str]:
    if plans:
        yield "\nplans:\n"
    for name, plan in sorted(plans.items()):
        yield f"  {_flow(name).removesuffix('...').strip()}: {_flow(written_plan(plan))}\n"
