"""What a seller's mails say: templates by kind and language, with a look at one that is filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from service.messages.trials_api import TriedMail
from service.portal.components import columns
from service.portal.components.columns import each
from service.portal.components.facts import Fact, Section, page, section
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.letter import letter_page
from service.portal.components.lists import Cell, table_of
from service.portal.components.trail import way_up
from service.portal.screen import Crumb, Gone, Screen, Shown
from service.portal.visit import Visit
from service.sellers.mail import Templates

MAILS = "/accounts/{account_id}/mail-templates"
ONE = f"{MAILS}/{{kind}}/{{language}}"


async def show(visit: Visit) -> Shown:
    """All kinds, each as the account's mails have it."""
    number = visit.parameter("account_id")
    found = await visit.ask("mail-template.list", Templates, account_id=number)
    here = f"/accounts/{number}/mail-templates"
    shown = [
        each(
            "Mail", lambda visit, row: Cell(visit.say(row.kind.replace("_", " ")), f"{here}/{row.kind}/{row.language}")
        ),
        columns.text("Language", "language"),
        columns.text("Subject", "subject", is_wide=True),
        each("From", lambda visit, row: Cell(visit.say(row.origin), "", _COLOURS[row.origin])),
    ]
    table = await table_of(visit, shown, found.items)
    trail = (await way_up(visit, "Account", "/accounts/{account_id}"),)
    sections = [Section(visit.say("By kind and language"), [], table)]
    return page(visit, visit.say("Mail templates"), sections, trail=trail)


_COLOURS = {"own": "success", "above": "info", "built-in": "secondary"}


async def show_one(visit: Visit) -> Shown:
    """What it says, and what may stand in it."""
    row: Any = (await visit.look_at("mail-template.show", visit.path_of("mail-template.show"))).body
    here = f"/accounts/{visit.parameter('account_id')}/mail-templates"
    mine = f"{here}/{row.kind}/{row.language}"
    told = [
        Fact("Subject", Cell(row.subject)),
        Fact("May stand in it", Cell(_braced(row.placeholders))),
    ]
    text = section(visit, "What it says", told, edit=(f"{mine}/edit", "mail-template.edit"))
    actions = [
        ("Preview", f"{mine}/preview", "mail-template.preview"),
        ("Mail it to me", f"{mine}/trial", "mail-template.try"),
    ]  # fmt: skip
    dangers = [("Remove", f"{mine}/removal", "mail-template.remove")] if row.origin == "own" else []
    title = f"{visit.say(row.kind.replace('_', ' ')).capitalize()} ({row.language})"
    return page(
        visit, title, [text._replace(template="source.html", data=row.text, is_full=True)],
        badges=[Cell(visit.say(row.origin), "", _COLOURS[row.origin])], actions=actions, dangers=dangers,
        trail=(Crumb(visit.say("Mail templates"), here),),
    )  # fmt: skip


async def tell_mail(visit: Visit, body: BaseModel) -> Shown | Gone:
    """Filled in."""
    assert isinstance(body, TriedMail)
    here = f"/accounts/{visit.parameter('account_id')}/mail-templates/{visit.parameter('kind')}"
    said = Fact("Only examples", Cell(", ".join(body.examples)), "The account has nothing of it yet.")
    back = Crumb(visit.say("Back to the template"), f"{here}/{visit.parameter('language')}")
    return letter_page(visit, body, back, [said] if body.examples else [])


def _may_stand(visit: Visit, stands: Mapping[str, Any]) -> str:
    """Whoever writes needs the names beside the text."""
    return f"{visit.say('May stand in it')}: {_braced(stands.get('placeholders', ()))}"


def _braced(placeholders: Iterable[str]) -> str:
    return ", ".join(f"{{{{ {one} }}}}" for one in placeholders)


_TEXT = "What stands in double braces is filled in: nothing else is looked up."
_FORMS = (
    Form(
        f"{ONE}/edit", "mail-template.edit", "Edit template", "Save", ONE, shows="mail-template.show", text=_TEXT,
        said="The template is written.", tells_of=_may_stand,
    ),
    Form(
        f"{ONE}/preview", "mail-template.preview", "Preview template", "Preview", ONE, shows="mail-template.show",
        text="With an account's data, or an example's. What is changed here is not kept.", tells=tell_mail,
    ),
    Form(
        f"{ONE}/trial", "mail-template.try", "Mail it to yourself?", "Mail it to me", ONE, shows="mail-template.show",
        text="As customers would read it, to your own address. What is changed here is not kept.",
        said="The mail is on its way to your own address.",
    ),
    Form(
        f"{ONE}/removal", "mail-template.remove", "Remove this template?", "Remove", MAILS, is_danger=True,
        said="The template is gone.", text="Mails say what the seller above says, or what the program brings along.",
    ),
)  # fmt: skip
SCREENS = (
    Screen(MAILS, "mail-template.list", show),
    Screen(ONE, "mail-template.show", show_one),
    *(form_screen(form) for form in _FORMS),
)
