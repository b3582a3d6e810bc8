"""The menu: every page that one begins at, on one screen. Whoever may not ask its endpoint isn't offered it."""

from __future__ import annotations

from typing import NamedTuple

from service.portal.screen import filled
from service.portal.visit import Visit

OPERATOR = frozenset({"root"})
SELLERS = OPERATOR | {"reseller"}
CALLERS = SELLERS | {"customer"}
EVERYBODY = CALLERS | {"provider"}
PARTNERS = EVERYBODY - OPERATOR
"""Whoever has a balance with somebody above: the operator pays nobody, and is paid by those below."""
PAYERS = CALLERS - OPERATOR
"""A provider is settled by statements instead of invoices."""


class Item(NamedTuple):
    """A line of the menu."""

    text: str
    path: str
    """`{account_id}` is the visitor's own."""
    endpoint: str
    kinds: frozenset[str] = EVERYBODY
    """Of accounts whose people the page is for."""
    is_bought: bool = False
    """For whoever pays a seller: neither the operator nor a commission-based reseller."""
    is_priced: bool = False
    """For whoever sells at prices of its own."""


class Group(NamedTuple):
    """Lines that belong together."""

    text: str
    items: tuple[Item, ...]


class Entry(NamedTuple):
    """A line as it is printed."""

    text: str
    link: str
    is_here: bool


MENU: tuple[Group, ...] = (
    Group(
        "",
        (
            Item("Overview", "/", "me.show"),
            Item("My account", "/accounts/{account_id}", "account.show"),
            Item("Accounts", "/accounts", "account.list", SELLERS),
        ),
    ),
    Group(
        "Calls",
        (
            Item("Running calls", "/live", "call.list"),
            Item("Calls", "/calls", "cdr.list"),
            Item("Reports", "/reports", "report.summary"),
        ),
    ),
    Group(
        "Money",
        (
            Item("Top up", "/accounts/{account_id}/top-up", "top-up.make", is_bought=True),
            Item("Payments", "/accounts/{account_id}/lines", "payment.list", PARTNERS),
            Item("Receipts", "/receipts", "receipt.list", PAYERS),
            Item("Payments and receipts", "/receipts", "receipt.list", OPERATOR),
            Item("Top-ups", "/top-ups", "top-up.list", SELLERS),
            Item("Recharges", "/recharges", "recharge.list", SELLERS),
            Item("Vouchers", "/vouchers", "voucher.list", SELLERS),
            Item("Bank files", "/bank-lines", "bank-line.list", SELLERS),
            Item("Refunds and transfers", "/operations", "operation.list", CALLERS),
            Item("Invoices", "/invoices", "invoice.list", CALLERS),
            Item("Reminders and late fees", "/reminders", "dunning.list", SELLERS),
            Item("Commission", "/commissions", "commission.list", SELLERS),
            Item("Taxes", "/taxes", "tax.list", SELLERS),
            Item("Offers", "/offers", "offer.list", is_bought=True),
            Item("Products", "/products", "product.list", SELLERS),
            Item("Subscriptions", "/subscriptions", "subscription.list"),
            Item("Packages", "/packages", "package.list"),
        ),
    ),
    Group(
        "Prices",
        (
            Item("Tariffs", "/tariffs", "tariff.list"),
            Item("Rates of a number", "/lookup", "tariff.lookup"),
            Item("Destination groups", "/destination-groups", "destination-group.list", SELLERS),
            Item("Re-ratings", "/reratings", "rerating.list", SELLERS, is_priced=True),
            Item("Publications", "/publications", "publication.list", SELLERS, is_priced=True),
            Item("Notices of rates", "/rate-notices", "rate-notice.list", SELLERS, is_priced=True),
            Item("Rates of exchange", "/exchange", "exchange.history", OPERATOR),
        ),
    ),
    Group(
        "Routing",
        (
            Item("Routing plans", "/plans", "plan.list", OPERATOR),
            Item("Try a call", "/calls/trial", "call.simulate", CALLERS),
            Item("Special numbers", "/specials", "special.list"),
            Item("Ported numbers", "/portings", "porting.list", OPERATOR),
        ),
    ),
    Group(
        "Fraud",
        (
            Item("Alarms", "/alarms", "alarm.list"),
            Item("Limits", "/limits", "limit.list"),
            Item("Patterns", "/patterns", "pattern.list"),
            Item("Allowed and blocked", "/number-lists", "filter.list"),
            Item("High-risk ranges", "/ranges", "range.list"),
        ),
    ),
    Group(
        "Connections",
        (
            Item("Trunks", "/trunks", "trunk.list"),
            Item("Devices", "/devices", "device.list"),
            Item("Numbers", "/numbers", "number.list"),
            Item("Number rules", "/translations", "translation.list"),
            Item("Gateways", "/gateways", "gateway.list"),
            Item("Gateways now", "/gateways/health", "gateway.live"),
            Item("Bans", "/bans", "ban.list", OPERATOR),
        ),
    ),
    Group(
        "Interconnection",
        (
            Item("Statements", "/statements", "statement.list"),
            Item("Comparisons", "/reconciliations", "reconciliation.list"),
            Item("Disputes", "/disputes", "dispute.list"),
            Item("Commitments", "/commitments", "commitment.list"),
        ),
    ),
    Group(
        "People",
        (
            Item("Users", "/users", "user.list"),
            Item("Roles", "/roles", "role.list"),
            Item("API tokens", "/tokens", "token.list"),
            Item("All sessions", "/sessions", "session.list"),
            Item("Audit", "/audit", "audit.list"),
            Item("Doctor", "/doctor", "doctor-run.list", OPERATOR),
        ),
    ),
    Group(
        "Messages",
        (
            Item("Broadcasts", "/broadcasts", "broadcast.list", SELLERS),
            Item("Mails", "/mails", "mail.list", SELLERS),
            Item("Addresses without broadcasts", "/suppressions", "suppression.list", SELLERS),
        ),
    ),
    Group(
        "Settings",
        (
            Item("Brand", "/accounts/{account_id}/brand", "brand.show"),
            Item("Mail templates", "/accounts/{account_id}/mail-templates", "mail-template.list", SELLERS),
            Item("Payment gateways", "/payment-gateways", "payment-gateway.list", SELLERS),
            Item("Low-balance alerts", "/balance-alerts", "balance-alert.list", CALLERS),
            Item("Webhooks", "/webhooks", "webhook.list"),
            Item("Deliveries of call records", "/deliveries", "delivery.list"),
        ),
    ),
)


