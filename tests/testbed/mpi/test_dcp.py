"""dcp of the lab: what it copies, alone and as several processes that meet over PMI-1."""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.mpi import dcp
from testbed.mpi.pmi import Job, JobError

ROOT = Path(__file__).parents[3]
Result = TypeVar("Result")


class Proxies:
    """What stands behind PMI_FD: the proxies of mpirun, one connection a process."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.heard: list[list[str]] = [[] for _ in range(count)]
        self._values: dict[str, str] = {}
        self._all_here = threading.Barrier(count)

    def serve(self, rank: int, connection: socket.socket) -> None:
        with connection, connection.makefile("rw", newline="\n") as lines:
            for line in lines:
                self.heard[rank].append(line.rstrip("\n"))
                lines.write(f"{self._answer(line.split())}\n")
                lines.flush()

    def _answer(self, words: list[str]) -> str:
        given = dict(word.split("=", 1) for word in words)
        match given["cmd"]:
            case "init":
                return "cmd=response_to_init pmi_version=1 pmi_subversion=1 rc=0"
            case "get_my_kvsname":
                return "cmd=my_kvsname kvsname=kvs_1"
            case "put":
                assert len(given["value"]) <= 1024
                self._values[given["key"]] = given["value"]
                return "cmd=put_result rc=0 msg=success"
            case "get":
                return f"cmd=get_result rc=0 msg=success value={self._values[given['key']]}"
            case "barrier_in":
                self._all_here.wait(20)
                return "cmd=barrier_out"
            case "finalize":
                return "cmd=finalize_ack"
        raise AssertionError(words)


@contextmanager
def connected(count: int) -> Iterator[tuple[Proxies, list[dict[str, str]]]]:
    """The proxies of a job, and the environment that each of its processes gets."""
    proxies = Proxies(count)
    environments, threads = [], []
    for rank in range(count):
        ours, theirs = socket.socketpair()
        threads.append(threading.Thread(target=proxies.serve, args=(rank, ours), daemon=True))
        threads[-1].start()
        environments.append(
            {"PMI_RANK": str(rank), "PMI_SIZE": str(count), "PMI_FD": str(theirs.detach())}
        )
    yield proxies, environments
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def as_a_job(count: int, act: Callable[[Job], Result]) -> list[Result]:
    """Do something as each process of a job; give what came of it, by rank."""

    def one(environment: dict[str, str]) -> Result:
        job = Job(environment)
        try:
            return act(job)
        finally:
            job.end()

    with connected(count) as (_, environments), ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, environments))


# How the processes meet


def test_a_barrier_over_pmi() -> None:
    """Nobody is through before all have come, and each takes its leave."""
    came, seen = [], []

    def meet(job: Job) -> None:
        came.append(job.rank)
        job.barrier()
        seen.append(len(came))
        job.end()

    with connected(3) as (proxies, environments), ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda environment: meet(Job(environment)), environments))
    assert seen == [3, 3, 3]
    for heard in proxies.heard:
        assert heard == [
            "cmd=init pmi_version=1 pmi_subversion=1",
            "cmd=get_my_kvsname",
            "cmd=barrier_in",
            "cmd=finalize",
        ]


def test_what_is_gathered_may_be_long_and_of_any_bytes() -> None:
    said = [bytes(range(256)) * 20, b"", b"\n="]
    answers = as_a_job(3, lambda job: [job.gather(said[job.rank]), job.gather(b"again")])
    assert answers == [[said, [b"again"] * 3]] * 3


def test_without_mpirun_a_process_is_alone() -> None:
    job = Job({})
    job.barrier()
    assert (job.rank, job.size, job.gather(b"said")) == (0, 1, [b"said"])
    job.end()


def test_another_mpirun_is_an_error() -> None:
    with pytest.raises(JobError, match="MPICH"):
        Job({"PMI_RANK": "1", "PMI_SIZE": "2"})


@pytest.mark.parametrize(
    ("how", "words"), [(socket.SHUT_WR, "has closed"), (socket.SHUT_RD, "cannot be reached")]
)
def test_a_proxy_that_goes_away_is_an_error(how: int, words: str) -> None:
    ours, theirs = socket.socketpair()
    ours.shutdown(how)
    with ours, theirs, pytest.raises(JobError, match=words):
        Job({"PMI_RANK": "0", "PMI_SIZE": "2", "PMI_FD": str(theirs.fileno())})


# What is copied


def copy(*arguments: str | Path, count: int = 1) -> list[int]:
    """The exit codes of a dcp of so many processes."""
    argv = [str(argument) for argument in arguments]
    return as_a_job(count, lambda job: dcp.run(job, argv))


def told(top: Path) -> dict[bytes, tuple[object, ...]]:
    """What a tree holds, by path: type and mode, owner, mtime, content or target, attributes."""
    found: dict[bytes, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(os.fsencode(top)):
        for name in [b".", *folders, *files]:
            path = os.path.join(folder, name)  # noqa: PTH118 - bytes
            state = os.lstat(path)
            content: bytes | None = None
            if stat.S_ISREG(state.st_mode):
                content = Path(os.fsdecode(path)).read_bytes()
            elif stat.S_ISLNK(state.st_mode):
                content = os.readlink(path)  # noqa: PTH115 - bytes
            attributes = {
                key: os.getxattr(path, key, follow_symlinks=False)
                for key in os.listxattr(path, follow_symlinks=False)
            }
            entry = (state.st_mode, state.st_uid, state.st_mtime_ns, content, attributes)
            found[os.path.relpath(path, os.fsencode(top))] = entry
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A tree with something of everything."""
    top = tmp_path / "source"
    (top / "folder" / "deep").mkdir(parents=True)
    (top / "empty folder").mkdir(0o711)
    for number in range(40):
        path = top / "folder" / f"file-{number}"
        path.write_bytes(os.urandom(number * 100))
        os.utime(path, ns=(1, 1_500_000_000_123_456_789 + number))
    (top / "folder" / "deep" / "large").write_bytes(os.urandom(100_000))
    (top / "tool").write_text("#!/bin/sh\n")
    (top / "tool").chmod(0o4755)
    os.setxattr(top / "tool", "user.note", b"\0kept")
    Path(os.fsdecode(os.fsencode(top) + b"/\xff new\nline")).write_text("odd name")
    (top / "link").symlink_to("tool")
    (top / "dangling").symlink_to("nowhere")
    os.utime(top / "folder", ns=(5, 1_400_000_000_000_000_001))
    return top


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("chunk", ["1K", "4MB"])
def test_a_copy_is_the_same(source: Path, tmp_path: Path, count: int, chunk: str) -> None:
    assert copy("-p", "-k", chunk, source, tmp_path / "copy", count=count) == [0] * count
    assert told(tmp_path / "copy") == told(source)


