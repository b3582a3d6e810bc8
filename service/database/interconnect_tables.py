"""Tables of interconnect: what partners' files say, statements of both directions, disputes, volume commitments.

`in` is a partner's traffic to us, which it pays for; `out` is ours to it, which it is paid for. Statements and what
belongs to them only grow: triggers see to it.
"""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import BIG, ID, at_least, big, identity, is_currency, metadata, one_of, refers, text

DIRECTIONS = ("in", "out")
CLASSES = ("matched", "duration", "rate", "time", "only_ours", "only_theirs")
DISPUTE_STATES = ("open", "sent", "answered", "accepted", "partly", "rejected", "closed")
COMMITMENT_KINDS = ("steps", "minimum", "swap")
COMMITMENT_DIRECTIONS = (*DIRECTIONS, "both")

partner_answers = sa.Table(
    "partner_answers",
    metadata,
    refers("account_id", "accounts.id"),
    text("direction"),
    sa.Column("record", sa.JSON, nullable=False),  # service.interconnect.reconcile.sides.Answers.to_record()
    big("changed_ms"),
    one_of("direction", DIRECTIONS),
    sa.PrimaryKeyConstraint("account_id", "direction"),
)
"""How a partner's files are read: said once."""

reconciliations = sa.Table(
    "reconciliations",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # the partner
    text("direction"),
    text("name"),  # of the file
    text("digest"),  # its SHA-256
    big("since_ms"),  # of calls by our clock, the end exclusive
    big("until_ms"),
    text("currency"),
    big("time_s"),
    big("duration_s"),
    big("money_micros"),
    sa.Column("told", sa.JSON, nullable=False),  # how the file was understood, and what came of it by class
    big("kept"),  # differences that are kept below; of more than the limit the first ones
    big("differences"),
    text("actor"),
    big("created_ms"),
    one_of("direction", DIRECTIONS),
    is_currency(),
    sa.Index(None, "account_id", "id"),
    sqlite_autoincrement=True,
)

disputes = sa.Table(
    "disputes",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # the partner
    text("direction"),  # out: they charge us too much; in: they say that we do
    text("subject"),
    text("currency"),
    big("amount_micros"),  # that is disputed
    sa.Column(
        "reconciliation_id", ID, sa.ForeignKey("reconciliations.id", ondelete="SET NULL"), nullable=True
    ),  # null: opened by hand
    refers("statement_id", "statements.id", nullable=True),  # the partner opened it, about this; null: it didn't
    text("state", "open"),
    big("agreed_micros", 0),  # what came of it
    refers("entry_id", "entries.id", nullable=True),  # that settled it; null: none did yet
    text("actor"),
    big("opened_ms"),
    big("due_ms"),  # when an answer is expected
    big("changed_ms"),
    big("version", 1),
    one_of("direction", DIRECTIONS),
    one_of("state", DISPUTE_STATES),
    is_currency(),
    at_least("amount_micros", 1),
    at_least("agreed_micros", 0),
    sa.CheckConstraint("agreed_micros <= amount_micros", name="agreed"),
    sa.CheckConstraint("statement_id IS NULL OR reconciliation_id IS NULL", name="opened"),
    sa.Index(None, "account_id", "id"),
    sa.Index(None, "state", "due_ms"),
    sa.Index(None, "statement_id"),
    sqlite_autoincrement=True,
)

differences = sa.Table(
    "differences",
    metadata,
    identity(),
    sa.Column("reconciliation_id", ID, sa.ForeignKey("reconciliations.id", ondelete="CASCADE"), nullable=False),
    text("kind"),
    sa.Column("cdr_id", BIG, nullable=True),  # null: it stands in the file only
    text("call", ""),  # its key
    text("called"),
    text("caller"),
    big("line", 0),  # of the file; 0: it stands with us only
    big("twin_line", 0),  # that it repeats
    sa.Column("our_ms", BIG, nullable=True),
    sa.Column("their_ms", BIG, nullable=True),  # as the file says it
    sa.Column("our_duration_ms", BIG, nullable=True),
    sa.Column("their_duration_ms", BIG, nullable=True),
    big("our_micros", 0),
    big("their_micros", 0),
    big("shift_ms", 0),
    refers("dispute_id", "disputes.id", nullable=True),
    one_of("kind", CLASSES[1:]),
    sa.Index(None, "reconciliation_id", "kind", "id"),
    sa.Index(None, "dispute_id"),
    sqlite_autoincrement=True,
)

dispute_notes = sa.Table(
    "dispute_notes",
    metadata,
    identity(),
    refers("dispute_id", "disputes.id"),
    text("state"),  # that it was in afterwards
    text("text"),
    sa.Column("internal", sa.Boolean, nullable=False, server_default=sa.false()),  # not for the partner's eyes
    text("actor"),
    big("actor_account_id", 0),
    big("created_ms"),
    one_of("state", DISPUTE_STATES),
    sa.Index(None, "dispute_id", "id"),
    sqlite_autoincrement=True,
)

