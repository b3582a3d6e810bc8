"""What everybody decides about themselves: name, language, time zone, looks, password, second factor, sessions."""

from __future__ import annotations

import io
from typing import Any

import segno
from markupsafe import Markup

from service.access.endpoints.filters import MyFilters
from service.access.endpoints.me import MySessions, NewFactor
from service.api.problems import Problem, invalid
from service.portal import cookies
from service.portal.components import columns
from service.portal.components.choosing import known as listed
from service.portal.components.columns import agent, each
from service.portal.components.facts import Fact, page, section
from service.portal.components.fields import Choice, errors_by_field, field, kinds
from service.portal.components.forms import VERSION, Form, looked_at
from service.portal.components.forms import screen as form_screen
from service.portal.components.labels import label_of
from service.portal.components.lists import Cell, table_of
from service.portal.screen import Crumb, Gone, Screen, Shown, local_path
from service.portal.visit import BY_NAME, Visit
from service.portal.wording import language_names

TITLE = "Profile"


def _trail(visit: Visit) -> tuple[Crumb, ...]:
    return (Crumb(visit.say(TITLE), "/profile"),)


async def show(visit: Visit) -> Shown:
    """All of it."""
    assert visit.me is not None
    user: Any = visit.me.user
    about = [
        Fact("Name", Cell(user.name)),
        Fact("E-mail address", Cell(user.email)),
        Fact("Account", Cell(visit.me.account_name, f"/accounts/{visit.me.account_id}" * visit.can("account.show"))),
        Fact("Language", Cell(language_names().get(user.language, user.language))),
        Fact("Time zone", Cell(user.timezone)),
        Fact("Looks", Cell(visit.say(_LOOKS[cookies.theme_of(visit.request)]))),
    ]
    factor = visit.say("on" if user.totp_active else "off")
    is_oneself = not visit.is_acting  # nobody locks somebody else's door
    safety = [
        *([Fact("Password", Cell(visit.say("Change"), "/profile/password"))] if is_oneself else []),
        Fact("Second factor", Cell(factor), "A code of an authenticator, asked for at each sign-in."),
        Fact("Signed in at", Cell(visit.formats.moment(user.signed_in_at))),
    ]
    if is_oneself:
        safety.append(Fact("Sessions", Cell(visit.say("Where am I signed in?"), "/profile/sessions")))
    turn = ("Turn the second factor off", "/profile/second-factor/off", "me.totp-remove")
    if not user.totp_active:
        turn = ("Turn the second factor on", "/profile/second-factor", "me.totp-begin")
    safety.append(Fact("Sign out", Cell(visit.say("Sign out"), "/sign-out")))
    sections = [
        section(visit, "About you", about, edit=("/profile/edit", "me.edit")),
        section(visit, "Safety", safety),
    ]
    return page(visit, visit.say(TITLE), sections, actions=[turn] if is_oneself else [])


# --- name, language, zone, looks

_LOOKS = {"auto": "As the device has it", "light": "Light", "dark": "Dark"}


async def show_edit(visit: Visit) -> Shown:
    """As it stands."""
    return await _edit(visit, None)


async def _edit(visit: Visit, problem: Problem | None) -> Shown:
    assert visit.me is not None
    user: Any = visit.me.user
    body = BY_NAME["me.edit"].body
    assert body is not None
    known = kinds(body)
    typed = {name: str(visit.form.get(name, getattr(user, name))) for name in ("name", "language", "timezone")}
    typed["theme"] = str(visit.form.get("theme", cookies.theme_of(visit.request)))
    beside, above = errors_by_field(problem.errors if problem is not None else [], list(typed))
    looks = [Choice(theme, visit.say(text)) for theme, text in _LOOKS.items()]
    choice = known["name"]._replace(name="theme", shape="choice", can_be_null=False)
    fields = [
        field(known["name"], visit.say("Name"), (typed["name"],), beside.get("name", [])),
        *(
            field(known[name], visit.say(label_of(name)), (typed[name],), beside.get(name, []), listed(name))
            for name in ("language", "timezone")
        ),
        field(choice, visit.say("Looks"), (typed["theme"],), beside.get("theme", []), looks),
    ]
    version = looked_at(visit, user.version, problem)
    values = {"fields": fields, "above": above, "problem": problem, "back": "/profile", "version": version}
    status = 200 if problem is None else problem.status
    return Shown("profile_edit.html", visit.say("Edit your profile"), values, status, _trail(visit))


async def edit(visit: Visit) -> Shown | Gone:
    """Language and zone hold everywhere, the looks for this browser."""
    body = {name: str(visit.form.get(name, "")) for name in ("name", "language", "timezone")}
    theme = str(visit.form.get("theme", cookies.theme_of(visit.request)))
    try:
        if theme not in cookies.THEMES:
            raise visit.told(invalid("/theme", "one of those that are offered was expected"))
        await visit.do("me.edit", body, version=str(visit.form.get(VERSION, "")))
    except Problem as problem:
        async with visit.looking():
            return await _edit(visit, problem)
    return Gone("/profile", visit.say("Your profile is changed."), theme=theme)


