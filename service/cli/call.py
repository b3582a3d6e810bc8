"""`kambill call`: what runs now, straight from the hot store; and an end to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa

from kemi import clock
from kemi.store.calls import RunningCall
from kemi.store.environment import StoreAbsent, open_reader
from service.access import audit
from service.access.actor import local_actor
from service.cli.groups import Verbs
from service.cli.output import Column, as_json, moment, money, table
from service.cli.session import actor, config, ledger, now_ms, run
from service.cli.simulation import simulate
from service.commands.bodies import cut_body
from service.commands.outbox import enqueue, lock_node
from service.config import Config
from service.database.engine import reading
from service.database.tables import accounts, gateways
from service.faults import Fault

_JSON = click.option("--json", "wants_json", is_flag=True, help="One JSON document.")


@click.group(cls=Verbs, noun="call", both={"simulate"})
def command() -> None:
    """Running calls: list them, cut one; try out what would happen to one."""


command.add_command(simulate)


def running_calls(run_dir: Path) -> list[RunningCall]:
    """Oldest first. Raises Fault if Kamailio has made no store yet."""
    try:
        reader = open_reader(run_dir)
    except StoreAbsent as fault:
        raise Fault(str(fault)) from fault
    try:
        with reader.snapshot() as snapshot:
            found = snapshot.calls()
        return sorted(found, key=lambda call: call.start_wall_ms)
    finally:
        reader.close()


@command.command("list")
@_JSON
def list_calls(*, wants_json: bool) -> None:
    """All running calls, oldest first."""
    settings = config()
    calls = running_calls(settings.run_dir)
    names = run(_names(settings))
    boot_ms = clock.now().boot_ms
    rows = [_row(call, names, boot_ms) for call in calls]
    if wants_json:
        as_json(rows)
        return
    columns = [Column("call"), Column("since"), Column("account"), Column("called"), Column("destination")]
    columns += [Column("gateway"), Column("state"), Column("seconds", right=True), Column("paid", right=True)]
    columns += [Column("held", right=True)]
    table(columns, (_cells(row, settings.timezone) for row in rows), empty="no calls")


async def _names(settings: Config) -> dict[str, dict[int, str]]:
    """Accounts and gateways by id."""
    async with ledger(settings) as engine, reading(engine) as conn:
        return {
            name: {row.id: row.name for row in await conn.execute(sa.select(of.c.id, of.c.name))}
            for name, of in (("accounts", accounts), ("gateways", gateways))
        }


def _row(call: RunningCall, names: dict[str, dict[int, str]], boot_ms: int) -> dict[str, Any]:
    return {
        "call": call.hex,
        "start_ms": call.start_wall_ms,
        "answer_ms": call.answer_wall_ms,
        "account": names["accounts"].get(call.account, f"#{call.account}"),
        "caller": call.caller,
        "called": call.called,
        "destination": call.legs[0].destination if call.legs else "",
        "gateway": names["gateways"].get(call.gateway, f"#{call.gateway}"),
        "state": "being cut" if call.cut_by else call.state,
        "seconds": max(0, boot_ms - call.answer_boot_ms) // 1000 if call.is_answered else 0,
        "paid_s": call.grant_s,
        "held": {
            names["accounts"].get(leg.account, f"#{leg.account}"): {"micros": leg.held, "currency": leg.currency}
            for leg in call.legs
        },
    }


def _cells(row: dict[str, Any], zone: str) -> list[str]:
    held: dict[str, Any] = next(iter(row["held"].values()), {"micros": None, "currency": ""})
    return [
        row["call"],
        moment(row["start_ms"], zone),
        row["account"],
        row["called"],
        row["destination"],
        row["gateway"],
        row["state"],
        str(row["seconds"]),
        str(row["paid_s"]),
        money(held["micros"], held["currency"]),
    ]


@command.command("cut")
@click.argument("call")
@_JSON
def cut_call(call: str, *, wants_json: bool) -> None:
    """End a running CALL (its key, or enough of its beginning). Both sides get a BYE within a second or two."""
    settings = config()
    found = find_call(running_calls(settings.run_dir), call)

    async def work() -> int:
        async with ledger(settings) as engine, engine.begin() as conn:
            await lock_node(conn, settings.node)
            change = audit.Change("call.cut", "call", found.trunk, found.account, None, {"call": found.hex})
            await audit.write(conn, local_actor("")._replace(name=actor()), change, now_ms())
            return await enqueue(conn, settings.node, cut_body(found.hex, actor()), now_ms=now_ms())

    number = run(work())
    if wants_json:
        as_json({"call": found.hex, "command": number})
    else:
        click.echo(f"{found.hex}: will be cut (command {number}); `kambill cdr show {found.hex}` tells when it is done")


def find_call(calls: list[RunningCall], key: str) -> RunningCall:
    """The running call whose key begins with `key`. Raises Fault for none, or more than one."""
    found = [call for call in calls if call.hex.startswith(key.lower())] if key else []
    if len(found) == 1:
        return found[0]
    if found:
        raise Fault(f"{len(found)} running calls begin with {key!r}: give more of the key")
    raise Fault(f"no running call begins with {key!r}: `kambill call list` shows all")
