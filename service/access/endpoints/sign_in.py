"""Signing in and out, and passwords that are chosen by a link. Whoever asks isn't known yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access import lockout
from service.access.actor import Actor
from service.access.endpoints.users import Email
from service.access.factors import hash_of_code, matching_step
from service.access.keys import hash_of
from service.access.lockout import door_of
from service.access.passwords import CHARACTERS_MAX, fits, hash_password, password_problem
from service.access.people import UserView, user_view
from service.access.sessions import MINUTE_MS, SESSION_MS, Visit, end_links, end_sessions, make_link, open_session
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key, Open
from service.api.problems import Problem, invalid
from service.api.values import Asked, Moment, Told
from service.database.access_tables import mails, sessions, user_links, users
from service.database.engine import reading
from service.database.tables import accounts

SAME_ADDRESS_MAX = 8
"""Accounts in which one address can be a user and still be tried."""
RESET_PAUSE_MS = 5 * MINUTE_MS
"""Between two links for one user: strangers can fill no mailbox, nor void each link before its owner has read it."""
_FRESH = sa.select(user_links.c.id).where(
    (user_links.c.user_id == users.c.id)
    & (user_links.c.purpose == "reset")
    & (user_links.c.created_ms > sa.bindparam("since_ms"))
)
Password = Annotated[str, Field(min_length=1, max_length=CHARACTERS_MAX, json_schema_extra={"format": "password"})]


class SignIn(Asked):
    """Who one is."""

    email: Email
    password: Password
    code: Annotated[str, Field(max_length=20, description="Of the authenticator, or a recovery code")] = ""
    account_id: Annotated[
        int | None, Field(ge=1, le=2**63 - 1, description="Where one address is a user of several accounts")
    ] = None


class SignedIn(Told):
    """A session."""

    session: Annotated[str, Field(description="Send it as `Authorization: Bearer …`")]
    user: UserView
    expires_at: Moment


class ResetAsked(Asked):
    """Whose password is forgotten."""

    email: Email


class PasswordChosen(Asked):
    """What a link is for."""

    link: Annotated[str, Field(min_length=1, max_length=200)]
    password: Password


async def sign_in(call: Call) -> Answer:
    """Opens a session. Known and unknown addresses are answered alike, and take the same time."""
    body: SignIn = call.body
    async with reading(call.api.engine) as conn:
        known = await _candidates(conn, body)
    doors = [door_of(row.id) for row in known] or [body.email]
    knocked = await knock(call, doors)
    fitting = [row for row in known if door_of(row.id) in knocked and await fits(body.password, row.password_hash)]
    if not known:
        await fits(body.password, None)
    if not fitting:
        raise refused(knocked, doors, Problem("sign-in-failed", "no user has this address and password"))
    own = {door_of(row.id) for row in fitting} if len(fitting) == 1 else set()
    await take_back(call, {door: one for door, one in knocked.items() if door not in own})
    if len(fitting) > 1:
        listed = ", ".join(f"{row.account_id} ({row.account_name})" for row in fitting)
        raise invalid("/account_id", f"this address is a user of several accounts: name one of {listed}")
    return await _enter(call, body, fitting[0], knocked[door_of(fitting[0].id)])


async def knock(call: Call, doors: Sequence[str]) -> dict[str, lockout.Knock]:
    """Before a password is looked at: the doors that are open. Raises Problem: all are closed."""
    async with call.api.engine.begin() as conn:
        found = {door: await lockout.knock(conn, door, call.now_ms) for door in doors}
    still_closed = [one.waits_ms for one in found.values()]
    if all(still_closed):
        raise _too_many(min(still_closed))
    return {door: one for door, one in found.items() if not one.waits_ms}


async def take_back(call: Call, knocked: Mapping[str, lockout.Knock]) -> None:
    """The password was right, of these or of others with the same address: what is set for one is a guess at the others
    when it is set (`guess_at_others`), not whenever that one comes in.
    """
    if not knocked:
        return
    async with call.api.engine.begin() as conn:
        for door, one in knocked.items():
            await lockout.take_back(conn, door, one)


async def guess_at_others(conn: AsyncConnection, user: Row[Any], now_ms: int) -> None:
    """Whoever sets a password for one user would learn at the door whether it is that of another one, with the same
    address: so it counts as a wrong one there.
    """
    same = (users.c.email == user.email) & (users.c.state == "active") & (users.c.id != user.id)
    found = await conn.execute(sa.select(users.c.id).where(same).order_by(users.c.id).limit(SAME_ADDRESS_MAX))
    for number in found.scalars().all():
        await lockout.knock(conn, door_of(number), now_ms)


def refused(knocked: Mapping[str, lockout.Knock], doors: Sequence[str], problem: Problem) -> Problem:
    """What is said of something wrong: that, or, when no door is left that it could have opened, that it was wrong too
    often.
    """
    closed = [one.closed_ms for one in knocked.values()]
    return _too_many(min(closed)) if len(knocked) == len(doors) and all(closed) else problem


def _too_many(closed_ms: int) -> Problem:
    seconds = -(-closed_ms // 1000)
    return Problem("too-many", f"wrong too often: try again in {seconds} s", headers={"Retry-After": str(seconds)})


async def _candidates(conn: Any, body: SignIn) -> list[Row[Any]]:
    where = (users.c.email == body.email) & (users.c.state == "active") & (accounts.c.state != "closed")
    if body.account_id is not None:
        where &= users.c.account_id == body.account_id
    query = sa.select(users, accounts.c.name.label("account_name"), accounts.c.path)
    query = query.join(accounts, accounts.c.id == users.c.account_id).where(where)
    return list(await conn.execute(query.order_by(users.c.id).limit(SAME_ADDRESS_MAX)))


async def _enter(call: Call, body: SignIn, user: Row[Any], knocked: lockout.Knock) -> Answer:
    """The password fits: the second factor, then the session."""
    async with call.writing() as conn:
        taken = await _second_factor(call, user, body.code)
        if taken is not None:
            await conn.execute(sa.update(users).where(users.c.id == user.id).values(signed_in_ms=call.now_ms, **taken))
            await lockout.forget_failures(conn, door_of(user.id))
            key = await open_session(conn, user.id, Visit(call.asking.address, call.asking.agent), call.now_ms)
            call.actor = _as(user, call)
            await call.audit("session.open", "user", user.id, user.account_id)
            view = await user_view(conn, user.id)
    if taken is None:
        wanted = Problem("second-factor", "send `code` too")
        door = door_of(user.id)
        if body.code:
            raise refused({door: knocked}, [door], wanted)
        await take_back(call, {door: knocked})
        raise wanted
    return Answer(SignedIn(session=key.text, user=view, expires_at=call.now_ms + SESSION_MS))


def _as(user: Row[Any], call: Call) -> Actor:
    """For the audit: who has just shown who they are."""
    return Actor(user.id, user.email, user.account_id, user.path, frozenset(), call.asking.address)


async def _second_factor(call: Call, user: Row[Any], code: str) -> dict[str, Any] | None:
    """What to write down of the code that was taken; None: it doesn't fit."""
    if not user.totp_active:
        return {}
    row = (await call.conn.execute(sa.select(users).where(users.c.id == user.id))).one()
    step = matching_step(row.totp_secret, code, call.now_ms, row.totp_step)
    if step is not None:
        return {"totp_step": step}
    kept = hash_of_code(code)
    if kept in row.recovery_hashes:
        return {"recovery_hashes": [one for one in row.recovery_hashes if one != kept]}
    return None


