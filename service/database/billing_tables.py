"""Tables of billing: who is billed when and taxed how, what is to be billed, invoices and credit notes.

`docs/architecture.md`, "Billing", is their contract. Of invoices that are no drafts only `CHANGING` may change, and of
what belongs to them nothing: triggers see to it.
"""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import BIG, ID, big, identity, is_currency, metadata, one_of, refers, text

CYCLES = ("daily", "weekly", "two_weekly", "half_monthly", "monthly")
LINES = ("destination", "destination_and_caller")
"""What calls are added up by on an invoice; by their price in any case."""
TAX_STATUSES = ("taxed", "exempt", "reverse_charge")
CATEGORIES = ("S", "Z", "E", "AE", "K", "G", "O", "levy")
"""Of EN 16931; `levy`: a tax that is not VAT, which stands on the invoice as a charge."""
SERVICES = ("calls", "messages", "subscription", "package", "rental", "setup", "fee", "adjustment")
ITEM_KINDS = SERVICES[2:]
LINE_KINDS = ("calls", "messages", "correction", *ITEM_KINDS)
INVOICE_KINDS = ("invoice", "credit_note")
INVOICE_STATES = ("draft", "issued", "part_paid", "paid", "overdue", "void")
CHANGING = ("state", "paid_micros", "credited_micros", "version")
"""What may change of an invoice that was issued or is void."""

billing_parties = sa.Table(
    "billing_parties",
    metadata,
    sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    text("legal_name"),
    text("country"),  # ISO 3166-1 alpha-2
    sa.Column("address_lines", sa.JSON, nullable=False),  # without postcode, city and country
    text("postcode", ""),
    text("city", ""),
    text("tax_number", ""),
    text("registration", ""),
    text("buyer_reference", ""),
    text("electronic_address", ""),
    text("electronic_scheme", ""),
    text("contact_name", ""),
    text("contact_phone", ""),
    text("contact_email", ""),
    text("iban", ""),  # the four: where a seller wants its money
    text("bic", ""),
    text("bank_holder", ""),
    text("bank_name", ""),
    big("version", 1),
    sa.CheckConstraint("length(country) = 2", name="country"),
)
"""Who an account is on paper, as a seller and as a buyer. Frozen on an invoice when it is issued."""

billing_terms = sa.Table(
    "billing_terms",
    metadata,
    sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    text("cycle", "monthly"),
    sa.Column("cycle_day", sa.Integer, nullable=False, server_default="1"),  # of the month, or of the week: Monday is 1
    text("zone", "UTC"),
    sa.Column("due_days", sa.Integer, nullable=False, server_default="14"),
    text("language", "en"),
    sa.Column("annex", sa.Boolean, nullable=False, server_default=sa.false()),  # each call as CSV beside the invoice
    sa.Column("zero_invoices", sa.Boolean, nullable=False, server_default=sa.false()),  # also where nothing is billed
    sa.Column("prepaid_invoices", sa.Boolean, nullable=False, server_default=sa.false()),  # of a prepaid account: paid
    sa.Column("reviewed", sa.Boolean, nullable=False, server_default=sa.false()),  # the run leaves drafts
    text("lines", "destination"),
    text("tax_status", "taxed"),
    text("exemption_reason", ""),
    text("exemption_code", ""),
    big("anchor_ms"),  # the first period's beginning; of two-weekly cycles every second week from it
    big("closed_ms"),  # the last period's end: the next one's beginning
    big("due_ms"),  # the next period's end
    big("calls_after_id", 0),  # every charge of the account up to this `cdrs.id` is on an invoice: where to look from
    big("version", 1),
    one_of("cycle", CYCLES),
    one_of("lines", LINES),
    one_of("tax_status", TAX_STATUSES),
    sa.CheckConstraint("cycle_day BETWEEN 1 AND 31", name="cycle_day"),
    sa.CheckConstraint("due_days BETWEEN 0 AND 365", name="due_days"),
    sa.CheckConstraint("due_ms > closed_ms", name="due_ms"),
    sa.Index(None, "due_ms"),
)
"""When and how an account is billed; without a row it is not."""

