"""What the API answers when it can't do what was asked: problem details (RFC 9457), every fault at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

TYPES = "https://kambill.example/problems/"
"""Names, not addresses: nothing need be there. docs/api.md lists them."""

KINDS: dict[str, tuple[int, str]] = {
    "not-json": (400, "The body is not JSON"),
    "bad-header": (400, "A header can't be understood"),
    "key-missing": (400, "This request needs an Idempotency-Key"),
    "signed-out": (401, "Sign in first"),
    "sign-in-failed": (401, "These don't fit together"),
    "second-factor": (401, "The second factor is missing or wrong"),
    "forbidden": (403, "Not allowed"),
    "not-found": (404, "There is nothing here"),
    "method": (405, "This can't be done here"),
    "conflict": (409, "What stands now doesn't allow it"),
    "no-funds": (409, "There is not enough money"),
    "changed": (412, "It was changed meanwhile"),
    "too-large": (413, "The body is too large"),
    "not-a-json-request": (415, "Send application/json"),
    "invalid": (422, "Some values can't be used"),
    "key-reused": (422, "The Idempotency-Key stands for another request"),
    "too-many": (429, "Too many requests"),
    "fault": (500, "A fault of ours"),
    "unavailable": (503, "Not available now"),
}
"""By name: the status and the title."""


class FieldError(NamedTuple):
    """What is wrong with one value."""

    place: str
    """`body`, `query` or `path`."""
    pointer: str
    """Where, as a JSON pointer (RFC 6901): /networks/0."""
    detail: str


class Problem(Exception):
    """Ends a request, and whatever it changed."""

    def __init__(
        self,
        kind: str,
        detail: str = "",
        errors: Iterable[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.kind = kind
        self.status, self.title = KINDS[kind]
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        super().__init__(f"{kind}: {detail or self.title}")

    def to_json(self) -> dict[str, Any]:
        """The document."""
        told: dict[str, Any] = {"type": TYPES + self.kind, "title": self.title, "status": self.status}
        if self.detail:
            told["detail"] = self.detail
        if self.errors:
            told["errors"] = [{"in": one.place, "pointer": one.pointer, "detail": one.detail} for one in self.errors]
        return told


def not_found() -> Problem:
    """The same for what isn't there and for what is somebody else's."""
    return Problem("not-found")


def only_from_above() -> Problem:
    """What is done to an account by whoever stands above it was asked for by its own people."""
    return Problem("forbidden", "this is for whoever stands above the account: nobody does it to their own")


def only_of_seller() -> Problem:
    """Somebody who stands above an account, but below its seller, would give what is the seller's."""
    return Problem("forbidden", "this is for whoever sells to the account: a commission reseller doesn't")


def only_of_seller_then() -> Problem:
    """Somebody tries what is for whoever has sold something to an account that has another seller by now."""
    return Problem(
        "forbidden", "another seller has sold this to the account: it is for that one, or who stands above it"
    )


ONLY_OF_PAID = "a commission reseller's customers pay its seller: only that one has this"
"""Of what `Endpoint.for_paid` says."""


def took_too_long() -> Problem:
    """A look at the ledger was given up (`Api.look_s`)."""
    return Problem("unavailable", "this takes too long and was given up: ask for less, such as a shorter time")


def away() -> Problem:
    """The ledger's database is (`is_away`)."""
    return Problem("unavailable", "the ledger's database doesn't answer: try again in a moment")


def invalid(pointer: str, detail: str, place: str = "body") -> Problem:
    """One value that can't be used."""
    return Problem("invalid", errors=[FieldError(place, pointer, detail)])