names = st.binary(min_size=1, max_size=8).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)


@settings(max_examples=20, deadline=None)
@given(
    files=st.dictionaries(
        names, st.tuples(st.binary(max_size=300), st.sampled_from([0o600, 0o4711]))
    ),
    count=st.integers(1, 3),
)
def test_any_names_contents_and_modes(
    tmp_path_factory: pytest.TempPathFactory, files: dict[bytes, tuple[bytes, int]], count: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "source").mkdir()
    for name, (content, mode) in files.items():
        path = folder / "source" / os.fsdecode(name)
        path.write_bytes(content)
        path.chmod(mode)
    assert set(copy("-p", "-k", "64", folder / "source", folder / "copy", count=count)) == {0}
    assert told(folder / "copy") == told(folder / "source")


def test_the_processes_share_the_work(source: Path, tmp_path: Path) -> None:
    def bytes_of(job: Job) -> int:
        process = dcp.Copy(job, dcp.Options(chunk=1024))
        assert process.run([(os.fsencode(source), os.fsencode(tmp_path / "copy"))])
        return process.bytes

    shares = as_a_job(4, bytes_of)
    files = [path for path in source.rglob("*") if path.is_file() and not path.is_symlink()]
    total = sum(path.stat().st_size for path in files)
    assert sum(shares) == total
    assert min(shares) > total / 8


def test_without_preserve_times_are_new(source: Path, tmp_path: Path) -> None:
    copy(source, tmp_path / "copy")
    assert (tmp_path / "copy" / "folder" / "file-1").stat().st_mtime > 1_600_000_000
    assert (tmp_path / "copy" / "tool").stat().st_mode == (source / "tool").stat().st_mode


