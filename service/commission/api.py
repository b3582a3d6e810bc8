"""The API of commission: rules, what was earned and why, when it is handed out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import AfterValidator, Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.nouns import within
from service.api.problems import Problem, invalid, not_found
from service.api.values import ID_MAX, AccountId, Asked, Moment, Money, Number, TariffId, Text, Told, When, zone_of
from service.billing.cycles import Cycle, cycle_problem, last_border_ms, next_border_ms
from service.billing.taxes_api import Percent, PercentText
from service.commission.payouts import hand_out
from service.commission.rules import WHOLE
from service.commission.storage import most_together
from service.database.commission_tables import commission_payouts, commission_rules, commission_terms, commissions
from service.database.own import own_of, put_own
from service.tariffs.grouping import unknown_group

Short = Annotated[Text, Field(max_length=200)]
Service = Literal["", "calls", "messages", "subscription", "package", "rental", "setup", "fee", "adjustment"]
Share = Annotated[
    Literal["charge", "above"],
    Field(
        description="charge: of what customers are charged; above: of what the commission reseller above earns on it"
    ),
]
HandedOut = Annotated[
    Literal["credit", "pay_out"], Field(description="credit: into its balance; pay_out: paid by its seller")
]
Until = Annotated[When | None, Field(description="Exclusive; null: for good")]


class RuleView(Told):
    """What a commission reseller earns."""

    id: int
    account_id: Annotated[int, Field(description="Who earns")]
    service: Annotated[str, Field(description="Empty: all but late fees and corrections by hand")]
    tariff_id: Annotated[int | None, Field(description="By which the customer is charged; null: any")]
    destination_group: Annotated[str, Field(description="Of the called number; empty: any")]
    percent: Annotated[PercentText, Field(validation_alias="percent_millionths")]
    share_of: Share
    valid_from: Annotated[Moment, Field(validation_alias="valid_from_ms")]
    valid_until: Annotated[Moment, Field(validation_alias="valid_until_ms")]
    version: int


class RuleQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None


class NewRule(Asked):
    """A rule. Another percentage is another rule: end this one, and begin the next."""

    account_id: Annotated[AccountId, Field(description="Who earns: a commission reseller")]
    service: Service = ""
    tariff_id: TariffId | None = None
    destination_group: Short = ""
    percent: Percent
    share_of: Share = "charge"
    valid_from: When = 0
    valid_until: Until = None


class RuleEdit(Asked):
    """When it ends. What was earned by it stays."""

    valid_until: Until = None


class EarnedView(Told):
    """What was earned on one thing."""

    id: int
    account_id: int
    source: Annotated[str, Field(description="call, item, correction (of a call rated again), credit_note")]
    cdr_id: Annotated[int, Field(description="The call; 0: none")]
    level: int
    reference_id: Annotated[int, Field(description="Of the item, the correction, or the credit note's line; 0: none")]
    rule_id: Annotated[int, Field(description="0: taken back, by what was earned")]
    percent: Annotated[PercentText, Field(validation_alias="percent_millionths")]
    base: Annotated[Money, Field(validation_alias="base_micros", description="What the customer was charged")]
    earned: Annotated[str, Field(description="Exact, to the hundred-millionth of a micro-unit")]
    currency: str
    at: Annotated[Moment, Field(validation_alias="at_ms")]
    payout_id: Annotated[int | None, Field(description="With which it was handed out; null: not yet")]


class EarnedQuery(Paging):
    """Of whom, and what."""

    account_id: AccountId | None = None
    cdr_id: Number | None = None
    payout_id: Number | None = None
    rule_id: Annotated[int | None, Field(ge=0, le=ID_MAX, description="0: what was taken back")] = None
    since: When = 0
    until: Until = None
    source: Literal["", "call", "item", "correction", "credit_note"] = ""


class ReportQuery(Asked):
    """Of a time; both ends may be left out."""

    since: When = 0
    until: Until = None


class ReportLine(Told):
    """What was earned by one rule on one kind of thing."""

    source: str
    rule_id: int
    percent: Annotated[PercentText, Field(validation_alias="percent_millionths")]
    currency: str
    sales: int
    base: Annotated[Money, Field(validation_alias="base_micros")]
    earned: Annotated[str, Field(description="Exact")]


class Report(Told):
    """Each figure is the sum of what `commission list` shows."""

    items: list[ReportLine]


class CommissionTerms(Asked):
    """When what was earned is handed out."""

    cycle: Literal["daily", "weekly", "two_weekly", "half_monthly", "monthly"] = "monthly"
    cycle_day: Annotated[int, Field(ge=1, le=31, description="Of the month, or of the week (Monday is 1)")] = 1
    zone: Annotated[str, AfterValidator(zone_of), Field(max_length=100, examples=["Europe/Berlin"])] = "UTC"
    handed_out: HandedOut = "credit"


class CommissionTermsView(Told):
    """When what was earned is handed out."""

    cycle: str
    cycle_day: int
    zone: str
    handed_out: str
    next_at: Annotated[Moment, Field(validation_alias="due_ms")]
    version: int


class NewPayout(Asked):
    """All that was earned and not handed out."""

    handed_out: HandedOut = "pay_out"


class PayoutView(Told):
    """What was handed out."""

    id: int
    account_id: int
    currency: str
    amount: Annotated[Money, Field(validation_alias="amount_micros")]
    until: Annotated[Moment, Field(validation_alias="until_ms", description="Everything that was earned before")]
    handed_out: str
    entry_id: int
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]


class Payouts(Told):
    """What was handed out at once: one of each currency."""

    items: list[PayoutView]


class PayoutQuery(Paging):
    """Whose."""

    account_id: AccountId | None = None


_RULES = Listing(
    "commission-rule", {"id": commission_rules.c.id}, {"account_id": equals(commission_rules.c.account_id)}
)
_EARNED = Listing(
    "commission",
    {"-id": commissions.c.id},
    {
        **{name: equals(commissions.c[name]) for name in ("account_id", "cdr_id", "payout_id", "rule_id", "source")},
        "since": lambda at_ms: commissions.c.at_ms >= at_ms,
        "until": lambda at_ms: commissions.c.at_ms < at_ms,
    },
)
_PAYOUTS = Listing(
    "commission-payout", {"-id": commission_payouts.c.id}, {"account_id": equals(commission_payouts.c.account_id)}
)


def _exact(micros: int, remainder: int) -> str:
    """As a decimal fraction of the currency's unit."""
    whole = micros * WHOLE + remainder
    sign, digits = "-" if whole < 0 else "", str(abs(whole)).rjust(15, "0")
    return f"{sign}{digits[:-14]}.{digits[-14:]}".rstrip("0").rstrip(".")


