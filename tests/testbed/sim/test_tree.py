"""The file tree of a container: what a real folder does when the same is done to it."""

import errno
import itertools
import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.sim.engine.tree import BLOCK, ROOT, Tree

LONG_AGO = 1_000_000_000_123_456_789  # ns


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    made = Tree(tmp_path / "trees" / "tree.sqlite", owner=(7, 8))
    yield made
    made.close()


def refusal(number: int) -> Any:
    return pytest.raises(OSError, match=rf"\[Errno {number}\]")


# One thing after the other


def test_a_new_tree_is_an_empty_folder_of_its_owner(tree: Tree) -> None:
    found = tree.getattr(b"/")
    assert found["st_ino"] == ROOT
    assert found["st_mode"] == stat.S_IFDIR | 0o755
    assert (found["st_uid"], found["st_gid"], found["st_nlink"]) == (7, 8, 2)
    assert tree.readdir(b"/") == []


def test_every_name_is_possible_but_no_long_one(tree: Tree) -> None:
    for name in (b"a b", b"new\nline", b"\xff\xfe", b"x" * 255):
        tree.create(b"/" + name, 0o644, 1, 2)
        assert tree.getattr(b"/" + name)["st_size"] == 0
    with refusal(errno.ENAMETOOLONG):
        tree.create(b"/" + b"x" * 256, 0o644, 1, 2)


def test_every_kind_of_entry(tree: Tree) -> None:
    tree.create(b"/fifo", stat.S_IFIFO | 0o640, 1, 2)
    tree.create(b"/device", stat.S_IFCHR | 0o600, 1, 2, os.makedev(1, 3))
    tree.symlink(b"/link", b"no\xffwhere", 1, 2)
    kinds = {name: stat.S_IFMT(mode) for name, _, mode in tree.readdir(b"/")}
    assert kinds == {b"fifo": stat.S_IFIFO, b"device": stat.S_IFCHR, b"link": stat.S_IFLNK}
    assert tree.getattr(b"/device")["st_rdev"] == os.makedev(1, 3)
    assert tree.readlink(b"/link") == b"no\xffwhere"
    with refusal(errno.EINVAL):
        tree.readlink(b"/fifo")


def test_folders_count_their_folders(tree: Tree) -> None:
    tree.mkdir(b"/a", 0o755, 0, 0)
    tree.mkdir(b"/b", 0o755, 0, 0)
    tree.mkdir(b"/a/c", 0o755, 0, 0)
    links = [tree.getattr(path)["st_nlink"] for path in (b"/", b"/a", b"/b", b"/a/c")]
    assert links == [4, 3, 2, 2]
    tree.rename(b"/a/c", b"/b/c")
    assert [tree.getattr(path)["st_nlink"] for path in (b"/a", b"/b")] == [2, 3]
    tree.mkdir(b"/b/d", 0o755, 0, 0)
    tree.rename(b"/b/c", b"/b/d")
    assert tree.getattr(b"/b")["st_nlink"] == 3
    tree.rmdir(b"/b/d")
    assert tree.getattr(b"/b")["st_nlink"] == 2


def test_the_set_group_id_bit_of_a_folder_is_inherited(tree: Tree) -> None:
    tree.mkdir(b"/ours", 0o755, 0, 50)
    tree.chmod(b"/ours", 0o2775)
    tree.create(b"/ours/file", 0o644, 1, 1)
    tree.mkdir(b"/ours/folder", 0o755, 1, 1)
    assert tree.getattr(b"/ours/file")["st_gid"] == 50
    assert tree.getattr(b"/ours/folder")["st_gid"] == 50
    assert tree.getattr(b"/ours/folder")["st_mode"] == stat.S_IFDIR | 0o2755


