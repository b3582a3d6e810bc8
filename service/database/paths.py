"""Paths of accounts: ids from the root down, /1/5/9/, so that a subtree is one range of their index."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.database.tables import accounts

_AFTER_SLASH = chr(ord("/") + 1)


def path_ids(path: str) -> list[int]:
    """The ids of a path, the root first."""
    return [int(step) for step in path.strip("/").split("/")]


def behind(path: str) -> str:
    """The first text behind all paths of a subtree."""
    return path[:-1] + _AFTER_SLASH


def is_below(column: sa.ColumnElement[Any], path: str) -> sa.ColumnElement[bool]:
    """Whether a path is this one or lies below it; of nobody's: null."""
    return (column >= path) & (column < behind(path))


def is_below_account(column: sa.ColumnElement[Any], account_id: int) -> sa.ColumnElement[bool]:
    """Whether a path is that of the account with this number or lies below it; below nobody is none."""
    top = sa.select(accounts.c.path).where(accounts.c.id == account_id).scalar_subquery()
    last = sa.func.substr(top, 1, sa.func.length(top) - 1).concat(_AFTER_SLASH)
    return (column >= top) & (column < last)


def ids_below(path: str) -> sa.Select[tuple[int]]:
    """Of the account with this path and of all below it."""
    return sa.select(accounts.c.id).where(is_below(accounts.c.path, path))
