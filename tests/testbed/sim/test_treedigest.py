"""A tree's checksum: equal to that of an exact copy, and to no other's."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.sim.client import seedtree
from testbed.sim.engine import treedigest, trees, witness
from testbed.sim.engine.tree import Tree

COUNT = 60


def seeded(path: Path, count: int = COUNT, seed: int = 1) -> Tree:
    tree = Tree(path)
    with tree.changing():
        for name, *arguments in seedtree.calls(count, seed):
            getattr(tree, name)(*arguments)
    return tree


def digest(tree: Tree) -> str:
    return treedigest.whole(treedigest.records(treedigest.of_tree(tree)))


def digest_of_folder(folder: Path) -> str:
    return treedigest.whole(treedigest.records(treedigest.of_folder(folder)))


def paths(tree: Tree) -> list[bytes]:
    return sorted(entry.path for entry in treedigest.of_tree(tree))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A tree of everything that belongs to whoever runs the tests: not all are root."""
    made = seeded(tmp_path / "tree.sqlite")
    for path in paths(made):
        mode = made.getattr(path)["st_mode"]
        made.chown(path, os.getuid(), os.getgid())
        if not stat.S_ISLNK(mode):
            made.chmod(path, mode | (0o700 if stat.S_ISDIR(mode) else 0o600))
    return made


def copied_out(tree: Tree, folder: Path) -> Path:
    """A copy of a tree in a real folder."""
    folder.mkdir()
    names: dict[int, Path] = {}
    for path in paths(tree):
        found, real = tree.getattr(path), folder / os.fsdecode(path)
        if found["st_ino"] in names:
            os.link(names[found["st_ino"]], real, follow_symlinks=False)
            continue
        names[found["st_ino"]] = real
        _make(tree, path, real, found)
    for path in reversed(paths(tree)):
        _finish(tree, path, folder / os.fsdecode(path))
    return folder


def _make(tree: Tree, path: bytes, real: Path, found: dict[str, int]) -> None:
    kind = stat.S_IFMT(found["st_mode"])
    if kind == stat.S_IFDIR:
        real.mkdir()
    elif kind == stat.S_IFLNK:
        real.symlink_to(os.fsdecode(tree.readlink(path)))
    elif kind == stat.S_IFIFO:
        os.mkfifo(real)
    else:
        real.write_bytes(tree.read(path, found["st_size"], 0))
        for name, value in tree.xattrs(path).items():
            os.setxattr(real, name, value)


def _finish(tree: Tree, path: bytes, real: Path) -> None:
    found = tree.getattr(path)
    if not stat.S_ISLNK(found["st_mode"]):
        real.chmod(stat.S_IMODE(found["st_mode"]))
    os.utime(real, ns=(found["st_atime"], found["st_mtime"]), follow_symlinks=False)


def test_a_seed_gives_the_same_tree_every_time(tmp_path: Path) -> None:
    one, two = digest(seeded(tmp_path / "one")), digest(seeded(tmp_path / "two"))
    assert one == two
    assert digest(seeded(tmp_path / "three", seed=2)) != one


def test_a_tree_of_a_seed_has_everything(tmp_path: Path) -> None:
    tree = seeded(tmp_path / "tree", count=2000)
    entries = list(treedigest.of_tree(tree))
    found = {entry.path: tree.getattr(entry.path) for entry in entries}
    kinds = {stat.S_IFMT(entry.mode) for entry in entries}
    assert kinds == {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO}
    files = [entry for entry in entries if stat.S_ISREG(entry.mode)]
    assert len(entries) - sum(stat.S_ISDIR(entry.mode) for entry in entries) == 2000
    assert len({entry.inode for entry in files}) < len(files)  # hard links
    assert min(entry.size for entry in files) == 0
    assert max(entry.size for entry in files) > 1 << 20
    assert any(e.size > (1 << 18) and found[e.path]["st_blocks"] * 512 < e.size for e in files)
    assert any(entry.xattrs for entry in files)
    assert len({entry.uid for entry in entries}) > 3
    assert any(entry.mode & stat.S_ISUID for entry in files)
    assert all(entry.mtime % 1_000_000_000 for entry in entries)
    names = b"".join(found)
    assert all(byte in names for byte in (b" ", b"\n", b"\xff", b'"', b"\\", b"\xce\xb1"))
    assert max(path.count(b"/") for path in found) > 3
    empty = {p for p in found if stat.S_ISDIR(found[p]["st_mode"]) and found[p]["st_nlink"] == 2}
    assert any(not any(p.startswith(folder + b"/") for p in found) for folder in empty)


def test_a_copy_has_the_same_digest(tree: Tree, tmp_path: Path) -> None:
    folder = copied_out(tree, tmp_path / "copy")
    assert digest_of_folder(folder) == digest(tree)
    folder.chmod(0o700)  # the top folder itself is no part of it
    assert digest_of_folder(folder) == digest(tree)


def _some_file(folder: Path) -> Path:
    found = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 10]
    return max(found, key=lambda path: path.stat().st_nlink == 1)


