"""How traffic comes in: trunks, devices and numbers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from service.api.problems import Problem
from service.peers.devices_api import NewPassword
from service.peers.registrations_api import Registrations
from service.portal.components import columns
from service.portal.components.columns import deed, facts
from service.portal.components.facts import Fact, Section, page, section
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.labels import label_of
from service.portal.components.lists import Cell, Listed, Table, screens, table_of
from service.portal.formats import NEVER
from service.portal.pages.profile import qr
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import OPERATOR, Visit

TRUNK, DEVICE, NUMBER = "/trunks/{trunk_id}", "/devices/{device_id}", "/numbers/{number_id}"
TRUNK_COLUMNS = (
    columns.itself("Name", "trunk", "name", sort="name"),
    columns.other("Account", "account", "account_id"),
    columns.text("Networks", "networks"),
    columns.text("Tech prefix", "tech_prefix", is_wide=True),
    columns.number("Calls at once", "channels", nothing="any number", is_wide=True),
    columns.state(),
)
DEVICE_COLUMNS = (
    columns.itself("User name", "device", "username", sort="username"),
    columns.text("Name", "name", sort="name"),
    columns.other("Account", "account", "account_id"),
    columns.text("Caller number", "caller_number", is_wide=True),
    columns.state(),
)
NUMBER_COLUMNS = (
    columns.itself("Number", "number", "number", sort="number"),
    columns.other("Account", "account", "account_id"),
    columns.other("Device", "device", "device_id"),
    columns.other("Trunk", "trunk", "trunk_id"),
    columns.text("Then", "fallbacks", is_wide=True),
    columns.state(),
)
TRUNKS = Listed(
    "/trunks", "trunk.list", "Trunks", TRUNK_COLUMNS, ("name", "network", "state", "account_id"), "name",
    "There is no trunk yet: it says from which networks an account's calls come.",
    (("Import", "/trunks/import", "trunk.import"), ("New trunk", "/trunks/new", "trunk.make")),
)  # fmt: skip
DEVICES = Listed(
    "/devices", "device.list", "Devices", DEVICE_COLUMNS, ("username", "name", "state", "account_id"), "username",
    "There is no device yet: telephones and PBXs that register with a user name.",
    (("Import", "/devices/import", "device.import"), ("New device", "/devices/new", "device.make")),
)  # fmt: skip
NUMBERS = Listed(
    "/numbers", "number.list", "Numbers", NUMBER_COLUMNS, ("number", "state", "account_id"), "number",
    "There is no number yet: what is called from outside. The operator brings numbers in.",
    (
        ("Import", "/numbers/import", f"number.import {OPERATOR}"),
        ("New number", "/numbers/new", f"number.make {OPERATOR}"),
    ),
)  # fmt: skip


TRANSLATIONS = Listed(
    "/translations", "translation.list", "Number rules",
    (
        columns.number("Position", "position"),
        columns.other("Account", "account", "account_id"),
        columns.other("Trunk", "trunk", "trunk_id"),
        columns.other("Gateway", "gateway", "gateway_id", is_wide=True),
        columns.text("Number", "subject"),
        columns.text("Begins with", "prefix"),
        columns.number("Strip", "strip"),
        columns.text("Prepend", "prepend"),
        columns.text("Note", "note", is_wide=True),
        deed("Edit", "/translations/{}/edit", "translation.edit"),
        deed("Remove", "/translations/{}/removal", "translation.remove"),
    ),
    ("account_id", "trunk_id", "gateway_id", "subject"),
    empty="Numbers pass as their trunks' prefixes say.",
    makes=(
        ("Try a number", "/translations/trial", "translation.try"),
        ("New rule", "/translations/new", "translation.make"),
    ),
)  # fmt: skip


async def tell_tried(visit: Visit, body: BaseModel) -> Shown:
    """What became of a number."""
    told = [(visit.say(label_of(name)), str(value)) for name, value in body.model_dump(mode="json").items()]
    values = {
        "warning": visit.say("What the rules make of it, as they stand."),
        "told": told,
        "back": "/translations",
        "done": visit.say("Back"),
    }
    return Shown("told_once.html", visit.say("Tried"), values)


async def show_trunk(visit: Visit) -> Shown:
    """All about a trunk."""
    row: Any = (await visit.look_at("trunk.show", visit.path_of("trunk.show"))).body
    await _learn(visit, row, "account", "plan", "tariff")
    sections = [
        section(
            visit, "Where from",
            facts(
                visit, row, "account_id", "networks", "certificate", "port", "transport", "tech_prefix", "trusted",
                "identity", "created_at",
            ),
            edit=(f"/trunks/{row.id}/edit", "trunk.edit"),
        ),
        section(visit, "Where to, and for how much", facts(visit, row, "plan_id", "tariff_id", "channels", "cps")),
        section(
            visit, "Numbers",
            facts(
                visit, row, "international_prefix", "national_prefix", "country", "caller_rule", "caller_numbers",
                "attestation", "transfers", "forwards",
            ),
        ),
    ]  # fmt: skip
    dangers = [("Remove", f"/trunks/{row.id}/removal", "trunk.remove")]
    actions = [
        ("Its calls", f"/calls?trunk_id={row.id}", "cdr.list"),
        ("Running now", f"/live?trunk_id={row.id}", "call.list"),
    ]
    trail = (Crumb(visit.say("Trunks"), "/trunks"),)
    badges = [columns.badge(visit, row.state)]
    return page(visit, row.name, sections, badges=badges, actions=actions, dangers=dangers, trail=trail)


async def show_device(visit: Visit) -> Shown:
    """All about a device, and where it is registered."""
    row: Any = (await visit.look_at("device.show", visit.path_of("device.show"))).body
    await _learn(visit, row, "account", "plan", "tariff")
    sections = [
        section(
            visit, "Sign-in",
            [_server(visit, row.server), *facts(visit, row, "username", "realm", "name", "account_id", "contacts_max")],
            edit=(f"/devices/{row.id}/edit", "device.edit"),
        ),
        section(
            visit, "Calls",
            facts(
                visit, row, "plan_id", "tariff_id", "channels", "cps", "call_max_s", "caller_number", "caller_numbers",
                "international_prefix", "national_prefix", "country", "transfers", "forwards",
            ),
        ),
        await _registrations(visit, row.id),
    ]  # fmt: skip
    actions = [
        ("New password", f"/devices/{row.id}/password", "device.change-password"),
        ("Its calls", f"/calls?device_id={row.id}", "cdr.list"),
    ]
    dangers = [("Remove", f"/devices/{row.id}/removal", "device.remove")]
    trail = (Crumb(visit.say("Devices"), "/devices"),)
    badges = [columns.badge(visit, row.state)]
    return page(visit, row.username, sections, badges=badges, actions=actions, dangers=dangers, trail=trail)


def _server(visit: Visit, server: str) -> Fact:
    """Where a telephone signs in."""
    return Fact("SIP server", Cell(server or NEVER), "" if server else _NAME_IT if visit.is_operator else _ASK)


_NAME_IT = "Nobody has said yet where telephones sign in: name it in kambill.yaml (sip_server)."
_ASK = "Ask your seller where telephones sign in."


async def _registrations(visit: Visit, number: int) -> Section:
    title = visit.say("Registered at")
    try:
        found = await visit.ask("device.registrations", Registrations, query={"device_id": str(number)})
    except Problem as problem:
        if problem.kind != "unavailable":
            raise
        return Section(title, [], Table([], []), empty=problem.detail)  # what else is known of the device is shown
    shown = (
        columns.text("Contact", "contact"),
        columns.text("Address", "address"),
        columns.text("Transport", "transport", is_wide=True),
        columns.text("Program", "agent", is_wide=True),
        columns.moment("Until", "until_at"),
    )
    table = await table_of(visit, shown, found.items)
    return Section(title, [], table, empty=visit.say("It is not registered now."))


async def show_number(visit: Visit) -> Shown:
    """All about a number."""
    row: Any = (await visit.look_at("number.show", visit.path_of("number.show"))).body
    await _learn(visit, row, "account", "trunk", "device", "tariff")
    told = facts(
        visit, row, "account_id", "device_id", "trunk_id", "fallbacks", "ring_s", "tariff_id", "channels", "cps",
        "without_funds", "note",
    )  # fmt: skip
    sections = [section(visit, "Where it rings", told, edit=(f"/numbers/{row.id}/edit", "number.edit"))]
    dangers = [("Remove", f"/numbers/{row.id}/removal", "number.remove")]
    badges = [columns.badge(visit, row.state)]
    trail = (Crumb(visit.say("Numbers"), "/numbers"),)
    return page(visit, row.number, sections, badges=badges, dangers=dangers, trail=trail)


async def _learn(visit: Visit, row: Any, *nouns: str) -> None:
    for noun in nouns:
        await visit.learn(noun, [getattr(row, f"{noun}_id")])


async def tell_password(visit: Visit, body: BaseModel) -> Shown:
    """Shown once; with what a telephone scans."""
    assert isinstance(body, NewPassword)
    device = body.device
    uri = f"sip:{device.username}:{body.password}@{device.server or device.realm}"
    told = _server(visit, device.server)
    values = {"device": device, "password": body.password, "qr": qr(uri), "server": told, "asked": visit.say(told.hint)}
    return Shown("device_password.html", visit.say("The device's password"), values)


_FORMS = (
    Form(
        "/trunks/new", "trunk.make", "New trunk", "Make", "/trunks", said="The trunk is made.",
        made=lambda _, row: f"/trunks/{row.id}",  # type: ignore[attr-defined]
    ),
    Form(f"{TRUNK}/edit", "trunk.edit", "Edit trunk", "Save", TRUNK, shows="trunk.show", said="The trunk is changed."),
    Form(
        f"{TRUNK}/removal", "trunk.remove", "Remove this trunk?", "Remove", "/trunks", said="The trunk is gone.",
        text="Its calls end as they would; new ones from its networks are refused.", is_danger=True,
    ),
    Form("/translations/new", "translation.make", "New rule", "Make", "/translations", said="The rule holds."),
    Form(
        "/translations/trial", "translation.try", "Try a number", "Try", "/translations", tells=tell_tried,
    ),
    Form(
        "/translations/{translation_id}/edit", "translation.edit", "Edit rule", "Save", "/translations",
        shows="translation.show", said="The rule is changed.",
    ),
    Form(
        "/translations/{translation_id}/removal", "translation.remove", "Remove this rule?", "Remove", "/translations",
        said="The rule is gone.", is_danger=True,
    ),
    Form("/devices/new", "device.make", "New device", "Make", "/devices", tells=tell_password),
    Form(
        f"{DEVICE}/edit", "device.edit", "Edit device", "Save", DEVICE, shows="device.show",
        said="The device is changed.",
    ),
    Form(
        f"{DEVICE}/password", "device.change-password", "Give this device a new password?", "New password", DEVICE,
        text="It has to register anew with it; the old one opens nothing any more.", tells=tell_password,
        is_danger=True,
    ),
    Form(
        f"{DEVICE}/removal", "device.remove", "Remove this device?", "Remove", "/devices", said="The device is gone.",
        text="Its registrations end at once.", is_danger=True,
    ),
    Form(
        "/numbers/new", "number.make", "New number", "Make", "/numbers", said="The number is made.",
        made=lambda _, row: f"/numbers/{row.id}",  # type: ignore[attr-defined]
    ),
    Form(
        f"{NUMBER}/edit", "number.edit", "Edit number", "Save", NUMBER, shows="number.show",
        said="The number is changed.",
    ),
    Form(
        f"{NUMBER}/removal", "number.remove", "Remove this number?", "Remove", "/numbers", said="The number is gone.",
        is_danger=True,
    ),
)  # fmt: skip
SCREENS = (
    *screens(TRUNKS),
    *screens(DEVICES),
    *screens(NUMBERS),
    *screens(TRANSLATIONS),
    *(form_screen(form) for form in _FORMS),
    Screen(TRUNK, "trunk.show", show_trunk),
    Screen(DEVICE, "device.show", show_device),
    Screen(NUMBER, "number.show", show_number),
)
