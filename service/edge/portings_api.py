"""The API of ported numbers: lists that are loaded from files, and what they say of a number. The operator's alone."""

from __future__ import annotations

from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import Field

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.problems import Problem, invalid
from service.api.values import Asked, Moment, Told
from service.database.edge_tables import portings
from service.edge.portings import routing_of, tell
from service.peers.common import Name

ROOT = 1
Prefix = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,14}$", description="What all of its numbers begin with")]
FileName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="In the folder `ported` of the service's data: CSV rows of a number and its routing number",
    ),
]


class PortingView(Told):
    """A list of ported numbers."""

    id: int
    name: str
    prefix: str
    file: str
    state: Annotated[str, Field(description="asked: being loaded; loaded; faulty: what held before holds on")]
    fault: str
    numbers: Annotated[int, Field(description="Of what holds")]
    asked_at: Annotated[Moment, Field(validation_alias="asked_ms")]
    loaded_at: Annotated[Moment, Field(validation_alias="loaded_ms", description="null: never yet")]


class PortingQuery(Paging):
    """Which ones."""

    state: Literal["", "asked", "loaded", "faulty"] = ""


class NewPorting(Asked):
    """A list to load. Where its prefix fits, it alone says whether a number has moved; the longest prefix counts."""

    name: Name
    prefix: Prefix
    file: FileName


class Load(Asked):
    """Load it anew: what the file says takes the place of what holds, as a whole."""

    file: Annotated[FileName | None, Field(description="Another file; null: the one of last time")] = None


class Lookup(Asked):
    """A number to look up."""

    number: Annotated[str, Field(pattern=r"^[1-9][0-9]{4,14}$", description="E.164 without +")]


class RoutingView(Told):
    """What the lists say of a number."""

    number: str
    list: Annotated[str | None, Field(description="That is asked about it; null: none is")]
    routing_number: Annotated[str | None, Field(description="null: it has not moved, as far as lists know")]


_LISTING = Listing("porting", {"name": portings.c.name, "id": portings.c.id}, {"state": equals(portings.c.state)}, None)


async def list_portings(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[PortingView](items=[PortingView.model_validate(row) for row in rows], next=following))


async def show_porting(call: Call) -> Answer:
    """One."""
    return Answer(PortingView.model_validate(call.row))


async def make_porting(call: Call) -> Answer:
    """It is loaded within seconds, or minutes where it has millions of numbers; its state tells."""
    if not call.actor.is_root:
        raise Problem("forbidden", "lists of ported numbers are the operator's")
    body: NewPorting = call.body
    for name in ("name", "prefix"):
        same = sa.select(portings.c.id).where(portings.c[name] == getattr(body, name))
        if (await call.conn.execute(same)).first() is not None:
            raise invalid(f"/{name}", f"there is a list of this {name} already: load that one anew")
    made = sa.insert(portings).values(**body.model_dump(), asked_ms=call.now_ms).returning(portings)
    view = PortingView.model_validate((await call.conn.execute(made)).one())
    await call.audit("porting.make", "porting", view.id, ROOT, None, view)
    return Answer(view, location=f"/api/v1/portings/{view.id}")


async def load_porting(call: Call) -> Answer:
    """What holds goes on to hold until the file is loaded, and if it has a fault."""
    body: Load = call.body
    before = PortingView.model_validate(call.row)
    values = {"file": body.file or before.file, "state": "asked", "fault": "", "asked_ms": call.now_ms}
    again = sa.update(portings).where(portings.c.id == call.row.id)
    again = again.values(**values, revision=portings.c.revision + 1)
    view = PortingView.model_validate((await call.conn.execute(again.returning(portings))).one())
    await call.audit("porting.load", "porting", view.id, ROOT, before, view)
    return Answer(view)


async def remove_porting(call: Call) -> Answer:
    """Its numbers are rated as they are dialled again, or asked about."""
    await call.conn.execute(sa.delete(portings).where(portings.c.id == call.row.id))
    await tell(call.conn, call.node, call.now_ms)
    await call.audit("porting.remove", "porting", call.row.id, ROOT, PortingView.model_validate(call.row), None)
    return Answer(status=204)


async def find_number(call: Call) -> Answer:
    """As a call would find it, without what was learned by asking."""
    if not call.actor.is_root:
        raise Problem("forbidden", "lists of ported numbers are the operator's")
    body: Lookup = call.body
    number = body.number
    rows = (await call.conn.execute(sa.select(portings).where(portings.c.version != ""))).all()
    fitting = sorted((row for row in rows if number.startswith(row.prefix)), key=lambda row: len(row.prefix))
    if not fitting:
        return Answer(RoutingView(number=number, list=None, routing_number=None))
    routing = await routing_of(call.api.config, fitting[-1].version, number)
    return Answer(RoutingView(number=number, list=fitting[-1].name, routing_number=routing or None))


_P = Permission
_ONE = "/portings/{porting_id}"
ENDPOINTS = [
    Endpoint("porting.list", "GET", "/portings", _P.ROUTING_READ, list_portings, "List lists of ported numbers",
             query=PortingQuery, answer=Page[PortingView]),
    Endpoint("porting.show", "GET", _ONE, _P.ROUTING_READ, show_porting, "Show a list", answer=PortingView),
    Endpoint("porting.make", "POST", "/portings", _P.ROUTING_CHANGE, make_porting, "Load a list of ported numbers",
             NewPorting, answer=PortingView, status=201),
    Endpoint("porting.load", "POST", f"{_ONE}/load", _P.ROUTING_CHANGE, load_porting, "Load a list anew", Load,
             answer=PortingView),
    Endpoint("porting.remove", "DELETE", _ONE, _P.ROUTING_CHANGE, remove_porting, "Remove a list", status=204),
    Endpoint("porting.find", "POST", "/ported-numbers", _P.ROUTING_READ, find_number, "Look up a ported number",
             Lookup, answer=RoutingView, reads=True),
]  # fmt: skip
