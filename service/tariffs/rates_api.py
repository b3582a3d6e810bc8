"""The API of what tariffs would charge: calls in bulk, a number in all tariffs, what a draft would change."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, NamedTuple

import sqlalchemy as sa
from pydantic import BeforeValidator, Field, WithJsonSchema
from sqlalchemy import Row

from ratebook.bulk import Pricer
from ratebook.compare import Difference, counts, differences
from ratebook.groups import Groups
from ratebook.margin import losses
from ratebook.model import Rate, Terms
from ratebook.money import format_nanos
from ratebook.tax import UNTAXED
from service.access.permissions import Permission
from service.accounts.rules import ROOT_ID
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.nouns import NOUNS, visible
from service.api.problems import Problem, invalid
from service.api.values import AccountId, Asked, Moment, Money, TariffId, Told, When
from service.billing.call_taxes import taxes_of
from service.database.engine import looking
from service.database.tables import accounts, tariff_versions, tariffs
from service.tariffs.api import draft_of, own_sellers, read_text
from service.tariffs.changed import changed_terms
from service.tariffs.exchange import in_force
from service.tariffs.market import buying
from service.tariffs.pricing import cheapness, priced_row
from service.tariffs.rates import found_rates, published_rates
from service.tariffs.switching import load_groups
from service.tariffs.traffic import Group, Sum, by_destination, calls_of

CALLS_MAX = 1_000
CALLS_BYTES_MAX = 256 << 10
SHOWN_MAX = 1_000
TARIFFS_MAX = 1_000
PERIOD_MS_MAX = 31 * 86_400_000
CALL_S_MAX = 10_000_000


def _milliseconds(value: object) -> object:
    if not isinstance(value, str):
        return value
    whole, _, part = value.partition(".")
    if not (value.isascii() and (whole + part).isdecimal()) or len(part) > 3 or len(whole) > 7:
        raise ValueError('seconds as text, such as "61" or "61.5", were expected')
    return int(whole or "0") * 1000 + int(part.ljust(3, "0"))


Digits = Annotated[str, Field(pattern=r"^\+?[0-9]{1,32}$", description="E.164, with or without +")]
Seconds = Annotated[
    int,
    BeforeValidator(_milliseconds),
    Field(ge=0, lt=CALL_S_MAX * 1000),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,7}(\.\d{1,3})?$", "examples": ["61.5"]}),
]


class PricedCall(Asked):
    """A call to price."""

    number: Digits
    answered_at: When
    duration_s: Seconds


class Calls(Asked):
    """Calls to price."""

    calls: Annotated[list[PricedCall], Field(min_length=1, max_length=CALLS_MAX)]
    draft: Annotated[bool, Field(description="By the draft; else by what is published")] = False
    account_id: Annotated[
        AccountId | None, Field(description="Who pays: with the taxes that are added to its prices now or later")
    ] = None


class PricedRow(Told):
    """As `kambill tariff price --calls` answers it."""

    number: str
    prefix: str | None
    billed_s: int | None
    charge: Annotated[str | None, Field(description="Decimal")]
    currency: str | None
    steps: list[str]
    error: Annotated[str | None, Field(description="no rate, or blocked: the call would be refused")] = None


class PricedRows(Told):
    """In the order of the calls."""

    items: list[PricedRow]


class LookUp(Asked):
    """A number."""

    number: Digits
    at: Annotated[When | None, Field(description="null: now")] = None


class RateView(Told):
    """The rate of a number."""

    tariff_id: int
    tariff: str
    prefix: str
    destination: str
    currency: str
    blocked: bool
    rate: Annotated[str, Field(description="Of the first minute's beginning, per minute")]
    increments: str
    minute: Annotated[Money, Field(description="What the first minute costs")]


class LookedUp(Told):
    """In all tariffs that the asker sees, the cheapest minute first."""

    group: Annotated[str | None, Field(description="The number's destination group")]
    items: list[RateView]


class PriceView(Told):
    """What a call costs by a rate."""

    blocked: bool
    rate: Annotated[str, Field(description="Per minute; where it changes during the call, one after the other")]
    increments: Annotated[str, Field(description="Seconds of the first and of each further interval's steps")]
    fee: Annotated[str, Field(description="For an answered call, beside its minutes; empty: none")]


class TermView(Told):
    """A term that differs."""

    term: Annotated[str, Field(description="As a tariff's YAML names it; hours: those of the band")]
    band: Annotated[str, Field(description="Of the hours; empty: outside of all bands")]
    before: Annotated[str, Field(description="Empty: nothing is said")]
    after: str


class ChangeView(Told):
    """A prefix that the later one prices otherwise."""

    change: str
    prefix: str
    destination: str
    before: PriceView | None
    after: PriceView | None
    terms: Annotated[list[TermView], Field(description="Which of them differ, where both have a price")]
    from_at: Annotated[Moment, Field(description="null: at once")]
    until: Annotated[Moment, Field(description="null: for ever")]


class Changes(Told):
    """What a draft changes, or what differs between two versions."""

    counts: dict[str, int]
    items: Annotated[list[ChangeView], Field(description=f"The first {SHOWN_MAX}")]


class Compared(Asked):
    """Two versions of a tariff, or one beside another tariff. What is left out is what is in force."""

    before: Annotated[str, Field(max_length=64, description="A version, as the history tells it")] = ""
    after: Annotated[str, Field(max_length=64, description="A version, as the history tells it")] = ""
    other_id: Annotated[
        TariffId | None, Field(description="Another tariff, as it is in force, instead of a version")
    ] = None


class LossView(Told):
    """Numbers that are sold below what their seller pays."""

    prefix: str
    destination: str
    price: PriceView
    cost: PriceView
    seconds: Annotated[int, Field(description="The shortest call, of those compared, that loses")]
    earned: Money
    paid: Money


class Losses(Told):
    """Of a draft, against the tariff that its seller pays by."""

    against: Annotated[str | None, Field(description="That tariff; null: there is none, or none that can be exchanged")]
    total: int
    items: Annotated[list[LossView], Field(description=f"The first {SHOWN_MAX}")]


class Period(Asked):
    """Which calls."""

    begin: When
    end: Annotated[When, Field(description="Exclusive; 31 days behind the beginning at most")]
    by_group: Annotated[bool, Field(description="By destination group, not by destination")] = False


class SimulatedRow(Told):
    """Calls to a destination."""

    destination: str
    currency: Annotated[str, Field(description="Of what was charged")]
    calls: int
    duration_ms: int
    charged: Money
    draft: Money
    refused: int


class Simulated(Told):
    """What a period's calls would come to."""

    currency: str
    items: list[SimulatedRow]


