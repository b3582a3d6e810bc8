"""Interconnection: statements of both directions, disputes with their correspondence, commitments, who owes whom."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel

from ratebook.money import format_nanos
from service.api.values import number_in
from service.interconnect.commitments.views import CommitmentText, ProgressView, StepView
from service.interconnect.disputes.rules import AGREED, CLOSED, may_settle, may_withdraw
from service.interconnect.disputes.views import Aging, DisputeText
from service.interconnect.partners import IN
from service.interconnect.position import PositionView
from service.interconnect.statements.views import StatementPreview, StatementText, StatementView
from service.portal.components import columns
from service.portal.components.annexes import sending
from service.portal.components.columns import each, facts
from service.portal.components.facts import Fact, Section, page, part, section
from service.portal.components.files import FileColumn
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Column, Listed, makes, screens, table_of
from service.portal.components.papers import PLAIN, paper
from service.portal.components.sides import sided, sided_head
from service.portal.formats import MICROS, NEVER, duration
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import Visit

STATEMENT, DISPUTE, COMMITMENT = (
    "/statements/{statement_id}", "/disputes/{dispute_id}", "/commitments/{commitment_id}",
)  # fmt: skip
DIRECTIONS = {"in": "its traffic to us", "out": "ours to it", "both": "both directions"}


def direction(visit: Visit, row: Any) -> Cell:
    """Whose traffic it is about: of a thing that names its partner."""
    return _direction(visit, row.account_id, row)


def _direction(visit: Visit, partner_id: int, row: Any) -> Cell:
    return Cell(visit.say(sided(visit, partner_id, DIRECTIONS[row.direction])))


def deals(visit: Visit, row: Any) -> bool:
    """Whether the visitor may agree on a thing with its partner: nobody does with themselves, and what is sent to a
    provider is owed by the operator.
    """
    return bool(row.account_id != visit.account_id and (row.direction == IN or visit.is_operator))


def _settled(visit: Visit, row: Any) -> Cell:
    return columns.badge(visit, "settled" if row.settled_at else "open")


STATEMENTS = Listed(
    "/statements", "statement.list", "Statements",
    (
        columns.itself("Number", "statement", "number"),
        columns.other("Partner", "account", "account_id"),
        columns.moment("From", "since", is_wide=True),
        columns.moment("Until", "until", is_wide=True),
        columns.money("It owes", lambda row: row.ours.total, lambda row: row.currency)._replace(head=sided_head),
        columns.money("It is owed", lambda row: row.theirs.total, lambda row: row.currency)._replace(head=sided_head),
        columns.money("Balance of it", lambda row: row.net, lambda row: row.currency, sort="net"),
        each("State", _settled),
    ),
    ("account_id",), empty="There is no statement yet: one says what a partner and we owe each other.",
    makes=(
        ("Look at what one would say", "/statements/preview", "statement.preview"),
        ("New statement", "/statements/new", "statement.issue"),
    ),
    file_columns=(
        FileColumn("ours", "amount", lambda _, row: Decimal(row.ours.total) / MICROS),
        FileColumn("theirs", "amount", lambda _, row: Decimal(row.theirs.total) / MICROS),
    ),
)  # fmt: skip


def _record(visit: Visit, row: Any) -> Cell:
    """With the way to the call, found by its key."""
    link = f"/calls?call={row.call}" if visit.can("cdr.list") else ""
    return Cell(visit.formats.moment(row.answered_at).replace(" ", "\u00a0"), link)


STATEMENT_CALLS = Listed(
    f"{STATEMENT}/calls", "statement.calls", "Calls of the statement",
    (
        each("Answered", _record),
        columns.text("Destination", "destination"),
        each("Lasted", lambda _, row: Cell(duration(row.duration_ms // 1000)), at_end=True),
        columns.amount("It owes", lambda row: row.ours)._replace(head=sided_head),
        columns.amount("It is owed", lambda row: row.theirs)._replace(head=sided_head),
    ),
    ("direction",), back=("Statement", STATEMENT), empty="No call is on it.",
)  # fmt: skip
DISPUTES = Listed(
    "/disputes", "dispute.list", "Disputes",
    (
        columns.itself("Subject", "dispute", "subject"),
        columns.other("Partner", "account", "account_id"),
        each("Direction", direction, is_wide=True),
        columns.money("Disputed", lambda row: row.amount, lambda row: row.currency, sort="amount"),
        columns.money("Agreed", lambda row: row.agreed, lambda row: row.currency),
        columns.moment("Answer due", "due_at", sort="due", is_wide=True),
        columns.state(),
    ),
    ("account_id", "state", "waits"), empty="Nothing is disputed.",
    makes=(("By age", "/disputes/age", "dispute.aging"), ("New dispute", "/disputes/new", "dispute.open")),
)  # fmt: skip
COMMITMENTS = Listed(
    "/commitments", "commitment.list", "Commitments",
    (
        columns.itself("Name", "commitment", "name"),
        columns.other("Partner", "account", "account_id"),
        columns.text("Kind", "kind"),
        each("Direction", direction, is_wide=True),
        columns.moment("Until", "until", is_wide=True),
        columns.state(),
    ),
    ("account_id", "state"), empty="No volume was agreed on with anybody.",
    makes=(("New commitment", "/commitments/new", "commitment.make"),),
)  # fmt: skip


def _sums(visit: Visit, row: StatementPreview, partner_id: int = 0) -> list[Section]:
    """0: of whoever hasn't it yet, and doesn't read it."""
    money = visit.formats.money
    found = []
    for title, side in (("It owes us, for its traffic", row.ours), ("It is owed, for ours", row.theirs)):
        told = [
            Fact("Calls", Cell(visit.formats.number(side.calls))),
            Fact("Amount", Cell(money(side.amount, row.currency))),
            Fact("Corrected", Cell(money(side.corrected, row.currency)), "Of calls on earlier statements."),
            Fact("Total", Cell(money(side.total, row.currency))),
            Fact("Tax", Cell(money(side.tax, row.currency)), "Of the total."),
        ]
        found.append(section(visit, sided(visit, partner_id, title), told))
    hint = "The partner pays." if row.net > 0 else "The partner is paid." if row.net < 0 else ""
    hint = sided(visit, partner_id, hint)
    net = [
        Fact("Disputes and commitments", Cell(money(row.adjusted, row.currency))),
        Fact("Balance of it", Cell(money(row.net, row.currency)), hint),
    ]
    return [*found, section(visit, "Netted", net)]


def _lines(partner_id: int, currency: str) -> tuple[Column, ...]:
    return (
        each("Direction", lambda visit, row: _direction(visit, partner_id, row)),
        columns.text("Destination", "destination"),
        columns.number("Calls", "calls"),
        each("Lasted", lambda _, row: Cell(duration(row.seconds)), at_end=True, is_wide=True),
        columns.money("Amount", lambda row: row.amount, lambda _: currency),
    )


async def show_statement(visit: Visit) -> Shown:
    """Both directions, netted, by destination."""
    row = await visit.ask("statement.show", StatementText, statement_id=visit.parameter("statement_id"))
    await visit.learn("account", [row.account_id])
    here = f"/statements/{row.id}"
    sections = [
        section(visit, "About", _about(visit, row)),
        *_sums(visit, row, row.account_id),
        Section(
            visit.say("By destination"), [], await table_of(visit, _lines(row.account_id, row.currency), row.lines),
            empty=visit.say("No call is on it."),
        ),
        await _disputed(visit, row),
    ]  # fmt: skip
    papers = [(text, f"{here}/paper.{form}", "statement.paper") for text, form in PLAIN]
    calls = [
        ("Its calls", f"{here}/calls", "statement.calls"),
        ("Calls as CSV", f"{here}/annex.csv", "statement.annex"),
    ]
    actions = [*papers, *calls]
    can_settle = not row.settled_at and row.account_id != visit.account_id
    dangers = [("Settle", f"{here}/settlement", "statement.settle")] if can_settle else []
    trail = (Crumb(visit.say("Statements"), "/statements"),)
    badges = [_settled(visit, row)]
    return page(visit, row.number, sections, badges=badges, actions=actions, dangers=dangers, trail=trail)


async def _disputed(visit: Visit, row: StatementView) -> Section | None:
    """What the partner says of it."""
    own = row.account_id == visit.account_id
    title = sided(visit, row.account_id, "Disputed by the partner")
    actions = (("Dispute it", f"/statements/{row.id}/dispute", "statement.dispute"),) if own else ()
    return await part(
        visit, title, "dispute.list", [one for one in DISPUTES.columns if one.title != "Partner"],
        query={"statement_id": str(row.id)}, actions=actions, empty="Nothing of it is disputed.",
    )  # fmt: skip


def _about(visit: Visit, row: StatementView) -> list[Fact]:
    partner = Fact("Partner", columns.thing(visit, "account", row.account_id))
    return [partner, *facts(visit, row, "since", "until", "issued_at", "settled_at")]


async def tell_preview(visit: Visit, body: BaseModel) -> Shown:
    """What a statement would say."""
    assert isinstance(body, StatementPreview)
    same = {name: str(visit.form.get(name, "")) for name in ("account_id", "since", "until")}
    link = "/statements/new?" + urlencode({name: value for name, value in same.items() if value})
    actions = [("Issue it", link, "statement.issue")]
    trail = (Crumb(visit.say("Statements"), "/statements"),)
    text = visit.say("Nothing was issued: this is what a statement would say.")
    title = visit.say("Preview of the statement")
    partner_id = number_in(same["account_id"])
    await visit.learn("account", [partner_id])
    about = section(visit, "About", [Fact("Partner", columns.thing(visit, "account", partner_id))])
    return page(visit, title, [about, *_sums(visit, body)], actions=actions, trail=trail, subtitle=text)


_NOTES = (
    columns.moment("When", "created_at"),
    columns.text("Who", "actor"),
    each("State", lambda visit, row: columns.badge(visit, row.state)),
    each("What", lambda visit, row: Cell(f"({visit.say('internal')}) {row.text}" if row.internal else row.text)),
)


async def show_dispute(visit: Visit) -> Shown:
    """What is disputed, and what was said about it."""
    row = await visit.ask("dispute.show", DisputeText, dispute_id=visit.parameter("dispute_id"))
    await visit.learn("account", [row.account_id])
    await visit.learn("reconciliation", [row.reconciliation_id])
    await visit.learn("statement", [row.statement_id])
    money = visit.formats.money
    told = [
        Fact("Partner", columns.thing(visit, "account", row.account_id)),
        Fact("Direction", direction(visit, row)),
        Fact("Disputed", Cell(money(row.amount, row.currency))),
        Fact("Agreed", Cell(NEVER if row.state not in {*AGREED, CLOSED} else money(row.agreed, row.currency))),
        Fact("Comparison", columns.thing(visit, "reconciliation", row.reconciliation_id)),
        Fact("Opened by the partner, about", columns.thing(visit, "statement", row.statement_id)),
        Fact("Calls", Cell(visit.formats.number(row.differences)) if row.differences else Cell(NEVER)),
        *facts(visit, row, "opened_at", "due_at", "changed_at"),
    ]
    here = f"/disputes/{row.id}"
    can_settle = may_settle(row.state, row.direction, is_compared=row.reconciliation_id is not None)
    is_ours = deals(visit, row)
    notes = Section(
        visit.say("Correspondence"), [], await table_of(visit, _NOTES, row.notes),
        _notes_actions(visit, row), empty=visit.say("Nothing was said yet."),
    )  # fmt: skip
    trail = (Crumb(visit.say("Disputes"), "/disputes"),)
    badges = [columns.badge(visit, row.state)]
    actions = [("Next step", f"{here}/state", "dispute.move")] if is_ours and row.state != CLOSED else []
    dangers = [("Settle", f"{here}/settlement", "dispute.settle")] if is_ours and can_settle else []
    if row.account_id == visit.account_id:
        is_open = may_withdraw(row.state, is_partners=row.statement_id is not None)
        dangers = [("Withdraw", f"{here}/withdrawal", "dispute.withdraw")] if is_open else []
    sections = [section(visit, "About", told), notes]
    return page(visit, row.subject, sections, badges=badges, actions=actions, dangers=dangers, trail=trail)


def _notes_actions(visit: Visit, row: DisputeText) -> Sequence[tuple[str, str]]:
    if row.account_id != visit.account_id:
        return makes(visit, [("Add", f"/disputes/{row.id}/note", "dispute.note")])
    return makes(visit, [("Reply", f"/disputes/{row.id}/reply", "dispute.reply")] if row.state != CLOSED else [])


async def show_aging(visit: Visit) -> Shown:
    """How long they wait."""
    found = await visit.ask("dispute.aging", Aging)
    shown = (
        columns.text("Days", "days"),
        columns.number("Disputes", "disputes"),
        columns.money("Amount", lambda row: row.amount, lambda row: row.currency),
    )
    table = await table_of(visit, shown, found.items)
    sections = [Section(visit.say("Since they were opened"), [], table, empty=visit.say("Nothing is disputed."))]
    trail = (Crumb(visit.say("Disputes"), "/disputes"),)
    return page(visit, visit.say("Disputes by age"), sections, trail=trail)


async def show_commitment(visit: Visit) -> Shown:
    """What was agreed on, and how far it is."""
    row = await visit.ask("commitment.show", CommitmentText, commitment_id=visit.parameter("commitment_id"))
    await visit.learn("account", [row.account_id])
    terms = ("whole",) if row.steps else ("committed_minutes",)
    steps = (columns.number("From minute", "from_minutes"), each("Rate", _rate, at_end=True))
    told = [
        Fact("Partner", columns.thing(visit, "account", row.account_id)),
        Fact("Direction", direction(visit, row)),
        *facts(visit, row, "kind", "group", "period", "zone", "since", "until", *terms),
        *([] if row.steps else [Fact("Rate", _rate(visit, row), "Of a minute that is missing")]),
    ]
    sections = [
        section(visit, "What was agreed on", told),
        Section(visit.say("Steps"), [], await table_of(visit, steps, row.steps)) if row.steps else None,
        Section(
            visit.say("Periods"), [], await table_of(visit, _progress(row), row.progress),
            empty=visit.say("None has begun yet."),
        ),
    ]  # fmt: skip
    can_change = deals(visit, row) and row.state == "active"
    dangers = [("End", f"/commitments/{row.id}/end", "commitment.end")] if can_change else []
    trail = (Crumb(visit.say("Commitments"), "/commitments"),)
    badges = [columns.badge(visit, row.state)]
    return page(visit, row.name, sections, badges=badges, dangers=dangers, trail=trail)


def _rate(visit: Visit, priced: CommitmentText | StepView) -> Cell:
    """Of a minute."""
    return Cell(visit.formats.decimal(format_nanos(priced.rate)))


def _progress(commitment: CommitmentText) -> tuple[Column, ...]:
    def settle(visit: Visit, row: ProgressView) -> Cell:
        is_over = row.until is not None and row.until <= visit.now_ms
        if row.settled_at or not is_over or not deals(visit, commitment) or not visit.can("commitment.settle"):
            return Cell(visit.formats.moment(row.settled_at))
        since = visit.formats.field_moment(row.since)
        query = urlencode({"since": since})
        return Cell(visit.say("Settle"), f"/commitments/{commitment.id}/settlement?{query}")

    return (
        columns.moment("From", "since"),
        columns.text("Its minutes", "in_minutes", is_wide=True)._replace(head=sided_head),
        columns.text("Our minutes", "out_minutes", is_wide=True),
        columns.text("Missing", "missing_minutes"),
        columns.money("Charged", lambda row: row.charged, lambda _: commitment.currency),
        columns.money("Settlement", lambda row: row.settlement, lambda _: commitment.currency),
        each("Settled", settle),
    )


async def show_position(visit: Visit) -> Shown:
    """Both directions of a partner, netted, now."""
    row = await visit.ask("account.position", PositionView, account_id=visit.parameter("account_id"))
    await visit.learn("account", [row.account_id])

    def cell(micros: int | None) -> Cell:
        return Cell(visit.say("any amount") if micros is None else visit.formats.money(micros, row.currency))

    def fact(title: str, cell: Cell, hint: str = "") -> Fact:
        return Fact(sided(visit, row.account_id, title), cell, sided(visit, row.account_id, hint))

    hint = "" if row.live else "By the books alone: the call path doesn't know the account now."
    books = [
        fact("In the books", cell(row.net), "Above zero we owe the partner."),
        fact("On hold by its calls", cell(row.held_in)),
        Fact("On hold by ours", cell(row.held_out)),
    ]
    limits = [
        fact("Exposure limit", cell(row.exposure_limit), "What may be owed to it."),
        Fact("Room for our calls", cell(row.room_out)),
        fact("Room for its calls", cell(row.room_in), hint),
    ]
    unbilled = [
        fact("It owes us", cell(row.ours)),
        fact("It is owed", cell(row.theirs)),
        Fact("Disputes and commitments", cell(row.adjusted)),
    ]
    rest = [Fact("Statements not settled", cell(row.unsettled)), Fact("Disputed", cell(row.disputed))]
    sections = [
        section(visit, "Now", books),
        section(visit, "Limits", limits),
        section(visit, "On no statement yet", unbilled),
        section(visit, "Waiting", rest),
    ]
    name = visit.name("account", row.account_id)
    trail = (Crumb(name, f"/accounts/{row.account_id}"),)
    actions = [
        ("Statements", f"/statements?account_id={row.account_id}", "statement.list"),
        ("Disputes", f"/disputes?account_id={row.account_id}", "dispute.list"),
    ]
    return page(visit, visit.say("Who owes whom"), sections, subtitle=name, actions=actions, trail=trail)


_FORMS = (
    Form(
        "/statements/preview", "statement.preview", "What a statement would say", "Look", "/statements",
        ("account_id", "since", "until"),
        tells=tell_preview, text="Of all calls that have ended by a moment and are on none yet.",
    ),
    Form(
        "/statements/new", "statement.issue", "New statement", "Issue", "/statements",
        ("account_id", "since", "until"), said="The statement is issued.",
        made=lambda _, row: f"/statements/{row.id}", text="It can't be changed afterwards.",  # type: ignore[attr-defined]
    ),
    Form(
        f"{STATEMENT}/settlement", "statement.settle", "Settle by netting?", "Settle", STATEMENT,
        said="The statement is settled.", text="One entry pays both directions, against cash.", is_danger=True,
    ),
    Form(
        "/disputes/new", "dispute.open", "New dispute", "Open", "/disputes", said="The dispute is open.",
        made=lambda _, row: f"/disputes/{row.id}",  # type: ignore[attr-defined]
        fields=("subject", "account_id", "direction", "amount", "due_days"),
        text="By hand. From a comparison a dispute is opened on the comparison's page.",
    ),
    Form(
        f"{STATEMENT}/dispute", "statement.dispute", "Dispute this statement", "Send", STATEMENT,
        made=lambda _, row: f"/disputes/{row.id}",  # type: ignore[attr-defined]
        said="The dispute is sent.", text="Whoever has issued the statement answers here.",
    ),
    Form(f"{DISPUTE}/reply", "dispute.reply", "Reply", "Send", DISPUTE, said="It is sent."),
    Form(
        f"{DISPUTE}/withdrawal", "dispute.withdraw", "Withdraw this dispute?", "Withdraw", DISPUTE, is_danger=True,
        said="The dispute is withdrawn.", text="It is closed, and nothing is posted.",
    ),
    Form(
        f"{DISPUTE}/note", "dispute.note", "Add to the correspondence", "Add", DISPUTE, said="It is added.",
    ),
    Form(
        f"{DISPUTE}/state", "dispute.move", "Next step", "Go on", DISPUTE, said="The dispute has moved.",
        follows="dispute.show",
    ),
    Form(
        f"{DISPUTE}/settlement", "dispute.settle", "Settle this dispute?", "Settle", DISPUTE, is_danger=True,
        said="The dispute is settled.", text="What was agreed on is posted, unless a credit note has posted it.",
    ),
    Form(
        "/commitments/new", "commitment.make", "New commitment", "Make", "/commitments", said="The commitment is made.",
        made=lambda _, row: f"/commitments/{row.id}",  # type: ignore[attr-defined]
        text="A rate by volume has steps; the others have committed minutes, and a rate for what is missing.",
    ),
    Form(
        f"{COMMITMENT}/settlement", "commitment.settle", "Settle this period?", "Settle", COMMITMENT, is_danger=True,
        said="The period is settled.", text="Once, from the billed seconds that are known by now.",
    ),
    Form(
        f"{COMMITMENT}/end", "commitment.end", "End this commitment?", "End", COMMITMENT, is_danger=True,
        said="The commitment ends.", text="The running period is its last.",
    ),
)  # fmt: skip
SCREENS = (
    *screens(STATEMENTS),
    *screens(STATEMENT_CALLS),
    *screens(DISPUTES),
    *screens(COMMITMENTS),
    *(form_screen(form) for form in _FORMS),
    Screen(STATEMENT, "statement.show", show_statement),
    Screen(f"{STATEMENT}/paper.{{form:pdf|html}}", "statement.paper", paper("statement.paper")),
    Screen(f"{STATEMENT}/annex.csv", "statement.annex", sending("statement.annex", "statement_id"), streams=True),
    Screen("/disputes/age", "dispute.aging", show_aging),
    Screen(DISPUTE, "dispute.show", show_dispute),
    Screen(COMMITMENT, "commitment.show", show_commitment),
    Screen("/accounts/{account_id}/position", "account.position", show_position),
)
