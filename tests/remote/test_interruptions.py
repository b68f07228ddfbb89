"""However a copy ends, the same command goes on, and what comes out is the same tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from operations.migration.copying import bundle
from operations.migration.remote import serial

from .trees import copy, told, tool

# Copies some files with the real cp. Then it ends in the middle of the next one: without a word
# and with its parent, or with an error. "lies" leaves a file that looks complete, as where the
# last write to a file fails only when it is closed, after its time was set.
CP = """
import os, shutil, signal, subprocess, sys
arguments = sys.argv[1:]
cut = arguments.index("--") + 1
options, names = arguments[:cut], arguments[cut:]
done = int(os.environ["STOP_AFTER"])
if names[:done]:
    subprocess.run([os.environ["REAL_CP"], *options, *names[:done]], check=True)
for name in names[done : done + 1]:
    target = os.path.join(options[options.index("-t") + 1], os.path.basename(name))
    with open(name, "rb") as file:
        content = file.read()
    with open(target, "wb") as file:
        file.write(bytes(len(content)) if os.environ["END"] == "lies" else content[:-1])
    if os.environ["END"] == "lies":
        shutil.copystat(name, target)
    if os.environ["END"] == "killed":
        os.kill(os.getppid(), signal.SIGKILL)
    print("cp: error writing: No space left on device", flush=True)
    sys.exit(1)
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Six files in two folders, one of them with a second name."""
    source = tmp_path / "source"
    for folder in ("a", "b/c"):
        (source / folder).mkdir(parents=True)
        for number in range(3):
            (source / folder / f"{number}").write_text(f"{folder}{number}")
    os.link(source / "a" / "1", source / "b" / "name")
    (source / "b").chmod(0o2750)
    return source


@pytest.fixture
def stopping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tool, beside a cp that stops."""
    real = shutil.which("cp")
    assert real
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "cp").write_text(f"#!{sys.executable} -IS\n{CP}")
    (programs / "cp").chmod(0o755)
    monkeypatch.setenv("REAL_CP", real)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    packed = tmp_path / "migrate.pyz"
    packed.write_bytes(bundle.pack())
    return packed


@pytest.mark.parametrize("end", ["killed", "fails", "lies"])
@pytest.mark.parametrize("after", [0, 3, 5])
def test_a_copy_that_stops_anywhere_goes_on(
    tmp_path: Path,
    source: Path,
    stopping: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
    end: str,
) -> None:
    monkeypatch.setenv("STOP_AFTER", str(after))
    monkeypatch.setenv("END", end)
    target = tmp_path / "target"
    words = ["copy", "--from", str(source), "--to", str(target), "--way", "serial"]
    ran = subprocess.run([sys.executable, stopping, *words], stdout=subprocess.PIPE)
    assert ran.returncode == (-9 if end == "killed" else 2)
    assert (b"No space left on device" in ran.stdout) == (end != "killed")
    monkeypatch.setenv("STOP_AFTER", "1000")
    answer = copy(source, target)
    assert told(target) == told(source)
    assert answer["copied_files"] == 7


def test_what_the_first_calls_of_cp_have_copied_stays(
    tmp_path: Path, source: Path, stopping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial, "_FILES", 2)
    monkeypatch.setenv("STOP_AFTER", "2")
    monkeypatch.setenv("END", "fails")
    target = tmp_path / "target"
    copy(source, target)  # each call is content with two
    (target / "b" / "c" / "1").unlink()
    monkeypatch.setenv("STOP_AFTER", "0")
    words = ["copy", "--from", source, "--to", target, "--way", "serial"]
    assert tool(*words)[0] == 2
    monkeypatch.setenv("STOP_AFTER", "2")
    assert copy(source, target)["copied_files"] == 1
    assert told(target) == told(source)


def test_anew_copies_again_what_looks_complete(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "target"
    copy(source, target)
    damaged = target / "a" / "0"
    time = damaged.stat().st_mtime_ns
    damaged.write_text("x" * damaged.stat().st_size)
    os.utime(damaged, ns=(time, time))
    assert copy(source, target)["copied_files"] == 0
    assert copy(source, target, "--way", "serial", "--anew")["copied_files"] == 7
    assert told(target) == told(source)
