"""The API of accounts: the tree, and what each account is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.access.standing import standing_of
from service.accounts import changes
from service.accounts.idle import why_not_idle
from service.accounts.rules import PAID_BY_ROOT, ROOT_ID, AccountSpec, account_problems, name_problem
from service.accounts.storage import seller_among, seller_of
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lines import Expression
from service.api.listed import lines_of
from service.api.lists import Listing, Page, Paging, contains, equals, page_of
from service.api.nouns import BALANCE
from service.api.problems import FieldError, Problem, invalid
from service.api.values import AccountId, Asked, Limit, Micros, Moment, Money, TariffId, Text, Told, Words
from service.billing.dunning import barring
from service.billing.switching import Unbilled, switch
from service.database.paths import is_below_account, path_ids
from service.database.tables import accounts, book_balances
from service.fraud.alarms import noted_lifted
from service.ledger.postings import change_hands, sold_through, sold_with
from service.ledger.storage import balance_of
from service.tariffs.checks import check_exchange, check_tariff
from service.tariffs.moving import Moved, tell_moved

CREDIT_LIMIT_MAX_MICROS = 10**9 * 10**6
_TARIFF = "What it pays by, of a provider what it asks; null: it can't call, nor be called over"
_EXPOSURE = "What may be owed to it as a provider, with running calls; null: any amount"


class AccountView(Told):
    """An account."""

    id: int
    parent_id: Annotated[int | None, Field(description="null: it stands outside your subtree")]
    depth: Annotated[int, Field(description="Below your own account, which has 0")]
    name: str
    kind: Annotated[str, Field(description="root, reseller, customer or provider")]
    provides: Annotated[bool, Field(description="Has gateways too: a provider's side beside its own")]
    commission: Annotated[bool, Field(description="A reseller that earns a share, and is not charged itself")]
    billing: Annotated[str, Field(description="prepaid or postpaid")]
    currency: str
    state: Annotated[str, Field(description="active, suspended or closed")]
    suspended_for: Annotated[str, Field(description="The limit that has suspended it; empty: somebody, or nobody, has")]
    tariff_id: Annotated[int | None, Field(description="What it pays by; null: it can't call")]
    channels: Annotated[int | None, Field(description="Calls at once; null: any number")]
    cps: Annotated[int | None, Field(description="New calls a second; null: any number")]
    balance: Money
    cut_on_suspend: Annotated[bool, Field(description="A suspension ends running calls too")]
    credit_limit: Annotated[Money, Field(validation_alias="credit_limit_micros")]
    exposure_limit: Annotated[Money | None, Field(validation_alias="exposure_limit_micros", description=_EXPOSURE)]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    version: int


Kind = Literal["reseller", "customer", "provider"]
Billing = Literal["prepaid", "postpaid"]


class AccountQuery(Paging):
    """Which accounts."""

    parent_id: AccountId | None = None
    below_id: Annotated[AccountId | None, Field(description="It and all below it")] = None
    name: Text = ""
    kind: Literal["", "root", "reseller", "customer", "provider"] = ""
    billing: Literal["", "prepaid", "postpaid"] = ""
    state: Literal["", "active", "suspended", "closed"] = ""


class NewAccount(Asked):
    """An account to make."""

    parent_id: AccountId
    name: Words
    kind: Kind
    billing: Billing = "prepaid"
    currency: Annotated[str, Field(pattern=r"^([A-Z]{3})?$", description="Empty: the parent's")] = ""
    commission: bool = False
    provides: bool = False
    tariff_id: Annotated[TariffId | None, Field(description=_TARIFF)] = None
    channels: Limit | None = None
    cps: Limit | None = None
    cut_on_suspend: bool = True
    credit_limit: Micros = 0
    exposure_limit: Annotated[Micros | None, Field(description=_EXPOSURE)] = None


class AccountEdit(Asked):
    """What to change; what is left out stays, what is null is taken away."""

    name: Words | None = None
    billing: Billing | None = None
    commission: bool | None = None
    provides: bool | None = None
    tariff_id: Annotated[TariffId | None, Field(description=_TARIFF)] = None
    channels: Limit | None = None
    cps: Limit | None = None
    cut_on_suspend: bool | None = None
    exposure_limit: Annotated[Micros | None, Field(description=_EXPOSURE)] = None


class Move(Asked):
    """Where to."""

    parent_id: AccountId


class CreditLimit(Asked):
    """How far below nothing the balance may go."""

    credit_limit: Micros
    reason: Words


class Reason(Asked):
    """Why; for the audit."""

    reason: Text = ""


_NULLABLE = {"tariff_id", "channels", "cps", "exposure_limit"}


def _below(number: int) -> sa.ColumnElement[bool]:
    return is_below_account(accounts.c.path, number)


def _providers(call: Call) -> sa.ColumnElement[bool]:
    """Providers are seen by who may see providers."""
    if call.may(Permission.PROVIDERS_READ):
        return sa.true()
    return (accounts.c.kind != "provider") | (accounts.c.id == call.actor.account_id)


_LISTING = Listing(
    "account",
    {
        "path": accounts.c.path, "name": accounts.c.name, "created": accounts.c.created_ms, "id": accounts.c.id,
        "balance": book_balances.c.amount_micros,
    },
    {
        "parent_id": equals(accounts.c.parent_id),
        "below_id": _below,
        "name": contains(accounts.c.name),
        "kind": equals(accounts.c.kind),
        "billing": equals(accounts.c.billing),
        "state": equals(accounts.c.state),
    },
    sa.select(accounts, BALANCE.label("balance")),
    _providers,
)  # fmt: skip
_ITS_BALANCE = (
    (book_balances.c.account_id == accounts.c.id)
    & (book_balances.c.book == sa.literal_column("'balance'"))  # as the index says it
    & (book_balances.c.currency == accounts.c.currency)
)
_BY_BALANCE = _LISTING._replace(
    select=sa.select(accounts, book_balances.c.amount_micros.label("balance")).select_from(
        accounts.join(book_balances, _ITS_BALANCE)
    )
)
"""Every account has that row."""
_FEW_BY_BALANCE = _BY_BALANCE._replace(sorts={**_LISTING.sorts, "balance": book_balances.c.amount_micros + 0})
"""Sorted when they are found: in the order of the index all others might come before them."""


def _cells(call: Call) -> dict[str, Expression]:
    depth = accounts.c.depth - (len(path_ids(call.actor.path)) - 1)
    balance = book_balances.c.amount_micros if _is_by_balance(call) else BALANCE
    return {
        "depth": depth,
        "parent_id": sa.case((depth > 0, accounts.c.parent_id)),
        "balance": sa.func.coalesce(balance, 0),
    }


def _view(call: Call, row: Mapping[str, Any] | Row[Any], balance: int | None) -> AccountView:
    values = dict(row._mapping) if isinstance(row, Row) else dict(row)
    own = call.actor.path
    depth = len(path_ids(values["path"])) - len(path_ids(own))
    parent = values["parent_id"] if depth > 0 else None
    return AccountView.model_validate(values | {"depth": depth, "parent_id": parent, "balance": balance or 0})


async def _shown(call: Call, row: Row[Any]) -> AccountView:
    return _view(call, row, await balance_of(call.conn, row.id, row.currency))


def _is_by_balance(call: Call) -> bool:
    return bool(call.query.sort.removeprefix("-") == "balance")


def _listing(call: Call) -> Listing:
    if not _is_by_balance(call):
        return _LISTING
    are_few = call.query.kind not in {"", "customer"} or call.query.state not in {"", "active"}
    return _FEW_BY_BALANCE if are_few else _BY_BALANCE


async def list_accounts(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _listing(call))
    return Answer(Page[AccountView](items=[_view(call, row, row.balance) for row in rows], next=following))


async def show_account(call: Call) -> Answer:
    """One."""
    if call.row.kind == "provider" and call.row.id != call.actor.account_id:
        call.need(Permission.PROVIDERS_READ)
    view = _view(call, call.row, call.row.balance)
    return Answer(view, version=view.version)


def _check_credit_limit(micros: int) -> None:
    if not 0 <= micros <= CREDIT_LIMIT_MAX_MICROS:
        raise invalid("/credit_limit", "a credit limit lies between 0 and 1000000000")


def _check_exposure(micros: int | None, kind: str, *, provides: bool) -> None:
    if micros is not None and kind != "provider" and not provides:
        raise invalid("/exposure_limit", "nothing is owed to an account that doesn't provide (`provides`)")
    if micros is not None and not 0 <= micros <= CREDIT_LIMIT_MAX_MICROS:
        raise invalid("/exposure_limit", "an exposure limit lies between 0 and 1000000000")


async def _check(call: Call, spec: AccountSpec, parent: Row[Any]) -> None:
    """Raises Problem with everything that is wrong."""
    above = None
    if parent.kind != "root":
        above = AccountSpec(parent.name, "", parent.kind, parent.currency, commission=parent.commission)
    fields = {"parent": "/parent_id"}
    found = account_problems(spec, above)
    errors = [FieldError("body", fields.get(name, f"/{name}"), text) for name, text in found.items()]
    if errors:
        raise Problem("invalid", errors=errors)
    said = f"the account is in {spec.currency}, its parent in {parent.currency}"
    await check_exchange(call, spec.currency, parent.currency, pointer="/currency", said=said)


async def make_account(call: Call) -> Answer:
    """Below one of the subtree."""
    body: NewAccount = call.body
    parent = await call.find("account", body.parent_id, to_change=True)
    if body.kind == "provider" or body.provides:
        call.need(Permission.PROVIDERS_CHANGE)
    if body.credit_limit:
        call.need(Permission.CREDIT_LIMITS_CHANGE)
        await call.need_seller(f"{parent.path}0/")
    if parent.state == "closed":
        raise Problem("conflict", "the parent is closed")
    currency = body.currency or parent.currency
    marks = {"commission": body.commission, "provides": body.provides}
    await _check(call, AccountSpec(body.name, parent.name, body.kind, currency, **marks), parent)
    _check_credit_limit(body.credit_limit)
    _check_exposure(body.exposure_limit, body.kind, provides=body.provides)
    await check_tariff(call, body.tariff_id, f"{parent.path}0/", currency)
    if await changes.name_is_taken(call.conn, parent.id, body.name):
        raise Problem("conflict", f"the parent has an account {body.name!r} already")
    values = body.model_dump(exclude={"parent_id", "credit_limit", "exposure_limit", "currency"})
    values |= {"currency": currency, "credit_limit_micros": body.credit_limit}
    values |= {"exposure_limit_micros": body.exposure_limit}
    row = await changes.insert(call.conn, call.node, parent, values, call.now_ms)
    view = await _shown(call, row)
    await call.audit("account.make", "account", row.id, row.id, None, view)
    return Answer(view, version=view.version, location=f"/api/v1/accounts/{row.id}")


async def edit_account(call: Call) -> Answer:
    """Changes some fields. Another billing model brings its default role at the next request."""
    body: AccountEdit = call.body
    call.check_match(call.row.version)
    _check_open(call.row)
    values = {
        name: getattr(body, name)
        for name in body.model_fields_set
        if name in _NULLABLE or getattr(body, name) is not None
    }
    await _take_provider_side(call, values)
    if "name" in values:
        await _check_name(call, values["name"])
    if values.get("commission") and call.row.kind != "reseller":
        raise invalid("/commission", "only a reseller earns commission")
    if any(values.get(name, call.row._mapping[name]) != call.row._mapping[name] for name in ("commission", "billing")):
        await call.need_seller(call.row.path)  # whom its customers pay changes with it, or how its seller bills it
    if "tariff_id" in values:
        await check_tariff(call, values["tariff_id"], call.row.path, call.row.currency, call.row.tariff_id)
        move = Moved(call.row, call.row.tariff_id, values["tariff_id"], call.actor.name, call.now_ms)
        await tell_moved(call.conn, move)
    if values.get("billing", call.row.billing) != call.row.billing:
        await _switch_billing(call)
    if values.get("commission", call.row.commission) != call.row.commission:
        await _hand_over(call, earns=values["commission"])
    return await _changed(call, "account.change", values)


async def _hand_over(call: Call, *, earns: bool) -> None:
    """What those that it sells to have with their seller, which is another one from now on."""
    sold, seller_id = await sold_through(call.conn, call.row), await seller_of(call.conn, call.row)
    before_id, after_id = (call.row.id, seller_id) if earns else (seller_id, call.row.id)
    await change_hands(call.conn, sold, before_id, after_id, call.by, call.now_ms)


async def _take_provider_side(call: Call, values: dict[str, Any]) -> None:
    """What is owed to it, and whether it has gateways; puts the limit among the columns. Raises Problem."""
    if values.get("provides") is not None or call.row.kind == "provider" or "exposure_limit" in values:
        call.need(Permission.PROVIDERS_CHANGE)
    if values.get("provides") and call.row.parent_id != ROOT_ID:
        raise invalid("/provides", PAID_BY_ROOT)
    if values.get("provides") is False and await changes.has_gateways(call.conn, call.row.id):
        raise invalid("/provides", "it has gateways: remove them first")
    if "exposure_limit" in values:
        provides = values.get("provides", call.row.provides)
        _check_exposure(values["exposure_limit"], call.row.kind, provides=provides)
        values["exposure_limit_micros"] = values.pop("exposure_limit")


async def _check_name(call: Call, name: str) -> None:
    """Raises Problem."""
    problem = name_problem(name)
    if problem is not None:
        raise invalid("/name", problem)
    if await changes.name_is_taken(call.conn, call.row.parent_id, name, call.row.id):
        raise Problem("conflict", f"the parent has an account {name!r} already")


async def _switch_billing(call: Call) -> None:
    """Its period ends. Raises Problem."""
    try:
        await switch(call.conn, call.api.config, call.row, call.by, call.now_ms)
    except Unbilled as fault:
        raise invalid("/billing", str(fault)) from fault


def _check_open(row: Row[Any]) -> None:
    if row.state == "closed":
        raise Problem("conflict", "the account is closed: resume it first")


async def _changed(call: Call, action: str, values: dict[str, Any], more: Mapping[str, Any] | None = None) -> Answer:
    """Writes columns, tells the store and the audit."""
    before = await _shown(call, call.row)
    row = await changes.update(call.conn, call.node, call.row.id, values, call.now_ms)
    after = await _shown(call, row)
    told = {**after.model_dump(mode="json"), **(more or {})}
    await call.audit(action, "account", row.id, row.id, before, told)
    return Answer(after, version=after.version)


async def set_credit_limit(call: Call) -> Answer:
    """It holds for the next call, and for the next grant of running ones."""
    body: CreditLimit = call.body
    call.check_match(call.row.version)
    _check_open(call.row)
    _check_credit_limit(body.credit_limit)
    values = {"credit_limit_micros": body.credit_limit}
    return await _changed(call, "account.credit_limit", values, {"reason": body.reason})


async def suspend(call: Call) -> Answer:
    """No new calls of it and all below it from the next second on; running ones end, unless the account says not."""
    return await _set_state(call, "suspended", "account.suspend")


async def resume(call: Call) -> Answer:
    """Calls pass again; a closed account is open again."""
    return await _set_state(call, "active", "account.resume")


async def _set_state(call: Call, state: str, action: str) -> Answer:
    if state == "suspended":
        _check_open(call.row)
    if state == "active" and call.row.state == "closed" and await changes.is_closed(call.conn, call.row.parent_id):
        raise Problem("conflict", "the account above it is closed: resume that one first")
    if state == "active":
        if call.row.suspended_for == barring.REASON:
            await call.need_seller(call.row.path)  # whom it owes what it was barred for
        await noted_lifted(call.conn, call.node, call.actor, call.now_ms, account_id=call.row.id)
    return await _changed(call, action, {"state": state, "suspended_for": ""}, {"reason": call.body.reason})


async def close(call: Call) -> Answer:
    """Only with nothing owed either way, and everything below it closed."""
    _check_open(call.row)
    if await changes.has_open_below(call.conn, call.row):
        raise Problem("conflict", "accounts below it are open: close them first")
    if await balance_of(call.conn, call.row.id, call.row.currency):
        raise Problem("conflict", "its balance is not nothing: refund it, have it paid, or write it off")
    problem = await why_not_idle(call.conn, call.api.config, call.row)
    if problem is not None:
        raise Problem("conflict", problem)
    return await _set_state(call, "closed", "account.close")


async def move(call: Call) -> Answer:
    """With everything below it. Roles of the old surroundings hold no longer; what it may more, the asker must hold."""
    body: Move = call.body
    call.check_match(call.row.version)
    _check_open(call.row)
    parent = await call.find("account", body.parent_id, to_change=True)
    provides = call.row.provides or await changes.was_paid(call.conn, call.row.id)
    own = AccountSpec(call.row.name, parent.name, call.row.kind, call.row.currency, provides=provides)
    await _check(call, own, parent)
    path = f"{parent.path}{call.row.id}/"
    await check_tariff(call, call.row.tariff_id, path, call.row.currency, call.row.tariff_id)
    strange = await changes.strange_tariffs(call.conn, call.row, parent)
    if strange:
        raise Problem(
            "conflict", f"something below it pays by tariffs of who won't stand above it: {', '.join(strange)}"
        )
    if parent.state == "closed":
        raise Problem("conflict", "the new parent is closed")
    await _need_sellers(call, path)
    if await changes.name_is_taken(call.conn, parent.id, call.row.name, call.row.id):
        raise Problem("conflict", f"the new parent has an account {call.row.name!r} already")
    before = await _shown(call, call.row)
    could = (await standing_of(call.conn, call.row.path)).ceiling
    moved, seller_id = await sold_with(call.conn, call.row), await seller_of(call.conn, call.row)
    row = await changes.move(call.conn, call.node, call.row, parent, call.now_ms)
    call.need_all((await standing_of(call.conn, row.path)).ceiling - could)
    by = call.by
    await change_hands(call.conn, moved, seller_id, await seller_of(call.conn, row), by, call.now_ms)
    after = await _shown(call, row)
    await call.audit("account.move", "account", row.id, row.id, before, after)
    return Answer(after, version=after.version)


async def _need_sellers(call: Call, path: str) -> None:
    """Whom it pays by another path than now takes over its balance, its limit and its debts: whoever moves it there
    must be, or stand above, both sellers. Raises Problem.
    """
    if await seller_of(call.conn, call.row) != await seller_among(call.conn, path_ids(path)[:-1]):
        for one in (call.row.path, path):
            await call.need_seller(one)


_P = Permission
_ONE = "/accounts/{account_id}"
ENDPOINTS = [
    Endpoint(
        "account.list", "GET", "/accounts", _P.ACCOUNTS_READ, list_accounts, "List accounts", query=AccountQuery,
        answer=Page[AccountView], lines=lines_of(_listing, AccountView, _cells),
    ),
    Endpoint("account.show", "GET", _ONE, _P.ACCOUNTS_READ, show_account, "Show an account", answer=AccountView),
    Endpoint(
        "account.make", "POST", "/accounts", _P.ACCOUNTS_CHANGE, make_account, "Make an account", NewAccount,
        answer=AccountView, status=201,
    ),
    Endpoint(
        "account.edit", "PATCH", _ONE, _P.ACCOUNTS_CHANGE, edit_account, "Edit an account", AccountEdit,
        answer=AccountView, below=True,
    ),
    Endpoint(
        "account.suspend", "POST", f"{_ONE}/suspension", _P.ACCOUNTS_CHANGE, suspend, "Suspend an account", Reason,
        answer=AccountView, below=True,
    ),
    Endpoint(
        "account.resume", "POST", f"{_ONE}/resumption", _P.ACCOUNTS_CHANGE, resume, "Resume an account", Reason,
        answer=AccountView, below=True,
    ),
    Endpoint(
        "account.close", "POST", f"{_ONE}/closure", _P.ACCOUNTS_CLOSE, close, "Close an account", Reason,
        answer=AccountView, below=True,
    ),
    Endpoint(
        "account.move", "POST", f"{_ONE}/move", _P.ACCOUNTS_MOVE, move, "Move an account", Move, answer=AccountView,
        below=True,
    ),
    Endpoint(
        "account.credit-limit", "PUT", f"{_ONE}/credit-limit", _P.CREDIT_LIMITS_CHANGE, set_credit_limit,
        "Set a credit limit", CreditLimit, answer=AccountView, below=True, of_seller=True,
    ),
]  # fmt: skip
