"""The configuration: defaults, what is read, and every fault at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from kemi.store.layout import Settings
from service.commands.bodies import settings_body
from service.config import Config, ConfigFault, load_config, parse_config


def faults(text: str) -> list[str]:
    """All sentences for a text."""
    with pytest.raises(ConfigFault) as fault:
        parse_config(text, "k.yaml")
    return fault.value.faults


def test_an_empty_file_means_the_defaults() -> None:
    """SQLite beside the journal, HTTP on loopback."""
    config = parse_config("", "k.yaml")
    assert config == Config()
    assert config.database_url == "sqlite:////var/lib/kambill/kambill.db"
    assert (config.listen.host, config.listen.port, config.node) == ("127.0.0.1", 8660, "local")


def test_the_call_paths_defaults_are_the_stores() -> None:
    """What the store assumes without a `settings` command is what the service would send."""
    assert settings_body(Config()) == {"do": "settings"} | Settings()._asdict()


def test_headers_that_are_passed_on_have_names_and_are_not_ours() -> None:
    """However they are written; no list of them lets a customer say who calls."""
    assert parse_config("calls: {pass_headers: [User-to-User, X-Tenant]}", "k.yaml").calls.pass_headers == (
        *("User-to-User", "X-Tenant"),
    )
    assert faults("calls: {pass_headers: [X-Tenant, 'X Tenant']}") == [
        "k.yaml:1:9: calls.pass_headers: 'X Tenant' is no header's name: write one such as User-to-User"
    ]
    assert faults("calls: {pass_headers: [PRIVACY]}") == [
        "k.yaml:1:9: calls.pass_headers: 'PRIVACY' is never passed on: what it says is said by Kambill alone"
    ]


def test_all_settings_are_read() -> None:
    """Each one that differs."""
    config = parse_config(
        """
run_dir: /dev/shm/k
data_dir: /srv/k
ratebook: /srv/k/ratebook
database: postgresql://k@127.0.0.1/k
node: a-1
currency: USD
timezone: Europe/Berlin
listen: {host: 127.0.0.2, port: 18660}
calls: {first_hold_s: 5, grant_s: 30}
""",
        "k.yaml",
    )
    assert config.run_dir == Path("/dev/shm/k")
    assert config.database_url == "postgresql://k@127.0.0.1/k"
    assert (config.listen.port, config.calls.grant_s, config.calls.max_call_s) == (18660, 30, 14_400)


def test_all_faults_are_told_at_once() -> None:
    """With line and column of each key."""
    text = "run_dir: run\nlisten:\n  port: 99999\n  prt: 1\ntimezone: Mars\ncolour: red\ncurrency: euro\n"
    found = faults(text)
    assert [line.split(": ")[0] + ": " + line.split(": ")[1] for line in found] == [
        "k.yaml:1:1: run_dir",
        "k.yaml:7:1: currency",
        "k.yaml:5:1: timezone",
        "k.yaml:3:3: listen.port",
        "k.yaml:4:3: listen.prt",
        "k.yaml:6:1: colour",
    ]
    assert "write it from the root" in found[0]
    assert found[4].endswith("one of host, port, metrics_from, proxies was expected")
    assert "one of run_dir, data_dir" in found[5]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "k.yaml:2:1: no YAML"),
        ("- a", "k.yaml:1:1: a list or text"),
        ("node: no", "k.yaml:1:1: node: Input should be a valid string"),
    ],
)
def test_what_is_no_configuration_is_told(text: str, said: str) -> None:
    """The first place that can't be read."""
    assert faults(text)[0].startswith(said)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    """KAMBILL_CONFIG never leads to the defaults silently; without it, a missing default file does."""
    with pytest.raises(ConfigFault, match="correct KAMBILL_CONFIG"):
        load_config({"KAMBILL_CONFIG": str(tmp_path / "absent.yaml")})


def test_a_folder_or_noise_is_no_configuration(tmp_path: Path) -> None:
    """Neither is read, each is told."""
    (tmp_path / "noise").write_bytes(b"\xff\xfe")
    for name in (".", "noise"):
        with pytest.raises(ConfigFault, match="can't be read"):
            load_config({"KAMBILL_CONFIG": str(tmp_path / name)})


def test_a_file_is_read(tmp_path: Path) -> None:
    """The one that KAMBILL_CONFIG names."""
    (tmp_path / "k.yaml").write_text("node: b\n")
    assert load_config({"KAMBILL_CONFIG": str(tmp_path / "k.yaml")}).node == "b"
