"""Users, what their roles allow, their tokens and sessions: A3 and A4's pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import BaseModel

from service.access.endpoints.roles import Catalogue, PermissionView
from service.access.endpoints.tokens import MadeToken
from service.access.endpoints.users import Invited
from service.access.permissions import Permission, area_name
from service.api.problems import Problem
from service.portal.components import columns
from service.portal.components.columns import deed, each, facts, thing
from service.portal.components.facts import Fact, Section, page, section
from service.portal.components.fields import errors_by_field, field, kinds
from service.portal.components.forms import KEY, VERSION, Form, looked_at
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, screens, table_of
from service.portal.cookies import is_encrypted
from service.portal.formats import NEVER
from service.portal.screen import Crumb, Gone, Screen, Shown
from service.portal.visit import BY_NAME, Visit

USER, ROLE = "/users/{user_id}", "/roles/{role_id}"
USER_COLUMNS = (
    columns.itself("E-mail address", "user", "email", sort="email"),
    columns.text("Name", "name", sort="name"),
    columns.other("Account", "account", "account_id"),
    columns.yes("Second factor", "totp_active", is_wide=True),
    columns.moment("Signed in at", "signed_in_at", is_wide=True),
    columns.state(),
)
USERS = Listed(
    "/users", "user.list", "Users", USER_COLUMNS, ("email", "name", "state", "account_id"), "email",
    makes=(("Import", "/users/import", "user.import"), ("Invite a user", "/users/new", "user.invite")),
)  # fmt: skip


def _note(visit: Visit, row: Any) -> str:
    """Of a role that is built in in the visitor's language; what somebody has written stays."""
    return (visit.say(row.note) if row.built_in else row.note) or NEVER


ROLES = Listed(
    "/roles", "role.list", "Roles",
    (
        columns.itself("Name", "role", "name", sort="name"),
        columns.other("Defined by", "account", "account_id"),
        each("Rights", lambda visit, row: Cell(visit.formats.number(len(row.permissions))), at_end=True),
        each("Note", lambda visit, row: Cell(_note(visit, row)), is_wide=True),
    ),
    ("name", "account_id"), "name",
    makes=(("New role", "/roles/new", "role.define"),),
)  # fmt: skip
TOKENS = Listed(
    "/tokens", "token.list", "API tokens",
    (
        columns.text("Name", "name"),
        columns.other("User", "user", "user_id"),
        columns.other("Within the role", "role", "role_id"),
        columns.moment("Last seen", "seen_at"),
        columns.moment("Until", "expires_at", is_wide=True),
        deed("Revoke", "/tokens/{}/revocation", "token.revoke"),
    ),
    ("user_id",), empty="There is no token yet: programs carry one to use the API.",
    makes=(("New token", "/tokens/new", "token.make"),),
)  # fmt: skip
SESSIONS = Listed(
    "/sessions", "session.list", "Sessions",
    (
        columns.other("User", "user", "user_id"),
        columns.other("Acting as", "user", "acting_as_id"),
        columns.text("Address", "address"),
        columns.text("Browser", "agent", is_wide=True),
        columns.moment("Last seen", "seen_at"),
        deed("End", "/sessions/{}/end", "session.revoke"),
    ),
    ("user_id", "account_id"),
)  # fmt: skip


# --- users


async def show_user(visit: Visit) -> Shown:
    """All about a user, and what they may."""
    row: Any = (await visit.look_at("user.show", visit.path_of("user.show"))).body
    await visit.learn("account", [row.account_id])
    await visit.learn("role", row.role_ids)
    about = facts(visit, row, "name", "email", "account_id", "language", "timezone", "created_at", "signed_in_at")
    safety = [Fact("Second factor", Cell(visit.say("on" if row.totp_active else "off")))]
    held = [_Held(number) for number in row.role_ids]
    roles = await table_of(visit, (each("Role", lambda visit, one: thing(visit, "role", one.id)),), held)
    edit_roles = [(visit.say("Give and take roles"), f"/users/{row.id}/roles")] if visit.can("user.roles") else []
    sections = [
        section(visit, "About the user", about, edit=(f"/users/{row.id}/edit", "user.edit")),
        section(visit, "Safety", safety),
        Section(visit.say("Roles"), [], roles, edit_roles),
    ]
    actions = [("Unlock", f"/users/{row.id}/unlock", "user.unlock")]
    if row.state == "active" and row.account_id != visit.account_id:
        actions.insert(0, ("Log in as", f"/users/{row.id}/log-in-as", "user.impersonate"))
    if row.state == "invited":
        actions.insert(0, ("Invite again", f"/users/{row.id}/invitation", "user.invite-again"))
    if row.totp_active and visit.actor is not None and row.id != visit.actor.user_id:
        actions.append(("Drop the second factor", f"/users/{row.id}/second-factor", "user.drop-second-factor"))
    dangers = [("Remove", f"/users/{row.id}/removal", "user.remove")]
    badges = [columns.badge(visit, row.state)]
    trail = (Crumb(visit.say("Users"), "/users"),)
    return page(visit, row.email, sections, badges=badges, actions=actions, dangers=dangers, trail=trail)


