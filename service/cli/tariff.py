"""`kambill tariff`: check and price straight from the ratebook's folder, publish it."""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import click

from ratebook.bands import terms_at
from ratebook.compiled.read import Found, RatesReader
from ratebook.compiled.write import compile_tariff, open_for_writing, write_version
from ratebook.document import LoadedRatebook, load
from ratebook.model import Tariff
from ratebook.price import attempt_charge, charge, explain
from service.cli.groups import Verbs
from service.cli.output import as_json, facts, money
from service.cli.session import actor, config, ledger, now_ms, run
from service.faults import Fault
from service.tariffs import publisher
from service.tariffs.publisher import Publication

NUMBER_DIGITS_MAX = 32


class RatebookFaulty(Fault):
    """The ratebook has faults: nothing is priced from it."""

    def __init__(self, folder: Path, found: LoadedRatebook) -> None:
        lines = [f"{folder}/{problem}" for problem in found.problems]
        super().__init__("\n".join([*lines, f"{len(lines)} fault{'s' if len(lines) > 1 else ''} in {folder}"]))


@click.group(cls=Verbs, noun="tariff")
def command() -> None:
    """Check the ratebook, price a call by it."""


_RATEBOOK = click.option("--ratebook", type=click.Path(path_type=Path), help="Another folder than the configured one.")
_JSON = click.option("--json", "wants_json", is_flag=True, help="One JSON document.")


@command.command()
@_RATEBOOK
@_JSON
def check(ratebook: Path | None, *, wants_json: bool) -> None:
    """Read the whole ratebook and tell every fault. Nothing is published."""
    folder = ratebook or config().ratebook
    found = load(folder)
    if wants_json:
        problems = [
            {"file": one.place.file, "line": one.place.line, "column": one.place.column}
            | {"message": one.message, "expected": one.expected}
            for one in found.problems
        ]
        rates = {name: len(tariff.rates) for name, tariff in found.tariffs.items()}
        as_json({"ok": not problems, "problems": problems, "tariffs": rates, "plans": list(found.plans)})
        sys.exit(1 if problems else 0)
    if found.problems:
        raise RatebookFaulty(folder, found)
    for name, tariff in found.tariffs.items():
        click.echo(f"tariff {name}: {len(tariff.rates)} rates in {tariff.currency}")
    for name, plan in found.plans.items():
        click.echo(f"plan {name}: {len(plan.routes)} prefixes")
    click.echo("no faults")


class Duration(click.ParamType[int]):
    """Seconds, with up to three decimals, as milliseconds."""

    name = "seconds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The milliseconds; click's fault for what is none."""
        whole, _, part = str(value).partition(".")
        if not (whole + part).isdecimal() or not str(value).isascii() or len(part) > 3 or len(whole) > 7:
            self.fail(f"{value!r}: seconds such as 61 or 61.5 were expected", param, ctx)
        return int(whole or "0") * 1000 + int(part.ljust(3, "0"))


class Number(click.ParamType[str]):
    """A number in E.164, with or without `+`."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The digits; click's fault for what is no number."""
        digits = str(value).removeprefix("+")
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= NUMBER_DIGITS_MAX):
            self.fail(f"{value!r}: digits such as 442071838750 were expected", param, ctx)
        return digits


class Priced(NamedTuple):
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
    attempt_micros: int
    """What it would cost unanswered."""
    steps: list[str]


@command.command()
@click.argument("tariff")
@click.argument("number", type=Number())
@click.option("--seconds", "duration_ms", type=Duration(), default="60", show_default=True, help="Talked; 61.5 is one.")
@click.option("--at", "at", help="When it was answered: 2026-01-31T12:00:00, in the tariff's zone. Default: now.")
@_RATEBOOK
@_JSON
def price(
    tariff: str, number: str, duration_ms: int, at: str | None, ratebook: Path | None, *, wants_json: bool
) -> None:
    """What a call to NUMBER costs by TARIFF, step by step, as the call path itself would charge it."""
    folder = ratebook or config().ratebook
    found = load(folder)
    if found.problems:
        raise RatebookFaulty(folder, found)
    if tariff not in found.tariffs:
        raise Fault(
            f"no tariff {tariff!r} in {folder}: one of {', '.join(sorted(found.tariffs)) or 'none'} was expected"
        )
    priced = _price(found.tariffs[tariff], number, duration_ms, at)
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


def _price(tariff: Tariff, number: str, duration_ms: int, at: str | None) -> Priced:
    at_s = _moment(at, tariff.timezone)
    found = find_rate(tariff, number, at_s)
    if found is None:
        raise Fault(f"tariff {tariff.name} has no rate for {number} at that time: such a call is refused with 404")
    result = charge(found.terms, duration_ms, at_s)
    return Priced(
        tariff=tariff.name,
        number=number,
        at_s=at_s,
        duration_ms=duration_ms,
        prefix=found.prefix,
        destination=found.destination,
        currency=found.terms.currency,
        blocked=terms_at(found.terms, at_s).blocked,
        billed_s=result.billed_s,
        micros=result.micros,
        attempt_micros=attempt_charge(found.terms, at_s),
        steps=explain(found.terms, duration_ms, at_s),
    )


@command.command()
@click.option("--note", default="", help="Why, for the history.")
@_JSON
def publish(note: str, *, wants_json: bool) -> None:
    """Compile what changed in the ratebook and switch to it: all of it, or nothing if there is a fault."""
    settings = config()

    async def work() -> Publication:
        async with ledger(settings) as engine:
            return await publisher.publish(settings, engine, by=actor(), note=note, now_ms=now_ms())

    done = run(work())
    if wants_json:
        tariffs = [one._asdict() for one in done.tariffs]
        as_json({"tariffs": tariffs, "plans": done.plans, "warnings": done.warnings})
        return
    for one in done.tariffs:
        click.echo(
            f"published {one.name} {one.version}: {one.rates} rates" + (f", before {one.before}" if one.before else "")
        )
    for name in done.plans:
        click.echo(f"published plan {name}")
    for warning in done.warnings:
        click.echo(warning, err=True)
    if not done.tariffs and not done.plans:
        click.echo("nothing has changed")


def find_rate(tariff: Tariff, number: str, at_s: int) -> Found | None:
    """The rate of a number at a moment (wall-clock seconds), looked up as the call path does; None: there is none."""
    matching = tuple(rate for rate in tariff.rates if number.startswith(rate.prefix))
    compiled = compile_tariff(tariff._replace(rates=matching))
    with tempfile.TemporaryDirectory(prefix="kambill-price-") as folder:
        env = open_for_writing(Path(folder))
        write_version(env, compiled)
        env.close()
        reader = RatesReader.open(Path(folder))
        with reader.snapshot() as rates:
            found = rates.find(compiled.version, number, at_s)
        reader.close()
    return found


def _moment(at: str | None, zone: str) -> int:
    if at is None:
        return now_ms() // 1000
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise Fault(f"--at {at!r}: a time such as 2026-01-31T12:00:00 was expected") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC).timestamp())
