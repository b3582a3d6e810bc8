"""Pictures of the main pages, for the documents."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.portal.browser import Person, chromium
from tests.portal.house import portal
from tests.portal.traffic import DAYS, busy_town

PORT = 18660
SINCE = (
    f"{datetime.now(UTC).date() - timedelta(days=DAYS):%Y-%m-%d}T00:00&until={datetime.now(UTC).date():%Y-%m-%d}T00:00"
)
PICTURES = {
    "overview": ("owner@lower.example", "/", 1280, "light"),
    "overview-dark": ("owner@customer.example", "/", 1280, "dark"),
    "account": ("boss@op.example", "/accounts/3", 1280, "light"),
    "accounts": ("boss@op.example", "/accounts", 1280, "light"),
    "running-calls": ("boss@op.example", "/live", 1280, "light"),
    "call": ("boss@op.example", "/calls/1", 1280, "light"),
    "tariff": ("boss@op.example", "/tariffs/5", 1280, "light"),
    "call-trial": ("boss@op.example", "/calls/trial?ask=yes&trunk_id=1&to=4420", 1280, "light"),
    "role": ("boss@op.example", "/roles/4", 1280, "light"),
    "invoice-page": ("boss@op.example", "/invoices/1", 1280, "light"),
    "comparison": ("boss@op.example", "/reconciliations/1", 1280, "light"),
    "report": ("boss@op.example", "/reports?by=hour", 1280, "light"),
    "report-split": ("boss@op.example", f"/reports?by=day&split=destination&limit=6&since={SINCE}", 1280, "light"),
    "report-money": ("owner@lower.example", f"/reports?by=day&plot=money&limit=6&since={SINCE}", 1280, "light"),
    "broadcast": ("boss@op.example", "/broadcasts/1", 1280, "light"),
    "top-up": ("owner@customer.example", "/accounts/5/top-up", 1280, "light"),
    "telephone": ("owner@customer.example", "/", 360, "light"),
}
"""By name: who looks at what, how wide, and in which light."""


async def take(address: str, folder: Path) -> None:
    """All of them."""
    async with chromium() as browser:
        for name, (email, path, width, light) in PICTURES.items():
            context = await browser.new_context(viewport={"width": width, "height": 900}, color_scheme=light)  # type: ignore[arg-type]
            person = Person(await context.new_page(), address)
            await person.sign_in(email)
            await person.go(path)
            await person.page.wait_for_timeout(500)
            await person.page.screenshot(path=folder / f"{name}.png")
            await context.close()


def main() -> None:
    """Into the folder that is named."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kambill-town-") as place, portal(Path(place), PORT, busy_town) as address:
        asyncio.run(take(address, folder))


if __name__ == "__main__":
    main()
