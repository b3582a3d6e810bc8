"""`kambill tariff price` and `lookup`: what calls cost by the ratebook's folder, step by step or in bulk."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from ratebook.bands import terms_at
from ratebook.bulk import Pricer, RateIndex
from ratebook.exchange import Exchange, pair_text
from ratebook.groups import Groups
from ratebook.model import Rate, Tariff
from ratebook.money import format_micros, format_nanos
from ratebook.price import Factor, attempt_charge, charge, explain
from service.cli.output import Column, as_json, facts, money, table
from service.cli.ratebook import (
    FOLDER,
    Duration,
    Number,
    digits,
    folder_of,
    milliseconds,
    moment,
    sound,
    tariff_named,
)
from service.faults import Fault
from service.tariffs.pricing import cheapness, priced_row, unpriced_row

JSON = click.option("--json", "wants_json", is_flag=True, help="JSON: one document, or one object a line for --calls.")
SECONDS = "seconds such as 61 or 61.5, to the thousandth and below 10000000,"
CALL_COLUMNS = ("number", "answered_at", "duration_s")


class CallPrice(NamedTuple):
    """A call as a tariff prices it."""

    tariff: str
    number: str
    at_s: int
    duration_ms: int
    prefix: str
    destination: str
    currency: str
    blocked: bool
    billed_s: int
    micros: int
    charge: str
    """The same, as a decimal number."""
    attempt_micros: int
    """What it would cost unanswered."""
    steps: list[str]


@click.command()
@click.argument("tariff")
@click.argument("number", type=Number(), required=False)
@click.option("--seconds", "duration_ms", type=Duration(), default="60", show_default=True, help="Talked; 61.5 is one.")
@click.option("--at", "at", help="When it was answered: 2026-01-31T12:00:00, in the tariff's zone. Default: now.")
@click.option("--in", "currency", help="The currency of the account that pays, by exchange.yaml.")
@click.option("--calls", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A CSV of calls instead.")
@FOLDER
@JSON
def price(
    tariff: str,
    number: str | None,
    duration_ms: int,
    at: str | None,
    currency: str | None,
    calls: Path | None,
    ratebook: Path | None,
    *,
    wants_json: bool,
) -> None:
    """What a call to NUMBER costs by TARIFF, step by step, as the call path itself would charge it.

    With --calls, all calls of a CSV file with the columns number, answered_at (ISO 8601; in the tariff's zone without
    an offset) and duration_s. A row that is no call is answered with its line and reason; the command fails in the end.
    """
    folder = folder_of(ratebook)
    loaded = sound(folder, wants_json=wants_json)
    found = tariff_named(loaded, tariff, folder)
    if (number is None) == (calls is None):
        raise click.UsageError("either a NUMBER or --calls FILE was expected")
    if calls is not None:
        if currency:
            raise click.UsageError("--in goes with one NUMBER")
        bad = 0
        for row in _bulk(found, calls):
            click.echo(json.dumps(row, ensure_ascii=False) if wants_json else _line(row))
            bad += "line" in row
        if bad:
            raise Fault(f"{calls}: {bad} row{'s are no calls' if bad > 1 else ' is no call'}: see above")
        return
    at_s = moment(at, found.timezone)
    worth = _worth(loaded.exchange, found.currency, currency or found.currency, at_s)
    priced = _price(found, number or "", duration_ms, at_s, worth)
    if wants_json:
        as_json(priced._asdict())
        return
    facts(
        [
            ("number", priced.number),
            ("rate", f"{priced.prefix or '(every number)'} {priced.destination}".strip()),
            ("charge", "blocked" if priced.blocked else money(priced.micros, priced.currency)),
        ]
    )
    for step in priced.steps:
        click.echo(f"  {step}")
    if priced.attempt_micros:
        click.echo(f"  unanswered: {money(priced.attempt_micros, priced.currency)}")


class _Worth(NamedTuple):
    """What a tariff's currency is worth in that of the account."""

    currency: str
    factor: Factor


def _worth(exchange: Exchange, have: str, want: str, at_s: int) -> _Worth:
    factor = exchange.factor(have, want, at_s)
    if factor is None:
        pair = pair_text(have, want)
        raise Fault(f"exchange.yaml has no rate {pair} at that time: such a call is refused with 503")
    return _Worth(want, factor)


def _price(tariff: Tariff, number: str, duration_ms: int, at_s: int, worth: _Worth) -> CallPrice:
    rate = RateIndex(tariff.rates).find(number, at_s)
    if rate is None:
        raise Fault(f"tariff {tariff.name} has no rate for {number} at that time: such a call is refused with 404")
    currency, factor = worth
    result = charge(rate.terms, duration_ms, at_s, factor)
    return CallPrice(
        tariff=tariff.name,
        number=number,
        at_s=at_s,
        duration_ms=duration_ms,
        prefix=rate.prefix,
        destination=rate.destination,
        currency=currency,
        blocked=terms_at(rate.terms, at_s).blocked,
        billed_s=result.billed_s,
        micros=result.micros,
        charge=format_micros(result.micros),
        attempt_micros=attempt_charge(rate.terms, at_s, factor),
        steps=explain(rate.terms, duration_ms, at_s, factor, currency if currency != tariff.currency else ""),
    )


