"""Mails to many: written for those who fit, looked at and tried, sent at a pace, held and ended; and all mails."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from service.messages.broadcasting import MAY
from service.messages.views import BroadcastCount, BroadcastView, Sample
from service.portal.components import columns
from service.portal.components.columns import each, facts, itself
from service.portal.components.facts import Fact, Section, page, part, section
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.labels import label_of
from service.portal.components.letter import letter_page
from service.portal.components.lists import Cell, Listed, screens
from service.portal.formats import NEVER
from service.portal.screen import Crumb, Gone, Screen, Shown
from service.portal.visit import Visit
from service.sellers.mail import Mail

ONE = "/broadcasts/{broadcast_id}"
BROADCASTS = Listed(
    "/broadcasts", "broadcast.list", "Broadcasts",
    (
        itself("Name", "broadcast", "name", sort="name"),
        columns.other("Sender", "account", "account_id", is_wide=True),
        columns.text("Subject", "subject", is_wide=True),
        columns.moment("Begins", "start_at", is_wide=True),
        columns.moment("Done", "done_at", is_wide=True),
        columns.state(),
    ),
    ("name", "state", "account_id"), "name", "No mail was written to many yet.",
    (("New broadcast", "/broadcasts/new", "broadcast.make"),),
)  # fmt: skip
NOBODY_YET = "Nobody is written to yet: who fits is asked when it begins."
MAIL_COLUMNS = (
    each("Recipient", lambda _, row: Cell(row.recipient, f"/mails/{row.id}"), sort="recipient"),
    columns.moment("Written", "created_at", is_wide=True),
    columns.moment("Done", "done_at", is_wide=True),
    columns.state(),
    columns.text("The mail server says", "fault", is_wide=True),
)
RECIPIENTS = Listed(
    f"{ONE}/recipients", "broadcast.recipients", "Recipients", MAIL_COLUMNS, ("recipient", "state"), "recipient",
    NOBODY_YET, back=("Broadcast", ONE),
)  # fmt: skip
MAILS = Listed(
    "/mails", "mail.list", "Mails",
    (
        MAIL_COLUMNS[0],
        columns.other("Account", "account", "account_id", is_wide=True),
        each("What", lambda visit, row: Cell(visit.say(row.template.replace("_", " ")))),
        *MAIL_COLUMNS[1:],
    ),
    ("recipient", "state", "account_id"), "recipient", "No mail was written yet.",
)  # fmt: skip


async def show(visit: Visit) -> Shown:
    """What it says, to whom, and how far it is."""
    found = await visit.ask("broadcast.show", BroadcastCount, broadcast_id=visit.parameter("broadcast_id"))
    row, here = found.broadcast, f"/broadcasts/{found.broadcast.id}"
    await visit.learn("account", [row.account_id, row.audience.below_id])
    await visit.learn("tariff", [row.audience.tariff_id])
    edit = (f"{here}/edit", "broadcast.edit") if row.state in MAY["start"] else None
    said = section(visit, "What it says", [Fact("Subject", Cell(row.subject))], edit=edit)
    sections = [
        said._replace(template="source.html", data=row.text, is_full=True),
        section(visit, "To whom", await _to_whom(visit, row)),
        section(visit, "How far it is", _progress(visit, found)),
        await _recipients(visit, row, here),
    ]
    actions = [("Preview", f"{here}/preview", "broadcast.preview"), ("Mail it to me", f"{here}/trial", "broadcast.try")]
    actions += _next(row.state, here)
    dangers = [("Cancel broadcast", f"{here}/cancellation", "broadcast.cancel")] if row.state in MAY["cancel"] else []
    trail = (Crumb(visit.say("Broadcasts"), "/broadcasts"),)
    badges = [columns.badge(visit, row.state)]
    return page(visit, row.name, sections, badges=badges, actions=actions, dangers=dangers, trail=trail)


def _next(state: str, here: str) -> list[tuple[str, str, str]]:
    offered = [
        ("Send", f"{here}/start", "broadcast.start", "start"),
        ("Pause", f"{here}/pause", "broadcast.pause", "pause"),
        ("Go on", f"{here}/resumption", "broadcast.resume", "resume"),
    ]
    return [(text, link, endpoint) for text, link, endpoint, deed in offered if state in MAY[deed]]


async def _to_whom(visit: Visit, row: BroadcastView) -> list[Fact]:
    """The filters, and some of those who fit now."""
    wanted = row.audience
    said = [name for name in type(wanted).model_fields if getattr(wanted, name) not in {None, ""}]
    told = [Fact("Sender", columns.thing(visit, "account", row.account_id))]
    told += [_filter(visit, wanted, name) for name in said]
    if not said:
        told.append(Fact("Accounts", Cell(visit.say("all below the sender"))))
    if row.state in {"draft", "scheduled"}:
        sample = await visit.ask("broadcast.sample", Sample, broadcast_id=row.id)
        told.append(Fact("Some of them", Cell(", ".join(sample.sample) or NEVER)))
    return told


def _filter(visit: Visit, wanted: BaseModel, name: str) -> Fact:
    value = getattr(wanted, name)
    if name.startswith("balance_"):
        return Fact(label_of(name), Cell(visit.formats.amount(value)))
    if name in {"kind", "state"}:
        return Fact(label_of(name), Cell(visit.say(value)))
    return facts(visit, wanted, name)[0]


def _progress(visit: Visit, found: BroadcastCount) -> list[Fact]:
    row, number = found.broadcast, visit.formats.number
    hint = "Who would get it now." if row.state in {"draft", "scheduled"} else ""
    counts = [
        Fact(state.replace("_", " ").capitalize(), Cell(number(count))) for state, count in sorted(found.mails.items())
    ]
    return [
        Fact("Recipients", Cell(number(found.recipients)), hint),
        *counts,
        *_why_paused(visit, row),
        *facts(visit, row, "per_minute", "start_at", "done_at", "actor"),
    ]


def _why_paused(visit: Visit, row: BroadcastView) -> list[Fact]:
    if row.state != "paused" or not row.paused_why:
        return []
    why = visit.say("Who sends it, or stands above, is suspended")
    return [Fact("Paused because", Cell(why), "It doesn't go on by itself when that is over: press Go on then.")]


async def _recipients(visit: Visit, row: BroadcastView, here: str) -> Section | None:
    if row.state in {"draft", "scheduled"}:
        return None
    return await part(
        visit, "Recipients", "broadcast.recipients", MAIL_COLUMNS, parameters={"broadcast_id": row.id},
        more=f"{here}/recipients", empty=NOBODY_YET if row.paused_why else "Nobody fits.",
        actions=(("All recipients", f"{here}/recipients", "broadcast.recipients"),),
    )  # fmt: skip


async def show_mail(visit: Visit) -> Shown:
    """What came of it. What it says is nobody's but the recipient's: links are secrets."""
    row: Any = (await visit.look_at("mail.show", visit.path_of("mail.show"))).body
    await visit.learn("account", [row.account_id])
    told = facts(visit, row, "recipient", "account_id", "created_at", "done_at", "attempts", "message_id", "fault")
    what = Fact("What", Cell(visit.say(row.template.replace("_", " "))))
    bounce = [("It came back", f"/mails/{row.id}/bounce", "mail.note-bounce")]
    trail = (Crumb(visit.say("Mails"), "/mails"),)
    return page(
        visit, row.recipient, [section(visit, "What came of it", [what, *told])],
        badges=[columns.badge(visit, row.state)], actions=bounce if row.state in {"sent", "bounced"} else (),
        trail=trail,
    )  # fmt: skip


async def tell_preview(visit: Visit, body: BaseModel) -> Shown | Gone:
    """As the account's people would read it."""
    assert isinstance(body, Mail)
    written = f"/broadcasts/{visit.parameter('broadcast_id')}"
    return letter_page(visit, body, Crumb(visit.say("Back to the broadcast"), written))


