"""What a seller shows of itself, and what its accounts may: brand and logo, roles of accounts; and hooks."""

from __future__ import annotations

import base64
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from service.access.endpoints.roles import Catalogue, CeilingView
from service.access.permissions import BUILT_IN, default_role
from service.accounts.api import AccountView
from service.api.problems import Problem
from service.messages.senders_api import SenderView
from service.portal.components import columns
from service.portal.components.columns import deed, each
from service.portal.components.facts import Fact, Section, page, section
from service.portal.components.forms import VERSION, Form, looked_at
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, makes, screens
from service.portal.components.trail import way_up
from service.portal.formats import NEVER
from service.portal.pages.people import by_area
from service.portal.screen import Crumb, Gone, Screen, Shown
from service.portal.visit import Visit
from service.sellers.brand import LOGO_BYTES_MAX, BrandView
from service.webhooks.api import NewSecret

ACCOUNT = "/accounts/{account_id}"
BRAND, CEILING = f"{ACCOUNT}/brand", f"{ACCOUNT}/roles"
TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


async def _trail(visit: Visit) -> tuple[Crumb, ...]:
    return (await way_up(visit, "Account", ACCOUNT),)


async def show_brand(visit: Visit) -> Shown:
    """What the account's people see."""
    brand = await visit.ask("brand.show", BrandView, account_id=visit.parameter("account_id"))
    here = f"/accounts/{visit.parameter('account_id')}"
    inherited = INHERITED[visit.is_operator and not brand.company]
    told = [
        Fact("Company name", Cell(brand.company or NEVER), inherited if brand.inherited else ""),
        Fact("Address", Cell(brand.address or NEVER)),
        Fact("Tax number", Cell(brand.tax_number or NEVER)),
        Fact("Host name", Cell(brand.host or NEVER), "Whoever opens the portal by it sees this name."),
        Fact("Main colour", Cell(brand.primary_colour or NEVER)),
        Fact("Second colour", Cell(brand.accent_colour or NEVER)),
        Fact("Logo", Cell(visit.say("yes" if brand.has_logo else "no"))),
    ]
    actions = [] if brand.inherited else [("Logo", f"{here}/logo", "brand.set-logo")]
    dangers = [] if brand.inherited else [("Remove", f"{here}/brand/removal", "brand.remove")]
    sections = [section(visit, "Brand", told, edit=(f"{here}/brand/edit", "brand.edit")), await _sender(visit, here)]
    return page(visit, visit.say("Brand"), sections, actions=actions, dangers=dangers, trail=await _trail(visit))


async def _sender(visit: Visit, here: str) -> Section | None:
    """In whose name mails to those below are sent; None: the account sells nothing."""
    try:
        found = await visit.ask("mail-sender.show", SenderView, account_id=visit.parameter("account_id"))
    except Problem as problem:
        if problem.kind != "conflict":
            raise
        return None
    told = [
        Fact("Name", Cell(found.name)),
        Fact("Address", Cell(found.address or NEVER), "" if found.is_own_address else _NOT_OWN),
        Fact("Links begin with", Cell(found.portal or NEVER)),
        Fact("Mails are sent", Cell(visit.say("yes" if found.sends else "no")), "" if found.sends else _WAITING),
    ]
    if found.server is not None:
        told.append(Fact("Mail server", Cell(found.server)))
    actions = makes(visit, [("Mail templates", f"{here}/mail-templates", "mail-template.list")])
    made = section(visit, "Sender of mails", told, edit=(f"{here}/brand/edit", "brand.edit"))
    return made._replace(actions=actions)


_NOT_OWN = "The operator's: the brand names none. Its domain has to let the operator's mail server send for it."
_WAITING = "They wait: the operator has named no mail server yet (mail: of kambill.yaml)."
INHERITED = {
    False: "Of a seller above: the account has none of its own.",
    True: "Nobody has said one yet: pages and mails name the program.",
}
"""Whether it is nobody's at all."""


async def show_logo(visit: Visit) -> Shown:
    """Asks for the file. Raises Problem for an account that isn't the visitor's to see."""
    return await _logo(visit, None)


async def _logo(visit: Visit, problem: Problem | None) -> Shown:
    brand = await visit.ask("brand.show", BrandView, account_id=visit.parameter("account_id"))
    values = {
        "problem": problem,
        "errors": [one.detail for one in problem.errors] if problem is not None else [],
        "back": f"/accounts/{visit.parameter('account_id')}/brand",
        "version": looked_at(visit, brand.version, problem),
    }
    status = 200 if problem is None else problem.status
    return Shown("logo.html", visit.say("Logo"), values, status, await _trail(visit))


async def set_logo(visit: Visit) -> Shown | Gone:
    """PNG or JPEG; what it really is the endpoint looks at."""
    file: Any = visit.form.get("file")
    if not isinstance(file, web.FileField):
        return await _logo_again(visit, Problem("invalid", "choose a file"))
    suffix = file.filename[file.filename.rfind(".") :].lower()
    data = base64.b64encode(file.file.read(LOGO_BYTES_MAX + 1)).decode()
    body = {"type": TYPES.get(suffix, ""), "data": data}
    try:
        version = str(visit.form.get(VERSION, ""))
        await visit.do("brand.set-logo", body, version=version, **visit.path_of("brand.set-logo"))
    except Problem as problem:
        return await _logo_again(visit, problem)
    return Gone(f"/accounts/{visit.parameter('account_id')}/brand", visit.say("The logo is set."))


