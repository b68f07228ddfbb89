"""The destination: what a client tells of it, and what the probe finds lost there."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from operations.migration.copying import destination
from operations.migration.copying.destination import Place, gib, parse

from ..operations.fake_cluster import ROOT

PROBE = ROOT / "operations" / "migration" / "copying" / "probe.py"


def test_a_file_system_is_read_with_its_room() -> None:
    place = parse("found\nnfs4 filer:/vol /mnt/two words\n1000\n77\n")
    assert place == Place("nfs4", "filer:/vol", "/mnt/two words", 1024000, 77)
    assert parse("missing\n") is None


@pytest.mark.parametrize("inodes", ["-", "0", ""])
def test_a_file_system_may_have_no_limit_of_files(inodes: str) -> None:
    place = parse(f"found\nlustre mgs:/x /x\n1000\n{inodes}\n" + "\n" * (not inodes))
    assert place
    assert place.inodes is None


@pytest.mark.parametrize("output", ["", "found\n", "found\nnfs4\n1\n2\n", "found\na b /c\nx\n1\n"])
def test_no_answer_is_taken_for_a_good_one(output: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        parse(output)


@pytest.mark.parametrize(
    ("kind", "source", "is_daos"),
    [
        ("fuse.daos", "dfuse", True),
        ("fuse", "dfuse", True),
        ("fuse.dfuse", "dfuse", True),
        ("fuse.sshfs", "host:/", False),
        ("nfs4", "dfuse:/", False),
        ("xfs", "/dev/sda", False),
    ],
)
def test_dfuse_is_known_as_daos(kind: str, source: str, is_daos: bool) -> None:
    assert Place(kind, source, "/x", 1, 1).is_daos == is_daos


def probe(folder: Path, *options: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, *options, str(PROBE), str(folder)], capture_output=True, text=True
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_the_probe_finds_nothing_lost_on_a_good_file_system_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    """Who is not root cannot give owners, as one who is squashed."""
    lost = [] if os.geteuid() == 0 else ["owners (is root squashed?)"]
    assert probe(tmp_path) == {"lost": lost}
    assert list(tmp_path.iterdir()) == []


def test_the_probe_says_what_a_file_system_loses() -> None:
    """procfs keeps nothing at all; /dev/full is no folder."""
    assert "error" in probe(Path("/proc"))
    assert "error" in probe(Path("/dev/full"))


def test_the_probe_names_each_thing_that_is_refused(tmp_path: Path) -> None:
    """As a file system answers that has no such thing: ENOTSUP, or another value read back."""
    wrong = (
        "import os, runpy, sys\n"
        "def no(*a, **k): raise OSError(95, 'Operation not supported')\n"
        "os.setxattr = os.link = os.mkfifo = no\n"
        "os.chown = os.utime = lambda *a, **k: None\n"
        f"sys.argv[1:] = [{str(tmp_path)!r}]\n"
        f"runpy.run_path({str(PROBE)!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", wrong], capture_output=True, text=True)
    lost = json.loads(done.stdout)["lost"]
    assert [what.split(" (")[0] for what in lost] == [
        *("owners", "times in nanoseconds", "extended attributes", "hard links", "FIFOs")
    ]


def test_the_probe_is_python_3_6() -> None:
    ast.parse(PROBE.read_text(), feature_version=(3, 6))


def test_sizes_are_said_in_words() -> None:
    assert [gib(size) for size in (0, 1023, 1024, 5 * 1024**2, 3 * 1024**4)] == [
        *("0 bytes", "1023 bytes", "1.0 KiB", "5.0 MiB", "3072.0 GiB")
    ]
    assert destination.gib(1.5 * 1024**3) == "1.5 GiB"
