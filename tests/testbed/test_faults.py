"""The catalogue of faults, and those who act on them."""

from __future__ import annotations

import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from testbed import faults
from testbed.faults import Fault
from testbed.sim.common import faults as reader

ROOT = Path(__file__).parents[2]
RPM_FAULT = ROOT / "testbed/node/root/usr/libexec/daos-lab/rpm-fault"
TOLD = {fault.key: fault for fault in faults.ALL if fault.key}


def _read() -> Iterator[str]:
    """What the programs of a node look for among the faults that they are told."""
    for path in (ROOT / "testbed/sim").rglob("*.py"):
        yield from re.findall(r'faults\.planted\(\)\.get\("(\w+)"', path.read_text())
    yield from re.findall(r'faults\.get\("(\w+)"', RPM_FAULT.read_text())


def test_what_is_told_is_read_and_nothing_else_is() -> None:
    assert sorted(_read()) == sorted(TOLD)


def test_it_is_read_where_it_is_written() -> None:
    assert f'FILE = "{reader.FILE}"\n' in RPM_FAULT.read_text()
    assert f" -e {reader.FILE} " in (ROOT / "testbed/packages/daos.spec").read_text()


def test_each_fault_has_a_name_and_is_planted_by_a_test_on_a_lab() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests/lab").rglob("*.py"))
    names = {name: fault for name, fault in vars(faults).items() if isinstance(fault, Fault)}
    assert len({fault.name for fault in faults.ALL}) == len(names) == len(faults.ALL)
    assert [name for name in names if f"faults.{name}" not in tests] == []


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """This machine, as far as faults are concerned."""
    monkeypatch.setattr(faults, "FILE", str(tmp_path / "faults.json"))
    monkeypatch.setattr(reader, "FILE", str(tmp_path / "faults.json"))

    def run(command: str, check: bool = True) -> None:
        subprocess.run(["bash", "-c", command], check=check)

    def read(path: str) -> str:
        return Path(path).read_text() if Path(path).exists() else ""

    return SimpleNamespace(name="s1", roles=frozenset({"servers"}), run=run, read=read)


def test_several_faults_are_told_at_once_and_mended_one_by_one(node: Any) -> None:
    with faults.ENGINE_STOPS_SLOWLY.on(node, seconds=5):
        faults.PACKAGES_FAIL.plant(node)
        assert reader.planted() == {"stop_delay": 5, "rpm_fails": True}
    assert reader.planted() == {"rpm_fails": True}
    faults.PACKAGES_FAIL.mend(node)
    assert not Path(reader.FILE).exists()
    faults.ENGINE_NEVER_READY.plant(node)
    faults.clear(node)
    assert reader.planted() == {}


def test_a_fault_of_servers_is_for_no_client(node: Any) -> None:
    node.roles = frozenset({"clients"})
    with pytest.raises(ValueError, match="s1: engine dies: only on servers"):
        faults.ENGINE_DIES.plant(node)


def test_a_file_that_is_replaced_or_missing_is_mended(node: Any, tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "a link"
    real.write_text("#!/bin/sh\n")
    real.chmod(0o755)
    link.symlink_to("real")
    with faults.FILE_REPLACED.on(node, path=link, text="echo \"$1\" 'two'\n"):
        assert link.read_text() == "echo \"$1\" 'two'\n"
        assert stat.S_IMODE(link.stat().st_mode) == 0o755
    assert (link.is_symlink(), link.read_text()) == (True, "#!/bin/sh\n")
    with faults.FILE_MISSING.on(node, path=real):
        assert not real.exists()
    assert real.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a link", "real"]
