"""Asks what the statement states, and says where the program disagrees."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa

from tests.service.matrix.statement import IMPORTS, OUTSIDE, ROUTES, Case, Route, expected, held, is_offered
from tests.service.matrix.world import MISSING, NOWHERE, Place, Somebody, World
from tests.service.office import BY_NAME, Got

NOT_FOUND = {"type": "https://kambill.example/problems/not-found", "title": "There is nothing here", "status": 404}
COUNTED = frozenset({"session.open", "me.password", "me.totp-remove"})
"""Refused, and yet written down: wrong passwords are counted."""
QUIET = "password.forget"
"""Answered alike whether the address is known or not."""
SELLERS_ONLY = {
    "brand.show-logo", "numbering.show", "numbering.show-credit-notes", "numbering.show-receipts", "terms.show",
    "mail-template.remove", "me.end-session",
}  # fmt: skip
"""Not found, though the account is seen: there is none of it."""
UNPAGED = {"call.list", "device.registrations", "traffic.hours", "traffic.destinations"}
TALKING = {"customer", "lower", "upper", "root", "carrier"}
"""Who sees the running call."""
ACCOUNT_FIELDS = {"account_id", "parent_id", "to_account_id", "from_account_id", "seller_id", "owner_id"}


class Row(NamedTuple):
    """One request, and what it should get."""

    endpoint: str
    who: Somebody
    place: Place
    status: int
    given: dict[str, Any]
    """Names of the path, query, body, key."""
    what: str = ""
    """Of rows beside the plain one."""

    def __str__(self) -> str:
        return f"{self.who.name} {self.endpoint} of {self.place.name} {self.what}".rstrip()


class Witness:
    """Counts statements."""

    def __init__(self, world: World) -> None:
        self.statements = 0
        engine = world.house.company.engine.sync_engine
        sa.event.listen(engine, "before_cursor_execute", self._count)
        self.when_missing: dict[tuple[str, str], int] = {}
        """How many a look at what isn't there takes, by endpoint and asker."""

    def _count(self, _conn: object, _cursor: object, statement: str, *_: Any) -> None:
        # a connection that looked before and writes now is told so: nothing of the request shows in that
        self.statements += not statement.startswith("PRAGMA")


def _noun(name: str) -> str:
    return name.removesuffix("_id").removesuffix("_ids").replace("_", "-")


def parameters(endpoint: str, case: Case) -> dict[str, Any]:
    """Of the path: the place's thing, or what is not there."""
    found: dict[str, Any] = {}
    for name in BY_NAME[endpoint].parameters:
        if name == "call":
            found[name] = case.world.call if case.place.name == "customer" else f"{case.place.id:032x}"
        elif name == "number":
            found[name] = MISSING
        elif name.endswith("_id"):
            found[name] = (
                1 if name == "plan_id" and case.place is not NOWHERE else case.place.things.get(_noun(name), MISSING)
            )
        else:
            found[name] = {"kind": "welcome", "language": "en", "gateway": str(MISSING)}[name]
    return found


def _key(endpoint: str) -> dict[str, str]:
    return {"key": "k"} if BY_NAME[endpoint].key.value == "needed" else {}


def plain_rows(world: World, names: Iterable[str], people: list[Somebody]) -> Iterator[Row]:
    """Each endpoint of each place's thing, for everybody."""
    for name in names:
        route = ROUTES[name]
        places = [NOWHERE, *world.places.values()] if route.whose else [None]
        for who in people:
            may = held(world, who)
            for one in places:
                case = Case(world, who, one or who.place, may)
                given: dict[str, Any] = {**parameters(name, case), **_key(name)}
                if route.body is not None:
                    given["body"] = route.body(case)
                if route.whose == "query":
                    field = "user_id" if name == "token.list" else "account_id"
                    field = "below_id" if name == "account.list" else field
                    given["query"] = {
                        field: case.place.things.get("user", MISSING) if field == "user_id" else case.place.id
                    }
                yield Row(name, who, case.place, expected(case, route), given)