def test_holes_take_no_space_and_are_zeros(tree: Tree) -> None:
    tree.create(b"/sparse", 0o644, 0, 0)
    tree.write(b"/sparse", b"end", 100 * BLOCK)
    found = tree.getattr(b"/sparse")
    assert found["st_size"] == 100 * BLOCK + 3
    assert found["st_blocks"] == 1
    assert tree.read(b"/sparse", 10, 50 * BLOCK) == bytes(10)
    assert tree.read(b"/sparse", 10, 100 * BLOCK) == b"end"
    tree.truncate(b"/sparse", 200 * BLOCK)
    assert tree.getattr(b"/sparse")["st_blocks"] == 1
    assert tree.read(b"/sparse", 4, 100 * BLOCK + 1) == b"nd\0\0"
    tree.truncate(b"/sparse", 10)
    tree.truncate(b"/sparse", 200 * BLOCK)  # what was cut off does not come back
    assert tree.read(b"/sparse", 3, 100 * BLOCK) == bytes(3)
    assert tree.used() == 0


def test_what_is_written_over_changes_nothing_else(tree: Tree) -> None:
    tree.create(b"/file", 0o644, 0, 0)
    tree.write(b"/file", b"0123456789", BLOCK - 5)
    tree.write(b"/file", b"xyz", BLOCK - 2)
    assert tree.read(b"/file", 99, BLOCK - 5) == b"012xyz6789"
    assert tree.getattr(b"/file")["st_size"] == BLOCK + 5


def test_owner_and_mode(tree: Tree) -> None:
    tree.create(b"/file", 0o4755, 1, 2)
    tree.chown(b"/file", 5, -1)
    tree.chmod(b"/file", 0o1640)
    found = tree.getattr(b"/file")
    assert (found["st_uid"], found["st_gid"]) == (5, 2)
    assert found["st_mode"] == stat.S_IFREG | 0o1640


def test_times_are_set_to_the_nanosecond(tmp_path: Path) -> None:
    ticks = itertools.count(LONG_AGO)
    tree = Tree(tmp_path / "tree.sqlite", clock=lambda: next(ticks))
    tree.create(b"/file", 0o644, 0, 0)
    tree.utimens(b"/file", 5, 1_000_000_007)
    assert tree.getattr(b"/file")["st_atime"] == 5
    assert tree.getattr(b"/file")["st_mtime"] == 1_000_000_007
    assert tree.getattr(b"/file")["st_ctime"] > LONG_AGO
    tree.utimens(b"/file", None, -1)
    assert tree.getattr(b"/file")["st_atime"] == 5
    assert tree.getattr(b"/file")["st_mtime"] == tree.getattr(b"/file")["st_ctime"]
    before = tree.getattr(b"/file")
    tree.read(b"/file", 1, 0)
    assert tree.getattr(b"/file") == before


def test_extended_attributes(tree: Tree) -> None:
    tree.create(b"/file", 0o644, 0, 0)
    tree.setxattr(b"/file", b"user.a", b"\0\xff")
    with refusal(errno.EEXIST):
        tree.setxattr(b"/file", b"user.a", b"", 1)
    with refusal(errno.ENODATA):
        tree.setxattr(b"/file", b"user.b", b"", 2)
    assert tree.xattrs(b"/file") == {b"user.a": b"\0\xff"}
    tree.removexattr(b"/file", b"user.a")
    with refusal(errno.ENODATA):
        tree.removexattr(b"/file", b"user.a")


def test_a_file_lives_as_long_as_one_of_its_names(tree: Tree) -> None:
    ino = tree.create(b"/one", 0o644, 0, 0)
    tree.write(ino, b"content", 0)
    tree.link(b"/one", b"/two")
    assert tree.getattr(ino)["st_nlink"] == 2
    tree.unlink(b"/one")
    assert tree.read(b"/two", 100, 0) == b"content"
    tree.unlink(b"/two")
    with refusal(errno.ESTALE):
        tree.getattr(ino)
    assert tree.used() == 0


