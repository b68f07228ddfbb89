"""A copy is the same tree, whatever was there before, and says what changed while it was made."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from operations.migration.remote import digest

from . import trees
from .trees import Item, build, copy, manifest, nothing, told, tool

QUICK = settings(max_examples=20, deadline=None)


@QUICK
@given(wanted=trees.trees)
def test_a_copy_is_the_same_tree_and_equals_the_manifest(wanted: list[Item]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "source", Path(folder) / "out"
        build(source, wanted)
        before = told(source)
        answer = copy(source, out / "data")
        assert told(out / "data") == before == told(source)
        written = manifest(source, out)
        code, found = tool("verify", out / "data", "--manifest", written)
        assert code == 0
        assert found == nothing(answer["files"], answer["bytes"], digest=found["digest"])
        assert copy(source, out / "data")["copied_files"] == 0


@QUICK
@given(before=trees.trees, after=trees.later_trees)
def test_what_an_earlier_copy_left_becomes_the_source(
    before: list[Item], after: list[Item]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source", Path(folder) / "target"
        build(source, before)
        copy(source, target)
        source.rename(Path(folder) / "old")
        build(source, after)
        copy(source, target)
        assert told(target) == told(source)


def test_sparse_files_stay_sparse(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    with (tmp_path / "source" / "a").open("wb") as file:
        file.truncate(64 << 20)
    copy(tmp_path / "source", tmp_path / "target")
    status = (tmp_path / "target" / "a").stat()
    assert status.st_size == 64 << 20
    assert status.st_blocks * 512 < 1 << 20


def test_a_destination_that_holds_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "precious").write_text("x")
    code, answer = tool(
        "copy", "--from", tmp_path / "source", "--to", tmp_path / "target", "--way", "serial"
    )
    assert code == 2
    assert "is not empty" in answer["error"]
    assert (tmp_path / "target" / "precious").read_text() == "x"


def test_a_copy_of_another_folder_is_not_touched(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "file").write_text("x")
    copy(tmp_path / "one", tmp_path / "target")
    code, answer = tool(
        "copy", "--from", tmp_path / "other", "--to", tmp_path / "target", "--way", "serial"
    )
    assert code == 2
    assert "another copy" in answer["error"]
    assert (tmp_path / "target" / "file").exists()


@pytest.mark.parametrize("inner", ["source/inside", "source"])
def test_a_destination_inside_the_source_is_refused(tmp_path: Path, inner: str) -> None:
    (tmp_path / "source").mkdir()
    code, answer = tool(
        "copy", "--from", tmp_path / "source", "--to", tmp_path / inner, "--way", "serial"
    )
    assert code == 2
    assert "inside" in answer["error"]


@pytest.mark.parametrize("hidden", [False, True], ids=["seen by its time", "time set back"])
def test_a_file_that_changes_meanwhile_is_named_and_copied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hidden: bool
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "a").write_text("one")
    back = f"touch -d @1000000000 {source}/a" if hidden else ":"
    os.utime(source / "a", ns=(10**18, 10**18))
    _cp_that(tmp_path, monkeypatch, f'cp "$@"; printf two > {source}/a; {back}')
    code, answer = tool("copy", "--from", source, "--to", target, "--way", "serial")
    assert code == 1
    assert answer["changed"] == ["a"]
    monkeypatch.undo()
    copy(source, target)
    assert (target / "a").read_text() == "two"


@pytest.mark.parametrize("kind", ["vanished", "new"])
def test_what_comes_and_goes_meanwhile_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    for name in "abc":
        (source / name).write_text(name)
    act = f"rm -f {source}/b" if kind == "vanished" else f"touch {source}/new"
    _cp_that(tmp_path, monkeypatch, f'{act}; cp "$@"')
    code, answer = tool("copy", "--from", source, "--to", target, "--way", "serial")
    assert code == 1
    assert answer[kind] == (["b"] if kind == "vanished" else ["new"])
    assert (target / "a").read_text() + (target / "c").read_text() == "ac"
    monkeypatch.undo()
    copy(source, target)
    assert told(target) == told(source)


def _cp_that(folder: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """A `cp` that is found first, and does something beside what the real one does."""
    programs = folder / "bin"
    programs.mkdir()
    path = os.environ["PATH"]
    (programs / "cp").write_text(f"#!/bin/sh\nPATH={path}\n{line}\n")
    (programs / "cp").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{path}")


def test_the_library_is_preloaded_into_cp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a").write_text("x")
    library = tmp_path / "libioil.so"
    library.write_text("")
    seen = tmp_path / "seen"
    _cp_that(tmp_path, monkeypatch, f'P=$LD_PRELOAD; unset LD_PRELOAD; echo $P >> {seen}; cp "$@"')
    copy(tmp_path / "source", tmp_path / "t", "--way", "serial", "--preload", library)
    assert set(seen.read_text().split()) == {str(library)}
    code, answer = tool(
        *("copy", "--from", tmp_path / "source", "--to", tmp_path / "t", "--way", "serial"),
        *("--preload", tmp_path / "none.so"),
    )
    assert code == 2
    assert "none.so" in answer["error"]


def test_a_source_that_has_changed_while_it_was_read_gets_no_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_text("x")
    take = digest.take

    def taken(*arguments: object, **more: object) -> object:
        (source / "b").write_text("y")
        return take(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(digest, "take", taken)
    code, answer = tool("manifest", source, "--out", tmp_path / "out")
    assert (code, answer["new"], answer["digest"]) == (1, ["b"], "")
    assert not (tmp_path / "out" / "manifest.mtree").exists()


def test_a_full_destination_is_named_and_what_is_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel says so of one file: it is written to /dev/full."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "copied").write_bytes(os.urandom(1 << 18))
    copy(source, target)
    for number in range(6):
        (source / f"{number}").write_bytes(os.urandom(1 << 18))
    last = 'for word; do [ "$last" != -t ] || to=$word; last=$word; done'
    _cp_that(tmp_path, monkeypatch, f'{last}; ln -s /dev/full "$to/${{last##*/}}"; cp "$@"')
    code, answer = tool("copy", "--from", source, "--to", target, "--way", "serial")
    assert code == 2
    assert "No space left on device" in answer["error"]
    place = next(folder for folder in target.parents if folder.is_mount())
    assert f"the file system {place} has " in answer["error"]
    assert [path.name for path in target.iterdir()] == ["copied"]
    monkeypatch.undo()
    assert copy(source, target)["copied_files"] == 6
    assert told(target) == told(source)