async def _logo_again(visit: Visit, problem: Problem) -> Shown:
    async with visit.looking():
        return await _logo(visit, problem)


async def show_ceiling(visit: Visit) -> Shown:
    """What an account's people may at most, right by right."""
    found = await visit.ask("account.ceiling", CeilingView, account_id=visit.parameter("account_id"))
    await visit.learn("role", found.role_ids)
    catalogue = await visit.ask("permission.list", Catalogue)
    roles = ", ".join(visit.name("role", number) for number in found.role_ids) or NEVER
    usual = await _usual_role(visit) if found.default_role else NEVER
    told = [
        Fact("What accounts of this kind may", Cell(usual)),
        Fact("Roles given beside it", Cell(roles)),
    ]
    here = f"/accounts/{visit.parameter('account_id')}"
    edit = (f"{here}/roles/edit", "account.set-ceiling")
    rights = Section(
        visit.say("Its people may at most"), template="rights.html", data=by_area(catalogue.items, found.permissions),
        is_full=True,
    )  # fmt: skip
    return page(
        visit,
        visit.say("Roles of the account"),
        [section(visit, "Roles", told, edit=edit), rights],
        trail=await _trail(visit),
    )


async def _usual_role(visit: Visit) -> str:
    """The name of the role of an account's kind and billing."""
    if not visit.can("account.show"):
        return visit.say("yes")
    row = await visit.ask("account.show", AccountView, account_id=visit.parameter("account_id"))
    if row.kind == "root":
        return visit.say("everything")
    key = default_role(row.kind, row.billing)
    return next((one.name for one in BUILT_IN if one.key == key), visit.say("yes"))


HOOKS = Listed(
    "/webhooks", "webhook.list", "Webhooks",
    (
        each("Server", lambda _, row: Cell(row.url)),
        columns.other("Account", "account", "account_id"),
        columns.text("Events", "events", is_wide=True),
        columns.state(),
        deed("Messages", "/webhooks/{}/messages", "webhook.messages"),
        deed("Edit", "/webhooks/{}/edit", "webhook.edit"),
        deed("New secret", "/webhooks/{}/secret", "webhook.change-secret"),
        deed("Remove", "/webhooks/{}/removal", "webhook.remove"),
    ),
    ("account_id",), empty="No server is told of what happens.",
    makes=(("New webhook", "/webhooks/new", "webhook.make"),),
)  # fmt: skip
MESSAGES = Listed(
    "/webhooks/{webhook_id}/messages", "webhook.messages", "Messages",
    (
        columns.moment("When", "created_at"),
        columns.text("Event", "event"),
        columns.state(),
        columns.number("Attempts", "attempts"),
        deed("Send again", "/messages/{}/again", "webhook.send-again"),
    ),
    ("state",), back=("Webhooks", "/webhooks"), empty="Nothing was sent yet.",
)  # fmt: skip


async def tell_secret(visit: Visit, body: BaseModel) -> Shown:
    """Shown once."""
    assert isinstance(body, NewSecret)
    values = {
        "warning": visit.say("Messages are signed with it. It is shown this once."),
        "told": [(visit.say("Secret"), body.secret)],
        "back": "/webhooks",
    }
    return Shown("told_once.html", visit.say("The webhook's secret"), values)


_FORMS = (
    Form(f"{BRAND}/edit", "brand.edit", "Edit brand", "Save", BRAND, shows="brand.show", said="The brand is set."),
    Form(
        f"{BRAND}/removal", "brand.remove", "Remove this brand?", "Remove", BRAND, said="The brand is removed.",
        text="The account shows that of the seller above again.", is_danger=True,
    ),
    Form(
        f"{CEILING}/edit", "account.set-ceiling", "Roles of the account", "Save", CEILING, shows="account.ceiling",
        said="The roles are given.", text="What its people may at most, and everybody below it.",
    ),
    Form("/webhooks/new", "webhook.make", "New webhook", "Make", "/webhooks", tells=tell_secret),
    Form(
        "/webhooks/{webhook_id}/edit", "webhook.edit", "Edit webhook", "Save", "/webhooks", shows="webhook.show",
        said="The webhook is changed.",
    ),
    Form(
        "/webhooks/{webhook_id}/removal", "webhook.remove", "Remove this webhook?", "Remove", "/webhooks",
        said="The webhook is gone.", is_danger=True,
    ),
    Form(
        "/webhooks/{webhook_id}/secret", "webhook.change-secret", "Give this webhook a new secret?", "New secret",
        "/webhooks", tells=tell_secret, is_danger=True,
    ),
    Form(
        "/messages/{message_id}/again", "webhook.send-again", "Send this message again?", "Send", "/webhooks",
        said="The message is sent again.",
    ),
)  # fmt: skip
SCREENS = (
    *screens(HOOKS),
    *screens(MESSAGES),
    *(form_screen(form) for form in _FORMS),
    Screen(BRAND, "brand.show", show_brand),
    Screen(f"{ACCOUNT}/logo", "brand.set-logo", show_logo, set_logo),
    Screen(CEILING, "account.ceiling", show_ceiling),
)
