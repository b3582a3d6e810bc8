"""The API of destination groups: which numbers each has, what names it, and groups.yaml written and published."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from ratebook.document import load
from ratebook.document.groups import GROUPS_FILE
from ratebook.groups import Group
from service.access.permissions import Permission
from service.accounts.rules import ROOT_ID
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lists import Listing, Page, Paging, contains, page_of
from service.api.nouns import NOUNS, visible
from service.api.problems import FieldError, Problem
from service.api.values import Moment, Text, Told
from service.database.commission_tables import commission_rules
from service.database.fraud_tables import call_limits
from service.database.interconnect_tables import commitments
from service.database.product_tables import products
from service.database.ratebook_tables import destination_groups
from service.tariffs.api import Written
from service.tariffs.content import Content
from service.tariffs.groups_file import GroupsText, read_groups_file, write_groups_file
from service.tariffs.rates import write_groups
from service.tariffs.switching import Occasion, carry_out, load_groups, others

SOURCE_CHARACTERS_MAX = 8 << 20
FAULTS_SHOWN_MAX = 200
USES_MAX = 50
"""Of one kind."""


class GroupView(Told):
    """A named set of numbers."""

    id: int
    name: str
    prefixes: int
    excepted: int
    published_at: Annotated[Moment, Field(validation_alias="published_ms")]
    published_by: Annotated[str, Field(description="Empty: not for you")]


class Use(Told):
    """What names the group."""

    noun: str
    id: int
    account_id: int
    name: str


class GroupText(GroupView):
    """With its numbers, and what names it of what the asker sees."""

    numbers: Annotated[list[str], Field(description="Prefixes; empty: every number")]
    but: Annotated[list[str], Field(description="Prefixes whose numbers are left out, unless a longer one is in it")]
    uses: Annotated[list[Use], Field(description=f"The first {USES_MAX} of each kind")]


class GroupQuery(Paging):
    """Which."""

    name: Text = ""


class SourceView(Told):
    """groups.yaml."""

    source: str
    refusal: Annotated[str, Field(description="Why it can't be written here; empty: it can")]
    version: int


class Source(Written):
    """groups.yaml as a whole: a group that isn't in it is gone."""

    source: Annotated[str, Field(max_length=SOURCE_CHARACTERS_MAX, description="YAML: `groups:`, and a table by name")]


class Checked(Told):
    """A text without faults."""

    changed: Annotated[list[str], Field(description="Names of groups that become others, new, or are gone")]
    lacking: Annotated[list[str], Field(description="Names that something still has, and no group any more")]


_LISTING = Listing(
    "destination-group",
    {"name": destination_groups.c.name, "id": destination_groups.c.id},
    {"name": contains(destination_groups.c.name)},
)


def _values(call: Call, row: Row[Any]) -> dict[str, Any]:
    group = Group.from_record(row.name, row.record)
    return {
        "id": row.id, "name": row.name, "prefixes": len(group.prefixes), "excepted": len(group.excepted),
        "published_ms": row.published_ms, "published_by": row.published_by if call.actor.is_root else "",
        "numbers": sorted(group.prefixes), "but": sorted(group.excepted),
    }  # fmt: skip


async def list_groups(call: Call) -> Answer:
    """The operator's: everybody's rules may name them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[GroupView](items=[GroupView.model_validate(_values(call, row)) for row in rows], next=following))


async def show_group(call: Call) -> Answer:
    """One, with its numbers and what names it."""
    uses = await _uses(call, call.row.name)
    return Answer(GroupText.model_validate({**_values(call, call.row), "uses": uses}))


async def _uses(call: Call, name: str) -> list[Use]:
    """Of what the asker may see."""
    found = []
    for noun, permission, named, title in (
        ("limit", Permission.FRAUD_READ, call_limits.c.destinations == name, call_limits.c.name),
        ("product", Permission.PRODUCTS_READ, _holds(name), products.c.name),
        ("commission-rule", Permission.STATEMENTS_READ, commission_rules.c.destination_group == name, sa.literal("")),
        ("commitment", Permission.STATEMENTS_READ, commitments.c.group_name == name, commitments.c.name),
    ):
        if call.may(permission):
            table = NOUNS[noun].table
            query = sa.select(table.c.id, table.c.account_id, title.label("name")).order_by(table.c.id).limit(USES_MAX)
            rows = await call.conn.execute(query.where(named & visible(NOUNS[noun], call.actor)))
            found += [Use(noun=noun, id=row.id, account_id=row.account_id, name=row.name) for row in rows]
    return found


def _holds(name: str) -> sa.ColumnElement[bool]:
    """Whether a product's list of groups has the name, as JSON writes it."""
    return sa.cast(products.c.groups, sa.Text).contains(json.dumps(name), autoescape=True)


