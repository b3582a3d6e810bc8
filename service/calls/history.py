"""The API of calls that have ended: each level's charge, for those who stand at or above it."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, Any, Literal, NamedTuple

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Page, Paging
from service.api.values import AccountId, DeviceId, Moment, Money, Text, Told, TrunkId, When
from service.calls.attempts import Attempt, attempts_of, delay_ms, rate_of
from service.calls.browse import are_mixed, moment_of, paid_in
from service.calls.explanation import steps_of
from service.calls.fees import NO_FEES, Fee, Fees, fees_of
from service.calls.lines import read_lines
from service.calls.pages import page_of_calls
from service.database.tables import charges
from service.ledger.rules import ROOT_ID
from service.tariffs.exchange import History, history


class ChargeView(Told):
    """What one level paid for a call."""

    account_id: int
    seller_id: Annotated[int | None, Field(description="Whom; null: somebody above you")]
    tariff: Annotated[str, Field(description="Its version")]
    prefix: str
    rate: Annotated[str, Field(description="A minute of the first interval, in the tariff's currency")]
    increments: Annotated[str, Field(description="Of each interval, in seconds", examples=["60/1"])]
    billed_s: int
    charge: Money
    tax: Annotated[Money, Field(description="Of the charge: taxes that are not in the tariff's price")]
    tax_factor: Annotated[str, Field(description="What they multiplied it by, exactly", examples=["119/100"])]
    currency: str
    tariff_currency: Annotated[str, Field(description="In which the tariff's prices are")]
    exchange: Annotated[str, Field(description="What they were multiplied by, exactly", examples=["23/25"])]
    covered_s: Annotated[int, Field(description="Billed seconds that packages paid")]
    covered: Annotated[Money, Field(description="What packages of money paid beside the charge")]
    fees_covered: Annotated[bool, Field(description="Connect fee and minimum charge were in a package")]
    steps: Annotated[list[str], Field(description="How it came to that; of an answered call that is shown by itself")]
    margin: Annotated[
        Money | None,
        Field(description="What the seller keeps of it; null: not for your eyes, or paid in what can't be exchanged"),
    ]


class CostView(Told):
    """What the provider gets for a call."""

    account_id: int
    tariff: str
    prefix: str
    rate: str
    increments: str
    billed_s: int
    cost: Money
    currency: str
    tariff_currency: str
    exchange: Annotated[str, Field(description="As in charges", examples=["23/25"])]


class AttemptView(Told):
    """A gateway that was tried."""

    gateway_id: Annotated[int | None, Field(description="null: it went to somebody of yours")]
    sip_code: Annotated[int | None, Field(description="null: it was given up without an answer")]
    started_at: Moment
    pdd_ms: Annotated[int | None, Field(description="From its INVITE to its first ringing; null: it didn't ring")]
    ended_at: Annotated[Moment, Field(description="Its final answer; null: it gave none")]
    fee: Annotated[
        Money | None,
        Field(
            description="What its provider gets for having failed, by a record of its own; null: none, or not for you"
        ),
    ]
    currency: Annotated[str, Field(description="Of the fee; empty: there is none")]


class CdrView(Told):
    """A call that has ended, refused ones too."""

    id: int
    call: str
    started_at: Moment
    rung_at: Annotated[Moment, Field(description="Its first 18x; null: nothing rang")]
    answered_at: Annotated[Moment, Field(description="null: it was not answered")]
    ended_at: Moment
    duration_ms: int
    pdd_ms: Annotated[int | None, Field(description="Post-dial delay: from the INVITE to the first ringing")]
    kind: Annotated[
        str, Field(description="call, emergency, free, message, or attempt: a gateway that was paid for having failed")
    ]
    outcome: Annotated[str, Field(description="answered, failed, cancelled or refused")]
    sip_code: int
    sip_reason: str
    ended_by: str
    rule: Annotated[str, Field(description="Why it was refused; empty: it wasn't, or by somebody above you")]
    account_id: Annotated[int | None, Field(description="null: the caller's account isn't in your subtree")]
    trunk_id: Annotated[int | None, Field(description="null: a device began it, or it came in from outside")]
    device_id: int | None
    number_id: Annotated[int | None, Field(description="Of yours or of somebody below, that was called")]
    caller: Annotated[str, Field(description="As E.164 without +, by the rules of its trunk; empty: nobody knows")]
    caller_sent: str
    private: Annotated[
        bool,
        Field(
            description="The caller asked not to be shown: its number is for its own side's eyes, and the operator's"
        ),
    ]
    called: str
    called_sent: str
    routing_number: Annotated[str, Field(description="To which the called number has moved: rated by it; empty: no")]
    identity: Annotated[str, Field(description="What the caller's signature came to; empty: nobody looked at it")]
    attested: Annotated[str, Field(description="What was signed for the gateway: A, B, pass; empty: nothing")]
    destination: str
    gateway_id: Annotated[int | None, Field(description="null: not for your eyes, or none was reached")]
    attempts: Annotated[list[AttemptView], Field(description="One after the other, as far as they are for your eyes")]
    call_id: Annotated[str, Field(description="As the caller's side has it; empty: that isn't in your subtree")]
    from_tag: str
    to_tag: Annotated[str, Field(description="Empty: it was not answered")]
    charges: Annotated[list[ChargeView], Field(description="Of the accounts in your subtree, from the caller's up")]
    cost: Annotated[CostView | None, Field(description="null: not for your eyes, or no provider was reached")]


class CdrQuery(Paging):
    """Which calls."""

    account_id: Annotated[AccountId | None, Field(description="Made by it or below it")] = None
    outcome: Literal["", "answered", "failed", "cancelled", "refused"] = ""
    called: Annotated[Text, Field(description="The number that was called begins so")] = ""
    call: Annotated[Text, Field(description="The key, or its beginning")] = ""
    trunk_id: TrunkId | None = None
    device_id: DeviceId | None = None
    since: When | None = None
    until: Annotated[When | None, Field(description="Exclusive")] = None
    sort: Literal["", "started", "-started", "id", "-id"] = ""


async def list_cdrs(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of_calls(call)
    return Answer(Page[CdrView](items=await _views(call, rows, explained=False), next=following))


async def show_cdr(call: Call) -> Answer:
    """One."""
    return Answer((await _views(call, [call.row], explained=True))[0])


async def _views(call: Call, rows: list[Row[Any]], *, explained: bool) -> list[CdrView]:
    levels: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    found = sa.select(charges).where(charges.c.cdr_id.in_([row.id for row in rows]))
    for charge in await call.conn.execute(found.order_by(charges.c.cdr_id, charges.c.level)):
        levels[charge.cdr_id].append(charge)
    named = {number for row in rows for number in (row.account_id, row.refused_by)}
    named |= {number for found in levels.values() for one in found for number in (one.account_id, one.seller_id)}
    inside = set(await call.find_all("account", named))
    tried = {one.gateway_id for row in rows for one in attempts_of(row.attempts)}
    seen = set(await call.find_all("gateway", tried)) if call.may(Permission.GATEWAYS_READ) else set()
    numbers = set(await call.find_all("number", {row.number_id for row in rows}))
    worth = await history(call.conn, [moment_of(row) for row in rows if are_mixed(row, levels[row.id])])
    all_seen = Seen(inside, numbers, seen, await fees_of(call.conn, rows) if seen else NO_FEES)
    return [_view(call, row, levels[row.id], all_seen, worth, explained=explained) for row in rows]


class Seen(NamedTuple):
    """What is in the asker's subtree."""

    accounts: set[int]
    numbers: set[int]
    gateways: set[int]
    fees: Fees


