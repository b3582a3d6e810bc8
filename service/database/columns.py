"""What every table is made of: one metadata, kinds of columns, checks."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BIG = sa.BigInteger()
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""SQLite numbers rows by itself only in a column of type INTEGER; with autoincrement it never gives a number twice."""
SORTED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text that is compared byte by byte on both engines: ranges of it are prefixes."""


def one_of(column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    """A column that says one of a few words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


def is_currency(column: str = "currency") -> sa.CheckConstraint:
    """Three letters (ISO 4217)."""
    return sa.CheckConstraint(f"length({column}) = 3", name=column)


def at_least(column: str, least: int) -> sa.CheckConstraint:
    """A number that begins at `least`."""
    return sa.CheckConstraint(f"{column} >= {least}", name=column)


def text(name: str, default: str | None = None) -> sa.Column[str]:
    """Text, never null."""
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def big(name: str, default: int | None = None) -> sa.Column[int]:
    """64 bits, never null."""
    return sa.Column(name, BIG, nullable=False, server_default=None if default is None else str(default))


def identity(*, start: int = 1) -> sa.Column[int]:
    """The primary key that the database counts."""
    return sa.Column("id", ID, sa.Identity(start=start), primary_key=True)


def refers(name: str, target: str, *, nullable: bool = False) -> sa.Column[int]:
    """The id of a row elsewhere."""
    return sa.Column(name, ID, sa.ForeignKey(target), nullable=nullable)


def limits() -> tuple[sa.Column[int | None], sa.Column[int | None], sa.CheckConstraint, sa.CheckConstraint]:
    """Null: no limit."""
    return (
        sa.Column("channels", sa.Integer, nullable=True),
        sa.Column("cps", sa.Integer, nullable=True),
        at_least("channels", 1),
        at_least("cps", 1),
    )


def of_side(column: str) -> sa.Index:
    """An index of an account's calls by their starts. It tells their numbers, which are then not looked up in the table
    out of its order; on SQLite each index does.
    """
    return sa.Index(None, column, "start_ms", postgresql_include=["id"])


def some(condition: str, *columns: str) -> sa.Index:
    """An index of those rows alone."""
    where = sa.text(condition)
    return sa.Index(None, *columns, sqlite_where=where, postgresql_where=where)
