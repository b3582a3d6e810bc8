"""The audit, as far as one sees: lines about things of one's subtree."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Annotated, Any, Literal, NamedTuple

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access.actor import Actor
from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lines import Expression
from service.api.listed import lines_of
from service.api.lists import Listing, Page, Paging, contains, equals, page_of
from service.api.nouns import NOUNS, seen, visible
from service.api.values import ABOVE, AccountId, Moment, Number, Text, Told, When
from service.database.access_tables import audit, users
from service.database.tables import accounts


class ChangeView(Told):
    """Who changed what, from where."""

    id: int
    created_at: Moment
    actor: Annotated[str, Field(description="`above`: somebody outside your subtree")]
    behalf_of: Annotated[
        str, Field(description="Whom the actor was signed in as; `above` as with it; empty: as themselves")
    ]
    address: str
    action: Annotated[str, Field(examples=["trunk.change"])]
    noun: str
    noun_id: int
    account_id: int
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class ChangeQuery(Paging):
    """Which lines."""

    account_id: AccountId | None = None
    noun: Text = ""
    noun_id: Number | None = None
    action: Text = ""
    actor: Text = ""
    since: When | None = None
    until: Annotated[When | None, Field(description="Exclusive")] = None
    sort: Literal["", "id", "-id"] = ""


_ACTORS = accounts.alias("actor_account")
_LISTING = Listing(
    "change",
    {"-id": audit.c.id},
    {
        "account_id": equals(audit.c.account_id),
        "noun": equals(audit.c.noun),
        "noun_id": equals(audit.c.noun_id),
        "action": contains(audit.c.action),
        "since": lambda moment: audit.c.created_ms >= moment,
        "until": lambda moment: audit.c.created_ms < moment,
    },
    sa.select(audit, _ACTORS.c.path.label("actor_path")).join(
        _ACTORS, _ACTORS.c.id == audit.c.actor_account_id, isouter=True
    ),
    lambda call: _by(call.query.actor, call.actor),
)


def _by(text: str, actor: Actor) -> sa.ColumnElement[bool]:
    """Lines of an actor whose name the viewer may know."""
    if not text:
        return sa.true()
    named: sa.ColumnElement[bool] = audit.c.actor.icontains(text, autoescape=True)
    return named if actor.is_root else named & seen(_ACTORS.c.path, actor)


def _cells(call: Call) -> dict[str, Expression]:
    sees_actor = _ACTORS.c.path.is_not(None) & seen(_ACTORS.c.path, call.actor)
    known = sa.select(users.c.id).where(visible(NOUNS["user"], call.actor))
    sees_other = (audit.c.behalf_of == "") | sa.literal(call.actor.is_root) | audit.c.behalf_of_id.in_(known)
    return {
        "created_at": audit.c.created_ms,
        "actor": sa.case((sees_actor, audit.c.actor), else_=ABOVE),
        "behalf_of": sa.case((sees_other, audit.c.behalf_of), else_=ABOVE),
        "address": sa.case((sees_actor, audit.c.address), else_=""),
    }


_ACCOUNTS = frozenset({"account_id", "parent_id", "to_account_id", "from_account_id"})
"""Fields of what was before and after that name an account."""


class _Line(NamedTuple):
    """A line, read."""

    row: Row[Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def accounts(self) -> set[int]:
        """That it names."""
        fields = [item for values in (self.before, self.after) if values for item in values.items()]
        return {value for name, value in fields if name in _ACCOUNTS and isinstance(value, int)}


def _values(text: str) -> dict[str, Any] | None:
    return json.loads(text) if text else None


def _within(values: dict[str, Any] | None, inside: Collection[int]) -> dict[str, Any] | None:
    """Accounts outside the viewer's subtree have no number here either."""
    if values is None:
        return None
    return {name: None if name in _ACCOUNTS and value not in inside else value for name, value in values.items()}


def _view(line: _Line, viewer: Actor, inside: Collection[int], known: Collection[int]) -> ChangeView:
    row = line.row
    sees_actor = row.actor_path is not None and viewer.sees(row.actor_path)
    sees_other = not row.behalf_of or viewer.is_root or row.behalf_of_id in known
    return ChangeView(
        id=row.id,
        created_at=row.created_ms,
        actor=row.actor if sees_actor else ABOVE,
        behalf_of=row.behalf_of if sees_other else ABOVE,
        address=row.address if sees_actor else "",
        action=row.action,
        noun=row.noun,
        noun_id=row.noun_id,
        account_id=row.account_id,
        before=_within(line.before, inside),
        after=_within(line.after, inside),
    )


async def list_changes(call: Call) -> Answer:
    """The latest first."""
    rows, following = await page_of(call, _LISTING)
    lines = [_Line(row, _values(row.before), _values(row.after)) for row in rows]
    inside = await call.find_all("account", set().union(*(line.accounts for line in lines)))
    known = await call.find_all("user", {row.behalf_of_id for row in rows if row.behalf_of_id is not None})
    items = [_view(line, call.actor, inside, known) for line in lines]
    return Answer(Page[ChangeView](items=items, next=following))


ENDPOINTS = [
    Endpoint(
        "audit.list", "GET", "/audit", Permission.AUDIT_READ, list_changes, "List changes", query=ChangeQuery,
        answer=Page[ChangeView], lines=lines_of(_LISTING, ChangeView, _cells),
    ),
]  # fmt: skip
