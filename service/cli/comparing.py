"""`kambill tariff diff`, `simulate` and `margin`: what a ratebook would change, in rates and in money."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import click
import sqlalchemy as sa

from ratebook.compare import Difference, counts, differences
from ratebook.exchange import Exchange, pair_text
from ratebook.groups import Groups
from ratebook.margin import losses
from ratebook.model import Rate, Tariff, Terms
from ratebook.money import format_micros, format_nanos
from service.accounts.rules import ROOT_ID
from service.cli.output import Column, as_json, table
from service.cli.pricing import JSON
from service.cli.ratebook import FOLDER, folder_of, moment, sound, tariff_named
from service.cli.session import config, ledger, now_ms, run
from service.config import Config
from service.database.engine import reading
from service.database.tables import tariff_sources, tariffs
from service.faults import Fault
from service.tariffs.exchange import in_force
from service.tariffs.rates import published_rates
from service.tariffs.traffic import Group, Sum, by_destination, calls_of

PUBLISHED = "published"
SHOWN_MAX = 50
_PERIOD = re.compile(r"(?P<count>[0-9]{1,3})(?P<unit>[dhw])")
Money = list[tuple[Group, Sum, Sum]]
"""What groups of calls come to, by the old and by the new rates."""
_UNITS_S = {"h": 3600, "d": 86_400, "w": 604_800}


class Named(NamedTuple):
    """A tariff that is compared."""

    currency: str
    timezone: str
    rates: list[Rate]


class Operand(NamedTuple):
    """A side of a comparison."""

    tariffs: dict[str, Named]
    """By name; of a single one the name is empty."""
    exchange: Exchange


class Period(click.ParamType[tuple[int, int]]):
    """`7d`, or a day and the day after the last: `2026-11-01..2026-11-08`. Milliseconds, the end exclusive."""

    name = "period"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """From and to; click's fault for what is no period."""
        match = _PERIOD.fullmatch(str(value))
        if match:
            now = now_ms()
            return now - int(match["count"]) * _UNITS_S[match["unit"]] * 1000, now
        first, dots, last = str(value).partition("..")
        try:
            found = moment(first, "UTC") * 1000, moment(last, "UTC") * 1000
        except Fault:
            found = 0, 0
        if not dots or found[0] >= found[1]:
            self.fail(f"{value!r}: a period such as 7d or 2026-11-01..2026-11-08 was expected", param, ctx)
        return found


async def _published(settings: Config) -> Operand:
    """The ratebook's tariffs as they are in force; not those that are written through the API."""
    async with ledger(settings) as engine, reading(engine) as conn:
        written = sa.select(tariff_sources.c.tariff_id)
        own = (tariffs.c.owner_id == ROOT_ID) & tariffs.c.version.is_not(None) & tariffs.c.id.not_in(written)
        rows = (await conn.execute(sa.select(tariffs).where(own))).all()
        exchange = await in_force(conn)
    found = {}
    for row in rows:
        rates = await published_rates(settings, row.version)
        if rates is not None:
            found[row.name] = Named(row.currency, "UTC", rates)
    return Operand(found, exchange)


def _operand(text: str, folder: Path, *, wants_json: bool) -> Operand:
    """A ratebook's folder, `published`, or one tariff of the ratebook."""
    if text == PUBLISHED:
        return run(_published(config()))
    if Path(text).is_dir():
        loaded = sound(Path(text), wants_json=wants_json)
        return Operand({name: _named(one) for name, one in loaded.tariffs.items()}, loaded.exchange)
    loaded = sound(folder, wants_json=wants_json)
    return Operand({"": _named(tariff_named(loaded, text, folder))}, loaded.exchange)


def _named(tariff: Tariff) -> Named:
    return Named(tariff.currency, tariff.timezone, list(tariff.rates))


@click.command()
@click.argument("before")
@click.argument("after")
@click.option("--traffic", type=Period(), help="Priced by both: 7d, or 2026-11-01..2026-11-08.")
@FOLDER
@JSON
def diff(before: str, after: str, traffic: tuple[int, int] | None, ratebook: Path | None, *, wants_json: bool) -> None:
    """What changes from BEFORE to AFTER: each a ratebook's folder, `published`, or a tariff of the ratebook."""
    folder = folder_of(ratebook)
    was, now = (_operand(side, folder, wants_json=wants_json) for side in (before, after))
    old, new = was.tariffs, now.tariffs
    if ("" in old) != ("" in new):
        raise Fault("two tariffs, or two ratebooks, were expected: not one of each")
    answer = []
    for name in sorted(old.keys() | new.keys()):
        found = differences(old[name].rates if name in old else [], new[name].rates if name in new else [])
        shown = new.get(name) or old[name]
        money = None
        if traffic and name in new and name in old and found:
            money = run(_money(name or after, (old[name], was.exchange), (new[name], now.exchange), traffic))
        answer.append((name or f"{before} → {after}", shown, found, money))
    if wants_json:
        as_json([_told(name, named, found, money) for name, named, found, money in answer])
        return
    for name, named, found, money in answer:
        said = ", ".join(f"{count} {change.value}" for change, count in counts(found).items())
        click.echo(f"{name}: {said or 'nothing changes'}")
        _show(found, named)
        if money is not None:
            _show_money(money)


