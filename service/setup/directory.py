"""What things are called, and which number has which name: of the whole ledger, kept up to date while it is changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.document.problems import suggestion
from service.access.permissions import BUILT_IN
from service.accounts.naming import joined, last_of, meant, shortest, told_apart
from service.api.values import moment_text
from service.database.access_tables import roles
from service.database.billing_tables import taxes
from service.database.fraud_tables import risk_ranges
from service.database.peer_tables import devices
from service.database.tables import accounts, gateways, plans, tariffs, trunks

PUBLISH_FIRST = "publish the ratebook first: kambill tariff publish"


class Unknown(Exception):
    """A name means nothing, or several things."""


class Owned(NamedTuple):
    """Something that an account has, and that those below it can use."""

    id: int
    account_id: int
    name: str


_OWNED = ("tariff", "role", "trunk", "gateway", "tax")


class Directory:
    """Of one ledger."""

    def __init__(self) -> None:
        self.parents: dict[int, int | None] = {}
        self.names: dict[int, str] = {}
        self._accounts: defaultdict[str, set[int]] = defaultdict(set)
        """By their own names."""
        self._owned: dict[str, defaultdict[str, list[Owned]]] = {noun: defaultdict(list) for noun in _OWNED}
        self._numbered: dict[str, dict[int, Owned]] = {noun: {} for noun in _OWNED}
        self._since: dict[int, int] = {}
        """Of taxes, from when on each holds."""
        self.plain: dict[str, dict[str, int]] = {"device": {}, "plan": {}, "range": {}}
        """Things whose names are unique."""

    @classmethod
    async def read(cls, conn: AsyncConnection) -> Directory:
        """As the ledger stands."""
        directory = cls()
        for row in await conn.execute(sa.select(accounts.c.id, accounts.c.name, accounts.c.parent_id)):
            directory.add_account(row.id, row.name, row.parent_id)
        for row in await conn.execute(sa.select(tariffs.c.id, tariffs.c.owner_id, tariffs.c.name)):
            directory.add_owned("tariff", Owned(row.id, row.owner_id, row.name))
        for row in await conn.execute(sa.select(roles.c.id, roles.c.account_id, roles.c.name)):
            directory.add_owned("role", Owned(row.id, row.account_id, row.name))
        for row in await conn.execute(sa.select(taxes)):
            directory.add_tax(row.id, {**row._mapping, "valid_from": row.valid_from_ms})
        for row in await conn.execute(sa.select(trunks.c.id, trunks.c.account_id, trunks.c.name)):
            directory.add_owned("trunk", Owned(row.id, row.account_id, row.name))
        for row in await conn.execute(sa.select(gateways.c.id, gateways.c.account_id, gateways.c.name)):
            directory.add_owned("gateway", Owned(row.id, row.account_id, last_of(row.name)))
        for noun, table, column in (
            ("device", devices, devices.c.username),
            ("plan", plans, plans.c.name),
            ("range", risk_ranges, risk_ranges.c.name),
        ):
            rows = await conn.execute(sa.select(table.c.id, column))
            directory.plain[noun] = {str(name): int(number) for number, name in rows}
        return directory

    def add_account(self, number: int, name: str, parent: int | None) -> None:
        """A new one."""
        self.names[number], self.parents[number] = name, parent
        self._accounts[name].add(number)

    def add_owned(self, noun: str, one: Owned) -> None:
        """A new one."""
        self._owned[noun][one.name].append(one)
        self._numbered[noun][one.id] = one

    def add_tax(self, number: int, values: Mapping[str, Any]) -> None:
        """A new one: its seller has one of each name and beginning."""
        self._since[number] = values["valid_from"]
        self.add_owned("tax", Owned(number, values["account_id"], values["name"]))

    def forget(self, noun: str, number: int) -> None:
        """What is no more: its name is another's, perhaps."""
        one = self._numbered[noun].pop(number)
        self._owned[noun][one.name].remove(one)

    # --- accounts

    def path_of(self, number: int) -> str:
        """The names from the root down."""
        return joined(self.names[step] for step in reversed(self.above(number)))

    def above(self, number: int) -> list[int]:
        """The account and all above it, the root last."""
        path: list[int] = []
        step: int | None = number
        while step is not None:
            path.append(step)
            step = self.parents[step]
        return path

    def named(self, name: str) -> list[int]:
        """Accounts of this name."""
        return sorted(self._accounts.get(name, ()))

    def account(self, text: str) -> int | None:
        """By its name or the end of its path of names; None: there is none. Raises Unknown: several."""
        paths = {self.path_of(number): number for number in self._accounts.get(last_of(text), ())}
        found = meant(text, paths)
        if len(found) > 1:
            raise Unknown(told_apart(text, found.items()))
        return next(iter(found.values()), None)

    def called(self, number: int) -> str:
        """The shortest name that means an account alone."""
        same = [self.path_of(one) for one in self._accounts[self.names[number]]]
        return shortest(same)[self.path_of(number)]

    # --- the rest

    def number(self, noun: str, text: str, path: list[int]) -> int:
        """What a name means; `path`: the accounts whose tariffs and roles count, the nearest first. Raises Unknown."""
        if noun == "account":
            found = self.account(text)
            if found is None:
                raise Unknown(f"no account {text!r} here or in the ledger")
            return found
        if noun in {"trunk", "gateway"}:
            return self._below(noun, text, path[0])
        if noun == "tax":
            return self._tax(text, path)
        if noun in self._owned:
            return self._usable(noun, text, path)
        known = self.plain[noun]
        if text not in known:
            if noun == "plan":
                shown = ", ".join(sorted(known)[:10]) or "none"
                near = suggestion(text, known).strip(" ()")
                raise Unknown(f"no routing plan {text!r} ({near}{'; ' if near else ''}known: {shown}): {PUBLISH_FIRST}")
            raise Unknown(f"no {noun} {text!r} here or in the ledger")
        return known[text]

    def _usable(self, noun: str, text: str, path: list[int]) -> int:
        """The nearest on the path that has this name; `Seller/name` where that is not the one."""
        built_in = {role.key: role.name for role in BUILT_IN} if noun == "role" else {}
        found = self._nearest(noun, built_in.get(text, text), path)
        owner, slash, name = text.rpartition("/")
        if found is None and slash:
            wanted = self.account(owner)
            found = self._nearest(noun, name, [one for one in path if one == wanted])
        if found is None:
            mine = {one.name for named in self._owned[noun].values() for one in named if one.account_id in path}
            shown = ", ".join(sorted(mine)[:20]) or "none"
            more = f": {PUBLISH_FIRST}" if noun == "tariff" else ""
            raise Unknown(f"no {noun} {text!r} that can be used here (known: {shown}){more}")
        return found.id

    def _tax(self, text: str, path: list[int]) -> int:
        """Of the nearest on the path that has one of this name; several of its are told apart by their beginnings."""
        known = [one for named in self._owned["tax"].values() for one in named if one.account_id in path]
        found = [one for one in known if text in {one.name, self._dated(one)}]
        nearest = min((path.index(one.account_id) for one in found), default=-1)
        found = [one for one in found if one.account_id == path[nearest]]
        if len(found) == 1:
            return found[0].id
        listed = ", ".join(sorted(self._dated(one) for one in found or known)[:20]) or "none"
        what = f"several taxes are called {text!r}: write which" if found else f"no tax {text!r} of a seller above"
        raise Unknown(f"{what} (known: {listed})")

    def _dated(self, tax: Owned) -> str:
        return f"{tax.name} from {moment_text(self._since[tax.id]) or 'the beginning'}"

    def _below(self, noun: str, text: str, account: int) -> int:
        """The account's own of this name, else the only one below it; `Account/name` says which. Raises Unknown."""
        owner, _, name = text.rpartition("/")
        inside = [one for one in self._owned[noun].get(name, ()) if account in self.above(one.account_id)]
        if owner:
            wanted = self.account(owner)
            inside = [one for one in inside if one.account_id == wanted]
        found = [one for one in inside if one.account_id == account] or inside
        if len(found) > 1:
            listed = [(f"{self.path_of(one.account_id)}/{one.name}", one.id) for one in found]
            raise Unknown(told_apart(text, listed, noun))
        if not found:
            raise Unknown(f"no {noun} {text!r} of this account or of one below it")
        return found[0].id

    def _nearest(self, noun: str, name: str, path: list[int]) -> Owned | None:
        inside = [one for one in self._owned[noun].get(name, ()) if one.account_id in path]
        return min(inside, key=lambda one: path.index(one.account_id), default=None)

    def name(self, noun: str, number: int, path: list[int]) -> str:
        """What to write for a number, so that it means the same on this path."""
        if noun == "account":
            return self.called(number)
        if noun not in self._owned:
            return next(name for name, known in self.plain[noun].items() if known == number)
        one = self._numbered[noun][number]
        if noun == "tax":
            alike = [other for other in self._owned["tax"][one.name] if other.account_id == one.account_id]
            return one.name if len(alike) == 1 else self._dated(one)
        if noun in {"trunk", "gateway"}:
            return one.name if one.account_id == path[0] else f"{self.called(one.account_id)}/{one.name}"
        nearest = self._nearest(noun, one.name, path)
        if nearest is not None and nearest.id == number:
            return one.name
        return f"{self.called(one.account_id)}/{one.name}"
