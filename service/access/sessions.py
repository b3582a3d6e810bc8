"""Sessions and tokens: from what a request carries to who asks. What a user may is remembered until it may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.access.actor import Actor
from service.access.keys import LINK, SESSION, TOKEN, Key, hash_of, new_key
from service.access.permissions import Permission, Permissions
from service.access.standing import find_roles, roles_of_user, standing_of
from service.database.access_tables import access_state, sessions, tokens, user_links, users
from service.database.tables import accounts

MINUTE_MS = 60_000
SESSION_MS = 7 * 24 * 60 * MINUTE_MS
"""A session ends after a week,"""
IDLE_MS = 8 * 60 * MINUTE_MS
"""or when nobody used it for so long."""
BEHALF_MS = 60 * MINUTE_MS
"""Whoever acts as somebody else signs in again after an hour."""
LINK_MS = {"invitation": 7 * 24 * 60 * MINUTE_MS, "reset": 60 * MINUTE_MS}
REMEMBERED_MAX = 10_000
"""Users whose rights are kept in memory."""

_CHARGED = users.alias("charged")
"""Whose rights a session has: of the one who signed in, or whom they act as."""


class Sessions:
    """Of one service."""

    def __init__(self) -> None:
        self._rights: dict[tuple[int, int], tuple[int, Permissions]] = {}
        self._seen: dict[tuple[str, int], int] = {}

    async def actor_of(self, conn: AsyncConnection, credential: str, address: str, now_ms: int) -> Actor | None:
        """Who carries this; None: nobody that may ask anything."""
        kept = hash_of(credential)
        if credential.startswith(SESSION):
            row = (await conn.execute(_SESSION, {"hash": kept})).first()
            if row is None or row.expires_ms <= now_ms or self._seen_ms(row, now_ms) + IDLE_MS <= now_ms:
                return None
        elif credential.startswith(TOKEN):
            row = (await conn.execute(_TOKEN, {"hash": kept})).first()
            if row is None or (row.expires_ms is not None and row.expires_ms <= now_ms):
                return None
        else:
            return None
        if row.state != "active" or row.signed_state != "active":
            return None
        if row.seen_ms + MINUTE_MS <= now_ms:
            self._seen[credential[:4], row.id] = now_ms
        if row.behalf_of_id is not None and not await self._may_act(conn, row):
            return None
        return await self._actor(conn, row, address)

    async def _may_act(self, conn: AsyncConnection, row: Row[Any]) -> bool:
        """Whether who acts as somebody still may: the right can be taken away, and the account be moved elsewhere."""
        if row.path == row.signed_path or not row.path.startswith(row.signed_path):
            return False
        held = await self._of(conn, row.signed_id, row.signed_path, 0, row.generation)
        return Permission.USERS_IMPERSONATE in held

    def _seen_ms(self, row: Row[Any], now_ms: int) -> int:
        return max(int(row.seen_ms), min(self._seen.get((SESSION, row.id), 0), now_ms))

    async def _actor(self, conn: AsyncConnection, row: Row[Any], address: str) -> Actor:
        behalf = row.behalf_of_id is not None
        return Actor(
            user_id=row.signed_id,
            name=row.signed_email,
            account_id=row.account_id,
            path=row.path,
            permissions=await self._permissions(conn, row),
            address=address,
            session_id=None if row.is_token else row.id,
            token_id=row.id if row.is_token else None,
            behalf_of_id=row.behalf_of_id,
            behalf_of=row.email if behalf else "",
            home_id=row.home_id,
        )

    async def _permissions(self, conn: AsyncConnection, row: Row[Any]) -> Permissions:
        """Of the user, within the token's role, and never more than whoever acts as them has."""
        found = await self._of(conn, row.user_id, row.path, row.role_id or 0, row.generation)
        if row.behalf_of_id is not None:
            found &= await self._of(conn, row.signed_id, row.signed_path, 0, row.generation)
        return found

    async def _of(self, conn: AsyncConnection, user_id: int, path: str, role_id: int, generation: int) -> Permissions:
        key = (user_id, role_id)
        kept = self._rights.get(key)
        if kept is not None and kept[0] == generation:
            return kept[1]
        token = (await find_roles(conn, [role_id]))[0] if role_id else None
        standing = await standing_of(conn, path)
        found = standing.of_user(await roles_of_user(conn, user_id), token)
        if len(self._rights) >= REMEMBERED_MAX:
            self._rights.clear()
        self._rights[key] = (generation, found)
        return found

    async def note_seen(self, engine: AsyncEngine) -> None:
        """Writes down who was there since the last time: requests themselves write nothing."""
        seen, self._seen = self._seen, {}
        if not seen:
            return
        async with engine.begin() as conn:
            for (kind, number), seen_ms in seen.items():
                table = sessions if kind == SESSION else tokens
                await conn.execute(sa.update(table).where(table.c.id == number).values(seen_ms=seen_ms))


