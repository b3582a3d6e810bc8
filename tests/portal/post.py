"""A town with a mail server beside it and a call path in a process of its own, as a node has it: for stories whose
results leave the pages. `python -m tests.portal.post RUN DATA` is that process: a request a line, an answer a line.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from kemi import clock
from kemi.clerk import Clerk
from kemi.contacts import parse_contacts
from kemi.guards import Answer
from kemi.identify import Source
from kemi.register import Registration, register
from kemi.rooms import Rooms
from kemi.store.devices import device_by_id
from service.config import Config
from tests.portal.house import PEOPLE, Town, portal
from tests.service.company import BOOT, NOW_MS
from tests.service.mailroom import Mailroom, mailroom

READERS = ("books@customer.example", "night@customer.example")
"""People of the customer beside its owner."""


class Post(NamedTuple):
    """Where it is, what was mailed, and what the call path has."""

    address: str
    room: Mailroom
    ledger: Path
    path: subprocess.Popen[str]

    def letters(self, subject: str) -> list[EmailMessage]:
        """With such a subject, in the order in which they came."""
        return [one for one in self.room.letters if one["Subject"] == subject]

    def says(self, query: str) -> list[tuple[Any, ...]]:
        """An independent look into the ledger."""
        with closing(sqlite3.connect(self.ledger)) as conn:
            return [tuple(row) for row in conn.execute(query)]

    def holds(self, text: str) -> bool:
        """Whether it stands anywhere in the ledger's files."""
        return any(text.encode() in one.read_bytes() for one in self.ledger.parent.glob("kambill.db*"))

    def device(self, number: int) -> dict[str, Any] | None:
        """As the call path knows it, with all that it was told until now."""
        found: dict[str, Any] | None = self._asked({"device": number})
        return found

    def register(self, number: int) -> int:
        """A REGISTER of a telephone that has proved itself: at how many places it is then, or minus the refusal."""
        return int(self._asked({"register": number}))

    def _asked(self, asked: dict[str, int]) -> Any:
        assert self.path.stdin is not None
        assert self.path.stdout is not None
        self.path.stdin.write(json.dumps(asked) + "\n")
        self.path.stdin.flush()
        return json.loads(self.path.stdout.readline())


@contextmanager
def post(folder: Path) -> Iterator[Post]:
    """Open."""
    with mailroom() as room, portal(folder, furnish=_furnishing(room), tasks=("flusher", "mails")) as address:
        asked = [sys.executable, "-m", "tests.portal.post", str(folder / "run"), str(folder / "data")]
        with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as path:
            yield Post(address, room, folder / "kambill.db", path)
            path.terminate()


def _furnishing(room: Mailroom) -> Any:
    async def furnish(engine: AsyncEngine, url: str, folder: Path) -> Config:
        town = Town(engine, url, folder)
        await town.open()
        office = town.office
        for email, (account, role) in {one: said for one, said in PEOPLE.items() if said[0] in town.ids}.items():
            await office.hire(office.boss, town.ids[account], email, [office.roles[role]])
        for email in READERS:
            await office.hire(office.boss, town.ids["customer"], email, [office.roles["read_only"]])
        return town.config.model_copy(update={"mail": room.config()})

    return furnish


def _device(rooms: Rooms, number: int) -> dict[str, Any] | None:
    with rooms.store.read() as txn:
        found = device_by_id(rooms.store.config, txn, number)
    return None if found is None else found._asdict()


def _register(rooms: Rooms, number: int) -> int:
    with rooms.store.read() as txn:
        device = device_by_id(rooms.store.config, txn, number)
    assert device is not None
    binding = parse_contacts([f"<sip:{device.username}@192.0.2.7>"])
    assert binding is not None
    source, now = Source("192.0.2.7", 5060, "udp"), clock.now()
    call_id = f"c{now.boot_ms}"
    said = Registration(device.username, call_id, 1, binding, 600, "Snom 715", source, "udp:127.0.0.1:5060")
    found = register(rooms, device, said, now)
    return -found.code if isinstance(found, Answer) else len(found)


def main() -> None:
    """Until nobody asks any more."""
    run_dir, data_dir = map(Path, sys.argv[1:])
    rooms = Rooms.open(run_dir, data_dir)
    assert rooms.has_store()
    clerk = Clerk(rooms, BOOT, NOW_MS)
    for line in sys.stdin:
        clerk.tick(clock.now())
        ((what, number),) = json.loads(line).items()
        print(json.dumps({"device": _device, "register": _register}[what](rooms, number)), flush=True)
    clerk.close()
    rooms.close()


if __name__ == "__main__":
    main()
