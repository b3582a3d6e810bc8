"""Before anything else of a message is looked at: is its source banned, or flooding us?

Sources are counted in shared memory, an IPv6 site (/64) as one, since who has it changes its address at will; the store
is written only when somebody is banned. Who is listed, as a trunk's or gateway's address, is never banned by itself:
what it sends beyond a much higher limit goes unanswered.
"""

from __future__ import annotations

from kemi.clock import Now
from kemi.counters import Counters
from kemi.store import bans, headers
from kemi.store.bans import Ban, Networks, site_of
from kemi.store.change import Change
from kemi.store.environment import HotStore
from kemi.store.layout import Settings
from kemi.store.networks import parse_address

LOOK_MS = 1_000
"""How often a process asks whether bans or settings have changed."""
BANS_PER_LOOK = 20
"""Automatic bans of one process between two looks: each is a write, and invented addresses cost nothing."""
PROVED_S = 7_200
"""Twice the longest registration."""
REFUSED = "!"
"""Before an address: its refusals are counted as those of another source."""
HUNG_UP, HUNG_UP_PER_S = "-", 20
"""Likewise, of answers of nothing that is known; how many of a source's, in a second, are worth an ACK and a BYE."""
SCANNERS = (
    "friendly-scanner", "friendly-request", "sipvicious", "sipcli", "sip-scan", "sipscan", "sundayddr", "iwar", "smap",
    "sipsak", "vaxsipuseragent", "pplsip", "sipptk", "eyebeam_scan", "siparmyknife", "test agent", "scanner", "gulp",
    "nm@nm", "voipster", "sivus", "warvox", "custom-scan",
)  # fmt: skip
"""What the User-Agent of programs says, in lower case, that look for open proxies. Believed of strangers only."""


