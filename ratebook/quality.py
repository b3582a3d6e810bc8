"""How well a gateway has carried calls, and which band of a plan's demands that meets. Pure; runs inside Kamailio."""

from __future__ import annotations

from operator import add
from typing import NamedTuple

from ratebook.routing import Demand, Demands


class Figures(NamedTuple):
    """Of some attempts at a gateway."""

    attempts: int = 0
    answered: int = 0
    duration_ms: int = 0
    """Of all answered calls together."""
    delayed: int = 0
    """Attempts that rang or were answered."""
    delay_ms: int = 0
    """From the INVITE to the first ringing (an answer, if nothing rang), of all of these together."""
    false_answers: int = 0
    """Answered within a second, without ringing."""
    short_calls: int = 0
    """Answered calls of a few seconds."""

    def plus(self, other: Figures) -> Figures:
        """Both together."""
        return tuple.__new__(Figures, map(add, self, other))

    @property
    def asr_percent(self) -> int:
        """Answer-seizure ratio, rounded down; 0: no attempts."""
        return self.answered * 100 // self.attempts if self.attempts else 0

    @property
    def acd_s(self) -> int:
        """Average call duration, rounded down; 0: none was answered."""
        return self.duration_ms // self.answered // 1000 if self.answered else 0

    @property
    def pdd_ms(self) -> int:
        """Average post-dial delay; 0: nothing rang."""
        return self.delay_ms // self.delayed if self.delayed else 0


def meets(figures: Figures, demand: Demand) -> bool:
    """Whether the figures come to what is asked."""
    asr_percent, acd_s, pdd_ms = demand
    if figures.answered * 100 < asr_percent * figures.attempts:
        return False
    return figures.acd_s >= acd_s and (not pdd_ms or figures.pdd_ms <= pdd_ms)


def band_of(figures: Figures, demands: Demands) -> int:
    """The first band whose demand is met, from 0; behind the last one if none is."""
    if figures.attempts < demands.calls_min:
        return 0
    return next((at for at, one in enumerate(demands.bands) if meets(figures, one)), len(demands.bands))
