"""Tables of re-rating: its runs, the rates that each one goes by, and what it has corrected."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import ID, big, identity, is_currency, metadata, one_of, refers, text

RERATING_STATES = ("running", "done")

reratings = sa.Table(
    "reratings",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # whose sales it corrects: its own, and those of everybody below it
    text("actor"),
    big("actor_account_id"),
    text("reason"),
    text("state", "running"),
    big("from_ms"),  # calls that began in this time, the end exclusive
    big("to_ms"),
    refers("under_id", "accounts.id", nullable=True),  # calls of this account and those below it; null: of all
    refers("tariff_id", "tariffs.id", nullable=True),  # what was priced by this tariff; null: by any
    text("prefix", ""),  # of the called number
    text("destination", ""),  # as the record names it; empty: any
    sa.Column("costs", sa.Boolean, nullable=False),  # what providers get, too
    text("rates"),  # `in force`, `draft` or a version: what was asked for
    big("at_ms"),  # the two: start and id of the last call that was looked at
    big("at_cdr_id", 0),
    big("calls", 0),  # that were looked at
    big("changed", 0),  # corrections
    sa.Column("left_alone", sa.JSON, nullable=False),  # charges and costs that stay as they are, by the reason
    big("created_ms"),
    big("finished_ms", 0),
    one_of("state", RERATING_STATES),
    sa.Index(None, "account_id", "id"),
    sa.Index(None, "state"),
    sqlite_autoincrement=True,
)

rerating_rates = sa.Table(
    "rerating_rates",
    metadata,
    sa.Column("rerating_id", ID, sa.ForeignKey("reratings.id"), nullable=False),
    refers("instead_of_id", "tariffs.id"),  # what was priced by this tariff
    refers("tariff_id", "tariffs.id"),  # is priced by this one: mostly the same
    text("version"),  # 16 hex digits; also of a draft that was never in force
    sa.PrimaryKeyConstraint("rerating_id", "instead_of_id"),
    sa.Index(None, "version"),
)
"""Fixed when a run begins: what is published meanwhile doesn't change its mind."""

corrections = sa.Table(
    "corrections",
    metadata,
    identity(),
    refers("rerating_id", "reratings.id"),
    refers("cdr_id", "cdrs.id"),
    sa.Column("level", sa.Integer, nullable=False),  # of `charges`; -1: the provider's cost
    refers("account_id", "accounts.id"),  # who pays, or the provider
    refers("seller_id", "accounts.id"),  # whom; of a cost the root
    refers("entry_id", "entries.id", nullable=True),  # null: all of its batch came to nothing
    *(
        column
        for when in ("before", "after")
        for column in (
            text(f"{when}_tariff"),
            text(f"{when}_prefix"),
            text(f"{when}_terms"),
            text(f"{when}_exchange"),
            big(f"{when}_billed_s"),
            big(f"{when}_micros"),
        )
    ),
    big("delta_micros"),  # what the charge or cost rose by
    text("currency"),
    big("created_ms"),
    is_currency(),
    sa.CheckConstraint("delta_micros = after_micros - before_micros", name="delta"),
    sa.UniqueConstraint("rerating_id", "cdr_id", "level"),
    sa.Index(None, "account_id", "cdr_id"),
    sa.Index(None, "cdr_id", "level"),
    sa.Index(None, "entry_id"),
    sqlite_autoincrement=True,
)
"""Append-only: a trigger refuses anything else. `charges` and `cdrs` hold what is right now, these rows what was.

Found by account and call, so that corrections of what an invoice has said can become a credit note.
"""
