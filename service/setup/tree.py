"""Accounts: parents first, then what each may at most; suspended and closed at the very end."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.access import audit
from service.accounts.naming import last_of
from service.accounts.rules import ROOT_ID
from service.accounts.storage import is_untouched, set_root_currency
from service.database.tables import accounts
from service.setup import changes as told
from service.setup.changes import Change, FieldChange, title
from service.setup.directory import Unknown
from service.setup.kinds import ACCOUNTS
from service.setup.rows import REASON, Rows, Wish
from service.setup.sheet import Problem, Row
from service.setup.standing import Thing
from service.setup.typed import Wrong, differs, parsed

_YES_NO = {"": True, "true": True, "yes": True, "false": False, "no": False}


class Tree:
    """The accounts of one file."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._done: dict[int, tuple[Row, Thing]] = {}
        """By number."""

    async def currency(self) -> None:
        """Of the root, while nothing stands in another one."""
        rows, wanted = self._rows, self._rows.setup.currency
        inner = rows.inner
        query = sa.select(accounts.c.currency).where(accounts.c.id == ROOT_ID)
        stands = (await inner.conn.execute(query)).scalar_one()
        if wanted in {"", stands}:
            return
        if not await is_untouched(inner.conn):
            advice = f"accounts or entries stand in it: write {stands}, or begin a new ledger"
            text = f"currency: the ledger keeps {stands}, and {advice}"
            rows.problems.append(Problem(rows.setup.currency_place, text))
            return
        await set_root_currency(inner.conn, inner.api.config.node, wanted, inner.now_ms)
        before, after = {"currency": stands}, {"currency": wanted}
        change = audit.Change("account.currency", "account", ROOT_ID, ROOT_ID, before, after)
        await audit.write(inner.conn, inner.actor, change, inner.now_ms)
        self._changed(rows.names.names[ROOT_ID], FieldChange("currency", stands, wanted))

    def _changed(self, name: str, *fields: FieldChange) -> None:
        self._rows.changes.append(Change(told.CHANGED, "account", name, fields))

    async def do(self) -> None:
        """Each as soon as its parent is there."""
        waiting = list(self._rows.setup.rows["accounts"])
        while waiting:
            names = {row.text("name") for row in waiting}
            ready = [row for row in waiting if last_of(row.text("parent")) not in names or self._stands(row)]
            if not ready:
                self._tell_circles(waiting)
            for row in ready:
                done = await self._rows.guarded(ACCOUNTS, row, self._account(row))
                if done is not None:
                    self._done[done.id] = (row, done)
            waiting = [row for row in waiting if row not in ready] if ready else []

    def _stands(self, row: Row) -> bool:
        """Whether a path of names leads to its parent already, whoever else of that name is still to come."""
        wanted = row.text("parent")
        try:
            return "/" in wanted and self._rows.names.account(wanted) is not None
        except Unknown:
            return True

    def _tell_circles(self, waiting: list[Row]) -> None:
        """Who stands below a circle is not in it, and isn't blamed."""
        parents = {row.text("name"): last_of(row.text("parent")) for row in waiting}
        for row in waiting:
            self._rows.failed.add(("account", row.text("name")))
            seen = [row.text("name")]
            step = parents[seen[0]]
            while step in parents and step not in seen:
                seen.append(step)
                step = parents[step]
            if step == seen[0]:
                text = f"parent: a circle: {' below '.join([*seen, step])}"
                self._rows.problems.append(Problem(row.place_of("parent"), text))

    async def _account(self, row: Row) -> Thing:
        rows, name = self._rows, row.text("name")
        if name == rows.names.names[ROOT_ID] and row.text("parent") in {"", name}:
            raise Wrong(("name", f"{name!r} is the root: it stands already, leave it out"))
        parent = self._parent(row)
        sellers = [0, *rows.names.above(parent)]  # 0: itself, whose tariffs are for those below it
        own = row._replace(values={field: value for field, value in row.values.items() if field != "parent"})
        given = {"parent_id": parent, **rows.given(ACCOUNTS, own, sellers)}
        values = parsed(ACCOUNTS, given)
        thing = rows.take(ACCOUNTS, row, values)
        if thing is None:
            return await rows.make(Wish(ACCOUNTS, row, name, given, values))
        if thing.values["state"] != "active" and row.text("state") in {"", "active"}:
            await rows.ask("account.resume", {"account_id": thing.id}, {"reason": REASON})
            self._changed(name, FieldChange("state", thing.values["state"], "active"))
        values["currency"] = values["currency"] or thing.values["currency"]
        await rows.edit(Wish(ACCOUNTS, row, name, given, values), thing)
        return thing

    def _parent(self, row: Row) -> int:
        """Named, or that of the one account of this name, or the root. Raises Wrong."""
        names, wanted, name = self._rows.names, row.text("parent"), row.text("name")
        if wanted:
            try:
                return self._rows.number("account", wanted, [])
            except Unknown as fault:
                raise Wrong(("parent", str(fault))) from fault
        parents = [names.parents[one] or ROOT_ID for one in names.named(name) if one != ROOT_ID]
        if len(parents) > 1:
            above = ", ".join(names.path_of(one) for one in parents)
            raise Wrong(("name", f"{name!r} stands below {above}: write `parent:` to say which one is meant"))
        return parents[0] if parents else ROOT_ID

    async def ceilings(self) -> None:
        """What each may at most."""
        for number, (row, thing) in self._done.items():
            await self._rows.guarded(ACCOUNTS, row, self._ceiling(number, row, thing))

    async def _ceiling(self, number: int, row: Row, thing: Thing) -> None:
        listed = row.values.get("roles", [])
        try:
            roles = self._rows.numbers("role", listed, self._rows.names.above(number))
        except Unknown as fault:
            raise Wrong(("roles", str(fault))) from fault
        default = _YES_NO.get(row.text("default_role").lower())
        if default is None:
            raise Wrong(("default_role", "true or false was expected"))
        old = {"role_ids": thing.values["roles"], "default_role": thing.values["default_role"]}
        new: dict[str, Any] = {"role_ids": roles, "default_role": default}
        changed = [name for name in old if differs(name, old[name], new[name])]
        if not changed:
            return
        await self._rows.ask("account.set-ceiling", {"account_id": number}, new)
        own = {"account_id": number}
        fields = [
            FieldChange(title(name), *(self._rows.shown(ACCOUNTS, name, one[name], own) for one in (old, new)))
            for name in changed
        ]
        self._changed(row.text("name"), *fields)

    async def states(self) -> None:
        """The lowest first: until then everything could still be done."""
        deepest = sorted(self._done.items(), key=lambda item: -len(self._rows.names.above(item[0])))
        for number, (row, thing) in deepest:
            wanted, stands = row.text("state"), thing.values["state"]
            if wanted in {"suspended", "closed"} and stands != wanted:
                await self._rows.guarded(ACCOUNTS, row, self._state(number, row.text("name"), stands, wanted))

    async def _state(self, number: int, name: str, stands: str, wanted: str) -> None:
        own = {"account_id": number}
        if stands == "closed":
            await self._rows.ask("account.resume", own, {"reason": REASON})
        verb = {"suspended": "account.suspend", "closed": "account.close"}[wanted]
        await self._rows.ask(verb, own, {"reason": REASON})
        self._changed(name, FieldChange("state", stands, wanted))
