"""The API of dunning: what a seller does about invoices that aren't paid, whom it spares, what was done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.problems import Problem, invalid
from service.api.values import AccountId, Asked, InvoiceId, Micros, Moment, Money, Told, When, Words
from service.api.versions import version_of
from service.billing.dunning.barring import lift
from service.billing.taxes_api import Percent, PercentText
from service.database.dunning_tables import dunning_actions, dunning_exemptions, dunning_steps, dunning_terms
from service.database.own import put_own
from service.ledger.api import check_amount
from service.sellers.brand import check_sells

STEPS_MAX = 20
_DAYS = "After the last day to pay; below zero: before it"


class Step(Asked):
    """What is done on a day. A fee is fixed, or a percentage of what is open."""

    kind: Literal["reminder", "fee", "bar"]
    days: Annotated[int, Field(ge=-365, le=365, description=_DAYS)]
    amount: Annotated[Micros | None, Field(description="Of a fixed fee")] = None
    currency: Annotated[
        str, Field(pattern=r"^([A-Z]{3})?$", description="Of a fixed fee: invoices of others don't bear it")
    ] = ""
    percent: Annotated[Percent | None, Field(description="Of any other fee")] = None


class StepView(Told):
    """What is done on a day."""

    kind: str
    days: Annotated[int, Field(description=_DAYS)]
    amount: Annotated[Money | None, Field(description="Of a fixed fee")]
    currency: str
    percent: Annotated[PercentText | None, Field(description="Of any other fee")]


class Dunning(Asked):
    """What a seller does about invoices that aren't paid."""

    steps: Annotated[list[Step], Field(max_length=STEPS_MAX, description="Empty: nothing")]


class DunningView(Told):
    """What a seller does about invoices that aren't paid."""

    account_id: Annotated[int, Field(description="The seller")]
    steps: list[StepView]
    version: Annotated[int, Field(description="0: nothing was ever set")]


class Exemption(Asked):
    """Whether an account is spared."""

    exempt: bool
    reason: Words
    until: Annotated[When | None, Field(description="Exclusive; null: for good")] = None


class ExemptionView(Told):
    """Whether an account is spared."""

    exempt: bool
    reason: str = ""
    until: Annotated[Moment, Field(description="Exclusive; null: for good")] = None


class ActionView(Told):
    """A step that was taken."""

    id: int
    account_id: Annotated[int, Field(description="That is to pay")]
    invoice_id: int
    kind: str
    days: Annotated[int, Field(description=_DAYS)]
    outcome: Annotated[str, Field(description="done; passed: a later reminder was due as well, or it was too late")]
    open: Annotated[Money, Field(validation_alias="open_micros", description="Of the invoice, then")]
    fee: Annotated[Money, Field(validation_alias="fee_micros")]
    currency: str
    recipients: Annotated[list[str], Field(description="Of a reminder")]
    done_at: Annotated[Moment, Field(validation_alias="done_ms")]
    lifted_at: Annotated[Moment, Field(validation_alias="lifted_ms", description="Of a barring")]


class ActionQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None
    invoice_id: InvoiceId | None = None
    kind: Literal["reminder", "fee", "bar", ""] = ""


_LISTING = Listing(
    "dunning-action",
    {"-id": dunning_actions.c.id},
    {
        "account_id": equals(dunning_actions.c.account_id),
        "invoice_id": equals(dunning_actions.c.invoice_id),
        "kind": equals(dunning_actions.c.kind),
    },
)


async def show_terms(call: Call) -> Answer:
    """Of a seller; who sells nothing has no steps."""
    view = await _terms(call)
    return Answer(view, version=view.version)


async def _terms(call: Call) -> DunningView:
    own = sa.select(dunning_terms.c.version).where(dunning_terms.c.account_id == call.row.id)
    version = (await call.conn.execute(own)).scalar()
    query = sa.select(dunning_steps).where(dunning_steps.c.account_id == call.row.id)
    rows = await call.conn.execute(query.order_by(dunning_steps.c.days, dunning_steps.c.id))
    return DunningView(account_id=call.row.id, steps=[_step(row) for row in rows], version=version or 0)


def _step(row: Row[Any]) -> StepView:
    told = {"amount": row.amount_micros or None, "percent": row.percent_millionths or None}
    return StepView.model_validate({**row._mapping, **told})


async def edit_terms(call: Call) -> Answer:
    """As a whole. It holds for every invoice that is open: what was done already isn't done again."""
    body: Dunning = call.body
    check_sells(call.row)
    _check(body.steps)
    before = await _terms(call)
    call.check_match(before.version)
    await put_own(call.conn, dunning_terms, call.row.id, {})
    await call.conn.execute(sa.delete(dunning_steps).where(dunning_steps.c.account_id == call.row.id))
    rows = [{"account_id": call.row.id, **_columns(step)} for step in body.steps]
    if rows:
        await call.conn.execute(sa.insert(dunning_steps), rows)
    view = await _terms(call)
    await call.audit("dunning.edit", "dunning", call.row.id, call.row.id, before, view)
    return Answer(view, version=view.version)