taxes = sa.Table(
    "taxes",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # the seller
    text("name"),
    big("percent_millionths"),  # 19 % is 19,000,000
    text("category"),
    text("exemption_reason", ""),
    text("exemption_code", ""),
    sa.Column("services", sa.JSON, nullable=False),  # of `SERVICES`; empty: all
    sa.Column("inclusive", sa.Boolean, nullable=False, server_default=sa.false()),  # prices have it in them
    sa.Column("added_to_prepaid", sa.Boolean, nullable=False, server_default=sa.false()),  # else prepaid prices have it
    sa.Column("compound", sa.Boolean, nullable=False, server_default=sa.false()),  # also on the taxes before it
    sa.Column("everybody", sa.Boolean, nullable=False, server_default=sa.false()),  # whoever has none assigned
    sa.Column("position", sa.Integer, nullable=False, server_default="0"),
    big("valid_from_ms", 0),
    sa.Column("valid_until_ms", BIG, nullable=True),  # exclusive; null: for good
    big("version", 1),
    one_of("category", CATEGORIES),
    sa.CheckConstraint("percent_millionths BETWEEN 0 AND 100000000", name="percent_millionths"),
    sa.CheckConstraint("(category IN ('S', 'levy')) = (percent_millionths > 0)", name="rate"),
    sa.UniqueConstraint("account_id", "name", "valid_from_ms"),
    sqlite_autoincrement=True,
)
"""Of a seller."""

account_taxes = sa.Table(
    "account_taxes",
    metadata,
    refers("account_id", "accounts.id"),  # the buyer
    sa.Column("tax_id", ID, sa.ForeignKey("taxes.id", ondelete="CASCADE"), nullable=False),
    sa.PrimaryKeyConstraint("account_id", "tax_id"),
    sa.Index(None, "tax_id"),
)

invoices = sa.Table(
    "invoices",
    metadata,
    identity(),
    refers("seller_id", "accounts.id"),
    refers("account_id", "accounts.id"),
    text("kind"),
    sa.Column("number", sa.Text, nullable=True),  # null: a draft, or it was one
    text("state", "draft"),
    sa.Column("prepaid", sa.Boolean, nullable=False, server_default=sa.false()),  # paid by what was paid in before
    text("currency"),
    text("language"),
    text("zone"),
    big("period_from_ms"),
    big("period_to_ms"),  # exclusive
    big("issued_ms", 0),
    big("due_ms", 0),
    big("net_micros", 0),  # exact: the sum of its lines
    big("rounding_micros", 0),  # what makes the bases of its taxes payable amounts; posted
    big("tax_micros", 0),
    big("total_micros", 0),  # net + rounding + tax: in minor units
    big("paid_micros", 0),  # by payments
    big("credited_micros", 0),  # by credit notes, of its total
    refers("refers_to_id", "invoices.id", nullable=True),  # of a credit note
    text("reason", ""),
    sa.Column("seller", sa.JSON, nullable=False),  # as they were at issue: service.billing.parties
    sa.Column("buyer", sa.JSON, nullable=False),
    refers("entry_id", "entries.id", nullable=True),  # its taxes and rounding; of a credit note all that it posted
    text("actor"),
    big("created_ms"),
    big("version", 1),
    one_of("kind", INVOICE_KINDS),
    one_of("state", INVOICE_STATES),
    is_currency(),
    sa.CheckConstraint("total_micros = net_micros + rounding_micros + tax_micros", name="total_micros"),
    sa.CheckConstraint("(kind = 'credit_note') = (refers_to_id IS NOT NULL)", name="refers_to_id"),
    sa.CheckConstraint("(number IS NULL) = (state IN ('draft', 'void'))", name="number"),
    sa.UniqueConstraint("seller_id", "number"),
    sa.Index(None, "account_id", "id"),
    sa.Index(None, "seller_id", "id"),
    sa.Index(None, "refers_to_id"),
    sa.Index(None, "state", "due_ms"),
    sa.Index(None, "total_micros", "id"),
    sqlite_autoincrement=True,
)
"""Of a credit note every amount says what is given back, above zero."""
open_micros = sa.case(
    (
        sa.and_(
            invoices.c.kind == sa.literal("invoice", literal_execute=True),  # as the index has it, word by word
            invoices.c.number.is_not(None),
        ),
        invoices.c.total_micros - invoices.c.paid_micros - invoices.c.credited_micros,
    ),
    else_=sa.literal(0, sa.BigInteger, literal_execute=True),
)
"""What is yet to be paid of an invoice; nothing of credit notes and drafts. Its index is made by the migration 0072
alone: alembic compares none of expressions.
"""

