"""What the servers of a lab see of transparent huge pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.lab import huge_pages
from testbed.lab.engine import Mount
from testbed.lab.files import LabFiles


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = LabFiles(tmp_path).huge_pages
    huge_pages.write(folder, ["s1", "s2"])
    return folder


def test_a_server_alone_has_another_setting_for_a_while(folder: Path) -> None:
    one, other = folder / "s1", folder / "s2"
    inode = one.stat().st_ino
    with huge_pages.always(folder, "s1"):
        assert "[always]" in one.read_text()
        assert one.stat().st_ino == inode, "a container would still have the file that was there"
        assert "[never]" in other.read_text()
    assert "[never]" in one.read_text()


@pytest.mark.parametrize(
    ("role", "version", "has"),
    [
        ("servers", "2.4.1", True),
        ("servers", "2.6.5", True),
        ("servers", "2.2.0", False),
        ("clients", "2.6.3", False),
    ],
)
def test_servers_that_may_be_updated_to_2_6_have_the_file(
    folder: Path, role: str, version: str, has: bool
) -> None:
    found = huge_pages.mounts(folder, "s1", frozenset({role}), version)
    place = Mount(str(folder / "s1"), read_only=True)
    assert found == ({huge_pages.PATH: place} if has else {})


def test_it_goes_with_the_lab(folder: Path) -> None:
    LabFiles(folder.parent).remove()
    assert not folder.exists()
