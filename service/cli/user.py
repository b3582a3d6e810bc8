"""`kambill user`: the API's verbs, and the first Super Admin of all."""

from __future__ import annotations

import secrets
import sys

import click

from service.cli.groups import Verbs
from service.cli.output import as_json
from service.cli.session import config, ledger, now_ms, run, user
from service.faults import Fault

GENERATED_BYTES = 15


@click.group(cls=Verbs, noun="user")
def command() -> None:
    """People who sign in: invite, edit, suspend, unlock; the first Super Admin."""


@command.command("create")
@click.option("--super-admin", "email", metavar="EMAIL", required=True, help="Who may everything; works once.")
@click.option("--name", required=True, help="What people call them.")
@click.option("--password-stdin", is_flag=True, help="The password is the first line of standard input.")
@click.option("--generate", is_flag=True, help="Make a password up, and print it this once.")
@click.option("--json", "wants_json", is_flag=True, help="One JSON document.")
def create(email: str, name: str, *, password_stdin: bool, generate: bool, wants_json: bool) -> None:
    """Make the first Super Admin, on a system that has none. Everybody else is invited."""
    if password_stdin and generate:
        raise click.UsageError("--password-stdin and --generate: give one of them")
    settings = config()
    password = _password(from_stdin=password_stdin, generate=generate)

    async def work() -> int:
        from service.access.actor import local_actor  # noqa: PLC0415
        from service.access.first import create_super_admin  # noqa: PLC0415
        from service.access.passwords import hash_password, password_problem  # noqa: PLC0415

        address = _address(email)
        problem = password_problem(password, address)
        if problem is not None:
            raise Fault(f"password: {problem}")
        kept = await hash_password(password)
        async with ledger(settings) as engine, engine.begin() as conn:
            return await create_super_admin(conn, settings.node, local_actor(user()), address, name, kept, now_ms())

    number = run(work())
    if wants_json:
        as_json({"id": number, "email": email.lower(), **({"password": password} if generate else {})})
        return
    click.echo(f"{name} <{email.lower()}> may everything now (user {number})")
    if generate:
        click.echo(f"password, shown this once: {password}")


def _password(*, from_stdin: bool, generate: bool) -> str:
    if generate:
        return secrets.token_urlsafe(GENERATED_BYTES)
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Fault("nobody is here to ask for a password: give --password-stdin or --generate")
    chosen: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return chosen


def _address(email: str) -> str:
    """By the API's rule. Raises Fault."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415

    from service.access.endpoints.users import Email  # noqa: PLC0415

    try:
        return str(TypeAdapter(Email).validate_python(email))
    except ValidationError as fault:
        raise Fault(f"--super-admin: {email!r} is no email address") from fault
