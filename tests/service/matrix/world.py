"""A small market with one thing of each kind in every account, put there without the API.

Below the root: the resellers upper and other, and the provider carrier. Below upper: the reseller lower, which has the
customer customer, then the customers beside and asleep; the last one is suspended. Below other: the customer foreign.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from kemi.store.change import Change
from kemi.store.locations import Location, pack_location
from service.access import audit
from service.access.actor import local_actor
from service.access.keys import TOKEN, new_key
from service.access.sessions import Sessions, Visit, open_session
from service.database.access_tables import mails, roles, tokens, user_roles, users
from service.database.bank_tables import bank_layouts
from service.database.billing_tables import (
    billing_parties,
    billing_terms,
    invoice_lines,
    invoice_taxes,
    invoices,
    taxes,
)
from service.database.commission_tables import commission_payouts, commission_rules, commission_terms, commissions
from service.database.delivery_tables import cdr_deliveries, cdr_files
from service.database.dunning_tables import dunning_actions
from service.database.edge_tables import bans, portings
from service.database.fraud_tables import alarms, call_limits, call_patterns, number_filters, risk_ranges
from service.database.interconnect_tables import (
    commitments,
    differences,
    disputes,
    reconciliations,
    statement_calls,
    statements,
)
from service.database.message_tables import broadcasts, suppressions
from service.database.nightly_tables import doctor_runs
from service.database.notice_tables import rate_notices
from service.database.payment_tables import (
    balance_alerts,
    bank_lines,
    gateway_events,
    payment_gateways,
    top_ups,
    voucher_batches,
)
from service.database.peer_tables import devices, numbers, specials, translations
from service.database.portal_tables import report_schedules
from service.database.product_tables import package_grants, products, subscriptions
from service.database.ratebook_tables import destination_groups, publications
from service.database.receipt_tables import receipts
from service.database.recharge_tables import recharge_tasks, recharges
from service.database.rerating_tables import corrections, reratings
from service.database.seller_tables import brands, mail_templates, numberings
from service.database.tables import (
    accounts,
    cdrs,
    entries,
    exchange_versions,
    gateways,
    operations,
    tariff_sources,
    tariff_versions,
    tariffs,
    trunk_networks,
    trunks,
)
from service.database.webhook_tables import deliveries, webhooks
from service.ledger.payments import PaymentRequest, pay
from tests.service.company import EURO, NOW_MS
from tests.service.office import Person
from tests.service.test_money import House

SOURCE = 'currency: EUR\nrates:\n  - {prefix: "", rate: 0.05}\n'
MISSING = 999_999

NAMES_OF_PARTIES = (
    "postcode", "city", "tax_number", "registration", "buyer_reference", "electronic_address", "electronic_scheme",
    "contact_name", "contact_phone", "contact_email", "iban", "bic", "bank_holder", "bank_name",
)  # fmt: skip


class Place(NamedTuple):
    """An account, with the numbers of its things by noun."""

    name: str
    id: int
    path: str
    kind: str
    billing: str
    state: str
    things: dict[str, int]

    @property
    def marker(self) -> str:
        """Stands in the texts of its things, and nowhere else."""
        return f"zz{self.name}zz"

    @property
    def sells(self) -> bool:
        """Whether it has a brand and numbers for its invoices."""
        return self.kind in {"root", "reseller"}


NOWHERE = Place("nowhere", MISSING, "/0/", "customer", "prepaid", "active", {})
"""An account that is not there, and its things."""


class Somebody(NamedTuple):
    """Who asks."""

    name: str
    place: Place
    role: str
    """The key of a built-in role; `made`: of a role that the account made; `token`: an owner's token with Read-only."""
    person: Person


