"""scripts/run on a changed copy of the demo: other prices, increments, depth, balances and calls."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from scripts.demo.__main__ import LABEL_MAX, label_of, leave, read_script
from scripts.demo.children import Children
from scripts.demo.places import DemoFault, plan
from scripts.demo.system import System
from service.faults import Fault
from service.setup.document import read_setup

HOME = Path(__file__).resolve().parents[2]
PORT_BASE = 28_000
"""Beyond those that free_port gives to the tests beside: it knows nothing of these."""
LEVELS = {"Tiny Shop": "shop", "Third": "third", "Second": "second", "First": "first"}
"""From the customer upwards, with what each pays by."""
NUMBER = "493012345678"

SETUP = """
accounts:
  - {name: First, kind: reseller, tariff: first, billing: postpaid, credit_limit: 100}
  - {name: Second, kind: reseller, parent: First, tariff: second}
  - {name: Third, kind: reseller, parent: Second, tariff: third}
  - {name: Tiny Shop, kind: customer, parent: Third, tariff: shop}
  - {name: Short Purse, kind: customer, parent: Third, tariff: shop}
trunks:
  - {name: shop, account: Tiny Shop, networks: 127.0.7.21, plan: all}
  - {name: purse, account: Short Purse, networks: 127.0.7.22/32, plan: all}
providers:
  - {name: dead-end, tariff: cheap, gateways: [{name: gw, host: 127.0.7.81, port: 28081}]}
  - {name: sound, tariff: dear, gateways: [{name: gw, host: 127.0.7.82, port: 28082}]}
plans:
  all:
    failover: {codes: [408, 500-599], try_timeout: 1}
    routes: [{prefix: "49", gateways: [dead-end/gw, sound/gw]}]
"""
CALLS = f"""
payments:
  - {{account: Second, amount: 10}}
  - {{account: Third, amount: 10}}
  - {{account: Tiny Shop, amount: 3}}
  - {{account: Short Purse, amount: 0.49}}
calls:
  - {{name: over the other, trunk: shop, number: "{NUMBER}", talk_s: 2.5, gateways: {{dead-end/gw: dead}}}}
  - {{name: hung up at 100%, trunk: shop, number: "{NUMBER}", talk_s: 20, gateway: {{talk_s: 3.4}}}}
  - {{name: busy, trunk: shop, number: "{NUMBER}", talk_s: 2, gateway: busy}}
  - {{name: short, trunk: purse, number: "{NUMBER}", talk_s: 60}}
  - {{name: nothing left, trunk: purse, number: "{NUMBER}", talk_s: 60}}
"""
TARIFFS = {
    "shop": """
rounding: {decimals: 3, mode: half-even}
connect_fee: 0.04
rates: [{prefix: ["4930", "49"], destination: Germany, rate: 1.777, increments: 5/5}]
""",
    "third": 'rates: [{prefix: "49", rate: 1.3333, increments: 1/1}]',
    "second": """
minimum: 0.05
rates: [{prefix: "49", intervals: [{from: 0, rate: 1.5, increment: 2}, {from: 4, rate: 0.75, increment: 3}]}]
""",
    "first": 'rates: [{prefix: "493", rate: 0.6, increments: 30/6}, {prefix: "4", rate: 9}]',
    "cheap": 'rates: [{prefix: "", rate: 0.10}]',
    "dear": 'rates: [{prefix: "49", rate: 0.20, increments: 6/6}]',
}


def command(*words: str | Path) -> Any:
    """Runs a program in the clone; its JSON."""
    environ = os.environ | {"KAMBILL_HEAR_S": "5"}
    done = subprocess.run(words, cwd=HOME, env=environ, capture_output=True, text=True, check=False, timeout=1_200)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo's folder with everything in it changed."""
    folder = tmp_path_factory.mktemp("changed") / "demo"
    shutil.copytree(HOME / "scripts" / "demo", folder)
    (folder / "setup.yaml").write_text(SETUP)
    (folder / "calls.yaml").write_text(CALLS)
    shutil.rmtree(folder / "ratebook")
    (folder / "ratebook" / "tariffs").mkdir(parents=True)
    for name, text in TARIFFS.items():
        (folder / "ratebook" / "tariffs" / f"{name}.yaml").write_text(f"currency: EUR\n{text}")
    return folder