def whole_lists(world: World, names: list[str], people: list[Somebody]) -> Iterator[Row]:
    """Lists without a filter: all that one sees, and nothing else."""
    for who in people:
        may = held(world, who)
        for name in names:
            route = ROUTES[name]
            if route.whose == "query":
                status = 200 if route.needs in may else 403
                query = {} if name in UNPAGED else {"limit": 200}
                yield Row(name, who, who.place, status, {"query": query}, "without a filter")


def _references(name: str) -> list[str]:
    """Fields of a body that name things, but not the one that says whose the thing is."""
    body = BY_NAME[name].body
    return [] if body is None else [one for one in body.model_fields if one.endswith(("_id", "_ids"))]


def _named(field: str) -> str:
    noun = _noun(field)
    return "account" if noun in {"parent", "from-account", "to-account", "below"} else noun


def body_rows(world: World, names: Iterable[str], people: list[Somebody]) -> Iterator[Row]:
    """Each field of a body that names something, leading outside."""
    for name in names:
        route = ROUTES[name]
        for field in _references(name):
            noun = _named(field)
            for who in people:
                may = held(world, who)
                at = _target(world, who, route, may)
                if at is None or noun == "plan":
                    continue
                case = Case(world, who, at, may)
                assert route.body is not None
                for other in [NOWHERE, *world.places.values()]:
                    if _sees(case._replace(place=other), noun):
                        continue
                    number = other.things.get(noun, MISSING)
                    value = [number] if field.endswith("_ids") else number
                    body = route.body(case) | {field: value}
                    given = {**parameters(name, case), **_key(name), "body": body}
                    yield Row(name, who, other, OUTSIDE, given, f"as {field}")


def _sees(case: Case, noun: str) -> bool:
    return case.is_inside or (noun == "role" and case.is_above) or (noun == "offer" and is_offered(case))


def _target(world: World, who: Somebody, route: Route, may: frozenset[str]) -> Place | None:
    """A place whose thing this person may change so."""
    for place in reversed(world.places.values()):
        case = Case(world, who, place, may)
        if 200 <= expected(case, route) < 300:
            return place
    return None


def import_rows(world: World, names: Iterable[str], people: list[Somebody]) -> Iterator[Row]:
    """Rows of an import are what the single requests are."""
    for name in names:
        make, edit = IMPORTS[name]
        for who in people:
            may = held(world, who)
            for place in [NOWHERE, *world.places.values()]:
                for single in (make, edit):
                    route = ROUTES[single]
                    case = Case(world, who, place, may)
                    status = expected(case, route)
                    assert route.body is not None
                    row = route.body(case)
                    if single == edit:
                        row = {"id": place.things.get(name.partition(".")[0], MISSING)} | row
                    forbidden = route.needs not in may
                    for mode in ("by_row", "all_or_nothing"):
                        whole = 403 if forbidden else 200 if mode == "by_row" or 200 <= status < 300 else 422
                        body = {"mode": mode, "rows": [row]}
                        what = f"{mode} {single} {status if not forbidden else ''}".rstrip()
                        yield Row(name, who, place, whole, {"body": body}, what)


async def complaints(world: World, witness: Witness, rows: Iterable[Row]) -> AsyncIterator[str]:
    """What is otherwise than it should be."""
    warm: set[str] = set()
    for row in rows:
        if row.who.name not in warm:  # what somebody may is remembered: it should not count as work
            await row.who.person.ask("permission.list")
            warm.add(row.who.name)
        before, began = world.version(), witness.statements
        got = await row.who.person.ask(row.endpoint, **_copied(row.given))
        asked = witness.statements - began
        changed = world.version() != before
        for one in _judged(world, witness, row, got, asked, changed=changed):
            yield f"{row}: {one}"
        if changed:
            world.restore()
            warm.clear()


