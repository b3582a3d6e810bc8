"""`kambill apply`: shows the difference, then does it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from service.access.actor import local_actor
from service.access.sessions import Sessions
from service.api.call import Api
from service.cli.output import as_json
from service.cli.session import config, ledger, now_ms, run, user
from service.setup.changes import Change, Secret
from service.setup.perform import do_setup, perform, plan_setup


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--dry-run", is_flag=True, help="Show the difference and change nothing.")
@click.option("--json", "wants_json", is_flag=True, help="One JSON document; needs --yes or --dry-run.")
def command(file: Path, *, yes: bool, dry_run: bool, wants_json: bool) -> None:
    """Bring accounts, users, roles, trunks, devices, numbers, providers, plans and the rest to what FILE says.

    What FILE doesn't name stays as it is. A trunk may name a plan of the ratebook's routing.yaml.
    Everything is done in one transaction, or nothing.
    """
    if wants_json and not (yes or dry_run):
        raise click.UsageError("--json can't ask: give --yes or --dry-run with it")
    settings = config()

    async def work() -> None:
        async with ledger(settings) as engine:
            api, actor = Api(settings, engine, Sessions()), local_actor(user())
            if yes and not dry_run:
                done = await do_setup(api, actor, file, now_ms(), settings.ratebook)
                _report(done.changes, done.secrets, done=bool(done.changes), wants_json=wants_json)
                return
            wanted = await plan_setup(api, actor, file, now_ms(), settings.ratebook)
            if dry_run or not wanted.changes:
                _report(wanted.changes, [], done=False, wants_json=wants_json)
                return
            _show(wanted.changes)
            if _agreed():
                _tell(await perform(api, actor, wanted, now_ms()))

    run(work())


def _report(changes: list[Change], secrets: list[Secret], *, done: bool, wants_json: bool) -> None:
    if wants_json:
        as_json(_document(changes, secrets, done=done))
        return
    _show(changes)
    if done:
        _tell(secrets)


def _show(changes: list[Change]) -> None:
    for change in changes:
        click.echo(change)
    if not changes:
        click.echo("nothing to do")


def _tell(secrets: list[Secret]) -> None:
    """What is shown once."""
    for secret in secrets:
        click.echo(f"{secret.what} of {secret.noun} {secret.name}, shown once: {secret.value}")
    click.echo("done")


def _agreed() -> bool:
    """Asks; without a terminal to answer from it is no."""
    if not sys.stdin.isatty():
        click.echo("nothing was changed: give --yes to do this without being asked", err=True)
        sys.exit(1)
    return click.confirm("Do this?")


_WHAT = {"+": "new", "~": "changed", "-": "removed"}


def _document(changes: list[Change], secrets: list[Secret], *, done: bool) -> dict[str, object]:
    return {
        "done": done,
        "changes": [
            {
                "kind": change.noun,
                "name": change.name,
                "what": _WHAT[change.what],
                "fields": [field._asdict() for field in change.fields],
            }
            for change in changes
        ],
        "secrets": [secret._asdict() for secret in secrets],
    }
