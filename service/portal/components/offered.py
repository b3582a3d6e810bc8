"""Of the things that a form could name, those that its endpoint takes: whoever chose another one would be refused.

What hangs on another field of the same form is told apart only where the page's address says that field.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from service.api.values import number_in
from service.portal.visit import Visit

Rows = Sequence[Any]
Fits = Callable[[Visit, Any], bool]
Kept = Callable[[Visit, Rows], Awaitable[Rows]]


DECIDES: Mapping[str, str] = {
    "account.make": "parent_id", "payment.transfer": "from_account_id",
    **dict.fromkeys(
        (
            "balance-alert.make", "device.make", "dispute.open", "filter.make", "limit.make", "number.make",
            "pattern.make", "product.make", "special.make", "subscription.start", "translation.make", "trunk.make",
            "user.invite",
        ),
        "account_id",
    ),
}  # fmt: skip
"""By endpoint: the field of its form by which others offer something else, so that they are offered anew with it."""


async def offered(visit: Visit, endpoint: str, field: str, rows: Rows) -> Rows:
    """Those of a list's rows that can stand in a field."""
    fits = _FITS.get((endpoint, field), ())
    found = [row for row in rows if all(one(visit, row) for one in fits)]
    kept = _KEPT.get((endpoint, field))
    return found if kept is None else await kept(visit, found)


# --- accounts


def _sells(_: Visit, row: Any) -> bool:
    return row.kind in {"root", "reseller"}


def _is_paid(visit: Visit, row: Any) -> bool:
    return _sells(visit, row) and not row.commission


def _calls(_: Visit, row: Any) -> bool:
    return row.kind in {"customer", "reseller"}


def _is_charged(visit: Visit, row: Any) -> bool:
    return _calls(visit, row) and not row.commission


def _provides(_: Visit, row: Any) -> bool:
    return bool(row.kind == "provider" or row.provides)


def _earns(_: Visit, row: Any) -> bool:
    return bool(row.commission)


def _has_a_side(_: Visit, row: Any) -> bool:
    return bool(row.kind != "root")


def _is_below(visit: Visit, row: Any) -> bool:
    """Not the own account: whoever deals with that stands above it."""
    return bool(row.id != visit.account_id)


def _is_given(_: Visit, row: Any) -> bool:
    return bool(row.given)


def _is_open(_: Visit, row: Any) -> bool:
    return bool(row.state != "closed")


async def _elsewhere(visit: Visit, rows: Rows) -> Rows:
    """Neither the account that moves, nor what stands below it."""
    out = _below(rows, number_in(visit.parameter("account_id")))
    return [row for row in rows if row.id not in out]


async def _below_seller(visit: Visit, rows: Rows) -> Rows:
    """Whom a seller's mail can be about: who stands below it; some are sent to the operator itself, too."""
    seller = number_in(visit.parameter("account_id"))
    within = _below(rows, seller)
    return [row for row in rows if row.id in within and (row.id != seller or row.kind == "root")]


async def _below_sender(visit: Visit, rows: Rows) -> Rows:
    """Whom a broadcast can go to."""
    sender = int((await visit.find("broadcast", "broadcast_id")).account_id)
    return [row for row in rows if row.id in _below(rows, sender) - {sender}]


def _below(rows: Rows, top: int) -> set[int]:
    """Numbers of an account and all below it."""
    found = {top}
    for row in sorted(rows, key=lambda one: int(one.depth)):
        if row.parent_id in found:
            found.add(row.id)
    return found


async def _of_banks_owner(visit: Visit, rows: Rows) -> Rows:
    """Who pays the seller whose bank's line it is, in the line's currency."""
    line, known = await visit.find("bank-line", "bank_line_id"), {row.id: row for row in rows}

    def pays(row: Any) -> bool:
        above = known.get(row.parent_id)
        while above is not None and above.commission:
            above = known.get(above.parent_id)
        return above is not None and above.id == line.account_id and row.currency == line.currency

    return [row for row in rows if pays(row)]


async def _of_banks_invoices(visit: Visit, rows: Rows) -> Rows:
    """Invoices of that seller."""
    line = await visit.find("bank-line", "bank_line_id")
    sellers = {line.account_id, None}
    return [row for row in rows if row.seller_id in sellers and row.currency == line.currency]


# --- whose the thing is that the page is about


def _said(visit: Visit, field: str) -> int:
    """What the form, or the page's address, says; 0: nothing that is a number."""
    return number_in(str(visit.form.get(field) or visit.request.query.get(field, "")))


