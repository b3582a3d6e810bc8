"""What the API of notices is sent and sends."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.api.lists import Paging
from service.api.values import AccountId, Asked, Moment, TariffId, Told

FileFormat = Literal["csv", "xlsx"]
CHANGES_SHOWN_MAX = 1_000


class NoticeTerms(Asked):
    """How rates that change are told. All of it: what is left out is as if nobody had said anything."""

    sends: Annotated[bool, Field(description="As a seller: whether customers are told of their rates that change")] = (
        False
    )
    days: Annotated[int, Field(ge=0, le=365, description="So many days ahead; publishing warns of less")] = 7
    format: Annotated[FileFormat, Field(description="Of the file beside the mail")] = "csv"
    wait_minutes: Annotated[
        int, Field(ge=0, le=10_080, description="At least so long after publishing, for a look at it")
    ] = 15
    gets: Annotated[bool, Field(description="As a customer: whether the account's people are told")] = True
    gets_format: Annotated[Literal["", "csv", "xlsx"], Field(description="Empty: as its seller says")] = ""


class NoticeTermsView(Told):
    """How rates that change are told."""

    sends: bool
    days: int
    format: str
    wait_minutes: int
    gets: bool
    gets_format: str
    version: Annotated[int, Field(description="0: nobody has said anything")]


class NoticeQuery(Paging):
    """Which notices."""

    account_id: Annotated[AccountId | None, Field(description="Of this seller")] = None
    tariff_id: TariffId | None = None
    state: Literal["", "waiting", "gathering", "sending", "done", "cancelled", "failed"] = ""


class NoticeView(Told):
    """A tariff's new version, as those are told of it who pay by it; or another tariff, as an account is told of it."""

    id: int
    account_id: Annotated[int, Field(description="The seller")]
    tariff_id: int
    tariff: str
    publication_id: Annotated[int | None, Field(description="That waits for its moment; null: it was done at once")]
    payer_id: Annotated[int | None, Field(description="The account that came to the tariff; null: all who pay by it")]
    before: Annotated[str, Field(description="The version until then; empty: not known before it is due")]
    after: str
    takes_at: Annotated[Moment, Field(validation_alias="takes_ms", description="When the version comes into force")]
    effective_at: Annotated[Moment, Field(validation_alias="effective_ms", description="When the first price moves")]
    due_at: Annotated[Moment, Field(validation_alias="due_ms", description="When it is sent")]
    state: Annotated[str, Field(description="waiting, gathering, sending, done, cancelled or failed")]
    changes: Annotated[int, Field(description="Rows of the file; 0 before it begins")]
    accounts: Annotated[int, Field(description="Whose prices change; counted when it begins")]
    unreached: Annotated[int, Field(description="Of these, those with nobody who may see tariffs")]
    reason: Annotated[str, Field(description="Why it was cancelled, or failed")]
    actor: Annotated[str, Field(description="Who published")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    done_at: Annotated[Moment, Field(validation_alias="done_ms")]
    version: int


class NoticeCount(Told):
    """How far it is."""

    notice: NoticeView
    payers: Annotated[int, Field(description="Accounts that would be told if it began now")]
    mails: Annotated[dict[str, int], Field(description="By state, once it has begun")]


class NamedThing(Told):
    """A trunk, device or number with a tariff of its own."""

    noun: Annotated[str, Field(description="trunk, device or number")]
    name: str


class Payer(Told):
    """An account whose prices change, and who would read of it."""

    account_id: int
    account: str
    recipients: list[str]
    things: Annotated[list[NamedThing], Field(description="What of it the prices are for; empty: the account")]
    further: Annotated[int, Field(description="So many more than are named")]


class NoticeSample(Told):
    """Some of those who would get it."""

    payers: int
    sample: list[Payer]


class ChangedRate(Told):
    """A line of the file."""

    prefix: str
    destination: str
    direction: Annotated[str, Field(description="New, Increase, Decrease, Changed or Closed")]
    before: Annotated[str, Field(description="A minute until then; empty: it can't be called")]
    after: Annotated[str, Field(description="A minute from then on; empty: likewise")]
    increments_before: str
    increments_after: str
    effective_at: Moment
    until: Moment
    band: Annotated[str, Field(description="Of the hours; empty: outside of all bands")]


class ChangedRates(Told):
    """What a notice tells of."""

    currency: str
    total: int
    counts: Annotated[dict[str, int], Field(description="By direction")]
    items: Annotated[list[ChangedRate], Field(description=f"The first {CHANGES_SHOWN_MAX}")]


class ToAccount(Asked):
    """Whose mail."""

    account_id: AccountId
