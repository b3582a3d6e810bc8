"""Every endpoint, asked by every role about everybody's things: the exact answer, no leak, nothing changed by what is
refused. Then the same with one check taken out at a time: each time something of it must fail.

One row of each kind is asked. KAMBILL_MATRIX=all asks all, as `scripts/torture matrix` does; with names of nouns
(KAMBILL_MATRIX=trunk,gateway) it asks all rows of their endpoints only, for those who work on them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from service.access import people, rights
from service.access.endpoints import tokens as tokens_api
from service.access.endpoints import trail
from service.access.endpoints import users as users_api
from service.access.permissions import ALL
from service.api import call as call_module
from service.api import dispatch, lists, nouns
from service.api.endpoint import Open
from service.calls import running
from service.database.columns import metadata
from service.urls import ENDPOINTS
from tests.service.matrix import asking
from tests.service.matrix.choosing import few
from tests.service.matrix.statement import IMPORTS, ROUTES, Case, expected, held
from tests.service.matrix.world import World
from tests.service.office import BY_NAME

ASKED = os.environ.get("KAMBILL_MATRIX", "")


def asked_rows(world: World) -> list[asking.Row]:
    """What KAMBILL_MATRIX says."""
    whole = ASKED in {"", "all"}
    names = [one.name for one in ENDPOINTS if whole or one.name.partition(".")[0] in ASKED.split(",")]
    rows = list(all_rows(world, names))
    assert {row.endpoint for row in rows} == set(names) != set()
    return rows if ASKED else list(few(world, rows))


def all_rows(world: World, names: list[str]) -> Iterator[asking.Row]:
    """Of these endpoints."""
    somebody = list(world.people.values())
    single = [name for name in names if name not in IMPORTS]
    return chain(
        asking.plain_rows(world, single, somebody),
        asking.whole_lists(world, single, somebody),
        asking.body_rows(world, single, somebody),
        asking.import_rows(world, [name for name in names if name in IMPORTS], somebody),
    )


def test_every_endpoint_is_stated() -> None:
    """A new one without a row fails here."""
    assert {one.name for one in ENDPOINTS} == set(ROUTES) | set(IMPORTS)


async def test_the_matrix(world: World) -> None:
    """As the statement has it."""
    rows = asked_rows(world)
    found = [one async for one in asking.complaints(world, asking.Witness(world), rows)]
    assert not found, f"{len(found)} complaints in {len(rows)} rows:\n" + "\n".join(found[:60])


async def test_nobody_signed_in(world: World) -> None:
    """401 everywhere but at the three doors, whatever the path names; nothing changes."""
    nobody = world.people["owner@upper"]._replace(person=world.house.office.nobody)
    for row in all_rows(world, [name for name, route in ROUTES.items() if route.needs != "public"]):
        if row.who.name != "owner@upper":
            continue
        before = world.version()
        got = await nobody.person.ask(row.endpoint, **row.given)
        assert (got.status, got.headers, world.version()) == (401, {"WWW-Authenticate": "Bearer"}, before), str(row)


COLUMNS = sorted({column.name for table in metadata.tables.values() for column in table.columns})


async def test_mass_assignment(world: World) -> None:
    """Every column of every table in every body: each that the endpoint doesn't take is named, and nothing changes."""
    boss = world.people["super_admin@root"]
    for name, route in ROUTES.items():
        model = BY_NAME[name].body
        if model is None:
            continue
        cases = [Case(world, boss, place, held(world, boss)) for place in world.places.values()]
        case = next((one for one in cases if expected(one, route) not in {403, 404, asking.OUTSIDE}), cases[0])
        row = next(iter(asking.plain_rows(world, [name], [boss._replace(place=case.who.place)])))
        own = route.body(case) if route.body is not None else {}
        strange = [column for column in COLUMNS if column not in model.model_fields]
        before = world.version()
        given = row.given | asking.parameters(name, case) | {"body": own | dict.fromkeys(strange, 1)}
        got = await boss.person.ask(name, **given)
        assert got.status == 422, f"{name}: {got}"
        refused = {error["pointer"][1:] for error in got["errors"] if "not permitted" in error["detail"]}
        assert refused >= set(strange), f"{name} takes {set(strange) - refused}"
        assert world.version() == before, name


class Mutation(NamedTuple):
    """A check that is taken out, and the endpoints whose rows must tell."""

    name: str
    endpoints: list[str]
    cut: Callable[[pytest.MonkeyPatch], None]


async def _passes(*_: Any, **__: Any) -> None:
    """A check that is none."""


def _true(*_: Any) -> Any:
    return sa.true()


def _endpoint(name: str, **changes: Any) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setitem(BY_NAME, name, BY_NAME[name]._replace(**changes))


def _without_subtree(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(nouns, "within", _true)
    patch.setattr(call_module, "within", _true)


def _changes_what_is_seen(patch: pytest.MonkeyPatch) -> None:
    find_all = call_module.Call.find_all

    async def find(call: Any, noun: str, numbers: Any, *, to_change: bool = False) -> Any:
        return await find_all(call, noun, numbers)

    patch.setattr(call_module.Call, "find_all", find)


def _without_over(patch: pytest.MonkeyPatch) -> None:
    for module in (people, users_api, tokens_api):
        patch.setattr(module, "check_over", _passes)


async def _all_known(*_: Any) -> list[Any]:
    return []


def _replaced(where: Any, name: str, by: Any) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(where, name, by)


MUTATIONS = [
    Mutation("a permission", ["trunk.remove"], _endpoint("trunk.remove", permission=Open.SIGNED_IN)),
    Mutation("the right to import", ["user.import"], _endpoint("user.import", permission=Open.SIGNED_IN)),
    Mutation("never one's own", ["account.suspend"], _endpoint("account.suspend", below=False)),
    Mutation("the subtree", ["device.show"], _without_subtree),
    Mutation("the subtree of changes", ["role.edit"], _changes_what_is_seen),
    Mutation("the subtree of lists", ["number.list"], _replaced(lists, "visible", _true)),
    Mutation("numbers in bodies", ["user.invite"], _replaced(dispatch, "_unknown", _all_known)),
    Mutation("ceilings", ["gateway.show"], _replaced(rights, "ceiling", lambda *_: ALL)),
    Mutation("suspension", ["user.edit"], _replaced(rights, "SUSPENDED_KEEPS", ALL)),
    Mutation("who may more", ["user.edit"], _without_over),
    Mutation("what is handed on", ["user.invite"], _replaced(call_module, "beyond", lambda *_: [])),
    Mutation("further permissions", ["account.show"], _replaced(call_module.Call, "need", lambda *_: None)),
    Mutation("running calls", ["call.list"], _replaced(running, "_is_seen", lambda *_: True)),
    Mutation("accounts in the audit", ["audit.list"], _replaced(trail, "_within", lambda values, _: values)),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[one.name for one in MUTATIONS])
async def test_a_check_that_is_missing_is_noticed(
    world: World, mutation: Mutation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The matrix complains."""
    rows = list(few(world, all_rows(world, mutation.endpoints)))
    mutation.cut(monkeypatch)
    async for complaint in asking.complaints(world, asking.Witness(world), rows):
        assert complaint
        return
    pytest.fail("nobody noticed", pytrace=False)
