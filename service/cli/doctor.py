"""`kambill doctor`: checks the running system."""

from __future__ import annotations

import sys

import click

from kemi.clock import now
from service.cli.output import as_json
from service.cli.session import config, now_ms, run
from service.doctor import run as examine
from service.doctor.evidence import Check


@click.command()
@click.option("--json", "wants_json", is_flag=True, help="One JSON document.")
@click.option("--all", "whole", is_flag=True, help="Each sum of every day, not of the latest and some others only.")
def command(*, wants_json: bool, whole: bool) -> None:
    """Check that everything adds up, on the running system. Exit code 1: it doesn't."""
    report = run(examine(config(), now_ms(), now().boot_ms, whole=whole))
    if wants_json:
        as_json({"ok": report.ok, "checks": [check.to_record() for check in report.checks]})
    else:
        for check in report.checks:
            click.echo(f"{_word(check)} {check.name}: {check.detail}")
    sys.exit(0 if report.ok else 1)


def _word(check: Check) -> str:
    if check.is_warning:
        return "warn"
    return "ok  " if check.ok else "FAIL"
