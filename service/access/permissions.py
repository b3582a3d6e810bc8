"""The catalogue of permissions, and the roles that are built in. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Permission(StrEnum):
    """An area, and what is done in it. Whatever changes something needs more than `read`."""

    ACCOUNTS_READ = "accounts.read"
    ACCOUNTS_CHANGE = "accounts.change"
    ACCOUNTS_MOVE = "accounts.move"
    ACCOUNTS_CLOSE = "accounts.close"
    USERS_READ = "users.read"
    USERS_CHANGE = "users.change"
    USERS_IMPERSONATE = "users.impersonate"
    ROLES_READ = "roles.read"
    ROLES_CHANGE = "roles.change"
    TRUNKS_READ = "trunks.read"
    TRUNKS_CHANGE = "trunks.change"
    DEVICES_READ = "devices.read"
    DEVICES_CHANGE = "devices.change"
    NUMBERS_READ = "numbers.read"
    NUMBERS_CHANGE = "numbers.change"
    PROVIDERS_READ = "providers.read"
    PROVIDERS_CHANGE = "providers.change"
    GATEWAYS_READ = "gateways.read"
    GATEWAYS_CHANGE = "gateways.change"
    TARIFFS_READ = "tariffs.read"
    TARIFFS_CHANGE = "tariffs.change"
    TARIFFS_PUBLISH = "tariffs.publish"
    ROUTING_READ = "routing.read"
    ROUTING_CHANGE = "routing.change"
    CALLS_READ = "calls.read"
    CALLS_CHANGE = "calls.change"
    CDRS_READ = "cdrs.read"
    CDRS_CHANGE = "cdrs.change"
    CDRS_DELIVER = "cdrs.deliver"
    PAYMENTS_READ = "payments.read"
    PAYMENTS_CHANGE = "payments.change"
    PAYMENTS_REFUND = "payments.refund"
    PAYMENTS_TRANSFER = "payments.transfer"
    PAYMENTS_TOP_UP = "payments.top_up"
    CREDIT_LIMITS_READ = "credit_limits.read"
    CREDIT_LIMITS_CHANGE = "credit_limits.change"
    INVOICES_READ = "invoices.read"
    INVOICES_CHANGE = "invoices.change"
    INVOICES_ISSUE = "invoices.issue"
    STATEMENTS_READ = "statements.read"
    STATEMENTS_CHANGE = "statements.change"
    STATEMENTS_DISPUTE = "statements.dispute"
    PRODUCTS_READ = "products.read"
    PRODUCTS_CHANGE = "products.change"
    PRODUCTS_SUBSCRIBE = "products.subscribe"
    MESSAGES_READ = "messages.read"
    MESSAGES_CHANGE = "messages.change"
    BRANDING_READ = "branding.read"
    BRANDING_CHANGE = "branding.change"
    SETTINGS_READ = "settings.read"
    SETTINGS_CHANGE = "settings.change"
    SETTINGS_WEBHOOKS = "settings.webhooks"
    FRAUD_READ = "fraud.read"
    FRAUD_CHANGE = "fraud.change"
    AUDIT_READ = "audit.read"

    @property
    def area(self) -> str:
        """What it is about: the word before the dot."""
        return self.value.partition(".")[0]


Permissions = frozenset[Permission]

ALL: Permissions = frozenset(Permission)
READING: Permissions = frozenset(one for one in Permission if one.value.endswith(".read"))
SUSPENDED_KEEPS: Permissions = READING | {Permission.PAYMENTS_TOP_UP}
"""What is left to people of an account that is suspended, or stands below one: to look, and to pay."""

_P = Permission

OWN_PRICES: Permissions = frozenset({_P.TARIFFS_CHANGE, _P.TARIFFS_PUBLISH})
"""A commission reseller sells at its parent's tariff: it has these only by a role that was given to it."""

MEANINGS: dict[Permission, str] = {
    _P.ACCOUNTS_CHANGE: "Make, edit, suspend and resume accounts; give them tariffs, limits and a billing model",
    _P.ACCOUNTS_MOVE: "Move accounts below another one",
    _P.ACCOUNTS_CLOSE: "Close accounts",
    _P.USERS_CHANGE: "Invite, edit, suspend and remove users; give and take their roles; end their sessions",
    _P.USERS_IMPERSONATE: "Log in as a user below; both names stand in the audit",
    _P.ROLES_CHANGE: "Define roles, and give them to accounts below",
    _P.TARIFFS_PUBLISH: "Make tariffs take effect",
    _P.CALLS_READ: "See running calls",
    _P.CALLS_CHANGE: "Cut running calls",
    _P.CDRS_CHANGE: "Rate calls again, as far as they were sold by own tariffs",
    _P.CDRS_DELIVER: "Have call records delivered to servers and mailboxes",
    _P.PAYMENTS_READ: "See payments and every other line of the books",
    _P.PAYMENTS_CHANGE: "Post payments and adjustments of accounts below",
    _P.PAYMENTS_REFUND: "Pay money back to accounts below",
    _P.PAYMENTS_TRANSFER: "Move money between accounts below",
    _P.PAYMENTS_TOP_UP: "Pay into the own account",
    _P.PRODUCTS_SUBSCRIBE: "Take what the seller offers for the own account, and give notice of it",
    _P.STATEMENTS_DISPUTE: "Dispute statements of the own account, write to whoever has issued them, and withdraw",
    _P.CREDIT_LIMITS_CHANGE: "Set credit limits of accounts below",
    _P.SETTINGS_WEBHOOKS: "Name servers and mailboxes that are told of what happens; payment gateways",
    _P.FRAUD_READ: "See limits, lists of numbers, patterns and alarms",
    _P.FRAUD_CHANGE: "Set limits, lists of numbers and patterns; open high-risk ranges below; lift suspensions below",
    _P.INVOICES_ISSUE: "Issue invoices, which can't be changed afterwards",
}
"""Where the name doesn't say it all."""