def test_attributes_can_be_left_out(source: Path, tmp_path: Path) -> None:
    copy("-p", "--xattrs", "none", source, tmp_path / "copy")
    assert os.listxattr(tmp_path / "copy" / "tool") == []


@pytest.mark.parametrize(
    ("slash", "where"), [("", "there/source"), ("/", "there")], ids=["folder", "its contents"]
)
def test_into_a_folder_that_is_there(source: Path, tmp_path: Path, slash: str, where: str) -> None:
    (tmp_path / "there").mkdir()
    assert copy("-p", f"{source}{slash}", tmp_path / "there", count=2) == [0, 0]
    assert told(tmp_path / where) == told(source)


def test_several_sources_need_a_folder(source: Path, tmp_path: Path) -> None:
    assert copy(source / "tool", source / "folder", tmp_path / "not-there") == [1]
    (tmp_path / "there").mkdir()
    assert copy(source / "tool", source / "folder", tmp_path / "there") == [0]
    assert (tmp_path / "there" / "tool").is_file()
    assert (tmp_path / "there" / "folder" / "deep" / "large").is_file()


def test_hard_links_become_files_and_fifos_stay_behind(tmp_path: Path) -> None:
    top = tmp_path / "source"
    top.mkdir()
    (top / "one").write_text("same")
    (top / "two").hardlink_to(top / "one")
    os.mkfifo(top / "fifo")
    assert copy("-p", top, tmp_path / "copy") == [0]
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["one", "two"]
    assert (tmp_path / "copy" / "one").stat().st_nlink == 1


@pytest.mark.parametrize(("flags", "holes"), [([], False), (["--sparse"], True)])
def test_holes_are_kept_where_asked_for(tmp_path: Path, flags: list[str], holes: bool) -> None:
    top = tmp_path / "source"
    with top.open("wb") as file:
        file.write(b"begin")
        file.truncate(20 << 20)
    assert copy(*flags, top, tmp_path / "copy", count=2) == [0, 0]
    assert (tmp_path / "copy").read_bytes() == top.read_bytes()
    assert ((tmp_path / "copy").stat().st_blocks * 512 < 10 << 20) is holes


def test_what_was_there_is_overwritten(source: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "tool").write_text("something much longer than what is copied over it")
    copy("-p", f"{source}/", tmp_path / "copy")
    assert told(tmp_path / "copy") == told(source)


def test_a_file_that_cannot_be_written_is_named_and_the_rest_is_copied(
    source: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "copy" / "folder" / "file-7").mkdir(parents=True)
    assert copy("-p", f"{source}/", tmp_path / "copy", count=3) == [1, 1, 1]
    said = capfdbinary.readouterr().out.decode(errors="surrogateescape")
    assert f"/folder/file-7' (errno={errno.EISDIR} Is a directory)" in said
    assert (tmp_path / "copy" / "folder" / "file-8").read_bytes() == (
        source / "folder" / "file-8"
    ).read_bytes()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["only-one"], "A source and destination path is needed"),
        (["--unknown", "a", "b"], "--unknown"),
        (["-k", "much", "a", "b"], "Failed to parse chunk size: 'much'"),
        (["-X", "some", "a", "b"], "Unrecognized option 'some'"),
        (["not-there", "b"], "Could not read `not-there'"),
    ],
)
def test_what_cannot_be_done_is_said(
    argv: list[str], words: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert as_a_job(2, lambda job: dcp.run(job, argv)) == [1, 1]
    assert words in capfdbinary.readouterr().out.decode()


def test_a_process_that_does_not_see_the_source_ends_the_job(source: Path, tmp_path: Path) -> None:
    """As where the container is not mounted on one of the nodes."""

    def one(job: Job) -> int:
        there = source if job.rank else tmp_path / "not mounted"
        return dcp.run(job, [str(there), str(tmp_path / "copy")])

    assert as_a_job(3, one) == [1, 1, 1]
    assert not (tmp_path / "copy").exists()


def test_the_program(source: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "testbed.mpi.dcp", "-p", source, tmp_path / "copy"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    assert b"  Files: 43\n" in done.stdout
    assert told(tmp_path / "copy") == told(source)
