"""A request that is being answered: who asks, what for, and the one connection that it is done on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.access import audit
from service.access.actor import Actor
from service.access.permissions import Permission
from service.access.rights import beyond
from service.accounts.storage import seller_among
from service.api.nouns import NOUNS, visible, within
from service.api.problems import Problem, not_found, only_from_above, only_of_seller, only_of_seller_then
from service.api.versions import version_of
from service.commands.outbox import writing
from service.config import Config
from service.database.paths import path_ids
from service.database.tables import accounts
from service.ledger.by import By

if TYPE_CHECKING:
    from service.access.sessions import Sessions


class Api(NamedTuple):
    """What all requests share."""

    config: Config
    engine: AsyncEngine
    sessions: Sessions
    patience_s: float = 5.0
    """How long an answer waits for the call path, at most."""
    look_s: float = 30.0
    """How long an answer that changes nothing may look into the ledger: then it is given up."""


Check = Callable[[], Awaitable[None]]
"""Raises Problem."""


class Asking(NamedTuple):
    """A request, its values not yet looked at."""

    parameters: Mapping[str, str]
    """Of the path."""
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    credential: str = ""
    """What stands behind `Bearer`; empty: nothing."""
    address: str = ""
    agent: str = ""
    key: str = ""
    """Idempotency-Key; empty: none."""
    if_match: str = ""
    signature: str = ""
    """Stripe-Signature; empty: none."""
    rows: int = 0
    """Of a list, for a file that is written: more than a page may have. 0: as many as the query says."""


class Call:
    """One request, parsed, its names looked up within the asker's subtree."""

    def __init__(
        self, api: Api, actor: Actor, conn: AsyncConnection, now_ms: int, asking: Asking, body: Any, query: Any
    ) -> None:
        self.api = api
        self.actor = actor
        self.conn = conn
        self.now_ms = now_ms
        self.asking = asking
        self.body = body
        """Of the endpoint's `body`."""
        self.query = query
        """Of the endpoint's `query`."""
        self.subject: Row[Any] | None = None
        """What the path's last number names."""
        self.account: Row[Any] | None = None
        """The account that the path's first thing belongs to."""
        self.changes = 0
        """Lines that were written to the audit."""
        self.later: list[Check] | None = None
        """What must hold when the transaction ends; None: nothing is to come in it."""

    @property
    def node(self) -> str:
        """The node whose store learns of changes."""
        return self.api.config.node

    @property
    def row(self) -> Row[Any]:
        """The subject of an endpoint whose path names one."""
        assert self.subject is not None
        return self.subject

    @property
    def of(self) -> Row[Any]:
        """The account of an endpoint whose path names something."""
        assert self.account is not None
        return self.account

    async def check_last(self, check: Check) -> None:
        """Of what must hold when the transaction ends: looked at now, unless whoever asks has more to do in it."""
        if self.later is None:
            await check()
        else:
            self.later.append(check)

    async def find(self, noun: str, number: int, *, to_change: bool = False) -> Row[Any]:
        """One thing of the subtree. Raises Problem: not-found."""
        rows = await self.find_all(noun, [number], to_change=to_change)
        if not rows:
            raise not_found()
        return rows[number]

    async def find_all(self, noun: str, numbers: Collection[int], *, to_change: bool = False) -> dict[int, Row[Any]]:
        """Things of the subtree by their numbers; those outside are left out as if they weren't there."""
        kind = NOUNS[noun]
        seen = within(kind.owner, self.actor) if to_change else visible(kind, self.actor)
        columns: list[Any] = [kind.table, kind.owner.label("owner_account_id"), *kind.beside]
        query = sa.select(*columns).where(kind.table.c.id.in_(numbers) & seen)
        return {row.id: row for row in await self.conn.execute(query)}

    async def owner_of(self, row: Row[Any]) -> Row[Any]:
        """The account that a row of `find` belongs to."""
        if row.owner_account_id == row.id and "parent_id" in row._mapping:
            return row  # it is an account itself
        query = sa.select(accounts).where(accounts.c.id == row.owner_account_id)
        return (await self.conn.execute(query)).one()

    @property
    def by(self) -> By:
        """Who asks, as the books keep it: of who acts as somebody else by the own account."""
        return By(self.actor.name, self.actor.own_account_id)

    def may(self, permission: Permission) -> bool:
        """Whether the asker holds a permission beside the endpoint's."""
        return permission in self.actor.permissions

    def need(self, permission: Permission) -> None:
        """Raises Problem: forbidden."""
        if not self.may(permission):
            raise forbidden([permission])

    def need_all(self, wanted: Collection[Permission]) -> None:
        """What one hands on, one must hold. Raises Problem: forbidden."""
        missing = beyond(frozenset(wanted), self.actor.permissions)
        if missing:
            raise forbidden(missing)

    async def need_seller(self, path: str) -> None:
        """What is given to the account of this path is its seller's: whoever asks must be that, or stand above it.
        Raises Problem: forbidden.
        """
        *above, own = path_ids(path)
        if own == self.actor.account_id:
            raise only_from_above()
        seller = await seller_among(self.conn, above)
        if self.actor.account_id not in above[: above.index(seller) + 1]:
            raise only_of_seller()

    async def need_seller_then(self, seller_id: int) -> None:
        """What a seller has sold stays its own when the account pays another one: whoever asks must be that, or stand
        above it. Raises Problem: forbidden.
        """
        if not await self.find_all("account", {seller_id}, to_change=True):
            raise only_of_seller_then()

    def check_match(self, version: int) -> None:
        """Compares If-Match with a version. Raises Problem: changed."""
        wanted = self.asking.if_match
        if wanted and wanted != "*" and wanted != etag(version):
            raise Problem("changed", f"it is at version {version} now: look at it again, then repeat your change")

    def check_unchanged(self, *standing: Any) -> None:
        """As `check_match`, of what has no count: one of these must be what was looked at. Raises Problem: changed."""
        wanted = self.asking.if_match
        if wanted and wanted != "*" and standing and wanted not in {etag(version_of(told)) for told in standing}:
            raise Problem("changed", "somebody has changed it meanwhile: look at it again, then repeat your change")

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction of an endpoint that opens its own."""
        async with writing(self.api.engine, self.node) as conn:
            self.conn = conn
            yield conn

    async def audit(
        self,
        action: str,
        noun: str,
        noun_id: int,
        account_id: int,
        before: BaseModel | Mapping[str, Any] | None = None,
        after: BaseModel | Mapping[str, Any] | None = None,
    ) -> None:
        """Writes down what was done. A request that changes something without this ends in a fault."""
        change = audit.Change(action, noun, noun_id, account_id, _values(before), _values(after))
        await audit.write(self.conn, self.actor, change, self.now_ms)
        self.changes += 1


def _values(shown: BaseModel | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return shown.model_dump(mode="json") if isinstance(shown, BaseModel) else shown


def etag(version: int) -> str:
    """Of a version."""
    return f'"{version}"'


def forbidden(missing: Collection[str]) -> Problem:
    """Says which permissions are missing."""
    return Problem("forbidden", f"this needs the permission {', '.join(sorted(missing))}")
