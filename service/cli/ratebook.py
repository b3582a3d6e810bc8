"""The ratebook's folder as commands read it."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo

import click

from ratebook.document import LoadedRatebook, Problem, load
from ratebook.model import Tariff
from service.cli.output import as_json
from service.cli.session import config, now_ms
from service.faults import Fault

FOLDER = click.option("--ratebook", type=click.Path(path_type=Path), help="Another folder than the configured one.")
NUMBER_DIGITS_MAX = 32
YEARS = range(1970, 3000)
"""Of calls; clocks of zones end somewhere."""


class RatebookFaulty(Fault):
    """The ratebook has faults: nothing is priced from it."""

    def __init__(self, folder: Path, found: LoadedRatebook) -> None:
        lines = [f"{folder}/{problem}" for problem in found.problems]
        super().__init__("\n".join([*lines, f"{len(lines)} fault{'s' if len(lines) > 1 else ''} in {folder}"]))


def folder_of(ratebook: Path | None) -> Path:
    """The one named, else the configured one."""
    return ratebook or config().ratebook


def sound(folder: Path, *, wants_json: bool = False) -> LoadedRatebook:
    """A ratebook without faults. Raises RatebookFaulty; as JSON its faults are told at once, and the program ends."""
    found = load(folder)
    if found.problems and wants_json:
        refuse(found.problems)
    if found.problems:
        raise RatebookFaulty(folder, found)
    return found


def refuse(problems: list[Problem]) -> NoReturn:
    """Faults as the one JSON document that a command answers with."""
    as_json({"ok": False, "problems": [told_problem(one) for one in problems]})
    sys.exit(1)


def told_problem(problem: Problem) -> dict[str, object]:
    """A fault or a warning as JSON."""
    file, line, column = problem.place
    return {"file": file, "line": line, "column": column, "message": problem.message, "expected": problem.expected}


def tariff_named(found: LoadedRatebook, name: str, folder: Path) -> Tariff:
    """One of its tariffs. Raises Fault with those there are."""
    if name not in found.tariffs:
        known = ", ".join(sorted(found.tariffs)) or "none"
        raise Fault(f"no tariff {name!r} in {folder}: one of {known} was expected")
    return found.tariffs[name]


def moment(text: str | None, zone: str, what: str = "--at") -> int:
    """Wall-clock seconds of an ISO 8601 time, in this zone if it has no offset; None: now. Raises Fault."""
    if text is None:
        return now_ms() // 1000
    try:
        found = datetime.fromisoformat(text.strip())
        found = found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))
        if found.year in YEARS:
            return int(found.timestamp() // 1)
    except ValueError:
        pass
    raise Fault(f"{what} {text!r}: a time such as 2026-01-31T12:00:00 was expected")


def warn(found: LoadedRatebook, folder: Path) -> None:
    """Tells the warnings, beside what a command says."""
    for warning in found.warnings:
        click.echo(f"warning: {folder}/{warning}", err=True)


class Duration(click.ParamType[int]):
    """Seconds, with up to three decimals, as milliseconds."""

    name = "seconds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The milliseconds; click's fault for what is none."""
        found = milliseconds(str(value))
        if found is None:
            self.fail(f"{value!r}: seconds such as 61 or 61.5 were expected", param, ctx)
        return found


def milliseconds(text: str) -> int | None:
    """Of seconds with up to three decimals; None: it is no such thing."""
    whole, _, part = text.partition(".")
    part = part.rstrip("0") if whole else part
    if not (whole + part).isdecimal() or not text.isascii() or len(part) > 3 or len(whole) > 7:
        return None
    return int(whole or "0") * 1000 + int(part.ljust(3, "0"))


class Number(click.ParamType[str]):
    """A number in E.164, with or without `+`."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The digits; click's fault for what is no number."""
        found = digits(str(value))
        if found is None:
            self.fail(f"{value!r}: digits such as 442071838750 were expected", param, ctx)
        return found


def digits(text: str) -> str | None:
    """The digits of a number, with or without `+`; None: it is none."""
    found = text.strip().removeprefix("+")
    return found if found.isascii() and found.isdecimal() and len(found) <= NUMBER_DIGITS_MAX else None
