"""The API of low-balance alerts: a mail at the moment in which a balance falls below a threshold."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
from pydantic import Field

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.values import AccountId, Asked, Micros, Money, Told
from service.database.payment_tables import balance_alerts
from service.peers.common import check_room

ALERTS_MAX = 10
"""Of one account."""


class AlertView(Told):
    """Who is told when."""

    id: int
    account_id: int
    threshold: Annotated[Money, Field(validation_alias="threshold_micros", description="In the account's currency")]
    currency: str
    email: str
    version: int


class AlertQuery(Paging):
    """Whose."""

    account_id: AccountId | None = None


class NewAlert(Asked):
    """A mail each time that the balance falls below this, and an event `balance.low` for webhooks."""

    account_id: AccountId
    threshold: Micros
    email: Annotated[
        str, Field(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f]+$")
    ]


_LISTING = Listing("balance-alert", {"id": balance_alerts.c.id}, {"account_id": equals(balance_alerts.c.account_id)})


async def list_alerts(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[AlertView](items=[AlertView.model_validate(row) for row in rows], next=following))


async def make_alert(call: Call) -> Answer:
    """Told at the crossing alone: a balance that is below already falls silently."""
    body: NewAlert = call.body
    account = await call.find("account", body.account_id, to_change=True)
    await check_room(call, balance_alerts, account.id, ALERTS_MAX)
    values = {"account_id": account.id, "threshold_micros": body.threshold, "email": body.email}
    values["currency"] = account.currency
    row = (await call.conn.execute(sa.insert(balance_alerts).values(**values).returning(balance_alerts))).one()
    view = AlertView.model_validate(row)
    await call.audit("balance-alert.make", "balance-alert", view.id, account.id, None, view)
    return Answer(view)


async def remove_alert(call: Call) -> Answer:
    """Nobody is told any more."""
    call.check_match(call.row.version)
    await call.conn.execute(sa.delete(balance_alerts).where(balance_alerts.c.id == call.row.id))
    before = AlertView.model_validate(call.row)
    await call.audit("balance-alert.remove", "balance-alert", call.row.id, call.row.account_id, before, None)
    return Answer(status=204)


_P = Permission
ENDPOINTS = [
    Endpoint(
        "balance-alert.list", "GET", "/balance-alerts", _P.PAYMENTS_READ, list_alerts, "List low-balance alerts",
        query=AlertQuery, answer=Page[AlertView],
    ),
    Endpoint(
        "balance-alert.make", "POST", "/balance-alerts", _P.SETTINGS_WEBHOOKS, make_alert,
        "Ask for a low-balance alert",
        NewAlert, answer=AlertView, status=201,
    ),
    Endpoint(
        "balance-alert.remove", "DELETE", "/balance-alerts/{balance_alert_id}", _P.SETTINGS_WEBHOOKS, remove_alert,
        "Remove a low-balance alert", status=204,
    ),
]  # fmt: skip
