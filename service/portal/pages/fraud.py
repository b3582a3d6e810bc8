"""What keeps fraud small: alarms, limits, patterns, allowed and blocked numbers, high-risk ranges."""

from __future__ import annotations

from typing import Any

from service.fraud.ranges_api import ChoicesView
from service.portal.components import columns
from service.portal.components.columns import badge, deed, each, thing
from service.portal.components.facts import Fact, page, section
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, screens
from service.portal.formats import NEVER
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import OPERATOR, Visit

ACCOUNT = "/accounts/{account_id}"
ALARM, LIMIT, PATTERN, RANGE = (
    "/alarms/{alarm_id}",
    "/limits/{limit_id}",
    "/patterns/{pattern_id}",
    "/ranges/{range_id}",
)
CHOSEN = f"{ACCOUNT}/ranges"


def _standing(visit: Visit, row: Any) -> Cell:
    """Whether something is still stopped by it."""
    if row.lifted_at:
        return Cell(visit.say("lifted"), "", "secondary")
    return badge(visit, row.action)


def _can_be_lifted(row: Any) -> bool:
    return row.action == "suspend" and not row.lifted_at


ALARMS = Listed(
    "/alarms", "alarm.list", "Alarms",
    (
        columns.moment("When", "raised_at"),
        columns.other("Account", "account", "account_id"),
        columns.other("Trunk", "trunk", "trunk_id", is_wide=True),
        columns.other("Gateway", "gateway", "gateway_id", is_wide=True),
        each("Rule", lambda _, row: Cell(row.rule, f"/alarms/{row.id}")),
        columns.text("Seen", "seen"),
        each("What was done", _standing),
        deed("Lift", "/alarms/{}/lifting", "alarm.lift", _can_be_lifted),
    ),
    ("account_id", "action"), empty="No limit was crossed, and no pattern seen.",
)  # fmt: skip


async def show_alarm(visit: Visit) -> Shown:
    """What was crossed, and what became of it."""
    row: Any = (await visit.look_at("alarm.show", visit.path_of("alarm.show"))).body
    for noun in ("account", "trunk", "gateway"):
        await visit.learn(noun, [getattr(row, f"{noun}_id")])
    until = visit.formats.moment(row.until) if row.until else visit.say("until somebody lifts it")
    told = [
        Fact("Account", thing(visit, "account", row.account_id)),
        Fact("Trunk", thing(visit, "trunk", row.trunk_id)),
        Fact("Gateway", thing(visit, "gateway", row.gateway_id)),
        Fact("Rule", Cell(row.rule)),
        Fact("Seen", Cell(row.seen)),
        Fact("Raised", Cell(visit.formats.moment(row.raised_at))),
        Fact("Holds until", Cell(until if row.action != "warn" else NEVER)),
        Fact("Lifted", Cell(visit.formats.moment(row.lifted_at)), row.lifted_by),
    ]
    is_ours = row.account_id != visit.account_id  # whoever stands above lifts, nobody for themselves
    actions = [("Lift", f"/alarms/{row.id}/lifting", "alarm.lift")] if is_ours and _can_be_lifted(row) else []
    trail = (Crumb(visit.say("Alarms"), "/alarms"),)
    sections = [section(visit, "What happened", told)]
    return page(visit, visit.say("Alarm"), sections, badges=[_standing(visit, row)], actions=actions, trail=trail)


def _how_much(visit: Visit, row: Any) -> Cell:
    if row.spend is not None:
        return Cell(visit.formats.money(row.spend, visit.currency_known(row.account_id)))
    return Cell(visit.formats.number(row.count))


LIMITS = Listed(
    "/limits", "limit.list", "Limits of traffic",
    (
        columns.text("Name", "name", sort="name"),
        columns.other("Account", "account", "account_id"),
        columns.other("Trunk", "trunk", "trunk_id", is_wide=True),
        each("Measures", lambda visit, row: Cell(visit.say(row.measure.replace("_", " ")))),
        each("At most", _how_much, at_end=True),
        each("In a", lambda visit, row: Cell(visit.say(row.period))),
        columns.text("Destination group", "group", is_wide=True),
        columns.state("Then", "action"),
        deed("Edit", "/limits/{}/edit", "limit.edit"),
        deed("Remove", "/limits/{}/removal", "limit.remove"),
    ),
    ("name", "account_id", "measure"), "name",
    "There is no limit yet: it stops an account before a night's fraud has cost much.",
    (("New limit", "/limits/new", "limit.make"),),
)  # fmt: skip
PATTERNS = Listed(
    "/patterns", "pattern.list", "Patterns",
    (
        columns.text("Name", "name", sort="name"),
        columns.other("Account", "account", "account_id"),
        columns.other("Trunk", "trunk", "trunk_id", is_wide=True),
        columns.other("Gateway", "gateway", "gateway_id", is_wide=True),
        each("Looks for", lambda visit, row: Cell(visit.say(row.kind.replace("_", " ")))),
        columns.number("Minutes", "minutes"),
        columns.number("Calls, at least", "calls_min", is_wide=True),
        columns.number("Percent", "percent"),
        columns.state("Then", "action"),
        columns.moment("Crossed since", "alarmed_at", is_wide=True),
        deed("Edit", "/patterns/{}/edit", "pattern.edit"),
        deed("Remove", "/patterns/{}/removal", "pattern.remove"),
    ),
    ("name", "account_id", "kind"), "name",
    "Nobody looks for patterns yet, such as many calls that end at once.",
    (("New pattern", "/patterns/new", "pattern.make"),),
)  # fmt: skip
LISTS = Listed(
    "/number-lists", "filter.list", "Allowed and blocked numbers",
    (
        each("Digits", lambda visit, row: Cell(row.digits or visit.say("all"))),
        each("Which", lambda visit, row: Cell(visit.say("this number alone" if row.whole else "all that begin so"))),
        columns.state("May", "kind"),
        each("Of the", lambda visit, row: Cell(visit.say(row.subject))),
        columns.other("Account", "account", "account_id"),
        columns.other("Trunk", "trunk", "trunk_id", is_wide=True),
        columns.text("Note", "note", is_wide=True),
        deed("Remove", "/number-lists/{}/removal", "filter.remove"),
    ),
    ("digits", "subject", "kind", "account_id"), "digits",
    "Every number may call, and be called.",
    (("New entry", "/number-lists/new", "filter.make"),),
)  # fmt: skip
RANGES = Listed(
    "/ranges", "range.list", "High-risk ranges",
    (
        columns.text("Name", "name", sort="name"),
        columns.text("Prefixes", "prefixes"),
        columns.moment("Since", "created_at", is_wide=True),
        deed("Edit", "/ranges/{}/edit", f"range.edit {OPERATOR}"),
        deed("Remove", "/ranges/{}/removal", f"range.remove {OPERATOR}"),
    ),
    ("name",), "name", "No range is closed for those that don't ask for it.",
    (("New range", "/ranges/new", f"range.make {OPERATOR}"),),  # the operator's people: others would be refused
)  # fmt: skip