# --- second factor


async def show_factor(visit: Visit) -> Shown:
    """What it is."""
    return Shown("factor.html", visit.say("Second factor"), {"step": "ask"}, trail=_trail(visit))


async def factor(visit: Visit) -> Shown:
    """First the secret, then a code of it: only then it counts."""
    code = str(visit.form.get("code", "")).replace(" ", "")
    uri, secret = str(visit.form.get("uri", "")), str(visit.form.get("secret", ""))
    if "code" not in visit.form:
        answer = await visit.do("me.totp-begin")
        assert isinstance(answer.body, NewFactor)
        return _confirm(visit, answer.body.uri, answer.body.secret, None)
    try:
        done: Any = (await visit.do("me.totp-confirm", {"code": code})).body
    except Problem as problem:
        return _confirm(visit, uri, secret, problem)
    values = {"step": "done", "codes": done.codes}
    return Shown("factor.html", visit.say("Second factor"), values, trail=_trail(visit))


def _confirm(visit: Visit, uri: str, secret: str, problem: Problem | None) -> Shown:
    errors = [one.detail for one in problem.errors] if problem is not None else []
    values = {"step": "confirm", "uri": uri, "secret": secret, "qr": qr(uri), "problem": problem, "errors": errors}
    status = 200 if problem is None else problem.status
    return Shown("factor.html", visit.say("Second factor"), values, status, _trail(visit))


def qr(text: str) -> Markup:
    """A QR code as SVG that stands in the page."""
    out = io.BytesIO()
    segno.make(text, error="m").save(out, kind="svg", xmldecl=False, svgns=False, omitsize=True, border=2)
    return Markup(out.getvalue().decode())  # noqa: S704 -- segno's own drawing: nothing of the text stands in it


# --- sessions


async def show_sessions(visit: Visit) -> Shown:
    """Where one is signed in."""
    found = await visit.ask("me.sessions", MySessions)
    current = visit.actor.session_id if visit.actor is not None else None
    listed = (
        each("Browser", lambda _, row: Cell(agent(row.agent), title=row.agent)),
        columns.text("Address", "address"),
        columns.moment("Signed in", "created_at", is_wide=True),
        columns.moment("Last seen", "seen_at"),
        each("Sign out", lambda visit, row: _session_end(visit, row, current)),
    )
    table = await table_of(visit, listed, found.items)
    sections = [section(visit, "Sessions", [])._replace(table=table)]
    return page(visit, visit.say("Where am I signed in?"), sections, trail=_trail(visit))


def _session_end(visit: Visit, row: Any, current: int | None) -> Cell:
    if row.id == current:
        return Cell(visit.say("this one"), "", "success")
    return Cell(visit.say("Sign out there"), f"/profile/sessions/{row.id}/end")


# --- filters of lists


async def keep_filter(visit: Visit) -> Gone:
    """From the list itself, and back to it."""
    body = {name: str(visit.form.get(name, "")) for name in ("page", "name", "query")}
    await visit.do("me.keep-filter", body)
    return Gone(local_path(f"{body['page']}?{body['query']}"), visit.say("The filter is kept."))


async def drop_filter(visit: Visit) -> Gone:
    """Back to its list."""
    async with visit.looking():
        found = await visit.ask("me.filters", MyFilters)
    number = visit.parameter("number")
    await visit.do("me.drop-filter", number=number)
    page_of = next((one.page for one in found.items if str(one.id) == number), "/")
    return Gone(local_path(page_of), visit.say("The filter is gone."))


async def ask_drop_filter(visit: Visit) -> Shown:
    """Once more."""
    return Shown("filter_removal.html", visit.say("Remove this filter?"), {})


SCREENS = (
    Screen("/filters", "me.filters", show, keep_filter),
    Screen("/filters/{number}/removal", "me.filters", ask_drop_filter, drop_filter),
    Screen("/profile", "me.show", show),
    Screen("/profile/edit", "me.edit", show_edit, edit),
    Screen("/profile/second-factor", "me.totp-begin", show_factor, factor),
    Screen("/profile/sessions", "me.sessions", show_sessions),
    form_screen(
        Form(
            "/profile/password", "me.password", "Change your password", "Change", "/profile",
            said="Your password is changed; all other sessions have ended.",
        )
    ),
    form_screen(
        Form(
            "/profile/second-factor/off", "me.totp-remove", "Turn the second factor off", "Turn off", "/profile",
            said="The second factor is off.", is_danger=True,
        )
    ),
    form_screen(
        Form(
            "/profile/sessions/{number}/end", "me.end-session", "Sign out there", "Sign out", "/profile/sessions",
            said="The session has ended.",
        )
    ),
)  # fmt: skip
