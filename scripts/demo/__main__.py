"""`python -m scripts.demo`: starts everything, makes the calls, shows what came of them, and stays until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

from ratebook.document import load
from ratebook.money import format_micros
from scripts.demo import pages, report
from scripts.demo.callsheet import WORDS, Callsheet, read_calls
from scripts.demo.children import Children
from scripts.demo.pages import Login
from scripts.demo.places import HOME, DemoFault, Places, claim, plan, remember
from scripts.demo.story import PASSWORD, Person, Story
from scripts.demo.system import System
from scripts.demo.telephones import Outside
from service.faults import Fault
from service.setup.document import Setup, read_setup
from service.setup.sheet import Problem

HERE = Path(__file__).resolve().parent
ROUND_S = 1.0
LABEL_MAX = 60
"""Characters of a call's name in names of files."""
EMAIL = "admin@demo.example"


class Asked(NamedTuple):
    """The command line."""

    source: Path
    folder: Path
    port_base: int
    once: bool
    as_json: bool
    story: bool


class Script(NamedTuple):
    """What the files of a demo folder say."""

    folder: Path
    setup: Setup
    calls: Callsheet

    @property
    def ratebook(self) -> Path:
        """The tariffs."""
        return self.folder / "ratebook"


def asked(words: list[str]) -> Asked:
    """Reads the command line; ends the program where it is wrong."""
    parser = argparse.ArgumentParser(prog="scripts/run", description="Runs Kambill with real SIP calls through it.")
    parser.add_argument("--once", action="store_true", help="make the calls, show what came of them, and end")
    parser.add_argument("--json", action="store_true", help="with --once: one JSON document on standard output")
    parser.add_argument("--from", dest="source", type=Path, default=HERE, help="a changed copy of scripts/demo/")
    parser.add_argument("--dir", type=Path, default=HOME / ".run", help="where the run's files go (default: .run)")
    parser.add_argument("--port-base", type=int, default=15000, help="proxy +60, service +660, telephones +91 and on")
    parser.add_argument("--story", action="store_true", help="with --json: tell the API's story too")
    found = parser.parse_args(words)
    if found.json and not found.once:
        parser.error("--json needs --once: a demo that stays up prints tables")
    if not 1024 <= found.port_base <= 64000:
        parser.error("--port-base: a port from 1024 to 64000 was expected")
    return Asked(
        found.source.resolve(),
        found.dir.resolve(),
        found.port_base,
        found.once,
        found.json,
        found.story or not found.json,
    )


def read_script(folder: Path) -> Script:
    """The set-up, calls and prices of a folder. Raises Fault, all faults of a file at once; nothing is started yet."""
    missing = [name for name in ("setup.yaml", "calls.yaml", "ratebook", "sipp") if not (folder / name).exists()]
    if missing:
        raise DemoFault(f"{folder} lacks {', '.join(missing)}: copy scripts/demo/ and change the copy")
    setup, sheet = read_setup(_text(folder / "setup.yaml"))
    _refuse(folder / "setup.yaml", sheet.problems)
    calls, sheet = read_calls(_text(folder / "calls.yaml"), setup)
    _refuse(folder / "calls.yaml", sheet.problems)
    problems = load(folder / "ratebook").problems
    if problems:
        raise DemoFault("\n".join(f"{folder}/ratebook/{problem}" for problem in problems))
    return Script(folder, setup, calls)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as fault:
        raise DemoFault(f"{file}: no UTF-8 ({fault}): save it as UTF-8") from None
    except OSError as fault:
        raise DemoFault(f"{file}: {fault.strerror}: a file that may be read was expected") from None