def _copied(given: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(given))  # type: ignore[no-any-return]


def _judged(world: World, witness: Witness, row: Row, got: Got, asked: int, *, changed: bool) -> Iterator[str]:
    status = 422 if row.status == OUTSIDE else row.status
    if got.status != status:
        yield f"{status} was expected: {got}"
        return
    if status >= 400 and changed and row.endpoint not in COUNTED:
        yield f"refused, and yet the database has changed: {got}"
    if row.endpoint in IMPORTS and status == 200:
        yield from _judged_import(row, got, changed=changed)
    elif status < 300 and BY_NAME[row.endpoint].writes and not changed and row.endpoint != QUIET:
        yield "nothing was changed"
    if row.status == OUTSIDE:
        told = [one["detail"] for one in got["errors"]]
        if not all(one.startswith("there is no ") for one in told) or "errors" not in got.body:
            yield f"it says more than that it isn't there: {got}"
    if status == 404 and ROUTES.get(row.endpoint, Route("")).whose == "path":
        yield from _judged_absent(witness, row, got, asked)
    yield from _leaks(world, row, got)


def _judged_import(row: Row, got: Got, *, changed: bool) -> Iterator[str]:
    wanted = int(row.what.split()[-1])
    told = got["rows"][0]
    if told["status"] != (422 if wanted == OUTSIDE else wanted):
        yield f"{wanted} was expected of its row: {got}"
    if told["problem"] is not None and (told["answer"] is not None or told["id"] is not None):
        yield f"a row that failed tells something: {got}"
    if changed and wanted >= 400:
        yield f"a row that failed has changed the database: {got}"


def _judged_absent(witness: Witness, row: Row, got: Got, asked: int) -> Iterator[str]:
    """What is somebody else's is answered as what isn't there: same text, same work."""
    if got.body != NOT_FOUND or got.headers:
        yield f"another text than of what isn't there: {got}"
    if row.endpoint in SELLERS_ONLY and row.place.path.startswith(row.who.place.path):
        return
    key = (row.endpoint, row.who.name)
    if row.place is NOWHERE:
        witness.when_missing[key] = asked
    elif witness.when_missing.get(key, asked) != asked:
        yield f"{asked} statements, of what isn't there {witness.when_missing[key]}"


def _leaks(world: World, row: Row, got: Got) -> Iterator[str]:
    """Nothing of an account outside the subtree stands in any answer."""
    text = json.dumps([got.body, got.headers])
    tells_above = row.endpoint in ROUTES and ROUTES[row.endpoint].tells_above
    if world.call in text and row.who.place.name not in TALKING and "call" not in row.given:
        yield f"it tells of a running call: {text[:300]}"
    numbers = set(_accounts_in(got.body))
    for place in world.places.values():
        inside = place.path.startswith(row.who.place.path)
        if place.id in numbers and not inside and not tells_above:
            yield f"it tells the number of {place.name}: {text[:1000]}"
        above = row.who.place.path.startswith(place.path)
        if place.marker in text and not inside and not (above and tells_above):
            yield f"it tells something of {place.name}: {text[:300]}"
        if row.what == "without a filter" and got.status == 200 and inside and place.marker not in text:
            noun = row.endpoint.partition(".")[0]
            hidden = noun == "account" and place.kind == "provider" and "providers.read" not in held(world, row.who)
            if (noun in place.things or noun == "audit") and not hidden:
                yield f"nothing of {place.name} is in it"


def _accounts_in(told: Any) -> Iterator[int]:
    """Numbers of accounts, wherever they stand in an answer."""
    if isinstance(told, dict):
        for name, value in told.items():
            if name in ACCOUNT_FIELDS and isinstance(value, int):
                yield value
            else:
                yield from _accounts_in(value)
    elif isinstance(told, list):
        for one in told:
            yield from _accounts_in(one)