async def _account(visit: Visit) -> int:
    """0: nobody has said it yet."""
    names = visit.request.match_info
    if "account_id" in names:
        return number_in(names["account_id"])
    for noun in ("trunk", "device", "number", "gateway", "product"):
        if f"{noun}_id" in names:
            return int((await visit.find(noun, f"{noun}_id")).account_id)
    return _said(visit, "account_id")


async def _path(visit: Visit, account_id: int) -> list[Any]:
    """The account and those above it, as far as the visitor sees them."""
    found: list[Any] = []
    await visit.learn("account", [account_id])
    while visit.knows("account", account_id):
        found.append((await visit.look_at("account.show", {"account_id": account_id})).body)
        account_id = found[-1].parent_id or 0
        await visit.learn("account", [account_id])
    return found


async def _seller(visit: Visit, account_id: int) -> int:
    """Whom the account pays; 0: somebody whom the visitor doesn't see."""
    path = await _path(visit, account_id)
    return next((int(one.id) for one in path[1:] if not one.commission), 0)


# --- what belongs to an account


async def _sold_above(visit: Visit, rows: Rows) -> Rows:
    """Tariffs of somebody above the account: the visitor's own seller stands above all."""
    path = await _path(visit, await _account(visit))
    return _of_sellers(rows, path[1:]) if path else rows


async def _sold_to_new(visit: Visit, rows: Rows) -> Rows:
    """The same of an account that is not there yet, which begins below the visitor's own."""
    path = await _path(visit, _said(visit, "parent_id") or visit.account_id)
    return _of_sellers(rows, path) if path else rows


def _of_sellers(rows: Rows, path: Rows) -> Rows:
    sellers = {None, *(one.id for one in path)}
    return [row for row in rows if row.account_id in sellers]


async def _of_account(visit: Visit, rows: Rows) -> Rows:
    account_id = await _account(visit)
    return [row for row in rows if row.account_id == account_id] if account_id else rows


async def _of_its_seller(visit: Visit, rows: Rows) -> Rows:
    """Gateways, or products, of whom the account pays; whom the visitor doesn't see, theirs are of nobody else."""
    account_id = await _account(visit)
    if not account_id:
        return rows
    seller = await _seller(visit, account_id)
    await visit.learn("account", [row.account_id for row in rows])
    return [row for row in rows if (row.account_id == seller if seller else not visit.knows("account", row.account_id))]


async def _for_account(visit: Visit, rows: Rows) -> Rows:
    """Products that it can have: in its own currency."""
    path = await _path(visit, await _account(visit))
    sold = await _of_its_seller(visit, rows)
    return [row for row in sold if row.currency == path[0].currency] if path else sold


async def _readers(visit: Visit, rows: Rows) -> Rows:
    """Users of the account that gets the report."""
    account_id = _said(visit, "for_account_id") or visit.account_id
    if "report_schedule_id" in visit.request.match_info:
        account_id = int((await visit.find("report-schedule", "report_schedule_id")).account_id)
    return [row for row in rows if row.account_id == account_id]


def _is_published(_: Visit, row: Any) -> bool:
    return row.published is not None


def _can_be_paid(_: Visit, row: Any) -> bool:
    return row.kind == "invoice" and row.state in {"issued", "part_paid", "overdue"}


def _is_active(_: Visit, row: Any) -> bool:
    return bool(row.state == "active")


def _can_ask(_: Visit, row: Any) -> bool:
    return bool(row.active and row.can_ask)


def _is_on(_: Visit, row: Any) -> bool:
    return bool(row.active)


