"""What is asked of Stripe: a page on which a customer leaves a card, and a payment by a card that it keeps.

(docs.stripe.com/api: "Create a Session", "Create a PaymentIntent", "Idempotent requests")
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, NamedTuple

import aiohttp

from service.faults import Fault

TIMEOUT_S = 30
TEXT_CHARACTERS_MAX = 300


class GatewayAway(Fault):
    """No answer that says anything: the same may be asked again under the same key."""


class What(StrEnum):
    """What a payment came to."""

    TAKEN = "taken"
    """It was paid, or will be: a message tells."""
    DECLINED = "declined"


class Charge(NamedTuple):
    """A payment that is asked for."""

    customer: str
    method: str
    amount_minor: int
    currency: str
    reference: str
    key: str
    """The same one again is the same payment."""


class Answer(NamedTuple):
    """What was answered."""

    what: What
    text: str = ""
    """Why it was declined."""


class Client:
    """Of one gateway."""

    def __init__(self, url: str, api_key: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"}

    async def charge(self, charge: Charge) -> Answer:
        """A payment without the customer. Raises GatewayAway."""
        form = {
            "amount": str(charge.amount_minor), "currency": charge.currency.lower(), "customer": charge.customer,
            "payment_method": charge.method, "off_session": "true", "confirm": "true",
            "metadata[reference]": charge.reference,
        }  # fmt: skip
        status, body = await self._post("/v1/payment_intents", form, {"Idempotency-Key": charge.key})
        if status == 402:
            return Answer(What.DECLINED, _why(body))
        if status != 200:
            raise GatewayAway(f"answered {status}: {_why(body)}")
        if body.get("status") in {"succeeded", "processing"}:
            return Answer(What.TAKEN)
        return Answer(What.DECLINED, "the bank wants the customer to confirm it")

    async def card_page(self, reference: str, currency: str, back: str) -> str:
        """Where a customer leaves a card. Raises GatewayAway."""
        form = {
            "mode": "setup", "customer_creation": "always", "currency": currency.lower(), "success_url": back,
            "setup_intent_data[metadata][reference]": reference,
        }  # fmt: skip
        status, body = await self._post("/v1/checkout/sessions", form, {})
        url = body.get("url")
        if status != 200 or not isinstance(url, str) or not url.startswith("https://"):
            raise GatewayAway(f"answered {status}: {_why(body)}")
        return url

    async def _post(self, path: str, form: dict[str, str], more: dict[str, str]) -> tuple[int, dict[str, Any]]:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
                headers = self._headers | more
                sent = session.post(self._url + path, data=form, headers=headers, allow_redirects=False)
                async with sent as response:
                    found = json.loads(await response.text())
                    return response.status, found if isinstance(found, dict) else {}
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as fault:
            raise GatewayAway(f"{type(fault).__name__}: {fault}"[:TEXT_CHARACTERS_MAX]) from fault


def _why(body: dict[str, Any]) -> str:
    error = body.get("error")
    text = error.get("message") if isinstance(error, dict) else None
    plain = "".join(char if char.isprintable() else " " for char in text) if isinstance(text, str) else ""
    return plain[:TEXT_CHARACTERS_MAX] or "it says no more"
