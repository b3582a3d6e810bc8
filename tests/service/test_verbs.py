"""Commands that are made from the API's endpoints, on this machine and over HTTP, as people use them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.benchmarks.ports import free_port
from service.cli.options import fields_of
from service.cli.verbs import nouns
from service.urls import ENDPOINTS
from tests.service.test_cli import ROOT, Answer, Kambill, kambill
from tests.waiting import PATIENCE_S

__all__ = ["kambill"]
PASSWORD = "the horse eats its battery"


@pytest.fixture
def boss(kambill: Kambill) -> Kambill:
    """The command, on a system with a Super Admin, a reseller and its customer."""
    made = kambill("user", "create", "--super-admin", "boss@op.example", "--name", "Boss", "--generate", "--json")
    assert made.code == 0, made
    kambill("account", "make", "--parent", "Operator", "--name", "seller", "--kind", "reseller")
    kambill("account", "make", "--parent", "seller", "--name", "ann", "--kind", "customer")
    return kambill


def test_every_endpoint_is_a_command() -> None:
    """Noun and verb, each once."""
    assert sum(len(verbs) for verbs in nouns().values()) == len(ENDPOINTS)


def test_no_option_stands_for_two_fields() -> None:
    """A device has one number that it shows and a list of others that it may: each is written by its own name."""
    for endpoint in ENDPOINTS:
        words = [word for field in fields_of(endpoint) for word in field.words]
        assert len(words) == len(set(words)), (endpoint, words)


def test_the_first_super_admin_is_made_once(boss: Kambill) -> None:
    """A second one is invited by the first."""
    again = boss("user", "create", "--super-admin", "two@op.example", "--name", "Two", "--generate")
    assert (again.code, "there is a Super Admin" in again.err or "already" in again.err) == (1, True), again


def test_things_are_named_by_their_names(boss: Kambill) -> None:
    """Or by the end of their path, or # and their number; who isn't there is told."""
    made = boss("payment", "make", "ann", "--amount", "12.50", "--reason", "cash", "--json")
    assert made.json["balance"] == "12.50"
    assert boss("payment", "list", "seller/ann", "--json").json["items"][0]["reason"] == "cash"
    assert boss("account", "show", "#3", "--json").json["name"] == "ann"
    unknown = boss("account", "show", "bob")
    assert (unknown.code, "bob" in unknown.err) == (1, True)


def test_what_has_a_number_of_its_own_is_named_by_it(boss: Kambill) -> None:
    """A receipt, a telephone number; digits alone are a telephone number's, else the ledger's, as `#` and they are."""
    for reason in ("first", "second"):
        boss("payment", "make", "ann", "--amount", "1", "--reason", reason)
    listed = boss("receipt", "list", "--json").json["items"]
    first = next(one for one in listed if one["reason"] == "first")
    for name in (first["number"], str(first["id"]), f"#{first['id']}"):
        assert boss("receipt", "show", name, "--json").json["reason"] == "first"
    absent = boss("receipt", "show", "R1999-00001")
    assert (absent.code, "no receipt 'R1999-00001': `kambill receipt list` shows all" in absent.err) == (1, True)
    boss("number", "make", "--number", "442079460001", "--account", "ann")
    made = boss("number", "make", "--number", "442079460000", "--account", "ann", "--json").json
    for name in ("442079460000", str(made["id"]), f"#{made['id']}"):
        assert boss("number", "show", name, "--json").json["number"] == "442079460000"


def test_faults_name_the_option(boss: Kambill) -> None:
    """What the API says of a field, said of the option that set it."""
    wrong = boss("payment", "make", "ann", "--amount", "0", "--reason", "x")
    assert (wrong.code, wrong.out) == (1, "")
    assert "--amount: an amount lies between" in wrong.err
    missing = boss("payment", "make", "ann", "--amount", "1")
    assert (missing.code, "--reason" in missing.err) == (1, True)


def test_a_key_has_one_effect(boss: Kambill) -> None:
    """The same answer, no second payment."""
    given = ("payment", "make", "ann", "--amount", "5", "--reason", "x", "--key", "k", "--json")
    first, second = boss(*given), boss(*given)
    assert first.json == second.json
    assert [row["balance"] for row in boss("payment", "list", "ann", "--json").json["items"]] == ["5.00"]


