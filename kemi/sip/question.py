"""Several pseudo-variables at one question: what is read together costs one way into Kamailio and back."""

from __future__ import annotations

from typing import NamedTuple

import KSR

SEPARATOR = "\x1f"
"""Between the answers. A message that has one itself makes a part too many; each is asked for alone then."""
NOTHING = "<null>"
"""What Kamailio writes where there is nothing."""


EXEMPT = "$dlg", "$hdr"
"""Not asked for again: what dialogs keep is ours and never says so, and `Seen.uris` looks for headers itself."""


class Question(NamedTuple):
    """Made once, at the start."""

    names: tuple[str, ...]
    whole: str
    """All of them as one pseudo-variable."""


def question(*names: str) -> Question:
    """These pseudo-variables together."""
    return Question(names, f"$_s({SEPARATOR.join(names)})")


def texts(asked: Question) -> list[str]:
    """The text of each; empty: it has none. Raises UnicodeDecodeError."""
    read = KSR.pv.get
    try:
        values = (read(asked.whole) or "").split(SEPARATOR)
    except UnicodeDecodeError:
        values = []
    if len(values) != len(asked.names):  # too long together, or not to be told apart
        return [str(read(name) or "") for name in asked.names]
    if NOTHING in values:
        for at, value in enumerate(values):
            if value == NOTHING:  # or a text that says so
                name = asked.names[at]
                values[at] = "" if name.startswith(EXEMPT) else str(read(name) or "")
    return values