async def _money(name: str, old: tuple[Named, Exchange], new: tuple[Named, Exchange], period: tuple[int, int]) -> Money:
    """By destination, by the old and by the new rates; those that differ."""
    found = []
    async with ledger(config()) as engine:
        for named, exchange in (old, new):
            calls = calls_of(engine, name, *period, costs=False)
            found.append(await by_destination(calls, named.rates, named.currency, exchange))
    was, now = found
    both = [(group, was.get(group, Sum()), now.get(group, Sum())) for group in sorted(was.keys() | now.keys())]
    return [(group, one, other) for group, one, other in both if one.after_micros != other.after_micros]


def _price(terms: Terms) -> str:
    if terms.blocked:
        return "blocked"
    rates = " / ".join(dict.fromkeys(format_nanos(step.rate_nanos) for step in terms.intervals))
    increments = f"{terms.intervals[0].increment_s}/{terms.intervals[-1].increment_s}"
    bands = f" and {len(terms.timetable.bands)} bands" if terms.timetable else ""
    return f"{rates} {increments}{bands}"


def _when(at_s: int | None, zone: str) -> str:
    return "" if at_s is None else datetime.fromtimestamp(at_s, UTC).astimezone(ZoneInfo(zone)).isoformat(" ")


def _show(found: list[Difference], named: Named) -> None:
    if not found:
        return
    rows = [
        [
            one.change.value, one.prefix, one.destination, _price(one.before.terms) if one.before else "",
            _price(one.after.terms) if one.after else "", _when(one.from_s, named.timezone),
            _when(one.until_s, named.timezone),
        ]
        for one in found[:SHOWN_MAX]
    ]  # fmt: skip
    names = ("change", "prefix", "destination", "before", "after", "from", "until")
    table([Column(name, right=name in {"before", "after"}) for name in names], rows, empty="")
    if len(found) > SHOWN_MAX:
        click.echo(f"… and {len(found) - SHOWN_MAX} more (all of them with --json)")


def _show_money(money: Money) -> None:
    rows = [
        [*group, str(now.calls), format_micros(was.after_micros), format_micros(now.after_micros),
         format_micros(now.after_micros - was.after_micros), str(now.without_rate or "")]
        for group, was, now in money
    ]  # fmt: skip
    names = ("destination", "currency", "calls", "by the old", "by the new", "difference", "refused")
    columns = [Column(name, right=name not in {"destination", "currency"}) for name in names]
    table(columns, rows, empty="the calls of that period cost the same")
    totals: Counter[str] = Counter()
    for group, was, now in money:
        totals[group.currency] += now.after_micros - was.after_micros
    for currency, micros in sorted(totals.items()):
        click.echo(f"difference: {format_micros(micros)} {currency}")


def _told(name: str, named: Named, found: list[Difference], money: Money | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "tariff": name,
        "currency": named.currency,
        "counts": {change.value: count for change, count in counts(found).items()},
        "changes": [
            {
                "change": one.change.value, "prefix": one.prefix, "destination": one.destination,
                "before": _price(one.before.terms) if one.before else None,
                "after": _price(one.after.terms) if one.after else None,
                "from_s": one.from_s, "until_s": one.until_s,
            }
            for one in found
        ],
    }  # fmt: skip
    if money is not None:
        told["traffic"] = [
            {
                **group._asdict(), "calls": now.calls, "before": format_micros(was.after_micros),
                "after": format_micros(now.after_micros), "refused": now.without_rate,
            }
            for group, was, now in money
        ]  # fmt: skip
    return told