def _columns(step: Step) -> dict[str, Any]:
    values = {"kind": step.kind, "days": step.days, "currency": step.currency}
    return values | {"amount_micros": step.amount or 0, "percent_millionths": step.percent or 0}


def _check(steps: Iterable[Step]) -> None:
    """Raises Problem."""
    known: dict[tuple[str, int], set[str]] = {}
    for at, step in enumerate(steps):
        problem = _problem(step)
        if problem is not None:
            raise invalid(f"/steps/{at}", problem)
        if step.amount is not None:
            check_amount(step.amount, f"/steps/{at}/amount")
        same = known.setdefault((step.kind, step.days), set())
        if step.currency in same or (same and "" in same | {step.currency}):
            raise invalid(f"/steps/{at}", f"there is another {step.kind} on day {step.days}")
        same.add(step.currency)


def _problem(step: Step) -> str | None:
    if step.kind != "reminder" and step.days < 0:
        return f"a {step.kind} comes after the last day to pay: only reminders come before it"
    if step.kind != "fee":
        told = step.amount is not None or step.percent is not None or step.currency
        return f"a {step.kind} has no amount, no currency and no percentage" if told else None
    if (step.amount is None) == (step.percent is None) or step.percent == 0:
        return "a fee has an amount or a percentage, one of them, above zero"
    if (step.amount is None) == bool(step.currency):
        return "a fixed fee has a currency, a percentage has none"
    return None


async def show_exemption(call: Call) -> Answer:
    """Of an account that is to pay."""
    view = await _exemption(call)
    return Answer(view, version=version_of(view.model_dump()))


async def _exemption(call: Call) -> ExemptionView:
    query = sa.select(dunning_exemptions).where(dunning_exemptions.c.account_id == call.row.id)
    row = (await call.conn.execute(query)).first()
    if row is None or (row.until_ms is not None and row.until_ms <= call.now_ms):
        return ExemptionView(exempt=False)
    return ExemptionView(exempt=True, reason=row.reason, until=row.until_ms)


async def exempt(call: Call) -> Answer:
    """Spared: nothing is done from now on, and what dunning has barred goes on. Else steps that are due are taken."""
    body: Exemption = call.body
    if call.row.kind not in {"customer", "reseller"}:
        raise Problem("conflict", f"customers and resellers are billed, and this is a {call.row.kind}")
    if body.until is not None and (not body.exempt or body.until <= call.now_ms):
        raise invalid("/until", "only who is spared has an end of that, and it lies in the future")
    before = await _exemption(call)
    call.check_unchanged(before.model_dump())
    await call.conn.execute(sa.delete(dunning_exemptions).where(dunning_exemptions.c.account_id == call.row.id))
    if body.exempt:
        values = {"account_id": call.row.id, "reason": body.reason, "until_ms": body.until}
        by = {"actor": call.actor.name, "created_ms": call.now_ms}
        await call.conn.execute(sa.insert(dunning_exemptions).values(**values, **by))
        await lift(call.conn, call.node, call.row.id, call.now_ms)
    view = await _exemption(call)
    told = {**view.model_dump(mode="json"), "reason": body.reason}
    await call.audit("dunning.exempt", "account", call.row.id, call.row.id, before.model_dump(mode="json"), told)
    return Answer(view, version=version_of(view.model_dump()))


async def list_actions(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[ActionView](items=[ActionView.model_validate(row) for row in rows], next=following))


_P = Permission
_ONE = "/accounts/{account_id}"
ENDPOINTS = [
    Endpoint(
        "dunning.show", "GET", f"{_ONE}/dunning", _P.INVOICES_READ, show_terms,
        "Show what a seller does about unpaid invoices", answer=DunningView, for_paid=True,
    ),
    Endpoint(
        "dunning.edit", "PUT", f"{_ONE}/dunning", _P.INVOICES_CHANGE, edit_terms,
        "Set what a seller does about unpaid invoices", Dunning, answer=DunningView, for_paid=True,
    ),
    Endpoint(
        "dunning.exemption", "GET", f"{_ONE}/dunning-exemption", _P.INVOICES_READ, show_exemption,
        "Show whether an account is spared", answer=ExemptionView,
    ),
    Endpoint(
        "dunning.exempt", "PUT", f"{_ONE}/dunning-exemption", _P.INVOICES_CHANGE, exempt,
        "Spare an account, or no longer", Exemption, answer=ExemptionView, below=True, of_seller=True,
    ),
    Endpoint(
        "dunning.list", "GET", "/dunning-actions", _P.INVOICES_READ, list_actions, "List the steps that were taken",
        query=ActionQuery, answer=Page[ActionView],
    ),
]  # fmt: skip
