"""What is written on nodes: for root to read, and nowhere where somebody may have been first."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest

from operations import packages
from operations.daos import window_file
from operations.daos.package_managers import LOG

from .fake_cluster import ROOT
from .fake_nodes import RECORD

SOURCES = [path for kind in ("*.py", "*.sh") for path in sorted((ROOT / "operations").rglob(kind))]


def test_what_has_a_name_that_can_be_guessed_is_in_a_folder_that_cannot() -> None:
    """A file beside one of `mktemp` can be made first: a FIFO keeps who writes to it for ever."""
    made = [
        f"{path.name}: {line.strip()}"
        for path in SOURCES
        for line in path.read_text().splitlines()
        if re.search(r"\$\(mktemp", line) and not re.search(r"mktemp -d", line)
    ]
    assert made == []


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_what_an_update_remembers_is_for_root_to_read(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "kept" / "window.json"
    line = window_file.save(RECORD).replace(window_file.FOLDER, str(path.parent))
    for _ in range(2):
        subprocess.run(["sh", "-c", line], umask=umask, check=True)
        assert mode(path) == 0o600


@pytest.mark.parametrize("before", [None, 0o644])
def test_what_a_transaction_says_is_for_root_to_read(tmp_path: Path, before: int | None) -> None:
    """The address of a repository may have a password in it. Files of packages are as they were."""
    log, made = tmp_path / "log", tmp_path / "made"
    if before:
        log.touch(before)
    line = packages._DETACHED.format(line=f"echo said; : > {made}", log=log)
    subprocess.run(["sh", "-c", line], umask=0o022, check=True)
    assert (mode(log), mode(made)) == (0o600, 0o644)
    assert log.read_text() == "said\n"
    assert LOG.startswith("/var/log/")
