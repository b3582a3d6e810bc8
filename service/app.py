"""`kambill serve`: the collector, the flusher and the publisher as tasks, and HTTP for health and metrics.

A task that fails says so, waits, and goes on: the database may be away for a while, and the calls don't need it.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest
from sqlalchemy.ext.asyncio import AsyncEngine

from kemi import clock
from kemi.store import health
from kemi.store.environment import StoreAbsent, open_reader
from service.access.sessions import Sessions
from service.access.tidy import forget
from service.api import explorer
from service.api.call import Api
from service.api.http import guarded, routes
from service.api.openapi import document
from service.billing.dunning.dunner import Dunner
from service.billing.overdue import mark_overdue
from service.billing.run import run as bill
from service.calls.collector import Collector
from service.commands.flusher import Flusher
from service.commands.outbox import writing
from service.commands.settings import send_settings
from service.commission.payouts import hand_out_due
from service.config import Config
from service.database.engine import is_unreachable, unreachable
from service.delivery.carrier import Carrier
from service.delivery.cutter import Cutter
from service.doctor.nightly import Nightly
from service.edge.portings import Loader
from service.edge.resolver import Resolver
from service.faults import Fault
from service.fraud.watch import PatternWatch
from service.garbage import keep_settled
from service.ledger.by import By
from service.messages import unsubscribing
from service.messages.broadcasting import begin_due
from service.messages.papers import Papers
from service.messages.sender import AWAITED, Files
from service.messages.sender import Sender as MailSender
from service.notices.gathering import Gatherer
from service.notices.sheets import Sheets
from service.notices.telling import Changes
from service.payments.recharger import Recharger
from service.portal.application import add_portal, pages_edge
from service.products.renewer import Renewer
from service.reports.scheduled.files import ReportFiles
from service.reports.scheduled.mailing import queue_due
from service.rerating.work import Rerater
from service.start import open_ledger
from service.tariffs.exchange import ExchangeTakenAway
from service.tariffs.grouping import send_groups
from service.tariffs.pending import carry_out_due
from service.tariffs.publisher import Ask, RatebookFaulty, publish
from service.tariffs.switching import CurrencyChanged, Switched
from service.tariffs.watcher import Watcher
from service.urls import ENDPOINTS
from service.version import release
from service.watching import may_watch
from service.webhooks.sender import Sender

POLL_S = 0.1
TIDY_S = 2.0
TELL_S = 0.5
FORGET_S = 3_600.0
RERATE_S = 1.0
PORTINGS_S = 1.0
DELIVER_S = 1.0
MAIL_S = 1.0
NOTICE_S = 2.0
REPORT_S = 5.0
RENEW_S = 1.0
BILL_S = 60.0
DUN_S = 60.0
WATCH_S = 1.0
PATTERNS_S = 5.0
DOCTOR_S = 60.0
RETRY_S = 1.0
LINE_BYTES_MAX = 1 << 16
"""Of a request's first line: filters of a thousand characters, percent-encoded, and a cursor fit."""
log = structlog.get_logger("kambill")


