"""The line in root's authorized_keys, and what its key may start; sshd itself is in the lab."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.migration import remote
from operations.migration.remote import authorized, entrance, login
from operations.migration.remote.failure import Failure

from ..users import NOBODY
from .trees import tool

LINE = b'restrict,command="x" ssh-ed25519 AAAA'
MARKED = b"daos-offline-update-copy"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="it is about root's files")


# The line


def state(path: Path) -> tuple[bytes, int, int]:
    found = path.lstat()
    return path.read_bytes(), found.st_mode, found.st_uid


@given(st.binary(max_size=300).filter(lambda content: MARKED not in content))
def test_the_line_comes_and_goes_and_the_file_is_as_it_was(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "authorized_keys"
        path.write_bytes(content)
        path.chmod(0o640)
        before = state(path)
        authorized.add(bytes(path), LINE)
        lines = path.read_bytes().split(b"\n")
        assert lines[-2].startswith(LINE + b" " + MARKED)
        assert path.read_bytes().startswith(content)
        assert authorized.remove(bytes(path))
        assert state(path) == before
        assert list(Path(folder).iterdir()) == [path]
        assert not authorized.remove(bytes(path))


def test_what_was_not_there_is_not_there_afterwards(tmp_path: Path) -> None:
    path = tmp_path / ".ssh" / "authorized_keys"
    authorized.add(bytes(path), LINE)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert authorized.remove(bytes(path))
    assert list(tmp_path.iterdir()) == []


def test_what_somebody_adds_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / ".ssh" / "authorized_keys"
    authorized.add(bytes(path), LINE)
    with path.open("ab") as file:
        file.write(b"theirs\n")
    authorized.remove(bytes(path))
    assert path.read_bytes() == b"theirs\n"
    path.write_bytes(b"no newline")
    authorized.add(bytes(path), LINE)
    with path.open("ab") as file:
        file.write(b"theirs\n")
    authorized.remove(bytes(path))
    assert path.read_bytes() == b"no newline\ntheirs\n"


def test_a_line_that_was_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "authorized_keys"
    path.write_bytes(b"own")
    for _ in range(3):
        authorized.add(bytes(path), LINE)
    assert path.read_bytes().count(MARKED) == 1
    authorized.remove(bytes(path))
    assert path.read_bytes() == b"own"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A file that nothing may be written to."""
    path = tmp_path / "elsewhere"
    path.write_bytes(b"theirs\n")
    return path


def test_no_link_is_followed(tmp_path: Path, elsewhere: Path) -> None:
    path = tmp_path / "authorized_keys"
    path.symlink_to(elsewhere)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    for wrong in (path, tmp_path / "link" / "authorized_keys"):
        with pytest.raises(Failure, match=str(wrong.parent)):
            authorized.add(bytes(wrong), LINE)
    assert elsewhere.read_bytes() == b"theirs\n"
    assert path.is_symlink()
    assert list((tmp_path / "folder").iterdir()) == []


def test_the_name_of_the_draft_is_no_trap(tmp_path: Path, elsewhere: Path) -> None:
    (tmp_path / "authorized_keys.daos-offline-update").symlink_to(elsewhere)
    authorized.add(bytes(tmp_path / "authorized_keys"), LINE)
    assert elsewhere.read_bytes() == b"theirs\n"


@pytest.mark.parametrize("whose", ["folder", "file", "mode"])
def test_what_others_may_write_is_not_written_to(tmp_path: Path, whose: str) -> None:
    path = tmp_path / "home" / "authorized_keys"
    path.parent.mkdir()
    path.write_bytes(b"own\n")
    if whose == "mode":
        path.parent.chmod(0o775)
    else:
        os.chown({"folder": path.parent, "file": path}[whose], NOBODY, NOBODY)
    with pytest.raises(Failure, match="others than root may write there"):
        authorized.add(bytes(path), LINE)
    assert path.read_bytes() == b"own\n"


# What the key may start

KNOWN = {
    "mpirun": ["client-01", "10.0.0.1"],
    "programs": ["/opt/mpich/bin"],
    "launcher": "/run/login/ssh",
}
# As OpenSSH hands it over: MPICH 3.0.4 (CentOS 7), 4.0.2 (Debian) and 4.3.
OLD = (
    '"/opt/mpich/bin/hydra_pmi_proxy" --control-port client-01:600 --rmk user --launcher ssh '
    "--launcher-exec /run/login/ssh --demux poll --pgid 0 --retries 10 --usize -2 --proxy-id 1"
)
ASKED = [
    OLD,
    OLD.replace("client-01:600", "10.0.0.1:1023"),
    OLD.replace("--proxy-id", "--pmi-port 0 --gpus-per-proc -2 --proxy-id"),
    OLD.replace("--rmk", "--debug --rmk").replace(
        "--proxy-id", "--pmi-port 0 --gpus-per-proc -2 --gpu-subdevs-per-proc -2 --proxy-id"
    ),
]
WRONG = {
    "": "nothing but hydra_pmi_proxy",
    "id": "nothing but hydra_pmi_proxy",
    "hydra_pmi_proxy --proxy-id 1": "nothing but hydra_pmi_proxy",
    '"': "nothing but hydra_pmi_proxy",
    f"{OLD}; id": "is nothing that mpirun says",
    f"{OLD} ; id": "has no business",
    f"{OLD}\nid": "has no business",
    f"{OLD} $(id)": "has no business",
    f"{OLD} --exec id": "has no business",
    f"{OLD} --proxy-id 2": "has no business",
    f"/opt/mpich/bin/sh -c {OLD}": "nothing but hydra_pmi_proxy",
    OLD.replace("/opt/mpich/bin", "/opt/mpich/bin/../../evil"): "nothing but hydra_pmi_proxy",
    OLD.replace("/run/login/ssh", "/tmp/x"): "was not started by daos-offline-update",
    OLD.replace("client-01:600", "client-02:600"): "is not where mpirun runs",
    OLD.replace("client-01:600", "client-01:1024"): "any user may listen",
    OLD.replace("client-01:600", "client-01:0600"): "any user may listen",
    OLD.replace("--control-port client-01:600 ", ""): "is not where mpirun runs",
    OLD.replace("/opt/mpich/bin", "/tmp"): "this is not where the MPICH of mpirun is",
}


