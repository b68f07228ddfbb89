"""What the simulated programs read from /etc/daos."""

import json
from pathlib import Path

import pytest

from testbed.sim.common import config, faults

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
    settings = config.server(str(path), "2.0.3")
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
        config.server(str(path), "2.0.3")


@pytest.mark.parametrize("key", ["engines", "servers"])
def test_the_engines_of_1_x_have_two_names(path: Path, key: str) -> None:
    path.write_text(f"disable_vmd: false\n{key}:\n- {{targets: 4, scm_mount: /mnt/a}}\n")
    assert [engine.scm_mount for engine in config.server(str(path), "1.2.0").engines] == ["/mnt/a"]


def test_both_names_at_once_are_refused(path: Path) -> None:
    path.write_text("engines: [{targets: 4}]\nservers: [{targets: 4}]\n")
    with pytest.raises(config.BadConfig, match="cannot specify both servers and engines"):
        config.server(str(path), "1.2.0")


def test_2_x_refuses_the_outdated_name(path: Path) -> None:
    path.write_text("servers: [{targets: 4}]\n")
    refused = '"servers" server config file parameter is deprecated, use "engines" instead'
    with pytest.raises(config.BadConfig, match=refused):
        config.server(str(path), "2.0.3")


@pytest.mark.parametrize(
    ("key", "version", "other"),
    [
        ("disable_vmd: false", "2.0.3", "1.2.0"),
        ("set_hugepages: true", "2.0.3", "1.2.0"),
        ("enable_vmd: true", "1.2.0", "2.0.3"),
        ("telemetry_port: 9191", "1.2.0", "2.0.3"),
    ],
)
def test_keys_of_another_release_are_refused(
    path: Path, key: str, version: str, other: str
) -> None:
    path.write_text(f"name: daos_server\n{key}\nengines: [{{targets: 4}}]\n")
    name = key.partition(":")[0]
    with pytest.raises(
        config.BadConfig, match=f"line 2: field {name} not found in type config.Server"
    ):
        config.server(str(path), version)
    assert config.server(str(path), other).engines


def test_keys_of_engines_are_checked_too(path: Path) -> None:
    path.write_text("engines:\n- targets: 4\n  socket_dir: /tmp\n")
    with pytest.raises(config.BadConfig, match=r"line 3: field socket_dir .* type engine\.Config"):
        config.server(str(path), "2.0.3")
    assert config.server(str(path), "1.2.0").engines


def test_an_even_number_of_access_points_is_refused(path: Path) -> None:
    path.write_text("access_points: [a, b]")
    with pytest.raises(config.BadConfig, match="odd number"):
        config.server(str(path), "2.0.3")


@pytest.mark.parametrize("text", ["[1, 2]", "a: [b"])
def test_no_configuration(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(config.BadConfig, match=r"file\.yml"):
        config.control(str(path))


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(config.BadConfig, match=r"file\.yml"):
        config.agent(str(path), "2.0.3")


def test_where_the_system_is(path: Path) -> None:
    path.write_text('port: 10009\nhostlist: [a, "b:1"]\naccess_points: [c]\n')
    assert config.control(str(path)).hosts == ["a:10009", "b:1"]
    assert config.agent(str(path), "2.0.3").hosts == ["c:10009"]


def test_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "lab-faults.json"
    monkeypatch.setattr(faults, "FILE", str(file))
    assert faults.planted() == {}
    file.write_text(json.dumps({"prep_fails": True}))
    assert faults.planted() == {"prep_fails": True}
    file.write_text("{")
    assert faults.planted() == {}