class Metrics:
    """What Prometheus reads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.lines = Counter("kambill_journal_lines", "Journal lines collected.", registry=registry)
        self.commands = Counter("kambill_commands", "Commands put into the inbox.", registry=registry)
        self.faults = Counter("kambill_task_faults", "Faults of background tasks.", ["task"], registry=registry)
        self.running = Gauge("kambill_running_calls", "Calls in the hot store.", registry=registry)
        self.events = Gauge("kambill_store_events", "Events not yet in the journal.", registry=registry)
        self.out = Gauge("kambill_gateway_out", "1: the gateway of this number is out.", ["gateway"], registry=registry)
        self.bans = Gauge("kambill_bans", "Senders that are banned.", registry=registry)
        self.shed = Gauge("kambill_shed", "INVITEs and MESSAGEs that got 503 in an overload.", registry=registry)
        self.store = Gauge("kambill_store_ready", "1: the hot store takes calls.", registry=registry)


class Service:
    """One running service."""

    def __init__(self, config: Config, engine: AsyncEngine) -> None:
        self._config = config
        self._engine = engine
        self.metrics = Metrics()
        self.faults: dict[str, str] = {}
        """What each task last failed with; none: it works."""
        self._loader = Loader(engine, config)
        self._resolver = Resolver(engine, config)
        self._collector = Collector(engine, config, self._resolver.wonder)
        self._flusher = Flusher(engine, config)
        self._watcher = Watcher(config.ratebook)
        self._sender = Sender(engine, config, _now_ms)
        changes = Changes(config)
        self._notices = Gatherer(engine, config.node, changes)
        self._awaited_mails = MailSender(engine, config, _now_ms, of=AWAITED)
        self._mails = MailSender(engine, config, _now_ms, of=~AWAITED, files=_files(engine, config, changes))
        self._rerater = Rerater(engine, config)
        self._renewer = Renewer(engine, config)
        self._dunner = Dunner(engine, config)
        self._recharger = Recharger(engine, config)
        self._nightly = Nightly(engine, config, _now_ms())
        self._cutter = Cutter(engine)
        self._patterns = PatternWatch(engine, config)
        self._carrier = Carrier(engine, config, _now_ms)
        self.api = Api(config, engine, Sessions())

    @property
    def mail(self) -> str:
        """Whether mails are sent."""
        return "on" if self._mails.is_on else "off: no `mail` in kambill.yaml names a host; mails wait"

    @property
    def watchers(self) -> list[str]:
        """Addresses and networks that metrics are for, beside this machine's own."""
        return self._config.listen.metrics_from

    def tasks(self) -> dict[str, tuple[float, Callable[[], Awaitable[object]]]]:
        """Seconds between two rounds, and the round, by name."""
        return {
            "collector": (POLL_S, self._collect),
            "flusher": (POLL_S, self._flush),
            "publisher": (WATCH_S, self._watch),
            "pending": (TELL_S, self._publish_due),
            "portings": (PORTINGS_S, self._load_portings),
            "portability": (POLL_S, self._ask_ported),
            "tidy": (TIDY_S, self._tidy),
            "webhooks": (TELL_S, self._tell),
            "awaited mails": (MAIL_S, self._send_awaited_mails),
            "mails": (MAIL_S, self._send_mails),
            "rate notices": (NOTICE_S, self._tell_rates),
            "reports": (REPORT_S, self._mail_reports),
            "forget": (FORGET_S, self._forget),
            "rerating": (RERATE_S, self._rerate),
            "cdr files": (DELIVER_S, self._deliver),
            "patterns": (PATTERNS_S, self._look_for_patterns),
            "renewer": (RENEW_S, self._renew),
            "billing": (BILL_S, self._bill),
            "dunning": (DUN_S, self._dun),
            "recharges": (DELIVER_S, self._recharge),
            "commission": (BILL_S, self._hand_out),
            "doctor": (DOCTOR_S, self._examine),
        }

    async def keep(self, name: str) -> None:
        """Does a task's rounds for ever."""
        pause_s, do = self.tasks()[name]
        while True:
            try:
                await do()
                self.faults.pop(name, None)
                await asyncio.sleep(pause_s)
            except Exception as fault:  # noqa: BLE001 -- the edge of a background task
                self._failed(name, fault)
                await asyncio.sleep(RETRY_S)

    def _failed(self, name: str, fault: Exception) -> None:
        told = unreachable(self._engine, fault) if is_unreachable(fault) else fault
        text = str(told) or type(fault).__name__
        self.metrics.faults.labels(name).inc()
        if self.faults.get(name) != text:
            log.error("task failed", task=name, fault=text, kind=type(fault).__name__)
        self.faults[name] = text

    async def _collect(self) -> None:
        self.metrics.lines.inc(await self._collector.collect_all(_now_ms()))

    async def _flush(self) -> None:
        while put := await self._flusher.flush():
            self.metrics.commands.inc(put)

    async def _tell(self) -> None:
        await self._sender.send_due()

    async def _send_awaited_mails(self) -> None:
        while await self._awaited_mails.send_due():
            pass

    async def _send_mails(self) -> None:
        await begin_due(self._engine, self._config.node, _now_ms())
        while await self._mails.send_due():
            await begin_due(self._engine, self._config.node, _now_ms())

    async def _tell_rates(self) -> None:
        while await self._notices.work(_now_ms()):
            pass

    async def _mail_reports(self) -> None:
        while await queue_due(self._engine, self._config.node, _now_ms()):
            pass

    async def _tidy(self) -> None:
        await self._flusher.tidy()
        await self._collector.tidy()
        await self._renewer.tidy(_now_ms())
        await self.api.sessions.note_seen(self._engine)

    async def _forget(self) -> None:
        await forget(self._engine, self._config.node, _now_ms())

    async def _look_for_patterns(self) -> None:
        await self._patterns.look(_now_ms())

    async def _load_portings(self) -> None:
        while await self._loader.work(_now_ms()):
            pass

    async def _ask_ported(self) -> None:
        while await self._resolver.work(_now_ms()):
            pass

    async def _rerate(self) -> None:
        while await self._rerater.work(_now_ms()):
            pass

    async def _deliver(self) -> None:
        while await self._cutter.cut_due(_now_ms()):
            pass
        await self._carrier.bring_due()

    async def _renew(self) -> None:
        while await self._renewer.work(_now_ms()):
            pass

    async def _bill(self) -> None:
        """Periods that are over, and invoices that should have been paid."""
        done = await bill(self._engine, self._config, By("billing"), _now_ms())
        for number, fault in done.left.items():
            log.warning("not billed", account=number, fault=fault)
        for number, fault in done.unissued.items():
            log.warning("invoice stays a draft", invoice=number, fault=fault)
        async with writing(self._engine, self._config.node) as conn:
            await mark_overdue(conn, _now_ms())

    async def _dun(self) -> None:
        while await self._dunner.work(_now_ms()):
            pass

    async def _recharge(self) -> None:
        while await self._recharger.work(_now_ms()):
            pass

    async def _hand_out(self) -> None:
        await hand_out_due(self._engine, self._config, _now_ms())

    async def _examine(self) -> None:
        """The doctor's night, if it has begun and nobody has looked."""
        report = await self._nightly.work(clock.now)
        for check in report.checks if report else ():
            if not check.ok:
                log.error("doctor", check=check.name, fault=check.detail)

    async def _publish_due(self) -> None:
        """What waited for its moment comes into force."""
        for number, done in await carry_out_due(self._engine, self._config.node, _now_ms()):
            if isinstance(done, str):
                log.error("publication failed", publication=number, fault=done)
                continue
            _tell_switched(done)

    async def _watch(self) -> None:
        """Publishes a changed ratebook; its faults are told line by line, and the old one stays."""
        if not self._config.watch_ratebook or not await asyncio.to_thread(self._watcher.has_changed):
            return
        try:
            ask = Ask(only_news=True)
            done = await publish(self._config, self._engine, by="watcher", note="", now_ms=_now_ms(), ask=ask)
        except RatebookFaulty as faulty:
            for problem in faulty.problems:
                log.warning("ratebook", fault=str(problem))
            return
        except (CurrencyChanged, ExchangeTakenAway) as fault:
            log.warning("ratebook", fault=str(fault))
            return
        except Exception:
            self._watcher.forget()  # not the ratebook's fault: try again
            raise
        _tell_switched(done.done)
        for warning in done.warnings:
            log.warning("ratebook", fault=warning)

    def look(self) -> dict[str, str]:
        """Reads the store's counters into the metrics; why it takes no calls, or its journal stands still."""
        try:
            reader = open_reader(self._config.run_dir)
        except StoreAbsent:
            self.metrics.store.set(0)
            return {"store": NO_STORE}
        try:
            with reader.snapshot() as snapshot:
                self.metrics.running.set(snapshot.state.running)
                self.metrics.events.set(snapshot.state.events)
                self.metrics.bans.set(snapshot.bans)
                self.metrics.shed.set(snapshot.shed)
                self.metrics.store.set(snapshot.ready)
                self.metrics.out.clear()
                for gateway_id in snapshot.read(health.all_out, clock.now().boot_ms):
                    self.metrics.out.labels(str(gateway_id)).set(1)
                unheard_s = snapshot.unheard_ms(clock.now().boot_ms) // 1000
                faults = {} if snapshot.ready else {"store": NO_STORE}
                return faults | ({"journal": UNHEARD.format(unheard_s)} if unheard_s >= UNHEARD_S else {})
        finally:
            reader.close()

    async def close(self) -> None:
        """Closes what is open."""
        self._flusher.close()
        await self._sender.close()
        await self._carrier.close()
        await self._awaited_mails.close()
        await self._mails.close()
        await self._resolver.close()


