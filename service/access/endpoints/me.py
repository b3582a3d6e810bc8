"""What everybody may do about themselves."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access.endpoints.sign_in import Password, guess_at_others, knock, refused, take_back
from service.access.endpoints.users import Language, Zone
from service.access.factors import hash_of_code, matching_step, new_recovery_codes, new_secret, provisioning_uri
from service.access.lockout import door_of
from service.access.passwords import fits, hash_password, password_problem
from service.access.people import UserView, change_user, user_view
from service.access.sessions import end_links, end_sessions
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key, Open
from service.api.problems import Problem, invalid, not_found
from service.api.values import Asked, Moment, Told, Words
from service.database.access_tables import sessions, users
from service.database.engine import reading
from service.database.tables import accounts


class Me(Told):
    """Who asks, and what they may."""

    user: UserView | None = Field(description="Whose rights these are; null: the command line")
    signed_in_as: str
    acting_as: Annotated[str, Field(description="Empty: as oneself")]
    account_id: int
    account_name: str
    account_kind: Literal["root", "reseller", "customer", "provider"]
    buys: Annotated[
        bool, Field(description="Whether the account pays a seller; not the operator, nor who earns commission")
    ]
    permissions: list[str]


class MyEdit(Asked):
    """What to change; what is left out stays."""

    name: Words | None = None
    language: Language | None = None
    timezone: Zone | None = None


class MyPassword(Asked):
    """The old one shows who asks."""

    old: Password
    new: Password


class NewFactor(Told):
    """For an authenticator; it counts once a code of it was sent."""

    secret: str
    uri: Annotated[str, Field(description="What its QR code says")]


class Code(Asked):
    """Six digits of the authenticator."""

    code: Annotated[str, Field(pattern=r"^\d{6}$")]


class RecoveryCodes(Told):
    """Each opens once when the authenticator is lost. Shown once."""

    codes: list[str]


class Proof(Asked):
    """Who takes the second factor away knows the password."""

    password: Password


class SessionView(Told):
    """A place where somebody is signed in."""

    id: int
    user_id: int
    acting_as_id: Annotated[int | None, Field(validation_alias="behalf_of_id")]
    address: str
    agent: str
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    seen_at: Annotated[Moment, Field(validation_alias="seen_ms", description="To the minute")]
    expires_at: Annotated[Moment, Field(validation_alias="expires_ms")]


class MySessions(Told):
    """All of them."""

    items: list[SessionView]


async def show_me(call: Call) -> Answer:
    """Who asks."""
    actor = call.actor
    charged = actor.behalf_of_id or actor.user_id
    query = sa.select(accounts.c.name, accounts.c.kind, accounts.c.commission).where(accounts.c.id == actor.account_id)
    account = (await call.conn.execute(query)).one()
    return Answer(
        Me(
            user=None if charged is None else await user_view(call.conn, charged),
            signed_in_as=actor.name,
            acting_as=actor.behalf_of,
            account_id=actor.account_id,
            account_name=account.name,
            account_kind=account.kind,
            buys=account.kind != "root" and not account.commission,
            permissions=sorted(actor.permissions),
        )
    )


def myself(call: Call) -> int:
    """The user who is signed in as themselves. Raises Problem."""
    actor = call.actor
    if actor.user_id is None or actor.session_id is None or actor.behalf_of_id is not None:
        raise Problem("forbidden", "only who is signed in as themselves can do this")
    return actor.user_id


async def _my_row(call: Call) -> Row[Any]:
    return (await call.conn.execute(sa.select(users).where(users.c.id == myself(call)))).one()


async def edit_me(call: Call) -> Answer:
    """Name, language and time zone."""
    user = await _my_row(call)
    call.check_match(user.version)
    before = await user_view(call.conn, user.id)
    await change_user(call, user.id, call.body.model_dump(exclude_none=True))
    after = await user_view(call.conn, user.id)
    await call.audit("user.change", "user", user.id, user.account_id, before, after)
    return Answer(after, version=after.version)


async def _proved(call: Call, password: str) -> Row[Any]:
    """The asker's row, if the password is theirs: wrong ones close the door as at signing in, since a session that
    somebody has stolen must not find it out. Raises Problem.
    """
    number = myself(call)
    async with reading(call.api.engine) as conn:
        user = (await conn.execute(sa.select(users).where(users.c.id == number))).one()
    doors = [door_of(user.id)]
    knocked = await knock(call, doors)
    if await fits(password, user.password_hash):
        await take_back(call, knocked)
        return user
    raise refused(knocked, doors, Problem("forbidden", "this is not your password"))


async def change_password(call: Call) -> Answer:
    """All other sessions end."""
    body: MyPassword = call.body
    user = await _proved(call, body.old)
    problem = password_problem(body.new, user.email)
    if problem is not None:
        raise invalid("/new", problem)
    kept = await hash_password(body.new)
    async with call.writing() as conn:
        await change_user(call, user.id, {"password_hash": kept})
        await end_sessions(conn, user.id, but=call.actor.session_id)
        await end_links(conn, user.id)
        await guess_at_others(conn, user, call.now_ms)
        await call.audit("user.password", "user", user.id, user.account_id)
    return Answer()


async def begin_factor(call: Call) -> Answer:
    """A new secret; the present one counts until a code of the new one was sent."""
    user = await _my_row(call)
    if user.totp_active:
        raise Problem("conflict", "there is a second factor: take it away first")
    secret = new_secret()
    await change_user(call, user.id, {"totp_secret": secret})
    await call.audit("user.begin_second_factor", "user", user.id, user.account_id)
    return Answer(NewFactor(secret=secret, uri=provisioning_uri(secret, user.email, "Kambill")))


async def confirm_factor(call: Call) -> Answer:
    """From here on it is asked for."""
    user = await _my_row(call)
    if user.totp_active or user.totp_secret is None:
        raise Problem("conflict", "begin with POST /me/totp")
    step = matching_step(user.totp_secret, call.body.code, call.now_ms, user.totp_step)
    if step is None:
        raise invalid("/code", "this is not the code of now: is the clock of your authenticator right?")
    codes = new_recovery_codes()
    hashes = [hash_of_code(code) for code in codes]
    await change_user(call, user.id, {"totp_active": True, "totp_step": step, "recovery_hashes": hashes})
    await call.audit("user.second_factor", "user", user.id, user.account_id)
    return Answer(RecoveryCodes(codes=codes))


async def remove_factor(call: Call) -> Answer:
    """By the password."""
    user = await _proved(call, call.body.password)
    async with call.writing():
        await change_user(call, user.id, {"totp_active": False, "totp_secret": None, "recovery_hashes": []})
        await call.audit("user.drop_second_factor", "user", user.id, user.account_id)
    return Answer()


async def my_sessions(call: Call) -> Answer:
    """Where one is signed in, the latest first."""
    query = sa.select(sessions).where(sessions.c.user_id == myself(call)).order_by(sessions.c.id.desc())
    rows = await call.conn.execute(query.limit(200))
    return Answer(MySessions(items=[SessionView.model_validate(row._mapping) for row in rows]))


async def end_my_session(call: Call) -> Answer:
    """Signs out elsewhere."""
    number = myself(call)
    text = call.asking.parameters["number"]
    mine = sessions.c.user_id == number
    wanted = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
    gone = await call.conn.execute(sa.delete(sessions).where((sessions.c.id == wanted) & mine).returning(sessions.c.id))
    if gone.first() is None:
        raise not_found()
    await call.audit("session.revoke", "user", number, call.actor.account_id)
    return Answer()


_ME = Open.SIGNED_IN
ENDPOINTS = [
    Endpoint("me.show", "GET", "/me", _ME, show_me, "Who am I, and what may I?", answer=Me),
    Endpoint("me.edit", "PATCH", "/me", _ME, edit_me, "Edit myself", MyEdit, answer=UserView),
    Endpoint(
        "me.password", "PUT", "/me/password", _ME, change_password, "Change my password", MyPassword, status=204,
        key=Key.NONE, own_transaction=True,
    ),
    Endpoint(
        "me.totp-begin", "POST", "/me/totp", _ME, begin_factor, "Begin a second factor", answer=NewFactor, status=201,
        key=Key.NONE,
    ),
    Endpoint(
        "me.totp-confirm", "POST", "/me/totp/confirmation", _ME, confirm_factor, "Turn the second factor on", Code,
        answer=RecoveryCodes, key=Key.NONE,
    ),
    Endpoint(
        "me.totp-remove", "POST", "/me/totp/removal", _ME, remove_factor, "Turn the second factor off", Proof,
        status=204, key=Key.NONE, own_transaction=True,
    ),
    Endpoint("me.sessions", "GET", "/me/sessions", _ME, my_sessions, "Where am I signed in?", answer=MySessions),
    Endpoint(
        "me.end-session", "DELETE", "/me/sessions/{number}", _ME, end_my_session, "Sign out elsewhere", status=204
    ),
]  # fmt: skip