def _check_root(call: Call) -> None:
    if not call.actor.is_root:
        raise Problem("forbidden", "groups.yaml is the operator's")


async def show_source(call: Call) -> Answer:
    """As it stands in the ratebook's folder, published or not."""
    _check_root(call)
    text = await asyncio.to_thread(read_groups_file, call.api.config.ratebook)
    return Answer(SourceView(source=text.source, refusal=text.refusal, version=text.version), version=text.version)


async def _read(folder: Path, source: str) -> list[Group]:
    """Beside the whole ratebook, since groups may name destinations of its tariffs. Raises Problem for each fault."""
    loaded = await asyncio.to_thread(load, folder, groups=source)
    if not loaded.problems:
        return loaded.groups
    errors = [
        FieldError("body", "/source" if one.place.file == GROUPS_FILE else "", str(one))
        for one in loaded.problems[:FAULTS_SHOWN_MAX]
    ]
    many = len(loaded.problems)
    raise Problem("invalid", f"{many} fault{'s' if many > 1 else ''} in the ratebook: nothing was published", errors)


async def check_source(call: Call) -> Answer:
    """Every fault; what publishing it would change, and what would name a group that is not there any more."""
    _check_root(call)
    groups = await _read(call.api.config.ratebook, call.body.source)
    standing = await load_groups(call.conn)
    gone = {one.name for one in standing} - {one.name for one in groups}
    lacking = [name for name in sorted(gone) if await _uses(call, name)]
    return Answer(Checked(changed=others(standing, groups), lacking=lacking))


async def write_source(call: Call) -> Answer:
    """Into the folder and into force. Of a commit that fails after that the watcher finds the folder changed."""
    _check_root(call)
    folder, source = call.api.config.ratebook, call.body.source
    before = await _writable(call, folder)
    groups = await _read(folder, source)
    await write_groups(call.api.config, groups)
    async with call.writing() as conn:
        if (await _writable(call, folder)).version != before.version:
            raise Problem("changed", "groups.yaml was edited meanwhile: look at it again")
        told = Occasion(call.node, call.actor.name, "", call.now_ms)
        done = await carry_out(conn, ROOT_ID, Content({}, {}, groups, None), told)
        await _note(call, done.groups)
        await asyncio.to_thread(write_groups_file, folder, source)
    view = SourceView(source=source, refusal="", version=GroupsText(source, "").version)
    return Answer(view, version=view.version)


async def _writable(call: Call, folder: Path) -> GroupsText:
    """Raises Problem."""
    text = await asyncio.to_thread(read_groups_file, folder)
    if text.refusal:
        raise Problem("conflict", text.refusal)
    call.check_match(text.version)
    return text


async def _note(call: Call, changed: Sequence[str]) -> None:
    await call.audit("destination-group.write", "destination-group", 0, ROOT_ID, None, {"changed": list(changed)})


_P = Permission
_SOURCE = "/destination-groups-source"
ENDPOINTS = [
    Endpoint(
        "destination-group.list", "GET", "/destination-groups", _P.TARIFFS_READ, list_groups,
        "List destination groups", query=GroupQuery, answer=Page[GroupView],
    ),
    Endpoint(
        "destination-group.show", "GET", "/destination-groups/{destination_group_id}", _P.TARIFFS_READ, show_group,
        "Show a destination group", answer=GroupText,
    ),
    Endpoint(
        "destination-group.source", "GET", _SOURCE, _P.TARIFFS_READ, show_source, "Show groups.yaml",
        answer=SourceView,
    ),
    Endpoint(
        "destination-group.check", "POST", f"{_SOURCE}/check", _P.TARIFFS_READ, check_source,
        "Tell every fault of groups.yaml", Source, answer=Checked, reads=True, body_bytes_max=SOURCE_CHARACTERS_MAX * 2,
    ),
    Endpoint(
        "destination-group.write", "PUT", _SOURCE, _P.TARIFFS_PUBLISH, write_source, "Publish groups.yaml",
        Source, answer=SourceView, key=Key.NONE, own_transaction=True, body_bytes_max=SOURCE_CHARACTERS_MAX * 2,
    ),
]  # fmt: skip