def test_changes_are_made_all_or_none(tree: Tree) -> None:
    with refusal(errno.ENOENT), tree.changing():
        tree.create(b"/first", 0o644, 0, 0)
        tree.unlink(b"/nothing")
    assert tree.readdir(b"/") == []


def test_a_tree_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "tree.sqlite"
    child = os.fork()
    if child == 0:
        made = Tree(path)
        made.create(b"/file", 0o644, 0, 0)
        made.write(b"/file", b"content", 0)
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert Tree(path).read(b"/file", 100, 0) == b"content"


def test_several_threads_use_one_tree(tree: Tree) -> None:
    def work(number: int) -> None:
        for index in range(50):
            tree.create(b"/%d-%d" % (number, index), 0o644, 0, 0)
            tree.write(b"/%d-%d" % (number, index), b"x" * number, 0)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tree.readdir(b"/")) == 200
    assert tree.used() == 50 * (1 + 2 + 3 + 4)


# The same as in a real folder


PATHS = st.sampled_from([b"/a", b"/a/b", b"/a/b/c d\n", b"/b", b"/b/a", b"/c\xff", b"/a/c\xff"])
OFFSETS = st.sampled_from([0, 1, BLOCK - 2, BLOCK, 3 * BLOCK + 5])
DATA = st.sampled_from([b"", b"x", b"hello", b"y" * (BLOCK + 3)])
TIMES = st.sampled_from([None, 0, 1, LONG_AGO, -1])
MODES = st.sampled_from([0o700, 0o4755, 0o1777, 0o2700])
XATTRS = st.sampled_from([b"user.a", b"user.b"])
CALLS = st.one_of(
    st.tuples(st.just("mkdir"), PATHS, MODES),
    st.tuples(st.just("create"), PATHS, MODES),
    st.tuples(st.just("fifo"), PATHS, MODES),
    st.tuples(st.just("write"), PATHS, DATA, OFFSETS),
    st.tuples(st.just("truncate"), PATHS, OFFSETS),
    st.tuples(st.just("symlink"), PATHS, st.just(b"no\xff where")),
    st.tuples(st.just("link"), PATHS, PATHS),
    st.tuples(st.just("unlink"), PATHS),
    st.tuples(st.just("rmdir"), PATHS),
    st.tuples(st.just("rename"), PATHS, PATHS),
    st.tuples(st.just("chmod"), PATHS, MODES),
    st.tuples(st.just("utimens"), PATHS, TIMES, TIMES),
    st.tuples(st.just("setxattr"), PATHS, XATTRS, DATA.filter(lambda data: len(data) < 10)),
    st.tuples(st.just("removexattr"), PATHS, XATTRS),
)


