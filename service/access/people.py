"""Users in SQL, and what may be done with them by whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access import rights
from service.access.rights import Role
from service.access.standing import find_roles, most_of_user, roles_of_user, standing_of, super_admins
from service.api.call import Call
from service.api.problems import Problem, invalid
from service.api.values import Moment, Told
from service.database.access_tables import user_roles, users
from service.database.paths import path_ids


class UserView(Told):
    """A user."""

    id: int
    account_id: int
    email: Annotated[str, Field(examples=["ada@example.net"])]
    name: str
    state: Annotated[str, Field(description="invited, active or suspended")]
    role_ids: list[int]
    totp_active: Annotated[bool, Field(description="Whether a second factor is asked for")]
    language: str
    timezone: str
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    signed_in_at: Annotated[Moment, Field(validation_alias="signed_in_ms")]
    version: int


async def user_views(conn: AsyncConnection, rows: Iterable[Row[Any]]) -> list[UserView]:
    """Users with their roles."""
    listed = list(rows)
    given: defaultdict[int, list[int]] = defaultdict(list)
    query = sa.select(user_roles).where(user_roles.c.user_id.in_([row.id for row in listed]))
    for row in await conn.execute(query.order_by(user_roles.c.role_id)):
        given[row.user_id].append(row.role_id)
    return [UserView.model_validate({**row._mapping, "role_ids": given[row.id]}) for row in listed]


async def user_view(conn: AsyncConnection, user_id: int) -> UserView:
    """One user, as it stands."""
    row = (await conn.execute(sa.select(users).where(users.c.id == user_id))).one()
    return (await user_views(conn, [row]))[0]


async def check_over(call: Call, user_id: int) -> None:
    """Nobody lays hands on somebody who may more: nor does a token of few rights on its own user, whom it would make
    another one for. Raises Problem.
    """
    if user_id != call.actor.user_id or call.actor.token_id is not None:
        call.need_all(await most_of_user(call.conn, user_id))


async def check_given(call: Call, path: str, wanted: Collection[int], before: Iterable[Role] = ()) -> list[Role]:
    """The roles, if the asker may give them to users of the account with this path. Raises Problem."""
    found = await find_roles(call.conn, wanted)
    ids = path_ids(path)
    for index, role_id in enumerate(wanted):
        if not any(role.id == role_id and rights.usable(role, ids) for role in found):
            raise invalid(f"/role_ids/{index}", f"role {role_id} can't be used in this account")
    standing = await standing_of(call.conn, path)
    call.need_all(standing.of_user_at_most(found) - standing.of_user_at_most(before))
    return found


async def give_roles(conn: AsyncConnection, user_id: int, role_ids: Collection[int]) -> None:
    """Exactly these."""
    await conn.execute(sa.delete(user_roles).where(user_roles.c.user_id == user_id))
    if role_ids:
        rows = [{"user_id": user_id, "role_id": role_id} for role_id in sorted(set(role_ids))]
        await conn.execute(sa.insert(user_roles), rows)


async def set_roles(call: Call, user: Row[Any], path: str, role_ids: Collection[int]) -> None:
    """Gives and takes, as far as the asker may. Raises Problem."""
    await check_given(call, path, role_ids, await roles_of_user(call.conn, user.id))
    await give_roles(call.conn, user.id, role_ids)


async def change_user(call: Call, user_id: int, values: dict[str, Any]) -> None:
    """Writes columns of a user."""
    statement = sa.update(users).where(users.c.id == user_id)
    await call.conn.execute(statement.values(**values, version=users.c.version + 1))


@asynccontextmanager
async def keeping_a_super_admin(call: Call) -> AsyncIterator[None]:
    """Around a change: where somebody could do everything, somebody still can. Raises Problem."""
    before = await super_admins(call.conn)
    yield
    if before and not await super_admins(call.conn):
        raise Problem("conflict", "this is the last active Super Admin: make another one first")
