"""What `rights` decides by, read from SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access import rights
from service.access.permissions import BUILT_IN, OWNER, SUPER_ADMIN, Permissions
from service.access.rights import ROOT_ID, Role, Step
from service.database.access_tables import account_roles, roles, user_roles, users
from service.database.paths import path_ids
from service.database.tables import accounts


def role_of(row: Row[Any]) -> Role:
    """Of a row of `roles`."""
    return Role(row.id, row.account_id, row.built_in, rights.known(row.permissions))


class Standing(NamedTuple):
    """What one account's people may, and what the roles that they can hold say."""

    steps: list[Step]
    defaults: dict[str, Permissions]
    """What the built-in roles say today, by key."""

    @property
    def ceiling(self) -> Permissions:
        """What the account may."""
        return rights.ceiling(self.steps, self.defaults)

    def of_user_at_most(self, own: Iterable[Role]) -> Permissions:
        """What one of its users may when nothing on the path is suspended: how much they are to be reckoned with."""
        steps = [step._replace(state="active") for step in self.steps]
        return rights.effective(steps, own, self.defaults)

    def of_user(self, own: Iterable[Role], token: Role | None = None) -> Permissions:
        """What one of its users may."""
        return rights.effective(self.steps, own, self.defaults, token)


async def standing_of(conn: AsyncConnection, path: str) -> Standing:
    """Of the account with this path."""
    ids = path_ids(path)
    given: defaultdict[int, list[Role]] = defaultdict(list)
    query = sa.select(roles, account_roles.c.account_id.label("given_to")).join(
        account_roles, account_roles.c.role_id == roles.c.id
    )
    for row in await conn.execute(query.where(account_roles.c.account_id.in_(ids))):
        given[row.given_to].append(role_of(row))
    rows = await conn.execute(sa.select(accounts).where(accounts.c.id.in_(ids)).order_by(accounts.c.depth))
    steps = [
        Step(row.id, row.kind, row.billing, row.state, row.default_role, tuple(given.get(row.id, ())), row.commission)
        for row in rows
    ]
    defaults = sa.select(roles.c.built_in, roles.c.permissions).where(roles.c.built_in != "")
    return Standing(steps, {row.built_in: rights.known(row.permissions) for row in await conn.execute(defaults)})


async def roles_of_user(conn: AsyncConnection, user_id: int) -> list[Role]:
    """The roles that a user was given."""
    query = sa.select(roles).join(user_roles, user_roles.c.role_id == roles.c.id)
    return [role_of(row) for row in await conn.execute(query.where(user_roles.c.user_id == user_id))]


async def find_roles(conn: AsyncConnection, ids: Collection[int]) -> list[Role]:
    """Roles by their ids; those that are not there are left out."""
    rows = await conn.execute(sa.select(roles).where(roles.c.id.in_(ids)).order_by(roles.c.id))
    return [role_of(row) for row in rows]


async def most_of_user(conn: AsyncConnection, user_id: int) -> Permissions:
    """What a user may at most, by the roles and ceilings of now."""
    path = sa.select(accounts.c.path).join(users, users.c.account_id == accounts.c.id).where(users.c.id == user_id)
    standing = await standing_of(conn, (await conn.execute(path)).scalar_one())
    return standing.of_user_at_most(await roles_of_user(conn, user_id))


async def _built_in(conn: AsyncConnection) -> set[str]:
    return set((await conn.execute(sa.select(roles.c.built_in).where(roles.c.built_in != ""))).scalars())


async def has_built_in(conn: AsyncConnection) -> bool:
    """Whether this release's built-in roles are all there."""
    return {role.key for role in BUILT_IN} <= await _built_in(conn)


async def ensure_built_in(conn: AsyncConnection, now_ms: int) -> None:
    """Makes the built-in roles that are not there yet. What the operator made of the others stays."""
    known = await _built_in(conn)
    fresh = [
        {
            "account_id": ROOT_ID,
            "name": role.name,
            "permissions": sorted(role.permissions),
            "built_in": role.key,
            "note": role.note,
            "created_ms": now_ms,
        }
        for role in BUILT_IN
        if role.key not in known
    ]
    if fresh:
        await conn.execute(sa.insert(roles), fresh)


async def role_id_of(conn: AsyncConnection, built_in: str) -> int:
    """The id of a built-in role."""
    return int((await conn.execute(sa.select(roles.c.id).where(roles.c.built_in == built_in))).scalar_one())


async def super_admins(conn: AsyncConnection) -> set[int]:
    """Users of the root that are active and hold Super Admin or Owner: one must always be left."""
    query = (
        sa.select(users.c.id)
        .join(user_roles, user_roles.c.user_id == users.c.id)
        .join(roles, roles.c.id == user_roles.c.role_id)
        .where((users.c.account_id == ROOT_ID) & (users.c.state == "active"))
        .where(roles.c.built_in.in_((SUPER_ADMIN, OWNER)))
    )
    return set((await conn.execute(query)).scalars())
