"""A ledger with a month of calls: accounts in three levels, two currencies, two providers, and commission resellers
between them if that is wanted. Seeded; written in bulk.

What stands in it is what the collector writes: records, charges, an entry a batch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ratebook.compiled.layout import encode_terms
from ratebook.model import Interval, Terms
from service.calls import collector
from service.calls.records import cdr_row, charge_rows, postings_of
from service.calls.sums import rebuild
from service.commission.accrual import accrue, charged_calls
from service.config import Config
from service.database.billing_tables import billing_parties, billing_terms
from service.database.commission_tables import commission_rules
from service.database.tables import accounts, cdrs, charges
from service.ledger.rules import CHARGES, ROOT_ID, Batch, Entry
from service.ledger.storage import post_entry
from service.start import ensure_first_rows

BEGIN_MS = 1_788_220_800_000
"""2026-09-01, 00:00 UTC."""
END_MS = BEGIN_MS + 30 * 86_400_000
"""2026-10-01, 00:00 UTC."""
BATCH_CALLS = 2_000
DESTINATIONS = ("Germany mobile", "Germany", "United Kingdom", "France mobile", "Poland", "Austria", "Spain", "Italy")
_FACTORS = {"EUR": ("1/1", 1, 1), "USD": ("11/10", 11, 10)}


class Member(NamedTuple):
    """An account of the month."""

    id: int
    kind: str
    currency: str
    above: tuple[int, ...]
    """Ids from its parent up to the root."""
    is_agent: bool = False
    """A commission reseller: charged for nothing, it earns a part of what those below it are charged."""


@dataclass(frozen=True)
class Month:
    """Who there is."""

    resellers: tuple[Member, ...]
    customers: tuple[Member, ...]
    providers: tuple[Member, ...]
    agents: tuple[Member, ...] = ()

    @property
    def billed(self) -> tuple[Member, ...]:
        """Who gets invoices."""
        return self.resellers + self.customers

    @cached_property
    def by_id(self) -> dict[int, Member]:
        """Everybody but the root."""
        return {one.id: one for one in self.resellers + self.customers + self.providers + self.agents}


AGENTS_PERCENT_MILLIONTHS, SHARE_MILLIONTHS = 5_333_333, 25_000_000
"""Of a charge; and what every second agent has of what the one above it earns."""


def month_of(customers: int, resellers: int, agents: int = 0) -> Month:
    """Half of the resellers stand below the other half; every customer is a reseller's, or the operator's own. Every
    third one was brought by an agent, and every second agent by the one before it.
    """
    made: list[Member] = []
    above: tuple[int, ...]
    for number in range(resellers):
        above = (made[number // 2].id, ROOT_ID) if number >= max(1, resellers // 2) else (ROOT_ID,)
        made.append(Member(10 + number, "reseller", "USD" if number % 3 == 2 else "EUR", above))
    helping: list[Member] = []
    for number in range(agents):
        seller = helping[-1] if number % 2 else made[number // 2 % resellers] if resellers else None
        above = (ROOT_ID,) if seller is None else (seller.id, *seller.above)
        helping.append(Member(10 + resellers + customers + number, "reseller", "EUR", above, is_agent=True))
    sold = []
    for number in range(customers):
        seller = made[number % (resellers + 1)] if number % (resellers + 1) < resellers else None
        if helping and number % 3 == 1:
            seller = helping[number // 3 % agents]
        above = (ROOT_ID,) if seller is None else (seller.id, *seller.above)
        sold.append(Member(10 + resellers + number, "customer", "USD" if number % 4 == 3 else "EUR", above))
    providers = tuple(Member(2 + number, "provider", currency, (ROOT_ID,)) for number, currency in enumerate(_FACTORS))
    return Month(tuple(made), tuple(sold), providers, tuple(helping))


async def write_accounts(engine: AsyncEngine, config: Config, month: Month) -> None:
    """Everybody, with terms of a month and a name on paper."""
    await ensure_first_rows(engine, config, BEGIN_MS)
    async with engine.begin() as conn:
        rows = [_account(one) for one in sorted(month.by_id.values(), key=lambda one: (len(one.above), one.id))]
        await conn.execute(sa.insert(accounts), rows)
        ids = [ROOT_ID, *(one.id for one in month.billed)]
        paper = {"legal_name": "A company", "country": "DE", "address_lines": ["A street 1"]}
        await conn.execute(sa.insert(billing_parties), [{"account_id": number, **paper} for number in ids])
        times = {"anchor_ms": BEGIN_MS, "closed_ms": BEGIN_MS, "due_ms": END_MS}
        await conn.execute(sa.insert(billing_terms), [{"account_id": number, **times} for number in ids[1:]])
        if month.agents:
            await conn.execute(sa.insert(commission_rules), [_rule(month, one) for one in month.agents])


def _rule(month: Month, agent: Member) -> dict[str, Any]:
    if any(one.id == agent.above[0] for one in month.agents):
        return {"account_id": agent.id, "percent_millionths": SHARE_MILLIONTHS, "share_of": "above"}
    return {"account_id": agent.id, "percent_millionths": AGENTS_PERCENT_MILLIONTHS, "share_of": "charge"}


def _account(one: Member) -> dict[str, Any]:
    path = "/" + "/".join(str(number) for number in (*reversed(one.above), one.id)) + "/"
    place = {"parent_id": one.above[0], "depth": len(one.above), "path": path}
    values = {"kind": one.kind, "billing": "postpaid", "currency": one.currency, "created_ms": BEGIN_MS}
    values["commission"] = one.is_agent
    return {"id": one.id, "name": f"{one.kind}-{one.id}", **place, **values}


async def write_calls(engine: AsyncEngine, month: Month, calls: int, seed: int = 1) -> None:
    """As the collector would, a batch in a transaction; some began in the month before and some in the next one.

    `seed`: another one for more calls; it is the epoch that they are of.
    """
    events: list[dict[str, Any]] = []
    done = 0
    for cdr in calls_of(month, calls, seed):
        events.append(cdr)
        if len(events) == BATCH_CALLS:
            done = await _write(engine, events, seed, done)
            events = []
    if events:
        await _write(engine, events, seed, done)
    async for _ in rebuild(engine):
        pass


async def collect_calls(engine: AsyncEngine, month: Month, calls: int, seed: int = 1) -> None:
    """By the collector's own hand, in one batch: also what `write_calls` leaves out."""
    events = [
        {"cdr": cdr, "epoch": seed, "seq": number} for number, cdr in enumerate(calls_of(month, calls, seed), start=1)
    ]
    async with engine.begin() as conn:
        await collector.post_calls(conn, 1, events, END_MS)


