"""Asks the API for a trial of a call."""

from __future__ import annotations

from typing import Any

from service.api.problems import Problem
from service.cli.names import Names
from service.cli.options import fields_of
from service.cli.verbs import BY_NAME, Refused
from service.cli.way import Request, Way, way
from service.faults import Fault


async def simulation(url: str, origin: str, called: str, caller: str | None, at: str | None) -> dict[str, Any]:
    """The API's answer. Raises Fault."""
    endpoint = BY_NAME["call.simulate"]
    async with way(url) as door:
        body = {"to": called, "caller": caller, "at": at} | await _origin(door, origin)
        try:
            found: dict[str, Any] = await door.ask(Request(endpoint, body=body))
        except Problem as problem:
            raise Refused(problem, fields_of(endpoint)) from problem
    return found


async def _origin(door: Way, text: str) -> dict[str, int]:
    """The trunk of this name, else the device. Raises Fault."""
    names = Names(door, BY_NAME)
    try:
        return {"trunk_id": await names.number("trunk", text)}
    except Fault as no_trunk:
        try:
            return {"device_id": await names.number("device", text)}
        except Fault as no_device:
            raise Fault(f"{no_trunk}; {no_device}") from None
