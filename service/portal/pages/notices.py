"""Notices of rates that change: what is told, to whom, what came of it; how a seller tells, how an account is told."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from service.messages.concerned import Concerned, Thing
from service.notices.views import ChangedRates, NoticeCount, NoticeSample, NoticeTermsView, Payer
from service.portal.components import columns
from service.portal.components.columns import each
from service.portal.components.facts import Fact, Section, page, part, section
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.letter import letter_page
from service.portal.components.lists import Cell, Listed, screens, table_of
from service.portal.components.trail import way_up
from service.portal.formats import NEVER
from service.portal.pages.broadcasts import MAIL_COLUMNS
from service.portal.screen import Crumb, Gone, Screen, Shown
from service.portal.visit import Visit
from service.sellers.mail import Mail

ONE = "/rate-notices/{rate_notice_id}"
TERMS = "/accounts/{account_id}/notice-terms"
CHANGES_SHOWN = 50


def _told_to(visit: Visit, row: Any) -> Cell:
    """How many; who pays by the tariff is asked when it is sent."""
    return Cell(NEVER if row.state == "waiting" else visit.formats.number(row.accounts))


NOTICES = Listed(
    "/rate-notices", "rate-notice.list", "Notices of rates",
    (
        each("Tariff", lambda _, row: Cell(row.tariff, f"/rate-notices/{row.id}")),
        columns.state(),
        columns.moment("Goes out", "due_at", sort="due"),
        columns.moment("Prices move", "effective_at"),
        each("Accounts", _told_to, at_end=True),
        columns.other("Seller", "account", "account_id", is_wide=True),
        columns.text("By", "actor", is_wide=True),
    ),
    ("state", "account_id", "tariff_id"),
    empty="Nobody was told of rates yet: each seller says whether its customers are.",
)  # fmt: skip
RECIPIENTS = Listed(
    f"{ONE}/recipients", "rate-notice.recipients", "Mails of the notice",
    (MAIL_COLUMNS[0], columns.other("Account", "account", "account_id"), *MAIL_COLUMNS[1:]),
    ("state", "recipient"), "recipient", back=("Notice", ONE), empty="No mail was written yet.",
)  # fmt: skip


async def show(visit: Visit) -> Shown:
    """What it tells, whom, and how far it is."""
    number = visit.parameter("rate_notice_id")
    found = await visit.ask("rate-notice.show", NoticeCount, rate_notice_id=number)
    row = found.notice
    here = f"/rate-notices/{number}"
    await visit.learn("account", [row.account_id, row.payer_id])
    await visit.learn("tariff", [row.tariff_id])
    actions = [("Preview", f"{here}/preview", "rate-notice.preview")]
    dangers = []
    if row.state == "waiting":
        actions.append(("Send now", f"{here}/start", "rate-notice.start"))
    if row.state in {"waiting", "gathering", "sending"}:
        dangers.append(("Call off", f"{here}/cancellation", "rate-notice.cancel"))
    sections = [section(visit, "Notice", _about(visit, found)), await _changes(visit, number)]
    sections.append(await _sample(visit, number) if row.state == "waiting" else await _mails(visit, number))
    return page(
        visit, row.tariff, sections, badges=[columns.badge(visit, row.state)], actions=actions, dangers=dangers,
        trail=(Crumb(visit.say("Notices of rates"), "/rate-notices"),),
    )  # fmt: skip


def _about(visit: Visit, found: NoticeCount) -> list[Fact]:
    row, number = found.notice, visit.formats.number
    is_waiting = row.state == "waiting"
    told = [
        Fact("Seller", columns.thing(visit, "account", row.account_id)),
        Fact("Tariff", columns.thing(visit, "tariff", row.tariff_id)),
        Fact("Goes out", Cell(visit.formats.moment(row.due_at))),
        Fact("Prices move", Cell(visit.formats.moment(row.effective_at))),
        Fact("Accounts", Cell(number(found.payers if is_waiting else row.accounts)), _NOW if is_waiting else ""),
        Fact("Published by", Cell(row.actor)),
    ]
    if row.payer_id is not None:
        told.append(Fact("Only to", columns.thing(visit, "account", row.payer_id), "It came from another tariff."))
    if row.unreached:
        told.append(Fact("Without a reader", Cell(number(row.unreached)), "Nobody of theirs may see tariffs."))
    if row.reason:
        told.append(Fact("Why", Cell(visit.refuse(row.reason))))
    return told


_NOW = "Those that pay by it now; asked again when it is sent."


async def _changes(visit: Visit, number: str) -> Section | None:
    if not visit.can("rate-notice.changes"):
        return None
    found = await visit.ask("rate-notice.changes", ChangedRates, rate_notice_id=number)
    counted = ", ".join(f"{visit.say(name)}: {visit.formats.number(count)}" for name, count in found.counts.items())
    shown = [
        columns.text("Prefix", "prefix"),
        columns.text("Destination", "destination"),
        each("Direction", lambda visit, row: Cell(visit.say(row.direction))),
        columns.rate("Old price", "before")._replace(at_end=True),
        columns.rate("New price", "after")._replace(at_end=True),
        each("Increments", lambda _, row: Cell(row.increments_after or row.increments_before), is_wide=True),
        columns.moment("From", "effective_at"),
    ]
    table = await table_of(visit, shown, found.items[:CHANGES_SHOWN])
    more = visit.say("the first {count}").format(count=CHANGES_SHOWN) if found.total > CHANGES_SHOWN else ""
    title = f"{visit.say('Changes')} ({found.currency})" + (f", {more}" if more else "")
    return Section(title, [(visit.say("In all"), Cell(counted or NEVER), "")], table, empty=visit.say("None."))


def _payer(visit: Visit, row: Any) -> Cell:
    """By its name, which whoever tells customers reads; its page is for those who may see accounts."""
    return Cell(row.account, f"/accounts/{row.account_id}" if visit.can("account.show") else "")


def _concerned(row: Payer) -> Concerned:
    return Concerned(tuple(Thing(one.noun, one.name) for one in row.things), row.further)


async def _sample(visit: Visit, number: str) -> Section:
    found = await visit.ask("rate-notice.sample", NoticeSample, rate_notice_id=number)
    shown = [
        each("Account", _payer),
        each("Applies to", lambda visit, row: Cell(_concerned(row).text(visit.say, NEVER)), is_wide=True),
        each("Mails", lambda _, row: Cell(", ".join(row.recipients) or NEVER)),
    ]
    table = await table_of(visit, shown, found.sample)
    return Section(visit.say("Some of those who would be told"), [], table, empty=visit.say("Nobody pays by it."))


async def _mails(visit: Visit, number: str) -> Section | None:
    return await part(
        visit, "Mails", "rate-notice.recipients", RECIPIENTS.columns, parameters={"rate_notice_id": number},
        more=f"/rate-notices/{number}/recipients", empty="No mail was written yet.",
    )  # fmt: skip


async def tell_mail(visit: Visit, body: BaseModel) -> Shown | Gone:
    """With an account's data."""
    assert isinstance(body, Mail)
    return letter_page(visit, body, Crumb(visit.say("Notice"), f"/rate-notices/{visit.parameter('rate_notice_id')}"))