class World:
    """Everything, on SQLite in a file, so that it can be put back as it was."""

    def __init__(self, house: House, file: Path) -> None:
        self.house = house
        self.places: dict[str, Place] = {}
        self.people: dict[str, Somebody] = {}
        self.call = ""
        """That runs: customer's, over the carrier."""
        self.file = file
        self._kept = file.with_suffix(".kept")
        self._watch: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Builds it."""
        house = self.house
        await house.open()
        boss, ids = house.office.boss, house.ids
        await boss.do("account.edit", account_id=ids["lower"], billing="postpaid")
        more = {"beside": ("upper", "customer"), "asleep": ("upper", "customer"), "other": ("root", "reseller")}
        ids["root"] = 1
        for name, (parent, kind) in more.items():
            ids[name] = await house.office.account(boss, ids[parent], name, kind)
        ids["foreign"] = await house.office.account(boss, ids["other"], "foreign", "customer")
        await boss.do("account.edit", account_id=ids["beside"], billing="postpaid")
        await boss.do("account.suspend", account_id=ids["asleep"])
        self.call = house.company.talk()
        async with house.company.engine.begin() as conn:
            for name in [*WHERE]:
                self.places[name] = await self._furnish(conn, name)
            self._register()
            for name, (place, role) in PEOPLE.items():
                self.people[name] = await self._hire(conn, name, self.places[place], role)
        self.people["super_admin@root"] = Somebody("super_admin@root", self.places["root"], "super_admin", boss)

    def _register(self) -> None:
        """Every device is at one place."""
        with self.house.company.rooms() as rooms, Change(rooms.store) as change:
            for place in self.places.values():
                until = {"until_boot_ms": 2**62, "until_wall_ms": NOW_MS, "ping_boot_ms": 0, "since_wall_ms": NOW_MS}
                where = {"ip": "192.0.2.1", "port": 5060, "transport": "udp", "socket": "udp:192.0.2.2:5060"}
                who = {"call_id": "c", "cseq": 1, "agent": "", "q": 1000, "contact": f"sip:{place.marker}@192.0.2.1"}
                one = Location(place.things["device"], **who, **where, **until)
                change.txn.put(one.key, pack_location(one), db=change.store.location)

    # --- its state

    def keep(self) -> None:
        """This is what `restore` brings back."""
        with closing(sqlite3.connect(self.file)) as live, closing(sqlite3.connect(self._kept)) as kept:
            live.backup(kept)
        self._watch = sqlite3.connect(self.file)

    def restore(self) -> None:
        """As it was kept."""
        with closing(sqlite3.connect(self._kept)) as kept, closing(sqlite3.connect(self.file)) as live:
            kept.backup(live)
        self.house.office.api = self.house.office.api._replace(sessions=Sessions())

    def version(self) -> int:
        """Another one after each change that anybody commits."""
        assert self._watch is not None
        return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    async def sign_in(self, user_id: int) -> Person:
        """A session of a user who needs no password for it."""
        async with self.house.company.engine.begin() as conn:
            await conn.execute(sa.update(users).where(users.c.id == user_id).values(state="active"))
            key = await open_session(conn, user_id, Visit("", ""), NOW_MS)
        return Person(self.house.office, key.text, {"id": user_id})

    def close(self) -> None:
        """Nothing is left open."""
        if self._watch is not None:
            self._watch.close()

    # --- its furniture

    async def _furnish(self, conn: AsyncConnection, name: str) -> Place:
        row = (await conn.execute(sa.select(accounts).where(accounts.c.id == self.house.ids[name]))).one()
        things: dict[str, int] = {"account": row.id, "plan": 1}
        place = Place(name, row.id, row.path, row.kind, row.billing, row.state, things)
        mark = place.marker
        own = {"account_id": row.id}
        made = {"created_ms": NOW_MS}

        async def put(noun: str, table: sa.Table, **values: Any) -> int:
            things[noun] = int(
                (await conn.execute(sa.insert(table).values(**values).returning(table.c.id))).scalar_one()
            )
            return things[noun]

        user = {"email": f"owner@{mark}.example", "name": mark, "state": "active", "recovery_hashes": []}
        await put("user", users, **own, **made, **user)
        await conn.execute(
            sa.insert(user_roles).values(user_id=things["user"], role_id=self.house.office.roles["owner"])
        )
        await put("role", roles, **own, **made, name=mark, permissions=["trunks.read"])
        await open_session(conn, things["user"], Visit("", mark), NOW_MS)
        things["session"] = int((await conn.execute(sa.text("SELECT max(id) FROM sessions"))).scalar_one())
        await put("token", tokens, hash=new_key(TOKEN).hash, user_id=things["user"], name=mark, **made)
        await put("trunk", trunks, **own, **made, name=mark)
        way = {"network": f"203.0.113.{row.id}/32", "port": 0, "transport": "any", "tech_prefix": ""}
        await conn.execute(sa.insert(trunk_networks).values(trunk_id=things["trunk"], **way))
        hashes = {"realm": self.house.config.sip_realm, "ha1_md5": "0" * 32, "ha1_sha256": "0" * 64}
        await put("device", devices, **own, **made, username=mark, **hashes)
        await put("number", numbers, **own, **made, number=f"4420{row.id:06}", note=mark)
        await put("translation", translations, **own, subject="called", position=1, note=mark)
        await put("special", specials, **own, number=f"11{row.id}", kind="emergency", plan_id=1, note=mark)
        await put("gateway", gateways, **own, **made, name=f"{mark}/gw", host="192.0.2.1", networks=[])
        await put("tariff", tariffs, owner_id=row.id, name=mark, currency="EUR", version=f"{row.id:016x}")
        draft = {"source": SOURCE + f"# {mark}\n", "decks": {}, "changed_ms": NOW_MS}
        await conn.execute(sa.insert(tariff_sources).values(tariff_id=things["tariff"], **draft))
        version = {"version": f"{row.id:016x}", "digest": "0" * 16, "published_by": mark, "note": mark, "rates": 1}
        version["changes"] = {}
        times = {"published_ms": NOW_MS, "effective_ms": NOW_MS}
        await put("tariff-version", tariff_versions, tariff_id=things["tariff"], **version, **times)
        if row.kind == "root":
            told = {"record": {"base": mark, "rates": []}, "published_ms": NOW_MS, "published_by": mark}
            await put("exchange", exchange_versions, **told)
        coming = {"tariffs": {}, "plans": {}, "groups": None, "exchange": None}
        wait = {"due_ms": NOW_MS + 1, "asked_ms": NOW_MS, "asked_by": mark, "note": mark, "content": coming}
        await put("publication", publications, owner_id=row.id, **wait)
        notice = {"tariff_id": things["tariff"], "before": f"{row.id:016x}", "after": f"{row.id:016x}", "actor": mark}
        due = {"takes_ms": NOW_MS + 1, "effective_ms": NOW_MS + 1, "due_ms": NOW_MS + 1}
        await put("rate-notice", rate_notices, **own, **made, **notice, **due)
        hook = {"url": f"https://{mark}.example/", "events": ["payment.posted"], "secret": "whsec_x"}
        await put("webhook", webhooks, **own, **made, **hook)
        message = {"event": "payment.posted", "body": json.dumps({"mark": mark}), "next_ms": NOW_MS, **made}
        await put("message", deliveries, webhook_id=things["webhook"], **message)
        await self._delivery(put, place)
        told = {"name": mark, "subject": mark, "text": mark, "audience": {}, "per_minute": 1, "actor": mark}
        await put("broadcast", broadcasts, **own, **made, **told)
        told = {
            "query": {"by": "account"},
            "period": "daily",
            "hour": 6,
            "zone": "UTC",
            "due_ms": NOW_MS,
            "actor": mark,
        }
        await put("report-schedule", report_schedules, **own, **made, **told, name=mark, recipients=[things["user"]])
        await put("suppression", suppressions, **own, **made, address=f"{mark}@x.example", reason="bounced")
        mail = {"recipient": f"{mark}@x.example", "template": "welcome", "fields": {}}
        await put("mail", mails, **own, **made, **mail)
        await self._precautions(put, place)
        await put("ban", bans, network=f"203.0.113.{row.id}", why="flood", made_ms=NOW_MS)
        at = {"started_ms": NOW_MS, "lease_until_ms": NOW_MS, "finished_ms": NOW_MS}
        await put("doctor-run", doctor_runs, night=mark, node="local", checks=[], **at)
        await put("porting", portings, name=mark, prefix=f"8{row.id}", file="x.csv", asked_ms=NOW_MS)
        asked = {"kind": "refund", "amount_micros": EURO, "currency": "EUR", "reason": mark, "actor": "x", "node_id": 1}
        await put("operation", operations, **own, **made, **asked)
        await self._ended_call(put, place)
        await self._correction(put, place)
        await self._product(put, place)
        await self._bill(conn, put, place)
        await self._interconnect(conn, put, place)
        await self._commission(conn, put, place)
        await self._paid(conn, put, place)
        await self._receipt(conn, put, place)
        if place.sells:
            await conn.execute(sa.insert(brands).values(**own, company=mark))
            await conn.execute(
                sa.insert(numberings).values(**own, prefix=mark[:20], pattern="{prefix}{number}", year=0)
            )
            template = {"kind": "welcome", "language": "en", "subject": mark, "text": mark}
            await conn.execute(sa.insert(mail_templates).values(**own, **template))
        if place.kind != "root":
            await pay(conn, "local", PaymentRequest(row.name, EURO, mark, "test"), NOW_MS)
        await conn.execute(sa.update(accounts).where(accounts.c.id == row.id).values(name=mark))
        change = audit.Change("thing.change", "thing", row.id, row.id, None, {"mark": mark})
        await audit.write(conn, local_actor("test"), change, NOW_MS)
        return place

    async def _precautions(self, put: Any, place: Place) -> None:
        own, made = {"account_id": place.id}, {"created_ms": NOW_MS}
        set_ = {"set_by": place.id, "action": "warn", "name": place.marker}
        await put("limit", call_limits, **own, **made, **set_, measure="calls", period="hour", amount=1_000_000)
        listed = {"subject": "called", "digits": f"99{place.id}", "kind": "block", "note": place.marker}
        await put("filter", number_filters, **own, **made, set_by=place.id, **listed)
        numbers_of = {"record": {"prefixes": [f"87{place.id}"], "except": []}, "published_ms": NOW_MS}
        await put("destination-group", destination_groups, **numbers_of, name=f"group {place.id}", published_by="x")
        await put("range", risk_ranges, **made, name=f"range {place.id}", prefixes=[f"88{place.id}"])
        window = {"window_s": 3600, "calls_min": 1000, "percent": 50, "shorter_ms": 6000, "kind": "short_calls"}
        await put("pattern", call_patterns, **own, **made, **set_, **window)
        told = {"rule": place.marker, "seen": "1 calls", "action": "suspend", "raised_ms": NOW_MS}
        await put("alarm", alarms, **own, **told)

    async def _ended_call(self, put: Any, place: Place) -> None:
        path = [int(step) for step in place.path.strip("/").split("/")][::-1]
        zero = dict.fromkeys(("epoch", "trunk_id", "start_ms", "end_ms", "duration_ms"), 0)
        text = dict.fromkeys(("called", "called_sent", "destination", "call_id", "from_tag", "to_tag", "ended_by"), "")
        more = {"outcome": "refused", "sip_code": 402, "sip_reason": "", "caller": place.marker, "attempts": []}
        whose = {"account_id": place.id, "path": path, "node_id": 1, "sequence": 1_000_000 + place.id}
        await put("cdr", cdrs, call=f"{place.id:032x}", **whose, **zero, **text, **more)

    async def _delivery(self, put: Any, place: Place) -> None:
        asked = {"side": "customer", "period": "daily", "columns": ["call"], "way": "mail", "target": "x@x.example"}
        times = {"position": 0, "due_ms": NOW_MS, "created_ms": NOW_MS}
        await put("delivery", cdr_deliveries, account_id=place.id, name=place.marker, **asked, **times)
        content = {"content": zlib.compress(place.marker.encode()), "cut_ms": NOW_MS, "next_ms": NOW_MS}
        of = {"delivery_id": place.things["delivery"], "number": 1, "after_id": 0, "last_id": 0, "calls": 0}
        await put("file", cdr_files, **of, name=place.marker, **content)

    async def _interconnect(self, conn: AsyncConnection, put: Any, place: Place) -> None:
        own, made = {"account_id": place.id}, {"created_ms": NOW_MS}
        period = {"since_ms": 0, "until_ms": 1, "currency": "EUR"}
        sums = {"calls": 0, "ours_ms": 0, "theirs_ms": 0, "ours_micros": 0, "theirs_micros": 0}
        kinds = ("matched", "duration", "rate", "time", "only_ours", "only_theirs")
        told = {"basis": "start", "measure": "cut", "clock_ms": 0, "shifts": [], "columns": {}, "notices": []}
        told |= {"rows": 0, "unanswered": 0, "outside": 0, "amounts": True, "classes": dict.fromkeys(kinds, sums)}
        rules = {"time_s": 5, "duration_s": 0, "money_micros": 0, "kept": 1, "differences": 1}
        more = {"direction": "in", "name": place.marker, "digest": "", "actor": "x", "told": told}
        await put("reconciliation", reconciliations, **own, **made, **period, **rules, **more)
        sums = {f"{side}_{name}": 0 for side in ("in", "out") for name in ("calls", "micros", "corrected_micros")}
        told = {"sequence": place.id, "number": place.marker, "corrections_up_to": 0, "actor": "x", "issued_ms": NOW_MS}
        sums |= {"in_corrected_micros": 1, "in_calls": 1, "net_micros": 1}
        who = {"legal_name": place.marker, "country": "", "address_lines": []}
        paper = {"seller": who, "buyer": who, "language": "en", "zone": "UTC", "disputes": []}
        await put("statement", statements, **own, **period, **told, **sums, seller_id=1, paper=paper)
        of = {"statement_id": place.things["statement"], "cdr_id": place.things["cdr"], "level": 0, "micros": 1}
        await conn.execute(sa.insert(statement_calls).values(**of))
        of = {"reconciliation_id": place.things["reconciliation"], "kind": "only_theirs", "caller": ""}
        begun = int(datetime(2026, 9, 1, tzinfo=UTC).timestamp()) * 1000
        deal = {"kind": "minimum", "direction": "in", "period": "whole", "since_ms": begun, "until_ms": begun + 1}
        deal |= {"name": place.marker, "currency": "EUR", "steps": [], "committed_s": 60, "rate_nanos": 10**9}
        await put("commitment", commitments, **own, **made, **deal)
        dispute = {
            "direction": "in",
            "subject": place.marker,
            "amount_micros": 2,
            "agreed_micros": 1,
            "state": "partly",
        }
        times = {"opened_ms": NOW_MS, "due_ms": NOW_MS, "changed_ms": NOW_MS}
        await put("dispute", disputes, **own, **dispute, **times, currency="EUR", actor="x")
        await put("difference", differences, **of, called=place.marker)

    async def _paid(self, conn: AsyncConnection, put: Any, place: Place) -> None:
        own, sum_ = {"account_id": place.id}, {"amount_micros": EURO, "currency": "EUR", "created_ms": NOW_MS}
        await put(
            "balance-alert",
            balance_alerts,
            **own,
            threshold_micros=EURO,
            currency="EUR",
            email=f"{place.marker}@x.example",
        )
        line = {"digest": place.marker, "booked_on": "2026-11-01", "payer": place.marker, "remittance": place.marker}
        layout = {"columns": {"booked": place.marker}, "date_order": "ymd", "decimal_mark": ".", "currency": "EUR"}
        await put("bank-layout", bank_layouts, **own, bank=place.marker, **layout)
        await put("bank-line", bank_lines, **own, **sum_, **line)
        await put("voucher-batch", voucher_batches, **own, **sum_, name=place.marker, count=1, actor="x")
        link = f"https://{place.marker}.example/"
        await put("payment-gateway", payment_gateways, **own, name=place.marker, kind="stripe", secret="x", link=link)
        of = {"gateway_id": place.things["payment-gateway"]}
        await put("top-up", top_ups, **own, **of, **sum_, reference=place.marker, external=place.marker)
        when = {"threshold_micros": 1, "amount_micros": 1, "month_micros": 1, "currency": "EUR"}
        named = {"reference": place.marker, "fault": place.marker}
        await conn.execute(sa.insert(recharges).values(**own, **of, **when, **named))
        asked = {"top_up_id": place.things["top-up"], "next_ms": NOW_MS, "created_ms": NOW_MS, "fault": place.marker}
        await put("recharge-task", recharge_tasks, **own, **asked)
        told = {"event": place.marker, "kind": "x", "outcome": "x", "created_ms": NOW_MS}
        await put("gateway-event", gateway_events, **of, **told)

    async def _receipt(self, conn: AsyncConnection, put: Any, place: Place) -> None:
        said = {"kind": "payment", "actor": place.marker, "created_ms": NOW_MS}
        entry = (await conn.execute(sa.insert(entries).values(**said).returning(entries.c.id))).scalar_one()
        who = {"legal_name": place.marker, "country": "", "address_lines": []}
        paper = {"reason": place.marker, "language": "en", "zone": "UTC", "paid": [], "seller": who, "buyer": who}
        money = {"amount_micros": EURO, "currency": "EUR", "issued_ms": NOW_MS}
        own = {"account_id": place.id, "seller_id": 1, "entry_id": entry, "number": place.marker}
        await put("receipt", receipts, **own, **paper, **money)

    async def _commission(self, conn: AsyncConnection, put: Any, place: Place) -> None:
        own, paid = {"account_id": place.id}, {"seller_id": 1, "currency": "EUR"}
        await put("commission-rule", commission_rules, **own, percent_millionths=0, destination_group=place.marker)
        part = {"source": "call", "cdr_id": place.id, "base_micros": EURO, "micros": EURO, "remainder": 0, "at_ms": 0}
        await put("earning", commissions, **own, **paid, **part)
        times = {"anchor_ms": 0, "due_ms": NOW_MS + 1}
        await conn.execute(sa.insert(commission_terms).values(**own, **times, zone=place.marker))
        said = {"kind": "payout", "actor": place.marker, "created_ms": NOW_MS}
        entry = (await conn.execute(sa.insert(entries).values(**said).returning(entries.c.id))).scalar_one()
        told = {"until_ms": 0, "handed_out": "credit", "amount_micros": 1, "remainder": 0, "entry_id": entry}
        await put("commission-payout", commission_payouts, **own, **paid, **told, actor="x", created_ms=0)

    async def _correction(self, put: Any, place: Place) -> None:
        own, made = {"account_id": place.id}, {"created_ms": NOW_MS}
        period = {"from_ms": 0, "to_ms": 1, "at_ms": 0, "costs": False, "rates": "in force", "left_alone": {}}
        who = {"actor": "x", "actor_account_id": place.id, "reason": place.marker, "state": "done"}
        await put("rerating", reratings, **own, **made, **period, **who)
        of = {"rerating_id": place.things["rerating"], "cdr_id": place.things["cdr"], "level": 0, "seller_id": 1}
        price = {"tariff": "", "prefix": place.marker, "terms": "", "exchange": "1/1", "billed_s": 0, "micros": 0}
        both = {f"{when}_{name}": value for when in ("before", "after") for name, value in price.items()}
        await put("correction", corrections, **own, **made, **of, **both, delta_micros=0, currency="EUR")

    async def _product(self, put: Any, place: Place) -> None:
        own, made, mark = {"account_id": place.id}, {"created_ms": NOW_MS}, place.marker
        period = {"from_ms": NOW_MS, "until_ms": NOW_MS + 1}
        sold = {"kind": "package", "price_micros": EURO, "currency": "EUR", "period": "month", "amount": 60}
        await put("product", products, **own, **made, **sold, name=mark, offered=True)
        place.things["offer"] = place.things["product"]
        of = {"product_id": place.things["product"]}
        used = {"anchor_ms": NOW_MS, "state": "active", "actor": mark}
        await put("subscription", subscriptions, **own, **made, **period, **of, **used)
        of["subscription_id"] = place.things["subscription"]
        gives = {"money": False, "amount": 60, "covers_fees": True, "priority": 0}
        await put("package", package_grants, **own, **made, **period, **of, **gives)

    async def _bill(self, conn: AsyncConnection, put: Any, place: Place) -> None:
        own, mark = {"account_id": place.id}, place.marker
        tax = {"name": mark, "percent_millionths": 19_000_000, "category": "S", "services": []}
        await put("tax", taxes, **own, **tax)
        await conn.execute(
            sa.insert(billing_parties).values(**own, legal_name=mark, country="DE", address_lines=[mark])
        )
        if place.kind in {"reseller", "customer"}:
            times = {"anchor_ms": 0, "closed_ms": 0, "due_ms": NOW_MS + 1}
            await conn.execute(sa.insert(billing_terms).values(**own, **times))
        blank = dict.fromkeys(NAMES_OF_PARTIES, "") | {"country": "DE", "address_lines": []}
        people = {"seller": blank | {"legal_name": "S"}, "buyer": blank | {"legal_name": mark}}
        paper = {"language": "en", "zone": "UTC", "actor": "x", **people}
        sums = {"net_micros": EURO, "total_micros": EURO, "currency": "EUR"}
        times = {"period_from_ms": 0, "period_to_ms": 1, "created_ms": NOW_MS}
        await put("invoice", invoices, **own, seller_id=1, kind="invoice", **paper, **sums, **times)
        of = {"invoice_id": place.things["invoice"]}
        line = {"kind": "fee", "service": "fee", "description": mark, "amount_micros": EURO, "net_micros": EURO}
        await conn.execute(sa.insert(invoice_lines).values(**of, position=1, **line))
        untaxed = {"category": "O", "percent_millionths": 0, "exemption_reason": mark, "base_micros": EURO}
        share = {"tax_group": 0, "position": 0, "name": "", "inclusive": False, "compound": False, "tax_micros": 0}
        await conn.execute(sa.insert(invoice_taxes).values(**of, **share, **untaxed))
        due = {"kind": "reminder", "days": 1, "open_micros": EURO, "currency": "EUR", "done_ms": NOW_MS}
        await put("dunning-action", dunning_actions, **own, **of, **due, recipients=[mark])
        issued = {"state": "issued", "number": mark, "issued_ms": NOW_MS, "due_ms": NOW_MS}
        await conn.execute(sa.update(invoices).where(invoices.c.id == place.things["invoice"]).values(**issued))

    async def _hire(self, conn: AsyncConnection, name: str, place: Place, role: str) -> Somebody:
        office = self.house.office
        values = {"email": f"{name}.x", "name": "", "state": "active", "recovery_hashes": [], "created_ms": NOW_MS}
        insert = sa.insert(users).values(account_id=place.id, **values).returning(users.c.id)
        user_id = int((await conn.execute(insert)).scalar_one())
        if role == "made":
            made = {"account_id": place.id, "name": "made", "permissions": sorted(MADE)}
            given = (
                await conn.execute(sa.insert(roles).values(**made, created_ms=0).returning(roles.c.id))
            ).scalar_one()
        else:
            given = office.roles["owner" if role == "token" else role]
        await conn.execute(sa.insert(user_roles).values(user_id=user_id, role_id=given))
        if role == "token":
            key = new_key(TOKEN)
            token = {"user_id": user_id, "role_id": office.roles["read_only"], "name": "t", "created_ms": NOW_MS}
            await conn.execute(sa.insert(tokens).values(hash=key.hash, **token))
        else:
            key = await open_session(conn, user_id, Visit("", ""), NOW_MS)
        return Somebody(name, place, role, Person(office, key.text, {"id": user_id}))


WHERE = ("root", "upper", "lower", "customer", "beside", "asleep", "other", "foreign", "carrier")
MADE = frozenset(
    {
        "accounts.read", "accounts.change", "trunks.read", "trunks.change", "payments.transfer", "users.read",
        "users.change", "roles.read", "roles.change",
    }
)  # fmt: skip
"""Of the role that accounts made."""
PEOPLE: dict[str, tuple[str, str]] = {
    **{f"{role}@root": ("root", role) for role in ("admin", "support", "finance", "read_only")},
    **{f"{role}@upper": ("upper", role) for role in ("owner", "admin", "support", "finance", "read_only", "made")},
    "made@root": ("root", "made"),
    "prepaid_reseller@upper": ("upper", "prepaid_reseller"),
    "token@upper": ("upper", "token"),
    "postpaid_reseller@lower": ("lower", "postpaid_reseller"),
    "prepaid_customer@customer": ("customer", "prepaid_customer"),
    "postpaid_customer@beside": ("beside", "postpaid_customer"),
    "owner@asleep": ("asleep", "owner"),
    "provider@carrier": ("carrier", "provider"),
}
"""By name: where, and with which role; beside the Super Admin."""
