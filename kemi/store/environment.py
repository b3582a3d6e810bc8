"""Opens the hot store: read and write for Kamailio's processes, read-only for everybody else.

Each process opens it once, after its fork. A folder that is wiped while processes run leaves them a deleted
file that they could go on writing to: `HotStore.is_current` compares inodes before each transaction.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import lmdb

from kemi.store import layout
from kemi.store.calls import RunningCall, unpack_call
from kemi.store.configuration import Configuration
from kemi.store.layout import Account, Aside, State
from kemi.store.locations import Location, unpack_location
from kemi.store.queues import event_to_json, unpack_event
from kemi.store.trace import Trace

FOLDER = "hot"
BEING_MADE = "hot.new"
"""The folder of a store that nobody uses yet."""
MAP_BYTES = int(os.environ.get("KAMBILL_STORE_MIB", "256")) * 1024 * 1024
"""The store's size, taken from memory when it is made: 256 MiB hold some 40,000 calls at once."""
SMALLEST_BYTES = 1024 * 1024
MAX_READERS = 512
LOCK_BYTES = 64 * 1024
"""More than what LMDB's table of readers takes beside it."""
HIGH_PERCENT = 85
"""From here on it counts whether a reader keeps used pages from being used again."""
HELD_PERCENT = 10
PAGES_PER_CHANGE = 8
CHANGES_BEHIND_MIN = 50
"""A reader stays when the changes since it began have taken more than HELD_PERCENT of the pages, of which each takes
so many; fewer changes are nobody's delay."""
SECRET_BYTES = 32
"""Of what only this store's life knows: nonces are made with it."""
NAMES = tuple(
    b"meta account network peer config call due invite event aside farewell location nonce failure "
    b"quality exposure health ban package limit known ported".split()
)


T = TypeVar("T")


