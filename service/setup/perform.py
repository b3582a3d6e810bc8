"""Plans and does an `apply`: reads the file beside the ledger, then writes the difference in one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ratebook.document import ROUTING_FILE
from ratebook.document.nodes import BYTES_MAX, Document
from ratebook.document.plans import read_plans
from ratebook.document.problems import Problems
from ratebook.routing import Plan
from service.accounts.storage import insert_accounts, set_root_currency, update_accounts
from service.commands.outbox import lock_node
from service.database.engine import reading
from service.faults import Fault
from service.peers.storage import Ids, load_ids, put_gateways, put_plan, put_trunks
from service.setup.difference import ACCOUNT, GATEWAY, PLAN, TRUNK, Change, Difference, difference
from service.setup.document import Item, Setup, read_setup
from service.setup.sheet import Row
from service.setup.standing import Standing, load_standing
from service.setup.validate import problems


class SetupFault(Fault):
    """The file can't be applied: one line a fault."""


class MeanwhileChanged(Fault):
    """Somebody else changed the ledger between showing and doing."""

    def __init__(self) -> None:
        super().__init__("the ledger was changed meanwhile, nothing was done: run it again and look at the difference")


class Wanted(NamedTuple):
    """A file that can be applied, and what it would change."""

    setup: Setup
    difference: Difference


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


async def plan_setup(engine: AsyncEngine, path: Path, ratebook: Path | None = None) -> Wanted:
    """What a file would change. Raises SetupFault with every fault of it.

    `ratebook`: a plan that a trunk names, and that stands neither in the file nor in the ledger, is taken from the
    ratebook's routing.yaml: its gateways are often made by the very same file.
    """
    content = read_file(path)
    known = {} if ratebook is None else routing_plans(ratebook)
    async with reading(engine) as conn:
        return _wanted(await load_standing(conn), content, path, known)


def routing_plans(ratebook: Path) -> dict[str, Plan]:
    """The plans of a ratebook's routing.yaml; none if it has faults, which publishing tells."""
    found = Problems()
    document = Document(ROUTING_FILE, found)
    try:
        node = document.read((ratebook / ROUTING_FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return {}
    fields = {} if node is None else document.mapping(node, ("plans",), ROUTING_FILE)
    plans = read_plans(document, fields["plans"]) if "plans" in fields else {}
    return {} if found.found else plans


def _wanted(standing: Standing, content: str, path: Path, known: dict[str, Plan]) -> Wanted:
    setup, read = read_setup(content, standing.currency)
    for item in setup.trunks.values():
        name = item.spec.plan
        if name in known and name not in standing.plans and name not in setup.plans:
            setup.plans[name] = Item(known[name], Row(item.row.place_of("plan"), {}, {}))
    found = read.problems or problems(standing, setup)
    if found:
        lines = [f"{path}:{place.line}:{place.column}: {text}" for place, text in sorted(found)]
        raise SetupFault("\n".join([*lines, "nothing was changed"]))
    return Wanted(setup, difference(standing, setup))


async def perform(engine: AsyncEngine, node: str, wanted: Wanted, now_ms: int) -> None:
    """Does it, all or nothing. Raises MeanwhileChanged if it is no longer what was shown."""
    async with engine.begin() as conn:
        await lock_node(conn, node)
        standing = await load_standing(conn)
        if problems(standing, wanted.setup) or difference(standing, wanted.setup) != wanted.difference:
            raise MeanwhileChanged
        if wanted.difference.currency is not None:
            await set_root_currency(conn, node, wanted.difference.currency.new, now_ms)
        for kind, action in _ACTIONS.items():
            chosen = [change for change in wanted.difference.changes if change.kind == kind]
            if chosen:
                await action(conn, node, chosen, await load_ids(conn), now_ms)


async def _accounts(conn: AsyncConnection, node: str, changes: list[Change], ids: Ids, now_ms: int) -> None:
    fresh = [change.spec for change in changes if change.is_new]
    changed = [change.spec for change in changes if not change.is_new]
    await insert_accounts(conn, node, fresh, ids.tariffs, now_ms)
    await update_accounts(conn, node, changed, ids.tariffs, now_ms)


async def _gateways(conn: AsyncConnection, node: str, changes: list[Change], ids: Ids, now_ms: int) -> None:
    await put_gateways(conn, node, [change.spec for change in changes], ids, now_ms)


async def _plans(conn: AsyncConnection, node: str, changes: list[Change], ids: Ids, now_ms: int) -> None:
    for change in changes:
        await put_plan(conn, node, change.spec, ids.gateways, source="", now_ms=now_ms)


async def _trunks(conn: AsyncConnection, node: str, changes: list[Change], ids: Ids, now_ms: int) -> None:
    await put_trunks(conn, node, [change.spec for change in changes], ids, now_ms)


_ACTIONS: dict[str, Callable[[AsyncConnection, str, list[Change], Ids, int], Awaitable[None]]] = {
    ACCOUNT: _accounts,
    GATEWAY: _gateways,
    PLAN: _plans,
    TRUNK: _trunks,
}
"""In the order in which each may name those before it."""