_FORMS = (
    Form(
        "/broadcasts/new", "broadcast.make", "New broadcast", "Write", "/broadcasts",
        said="The draft is written: nothing is sent until you send it.",
        text="To people of accounts below the sender who fit all that is said here, and want such mails.",
        made=lambda _, row: f"/broadcasts/{row.broadcast.id}",  # type: ignore[attr-defined]
    ),
    Form(
        f"{ONE}/edit", "broadcast.edit", "Edit broadcast", "Save", ONE, shows="broadcast.show", part="broadcast",
        said="The draft is changed.",
    ),
    Form(
        f"{ONE}/preview", "broadcast.preview", "Preview", "Preview", ONE, tells=tell_preview,
        text="As the people of one of the accounts would read it.",
    ),
    Form(
        f"{ONE}/trial", "broadcast.try", "Mail it to yourself?", "Mail it to me", ONE,
        said="The mail is on its way to your own address.",
    ),
    Form(
        f"{ONE}/start", "broadcast.start", "Send this broadcast?", "Send", ONE, shows="broadcast.show",
        part="broadcast", text="Everybody who fits when it begins gets one mail.", said="It is sent.", is_danger=True,
    ),
    Form(
        f"{ONE}/pause", "broadcast.pause", "Pause this broadcast?", "Pause", ONE, said="It is paused.",
        text="Mails that are just being handed over still go.",
    ),
    Form(f"{ONE}/resumption", "broadcast.resume", "Go on with this broadcast?", "Go on", ONE, said="It goes on."),
    Form(
        f"{ONE}/cancellation", "broadcast.cancel", "Cancel this broadcast?", "Cancel broadcast", ONE, is_danger=True,
        said="It is cancelled.", text="What was not sent yet never is.",
    ),
    Form(
        "/mails/{mail_id}/bounce", "mail.note-bounce", "The mail came back", "Note", "/mails/{mail_id}",
        said="It is noted.",
    ),
)  # fmt: skip
SCREENS = (
    *screens(BROADCASTS),
    *screens(RECIPIENTS),
    *screens(MAILS),
    *(form_screen(form) for form in _FORMS),
    Screen(ONE, "broadcast.show", show),
    Screen("/mails/{mail_id}", "mail.show", show_mail),
)
