"""What the API of disputes is sent and sends."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from service.api.lists import Paging
from service.api.values import AccountId, Asked, Micros, Moment, Money, ReconciliationId, StatementId, Text, Told, Words

Kind = Literal["duration", "rate", "time", "only_ours", "only_theirs"]


class NewDispute(Asked):
    """What is disputed: differences of a comparison, or an amount said by hand."""

    subject: Words
    reconciliation_id: ReconciliationId | None = None
    kinds: Annotated[
        tuple[Kind, ...],
        Field(min_length=1, max_length=5, description="Of its differences, those that are in no dispute yet"),
    ] = ("duration", "rate", "only_theirs")
    account_id: Annotated[AccountId | None, Field(description="By hand: the partner")] = None
    direction: Annotated[
        Literal["in", "out"] | None,
        Field(description="By hand. out: it charges us too much; in: it says that we do"),
    ] = None
    amount: Annotated[Micros | None, Field(description="By hand")] = None
    due_days: Annotated[int, Field(ge=1, le=365, description="So many days it has for an answer")] = 15


class DisputeView(Told):
    """A dispute."""

    id: int
    account_id: int
    direction: str
    subject: str
    currency: str
    amount: Annotated[Money, Field(validation_alias="amount_micros")]
    agreed: Annotated[Money, Field(validation_alias="agreed_micros")]
    state: Annotated[str, Field(description="open, sent, answered, accepted, partly, rejected, closed")]
    reconciliation_id: int | None
    statement_id: Annotated[
        int | None, Field(description="That the partner disputes itself; null: it was opened from above")
    ]
    entry_id: Annotated[int | None, Field(description="That settled it")]
    opened_at: Annotated[Moment, Field(validation_alias="opened_ms")]
    due_at: Annotated[Moment, Field(validation_alias="due_ms")]
    changed_at: Annotated[Moment, Field(validation_alias="changed_ms")]
    version: int


class NoteView(Told):
    """A part of the correspondence."""

    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    actor: Annotated[str, Field(description="`above`: somebody outside your subtree")]
    state: Annotated[str, Field(description="That the dispute was in afterwards")]
    text: str
    internal: bool


class DisputeText(DisputeView):
    """A dispute with its correspondence."""

    differences: Annotated[int, Field(description="Calls that it is about; 0: it was opened by hand")]
    notes: list[NoteView]


class DisputeQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None
    state: Literal["", "open", "sent", "answered", "accepted", "partly", "rejected", "closed"] = ""
    statement_id: Annotated[StatementId | None, Field(description="That its partner disputes")] = None
    waits: Annotated[
        bool | None, Field(description="Opened by a partner that waits for an answer from above, or all others")
    ] = None


class NewObjection(Asked):
    """What a partner disputes of its statement: by how much it says that it is charged too much, or owed more."""

    subject: Words
    direction: Annotated[
        Literal["in", "out"] | None,
        Field(description="in: the own calls cost too much; out: more is owed for calls that were received"),
    ] = None
    amount: Micros
    text: Annotated[Text, Field(min_length=1, description="Why")]
    due_days: Annotated[int, Field(ge=1, le=365, description="So many days there are for an answer")] = 15


class Reply(Asked):
    """What a partner writes."""

    text: Annotated[Text, Field(min_length=1)]


class Withdrawal(Asked):
    """Why a partner takes its dispute back."""

    text: Annotated[Text, Field(description="Why; it may be left empty")] = ""


class NewNote(Asked):
    """Something that was said or written."""

    text: Annotated[Text, Field(min_length=1)]
    internal: Annotated[bool, Field(description="Not for the partner's eyes")] = False


class Move(Asked):
    """What comes next."""

    state: Literal["sent", "answered", "accepted", "partly", "rejected", "closed"]
    text: Annotated[Text, Field(min_length=1, description="Why")]
    agreed: Annotated[Micros | None, Field(description="Of `partly`: how much")] = None


class SettleDispute(Asked):
    """How it is made good."""

    credit_note: Annotated[
        Text,
        Field(description="The number of one that was issued to the partner; empty: an adjustment is posted"),
    ] = ""


class Age(Told):
    """Disputes of an age."""

    currency: str
    days: Annotated[str, Field(examples=["16-30"])]
    disputes: int
    amount: Money


class Aging(Told):
    """What is not settled yet."""

    items: list[Age]


class AgingQuery(Asked):
    """Of whom."""

    account_id: AccountId | None = None


def view_of(row: Any) -> DisputeView:
    """From its row."""
    return DisputeView.model_validate(row)
