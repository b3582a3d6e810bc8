"""Which rows of the matrix are asked: all take minutes, and most ask the same thing once more."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from tests.service.matrix.asking import Row
from tests.service.matrix.statement import ROUTES, held
from tests.service.matrix.world import NOWHERE, World


def few(world: World, rows: Iterable[Row]) -> Iterator[Row]:
    """One row of each kind, each endpoint by everybody at least once, all that lists tell; the order stays."""
    seen: set[Hashable] = set()
    for row in rows:
        kinds = {(row.endpoint, row.who.name, row.what == "without a filter"), _kind(world, row)}
        if not kinds <= seen:
            seen |= kinds
            yield row


def _kind(world: World, row: Row) -> Hashable:
    """What rows of one kind share: what decides, and what should come of it."""
    may = row.endpoint in ROUTES and ROUTES[row.endpoint].needs in held(world, row.who)
    return row.endpoint, row.what, row.status, may, _side(row), row.place.kind


def _side(row: Row) -> str:
    asker, place = row.who.place, row.place
    if place is NOWHERE:
        return "nowhere"
    if place is asker:
        return "own"
    if place.path.startswith(asker.path):
        return "inside"
    return "above" if asker.path.startswith(place.path) else "outside"