async def sign_out(call: Call) -> Answer:
    """Ends the session that asks."""
    if call.actor.session_id is None:
        raise Problem("conflict", "this is no session: revoke a token under /tokens")
    await call.conn.execute(sa.delete(sessions).where(sessions.c.id == call.actor.session_id))
    await call.audit("session.close", "user", call.actor.user_id or 0, call.actor.account_id)
    return Answer()


async def ask_reset(call: Call) -> Answer:
    """Mails a link to an address, if somebody has it and got none just now; the answer is the same."""
    body: ResetAsked = call.body
    async with call.writing() as conn:
        query = sa.select(users).where((users.c.email == body.email) & (users.c.state == "active"))
        query = query.where(~_FRESH.exists()).order_by(users.c.id).limit(SAME_ADDRESS_MAX)
        for user in await conn.execute(query, {"since_ms": call.now_ms - RESET_PAUSE_MS}):
            key = await make_link(conn, user.id, "reset", call.now_ms)
            mail = {"account_id": user.account_id, "recipient": user.email, "template": "reset"}
            await conn.execute(
                sa.insert(mails).values(**mail, fields={"user_id": user.id, "link": key.text}, created_ms=call.now_ms)
            )
    return Answer()


async def choose_password(call: Call) -> Answer:
    """By the link of an invitation or a reset, which opens once. All sessions of the user end."""
    body: PasswordChosen = call.body
    async with reading(call.api.engine) as conn:
        user = await _of_link(conn, body.link, call.now_ms)
    problem = password_problem(body.password, user.email)
    if problem is not None:
        raise invalid("/password", problem)
    kept = await hash_password(body.password)
    async with call.writing() as conn:
        user = await _of_link(conn, body.link, call.now_ms)
        await end_links(conn, user.id)
        values = {"password_hash": kept, "state": "active", "version": users.c.version + 1}
        await conn.execute(sa.update(users).where(users.c.id == user.id).values(**values))
        await end_sessions(conn, user.id)
        await guess_at_others(conn, user, call.now_ms)
        await lockout.forget_failures(conn, door_of(user.id))
        call.actor = _as(user, call)
        await call.audit("user.password", "user", user.id, user.account_id)
        if user.state == "invited":
            mail = {"account_id": user.account_id, "recipient": user.email, "template": "welcome"}
            welcome = sa.insert(mails).values(**mail, fields={"user_id": user.id}, created_ms=call.now_ms)
            await call.conn.execute(welcome)
        return Answer(await user_view(conn, user.id))


