"""`kambill tariff rerate` as an operator uses it: looked at, then done; here, and over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from service.database.engine import open_engine
from tests.service.company import TARIFFS, Company, write_ratebook
from tests.service.test_cli import Kambill, kambill
from tests.service.test_verbs import PASSWORD, boss, service

__all__ = ["boss", "kambill", "service"]
WORDS = ("tariff", "rerate", "--period", "2026-09-01..2026-10-01")


@pytest.fixture
def called(kambill: Kambill, tmp_path: Path) -> Kambill:
    """The command, on a system with two calls, and another price for them since."""
    config = tmp_path / "kambill.yaml"
    config.write_text(
        f"run_dir: {tmp_path}/run\ndata_dir: {tmp_path}/data\nratebook: {tmp_path}/ratebook\ntimezone: UTC\n"
    )
    asyncio.run(_calls(tmp_path))
    return kambill


async def _calls(folder: Path) -> None:
    engine = open_engine(f"sqlite:///{folder}/data/kambill.db")
    company = Company(engine, folder)
    await company.open()
    company.call(61.2)
    company.call(10)
    await company.pump()
    write_ratebook(company.config.ratebook, TARIFFS | {"retail": "0.09", "carrier": "0.006"})
    await company.publish()
    await engine.dispose()


def test_looked_at_done_and_done_again(called: Kambill) -> None:
    """Nothing without --yes; with it each account's corrections; the second time there are none."""
    looked = called(*WORDS)
    assert looked.code == 0, looked
    said = looked.out.splitlines()
    assert said[0] == "2 calls, 2 change"
    assert said[-1] == "nothing was changed: --yes does it"
    cells = [line.split() for line in said[2:4]]
    assert [line[-6:] for line in cells] == [
        ["cost", "2", "0.00", "-0.0072", "-0.0072", "EUR"],
        ["charge", "2", "0.036", "0.00", "0.036", "EUR"],
    ]
    assert [line[0] for line in cells] == ["Operator/carrier", "Operator/upper/lower/customer"]
    assert called("correction", "list", "--json").json["items"] == []

    done = called(*WORDS, "--yes", "--reason", "wrong deck", "--json").json
    assert done["preview"]["changed_calls"] == 2
    assert (done["rerating"]["state"], done["rerating"]["changed"]) == ("done", 4)
    assert [one["net"] for one in done["rerating"]["sums"]] == ["-0.0072", "0.036"]
    assert len(called("correction", "list", "--account", "customer", "--json").json["items"]) == 2
    again = called(*WORDS, "--yes", "--reason", "once more")
    assert again.out == "re-rating 2: 2 calls, 0 corrections posted\nno charge and no cost differs\n"
    assert [one["reason"] for one in called("rerating", "list", "--json").json["items"]] == ["once more", "wrong deck"]
    assert called("doctor").out.count("corrections, each posted once") == 1


def test_what_is_chosen_by_name(called: Kambill) -> None:
    """An account, a tariff, a draft; what stays is told with its reason."""
    assert called(*WORDS, "--tariff", "carrier", "--json").json["preview"]["sums"][0]["kind"] == "cost"
    assert called(*WORDS, "--account", "carrier", "--json").json["preview"]["calls"] == 0
    write_ratebook(Path("ratebook"), TARIFFS | {"retail": "0.12"})
    drafted = called(*WORDS, "--tariff", "retail", "--draft", "--account", "lower/customer", "--json").json
    assert drafted["preview"]["sums"][0]["net"] == "0.072"
    Path("ratebook/tariffs/retail.yaml").write_text("currency: EUR\nrates: [{prefix: 1, rate: 1}]\n")
    left = called(*WORDS, "--tariff", "retail", "--draft").out
    assert "2 left as they are: the rates have none for the number" in left
    assert left.count(": charge of #5, the rates have none for the number") == 2


def test_what_can_not_be_asked(called: Kambill) -> None:
    """Each with what to do."""
    assert "--reason: why" in called(*WORDS, "--yes").err
    assert "no account 'nobody'" in called(*WORDS, "--account", "nobody").err
    assert "draft: name the tariff" in called(*WORDS, "--draft").err
    assert called("tariff", "rerate").code == 2


def test_over_http_the_service_does_it(
    called: Kambill, boss: Kambill, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token of who may; the command waits for the end."""
    who = ("--account", "Operator", "--email", "a@op.example", "--name", "A", "--role", "Admin")
    boss("password", "choose", "--link", boss("user", "invite", *who, "--json").json["link"], "--password", PASSWORD)
    opened = boss("--url", service, "session", "open", "--email", "a@op.example", "--password", PASSWORD, "--json")
    monkeypatch.setenv("KAMBILL_TOKEN", opened.json["session"])
    done = called("--url", service, *WORDS, "--yes", "--reason", "wrong deck", "--json").json
    assert (done["rerating"]["state"], done["rerating"]["changed"]) == ("done", 4)
    assert done["rerating"]["actor"] == "a@op.example"
