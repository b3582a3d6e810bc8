"""The ledger's tables. Amounts are BIGINT micro-units beside their currency; times are wall-clock milliseconds.

A change here needs a migration: a test compares the two.
"""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import BIG as _BIG
from service.database.columns import ID as _ID
from service.database.columns import SORTED as _SORTED
from service.database.columns import at_least as _at_least
from service.database.columns import big as _big
from service.database.columns import identity as _id
from service.database.columns import is_currency as _is_currency
from service.database.columns import limits as _limits
from service.database.columns import metadata
from service.database.columns import of_side as _of_side
from service.database.columns import one_of as _one_of
from service.database.columns import refers as _refers
from service.database.columns import some as _some
from service.database.columns import text as _text

ACCOUNT_KINDS = ("root", "reseller", "customer", "provider")
BILLINGS = ("prepaid", "postpaid")
STATES = ("active", "suspended", "closed")
TRANSPORTS = ("any", "udp", "tcp", "tls")
TRANSFERS = ("off", "account", "anyone")
IDENTITY_RULES = ("off", "note", "refuse", "require")
CALLER_RULES = ("pass", "listed", "replace")
BOOKS = ("balance", "revenue", "cost", "cash", "tax", "commission")
ENTRY_KINDS = (
    *("payment", "adjustment", "refund", "transfer", "write_off", "move", "charges", "correction"),
    *("item", "invoice", "credit_note", "netting", "commission", "payout"),
)
OPERATION_KINDS = ("refund", "transfer", "fee")
OPERATION_STATES = ("asked", "posted", "refused", "cancelled")