def _view(call: Call, row: Row[Any], levels: list[Row[Any]], seen: Seen, worth: History, *, explained: bool) -> CdrView:
    """What the asker may see: what lies at or below its own account, and of a provider's calls its own part."""
    inside = seen.accounts
    is_caller_seen = row.account_id in inside
    values: dict[str, Any] = dict(row._mapping) | _times(row)
    values |= _caller(call, row, is_its_side=is_caller_seen) | _callers_side(row, is_seen=is_caller_seen)
    values |= _providers_side(call, row)
    if row.refused_by and row.refused_by not in inside:
        values["rule"] = ""
    values |= {
        "number_id": row.number_id if row.number_id in seen.numbers else None,
        "attempts": [
            _attempt(one, _fee(call, seen.fees.of(row, one)))
            for one in attempts_of(row.attempts)
            if _is_seen(one, row, seen)
        ],
        "charges": [
            _charge(row, one, levels, inside, worth, explained=explained) for one in levels if one.account_id in inside
        ],
    }
    return CdrView.model_validate(values)


def _times(row: Row[Any]) -> dict[str, Any]:
    return {
        "started_at": row.start_ms,
        "rung_at": row.ring_ms,
        "pdd_ms": delay_ms(row.start_ms, row.ring_ms),
        "answered_at": row.answer_ms,
        "ended_at": row.end_ms,
    }


def _callers_side(row: Row[Any], *, is_seen: bool) -> dict[str, Any]:
    """Whose call it is, by which of its ways it came, and the names that SIP gave it there."""
    if not is_seen:
        return {"account_id": None, "trunk_id": None, "device_id": None, "call_id": "", "from_tag": "", "to_tag": ""}
    return {"trunk_id": row.trunk_id or None, "device_id": row.device_id or None}