@pytest.fixture(scope="module")
def document(changed: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the run of the copy says."""
    folder = tmp_path_factory.mktemp("run")
    options = ["--once", "--json", "--story", "--from", changed, "--dir", folder, "--port-base", str(PORT_BASE)]
    return command("scripts/run", *options)


def price(changed: Path, tariff: str, ms: int) -> dict[str, Any]:
    """What `kambill tariff price` says."""
    options = ["--seconds", f"{ms // 1000}.{ms % 1000:03}", "--ratebook", changed / "ratebook", "--json"]
    found: dict[str, Any] = command(sys.executable, "-m", "service.cli", "tariff", "price", tariff, NUMBER, *options)
    return found


def named(document: Any, name: str) -> dict[str, Any]:
    """A call of the document."""
    found: dict[str, Any] = next(call for call in document["calls"] if call["call"] == name)
    return found


def test_a_fresh_clone_tells_its_help(tmp_path: Path) -> None:
    """Without anything installed, and without installing anything."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(HOME / "scripts" / "run", tmp_path / "scripts")
    told = subprocess.run([tmp_path / "scripts" / "run", "--help"], capture_output=True, text=True, check=False)
    assert (told.returncode, "--from DIR" in told.stdout, told.stderr) == (0, True, "")
    assert [one.name for one in tmp_path.iterdir()] == ["scripts"]


def test_every_call_became_what_its_files_say(document: Any) -> None:
    """In the sheet's order, with the code that the caller got."""
    assert [(one["call"], one["number"], one["outcome"], one["sip_code"]) for one in document["calls"]] == [
        ("over the other", NUMBER, "failed_over", 200),
        ("hung up at 100%", NUMBER, "completed", 200),
        ("busy", NUMBER, "refused", 486),
        ("short", NUMBER, "cut", 200),
        ("nothing left", NUMBER, "refused", 402),
    ]
    assert document["doctor"]["ok"] is True


@pytest.mark.parametrize(("name", "carrier"), [("over the other", "dear"), ("hung up at 100%", "cheap")])
def test_charges_are_the_tariffs_prices(document: Any, changed: Path, name: str, carrier: str) -> None:
    """Of the talk that the gateway saw, at every level and for the provider."""
    call = named(document, name)
    priced = {account: price(changed, tariff, call["gateway_ms"]) for account, tariff in LEVELS.items()}
    assert call["charges"] == {account: one["micros"] for account, one in priced.items()}
    assert call["billed_s"] == priced["Tiny Shop"]["billed_s"]
    assert call["provider_cost_micros"] == price(changed, carrier, call["gateway_ms"])["micros"]


def test_a_cut_call_is_charged_what_was_paid_for(document: Any, changed: Path) -> None:
    """0.49 pays the connect fee and three times 5 s; it ends within a second of that."""
    call = named(document, "short")
    assert call["billed_s"] == 15
    assert call["charges"]["Short Purse"] == price(changed, "shop", 15_000)["micros"] == 484_000
    assert 14_000 <= call["gateway_ms"] <= 16_000
    assert call["charges"]["Third"] == price(changed, "third", 15_000)["micros"]


def test_calls_that_nobody_answered_cost_nothing(document: Any) -> None:
    """Refused by the gateway, refused by us."""
    for name in ("busy", "nothing left"):
        call = named(document, name)
        assert (call["billed_s"], call["gateway_ms"], call["provider_cost_micros"]) == (0, None, 0)
        assert set(call["charges"].values()) <= {0}


def test_balances_move_by_the_charges(document: Any) -> None:
    """Before less everything charged is after; providers are owed their cost."""
    balances = document["balances"]
    for account in [*LEVELS, "Short Purse"]:
        charged = sum(call["charges"].get(account, 0) for call in document["calls"])
        assert balances[account]["before"] - charged == balances[account]["after"]
    earned = sum(balances[name]["after"] - balances[name]["before"] for name in ("dead-end", "sound"))
    assert earned == sum(call["provider_cost_micros"] for call in document["calls"])


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        (
            "calls.yaml",
            "calls: [{name: x, trunk: nobody, number: '1', talk_s: 1}]",
            "calls.yaml:1:19: setup.yaml has no",
        ),
        ("setup.yaml", "accounts: [{name: x, sort: customer}]", "setup.yaml:1:22: "),
        ("ratebook/tariffs/shop.yaml", "currency: EUR\nrates: [{prefix: '49', rate: dear}]", "tariffs/shop.yaml:2:"),
    ],
)
def test_a_faulty_copy_is_told(changed: Path, tmp_path: Path, file: str, text: str, told: str) -> None:
    """File, line and column; exit code 1; no document."""
    folder = tmp_path / "faulty"
    shutil.copytree(changed, folder)
    (folder / file).write_text(text)
    words = [
        "scripts/run",
        "--once",
        "--json",
        "--from",
        folder,
        "--dir",
        tmp_path / "run",
        "--port-base",
        str(PORT_BASE + 1_000),
    ]
    done = subprocess.run(words, cwd=HOME, capture_output=True, text=True, check=False, timeout=600)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr


@pytest.mark.parametrize("file", ["setup.yaml", "calls.yaml"])
def test_what_is_no_text_is_told(changed: Path, tmp_path: Path, file: str) -> None:
    """A file in another encoding, and a folder in its place."""
    folder = tmp_path / "faulty"
    shutil.copytree(changed, folder)
    (folder / file).write_bytes("# Größe\n".encode("latin-1"))
    with pytest.raises(DemoFault, match=rf"{file}: no UTF-8"):
        read_script(folder)
    (folder / file).unlink()
    (folder / file).mkdir()
    with pytest.raises(DemoFault, match=rf"{file}: Is a directory"):
        read_script(folder)


def test_an_impatient_second_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    """It comes while a process takes its time to end."""
    places = plan(tmp_path / "run", PORT_BASE, read_setup(SETUP)[0])
    places.run_dir.mkdir()
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Children() as children:
        script = "trap 'sleep 1; exit' TERM; echo ready; while :; do sleep 0.1; done"
        slow = children.start("slow", ["sh", "-c", script], tmp_path / "log")
        slow.wait_until(lambda: "ready" in slow.tail(), 10)
        impatient = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        impatient.start()
        try:
            leave(children, places)
        finally:
            impatient.join()
            signal.signal(signal.SIGINT, before[0])
            signal.signal(signal.SIGTERM, before[1])
    assert slow.process.poll() is not None
    assert not places.run_dir.exists()


def test_a_command_that_does_not_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that does much else beside: no traceback, but what took how long."""
    system, script = System(plan(tmp_path, PORT_BASE, read_setup(SETUP)[0]), Children()), tmp_path / "sleeps"
    script.write_text("#!/bin/sh\nexec sleep 5\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    monkeypatch.setattr("scripts.demo.system.COMMAND_S", 0.1)
    with pytest.raises(Fault, match=r"kambill account list has not ended within 0.1 s"):
        system.kambill("account", "list")


@pytest.mark.parametrize(
    ("name", "label"), [("failed over", "failed-over"), ("50% off, %s", "50-off-s"), ("größer/30/6", "gr-er-30-6")]
)
def test_a_calls_name_in_its_call_id(name: str, label: str) -> None:
    """Nothing that sipp or a proxy would take for something else; and no longer than a file's name may be."""
    assert label_of(name) == label
    assert len(label_of(name * 100)) == LABEL_MAX


def test_the_story_of_the_api_is_told(document: Any) -> None:
    """Through the API alone, with real calls: each line stands for what was seen, and would have ended the run."""
    told = "\n".join(document["story"])
    assert len(document["story"]) == 7
    for part in ("an Admin who holds it", "sub-resellers have called", "the very next request was refused", "postpaid"):
        assert part in told
    for reseller in ("delta", "comet"):
        assert (
            f"{reseller} was suspended: its customers' calls were refused within a second; resumed, they passed" in told
        )