class StoreAbsent(Exception):
    """There is no hot store in the folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"no hot store in {folder}: it is made when Kamailio starts (python3 -m kemi.prestart)")


class StoreTooLarge(Exception):
    """The folder has no room for the store."""

    def __init__(self, folder: Path, fault: OSError) -> None:
        super().__init__(
            f"the hot store needs {MAP_BYTES // 2**20} MiB in {folder}: {fault.strerror}: free memory there, enlarge "
            "the tmpfs, or set KAMBILL_STORE_MIB to less"
        )


StoreFull = lmdb.MapFullError
"""The store has no page left for what a transaction writes."""


class Databases:
    """The environment and its named databases, by name."""

    def __init__(self, env: Any) -> None:
        self.env = env
        handles = [env.open_db(name, create=not env.flags()["readonly"]) for name in NAMES]
        self.meta, self.account, self.network, self.peer, self.config, *rest = handles
        self.call, self.due, self.invite, self.event, self.aside, self.farewell, *rest = rest
        self.location, self.nonce, self.failure, *rest = rest
        self.quality, self.exposure, self.health, self.ban, self.package, self.limit, self.known, *rest = rest
        (self.ported,) = rest


def _open(folder: Path, *, readonly: bool) -> Any:
    """A store keeps the size that it was made with, whatever the environment of who opens it says."""
    file = folder / "data.mdb"
    size = file.stat().st_size if file.exists() else 0
    return lmdb.open(
        str(folder),
        map_size=max(size, SMALLEST_BYTES) if size else MAP_BYTES,
        max_dbs=len(NAMES),
        max_readers=MAX_READERS,
        readonly=readonly,
        readahead=False,
        writemap=not readonly,  # commits by memory writes: a third of the time of system calls
        create=not readonly,
        mode=0o660,
    )


class HotStore(Databases):
    """The store as Kamailio's processes see it."""

    trace: Trace | None = None
    """Who listens to what decisions meet; None on the call path."""
    is_held = False
    """Whether `held_by` found somebody when it was looked at last."""

    def __init__(self, run_dir: Path, folder: str = FOLDER) -> None:
        self._file = str(run_dir / folder / "data.mdb")
        if not Path(self._file).exists():
            raise StoreAbsent(run_dir / folder)
        env = _open(run_dir / folder, readonly=False)
        super().__init__(env)
        self.read: Callable[[], Any] = env.begin
        """A read transaction."""
        self.write: Callable[[], Any] = partial(env.begin, write=True)
        """A write transaction. Nothing in it may sleep, log or call out."""
        self.inode = os.stat(self._file).st_ino  # noqa: PTH116 -- the call path's twin of is_current
        self.measure()

    def measure(self) -> None:
        """Looks how large the store is: by that the limits of what may stand in it are set."""
        self.guard_bytes: int = self.env.info()["map_size"] // 100 * layout.GUARD_PERCENT
        """New calls are refused beyond."""
        self.devices_bytes: int = self.env.info()["map_size"] // 100 * layout.DEVICES_PERCENT
        """New places of devices are refused beyond."""
        self.known_max: int = self.env.info()["map_size"] // 100 * layout.KNOWN_PERCENT // layout.BYTES_PER_KNOWN
        """Destinations that somebody has called before; beyond, what is new stays new."""
        self._configuration = Configuration(self.meta, self.config, b"")
        self._page_bytes: int = self.env.stat()["psize"]

    def is_current(self) -> bool:
        """Whether the folder still holds the file that this process has open."""
        try:
            return os.stat(self._file).st_ino == self.inode  # noqa: PTH116 -- 1 µs; pathlib takes 3
        except FileNotFoundError:
            return False

    def state(self, txn: Any) -> State:
        """The store's counters."""
        return layout.unpack_state(txn.get(b"state", db=self.meta))

    def configuration(self, txn: Any) -> Configuration:
        """What the operator has set, as this transaction sees it; kept decoded until it changes."""
        number = txn.get(b"configuration", b"\0", db=self.meta)
        if number != self._configuration.number:
            self._configuration = Configuration(self.meta, self.config, number)
        return self._configuration

    def held_by(self) -> int:
        """The process that has been looking at the store for so long that little is left of it, since what ended
        meanwhile gives no room back; 0: none.
        """
        info = self.env.info()
        pages = info["map_size"] // self._page_bytes
        if (info["last_pgno"] + 1) * 100 < pages * HIGH_PERCENT:
            return 0
        oldest = min(_readers(self.env), default=None)
        if oldest is None:
            return 0
        behind = info["last_txnid"] - oldest[0]
        stays = behind > CHANGES_BEHIND_MIN and behind * PAGES_PER_CHANGE * 100 > pages * HELD_PERCENT
        return oldest[1] if stays else 0

    def journalled(self, txn: Any) -> int:
        """The last sequence that is in the journal."""
        return int.from_bytes(txn.get(b"journalled", b"\0", db=self.meta), "big")

    def close(self) -> None:
        """Before opening another one in the same process."""
        self.env.close()


def _readers(env: Any) -> Iterator[tuple[int, int]]:
    """Transaction and process of each look at the store that goes on."""
    for line in env.readers().splitlines()[1:]:
        process, _, txn_id = line.split()
        if txn_id != "-":
            yield int(txn_id), int(process)


def create_store(run_dir: Path, epoch: int, begin: Callable[[HotStore], None]) -> HotStore:
    """Makes a store of life `epoch`. It is not ready: calls get 503 until the service has filled it.

    `begin` puts in it what it begins with. Whoever is killed before that has made none: half of one would be taken for
    one in which no call talks.
    """
    folder = run_dir / BEING_MADE
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o2770)
    _take_room(folder / "room", MAP_BYTES + LOCK_BYTES).unlink()
    env = _open(folder, readonly=False)
    databases = Databases(env)
    with env.begin(write=True) as txn:
        txn.put(b"state", layout.pack_state(*State()), db=databases.meta)
        txn.put(b"epoch", epoch.to_bytes(8, "big"), db=databases.meta)
        txn.put(b"secret", os.urandom(SECRET_BYTES), db=databases.meta)
    env.close()
    _take_room(folder / "data.mdb", MAP_BYTES)
    _take_room(folder / "lock.mdb", (folder / "lock.mdb").stat().st_size)  # a page for each 63 processes that read
    store = HotStore(run_dir, BEING_MADE)
    begin(store)
    store.close()
    shutil.rmtree(run_dir / FOLDER, ignore_errors=True)  # what a wiped store has left
    folder.rename(run_dir / FOLDER)
    return HotStore(run_dir)


