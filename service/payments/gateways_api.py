"""The API of payment gateways: a seller's, the top-ups of its customers, and what gateways tell."""

from __future__ import annotations

import re
import secrets
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field, field_validator

from ratebook.money import format_micros
from service.access.actor import local_actor
from service.access.audit import Change
from service.access.audit import write as write_audit
from service.access.permissions import Permission
from service.accounts.storage import seller_of
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key, Open
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.problems import Problem, invalid, not_found
from service.api.values import AccountId, Asked, Micros, Moment, Money, Number, Ref, Told, Words
from service.database.payment_tables import gateway_events, payment_gateways, top_ups
from service.ledger.api import check_amount
from service.ledger.payments import payment_problem
from service.payments.stripe import BadMessage, check_signature, decimals_of, parse
from service.payments.top_ups import take
from service.peers.common import changes_of
from service.sellers.brand import check_sells

EVENT_BYTES_MAX = 1 << 18
Link = Annotated[str, Field(pattern=r"^https://[^\s\x00-\x1f\x7f]{1,500}$", examples=["https://buy.stripe.com/abc"])]
Secret = Annotated[str, Field(min_length=16, max_length=200, pattern=r"^[\x21-\x7e]+$")]


class GatewayView(Told):
    """Where customers pay."""

    id: int
    account_id: Annotated[int, Field(description="The seller")]
    name: str
    kind: str
    link: str
    can_ask: Annotated[bool, Field(validation_alias="api_key", description="It has a key to ask for payments by")]
    active: bool
    version: int

    @field_validator("can_ask", mode="before")
    @classmethod
    def _has_key(cls, value: object) -> bool:
        return bool(value)


class GatewayQuery(Paging):
    """Whose."""

    account_id: AccountId | None = None


class NewGateway(Asked):
    """A Stripe payment link, and what its messages are signed with. They come to
    /api/v1/payment-gateways/NUMBER/events.
    """

    account_id: Annotated[AccountId, Field(description="The seller")]
    name: Words
    link: Annotated[Link, Field(description="A payment link whose price the customer chooses")]
    secret: Annotated[Secret, Field(description="Of the webhook endpoint at Stripe: whsec_…. Never shown again")]
    api_key: Annotated[
        Annotated[str, Field(pattern=r"^([\x21-\x7e]{16,200})?$")],
        Field(description="For recharges: a restricted key that may write PaymentIntents and Checkout Sessions"),
    ] = ""


class GatewayEdit(Asked):
    """What to change; what is left out stays."""

    link: Link | None = None
    secret: Secret | None = None
    api_key: Annotated[str | None, Field(pattern=r"^([\x21-\x7e]{16,200})?$")] = None
    active: bool | None = None


class NewTopUp(Asked):
    """What is to be paid."""

    gateway_id: Annotated[Number, Ref("payment-gateway")]
    amount: Micros


class TopUpView(Told):
    """What is to be paid, or was."""

    id: int
    account_id: int
    amount: Annotated[Money, Field(validation_alias="amount_micros")]
    currency: str
    state: Annotated[str, Field(description="open or paid")]
    external: Annotated[str, Field(description="The gateway's name for the payment; empty: it is not paid")]
    returned: Annotated[Money, Field(validation_alias="returned_micros", description="Refunded or taken back since")]
    entry_id: int | None
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]


class OpenTopUp(TopUpView):
    """With where to pay it."""

    link: str


class TopUpQuery(Paging):
    """Whose."""

    account_id: AccountId | None = None


class EventView(Told):
    """What a gateway has told, and what became of it."""

    id: int
    gateway_id: int
    event: str
    kind: str
    outcome: str
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]


class EventQuery(Paging):
    """Of whose gateways."""

    account_id: AccountId | None = None


class Taken(Told):
    """It need not be sent again."""

    outcome: str


_LISTING = Listing(
    "payment-gateway", {"id": payment_gateways.c.id}, {"account_id": equals(payment_gateways.c.account_id)}
)
_TOP_UPS = Listing(
    "top-up", {"-id": top_ups.c.id, "amount": top_ups.c.amount_micros}, {"account_id": equals(top_ups.c.account_id)}
)
_EVENTS = Listing(
    "gateway-event",
    {"-id": gateway_events.c.id},
    {"account_id": lambda number: gateway_events.c.gateway_id.in_(
        sa.select(payment_gateways.c.id).where(payment_gateways.c.account_id == number)
    )},
)  # fmt: skip


async def list_gateways(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[GatewayView](items=[GatewayView.model_validate(row) for row in rows], next=following))


async def show_gateway(call: Call) -> Answer:
    """One. Its secret is shown to nobody."""
    view = GatewayView.model_validate(call.row)
    return Answer(view, version=view.version)


async def make_gateway(call: Call) -> Answer:
    """Of a seller."""
    body: NewGateway = call.body
    seller = await call.find("account", body.account_id, to_change=True)
    check_sells(seller)
    made = sa.insert(payment_gateways).values(**body.model_dump(), kind="stripe").returning(payment_gateways)
    view = GatewayView.model_validate((await call.conn.execute(made)).one())
    await call.audit("payment-gateway.make", "payment-gateway", view.id, seller.id, None, view)
    return Answer(view, version=view.version)