async def _write(engine: AsyncEngine, events: list[dict[str, Any]], epoch: int, done: int) -> int:
    async with engine.begin() as conn:
        await post_calls(conn, events, epoch, done)
    return done + len(events)


async def post_calls(conn: AsyncConnection, events: list[dict[str, Any]], epoch: int, done: int = 0) -> None:
    """One batch; `done`: how many there were before of the epoch."""
    batch = Batch(1, epoch, done + 1, done + len(events))
    postings = tuple(postings_of(events))
    entry_id = None
    if postings:
        entry_id = await post_entry(conn, Entry(CHARGES, "collector", "", BEGIN_MS, postings, batch=batch))
    rows = [
        cdr_row(cdr, node_id=1, epoch=epoch, sequence=done + number, entry_id=entry_id)
        for number, cdr in enumerate(events, 1)
    ]
    made = await conn.execute(sa.insert(cdrs).returning(cdrs.c.id, cdrs.c.call), rows)
    ids = {row.call: row.id for row in made}
    lines = [row for cdr in events for row in charge_rows(ids[cdr["call"]], cdr)]
    if lines:
        await conn.execute(sa.insert(charges), lines)
    await accrue(conn, charged_calls(events, ids), BEGIN_MS)


def calls_of(month: Month, count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Records as the journal has them."""
    dice = random.Random(seed)
    for number in range(count):
        customer = month.customers[dice.randrange(len(month.customers))]
        yield call_of(month, customer, dice, f"{seed:08x}{number:024x}")


def call_of(month: Month, customer: Member, dice: random.Random, key: str) -> dict[str, Any]:
    """One call of a customer."""
    answered = dice.random() < 0.7
    talked_ms = dice.randrange(1, 600_000) if answered else 0
    start_ms = BEGIN_MS + dice.randrange(-86_400_000, END_MS - BEGIN_MS + 86_400_000)
    kind = "message" if dice.random() < 0.02 else "call"
    place = dice.randrange(len(DESTINATIONS))
    levels = [one for one in (customer.id, *customer.above) if one != ROOT_ID and not month.by_id[one].is_agent]
    provider = month.providers[dice.randrange(len(month.providers))]
    paid = [
        _price(
            dice, month.by_id[number].currency, place, talked_ms, {"account": number, "seller": seller, **_UNCOVERED}
        )
        for number, seller in zip(levels, [*levels[1:], ROOT_ID], strict=True)
    ]
    cost = _price(dice, provider.currency, place, talked_ms, {"account": provider.id}) if answered else None
    answer_ms = start_ms + 2_000 if answered else 0
    return {
        **dict.fromkeys(_TEXTS, ""), **dict.fromkeys(_NUMBERS, 0), "call": key, "kind": kind,
        "outcome": "answered" if answered else "failed", "sip_code": 200 if answered else 486, "account": customer.id,
        "path": [customer.id, *customer.above], "caller": f"49{customer.id}", "called": f"44{dice.randrange(10**8):08}",
        "destination": DESTINATIONS[place], "start_ms": start_ms, "answer_ms": answer_ms,
        "end_ms": start_ms + 2_000 + talked_ms, "duration_ms": talked_ms, "attempts": [], "charges": paid, "cost": cost,
    }  # fmt: skip


_UNCOVERED = {"covered_s": 0, "covered_micros": 0, "fees_covered": False, "takes": []}
"""By no package."""
_TEXTS = ("sip_reason", "ended_by", "rule", "caller_sent", "called_sent", "call_id", "from_tag", "to_tag")
_NUMBERS = (
    "refused_by", "trunk", "device", "number", "owner", "entrance", "to_device", "gateway", "ring_ms", "start_ms",
)  # fmt: skip


def _price(dice: random.Random, currency: str, place: int, talked_ms: int, of: dict[str, Any]) -> dict[str, Any]:
    """Random to the micro-unit: what is right is the ledger's business, not the price's."""
    exchange, above, below = _FACTORS[currency]
    seconds = -(-talked_ms // 1000)
    per_minute = 10_000 * (1 + place) + 2_500 * (dice.random() < 0.3)
    micros = (seconds * per_minute * above // (60 * below) + dice.randrange(7)) if seconds else 0
    terms = encode_terms(Terms("EUR", (Interval(0, per_minute * 1000, 1),))).hex()
    return {
        **of, "tariff": "0" * 16, "prefix": "44", "terms": terms, "billed_s": seconds, "micros": micros,
        "currency": currency, "exchange": exchange,
    }  # fmt: skip
