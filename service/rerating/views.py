"""What people see of re-ratings and corrections: of the accounts in their subtree, and of costs who may."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.values import Moment, Money, Told
from service.database.rerating_tables import corrections, reratings
from service.database.tables import accounts, cdrs
from service.ledger.api import seen_actor
from service.rerating.changes import Change, Left
from service.rerating.lines import COST_LEVEL
from service.rerating.preview import Preview, Sum, SumKey


class SumView(Told):
    """What changes for an account."""

    account_id: int
    kind: Annotated[str, Field(description="charge: what it pays; cost: what it gets as a provider")]
    currency: str
    lines: int
    more: Annotated[Money, Field(description="By which charges or costs rise")]
    less: Annotated[Money, Field(description="By which others fall: never above zero")]
    net: Money


class PriceView(Told):
    """What a level comes to."""

    prefix: str
    billed_s: int
    amount: Money


class ChangeView(Told):
    """A level of a call that would be corrected."""

    call: str
    account_id: int
    kind: str
    before: PriceView
    after: PriceView
    difference: Money
    currency: str


class LeftView(Told):
    """A level of a call that stays as it is."""

    call: str
    account_id: int
    kind: str
    reason: Annotated[
        str,
        Field(description="no_rate, blocked, currency, closed (account), credited, rates_gone, unclear_tariff"),
    ]


class PreviewView(Told):
    """What a re-rating would do. Nothing was changed."""

    calls: Annotated[int, Field(description="Of the period, looked at")]
    changed_calls: int
    sums: list[SumView]
    left_alone: Annotated[dict[str, int], Field(description="Charges and costs that stay, by the reason")]
    changes: Annotated[list[ChangeView], Field(description="The first ones")]
    left: Annotated[list[LeftView], Field(description="The first ones")]


class ReratingView(Told):
    """A re-rating that was begun."""

    id: int
    account_id: Annotated[int, Field(description="Whose sales it corrects, with those of everybody below it")]
    actor: Annotated[str, Field(description="`above`: somebody outside your subtree")]
    reason: str
    state: Annotated[str, Field(description="running or done")]
    since: Annotated[Moment, Field(validation_alias="from_ms")]
    until: Annotated[Moment, Field(validation_alias="to_ms")]
    under_id: Annotated[int | None, Field(description="Calls of this account and those below it; null: of all")]
    tariff_id: int | None
    prefix: str
    destination: str
    rates: Annotated[str, Field(description="`in force`, `draft` or a version: as they were when it began")]
    calls: Annotated[int, Field(description="Looked at by now")]
    changed: Annotated[int, Field(description="Corrections by now")]
    left_alone: Annotated[dict[str, int], Field(description="Charges and costs that stay, by the reason")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    finished_at: Annotated[Moment, Field(validation_alias="finished_ms")]


class ReratingText(ReratingView):
    """A re-rating with what it has changed."""

    sums: list[SumView]


class CorrectionView(Told):
    """What a level of a call was charged wrongly, and rightly."""

    id: int
    rerating_id: Annotated[int | None, Field(description="null: somebody above you has rated again")]
    call: str
    account_id: int
    seller_id: Annotated[int | None, Field(description="null: somebody above you")]
    kind: Annotated[str, Field(description="charge, or cost: what a provider gets")]
    before: PriceView
    after: PriceView
    difference: Money
    currency: str
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    entry_id: Annotated[int | None, Field(description="Of the books; null: its batch came to nothing")]


def sees_costs(call: Call) -> bool:
    """Whether what providers get is for the asker's eyes."""
    return call.actor.is_root and call.may(Permission.PROVIDERS_READ)


def _kind(*, is_cost: bool) -> str:
    return "cost" if is_cost else "charge"


def sum_views(sums: dict[SumKey, Sum]) -> list[SumView]:
    """By account."""
    return [
        SumView(
            account_id=key.account_id, kind=_kind(is_cost=key.is_cost), currency=key.currency, lines=one.lines,
            more=one.more_micros, less=one.less_micros, net=one.more_micros + one.less_micros,
        )
        for key, one in sorted(sums.items())
    ]  # fmt: skip


