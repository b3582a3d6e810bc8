"""`kambill tariff import`, `undo` and `export`: carriers' sheets into decks, tariffs as sheets."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ratebook.compare import Change, differences
from ratebook.money import format_nanos
from ratebook.sheets.columns import Field
from ratebook.sheets.mapping import Mapping
from ratebook.sheets.merge import Changed
from ratebook.sheets.write import SheetLine, tariff_lines, to_csv, to_xlsx
from service.cli.output import Column, as_json, table
from service.cli.pricing import JSON
from service.cli.ratebook import FOLDER, folder_of, sound, tariff_named
from service.cli.session import now_ms
from service.faults import Fault
from service.tariffs.decks import Deck, Import, SheetUnusable, look_at, record_of

SHOWN_MAX = 20
_CHOICES = {"kind": ["full", "country", "partial"], "dash": ["range", "pair"], "date_order": ["dmy", "mdy"]}


class Columns(click.ParamType[tuple[str, str]]):
    """`rate=Their Price`."""

    name = "field=header"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """The field and the header; click's fault for what is none."""
        field, _, header = str(value).partition("=")
        if field not in list(Field) or not header:
            self.fail(f"{value!r}: one of {', '.join(Field)}, then = and the header's name were expected", param, ctx)
        return field, header


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--into", "deck_name", required=True, help="The deck, such as carrier-a.csv; made if it isn't there.")
@click.option(
    "--kind",
    type=click.Choice(_CHOICES["kind"]),
    help="What becomes of codes that it doesn't name.",
)
@click.option(
    "--date-order",
    type=click.Choice(_CHOICES["date_order"]),
    help="Which of 03/04 is the day.",
)
@click.option("--dash", type=click.Choice(_CHOICES["dash"]), help="Is 93-76 a range, or country and area?")
@click.option(
    "--twice",
    type=click.Choice(["last", "first", "stop"]),
    help="Which of two rows for the same counts.",
)
@click.option(
    "--past",
    type=click.Choice(["now", "keep", "stop"]),
    help="New prices whose date is over.",
)
@click.option("--notice-days", type=click.IntRange(0, 365), help="So many days ahead increases are due by contract.")
@click.option("--currency", help="Of the sheet.")
@click.option("--sheet", help="Of a workbook.")
@click.option("--column", "columns", type=Columns(), multiple=True, help="Which column is what; again for each.")
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="Instead of this day.")
@click.option("--strict", is_flag=True, help="Import nothing if any row with a code is left out.")
@click.option("--yes", is_flag=True, help="Do it; else only look at it.")
@FOLDER
@JSON
def import_sheet(
    file: Path, deck_name: str, *, today: datetime | None, strict: bool, yes: bool, ratebook: Path | None,
    wants_json: bool, columns: tuple[tuple[str, str], ...], **answers: Any,
) -> None:  # fmt: skip
    """Bring a carrier's sheet, CSV or a workbook, into a deck: shown first, done with --yes.

    What was answered once is kept beside the deck, and need not be said again.
    """
    deck = Deck(folder_of(ratebook), deck_name)
    known = deck.mapping().to_record() | {name: answer for name, answer in answers.items() if answer is not None}
    if columns:
        known["columns"] = dict(columns)
    day = today.date() if today else datetime.fromtimestamp(now_ms() / 1000, UTC).astimezone().date()
    with deck.alone() if yes else nullcontext():
        found = look_at(file.read_bytes(), deck.text(), Mapping.from_record(known), day)
        refusal = _refusal(found, strict=strict)
        if yes and not refusal:
            deck.write(found)
    if wants_json:
        as_json(record_of(found, day) | {"done": yes and not refusal, "refusal": refusal})
    else:
        _show(found, deck.path)
        if not refusal:
            click.echo(f"imported into {deck.path}" if yes else "nothing was imported: --yes does it")
    if refusal:
        if not wants_json:
            click.echo(refusal, err=True)
        sys.exit(1)


