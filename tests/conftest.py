"""For all tests: a hot store of 16 MiB, since each one takes its memory when it is made."""

from __future__ import annotations

import os

os.environ["KAMBILL_STORE_MIB"] = "16"