class Real:
    """A folder of this machine, with the methods of Tree. Modes are set whatever the umask is."""

    def __init__(self, top: Path) -> None:
        self._top = top

    def _at(self, path: bytes) -> Path:
        return Path(f"{self._top}{os.fsdecode(path)}")

    def mkdir(self, path: bytes, mode: int) -> None:
        self._at(path).mkdir()
        self._at(path).chmod(mode)

    def create(self, path: bytes, mode: int) -> None:
        self._at(path).touch(exist_ok=False)
        self._at(path).chmod(mode)

    def fifo(self, path: bytes, mode: int) -> None:
        os.mkfifo(self._at(path))
        self._at(path).chmod(mode)

    def write(self, path: bytes, data: bytes, offset: int) -> None:
        with self._at(path).open("r+b", buffering=0) as file:
            os.pwrite(file.fileno(), data, offset)

    def truncate(self, path: bytes, size: int) -> None:
        with self._at(path).open("r+b") as file:
            file.truncate(size)

    def symlink(self, path: bytes, target: bytes) -> None:
        self._at(path).symlink_to(os.fsdecode(target))

    def link(self, old: bytes, new: bytes) -> None:
        os.link(self._at(old), self._at(new), follow_symlinks=False)

    def unlink(self, path: bytes) -> None:
        self._at(path).unlink()

    def rmdir(self, path: bytes) -> None:
        self._at(path).rmdir()

    def rename(self, old: bytes, new: bytes) -> None:
        self._at(old).rename(self._at(new))

    def chmod(self, path: bytes, mode: int) -> None:
        self._at(path).chmod(mode)

    def utimens(self, path: bytes, atime: int | None, mtime: int | None) -> None:
        found = self._at(path).lstat()
        given = [(atime, found.st_atime_ns), (mtime, found.st_mtime_ns)]
        now = LONG_AGO * 2 - 3  # which none of the others is
        times = [now if t == -1 else before if t is None else t for t, before in given]
        os.utime(self._at(path), ns=(times[0], times[1]), follow_symlinks=False)

    def setxattr(self, path: bytes, name: bytes, value: bytes) -> None:
        os.setxattr(self._at(path), name, value, follow_symlinks=False)

    def removexattr(self, path: bytes, name: bytes) -> None:
        os.removexattr(self._at(path), name, follow_symlinks=False)

    def kind(self, path: bytes) -> int:
        """What an entry is, 0 where there is none."""
        with suppress(OSError):
            return stat.S_IFMT(self._at(path).lstat().st_mode)
        return 0

    def listing(self) -> dict[bytes, Any]:
        """All that can be seen, by path."""
        found: dict[bytes, Any] = {}
        inodes: dict[int, bytes] = {}
        for path in self.paths():
            real = self._at(path)
            attributes = real.lstat()
            kind = stat.S_IFMT(attributes.st_mode)
            found[path] = {
                "mode": attributes.st_mode if kind != stat.S_IFLNK else kind,
                "first": inodes.setdefault(attributes.st_ino, path),
                "links": attributes.st_nlink if kind != stat.S_IFDIR else 0,
                "content": real.read_bytes() if kind == stat.S_IFREG else b"",
                "target": os.fsencode(real.readlink()) if kind == stat.S_IFLNK else b"",
                "xattrs": {} if kind == stat.S_IFLNK else _xattrs(real),
            }
        return found

    def paths(self) -> list[bytes]:
        """All entries, in the order of their paths."""
        cut = len(os.fsencode(self._top))
        return sorted(os.fsencode(path)[cut:] for path in self._top.rglob("*"))

    def age(self) -> None:
        """Let all times be long ago."""
        for path in self.changed():
            os.utime(self._at(path), ns=(LONG_AGO, LONG_AGO), follow_symlinks=False)

    def changed(self) -> set[bytes]:
        """What was changed since `age`."""
        paths = [b"", *self.paths()]
        return {p for p in paths if self._at(p).lstat().st_mtime_ns != LONG_AGO}


def _xattrs(real: Path) -> dict[bytes, bytes]:
    names = [os.fsencode(name) for name in os.listxattr(real)]
    return {name: os.getxattr(real, name) for name in names if name.startswith(b"user.")}


