"""The parallel way, with stand-ins for mpirun and dcp; the real mpirun is in the lab."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings

from operations.migration.copying import bundle
from operations.migration.remote import commands

from . import trees
from .trees import Item, build, copy, told, tool

MPIRUN = """
import json, os, subprocess, sys
words, environment, count = sys.argv[1:], {}, 1
with open(os.path.join(os.path.dirname(sys.argv[0]), "typed"), "a") as file:
    print(json.dumps(words), file=file)
while words[0].startswith("-"):
    option = words.pop(0)
    if option == "-genv":
        environment[words.pop(0)] = words.pop(0)
    elif option == "-np":
        count = int(words.pop(0))
    elif option == "-f":
        open(words.pop(0)).close()
    elif option == "-launcher":
        assert words.pop(0) == "ssh"
    elif option == "-launcher-exec":
        launcher = words.pop(0)
        print(launcher, os.environ["MPIEXEC_PORT_RANGE"], open(launcher).read())
sys.exit(max(subprocess.run(words).returncode for _ in range(count)))
"""

# Like that of mpiFileUtils: files, folders and symbolic links; a symbolic link that is there
# already is left alone; a file that could not be written gets its time, too.
DCP = """
import os, shutil, stat, sys
source, target = map(os.fsencode, sys.argv[-2:])
assert source.endswith(b"/")
broken = os.path.exists(os.path.join(os.path.dirname(sys.argv[0]), "broken"))
for folder, below, others in os.walk(source):
    inner = os.path.join(target, os.path.relpath(folder, source))
    for name in below + others:
        one, other = os.path.join(folder, name), os.path.join(inner, name)
        status = os.lstat(one)
        if stat.S_ISLNK(status.st_mode):
            if not os.path.lexists(other):
                os.symlink(os.readlink(one), other)
        elif stat.S_ISDIR(status.st_mode):
            os.makedirs(other, exist_ok=True)
        elif stat.S_ISREG(status.st_mode):
            with open(one, "rb") as reader, open(other, "wb") as writer:
                shutil.copyfileobj(reader, writer)
                if broken:
                    writer.seek(0)
                    writer.write(bytes(min(status.st_size, 1)))
            os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
print("ABORT: rank 0" if broken else "copied")
sys.exit(broken)
"""

# What this Python needs.
NEEDS = {sys.prefix, sys.base_prefix}

pytestmark = pytest.mark.skipif(not trees.ROOT, reason="it takes root to have a mount namespace")


@pytest.fixture(scope="module", autouse=True)
def packed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The tool as clients have it, by which it starts itself on each."""
    path = tmp_path_factory.mktemp("tool") / "migrate.pyz"
    path.write_bytes(bundle.pack())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "TOOL", os.fsencode(path))
        yield path


def stand_ins(folder: Path) -> list[object]:
    """Write the stand-ins; the options that make the tool use them."""
    for name, text in (("mpirun", MPIRUN), ("dcp", DCP)):
        (folder / name).write_text(f"#!{sys.executable} -IS\n{text}")
        (folder / name).chmod(0o755)
    (folder / "hosts").write_text("localhost\n")
    words = ["--way", "parallel", "--processes", 2, "--hosts", folder / "hosts"]
    needs = [word for path in NEEDS | {str(folder)} for word in ("--needs", path)]
    return [*words, "--mpirun", folder / "mpirun", "--dcp", folder / "dcp", *needs]


