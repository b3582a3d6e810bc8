"""API tokens: of a user, within a role if one is named, until they expire."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access import rights
from service.access.endpoints.me import SessionView
from service.access.keys import TOKEN, new_key
from service.access.people import check_over
from service.access.permissions import Permission
from service.access.standing import find_roles
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.problems import Problem, invalid
from service.api.values import AccountId, Asked, Moment, RoleId, Told, UserId, When, Words
from service.database.access_tables import sessions, tokens, users
from service.database.paths import path_ids


class TokenView(Told):
    """A token; the secret itself is shown when it is made, and never again."""

    id: int
    user_id: int
    role_id: Annotated[int | None, Field(description="null: all that the user may")]
    name: str
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    seen_at: Annotated[Moment, Field(validation_alias="seen_ms")]
    expires_at: Annotated[Moment, Field(validation_alias="expires_ms", description="null: never")]


class NewToken(Asked):
    """A token to make."""

    user_id: UserId
    name: Words
    role_id: RoleId | None = None
    expires_at: When | None = None


class MadeToken(Told):
    """A new token."""

    token: Annotated[str, Field(description="Shown once; send it as `Authorization: Bearer …`")]
    about: TokenView


class TokenQuery(Paging):
    """Which tokens."""

    user_id: UserId | None = None


class SessionQuery(Paging):
    """Which sessions."""

    user_id: UserId | None = None
    account_id: AccountId | None = None


def _view(row: Row[Any]) -> TokenView:
    return TokenView.model_validate(row._mapping)


_TOKENS = Listing(
    "token", {"name": tokens.c.name, "created": tokens.c.created_ms}, {"user_id": equals(tokens.c.user_id)}
)
_SESSIONS = Listing(
    "session",
    {"-created": sessions.c.created_ms, "seen": sessions.c.seen_ms},
    {
        "user_id": equals(sessions.c.user_id),
        "account_id": lambda number: sessions.c.user_id.in_(sa.select(users.c.id).where(users.c.account_id == number)),
    },
)


async def list_tokens(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _TOKENS)
    return Answer(Page[TokenView](items=[_view(row) for row in rows], next=following))


async def make_token(call: Call) -> Answer:
    """Of a user who may no more than the asker."""
    body: NewToken = call.body
    user = await call.find("user", body.user_id, to_change=True)
    account = await call.owner_of(user)
    await check_over(call, user.id)
    if call.actor.behalf_of_id is not None:
        raise Problem("forbidden", "nobody makes tokens while acting as somebody else")
    if body.expires_at is not None and body.expires_at <= call.now_ms:
        raise invalid("/expires_at", "this lies in the past")
    role = (await find_roles(call.conn, [body.role_id]))[0] if body.role_id is not None else None
    if role is not None and not rights.usable(role, path_ids(account.path)):
        raise invalid("/role_id", f"role {role.id} can't be used in this account")
    key = new_key(TOKEN)
    values = {"user_id": user.id, "name": body.name, "role_id": body.role_id, "expires_ms": body.expires_at}
    made = await call.conn.execute(
        sa.insert(tokens).values(hash=key.hash, created_ms=call.now_ms, **values).returning(tokens)
    )
    view = _view(made.one())
    await call.audit("token.make", "token", view.id, account.id, None, view)
    return Answer(MadeToken(token=key.text, about=view))


async def revoke_token(call: Call) -> Answer:
    """It opens nothing from now on."""
    await check_over(call, call.row.user_id)
    await call.conn.execute(sa.delete(tokens).where(tokens.c.id == call.row.id))
    await call.audit("token.revoke", "token", call.row.id, call.of.id, _view(call.row), None)
    return Answer()


async def list_sessions(call: Call) -> Answer:
    """Who is signed in, the latest first."""
    rows, following = await page_of(call, _SESSIONS)
    items = [SessionView.model_validate(row._mapping) for row in rows]
    return Answer(Page[SessionView](items=items, next=following))


async def revoke_session(call: Call) -> Answer:
    """Signs somebody out."""
    await check_over(call, call.row.user_id)
    await call.conn.execute(sa.delete(sessions).where(sessions.c.id == call.row.id))
    await call.audit("session.revoke", "user", call.row.user_id, call.of.id)
    return Answer()


_READ, _CHANGE = Permission.USERS_READ, Permission.USERS_CHANGE
ENDPOINTS = [
    Endpoint(
        "token.list", "GET", "/tokens", _READ, list_tokens, "List tokens", query=TokenQuery, answer=Page[TokenView]
    ),
    Endpoint(
        "token.make", "POST", "/tokens", _CHANGE, make_token, "Make a token", NewToken, answer=MadeToken, status=201,
        key=Key.NONE,
    ),
    Endpoint("token.revoke", "DELETE", "/tokens/{token_id}", _CHANGE, revoke_token, "Revoke a token", status=204),
    Endpoint(
        "session.list", "GET", "/sessions", _READ, list_sessions, "List sessions", query=SessionQuery,
        answer=Page[SessionView],
    ),
    Endpoint(
        "session.revoke", "DELETE", "/sessions/{session_id}", _CHANGE, revoke_session, "End a session", status=204
    ),
]  # fmt: skip
