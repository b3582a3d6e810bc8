"""What Stripe tells: signed messages, parsed once. Pure. (docs.stripe.com/webhooks, "Verify webhook signatures")

A customer pays at the gateway's link, which carries our reference along. What is asked of Stripe: `stripe_client`.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.billing import currencies

TOLERANCE_S = 300
"""How old a message may be, or how far ahead its clock."""
CURRENCY_LETTERS = 3


def decimals_of(currency: str) -> int:
    """Of amounts at Stripe (docs.stripe.com/currencies, "Special cases"): two of ISK and UGX, though they have none."""
    return 2 if currency in {"ISK", "UGX"} else currencies.decimals_of(currency)


class BadMessage(Exception):
    """It is not from the gateway, or says nothing that can be read."""


class What(StrEnum):
    """What has happened."""

    PAID = "paid"
    RETURNED = "returned"
    """Refunded, so much in total; or taken back by the bank in a dispute, so much in that one."""
    FAILED = "failed"
    """A refund came to nothing: its amount is here again."""
    REINSTATED = "reinstated"
    """A dispute was won: of what it took back so much."""
    SAVED = "saved"
    """A card is kept at the gateway."""
    DECLINED = "declined"
    """A payment that the gateway had taken came to nothing."""
    OTHER = "other"
    """Nothing that moves money."""


class Told(NamedTuple):
    """A message."""

    event: str
    kind: str
    what: What
    reference: str = ""
    """Ours; empty: it says none."""
    external: str = ""
    """The payment's name at Stripe."""
    dispute: str = ""
    """The dispute's, or that of a refund that failed; empty: it is of none."""
    amount_minor: int = 0
    more_minor: int = 0
    """Of a total of refunds what this one is; 0: that isn't told."""
    currency: str = ""
    customer: str = ""
    method: str = ""
    """The two: Stripe's names of who has left a card, and of the card."""


def micros_of(told: Told) -> int:
    """The amount."""
    return told.amount_minor * int(10 ** (6 - decimals_of(told.currency)))


