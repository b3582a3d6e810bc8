"""Alarms: what was crossed, who is told, what is suspended for it and lifted again. In the caller's transaction."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access import audit
from service.access.actor import Actor, local_actor
from service.accounts import changes
from service.commands import bodies
from service.commands.outbox import enqueue
from service.database.access_tables import mails, users
from service.database.fraud_tables import alarms, call_limits
from service.database.tables import accounts, gateways, trunk_networks, trunks
from service.fraud.words import LimitText, action_text, amount_text, rule_text
from service.webhooks.events import Event, emit

MAIL = "fraud_alarm"
RECIPIENTS_MAX = 50
SYSTEM = local_actor("alarms")
SUSPENDED, ACTIVE = "suspended", "active"


class Raised(NamedTuple):
    """An alarm to give."""

    account_id: int
    set_by: int
    """The account of who asked for it."""
    rule: str
    seen: str
    action: str
    raised_ms: int
    trunk_id: int = 0
    gateway_id: int = 0
    limit_id: int = 0
    pattern_id: int = 0
    until_ms: int = 0

    @property
    def place(self) -> str:
        """What it is about."""
        return "trunk" if self.trunk_id else "gateway" if self.gateway_id else "account"


async def take_alarms(conn: AsyncConnection, node: str, events: list[dict[str, Any]], now_ms: int) -> None:
    """`alarm` lines of the journal: what the call path has seen, and done already."""
    for event in events:
        row = (await conn.execute(sa.select(call_limits).where(call_limits.c.id == event["rule"]))).first()
        account = (await conn.execute(sa.select(accounts).where(accounts.c.id == event["account"]))).first()
        if account is None:
            continue
        named = LimitText(
            event["measure"],
            event["limit"],
            "" if row is None else row.period,
            account.currency,
            "" if row is None else row.destinations,
        )
        raised = Raised(
            account_id=account.id,
            set_by=account.id if row is None else row.set_by,
            rule=rule_text(named),
            seen=amount_text(event["measure"], event["seen"], account.currency),
            action=event["action"],
            raised_ms=event["wall_ms"],
            trunk_id=event["trunk"],
            limit_id=event["rule"],
        )
        await give(conn, node, raised, now_ms)


async def give(conn: AsyncConnection, node: str, raised: Raised, now_ms: int) -> int:
    """Writes it down, suspends what it asks for, and tells whoever is to be told. Its number."""
    values = {name: value for name, value in raised._asdict().items() if name != "set_by"}
    made = await conn.execute(sa.insert(alarms).values(**values).returning(alarms.c.id))
    number = int(made.scalar_one())
    is_stopped = raised.action == "suspend" or (raised.action == "block" and raised.pattern_id)
    if is_stopped:
        await _set_state(conn, node, raised, SUSPENDED, raised.rule, now_ms)
    done = action_text("suspend" if is_stopped else raised.action, raised.place)
    told = {"rule": raised.rule, "seen": raised.seen, "action": done}
    await _mail(conn, raised, told, number, now_ms)
    ids = {"alarm_id": number, "trunk_id": raised.trunk_id or None, "gateway_id": raised.gateway_id or None}
    await emit(conn, Event.FRAUD_ALARM, raised.account_id, ids | told | {"what": raised.action}, now_ms)
    return number


async def _mail(conn: AsyncConnection, raised: Raised, told: dict[str, str], number: int, now_ms: int) -> None:
    """To the people of the account and of whoever set the limit, each once."""
    where = users.c.account_id.in_({raised.account_id, raised.set_by}) & (users.c.state == "active")
    rows = await conn.execute(sa.select(users.c.id, users.c.email).where(where).order_by(users.c.id))
    people = {row.email: row.id for row in rows}
    wanted = [
        {
            "account_id": raised.account_id,
            "recipient": email,
            "template": MAIL,
            "fields": {"user_id": user_id, "alarm_id": number, **told},
            "created_ms": now_ms,
        }
        for email, user_id in [*people.items()][:RECIPIENTS_MAX]
    ]
    if wanted:
        await conn.execute(sa.insert(mails), wanted)


async def lift(conn: AsyncConnection, node: str, alarm: Row[Any], actor: Actor, now_ms: int) -> None:
    """What it has suspended goes on; the limit that did it counts from nothing."""
    raised = Raised(alarm.account_id, 0, alarm.rule, alarm.seen, alarm.action, now_ms, alarm.trunk_id, alarm.gateway_id)
    await _set_state(conn, node, raised, ACTIVE, "", now_ms, actor)
    values = {"lifted_ms": now_ms, "lifted_by": actor.name}
    await conn.execute(sa.update(alarms).where(alarms.c.id == alarm.id).values(**values))
    if alarm.limit_id:
        await enqueue(conn, node, _reset(alarm.account_id, alarm.limit_id), now_ms=now_ms)


def _reset(account_id: int, limit_id: int) -> dict[str, Any]:
    """The command by which an account's limit counts from nothing."""
    return {"do": "limit_reset", "account": account_id, "rule": limit_id}


