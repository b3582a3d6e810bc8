"""What the API of products is sent and sends."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from sqlalchemy import Row

from service.api.lists import Paging
from service.api.values import (
    AccountId,
    Asked,
    Micros,
    Moment,
    Money,
    Number,
    Ref,
    TariffId,
    Text,
    Told,
    Words,
    zone_of,
)
from service.ledger.payments import AMOUNT_MAX_MICROS
from service.peers.common import Name

SECONDS_MAX = 1_000_000_000
ProductId = Annotated[Number, Ref("product")]
OfferId = Annotated[Number, Ref("offer")]
NumberId = Annotated[Number, Ref("number")]
SubscriptionId = Annotated[Number, Ref("subscription")]
Kind = Literal["subscription", "rental", "package"]
Price = Annotated[Micros, Field(ge=0, le=AMOUNT_MAX_MICROS)]
Seconds = Annotated[int, Field(ge=0, le=SECONDS_MAX, description="A package's, for each period")]
Content = Annotated[Price, Field(description="A package's, for each period: calls are paid from it")]
Groups = Annotated[list[Words], Field(max_length=100, description="Destination groups; empty: every number")]
Tariffs = Annotated[list[TariffId], Field(max_length=100, description="That calls are priced by; empty: any")]
Priority = Annotated[int, Field(ge=-1_000, le=1_000, description="Of several packages the lower one is used first")]
Offered = Annotated[bool, Field(description="Accounts that pay its seller may take it themselves")]
Rollover = Annotated[int, Field(ge=0, le=12, description="Further periods in which what is left may be used")]
RetryDays = Annotated[int, Field(ge=0, le=365, description="Of `retry`: then it ends; 0: never")]
FirstPeriod = Annotated[
    Literal["full", "days"], Field(description="What a first period costs that is shorter: all, or its days' share")
]
Refund = Annotated[
    Literal["none", "days"], Field(description="What comes back of a period: nothing, or the share of its days left")
]
WithoutFunds = Annotated[
    Literal["retry", "suspend", "end"],
    Field(description="Suspended and asked for each hour; suspended until somebody resumes it; ended"),
]


class ProductView(Told):
    """Something that a seller offers."""

    id: int
    account_id: Annotated[int, Field(description="Who sells it")]
    name: str
    kind: str
    description: str
    price: Annotated[Money, Field(validation_alias="price_micros", description="Of a period")]
    setup: Annotated[Money, Field(validation_alias="setup_micros", description="Once, at the start")]
    currency: str
    period: str
    anchor: str
    day: int
    zone: str
    first_period: str
    refund: str
    renews: bool
    forced: bool
    without_funds: str
    retry_days: int
    seconds: int
    money: Money
    groups: list[str]
    tariff_ids: list[int]
    covers_fees: bool
    priority: int
    rollover_periods: int
    offered: Offered
    state: Annotated[str, Field(description="active, or withdrawn: nobody can begin with it any more")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    version: int


def product_view(row: Row[Any]) -> ProductView:
    """Of a row of `products`."""
    return ProductView.model_validate({**row._mapping, **content_of(row)})


def content_of(row: Row[Any]) -> dict[str, int]:
    """What a package grants, as the API says it."""
    return {"seconds": 0 if row.money else row.amount, "money": row.amount if row.money else 0}


class ProductQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None
    kind: Literal["", "subscription", "rental", "package"] = ""
    state: Literal["", "active", "withdrawn"] = ""
    name: Text = ""


class NewProduct(Asked):
    """Something to offer."""

    account_id: AccountId
    name: Name
    kind: Kind
    description: Text = ""
    price: Price
    setup: Price = 0
    currency: Annotated[str | None, Field(pattern=r"^[A-Z]{3}$", description="null: the seller's")] = None
    period: Literal["day", "week", "month", "quarter", "year"] = "month"
    anchor: Annotated[
        Literal["start", "calendar"], Field(description="Periods begin with the subscription, or at midnight of `day`")
    ] = "start"
    day: Annotated[int, Field(ge=1, le=28, description="Of the calendar's month; of a week 1 (Monday) to 7")] = 1
    zone: Annotated[str, AfterValidator(zone_of), Field(max_length=100)] = "UTC"
    first_period: FirstPeriod = "full"
    refund: Refund = "none"
    renews: Annotated[bool, Field(description="By itself, until it is cancelled")] = True
    forced: Annotated[bool, Field(description="Owed whatever is there; else only if it can be paid")] = False
    without_funds: WithoutFunds = "suspend"
    retry_days: RetryDays = 7
    seconds: Seconds = 0
    money: Content = 0
    groups: Groups = Field(default_factory=list)
    tariff_ids: Tariffs = Field(default_factory=list)
    covers_fees: Annotated[bool, Field(description="Calls in it pay neither connect fee nor minimum charge")] = True
    priority: Priority = 0
    rollover_periods: Rollover = 0
    offered: Offered = False


class ProductEdit(Asked):
    """What to change; what is left out stays. Prices and contents hold from the next period on, the rest at once."""

    name: Name | None = None
    description: Text | None = None
    price: Price | None = None
    setup: Price | None = None
    first_period: FirstPeriod | None = None
    refund: Refund | None = None
    renews: bool | None = None
    forced: bool | None = None
    without_funds: WithoutFunds | None = None
    retry_days: RetryDays | None = None
    seconds: Seconds | None = None
    money: Content | None = None
    groups: Groups | None = None
    tariff_ids: Tariffs | None = None
    covers_fees: bool | None = None
    priority: Priority | None = None
    rollover_periods: Rollover | None = None
    offered: Offered | None = None
    state: Literal["active", "withdrawn"] | None = None


class SubscriptionView(Told):
    """An account's use of a product."""

    id: int
    product_id: int
    product: str
    kind: str
    account_id: int
    number_id: Annotated[int | None, Field(description="What is rented; null: nothing")]
    price: Annotated[Money, Field(description="Of a further period")]
    currency: str
    state: Annotated[
        str, Field(description="starting: the call path has not answered yet; active; suspended; ended; refused")
    ]
    reason: Annotated[str, Field(description="Why it is suspended, ended or refused")]
    paid_from: Annotated[Moment, Field(validation_alias="from_ms")]
    paid_until: Annotated[Moment, Field(validation_alias="until_ms", description="Exclusive: the next renewal")]
    next_at: Annotated[
        Moment, Field(validation_alias="next_ms", description="When it is looked after; null: not by itself")
    ]
    ends: Annotated[bool, Field(description="With the period that is paid")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    version: int


class SubscriptionQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None
    product_id: ProductId | None = None
    state: Literal["", "starting", "active", "suspended", "ended", "refused"] = ""


class OfferView(Told):
    """What the own account's seller offers it."""

    id: int
    name: str
    kind: str
    description: str
    price: Annotated[Money, Field(validation_alias="price_micros", description="Of a period, with the taxes added")]
    setup: Annotated[Money, Field(validation_alias="setup_micros", description="Once, at the start, with its taxes")]
    tax: Annotated[Money, Field(description="Of both, taxes that are added to the account's prices")]
    currency: str
    period: str
    anchor: str
    day: int
    zone: str
    first_period: str
    renews: bool
    without_funds: str
    retry_days: int
    seconds: int
    money: Money
    groups: list[str]
    covers_fees: bool
    rollover_periods: int


class OfferQuery(Paging):
    """Which ones."""

    kind: Literal["", "subscription", "rental", "package"] = ""
    name: Text = ""


class Taking(Asked):
    """An offer for the own account, from now on."""

    offer_id: OfferId
    number_id: Annotated[NumberId | None, Field(description="Of a rental: the account's number")] = None


class NewSubscription(Asked):
    """A product for an account, from now on."""

    product_id: ProductId
    account_id: AccountId
    number_id: Annotated[NumberId | None, Field(description="Of a rental: the account's number")] = None


class Cancellation(Asked):
    """When it ends."""

    at: Annotated[Literal["period_end", "now"], Field(description="now: with what the product refunds")] = "period_end"


class FeeView(Told):
    """What a subscription was charged."""

    id: int
    kind: Annotated[str, Field(description="setup, period or refund")]
    period_from: Annotated[Moment, Field(validation_alias="from_ms")]
    period_until: Annotated[Moment, Field(validation_alias="until_ms")]
    amount: Annotated[Money, Field(validation_alias="amount_micros", description="Below zero: the account got it back")]
    currency: str
    entry_id: int | None
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]


class PackageView(Told):
    """What a package gave an account for a period. Of seconds or of money: the other three are null."""

    id: int
    subscription_id: int
    product_id: int
    product: str
    account_id: int
    granted_s: int | None
    taken_s: Annotated[int | None, Field(description="By calls that have ended")]
    left_s: int | None
    granted: Money | None
    taken: Money | None
    left: Money | None
    usable_from: Annotated[Moment, Field(validation_alias="from_ms")]
    usable_until: Annotated[Moment, Field(validation_alias="until_ms")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]


class PackageQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None
    subscription_id: SubscriptionId | None = None
    open: Annotated[bool | None, Field(description="Not over for longer than a day")] = None


class PackageCorrection(Asked):
    """More, or less (negative), of what it granted: seconds or money, as it gives."""

    seconds: Annotated[int, Field(ge=-SECONDS_MAX, le=SECONDS_MAX)] = 0
    money: Annotated[Micros, Field(ge=-AMOUNT_MAX_MICROS, le=AMOUNT_MAX_MICROS)] = 0
    reason: Words
