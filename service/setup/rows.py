"""Rows of any kind, each in a savepoint, so that a wrong one doesn't hide the next."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any, NamedTuple, TypeVar

from service.accounts.naming import last_of
from service.accounts.rules import ROOT_ID
from service.api.bulk import id_in
from service.api.call import Asking, Check
from service.api.dispatch import Inner
from service.api.endpoint import Answer
from service.api.problems import Problem
from service.setup import changes as told
from service.setup.changes import Change, FieldChange, Secret, shown, title
from service.setup.directory import Directory, Owned, Unknown
from service.setup.document import Setup
from service.setup.kinds import (
    ACCOUNTS,
    AMOUNTS,
    BY_NAME,
    GATEWAYS,
    HASHED,
    PRODUCTS,
    REMOVED,
    ROLES,
    SETS,
    TAXES,
    TRUNKS,
    USERS,
    Kind,
    field_of,
    noun_of,
)
from service.setup.sheet import Problem as FileProblem
from service.setup.sheet import Row, Value
from service.setup.standing import Standing, Thing, has_password, key_of
from service.setup.typed import (
    NOTHINGS,
    Wrong,
    as_key,
    as_sent,
    default_of,
    differs,
    fault_of,
    in_body,
    is_list,
    parsed,
    properties,
    value_in,
)

REASON = "kambill apply"
_SECRETS = ("link", "password", "secret")
_ELSEWHERE = {
    "credit_limit": "account.credit-limit", "role_ids": "user.roles", HASHED: "device.change-password",
}  # fmt: skip
"""Fields that have an endpoint of their own."""
_BARE = (ACCOUNTS, USERS, TRUNKS)
"""Of which people say no more than the name."""
T = TypeVar("T")


class Wish(NamedTuple):
    """What a row wants of one thing."""

    kind: Kind
    row: Row
    name: str
    """What people call it."""
    given: dict[str, Any]
    """Fields that the row names, as bodies have them."""
    values: dict[str, Any]
    """All fields, those that it leaves out as they are when nobody speaks."""


class Rows:
    """Of one file, in one transaction."""

    def __init__(self, inner: Inner, setup: Setup, names: Directory, standing: Standing) -> None:
        self._later: list[Check] = []
        self.inner, self.setup, self.names, self.standing = inner._replace(later=self._later), setup, names, standing
        self.problems: list[FileProblem] = []
        self.changes: list[Change] = []
        self.secrets: list[Secret] = []
        self.failed = set(setup.broken)
        """Nouns and names of rows with faults: who names them is not blamed."""
        self._last: list[tuple[Kind, Row, Check]] = []
        """What must hold in the end, and whose row it is about."""
        self._taken: dict[tuple[str, Any], int] = {}
        """Lines, by section and key."""

    async def do(self, kind: Kind) -> None:
        """A section. What goes, goes first: another one may take its place. A row that can't be done yet is done
        after the others of its section, which may make way for it.
        """
        waiting = sorted(self.setup.rows[kind.section], key=lambda one: not is_gone(kind, one))
        while waiting:
            told, failed = len(self.problems), set(self.failed)
            wrong = [row for row in waiting if not await self.guarded(kind, row, self._row(kind, row))]
            if len(wrong) in {0, len(waiting)}:
                return
            del self.problems[told:]
            self.failed, waiting = failed, wrong

    async def check_last(self) -> None:
        """What must hold in the end, whatever was passed through."""
        for kind, row, check in self._last:
            await self.guarded(kind, row, check())

    async def guarded(self, kind: Kind, row: Row, work: Awaitable[T]) -> T | None:
        """Faults of a row are noted, and what it began is undone; None then."""
        try:
            async with self.inner.conn.begin_nested():
                done = await work
        except Wrong as wrong:
            faults = list(wrong.faults)
        except Problem as problem:
            faults = [fault_of(error) for error in problem.errors] or [("", problem.detail or problem.title)]
        else:
            self._last += [(kind, row, check) for check in self._later]
            return done
        finally:
            self._later.clear()
        self.failed.add((kind.noun, row.text(field_of(kind.key[-1]))))
        for field, text in faults:
            name = field.partition("/")[0]
            self.problems.append(FileProblem(row.place_of(field), f"{name}: {text}" if name else text))
        return None

    async def ask(self, endpoint: str, parameters: dict[str, Any], body: dict[str, Any] | None = None) -> Answer:
        """As the API would do it. Raises Problem."""
        texts = {name: str(value) for name, value in parameters.items()}
        raw = b"" if BY_NAME[endpoint].body is None else json.dumps(body or {}).encode()
        return await self.inner.ask(BY_NAME[endpoint], Asking(parameters=texts, body=raw))

    def take(self, kind: Kind, row: Row, values: dict[str, Any]) -> Thing | None:
        """What stands of this key. Raises Wrong if another row has it."""
        key = key_of(kind, values)
        first = self._taken.setdefault((kind.section, key), row.place.line)
        if first != row.place.line:
            field = field_of(kind.key[-1])
            raise Wrong((field, f"{row.text(field)!r} stands here twice, first in line {first}: keep one"))
        thing = self.standing[kind.section].get(key)
        if thing is not None and thing.is_one_of_several:
            field = field_of(kind.key[-1])
            raise Wrong(
                (field, f"several {kind.section} are called {row.text(field)!r} there: give each a name of its own")
            )
        return thing

    async def _row(self, kind: Kind, row: Row) -> bool:
        """Done."""
        given = self.given(kind, row, self._above(kind, row))
        if is_gone(kind, row):
            keys = {name: default_of(kind.model, name) for name in kind.key if name not in kind.path_fields}
            given = keys | as_key(given)
            await self._remove(kind, self.take(kind, row, given), self._label(kind, given))
            return True
        values = {name: given[name] for name in kind.path_fields} | parsed(kind, given)
        thing = self.take(kind, row, values)
        wish = Wish(kind, row, self._label(kind, values), given, values)
        if thing is None and kind.bare and not any(in_body(kind, values).values()):
            return True
        if thing is None:
            await self.make(wish)
        else:
            await self.edit(wish, thing)
        return True

    async def _remove(self, kind: Kind, thing: Thing | None, name: str) -> None:
        if thing is not None:
            await self.ask(kind.remove, _path(kind, kind.remove, thing))
            self.changes.append(Change(told.REMOVED, kind.noun, name))
            if kind is TAXES:
                self._forget_tax(thing.id)

    def _forget_tax(self, number: int) -> None:
        """Who had it assigned hasn't any more."""
        self.names.forget("tax", number)
        for thing in self.standing["account_taxes"].values():
            thing.values["tax_ids"] = [one for one in thing.values["tax_ids"] if one != number]

    # --- names

    def _above(self, kind: Kind, row: Row) -> list[int]:
        """The row's account and those above it, whose tariffs and roles it can name. Raises Wrong."""
        if "account_id" not in kind.fields:
            return [ROOT_ID]
        try:
            path = self.names.above(self.number("account", row.text("account"), []))
        except Unknown as fault:
            raise Wrong(("account", str(fault))) from fault
        return [0, path[0]] if kind is PRODUCTS else path  # a product is for the seller's own tariffs

    def given(self, kind: Kind, row: Row, path: list[int]) -> dict[str, Any]:
        """The body's fields that the row names, numbers in place of names. Raises Wrong."""
        found: dict[str, Any] = {}
        faults: list[tuple[str, str]] = []
        schemas = properties(kind)
        for name in [*kind.path_fields, *kind.model.model_fields]:
            field = field_of(name)
            if field not in row.values:
                continue
            try:
                noun, value = noun_of(name), row.values[field]
                if noun in {"tariff", "range", "tax"} and is_list(schemas[name]) and isinstance(value, str):
                    value = [] if value in NOTHINGS else [value]
                found[name] = self.numbers(noun, value, path) if noun else value_in(value, schemas.get(name, {}))
            except Unknown as fault:
                faults.append((field, str(fault)))
        if faults:
            raise Wrong(*faults)
        return found

    def numbers(self, noun: str, value: Value, path: list[int]) -> Any:
        """Of a name, or a list of them. Raises Unknown."""
        if isinstance(value, list) or noun == "role":
            return [self.number(noun, one, path) for one in ([value] if isinstance(value, str) else value)]
        return None if value in NOTHINGS else self.number(noun, value, path)

    def number(self, noun: str, text: str, path: list[int]) -> int:
        """Raises Unknown; Wrong without a word if the row that would make it is wrong itself."""
        try:
            return self.names.number(noun, text, path[1:] if noun in {"tariff", "tax"} and len(path) > 1 else path)
        except Unknown:
            if (noun, last_of(text)) in self.failed:
                raise Wrong from None
            raise

    def _label(self, kind: Kind, values: dict[str, Any]) -> str:
        own = kind.key[1:] if kind in _BARE else kind.key
        parts = [(name, values.get(name)) for name in own]
        return "/".join(
            self.shown(kind, name, value, values) for name, value in parts if value not in {None, False, ""}
        )

    def shown(self, kind: Kind, name: str, value: Any, values: dict[str, Any]) -> str:
        """A field's value, names in place of numbers."""
        noun = noun_of(name)
        if not noun or value is None:
            return shown(kind, name, sorted(value) if name in SETS else value)
        path = self.names.above(values.get("account_id") or values.get("parent_id") or ROOT_ID)
        if isinstance(value, list):
            return shown(kind, name, sorted(self.names.name(noun, one, path) for one in value))
        return self.names.name(noun, value, path)

    # --- what is done

    async def make(self, wish: Wish) -> Thing:
        """Something new."""
        kind, given, values = wish.kind, wish.given, wish.values
        answer = await self.ask(kind.make, {name: given[name] for name in kind.path_fields}, in_body(kind, given))
        number = given["account_id"] if kind.is_whole else id_in(_json(answer))
        assert number is not None
        said = [name for name in given if name not in _label_fields(kind)]
        fields = [FieldChange(title(name), "", self.shown(kind, name, values.get(name), values)) for name in said]
        if kind.states and kind is not ACCOUNTS and wish.row.text("state") == kind.off:
            await self.ask(kind.edit, {kind.own: number}, {"state": kind.off})
            fields.append(FieldChange("state", "", kind.off))
        self.changes.append(Change(told.NEW, kind.noun, wish.name, tuple(fields)))
        secrets = [(what, getattr(answer.body, what, None)) for what in _SECRETS]
        told_once = ((what, value) for what, value in secrets if value and not values.get(what))
        self.secrets += [Secret(kind.noun, wish.name, what, str(value)) for what, value in told_once]
        self._remember(wish, number)
        return Thing(number, values | {"state": "active", "roles": [], "default_role": True})

    def _remember(self, wish: Wish, number: int) -> None:
        kind, given = wish.kind, wish.given
        if kind is ACCOUNTS:
            self.names.add_account(number, given["name"], given["parent_id"])
        elif kind in {GATEWAYS, ROLES, TRUNKS}:
            self.names.add_owned(kind.noun, Owned(number, given["account_id"], given["name"]))
        elif kind is TAXES:
            self.names.add_tax(number, wish.values)
        elif kind.noun in self.names.plain:
            self.names.plain[kind.noun][str(given[kind.key[-1]])] = number

    async def edit(self, wish: Wish, thing: Thing) -> None:
        """To what the row says; what it leaves out becomes what it would be if the thing were new."""
        kind, values = wish.kind, wish.values
        if values.get(HASHED) and await has_password(self.inner.conn, thing.id, values[HASHED]):
            values = values | {HASHED: None}
        if kind.states and kind is not ACCOUNTS:
            values = values | {"state": wish.row.text("state") or "active"}
        changed = [
            name
            for name in kind.fields
            if name in values and name not in kind.once and differs(name, thing.values.get(name), values[name])
        ]
        fields = [
            FieldChange(title(name), *(self.shown(kind, name, one.get(name), values) for one in (thing.values, values)))
            for name in changed
        ]
        if not changed:
            return
        if kind.is_whole:
            parameters = {name: wish.given[name] for name in kind.path_fields}
            again = {name: value for name, value in in_body(kind, wish.given).items() if name not in kind.once}
            await self.ask(kind.edit, parameters, again)
        elif not kind.edit:
            await self.ask(kind.remove, _path(kind, kind.remove, thing))
            await self.ask(kind.make, {}, in_body(kind, wish.given))
        else:
            _check_editable(kind, changed, fields, values)
            await self._send(kind, thing, {name: as_sent(kind, wish.given, values, name) for name in changed})
        self.changes.append(Change(told.CHANGED, kind.noun, wish.name, tuple(fields)))

    async def _send(self, kind: Kind, thing: Thing, changed: dict[str, Any]) -> None:
        where = {kind.own: thing.id}
        for name in [name for name in changed if name in _ELSEWHERE]:
            reason = {"reason": REASON} if name == "credit_limit" else {}
            await self.ask(_ELSEWHERE[name], where, {name: changed.pop(name)} | reason)
        if changed:
            await self.ask(kind.edit, where, changed)