def _files(engine: AsyncEngine, config: Config, changes: Changes) -> tuple[Files, ...]:
    """What makes files beside mails."""
    return (Sheets(engine, changes).files_of, Papers(engine).files_of, ReportFiles(engine, config).files_of)


def _tell_switched(done: Switched) -> None:
    for published in done.tariffs:
        log.info("published", tariff=published.name, version=published.version, rates=published.rates)
    for plan in done.plans:
        log.info("published", plan=plan)
    for group in done.groups:
        log.info("published", group=group)
    if done.exchange:
        log.info("published", exchange=True)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


NO_STORE = "the hot store is absent or not filled yet: is Kamailio running?"
UNHEARD_S = 10
UNHEARD = "nothing has come to the journal for {} s: is Kamailio running, and has the journal's disk room? Its log says"

SERVICE: web.AppKey[Service] = web.AppKey("service", Service)


async def healthz(_request: web.Request) -> web.Response:
    """The process answers."""
    return web.json_response({"ok": True})


async def readyz(request: web.Request) -> web.Response:
    """503 with the reasons while a task fails, the store takes no calls, or nothing comes to the journal."""
    service = _watched(request)
    faults = service.faults | service.look()
    told = {"ok": not faults, "faults": faults, "mail": service.mail}
    return web.json_response(told, status=503 if faults else 200)


