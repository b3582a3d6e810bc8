"""What the operator watches: providers' gateways with their health, bans, and the audit of everybody's doing."""

from __future__ import annotations

import json
from typing import Any

from service.api.problems import Problem
from service.peers.figures_api import FiguresView, QualityView
from service.portal.components import columns
from service.portal.components.columns import deed, each, facts
from service.portal.components.facts import Section, page, section
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, screens, table_of
from service.portal.formats import NEVER, duration
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import Visit

GATEWAY = "/gateways/{gateway_id}"


def _code(_visit: Visit, row: Any) -> Cell:
    return Cell(str(row.last_code) if row.last_code else NEVER)


def _registered(visit: Visit, row: Any) -> Cell:
    if row.registered is None:
        return Cell(NEVER)
    return Cell(visit.say("yes"), "", "success") if row.registered else Cell(visit.say("no"), "", "danger")


GATEWAYS = Listed(
    "/gateways", "gateway.list", "Gateways",
    (
        columns.itself("Name", "gateway", "name", sort="name"),
        columns.other("Provider", "account", "account_id"),
        each("Address", lambda _, row: Cell(f"{row.transport}:{row.host}:{row.port}")),
        columns.number("Calls at once", "channels", nothing="any number", is_wide=True),
        columns.state(),
    ),
    ("name", "state", "account_id"), "name",
    "There is no gateway yet: it is where calls leave to a provider.",
    (("Health now", "/gateways/health", "gateway.live"), ("New gateway", "/gateways/new", "gateway.make")),
)  # fmt: skip
HEALTH = Listed(
    "/gateways/health", "gateway.live", "Gateways now",
    (
        each("Name", lambda _, row: Cell(row.name, f"/gateways/{row.gateway_id}"), sort="name"),
        columns.other("Provider", "account", "account_id", is_wide=True),
        columns.state(),
        columns.number("Calls", "calls"),
        each("ASR", lambda _, row: _percent(row.figures), at_end=True),
        each("ACD", lambda _, row: _acd(row.figures), at_end=True),
        each("PDD", lambda visit, row: _pdd(visit, row.figures), at_end=True),
        each("False answers", lambda _, row: Cell(str(row.figures.false_answers)), at_end=True, is_wide=True),
        each("Last failure", _code, at_end=True, is_wide=True),
        each("Registered", _registered, is_wide=True),
    ),
    ("name", "state", "account_id", "window"),
    back=("Gateways", "/gateways"), has_files=False,
)  # fmt: skip


def _percent(figures: FiguresView) -> Cell:
    return Cell(f"{figures.asr_percent} %" if figures.attempts else NEVER)


def _acd(figures: FiguresView) -> Cell:
    return Cell(duration(figures.acd_s) if figures.answered else NEVER)


def _pdd(visit: Visit, figures: FiguresView) -> Cell:
    return Cell(f"{visit.formats.number(figures.pdd_ms)} ms" if figures.pdd_ms else NEVER)


async def show_gateway(visit: Visit) -> Shown:
    """All about a gateway, and how well it carries calls."""
    row: Any = (await visit.look_at("gateway.show", visit.path_of("gateway.show"))).body
    for noun in ("account", "tariff"):
        await visit.learn(noun, [getattr(row, f"{noun}_id")])
    edit = (f"/gateways/{row.id}/edit", "gateway.edit")
    sections = [
        section(
            visit,
            "Where to",
            facts(
                visit,
                row,
                "account_id",
                "host",
                "port",
                "transport",
                "networks",
                "trusted",
                "identity",
                "signs",
            ),
            edit=edit,
        ),
        section(
            visit,
            "How",
            facts(visit, row, "number_format", "prefix", "strip", "codecs", "tariff_id", "channels", "cps"),
        ),
        section(visit, "When it is out", facts(visit, row, "probe_s", "failures_max", "out_s", "failure_codes")),
        section(visit, "Redirections", facts(visit, row, "redirects", "redirect_hosts")),
        await _quality(visit),
    ]
    actions = [("Credentials", f"/gateways/{row.id}/credentials", "gateway.credentials")]
    dangers = [("Remove", f"/gateways/{row.id}/removal", "gateway.remove")]
    if row.username:
        dangers.insert(
            0, ("Forget credentials", f"/gateways/{row.id}/credentials/removal", "gateway.forget-credentials")
        )
    badges = [columns.badge(visit, row.state)]
    trail = (Crumb(visit.say("Gateways"), "/gateways"),)
    return page(visit, row.name, sections, badges=badges, actions=actions, dangers=dangers, trail=trail)