def _refuse(file: Path, problems: list[Problem]) -> None:
    if problems:
        raise DemoFault("\n".join(f"{file}:{one.place.line}:{one.place.column}: {one.text}" for one in problems))


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Exit codes: 0 done, 1 a fault that was told, 130 interrupted."""
    wanted = asked(sys.argv[1:])
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return run(wanted)
    except Fault as fault:
        say(str(fault))
        return 1
    except KeyboardInterrupt:
        say("ended")
        return 130


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def run(wanted: Asked) -> int:
    """The whole demo."""
    script = read_script(wanted.source)
    places = plan(wanted.folder, wanted.port_base, script.setup)
    with claim(places), Children() as children:
        try:
            system = System(places, children)
            outside = Outside(children, script.folder / "sipp", places.logs, places.proxy)
            remember(places, script.folder / "sipp")
            _furnish(system, script)
            before = system.balances()
            outcomes = _call(system, outside, script)
            after, doctor = system.balances(), system.doctor()
            document = report.document(outcomes, before, after, doctor)
            if not wanted.as_json:
                pages.show(outcomes, before, after, doctor)
                print(pages.addresses(places))
            login = _super_admin(system)
            if wanted.story:
                document["story"] = _story(system, outside, script, login)
                doctor = system.doctor()
            if wanted.as_json:
                print(json.dumps(document, indent=2))
            else:
                print(pages.login(places, login, _hired(system, login) if wanted.story else (), PASSWORD))
            if not wanted.once:
                _stay(system, outside)
            return 0 if doctor["ok"] else 1
        finally:
            say("stopping what this demo started")
            leave(children, places)


def leave(children: Children, places: Places) -> None:
    """Ends what was started, and gives its memory back, however often somebody says Ctrl-C meanwhile."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    with children:
        (places.folder / "demo.json").unlink(missing_ok=True)
    shutil.rmtree(places.run_dir, ignore_errors=True)


def _furnish(system: System, script: Script) -> None:
    """Everything up to the first call, by the commands that an operator has."""
    say(f"starting the service at {system.places.service} and Kamailio at {system.places.proxy}")
    system.start(script.ratebook)
    say("publishing the ratebook, applying setup.yaml, posting payments")
    system.kambill("tariff", "publish")
    system.kambill("apply", str(script.folder / "setup.yaml"), "--yes")
    for payment in script.calls.payments:
        system.kambill("pay", payment.account, format_micros(payment.amount_micros), "--reason", "opening balance")
    system.wait_applied()


def label_of(name: str) -> str:
    """A call's name as part of a file's name and of its Call-ID: sipp reads `%s` otherwise, RFC 3261 a comma."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", name)[:LABEL_MAX]


def _call(system: System, outside: Outside, script: Script) -> list[report.Outcome]:
    """All calls, one after the other, and their records."""
    heard = []
    for at, call in enumerate(script.calls.calls, start=1):
        say(f"call {at} of {len(script.calls.calls)}: {call.name}: {call.trunk} dials {call.number}")
        gateways = system.places.gateways
        label = f"{at}-{label_of(call.name)}"
        heard.append((call, *outside.call(call, system.places.trunks[call.trunk], gateways, label)))
        system.check_alive()
    say("waiting until the ledger has the calls")
    records = system.records([call_id for _, call_id, _, _ in heard])
    return [report.Outcome(*one, records.get(one[1])) for one in heard]


def _super_admin(system: System) -> Login:
    """The first one, made up for this demo."""
    made = system.kambill("user", "create", "--super-admin", EMAIL, "--name", "Demo Admin", "--generate")
    return Login(EMAIL, made["password"])


def _story(system: System, outside: Outside, script: Script, login: Login) -> list[str]:
    """What the API is for, with calls that feel it."""
    service = system.places.service
    boss = Person(f"http://{service.host}:{service.port}").sign_in(login.email, login.password)
    return Story(system, outside, boss, script.calls.calls[0].number, say).tell()


def _hired(system: System, login: Login) -> list[str]:
    """Everybody whom the story gave a password."""
    service = system.places.service
    boss = Person(f"http://{service.host}:{service.port}").sign_in(login.email, login.password)
    found = boss.get("/users?state=active&limit=50")["items"]
    return [one["email"] for one in found if one["email"] != login.email]


def _stay(system: System, outside: Outside) -> None:
    """Gateways that answer, a page of what to try, and patience."""
    for name, address in system.places.gateways.items():
        outside.open_gateway(address, WORDS["answer"], f"staying/{name.replace('/', '-')}")
    print(pages.what_to_try(system.places), flush=True)
    with suppress(KeyboardInterrupt):
        while True:
            system.check_alive()
            time.sleep(ROUND_S)


if __name__ == "__main__":
    sys.exit(main())
