"""The door: signing in and out, forgotten passwords, invitations, and being somebody else for a while."""

from __future__ import annotations

from typing import Any

from service.access.endpoints.sign_in import SignedIn
from service.access.endpoints.users import ActingSession
from service.api.problems import Problem
from service.api.values import number_in
from service.portal.components.fields import Field, errors_by_field, field, kinds
from service.portal.components.labels import label_of
from service.portal.cookies import HOME
from service.portal.screen import Gone, Screen, Shown, local_path
from service.portal.visit import BY_NAME, Visit


def _fields(
    visit: Visit, endpoint: str, names: tuple[str, ...], problem: Problem | None
) -> tuple[list[Field], list[str]]:
    """Fields of a body with what was typed, passwords excepted, and the lines that belong to none of them."""
    body = BY_NAME[endpoint].body
    assert body is not None
    known = kinds(body)
    beside, above = errors_by_field(problem.errors if problem is not None else [], names)
    found = []
    for name in names:
        typed = () if known[name].shape == "password" else tuple(map(str, visit.form.getall(name, [])))
        found.append(field(known[name], visit.say(label_of(name)), typed, beside.get(name, [])))
    return found, above


def _door(visit: Visit, template: str, title: str, fields: tuple[list[Field], list[str]], **more: Any) -> Shown:
    problem: Problem | None = more.pop("problem", None)
    values = {"fields": fields[0], "above": fields[1], "problem": problem, **more}
    return Shown(template, visit.say(title), values, 200 if problem is None else problem.status)


# --- signing in


async def show_sign_in(visit: Visit) -> Shown | Gone:
    """Whoever is signed in has no business here."""
    if visit.actor is not None:
        return Gone("/")
    return _sign_in(visit, None)


def _sign_in(visit: Visit, problem: Problem | None) -> Shown:
    has_many = problem is not None and any(one.pointer == "/account_id" for one in problem.errors)
    names = ("email", "password", "code", *(("account_id",) if has_many else ()))
    back = str(visit.form.get("next", "") or visit.request.query.get("next", ""))
    found = _fields(visit, "session.open", names, problem)
    return _door(visit, "sign_in.html", "Sign in", found, problem=problem, back=back)


async def sign_in(visit: Visit) -> Shown | Gone:
    """Opens a session, and goes where one wanted to."""
    body: dict[str, Any] = {name: str(visit.form.get(name, "")) for name in ("email", "password", "code")}
    body["code"] = body["code"].strip()
    account = str(visit.form.get("account_id", "")).strip()
    if account:
        body["account_id"] = number_in(account) or account
    try:
        answer = await visit.do("session.open", body, credential="")
    except Problem as problem:
        return _sign_in(visit, problem)
    assert isinstance(answer.body, SignedIn)
    return Gone(local_path(str(visit.form.get("next", ""))), session=answer.body.session, home="")


async def ask_sign_out(visit: Visit) -> Shown:
    """For who has no menu that opens."""
    return Shown("sign_out.html", visit.say("Sign out"), {})


async def sign_out(visit: Visit) -> Gone:
    """Ends the session; also the own one, of whoever acts as somebody else."""
    await visit.do("session.close")
    home = visit.request.cookies.get(HOME, "")
    if home:
        await _close(visit, home)
    return Gone("/sign-in", visit.say("You are signed out."), session="", home="")


async def _close(visit: Visit, credential: str) -> None:
    try:
        await visit.do("session.close", credential=credential)
    except Problem as problem:
        if problem.kind != "signed-out":
            raise


# --- passwords


async def show_forgotten(visit: Visit) -> Shown:
    """Asks for the address."""
    return _forgotten(visit, None)


def _forgotten(visit: Visit, problem: Problem | None) -> Shown:
    found = _fields(visit, "password.forget", ("email",), problem)
    return _door(visit, "forgotten.html", "Forgotten password", found, problem=problem)


async def forgotten(visit: Visit) -> Shown | Gone:
    """Whether somebody has the address is not told."""
    try:
        await visit.do("password.forget", {"email": str(visit.form.get("email", "")).strip()}, credential="")
    except Problem as problem:
        return _forgotten(visit, problem)
    return Gone("/sign-in", visit.say("If this address is known here, a mail with a link is on its way to it."))


async def show_choose(visit: Visit) -> Shown:
    """Of an invitation or a reset: the link stands in the address."""
    return _choose(visit, None)


def _choose(visit: Visit, problem: Problem | None) -> Shown:
    link = str(visit.form.get("link", "") or visit.request.query.get("link", ""))
    found = _fields(visit, "password.choose", ("password",), problem)
    return _door(visit, "choose.html", "Choose a password", found, problem=problem, link=link)


async def choose(visit: Visit) -> Shown | Gone:
    """Then one signs in with it."""
    body = {"link": str(visit.form.get("link", "")), "password": str(visit.form.get("password", ""))}
    try:
        await visit.do("password.choose", body, credential="")
    except Problem as problem:
        return _choose(visit, problem)
    return Gone("/sign-in", visit.say("Your password is set: sign in with it."), session="", home="")


# --- log in as


async def log_in_as(visit: Visit) -> Gone:
    """From here on every page says whom one acts as."""
    answer = await visit.do("user.impersonate", user_id=visit.parameter("user_id"))
    assert isinstance(answer.body, ActingSession)
    return Gone("/", session=answer.body.session, home=visit.credential)


async def ask_log_in_as(visit: Visit) -> Shown:
    """Says what it means, first."""
    user: Any = (await visit.look_at("user.show", visit.path_of("user.show"))).body
    return Shown("log_in_as.html", visit.say("Log in as another user"), {"user": user})


async def end_log_in_as(visit: Visit) -> Gone:
    """Oneself again; who is that already, by another tab, stays it."""
    if not visit.is_acting:
        return Gone("/")
    home = visit.request.cookies.get(HOME, "")
    await visit.do("session.close")
    return Gone("/", session=home, home="")


SCREENS = (
    Screen("/sign-in", "session.open", show_sign_in, sign_in),
    Screen("/sign-out", "session.close", ask_sign_out, sign_out),
    Screen("/forgotten-password", "password.forget", show_forgotten, forgotten),
    Screen("/password", "password.choose", show_choose, choose),
    Screen("/users/{user_id}/log-in-as", "user.impersonate", ask_log_in_as, log_in_as),
    Screen("/log-in-as/end", "session.close", show_sign_in, end_log_in_as),
)
