"""Calls that run now, straight from the hot store: what people of one subtree see of them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from kemi import clock
from kemi.store.calls import ChargeLeg, RunningCall
from kemi.store.environment import StoreAbsent, snapshot_of
from kemi.store.layout import Account
from ratebook.compiled.layout import decode_terms
from ratebook.price import Cover, charge
from service.access.actor import Actor
from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.problems import Problem, not_found
from service.api.values import AccountId, Asked, DeviceId, Moment, Money, Told, TrunkId
from service.commands.bodies import cut_body
from service.commands.outbox import enqueue
from service.ledger.storage import balance_of

CALLS_MAX = 1_000


class HoldView(Told):
    """What one level has on hold for a call."""

    account_id: int
    held: Money
    charge: Annotated[Money, Field(description="What it would cost if it ended now, beside what packages pay")]
    currency: str
    held_s: Annotated[int, Field(description="Seconds of packages")]
    held_of_packages: Annotated[Money, Field(description="Money of packages")]


class RunningView(Told):
    """A call that runs."""

    call: Annotated[str, Field(description="Its key")]
    started_at: Moment
    answered_at: Annotated[Moment, Field(description="null: it rings")]
    account_id: int
    trunk_id: Annotated[int, Field(description="0: a device began it, or it is not for your eyes")]
    device_id: int
    caller: str
    called: str
    destination: str
    gateway_id: Annotated[int | None, Field(description="null: not for your eyes")]
    state: Annotated[str, Field(description="ringing, answered or ending")]
    seconds: Annotated[int, Field(description="Since its answer")]
    granted_s: Annotated[int, Field(description="How long it is paid for, from its answer")]
    holds: Annotated[list[HoldView], Field(description="Of the accounts in your subtree")]


class ChargesView(Told):
    """What calls would cost together if they ended now."""

    currency: str
    charge: Money


class RunningCalls(Told):
    """What runs."""

    items: list[RunningView]
    total: Annotated[int, Field(description="All of them; as many as asked for are shown, the latest first")]
    ringing: Annotated[int, Field(description="Of all of them")]
    charges: Annotated[
        list[ChargesView], Field(description="Of all of them: what the lowest account of each in your subtree pays")
    ]


class RunningQuery(Asked):
    """Which calls."""

    account_id: Annotated[AccountId | None, Field(description="Of it and all below it")] = None
    trunk_id: TrunkId | None = None
    device_id: DeviceId | None = None
    limit: Annotated[int, Field(ge=0, le=CALLS_MAX, description="That are shown; 0: only the sums")] = CALLS_MAX


class FundsView(Told):
    """What an account has now."""

    account_id: int
    currency: str
    balance: Annotated[Money, Field(description="In the books; what ended in the last second may be missing")]
    held: Annotated[Money, Field(description="By running calls and by refunds and transfers on their way")]
    available: Annotated[Money, Field(description="What a new call may take, credit included")]
    calls: Annotated[int, Field(description="Running now, of it and all below it")]
    live: Annotated[bool, Field(description="false: the call path doesn't know the account; only the books speak")]


class Cutting(Told):
    """A call that is being ended."""

    call: str


class _Now(NamedTuple):
    calls: list[RunningCall]
    account: Account | None


def _look(run_dir: Path, account_id: int = 0) -> _Now | None:
    """The store as it is; None: there is none. One account, or all calls."""
    try:
        with snapshot_of(run_dir) as snapshot:
            if account_id:
                return _Now([], snapshot.account(account_id))
            return _Now(list(snapshot.calls()), None)
    except StoreAbsent:
        return None


async def _running(call: Call) -> list[RunningCall]:
    """All calls of the asker's subtree. Raises Problem: unavailable."""
    now = await asyncio.to_thread(_look, call.api.config.run_dir)
    if now is None:
        raise Problem("unavailable", "the call path isn't there: Kamailio makes its store when it starts")
    return [one for one in now.calls if _is_seen(one, call.actor)]


def _is_seen(running: RunningCall, actor: Actor) -> bool:
    carries = running.provider is not None and running.provider.account == actor.account_id
    return actor.account_id in running.path or carries or running.owner == actor.account_id


def _knows_caller(running: RunningCall, below: set[int]) -> bool:
    """Whether who stands at or above its account may know who calls: of one who asks not to be shown, its own side."""
    if not running.is_private:
        return True
    return bool(below) and not running.entrance and not running.is_forwarded