@click.command()
@click.argument("tariff")
@click.option("--period", type=Period(), default="7d", show_default=True, help="7d, or 2026-11-01..2026-11-08.")
@click.option("--instead-of", help="The published tariff whose calls are taken; the same name if absent.")
@click.option("--costs", is_flag=True, help="What providers ask by it, not what accounts pay.")
@click.option("--by-group", is_flag=True, help="By destination group, not by destination.")
@FOLDER
@JSON
def simulate(
    tariff: str,
    period: tuple[int, int],
    instead_of: str | None,
    ratebook: Path | None,
    *,
    costs: bool,
    by_group: bool,
    wants_json: bool,
) -> None:
    """What the calls of a period would have come to by TARIFF as it stands in the ratebook: by destination."""
    folder = folder_of(ratebook)
    loaded = sound(folder, wants_json=wants_json)
    draft = tariff_named(loaded, tariff, folder)
    groups = Groups(loaded.groups) if by_group else None

    async def work() -> dict[Group, Sum]:
        async with ledger(config()) as engine:
            calls = calls_of(engine, instead_of or tariff, *period, costs=costs)
            return await by_destination(calls, list(draft.rates), draft.currency, loaded.exchange, groups)

    found = run(work())
    if by_group:
        found = {group._replace(destination=group.destination or "(no group)"): one for group, one in found.items()}
    totals = _totals(found)
    if wants_json:
        as_json({"currency": draft.currency, "destinations": [_sum(*one) for one in found.items()],
                 "totals": [_sum(*one) for one in totals.items()]})  # fmt: skip
        return
    names = ("destination", "currency", "calls", "minutes", "charged", "by the draft", "cost", "margin", "refused")
    rows = [
        [*group, str(one.calls), f"{one.duration_ms / 60_000:.1f}", format_micros(one.before_micros),
         format_micros(one.after_micros), format_micros(one.cost_micros),
         format_micros(one.after_micros - one.cost_micros), str(one.without_rate or "")]
        for group, one in [*sorted(found.items()), *sorted(totals.items())]
    ]  # fmt: skip
    table([Column(name, right=name not in {"destination", "currency"}) for name in names], rows, empty="no calls")


def _totals(found: dict[Group, Sum]) -> dict[Group, Sum]:
    """Of each currency."""
    parts: defaultdict[Group, list[Sum]] = defaultdict(list)
    for group, one in found.items():
        parts[Group("in all", group.currency)].append(one)
    return {group: Sum(*map(sum, zip(*sums, strict=True))) for group, sums in parts.items()}


def _sum(group: Group, one: Sum) -> dict[str, Any]:
    return {
        **group._asdict(), "calls": one.calls, "duration_ms": one.duration_ms,
        "charged": format_micros(one.before_micros), "draft": format_micros(one.after_micros),
        "cost": format_micros(one.cost_micros), "margin": format_micros(one.after_micros - one.cost_micros),
        "refused": one.without_rate,
    }  # fmt: skip


@click.command()
@click.argument("tariff")
@click.argument("costs", nargs=-1, required=True)
@click.option("--at", "at", help="When: 2026-01-31T12:00:00, in the tariff's zone. Default: now.")
@FOLDER
@JSON
def margin(tariff: str, costs: tuple[str, ...], at: str | None, ratebook: Path | None, *, wants_json: bool) -> None:
    """Where TARIFF sells below each of COSTS, tariffs of the ratebook: increments, fees and bands included."""
    folder = folder_of(ratebook)
    loaded = sound(folder, wants_json=wants_json)
    sold = tariff_named(loaded, tariff, folder)
    at_s = moment(at, sold.timezone)
    rows = []
    for name in costs:
        bought = tariff_named(loaded, name, folder)
        factor = loaded.exchange.factor(bought.currency, sold.currency, at_s)
        if factor is None:
            pair = pair_text(bought.currency, sold.currency)
            said = f"{name} is in {bought.currency}, {tariff} in {sold.currency}"
            raise Fault(f"{said}: they can't be compared without a rate of exchange {pair} in exchange.yaml")
        rows += [
            {
                "cost": name, "prefix": one.prefix, "destination": one.price.destination,
                "price": _price(one.price.terms), "asked": _price(one.cost.terms), "seconds": one.seconds,
                "earned": format_micros(one.price_micros), "paid": format_micros(one.cost_micros),
            }
            for one in losses(sold.rates, bought.rates, at_s, factor)
        ]  # fmt: skip
    if wants_json:
        as_json(rows)
        return
    shown = [[str(value) for value in row.values()] for row in rows[:SHOWN_MAX]]
    names = ("cost", "prefix", "destination", "price", "asked", "seconds", "earned", "paid")
    table([Column(name) for name in names], shown, empty=f"{tariff} loses nothing")
    if len(rows) > SHOWN_MAX:
        click.echo(f"… and {len(rows) - SHOWN_MAX} more (all of them with --json)")
