"""Users of an account and of those below it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import AfterValidator, Field
from sqlalchemy import Row

from service.access.lockout import door_of, forget_failures
from service.access.people import (
    UserView,
    change_user,
    check_given,
    check_over,
    give_roles,
    keeping_a_super_admin,
    set_roles,
    user_view,
    user_views,
)
from service.access.permissions import Permission
from service.access.sessions import BEHALF_MS, Visit, end_links, end_sessions, make_link, open_session
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lines import Expression, together
from service.api.listed import lines_of
from service.api.lists import Listing, Page, Paging, contains, equals, page_of
from service.api.problems import Problem
from service.api.values import AccountId, Asked, Moment, RoleId, Text, Told, Words, language_of, zone_of
from service.database.access_tables import mails, user_roles, users

Email = Annotated[str, Field(pattern=r"^[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,190}$"), AfterValidator(str.lower)]
Language = Annotated[str, AfterValidator(language_of)]
Zone = Annotated[str, AfterValidator(zone_of)]
Roles = Annotated[list[RoleId], Field(max_length=50)]


class UserQuery(Paging):
    """Which users."""

    account_id: AccountId | None = None
    email: Text = ""
    name: Text = ""
    state: Literal["", "invited", "active", "suspended"] = ""


class NewUser(Asked):
    """Somebody to invite."""

    account_id: AccountId
    email: Email
    name: Words
    role_ids: Annotated[Roles, Field(min_length=1, description="None that allows there what you may not yourself")]
    language: Language = "en"
    timezone: Zone = "UTC"


class Invited(Told):
    """An invitation. It is mailed too; who has the link sets the password."""

    user: UserView
    link: Annotated[str, Field(description="Shown once")]
    expires_at: Moment


class UserEdit(Asked):
    """What to change; what is left out stays."""

    email: Email | None = None
    name: Words | None = None
    state: Literal["active", "suspended"] | None = None
    language: Language | None = None
    timezone: Zone | None = None


class UserRoles(Asked):
    """All of them."""

    role_ids: Roles


class ActingSession(Told):
    """A session as somebody else."""

    session: Annotated[str, Field(description="Send it as Bearer")]
    user: UserView
    expires_at: Moment


_LISTING = Listing(
    "user",
    {"email": users.c.email, "name": users.c.name, "created": users.c.created_ms},
    {
        "account_id": equals(users.c.account_id),
        "email": contains(users.c.email),
        "name": contains(users.c.name),
        "state": equals(users.c.state),
    },
)


def _cells(_: Call) -> dict[str, Expression]:
    given = sa.select(sa.cast(user_roles.c.role_id, sa.Text)).where(user_roles.c.user_id == users.c.id)
    return {"role_ids": together(given.order_by(user_roles.c.role_id).correlate(users))}


async def list_users(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[UserView](items=await user_views(call.conn, rows), next=following))


async def show_user(call: Call) -> Answer:
    """One."""
    view = (await user_views(call.conn, [call.row]))[0]
    return Answer(view, version=view.version)


async def invite_user(call: Call) -> Answer:
    """Makes a user who is to choose a password."""
    body: NewUser = call.body
    account = await call.find("account", body.account_id, to_change=True)
    if account.state == "closed":
        raise Problem("conflict", "the account is closed")
    await check_given(call, account.path, body.role_ids)
    known = sa.select(users.c.id).where((users.c.account_id == account.id) & (users.c.email == body.email))
    if (await call.conn.execute(known)).first() is not None:
        raise Problem("conflict", f"{body.email} is a user of this account already")
    values = {**body.model_dump(exclude={"role_ids"}), "created_ms": call.now_ms, "recovery_hashes": []}
    made = await call.conn.execute(sa.insert(users).values(**values).returning(users.c.id))
    user_id = int(made.scalar_one())
    await give_roles(call.conn, user_id, body.role_ids)
    view = await user_view(call.conn, user_id)
    await call.audit("user.invite", "user", user_id, account.id, None, view)
    return await _invitation(call, view)


async def _invitation(call: Call, view: UserView) -> Answer:
    key = await make_link(call.conn, view.id, "invitation", call.now_ms)
    mail = {"account_id": view.account_id, "recipient": view.email, "template": "invitation"}
    fields = {"user_id": view.id, "link": key.text}
    await call.conn.execute(sa.insert(mails).values(**mail, fields=fields, created_ms=call.now_ms))
    expires_ms = call.now_ms + 7 * 24 * 3_600_000
    return Answer(Invited(user=view, link=key.text, expires_at=expires_ms), location=f"/api/v1/users/{view.id}")


async def invite_again(call: Call) -> Answer:
    """A new link; the one before is void."""
    await check_over(call, call.row.id)
    if call.row.state != "invited":
        raise Problem("conflict", "this user has a password already: let them ask for a reset")
    await call.audit("user.invite_again", "user", call.row.id, call.of.id)
    return await _invitation(call, await user_view(call.conn, call.row.id))


async def edit_user(call: Call) -> Answer:
    """Changes some fields. A suspended user's sessions end; links that went to another address open nothing."""
    body: UserEdit = call.body
    call.check_match(call.row.version)
    await check_over(call, call.row.id)
    before = await user_view(call.conn, call.row.id)
    values = body.model_dump(exclude_none=True)
    if values.get("state") == "active" and call.row.password_hash is None:
        values["state"] = "invited"
    if "email" in values:
        await _check_free(call, call.row, values["email"])
    async with keeping_a_super_admin(call):
        await change_user(call, call.row.id, values)
    if values.get("state") == "suspended":
        await end_sessions(call.conn, call.row.id)
    if values.get("email", call.row.email) != call.row.email:
        await end_links(call.conn, call.row.id)
    after = await user_view(call.conn, call.row.id)
    await call.audit("user.change", "user", call.row.id, call.of.id, before, after)
    return Answer(after, version=after.version)


