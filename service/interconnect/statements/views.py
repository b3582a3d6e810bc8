"""What the API of statements is sent and sends."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from service.api.lists import Paging
from service.api.values import AccountId, Asked, Moment, Money, Told, When, Words
from service.interconnect.statements.sums import Sums


class NewStatement(Asked):
    """A statement of all calls that have ended by a moment and are on none yet."""

    account_id: AccountId
    until: Annotated[When, Field(description="Exclusive")]
    since: Annotated[
        When | None, Field(description="Of the first statement; every other one begins where the one before it ends")
    ] = None


class SideView(Told):
    """One direction."""

    calls: int
    amount: Money
    corrected: Annotated[Money, Field(description="Of calls on earlier statements that were rated again since")]
    total: Money
    tax: Annotated[Money, Field(description="Of the total, taxes that were added to prepaid prices")]


class StatementPreview(Told):
    """What a statement would say now."""

    currency: str
    ours: Annotated[SideView, Field(description="What the partner owes for its traffic to us")]
    theirs: Annotated[SideView, Field(description="What it is owed for our traffic to it, at its own tariff")]
    adjusted: Annotated[Money, Field(description="By disputes and commitments; positive: the partner owes more")]
    net: Annotated[Money, Field(description="Positive: the partner pays")]

    @classmethod
    def of(cls, sums: Sums, currency: str) -> StatementPreview:
        """From sums."""
        ours, theirs = (
            SideView(
                calls=side.calls, amount=side.micros, corrected=side.corrected_micros, total=side.total_micros,
                tax=side.tax_micros + side.corrected_tax_micros,
            )
            for side in sums[:2]
        )  # fmt: skip
        adjusted = sums.adjusted_micros
        return cls(currency=currency, ours=ours, theirs=theirs, adjusted=adjusted, net=sums.net_micros)


class StatementView(StatementPreview):
    """A statement that was issued."""

    id: int
    account_id: int
    number: str
    since: Annotated[Moment, Field(validation_alias="since_ms")]
    until: Annotated[Moment, Field(validation_alias="until_ms")]
    issued_at: Annotated[Moment, Field(validation_alias="issued_ms")]
    settled_at: Annotated[Moment, Field(validation_alias="settled_ms", description="null: not yet")]
    entry_id: Annotated[int | None, Field(description="That settled it")]

    @classmethod
    def from_row(cls, row: Any) -> StatementView:
        """With what settled it, if the row has that."""
        values: dict[str, Any] = {"settled_ms": None, "entry_id": None} | dict(row._mapping)
        for name, side in (("ours", "in"), ("theirs", "out")):
            calls, micros, corrected = (values[f"{side}_{one}"] for one in ("calls", "micros", "corrected_micros"))
            tax = row.in_tax_micros + row.in_corrected_tax_micros if side == "in" else 0
            values[name] = SideView(calls=calls, amount=micros, corrected=corrected, total=micros + corrected, tax=tax)
        return cls.model_validate(values | {"net": row.net_micros, "adjusted": row.adjusted_micros})


class StatementLine(Told):
    """A destination."""

    direction: str
    destination: str
    calls: int
    seconds: int
    billed_s: int
    amount: Annotated[Money, Field(validation_alias="micros")]
    tax: Annotated[Money, Field(validation_alias="tax_micros", description="Of it")]


class StatementText(StatementView):
    """A statement with its lines."""

    lines: list[StatementLine]


class StatementQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None


class StatementCallQuery(Paging):
    """Which of its calls."""

    direction: Literal["", "in", "out"] = ""


class StatementCall(Told):
    """A call on a statement."""

    call: str
    answered_at: Annotated[Moment, Field(validation_alias="answer_ms")]
    ended_at: Annotated[Moment, Field(validation_alias="end_ms")]
    destination: str
    duration_ms: int
    ours: Annotated[Money, Field(description="What the partner owes for it")]
    tax: Annotated[Money, Field(validation_alias="tax_micros", description="Of that")]
    theirs: Annotated[Money, Field(description="What it is owed")]


class Settlement(Asked):
    """How it was paid."""

    reason: Words
