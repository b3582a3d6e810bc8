"""Whoever changes something that was changed meanwhile is told, of every noun: by the API's If-Match."""

from __future__ import annotations

from tests.service.matrix import asking
from tests.service.matrix.statement import ROUTES
from tests.service.matrix.world import World
from tests.service.office import BY_NAME

STALE = '"4711"'
BOSS = "super_admin@root"
OTHERWISE = {
    "me.password": "the old one shows that nobody has changed it",
    "plan.write": "by the plans that the text names: `test_a_plan_that_two_write`",
}
"""What compares no version of one thing, and why nothing is lost."""
EDITS = sorted(name for name, one in BY_NAME.items() if one.method in {"PUT", "PATCH"} and name not in OTHERWISE)


def taken(world: World, name: str) -> asking.Row:
    """A request that the Super Admin may make, one that succeeds if there is any."""
    rows = list(asking.plain_rows(world, [name], [world.people[BOSS]]))
    row = min(rows, key=lambda row: (row.status not in {200, 201, 204}, row.status not in {409, 422}))
    if name == "recharge.edit":  # a gateway that is there: what names nothing is refused before anything else
        row.given["body"]["gateway_id"] = row.place.things["payment-gateway"]
    return row


def test_only_edits_are_left_out() -> None:
    """Names that are none any more go from the table."""
    assert OTHERWISE.keys() <= ROUTES.keys()


async def test_what_was_changed_meanwhile(world: World) -> None:
    """412, and nothing is changed; without If-Match the same request is another matter."""
    silent = []
    for name in EDITS:
        row = taken(world, name)
        before = world.version()
        late = await row.who.person.ask(name, match=STALE, **row.given)
        if late.status != 412 or "look at it again" not in late["detail"] or world.version() != before:
            silent.append(f"{name}: {late}")
        free = await row.who.person.ask(name, **row.given)
        assert free.status == row.status, (name, free)
        world.restore()
    assert silent == []
    assert len(EDITS) > 40