@pytest.mark.parametrize("asked", ASKED)
def test_what_mpirun_starts_is_started(asked: str) -> None:
    assert entrance.judge(asked, KNOWN) == asked.replace('"', "").split()


@pytest.mark.parametrize("asked", WRONG)
def test_nothing_else_is_started(asked: str) -> None:
    with pytest.raises(Failure, match=WRONG[asked]):
        entrance.judge(asked, KNOWN)


def test_a_proxy_elsewhere_has_to_be_of_root_with_all_above_it(tmp_path: Path) -> None:
    base = Path(tempfile.mkdtemp(dir="/var/lib"))
    try:
        (base / "hydra_pmi_proxy").touch(0o755)
        asked = OLD.replace("/opt/mpich/bin", str(base))
        entrance.judge(asked, KNOWN)
        os.chown(base, NOBODY, NOBODY)
        with pytest.raises(Failure):
            entrance.judge(asked, KNOWN)
    finally:
        shutil.rmtree(base)


@pytest.fixture
def note(tmp_path: Path) -> Iterator[Path]:
    """A client that has let a key in, and a proxy of its own that says how it was started."""
    proxy = tmp_path / "hydra_pmi_proxy"
    proxy.write_text('#!/bin/sh\necho "started $#"\n')
    proxy.chmod(0o755)
    path = tmp_path / "keys"
    authorized.add(bytes(path), LINE)
    known = {**KNOWN, "programs": [str(tmp_path)], "authorized": str(path)}
    (tmp_path / "note").write_text(json.dumps(known))
    yield tmp_path / "note"


def _enters(note: Path, asked: str) -> tuple[int, str]:
    """Use the key, as sshd does: exit code and what it said."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv[1:] = ['login', 'enter', {str(note)!r}]\n"
         "from operations.migration.remote.__main__ import main; sys.exit(main())"],
        cwd=Path(remote.__file__).parents[3],
        env={"SSH_ORIGINAL_COMMAND": asked},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_the_key_is_good_for_one_start_and_a_refusal_does_not_use_it_up(note: Path) -> None:
    asked = OLD.replace("/opt/mpich/bin", str(note.parent))
    code, said = _enters(note, "id; echo uid")
    assert (code, said) == (
        entrance.REFUSED,
        "daos-offline-update: this key starts nothing but hydra_pmi_proxy\n",
    )
    assert MARKED in (note.parent / "keys").read_bytes()
    assert _enters(note, asked) == (0, f"started {len(asked.split()) - 1}\n")
    assert not (note.parent / "keys").exists()


# The folder of the key


def test_the_folder_is_for_root_alone_and_none_of_others_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / "login"
    assert login.own_folder(str(folder)) == bytes(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "key").touch()
    login.own_folder(str(folder), empty=True)
    assert list(folder.iterdir()) == []
    os.chown(folder, NOBODY, NOBODY)
    with pytest.raises(Failure, match="no folder of root alone"):
        login.own_folder(str(folder))
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(Failure, match="no folder of root alone"):
        login.own_folder(str(tmp_path / "link"))


def test_the_private_key_stays_in_that_folder(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(login, "_first_for_all", lambda: 1024)
    folder = tmp_path / "login"
    code, made = tool("login", "make", folder, "--to", "127.0.0.1", "--mpirun", sys.executable)
    assert code == 0, made
    assert made["sources"] == {"127.0.0.1": ["127.0.0.1"]}
    assert made["public"].startswith("ssh-ed25519 AAAA")
    assert (folder / "key").stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in json.dumps(made)


def test_ports_that_every_user_has_are_no_proof(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(login, "_first_for_all", lambda: 0)
    options = argparse.Namespace(to=[], folder=str(tmp_path / "login"), mpirun="mpirun")
    with pytest.raises(Failure, match="ip_unprivileged_port_start"):
        login.make(options)


@pytest.mark.parametrize(("code", "ends"), [(0, 3), (entrance.REFUSED, -15), (1, 3), (143, 3)])
def test_a_login_that_fails_ends_mpirun_which_would_wait_for_ever(
    tmp_path: Path, code: int, ends: int
) -> None:
    """An mpirun that would end with 3 starts a launcher, whose ssh ends with a code.

    What the proxy itself ends with, or whoever ends it, is for mpirun to tell.
    """
    login._write_launcher(bytes(tmp_path))
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin" / "ssh"
    ssh.write_text(f'#!/bin/sh\necho "$@"\nexit {code}\n')
    ssh.chmod(0o755)
    mpirun = ["sh", "-c", f"{tmp_path}/ssh -x host program; exit 3"]
    done = subprocess.run(
        mpirun,
        env={**os.environ, "PATH": f"{ssh.parent}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (ends, f"-F {tmp_path}/config -x host program\n")
