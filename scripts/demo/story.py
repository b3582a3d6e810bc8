"""A day of the business, through the API alone: who makes whom, who may what, and what their calls feel of it at once.

Super Admin, an Admin with a part of the rights, two resellers (a distributor and one that earns commission), their
sub-resellers and customers, with users and trunks; a right that is revoked, a customer that becomes postpaid, resellers
that are suspended.
"""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from scripts.demo.callsheet import WORDS, Call
from scripts.demo.places import DemoFault
from scripts.demo.sockets import Address
from scripts.demo.system import System
from scripts.demo.telephones import Outside

PASSWORD = "every door in the demo 1"
TALK_MS = 700
HEAR_S = float(os.environ.get("KAMBILL_HEAR_S", "1"))
"""Within which the call path must have heard of a change, on a machine that does nothing else."""
TRUNK_NETWORK, TRUNK_PORT = "127.0.0.{}", 91
RIGHTS_OF_ADMIN = ("accounts", "users", "roles", "trunks", "tariffs", "payments", "credit_limits", "calls", "cdrs",
                   "routing", "invoices", "audit", "devices", "numbers", "settings", "statements", "messages",
                   "branding", "products", "fraud")  # fmt: skip
Say = Callable[[str], None]


class Answer(NamedTuple):
    """What the API said."""

    status: int
    body: Any


