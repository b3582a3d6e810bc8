"""What commission resellers earn: rules, each figure down to its sale, when it is handed out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from service.accounts.api import AccountView
from service.api.lists import PAGE_ROWS_MAX
from service.api.problems import Problem
from service.commission.api import CommissionTermsView, Report, ReportLine, ReportQuery
from service.portal.components import columns
from service.portal.components.columns import deed, each, facts
from service.portal.components.facts import Fact, Section, page, part, section
from service.portal.components.fields import Choice, kinds
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Column, Listed, screens, table_of
from service.portal.components.questions import Asked, Question, asking
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import Visit

ACCOUNT = "/accounts/{account_id}"
ONE = f"{ACCOUNT}/commission"
RULE = "/commission-rules/{commission_rule_id}"


def _percent(visit: Visit, row: Any) -> Cell:
    return Cell(f"{visit.formats.amount(row.percent, 0)} %")


def _service(visit: Visit, row: Any) -> Cell:
    return Cell(visit.say(row.service or "all but late fees"))


def _share(visit: Visit, row: Any) -> Cell:
    return Cell(visit.say(_SHARES[row.share_of]))


_SHARES = {"charge": "what customers are charged", "above": "what the reseller above earns"}


def _source(visit: Visit, row: Any) -> Cell:
    return Cell(visit.say(SOURCES.get(row.source) or row.source))


SOURCES = {
    "call": "calls",
    "item": "product or fee",
    "correction": "calls rated again",
    "credit_note": "credit note",
}
"""What was sold, by the name that the API has for it."""


def _earned(visit: Visit, row: Any) -> Cell:
    """Exact: to the hundred-millionth of a micro-unit."""
    return Cell(visit.formats.exact(row.earned, row.currency))


RULE_COLUMNS: tuple[Column, ...] = (
    columns.other("Who earns", "account", "account_id"),
    each("Service", _service),
    each("Percent", _percent, at_end=True),
    each("Of", _share, is_wide=True),
    columns.other("Tariff", "tariff", "tariff_id", is_wide=True),
    columns.text("Destination group", "destination_group", is_wide=True),
    columns.moment("From", "valid_from", is_wide=True),
    columns.moment("Until (exclusive)", "valid_until", is_wide=True),
    deed("End", "/commission-rules/{}/edit", "commission.edit-rule"),
    deed("Remove", "/commission-rules/{}/removal", "commission.remove-rule"),
)
RULES = Listed(
    "/commission-rules", "commission.rules", "Rules of commission", RULE_COLUMNS, ("account_id",),
    back=("Commission", "/commissions"), empty="Nobody earns commission by a rule yet.",
    makes=(("New rule", "/commission-rules/new", "commission.make-rule"),),
)  # fmt: skip


def _sale(visit: Visit, row: Any) -> Cell:
    """With the way to the call, for who may see it."""
    link = f"/calls/{row.cdr_id}" if row.cdr_id and visit.can("cdr.show") else ""
    return _source(visit, row)._replace(link=link)


async def _rules(visit: Visit) -> list[Choice]:
    """Those there are, by who earns; and none, by which earnings are taken back."""
    found: Any = (await visit.look_at("commission.rules", query={"limit": str(PAGE_ROWS_MAX)})).body
    await visit.learn("account", [row.account_id for row in found.items])
    rules = [Choice(str(row.id), f"#{row.id} {_rule(visit, row)}") for row in found.items]
    return [Choice("0", visit.say("none: taken back")), *rules]


def _rule(visit: Visit, row: Any) -> str:
    return f"{visit.name('account', row.account_id)}, {_percent(visit, row).text}"


async def _payouts(visit: Visit) -> list[Choice]:
    """The latest, by who got how much."""
    found: Any = (await visit.look_at("commission.payouts", query={"limit": str(PAGE_ROWS_MAX)})).body
    await visit.learn("account", [row.account_id for row in found.items])
    return [Choice(str(row.id), f"#{row.id} {_payout(visit, row)}") for row in found.items]


def _payout(visit: Visit, row: Any) -> str:
    return f"{visit.name('account', row.account_id)}, {visit.formats.money(row.amount, row.currency)}"


EARNED = Listed(
    "/commissions", "commission.list", "Commission",
    (
        columns.moment("When", "at"),
        columns.other("Who earns", "account", "account_id"),
        each("On", _sale),
        columns.money("Charged", lambda row: row.base, lambda row: row.currency),
        each("Percent", _percent, at_end=True),
        each("Earned", _earned, at_end=True),
        columns.number("Rule", "rule_id", is_wide=True),
        columns.number("Payout", "payout_id", is_wide=True),
    ),
    ("account_id", "source", "rule_id", "payout_id", "since", "until"), empty="Nothing was earned yet.",
    offers={"rule_id": _rules, "payout_id": _payouts},
    makes=(
        ("Rules", "/commission-rules", "commission.rules"),
        ("Payouts", "/commission-payouts", "commission.payouts"),
    ),
)  # fmt: skip


PAYOUT_COLUMNS = (
    columns.moment("When", "created_at"),
    columns.other("Who earns", "account", "account_id"),
    columns.money("Amount", lambda row: row.amount, lambda row: row.currency),
    columns.moment("Earned before", "until", is_wide=True),
    each("How", lambda visit, row: Cell(visit.say(row.handed_out.replace("_", " ")))),
    each("Sales", lambda visit, row: Cell(visit.say("Show"), f"/commissions?payout_id={row.id}")),
)
PAYOUTS = Listed(
    "/commission-payouts", "commission.payouts", "Payouts of commission", PAYOUT_COLUMNS, ("account_id",),
    back=("Commission", "/commissions"), empty="Nothing was handed out yet.",
)  # fmt: skip


async def show(visit: Visit) -> Shown:
    """All of one reseller: its rules, what it came to, when it is handed out."""
    number = int(visit.parameter("account_id"))
    row = await visit.ask("account.show", AccountView, account_id=number)
    here, query = f"/accounts/{number}", {"account_id": str(number)}
    is_own = number == visit.account_id
    rules = [one for one in RULE_COLUMNS if one.title != "Who earns"]
    new = () if is_own else (("New rule", f"/commission-rules/new?account_id={number}", "commission.make-rule"),)
    sections = [
        await _terms(visit, here, is_own=is_own),
        await _report(visit, {}),
        await part(
            visit, "Rules", "commission.rules", rules, query=query, more=f"/commission-rules?account_id={number}",
            actions=new, empty="Nothing is earned by a rule yet.",
        ),
        await part(
            visit, "Payouts", "commission.payouts", [one for one in PAYOUT_COLUMNS if one.title != "Who earns"],
            query=query, more=f"/commission-payouts?account_id={number}", empty="Nothing was handed out yet.",
        ),
    ]  # fmt: skip
    actions = [
        ("Report of a time", f"{here}/commission/report", "commission.report"),
        ("Every sale", f"/commissions?account_id={number}", "commission.list"),
    ]
    dangers = [] if is_own else [("Hand out now", f"{here}/commission/payout", "commission.hand-out")]
    return page(
        visit, visit.say("Commission"), sections, actions=actions, dangers=dangers, trail=(Crumb(row.name, here),)
    )


async def _terms(visit: Visit, here: str, *, is_own: bool) -> Section:
    edit = None if is_own else (f"{here}/commission/terms", "commission.edit-terms")
    try:
        row: Any = await visit.ask("commission.terms", CommissionTermsView, account_id=visit.parameter("account_id"))
    except Problem as problem:
        if problem.kind != "not-found":
            raise
        told = [Fact("Handed out", Cell(visit.say("when somebody does it by hand")))]
        return section(visit, "When it is handed out", told, edit=edit)
    told = facts(visit, row, "cycle", "cycle_day", "zone", "next_at")
    told.append(Fact("How", Cell(visit.say(row.handed_out.replace("_", " ")))))
    return section(visit, "When it is handed out", told, edit=edit)


async def _report(visit: Visit, asked: Asked) -> Section:
    """Sums by rule; each leads to the sales that it is the sum of."""
    number = visit.parameter("account_id")
    found = await visit.ask("commission.report", Report, query=dict(asked), account_id=number)

    def why(visit: Visit, line: ReportLine) -> Cell:
        times = {name: visit.request.query[name] for name in asked}
        query = {"account_id": number, "source": line.source, "rule_id": line.rule_id, **times}
        return _source(visit, line)._replace(link=f"/commissions?{urlencode(query)}")

    shown = (
        each("On", why),
        columns.number("Sales", "sales"),
        columns.money("Charged", lambda line: line.base, lambda line: line.currency),
        each("Percent", _percent, at_end=True),
        each("Earned", _earned, at_end=True),
        columns.number("Rule", "rule_id", is_wide=True),
    )
    table = await table_of(visit, shown, found.items)
    return Section(visit.say("What was earned"), [], table, empty=visit.say("Nothing was earned yet."))


async def month_of(visit: Visit, account_id: int, since: str) -> dict[str, tuple[Decimal, int]]:
    """What one earned since then, exact, and the micro-units that customers were charged for it; by currency."""
    found = await visit.ask("commission.report", Report, query={"since": since}, account_id=account_id)
    sums: dict[str, tuple[Decimal, int]] = {}
    for line in found.items:
        earned, base = sums.get(line.currency, (Decimal(0), 0))
        sums[line.currency] = (earned + Decimal(line.earned), base + line.base)
    return sums


async def _answer(visit: Visit, asked: Asked) -> list[Section | None]:
    return [await _report(visit, asked)]


REPORT = Question(
    f"{ONE}/report", "commission.report", "Commission of a time", "Show", ("Commission", ONE),
    tuple(kinds(ReportQuery).values()), _answer, is_always_answered=True,
)  # fmt: skip
_FORMS = (
    Form(
        "/commission-rules/new", "commission.make-rule", "New rule", "Make", "/commission-rules",
        said="The rule holds.", text="Another percentage is another rule: end the one, and begin the next.",
    ),
    Form(
        f"{RULE}/edit", "commission.edit-rule", "When does this rule end?", "Save", "/commission-rules",
        shows="commission.show-rule", said="The rule is changed.", text="What was earned by it stays.",
    ),
    Form(
        f"{RULE}/removal", "commission.remove-rule", "Remove this rule?", "Remove", "/commission-rules",
        said="The rule is gone.", text="What was earned by it stays.", is_danger=True,
    ),
    Form(
        f"{ONE}/terms", "commission.edit-terms", "When commission is handed out", "Save", ONE,
        shows="commission.terms", said="The terms are set.",
    ),
    Form(
        f"{ONE}/payout", "commission.hand-out", "Hand out what was earned?", "Hand out", ONE, is_danger=True,
        said="It is handed out.", text="All that was earned and not handed out yet, whatever the terms say.",
    ),
)  # fmt: skip
SCREENS = (
    *screens(RULES),
    *screens(EARNED),
    *screens(PAYOUTS),
    *(form_screen(form) for form in _FORMS),
    asking(REPORT),
    Screen(ONE, "commission.report", show),
)
