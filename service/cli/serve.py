"""`kambill serve`: runs the service until it is told to stop."""

from __future__ import annotations

import click

from service.app import run as run_service
from service.cli.session import config


@click.command()
def command() -> None:
    """Run the service: collector, commands, publisher, HTTP."""
    run_service(config())
