"""The overview in a zone whose days begin within an hour that is summed up."""

from __future__ import annotations

import pytest

from tests.portal.conftest import Walker

BOSS = "boss@op.example"


@pytest.mark.parametrize(
    ("zone", "language", "said"),
    [
        ("Asia/Kolkata", "en", "from 00:30 on; a day of the week before"),
        ("Asia/Kathmandu", "de", "ab 00:45; "),
        ("Europe/Berlin", "en", ""),
    ],
)
async def test_today_says_from_when_it_is(walker: Walker, zone: str, language: str, said: str) -> None:
    """Where that isn't midnight."""
    await walker.sign_in(BOSS)
    form = {"name": "Boss", "theme": "auto"}
    try:
        await walker.post("/profile/edit", **form, language=language, timezone=zone)
        words = (await walker.get("/")).words
    finally:
        await walker.post("/profile/edit", **form, language="en", timezone="UTC")
    assert said in words
    assert ("from 00:" in words or "ab 00:" in words) == bool(said)