def menu(visit: Visit) -> list[tuple[str, list[Entry]]]:
    """What the visitor is offered: titles with their lines; a group without lines is left out."""
    if visit.actor is None:
        return []
    offered = [(group, [item for item in group.items if _is_offered(visit, item)]) for group in MENU]
    links = {item: filled(item.path, {"account_id": visit.account_id}) for _, items in offered for item in items}
    here = _here(visit.request.path, list(links.values()))
    return [
        (visit.say(group.text) if group.text else "", [_entry(visit, item, links[item], here) for item in items])
        for group, items in offered
        if items
    ]


def _is_offered(visit: Visit, item: Item) -> bool:
    if visit.me is None or visit.me.account_kind not in item.kinds or (item.is_bought and not visit.me.buys):
        return False
    return visit.can(item.endpoint) and (visit.prices or not item.is_priced)


def _entry(visit: Visit, item: Item, link: str, here: str) -> Entry:
    return Entry(visit.say(item.text), link, link == here)


def _here(path: str, links: list[str]) -> str:
    """The line that a path stands below: the longest one; empty: none."""
    return max((link for link in links if is_below(path, link)), key=len, default="")


def is_below(path: str, link: str) -> bool:
    """Whether a path is a page's, or of one below it: /accounts/5 is below /accounts, /accountsx is not."""
    return path == link or (link != "/" and path.startswith(link + "/"))
