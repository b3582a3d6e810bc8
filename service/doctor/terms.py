"""Who is never billed though it calls on credit, and who is paid by the wrong one: nothing is lost, and somebody should
look at it.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.billing_tables import billing_terms
from service.database.interconnect_tables import statements
from service.database.tables import accounts
from service.doctor.evidence import Check, warning


async def without_terms(conn: AsyncConnection) -> Check:
    """Postpaid customers and resellers that have no terms; carriers that get statements need none."""
    query = (
        sa.select(accounts.c.id, accounts.c.name)
        .where(accounts.c.kind.in_(("customer", "reseller")), accounts.c.billing == "postpaid")
        .where(accounts.c.state != "closed")
        .where(~sa.exists().where(billing_terms.c.account_id == accounts.c.id))
        .where(~sa.exists().where(statements.c.account_id == accounts.c.id))
        .order_by(accounts.c.id)
    )
    found = [f"account {row.id} ({row.name}) is postpaid and has no terms" for row in await conn.execute(query)]
    return warning("terms", found, "every postpaid account is billed", "`kambill terms edit` has it billed")


async def misplaced(conn: AsyncConnection) -> Check:
    """Providers that an older release let stand below a reseller, whose debt the operator's costs become."""
    query = sa.select(accounts.c.id, accounts.c.name).where(accounts.c.provides, accounts.c.depth > 1)
    found = [f"account {row.id} ({row.name})" for row in await conn.execute(query.order_by(accounts.c.id))]
    what_to_do = "the operator owes what is sent to them: move them directly below it"
    return warning("providers", found, "every provider stands directly below the operator", what_to_do)
