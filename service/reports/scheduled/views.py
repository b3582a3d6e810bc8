"""What the API of reports by mail is sent and sends."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from service.api.lists import Paging
from service.api.values import AccountId, Asked, Moment, Text, Told, UserId, Words, zone_of
from service.reports.summary_api import By

RECIPIENTS_MAX = 50
Period = Annotated[
    Literal["daily", "weekly", "monthly"],
    Field(description="The last whole day, week from Monday on, or month, by the zone's clocks"),
]
Hour = Annotated[int, Field(ge=0, le=23, description="Of the day behind the period")]
Zone = Annotated[str, Field(max_length=100, examples=["Europe/Berlin"]), AfterValidator(zone_of)]
Currency = Annotated[str, Field(pattern=r"^([A-Z]{3})?$", description="Of the money; empty: the account's")]
People = Annotated[
    list[UserId], Field(min_length=1, max_length=RECIPIENTS_MAX, description="Users of the account that gets it")
]


class NewSchedule(Asked):
    """A report to mail."""

    name: Words
    by: By = "account"
    account_id: Annotated[
        AccountId | None, Field(description="Of it and all below it; null: the account that gets it")
    ] = None
    currency: Currency = ""
    period: Period = "daily"
    hour: Hour = 6
    zone: Zone = "UTC"
    format: Literal["csv", "xlsx"] = "csv"
    recipients: People
    for_account_id: Annotated[AccountId | None, Field(description="The account that gets it; null: your own")] = None


class ScheduleEdit(Asked):
    """What to change; what is left out stays."""

    name: Words | None = None
    period: Period | None = None
    hour: Hour | None = None
    zone: Zone | None = None
    format: Literal["csv", "xlsx"] | None = None
    recipients: People | None = None
    state: Literal["active", "paused"] | None = None


class ScheduleQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None
    name: Text = ""
    state: Literal["", "active", "paused"] = ""


class ScheduleView(Told):
    """A report that is mailed."""

    id: int
    account_id: Annotated[int, Field(description="The account that gets it")]
    name: str
    query: Annotated[dict[str, Any], Field(description="What is summed up: by, account_id, currency")]
    period: str
    hour: int
    zone: str
    format: str
    recipients: Annotated[list[int], Field(description="Numbers of users")]
    state: Annotated[str, Field(description="active or paused")]
    due_at: Annotated[Moment, Field(validation_alias="due_ms", description="When the next one is mailed")]
    told_until: Annotated[Moment, Field(validation_alias="told_ms", description="The end of the last one's period")]
    actor: str
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    version: int
