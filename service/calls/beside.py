"""What stands beside call records in a file, as far as the asker may see it: names, and what they paid and earned.

A row that isn't there is not for their eyes. Charges are read once each: the first one that the asker sees is nearly
always the first one that they are the seller of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import sqlalchemy as sa

from service.access.permissions import Permission
from service.api.call import Call
from service.api.lines import Expression
from service.api.nouns import seen, within
from service.database.engine import is_sqlite
from service.database.peer_tables import devices, numbers
from service.database.tables import accounts, cdrs, charges, gateways, trunks
from service.ledger.rules import ROOT_ID

_CHARGED = ("cdr_id", "level", "seller_id", "prefix", "billed_s", "charge_micros", "tax_micros", "currency")
"""What is told of a charge."""
FEW_BELOW = 5_000
"""Accounts below the asker: so many names are quicker read once a batch than looked up call by call. For PostgreSQL."""
_P = Permission


class Beside(NamedTuple):
    """What is joined to a record."""

    caller: Any
    refuser: Any
    trunk: Any
    device: Any
    number: Any
    gateway: Any
    own: Any
    """The first charge that they see."""
    mine: Any
    """The first charge that they are the seller of, where that isn't `own`."""
    bought: Any
    """What they paid for that call themselves."""


class Joined(NamedTuple):
    """Records, and how what is beside them is joined."""

    call: Call
    beside: Beside
    joins: tuple[tuple[Any, Expression], ...]
    """In their order."""

    def of(self, query: sa.Select[Any], records: Any = cdrs) -> sa.Select[Any]:
        """A query of these columns. `records`: where they are found."""
        for table, condition in self.joins:
            records = records.outerjoin(table, condition)
        return query.select_from(records)

    @property
    def sold_own(self) -> Expression:
        """Whether the first charge that they see is the first one that they are the seller of."""
        return _sold(self.call, self.beside.own)

    @property
    def earned(self) -> Expression:
        """By the first charge that they are the seller of; null: there is none."""
        return sa.case((self.sold_own, _net(self.beside.own)), else_=_net(self.beside.mine))

    @property
    def earned_currency(self) -> Expression:
        """Of `earned`."""
        return sa.case((self.sold_own, self.beside.own.c.currency), else_=self.beside.mine.c.currency)

    @property
    def paid(self) -> Expression:
        """What they paid for a call that they sold, the operator to the provider, others to their seller; or null."""
        return cdrs.c.cost_micros if self.call.actor.account_id == ROOT_ID else _net(self.beside.bought)

    @property
    def paid_currency(self) -> Expression:
        """Of `paid`."""
        is_root = self.call.actor.account_id == ROOT_ID
        return cdrs.c.cost_currency if is_root else self.beside.bought.c.currency


async def has_few_below(call: Call) -> bool:
    """Whether so few accounts are below that their names are read at once."""
    if call.actor.is_root or is_sqlite(call.conn):
        return False
    below = sa.select(accounts.c.id).where(seen(accounts.c.path, call.actor)).limit(FEW_BELOW + 1).subquery()
    return (await call.conn.execute(sa.select(sa.func.count()).select_from(below))).scalar_one() <= FEW_BELOW


def joined(call: Call, *, sells: bool, at_once: bool = False) -> Joined:
    """`sells`: with what the asker sold and bought. `at_once`: names are read at once, not looked up."""
    # Else PostgreSQL would go through the subtree's paths anew for each kind of thing in it.
    below = _of_subtree(call).cte("below").prefix_with("MATERIALIZED") if at_once else None
    named = _looked_up(call) if below is None else _at_once(call, below)
    own = _own(call, named["caller"][0], below)
    sold = sa.case((_sold(call, own[0]), sa.null()), else_=cdrs.c.id)
    mine = _first(call, "mine", sold, lambda one: one.c.seller_id == call.actor.account_id)
    sold = sa.case((_sold(call, own[0]), cdrs.c.id), else_=mine[0].c.cdr_id)
    # By the call, whose charges are at hand: by the account PostgreSQL went to another index, and sorted what it found.
    bought = _first(call, "bought", sold, lambda one: one.c.account_id + 0 == call.actor.account_id)
    charged = [own, *([mine] if sells else []), *([bought] if sells and not call.actor.is_root else [])]
    beside = Beside(**{name: table for name, (table, _) in named.items()}, own=own[0], mine=mine[0], bought=bought[0])
    joins = [one for name, one in named.items() if name != "refuser" or not call.actor.is_root]
    return Joined(call, beside, (*joins, *charged))


def _looked_up(call: Call) -> dict[str, tuple[Any, Expression]]:
    """Names, each a step on its table's index for a record."""
    caller, refuser = accounts.alias("caller"), accounts.alias("refuser")
    found: dict[str, tuple[Any, Expression]] = {
        "caller": (caller, (caller.c.id == cdrs.c.account_id) & _inside(call, caller)),
        "refuser": (refuser, (refuser.c.id == cdrs.c.refused_by) & _inside(call, refuser)),
    }
    for name, (table, key) in _things(call).items():
        one = table.alias(name)
        found[name] = (one, (one.c.id == key) & _is_theirs(call, one.c.account_id, caller))
    return found


