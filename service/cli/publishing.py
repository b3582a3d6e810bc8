"""`kambill tariff publish`, `pending` and `cancel`: now, or at a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from ratebook.groups import Group
from service.accounts.rules import ROOT_ID
from service.cli.output import Column, as_json, table
from service.cli.ratebook import moment, refuse
from service.cli.session import actor, config, ledger, now_ms, run
from service.database.engine import reading
from service.faults import Fault
from service.tariffs import publisher
from service.tariffs.pending import Waiting, announced, waiting
from service.tariffs.pending import cancel as cancel_publication
from service.tariffs.publisher import Ask, Publication
from service.tariffs.switching import Switched, load_groups

_JSON = click.option("--json", "wants_json", is_flag=True, help="One JSON document.")


@click.command()
@click.option("--note", default="", help="Why, for the history.")
@click.option("--at", "at", help="When: 2026-12-01T00:00, in the configured zone. The service switches then.")
@click.option("--ratebook", type=click.Path(path_type=Path), help="Another folder than the configured one.")
@_JSON
def publish(note: str, at: str | None, ratebook: Path | None, *, wants_json: bool) -> None:
    """Compile what changed in the ratebook and switch to it: all of it, or nothing if there is a fault."""
    settings = config()
    at_ms = None if at is None else moment(at, settings.timezone) * 1000
    if at_ms is not None and at_ms <= now_ms():
        raise Fault(f"--at {at!r} is over: leave it out to publish now")

    async def work() -> Publication:
        async with ledger(settings) as engine:
            ask = Ask(ratebook, at_ms)
            return await publisher.publish(settings, engine, by=actor(), note=note, now_ms=now_ms(), ask=ask)

    try:
        found = run(work())
    except publisher.RatebookFaulty as faulty:
        if wants_json:
            refuse(faulty.problems)
        raise
    if wants_json:
        as_json(_told(found.done) | {"warnings": found.warnings, "due_ms": found.due_ms})
        return
    if found.due_ms is not None:
        click.echo(f"waits until {_shown(found.due_ms, settings.timezone)} (kambill tariff pending):")
    _show(found.done, "published" if found.due_ms is None else "will publish")
    for warning in found.warnings:
        click.echo(warning, err=True)


def _told(done: Switched) -> dict[str, Any]:
    return {"tariffs": [one._asdict() for one in done.tariffs], "plans": done.plans, "groups": done.groups,
            "exchange": done.exchange}  # fmt: skip


def _show(done: Switched, verb: str) -> None:
    for one in done.tariffs:
        before = f", before {one.before}" if one.before else ""
        click.echo(f"{verb} {one.name} {one.version}: {one.rates} rates{before}")
        if one.changes:
            click.echo("  " + ", ".join(f"{count} {change}" for change, count in one.changes.items()))
    for name in done.plans:
        click.echo(f"{verb} plan {name}")
    for name in done.groups:
        click.echo(f"{verb} group {name}")
    if done.exchange:
        click.echo(f"{verb} rates of exchange")
    if not done.tariffs and not done.plans and not done.groups and not done.exchange:
        click.echo("nothing has changed")


def _shown(at_ms: int, zone: str) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone)).isoformat(" ")


@click.command()
@_JSON
def pending(*, wants_json: bool) -> None:
    """What waits for its moment to be published, the next one first."""
    settings = config()

    async def work() -> tuple[list[Waiting], list[Group]]:
        async with ledger(settings) as engine, reading(engine) as conn:
            return await waiting(conn, ROOT_ID), await load_groups(conn)

    found, standing = run(work())
    if wants_json:
        as_json(
            [
                {"id": one.id, "due_ms": one.due_ms, "by": one.asked_by, "note": one.note}
                | _told(announced(one.content, standing))
                for one in found
            ]
        )
        return
    rows = [
        [str(one.id), _shown(one.due_ms, settings.timezone), one.asked_by, ", ".join(one.content.tariffs), one.note]
        for one in found
    ]
    table([Column(name) for name in ("id", "at", "by", "tariffs", "note")], rows, empty="nothing waits")


@click.command()
@click.argument("publication", type=int)
def cancel(publication: int) -> None:
    """Take PUBLICATION, a number that `pending` tells, out of those that wait."""
    settings = config()

    async def work() -> None:
        async with ledger(settings) as engine, engine.begin() as conn:
            await cancel_publication(conn, ROOT_ID, publication, actor(), now_ms())

    run(work())
    click.echo(f"publication {publication} is cancelled")