async def _quality(visit: Visit) -> Section | None:
    title = visit.say("The last hour, by prefix")
    try:
        found = await visit.ask("gateway.quality", QualityView, gateway_id=visit.parameter("gateway_id"))
    except Problem as problem:
        if problem.kind != "unavailable":
            raise
        return Section(title, [], await table_of(visit, (), []), empty=problem.detail)
    shown = (
        columns.text("Prefix", "prefix"),
        each("Attempts", lambda visit, one: Cell(visit.formats.number(one.figures.attempts)), at_end=True),
        each("ASR", lambda _, one: _percent(one.figures), at_end=True),
        each("ACD", lambda _, one: _acd(one.figures), at_end=True),
        each("PDD", lambda visit, one: _pdd(visit, one.figures), at_end=True),
    )
    return Section(title, [], await table_of(visit, shown, found.prefixes), empty=visit.say("No call went over it."))


BANS = Listed(
    "/bans", "ban.list", "Bans",
    (
        columns.text("Network", "network", sort="network"),
        columns.text("Why", "why"),
        columns.text("Note", "note", is_wide=True),
        columns.moment("Since", "made_at"),
        columns.moment("Until", "until"),
        deed("Lift", "/bans/{}/lifting", "ban.lift"),
    ),
    ("network", "why"), "network", "Nobody is banned.",
    (("New ban", "/bans/new", "ban.make"),),
)  # fmt: skip


def _changed(_visit: Visit, row: Any) -> Cell:
    """What differs, before and after, in one line."""
    names = sorted({*(row.before or {}), *(row.after or {})})
    parts = [part for name in names if (part := _part(row, name))]
    text = "; ".join(parts)
    return Cell(text if len(text) < 160 else f"{text[:158]} …", title=text if len(text) >= 160 else "")


def _part(row: Any, name: str) -> str:
    """Of a change both values; of what was made or is gone its own, if it says something."""
    if row.before is not None and row.after is not None:
        return f"{name}: {_value(row.before, name)} → {_value(row.after, name)}"
    value = _value(row.after if row.before is None else row.before, name)
    return "" if value in {NEVER, "", "[]"} else f"{name}: {value}"


def _value(values: dict[str, Any] | None, name: str) -> str:
    value = (values or {}).get(name)
    return NEVER if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _by(_visit: Visit, row: Any) -> Cell:
    return Cell(f"{row.actor} → {row.behalf_of}" if row.behalf_of else row.actor)


AUDIT_COLUMNS = (
    columns.moment("When", "created_at"),
    each("Who", _by),
    columns.text("From", "address", is_wide=True),
    columns.text("What", "action"),
    columns.other("Account", "account", "account_id"),
    each("Before → after", _changed),
)
AUDIT = Listed(
    "/audit", "audit.list", "Audit", AUDIT_COLUMNS, ("actor", "action", "noun", "account_id", "since", "until"),
)  # fmt: skip

_FORMS = (
    Form(
        "/gateways/new", "gateway.make", "New gateway", "Make", "/gateways", said="The gateway is made.",
        made=lambda _, row: f"/gateways/{row.id}",  # type: ignore[attr-defined]
    ),
    Form(
        f"{GATEWAY}/edit", "gateway.edit", "Edit gateway", "Save", GATEWAY, shows="gateway.show",
        said="The gateway is changed.",
    ),
    Form(
        f"{GATEWAY}/removal", "gateway.remove", "Remove this gateway?", "Remove", "/gateways",
        said="The gateway is gone.", is_danger=True,
    ),
    Form(
        f"{GATEWAY}/credentials", "gateway.credentials", "Credentials at the carrier", "Save", GATEWAY,
        shows="gateway.show", said="The credentials are kept.",
        text="They answer its challenges; the password is not shown again.",
    ),
    Form(
        f"{GATEWAY}/credentials/removal", "gateway.forget-credentials", "Forget these credentials?", "Forget", GATEWAY,
        shows="gateway.show", said="The credentials are gone.", is_danger=True,
    ),
    Form("/bans/new", "ban.make", "New ban", "Ban", "/bans", said="The ban holds."),
    Form("/bans/{ban_id}/lifting", "ban.lift", "Lift this ban?", "Lift", "/bans", said="The ban is lifted."),
)  # fmt: skip
SCREENS = (
    *screens(HEALTH),
    *screens(GATEWAYS),
    *screens(BANS),
    *screens(AUDIT),
    *(form_screen(form) for form in _FORMS),
    Screen(GATEWAY, "gateway.show", show_gateway),
)
