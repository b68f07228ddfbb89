"""`make support`: what it packs, what it leaves out, and what it says of that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from operations.reporting.folder import REPORT, Folder

from .fake_cluster import ROOT

BEGAN = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
INVENTORY = """
servers = [
    ("@fake/s1", {"fake_responses": {"daos-offline-update.log": "what dnf said; by hunter2pass"}}),
    ("@fake/s2", {"fake_responses": {}}),
]
"""
SETTINGS = """
target_release = "2.0.3"
ssh_password = "hunter2pass"
repositories = {"EL8": {"baseurl": "https://me:openme@mirror/el8", "key": "file:///k"}}
_unused = {"api_token": 'abcdefgh'}
"""
FAILED: dict[str, Any] = {
    "outcome": "failed",
    "acted": True,
    "command": "pyinfra inventory deploy.py -y --ssh-password PASSWORD",
    "arguments": ["inventory", "deploy.py", "-y", "--ssh-password", "PASSWORD"],
    "hosts": {"@fake/s1": {}, "@fake/s2": {}},
    "refusals": [],
    "failures": [{"code": "step-failed", "hosts": ["@fake/s1"], "message": "no"}],
    "phases": [],
}


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("inventory").write_text(INVENTORY)
    Path("group_data").mkdir()
    Path("group_data/all.py").write_text(SETTINGS)


def run(minutes: int = 0, **changed: Any) -> Path:
    folder = Folder(BEGAN + timedelta(minutes=minutes))
    report = {**FAILED, **changed}
    folder.write(REPORT, json.dumps(report).encode())
    folder.write("run.log", b"20:00:01 connected with hunter2pass\n")
    folder.ends(bool(report["acted"]))
    return folder.path


def support(code: int = 0) -> str:
    """What it says, in a process of its own: pyinfra's command changes the one that it is in."""
    done = subprocess.run(
        [sys.executable, "-m", "operations.support"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def packed(run: Path) -> dict[str, str]:
    [archive] = run.glob("support-*.tar.gz")
    assert archive.stat().st_mode & 0o077 == 0
    with tarfile.open(archive) as tar:
        return {
            member.name.partition("/")[2]: file.read().decode()
            for member in tar
            if (file := tar.extractfile(member))
        }


def test_report_log_settings_inventory_and_what_the_failed_node_has_said() -> None:
    path = run()
    said = support()
    files = packed(path)
    assert set(files) == {
        "about.txt",
        f"runs/{path.name}/report.json",
        f"runs/{path.name}/run.log",
        "site/inventory",
        "site/group_data/all.py",
        "nodes/@fake/s1.log",
    }
    assert "what dnf said" in files["nodes/@fake/s1.log"]
    assert f"packed into {path}/support-" in said
    assert all(name in said for name in files)


def test_no_password_is_packed() -> None:
    path = run()
    support()
    for name, text in packed(path).items():
        for secret in ("hunter2pass", "openme", "abcdefgh"):
            assert secret not in text, name
    assert 'target_release = "2.0.3"' in packed(path)["site/group_data/all.py"]


def test_a_node_without_a_log_is_named() -> None:
    run(failures=[{"code": "step-failed", "hosts": ["@fake/s2"], "message": "no"}])
    assert "has written /var/log/daos-offline-update.log yet on @fake/s2" in support()


def test_where_no_node_can_be_asked_the_rest_is_packed() -> None:
    path = run(arguments=["broken", "deploy.py"])
    Path("broken").write_text("servers = [")
    assert "no node could be asked" in support()
    assert "site/group_data/all.py" in packed(path)


def test_later_refusals_and_earlier_runs_of_the_update_are_packed_too() -> None:
    first = run(0)
    path = run(5, earlier_runs=[{"run": first.name}])
    refused = run(9, acted=False, outcome="refused")
    support()
    assert {f"runs/{it.name}/report.json" for it in (first, path, refused)} <= set(packed(path))


def test_nothing_was_typed_here() -> None:
    assert "nothing to pack" in support(code=1)