invoice_lines = sa.Table(
    "invoice_lines",
    metadata,
    identity(),
    refers("invoice_id", "invoices.id"),
    sa.Column("position", sa.Integer, nullable=False),
    text("kind"),
    text("service"),
    text("description"),
    text("destination", ""),  # of calls
    text("caller", ""),  # of calls, where lines are by number
    text("terms", ""),  # the two of calls: by which all of them were priced; empty: by several
    text("exchange", "1/1"),
    big("quantity", 1),  # calls, or of what there is
    big("duration_ms", 0),
    big("billed_s", 0),
    big("amount_micros"),  # as it is in the ledger: with the taxes that prices have in them
    big("net_micros"),  # without them
    sa.Column("tax_group", sa.Integer, nullable=False, server_default="0"),  # of its `invoice_taxes`
    sa.Column("tax_set_id", ID, nullable=False, server_default="0"),  # of `tax_sets`: 0: those of the period's end
    big("period_from_ms", 0),
    big("period_to_ms", 0),
    sa.Column("item_id", ID, nullable=True),  # of `billable_items`
    sa.Column("credits_line_id", ID, nullable=True),  # of a credit note: the line that it takes back
    one_of("kind", LINE_KINDS),
    one_of("service", SERVICES),
    sa.UniqueConstraint("invoice_id", "position"),
    sa.Index(None, "invoice_id", "destination"),
    sa.Index(None, "credits_line_id"),
    sqlite_autoincrement=True,
)

invoice_taxes = sa.Table(
    "invoice_taxes",
    metadata,
    refers("invoice_id", "invoices.id"),
    sa.Column("tax_group", sa.Integer, nullable=False),  # lines that are taxed alike
    sa.Column("position", sa.Integer, nullable=False),  # in the group
    text("name"),
    text("category"),
    big("percent_millionths"),
    text("exemption_reason", ""),
    text("exemption_code", ""),
    sa.Column("inclusive", sa.Boolean, nullable=False),
    sa.Column("compound", sa.Boolean, nullable=False),
    big("base_micros"),  # exact: what it is a percentage of
    big("tax_micros"),  # in minor units
    one_of("category", CATEGORIES),
    sa.PrimaryKeyConstraint("invoice_id", "tax_group", "position"),
)

invoice_calls = sa.Table(
    "invoice_calls",
    metadata,
    sa.Column("cdr_id", ID, nullable=False),  # the two: of `charges`
    sa.Column("level", sa.Integer, nullable=False),
    refers("invoice_id", "invoices.id"),
    sa.Column("line_id", ID, nullable=True),  # null: neither answered nor charged
    big("amount_micros"),  # the charge as it was then
    sa.PrimaryKeyConstraint("cdr_id", "level"),
    sa.Index(None, "invoice_id", "cdr_id"),
)
"""Each charge is on one invoice: the key sees to it."""

invoice_corrections = sa.Table(
    "invoice_corrections",
    metadata,
    sa.Column("cdr_id", ID, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    refers("invoice_id", "invoices.id"),  # or a credit note, where the amount counts the other way
    sa.Column("line_id", ID, nullable=False),
    big("delta_micros"),  # what the charge rose by since it was invoiced, as far as no other row says it
    sa.PrimaryKeyConstraint("cdr_id", "level", "invoice_id"),
    sa.Index(None, "invoice_id"),
)
"""Of calls on earlier invoices: charge now = `invoice_calls.amount_micros` + all deltas + what is yet to be billed."""

billable_items = sa.Table(
    "billable_items",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),
    refers("seller_id", "accounts.id"),
    text("kind"),
    text("description"),
    big("period_from_ms"),
    big("period_to_ms"),  # exclusive; equal to the other: a moment
    big("quantity", 1),
    big("amount_micros"),  # as posted, above zero: the account owes it
    text("currency"),
    sa.Column("tax_set_id", ID, nullable=False, server_default="0"),  # of `tax_sets`: the amount has these in it
    big("at_ms"),  # it is on the invoice of the period that has this moment, or on the next one
    refers("entry_id", "entries.id", nullable=True),  # null: it comes to nothing
    sa.Column("idempotency_key", sa.Text, nullable=False, unique=True),
    refers("invoice_id", "invoices.id", nullable=True),  # the two null: not yet billed
    sa.Column("line_id", ID, nullable=True),
    one_of("kind", ITEM_KINDS),
    is_currency(),
    sa.CheckConstraint("(invoice_id IS NULL) = (line_id IS NULL)", name="line_id"),
    sa.CheckConstraint("(entry_id IS NULL) = (amount_micros = 0)", name="entry_id"),
    sa.CheckConstraint("period_to_ms >= period_from_ms", name="period"),
    sa.Index(None, "account_id", "invoice_id", "at_ms"),
    sqlite_autoincrement=True,
)
"""What is to be billed beside calls. Whoever writes one has posted it in the same transaction."""
