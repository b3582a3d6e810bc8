"""Several things in one form, a line of fields for each: empty lines are left out, and some wait to be filled in."""

from __future__ import annotations

from collections.abc import Sequence

from service.portal.components.choosing import choices_of
from service.portal.components.fields import Choice, Field, Kind, batched, field
from service.portal.components.labels import label_of
from service.portal.visit import Visit

SPARE = 3
"""Empty lines behind those that say something."""
ROWS_MAX = 1_000


async def row_field(visit: Visit, kind: Kind, values: Sequence[str], errors: Sequence[str]) -> Field:
    """As it is printed, line by line."""
    width = len(kind.parts)
    lines = [*batched(values, width), *[("",) * width] * SPARE]
    choices = [await _choices(visit, part) for part in kind.parts]
    rows = [
        tuple(_cell(visit, kind, at, *one) for one in zip(kind.parts, line, choices, strict=True))
        for at, line in enumerate(lines)
    ]
    return field(kind, visit.say(label_of(kind.name)), tuple(values), errors)._replace(rows=tuple(rows))


async def _choices(visit: Visit, part: Kind) -> list[Choice] | None:
    return await choices_of(visit, part) if part.shape == "choice" else []


def _cell(visit: Visit, kind: Kind, at: int, part: Kind, text: str, choices: list[Choice] | None) -> Field:
    shape = "number" if choices is None else part.shape
    named = part._replace(name=f"{kind.name}.{at}.{part.name}", shape=shape, can_be_null=True, is_required=False)
    return field(named, visit.say(label_of(part.name)), (text,) if text else (), (), choices or [])


def typed_rows(visit: Visit, kind: Kind) -> tuple[str, ...]:
    """What was sent, one line behind the other."""
    found: list[str] = []
    for at in range(ROWS_MAX):
        names = [f"{kind.name}.{at}.{part.name}" for part in kind.parts]
        if not any(name in visit.form for name in names):
            break
        line = [str(visit.form.get(name, "")).strip() for name in names]
        found += line if any(line) else []
    return tuple(found)
