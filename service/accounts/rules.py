"""What an account may be. Pure: an account as wanted, and what is wrong with it beside its parent and tariff."""

from __future__ import annotations

import re
from typing import NamedTuple

ROOT_ID = 1
ROOT_NAME = "Operator"
DEPTH_MAX = 64
"""Levels below the root."""
NAME_CHARACTERS_MAX = 100
SELLERS = frozenset({"root", "reseller"})
"""Kinds that have accounts below which pay them."""

_NAME = re.compile(r"[^\W_](?:[\w .,'&()@+-]*[\w.)])?", re.UNICODE)
_PARENTS = {"reseller": {"root", "reseller"}, "customer": {"root", "reseller"}, "provider": {"root"}}


PAID_BY_ROOT = (
    "the operator owes what calls to a provider cost: it stands directly below the operator, as its own partner"
)
"""Its balance would be what a reseller has with it, beside costs that the reseller neither owes nor is to see."""


class AccountSpec(NamedTuple):
    """An account as somebody wants it, as far as its place in the tree goes."""

    name: str
    parent: str
    """The parent's name."""
    kind: str
    """reseller, customer or provider."""
    currency: str
    commission: bool = False
    """A reseller that is not charged itself."""
    provides: bool = False
    """It has gateways, too."""


def name_problem(name: str) -> str | None:
    """What is wrong with a name; None: nothing."""
    if len(name) > NAME_CHARACTERS_MAX:
        return f"a name has at most {NAME_CHARACTERS_MAX} characters"
    if not _NAME.fullmatch(name):
        return (
            f"{name!r} is no name: begin with a letter or digit; then letters, digits, blanks and .,'&()@+- may follow"
        )
    return None


def account_problems(spec: AccountSpec, parent: AccountSpec | None) -> dict[str, str]:
    """What is wrong, by field; empty: nothing. `parent` None: it is the root."""
    problems: dict[str, str] = {}
    name = name_problem(spec.name)
    if name is not None:
        problems["name"] = name
    parent_kind = "root" if parent is None else parent.kind
    if parent_kind not in _PARENTS[spec.kind]:
        allowed = " or ".join(sorted(_PARENTS[spec.kind]))
        problems["parent"] = f"a {spec.kind} stands below a {allowed}, and {spec.parent!r} is a {parent_kind}"
    if spec.commission and spec.kind != "reseller":
        problems["commission"] = f"only a reseller earns commission, and {spec.name!r} is a {spec.kind}"
    if spec.provides and parent is not None:
        problems.setdefault("parent", PAID_BY_ROOT)
    return problems
