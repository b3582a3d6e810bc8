"""For all tests: a hot store of 16 MiB, since each takes its memory when it is made; examples take what they take.

What a run stands on isn't looked through for garbage again and again, as in the product.
"""

from __future__ import annotations

import gc
import os

from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings

from service.access import passwords
from service.cli.main import COLLECTED_EVERY
from tests.programs import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]

os.environ["KAMBILL_STORE_MIB"] = "16"
FIXED = os.environ.get("KAMBILL_HYPOTHESIS", "") == "fixed"
"""The same examples in each run: what a change is refused for is of that change. Elsewhere chance looks for more."""
# Hypothesis' own limits, a fifth of a second for an example and thirty for making ten, say how busy the machine is.
settings.register_profile(
    "kambill", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=FIXED, print_blob=True
)
settings.load_profile("kambill")
gc.set_threshold(COLLECTED_EVERY)
PRODUCTS_HASHER = passwords.HASHER
passwords.HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
"""Everybody in every test has a password: at the product's price they would cost more than what is tested."""


def pytest_collection_finish() -> None:
    """Modules and thousands of tests stay to the end."""
    gc.freeze()