class Simulated:
    """A tree, with the methods of Real."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return getattr(self._tree, name)

    def mkdir(self, path: bytes, mode: int) -> None:
        self._tree.mkdir(path, mode, 0, 0)
        self._tree.chmod(path, mode)

    def create(self, path: bytes, mode: int) -> None:
        self._tree.create(path, mode, 0, 0)
        self._tree.chmod(path, mode)

    def fifo(self, path: bytes, mode: int) -> None:
        self._tree.create(path, stat.S_IFIFO | mode, 0, 0)

    def symlink(self, path: bytes, target: bytes) -> None:
        self._tree.symlink(path, target, 0, 0)

    def listing(self) -> dict[bytes, Any]:
        found: dict[bytes, Any] = {}
        inodes: dict[int, bytes] = {}
        for path in self.paths():
            attributes = self._tree.getattr(path)
            kind = stat.S_IFMT(attributes["st_mode"])
            found[path] = {
                "mode": attributes["st_mode"] if kind != stat.S_IFLNK else kind,
                "first": inodes.setdefault(attributes["st_ino"], path),
                "links": attributes["st_nlink"] if kind != stat.S_IFDIR else 0,
                "content": self._tree.read(path, 1 << 30, 0) if kind == stat.S_IFREG else b"",
                "target": self._tree.readlink(path) if kind == stat.S_IFLNK else b"",
                "xattrs": self._tree.xattrs(path),
            }
        return found

    def paths(self) -> list[bytes]:
        return sorted(self._below(b""))

    def _below(self, folder: bytes) -> Iterator[bytes]:
        for name, _, mode in self._tree.readdir(folder):
            yield folder + b"/" + name
            if stat.S_ISDIR(mode):
                yield from self._below(folder + b"/" + name)

    def age(self) -> None:
        for path in self.changed():
            self._tree.utimens(path, LONG_AGO, LONG_AGO)

    def changed(self) -> set[bytes]:
        paths = [b"", *self.paths()]
        return {p for p in paths if self._tree.getattr(p)["st_mtime"] != LONG_AGO}


# What the kernel does before a file system is asked, with other kinds of files than these.
ONLY_FOR = {
    "write": (0, stat.S_IFREG),
    "truncate": (0, stat.S_IFREG),
    "chmod": (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFIFO),
    "setxattr": (0, stat.S_IFREG, stat.S_IFDIR),
    "removexattr": (0, stat.S_IFREG, stat.S_IFDIR),
}


def _of_the_file_system(real: Real, call: tuple[Any, ...]) -> bool:
    """Does the kernel leave it to the file system? It follows links and knows kinds of files."""
    paths = call[1:] if call[0] in ("link", "rename") else call[1:2]
    for path in paths:
        above = path
        while above := above.rpartition(b"/")[0]:
            if real.kind(above) == stat.S_IFLNK:
                return False
    return real.kind(call[1]) in ONLY_FOR.get(call[0], (real.kind(call[1]),))


def _outcome(subject: Real | Simulated, call: tuple[Any, ...]) -> int:
    try:
        getattr(subject, call[0])(*call[1:])
    except OSError as error:
        return error.errno or -1
    return 0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def unknown(place: Path) -> set[str]:
    """Calls that real folders here do not know: some tmpfs have no user.* attributes."""
    try:
        os.setxattr(place, "user.a", b"")
    except OSError:
        return {"setxattr", "removexattr"}
    return set()


NUMBERS = itertools.count()


# Where each begins, so that most calls find something.
FIRST: list[tuple[Any, ...]] = [
    ("mkdir", b"/a", 0o755),
    ("mkdir", b"/a/b", 0o755),
    ("create", b"/a/b/c d\n", 0o644),
    ("write", b"/a/b/c d\n", b"abcdefgh", 0),
    ("mkdir", b"/b", 0o755),
    ("create", b"/c\xff", 0o600),
    ("setxattr", b"/c\xff", b"user.a", b"value"),
]


@settings(max_examples=250, deadline=None)
@given(calls=st.lists(CALLS, min_size=1, max_size=30))
def test_it_does_what_a_real_folder_does(
    place: Path, unknown: set[str], calls: list[tuple[Any, ...]]
) -> None:
    folder = place / str(next(NUMBERS))
    (folder / "real").mkdir(parents=True)
    real, tree = Real(folder / "real"), Tree(folder / "tree.sqlite")
    simulated = Simulated(tree)
    try:
        for call in [*FIRST, *calls]:
            if call[0] in unknown or not _of_the_file_system(real, call):
                continue
            real.age()
            simulated.age()
            assert _outcome(simulated, call) == _outcome(real, call), call
            assert simulated.listing() == real.listing(), call
            assert simulated.changed() == real.changed(), call
    finally:
        tree.close()
        shutil.rmtree(folder)