class _Object(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    id: Annotated[str, Field(max_length=255)] = ""
    client_reference_id: Annotated[str | None, Field(max_length=255)] = None
    payment_intent: Annotated[str | None, Field(max_length=255)] = None
    payment_status: str = ""
    status: str | None = None
    amount_total: Annotated[int | None, Field(ge=0, le=10**14)] = None
    amount_refunded: Annotated[int | None, Field(ge=0, le=10**14)] = None
    amount: Annotated[int | None, Field(ge=0, le=10**14)] = None
    amount_received: Annotated[int | None, Field(ge=0, le=10**14)] = None
    customer: Annotated[str | None, Field(max_length=255)] = None
    payment_method: Annotated[str | None, Field(max_length=255)] = None
    metadata: dict[str, str] | None = None
    currency: Annotated[str | None, Field(max_length=3)] = None


class _Before(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    amount_refunded: Annotated[int | None, Field(ge=0, le=10**14)] = None


class _Data(BaseModel):
    object: _Object
    previous_attributes: _Before | None = None


class _Event(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    id: Annotated[str, Field(min_length=1, max_length=255)]
    type: Annotated[str, Field(min_length=1, max_length=100)]
    data: dict[str, Any]


def check_signature(header: str, body: bytes, secret: str, now_s: int) -> None:
    """Raises BadMessage unless the header signs the body with the secret, at about this time."""
    parts = [part.strip().partition("=")[::2] for part in header.split(",")]
    stamps = [value for name, value in parts if name == "t"]
    given = [value for name, value in parts if name == "v1"]
    if len(stamps) != 1 or not stamps[0].isascii() or not stamps[0].isdigit() or not given:
        raise BadMessage("the header Stripe-Signature was expected, with t and v1")
    right = hmac.new(secret.encode(), stamps[0].encode() + b"." + body, hashlib.sha256).hexdigest()
    if not any(hmac.compare_digest(right.encode(), one.encode("utf-8", "replace")) for one in given):
        raise BadMessage("the signature is not that of this message")
    if len(stamps[0]) > 12 or abs(int(stamps[0]) - now_s) > TOLERANCE_S:
        raise BadMessage(f"the signature is more than {TOLERANCE_S} seconds old, or ahead")


def parse(body: bytes) -> Told:
    """Of a message whose signature is good. Raises BadMessage."""
    try:
        event = _Event.model_validate_json(body)
        told = Told(event.id, event.type, What.OTHER)
        if event.type not in _KINDS:
            return told
        data = _Data.model_validate(event.data)
    except ValidationError as fault:
        raise BadMessage("this is no event of Stripe") from fault
    return _more(_KINDS[event.type](told, data.object), data)


def _more(told: Told, data: _Data) -> Told:
    """A refund's own part of the total, which may fall when one fails: the total alone would hide the next one."""
    before, total = data.previous_attributes, data.object.amount_refunded
    if told.what is not What.RETURNED or told.dispute or before is None or before.amount_refunded is None:
        return told
    return told._replace(more_minor=max(0, (total or 0) - before.amount_refunded))


def _session(told: Told, found: _Object) -> Told:
    if found.payment_status != "paid" or found.amount_total is None:
        return told
    return told._replace(
        what=What.PAID, reference=found.client_reference_id or "", external=found.payment_intent or found.id,
        amount_minor=found.amount_total, currency=(found.currency or "").upper(),
    )  # fmt: skip


def _refund(told: Told, found: _Object) -> Told:
    return _returned(told, found, found.amount_refunded)


def _failed(told: Told, found: _Object) -> Told:
    """Of a refund, which the customer's bank hasn't taken, or somebody has stopped."""
    if found.status not in {"failed", "canceled"} or not found.id:
        return told
    told = _returned(told._replace(dispute=found.id), found, found.amount)
    return told if told.what is What.OTHER else told._replace(what=What.FAILED)


def _dispute(told: Told, found: _Object) -> Told:
    return _returned(told._replace(dispute=found.id), found, found.amount) if found.id else told


def _won(told: Told, found: _Object) -> Told:
    told = _dispute(told, found)
    return told if told.what is What.OTHER else told._replace(what=What.REINSTATED)


def _returned(told: Told, found: _Object, minor: int | None) -> Told:
    currency = (found.currency or "").upper()
    if not minor or not found.payment_intent or len(currency) != CURRENCY_LETTERS:
        return told
    return told._replace(what=What.RETURNED, external=found.payment_intent, amount_minor=minor, currency=currency)


def _intent(told: Told, found: _Object) -> Told:
    """Of a recharge, which has our reference; payments by links are told by their sessions."""
    reference = (found.metadata or {}).get("reference", "")
    if not reference or not found.amount_received:
        return told
    currency = (found.currency or "").upper()
    told = told._replace(what=What.PAID, reference=reference, external=found.id, currency=currency)
    return told._replace(amount_minor=found.amount_received)


def _declined(told: Told, found: _Object) -> Told:
    reference = (found.metadata or {}).get("reference", "")
    return told._replace(what=What.DECLINED, reference=reference, external=found.id) if reference else told


def _saved(told: Told, found: _Object) -> Told:
    reference = (found.metadata or {}).get("reference", "")
    if not reference or not found.customer or not found.payment_method:
        return told
    told = told._replace(what=What.SAVED, reference=reference, external=found.id)
    return told._replace(customer=found.customer, method=found.payment_method)


_KINDS = {
    "checkout.session.completed": _session,
    "checkout.session.async_payment_succeeded": _session,
    "payment_intent.succeeded": _intent,
    "payment_intent.payment_failed": _declined,
    "setup_intent.succeeded": _saved,
    "charge.refunded": _refund,
    "refund.failed": _failed,
    "refund.updated": _failed,
    "charge.refund.updated": _failed,
    "charge.dispute.funds_withdrawn": _dispute,
    "charge.dispute.funds_reinstated": _won,
}
