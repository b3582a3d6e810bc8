"""`kambill export`: writes what `kambill apply` reads."""

from __future__ import annotations

import click

from service.access.actor import local_actor
from service.access.sessions import Sessions
from service.api.call import Api
from service.api.dispatch import Inner
from service.cli.session import config, ledger, now_ms, run, user
from service.database.engine import reading
from service.setup.export import export


@click.command()
def command() -> None:
    """Write accounts, roles, users, trunks, devices, numbers, gateways, plans, brands and the rest as one file.

    `kambill apply` makes the same of it in an empty ledger, and has nothing to do in this one.
    """
    settings = config()

    async def work() -> None:
        async with ledger(settings) as engine, reading(engine) as conn:
            inner = Inner(Api(settings, engine, Sessions()), local_actor(user()), conn, now_ms())
            click.echo(await export(inner), nl=False)

    run(work())