def _keeping_time(change: Callable[[Path], object]) -> Callable[[Path], object]:
    def changed(folder: Path) -> None:
        path = _some_file(folder)
        before, above = path.stat(), path.parent.stat()
        change(path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        os.utime(path.parent, ns=(above.st_atime_ns, above.st_mtime_ns))

    return changed


def _write_over(path: Path) -> None:
    path.chmod(0o600)
    before = path.stat().st_mode
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    assert path.stat().st_mode == before


def _rename(folder: Path) -> None:
    path = _some_file(folder)
    above = path.parent.stat()
    path.rename(path.with_name("moved"))
    os.utime(path.parent, ns=(above.st_atime_ns, above.st_mtime_ns))


def _unlink_hard_link(folder: Path) -> None:
    path = next(p for p in folder.rglob("*") if p.is_file() and p.stat().st_nlink > 1)
    before, above = path.stat(), path.parent.stat()
    content, xattrs = path.read_bytes(), {n: os.getxattr(path, n) for n in os.listxattr(path)}
    path.unlink()
    path.write_bytes(content)
    for name, value in xattrs.items():
        os.setxattr(path, name, value)
    path.chmod(stat.S_IMODE(before.st_mode))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.utime(path.parent, ns=(above.st_atime_ns, above.st_mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        _keeping_time(_write_over),
        _keeping_time(lambda path: path.chmod(path.stat().st_mode ^ 0o001)),
        _keeping_time(lambda path: os.setxattr(path, "user.new", b"")),
        _rename,
        lambda folder: os.utime(
            _some_file(folder), ns=(1, _some_file(folder).stat().st_mtime_ns + 1)
        ),
        lambda folder: (folder / "more").mkdir(),
        _unlink_hard_link,
    ],
    ids=["content", "mode", "xattr", "name", "time", "more", "hard-link"],
)
def test_what_differs_has_another_digest(
    tree: Tree, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    folder = copied_out(tree, tmp_path / "copy")
    change(folder)
    assert digest_of_folder(folder) != digest(tree)


def test_holes_are_no_difference(tmp_path: Path) -> None:
    sparse, dense = Tree(tmp_path / "sparse"), Tree(tmp_path / "dense")
    for tree in (sparse, dense):
        tree.create(b"/file", 0o644, 0, 0)
    sparse.truncate(b"/file", 1 << 20)
    dense.write(b"/file", bytes(1 << 20), 0)
    for tree in (sparse, dense):
        tree.utimens(b"/file", 1, 1)
    assert digest(sparse) == digest(dense)


# Who has a copy when storage is wiped


def test_a_copy_is_found_wherever_it_is(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "backup" / "deep").mkdir(parents=True)
    copy = copied_out(tree, tmp_path / "backup" / "deep" / "data")
    names = {name for name, _, _ in tree.readdir(b"/")}
    assert witness.search(tmp_path / "backup", names, digest(tree)) == copy
    assert witness.search(copy, names, digest(tree)) == copy
    _some_file(copy).write_bytes(b"spoiled")
    assert witness.search(tmp_path / "backup", names, digest(tree)) is None


def test_what_storage_holds(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount = tmp_path / "daos0"
    held = trees.folder(str(mount)) / "pool-1" / "container-1.sqlite"
    held.parent.mkdir(parents=True)
    expected, entries = digest(tree), list(treedigest.of_tree(tree))
    tree.close()
    shutil.copy(tmp_path / "tree.sqlite", held)
    monkeypatch.setattr(witness, "BACKUPS", tmp_path / "nothing")
    found = witness.held(str(mount))
    about = found["containers"]["container-1"]
    assert (about["pool"], about["digest"]) == ("pool-1", expected)
    assert about["files"] == COUNT == sum(not stat.S_ISDIR(entry.mode) for entry in entries)
    assert about["bytes"] > 1 << 20
    assert found["witness"] == {}


# An engine's trees


def test_an_engine_keeps_a_tree_for_each_container(tmp_path: Path) -> None:
    kept = trees.Trees(str(tmp_path))
    kept.do(
        "pool", "one", (1, 1), [("create", b"/file", 0o644, 1, 1), ("write", b"/file", b"x", 0)]
    )
    assert kept.do("pool", "two", (2, 2), [("readdir", b"/")]) == [[]]
    assert kept.do("pool", "one", (1, 1), [("read", b"/file", 9, 0)]) == [b"x"]
    with pytest.raises(OSError, match="File exists"):
        calls = [("mkdir", b"/folder", 0o755, 1, 1), ("create", b"/file", 0o644, 1, 1)]
        kept.do("pool", "one", (1, 1), calls)
    assert [entry[0] for entry in kept.do("pool", "one", (1, 1), [("readdir", b"/")])[0]] == [
        b"file"
    ]
    with pytest.raises(ValueError, match="close"):
        kept.do("pool", "one", (1, 1), [("close",)])


def test_a_destroyed_container_is_gone(tmp_path: Path) -> None:
    kept = trees.Trees(str(tmp_path))
    for container in ("one", "two"):
        kept.do("pool", container, (1, 1), [("create", b"/file", 0o644, 1, 1)])
    kept.drop("pool", "one")
    with pytest.raises(OSError, match="destroyed"):
        kept.do("pool", "one", (1, 1), [("readdir", b"/")])
    left = [path.name for path in trees.folder(str(tmp_path)).rglob("*.sqlite")]
    assert left == ["two.sqlite"]
    kept.drop("pool")
    assert not list(trees.folder(str(tmp_path)).rglob("*.sqlite*"))
