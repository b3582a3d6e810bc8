"""Currencies of tariffs and accounts that have to do with each other: what the API asks before it lets them."""

from __future__ import annotations

from ratebook.exchange import pair_text
from service.api.call import Call
from service.api.problems import invalid
from service.tariffs.exchange import in_force


async def check_exchange(call: Call, have: str, want: str, *, pointer: str, said: str) -> None:
    """There is a rate between both, if they differ. `said`: what is in which currency. Raises Problem."""
    if have == want or (await in_force(call.conn)).factor(have, want, call.now_ms // 1000) is not None:
        return
    pair = pair_text(have, want)
    advice = f"no rate of exchange {pair} holds now: the operator adds it to exchange.yaml and publishes it"
    raise invalid(pointer, f"{said}, and {advice}")
