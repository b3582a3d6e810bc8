"""What the API of comparisons is sent and sends."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from service.api.files import encoded
from service.api.lists import Paging
from service.api.values import AccountId, Asked, Micros, Moment, Money, Text, Told, When, Words, zone_of
from service.interconnect.reconcile.matching import Class, Sums

FILE_BYTES_MAX = 32 << 20
File = Annotated[
    bytes,
    BeforeValidator(encoded),
    Field(min_length=1, max_length=FILE_BYTES_MAX),
    WithJsonSchema(
        {"type": "string", "contentEncoding": "base64", "description": "CSV, plain or as gzip, or a workbook; 32 MiB"}
    ),
]
Direction = Annotated[Literal["in", "out"], Field(description="in: the partner's calls to us; out: ours to it")]
Kind = Literal["", "duration", "rate", "time", "only_ours", "only_theirs"]


class NewReconciliation(Asked):
    """A partner's call records. What was said once of its files is kept, and need not be said again."""

    account_id: AccountId
    direction: Direction | None = None
    """None: what is sent to a provider, what comes from anybody else."""
    since: Annotated[When, Field(description="Calls that began in this time are compared")]
    until: Annotated[When, Field(description="Exclusive")]
    name: Words = "calls"
    file: File
    columns: Annotated[
        dict[Literal["called", "caller", "start", "answer", "date", "time", "duration", "amount"], Text],
        Field(default_factory=dict, description="The header's name by what it is"),
    ]
    zone: Annotated[
        Annotated[str, AfterValidator(zone_of), Field(max_length=100, examples=["Europe/Berlin"])] | None,
        Field(description="Of times that name none; at first UTC"),
    ] = None
    date_order: Literal["dmy", "mdy"] | None = None
    duration_unit: Literal["s", "ms", "min"] | None = None
    tech_prefixes: Annotated[
        list[Annotated[str, Field(pattern=r"^[0-9+#*]{1,12}$")]] | None,
        Field(max_length=20, description="What stands before their numbers"),
    ] = None
    sheet: Text | None = None
    time_s: Annotated[int, Field(ge=0, le=300, description="So far apart a call's moments may be")] = 5
    duration_s: Annotated[int, Field(ge=0, le=60, description="Likewise its lengths")] = 0
    money: Annotated[Micros, Field(ge=0, le=10**9, description="Likewise its amounts")] = 100

    def answers(self) -> dict[str, Any]:
        """Those that are given."""
        names = {"zone", "date_order", "duration_unit", "tech_prefixes", "sheet"}
        found = self.model_dump(include=names, exclude_none=True)
        return found | ({"columns": dict(self.columns)} if self.columns else {})


class ClassView(Told):
    """What the two sides say of one kind of calls."""

    kind: Annotated[
        str,
        Field(
            description="matched, duration, rate, time (another hour than the calls about it), only_ours, only_theirs"
        ),
    ]
    calls: int
    our_seconds: int
    their_seconds: int
    ours: Money
    theirs: Money
    at_stake: Annotated[Money, Field(description="What they count more than we do")]

    @classmethod
    def of(cls, kind: str, sums: Sums) -> ClassView:
        """Of a class."""
        return cls(
            kind=kind, calls=sums.calls, our_seconds=sums.ours_ms // 1000, their_seconds=sums.theirs_ms // 1000,
            ours=sums.ours_micros, theirs=sums.theirs_micros, at_stake=sums.stake_micros,
        )  # fmt: skip


class ShiftView(Told):
    """By how much a part of the file is off."""

    since: Annotated[Moment, Field(validation_alias="from_ms", description="By our clock; null: from its beginning")]
    minutes: Annotated[int, Field(description="So much later the file has its calls")]
    calls: int


class ReconciliationView(Told):
    """A comparison, as a list has it."""

    id: int
    account_id: int
    direction: str
    name: str
    since: Annotated[Moment, Field(validation_alias="since_ms")]
    until: Annotated[Moment, Field(validation_alias="until_ms")]
    currency: str
    differences: int
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]


class ReconciliationText(ReconciliationView):
    """A comparison with what came of it."""

    digest: Annotated[str, Field(description="The file's SHA-256")]
    time_s: int
    duration_s: int
    money: Annotated[Money, Field(validation_alias="money_micros")]
    rows: Annotated[int, Field(description="Of the file, that were compared")]
    unanswered: Annotated[int, Field(description="Rows without time and money, which are not compared")]
    outside: Annotated[int, Field(description="Rows of another time, which are not compared")]
    basis: Annotated[str, Field(description="What their moments are: start or answer")]
    measure: Annotated[str, Field(description="What their lengths are: as measured, rounded up, rounded, cut, billed")]
    clock_s: Annotated[int, Field(description="So much later their clock is")]
    shifts: list[ShiftView]
    columns: dict[str, str]
    amounts: Annotated[bool, Field(description="false: the file names none; ours say what is at stake")]
    notices: list[str]
    classes: list[ClassView]
    kept: Annotated[int, Field(description="Differences that can be looked at; of very many the first ones")]

    @classmethod
    def of(cls, row: Any) -> ReconciliationText:
        """From its row."""
        told = row.told
        values = dict(row._mapping) | told
        values["clock_s"] = round(told["clock_ms"] / 1000)
        values["shifts"] = [
            {"from_ms": one["from_ms"], "minutes": one["shift_ms"] // 60_000, "calls": one["calls"]}
            for one in told["shifts"]
        ]
        values["classes"] = [ClassView.of(kind.value, Sums(**told["classes"][kind.value])) for kind in Class]
        return cls.model_validate(values)


class ReconciliationQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None
    direction: Literal["", "in", "out"] = ""


class DifferenceQuery(Paging):
    """Which differences."""

    kind: Kind = ""


class DifferenceView(Told):
    """A call that the two sides say differently."""

    id: int
    kind: str
    call: Annotated[str, Field(description="The key of our record; empty: we have none")]
    line: Annotated[int, Field(description="Of the file; 0: it has none")]
    twin_line: Annotated[int, Field(description="That the line repeats; 0: it repeats none")]
    called: str
    caller: str
    our_answer: Annotated[Moment, Field(validation_alias="our_ms")]
    their_time: Annotated[Moment, Field(validation_alias="their_ms", description="As the file has it")]
    our_duration_ms: int | None
    their_duration_ms: int | None
    ours: Annotated[Money, Field(validation_alias="our_micros")]
    theirs: Annotated[Money, Field(validation_alias="their_micros")]
    shift_min: int
    dispute_id: int | None

    @classmethod
    def of(cls, row: Any) -> DifferenceView:
        """From its row."""
        return cls.model_validate(dict(row._mapping) | {"shift_min": row.shift_ms // 60_000})


class SheetQuery(Asked):
    """Which differences, and as what."""

    kind: Kind = ""
    format: Literal["csv", "xlsx"] = "csv"


class DifferenceSheet(Told):
    """The differences as a file."""

    name: str
    format: str
    content: Annotated[str, Field(description="CSV as text, XLSX as base64")]