def _providers_side(call: Call, row: Row[Any]) -> dict[str, Any]:
    """Where it went, and what that cost: for the operator, and for whoever carried it."""
    carries = row.cost_account_id == call.actor.account_id
    sees_cost = row.cost_micros is not None and (
        carries or (call.actor.is_root and call.may(Permission.PROVIDERS_READ))
    )
    sees_gateway = bool(row.gateway_id) and call.may(Permission.GATEWAYS_READ) and (call.actor.is_root or carries)
    return {"gateway_id": row.gateway_id if sees_gateway else None, "cost": _cost(row) if sees_cost else None}


def _caller(call: Call, row: Row[Any], *, is_its_side: bool) -> dict[str, str]:
    """Who calls. Who asks not to be shown is known to the operator, and to whom the call belongs."""
    if call.actor.is_root:
        return {"caller": row.caller or row.withheld, "caller_sent": row.caller_sent or row.withheld}
    return {} if is_its_side or not row.private else {"caller": "", "caller_sent": ""}


def _is_seen(attempt: Attempt, row: Row[Any], seen: Seen) -> bool:
    """Gateways are their provider's and the operator's; places of a number are its owner's and those above."""
    if attempt.gateway_id:
        return attempt.gateway_id in seen.gateways
    return row.number_id in seen.numbers or row.account_id in seen.accounts


def _fee(call: Call, fee: Fee | None) -> Fee | None:
    """As far as the asker may see what providers get."""
    if fee is None or fee.provider_id == call.actor.account_id:
        return fee
    return fee if call.actor.is_root and call.may(Permission.PROVIDERS_READ) else None


def _attempt(attempt: Attempt, fee: Fee | None) -> AttemptView:
    return AttemptView(
        gateway_id=attempt.gateway_id or None,
        sip_code=attempt.sip_code or None,
        started_at=attempt.start_ms,
        pdd_ms=attempt.delay_ms,
        ended_at=attempt.end_ms,
        fee=fee and fee.micros,
        currency=fee.currency if fee else "",
    )


def _charge(
    row: Row[Any], level: Row[Any], levels: list[Row[Any]], inside: set[int], worth: History, *, explained: bool
) -> ChargeView:
    knows_seller = level.seller_id in inside
    paid = _paid(row, level, levels, worth) if knows_seller else None
    rate = rate_of(level.terms, moment_of(row))
    return ChargeView(
        account_id=level.account_id,
        seller_id=level.seller_id if knows_seller else None,
        tariff=level.tariff,
        prefix=level.prefix,
        rate=rate.minute,
        increments=rate.increments,
        billed_s=level.billed_s,
        charge=level.charge_micros,
        tax=level.tax_micros,
        tax_factor=level.tax,
        currency=level.currency,
        tariff_currency=rate.currency,
        exchange=level.exchange,
        covered_s=level.covered_s,
        covered=level.covered_micros,
        fees_covered=level.fees_covered,
        steps=steps_of(row, level) if explained else [],
        margin=None if paid is None else level.charge_micros - level.tax_micros - paid,
    )


def _paid(row: Row[Any], level: Row[Any], levels: list[Row[Any]], worth: History) -> int | None:
    """What a level's seller paid for the call itself: to its own seller, or the root to the provider.

    In the currency of the level, without taxes that were added; None: it can't be exchanged.
    """
    if level.seller_id == ROOT_ID:
        micros, currency = row.cost_micros, row.cost_currency
    else:
        own = next((one for one in levels if one.account_id == level.seller_id), None)
        micros, currency = (None, None) if own is None else (own.charge_micros - own.tax_micros, own.currency)
    return 0 if micros is None else paid_in(micros, worth.factor(currency, level.currency, moment_of(row)))


def _cost(row: Row[Any]) -> CostView:
    rate = rate_of(row.cost_terms, moment_of(row))
    return CostView(
        account_id=row.cost_account_id,
        tariff=row.cost_tariff,
        prefix=row.cost_prefix,
        rate=rate.minute,
        increments=rate.increments,
        billed_s=row.cost_billed_s,
        cost=row.cost_micros,
        currency=row.cost_currency,
        tariff_currency=rate.currency,
        exchange=row.cost_exchange,
    )


_P = Permission
ENDPOINTS = [
    Endpoint(
        "cdr.list", "GET", "/cdrs", _P.CDRS_READ, list_cdrs, "List calls that have ended", query=CdrQuery,
        answer=Page[CdrView], lines=read_lines,
    ),
    Endpoint("cdr.show", "GET", "/cdrs/{cdr_id}", _P.CDRS_READ, show_cdr, "Show a call", answer=CdrView),
]  # fmt: skip
