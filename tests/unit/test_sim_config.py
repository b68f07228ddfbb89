"""What the simulated programs read from /etc/daos."""

import json
from pathlib import Path

import pytest

from testbed.sim import config, faults

SERVER = """
name: daos_server
access_points: [daos-server-01, "daos-server-02:10002", daos-server-03]
port: 10001
provider: ofi+tcp;ofi_rxm
engines:
- {targets: 4, fabric_iface_port: 31416, scm_mount: /mnt/daos0}
- {targets: 4, fabric_iface_port: 31516, storage: [{class: ram, scm_mount: /mnt/two}]}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.yml"


def test_server(path: Path) -> None:
    path.write_text(SERVER)
    settings = config.server(str(path))
    assert settings.access_points == [
        "daos-server-01:10001",
        "daos-server-02:10002",
        "daos-server-03:10001",
    ]
    assert settings.provider == "ofi+tcp"
    engines = [(e.index, e.targets, e.port, e.scm_mount) for e in settings.engines]
    assert engines == [(0, 4, 31416, "/mnt/daos0"), (1, 4, 31516, "/mnt/two")]


def test_a_server_without_engines_is_refused(path: Path) -> None:
    path.write_text("engines: []")
    with pytest.raises(config.BadConfig, match="none is configured"):
        config.server(str(path))


def test_an_even_number_of_access_points_is_refused(path: Path) -> None:
    path.write_text("access_points: [a, b]")
    with pytest.raises(config.BadConfig, match="odd number"):
        config.server(str(path))


@pytest.mark.parametrize("text", ["[1, 2]", "a: [b"])
def test_no_configuration(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(config.BadConfig, match=r"file\.yml"):
        config.control(str(path))


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(config.BadConfig, match=r"file\.yml"):
        config.agent(str(path))


def test_where_the_system_is(path: Path) -> None:
    path.write_text('port: 10009\nhostlist: [a, "b:1"]\naccess_points: [c]\n')
    assert config.control(str(path)).hosts == ["a:10009", "b:1"]
    assert config.agent(str(path)).hosts == ["c:10009"]


def test_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "lab-faults.json"
    monkeypatch.setattr(faults, "FILE", str(file))
    assert faults.planted() == {}
    file.write_text(json.dumps({"prep_fails": True}))
    assert faults.planted() == {"prep_fails": True}
    file.write_text("{")
    assert faults.planted() == {}
