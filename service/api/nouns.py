"""What can be named by a number, and which account it belongs to: by this table alone tenants are kept apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row

from service.access.actor import Actor
from service.accounts.storage import nearest_charged
from service.database.access_tables import audit, mails, roles, sessions, tokens, users
from service.database.bank_tables import bank_layouts
from service.database.billing_tables import invoice_lines, invoices, taxes
from service.database.commission_tables import commission_payouts, commission_rules, commissions
from service.database.delivery_tables import cdr_deliveries, cdr_files
from service.database.dunning_tables import dunning_actions
from service.database.edge_tables import bans, portings
from service.database.fraud_tables import alarms, call_limits, call_patterns, number_filters, risk_ranges
from service.database.interconnect_tables import commitments, differences, disputes, reconciliations, statements
from service.database.message_tables import broadcasts, suppressions
from service.database.nightly_tables import doctor_faults, doctor_runs
from service.database.notice_tables import rate_notices
from service.database.paths import is_below, path_ids
from service.database.payment_tables import (
    balance_alerts,
    bank_lines,
    gateway_events,
    payment_gateways,
    top_ups,
    voucher_batches,
)
from service.database.peer_tables import devices, numbers, specials, translations
from service.database.portal_tables import report_schedules
from service.database.product_tables import package_grants, products, subscription_fees, subscriptions
from service.database.ratebook_tables import destination_groups, publications
from service.database.receipt_tables import receipts
from service.database.recharge_tables import recharge_tasks
from service.database.rerating_tables import corrections, reratings
from service.database.tables import (
    accounts,
    book_balances,
    cdrs,
    exchange_versions,
    gateways,
    operations,
    plans,
    postings,
    tariff_versions,
    tariffs,
    trunks,
)
from service.database.webhook_tables import deliveries, webhooks

Condition = sa.ColumnElement[bool]
BALANCE = (
    sa.select(book_balances.c.amount_micros)
    .where((book_balances.c.account_id == accounts.c.id) & (book_balances.c.book == "balance"))
    .where(book_balances.c.currency == accounts.c.currency)
    .scalar_subquery()
)
"""Of an account, in its own currency; null before its first line."""


class Noun(NamedTuple):
    """A kind of thing."""

    name: str
    table: sa.Table
    owner: sa.ColumnElement[Any]
    """The id of the account that it belongs to."""
    also: Callable[[Actor], Condition] | None = None
    """What else one may see (never change) though it belongs to somebody above; None: nothing."""
    beside: tuple[sa.ColumnElement[Any], ...] = ()
    """Columns that a look at one brings along."""

    @property
    def label(self) -> sa.ColumnElement[str]:
        """What people call it: its name, or what it has instead; else its number."""
        number = sa.literal_column("'#'", sa.Text()).concat(sa.cast(self.table.c.id, sa.Text))
        name = LABELS.get(self.name, "name")
        return number if name not in self.table.c else sa.func.coalesce(sa.func.nullif(self.table.c[name], ""), number)

    def label_of(self, row: Row[Any]) -> str:
        """The same of a row that was read."""
        return str(row._mapping.get(LABELS.get(self.name, "name")) or f"#{row.id}")


LABELS = {
    "device": "username", "dispute": "subject", "invoice": "number", "number": "number", "statement": "number",
    "user": "email",
}  # fmt: skip
"""The column that people call a thing by, where it isn't `name`."""


def within(owner: sa.ColumnElement[Any], actor: Actor) -> Condition:
    """Whether an account lies in the actor's subtree: one step on the index of paths."""
    if actor.is_root:
        return sa.true()
    if owner is accounts.c.id:
        return seen(accounts.c.path, actor)
    return owner.in_(sa.select(accounts.c.id).where(seen(accounts.c.path, actor)))


def seen(path: sa.ColumnElement[Any], actor: Actor) -> Condition:
    """Whether a path lies in the actor's subtree; of nobody's: null."""
    return is_below(path, actor.path)


def visible(noun: Noun, actor: Actor) -> Condition:
    """What the actor may look at."""
    inside = within(noun.owner, actor)
    return inside if noun.also is None else inside | noun.also(actor)


def _of_user(column: sa.Column[int]) -> sa.ColumnElement[Any]:
    return sa.select(users.c.account_id).where(users.c.id == column).scalar_subquery()