_PARTNER = (_has_a_side, _is_below)
_PAID = (_is_below, _calls)
_FITS: Mapping[tuple[str, str], tuple[Fits, ...]] = {
    ("account.edit", "tariff_id"): (_is_published,),
    ("account.make", "parent_id"): (_sells, _is_open),
    ("account.make", "tariff_id"): (_is_published,),
    ("account.move", "parent_id"): (_sells, _is_open),
    ("bank-line.match", "invoice_id"): (_can_be_paid,),
    ("bank-line.take-file", "account_id"): (_is_paid,),
    ("broadcast.make", "account_id"): (_sells, _is_open),
    ("commission.make-rule", "account_id"): (_is_below, _earns),
    ("commitment.make", "account_id"): (*_PARTNER, _is_open),
    ("delivery.make", "account_id"): (_has_a_side, _is_open),
    ("device.edit", "tariff_id"): (_is_published,),
    ("device.make", "account_id"): (_is_charged, _is_open),
    ("device.edit", "plan_id"): (_is_given,),
    ("device.make", "plan_id"): (_is_given,),
    ("device.make", "tariff_id"): (_is_published,),
    ("dispute.open", "account_id"): _PARTNER,
    ("filter.make", "account_id"): (_is_open,),
    ("gateway.edit", "tariff_id"): (_is_published,),
    ("gateway.make", "account_id"): (_provides, _is_open),
    ("gateway.make", "tariff_id"): (_is_published,),
    ("limit.make", "account_id"): (_is_open,),
    ("number.edit", "account_id"): (_is_open,),
    ("number.edit", "tariff_id"): (_is_published,),
    ("number.make", "account_id"): (_is_open,),
    ("number.make", "tariff_id"): (_is_published,),
    ("pattern.make", "account_id"): (_is_open,),
    ("payment-gateway.make", "account_id"): (_is_paid,),
    ("payment.make", "invoice_id"): (_can_be_paid,),
    ("payment.transfer", "from_account_id"): (*_PAID, _is_open),
    ("payment.transfer", "to_account_id"): (*_PAID, _is_open),
    ("product.make", "account_id"): (_is_paid, _is_open),
    ("recharge.edit", "gateway_id"): (_can_ask,),
    ("reconciliation.make", "account_id"): _PARTNER,
    ("report-schedule.make", "for_account_id"): (_is_open,),
    ("special.make", "account_id"): (_is_open,),
    ("statement.issue", "account_id"): _PARTNER,
    ("statement.preview", "account_id"): _PARTNER,
    ("subscription.start", "account_id"): (_is_below, _is_charged, _is_open),
    ("subscription.start", "product_id"): (_is_active,),
    ("tariff.make", "account_id"): (_sells, _is_open),
    ("tax.make", "account_id"): (_is_paid,),
    ("top-up.make", "gateway_id"): (_is_on,),
    ("translation.make", "account_id"): (_is_open,),
    ("trunk.edit", "tariff_id"): (_is_published,),
    ("trunk.make", "account_id"): (_is_charged, _is_open),
    ("trunk.edit", "plan_id"): (_is_given,),
    ("trunk.make", "plan_id"): (_is_given,),
    ("trunk.make", "tariff_id"): (_is_published,),
    ("user.invite", "account_id"): (_is_open,),
    ("voucher.make", "account_id"): (_is_paid,),
    ("webhook.make", "account_id"): (_is_open,),
}
"""By endpoint and field: what must hold of each thing."""
_KEPT: Mapping[tuple[str, str], Kept] = {
    ("account.edit", "tariff_id"): _sold_above,
    ("account.make", "tariff_id"): _sold_to_new,
    ("account.move", "parent_id"): _elsewhere,
    ("bank-line.match", "account_id"): _of_banks_owner,
    ("bank-line.match", "invoice_id"): _of_banks_invoices,
    ("broadcast.preview", "account_id"): _below_sender,
    ("device.edit", "tariff_id"): _sold_above,
    ("device.make", "tariff_id"): _sold_above,
    ("filter.make", "trunk_id"): _of_account,
    ("gateway.edit", "tariff_id"): _sold_above,
    ("gateway.make", "tariff_id"): _sold_above,
    ("limit.make", "trunk_id"): _of_account,
    ("mail-template.preview", "account_id"): _below_seller,
    ("mail-template.try", "account_id"): _below_seller,
    ("number.edit", "tariff_id"): _sold_above,
    ("number.make", "tariff_id"): _sold_above,
    ("pattern.make", "gateway_id"): _of_account,
    ("pattern.make", "trunk_id"): _of_account,
    ("payment.make", "invoice_id"): _of_account,
    ("product.edit", "tariff_ids"): _of_account,
    ("product.make", "tariff_ids"): _of_account,
    ("recharge.edit", "gateway_id"): _of_its_seller,
    ("report-schedule.edit", "recipients"): _readers,
    ("report-schedule.make", "recipients"): _readers,
    ("special.make", "trunk_id"): _of_account,
    ("subscription.start", "number_id"): _of_account,
    ("subscription.start", "product_id"): _for_account,
    ("top-up.make", "gateway_id"): _of_its_seller,
    ("translation.make", "gateway_id"): _of_account,
    ("translation.make", "trunk_id"): _of_account,
    ("translation.try", "gateway_id"): _of_account,
    ("translation.try", "trunk_id"): _of_account,
    ("trunk.edit", "tariff_id"): _sold_above,
    ("trunk.make", "tariff_id"): _sold_above,
}
"""The same, of all things together: by what else the page knows."""