def _query(table: sa.Table, more: Mapping[str, sa.ColumnElement[Any]]) -> sa.Select[Any]:
    signed, home = users.alias("signed"), accounts.alias("home")
    charged_id = sa.func.coalesce(more["behalf_of_id"], table.c.user_id)
    return (
        sa.select(
            table.c.id,
            table.c.seen_ms,
            table.c.expires_ms,
            *(column.label(name) for name, column in more.items()),
            signed.c.id.label("signed_id"),
            signed.c.email.label("signed_email"),
            signed.c.state.label("signed_state"),
            home.c.id.label("home_id"),
            home.c.path.label("signed_path"),
            _CHARGED.c.id.label("user_id"),
            _CHARGED.c.email,
            _CHARGED.c.state,
            _CHARGED.c.account_id,
            accounts.c.path,
            sa.select(access_state.c.generation).scalar_subquery().label("generation"),
        )
        .join(signed, signed.c.id == table.c.user_id)
        .join(home, home.c.id == signed.c.account_id)
        .join(_CHARGED, _CHARGED.c.id == charged_id)
        .join(accounts, accounts.c.id == _CHARGED.c.account_id)
        .where(table.c.hash == sa.bindparam("hash"))
    )


_NO_ID = sa.cast(sa.null(), sa.BigInteger)
_SESSION = _query(sessions, {"behalf_of_id": sessions.c.behalf_of_id, "role_id": _NO_ID, "is_token": sa.literal(0)})
_TOKEN = _query(tokens, {"behalf_of_id": _NO_ID, "role_id": tokens.c.role_id, "is_token": sa.literal(1)})


class Visit(NamedTuple):
    """Where somebody signs in from."""

    address: str
    agent: str


async def open_session(
    conn: AsyncConnection, user_id: int, visit: Visit, now_ms: int, *, behalf_of_id: int | None = None
) -> Key:
    """Signs a user in; `behalf_of_id`: as somebody else."""
    key = new_key(SESSION)
    lasts_ms = SESSION_MS if behalf_of_id is None else BEHALF_MS
    await conn.execute(
        sa.insert(sessions).values(
            hash=key.hash,
            user_id=user_id,
            behalf_of_id=behalf_of_id,
            address=visit.address,
            agent=visit.agent[:200],
            created_ms=now_ms,
            seen_ms=now_ms,
            expires_ms=now_ms + lasts_ms,
        )
    )
    return key


async def end_sessions(conn: AsyncConnection, user_id: int, *, but: int | None = None) -> None:
    """Ends all sessions of a user, and those of others who act as them."""
    where = (sessions.c.user_id == user_id) | (sessions.c.behalf_of_id == user_id)
    if but is not None:
        where &= sessions.c.id != but
    await conn.execute(sa.delete(sessions).where(where))


async def end_links(conn: AsyncConnection, user_id: int) -> None:
    """Voids invitation and reset: they went to an address that isn't the user's any more, or aren't wanted any more."""
    await conn.execute(sa.delete(user_links).where(user_links.c.user_id == user_id))


async def make_link(conn: AsyncConnection, user_id: int, purpose: str, now_ms: int) -> Key:
    """A link of a user; earlier ones of the same purpose are void."""
    await conn.execute(
        sa.delete(user_links).where((user_links.c.user_id == user_id) & (user_links.c.purpose == purpose))
    )
    key = new_key(LINK)
    await conn.execute(
        sa.insert(user_links).values(
            hash=key.hash, user_id=user_id, purpose=purpose, created_ms=now_ms, expires_ms=now_ms + LINK_MS[purpose]
        )
    )
    return key
