"""`kambill tariff exchange`: the ratebook's rates of exchange, and a history to begin with."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from ratebook.exchange import ALWAYS_S, Exchange
from ratebook.money import format_nanos
from service.cli.output import Column, as_json, table
from service.cli.pricing import JSON
from service.cli.ratebook import FOLDER, folder_of, sound
from service.cli.session import now_ms
from service.faults import Fault

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


class Currencies(click.ParamType[tuple[str, ...]]):
    """`USD,GBP`."""

    name = "currencies"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The currencies, each once; click's fault for what is none."""
        found = tuple(dict.fromkeys(word.strip() for word in str(value).split(",")))
        for word in found:
            if not _CURRENCY.fullmatch(word):
                self.fail(f"{word!r}: currencies such as USD,GBP were expected", param, ctx)
        return found


@click.command()
@click.option("--seed", "base", help="Write the European Central Bank's history: EUR, in which all of it is.")
@click.option("--with", "currencies", type=Currencies(), help="Of these currencies: USD,GBP.")
@click.option("--since", help="From this day on: 2026-01-01. Default: the last rate alone.")
@FOLDER
@JSON
def exchange(
    base: str | None, currencies: tuple[str, ...] | None, since: str | None, ratebook: Path | None, *, wants_json: bool
) -> None:
    """The rates of exchange of the ratebook that hold now, and later ones; or, with --seed, a history from a package.

    Seeding asks no network: the history ends on the day of the package. It goes into decks/ecb.csv, which exchange.yaml
    has to name.
    """
    folder = folder_of(ratebook)
    if base is None:
        if currencies or since:
            raise click.UsageError("--with and --since go with --seed")
        _list(sound(folder, wants_json=wants_json).exchange, wants_json=wants_json)
        return
    if not currencies:
        raise click.UsageError("--seed needs --with: currencies such as USD,GBP")
    from service.tariffs.central_bank import seed  # noqa: PLC0415 -- its package is for seeding alone, and slow to load

    done = seed(folder, base, currencies, _day(since))
    if wants_json:
        as_json(done._asdict() | {"deck": str(done.deck), "exchange": str(done.exchange), "last": str(done.last)})
        return
    click.echo(
        f"{done.deck}: {done.rates} rates; the package's history ends on {done.last}, newer ones are yours to add"
    )
    if done.is_new:
        click.echo(f"{done.exchange}: new, over {base} as the base")
    else:
        click.echo(f"{done.exchange} stays as it is: see that it has `base: {base}` and `decks: [{done.deck.name}]`")


def _day(text: str | None) -> date:
    if text is None:
        return datetime.fromtimestamp(now_ms() // 1000, UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Fault(f"--since {text!r}: a day such as 2026-01-01 was expected") from None


def _list(found: Exchange, *, wants_json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {"from": have, "to": want, "rate": format_nanos(nanos), "since_s": None if from_s == ALWAYS_S else from_s}
        for (have, want), course in sorted(found.since(now_ms() // 1000).courses.items())
        for from_s, nanos in course
    ]
    if wants_json:
        as_json({"base": found.base, "rates": rows})
        return
    columns = [Column("from"), Column("to"), Column("rate", right=True), Column("since")]
    table(columns, ([*_texts(row)] for row in rows), empty="no rates of exchange")
    if found.base:
        click.echo(f"others are exchanged over {found.base}")


def _texts(row: dict[str, Any]) -> list[str]:
    since_s = row["since_s"]
    when = "always" if since_s is None else datetime.fromtimestamp(since_s, UTC).isoformat(" ")
    return [row["from"], row["to"], row["rate"], when]
