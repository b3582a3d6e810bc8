"""How people name an account: by the end of its path of names, as far as only one has it. Pure.

`customer`, or `lower/customer` where there are several, or all of `Operator/upper/lower/customer`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

SEPARATOR = "/"
"""No account's name holds it."""
T = TypeVar("T")


def joined(names: Iterable[str]) -> str:
    """A path of names, the root first."""
    return SEPARATOR.join(names)


def last_of(path: str) -> str:
    """The account's own name."""
    return path.rpartition(SEPARATOR)[2]


def is_end_of(wanted: str, path: str) -> bool:
    """Whether a path is, or ends with, whole names as wanted."""
    return path == wanted or path.endswith(SEPARATOR + wanted)


def meant(wanted: str, paths: Mapping[str, T]) -> dict[str, T]:
    """What a name may mean. A whole path from the root down means itself, whatever else ends so."""
    if wanted in paths:
        return {wanted: paths[wanted]}
    return {path: one for path, one in paths.items() if is_end_of(wanted, path)}


def shortest(paths: Collection[str]) -> dict[str, str]:
    """The shortest name of each path that means it alone."""
    counted = Counter(end for path in paths for end in _ends(path))
    return {path: next((end for end in _ends(path) if counted[end] == 1), path) for path in paths}


def _ends(path: str) -> list[str]:
    """Its own name first."""
    names = path.split(SEPARATOR)
    return [joined(names[at:]) for at in range(len(names) - 1, -1, -1)]


def told_apart(wanted: str, found: Iterable[tuple[str, int]], noun: str = "account") -> str:
    """What to say when a name means several: `found` has paths and numbers."""
    listed = sorted(found)
    shown = ", ".join(f"{path} (#{number})" if number else path for path, number in listed[:10])
    more = f" and {len(listed) - 10} more" if len(listed) > 10 else ""
    return f"{wanted!r} is {len(listed)} {noun}s: {shown}{more}: write more of the path, or # and the number"