def area_name(permission: Permission) -> str:
    """What it is about, for people."""
    return "call records" if permission.area == "cdrs" else permission.area.replace("_", " ")


def meaning(permission: Permission) -> str:
    """A line for people."""
    verb, area = permission.value.partition(".")[2], area_name(permission)
    return MEANINGS.get(permission) or {"read": f"See {area}", "change": f"Change {area}"}[verb]


class BuiltIn(NamedTuple):
    """A role that every installation begins with. The operator may change its permissions, unless it is `fixed`."""

    key: str
    name: str
    permissions: Permissions
    note: str
    is_fixed: bool = False


_PERSONAL = frozenset({_P.USERS_READ, _P.USERS_CHANGE, _P.ROLES_READ, _P.AUDIT_READ})
_CUSTOMER = _PERSONAL | {
    _P.ACCOUNTS_READ, _P.ROLES_CHANGE, _P.TRUNKS_READ, _P.DEVICES_READ, _P.DEVICES_CHANGE, _P.NUMBERS_READ,
    _P.TARIFFS_READ, _P.CALLS_READ, _P.CDRS_READ, _P.CDRS_DELIVER, _P.PAYMENTS_READ, _P.CREDIT_LIMITS_READ,
    _P.INVOICES_READ, _P.PRODUCTS_READ, _P.PRODUCTS_SUBSCRIBE, _P.MESSAGES_READ, _P.SETTINGS_READ,
    _P.SETTINGS_WEBHOOKS, _P.FRAUD_READ, _P.FRAUD_CHANGE,
}  # fmt: skip
_RESELLER = (ALL - {
    _P.PROVIDERS_READ, _P.PROVIDERS_CHANGE, _P.GATEWAYS_READ, _P.GATEWAYS_CHANGE, _P.ROUTING_CHANGE,
    _P.SETTINGS_CHANGE,
})  # fmt: skip
"""With the right to pay in, however it is billed itself: nobody below may what it may not."""

SUPER_ADMIN, OWNER, ADMIN, SUPPORT, FINANCE, READ_ONLY = (
    "super_admin", "owner", "admin", "support", "finance", "read_only",
)  # fmt: skip

BUILT_IN: tuple[BuiltIn, ...] = (
    BuiltIn(SUPER_ADMIN, "Super Admin", ALL, "Everything, everywhere; of the operator's users only", is_fixed=True),
    BuiltIn(OWNER, "Owner", ALL, "Everything that the user's account may", is_fixed=True),
    BuiltIn(ADMIN, "Admin", ALL - {_P.SETTINGS_CHANGE}, "Manages the system and its accounts"),
    BuiltIn(
        SUPPORT, "Support", READING | {_P.CALLS_CHANGE, _P.DEVICES_CHANGE, _P.USERS_CHANGE}, "Sees all, helps with it"
    ),
    BuiltIn(
        FINANCE,
        "Finance",
        READING | {one for one in ALL if one.area in {"payments", "credit_limits", "invoices", "statements"}},
        "Money, limits and paper",
    ),
    BuiltIn(READ_ONLY, "Read-only", READING, "Sees all, changes nothing"),
    BuiltIn("prepaid_reseller", "Prepaid reseller", _RESELLER, "What such an account may"),
    BuiltIn("postpaid_reseller", "Postpaid reseller", _RESELLER, "What such an account may"),
    BuiltIn("prepaid_customer", "Prepaid customer", _CUSTOMER | {_P.PAYMENTS_TOP_UP}, "What such an account may"),
    BuiltIn(
        "postpaid_customer",
        "Postpaid customer",
        _CUSTOMER | {_P.STATEMENTS_READ, _P.STATEMENTS_DISPUTE},
        "What such an account may",
    ),
    BuiltIn(
        "provider",
        "Provider",
        _PERSONAL | {
            _P.ACCOUNTS_READ, _P.GATEWAYS_READ, _P.CALLS_READ, _P.CDRS_READ, _P.CDRS_DELIVER, _P.PAYMENTS_READ,
            _P.INVOICES_READ, _P.STATEMENTS_READ, _P.STATEMENTS_DISPUTE, _P.TARIFFS_READ, _P.MESSAGES_READ,
        },
        "What such an account may",
    ),
)  # fmt: skip


def default_role(kind: str, billing: str) -> str:
    """The built-in role that says what an account may by its kind and billing; empty: the root, which may all."""
    if kind == "root":
        return ""
    return "provider" if kind == "provider" else f"{billing}_{kind}"
