"""A manifest says all about a tree, to this tool and to standard ones."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.migration.remote import mtree
from operations.migration.remote.tree import Entry, Tree

from . import trees
from .trees import Item, build, manifest, tool

QUICK = settings(max_examples=40, deadline=None)
paths = st.lists(trees.names, min_size=1, max_size=3).map(b"/".join)
kinds = st.sampled_from(["file", "dir", "link", "fifo", "socket", "block"])


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    kind = draw(kinds)
    return Entry(
        path=draw(paths),
        type=kind,
        size=draw(st.integers(0, 2**63)) if kind == "file" else 0,
        mode=0o777 if kind == "link" else draw(st.integers(0, 0o7777)),
        uid=draw(st.integers(0, 2**32)),
        gid=draw(st.integers(0, 2**32)),
        time=draw(st.integers(-(2**63), 2**63)),
        target=draw(trees.names) if kind == "link" else b"",
        leader=draw(st.just(b"") | paths),
        xattrs=tuple(draw(st.lists(st.tuples(trees.names, st.binary()), max_size=3))),
        device=os.makedev(8, 300) if kind == "block" else 0,
        digest="ab" * 32 if kind == "file" else "",
    )


@QUICK
@given(found=st.lists(entries(), unique_by=lambda entry: entry.path))
def test_what_is_written_is_read(found: list[Entry]) -> None:
    tree: Tree = {entry.path: entry for entry in found}
    lines = b"".join(mtree.write(tree)).splitlines(keepends=True)
    assert mtree.read(lines) == tree
    assert all(line.isascii() for line in lines)


@QUICK
@given(found=st.lists(entries(), min_size=1, unique_by=lambda e: e.path), cut=st.integers(1))
def test_one_that_was_cut_off_is_not_read(found: list[Entry], cut: int) -> None:
    whole = b"".join(mtree.write({entry.path: entry for entry in found}))
    part = whole[: -(1 + cut % (len(whole) - 1))]
    with pytest.raises(ValueError, match=r"damaged|missing"):
        mtree.read(part.splitlines(keepends=True))


def test_a_damaged_one_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    written = manifest(tmp_path / "data", tmp_path)
    written.write_bytes(written.read_bytes().replace(b"mode=", b"mose="))
    code, answer = tool("verify", tmp_path / "data", "--manifest", written)
    assert code == 2
    assert f"{written}: line 2 is damaged" in answer["error"]


@settings(max_examples=15, deadline=None)
@given(wanted=trees.trees)
def test_sha256sum_and_the_mtree_tools_agree(wanted: list[Item]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        build(data, wanted)
        written = manifest(data, Path(folder))
        if (Path(folder) / "SHA256SUMS").read_bytes():
            _run(data, "sha256sum", "--check", "--strict", "--quiet", "../SHA256SUMS")
        _run(data, "mtree", "-p", ".", "-f", str(written))
        listed = _run(data, "bsdtar", "-tf", str(written))
        assert len(listed.splitlines()) == len(list(data.rglob("*"))) + 1


def _run(cwd: Path, *words: str) -> bytes:
    ran = subprocess.run(words, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert ran.returncode == 0, ran.stdout
    return ran.stdout
