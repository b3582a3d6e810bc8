"""Who is told when a balance falls low."""

from __future__ import annotations

from service.portal.components import columns
from service.portal.components.columns import deed
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Listed, screens

ALERT_COLUMNS = (
    columns.other("Account", "account", "account_id"),
    columns.money("Below", lambda row: row.threshold, lambda row: row.currency),
    columns.text("E-mail address", "email"),
    deed("Remove", "/balance-alerts/{}/removal", "balance-alert.remove"),
)
ALERTS = Listed(
    "/balance-alerts", "balance-alert.list", "Low-balance alerts", ALERT_COLUMNS, ("account_id",),
    empty="Nobody is told yet when a balance falls low.",
    makes=(("New alert", "/balance-alerts/new", "balance-alert.make"),),
)  # fmt: skip
_FORMS = (
    Form(
        "/balance-alerts/new", "balance-alert.make", "New low-balance alert", "Make", "/balance-alerts",
        said="The alert is set.", text="A mail each time that the balance falls below it.",
    ),
    Form(
        "/balance-alerts/{balance_alert_id}/removal", "balance-alert.remove", "Remove this alert?", "Remove",
        "/balance-alerts", said="The alert is gone.", is_danger=True,
    ),
)  # fmt: skip
SCREENS = (*screens(ALERTS), *(form_screen(form) for form in _FORMS))
