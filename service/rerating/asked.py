"""What people ask for, and what it means: which calls, which tariffs' lines, by which rates."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, NamedTuple

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from ratebook.compiled.write import CompiledTariff, compile_tariff
from ratebook.document import load
from ratebook.model import Rate, Tariff
from service.accounts.rules import ROOT_ID
from service.api.call import Call
from service.api.nouns import within
from service.api.problems import FieldError, Problem, invalid
from service.api.values import AccountId, Asked, TariffId, Text, When, Words
from service.database.engine import looking
from service.database.rerating_tables import rerating_rates
from service.database.tables import tariff_versions, tariffs
from service.rerating.lines import Selection
from service.rerating.rates import Pin, Pins
from service.rerating.runs import DRAFT, IN_FORCE
from service.rerating.views import sees_costs
from service.tariffs.api import FAULTS_SHOWN_MAX, written_draft


class Wanted(Asked):
    """Which calls, and by which rates."""

    since: Annotated[When, Field(description="Calls that began from then on")]
    until: Annotated[When, Field(description="Exclusive")]
    account_id: Annotated[AccountId | None, Field(description="Made by it or below it; null: by anybody")] = None
    prefix: Annotated[str, Field(pattern=r"^[0-9]{0,32}$", description="The called number begins so")] = ""
    destination: Annotated[Text, Field(description="As the call record names it")] = ""
    tariff_id: Annotated[TariffId | None, Field(description="What was priced by it; null: by any")] = None
    by_tariff_id: Annotated[
        TariffId | None, Field(description="Another tariff's rates: the account had the wrong one. Needs tariff_id")
    ] = None
    version: Annotated[
        str | None, Field(pattern=r"^[0-9a-f]{16}$", description="Not the one in force. Needs tariff_id")
    ] = None
    draft: Annotated[bool, Field(description="Rates as they are written, not yet published. Needs tariff_id")] = False


class NewRerating(Wanted):
    """A re-rating to carry out."""

    reason: Words


class Meant(NamedTuple):
    """What was asked for, looked up."""

    selection: Selection
    tariff_id: int | None
    rates: str
    """As in `reratings`."""
    pins: Pins
    draft: CompiledTariff | None
    """To be kept before the run begins; None: the rates are there."""
    given: dict[str, tuple[Rate, ...]]
    """The draft's rates by its version."""


async def meant(call: Call) -> Meant:
    """Raises Problem."""
    body: Wanted = call.body
    if body.since >= body.until:
        raise invalid("/until", "this lies before the period's beginning, or on it")
    chosen = Selection(
        seller_id=call.actor.account_id,
        from_ms=body.since,
        to_ms=body.until,
        under_id=body.account_id,
        prefix=body.prefix,
        destination=body.destination,
        costs=sees_costs(call),
    )
    if body.tariff_id is None:
        _check_alone(body)
        return Meant(chosen, None, IN_FORCE, await _all_in_force(call), None, {})
    named = await _named(call, body)
    by = named[body.by_tariff_id or body.tariff_id]
    if body.draft:
        draft = await _draft(call, by)
        compiled = await asyncio.to_thread(compile_tariff, draft)
        version = compiled.version.hex()
        pins = {body.tariff_id: Pin(by.id, version)}
        return Meant(chosen, body.tariff_id, DRAFT, pins, compiled, {version: draft.rates})
    version = await _version(call, by, body.version)
    pins = {body.tariff_id: Pin(by.id, version)}
    return Meant(chosen, body.tariff_id, body.version or IN_FORCE, pins, None, {})


def _check_alone(body: Wanted) -> None:
    for field in ("by_tariff_id", "version", "draft"):
        if getattr(body, field):
            raise invalid(f"/{field}", "name the tariff whose calls these rates are for: tariff_id")


async def _all_in_force(call: Call) -> Pins:
    """Of every seller in the asker's subtree."""
    query = sa.select(tariffs.c.id, tariffs.c.version).where(tariffs.c.version.is_not(None))
    async with looking(call.api.engine) as conn:
        rows = await conn.execute(query.where(within(tariffs.c.owner_id, call.actor)))
        return {row.id: Pin(row.id, row.version) for row in rows}


async def _named(call: Call, body: Wanted) -> dict[int, Row[Any]]:
    """The tariffs by their numbers. Raises Problem for one that somebody above sells by."""
    wanted = {"tariff_id": body.tariff_id, "by_tariff_id": body.by_tariff_id}
    numbers = {field: number for field, number in wanted.items() if number is not None}
    async with looking(call.api.engine) as conn:
        call.conn = conn
        found = await call.find_all("tariff", set(numbers.values()), to_change=True)
    errors = [
        FieldError("body", f"/{field}", f"there is no tariff {number}")
        for field, number in numbers.items()
        if number not in found
    ]
    if errors:
        raise Problem("invalid", errors=errors)
    return found


async def _version(call: Call, tariff: Row[Any], wanted: str | None) -> str:
    if wanted is None:
        if tariff.version is None:
            raise Problem("conflict", f"the tariff {tariff.name} was never published: publish it, or take its draft")
        return str(tariff.version)
    known = sa.union(
        sa.select(tariff_versions.c.version).where(tariff_versions.c.tariff_id == tariff.id),
        sa.select(rerating_rates.c.version).where(rerating_rates.c.tariff_id == tariff.id),
    )
    async with looking(call.api.engine) as conn:
        if wanted not in set((await conn.execute(known)).scalars()):
            raise invalid("/version", "this tariff never had that version")
    return wanted


async def _draft(call: Call, row: Row[Any]) -> Tariff:
    """What is written of a tariff: through the API, or in the operator's ratebook. Raises Problem for its faults."""
    draft = await written_draft(call, row)
    if draft is not None:
        return draft
    loaded = await asyncio.to_thread(load, call.api.config.ratebook)
    if loaded.problems:
        errors = [FieldError("body", "/draft", str(problem)) for problem in loaded.problems[:FAULTS_SHOWN_MAX]]
        raise Problem("invalid", f"{len(loaded.problems)} faults in the ratebook", errors=errors)
    if row.owner_id != ROOT_ID or row.name not in loaded.tariffs:
        raise invalid("/draft", f"the tariff {row.name} is written nowhere any more")
    return loaded.tariffs[row.name]
