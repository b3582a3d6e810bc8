"""Filling a new store: everything that it must know, as commands for its epoch.

In the transaction that collects its `opened` line: the ledger then has every charge of the lives before, so that
one credit of each account's whole balance is exact. Commands for earlier lives are passed over by the store.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.exchange import NO_EXCHANGE
from ratebook.tax import Taxes
from service.commands import bodies
from service.commands.outbox import lock_node
from service.config import Config
from service.database.call_tax_tables import call_taxes
from service.database.peer_tables import devices, numbers, specials, translations
from service.database.tables import accounts, commands, gateways, nodes, plans, tariffs, trunk_networks, trunks
from service.edge.storage import all_portings, banned
from service.fraud.storage import filling
from service.ledger.operations import asked_again
from service.ledger.storage import balances
from service.products.grants import standing_grants
from service.tariffs.exchange import in_force
from service.tariffs.switching import load_groups

Numbered = tuple[dict[str, Any], int | None, int]
"""A command's body, whose balance it changes, and by how much."""
INSERT_ROWS = 2_000


async def rebuild(conn: AsyncConnection, config: Config, epoch: int, now_ms: int) -> int:
    """Numbers the commands that fill the store of `epoch`; returns how many. The caller's transaction commits them."""
    node = await lock_node(conn, config.node)
    wanted: list[Numbered] = [(bodies.settings_body(config), None, 0)]
    exchange = (await in_force(conn)).since(now_ms // 1000)
    if exchange != NO_EXCHANGE:
        wanted.append((bodies.exchange_body(exchange), None, 0))
    groups = await load_groups(conn)
    if groups:
        wanted.append((bodies.groups_body(groups), None, 0))
    wanted.append((bodies.portings_body(await all_portings(conn)), None, 0))
    wanted += [(body, None, 0) for body in await _configuration(conn)]
    wanted += [
        (bodies.credit_body(account_id, micros), account_id, micros)
        for account_id, micros in sorted((await balances(conn)).items())
    ]
    wanted += [(body, None, 0) for body in await asked_again(conn, node.id)]
    wanted += [(body, None, 0) for body in await standing_grants(conn)]
    wanted += [(body, None, 0) for body in await banned(conn, now_ms)]
    wanted += [(body, None, 0) for body in await filling(conn, now_ms)]
    wanted.append((bodies.ready_body(), None, 0))
    rows = [
        {
            "node_id": node.id,
            "number": number,
            "epoch": epoch,
            "body": body | {"epoch": epoch},
            "account_id": account_id,
            "amount_micros": micros,
            "created_ms": now_ms,
        }
        for number, (body, account_id, micros) in enumerate(wanted, start=node.last_command + 1)
    ]
    for start in range(0, len(rows), INSERT_ROWS):
        await conn.execute(sa.insert(commands), rows[start : start + INSERT_ROWS])
    numbered = sa.update(nodes).where(nodes.c.id == node.id)
    await conn.execute(numbered.values(epoch=epoch, last_command=node.last_command + len(rows)))
    return len(rows)


async def _configuration(conn: AsyncConnection) -> list[bodies.Body]:
    """Tariff pointers, accounts (parents first), taxes, gateways, plans, devices, numbers, special numbers,
    translations, trunks.
    """
    found = [bodies.tariff_body(row) for row in await conn.execute(sa.select(tariffs).order_by(tariffs.c.id))]
    wanted = [body for body in found if body is not None]
    by_depth = sa.select(accounts).order_by(accounts.c.depth, accounts.c.id)
    wanted += [bodies.account_body(row) for row in await conn.execute(by_depth)]
    added = await conn.execute(sa.select(call_taxes).order_by(call_taxes.c.account_id, call_taxes.c.own))
    wanted += [bodies.taxes_body(row.account_id, row.own, Taxes.from_record(row.courses)) for row in added]
    wanted += [bodies.gateway_body(row) for row in await conn.execute(sa.select(gateways).order_by(gateways.c.id))]
    wanted += [bodies.plan_body(row) for row in await conn.execute(sa.select(plans).order_by(plans.c.id))]
    wanted += [bodies.device_body(row) for row in await conn.execute(sa.select(devices).order_by(devices.c.id))]
    wanted += [bodies.number_body(row) for row in await conn.execute(sa.select(numbers).order_by(numbers.c.id))]
    networks: defaultdict[int, list[str]] = defaultdict(list)
    for row in await conn.execute(sa.select(trunk_networks.c.trunk_id, trunk_networks.c.network)):
        networks[row.trunk_id].append(row.network)
    listed = await conn.execute(sa.select(specials).order_by(specials.c.id))
    wanted += [bodies.special_body(row) for row in listed]
    rules = await conn.execute(sa.select(translations).order_by(translations.c.id))
    wanted += [bodies.translation_body(row) for row in rules]
    rows = await conn.execute(sa.select(trunks).order_by(trunks.c.id))
    return wanted + [bodies.trunk_body(row, networks[row.id]) for row in rows]
