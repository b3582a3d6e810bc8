"""What a delivery may say. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from service.delivery.columns import CUSTOMER, PROVIDER, columns_of
from service.delivery.servers import server_problem
from service.webhooks.places import url_problem

_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_ADDRESS = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,190}")


def target_problem(way: str, target: str, *, private: bool) -> str | None:
    """What is wrong with where files should go; None: nothing."""
    if way == "webhook":
        return url_problem(target, private=private)
    if way == "sftp":
        return server_problem(target, private=private)
    if way == "mail":
        return None if _ADDRESS.fullmatch(target) else "an address such as calls@example.net was expected"
    if _FOLDER.fullmatch(target):
        return None
    return "a folder's name of letters, digits and ._- was expected: it stands below `cdr_files` of kambill.yaml"


def columns_problem(side: str, names: Sequence[str]) -> str | None:
    """What is wrong with the choice of columns; None: nothing."""
    known = columns_of(side)
    for name in names:
        if name not in known:
            return f"no column {name!r} for a {side}: one of {', '.join(known)} was expected"
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    return None if twice is None else f"the column {twice!r} stands here twice"


def side_problem(side: str, kind: str, *, provides: bool) -> str | None:
    """Whether an account has this side of calls; None: it has."""
    if side == PROVIDER and not (provides or kind == PROVIDER):
        return "this account is no provider: make it one (`provides`) first"
    if side == CUSTOMER and kind not in {"customer", "reseller"}:
        return "this account pays for no calls: name a customer or a reseller"
    return None


def period_problem(period: str, every_calls: int) -> str | None:
    """Whether the number of calls and the period go together; None: they do."""
    if period == "calls" and not every_calls:
        return "say how many calls a file has"
    if period != "calls" and every_calls:
        return "only where the period is `calls`"
    return None