class Person:
    """Somebody who asks the API over HTTP."""

    def __init__(self, url: str, session: str = "") -> None:
        self.url, self.session = url, session

    def ask(self, method: str, path: str, **body: Any) -> Answer:
        """One request, with a key of its own."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        if self.session:
            headers["Authorization"] = f"Bearer {self.session}"
        data = json.dumps(body).encode() if method != "GET" else None
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                text = response.read()
                return Answer(response.status, json.loads(text) if text else None)
        except urllib.error.HTTPError as refused:
            return Answer(refused.code, json.loads(refused.read()))

    def do(self, method: str, path: str, **body: Any) -> Any:
        """One that must succeed. Raises DemoFault."""
        answer = self.ask(method, path, **body)
        if answer.status >= 300:
            raise DemoFault(f"{method} {path}: {answer.status} {json.dumps(answer.body)}")
        return answer.body

    def get(self, path: str) -> Any:
        """What stands there."""
        return self.do("GET", path)

    def sign_in(self, email: str, password: str) -> Person:
        """The same address, as somebody."""
        return Person(self.url, self.do("POST", "/sessions", email=email, password=password)["session"])

    def hire(self, account_id: int, email: str, role_ids: list[int]) -> Person:
        """A new user, who follows the link of the invitation and signs in."""
        invited = self.do("POST", "/users", account_id=account_id, email=email, name=email, role_ids=role_ids)
        nobody = Person(self.url)
        nobody.do("POST", "/passwords", link=invited["link"], password=PASSWORD)
        return nobody.sign_in(email, PASSWORD)

    def may(self, permission: str) -> bool:
        """Whether they hold it at this moment."""
        return permission in self.get("/me")["permissions"]


class Story:
    """The story on a running demo."""

    def __init__(self, system: System, outside: Outside, boss: Person, number: str, say: Say) -> None:
        self._system, self._outside, self._boss, self._number, self._say = system, outside, boss, number, say
        self._calls = 0
        self._admin = boss
        self._currency = str(boss.get("/accounts/1")["currency"])
        plans = boss.get("/plans?limit=1")["items"]
        if not plans:
            raise DemoFault("the story needs a routing plan: routing.yaml or setup.yaml has none")
        self._plan_id = int(plans[0]["id"])
        self._roles = {
            role["built_in"]: role["id"] for role in boss.get("/roles?limit=200")["items"] if role["built_in"]
        }
        self._ports = {name: at for at, name in enumerate(("kiosk", "south", "cafe", "east"), 31)}

    def tell(self) -> list[str]:
        """From beginning to end; what happened, a line each. Raises DemoFault where it happened otherwise."""
        lines: list[str] = []

        def note(text: str) -> None:
            self._say(f"story: {text}")
            lines.append(text)

        self._hire_admin()
        note("the Super Admin has made a role with a part of the rights, and an Admin who holds it")
        ids, people = self._found_companies()
        note("the Admin has made a distributor and a commission reseller; each made a sub-reseller and customers")
        for name in ("kiosk", "south", "cafe", "east"):
            self._expect(name, answered=True)
        note("customers of both resellers and of their sub-resellers have called")
        self._revoke(people["delta"], ids["delta"])
        note("the reseller has revoked a right of its support's role: the very next request was refused")
        self._become_postpaid(people["delta"], people["kiosk"], ids["kiosk"])
        note("a customer has become postpaid: at its next request top-up was gone, and statements were there")
        for reseller, customers in (("delta", ("kiosk", "south")), ("comet", ("cafe", "east"))):
            self._suspend(ids[reseller], customers)
            note(f"{reseller} was suspended: its customers' calls were refused within a second; resumed, they passed")
        return lines

    def _hire_admin(self) -> None:
        catalogue = [one["name"] for one in self._boss.get("/permissions")["items"]]
        wanted = [one for one in catalogue if one.split(".")[0] in RIGHTS_OF_ADMIN and one != "settings.change"]
        made = self._boss.do("POST", "/roles", account_id=1, name="Sales manager", permissions=wanted)
        self._admin = self._boss.hire(1, "admin@operator.example", [made["id"]])
        if self._admin.ask("POST", "/accounts", parent_id=1, name="p", kind="provider").status != 403:
            raise DemoFault("an Admin without providers.change has made a provider")

    def _tariff(self, by: Person, account_id: int, name: str, rate: str) -> int:
        source = f'currency: {self._currency}\nrates:\n  - {{prefix: "", rate: {rate}}}\n'
        made = by.do("POST", "/tariffs", account_id=account_id, name=name, source=source)
        by.do("POST", f"/tariffs/{made['id']}/publication", note="first")
        return int(made["id"])

    def _account(self, by: Person, parent_id: int, name: str, kind: str, **more: Any) -> int:
        return int(by.do("POST", "/accounts", parent_id=parent_id, name=name, kind=kind, **more)["id"])

    def _found_companies(self) -> tuple[dict[str, int], dict[str, Person]]:
        admin, owner = self._admin, [self._roles["owner"]]
        wholesale = self._tariff(admin, 1, "story wholesale".replace(" ", "-"), "6.00")
        retail = self._tariff(admin, 1, "story-retail", "7.00")
        ids, people = {}, {}
        ids["delta"] = self._account(admin, 1, "Delta Distribution", "reseller", tariff_id=wholesale)
        ids["comet"] = self._account(admin, 1, "Comet Partners", "reseller", tariff_id=retail, commission=True)
        for name in ("delta", "comet"):
            people[name] = admin.hire(ids[name], f"owner@{name}.example", owner)
        admin.do("POST", f"/accounts/{ids['delta']}/payments", amount="100.00", reason="opening balance")
        delta, comet = people["delta"], people["comet"]
        sold = self._tariff(delta, ids["delta"], "retail", "8.00")
        ids["delta south"] = self._account(delta, ids["delta"], "Delta South", "reseller", tariff_id=sold)
        people["delta south"] = delta.hire(ids["delta south"], "owner@south.example", owner)
        resold = self._tariff(people["delta south"], ids["delta south"], "retail", "9.00")
        ids["comet east"] = self._account(
            comet, ids["comet"], "Comet East", "reseller", tariff_id=retail, commission=True
        )
        people["comet east"] = comet.hire(ids["comet east"], "owner@east.example", owner)
        delta.do("POST", f"/accounts/{ids['delta south']}/payments", amount="50.00", reason="opening balance")
        for name, seller, tariff_id in (
            ("kiosk", "delta", sold),
            ("south", "delta south", resold),
            ("cafe", "comet", retail),
            ("east", "comet east", retail),
        ):
            ids[name], people[name] = self._customer(people[seller], ids[seller], name, tariff_id)
            self._pay_in(people[seller], ids[name], earns=seller in {"comet", "comet east"})
        return ids, people

    def _pay_in(self, by: Person, account_id: int, *, earns: bool) -> None:
        """To who sells: customers of a commission reseller pay the operator, for whom it can't say so."""
        place, paid = f"/accounts/{account_id}/payments", {"amount": "20.00", "reason": "opening balance"}
        if earns and by.ask("POST", place, **paid).status != 403:
            raise DemoFault("story: a commission reseller has posted a payment to its seller")
        (self._admin if earns else by).do("POST", place, **paid)

    def _customer(self, by: Person, parent_id: int, name: str, tariff_id: int) -> tuple[int, Person]:
        number = self._account(by, parent_id, f"{name.capitalize()} Customer", "customer", tariff_id=tariff_id)
        address = self._trunk(name)
        trunk = {"name": f"story-{name}", "networks": [address.host], "plan_id": self._plan_id}
        by.do("POST", "/trunks", account_id=number, **trunk)
        return number, by.hire(number, f"{name}@customer.example", [self._roles["owner"]])

    def _trunk(self, name: str) -> Address:
        proxy = self._system.places.proxy
        return Address(TRUNK_NETWORK.format(self._ports[name]), proxy.port + TRUNK_PORT + self._ports[name])

    def _call(self, name: str) -> bool:
        """Whether a call of a customer's trunk is answered."""
        self._calls += 1
        gateways = self._system.places.gateways
        answering = dict.fromkeys(gateways, WORDS["answer"])
        call = Call(f"story {self._calls}", f"story-{name}", self._number, TALK_MS, "493012345", answering)
        _, heard, _ = self._outside.call(call, self._trunk(name), gateways, f"story/{self._calls}-{name}")
        return heard.answered_ms is not None

    def _expect(self, name: str, *, answered: bool) -> None:
        self._system.wait_applied()
        if self._call(name) is not answered:
            raise DemoFault(f"story: a call of {name} should {'' if answered else 'not '}have been answered")

    def _revoke(self, owner: Person, account_id: int) -> None:
        """A role of the reseller's own for its support; one right of it goes."""
        wanted = ["trunks.read", "cdrs.read"]
        role = owner.do("POST", "/roles", account_id=account_id, name="Support desk", permissions=wanted)
        support = owner.hire(account_id, "support@delta.example", [role["id"]])
        support.get("/trunks")
        owner.do("PATCH", f"/roles/{role['id']}", permissions=["cdrs.read"])
        if support.ask("GET", "/trunks").status != 403:
            raise DemoFault("story: a right was revoked, and the next request passed")
        support.get("/cdrs")

    def _become_postpaid(self, seller: Person, customer: Person, account_id: int) -> None:
        before = customer.may("payments.top_up"), customer.may("statements.read")
        seller.do("PATCH", f"/accounts/{account_id}", billing="postpaid")
        after = customer.may("payments.top_up"), customer.may("statements.read")
        if (before, after) != ((True, False), (False, True)):
            raise DemoFault(f"story: top-up and statements were {before}, and are {after} after the change to postpaid")

    def _suspend(self, account_id: int, customers: tuple[str, str]) -> None:
        self._admin.do("POST", f"/accounts/{account_id}/suspension", reason="unpaid")
        self._wait_heard()
        for name in customers:
            if self._call(name):
                raise DemoFault(f"story: a call of {name} passed, and its reseller is suspended")
        self._admin.do("POST", f"/accounts/{account_id}/resumption", reason="paid")
        self._wait_heard()
        for name in customers:
            self._expect(name, answered=True)

    def _wait_heard(self) -> None:
        """Returns when the call path knows; it has a second. Raises DemoFault."""
        started = time.monotonic()
        self._system.wait_applied()
        if time.monotonic() - started > HEAR_S:
            raise DemoFault(f"story: the call path heard of a change after {time.monotonic() - started:.1f} s only")
