"""What the API of commitments is sent and sends."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from ratebook.money import format_nanos, parse_nanos
from service.api.lists import Paging
from service.api.values import AccountId, Asked, Moment, Money, Text, Told, When, zone_of
from service.interconnect.commitments.rules import STEPS_MAX, Terms, reached
from service.interconnect.commitments.storage import Standing, terms_of
from service.peers.common import Name

MINUTES_MAX = 10**10
_SCHEMA = {"type": "string", "pattern": r"^\d{1,9}(\.\d{1,9})?$", "examples": ["0.0045"]}


def _rate(value: object) -> object:
    """Nano-units of a text. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError('write a rate as text, such as "0.0045"')  # noqa: TRY004 -- pydantic wants ValueError
    return parse_nanos(value) if isinstance(value, str) else value


Rate = Annotated[int, BeforeValidator(_rate), Field(ge=0, le=10**15), WithJsonSchema(_SCHEMA)]
RateTold = Annotated[int, PlainSerializer(format_nanos, return_type=str), WithJsonSchema(_SCHEMA)]
Minutes = Annotated[int, Field(ge=0, le=MINUTES_MAX)]


class NewStep(Asked):
    """From so many minutes on."""

    from_minutes: Minutes
    rate: Annotated[Rate, Field(description="A minute")]


class NewCommitment(Asked):
    """What was agreed on with a partner."""

    account_id: AccountId
    name: Name
    kind: Annotated[
        Literal["steps", "minimum", "swap"],
        Field(description="steps: a rate by volume; minimum: a fee for what is missing; swap: the same for both"),
    ]
    direction: Literal["in", "out", "both"]
    group: Annotated[Text, Field(max_length=200, description="A destination group of the ratebook; empty: all")] = ""
    period: Literal["monthly", "quarterly", "whole"] = "monthly"
    zone: Annotated[str, AfterValidator(zone_of), Field(max_length=100, examples=["Europe/Berlin"])] = "UTC"
    since: Annotated[When, Field(description="Where the first period begins")]
    until: Annotated[When, Field(description="Exclusive")]
    steps: Annotated[list[NewStep], Field(default_factory=list, max_length=STEPS_MAX)]
    whole: Annotated[bool, Field(description="The step that is reached prices all minutes, not only those beyond")] = (
        False
    )
    committed_minutes: Minutes = 0
    rate: Annotated[Rate, Field(description="Of a minute that is missing")] = 0


class StepView(Told):
    """From so many minutes on."""

    from_minutes: int
    rate: RateTold


class CommitmentView(Told):
    """A commitment."""

    id: int
    account_id: int
    name: str
    kind: str
    direction: str
    group: Annotated[str, Field(validation_alias="group_name")]
    period: str
    zone: str
    since: Annotated[Moment, Field(validation_alias="since_ms")]
    until: Annotated[Moment, Field(validation_alias="until_ms")]
    currency: str
    steps: list[StepView]
    whole: bool
    committed_minutes: int
    rate: Annotated[RateTold, Field(validation_alias="rate_nanos")]
    state: Annotated[str, Field(description="active or ended")]
    version: int

    @classmethod
    def of(cls, row: Any) -> CommitmentView:
        """From its row."""
        steps = [{"from_minutes": from_s // 60, "rate": rate} for from_s, rate in row.steps]
        values = dict(row._mapping) | {"steps": steps, "committed_minutes": row.committed_s // 60}
        return cls.model_validate(values)


class ProgressView(Told):
    """A period, as it was settled or as it would be now."""

    since: Moment
    until: Moment
    in_minutes: Annotated[str, Field(description="Billed, of the partner's traffic")]
    out_minutes: Annotated[str, Field(description="Billed, of ours to it")]
    charged: Annotated[Money, Field(description="By the calls' own rates, in the commitment's direction")]
    settlement: Annotated[Money, Field(description="Positive: the partner owes us more")]
    missing_minutes: Annotated[str, Field(description="To what was committed, or to the next step; 0: none")]
    settled_at: Annotated[Moment, Field(description="null: not yet, it may still change")]
    entry_id: int | None

    @classmethod
    def of(cls, row: Any, found: Standing) -> ProgressView:
        """A period of a commitment."""
        settled = found.settled
        return cls(
            since=found.period.since_ms, until=found.period.until_ms, in_minutes=minutes_text(found.volume.in_s),
            out_minutes=minutes_text(found.volume.out_s), charged=found.volume.charged_micros,
            settlement=found.micros, missing_minutes=minutes_text(_missing_s(terms_of(row), found)),
            settled_at=settled.settled_ms if settled is not None else None,
            entry_id=settled.entry_id if settled is not None else None,
        )  # fmt: skip


def minutes_text(seconds: int) -> str:
    """Minutes with seconds: 12:05."""
    return f"{seconds // 60}:{seconds % 60:02}"


def _missing_s(terms: Terms, found: Standing) -> int:
    directions = ("in", "out") if terms.direction == "both" else (terms.direction,)
    if terms.kind != "steps":
        return sum(max(0, terms.committed_s - found.volume.of(one)) for one in directions)
    volume_s = found.volume.of(terms.direction)
    following = terms.steps[reached(terms, volume_s) + 1 :]
    return following[0].from_s - volume_s if following else 0


class CommitmentText(CommitmentView):
    """A commitment with its periods that have begun."""

    progress: list[ProgressView]


class CommitmentQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None
    state: Literal["", "active", "ended"] = ""


class PeriodAsked(Asked):
    """Which period."""

    since: Annotated[When, Field(description="Its beginning")]
