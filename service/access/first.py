"""The first user of all, who may everything."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access import audit
from service.access.actor import Actor
from service.access.permissions import SUPER_ADMIN
from service.access.rights import ROOT_ID
from service.access.standing import role_id_of, super_admins
from service.commands.outbox import lock_node
from service.database.access_tables import user_roles, users
from service.faults import Fault


class NotFirst(Fault):
    """There is a Super Admin already."""

    def __init__(self) -> None:
        super().__init__("there is a Super Admin already: sign in as one, and invite others (`kambill user invite`)")


async def create_super_admin(
    conn: AsyncConnection, node: str, actor: Actor, email: str, name: str, password_hash: str, now_ms: int
) -> int:
    """Works once, on a system without one. Returns the user's id. Raises NotFirst."""
    await lock_node(conn, node)
    if await super_admins(conn):
        raise NotFirst
    values = {"account_id": ROOT_ID, "email": email.lower(), "name": name, "state": "active", "created_ms": now_ms}
    insert = sa.insert(users).values(**values, password_hash=password_hash, recovery_hashes=[])
    user_id = int((await conn.execute(insert.returning(users.c.id))).scalar_one())
    await conn.execute(sa.insert(user_roles).values(user_id=user_id, role_id=await role_id_of(conn, SUPER_ADMIN)))
    told = {"email": email.lower(), "name": name, "roles": [SUPER_ADMIN]}
    change = audit.Change("user.create_super_admin", "user", user_id, ROOT_ID, None, told)
    await audit.write(conn, actor, change, now_ms)
    return user_id
