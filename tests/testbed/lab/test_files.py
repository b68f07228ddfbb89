"""The files of a lab: the way in, and the refusals that keep real nodes out of it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from paramiko import HostKeys, SSHConfig

from testbed.lab import ssh
from testbed.lab.errors import LabError
from testbed.lab.files import LabFiles, activate_text, control_text, pyinfra_text

Reader = Callable[[LabFiles, str], dict[str, str]]
KEYS = ssh.make_key_pair()
PORTS = {"daos-server-01": 20001, "daos-client-01": 20002}


@pytest.fixture
def files(tmp_path: Path) -> LabFiles:
    files = LabFiles(tmp_path / "lab")
    files.write(KEYS, PORTS, dict.fromkeys(PORTS.values(), KEYS.public), [20011, 20012])
    return files


def openssh(files: LabFiles, name: str) -> dict[str, str]:
    said = subprocess.run(
        ["ssh", "-G", "-F", str(files.ssh_config), name], capture_output=True, text=True, check=True
    )
    return dict(line.split(" ", 1) for line in said.stdout.splitlines() if " " in line)


def paramiko(files: LabFiles, name: str) -> dict[str, str]:
    return dict(SSHConfig.from_path(str(files.ssh_config)).lookup(name))


READERS = [openssh, paramiko]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", PORTS)
def test_a_node_is_reached_on_its_loopback_port(files: LabFiles, reader: Reader, name: str) -> None:
    entry = reader(files, name)
    assert (entry["hostname"], entry["port"]) == ("127.0.0.1", str(PORTS[name]))
    assert entry["user"] == "ops"
    assert entry["userknownhostsfile"] == str(files.known_hosts)
    assert entry["stricthostkeychecking"] in ("yes", "true")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", ["daos-server-05", "daos-server-010", "127.0.0.1", "real.site"])
def test_any_other_name_leads_nowhere(files: LabFiles, reader: Reader, name: str) -> None:
    assert reader(files, name)["hostname"] == "daos-lab.invalid"


def test_host_keys_are_pinned_by_port(files: LabFiles) -> None:
    pinned = HostKeys(str(files.known_hosts))
    assert set(pinned) == {"[127.0.0.1]:20001", "[127.0.0.1]:20002"}
    assert pinned.lookup("[127.0.0.1]:20001")["ssh-ed25519"].get_base64() in KEYS.public  # type: ignore[index]


def test_the_key_is_for_its_owner_only(files: LabFiles) -> None:
    assert files.identity.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["with blank", "per%cent", "quo'te", "ha#sh"])
def test_a_folder_that_ssh_config_cannot_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="plainer name"):
        LabFiles(tmp_path / name)


def test_control_names_the_replicas_on_loopback() -> None:
    control = yaml.safe_load(control_text([20011, 20012]))
    assert control["hostlist"] == ["127.0.0.1:20011", "127.0.0.1:20012"]
    assert control["transport_config"] == {"allow_insecure": True}


def test_only_a_kept_lab_has_a_state(files: LabFiles) -> None:
    assert files.kept() is None
    files.keep("lab-1", list(PORTS), "2.0.1")
    assert files.kept() == "lab-1"
    files.state.write_text(json.dumps(["not ours"]))
    assert files.kept() is None


def test_removing_leaves_only_the_refusing_pyinfra(files: LabFiles) -> None:
    files.keep("lab-1", list(PORTS), "2.0.1")
    files.remove()
    files.remove()
    left = [path for path in files.directory.rglob("*") if path.is_file()]
    assert left == [files.pyinfra]


# The activated shell


def shell(files: LabFiles, script: str, program: str = "bash") -> subprocess.CompletedProcess[str]:
    """Run a script in a shell in which a real `pyinfra` would say "REAL"."""
    real = files.directory / "real"
    real.mkdir(exist_ok=True)
    (real / "pyinfra").write_text('#!/bin/sh\necho REAL "$@"\n')
    (real / "pyinfra").chmod(0o755)
    files.pyinfra.write_text(pyinfra_text(files.directory, real))
    files.activate.write_text(activate_text(files.directory, real))
    command = f"PS1='$ '; . {files.activate}\n{script}"
    return subprocess.run(
        [program, "-c", command],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin"},
        check=False,
    )


@pytest.mark.parametrize("program", ["bash", "sh"])
def test_pyinfra_as_typed_goes_to_the_lab(files: LabFiles, program: str) -> None:
    done = shell(files, 'pyinfra inventory deploy.py; echo "$PS1"', program)
    data = f"--data ssh_config_file={files.ssh_config}"
    assert done.stdout.splitlines() == [f"REAL {data} inventory deploy.py", "(daos-lab) $ "]


def test_a_script_started_from_that_shell_goes_to_the_lab_too(files: LabFiles) -> None:
    assert f"ssh_config_file={files.ssh_config}" in shell(files, "env pyinfra x").stdout


def test_pyinfra_refuses_when_the_lab_is_down(files: LabFiles) -> None:
    done = shell(files, f"rm {files.ssh_config}; pyinfra inventory deploy.py")
    assert done.returncode == 1
    assert "the lab is down" in done.stderr
    assert "REAL" not in done.stdout


def test_pyinfra_refuses_when_the_folder_is_gone(files: LabFiles) -> None:
    done = shell(files, f"rm -r {files.directory}/bin; pyinfra inventory deploy.py")
    assert done.returncode == 1
    assert "the lab is gone" in done.stderr
    assert "REAL" not in done.stdout


@pytest.mark.parametrize("program", ["bash", "sh"])
def test_deactivate_gives_the_shell_back(files: LabFiles, program: str) -> None:
    script = f'. {files.activate}; lab_deactivate; echo "$PATH|$PS1|${{DAOS_LAB-none}}"'
    done = shell(files, script, program)
    assert done.stdout == "/usr/bin:/bin|$ |none\n"


# One lab a directory


def test_a_directory_holds_one_lab_at_a_time(tmp_path: Path) -> None:
    files = LabFiles(tmp_path / "lab")
    with files.claim(), pytest.raises(LabError, match="another process has a lab"), files.claim():
        pass
    with files.claim():
        files.keep("lab-1", [], "2.0.1")
    with pytest.raises(LabError, match="lab-down"), files.claim():
        pass
    assert files.kept() == "lab-1"
