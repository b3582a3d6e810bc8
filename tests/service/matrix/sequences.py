"""Sequences of what people do with roles, users and the tree, and what must hold after every step.

What stands is read from the tables themselves, and what somebody may is reckoned here once more by the book: own roles
of accounts on the path, within the account's ceiling and that of every account above it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tests.service.matrix.statement import EVERYTHING, LOOKING
from tests.service.matrix.world import World
from tests.service.office import Got, Person

SOME = (
    "trunks.read", "trunks.change", "tariffs.change", "payments.change", "invoices.read", "users.change",
    "roles.change", "accounts.move", "accounts.change", "users.impersonate",
)  # fmt: skip
"""Permissions that the roles of a sequence are made of."""
KINDS = (
    "define", "edit", "remove", "assign", "ceiling", "move", "invite", "suspend", "resume", "make", "close", "billing",
    "token", "impersonate", "move", "define", "assign",
)  # fmt: skip
OFTEN = ("super_admin@root", "owner@upper", "postpaid_reseller@lower")
"""Who is at work more than others: they can do more."""
WIDENS = {"move", "resume", "billing"}
"""What may give back what accounts and roles say, without handing on what the asker holds."""
DEPTH_MAX = 64


class Step(NamedTuple):
    """Somebody does something: each number chooses among what there is."""

    kind: str
    who: int
    first: int
    second: int
    some: int
    """Bits: of `SOME`."""


class Role(NamedTuple):
    """As it stands."""

    account: int
    built_in: str
    says: frozenset[str]


class Account(NamedTuple):
    """As it stands."""

    parent: int | None
    path: str
    depth: int
    kind: str
    billing: str
    state: str
    default_role: bool
    currency: str
    roles: frozenset[int]


class State(NamedTuple):
    """Everything that says who may what."""

    accounts: dict[int, Account]
    roles: dict[int, Role]
    users: dict[int, tuple[int, frozenset[int]]]
    """Account and roles."""

    @classmethod
    def read(cls, file: Path) -> State:
        """From the tables."""
        with closing(sqlite3.connect(file)) as db:
            given = list(db.execute("SELECT account_id, role_id FROM account_roles"))
            own = list(db.execute("SELECT user_id, role_id FROM user_roles"))
            columns = "id, parent_id, path, depth, kind, billing, state, default_role, currency"
            accounts = {
                row[0]: Account._make((*row[1:], frozenset(role for account, role in given if account == row[0])))
                for row in db.execute(f"SELECT {columns} FROM accounts")
            }
            roles = {
                row[0]: Role(row[1], row[2], frozenset(json.loads(row[3])))
                for row in db.execute("SELECT id, account_id, built_in, permissions FROM roles")
            }
            users = {
                row[0]: (row[1], frozenset(role for user, role in own if user == row[0]))
                for row in db.execute("SELECT id, account_id FROM users")
            }
        return cls(accounts, roles, users)

    def above(self, number: int) -> list[int]:
        """The account and all above it, by their parents. A cycle is an endless one: cut at 100."""
        path: list[int] = []
        step: int | None = number
        while step is not None and len(path) < 100:
            path.append(step)
            step = self.accounts[step].parent
        return path

    def _say(self, numbers: frozenset[int], path: list[int]) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        for number in numbers:
            role = self.roles[number]
            usable = len(path) == 1 if role.built_in == "super_admin" else role.account in path
            if usable:
                found |= EVERYTHING if role.built_in in {"super_admin", "owner"} else role.says
        return found

    def ceiling(self, number: int) -> frozenset[str]:
        """What an account may."""
        path = self.above(number)
        left = EVERYTHING
        for at, one in enumerate(path):
            account = self.accounts[one]
            if account.kind != "root":
                key = "provider" if account.kind == "provider" else f"{account.billing}_{account.kind}"
                default = next(role.says for role in self.roles.values() if role.built_in == key)
                left &= (default if account.default_role else frozenset()) | self._say(account.roles, path[at:])
            if account.state == "suspended":
                left &= LOOKING | {"payments.top_up"}
            if account.state == "closed":
                return frozenset()
        return left

    def held(self, user: int) -> frozenset[str]:
        """What a user may."""
        account, roles = self.users[user]
        return self._say(roles, self.above(account)) & self.ceiling(account)

    def faults(self) -> Iterator[str]:
        """Of the tree."""
        for number, one in self.accounts.items():
            path = self.above(number)
            if path[-1] != 1:
                yield f"account {number} hangs below nothing, or below itself"
            if one.path != "/" + "".join(f"{step}/" for step in reversed(path)):
                yield f"account {number} has the path {one.path}, and stands below {path}"
            if one.depth != len(path) - 1 or one.depth > DEPTH_MAX:
                yield f"account {number} has the depth {one.depth}, and stands below {path}"
            parent = self.accounts.get(one.parent or 0)
            if parent is not None and one.currency != parent.currency:
                yield f"account {number} has another currency than its parent"
            if parent is not None and parent.kind not in {"root", "reseller"}:
                yield f"account {number} stands below a {parent.kind}"
            if parent is not None and parent.state == "closed" and one.state != "closed":
                yield f"account {number} is open below a closed one"


class Actor(NamedTuple):
    """Somebody at work, and whose rights bound theirs."""

    person: Person
    user: int
    token_role: int = 0
    also: int = 0
    """The user who signed in as `user`; 0: nobody."""


class Play:
    """One sequence in the market, which is put back as it was afterwards."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.done = 0
        people = [world.people[name] for name in OFTEN] * 2 + list(world.people.values())
        self.actors = [Actor(one.person, one.person.user["id"]) for one in people if one.role != "token"]
        self._fresh = 0

    def _held(self, state: State, actor: Actor) -> frozenset[str]:
        if actor.user not in state.users or (actor.also and actor.also not in state.users):
            return frozenset()
        found = state.held(actor.user)
        if actor.token_role:
            role = frozenset({actor.token_role}) & state.roles.keys()
            found &= state._say(role, state.above(state.users[actor.user][0]))
        return found & self._held_behind(state, actor) if actor.also else found

    def _held_behind(self, state: State, actor: Actor) -> frozenset[str]:
        """Of who acts as somebody: nothing any more, once they may not do that, or not as somebody who stands there."""
        held, here = state.held(actor.also), state.above(state.users[actor.user][0])
        is_below = state.users[actor.also][0] in here[1:]
        return held if is_below and "users.impersonate" in held else frozenset()

    async def run(self, steps: list[Step]) -> None:
        """Asserts what must hold."""
        state = State.read(self.world.file)
        for step in steps:
            actor = self.actors[step.who % len(self.actors)]
            held = self._held(state, actor)
            got = await self._take(state, actor, step)
            after = State.read(self.world.file)
            if got is not None and got.status < 300:
                self.done += 1
                self._check(state, after, step, held)
            else:
                assert after == state, f"{step} was refused, and something has changed: {got}"
            state = after
        for actor in self.actors:
            told = await actor.person.ask("me.show")
            own = frozenset(told["permissions"]) if told.status == 200 else frozenset()
            assert own == self._held(state, actor), f"{actor}: {sorted(own ^ self._held(state, actor))}"

    def _check(self, before: State, after: State, step: Step, held: frozenset[str]) -> None:
        assert not list(after.faults()), step
        for number, role in after.roles.items():
            known = before.roles.get(number)
            given = role.says - (known.says if known is not None else frozenset())
            assert given <= held, f"{step} gave role {number} what its definer lacks: {sorted(given - held)}"
            may = before.ceiling(role.account)
            assert given <= may, f"{step} gave role {number} what its account may not: {sorted(given - may)}"
        if step.kind in WIDENS:
            return
        for user in after.users:
            had = before.held(user) if user in before.users else frozenset()
            gained = after.held(user) - had
            assert gained <= held, f"{step} gave user {user} what the giver lacks: {sorted(gained - held)}"

    async def _take(self, state: State, actor: Actor, step: Step) -> Got | None:
        """None: there is nothing to do it with."""
        own = state.users[actor.user][0] if actor.user in state.users else 1
        anywhere = step.first % 8 == 0
        accounts = [one for one in state.accounts if anywhere or own in state.above(one)]
        users = [one for one, (account, _) in state.users.items() if account in accounts]
        first, second = accounts[step.first % len(accounts)], accounts[step.second % len(accounts)]
        user = users[step.first % len(users)] if users else 0
        permissions = [one for bit, one in enumerate(SOME) if step.some >> bit & 1]
        roles = [one for one, role in state.roles.items() if anywhere or role.account in accounts or role.built_in]
        role = roles[step.second % len(roles)]
        two = sorted({role, roles[step.some % len(roles)]})
        self._fresh += 1
        name = f"fresh {self._fresh}"
        ask = actor.person.ask
        match step.kind:
            case "define":
                return await ask("role.define", account_id=first, name=name, permissions=permissions)
            case "edit":
                return await ask("role.edit", role_id=role, permissions=permissions)
            case "remove":
                return await ask("role.remove", role_id=role)
            case "assign":
                return await ask("user.roles", user_id=user, role_ids=two)
            case "ceiling":
                given, default = two if step.some & 1 else [], bool(step.some & 2)
                return await ask("account.set-ceiling", account_id=first, role_ids=given, default_role=default)
            case "move":
                return await ask("account.move", account_id=first, parent_id=second)
            case "suspend" | "resume" | "close":
                return await ask(f"account.{step.kind}", account_id=first)
            case "make":
                kind = ("reseller", "customer", "provider")[step.some % 3]
                return await ask("account.make", parent_id=first, name=name, kind=kind)
            case "billing":
                return await ask("account.edit", account_id=first, billing=("prepaid", "postpaid")[step.some % 2])
            case _:
                return await self._enter(actor, step, (first, user, role, two))

    async def _enter(self, actor: Actor, step: Step, what: tuple[int, int, int, list[int]]) -> Got:
        """Somebody new comes to work."""
        account, user, role, two = what
        if step.kind == "token":
            within = role if step.some & 1 else None
            got = await actor.person.ask("token.make", user_id=user, name="t", role_id=within)
            if got.status < 300:
                person = Person(self.world.house.office, got["token"])
                self.actors.append(Actor(person, user, within or 0))
        elif step.kind == "impersonate":
            got = await actor.person.ask("user.impersonate", user_id=user)
            if got.status < 300:
                self.actors.append(Actor(Person(self.world.house.office, got["session"]), user, also=actor.user))
        else:
            email = f"fresh{self._fresh}@x.example"
            got = await actor.person.ask("user.invite", account_id=account, email=email, name="n", role_ids=two)
            if got.status < 300:
                number = got["user"]["id"]
                self.actors.append(Actor(await self.world.sign_in(number), number))
        return got
