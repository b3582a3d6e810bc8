"""Where a demo lives: addresses of its set-up, its folders, and one demo at a time in each."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scripts.demo.places import DemoFault, claim, plan, remember, remembered, write_configurations
from scripts.demo.sockets import Address
from service.config import read_config
from service.setup.document import Setup, read_setup

BASE = 23000


def setup(network: str = "127.0.7.21", host: str = "127.0.7.81", port: str = "") -> Setup:
    """A set-up of one trunk and one gateway."""
    text = f"""
accounts: [{{name: A, kind: customer}}]
trunks: [{{name: a, account: A, networks: "{network}"{port}}}]
providers: [{{name: p, gateways: [{{name: gw, host: "{host}", port: 23081}}]}}]
"""
    found, sheet = read_setup(text)
    assert sheet.problems == []
    return found


@pytest.mark.parametrize(
    ("network", "port", "caller"),
    [
        ("127.0.7.21", "", Address("127.0.7.21", BASE + 91)),
        ("127.0.7.0/24", "", Address("127.0.7.1", BASE + 91)),
        ("127.0.7.21", ", port: 5099", Address("127.0.7.21", 5099)),
    ],
)
def test_where_calls_come_from_and_go_to(tmp_path: Path, network: str, port: str, caller: Address) -> None:
    """A trunk's first address and its port; gateways as the set-up says; the proxy by the port base."""
    places = plan(tmp_path, BASE, setup(network, port=port))
    assert places.trunks == {"a": caller}
    assert places.gateways == {"p/gw": Address("127.0.7.81", 23081)}
    assert places.proxy == Address("127.0.0.1", BASE + 60)


@pytest.mark.parametrize(
    ("network", "host", "told"),
    [
        ("192.0.2.1", "127.0.7.81", "trunk a comes from 192.0.2.1/32: for the demo"),
        ("::1", "127.0.7.81", "trunk a comes from ::1/128: for the demo"),
        ("127.0.7.21", "192.0.2.1", "gateway p/gw stands at 192.0.2.1: in the demo"),
    ],
)
def test_addresses_that_are_not_on_this_machine_are_told(tmp_path: Path, network: str, host: str, told: str) -> None:
    """Before anything is started."""
    with pytest.raises(DemoFault, match=told):
        plan(tmp_path, BASE, setup(network, host))


@pytest.mark.parametrize("port", ["0", "65536", "99999"])
def test_a_port_that_is_none_is_told(tmp_path: Path, port: str) -> None:
    """Where it stands; `apply` would say the same later."""
    with pytest.raises(DemoFault, match=f"port {port}: a port from 1 to 65535 was expected"):
        plan(tmp_path, BASE, setup(port=f", port: {port}"))


@pytest.mark.parametrize("name", ["", "lock/x", "logs"])
def test_what_another_user_has_left_is_told(tmp_path: Path, name: str) -> None:
    """As root may write everywhere: a file, or a folder, in the place of the other one."""
    folder = tmp_path / "run"
    if name == "":
        folder.touch()
    elif name == "logs":
        folder.mkdir()
        (folder / name).touch()
    else:
        (folder / name).mkdir(parents=True)
    with pytest.raises(DemoFault, match=r"run.*: remove it as who made it, or give this demo --dir FOLDER"):
        claim(plan(folder, BASE, setup()))


def test_one_demo_at_a_time_in_a_folder(tmp_path: Path) -> None:
    """The second one is told who runs; after the first one's end it may; what lay there from an older run is gone."""
    places = plan(tmp_path, BASE, setup())
    places.data_dir.mkdir()
    (places.data_dir / "kambill.db").touch()
    try:
        with claim(places):
            assert list(places.data_dir.iterdir()) == []
            with pytest.raises(DemoFault, match=r"runs in .* already \(pid \d+\): end it with Ctrl-C"):
                claim(places)
        claim(places).close()
    finally:
        shutil.rmtree(places.run_dir)


def test_the_service_reads_what_the_demo_writes(tmp_path: Path) -> None:
    """Folders and port are those of the plan."""
    places = plan(tmp_path, BASE, setup())
    (tmp_path / "kamailio").mkdir()
    write_configurations(places, tmp_path / "ratebook")
    config = read_config(places.config)
    assert (config.run_dir, config.data_dir, config.listen.port) == (places.run_dir, places.data_dir, BASE + 660)


def test_what_a_call_through_the_running_demo_needs(tmp_path: Path) -> None:
    """Written by the demo, read by scripts/call; without a demo it says how to start one."""
    places = plan(tmp_path, BASE, setup())
    with pytest.raises(DemoFault, match="start one with scripts/run"):
        remembered(tmp_path)
    remember(places, tmp_path / "sipp")
    assert remembered(tmp_path) == (tmp_path / "sipp", places.proxy, places.trunks)
