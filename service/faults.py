"""What people can act on: the one base of every expected fault."""

from __future__ import annotations


class Fault(Exception):
    """Expected: its text says what is wrong, where, and what to do. Shown without a traceback."""
