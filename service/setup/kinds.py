"""What a set-up file can say: each kind of thing with the endpoints that make, edit and remove one. Pure.

A field of the file is a field of the endpoint's body, with a name in place of a number: `tariff` for `tariff_id`,
`roles` for `role_ids`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import BaseModel

from ratebook.money import format_micros
from service.api.endpoint import Endpoint
from service.api.values import moment_text
from service.urls import ENDPOINTS

BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}
NOUNS = {"parent": "account"}
"""Of fields that aren't called by what they name."""
LISTED = {"opened": "range", "closed": "range"}
"""Lists of such, that aren't called by it at all."""
REMOVED = "removed"
"""The state of what is to be no more."""


PLURALS = {"tax_ids": "taxes"}
"""Of fields that aren't called by what they name and an s."""


def field_of(name: str) -> str:
    """What the file calls a field of a body."""
    if name in PLURALS:
        return PLURALS[name]
    if name.endswith("_ids"):
        return name.removesuffix("_ids") + "s"
    return name.removesuffix("_id")


def noun_of(name: str) -> str:
    """What a field of a body names; empty: nothing."""
    if not name.endswith(("_id", "_ids")):
        return LISTED.get(name, "")
    stem = name.removesuffix("_ids").removesuffix("_id")
    return NOUNS.get(stem, stem)


class Kind(NamedTuple):
    """One section of the file."""

    section: str
    noun: str
    make: str
    edit: str
    """Empty: what differs is removed and made anew."""
    key: tuple[str, ...]
    """Fields of the body or path that say which one is meant."""
    remove: str = ""
    """Empty: the file can't take one away."""
    states: bool = False
    """Whether it can be suspended."""
    further: tuple[str, ...] = ()
    """Fields of the file that other endpoints take."""
    also_gone: tuple[str, ...] = ()
    """Other words for `removed`."""
    off: str = "suspended"
    """The state, beside active, of what has states."""
    once: tuple[str, ...] = ()
    """Fields that count when it is made, and never again."""
    shares: tuple[str, ...] = ()
    """Percentages, to the millionth."""
    lists: str = ""
    """The endpoint that lists them, or shows an account's; empty: by its noun."""
    bare: bool = False
    """Whether one that says nothing is none."""

    @property
    def maker(self) -> Endpoint:
        """The endpoint that makes one."""
        return BY_NAME[self.make]

    @property
    def editor(self) -> Endpoint:
        """The endpoint that edits one."""
        return BY_NAME[self.edit]

    @property
    def model(self) -> type[BaseModel]:
        """What makes one."""
        assert self.maker.body is not None
        return self.maker.body

    @property
    def own(self) -> str:
        """What names one in a path."""
        return f"{self.noun.replace('-', '_')}_id"

    @property
    def path_fields(self) -> list[str]:
        """Fields that stand in the maker's path."""
        return self.maker.parameters

    @property
    def is_whole(self) -> bool:
        """Whether it is put as a whole, new or not."""
        return self.make == self.edit

    @property
    def fields(self) -> list[str]:
        """All that the file may say of one, as bodies call it."""
        found = [*self.path_fields, *self.model.model_fields]
        return found + (["state"] if self.states and "state" not in found else [])

    @property
    def known(self) -> list[str]:
        """All that the file may say of one, as it calls it."""
        return [*map(field_of, self.fields), *self.further]


