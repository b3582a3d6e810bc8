"""An endpoint, declared: what it takes, what it answers, and what one must be allowed to do.

One that names neither a permission nor that it is open can't be made, so no handler can forget to ask.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel

from service.access.permissions import Permission
from service.api.values import Asked

if TYPE_CHECKING:
    from service.api.call import Call
    from service.api.lines import Lines, LinesAsked

BODY_BYTES_MAX = 1 << 20


class Open(Enum):
    """Endpoints that need no permission."""

    PUBLIC = "public"
    """Whoever asks."""
    SIGNED_IN = "signed in"
    """Everybody who is signed in, about themselves."""


class Key(Enum):
    """How an endpoint takes an Idempotency-Key."""

    NONE = "none"
    OPTIONAL = "optional"
    NEEDED = "needed"


class NoQuery(Asked):
    """Nothing behind the question mark."""


class Answer(NamedTuple):
    """What a handler gives back."""

    body: BaseModel | None = None
    """None: no body."""
    status: int | None = None
    """None: the endpoint's."""
    version: int | None = None
    """Of what is shown: becomes the ETag."""
    location: str = ""
    follow: int | None = None
    """The number that the endpoint's `follow` takes once this is committed; None: there is nothing to wait for."""


Handler = Callable[["Call"], Awaitable[Answer]]


class Endpoint(NamedTuple):
    """One thing that the API can do."""

    name: str
    """Noun and verb: `trunk.create`. The command line's words, and the OpenAPI document's operation."""
    method: str
    path: str
    """Below /api/v1; `{trunk_id}` is looked up as a trunk."""
    permission: Permission | Open
    handler: Handler
    summary: str
    body: type[BaseModel] | None = None
    query: type[BaseModel] = NoQuery
    answer: type[BaseModel] | None = None
    status: int = 200
    below: bool = False
    """What is named in the path must stand below the asker's own account."""
    of_seller: bool = False
    """For whoever sells to the accounts that the path and the body name, or stands above who does: it gives that one's
    money, or agrees on it. Where that hangs on what is asked for, the handler asks `Call.need_seller`.
    """
    key: Key = Key.OPTIONAL
    reads: bool = False
    """Changes nothing although it is a POST."""
    own_transaction: bool = False
    """The handler opens its transactions itself: it does something slow between them."""
    follow: Callable[[Any, int], Awaitable[Answer]] | None = None
    """What answers once the transaction stands, from the number that the handler gave."""
    body_bytes_max: int = BODY_BYTES_MAX
    for_paid: bool = False
    """For whoever is paid by others: nothing for a commission reseller, whose customers pay its seller."""
    lines: Callable[[Call, LinesAsked], Awaitable[Lines]] | None = None
    """Of a list: a batch of its rows as lines of a file, for lists of millions. None: page by page is fast enough."""

    @property
    def parameters(self) -> list[str]:
        """Names in the path."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET" and not self.reads


def noun_of(parameter: str) -> str:
    """What a parameter of a path names: `trunk_id` a trunk; empty: it is text."""
    return parameter.removesuffix("_id").replace("_", "-") if parameter.endswith("_id") else ""