def _take_room(file: Path, size: int) -> Path:
    """Takes a file's memory now: a page that can't be had later kills the process that touches it. LMDB touches pages
    as soon as it opens, so that it is asked for before. Raises StoreTooLarge: the file is gone then.
    """
    with file.open("ab") as opened:
        try:
            os.posix_fallocate(opened.fileno(), 0, size)
        except OSError as fault:
            file.unlink()
            raise StoreTooLarge(file.parent, fault) from fault
    return file


class Snapshot:
    """One consistent look at the store. Short: a reader that stays makes the store grow."""

    def __init__(self, databases: Databases, txn: Any) -> None:
        self._dbs = databases
        self._txn = txn
        self._state = layout.unpack_state(txn.get(b"state", db=databases.meta))

    def read(self, what: Callable[..., T], *more: Any) -> T:
        """What a reader of another module finds in this snapshot: `snapshot.read(health.read, 7)`."""
        return what(self._dbs, self._txn, *more)

    @property
    def epoch(self) -> int:
        """Which life of the store."""
        return int.from_bytes(self._txn.get(b"epoch", db=self._dbs.meta), "big")

    @property
    def ready(self) -> bool:
        """Whether the service has filled it."""
        return self._txn.get(b"ready", db=self._dbs.meta) is not None

    @property
    def generation(self) -> int:
        """Kamailio's starts in this store's life."""
        return int.from_bytes(self._txn.get(b"generation", b"\0", db=self._dbs.meta), "big")

    @property
    def sockets(self) -> tuple[str, ...]:
        """Where Kamailio listens, `transport:address:port` each; empty: it has not said so yet."""
        return tuple(self._txn.get(b"sockets", b"", db=self._dbs.meta).decode().split())

    @property
    def shed(self) -> int:
        """How many requests got 503 in an overload since Kamailio's start."""
        return int.from_bytes(self._txn.get(b"shed", b"", db=self._dbs.meta), "big")

    @property
    def state(self) -> State:
        """The counters."""
        return self._state

    @property
    def sequence(self) -> int:
        """Of the last event."""
        return self._state.sequence

    @property
    def applied_command(self) -> int:
        """The last command applied."""
        return self._state.applied_command

    def account(self, account_id: int) -> Account | None:
        """One account; None: the store doesn't know it."""
        raw = self._txn.get(layout.account_key(account_id), db=self._dbs.account)
        return None if raw is None else layout.unpack_account(account_id, raw)

    def accounts(self) -> Iterator[Account]:
        """All accounts, by id."""
        rows = list(self._txn.cursor(self._dbs.account))
        return (layout.unpack_account(int.from_bytes(key, "big"), raw) for key, raw in rows)

    def calls(self) -> Iterator[RunningCall]:
        """All running calls, oldest first."""
        rows = [bytes(raw) for _, raw in self._txn.cursor(self._dbs.call)]
        return map(unpack_call, rows)

    def locations(self) -> Iterator[Location]:
        """Where devices are registered; what has just run out may still be among them."""
        rows = [bytes(raw) for _, raw in self._txn.cursor(self._dbs.location)]
        return map(unpack_location, rows)

    def events(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Sequence and journal form of each event that isn't in the journal yet."""
        after = layout.sequence_key(int.from_bytes(self._txn.get(b"journalled", b"\0", db=self._dbs.meta), "big"))
        rows = [(bytes(key), bytes(raw)) for key, raw in self._txn.cursor(self._dbs.event) if key > after]
        return ((int.from_bytes(key, "big"), event_to_json(raw)) for key, raw in rows)

    def unheard_ms(self, boot_ms: int) -> int:
        """For how long nothing has come to the journal, where the clerk brings a heartbeat each second."""
        after = int.from_bytes(self._txn.get(b"journalled", b"\0", db=self._dbs.meta), "big") + 1
        with self._txn.cursor(self._dbs.event) as cursor:
            found = cursor.set_range(layout.sequence_key(after)) or cursor.last()
            return boot_ms - unpack_event(cursor.value())[1] if found else 0

    @property
    def bans(self) -> int:
        """How many are banned, with those whose time was over in the last minute."""
        return int(self._txn.stat(self._dbs.ban)["entries"])

    def asides(self) -> dict[int, Aside]:
        """What operations of the ledger have set aside, by operation."""
        rows = list(self._txn.cursor(self._dbs.aside))
        return {int.from_bytes(key, "big"): layout.unpack_aside(raw) for key, raw in rows}

    def exposures(self) -> dict[int, int]:
        """What running calls hold against limits of exposure, by provider."""
        rows = list(self._txn.cursor(self._dbs.exposure))
        return {int.from_bytes(key, "big"): layout.unpack_exposure(raw).held for key, raw in rows}

    def usage(self, kind: bytes, number: int) -> layout.Usage:
        """Channels in use of a trunk (`t`) or gateway (`g`)."""
        return layout.unpack_usage(self._txn.get(layout.kind_key(kind, number), db=self._dbs.peer))

    def channels(self) -> dict[tuple[bytes, int], int]:
        """Channels in use of every trunk and gateway that has any, by kind and id."""
        found = {}
        for key, raw in self._txn.cursor(self._dbs.peer):
            usage = layout.unpack_usage(raw)
            if usage.channels:
                found[bytes(key[:1]), int.from_bytes(key[1:], "big")] = usage.channels
        return found


_opening = Lock()
OPENING_S = 5
"""How long one looker waits for another at most."""


class HotReader(Databases):
    """The store as the service and the commands see it: read-only. Threads of one process wait for each other: LMDB
    opens an environment once in a process.
    """

    def __init__(self, run_dir: Path) -> None:
        folder = run_dir / FOLDER
        if not (folder / "data.mdb").exists():
            raise StoreAbsent(folder)
        self._has_turn = _opening.acquire(timeout=OPENING_S)
        try:
            self.env = _open(folder, readonly=True)
        except lmdb.Error as fault:
            self._give_turn()
            raise StoreAbsent(folder) from fault
        try:
            super().__init__(self.env)
        except lmdb.Error as fault:
            self.close()
            raise StoreAbsent(folder) from fault
        self._file = folder / "data.mdb"
        self._inode = self._file.stat().st_ino

    def is_current(self) -> bool:
        """Whether the folder still holds this store; if not, close and open anew."""
        try:
            return self._file.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """A short read transaction."""
        with self.env.begin() as txn:
            yield Snapshot(self, txn)

    def close(self) -> None:
        """Gives the reader slot back."""
        self.env.close()
        self._give_turn()

    def _give_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            _opening.release()


def open_reader(run_dir: Path) -> HotReader:
    """The store, read-only. Raises `StoreAbsent`. One per process and folder: close before opening anew."""
    return HotReader(run_dir)


@contextmanager
def snapshot_of(run_dir: Path) -> Iterator[Snapshot]:
    """For who looks once: opened, read and closed. Raises `StoreAbsent`."""
    reader = open_reader(run_dir)
    try:
        with reader.snapshot() as snapshot:
            yield snapshot
    finally:
        reader.close()