def preview_view(found: Preview) -> PreviewView:
    """All of it: it was judged within the asker's subtree."""
    return PreviewView(
        calls=found.calls,
        changed_calls=found.changed_calls,
        sums=sum_views(found.sums),
        left_alone=dict(found.left_alone),
        changes=list(map(_change, found.changes)),
        left=list(map(_left, found.left)),
    )


def _change(change: Change) -> ChangeView:
    line = change.line
    before, after = (
        PriceView(prefix=one.prefix, billed_s=one.billed_s, amount=one.micros) for one in (line.price, change.after)
    )
    return ChangeView(
        call=line.call.key, account_id=line.account_id, kind=_kind(is_cost=line.is_cost), before=before, after=after,
        difference=change.delta_micros, currency=line.currency,
    )  # fmt: skip


def _left(left: Left) -> LeftView:
    line = left.line
    kind = _kind(is_cost=line.is_cost)
    return LeftView(call=line.call.key, account_id=line.account_id, kind=kind, reason=left.why.value)


async def rerating_text(call: Call, number: int) -> ReratingText:
    """A run with its sums: of accounts that stand in the asker's subtree by now."""
    row = (await call.conn.execute(RERATINGS.where(reratings.c.id == number))).one()
    return ReratingText.model_validate(_told(call, row) | {"sums": sum_views(await _sums(call, number))})


def rerating_views(call: Call, rows: Iterable[Row[Any]]) -> list[ReratingView]:
    """Without sums."""
    return [ReratingView.model_validate(_told(call, row)) for row in rows]


_ACTORS = accounts.alias("actor_account")
RERATINGS = sa.select(reratings, _ACTORS.c.path.label("actor_path")).join(
    _ACTORS, _ACTORS.c.id == reratings.c.actor_account_id, isouter=True
)


def _told(call: Call, row: Row[Any]) -> dict[str, Any]:
    return dict(row._mapping) | {"actor": seen_actor(row.actor, row.actor_path, call.actor)}


async def _sums(call: Call, number: int) -> dict[SumKey, Sum]:
    delta = corrections.c.delta_micros
    is_cost = (corrections.c.level == COST_LEVEL).label("is_cost")
    key = (corrections.c.account_id, is_cost, corrections.c.currency)
    rises = sa.func.sum(sa.case((delta > 0, delta), else_=0))
    falls = sa.func.sum(sa.case((delta < 0, delta), else_=0))
    query = sa.select(*key, sa.func.count(), rises, falls).where(corrections.c.rerating_id == number).group_by(*key)
    rows = (await call.conn.execute(query)).all()
    inside = await call.find_all("account", {row.account_id for row in rows})
    return {
        SumKey(account_id, bool(of_cost), currency): Sum(lines, int(more), int(less))
        for account_id, of_cost, currency, lines, more, less in rows
        if account_id in inside and (not of_cost or sees_costs(call))
    }


CORRECTIONS = sa.select(corrections, cdrs.c.call).join(cdrs, cdrs.c.id == corrections.c.cdr_id)


async def correction_views(call: Call, rows: list[Row[Any]]) -> list[CorrectionView]:
    """As far as the asker knows who has to do with them."""
    runs = await call.find_all("rerating", {row.rerating_id for row in rows})
    sellers = await call.find_all("account", {row.seller_id for row in rows})
    return [_correction(row, runs, sellers) for row in rows]


def _correction(row: Row[Any], runs: dict[int, Row[Any]], sellers: dict[int, Row[Any]]) -> CorrectionView:
    said = row._mapping
    before, after = (
        PriceView(prefix=said[f"{when}_prefix"], billed_s=said[f"{when}_billed_s"], amount=said[f"{when}_micros"])
        for when in ("before", "after")
    )
    values = dict(said) | {"before": before, "after": after, "difference": row.delta_micros}
    values["kind"] = _kind(is_cost=row.level == COST_LEVEL)
    values["rerating_id"] = row.rerating_id if row.rerating_id in runs else None
    values["seller_id"] = row.seller_id if row.seller_id in sellers else None
    return CorrectionView.model_validate(values)
