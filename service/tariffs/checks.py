"""Which tariffs are given to whom, and currencies that have to do with each other: what the API asks before it lets
them.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row

from ratebook.exchange import pair_text
from service.access.permissions import OWN_PRICES
from service.api.call import Call
from service.api.problems import invalid
from service.database.paths import path_ids
from service.database.tables import accounts, tariffs
from service.tariffs.exchange import in_force


async def check_exchange(call: Call, have: str, want: str, *, pointer: str, said: str) -> None:
    """There is a rate between both, if they differ. `said`: what is in which currency. Raises Problem."""
    if have == want or (await in_force(call.conn)).factor(have, want, call.now_ms // 1000) is not None:
        return
    pair = pair_text(have, want)
    advice = f"no rate of exchange {pair} holds now: the operator adds it to exchange.yaml and publishes it"
    raise invalid(pointer, f"{said}, and {advice}")


async def check_given(call: Call, tariff: Row[Any], kept: int | None) -> None:
    """A commission reseller gives the tariff that its own account was given, or one of its own while it may write them:
    what its customers pay is its seller's money. `kept`: the tariff that stands there already. Raises Problem.
    """
    if call.actor.is_root or tariff.id == kept:
        return
    giver = (await call.conn.execute(sa.select(accounts).where(accounts.c.id == call.actor.account_id))).one()
    is_own = tariff.owner_id == giver.id and call.actor.permissions >= OWN_PRICES
    if giver.commission and tariff.id != giver.tariff_id and not is_own:
        raise invalid("/tariff_id", "a commission reseller sells at the tariff that its own account has")


async def check_tariff(call: Call, tariff_id: int | None, path: str, currency: str, kept: int | None = None) -> None:
    """A tariff that an account of this path and currency, or a thing of it, may pay or be paid by: of somebody above,
    published, in a currency that can be exchanged for its own. `kept`: what stands there already. Raises Problem.
    """
    if tariff_id is None:
        return
    row = (await call.conn.execute(sa.select(tariffs).where(tariffs.c.id == tariff_id))).one()
    await check_given(call, row, kept)
    if row.owner_id not in path_ids(path)[:-1]:
        raise invalid("/tariff_id", "this tariff belongs to nobody above the account")
    if row.version is None:
        raise invalid("/tariff_id", "this tariff is not published yet")
    said = f"this tariff is in {row.currency}, the account in {currency}"
    await check_exchange(call, row.currency, currency, pointer="/tariff_id", said=said)