class BadRow(NamedTuple):
    """A row that is no call."""

    line: int
    number: str
    """As it stands there."""
    reason: str


def _bulk(tariff: Tariff, path: Path) -> Iterator[dict[str, Any]]:
    """An answer a row. Raises Fault for a file that is no table of calls."""
    pricer = Pricer(tariff.rates)
    for call in _calls(path, tariff.timezone):
        if isinstance(call, BadRow):
            yield unpriced_row(call.number, call.reason) | {"line": call.line}
            continue
        yield priced_row(pricer, *call)


def _calls(path: Path, zone: str) -> Iterator[tuple[str, int, int] | BadRow]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
            missing = [name for name in CALL_COLUMNS if name not in reader.fieldnames]
            if missing:
                raise Fault(f"{path}:1: no column {' and no '.join(missing)}: {', '.join(CALL_COLUMNS)} were expected")
            for row in reader:
                yield _call(row, reader.line_num, zone)
    except csv.Error as fault:
        raise Fault(f"{path}:{reader.reader.line_num}: no CSV ({fault}): what comes behind it is not priced") from None
    except UnicodeDecodeError as fault:
        raise Fault(f"{path}: no UTF-8 ({fault})") from None


def _call(row: dict[str, str], line: int, zone: str) -> tuple[str, int, int] | BadRow:
    said, talked = (row["number"] or "").strip(), (row["duration_s"] or "").strip()
    number, duration_ms = digits(said), milliseconds(talked)
    if number is None or not number:
        return BadRow(line, said, f"number {said!r}: digits were expected")
    if duration_ms is None:
        return BadRow(line, said, f"duration_s {talked!r}: {SECONDS} were expected")
    try:
        return number, moment(row["answered_at"] or "", zone, "answered_at"), duration_ms
    except Fault as fault:
        return BadRow(line, said, str(fault))


def _line(row: dict[str, Any]) -> str:
    if row.get("error"):
        where = f"line {row['line']}: " if "line" in row else ""
        return f"{row['number']}  {where}{row['error']}"
    return (
        f"{row['number']}  {row['prefix'] or '(every number)'}  {row['billed_s']} s  {row['charge']} {row['currency']}"
    )


@click.command()
@click.argument("number", type=Number())
@click.option("--at", "at", help="When: 2026-01-31T12:00:00, in each tariff's zone. Default: now.")
@FOLDER
@JSON
def lookup(number: str, at: str | None, ratebook: Path | None, *, wants_json: bool) -> None:
    """The rate of NUMBER in every tariff of the ratebook, the cheapest minute first."""
    loaded = sound(folder_of(ratebook), wants_json=wants_json)
    group = Groups(loaded.groups).find(number)
    found = []
    for name, tariff in loaded.tariffs.items():
        matching = [rate for rate in tariff.rates if number.startswith(rate.prefix)]
        rate = RateIndex(matching).find(number, at_s := moment(at, tariff.timezone))
        if rate is not None:
            found.append(_looked_up(name, rate, at_s) | {"group": group or None})
    cheap = cheapness(loaded.exchange, [row["currency"] for row in found], moment(at, "UTC"))
    found.sort(key=lambda row: cheap(row["currency"], row["minute_micros"], blocked=row["blocked"]))
    if wants_json:
        as_json(found)
        return
    columns = [
        Column("tariff"),
        Column("prefix"),
        Column("destination"),
        Column("rate", right=True),
        Column("one minute", right=True),
    ]
    rows = [
        [row["tariff"], row["prefix"], row["destination"], "blocked" if row["blocked"] else row["rate"],
         money(row["minute_micros"], row["currency"])]
        for row in found
    ]  # fmt: skip
    table(columns, rows, empty=f"no tariff has a rate for {number}")
    if group:
        click.echo(f"group: {group}")


def _looked_up(tariff: str, rate: Rate, at_s: int) -> dict[str, Any]:
    terms = terms_at(rate.terms, at_s)
    return {
        "tariff": tariff,
        "prefix": rate.prefix,
        "destination": rate.destination,
        "currency": terms.currency,
        "blocked": terms.blocked,
        "rate": format_nanos(terms.intervals[0].rate_nanos),
        "increments": "/".join(str(step.increment_s) for step in terms.intervals),
        "minute_micros": charge(rate.terms, 60_000, at_s).micros,
    }