statements = sa.Table(
    "statements",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # the partner
    refers("seller_id", "accounts.id"),  # who issues it
    big("sequence"),  # of the seller's, from 1, without a gap
    text("number"),
    big("since_ms"),  # calls that ended in this time, and late ones of the time before
    big("until_ms"),  # exclusive
    text("currency"),
    big("in_calls"),
    big("in_micros"),  # what it owes us for its traffic
    big("in_tax_micros", 0),  # of it, taxes that were added to its prices
    big("out_calls"),
    big("out_micros"),  # what we owe it for ours
    big("in_corrected_micros"),  # of calls on earlier statements, rated again since
    big("in_corrected_tax_micros", 0),
    big("out_corrected_micros"),
    big("adjusted_micros", 0),  # of disputes and commitments; positive: it owes us more
    big("net_micros"),  # positive: it pays us
    big("corrections_up_to"),  # the last `corrections.id` that the amounts of its calls hold
    text("actor"),
    big("issued_ms"),
    sa.Column("paper", sa.JSON, nullable=True),  # service.interconnect.statements.paper; null: of before there was any
    is_currency(),
    sa.CheckConstraint("until_ms > since_ms", name="period"),
    sa.CheckConstraint(
        "net_micros = in_micros + in_corrected_micros - out_micros - out_corrected_micros + adjusted_micros", name="net"
    ),
    sa.UniqueConstraint("seller_id", "sequence"),
    sa.UniqueConstraint("seller_id", "number"),
    sa.Index(None, "account_id", "id"),
    sqlite_autoincrement=True,
)

statement_calls = sa.Table(
    "statement_calls",
    metadata,
    sa.Column("cdr_id", ID, sa.ForeignKey("cdrs.id"), nullable=False),
    sa.Column("level", sa.Integer, nullable=False),  # of `charges`; -1: the provider's cost
    refers("statement_id", "statements.id"),
    big("micros"),
    big("tax_micros", 0),  # of it
    sa.PrimaryKeyConstraint("cdr_id", "level"),  # a charge is on one statement
    sa.Index(None, "statement_id"),
)

statement_corrections = sa.Table(
    "statement_corrections",
    metadata,
    sa.Column("correction_id", ID, sa.ForeignKey("corrections.id"), primary_key=True, autoincrement=False),
    refers("statement_id", "statements.id"),
    sa.Index(None, "statement_id"),
)

partner_adjustments = sa.Table(
    "partner_adjustments",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),
    text("direction"),
    text("kind"),
    text("subject"),
    text("currency"),
    big("amount_micros"),  # positive: the partner owes us more
    sa.Column("entry_id", ID, sa.ForeignKey("entries.id"), nullable=False, unique=True),
    big("created_ms"),
    one_of("direction", COMMITMENT_DIRECTIONS),
    one_of("kind", ("dispute", "commitment")),
    is_currency(),
    sa.Index(None, "account_id", "id"),
    sqlite_autoincrement=True,
)
"""What is posted beside calls: it is on the next statement."""

statement_adjustments = sa.Table(
    "statement_adjustments",
    metadata,
    sa.Column("adjustment_id", ID, sa.ForeignKey("partner_adjustments.id"), primary_key=True, autoincrement=False),
    refers("statement_id", "statements.id"),
    sa.Index(None, "statement_id"),
)

statement_lines = sa.Table(
    "statement_lines",
    metadata,
    refers("statement_id", "statements.id"),
    text("direction"),
    text("destination"),
    big("calls"),
    big("duration_ms"),
    big("billed_s"),
    big("micros"),
    big("tax_micros", 0),  # of it
    one_of("direction", DIRECTIONS),
    sa.PrimaryKeyConstraint("statement_id", "direction", "destination"),
)

statement_settlements = sa.Table(
    "statement_settlements",
    metadata,
    sa.Column("statement_id", ID, sa.ForeignKey("statements.id"), primary_key=True, autoincrement=False),
    refers("entry_id", "entries.id"),
    text("reason"),
    text("actor"),
    big("settled_ms"),
)

commitments = sa.Table(
    "commitments",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # the partner
    text("name"),
    text("kind"),
    text("direction"),
    text("group_name", ""),  # a destination group of the ratebook; empty: any number
    text("period"),
    text("zone", "UTC"),
    big("since_ms"),  # the first period's beginning
    big("until_ms"),  # the end, exclusive
    text("currency"),
    sa.Column("steps", sa.JSON, nullable=False),  # of `steps`: from which second of talk on, nano-units a minute
    sa.Column("whole", sa.Boolean, nullable=False, server_default=sa.false()),  # the step that is reached prices all
    big("committed_s", 0),
    big("rate_nanos", 0),  # of what is missing, a minute
    text("state", "active"),
    big("created_ms"),
    big("version", 1),
    one_of("kind", COMMITMENT_KINDS),
    one_of("direction", COMMITMENT_DIRECTIONS),
    one_of("period", ("monthly", "quarterly", "whole")),
    one_of("state", ("active", "ended")),
    is_currency(),
    at_least("committed_s", 0),
    at_least("rate_nanos", 0),
    sa.CheckConstraint("(direction = 'both') = (kind = 'swap')", name="swap"),
    sa.UniqueConstraint("account_id", "name"),
    sqlite_autoincrement=True,
)

commitment_settlements = sa.Table(
    "commitment_settlements",
    metadata,
    refers("commitment_id", "commitments.id"),
    big("since_ms"),  # of the period
    big("until_ms"),
    big("in_s"),  # billed
    big("out_s"),
    big("charged_micros"),  # by the calls' own rates
    big("micros"),  # positive: the partner pays us
    text("currency"),
    refers("entry_id", "entries.id", nullable=True),  # null: it came to nothing
    text("actor"),
    big("settled_ms"),
    is_currency(),
    sa.PrimaryKeyConstraint("commitment_id", "since_ms"),
)
