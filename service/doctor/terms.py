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
from service.doctor.sentences import sentence


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
    told = sentence("account {0} ({1}) is postpaid and has no terms")
    found = [told.filled(row.id, row.name) for row in await conn.execute(query)]
    good = sentence("every postpaid account is billed")
    return warning("terms", found, good, sentence("`kambill terms edit` has it billed"))


async def misplaced(conn: AsyncConnection) -> Check:
    """Providers that an older release let stand below a reseller, whose debt the operator's costs become."""
    query = sa.select(accounts.c.id, accounts.c.name).where(accounts.c.provides, accounts.c.depth > 1)
    rows = await conn.execute(query.order_by(accounts.c.id))
    found = [sentence("account {0} ({1}) stands below a reseller", row.id, row.name) for row in rows]
    what_to_do = sentence("the operator owes what is sent to them: move them directly below it")
    return warning("providers", found, sentence("every provider stands directly below the operator"), what_to_do)