def _of_webhook(column: sa.Column[int]) -> sa.ColumnElement[Any]:
    return sa.select(webhooks.c.account_id).where(webhooks.c.id == column).scalar_subquery()


def _of_delivery(column: sa.Column[int]) -> sa.ColumnElement[Any]:
    return sa.select(cdr_deliveries.c.account_id).where(cdr_deliveries.c.id == column).scalar_subquery()


def _of_subscription(column: sa.Column[int]) -> sa.ColumnElement[Any]:
    return sa.select(subscriptions.c.account_id).where(subscriptions.c.id == column).scalar_subquery()


def _of_invoice(column: sa.Column[int]) -> sa.ColumnElement[Any]:
    return sa.select(invoices.c.account_id).where(invoices.c.id == column).scalar_subquery()


def _of_gateway(column: sa.Column[int]) -> sa.ColumnElement[Any]:
    found = sa.select(payment_gateways.c.account_id).where(payment_gateways.c.id == column)
    return found.scalar_subquery()


def _of_reconciliation(column: sa.Column[int]) -> sa.ColumnElement[Any]:
    found = sa.select(reconciliations.c.account_id).where(reconciliations.c.id == column)
    return found.scalar_subquery()


def _of_tariff(column: sa.Column[int]) -> sa.ColumnElement[Any]:
    return sa.select(tariffs.c.owner_id).where(tariffs.c.id == column).scalar_subquery()


def _roles_above(actor: Actor) -> Condition:
    """Roles of the accounts above can be given away, so they can be seen."""
    return roles.c.account_id.in_(path_ids(actor.path))


def _own_tariff(actor: Actor) -> Condition:
    """What the own account buys by."""
    return tariffs.c.id.in_(sa.select(accounts.c.tariff_id).where(accounts.c.id == actor.account_id))


def _sellers_gateways(actor: Actor) -> Condition:
    """Where the own account pays its seller."""
    return payment_gateways.c.account_id == _seller_above(actor)


def _plans(_actor: Actor) -> Condition:
    """Routing plans are the operator's; whoever may give trunks one may name any."""
    return sa.true()


def _groups(_actor: Actor) -> Condition:
    """Destination groups are the operator's; everybody's rules and packages may name any."""
    return sa.true()


def _ranges(_actor: Actor) -> Condition:
    """High-risk ranges are the operator's; whoever has accounts below may open any for them."""
    return sa.true()


def offered_to(actor: Actor) -> Condition:
    """Products that the actor's own account may take: offered by whom it pays, in its currency. What costs nothing only
    if that one stands right above it, and has let it in: who earns commission makes as many accounts as it likes.
    """
    is_charged = accounts.c.kind.in_(("customer", "reseller")) & accounts.c.commission.is_(False)
    buyer = sa.select(accounts.c.currency).where((accounts.c.id == actor.account_id) & is_charged).scalar_subquery()
    costs = (products.c.price_micros + products.c.setup_micros > 0) | (products.c.kind == "rental")
    is_open = products.c.offered & (products.c.state == "active")
    is_open &= costs | products.c.account_id.in_(path_ids(actor.path)[-2:-1])
    return is_open & (products.c.account_id == _seller_above(actor)) & (products.c.currency == buyer)


def _sold_for_seller(actor: Actor) -> Condition:
    """Products that a commission reseller sells for whom its customers pay."""
    earns = sa.exists().where((accounts.c.id == actor.account_id) & accounts.c.commission)
    return earns & (products.c.account_id == _seller_above(actor)) & (products.c.state == "active")


def _seller_above(actor: Actor) -> sa.ScalarSelect[Any]:
    """Whom the actor's own account pays, or earns of."""
    return nearest_charged(path_ids(actor.path)[:-1]).scalar_subquery()


def _to_below(actor: Actor) -> Condition:
    """What an account gets from one that stands elsewhere."""
    return within(operations.c.to_account_id, actor)


def _carried(actor: Actor) -> Condition:
    """Calls that went over the gateways of one's own account, or of one below, or came to their numbers and devices."""
    return within(cdrs.c.cost_account_id, actor) | within(cdrs.c.owner_id, actor)