ACCOUNTS = Kind(
    "accounts", "account", "account.make", "account.edit", ("parent_id", "name"), states=True,
    further=("roles", "default_role"),
)  # fmt: skip
GATEWAYS = Kind(
    "gateways", "gateway", "gateway.make", "gateway.edit", ("account_id", "name"), "gateway.remove", states=True,
    also_gone=("closed",), further=("username", "realm", "password", "register_s", "contact"),
)  # fmt: skip
ROLES = Kind("roles", "role", "role.define", "role.edit", ("account_id", "name"), "role.remove", states=False)
USERS = Kind("users", "user", "user.invite", "user.edit", ("account_id", "email"), "user.remove", states=True)
TRUNKS = Kind(
    "trunks", "trunk", "trunk.make", "trunk.edit", ("account_id", "name"), "trunk.remove", states=True,
    also_gone=("closed",),
)  # fmt: skip
PRODUCTS = Kind(
    "products", "product", "product.make", "product.edit", ("account_id", "name"), states=True, off="withdrawn"
)
TAXES = Kind(
    "taxes", "tax", "tax.make", "tax.edit", ("account_id", "valid_from", "name"), "tax.remove", shares=("percent",)
)
AFTER_PLANS = (
    TRUNKS,
    Kind("devices", "device", "device.make", "device.edit", ("username",), "device.remove", states=True),
    Kind("numbers", "number", "number.make", "number.edit", ("number",), "number.remove", states=True),
    Kind(
        "translations", "translation", "translation.make", "translation.edit",
        ("account_id", "trunk_id", "gateway_id", "subject", "position"), "translation.remove",
    ),
    Kind("specials", "special", "special.make", "special.edit", ("account_id", "trunk_id", "number"), "special.remove"),
    Kind("brands", "brand", "brand.edit", "brand.edit", ("account_id",), "brand.remove"),
    Kind("numberings", "numbering", "numbering.edit", "numbering.edit", ("account_id",)),
    Kind(
        "credit_note_numberings", "credit-note-numbering", "numbering.edit-credit-notes", "numbering.edit-credit-notes",
        ("account_id",), lists="numbering.show-credit-notes",
    ),
    Kind(
        "receipt_numberings", "receipt-numbering", "numbering.edit-receipts", "numbering.edit-receipts",
        ("account_id",), lists="numbering.show-receipts",
    ),
    Kind("parties", "party", "party.edit", "party.edit", ("account_id",)),
    TAXES,
    Kind(
        "account_taxes", "account-taxes", "tax.assign", "tax.assign", ("account_id",), lists="tax.assigned", bare=True
    ),
    Kind("terms", "terms", "terms.edit", "terms.edit", ("account_id",), once=("starts_at",)),
    Kind(
        "commission_rules", "commission-rule", "commission.make-rule", "commission.edit-rule",
        ("account_id", "service", "tariff_id", "share_of", "valid_from", "destination_group"),
        "commission.remove-rule", shares=("percent",), lists="commission.rules",
    ),
    Kind(
        "commission_terms", "commission-terms", "commission.edit-terms", "commission.edit-terms", ("account_id",),
        lists="commission.terms",
    ),
    Kind(
        "mail_templates", "mail-template", "mail-template.edit", "mail-template.edit",
        ("account_id", "kind", "language"), "mail-template.remove",
    ),
    Kind("webhooks", "webhook", "webhook.make", "webhook.edit", ("account_id", "url"), "webhook.remove", states=True),
    PRODUCTS,
    Kind("ranges", "range", "range.make", "range.edit", ("name",), "range.remove", once=("open_for_existing",)),
    Kind(
        "range_choices", "range-choices", "range.choose", "range.choose", ("account_id",), lists="range.chosen",
        bare=True,
    ),
    Kind("limits", "limit", "limit.make", "limit.edit", ("account_id", "trunk_id", "name"), "limit.remove"),
    Kind(
        "filters", "filter", "filter.make", "", ("account_id", "trunk_id", "subject", "whole", "digits"),
        "filter.remove",
    ),
    Kind(
        "patterns", "pattern", "pattern.make", "pattern.edit", ("account_id", "trunk_id", "gateway_id", "name"),
        "pattern.remove",
    ),
)  # fmt: skip
"""In the order in which each may name those before it."""
KINDS = (ACCOUNTS, ROLES, USERS, GATEWAYS, *AFTER_PLANS)
HASHED = "password"
"""A field that is compared by its hashes, and shown to nobody."""
MONEY = frozenset({"credit_limit", "exposure_limit", "price", "setup", "money", "spend"})
"""Fields in micro-units, which bodies have as text."""
KEPT = frozenset({"next_number", "currency", "seconds"})
"""Fields that stay what they are if nobody speaks of them."""
AMOUNTS = frozenset({"spend", "count"})
"""Of a limit: it has one of them, which can't be taken away."""
MOMENTS = frozenset({"valid_from", "valid_until", "starts_at"})
"""Fields in milliseconds, which bodies have as text."""
SETS = frozenset(
    {
        "networks",
        "role_ids",
        "permissions",
        "events",
        "groups",
        "tariff_ids",
        "tax_ids",
        "prefixes",
        "services",
        "opened",
        "closed",
    }
)
"""Lists whose order says nothing."""


def text_of(kind: Kind, name: str, value: Any) -> Any:
    """A value as bodies and files have it: amounts, percentages and moments as text."""
    if value is None or not (name in MONEY or name in kind.shares or name in MOMENTS):
        return value
    return moment_text(value) if name in MOMENTS else format_micros(value)