async def metrics(request: web.Request) -> web.Response:
    """Prometheus' text format."""
    service = _watched(request)
    service.look()
    return web.Response(body=generate_latest(service.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _watched(request: web.Request) -> Service:
    """The service, for whoever may look at it. To others this address says what any says that isn't there."""
    service = request.app[SERVICE]
    if not may_watch(request.remote or "", request.headers, service.watchers):
        raise web.HTTPNotFound
    return service


async def openapi(_request: web.Request) -> web.Response:
    """What the API can do, for programs."""
    return web.json_response(document(ENDPOINTS, release()))


def make_app(service: Service) -> web.Application:
    """All URLs."""
    app = web.Application(middlewares=[guarded, pages_edge])
    app[SERVICE] = service
    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", metrics),
            web.get("/api/v1/openapi.json", openapi),
            *explorer.routes(),
            *unsubscribing.routes(service.api.engine, service.api.config),
            *routes(service.api, ENDPOINTS),
        ]
    )
    add_portal(app, service.api)
    return app


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[Service]:
    """The service with its tasks at work and its port open. Raises Fault for what can't be used."""
    async with open_ledger(config, _now_ms()) as engine:
        service = Service(config, engine)
        runner = web.AppRunner(make_app(service), access_log=None, max_line_size=LINE_BYTES_MAX, auto_decompress=False)
        await runner.setup()
        try:
            await web.TCPSite(runner, config.listen.host, config.listen.port).start()
        except OSError as fault:
            await runner.cleanup()
            await service.close()
            raise Fault(
                f"listen: {config.listen.host}:{config.listen.port}: {fault.strerror or fault}: end the program that "
                "has it, or change `listen` in kambill.yaml"
            ) from fault
        await send_settings(engine, config, _now_ms())
        await send_groups(engine, config, _now_ms())
        tasks = [asyncio.create_task(service.keep(name), name=name) for name in service.tasks()]
        try:
            yield service
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await runner.cleanup()
            await service.close()


async def _serve(config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with running(config) as service:
        keep_settled(loop)
        log.info("serving", listen=f"{config.listen.host}:{config.listen.port}", data_dir=str(config.data_dir))
        log.info("mail", state=service.mail)
        await stop.wait()
    log.info("stopped")


def run(config: Config) -> None:
    """Serves until SIGINT or SIGTERM. Raises Fault."""
    set_log_up()
    asyncio.run(_serve(config))


def set_log_up() -> None:
    """A JSON document a line; of a fault of ours with where it came from."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