async def _of_link(conn: Any, link: str, now_ms: int) -> Row[Any]:
    """The user of a link that still opens. Raises Problem."""
    query = (
        sa.select(users, accounts.c.path)
        .join(user_links, user_links.c.user_id == users.c.id)
        .join(accounts, accounts.c.id == users.c.account_id)
        .where((user_links.c.hash == hash_of(link)) & (user_links.c.expires_ms > now_ms))
        .where((users.c.state != "suspended") & (accounts.c.state != "closed"))
    )
    found: Row[Any] | None = (await conn.execute(query)).first()
    if found is None:
        raise invalid("/link", "this link has expired, or was used: ask for another one")
    return found


ENDPOINTS = [
    Endpoint(
        "session.open", "POST", "/sessions", Open.PUBLIC, sign_in, "Sign in", SignIn, answer=SignedIn, status=201,
        key=Key.NONE, own_transaction=True,
    ),
    Endpoint(
        "session.close", "DELETE", "/sessions/current", Open.SIGNED_IN, sign_out, "Sign out", status=204, key=Key.NONE
    ),
    Endpoint(
        "password.forget", "POST", "/password-resets", Open.PUBLIC, ask_reset, "Ask for a new password", ResetAsked,
        status=202, key=Key.NONE, own_transaction=True,
    ),
    Endpoint(
        "password.choose", "POST", "/passwords", Open.PUBLIC, choose_password, "Choose a password by a link",
        PasswordChosen, answer=UserView, key=Key.NONE, own_transaction=True,
    ),
]  # fmt: skip