def _of_subtree(call: Call) -> sa.Select[Any]:
    return sa.select(accounts.c.id, accounts.c.name).where(seen(accounts.c.path, call.actor))


def _at_once(call: Call, below: sa.CTE) -> dict[str, tuple[Any, Expression]]:
    """Names of accounts, trunks and gateways below are read beforehand; devices and numbers are looked up one by one:
    they may be very many.
    """
    # Not `below`: it doesn't know that each number is there once, and came to the calls' charges account by account.
    caller, refuser = _of_subtree(call).offset(0).subquery("caller"), below.alias("refuser")
    found: dict[str, tuple[Any, Expression]] = {
        "caller": (caller, caller.c.id == cdrs.c.account_id),
        "refuser": (refuser, refuser.c.id == cdrs.c.refused_by),
    }
    things = _things(call)
    for name in ("trunk", "gateway"):
        table, key = things[name]
        each = sa.select(table.c.id, table.c.name).join(below, below.c.id == table.c.account_id)
        one = each.cte(name).prefix_with("MATERIALIZED")
        found[name] = (one, one.c.id == key)
    for name, label in (("device", "username"), ("number", "number")):
        table, key = things[name]
        each = sa.select(table.c.id, table.c.account_id, table.c[label]).where(table.c.id == key)
        own = each.offset(0).lateral(name)  # else it hashes all there are, for each batch
        found[name] = (own, (own.c.account_id == caller.c.id) | own.c.account_id.in_(sa.select(below.c.id)))
    return found


def _things(call: Call) -> dict[str, tuple[Any, Expression]]:
    """Tables of what a record names beside accounts, and what they are looked up by: null finds nothing at once."""
    may = call.may
    return {
        "trunk": (trunks, _key(cdrs.c.trunk_id, may=may(_P.TRUNKS_READ))),
        "device": (devices, _key(cdrs.c.device_id, may=may(_P.DEVICES_READ))),
        "number": (numbers, _key(cdrs.c.number_id, may=True)),
        "gateway": (gateways, _key(cdrs.c.gateway_id, may=may(_P.GATEWAYS_READ))),
    }


def _key(column: Expression, *, may: bool) -> Expression:
    """0: it may not be seen. (A join on false goes through the whole table.)"""
    return sa.func.nullif(column, sa.literal_column("0")) if may else sa.literal_column("0")


def _inside(call: Call, table: Any) -> Expression:
    """Whether an account lies in the asker's subtree."""
    return sa.true() if call.actor.is_root else seen(table.c.path, call.actor)


def _is_theirs(call: Call, owner: Expression, caller: Any) -> Expression:
    """Whether a thing's account lies in the subtree: the caller that is seen does. On PostgreSQL also so that it is
    asked of what was found, not for all things of the subtree.
    """
    inside = within(owner, call.actor)
    return inside if call.actor.is_root or is_sqlite(call.conn) else (owner == caller.c.id) | inside


def _own(call: Call, caller: Any, below: sa.CTE | None) -> tuple[Any, Expression]:
    """The first charge that the asker sees. The operator sees all, of which the first is that of level 0."""
    if call.actor.is_root:
        one = charges.alias("own")
        return one, (one.c.cdr_id == cdrs.c.id) & (one.c.level == sa.literal_column("0"))

    def is_seen(one: Any) -> Expression:
        payer: Expression = one.c.account_id
        inside = within(payer, call.actor) if below is None else payer.in_(sa.select(below.c.id))
        return sa.or_(payer == caller.c.id, inside)

    return _first(call, "own", cdrs.c.id, is_seen)


def _sold(call: Call, own: Any) -> Expression:
    """Whether the charge that is seen first is surely the first one that the asker is the seller of."""
    return sa.and_(own.c.level == sa.literal_column("0"), own.c.seller_id == call.actor.account_id)


def _first(call: Call, name: str, key: Expression, is_asked: Callable[[Any], Expression]) -> tuple[Any, Expression]:
    """The charge of the lowest level of those that are asked for, and what it is joined on. `key`: the record's."""
    if is_sqlite(call.conn):
        one, each = charges.alias(name), charges.alias(f"{name}_levels")
        level = sa.select(each.c.level).where(each.c.cdr_id == key, is_asked(each)).order_by(each.c.level).limit(1)
        return one, (one.c.cdr_id == key) & (one.c.level == level.correlate_except(each).scalar_subquery())
    each = charges.alias(f"{name}_levels")
    told = sa.select(*(each.c[column] for column in _CHARGED))
    found = told.where(each.c.cdr_id == key, is_asked(each)).order_by(each.c.level).limit(1)
    return found.lateral(name), sa.true()


def _net(level: Any) -> Expression:
    """A charge without the taxes that were added."""
    micros: Expression = level.c.charge_micros - level.c.tax_micros
    return micros