async def _check_free(call: Call, user: Row[Any], email: str) -> None:
    same = (users.c.account_id == user.account_id) & (users.c.email == email) & (users.c.id != user.id)
    if (await call.conn.execute(sa.select(users.c.id).where(same))).first() is not None:
        raise Problem("conflict", f"{email} is a user of this account already")


async def replace_roles(call: Call) -> Answer:
    """Gives and takes roles; it holds at the user's next request."""
    call.check_match(call.row.version)
    await check_over(call, call.row.id)
    before = await user_view(call.conn, call.row.id)
    async with keeping_a_super_admin(call):
        await set_roles(call, call.row, call.of.path, call.body.role_ids)
    await change_user(call, call.row.id, {})
    after = await user_view(call.conn, call.row.id)
    await call.audit("user.roles", "user", call.row.id, call.of.id, before, after)
    return Answer(after, version=after.version)


async def remove_user(call: Call) -> Answer:
    """Removes a user with sessions and tokens. The audit keeps the name."""
    call.check_match(call.row.version)
    await check_over(call, call.row.id)
    before = await user_view(call.conn, call.row.id)
    async with keeping_a_super_admin(call):
        await call.conn.execute(sa.delete(users).where(users.c.id == call.row.id))
    await call.audit("user.remove", "user", call.row.id, call.of.id, before, None)
    return Answer()


async def unlock_user(call: Call) -> Answer:
    """Opens the door that wrong passwords closed."""
    await check_over(call, call.row.id)
    await forget_failures(call.conn, door_of(call.row.id))
    await call.audit("user.unlock", "user", call.row.id, call.of.id)
    return Answer(await user_view(call.conn, call.row.id))


async def drop_second_factor(call: Call) -> Answer:
    """For somebody else, who lost it: one's own goes by the password, which no stolen session knows."""
    if call.row.id == call.actor.user_id:
        raise Problem("forbidden", "your own second factor is turned off in your profile, by your password")
    await check_over(call, call.row.id)
    before = await user_view(call.conn, call.row.id)
    await change_user(call, call.row.id, {"totp_active": False, "totp_secret": None, "recovery_hashes": []})
    after = await user_view(call.conn, call.row.id)
    await call.audit("user.drop_second_factor", "user", call.row.id, call.of.id, before, after)
    return Answer(after, version=after.version)


async def act_as(call: Call) -> Answer:
    """Signs in as somebody below. The session may what both may, and both names stand in the audit."""
    actor = call.actor
    if actor.user_id is None or actor.token_id is not None or actor.behalf_of_id is not None:
        raise Problem("forbidden", "only who is signed in as themselves can act as somebody else")
    if call.of.id == actor.account_id:
        raise Problem("forbidden", "one acts as users of the accounts below only")
    if call.row.state != "active":
        raise Problem("conflict", "this user can't sign in")
    visit = Visit(call.asking.address, call.asking.agent)
    key = await open_session(call.conn, actor.user_id, visit, call.now_ms, behalf_of_id=call.row.id)
    view = await user_view(call.conn, call.row.id)
    await call.audit("user.impersonate", "user", call.row.id, call.of.id, None, view)
    return Answer(ActingSession(session=key.text, user=view, expires_at=call.now_ms + BEHALF_MS))


_READ, _CHANGE = Permission.USERS_READ, Permission.USERS_CHANGE
_ONE = "/users/{user_id}"
ENDPOINTS = [
    Endpoint(
        "user.list", "GET", "/users", _READ, list_users, "List users", query=UserQuery, answer=Page[UserView],
        lines=lines_of(_LISTING, UserView, _cells),
    ),
    Endpoint("user.show", "GET", _ONE, _READ, show_user, "Show a user", answer=UserView),
    Endpoint(
        "user.invite", "POST", "/users", _CHANGE, invite_user, "Invite a user", NewUser, answer=Invited, status=201,
        key=Key.NONE,
    ),
    Endpoint(
        "user.invite-again", "POST", f"{_ONE}/invitation", _CHANGE, invite_again, "Make a new invitation",
        answer=Invited, status=201, key=Key.NONE,
    ),
    Endpoint("user.edit", "PATCH", _ONE, _CHANGE, edit_user, "Edit a user", UserEdit, answer=UserView),
    Endpoint(
        "user.roles", "PUT", f"{_ONE}/roles", _CHANGE, replace_roles, "Give and take roles", UserRoles, answer=UserView
    ),
    Endpoint("user.remove", "DELETE", _ONE, _CHANGE, remove_user, "Remove a user", status=204),
    Endpoint("user.unlock", "POST", f"{_ONE}/unlock", _CHANGE, unlock_user, "Let a user try again", answer=UserView),
    Endpoint(
        "user.drop-second-factor", "DELETE", f"{_ONE}/totp", _CHANGE, drop_second_factor, "Drop a lost second factor",
        answer=UserView,
    ),
    Endpoint(
        "user.impersonate", "POST", f"{_ONE}/session", Permission.USERS_IMPERSONATE, act_as, "Log in as a user below",
        answer=ActingSession, status=201, key=Key.NONE,
    ),
]  # fmt: skip