def _so_far(running: RunningCall, leg: ChargeLeg, boot_ms: int) -> int:
    """What a call would be charged now: never more than its grant."""
    if not running.is_answered:
        return 0
    lasted_ms = min(max(1, boot_ms - running.answer_boot_ms), running.grant_s * 1000)
    seconds, micros = _of_packages(leg)
    cover = Cover(seconds, leg.packages is not None and leg.packages.fees)
    found = charge(decode_terms(leg.terms), lasted_ms, running.answer_wall_ms // 1000, leg.factor, cover).micros
    return max(0, found - micros) if micros else found


def _of_packages(leg: ChargeLeg) -> tuple[int, int]:
    """Seconds and micro-units that packages hold for a leg."""
    holds = leg.packages.holds if leg.packages else ()
    seconds = sum(hold.amount for hold in holds if not hold.is_money)
    return seconds, sum(hold.amount for hold in holds if hold.is_money)


def _hold(running: RunningCall, leg: ChargeLeg, boot_ms: int) -> HoldView:
    seconds, micros = _of_packages(leg)
    return HoldView(
        account_id=leg.account,
        held=leg.held,
        charge=_so_far(running, leg, boot_ms),
        currency=leg.currency,
        held_s=seconds,
        held_of_packages=micros,
    )


def _below(running: RunningCall, actor: Actor) -> set[int]:
    """Of its path, the accounts in the asker's subtree."""
    depth = running.path.index(actor.account_id) if actor.account_id in running.path else -1
    return set(running.path[: depth + 1])


def _charges(calls: list[RunningCall], actor: Actor, boot_ms: int) -> list[ChargesView]:
    sums: defaultdict[str, int] = defaultdict(int)
    for running in calls:
        below = _below(running, actor)
        leg = next((one for one in running.legs if one.account in below), None)
        if leg is not None:
            sums[leg.currency] += _so_far(running, leg, boot_ms)
    return [ChargesView(currency=currency, charge=micros) for currency, micros in sorted(sums.items())]


def _view(running: RunningCall, call: Call, boot_ms: int) -> RunningView:
    below = _below(running, call.actor)
    holds = [_hold(running, leg, boot_ms) for leg in running.legs if leg.account in below]
    sees_gateway = call.may(Permission.GATEWAYS_READ) and (call.actor.is_root or not below)
    return RunningView(
        call=running.hex,
        started_at=running.start_wall_ms,
        answered_at=running.answer_wall_ms,
        account_id=running.account if below else 0,
        trunk_id=running.trunk if below else 0,
        device_id=running.device if below else 0,
        caller=running.caller if call.actor.is_root or _knows_caller(running, below) else "",
        called=running.called,
        destination=running.legs[0].destination if running.legs and below else "",
        gateway_id=running.gateway if sees_gateway else None,
        state="ending" if running.cut_by else running.state,
        seconds=max(0, boot_ms - running.answer_boot_ms) // 1000 if running.is_answered else 0,
        granted_s=running.grant_s,
        holds=holds,
    )


async def list_running(call: Call) -> Answer:
    """Those of the subtree."""
    query: RunningQuery = call.query
    calls = await _running(call)
    if query.account_id is not None:
        calls = [one for one in calls if query.account_id in one.path]
    if query.trunk_id is not None:
        calls = [one for one in calls if one.trunk == query.trunk_id and call.actor.account_id in one.path]
    if query.device_id is not None:
        calls = [one for one in calls if one.device == query.device_id and call.actor.account_id in one.path]
    latest = sorted(calls, key=lambda one: one.start_wall_ms, reverse=True)[: query.limit]
    boot_ms = clock.now().boot_ms
    return Answer(
        RunningCalls(
            items=[_view(one, call, boot_ms) for one in latest],
            total=len(calls),
            ringing=sum(1 for one in calls if not one.is_answered and not one.cut_by),
            charges=_charges(calls, call.actor, boot_ms),
        )
    )


async def cut(call: Call) -> Answer:
    """Both sides get BYE within a second or two; it is charged until then."""
    key = call.asking.parameters["call"]
    found = [one for one in await _running(call) if one.hex == key and call.actor.account_id in one.path]
    if not found:
        raise not_found()
    await enqueue(call.conn, call.node, cut_body(key, call.actor.name), now_ms=call.now_ms)
    await call.audit("call.cut", "call", found[0].trunk, found[0].account, None, {"call": key})
    return Answer(Cutting(call=key))


async def show_funds(call: Call) -> Answer:
    """As the call path has it."""
    now = await asyncio.to_thread(_look, call.api.config.run_dir, call.row.id)
    stored = None if now is None else now.account
    balance = await balance_of(call.conn, call.row.id, call.row.currency)
    view = FundsView(
        account_id=call.row.id,
        currency=call.row.currency,
        balance=balance,
        held=0 if stored is None else stored.held,
        available=balance + call.row.credit_limit_micros if stored is None else stored.available,
        calls=0 if stored is None else stored.channels,
        live=stored is not None,
    )
    return Answer(view)


_P = Permission
ENDPOINTS = [
    Endpoint(
        "call.list", "GET", "/calls", _P.CALLS_READ, list_running, "List running calls", query=RunningQuery,
        answer=RunningCalls,
    ),
    Endpoint("call.cut", "POST", "/calls/{call}/cut", _P.CALLS_CHANGE, cut, "End a running call", answer=Cutting),
    Endpoint(
        "account.funds", "GET", "/accounts/{account_id}/funds", _P.PAYMENTS_READ, show_funds,
        "Show what an account has now", answer=FundsView,
    ),
]  # fmt: skip
