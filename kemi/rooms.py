"""What a process has open: the hot store, the rates, and the settings. One per process, made after its fork."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from time import monotonic_ns

from kemi.caller import Parties
from kemi.counters import Counters
from kemi.gate import Gate
from kemi.overload import Overload
from kemi.store.environment import HotStore, StoreAbsent
from ratebook.compiled.read import RatesReader

RATES_FOLDER = "rates"

LOOK_EACH_NS = 50_000_000
"""How often a process looks whether the store's file is still the one that it has open, and who keeps its room. What it
writes to a wiped one meanwhile reaches the journal: the clerk copies a wiped store twice, 100 ms apart.
"""


class Rooms:
    """Store and rates of this process. `usable()` first; then `store` and `rates` are there."""

    def __init__(self, run_dir: Path, data_dir: Path, counters: Counters) -> None:
        self.gate = Gate(counters)
        self.overload = Overload()
        """Kamailio's processes share one."""
        self.run_dir = run_dir
        self.data_dir = data_dir
        self._store: HotStore | None = None
        self._rates: RatesReader | None = None
        self._ready = False
        self._looked_ns = 0
        self.outgoing: Parties | None = None
        """What the gateway is told to which this process is just sending an INVITE."""
        self.can_sign = False
        """Whether this Kamailio signs and checks who calls (`kemi.stir`)."""
        self.hanging_up = ""
        """The call whose settled end this process is just saying to its other side; empty: none."""

    @classmethod
    def open(cls, run_dir: Path, data_dir: Path, counters: Counters | None = None) -> Rooms:
        """The rooms of this process. Nothing need be there yet: `usable` looks again each time. `counters`: those that
        it shares with other processes.
        """
        return cls(run_dir, data_dir, counters or Counters())

    @classmethod
    def over(cls, store: HotStore, data_dir: Path, rates: RatesReader | None = None) -> Rooms:
        """Rooms of a store that is open. `rates`: those that are open too; None: they are opened at the first look."""
        rooms = cls(data_dir, data_dir, Counters())
        rooms._store, rooms._rates = store, rates
        return rooms

    @cached_property
    def store(self) -> HotStore:
        """The hot store. Raises StoreAbsent. An attribute until it is closed: each message asks for it often."""
        if self._store is None:
            raise StoreAbsent(self.run_dir)
        return self._store

    @cached_property
    def rates(self) -> RatesReader:
        """The rates environment, likewise. Raises StoreAbsent: the service has not made it yet."""
        if self._rates is None:
            folder = self.data_dir / RATES_FOLDER
            if not (folder / "data.mdb").exists():
                raise StoreAbsent(folder)
            self._rates = RatesReader.open(folder)
        return self._rates

    def is_wiped(self) -> bool:
        """Whether the store that this process has open is no longer the one in the folder."""
        wiped = self._store is not None and not self._store.is_current()
        if wiped:
            self._looked_ns = 0
        return wiped

    def has_store(self) -> bool:
        """Whether the store is open and still the one in the folder; opens it anew if another has come."""
        if self._store is not None:
            now_ns = monotonic_ns()
            if now_ns - self._looked_ns < LOOK_EACH_NS:
                return True
            if self._store.is_current():
                self._store.is_held = self._store.held_by() > 0
                self._looked_ns = now_ns
                return True
            self._forget_store()
            self._ready = False
        try:
            self._store = HotStore(self.run_dir)
        except (StoreAbsent, OSError):
            return False
        return True

    def usable(self) -> bool:
        """Whether calls can be taken: the store is there and the service has filled it."""
        if not self.has_store():
            return False
        if not self._ready:
            with self.store.read() as txn:
                self._ready = txn.get(b"ready", db=self.store.meta) is not None
        return self._ready

    def close(self) -> None:
        """For tests and commands; Kamailio's processes end without."""
        self._forget_store()
        if self._rates is not None:
            self._rates.close()
            self._rates = None
        self.__dict__.pop("rates", None)

    def _forget_store(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
        self.__dict__.pop("store", None)
