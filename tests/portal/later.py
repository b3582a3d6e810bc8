"""`python -m tests.portal.later COMMAND`: `kambill`, by a wall clock that a file sets on.

Not by libfaketime, as Kamailio: beneath that Python's time.sleep fails.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from kemi import clock
from service.cli.main import main
from tests.sip.wall_clock import FILE

NS = 1_000_000_000


def set_on(file: Path) -> None:
    """Whatever is asked for the time from now on adds the file's seconds."""
    real_ns = time.time_ns

    def later_ns() -> int:
        return real_ns() + int(file.read_text()) * NS

    time.time_ns = clock._wall_ns = later_ns


if __name__ == "__main__":
    set_on(Path(os.environ[FILE]))
    main()
