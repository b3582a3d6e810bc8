"""The call path as a state machine under random events: repeated, late, lost, in any order, with crashes.

After each step: holds and channels are those of the running calls, nobody has spent what it hasn't, and what
the balances lost stands in the settled events, once.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from kemi import meter, prestart
from kemi.authorize import Admitted
from kemi.failover import fail_over
from kemi.running import find
from ratebook.compiled.layout import decode_terms
from ratebook.price import Cover, charge
from tests.kemi.world import CARRIER, CUSTOMER, DEAR_CARRIER, LOWER, ROOT, UPPER, FakeDialogs, World, assert_consistent

NUMBERS = ("+33123", "+4930", "0033445")
ELSEWHERE = 9
"""An account of the root's, on nobody's path."""
PAYERS = (CUSTOMER, LOWER, UPPER, ELSEWHERE)
START_MICROS = 400_000
"""Money for a few calls: it runs out in most runs."""


class Calls(RuleBasedStateMachine):
    """One company, whatever happens to it."""

    calls: Bundle[str] = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="kambill-test-"))
        self.world = World(self.folder)
        self.paid = {}
        self.world.account(ELSEWHERE, parent=ROOT)
        for account in PAYERS:
            self.world.balance(account, START_MICROS)
            self.paid[account] = START_MICROS
        self.clerk = self.world.clerk()
        self.world.device(7, LOWER)
        self.world.device(8, CUSTOMER, channels=2)
        self.world.at(7)
        self.world.number(1, LOWER, {"kind": "device", "id": 7}, tariff=LOWER)
        self.world.number(2, ELSEWHERE, {"kind": "device", "id": 7}, tariff=LOWER)
        self.granted: dict[int, int] = {}
        """What packages were granted, by grant."""

    @rule(target=calls, number=st.sampled_from(NUMBERS))
    def invite(self, number: str) -> Any:
        """A new INVITE."""
        answer = self.world.invite(number)
        return answer.call if isinstance(answer, Admitted) else multiple()

    @rule(target=calls, channels=st.sampled_from((0, 1)), without_funds=st.sampled_from(("refuse", "allow")))
    def come_in(self, channels: int, without_funds: str) -> Any:
        """A call from outside to the number of the lower reseller's, which costs it and whoever is above."""
        places = [{"kind": "device", "id": 7}, {"kind": "uri", "uri": "sip:box@192.0.2.9"}]
        self.world.number(1, LOWER, *places, tariff=LOWER, channels=channels, without_funds=without_funds)
        answer = self.world.come_in()
        return answer.call if isinstance(answer, Admitted) else multiple()

    @rule(target=calls, called=st.sampled_from(("+44202", "d7")), device=st.sampled_from((0, 8)))
    def call_ours(self, called: str, device: int) -> Any:
        """A call to somebody of ours, from the customer's trunk or device."""
        answer = self.world.call_ours(called, device)
        return answer.call if isinstance(answer, Admitted) else multiple()

    @rule(call=calls, to_tag=st.sampled_from(("a", "b")))
    def answer(self, call: str, to_tag: str) -> None:
        """A 200, perhaps a second one, perhaps after the end."""
        self.world.pick_up(call, to_tag)

    @rule(call=calls, by=st.sampled_from(("caller", "callee", "grant")))
    def end(self, call: str, by: str) -> None:
        """BYE, CANCEL or the timer, perhaps again."""
        self.world.hang_up(call, by=by)

    @rule(call=calls, code=st.sampled_from((408, 486, 503)))
    def fail(self, call: str, code: int) -> None:
        """A gateway's failure."""
        if fail_over(self.world.rooms, call, code, self.world.now) is None:
            running = find(self.world.rooms, call)
            if running and not running.is_answered:
                self.world.hang_up(call, by="callee", code=code)

    @rule(call=calls)
    def cut(self, call: str) -> None:
        """Somebody cuts it."""
        self.world.do("cut", call=call)

    @rule(seconds=st.sampled_from((0.05, 0.9, 7, 30, 95)))
    def wait(self, seconds: float) -> None:
        """Time goes by with the meter at work."""
        self.world.wait(seconds)
        meter.tick(self.world.rooms, FakeDialogs().seen(), self.world.now)

    @rule()
    def lose_dialogs(self) -> None:
        """Whatever is due now finds its dialog gone."""
        self.world.wait(91)
        meter.tick(self.world.rooms, FakeDialogs(alive=False).seen(), self.world.now)

    @rule(account=st.sampled_from(PAYERS), micros=st.integers(1, START_MICROS))
    def pay(self, account: int, micros: int) -> None:
        """A payment."""
        self.world.credit(account, micros)
        self.paid[account] += micros

    @rule(
        grant=st.integers(1, 4),
        amount=st.integers(1, 60),
        lasts_s=st.sampled_from((20, 10_000)),
        only=st.sampled_from((CUSTOMER, LOWER)),
    )
    def grant(self, grant: int, amount: int, lasts_s: int, only: int) -> None:
        """Seconds (odd) or money (even) in a package of the customer's or of the upper reseller's."""
        account, money = (CUSTOMER, UPPER)[grant // 3], grant % 2 == 0
        amount *= 1_000 if money else 1
        fields = {"money": money, "priority": amount % 3, "until_s": self.world.now.wall_s + lasts_s}
        self.world.package(grant, account, amount, tariffs=[only, UPPER], **fields)
        self.granted[grant] = self.granted.get(grant, 0) + amount

    @rule()
    def journal(self) -> None:
        """The clerk comes round."""
        self.clerk.tick(self.world.now)

    @rule()
    def restart(self) -> None:
        """Kamailio is killed and starts again: ringing calls go, answered ones stay."""
        self.clerk.close()
        self.world.rooms.close()
        write, prestart.dialogs.write_tables = prestart.dialogs.write_tables, lambda *_: None
        try:
            prestart.prepare(self.world.run_dir, self.world.data_dir, self.world.now)
        finally:
            prestart.dialogs.write_tables = write
        assert self.world.rooms.usable()
        self.clerk = self.world.clerk()

    @invariant()
    def holds_and_channels_are_those_of_the_running_calls(self) -> None:
        """H1 in the store."""
        assert_consistent(self.world)

    @invariant()
    def nobody_spends_what_it_has_not(self) -> None:
        """H2: no limit changed meanwhile."""
        for account in PAYERS:
            assert self.world.get(account).available >= 0

    @invariant()
    def every_charge_stands_once(self) -> None:
        """H3: payments less balances are the settled charges, of journal and store together."""
        lines = self.world.journal() + self.world.events("settled")
        cdrs = {line["cdr"]["call"]: line["cdr"] for line in lines if line["e"] == "settled"}
        assert len(cdrs) == sum(line["e"] == "settled" for line in lines)
        charged = dict.fromkeys(self.paid, 0)
        owed = dict.fromkeys((CARRIER, DEAR_CARRIER), 0)
        for cdr in cdrs.values():
            for row in cdr["charges"]:
                charged[row["account"]] += row["micros"]
            if cdr["cost"]:
                owed[cdr["cost"]["account"]] += cdr["cost"]["micros"]
        for account, paid in self.paid.items():
            assert self.world.get(account).balance == paid - charged[account]
        for provider, micros in owed.items():
            assert self.world.get(provider).balance == micros
        self.packages_add_up(list(cdrs.values()))

    def packages_add_up(self, cdrs: list[dict[str, Any]]) -> None:
        """What is left of each grant is what calls have not taken; each price follows from what was taken."""
        rows = [row for cdr in cdrs for row in cdr["charges"]]
        taken = Counter[int]()
        for row in rows:
            taken.update(dict(row["takes"]))
        stocks = self.world.stocks()
        assert {grant: stock.left for grant, stock in stocks.items()} == {
            grant: amount - taken[grant] for grant, amount in self.granted.items()
        }
        for cdr in cdrs:
            for row in cdr["charges"] if cdr["answer_ms"] else ():
                cover = Cover(row["covered_s"], row["fees_covered"])
                terms = decode_terms(bytes.fromhex(row["terms"]))
                price = charge(terms, cdr["duration_ms"], cdr["answer_ms"] // 1000, (1, 1), cover)
                assert (row["billed_s"], row["micros"]) == (price.billed_s, price.micros - row["covered_micros"])

    def teardown(self) -> None:
        """Gives the folder back."""
        self.clerk.close()
        self.world.close()
        shutil.rmtree(self.folder)


TestCalls = Calls.TestCase
TestCalls.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
