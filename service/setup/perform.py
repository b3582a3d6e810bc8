"""Plans and does an `apply`: everything by the API's own endpoints, in one transaction, or nothing.

The difference is found by doing it and undoing it again, so that it is what will be done, faults and all.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ratebook.document import ROUTING_FILE, parse_routing
from ratebook.document.nodes import BYTES_MAX
from ratebook.routing import Plan
from service.access.actor import Actor
from service.api.call import Api
from service.api.dispatch import Inner
from service.commands.outbox import lock_node
from service.database.again import until_alone
from service.faults import Fault
from service.setup.changes import Change, Secret
from service.setup.directory import Directory
from service.setup.document import Setup, read_setup
from service.setup.doing import do_all
from service.setup.rows import Rows
from service.setup.sheet import Problem, Sheet
from service.setup.standing import load_standing


class SetupFault(Fault):
    """The file can't be applied: one line a fault."""


class MeanwhileChanged(Fault):
    """Somebody else changed the ledger between showing and doing."""

    def __init__(self) -> None:
        super().__init__("the ledger was changed meanwhile, nothing was done: run it again and look at the difference")


class Wanted(NamedTuple):
    """A file that can be applied, and what it would change."""

    path: Path
    setup: Setup
    changes: list[Change]

    def lines(self) -> list[str]:
        """One line a change, as people read it."""
        return [str(change) for change in self.changes]


def read_file(path: Path) -> str:
    """The file's text. Raises SetupFault."""
    try:
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
        if len(raw) > BYTES_MAX:
            raise SetupFault(f"{path}: larger than {BYTES_MAX} bytes: split it: what one leaves out stays")
        return raw.decode()
    except (OSError, UnicodeDecodeError) as fault:
        raise SetupFault(f"{path}: can't be read: {fault}: name a readable UTF-8 file") from fault


class Done(NamedTuple):
    """What was done."""

    changes: list[Change]
    secrets: list[Secret]

    def lines(self) -> list[str]:
        """One line a change, as people read it."""
        return [str(change) for change in self.changes]


async def do_setup(api: Api, actor: Actor, path: Path, now_ms: int, ratebook: Path | None = None) -> Done:
    """Does what a file says at once. Raises SetupFault with every fault of it. `ratebook`: as with `plan_setup`."""
    setup, sheet = _read(path, ratebook)

    async def do() -> Done:
        async with api.engine.begin() as conn:
            await lock_node(conn, api.config.node)
            rows = await _done(Inner(api, actor, conn, now_ms), setup)
            _check(path, [*sheet.problems, *rows.problems])
        return Done(rows.changes, rows.secrets)

    return await until_alone(do)


async def plan_setup(api: Api, actor: Actor, path: Path, now_ms: int, ratebook: Path | None = None) -> Wanted:
    """What a file would change. Raises SetupFault with every fault of it.

    `ratebook`: a plan that a trunk names, and that stands neither in the file nor in the ledger, is taken from the
    ratebook's routing.yaml: its gateways are often made by the very same file.
    """
    setup, sheet = _read(path, ratebook)

    async def look() -> Rows:
        async with api.engine.connect() as conn:  # never committed
            await lock_node(conn, api.config.node)
            return await _done(Inner(api, actor, conn, now_ms), setup)

    rows = await until_alone(look)
    _check(path, [*sheet.problems, *rows.problems])
    return Wanted(path, setup, rows.changes)


def _read(path: Path, ratebook: Path | None) -> tuple[Setup, Sheet]:
    setup, sheet = read_setup(read_file(path))
    if ratebook is not None:
        _take_plans(setup, routing_plans(ratebook))
    return setup, sheet


async def perform(api: Api, actor: Actor, wanted: Wanted, now_ms: int) -> list[Secret]:
    """Does it; returns what is shown once. Raises MeanwhileChanged if it is no longer what was shown."""

    async def do() -> list[Secret]:
        async with api.engine.begin() as conn:
            await lock_node(conn, api.config.node)
            rows = await _done(Inner(api, actor, conn, now_ms), wanted.setup)
            if rows.problems or rows.changes != wanted.changes:
                raise MeanwhileChanged
            return rows.secrets

    return await until_alone(do)


async def _done(inner: Inner, setup: Setup) -> Rows:
    rows = Rows(inner, setup, await Directory.read(inner.conn), await load_standing(inner))
    await do_all(rows)
    return rows


def _check(path: Path, found: list[Problem]) -> None:
    """Raises SetupFault."""
    if found:
        lines = [f"{path}:{place.line}:{place.column}: {text}" for place, text in sorted(set(found))]
        raise SetupFault("\n".join([*lines, "nothing was changed"]))


def routing_plans(ratebook: Path) -> dict[str, Plan]:
    """The plans of a ratebook's routing.yaml; none if it has faults, which publishing tells."""
    try:
        text = (ratebook / ROUTING_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    found = parse_routing(text)
    return {} if found.problems else found.plans


def _take_plans(setup: Setup, known: dict[str, Plan]) -> None:
    for section in ("trunks", "devices"):
        for row in setup.rows[section]:
            name = row.text("plan")
            if name in known and name not in setup.plans:
                setup.plans[name] = (known[name], row.place_of("plan"))
