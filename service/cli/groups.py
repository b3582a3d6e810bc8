"""Groups of commands: those made by hand, and beside them one for each verb that the API knows for the noun."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import click

from service.faults import Fault


def url_of(ctx: click.Context) -> str:
    """Where the API is; empty: on this machine."""
    return str(ctx.find_root().params.get("url") or "")


class Verbs(click.Group):
    """A noun. What is made by hand comes first; the API's own is imported only when it is asked for."""

    def __init__(self, *args: Any, noun: str, both: Collection[str] = (), **more: Any) -> None:
        super().__init__(*args, **more)
        self.noun = noun
        self.both = both
        """Verbs made by hand that know both ways to the API."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """By hand, then the API's, each in its own order; where the API is far away, what works there."""
        from service.cli.verbs import nouns  # noqa: PLC0415 -- half a second

        there = nouns().get(self.noun, {})
        by_hand = [name for name in super().list_commands(ctx) if not url_of(ctx) or name in self.both or name in there]
        return list(dict.fromkeys([*by_hand, *there]))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One verb."""
        url = url_of(ctx)
        by_hand = super().get_command(ctx, cmd_name)
        if by_hand is not None and (not url or cmd_name in self.both):
            return by_hand
        from service.cli.verbs import command_of, nouns  # noqa: PLC0415 -- half a second

        endpoint = nouns().get(self.noun, {}).get(cmd_name)
        if endpoint is None and by_hand is not None:
            raise only_here(f"{self.noun} {cmd_name}")
        return None if endpoint is None else command_of(endpoint, url)


def only_here(words: str) -> Fault:
    """What a command says that has no way over HTTP."""
    return Fault(f"`kambill {words}` works on the service's own machine only: leave out --url, and KAMBILL_URL")
