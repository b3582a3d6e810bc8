"""A network of one's own for each worker of a parallel run: agents and Kamailio bind fixed loopback addresses."""

from __future__ import annotations

import ctypes
import subprocess

CLONE_NEWNET = 0x40000000
"""linux/sched.h; os.unshare comes with Python 3.12."""


def leave_for_own() -> None:
    """This thread, and all that it starts from now on, sees a loopback that nobody else does. Needs root."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "no network of its own (not root?): run tests/sip without -n")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
