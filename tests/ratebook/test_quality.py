"""Figures of gateways, and the band that they come to."""

from __future__ import annotations

import pytest

from ratebook.quality import Figures, band_of
from ratebook.routing import Demand, Demands

DEMANDS = Demands(3600, 10, (Demand(50, 60, 4000), Demand(asr_percent=30)))


@pytest.mark.parametrize(
    ("figures", "band"),
    [
        (Figures(9), 0),  # too few to say anything
        (Figures(10), 2),
        (Figures(10, 5, 300_000, 10, 40_000), 0),
        (Figures(10, 5, 299_999, 10, 40_000), 1),  # a second short on the average
        (Figures(10, 5, 300_000, 10, 40_010), 1),  # a millisecond late
        (Figures(100, 49, 9_000_000, 10, 0), 1),
        (Figures(100, 30), 1),
        (Figures(100, 29), 2),
    ],
)
def test_the_first_band_whose_demand_is_met(figures: Figures, band: int) -> None:
    """Every figure must be; behind the last one when none is."""
    assert band_of(figures, DEMANDS) == band


def test_figures_of_nothing() -> None:
    """No attempts, no answers: zero, and no fault."""
    assert (Figures().asr_percent, Figures().acd_s, Figures().pdd_ms) == (0, 0, 0)


def test_figures_add_up() -> None:
    """Field by field."""
    both = Figures(3, 2, 90_000, 3, 6_000, 1, 1).plus(Figures(1, 1, 30_000, 1, 2_000))
    assert both == Figures(4, 3, 120_000, 4, 8_000, 1, 1)
    assert (both.asr_percent, both.acd_s, both.pdd_ms) == (75, 40, 2_000)
