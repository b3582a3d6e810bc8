"""`kambill journal`: what the call path wrote down, opened for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from kemi.store.journal import FOLDER, TornLine, journal_files, read_lines
from kemi.store.lines import call_of_line
from service.cli.output import moment
from service.cli.session import config
from service.faults import Fault

_SHOWN = ("account", "trunk", "gateway", "caller", "called", "grant_s", "answer_wall_ms")
_HEAD = ("e", "epoch", "seq", "boot", "boot_ms", "wall_ms", "call")


@click.command()
@click.option("--file", "path", type=click.Path(path_type=Path), help="One file; else all of the configured journal.")
@click.option("--call", default="", help="Lines of one call: its key, or how it begins.")
@click.option("--event", default="", help="Lines of one kind: answered, extended, settled, refused, beat ...")
@click.option("--beats", is_flag=True, help="Show the heartbeats too.")
@click.option("--json", "wants_json", is_flag=True, help="One JSON object a line.")
def command(path: Path | None, call: str, event: str, *, beats: bool, wants_json: bool) -> None:
    """Read the call journal. It is only read: the collector posts it, whatever is looked at."""
    settings = config()
    files = [path] if path is not None else journal_files(settings.data_dir / FOLDER)
    if path is not None and not path.exists():
        raise Fault(f"{path}: no such file: the journal's are in {settings.data_dir / FOLDER}")
    try:
        for line in _chosen(files, call, event, beats=beats or event == "beat"):
            click.echo(json.dumps(line, ensure_ascii=False) if wants_json else _told(line, settings.timezone))
    except TornLine as fault:
        raise Fault(str(fault)) from fault


def _chosen(files: list[Path], call: str, event: str, *, beats: bool) -> Iterator[dict[str, Any]]:
    for file in files:
        for _, line in read_lines(file):
            if event and line["e"] != event:
                continue
            if line["e"] == "beat" and not beats:
                continue
            if call and not str(line.get("call") or line.get("cdr", {}).get("call", "")).startswith(call):
                continue
            yield _opened(line)


def _opened(line: dict[str, Any]) -> dict[str, Any]:
    """A line with the store's record of a call in words."""
    running = call_of_line(line)
    if running is None:
        return line
    shown = {name: getattr(running, name) for name in _SHOWN}
    holds = [{"account": leg.account, "held": leg.held, "currency": leg.currency} for leg in running.legs]
    return {name: value for name, value in line.items() if name != "record"} | shown | {"legs": holds}


def _told(line: dict[str, Any], zone: str) -> str:
    rest = {name: value for name, value in line.items() if name not in _HEAD}
    key = line.get("call") or line.get("cdr", {}).get("call", "")
    shown = " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in rest.items())
    return f"{moment(line['wall_ms'], zone)} {line['epoch']}/{line['seq']} {line['e']} {key} {shown}".rstrip()
