"""For all tests: a hot store of 16 MiB, since each takes its memory when it is made; examples take what they take."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ["KAMBILL_STORE_MIB"] = "16"
# A fifth of a second, hypothesis' own limit, says how busy the machine is.
settings.register_profile("kambill", deadline=None)
settings.load_profile("kambill")