class Gate:
    """Of one process."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._look_ms = 0
        self._number: bytes | None = None
        self._inode = 0
        self._settings = Settings()
        self.marks: frozenset[str] = frozenset()
        """Headers of Kamailio's own modules, which stay."""
        self.passed = headers.PASSED
        """Names of headers that go on, as of the last look."""
        self.shed_percent = self._settings.shed_queue_percent
        """From which share of a queue on new calls are refused, likewise."""
        self._banned: Networks = {}
        self._banned_strangers: Networks = {}
        self._until_ms = 0
        self._listed: dict[str, bool] = {}
        self.tired: dict[str, int] = {}
        """Sources of which too much was refused, by the second in which it was; empty: there is none to ask for."""
        self._bans_left = BANS_PER_LOOK

    def admits(self, store: HotStore, ip: str, now: Now) -> bool:
        """Whether a message from this address is looked at; counts it."""
        if now.boot_ms >= self._look_ms:
            self._look(store, now)
        if (self._banned or self._banned_strangers) and self._is_banned(store, ip, now):
            return False
        sent = self._counters.message(site_of(ip) if ":" in ip else ip, now.boot_ms // 1000)
        return sent <= self._settings.flood_per_s or self._is_bearable(store, ip, sent, now)

    def _is_banned(self, store: HotStore, ip: str, now: Now) -> bool:
        """As of the last look. An automatic ban hits nobody who is listed, or has been since."""
        return _holds(self._banned, ip) or (_holds(self._banned_strangers, ip) and not self._lists(store, ip, now))

    def stranger(self, store: HotStore, ip: str, user_agent: str, now: Now) -> None:
        """A message of nobody that we know: a scanner is banned at once, others when they go on."""
        if self.is_scanner(user_agent):
            self._ban(store, ip, "scanner", now)
        else:
            self.strike(store, ip, now)

    @staticmethod
    def is_scanner(user_agent: str) -> bool:
        """Whether a User-Agent is a known scanner's."""
        agent = user_agent.lower()
        return any(scanner in agent for scanner in SCANNERS)

    def proved(self, ip: str, now: Now) -> None:
        """Somebody behind this address has proved a password or certificate, or has answered a call."""
        self._counters.know(site_of(ip) if ":" in ip else ip, now.boot_ms // 1000)

    def has_proved(self, ip: str, now: Now) -> bool:
        """Whether one did so not long ago: it is held back like a trunk then, and never banned."""
        return now.boot_ms // 1000 - self._counters.known_s(site_of(ip)) < PROVED_S

    def strike(self, store: HotStore, ip: str, now: Now) -> None:
        """Something that an honest peer does seldom: too many in a minute are a ban."""
        if self._counters.strike(site_of(ip), now.boot_ms // 60_000) > self._settings.strikes_per_minute:
            self._ban(store, ip, "strikes", now)

    def refused(self, ip: str, now: Now) -> None:
        """An INVITE from this address was refused; who has too many in a second gets no more decisions in it."""
        site, second = site_of(ip), now.boot_ms // 1000
        if self._counters.message(REFUSED + site, second) >= self._settings.refusals_per_s:
            self.tired[site] = second

    def is_tired(self, ip: str, now: Now) -> bool:
        """Whether INVITEs from this address are not worth a decision in this second."""
        return self.tired.get(site_of(ip)) == now.boot_ms // 1000

    def may_be_hung_up(self, ip: str, now: Now) -> bool:
        """Whether an answer of nothing that is known, from this address, is hung up; counts it."""
        return self._counters.message(HUNG_UP + site_of(ip), now.boot_ms // 1000) <= HUNG_UP_PER_S

    def _is_bearable(self, store: HotStore, ip: str, sent: int, now: Now) -> bool:
        """Of a source that sends more than a stranger may."""
        if self._lists(store, ip, now):
            return sent <= self._settings.flood_listed_per_s
        self._ban(store, ip, "flood", now)
        return False

    def _lists(self, store: HotStore, ip: str, now: Now) -> bool:
        listed = self._listed.get(ip)
        if listed is None:
            with store.read() as txn:
                listed = self._listed[ip] = bans.is_listed(store, txn, ip) or self.has_proved(ip, now)
        return listed

    def _ban(self, store: HotStore, ip: str, why: str, now: Now) -> None:
        if self._bans_left <= 0 or self._is_banned(store, ip, now) or self._lists(store, ip, now):
            return
        self._bans_left -= 1
        ban = Ban(bans.site_of(ip), why, now.wall_ms + self._settings.ban_s * 1000)
        with Change(store) as change:
            bans.ban_stranger(change, ban, now)
        self._read_bans(store, now)

    def _look(self, store: HotStore, now: Now) -> None:
        """Settings and bans as they are now."""
        self._listed.clear()
        self.tired = {ip: second for ip, second in self.tired.items() if second == now.boot_ms // 1000}
        self._bans_left = BANS_PER_LOOK
        self._look_ms = now.boot_ms + LOOK_MS
        with store.read() as txn:
            self._settings = store.configuration(txn).settings(txn)
        self.passed = headers.passed_with(self._settings.pass_headers) | self.marks
        self.shed_percent = self._settings.shed_queue_percent
        self._read_bans(store, now)

    def _read_bans(self, store: HotStore, now: Now) -> None:
        """Only when one came or went, or one's time is over."""
        with store.read() as txn:
            number = bans.number_of(store, txn)
            if number == self._number and store.inode == self._inode and now.wall_ms < self._until_ms:
                return
            held = [ban for ban in bans.all_of(store, txn) if ban.holds(now)]
        self._number, self._inode = number, store.inode
        self._banned = bans.networks_of([ban for ban in held if ban.why == bans.OPERATOR])
        self._banned_strangers = bans.networks_of([ban for ban in held if ban.why != bans.OPERATOR])
        self._until_ms = min((ban.until_ms for ban in held if ban.until_ms), default=2**63)


def _holds(networks: Networks, ip: str) -> bool:
    """Whether an address lies in one of them."""
    version, number = parse_address(ip)
    for (its_version, shift), heads in networks.items():  # noqa: SIM110 -- a generator takes three times as long
        if version == its_version and number >> shift in heads:
            return True
    return False