def _check_editable(kind: Kind, changed: list[str], fields: list[FieldChange], values: dict[str, Any]) -> None:
    """Raises Wrong for what only something new can be."""
    known = {*_ELSEWHERE, *(kind.editor.body or kind.model).model_fields}
    end = {ACCOUNTS.noun: "close", PRODUCTS.noun: "withdraw"}.get(kind.noun, "remove")
    advice = f"make a new {kind.noun} and {end} this one"
    faults = [
        (field_of(name), f"is {field.old} and can't become {field.new}: {advice}")
        for name, field in zip(changed, fields, strict=True)
        if name not in known or (name in AMOUNTS and values[name] is None)
    ]
    if faults:
        raise Wrong(*faults)


def _path(kind: Kind, endpoint: str, thing: Thing) -> dict[str, Any]:
    """What an endpoint's path names of a thing."""
    own = kind.own
    return {name: thing.id if name == own else thing.values[name] for name in BY_NAME[endpoint].parameters}


def is_gone(kind: Kind, row: Row) -> bool:
    """Whether the row says that there is to be no such thing."""
    return bool(kind.remove) and row.text("state") in {REMOVED, *kind.also_gone}


def _label_fields(kind: Kind) -> set[str]:
    return set(kind.key[-1:]) if kind in _BARE else set(kind.key)


def _json(answer: Answer) -> dict[str, Any] | None:
    return None if answer.body is None else answer.body.model_dump(mode="json")