class _Held(NamedTuple):
    """A role that a user has."""

    id: int


async def tell_invited(visit: Visit, body: BaseModel) -> Shown:
    """The link, for whoever wants to hand it over by another way."""
    assert isinstance(body, Invited)
    scheme = "https" if is_encrypted(visit.request) else "http"
    link = f"{scheme}://{visit.request.host}/password?link={body.link}"
    values = {
        "warning": visit.say("It is mailed too. Who has this link chooses the password; it is shown this once."),
        "told": [(visit.say("Link"), link), (visit.say("Until"), visit.formats.moment(body.expires_at))],
        "back": f"/users/{body.user.id}",
    }
    return Shown("told_once.html", visit.say("The user is invited"), values)


async def tell_token(visit: Visit, body: BaseModel) -> Shown:
    """Shown once."""
    assert isinstance(body, MadeToken)
    values = {
        "warning": visit.say("It is shown this once: it is kept as a hash only."),
        "told": [(visit.say("Token"), body.token)],
        "back": "/tokens",
    }
    return Shown("told_once.html", visit.say("The token is made"), values)


# --- roles


class Right(NamedTuple):
    """A permission as the editor prints it."""

    name: str
    meaning: str
    is_given: bool
    can_be_given: bool
    """Whoever hasn't it can't give it."""


def by_area(catalogue: Iterable[PermissionView], given: Iterable[str]) -> list[tuple[str, list[Right]]]:
    """The catalogue by area, in its own order."""
    has = set(given)
    found: dict[str, list[Right]] = {}
    for one in catalogue:
        right = Right(one.name, one.meaning, one.name in has, one.held)
        found.setdefault(area_name(Permission(one.name)), []).append(right)
    return list(found.items())


async def show_role(visit: Visit) -> Shown:
    """What a role allows, right by right."""
    row: Any = (await visit.look_at("role.show", visit.path_of("role.show"))).body
    await visit.learn("account", [row.account_id])
    catalogue = await visit.ask("permission.list", Catalogue)
    about = [*facts(visit, row, "account_id"), Fact("Note", Cell(_note(visit, row))), *facts(visit, row, "created_at")]
    if row.built_in:
        about.append(Fact("Built in", Cell(row.built_in)))
    rights = Section(
        visit.say("What it allows"),
        template="rights.html",
        data=by_area(catalogue.items, row.permissions),
        is_full=True,
    )
    is_of_subtree = visit.knows("account", row.account_id)  # one from above can be given, not changed
    dangers = [("Remove", f"/roles/{row.id}/removal", "role.remove")] if is_of_subtree and not row.built_in else []
    actions = [("Edit", f"/roles/{row.id}/edit", "role.edit")] if is_of_subtree else []
    trail = (Crumb(visit.say("Roles"), "/roles"),)
    return page(
        visit, row.name, [section(visit, "About", about), rights], actions=actions, dangers=dangers, trail=trail
    )


async def show_role_form(visit: Visit) -> Shown:
    """Of a new role, or of one that stands."""
    return await _role_form(visit, None)


def _is_new(visit: Visit) -> bool:
    return "role_id" not in visit.request.match_info


