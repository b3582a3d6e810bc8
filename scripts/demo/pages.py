"""What people see at the end of the demo: tables, and a page of what to try."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from rich.console import Console
from rich.table import Table

from scripts.demo import report
from scripts.demo.places import Places

WIDTH_MIN = 130
"""Characters: a narrower terminal, or none, gets wrapped lines instead of torn cells."""
_RIGHT = ("talked s", "billed s", "amount", "earned", "paid", "margin", "before", "after", "change")
_LONG = ("caller got", "why", "found")


def show(outcomes: list[report.Outcome], before: dict[str, int], after: dict[str, int], doctor: dict[str, Any]) -> None:
    """Prints everything that came of the calls."""
    console = Console()
    console.width = max(console.width, WIDTH_MIN)
    answer = "all is well" if doctor["ok"] else "something is wrong"
    for title, (columns, rows) in (
        ("Calls", report.calls_table(outcomes)),
        ("Who paid whom", report.levels_table(outcomes)),
        ("Margins", report.margins_table(outcomes)),
        ("Balances", report.balances_table(before, after)),
        (f"The doctor: {answer}", report.doctor_table(doctor)),
    ):
        table = Table(show_edge=False)
        for column in columns:
            justify: Literal["left", "right"] = "right" if column in _RIGHT else "left"
            table.add_column(column, justify=justify, no_wrap=column not in _LONG)
        for row in rows:
            table.add_row(*row)
        console.print(title, style="bold")
        console.print(table)
        console.print()


def addresses(places: Places) -> str:
    """Where everything stands."""
    lines = [f"proxy {places.proxy}", f"service http://{places.service.host}:{places.service.port}"]
    lines += [f"trunk {name} calls from {address}" for name, address in places.trunks.items()]
    lines += [f"gateway {name} at {address}" for name, address in places.gateways.items()]
    return "\n".join([*lines, f"logs, journal and ledger below {places.folder}"])


class Login(NamedTuple):
    """Somebody who can sign in."""

    email: str
    password: str


def login(places: Places, found: Login, others: Iterable[str] = (), password: str = "") -> str:
    """How to get in. `others`: whom the story hired, all with one password."""
    url = f"http://{places.service.host}:{places.service.port}"
    lines = [
        f"portal: {url}/",
        f"sign in as Super Admin: {found.email}, password {found.password}",
        *([f"or with the password {password!r} as {', '.join(others)}"] if others else []),
        f"explorer of the API: {url}/api/v1/explorer/",
    ]
    return "\n".join(lines)


def what_to_try(places: Places) -> str:
    """The page that stays on the screen while the demo is up."""
    first = next(iter(places.trunks), "TRUNK")
    return f"""Up until Ctrl-C; the gateways answer every call. In another terminal:

  scripts/call {first} 442079460001 5    a call of 5 seconds from that trunk
  ./kambill call list                    what is running; `call cut KEY` ends one
  ./kambill cdr list                     what has ended; `cdr show KEY` tells every level's charge and the margins
  ./kambill account list                 balances
  ./kambill pay ACCOUNT 1.00             a payment: the call path knows it within a second
  ./kambill tariff price retail 442079460001 --seconds 61
  ./kambill doctor                       does everything add up?
"""