def _refusal(found: Import, *, strict: bool) -> str:
    if found.questions:
        lines = [
            f"{one.text}: --{one.name.replace('_', '-')} {'|'.join(one.options)}" for one in found.questions[:SHOWN_MAX]
        ]
        return "\n".join([*lines, "nothing was imported: the sheet does not tell"])
    return found.refusal(strict=strict)


def _show(found: Import, path: Path) -> None:
    reading = found.reading
    where = f"sheet {reading.sheet}, " if reading.sheet else ""
    click.echo(f"{where}header in line {reading.header_line}, {reading.currency or 'no currency named'}")
    for field, column in reading.columns.items():
        click.echo(f"  {field.value:<16} {column.header} ({column.confidence} %)")
    if reading.unread:
        click.echo(f"  {'not read':<16} {', '.join(reading.unread)}")
    said = ", ".join(f"{count} {change.value}" for change, count in found.merged.counts.items())
    click.echo(f"{path}: {said or 'nothing'}")
    _show_changes([change for change in found.merged.changes if change.kind is not Change.UNCHANGED])
    for one in found.left_out[:SHOWN_MAX]:
        click.echo(f"left out: line {one.line}: {one.reason}: {one.text}")
    if len(found.left_out) > SHOWN_MAX:
        click.echo(f"… and {len(found.left_out) - SHOWN_MAX} more rows left out (all of them with --json)")
    for notice in found.notices:
        click.echo(f"look at this: {notice}")


def _show_changes(changes: Sequence[Changed]) -> None:
    if changes:
        names = ("change", "code", "destination", "before", "after", "from", "line")
        rows = [
            [
                one.kind.value, one.code, one.destination, format_nanos(one.before.rate_nanos) if one.before else "",
                format_nanos(one.after.rate_nanos) if one.after else "", one.effective or "", str(one.line or ""),
            ]
            for one in changes[:SHOWN_MAX]
        ]  # fmt: skip
        table([Column(name, right=name in {"before", "after"}) for name in names], rows, empty="")
    if len(changes) > SHOWN_MAX:
        click.echo(f"… and {len(changes) - SHOWN_MAX} more (all of them with --json)")


@click.command("undo-import")
@click.option("--into", "deck_name", required=True, help="The deck.")
@FOLDER
def undo_import(deck_name: str, ratebook: Path | None) -> None:
    """Put a deck back to what it was before its last import."""
    deck = Deck(folder_of(ratebook), deck_name)
    with deck.alone():
        left = deck.undo()
    click.echo(f"{deck.path} is what it was before the last import; {left} more can be undone")


@click.command("export")
@click.argument("tariff")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--since",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="An older folder: only what changes from it.",
)
@FOLDER
def export_sheet(tariff: str, file: Path, since: Path | None, ratebook: Path | None) -> None:
    """Write a tariff as a sheet for those who buy by it: .csv or .xlsx by the FILE's name."""
    folder = folder_of(ratebook)
    found = tariff_named(sound(folder), tariff, folder)
    lines = tariff_lines(found)
    if since is not None:
        old = tariff_named(sound(since), tariff, since)
        changed = differences(old.rates, found.rates)
        lines = [
            SheetLine(rate._replace(effective_s=one.from_s, until_s=one.until_s), one.before, one.change)
            for one in changed
            if (rate := one.after or one.before) is not None
        ]
    if file.suffix.lower() == ".xlsx":
        raw = to_xlsx(lines, found, datetime.fromtimestamp(now_ms() / 1000, UTC))
    elif file.suffix.lower() == ".csv":
        raw = to_csv(lines, found.timezone).encode()
    else:
        raise Fault(f"{file}: a name that ends with .csv or .xlsx was expected")
    try:
        file.write_bytes(raw)
    except OSError as fault:
        raise Fault(f"{file}: {fault.strerror}") from None
    click.echo(f"{file}: {len(lines)} rates of {tariff}")
    if any(line.band for line in lines):
        click.echo("rows with a time band are for people: an import leaves them out", err=True)


__all__ = ["SheetUnusable", "export_sheet", "import_sheet", "undo_import"]