def _earned_view(row: Row[Any]) -> EarnedView:
    return EarnedView.model_validate({**row._mapping, "earned": _exact(row.micros, row.remainder)})


async def list_rules(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _RULES)
    return Answer(Page[RuleView](items=[RuleView.model_validate(row) for row in rows], next=following))


async def make_rule(call: Call) -> Answer:
    """Of a commission reseller below; together with those above and below it never more than is charged."""
    body: NewRule = call.body
    earner = await call.find("account", body.account_id, to_change=True)
    if earner.id == call.actor.account_id:
        raise Problem("forbidden", "what an account earns is said by those above it")
    if body.share_of == "charge":  # a part of what one earns oneself is one's own to give
        await call.need_seller(earner.path)
    if not earner.commission:
        raise Problem("conflict", "commission resellers earn commission, and this account is none")
    unknown = await unknown_group(call.conn, [body.destination_group] if body.destination_group else [])
    if unknown is not None:
        raise invalid("/destination_group", unknown.problem)
    if body.valid_until is not None and body.valid_until <= body.valid_from:
        raise invalid("/valid_until", "this lies before its beginning, or on it")
    values = body.model_dump(exclude={"percent", "valid_from", "valid_until"}) | {
        "percent_millionths": body.percent, "valid_from_ms": body.valid_from, "valid_until_ms": body.valid_until,
    }  # fmt: skip
    row = (await call.conn.execute(sa.insert(commission_rules).values(**values).returning(commission_rules))).one()
    most = await most_together(call.conn, earner)
    if most > WHOLE:
        raise invalid("/percent", "with the others on its way to the seller this could come to more than is charged")
    view = RuleView.model_validate(row)
    await call.audit("commission-rule.make", "commission-rule", view.id, earner.id, None, view)
    return Answer(view)


