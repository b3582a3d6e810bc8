"""What is told of a call that is only tried out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from service.api.values import Moment, Money, Told


class CalledView(Told):
    """How the number was read."""

    sent: str
    plain: Annotated[str, Field(description="Without the tech prefix")]
    rule_id: Annotated[int | None, Field(description="The translation rule that applied; null: none did")]
    written: Annotated[str, Field(description="What it made of the number")]
    number: Annotated[str, Field(description="As E.164 without +; empty: it is none")]


class PlaceView(Told):
    """An account of the path, before the call."""

    account_id: int
    state: str
    channels: Annotated[int, Field(description="In use")]
    channels_max: Annotated[int, Field(description="0: any number")]
    cps_max: Annotated[int, Field(description="0: any number")]
    available: Annotated[
        Money | None, Field(description="What a call may take; null: it is not charged, or not for you")
    ]
    currency: str
    lasts_s: Annotated[int | None, Field(description="How long its money lasts for this call; null: it isn't asked")]


class LevelView(Told):
    """What an account would pay."""

    account_id: int
    seller_id: Annotated[int | None, Field(description="Whom; null: somebody above you")]
    tariff: Annotated[str, Field(description="Its version")]
    prefix: str
    destination: str
    held: Annotated[Money, Field(description="Before the answer")]
    expected: Annotated[Money | None, Field(description="For the expected call")]
    tax: Annotated[Money | None, Field(description="Of that, taxes that are not in the tariff's price")]
    currency: str
    margin: Annotated[Money | None, Field(description="Of that, what the seller keeps; null: not for your eyes")]
    price_steps: Annotated[list[str], Field(description="How the expected call's price comes to be")]


class WeighedView(Told):
    """A gateway that the plan names."""

    gateway_id: int
    cost: Annotated[
        Money | None, Field(description="Of the expected call and the attempts that fail; null: it was not asked")
    ]
    margin: Annotated[
        Money | None, Field(description="What the operator keeps of what it earns; null: it earns nothing")
    ]
    priority: int | None
    place: Annotated[int | None, Field(description="In which it is tried; null: it is left out")]
    why: Annotated[str, Field(description="Why it is left out; empty: it isn't", examples=["loss"])]


class AttemptView(Told):
    """Where the INVITE goes, if all before have failed."""

    gateway_id: Annotated[int | None, Field(description="null: it goes to somebody of yours")]
    host: str
    port: int
    transport: str
    number: Annotated[str, Field(description="As the gateway gets it; empty: see uri")]
    uri: str
    caller: Annotated[str, Field(description="What it is told of who calls")]


class SimulationView(Told):
    """What would happen to a call, and why."""

    account_id: int
    trunk_id: int | None
    device_id: int | None
    at: Moment
    source: Annotated[str, Field(description="From where it was taken to come; empty: from a device, wherever it is")]
    found_trunk_id: Annotated[int | None, Field(description="The trunk that this leads to; null: none that you see")]
    called: CalledView
    caller: Annotated[str, Field(description="As E.164 without +, by the rules of its trunk; empty: nobody knows")]
    moved_to: Annotated[str, Field(description="By which it is rated and routed, if it has moved to another network")]
    special: Annotated[str, Field(description="emergency or free; empty: an ordinary number")]
    number_id: Annotated[int | None, Field(description="Of yours or of somebody below, that is called")]
    on_net: Annotated[bool, Field(description="Whether it is for somebody of this installation")]
    plan_id: Annotated[int | None, Field(description="The routing plan that is asked; null: none is")]
    outcome: Annotated[str, Field(description="admitted, refused, or elsewhere: it doesn't come to this trunk")]
    sip_code: Annotated[int | None, Field(description="Of a refusal")]
    sip_reason: str
    rule: Annotated[str, Field(description="Why it is refused; empty: it isn't, or by somebody above you")]
    refused_by: Annotated[int | None, Field(description="The account that refuses; null: none that you see")]
    expected_s: Annotated[int, Field(description="The length of the expected call")]
    longest_s: Annotated[
        int | None, Field(description="What it may last at most by money that you see; null: any time")
    ]
    path: Annotated[list[PlaceView], Field(description="Those in your subtree, from the caller's account up")]
    levels: Annotated[list[LevelView], Field(description="Those in your subtree, from the caller's account up")]
    gateways: Annotated[list[WeighedView], Field(description="As the plan weighs them; empty: not for your eyes")]
    attempts: Annotated[list[AttemptView], Field(description="One after the other; empty: none, or not for your eyes")]
    steps: Annotated[list[str], Field(description="The same in sentences, in the order in which it is decided")]
