"""Stripe's HTTP API as far as it is asked, strict: what it doesn't know it refuses, and keys have one effect."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

API_KEY = "rk_test_of_the_test_only"
_CHARGE = {
    "amount", "currency", "customer", "payment_method", "off_session", "confirm", "metadata[reference]",
}  # fmt: skip
_SESSION = {"mode", "customer_creation", "currency", "success_url", "setup_intent_data[metadata][reference]"}


class Stripe:
    """Takes cards and payments; declines, hides and breaks when it is told to."""

    def __init__(self) -> None:
        self.url = ""
        self.payments: list[dict[str, Any]] = []
        """Each money that really moved, once."""
        self.asked: list[str] = []
        """Keys, as often as they came."""
        self.answers: list[str] = []
        """What the next new payments come to: declined, confirm, processing, broken (after it was paid), away."""
        self._known: dict[str, tuple[dict[str, str], int, dict[str, Any]]] = {}

    async def charge(self, request: web.Request) -> web.StreamResponse:
        """Makes a PaymentIntent and confirms it."""
        form = await self._form(request, _CHARGE)
        key = request.headers["Idempotency-Key"]
        self.asked.append(key)
        if form is None or not form["amount"].isdigit() or form["off_session"] != "true" or form["confirm"] != "true":
            return _error(400, "invalid")
        if key in self._known:
            before, status, body = self._known[key]
            return web.json_response(body, status=status) if before == form else _error(400, "another request")
        told = self.answers.pop(0) if self.answers else "paid"
        if told == "away":
            return _error(503, "try again")
        status, body = self._outcome(told, form)
        self._known[key] = form, status, body
        if told == "broken":
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(body, status=status)

    def _outcome(self, told: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        number = f"pi_{len(self._known) + 1}"
        if told == "declined":
            return 402, {"error": {"type": "card_error", "message": "Your card was declined."}}
        if told == "confirm":
            return 200, {"id": number, "status": "requires_action"}
        self.payments.append({"id": number, **form})
        return 200, {"id": number, "status": "processing" if told == "processing" else "succeeded"}

    async def session(self, request: web.Request) -> web.StreamResponse:
        """A page on which a card is left."""
        form = await self._form(request, _SESSION)
        if form is None or form["mode"] != "setup" or not form["success_url"].startswith("https://"):
            return _error(400, "invalid")
        return web.json_response({"url": f"https://checkout.stripe.example/{form[sorted(_SESSION)[3]]}"})

    async def _form(self, request: web.Request, known: set[str]) -> dict[str, str] | None:
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            raise web.HTTPUnauthorized
        form = {name: str(value) for name, value in (await request.post()).items()}
        return form if form.keys() == known else None

    def events(self, kind: str = "payment_intent.succeeded") -> list[dict[str, Any]]:
        """What it would tell of each payment."""
        counts: defaultdict[str, int] = defaultdict(int)
        found = []
        for one in self.payments:
            counts[one["id"]] += 1
            paid = {
                "id": one["id"], "amount_received": int(one["amount"]), "currency": one["currency"],
                "metadata": {"reference": one["metadata[reference]"]},
            }  # fmt: skip
            found.append({"id": f"evt_{kind}_{one['id']}", "type": kind, "data": {"object": paid}})
        return found


def _error(status: int, text: str) -> web.Response:
    return web.json_response({"error": {"type": "invalid_request_error", "message": text}}, status=status)


@asynccontextmanager
async def stripe_fake() -> AsyncIterator[Stripe]:
    """Open, on a port of its own."""
    stripe = Stripe()
    app = web.Application()
    app.add_routes([web.post("/v1/payment_intents", stripe.charge), web.post("/v1/checkout/sessions", stripe.session)])
    async with TestServer(app) as server:
        stripe.url = str(server.make_url("")).rstrip("/")
        yield stripe
