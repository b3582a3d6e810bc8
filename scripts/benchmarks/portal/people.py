"""Who looks at the ledger: the operator, a reseller with many accounts, a customer with many calls, a provider."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from scripts.benchmarks.portal.plan import FIRST_CUSTOMER, FIRST_RESELLER
from service.access.permissions import OWNER, SUPER_ADMIN
from service.access.sessions import Visit, open_session
from service.access.standing import role_id_of
from service.database.access_tables import user_roles, users

ROLES = {"operator": SUPER_ADMIN, "reseller": OWNER, "customer": OWNER, "provider": OWNER}
ACCOUNTS = {"operator": 1, "reseller": FIRST_RESELLER, "customer": FIRST_CUSTOMER, "provider": 2}


class Person(NamedTuple):
    """Somebody who is signed in."""

    name: str
    account_id: int
    session: str


async def people(engine: AsyncEngine, now_ms: int) -> list[Person]:
    """With sessions of this run."""
    found = []
    async with engine.begin() as conn:
        for name, account_id in ACCOUNTS.items():
            email = f"{name}@bench.example"
            user = (await conn.execute(sa.select(users.c.id).where(users.c.email == email))).scalar()
            if user is None:
                values = {"account_id": account_id, "email": email, "name": name, "state": "active"}
                made = sa.insert(users).values(**values, recovery_hashes=[], created_ms=now_ms).returning(users.c.id)
                user = (await conn.execute(made)).scalar_one()
                role = await role_id_of(conn, ROLES[name])
                await conn.execute(sa.insert(user_roles).values(user_id=user, role_id=role))
            session = await open_session(conn, user, Visit("", "bench"), now_ms)
            found.append(Person(name, account_id, session.text))
    return found