async def _role_form(visit: Visit, problem: Problem | None) -> Shown:
    row: Any = None if _is_new(visit) else (await visit.look_at("role.show", visit.path_of("role.show"))).body
    endpoint = "role.define" if row is None else "role.edit"
    body = BY_NAME[endpoint].body
    assert body is not None
    sent = "name" in visit.form
    given = visit.form.getall("permissions", []) if sent or row is None else row.permissions
    typed = {name: str(visit.form.get(name, "" if row is None else getattr(row, name))) for name in ("name", "note")}
    beside, above = errors_by_field(problem.errors if problem is not None else [], ["name", "note", "permissions"])
    known = kinds(body)
    catalogue = await visit.ask("permission.list", Catalogue)
    names = (("name", "Name"), ("note", "Note"))
    values = {
        "fields": [field(known[name], visit.say(label), (typed[name],), beside.get(name, [])) for name, label in names],
        "areas": by_area(catalogue.items, map(str, given)),
        "errors": beside.get("permissions", []),
        "above": above,
        "problem": problem,
        "back": "/roles" if row is None else f"/roles/{row.id}",
        "key": visit.form.get(KEY) or visit.new_key(),
        "version": "" if row is None else looked_at(visit, row.version, problem),
    }
    title = visit.say("New role" if row is None else "Edit role")
    trail = (Crumb(visit.say("Roles"), "/roles"), *([] if row is None else [Crumb(row.name, f"/roles/{row.id}")]))
    return Shown("role_form.html", title, values, 200 if problem is None else problem.status, trail)


async def write_role(visit: Visit) -> Shown | Gone:
    """Makes or changes it."""
    body: dict[str, Any] = {
        "name": str(visit.form.get("name", "")),
        "note": str(visit.form.get("note", "")),
        "permissions": [str(one) for one in visit.form.getall("permissions", [])],
    }
    key, version = str(visit.form.get(KEY, "")), str(visit.form.get(VERSION, ""))
    try:
        if _is_new(visit):
            await visit.do("role.define", {"account_id": visit.account_id, **body}, key=key)
        else:
            await visit.do("role.edit", body, key=key, version=version, **visit.path_of("role.edit"))
    except Problem as problem:
        async with visit.looking():
            return await _role_form(visit, problem)
    back = "/roles" if _is_new(visit) else f"/roles/{visit.parameter('role_id')}"
    return Gone(back, visit.say("The role is written."))


_FORMS = (
    Form("/users/new", "user.invite", "Invite a user", "Invite", "/users", tells=tell_invited),
    Form(f"{USER}/edit", "user.edit", "Edit user", "Save", USER, shows="user.show", said="The user is changed."),
    Form(
        f"{USER}/roles", "user.roles", "Roles of the user", "Save", USER, shows="user.show",
        said="The roles are given.",
    ),
    Form(
        f"{USER}/invitation", "user.invite-again", "Invite this user again?", "Invite", USER, tells=tell_invited,
        text="Earlier links open nothing any more.",
    ),
    Form(
        f"{USER}/unlock", "user.unlock", "Let this user try again?", "Unlock", USER, said="The user can sign in again.",
        text="After too many wrong passwords the door stays closed for a while.",
    ),
    Form(
        f"{USER}/second-factor", "user.drop-second-factor", "Drop the second factor?", "Drop", USER,
        said="The second factor is off.", text="For somebody who lost it. Be sure who asks for this.", is_danger=True,
    ),
    Form(
        f"{USER}/removal", "user.remove", "Remove this user?", "Remove", "/users", said="The user is gone.",
        text="Sessions and tokens end at once.", is_danger=True,
    ),
    Form(
        f"{ROLE}/removal", "role.remove", "Remove this role?", "Remove", "/roles", said="The role is gone.",
        is_danger=True,
    ),
    Form("/tokens/new", "token.make", "New token", "Make", "/tokens", tells=tell_token),
    Form(
        "/tokens/{token_id}/revocation", "token.revoke", "Revoke this token?", "Revoke", "/tokens",
        said="The token opens nothing any more.", is_danger=True,
    ),
    Form(
        "/sessions/{session_id}/end", "session.revoke", "End this session?", "End", "/sessions",
        said="The session has ended.", is_danger=True,
    ),
)  # fmt: skip
SCREENS = (
    *screens(USERS),
    *screens(ROLES),
    *screens(TOKENS),
    *screens(SESSIONS),
    *(form_screen(form) for form in _FORMS),
    Screen(USER, "user.show", show_user),
    Screen("/roles/new", "role.define", show_role_form, write_role),
    Screen(f"{ROLE}/edit", "role.edit", show_role_form, write_role),
    Screen(ROLE, "role.show", show_role),
)
