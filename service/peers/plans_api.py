"""The API of routing plans: those of routing.yaml are shown, the operator may write others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import sqlalchemy as sa
import yaml
from pydantic import Field
from sqlalchemy import Row

from ratebook.document import ROUTING_FILE, parse_routing
from ratebook.document.written import written_plan
from ratebook.routing import Plan
from service.access.permissions import Permission
from service.api.call import Call, etag
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, page_of
from service.api.problems import FieldError, Problem, invalid
from service.api.values import YAML, Asked, Told
from service.api.versions import version_of
from service.database.tables import plans
from service.peers.storage import Names, load_plans, put_plan

FILE = "source"
API_SOURCE = "api"


class PlanView(Told):
    """A routing plan."""

    id: int
    name: str
    source: Annotated[str, Field(description="routing.yaml, or api; empty: a file of `kambill apply`")]
    record: Annotated[dict[str, Any], Field(description="With gateways and accounts by their numbers")]
    text: Annotated[str, Field(description="As a source of `write` has it: YAML")]
    given: Annotated[bool, Field(description="Whether you may give it to trunks and devices")]


class Source(Asked):
    """Plans as routing.yaml has them."""

    source: Annotated[
        str, Field(max_length=1_000_000, description="YAML: `plans:`, and a table by name", json_schema_extra=YAML)
    ]


class Checked(Told):
    """What was found."""

    ok: bool
    plans: list[str]
    problems: Annotated[list[str], Field(description="`source:line:column: what is wrong: what was expected`")]


class Written(Told):
    """What was written."""

    items: Annotated[list[PlanView], Field(description="Those that changed")]


class Found(NamedTuple):
    """What stands in a source."""

    plans: dict[str, Plan]
    problems: list[str]
    names: Names


_PLANS = Listing("plan", {"name": plans.c.name, "id": plans.c.id}, {})


async def list_plans(call: Call) -> Answer:
    """All of them; what routes they have is for who may see gateways."""
    rows, following = await page_of(call, _PLANS)
    names = await _names(call, rows)
    return Answer(Page[PlanView](items=[_view(call, row, names) for row in rows], next=following))


async def show_plan(call: Call) -> Answer:
    """One."""
    return Answer(_view(call, call.row, await _names(call, [call.row])), version=version_of(call.row.record))


async def _names(call: Call, rows: list[Row[Any]]) -> Names | None:
    """For who may see where plans lead; None: others."""
    if not (call.actor.is_root and call.may(Permission.GATEWAYS_READ)):
        return None
    return await Names.read(call.conn, [Plan.from_record(row.record) for row in rows])


def _view(call: Call, row: Row[Any], names: Names | None) -> PlanView:
    plan = Plan.from_record(row.record)
    if names is None:
        given = call.actor.is_root or plan.is_for_resellers
        return PlanView(id=row.id, name=row.name, source="", record={}, text="", given=given)
    named = names.named(plan)
    written = {"plans": {row.name: written_plan(named)}}
    text = yaml.safe_dump(written, sort_keys=False, allow_unicode=True, default_flow_style=None)
    return PlanView(id=row.id, name=row.name, source=row.source, record=row.record, text=text, given=True)


async def check_plans(call: Call) -> Answer:
    """Every fault, and every name that means nothing; nothing is changed."""
    found = await _found(call)
    return Answer(Checked(ok=not found.problems, plans=[*found.plans], problems=found.problems))


async def _found(call: Call) -> Found:
    _check_root(call)
    source: Source = call.body
    routing = parse_routing(source.source, FILE)
    names = await Names.read(call.conn, routing.plans.values())
    problems = [str(problem) for problem in routing.problems]
    for name, plan in routing.plans.items():
        for lack in names.lacks(plan):
            file, line, column = routing.mentioned[lack.noun, lack.name]
            problems.append(f"{file}:{line}:{column}: plan {name!r}: {lack.text}")
    return Found(routing.plans, problems, names)


def _check_root(call: Call) -> None:
    if not call.actor.is_root:
        raise Problem("forbidden", "routing plans are the operator's")


async def write_plans(call: Call) -> Answer:
    """Makes the plans of a source, or changes them; others stay. Those of routing.yaml are changed there.

    With If-Match "0" it makes them only: a plan that stands already stays as it is.
    """
    found = await _found(call)
    if found.problems:
        raise Problem("invalid", errors=[FieldError("body", "/source", text) for text in found.problems])
    written = sa.select(plans).where(plans.c.name.in_(list(found.plans)))
    _check_writable(call, (await call.conn.execute(written)).all())
    standing = await load_plans(call.conn)
    numbered = {name: found.names.numbered(plan) for name, plan in found.plans.items()}
    changed = {name: plan for name, plan in numbered.items() if standing.get(name) != plan}
    for plan in changed.values():
        await put_plan(call.conn, call.node, plan, source=API_SOURCE, now_ms=call.now_ms)
    before = {name: standing[name].to_record() for name in changed if name in standing}
    after = {name: plan.to_record() for name, plan in changed.items()}
    await call.audit("plan.write", "plan", 0, call.actor.account_id, before, after)
    rows = [row for row in await call.conn.execute(written) if row.name in changed]
    names = await Names.read(call.conn, changed.values())
    return Answer(Written(items=[_view(call, row, names) for row in rows]))


def _check_writable(call: Call, rows: Sequence[Row[Any]]) -> None:
    """Of the plans that are to be changed, as they stand. Raises Problem."""
    for row in rows:
        if row.source == ROUTING_FILE:
            raise invalid("/source", f"the plan {row.name!r} stands in {ROUTING_FILE}: change it there")
        if call.asking.if_match == etag(0):
            raise invalid(
                "/source", f"there is a plan {row.name!r} already: change that one, or give this one another name"
            )
    call.check_unchanged(*(row.record for row in rows))


_P = Permission
ENDPOINTS = [
    Endpoint(
        "plan.list", "GET", "/plans", _P.ROUTING_READ, list_plans, "List routing plans", query=Paging,
        answer=Page[PlanView],
    ),
    Endpoint("plan.show", "GET", "/plans/{plan_id}", _P.ROUTING_READ, show_plan, "Show a plan", answer=PlanView),
    Endpoint(
        "plan.check", "POST", "/plan-check", _P.ROUTING_CHANGE, check_plans, "Tell every fault of plans", Source,
        answer=Checked, reads=True,
    ),
    Endpoint(
        "plan.write", "PUT", "/plans", _P.ROUTING_CHANGE, write_plans, "Make or change plans", Source, answer=Written,
    ),
]  # fmt: skip