async def edit_gateway(call: Call) -> Answer:
    """One that is off takes no messages and no top-ups."""
    call.check_match(call.row.version)
    table = payment_gateways
    edited = (
        sa.update(table)
        .where(table.c.id == call.row.id)
        .values(**changes_of(call.body, set()), version=table.c.version + 1)
    )
    view = GatewayView.model_validate((await call.conn.execute(edited.returning(table))).one())
    before = GatewayView.model_validate(call.row)
    await call.audit("payment-gateway.edit", "payment-gateway", view.id, view.account_id, before, view)
    return Answer(view, version=view.version)


async def list_events(call: Call) -> Answer:
    """A page of them, the latest first: what was refused waits for somebody to look at it."""
    rows, following = await page_of(call, _EVENTS)
    return Answer(Page[EventView](items=[EventView.model_validate(row) for row in rows], next=following))


async def list_top_ups(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _TOP_UPS)
    return Answer(Page[TopUpView](items=[TopUpView.model_validate(row) for row in rows], next=following))


async def make_top_up(call: Call) -> Answer:
    """To be paid at the link; the balance has it when the gateway says so."""
    body: NewTopUp = call.body
    check_amount(body.amount)
    problem = payment_problem(body.amount, call.row.kind, call.row.state)
    if problem is not None:
        raise Problem("conflict", problem)
    query = sa.select(payment_gateways).where(payment_gateways.c.id == body.gateway_id)
    gateway = (await call.conn.execute(query)).first()
    if gateway is None or not gateway.active or gateway.account_id != await seller_of(call.conn, call.row):
        raise invalid("/gateway_id", f"the account's seller has no gateway {body.gateway_id}")
    if body.amount % 10 ** (6 - decimals_of(call.row.currency)):
        raise invalid("/amount", f"{call.row.currency} can't be paid to so many decimals")
    values = {
        "account_id": call.row.id, "gateway_id": gateway.id, "reference": f"kb_{secrets.token_urlsafe(18)}",
        "amount_micros": body.amount, "currency": call.row.currency, "created_ms": call.now_ms,
    }  # fmt: skip
    row = (await call.conn.execute(sa.insert(top_ups).values(**values).returning(top_ups))).one()
    view = TopUpView.model_validate(row)
    await call.audit("top-up.make", "top-up", view.id, call.row.id, None, view)
    mark = "&" if "?" in gateway.link else "?"
    link = f"{gateway.link}{mark}client_reference_id={row.reference}"
    return Answer(OpenTopUp.model_validate({**row._mapping, "link": link}))


async def take_event(call: Call) -> Answer:
    """What the gateway tells, by its signature. Told twice, it has its effect once."""
    number = call.asking.parameters["gateway"]
    if not re.fullmatch(r"[0-9]{1,18}", number):
        raise not_found()
    query = sa.select(payment_gateways).where(payment_gateways.c.id == int(number))
    gateway = (await call.conn.execute(query)).first()
    if gateway is None or not gateway.active:
        raise not_found()
    try:
        check_signature(call.asking.signature, call.asking.body, gateway.secret, call.now_ms // 1000)
        told = parse(call.asking.body)
    except BadMessage as fault:
        raise Problem("bad-header", str(fault)) from fault
    outcome = await take(call.conn, call.node, gateway, told, call.now_ms)
    change = Change("payment-gateway.event", "payment-gateway", gateway.id, gateway.account_id, None, {
        "event": told.event, "kind": told.kind, "amount": format_micros(told.amount_minor), "outcome": outcome,
    })  # fmt: skip
    await write_audit(call.conn, local_actor("gateway"), change, call.now_ms)
    call.changes += 1
    return Answer(Taken(outcome=outcome))


_P = Permission
_ONE = "/payment-gateways/{payment_gateway_id}"
ENDPOINTS = [
    Endpoint(
        "payment-gateway.list", "GET", "/payment-gateways", _P.PAYMENTS_READ, list_gateways, "List payment gateways",
        query=GatewayQuery, answer=Page[GatewayView], for_paid=True,
    ),
    Endpoint(
        "payment-gateway.show", "GET", _ONE, _P.PAYMENTS_READ, show_gateway, "Show a payment gateway",
        answer=GatewayView,
    ),
    Endpoint(
        "payment-gateway.make", "POST", "/payment-gateways", _P.SETTINGS_WEBHOOKS, make_gateway,
        "Add a payment gateway", NewGateway, answer=GatewayView, status=201, for_paid=True,
    ),
    Endpoint(
        "payment-gateway.edit", "PATCH", _ONE, _P.SETTINGS_WEBHOOKS, edit_gateway,
        "Edit a payment gateway", GatewayEdit,
        answer=GatewayView,
    ),
    Endpoint(
        "payment-gateway.events", "GET", "/payment-gateway-events", _P.PAYMENTS_CHANGE, list_events,
        "List what payment gateways have told", query=EventQuery, answer=Page[EventView], for_paid=True,
    ),
    Endpoint(
        "payment-gateway.take", "POST", "/payment-gateways/{gateway}/events", Open.PUBLIC, take_event,
        "Take what a payment gateway tells", answer=Taken, key=Key.NONE, body_bytes_max=EVENT_BYTES_MAX,
    ),
    Endpoint(
        "top-up.list", "GET", "/top-ups", _P.PAYMENTS_READ, list_top_ups, "List top-ups", query=TopUpQuery,
        answer=Page[TopUpView],
    ),
    Endpoint(
        "top-up.make", "POST", "/accounts/{account_id}/top-ups", _P.PAYMENTS_TOP_UP, make_top_up, "Begin a top-up",
        NewTopUp, answer=OpenTopUp, status=201,
    ),
]  # fmt: skip