async def show_chosen(visit: Visit) -> Shown:
    """Which ranges an account has open."""
    number = visit.parameter("account_id")
    found = await visit.ask("range.chosen", ChoicesView, account_id=number)
    await visit.learn("account", [int(number)])
    await visit.learn("range", [*found.opened, *found.closed])
    told = [
        Fact("Opened", Cell(_names(visit, found.opened)), "Its calls may go there, though others' may not."),
        Fact("Closed", Cell(_names(visit, found.closed)), "Though it was open when the range was made."),
    ]
    edit = (f"/accounts/{number}/ranges/edit", "range.choose") if int(number) != visit.account_id else None
    trail = (Crumb(visit.name("account", int(number)), f"/accounts/{number}"),)
    title = visit.say("High-risk ranges of the account")
    return page(visit, title, [section(visit, "Ranges", told, edit=edit)], trail=trail)


def _names(visit: Visit, numbers: list[int]) -> str:
    return ", ".join(visit.name("range", one) for one in numbers) or NEVER


_FORMS = (
    Form(
        f"{ALARM}/lifting", "alarm.lift", "Lift this suspension?", "Lift", ALARM, said="The suspension is lifted.",
        text="Calls go on at once; the rule watches them as before.", shows="alarm.show",
    ),
    Form("/limits/new", "limit.make", "New limit", "Make", "/limits", said="The limit holds."),
    Form(
        f"{LIMIT}/edit", "limit.edit", "Edit limit", "Save", "/limits", shows="limit.show",
        said="The limit is changed.",
    ),
    Form(
        f"{LIMIT}/removal", "limit.remove", "Remove this limit?", "Remove", "/limits", said="The limit is gone.",
        shows="limit.show", is_danger=True,
    ),
    Form("/patterns/new", "pattern.make", "New pattern", "Make", "/patterns", said="The pattern is looked for."),
    Form(
        f"{PATTERN}/edit", "pattern.edit", "Edit pattern", "Save", "/patterns", shows="pattern.show",
        said="The pattern is changed.",
    ),
    Form(
        f"{PATTERN}/removal", "pattern.remove", "Remove this pattern?", "Remove", "/patterns",
        shows="pattern.show", said="The pattern is gone.", is_danger=True,
    ),
    Form("/number-lists/new", "filter.make", "New entry", "Make", "/number-lists", said="The entry holds."),
    Form(
        "/number-lists/{filter_id}/removal", "filter.remove", "Remove this entry?", "Remove", "/number-lists",
        said="The entry is gone.", is_danger=True,
    ),
    Form(
        "/ranges/new", "range.make", "New range", "Make", "/ranges", said="The range is closed.",
        text="Nobody calls it from the next call on, but who has it opened.",
    ),
    Form(
        f"{RANGE}/edit", "range.edit", "Edit range", "Save", "/ranges", shows="range.show",
        said="The range is changed.",
    ),
    Form(
        f"{RANGE}/removal", "range.remove", "Remove this range?", "Remove", "/ranges", said="The range is gone.",
        text="Its numbers are ordinary ones again.", shows="range.show", is_danger=True,
    ),
    Form(
        f"{CHOSEN}/edit", "range.choose", "Ranges of the account", "Save", CHOSEN, shows="range.chosen",
        said="The ranges are chosen.",
    ),
)  # fmt: skip
SCREENS = (
    *screens(ALARMS),
    *screens(LIMITS),
    *screens(PATTERNS),
    *screens(LISTS),
    *screens(RANGES),
    *(form_screen(form) for form in _FORMS),
    Screen(ALARM, "alarm.show", show_alarm),
    Screen(CHOSEN, "range.chosen", show_chosen),
)
