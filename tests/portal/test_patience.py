"""A page that does not come is waited for patiently, once in a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import TimeoutError as Late
from playwright.async_api import expect

from tests.portal import browser
from tests.portal.browser import BUSY_MS, Patience
from tests.portal.conftest import pytest_runtest_logreport
from tests.portal.desk import Sit

pytestmark = pytest.mark.asyncio(loop_scope="module")
WAITED_S = BUSY_MS / 1000 + 1


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Again, for the tests after."""
    monkeypatch.setattr(browser, "LOST_MS", 50)
    yield
    Patience.ms = BUSY_MS
    expect.set_options(timeout=BUSY_MS)


def report(outcome: str, duration_s: float) -> pytest.TestReport:
    """Of a test."""
    told = pytest.TestReport("t", ("t", 0, "t"), {}, outcome, None, "call")  # type: ignore[arg-type]
    told.duration = duration_s
    return told


@pytest.mark.parametrize(("outcome", "duration_s"), [("passed", WAITED_S), ("failed", 2.0)])
async def test_a_long_test_and_a_quick_failure_lose_nothing(outcome: str, duration_s: float) -> None:
    """A page that was waited for and came, and one that was wrong at once, say nothing of the next one."""
    pytest_runtest_logreport(report(outcome, duration_s))
    assert Patience.ms == BUSY_MS


async def test_after_one_that_was_lost_the_next_ones_cost_less(sit: Sit) -> None:
    """On screens that are there already, and in what is expected of them."""
    person = await sit()
    pytest_runtest_logreport(report("failed", WAITED_S))
    person = await sit()
    with pytest.raises(Late, match="50ms"):
        await person.page.wait_for_selector("#nothing")
    with pytest.raises(AssertionError, match="50ms"):
        await expect(person.page.locator("#nothing")).to_be_visible()
