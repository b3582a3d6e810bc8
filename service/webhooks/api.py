"""The API of webhooks, and of what was sent to them."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.problems import invalid
from service.api.values import AccountId, Asked, Moment, Told
from service.database.webhook_tables import deliveries, webhooks
from service.peers.common import changes_of, check_open, check_room
from service.webhooks.events import Event
from service.webhooks.places import URL_CHARACTERS_MAX, url_problem
from service.webhooks.signing import new_secret

HOOKS_MAX = 20
Url = Annotated[str, Field(min_length=8, max_length=URL_CHARACTERS_MAX, examples=["https://hooks.example.net/kambill"])]
Events = Annotated[list[Event], Field(min_length=1, max_length=len(Event))]


class WebhookView(Told):
    """A server that is told of what happens to an account and all below it."""

    id: int
    account_id: int
    url: str
    events: list[Event]
    state: Annotated[str, Field(description="active or suspended")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    version: int


class WebhookQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None


class NewWebhook(Asked):
    """A server to tell."""

    account_id: AccountId
    url: Url
    events: Events


class WebhookEdit(Asked):
    """What to change; what is left out stays."""

    url: Url | None = None
    events: Events | None = None
    state: Literal["active", "suspended"] | None = None


class NewSecret(Told):
    """A webhook with the key that signs its messages."""

    webhook: WebhookView
    secret: Annotated[str, Field(description="Shown this once; as Standard Webhooks has it")]


class MessageView(Told):
    """One message."""

    id: int
    event: str
    state: Annotated[str, Field(description="waiting, sent or failed")]
    attempts: int
    status: Annotated[int, Field(description="Of the last answer; 0: there was none")]
    fault: Annotated[str, Field(description="Of the last attempt; empty: it was taken")]
    body: dict[str, Any]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    next_at: Annotated[Moment, Field(description="When it is sent (again); null: never")]
    done_at: Annotated[Moment, Field(validation_alias="done_ms")]


class MessageQuery(Paging):
    """Which messages."""

    state: Literal["", "waiting", "sent", "failed"] = ""


_LISTING = Listing("webhook", {"id": webhooks.c.id}, {"account_id": equals(webhooks.c.account_id)})
_MESSAGES = Listing(
    "message",
    {"-id": deliveries.c.id},
    {"state": equals(deliveries.c.state)},
    None,
    lambda call: deliveries.c.webhook_id == call.row.id,
)


async def list_webhooks(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[WebhookView](items=[WebhookView.model_validate(row) for row in rows], next=following))


async def show_webhook(call: Call) -> Answer:
    """One."""
    view = WebhookView.model_validate(call.row)
    return Answer(view, version=view.version)


def _check_url(call: Call, url: str) -> None:
    problem = url_problem(url, private=call.api.config.webhooks.private_addresses)
    if problem is not None:
        raise invalid("/url", problem)


async def make_webhook(call: Call) -> Answer:
    """With a key of its own."""
    body: NewWebhook = call.body
    account = await call.find("account", body.account_id, to_change=True)
    check_open(account)
    _check_url(call, body.url)
    await check_room(call, webhooks, account.id, HOOKS_MAX)
    secret = new_secret()
    values = {"account_id": account.id, "url": body.url, "events": [one.value for one in body.events]}
    made = sa.insert(webhooks).values(**values, secret=secret, created_ms=call.now_ms).returning(webhooks)
    view = WebhookView.model_validate((await call.conn.execute(made)).one())
    await call.audit("webhook.make", "webhook", view.id, account.id, None, view)
    return Answer(NewSecret(webhook=view, secret=secret), location=f"/api/v1/webhooks/{view.id}")


async def edit_webhook(call: Call) -> Answer:
    """Changes some fields."""
    call.check_match(call.row.version)
    values = changes_of(call.body, set())
    if "url" in values:
        _check_url(call, values["url"])
    if "events" in values:
        values["events"] = [one.value for one in values["events"]]
    row = await _update(call, values)
    view, before = WebhookView.model_validate(row), WebhookView.model_validate(call.row)
    await call.audit("webhook.edit", "webhook", row.id, row.account_id, before, view)
    return Answer(view, version=view.version)


async def _update(call: Call, values: dict[str, Any]) -> Row[Any]:
    edited = sa.update(webhooks).where(webhooks.c.id == call.row.id)
    made = edited.values(**values, version=webhooks.c.version + 1).returning(webhooks)
    row: Row[Any] = (await call.conn.execute(made)).one()
    return row


async def change_secret(call: Call) -> Answer:
    """The next message is signed by it."""
    secret = new_secret()
    view = WebhookView.model_validate(await _update(call, {"secret": secret}))
    await call.audit("webhook.change-secret", "webhook", view.id, view.account_id, None, view)
    return Answer(NewSecret(webhook=view, secret=secret))


async def remove_webhook(call: Call) -> Answer:
    """What waits is not sent any more."""
    call.check_match(call.row.version)
    await call.conn.execute(sa.delete(deliveries).where(deliveries.c.webhook_id == call.row.id))
    await call.conn.execute(sa.delete(webhooks).where(webhooks.c.id == call.row.id))
    before = WebhookView.model_validate(call.row)
    await call.audit("webhook.remove", "webhook", call.row.id, call.row.account_id, before, None)
    return Answer(status=204)


def _message(row: Row[Any]) -> MessageView:
    waits = row.next_ms if row.state == "waiting" else None
    return MessageView.model_validate({**row._mapping, "body": json.loads(row.body), "next_at": waits})


async def list_messages(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _MESSAGES)
    return Answer(Page[MessageView](items=[_message(row) for row in rows], next=following))


async def send_again(call: Call) -> Answer:
    """At once, whatever came of it before."""
    values = {"state": "waiting", "next_ms": call.now_ms, "attempts": 0, "done_ms": 0}
    again = sa.update(deliveries).where(deliveries.c.id == call.row.id).values(**values).returning(deliveries)
    row = (await call.conn.execute(again)).one()
    await call.audit("webhook.send-again", "message", row.id, call.of.id, None, {"event": row.event})
    return Answer(_message(row))


_P = Permission
_ONE = "/webhooks/{webhook_id}"
ENDPOINTS = [
    Endpoint(
        "webhook.list", "GET", "/webhooks", _P.SETTINGS_READ, list_webhooks, "List webhooks", query=WebhookQuery,
        answer=Page[WebhookView],
    ),
    Endpoint("webhook.show", "GET", _ONE, _P.SETTINGS_READ, show_webhook, "Show a webhook", answer=WebhookView),
    Endpoint(
        "webhook.make", "POST", "/webhooks", _P.SETTINGS_WEBHOOKS, make_webhook, "Make a webhook", NewWebhook,
        answer=NewSecret, status=201, key=Key.NONE,
    ),
    Endpoint(
        "webhook.edit", "PATCH", _ONE, _P.SETTINGS_WEBHOOKS, edit_webhook, "Edit a webhook", WebhookEdit,
        answer=WebhookView,
    ),
    Endpoint(
        "webhook.change-secret", "POST", f"{_ONE}/secret", _P.SETTINGS_WEBHOOKS, change_secret,
        "Make a webhook's key anew", answer=NewSecret, key=Key.NONE,
    ),
    Endpoint("webhook.remove", "DELETE", _ONE, _P.SETTINGS_WEBHOOKS, remove_webhook, "Remove a webhook", status=204),
    Endpoint(
        "webhook.messages", "GET", f"{_ONE}/messages", _P.SETTINGS_READ, list_messages,
        "List what was sent to a webhook", query=MessageQuery, answer=Page[MessageView],
    ),
    Endpoint(
        "webhook.send-again", "POST", "/messages/{message_id}/again", _P.SETTINGS_WEBHOOKS, send_again,
        "Send a message again", answer=MessageView,
    ),
]  # fmt: skip
