"""Call records that are delivered: to whom, what became of each file; and by SFTP the keys of both sides."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel

from service.delivery.columns import COLUMNS, CUSTOMER, PROVIDER
from service.delivery.views import DeliveryMade, DeliveryView
from service.portal.components import columns
from service.portal.components.columns import badge, deed, facts
from service.portal.components.facts import Fact, Section, page, section
from service.portal.components.fields import Choice
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, makes, screens
from service.portal.formats import NEVER
from service.portal.screen import Crumb, Gone, Screen, Shown
from service.portal.visit import Visit

DELIVERY = "/deliveries/{delivery_id}"
DELIVERIES = Listed(
    "/deliveries", "delivery.list", "Deliveries of call records",
    (
        columns.itself("Name", "delivery", "name", sort="name"),
        columns.other("Account", "account", "account_id"),
        columns.text("Way", "way"),
        columns.text("Target", "target", is_wide=True),
        columns.text("Period", "period", is_wide=True),
        columns.state(),
        columns.said("Last fault", "last_fault", is_wide=True),
        deed("Files", "/deliveries/{}/files", "delivery.files"),
    ),
    ("name", "account_id"), "name", "No call records are delivered anywhere.",
    (("New delivery", "/deliveries/new", "delivery.make"),),
)  # fmt: skip
FILES = Listed(
    "/deliveries/{delivery_id}/files", "delivery.files", "Files",
    (
        columns.text("Name", "name"),
        columns.number("Calls", "calls"),
        columns.moment("Made", "cut_at", is_wide=True),
        columns.state(),
        columns.said("Fault", "fault"),
        columns.moment("Next", "next_at", is_wide=True),
        deed("Send again", "/cdr-files/{}/again", "delivery.send-again"),
    ),
    ("state",), back=("Delivery", DELIVERY), empty="No file was made yet.",
)  # fmt: skip


async def show_delivery(visit: Visit) -> Shown:
    """All that is known of it."""
    row = await visit.ask("delivery.show", DeliveryView, delivery_id=visit.parameter("delivery_id"))
    await visit.learn("account", [row.account_id])
    here = f"/deliveries/{row.id}"
    told = facts(
        visit, row, "account_id", "side", "period", "every_calls", "zone", "separator", "answered_only", "columns",
        "due_at", "created_at",
    )  # fmt: skip
    target = [Fact("Way", Cell(visit.say(row.way))), Fact("Target", Cell(row.target))]
    target.append(Fact("Last fault", Cell(visit.refuse(row.last_fault) or NEVER)))
    edit = (f"{here}/edit", "delivery.edit")
    sections = [section(visit, "What is delivered", told, edit=edit), section(visit, "Whereto", target, edit=edit)]
    return page(
        visit,
        row.name,
        [*sections, _server(visit, row, here)],
        badges=[badge(visit, row.state)],
        actions=[("Files", f"{here}/files", "delivery.files")],
        dangers=[("Remove", f"{here}/removal", "delivery.remove")],
        trail=(Crumb(visit.say("Deliveries"), "/deliveries"),),
    )


def _server(visit: Visit, row: DeliveryView, here: str) -> Section | None:
    """By SFTP: how the two sides know each other."""
    if row.way != "sftp":
        return None
    told = [
        Fact("Our public key", Cell(row.public_key), _INSTEAD if row.has_password else _TO_COPY),
        Fact("Key that is trusted", Cell(row.host_key or NEVER), "" if row.host_key else _NOT_YET),
        Fact("Key that it showed last", Cell(row.fingerprint or NEVER)),
    ]
    deeds = [
        ("Ask for its key", f"{here}/host-key/asking", "delivery.ask-host-key"),
        ("Trust a key", f"{here}/host-key", "delivery.trust-host-key"),
        ("Try the connection", f"{here}/test", "delivery.test"),
    ]
    if row.has_password:
        deeds.append(("Forget the password", f"{here}/password/removal", "delivery.edit"))
    return section(visit, "Server", told)._replace(actions=makes(visit, deeds))


_TO_COPY = "Have it put among the authorized keys of the server's user."
_INSTEAD = "Not used: a password is set."
_NOT_YET = "Nothing is sent before somebody has confirmed the server's key."


async def tell_delivery(visit: Visit, body: BaseModel) -> Shown | Gone:
    """A key is told once only where it goes to a webhook."""
    assert isinstance(body, DeliveryMade)
    here = f"/deliveries/{body.delivery.id}"
    if body.secret is None:
        return Gone(here, visit.say("The delivery is made."))
    values = {
        "warning": visit.say("Messages are signed with it. It is shown this once."),
        "told": [(visit.say("Secret"), body.secret)],
        "back": here,
    }
    return Shown("told_once.html", visit.say("The delivery's secret"), values)


def _without_server(stands: Mapping[str, Any]) -> Collection[str]:
    return () if stands.get("way") == "sftp" else ("password",)


def _columns(visit: Visit, stands: Mapping[str, Any]) -> list[Choice]:
    """Of the delivery's side; of a new one those of both, with the side that alone may have one."""
    side = stands.get("side", "")
    found = []
    for name, column in COLUMNS.items():
        text = visit.say(column.meaning)
        if not side and len(column.sides) == 1:
            text = f"{text} ({visit.say(ALONE[min(column.sides)])})"
        if not side or side in column.sides:
            found.append(Choice(name, text))
    return found


ALONE = {CUSTOMER: "of the side that pays alone", PROVIDER: "of the side that is paid alone"}
_MEANINGS = {"columns": _columns}
_FORMS = (
    Form(
        "/deliveries/new", "delivery.make", "New delivery", "Make", "/deliveries", tells=tell_delivery,
        meanings=_MEANINGS,
    ),
    Form(
        f"{DELIVERY}/edit", "delivery.edit", "Edit delivery", "Save", DELIVERY, shows="delivery.show",
        said="The delivery is changed.", leaves_out=_without_server, meanings=_MEANINGS,
    ),
    Form(
        f"{DELIVERY}/password/removal", "delivery.edit", "Forget the password?", "Forget", DELIVERY,
        shows="delivery.show", said="The password is forgotten.", is_danger=True, sends={"password": ""},
        text="From now on one signs in with our key: have it put among the authorized keys of the server's user first.",
    ),
    Form(
        f"{DELIVERY}/removal", "delivery.remove", "Remove this delivery?", "Remove", "/deliveries",
        said="The delivery is gone.", is_danger=True,
    ),
    Form(
        f"{DELIVERY}/host-key/asking", "delivery.ask-host-key", "Ask this server for its key?", "Ask", DELIVERY,
        said="The server has shown this key. Nothing is trusted yet.",
        made=lambda _, body: f"/deliveries/{getattr(body, 'id', '')}/host-key",
    ),
    Form(
        f"{DELIVERY}/host-key", "delivery.trust-host-key", "Is this the server's key?", "Trust it", DELIVERY,
        shows="delivery.show", said="The key is trusted.",
        text="Compare it with what the server's operator says, by telephone or on paper: whoever stands between would "
        "show a key of their own.",
    ),
    Form(
        f"{DELIVERY}/test", "delivery.test", "Try the connection to this server?", "Try", DELIVERY,
        said="Signing in works, and the folder is there. Nothing was written.",
    ),
    Form(
        "/cdr-files/{file_id}/again", "delivery.send-again", "Send this file again?", "Send", "/deliveries",
        said="The file is sent again.",
    ),
)  # fmt: skip
SCREENS = (
    *screens(DELIVERIES),
    *screens(FILES),
    *(form_screen(form) for form in _FORMS),
    Screen(DELIVERY, "delivery.show", show_delivery),
)
