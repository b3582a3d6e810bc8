"""The tree of accounts, and all about one of them."""

from __future__ import annotations

from service.portal.components import columns
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Listed, screens

ONE = "/accounts/{account_id}"
ACCOUNTS = Listed(
    "/accounts",
    "account.list",
    "Accounts",
    (
        columns.itself("Name", "account", "name", sort="name"),
        columns.state("Kind", "kind"),
        columns.other("Below", "account", "parent_id", is_wide=True),
        columns.text("Billing", "billing", is_wide=True),
        columns.money("Balance", lambda row: row.balance, lambda row: row.currency),
        columns.money("Credit limit", lambda row: row.credit_limit, lambda row: row.currency),
        columns.state(),
    ),
    filters=("name", "kind", "billing", "state", "below_id"),
    search="name",
    makes=(("New account", "/accounts/new", "account.make"),),
)
_FORMS = (
    Form(
        "/accounts/new", "account.make", "New account", "Make", "/accounts", said="The account is made.",
        made=lambda _, account: f"/accounts/{account.id}",  # type: ignore[attr-defined]
    ),
    Form(
        f"{ONE}/edit", "account.edit", "Edit account", "Save", ONE, shows="account.show",
        said="The account is changed.",
    ),
)  # fmt: skip
SCREENS = (*screens(ACCOUNTS), *(form_screen(form) for form in _FORMS))