async def show_terms(visit: Visit) -> Shown:
    """As a seller, and as a customer."""
    number = visit.parameter("account_id")
    row: Any = await visit.ask("notice-terms.show", NoticeTermsView, account_id=number)
    yes = {True: visit.say("yes"), False: visit.say("no")}
    formats = {"csv": "CSV", "xlsx": "XLSX", "": visit.say("as its seller says")}
    edit = (f"/accounts/{number}/notice-terms/edit", "notice-terms.edit")
    seller = [
        Fact("Customers are told", Cell(yes[row.sends]), "In the seller's name, with a file of their own."),
        Fact("Days before", Cell(visit.formats.number(row.days)), "Publishing warns of less."),
        Fact("File", Cell(formats[row.format])),
        Fact("Minutes to look at it", Cell(visit.formats.number(row.wait_minutes))),
    ]
    buyer = [Fact("The account is told", Cell(yes[row.gets])), Fact("File", Cell(formats[row.gets_format]))]
    sections = [section(visit, "As a seller", seller, edit=edit), section(visit, "As a customer", buyer, edit=edit)]
    trail = (await way_up(visit, "Account", "/accounts/{account_id}"),)
    return page(visit, visit.say("Rates that change"), sections, trail=trail)


_FORMS = (
    Form(
        f"{TERMS}/edit", "notice-terms.edit", "Rates that change", "Save", TERMS, shows="notice-terms.show",
        said="It is so from the next publication on.",
    ),
    Form(
        f"{ONE}/preview", "rate-notice.preview", "Preview of the notice", "Preview", ONE, tells=tell_mail,
        text="As the people of one of its accounts would read it.",
    ),
    Form(
        f"{ONE}/start", "rate-notice.start", "Send this notice now?", "Send", ONE, said="It is sent.",
        text="Without waiting for its day.",
    ),
    Form(
        f"{ONE}/cancellation", "rate-notice.cancel", "Call this notice off?", "Call off", ONE, is_danger=True,
        said="Nobody else is told.", text="The rates change all the same.",
    ),
)  # fmt: skip
SCREENS = (
    *screens(NOTICES),
    *screens(RECIPIENTS),
    *(form_screen(form) for form in _FORMS),
    Screen(ONE, "rate-notice.show", show),
    Screen(TERMS, "notice-terms.show", show_terms),
)