async def show_rule(call: Call) -> Answer:
    """One."""
    view = RuleView.model_validate(call.row)
    return Answer(view, version=view.version)


async def edit_rule(call: Call) -> Answer:
    """Ends it, or lets it go on."""
    body: RuleEdit = call.body
    if call.row.share_of == "charge":
        await call.need_seller(call.of.path)
    call.check_match(call.row.version)
    if body.valid_until is not None and body.valid_until <= call.row.valid_from_ms:
        raise invalid("/valid_until", "this lies before its beginning, or on it")
    table = commission_rules
    edited = sa.update(table).where(table.c.id == call.row.id)
    edited = edited.values(valid_until_ms=body.valid_until, version=table.c.version + 1)
    view = RuleView.model_validate((await call.conn.execute(edited.returning(table))).one())
    before = RuleView.model_validate(call.row)
    await call.audit("commission-rule.edit", "commission-rule", view.id, view.account_id, before, view)
    return Answer(view, version=view.version)


async def remove_rule(call: Call) -> Answer:
    """What was earned by it stays."""
    call.check_match(call.row.version)
    if call.row.share_of == "charge":
        await call.need_seller(call.of.path)
    await call.conn.execute(sa.delete(commission_rules).where(commission_rules.c.id == call.row.id))
    before = RuleView.model_validate(call.row)
    await call.audit("commission-rule.remove", "commission-rule", call.row.id, call.row.account_id, before, None)
    return Answer(status=204)


async def list_earned(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _EARNED)
    return Answer(Page[EarnedView](items=[_earned_view(row) for row in rows], next=following))


async def report(call: Call) -> Answer:
    """Of one reseller: sums by rule."""
    query: ReportQuery = call.query
    key = (commissions.c.source, commissions.c.rule_id, commissions.c.percent_millionths, commissions.c.currency)
    sums = [sa.func.sum(commissions.c[name]).label(name) for name in ("base_micros", "micros", "remainder")]
    within = (commissions.c.account_id == call.row.id) & (commissions.c.at_ms >= query.since)
    if query.until is not None:
        within &= commissions.c.at_ms < query.until
    told = sa.select(*key, sa.func.count().label("sales"), *sums).where(within).group_by(*key).order_by(*key)
    lines = []
    for row in await call.conn.execute(told):
        earned = _exact(int(row.micros), int(row.remainder))
        lines.append(ReportLine.model_validate({**row._mapping, "base_micros": int(row.base_micros), "earned": earned}))
    return Answer(Report(items=lines))


async def show_terms(call: Call) -> Answer:
    """Not found: it waits until somebody hands it out."""
    row = await own_of(call.conn, commission_terms, call.row.id)
    if row is None:
        raise not_found()
    return Answer(CommissionTermsView.model_validate(row), version=row.version)


async def edit_terms(call: Call) -> Answer:
    """As a whole. The period that runs now ends by the new cycle. Said by who hands it out."""
    body: CommissionTerms = call.body
    before = await own_of(call.conn, commission_terms, call.row.id)
    call.check_match(0 if before is None else before.version)
    problem = cycle_problem(body.cycle, body.cycle_day)
    if problem is not None:
        raise invalid("/cycle_day", problem)
    anchor_ms = last_border_ms(Cycle(body.cycle, body.cycle_day, body.zone, call.now_ms), call.now_ms)
    cycle = Cycle(body.cycle, body.cycle_day, body.zone, anchor_ms)
    values = body.model_dump() | {"anchor_ms": anchor_ms, "due_ms": next_border_ms(cycle, call.now_ms)}
    view = CommissionTermsView.model_validate(await put_own(call.conn, commission_terms, call.row.id, values))
    told = None if before is None else CommissionTermsView.model_validate(before)
    await call.audit("commission-terms.edit", "commission-terms", call.row.id, call.row.id, told, view)
    return Answer(view, version=view.version)


