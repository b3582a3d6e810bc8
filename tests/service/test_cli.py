"""The command as people and scripts use it: real files, a real ledger, exit codes, no traceback."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from service.cli.main import COMMANDS, main
from service.database.engine import open_engine
from service.database.tables import commands
from tests.kemi.world import World
from tests.service.conftest import copy_sqlite

ROOT = Path(__file__).parents[2]
SETUP = """
accounts:
  - {name: seller, kind: reseller}
  - {name: ann, parent: seller, kind: customer, credit_limit: 2.5}
trunks:
  - {name: ann-1, account: ann, networks: [127.0.0.2]}
"""


class Answer(NamedTuple):
    """What a command gave back."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document on standard output."""
        return json.loads(self.out)


Kambill = Callable[..., Answer]


@pytest.fixture
def kambill(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Kambill:
    """Runs a command with a configuration of its own, as the console script does. Its ledger has tables only."""
    (tmp_path / "data").mkdir()
    asyncio.run(copy_sqlite(template, tmp_path / "data" / "kambill.db"))
    config = tmp_path / "kambill.yaml"
    config.write_text(f"run_dir: {tmp_path}/run\ndata_dir: {tmp_path}/data\nratebook: {ROOT}/ratebook/examples\n")
    (tmp_path / "setup.yaml").write_text(SETUP)
    monkeypatch.setenv("KAMBILL_CONFIG", str(config))
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["kambill", *args])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        return Answer(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


def test_help_names_every_command_and_imports_none() -> None:
    """In a process of its own: neither SQLAlchemy nor rich is loaded for it."""
    probe = (
        "import sys; sys.argv = ['kambill', '--help']\n"
        "from service.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print([name for name in ('sqlalchemy', 'rich', 'pydantic', 'lmdb') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    assert done.stdout.endswith("[]\n")


def test_the_clones_own_command_runs_from_anywhere(tmp_path: Path) -> None:
    """./kambill needs nothing exported."""
    done = subprocess.run([ROOT / "kambill", "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("kambill, version ")


def test_words_that_are_no_text_are_told(kambill: Kambill) -> None:
    """Bytes of another encoding, as Python hands them on; what is UTF-8 is looked for."""
    assert kambill("account", "show", "Gr\udcf6\udcdfe").err.startswith("word 3, 'Gr\\udcf6\\udcdfe', is no UTF-8: ")
    assert "Größe" in kambill("account", "show", "Größe").err


@pytest.mark.parametrize(
    ("given", "told"), [(b"\xff", "--body: - can't be read: "), (b"[" * 200_000, "--body: this is no JSON: ")]
)
def test_what_is_piped_in_and_is_no_json_is_told(
    kambill: Kambill, monkeypatch: pytest.MonkeyPatch, given: bytes, told: str
) -> None:
    """No text, and text that goes on and on."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), encoding="utf-8"))
    answer = kambill("account", "make", "--body", "-")
    assert answer.code == 1
    assert told in answer.err


def test_apply_shows_does_and_then_has_nothing_to_do(kambill: Kambill, tmp_path: Path) -> None:
    """The dry run makes the ledger and changes nothing; --yes does it; the second time says so."""
    (tmp_path / "data" / "kambill.db").unlink()
    shown = kambill("apply", "setup.yaml", "--dry-run")
    assert shown == (0, shown.out, "")
    assert shown.out.splitlines()[0] == "+ account seller: parent Operator, kind reseller"
    assert kambill("apply", "setup.yaml", "--yes") == (0, shown.out + "done\n", "")
    assert kambill("apply", "setup.yaml") == (0, "nothing to do\n", "")


def test_apply_without_a_terminal_asks_for_yes(kambill: Kambill) -> None:
    """Nobody can answer: nothing is done, and the exit code says it."""
    answer = kambill("apply", "setup.yaml")
    assert answer.code == 1
    assert "give --yes" in answer.err
    assert [line["name"] for line in kambill("account", "list", "--json").json] == ["Operator"]


def test_apply_tells_every_fault_at_its_place(kambill: Kambill, tmp_path: Path) -> None:
    """On standard error, with exit code 1."""
    (tmp_path / "setup.yaml").write_text("accounts:\n  - {name: a, kind: king}\n  - {nam: b}\n")
    answer = kambill("apply", "setup.yaml", "--yes")
    assert (answer.code, answer.out) == (1, "")
    assert [line.split(": ")[0] for line in answer.err.splitlines()[:3]] == [
        "setup.yaml:2:15",
        "setup.yaml:3:5",
        "setup.yaml:3:5",
    ]


def test_apply_as_json(kambill: Kambill) -> None:
    """One document: what changed, and that it was done."""
    document = kambill("apply", "setup.yaml", "--yes", "--json").json
    assert document["done"] is True
    assert [(one["kind"], one["name"], one["what"]) for one in document["changes"]] == [
        ("account", "seller", "new"),
        ("account", "ann", "new"),
        ("trunk", "ann-1", "new"),
    ]
    assert kambill("apply", "setup.yaml", "--json").code == 2


def test_a_payment_is_posted_once_per_key(kambill: Kambill) -> None:
    """Told to people and to scripts; the statement shows it."""
    kambill("apply", "setup.yaml", "--yes")
    first = kambill("pay", "ann", "10.000001", "--reason", "bank 17", "--key", "k1")
    assert first == (0, "ann: 10.000001 EUR, balance 10.000001 EUR (entry 1)\n", "")
    again = kambill("pay", "ann", "10.000001", "--reason", "bank 17", "--key", "k1", "--json").json
    assert (again["repeated"], again["balance_micros"], again["entry_id"]) == (True, 10_000_001, 1)
    other = kambill("pay", "ann", "11", "--key", "k1")
    assert other.code == 1
    assert "another request" in other.err
    shown = kambill("account", "show", "ann", "--json").json
    assert (shown["balance_micros"], shown["credit_limit_micros"]) == (10_000_001, 2_500_000)
    assert [(line["reason"], line["amount_micros"]) for line in shown["statement"]] == [("bank 17", 10_000_001)]
    assert "bank 17" in kambill("account", "show", "ann").out


def test_sums_are_added_up_anew(kambill: Kambill) -> None:
    """Nothing is nothing; with calls it is shown where sums are."""
    assert kambill("cdr", "add-up").out == "0 days added up\n"


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("pay", "ann", "1e3"), 2, "is not a decimal number"),
        (("pay", "ann", "0.0000001"), 2, "more than 6 decimals"),
        (("pay", "ann", "-1"), 1, "only a provider is paid out"),
        (("pay", "nobody", "1"), 1, "kambill account list"),
        (("account", "show", "#99"), 1, "no account '#99'"),
        (("apply", "absent.yaml"), 1, "absent.yaml: can't be read"),
        (("call", "list"), 1, "no hot store"),
        (("cdr", "show", "ab"), 1, "no call record"),
        (("cdr", "list", "--since", "yesterday"), 1, "a time such as"),
        (("tariff", "price", "absent", "44"), 1, "no tariff 'absent'"),
        (("tariff", "price", "retail-eur", "forty"), 2, "digits such as"),
        (("tariff", "price", "retail-eur", "44", "--seconds", "1.0001"), 2, "seconds such as"),
        (("tariff", "price", "retail-eur", "44", "--at", "noon"), 1, "a time such as"),
        (("nonsense",), 2, "No such command"),
    ],
)
def test_what_cant_be_done_is_told(kambill: Kambill, args: tuple[str, ...], code: int, said: str) -> None:
    """A sentence on standard error, nothing on standard output, the exit code by whose fault it is."""
    kambill("apply", "setup.yaml", "--yes")
    answer = kambill(*args)
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_a_stopped_database_is_told(kambill: Kambill, tmp_path: Path) -> None:
    """What it is, and what to do."""
    (tmp_path / "kambill.yaml").write_text("database: postgresql://me:secret@127.0.0.1:1/kambill\n")
    answer = kambill("account", "list")
    assert answer.code == 1
    assert "start PostgreSQL" in answer.err
    assert "secret" not in answer.err


def test_a_broken_configuration_is_told(kambill: Kambill, tmp_path: Path) -> None:
    """With file, line and column."""
    (tmp_path / "kambill.yaml").write_text("listen: {port: none}\n")
    answer = kambill("account", "list")
    assert answer.code == 1
    assert answer.err.startswith(f"{tmp_path}/kambill.yaml:1:10: listen.port: ")


def test_the_tree_is_indented(kambill: Kambill) -> None:
    """Children below their parents, with balances."""
    kambill("apply", "setup.yaml", "--yes")
    lines = [line.rstrip() for line in kambill("account", "list").out.splitlines()]
    assert [line.split("  ")[0].strip() for line in lines] == ["id", "1", "2", "3"]
    assert "    ann" in lines[3]
    assert "2.50 EUR" in lines[3]


def test_the_sample_ratebook_has_no_fault(kambill: Kambill) -> None:
    """And says how much stands in it."""
    document = kambill("tariff", "check", "--json").json
    assert (document["ok"], document["problems"]) == (True, [])
    assert document["tariffs"]["retail-eur"] > 0


def test_a_faulty_ratebook_is_told(kambill: Kambill, tmp_path: Path) -> None:
    """As text and as JSON, both with exit code 1; nothing is priced from it."""
    (tmp_path / "tariffs").mkdir()
    (tmp_path / "tariffs" / "bad.yaml").write_text("currency: EUR\nrates:\n  - {prefix: 44, rate: cheap}\n")
    answer = kambill("tariff", "check", "--ratebook", str(tmp_path))
    assert answer.code == 1
    assert f"{tmp_path}/tariffs/bad.yaml:3:" in answer.err
    checked = kambill("tariff", "check", "--ratebook", str(tmp_path), "--json")
    assert (checked.code, checked.json["ok"]) == (1, False)
    assert kambill("tariff", "price", "bad", "44", "--ratebook", str(tmp_path)).code == 1


TARIFF = """
currency: EUR
timezone: Europe/Berlin
increments: 30/6
rates:
  - {prefix: "44", destination: Britain, rate: 0.06}
  - {prefix: "44", destination: Britain, rate: 0.12, effective: 2027-01-01}
  - {prefix: "4490", destination: Premium, rate: 0.06, blocked: true}
"""


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("4420", "--seconds", "61"), {"prefix": "44", "billed_s": 66, "micros": 66_000, "blocked": False}),
        (("+4420", "--seconds", "0.001"), {"billed_s": 30, "micros": 30_000}),
        (("4420", "--seconds", "0"), {"billed_s": 0, "micros": 0}),
        (("4420", "--seconds", "60", "--at", "2026-12-31T23:59:59"), {"micros": 60_000}),
        (("4420", "--seconds", "60", "--at", "2027-01-01T00:00:00"), {"micros": 120_000}),
        (("4420", "--seconds", "60", "--at", "2026-12-31T22:59:59+00:00"), {"micros": 60_000}),
        (("4490", "--seconds", "60"), {"prefix": "4490", "blocked": True}),
    ],
)
def test_a_price_is_what_the_call_path_charges(
    kambill: Kambill, tmp_path: Path, args: tuple[str, ...], expected: dict[str, object]
) -> None:
    """Longest prefix, the rate of the moment in the tariff's zone, whole increments."""
    (tmp_path / "tariffs").mkdir()
    (tmp_path / "tariffs" / "t.yaml").write_text(TARIFF)
    at = () if "--at" in args else ("--at", "2026-11-01")
    document = kambill("tariff", "price", "t", *args, *at, "--ratebook", str(tmp_path), "--json").json
    assert {name: document[name] for name in expected} == expected
    assert document["steps"]


def test_a_number_without_a_rate_is_told(kambill: Kambill, tmp_path: Path) -> None:
    """With the code that a call would get."""
    (tmp_path / "tariffs").mkdir()
    (tmp_path / "tariffs" / "t.yaml").write_text(TARIFF)
    answer = kambill("tariff", "price", "t", "33", "--ratebook", str(tmp_path))
    assert answer.code == 1
    assert "refused with 404" in answer.err


async def _rows(url: str, query: sa.Select[Any]) -> list[Any]:
    engine = open_engine(url)
    async with engine.connect() as conn:
        rows = list(await conn.execute(query))
    await engine.dispose()
    return rows


def test_a_running_call_is_listed_and_cut(kambill: Kambill, tmp_path: Path) -> None:
    """Read from a real store; the cut is a command for it, with who asked."""
    world = World(tmp_path)
    call = world.talk("+49123")
    world.wait(1)
    world.talk("+49124")
    world.close()
    for name in ("upper", "lower", "customer"):  # 2 to 4, as in the store
        kambill("account", "make", "--parent", "Operator", "--name", name, "--kind", "reseller")
    rows = kambill("call", "list", "--json").json
    assert [(row["called"], row["state"], row["paid_s"] > 0) for row in rows] == [
        ("49123", "answered", True),
        ("49124", "answered", True),
    ]
    assert call in kambill("call", "list").out
    assert kambill("call", "cut", "zz").code == 1
    assert "give more of the key" in kambill("call", "cut", call[:2]).err
    done = kambill("call", "cut", call, "--json").json
    assert done["call"] == call

    query = sa.select(commands.c.body).order_by(commands.c.number.desc()).limit(1)
    (row,) = asyncio.run(_rows(f"sqlite:///{tmp_path}/data/kambill.db", query))
    assert row.body["do"] == "cut"
    assert row.body["call"] == call
    assert row.body["by"].startswith("cli:")


def test_the_journal_is_read_by_people(kambill: Kambill, tmp_path: Path) -> None:
    """Of one call, of one kind, as JSON; a broken line is told with its place; nothing is changed."""
    world = World(tmp_path)
    call = world.talk()
    world.wait(7)
    world.hang_up(call)
    other = world.talk()
    clerk = world.clerk()
    clerk.tick(world.now)
    clerk.close()
    world.close()
    lines = kambill("journal").out.splitlines()
    assert [line.split()[3] for line in lines] == ["carried", "opened", "answered", "settled", "answered"]
    assert "duration_ms" in lines[3]
    assert f" {other}" in lines[4]
    assert 'called="33123"' in lines[4]
    settled = kambill("journal", "--call", call, "--event", "settled", "--json")
    assert json.loads(settled.out)["cdr"]["duration_ms"] == 7000
    assert kambill("journal", "--call", "ffff").out == ""
    assert "beat" in kambill("journal", "--beats").out
    file = next((tmp_path / "data" / "journal").iterdir())
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b'"e":"opened"', b'"e":"opeXed"'))
    broken = kambill("journal")
    assert (broken.code, "wrong checksum" in broken.err) == (1, True)
    gone = kambill("journal", "--file", f"{tmp_path}/nothing")
    assert (gone.code, "no such file" in gone.err) == (1, True)


def test_deliveries_are_made_and_named(kambill: Kambill) -> None:
    """By the end of their path; the operator's people choose folders; columns in their order."""
    kambill("apply", "setup.yaml", "--yes")
    columns = ("--column", "started", "--column", "amount")
    made = kambill(
        "delivery", "make", "--account", "ann", "--name", "daily", "--way", "folder", "--target", "a", *columns
    )
    assert made.code == 0, made
    shown = kambill("delivery", "show", "ann/daily", "--json").json
    assert (shown["columns"], shown["period"], shown["side"]) == (["started", "amount"], "daily", "customer")
    assert kambill("delivery", "files", "daily", "--json").json["items"] == []
    wrong = kambill("delivery", "edit", "daily", "--column", "margin")
    assert (wrong.code, wrong.out) == (1, "")
    assert "no column 'margin'" in wrong.err


def test_a_call_is_tried_out(kambill: Kambill, tmp_path: Path) -> None:
    """By the names of trunk and device; step by step, with prices if asked for, or as JSON."""
    World(tmp_path).close()
    assert kambill("apply", "setup.yaml", "--yes").code == 0
    told = kambill("call", "simulate", "--from", "ann-1", "--to", "+33123", "--caller", "+441632960000")
    assert told.code == 0, told.err
    lines = told.out.splitlines()
    assert lines[0] == "  1. an INVITE for +33123 from 127.0.0.2:5060 by udp leads to trunk ann-1 of #4"
    assert lines[1:3] == ["  2. called as +33123, as E.164 33123", "  3. the caller is 441632960000"]
    assert lines[-1].endswith("the call is taken: it may last 14400 s, by what the accounts have now")
    assert any(
        "gateway #1, costs 0.036 for the expected call, 0.036 are left of it, is number 1" in one for one in lines
    )
    priced = kambill("call", "simulate", "--from", "#1", "--to", "+33123", "--prices")
    assert "180 s in steps of 1 s at 0.03 a minute" in priced.out
    found = kambill("call", "simulate", "--from", "ann-1", "--to", "letters", "--json").json
    assert (found["outcome"], found["sip_code"], found["sip_reason"]) == ("refused", 400, "Not a telephone number")
    nobody = kambill("call", "simulate", "--from", "nobody", "--to", "+33123")
    assert (nobody.code, "no trunk 'nobody'" in nobody.err, "no device 'nobody'" in nobody.err) == (1, True, True)
    unknown = kambill("call", "simulate", "--from", "#99", "--to", "+33123")
    assert (unknown.code, "--from" in unknown.err or "trunk" in unknown.err) == (1, True)