@settings(max_examples=8, deadline=None)
@given(before=trees.trees, after=trees.later_trees)
def test_what_dcp_does_not_carry_is_mended(before: list[Item], after: list[Item]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = stand_ins(folder)
        build(folder / "source", before)
        copy(folder / "source", folder / "target", *words)
        assert told(folder / "target") == told(folder / "source")
        (folder / "source").rename(folder / "old")
        build(folder / "source", after)
        copy(folder / "source", folder / "target", *words)
        assert told(folder / "target") == told(folder / "source")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source" / "folder").mkdir(parents=True)
    (tmp_path / "source" / "folder" / "a").write_text("contents")
    (tmp_path / "source" / "b").write_text("x")
    return tmp_path / "source"


def test_it_is_typed_as_daos_says_it(tmp_path: Path, source: Path, packed: Path) -> None:
    library = tmp_path / "libioil.so"
    library.write_text("")
    words = [word for word in stand_ins(tmp_path) if word != "--needs" and word not in NEEDS]
    words.remove(str(tmp_path))
    needs = [word for path in sorted(NEEDS | {str(tmp_path)}) for word in ("--needs", path)]
    target = tmp_path / "target"
    copy(source, target, *words, *needs, "--preload", library)
    copy(source, target, *words, *needs, "--preload", library)
    [typed] = map(json.loads, (tmp_path / "typed").read_text().splitlines())
    assert typed == [
        *("-np", "2", "-f", str(tmp_path / "hosts")),
        *(sys.executable, str(packed), "enclosed", "--see", str(source), "--see", str(target)),
        *(*needs, "--preload", str(library), "--"),
        *(str(tmp_path / "dcp"), "--preserve", "--sparse", f"{source}/", str(target)),
    ]


def test_each_process_is_given_the_library_and_nothing_else_of_the_node(
    tmp_path: Path, source: Path, packed: Path
) -> None:
    """Not the way back by /proc either; the folders that are copied are the real ones.

    It leaves nothing where temporary files are.
    """
    asked = (
        "import json, os; print(json.dumps([os.environ['LD_PRELOAD'],"
        " [it for it in ('/etc/shadow', '/etc/ssh', '/dev/zero') if os.path.exists(it)],"
        f" sorted(os.listdir('/proc')), sorted(os.listdir({str(source)!r}))]))"
    )
    needs = [word for path in NEEDS for word in ("--needs", path)]
    words = [
        "--see",
        str(source),
        *needs,
        "--preload",
        "/none.so",
        "--",
        sys.executable,
        "-c",
        asked,
    ]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    ran = subprocess.run(
        [sys.executable, packed, "enclosed", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert list(temporary.iterdir()) == []
    library, others, proc, inside = json.loads(ran.stdout)
    assert (library, others, inside) == ("/none.so", [], ["b", "folder"])
    assert proc == ["cpuinfo", "filesystems", "meminfo", "stat"]


def test_what_dcp_is_led_to_is_not_there(tmp_path: Path, source: Path) -> None:
    """By a link in the place of a folder, as its owner can put it there at any moment."""
    secret = tmp_path / "root-only"
    secret.mkdir()
    (secret / "a").write_text("SECRETHASH")
    (tmp_path / "bin").mkdir()
    words = stand_ins(tmp_path / "bin")
    swap = (
        f"import os\nos.rename('{source}/folder', '{source}/kept')\n"
        f"os.symlink('{secret}', '{source}/folder')\n"
    )
    dcp = tmp_path / "bin" / "dcp"
    dcp.write_text(dcp.read_text().replace("import os", swap + "import os", 1))
    dcp.write_text(dcp.read_text().replace("os.walk(source)", "os.walk(source, followlinks=True)"))
    words[words.index("--processes") + 1] = 1
    tool("copy", "--from", source, "--to", tmp_path / "target", *words)
    found = subprocess.run(["grep", "-rl", "SECRETHASH", tmp_path / "target"], capture_output=True)
    assert found.stdout == b""
    assert (source / "folder" / "a").read_text() == "SECRETHASH"  # so it was led there


def test_a_program_that_is_not_seen_there_is_named_with_what_to_do(
    tmp_path: Path, source: Path
) -> None:
    words = stand_ins(tmp_path)
    words = [word for word in words if word != "--needs" and word not in {*NEEDS, str(tmp_path)}]
    code, answer = tool("copy", "--from", source, "--to", tmp_path / "target", *words)
    assert code == 2
    assert "copy_needs" in answer["error"]


@pytest.mark.parametrize("fails", [False, True])
def test_mpirun_is_told_who_starts_its_processes_and_that_is_gone_afterwards(
    tmp_path: Path, source: Path, fails: bool
) -> None:
    """The key of the copy lies beside it."""
    words = stand_ins(tmp_path)
    launcher = tmp_path / "login" / "ssh"
    launcher.parent.mkdir(mode=0o700)
    for path in (launcher, launcher.with_name("key")):
        path.touch()
    if fails:
        (tmp_path / "broken").touch()
    words += ["--launcher", str(launcher)]
    code, _ = tool("copy", "--from", source, "--to", tmp_path / "target", *words)
    assert code == (2 if fails else 0)
    [typed] = map(json.loads, (tmp_path / "typed").read_text().splitlines())
    assert typed[:4] == ["-launcher", "ssh", "-launcher-exec", str(launcher)]
    assert not launcher.parent.exists()


@pytest.mark.parametrize("way", ["serial", "parallel"])
def test_nothing_that_a_failed_dcp_left_is_trusted(tmp_path: Path, source: Path, way: str) -> None:
    words = stand_ins(tmp_path)
    (tmp_path / "broken").touch()
    target = tmp_path / "target"
    code, answer = tool("copy", "--from", source, "--to", target, *words)
    assert code == 2
    assert "ABORT: rank 0" in answer["error"]
    assert os.path.lexists(target / "b")
    (tmp_path / "broken").unlink()
    copy(source, target, *(words if way == "parallel" else ()))
    assert told(target) == told(source)


@pytest.mark.parametrize("lacking", ["--hosts", "--processes", "--mpirun"])
def test_what_it_lacks_is_named(tmp_path: Path, source: Path, lacking: str) -> None:
    words = stand_ins(tmp_path)
    place = words.index(lacking)
    if lacking == "--mpirun":
        words[place + 1] = "/nowhere/mpirun"
    else:
        del words[place : place + 2]
    code, answer = tool("copy", "--from", source, "--to", tmp_path / "target", *words)
    assert code == 2
    assert lacking.lstrip("-") in answer["error"]