async def list_payouts(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _PAYOUTS)
    return Answer(Page[PayoutView](items=[PayoutView.model_validate(row) for row in rows], next=following))


async def make_payout(call: Call) -> Answer:
    """By hand, whatever its terms say: of what was earned of those that the asker speaks for."""
    body: NewPayout = call.body
    own = within(commissions.c.seller_id, call.actor)
    made = await hand_out(call.conn, call.node, call.row, body.handed_out, call.now_ms, call.by, call.now_ms, own)
    if not made:
        raise Problem("conflict", "nothing was earned that could be handed out so")
    rows = await call.conn.execute(sa.select(commission_payouts).where(commission_payouts.c.id.in_(made)))
    view = Payouts(items=[PayoutView.model_validate(row) for row in rows])
    await call.audit("commission.hand-out", "account", call.row.id, call.row.id, None, view)
    return Answer(view)


_P = Permission
_TERMS = "/accounts/{account_id}/commission-terms"
_RULE = "/commission-rules/{commission_rule_id}"
ENDPOINTS = [
    Endpoint(
        "commission.rules", "GET", "/commission-rules", _P.STATEMENTS_READ, list_rules, "List rules of commission",
        query=RuleQuery, answer=Page[RuleView],
    ),
    Endpoint(
        "commission.make-rule", "POST", "/commission-rules", _P.STATEMENTS_CHANGE, make_rule,
        "Say what a commission reseller earns", NewRule, answer=RuleView, status=201,
    ),
    Endpoint(
        "commission.show-rule", "GET", _RULE, _P.STATEMENTS_READ, show_rule, "Show a rule of commission",
        answer=RuleView,
    ),
    Endpoint(
        "commission.edit-rule", "PATCH", _RULE, _P.STATEMENTS_CHANGE, edit_rule, "Say when a rule ends", RuleEdit,
        answer=RuleView, below=True,
    ),
    Endpoint(
        "commission.remove-rule", "DELETE", _RULE, _P.STATEMENTS_CHANGE, remove_rule, "Remove a rule", status=204,
        below=True,
    ),
    Endpoint(
        "commission.list", "GET", "/commissions", _P.STATEMENTS_READ, list_earned, "List what was earned, and on what",
        query=EarnedQuery, answer=Page[EarnedView],
    ),
    Endpoint(
        "commission.report", "GET", "/accounts/{account_id}/commissions", _P.STATEMENTS_READ, report,
        "Sum up what was earned", query=ReportQuery, answer=Report,
    ),
    Endpoint(
        "commission.terms", "GET", _TERMS, _P.STATEMENTS_READ, show_terms, "Show when commission is handed out",
        answer=CommissionTermsView,
    ),
    Endpoint(
        "commission.edit-terms", "PUT", _TERMS, _P.STATEMENTS_CHANGE, edit_terms, "Set when commission is handed out",
        CommissionTerms, answer=CommissionTermsView, below=True, of_seller=True,
    ),
    Endpoint(
        "commission.payouts", "GET", "/commission-payouts", _P.STATEMENTS_READ, list_payouts,
        "List payouts of commission",
        query=PayoutQuery, answer=Page[PayoutView],
    ),
    Endpoint(
        "commission.hand-out", "POST", "/accounts/{account_id}/commission-payouts", _P.PAYMENTS_CHANGE, make_payout,
        "Hand out what was earned", NewPayout, answer=Payouts, status=201, below=True, of_seller=True,
    ),
]  # fmt: skip