nodes = sa.Table(
    "nodes",
    metadata,
    _id(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    _big("epoch", 0),  # of the store that commands are for; 0: no store was seen yet
    _big("last_command", 0),
    _big("applied_command", 0),
    _big("collected_epoch", 0),
    _big("collected_sequence", 0),
    _text("journal_file", ""),  # where the collector was: a hint, the two above are the truth
    _big("journal_offset", 0),
    _text("state", "active"),
    sa.Column("brought", sa.JSON),  # service.tariffs.brought: what its ratebook's folder has brought; null: nothing yet
    sqlite_autoincrement=True,
)

tariffs = sa.Table(
    "tariffs",
    metadata,
    _id(),
    _text("name"),
    _big("owner_id", 1),  # the account that sells by it
    _text("currency"),
    sa.Column("version", sa.Text, nullable=True),  # the current one, 16 hex digits; null: never published
    _is_currency(),
    sa.UniqueConstraint("owner_id", "name"),
    sqlite_autoincrement=True,
)

tariff_versions = sa.Table(
    "tariff_versions",
    metadata,
    _id(),
    _refers("tariff_id", "tariffs.id"),
    _text("version"),
    _text("digest"),
    _big("published_ms"),
    _text("published_by"),
    _text("note", ""),
    _big("effective_ms"),
    _big("rates"),  # how many
    sa.Column("changes", sa.JSON, nullable=False),  # prefixes by what became of them, from the version before
    sa.Index(None, "tariff_id", "published_ms"),
    sqlite_autoincrement=True,
)

tariff_sources = sa.Table(
    "tariff_sources",
    metadata,
    sa.Column("tariff_id", _ID, sa.ForeignKey("tariffs.id"), primary_key=True, autoincrement=False),
    _text("source"),  # YAML
    sa.Column("decks", sa.JSON, nullable=False),  # CSV texts by file name
    _big("changed_ms"),
    _big("version", 1),
)
"""Of tariffs that are written through the API; the operator's ratebook stands in its folder."""

exchange_versions = sa.Table(
    "exchange_versions",
    metadata,
    _id(),
    sa.Column("record", sa.JSON, nullable=False),  # ratebook.exchange.Exchange.to_record(): what held then, and later
    _big("published_ms"),
    _text("published_by"),
    _text("note", ""),
    sqlite_autoincrement=True,
)

accounts = sa.Table(
    "accounts",
    metadata,
    _id(start=2),  # 1 is the root, and inserted with its id
    _text("name"),
    _refers("parent_id", "accounts.id", nullable=True),
    _text("kind"),
    sa.Column("commission", sa.Boolean, nullable=False, server_default=sa.false()),
    _text("billing"),
    _text("currency"),
    _big("credit_limit_micros", 0),
    sa.Column("exposure_limit_micros", _BIG, nullable=True),  # what may be owed to it; null: any amount
    _refers("tariff_id", "tariffs.id", nullable=True),
    *_limits(),
    _text("state", "active"),
    _text("suspended_for", ""),  # why it is, if a limit or somebody has said so
    sa.Column("cut_on_suspend", sa.Boolean, nullable=False, server_default=sa.true()),  # running calls end too
    sa.Column("depth", sa.Integer, nullable=False),
    sa.Column("path", _SORTED, nullable=False),  # ids from the root down: /1/5/9/
    _big("created_ms"),
    _one_of("kind", ACCOUNT_KINDS),
    _one_of("billing", BILLINGS),
    _one_of("state", STATES),
    _is_currency(),
    _at_least("credit_limit_micros", 0),
    _at_least("exposure_limit_micros", 0),
    sa.CheckConstraint("(parent_id IS NULL) = (kind = 'root')", name="root"),
    sa.Column("provides", sa.Boolean, nullable=False, server_default=sa.false()),  # has a provider's side too
    sa.Column("default_role", sa.Boolean, nullable=False, server_default=sa.true()),  # of its kind and billing
    _big("version", 1),
    sa.UniqueConstraint("parent_id", "name"),
    sa.Index(None, "path"),
    sa.Index(None, "name"),
    sqlite_autoincrement=True,
)

plans = sa.Table(
    "plans",
    metadata,
    _id(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("record", sa.JSON, nullable=False),  # ratebook.routing.Plan.to_record() with gateway ids
    _text("source", ""),  # the YAML it came from
    sqlite_autoincrement=True,
)

trunks = sa.Table(
    "trunks",
    metadata,
    _id(),
    _text("name"),
    _refers("account_id", "accounts.id"),
    _text("transport", "any"),
    sa.Column("port", sa.Integer, nullable=False, server_default="0"),  # 0: any
    _text("tech_prefix", ""),
    _refers("plan_id", "plans.id", nullable=True),
    _refers("tariff_id", "tariffs.id", nullable=True),  # null: the account's
    *_limits(),
    _text("international_prefix", ""),
    _text("national_prefix", ""),
    _text("country", ""),
    _text("caller_rule", "pass"),
    sa.Column("caller_numbers", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("trusted", sa.Boolean, nullable=False, server_default=sa.false()),  # its P-Asserted-Identity counts
    _text("certificate", ""),  # whom its TLS certificate names; empty: its networks alone count
    _text("identity", "off"),  # what becomes of its Identity headers
    _text("attestation", "rules"),  # what is signed of its callers
    _one_of("attestation", ("rules", "gateway")),
    _text("transfers", "off"),  # whose REFER it takes part in
    _one_of("transfers", TRANSFERS),
    sa.Column("forwards", sa.Boolean, nullable=False, server_default=sa.false()),  # its redirections are followed
    _one_of("identity", IDENTITY_RULES),
    _text("state", "active"),
    _text("suspended_for", ""),
    _big("created_ms"),
    _big("version", 1),
    _one_of("caller_rule", CALLER_RULES),
    _one_of("transport", TRANSPORTS),
    _one_of("state", STATES),
    sa.CheckConstraint("port BETWEEN 0 AND 65535", name="port"),
    sa.UniqueConstraint("account_id", "name"),
    sa.Index(
        "ix_trunks_certificate_tech_prefix",
        "certificate",
        "tech_prefix",
        unique=True,
        sqlite_where=sa.text("certificate <> ''"),
        postgresql_where=sa.text("certificate <> ''"),
    ),
    sqlite_autoincrement=True,
)

trunk_networks = sa.Table(
    "trunk_networks",
    metadata,
    sa.Column("trunk_id", _ID, sa.ForeignKey("trunks.id", ondelete="CASCADE"), nullable=False),
    _text("network"),  # canonical CIDR
    sa.Column("port", sa.Integer, nullable=False),
    _text("transport"),
    _text("tech_prefix"),
    sa.PrimaryKeyConstraint("network", "port", "transport", "tech_prefix"),
    sa.Index(None, "trunk_id"),
)

gateways = sa.Table(
    "gateways",
    metadata,
    _id(),
    sa.Column("name", sa.Text, nullable=False, unique=True),  # provider/gateway
    _refers("account_id", "accounts.id"),  # the provider
    _text("host"),
    sa.Column("port", sa.Integer, nullable=False, server_default="5060"),
    _text("transport", "udp"),
    sa.Column("networks", sa.JSON, nullable=False),  # list of CIDR; empty: the host
    _text("prefix", ""),
    sa.Column("strip", sa.Integer, nullable=False, server_default="0"),
    _text("number_format", "plain"),
    sa.Column("trusted", sa.Boolean, nullable=False, server_default=sa.false()),  # it is told who calls, always
    _refers("tariff_id", "tariffs.id", nullable=True),  # by which the provider is paid; null: the account's
    *_limits(),
    _big("probe_s", 0),  # 0: it is not asked by OPTIONS
    _big("failures_max", 5),  # 0: it never goes out
    _big("out_s", 60),
    sa.Column("failure_codes", sa.JSON, nullable=False, server_default="[408, 503]"),
    _text("username", ""),  # of ours at the carrier; empty: challenges are not answered
    _text("realm", ""),
    _text("ha1_md5", ""),  # never the password
    _text("ha1_sha256", ""),
    _big("register_s", 0),  # 0: we don't register
    _text("contact", ""),
    sa.Column("signs", sa.Boolean, nullable=False, server_default=sa.false()),  # it is told who calls, signed
    sa.Column("codecs", sa.JSON, nullable=False, server_default="[]"),  # what it takes, in order; empty: everything
    _text("redirects", "off"),  # whether its 3xx are followed
    sa.Column("redirect_hosts", sa.JSON, nullable=False, server_default="[]"),  # where they may lead beside gateways
    _one_of("redirects", ("off", "follow")),
    _text("identity", "off"),  # as of trunks
    _one_of("identity", IDENTITY_RULES),
    _text("state", "active"),
    _text("suspended_for", ""),
    _big("created_ms"),
    _big("version", 1),
    _one_of("transport", TRANSPORTS[1:]),
    _one_of("state", STATES),
    _one_of("number_format", ("plain", "plus", "rn")),
    sa.CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
    _at_least("strip", 0),
    sa.Index(None, "account_id"),
    sqlite_autoincrement=True,
)

entries = sa.Table(
    "entries",
    metadata,
    _id(),
    _text("kind"),
    _text("reason", ""),
    _text("actor"),
    _big("actor_account_id", 0),  # the actor's; 0: a part of the system, or the command line
    sa.Column("idempotency_key", sa.Text, nullable=True, unique=True),
    _text("request", ""),  # what was asked under the key: the same key with another request is a fault
    _big("created_ms"),
    _refers("node_id", "nodes.id", nullable=True),  # the four: the collector's batch that it posts
    sa.Column("epoch", _BIG, nullable=True),
    sa.Column("first_sequence", _BIG, nullable=True),
    sa.Column("last_sequence", _BIG, nullable=True),
    _one_of("kind", ENTRY_KINDS),
    sa.Index(None, "created_ms"),
    sqlite_autoincrement=True,
)

postings = sa.Table(
    "postings",
    metadata,
    _id(),
    _refers("entry_id", "entries.id"),
    _text("book"),
    _refers("account_id", "accounts.id"),
    _big("amount_micros"),
    _text("currency"),
    _one_of("book", BOOKS),
    _is_currency(),
    sa.Index(None, "entry_id"),
    sa.Index(None, "account_id", "book", "id"),
    sqlite_autoincrement=True,
)

book_balances = sa.Table(
    "book_balances",
    metadata,
    _text("book"),
    _refers("account_id", "accounts.id"),
    _text("currency"),
    _big("amount_micros"),
    sa.PrimaryKeyConstraint("account_id", "book", "currency"),
    _one_of("book", BOOKS),
    _is_currency(),
    sa.Index(
        "ix_book_balances_balance",  # who has most, or least, first
        "amount_micros",
        "account_id",
        sqlite_where=sa.text("book = 'balance'"),
        postgresql_where=sa.text("book = 'balance'"),
    ),
)
"""A trigger gives every account the row of its balance, in its own currency, before anything is booked."""

operations = sa.Table(
    "operations",
    metadata,
    _id(),
    _text("kind"),
    _refers("account_id", "accounts.id"),  # whose money is set aside
    _refers("to_account_id", "accounts.id", nullable=True),  # null: it is paid out
    _big("amount_micros"),
    _text("currency"),
    _text("reason"),
    _text("actor"),
    _big("actor_account_id", 0),
    _text("state", "asked"),
    sa.Column("free_micros", _BIG, nullable=True),  # what the account had when it was refused
    _refers("entry_id", "entries.id", nullable=True),  # null: not posted
    _refers("node_id", "nodes.id"),
    _big("closed_by", 0),  # the command that took or let go what was aside; 0: none yet
    _big("created_ms"),
    _big("decided_ms", 0),
    _one_of("kind", OPERATION_KINDS),
    _one_of("state", OPERATION_STATES),
    _is_currency(),
    _at_least("amount_micros", 1),
    sa.Index(None, "state"),
    sa.Index(None, "account_id", "id"),
    sa.Index(None, "to_account_id", "id"),
    sqlite_autoincrement=True,
)
"""Debits that somebody asked for: the money is set aside in the store first, and posted when it says so."""

cdrs = sa.Table(
    "cdrs",
    metadata,
    _id(),
    sa.Column("call", sa.Text, nullable=False, unique=True),  # 32 hex digits
    _refers("node_id", "nodes.id"),
    _big("epoch"),
    _big("sequence"),
    _refers("entry_id", "entries.id", nullable=True),  # the batch that posted it; null: nothing to post
    _text("kind", "call"),  # call, emergency, free, message
    _text("outcome"),
    sa.Column("sip_code", sa.Integer, nullable=False),
    _text("sip_reason"),
    _text("ended_by"),
    _big("refused_by", 0),
    _text("rule", ""),
    _big("trunk_id"),  # 0: a device began it, or it came in by a gateway
    _big("device_id", 0),
    _big("number_id", 0),  # of ours, that was called
    _big("owner_id", 0),  # whose number or device was called
    _big("entrance_id", 0),  # the gateway that it came in by
    _big("to_device_id", 0),  # that rang last
    _big("account_id"),
    sa.Column("path", sa.JSON, nullable=False),  # ids from the caller's account to the root
    _text("caller"),
    _text("called"),
    _text("identity", ""),  # what the caller's signature came to: passed A, failed stale, none; empty: nobody looked
    _text("attested", ""),  # what was signed for the gateway: A, B, or pass for the Identity that came; empty: nothing
    _text("routing_number", ""),  # to which the called number has moved: what it was rated by; empty: it has not
    _text("caller_sent", ""),
    sa.Column("private", sa.Boolean, nullable=False, server_default=sa.false()),  # who calls has asked not to be shown
    _text("withheld", ""),  # who calls, where the account itself must not know: the operator's eyes alone
    _text("called_sent"),
    _text("destination"),
    _text("call_id"),
    _text("from_tag"),
    _text("to_tag"),
    _big("start_ms"),
    _big("ring_ms", 0),
    _big("answer_ms", 0),
    _big("end_ms"),
    _big("duration_ms"),  # by the boot clock: the difference of the two above may be another
    _big("gateway_id", 0),
    sa.Column("attempts", sa.JSON, nullable=False),
    sa.Column("cost_account_id", _BIG, nullable=True),  # all null: no provider was reached
    sa.Column("cost_tariff", sa.Text, nullable=True),
    sa.Column("cost_prefix", sa.Text, nullable=True),
    sa.Column("cost_terms", sa.Text, nullable=True),
    sa.Column("cost_billed_s", _BIG, nullable=True),
    sa.Column("cost_micros", _BIG, nullable=True),
    sa.Column("cost_currency", sa.Text, nullable=True),
    sa.Column("cost_exchange", sa.Text, nullable=True),  # as in `charges`
    sa.UniqueConstraint("node_id", "epoch", "sequence"),
    sa.CheckConstraint("(cost_micros IS NULL) = (cost_currency IS NULL)", name="cost"),
    sa.Index(None, "start_ms"),
    _of_side("account_id"),
    sa.Index(None, "trunk_id", "end_ms"),
    sa.Index(None, "gateway_id", "end_ms"),
    _of_side("owner_id"),
    sa.Index(None, "trunk_id", "start_ms"),
    sa.Index(None, "device_id", "start_ms"),
    sa.Index(None, "outcome", "start_ms"),
    sa.Index(None, "called", postgresql_ops={"called": "text_pattern_ops"}),  # texts that begin so
    _of_side("cost_account_id"),
    sa.Index(None, "account_id", "outcome", "start_ms"),
    _some("cost_account_id IS NOT NULL", "cost_account_id", "outcome", "start_ms"),
    _some("owner_id <> 0", "owner_id", "outcome", "start_ms"),
    sa.Index(None, "entry_id"),
    sqlite_autoincrement=True,
)

charges = sa.Table(
    "charges",
    metadata,
    sa.Column("cdr_id", _ID, sa.ForeignKey("cdrs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("level", sa.Integer, nullable=False),  # 0: the customer; rising upwards
    _refers("account_id", "accounts.id"),
    _refers("seller_id", "accounts.id"),
    _text("tariff"),  # version, 16 hex digits
    _text("prefix"),
    _text("terms"),  # hex: priced again from here even when the version is gone
    _big("billed_s"),
    _big("charge_micros"),
    _text("currency"),
    _text("exchange", "1/1"),  # exact: what the terms' price was multiplied by to be in this currency
    _text("tax", "1/1"),  # exact: what taxes that are not in the price multiplied it by, beside that
    _big("tax_micros", 0),  # of the charge, what they are
    sa.Column("tax_set_id", _ID, nullable=False, server_default="0"),  # of `tax_sets`; 0: the price has all in it
    _big("covered_s", 0),  # billed seconds that packages paid
    _big("covered_micros", 0),  # money that packages paid, which is not in the charge
    sa.Column("fees_covered", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.PrimaryKeyConstraint("cdr_id", "level"),
    _is_currency(),
    sa.Index(None, "account_id", "cdr_id"),
)

commands = sa.Table(
    "commands",
    metadata,
    _refers("node_id", "nodes.id"),
    _big("number"),
    _big("epoch"),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("account_id", _BIG, nullable=True),  # whose balance in the store it changes, and by how much
    _big("amount_micros", 0),
    _big("created_ms"),
    sa.PrimaryKeyConstraint("node_id", "number"),
    sa.Index(None, "account_id", "number"),
)