class _Asked(NamedTuple):
    """The rates that are asked about."""

    currency: str
    rates: list[Rate]


async def _rates(call: Call, *, draft: bool) -> _Asked:
    """Raises Problem for somebody else's draft, and where nothing is published."""
    row = call.row
    if draft:
        if not await own_sellers(call, [row]):
            raise Problem("not-found")
        text = await _text(call)
        read = await read_text(call, row.owner_id, row.name, text.source, text.decks)
        return _Asked(row.currency, list(read.tariff.rates) if read.tariff else [])
    rates = row.version and await published_rates(call.api.config, row.version)
    if not rates:
        raise Problem("not-found")
    return _Asked(row.currency, rates)


async def _text(call: Call) -> Row[Any]:
    """The draft's. Raises Problem: a tariff of the operator's folder has none."""
    try:
        return await draft_of(call)
    except Problem as fault:
        raise Problem("not-found") from fault


async def price_calls(call: Call) -> Answer:
    """Each one as the call path would charge it, step by step."""
    body: Calls = call.body
    asked = await _rates(call, draft=body.draft)
    added = UNTAXED
    if body.account_id is not None:
        async with looking(call.api.engine) as conn:
            account = (await conn.execute(sa.select(accounts).where(accounts.c.id == body.account_id))).one()
            added = await taxes_of(conn, account, call.now_ms)

    def work() -> list[dict[str, Any]]:
        pricer = Pricer(asked.rates)
        return [
            priced_row(pricer, one.number.removeprefix("+"), one.answered_at // 1000, one.duration_s, added)
            for one in body.calls
        ]

    return Answer(PricedRows(items=[PricedRow(**row) for row in await asyncio.to_thread(work)]))


async def look_up(call: Call) -> Answer:
    """The tariffs of the subtree's sellers, and the one that the own account pays by."""
    query: LookUp = call.query
    number, at_s = query.number.removeprefix("+"), (query.at or call.now_ms) // 1000
    seen = visible(NOUNS["tariff"], call.actor) & tariffs.c.version.is_not(None)
    rows = (await call.conn.execute(sa.select(tariffs).where(seen).order_by(tariffs.c.id).limit(TARIFFS_MAX))).all()
    group = Groups(await load_groups(call.conn)).find(number)
    found = await found_rates(call.api.config, [row.version for row in rows], number, at_s)
    items = [
        RateView(
            tariff_id=row.id, tariff=row.name, prefix=one.prefix, destination=one.destination, currency=row.currency,
            blocked=one.terms.blocked, rate=format_nanos(one.terms.intervals[0].rate_nanos),
            increments=_increments(one.terms), minute=one.minute_micros,
        )
        for row in rows
        if (one := found.get(row.version)) is not None
    ]  # fmt: skip
    cheap = cheapness(await in_force(call.conn), [one.currency for one in items], at_s)
    items.sort(key=lambda one: (cheap(one.currency, one.minute, blocked=one.blocked), one.tariff_id))
    return Answer(LookedUp(group=group or None, items=items))


async def show_changes(call: Call) -> Answer:
    """From what is published to the draft."""
    new = await _rates(call, draft=True)
    before = call.row.version and await published_rates(call.api.config, call.row.version)
    return Answer(await _changes(before or [], new.rates))


async def compare_versions(call: Call) -> Answer:
    """Of its own history, for whoever may see that; beside another tariff only one in the same currency."""
    query: Compared = call.query
    if query.other_id is not None and query.after:
        raise invalid("/after", "a version, or another tariff: not both", "query")
    after = await _version(call, "after", query.after)
    if query.other_id is not None:
        other = await call.find("tariff", query.other_id)
        if other.currency != call.row.currency:
            said = f"that tariff is in {other.currency}, and this one in {call.row.currency}: prices can't be compared"
            raise invalid("/other_id", said, "query")
        after = other.version
    old = await _published(call, await _version(call, "before", query.before))
    return Answer(await _changes(old, await _published(call, after)))


async def _version(call: Call, field: str, named: str) -> str | None:
    """That was named, if the tariff had it; else the one in force. Raises Problem."""
    if not named:
        in_force: str | None = call.row.version
        return in_force
    if not await own_sellers(call, [call.row]):
        raise Problem("not-found")
    same = (tariff_versions.c.tariff_id == call.row.id) & (tariff_versions.c.version == named)
    if (await call.conn.execute(sa.select(tariff_versions.c.id).where(same).limit(1))).first() is None:
        raise invalid(f"/{field}", "this tariff never had that version", "query")
    return named


async def _published(call: Call, version: str | None) -> list[Rate]:
    """Raises Problem."""
    if version is None:
        raise Problem("conflict", "one of them is not published yet")
    rates = await published_rates(call.api.config, version)
    if rates is None:
        raise Problem("conflict", f"the rates of the version {version} are gone")
    return rates


async def _changes(before: list[Rate], after: list[Rate]) -> Changes:
    found = await asyncio.to_thread(differences, before, after)
    items = [
        ChangeView(
            change=one.change.value, prefix=one.prefix, destination=one.destination,
            before=_price(one.before.terms) if one.before else None,
            after=_price(one.after.terms) if one.after else None,
            terms=_terms(one),
            from_at=one.from_s and one.from_s * 1000, until=one.until_s and one.until_s * 1000,
        )
        for one in found[:SHOWN_MAX]
    ]  # fmt: skip
    return Changes(counts={change.value: count for change, count in counts(found).items()}, items=items)


async def show_losses(call: Call) -> Answer:
    """Increments, fees and bands included."""
    asked = await _rates(call, draft=True)
    async with looking(call.api.engine) as conn:
        paid = await buying(conn, call.row.owner_id)
        exchange = await in_force(conn)
    cost = paid and paid.version and await published_rates(call.api.config, paid.version)
    at_s = call.now_ms // 1000
    factor = paid and exchange.factor(paid.currency, asked.currency, at_s)
    if paid is None or not cost or factor is None:
        return Answer(Losses(against=None, total=0, items=[]))
    found = await asyncio.to_thread(losses, asked.rates, cost, at_s, factor)
    items = [
        LossView(
            prefix=one.prefix, destination=one.price.destination, price=_price(one.price.terms),
            cost=_price(one.cost.terms), seconds=one.seconds, earned=one.price_micros, paid=one.cost_micros,
        )
        for one in found[:SHOWN_MAX]
    ]  # fmt: skip
    return Answer(Losses(against=paid.name, total=len(found), items=items))


async def simulate(call: Call) -> Answer:
    """A period's calls that were charged by this tariff, by its draft."""
    query: Period = call.query
    if not 0 < query.end - query.begin <= PERIOD_MS_MAX:
        raise invalid("/end", "a moment behind the beginning, 31 days at most, was expected")
    asked = await _rates(call, draft=True)
    async with looking(call.api.engine) as conn:
        groups = Groups(await load_groups(conn)) if query.by_group else None
        exchange = await in_force(conn)
    row, period = call.row, (query.begin, query.end)
    calls = calls_of(call.api.engine, row.name, *period, costs=False, seller_id=row.owner_id or ROOT_ID)
    found = await by_destination(calls, asked.rates, asked.currency, exchange, groups)
    return Answer(Simulated(currency=asked.currency, items=[_simulated(*one) for one in sorted(found.items())]))


def _simulated(group: Group, one: Sum) -> SimulatedRow:
    return SimulatedRow(
        destination=group.destination, currency=group.currency, calls=one.calls, duration_ms=one.duration_ms,
        charged=one.before_micros, draft=one.after_micros, refused=one.without_rate,
    )  # fmt: skip


def _terms(one: Difference) -> list[TermView]:
    if one.before is None or one.after is None:
        return []
    return [TermView(**term._asdict()) for term in changed_terms(one.before.terms, one.after.terms)]


def _increments(terms: Terms) -> str:
    return "/".join(str(step.increment_s) for step in terms.intervals)


def _price(terms: Terms) -> PriceView:
    rates = dict.fromkeys(format_nanos(step.rate_nanos) for step in terms.intervals)
    fee = format_nanos(terms.connect_fee_nanos) if terms.connect_fee_nanos else ""
    return PriceView(blocked=terms.blocked, rate=" / ".join(rates), increments=_increments(terms), fee=fee)


_P = Permission
_ONE = "/tariffs/{tariff_id}"
ENDPOINTS = [
    Endpoint(
        "tariff.price", "POST", f"{_ONE}/prices", _P.TARIFFS_READ, price_calls, "Price calls by a tariff", Calls,
        answer=PricedRows, reads=True, body_bytes_max=CALLS_BYTES_MAX,
    ),
    Endpoint(
        "tariff.lookup", "GET", "/lookup", _P.TARIFFS_READ, look_up, "Look a number up in all tariffs", query=LookUp,
        answer=LookedUp,
    ),
    Endpoint(
        "tariff.diff", "GET", f"{_ONE}/changes", _P.TARIFFS_READ, show_changes, "What a tariff's draft would change",
        answer=Changes,
    ),
    Endpoint(
        "tariff.compare", "GET", f"{_ONE}/comparison", _P.TARIFFS_READ, compare_versions,
        "Compare versions of a tariff, or two tariffs", query=Compared, answer=Changes,
    ),
    Endpoint(
        "tariff.margin", "GET", f"{_ONE}/losses", _P.TARIFFS_READ, show_losses,
        "Where a tariff's draft sells below what its seller pays", answer=Losses,
    ),
    Endpoint(
        "tariff.simulate", "GET", f"{_ONE}/simulation", _P.CDRS_READ, simulate,
        "What a period's calls would come to by a tariff's draft", query=Period, answer=Simulated,
    ),
]  # fmt: skip
