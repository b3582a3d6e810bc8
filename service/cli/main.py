"""`kambill`: noun, then verb. Commands are imported when they are called, so that `--help` is quick."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from service.faults import Fault

COMMANDS = {
    "serve": ("serve", "Run the service: collector, commands, publisher, HTTP."),
    "apply": ("apply", "Bring accounts, trunks, providers and plans to what a file says."),
    "account": ("account", "Accounts with their balances."),
    "pay": ("pay", "Post a payment."),
    "call": ("call", "Running calls: list them, cut one."),
    "cdr": ("cdr", "Call records with every level's charge."),
    "tariff": ("tariff", "Check the ratebook, price a call by it, publish it."),
    "journal": ("journal", "Read the call journal: what happened, line by line."),
    "doctor": ("doctor", "Check that everything adds up, on the running system."),
}
"""Command, its module here, what it does."""


class Commands(click.Group):
    """The table above as click wants it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """In the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Imports the command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"service.cli.{COMMANDS[cmd_name][0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """From the table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _tell_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 -- click's
    """The installed release; in a clone that isn't installed, pyproject's."""
    if not wanted or ctx.resilient_parsing:
        return
    from service.version import release  # noqa: PLC0415

    click.echo(f"kambill, version {release()}")
    ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_tell_version, help="Tell it.")
def kambill() -> None:
    """Billing for SIP traffic inside Kamailio.

    Configuration: the file that KAMBILL_CONFIG names, else /etc/kambill/kambill.yaml.
    """


@contextmanager
def told() -> Iterator[None]:
    """Turns what is expected into lines on standard error and exit code 1."""
    try:
        yield
    except Fault as fault:
        click.echo(str(fault), err=True)
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def main() -> None:
    """The console script. Exit codes: 0 done, 1 a fault that was told, 2 wrong usage, 130 interrupted."""
    with told():
        kambill.main(prog_name="kambill")
    sys.exit(0)