async def _set_state(
    conn: AsyncConnection,
    node: str,
    raised: Raised,
    state: str,
    reason: str,
    now_ms: int,
    actor: Actor = SYSTEM,
) -> None:
    """Only from active to suspended, or back; tells the call path, and the audit."""
    before = ACTIVE if state == SUSPENDED else SUSPENDED
    table, number = {
        "account": (accounts, raised.account_id),
        "trunk": (trunks, raised.trunk_id),
        "gateway": (gateways, raised.gateway_id),
    }[raised.place]
    where = (table.c.id == number) & (table.c.state == before)
    values = {"state": state, "suspended_for": reason, "version": table.c.version + 1}
    row = (await conn.execute(sa.update(table).where(where).values(**values).returning(table))).first()
    if row is None:
        return
    await _tell(conn, node, raised.place, row, now_ms)
    told = {"state": state, "suspended_for": reason}
    change = audit.Change(
        f"{raised.place}.{'suspend' if state == SUSPENDED else 'resume'}", raised.place, number, raised.account_id,
        {"state": before, "suspended_for": raised.rule if state == ACTIVE else ""}, told,
    )  # fmt: skip
    await audit.write(conn, actor, change, now_ms)


async def _tell(conn: AsyncConnection, node: str, place: str, row: Row[Any], now_ms: int) -> None:
    if place == "account":
        await changes.tell(conn, node, row.id, now_ms)
        return
    if place == "gateway":
        await enqueue(conn, node, bodies.gateway_body(row), now_ms=now_ms)
        return
    networks = sa.select(trunk_networks.c.network).where(trunk_networks.c.trunk_id == row.id)
    body = bodies.trunk_body(row, (await conn.execute(networks)).scalars())
    await enqueue(conn, node, body, now_ms=now_ms)


async def noted_lifted(
    conn: AsyncConnection,
    node: str,
    actor: Actor,
    now_ms: int,
    *,
    account_id: int,
    trunk_id: int = 0,
    gateway_id: int = 0,
) -> None:
    """Somebody has made an account, trunk or gateway active again by hand: its alarms are lifted with that."""
    where = (alarms.c.lifted_ms == 0) & (alarms.c.action != "warn") & (alarms.c.account_id == account_id)
    where &= (alarms.c.trunk_id == trunk_id) & (alarms.c.gateway_id == gateway_id)
    values = {"lifted_ms": now_ms, "lifted_by": actor.name}
    lifted = sa.update(alarms).where(where).values(**values).returning(alarms.c.limit_id)
    for number in sorted(set((await conn.execute(lifted)).scalars()) - {0}):
        await enqueue(conn, node, _reset(account_id, number), now_ms=now_ms)


async def lift_due(conn: AsyncConnection, node: str, now_ms: int) -> int:
    """Blocks for a while whose time is over; how many."""
    where = (alarms.c.lifted_ms == 0) & (alarms.c.until_ms > 0) & (alarms.c.until_ms <= now_ms)
    rows = (await conn.execute(sa.select(alarms).where(where).order_by(alarms.c.id))).all()
    for row in rows:
        await lift(conn, node, row, SYSTEM, now_ms)
    return len(rows)
