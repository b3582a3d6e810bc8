"""The API of the doctor's nights: runs with what each check found, and faults from raised to mended. The operator's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.values import Moment, Told
from service.database.nightly_tables import doctor_faults, doctor_runs

Said = Annotated[tuple[Any, ...], Field(exclude=True)]
"""The detail as `Sentence.to_record` gives it, for pages, which tell it in their reader's language. Empty: of a run
that an older release made."""


class CheckView(Told):
    """One rule."""

    name: str
    ok: bool
    detail: Annotated[str, Field(description="What was found; of a broken one also what to do")]
    is_warning: Annotated[bool, Field(description="It holds, and somebody should look all the same")]
    said: Said = ()


class RunView(Told):
    """A night's look at everything."""

    id: int
    night: Annotated[str, Field(description="The local date of its hour", examples=["2026-11-27"])]
    node: Annotated[str, Field(description="Whose service made it")]
    started_at: Annotated[Moment, Field(validation_alias="started_ms")]
    finished_at: Annotated[Moment, Field(validation_alias="finished_ms", description="null: not yet")]
    ok: Annotated[bool, Field(description="Every rule holds; false until it is finished")]
    failed: Annotated[int, Field(description="Checks that found a fault")]


class RunText(RunView):
    """With all its checks."""

    checks: list[CheckView]


class RunQuery(Paging):
    """Which runs."""

    ok: Annotated[bool | None, Field(description="null: all")] = None


class FaultView(Told):
    """A rule that was broken, told once."""

    id: int
    name: Annotated[str, Field(description="Of the check")]
    detail: Annotated[str, Field(description="As the last run has it")]
    said: Said = ()
    run_id: Annotated[int, Field(description="That found it first")]
    seen_run_id: Annotated[int, Field(description="That found it last")]
    raised_at: Annotated[Moment, Field(validation_alias="raised_ms")]
    mended_at: Annotated[Moment, Field(validation_alias="mended_ms", description="null: it stands")]


class FaultQuery(Paging):
    """Which faults."""

    state: Literal["", "standing", "mended"] = ""


def _state(wanted: str) -> sa.ColumnElement[bool]:
    stands = doctor_faults.c.mended_ms == 0
    return stands if wanted == "standing" else ~stands


_RUNS = Listing("doctor-run", {"-id": doctor_runs.c.id}, {"ok": equals(doctor_runs.c.ok)})
_SEEN = doctor_runs.c.id == doctor_faults.c.seen_run_id
_LAST = sa.select(doctor_faults, doctor_runs.c.checks).join(doctor_runs, _SEEN)
_FAULTS = Listing("doctor-fault", {"-id": doctor_faults.c.id}, {"state": _state}, select=_LAST)


def _values(row: Any) -> dict[str, Any]:
    return {**row._mapping, "failed": sum(not check["ok"] for check in row.checks)}


def _said(name: str, checks: Sequence[dict[str, Any]]) -> list[Any]:
    """Of a check, as a run has it."""
    return next((check["said"] for check in checks if check["name"] == name and "said" in check), [])


async def list_runs(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _RUNS)
    return Answer(Page[RunView](items=[RunView.model_validate(_values(row)) for row in rows], next=following))


async def show_run(call: Call) -> Answer:
    """One, with all that it found."""
    return Answer(RunText.model_validate(_values(call.row)))


async def list_faults(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _FAULTS)
    faults = [FaultView.model_validate({**row._mapping, "said": _said(row.name, row.checks)}) for row in rows]
    return Answer(Page[FaultView](items=faults, next=following))


_P = Permission
ENDPOINTS = [
    Endpoint("doctor-run.list", "GET", "/doctor", _P.SETTINGS_READ, list_runs, "List the doctor's runs",
             query=RunQuery, answer=Page[RunView]),
    Endpoint("doctor-run.show", "GET", "/doctor/{doctor_run_id}", _P.SETTINGS_READ, show_run,
             "Show what a run of the doctor found", answer=RunText),
    Endpoint("doctor-fault.list", "GET", "/doctor-faults", _P.SETTINGS_READ, list_faults, "List the doctor's faults",
             query=FaultQuery, answer=Page[FaultView]),
]  # fmt: skip
