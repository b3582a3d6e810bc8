"""The annex of an invoice: its calls as CSV, a line a call, as they are read. Pure."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from zoneinfo import ZoneInfo

from service.delivery.columns import COLUMNS, CUSTOMER, Call, columns_of, csv_text

COLUMNS_OF_ANNEX = (
    "call",
    "started",
    "caller",
    "called",
    "destination",
    "prefix",
    "duration_ms",
    "billed_s",
    "amount",
    "currency",
)
"""What a buyer needs to check an invoice; names and cells are those of delivered call records."""
LINES_A_CHUNK = 500


async def annex_of(
    calls: AsyncIterable[Call], *, zone: str, names: Sequence[str] = COLUMNS_OF_ANNEX
) -> AsyncIterator[str]:
    """The file in pieces, so that no invoice's calls are in memory at once (RFC 4180)."""
    if not set(names) <= set(columns_of(CUSTOMER)):
        raise ValueError(f"columns of a customer were expected, not {', '.join(names)}")
    place, cells = ZoneInfo(zone), [COLUMNS[name].cell for name in names]
    lines = [list(names)]
    async for call in calls:
        lines.append([cell(call, place) for cell in cells])
        if len(lines) >= LINES_A_CHUNK:
            yield csv_text(lines)
            lines = []
    yield csv_text(lines)