NOUNS: dict[str, Noun] = {
    noun.name: noun
    for noun in (
        Noun("account", accounts, accounts.c.id, beside=(BALANCE.label("balance"),)),
        Noun("user", users, users.c.account_id),
        Noun("role", roles, roles.c.account_id, _roles_above),
        Noun("session", sessions, _of_user(sessions.c.user_id)),
        Noun("token", tokens, _of_user(tokens.c.user_id)),
        Noun("trunk", trunks, trunks.c.account_id),
        Noun("gateway", gateways, gateways.c.account_id),
        Noun("tariff", tariffs, tariffs.c.owner_id, _own_tariff),
        Noun("tariff-version", tariff_versions, _of_tariff(tariff_versions.c.tariff_id)),
        Noun("exchange", exchange_versions, sa.literal(1)),
        Noun("publication", publications, publications.c.owner_id),
        Noun("rate-notice", rate_notices, rate_notices.c.account_id),
        Noun("plan", plans, sa.literal(1), _plans),
        Noun("destination-group", destination_groups, sa.literal(1), _groups),
        Noun("ban", bans, sa.literal(1)),
        Noun("porting", portings, sa.literal(1)),
        Noun("doctor-run", doctor_runs, sa.literal(1)),
        Noun("doctor-fault", doctor_faults, sa.literal(1)),
        Noun("device", devices, devices.c.account_id),
        Noun("number", numbers, numbers.c.account_id),
        Noun("translation", translations, translations.c.account_id),
        Noun("special", specials, specials.c.account_id),
        Noun("limit", call_limits, call_limits.c.account_id),
        Noun("filter", number_filters, number_filters.c.account_id),
        Noun("range", risk_ranges, sa.literal(1), _ranges),
        Noun("pattern", call_patterns, call_patterns.c.account_id),
        Noun("alarm", alarms, alarms.c.account_id),
        Noun("webhook", webhooks, webhooks.c.account_id),
        Noun("message", deliveries, _of_webhook(deliveries.c.webhook_id)),
        Noun("mail", mails, mails.c.account_id),
        Noun("broadcast", broadcasts, broadcasts.c.account_id),
        Noun("suppression", suppressions, suppressions.c.account_id),
        Noun("line", postings, postings.c.account_id),
        Noun("operation", operations, operations.c.account_id, _to_below),
        Noun("cdr", cdrs, cdrs.c.account_id, _carried),
        Noun("report-schedule", report_schedules, report_schedules.c.account_id),
        Noun("delivery", cdr_deliveries, cdr_deliveries.c.account_id),
        Noun("file", cdr_files, _of_delivery(cdr_files.c.delivery_id)),
        Noun("product", products, products.c.account_id, _sold_for_seller),
        Noun("offer", products, products.c.account_id, offered_to),
        Noun("subscription", subscriptions, subscriptions.c.account_id),
        Noun("fee", subscription_fees, _of_subscription(subscription_fees.c.subscription_id)),
        Noun("package", package_grants, package_grants.c.account_id),
        Noun("rerating", reratings, reratings.c.account_id),
        Noun("correction", corrections, corrections.c.account_id),
        Noun("tax", taxes, taxes.c.account_id),
        Noun("invoice", invoices, invoices.c.account_id),
        Noun("receipt", receipts, receipts.c.account_id),
        Noun("invoice-line", invoice_lines, _of_invoice(invoice_lines.c.invoice_id)),
        Noun("dunning-action", dunning_actions, dunning_actions.c.account_id),
        Noun("commission-rule", commission_rules, commission_rules.c.account_id),
        Noun("commission", commissions, commissions.c.account_id),
        Noun("commission-payout", commission_payouts, commission_payouts.c.account_id),
        Noun("reconciliation", reconciliations, reconciliations.c.account_id),
        Noun("statement", statements, statements.c.account_id),
        Noun("dispute", disputes, disputes.c.account_id),
        Noun("commitment", commitments, commitments.c.account_id),
        Noun("difference", differences, _of_reconciliation(differences.c.reconciliation_id)),
        Noun("balance-alert", balance_alerts, balance_alerts.c.account_id),
        Noun("bank-line", bank_lines, bank_lines.c.account_id),
        Noun("bank-layout", bank_layouts, bank_layouts.c.account_id),
        Noun("voucher-batch", voucher_batches, voucher_batches.c.account_id),
        Noun("payment-gateway", payment_gateways, payment_gateways.c.account_id, _sellers_gateways),
        Noun("gateway-event", gateway_events, _of_gateway(gateway_events.c.gateway_id)),
        Noun("top-up", top_ups, top_ups.c.account_id),
        Noun("recharge-task", recharge_tasks, recharge_tasks.c.account_id),
        Noun("change", audit, audit.c.account_id),
    )
}
