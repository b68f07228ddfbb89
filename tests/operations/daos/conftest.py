"""What the script that a node answers with finds here."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .stand_ins import stand_in

_REAL = (
    *("cat", "cut", "date", "df", "find", "getent", "grep", "head", "ls", "mktemp", "rm", "sh"),
    *("sleep", "stat", "timeout", "tr"),
)
_SERVICES = r"Id=daos_server.service\nActiveState=active\nId=daos_agent.service\nActiveState=failed"
_STAND_INS = {
    "rpm": r"printf 'daos 2.0.1-1.el8 daos-2.0.1-1.el8.src.rpm\n'",
    "systemctl": rf"printf '{_SERVICES}\n'",
    "hostname": "echo '10.0.0.1 10.0.0.2 '",
    "findmnt": "exit 1",
    "flock": "exit 0",
}


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with all that the script calls."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in _REAL:
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    for name, line in _STAND_INS.items():
        stand_in(folder, name, line)
    return folder
