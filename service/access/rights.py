"""Who may do what: the one place that decides. Pure: what stands is given in, permissions come out.

A user may what its own roles say, and its account's ceiling, and the ceiling of every account above. A role counts only
where its definer stands at or above the account that it is used in, so that a moved account leaves the roles of its old
surroundings behind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from service.access.permissions import ALL, BUILT_IN, OWN_PRICES, SUSPENDED_KEEPS, Permission, Permissions, default_role

ROOT_ID = 1
_FIXED = {role.key: role.permissions for role in BUILT_IN if role.is_fixed}
NONE: Permissions = frozenset()


class Role(NamedTuple):
    """A role as it stands."""

    id: int
    account_id: int
    """Whoever defined it."""
    built_in: str
    """Its key; empty: it isn't."""
    permissions: Permissions


class Step(NamedTuple):
    """An account of the path from the root down, with what says how much it may."""

    id: int
    kind: str
    billing: str
    state: str
    default_role: bool
    """Whether the role of its kind and billing belongs to its ceiling."""
    roles: tuple[Role, ...]
    """That were given to it."""
    commission: bool = False


def known(names: Iterable[str]) -> Permissions:
    """The permissions of stored names. One that this release doesn't know gives nothing."""
    return frozenset(Permission(name) for name in names if name in _NAMES)


_NAMES = frozenset(one.value for one in Permission)


def granted(role: Role) -> Permissions:
    """What a role says, before any ceiling."""
    return _FIXED.get(role.built_in, role.permissions)


def usable(role: Role, path: Collection[int]) -> bool:
    """Whether a role holds in an account whose path is given."""
    if role.built_in == "super_admin":
        return len(path) == 1
    return role.account_id in path


def union(roles: Iterable[Role], path: Collection[int]) -> Permissions:
    """What roles say together, in an account whose path is given."""
    return NONE.union(*(granted(role) for role in roles if usable(role, path)))


def own_ceiling(step: Step, path: Collection[int], defaults: dict[str, Permissions]) -> Permissions:
    """What an account may if all above it may everything. `defaults`: what the built-in roles say today."""
    if step.kind == "root":
        return ALL
    default = defaults.get(default_role(step.kind, step.billing), NONE) if step.default_role else NONE
    return (default - OWN_PRICES if step.commission else default) | union(step.roles, path)


def ceiling(steps: Iterable[Step], defaults: dict[str, Permissions]) -> Permissions:
    """What an account may. `steps`: its path from the root down to itself."""
    left = ALL
    path: list[int] = []
    for step in steps:
        path.append(step.id)
        left &= own_ceiling(step, path, defaults)
        if step.state == "suspended":
            left &= SUSPENDED_KEEPS
        elif step.state == "closed":
            return NONE
    return left


def effective(
    steps: Iterable[Step], own: Iterable[Role], defaults: dict[str, Permissions], token: Role | None = None
) -> Permissions:
    """What a user may. `steps`: the path of its account; `token`: the role of the API token that it comes with."""
    listed = list(steps)
    path = [step.id for step in listed]
    left = union(own, path) & ceiling(listed, defaults)
    return left if token is None else left & union([token], path)


def beyond(wanted: Permissions, held: Permissions) -> list[str]:
    """Names of what is wanted and not held, sorted: what its giver can't give."""
    return sorted(wanted - held)