def test_a_body_is_read_from_a_file(boss: Kambill, tmp_path: Path) -> None:
    """As the API wants it."""
    (tmp_path / "brand.json").write_text('{"company": "Seller Ltd", "address": "Street\\nTown"}')
    shown = boss("brand", "edit", "seller", "--body", f"@{tmp_path}/brand.json", "--json")
    assert (shown.json["company"], shown.json["address"]) == ("Seller Ltd", "Street\nTown")
    broken = boss("brand", "edit", "seller", "--body", "{")
    assert (broken.code, "no JSON" in broken.err) == (1, True)


def test_what_was_changed_meanwhile_is_not_overwritten(boss: Kambill) -> None:
    """By the version that somebody has seen."""
    stale = boss("account", "edit", "ann", "--channels", "5", "--if-version", "9")
    assert (stale.code, "changed meanwhile" in stale.err) == (1, True)
    assert boss("account", "edit", "ann", "--channels", "5", "--if-version", "1", "--json").json["channels"] == 5
    assert boss("account", "edit", "ann", "--channels", "none", "--json").json["channels"] is None


def test_local_changes_stand_in_the_audit(boss: Kambill) -> None:
    """Also those of commands that were made by hand."""
    boss("pay", "ann", "7", "--reason", "cash")
    line = boss("audit", "list", "--json").json["items"][0]
    assert (line["action"], line["after"]["amount"], line["actor"].startswith("cli:")) == (
        "account.payment",
        "7.00",
        True,
    )


def test_a_shell_completes(boss: Kambill) -> None:
    """Its script names the command."""
    for shell in ("bash", "zsh", "fish"):
        assert "_KAMBILL_COMPLETE" in boss("completion", shell).out


@pytest.fixture
def service(boss: Kambill) -> Iterator[str]:
    """The address of a running service."""
    port = free_port()
    config = Path(os.environ["KAMBILL_CONFIG"])
    config.write_text(config.read_text() + f"listen: {{port: {port}}}\n")
    command = [sys.executable, "-m", "service.cli", "serve"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + PATIENCE_S  # a busy machine takes its time; what never comes up is told as such
        while not _is_up(port):
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _is_up(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


def test_the_same_over_http(boss: Kambill, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a token; without one, and of commands that work here only, it is said."""
    invited = boss(
        "user", "invite", "--account", "seller", "--email", "s@s.example", "--name", "S", "--role", "Owner", "--json"
    )
    boss("password", "choose", "--link", invited.json["link"], "--password", PASSWORD)
    opened = boss("--url", service, "session", "open", "--email", "s@s.example", "--password", PASSWORD, "--json")
    monkeypatch.setenv("KAMBILL_TOKEN", opened.json["session"])

    def ask(*words: str) -> Answer:
        return boss("--url", service, *words)

    assert [row["name"] for row in ask("account", "list", "--json").json] == ["seller", "ann"]
    paid = ask("payment", "make", "ann", "--amount", "3", "--reason", "cash", "--json")
    assert (paid.json["balance"], paid.json["actor"]) == ("3.00", "s@s.example")
    refused = ask("payment", "make", "seller", "--amount", "3", "--reason", "cash")
    assert (refused.code, "Not allowed" in refused.err) == (1, True)
    assert "own machine only" in ask("doctor").err
    assert ask("cdr", "list", "--json").json["items"] == []
    monkeypatch.setenv("KAMBILL_TOKEN", "wrong")
    assert "Sign in first" in ask("account", "show", "ann").err
    monkeypatch.delenv("KAMBILL_TOKEN")
    away = boss("--url", "http://127.0.0.1:1", "account", "show", "ann")
    assert (away.code, "127.0.0.1:1" in away.err) == (1, True)


def test_a_text_that_stands_in_a_file(boss: Kambill, tmp_path: Path) -> None:
    """Plans are given as their file, or as they are; a file that isn't there is told."""
    plans = 'plans: {all: {routes: [{prefix: "", gateways: [nobody/gw]}]}}'
    (tmp_path / "routing.yaml").write_text(plans)
    checked = boss("plan", "check", "--source", f"@{tmp_path / 'routing.yaml'}", "--json").json
    assert (checked["plans"], checked["ok"], "nobody" in str(checked["problems"])) == (["all"], False, True)
    assert boss("plan", "check", "--source", plans, "--json").json == checked
    absent = boss("plan", "check", "--source", "@absent.yaml")
    assert (absent.code, "--source: absent.yaml can't be read" in absent.err) == (1, True)
