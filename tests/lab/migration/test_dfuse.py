"""A POSIX container as a file system: on several clients at once, and as a place to copy from."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager

import pytest

from testbed import faults
from testbed.lab.container import Node
from testbed.lab.harness import Lab

from .. import usage
from ..site import StartSite, nodes
from ..waiting import eventually

MOUNT = "/mnt/home"
FILES = 150


@pytest.fixture(scope="module")
def lab(start_site: StartSite) -> Lab:
    return start_site(nodes(servers=2, clients=2)).lab


@pytest.fixture(scope="module")
def one(lab: Lab) -> Node:
    return lab.node("daos-client-01")


@pytest.fixture(scope="module")
def two(lab: Lab) -> Node:
    return lab.node("daos-client-02")


def _mounted(node: Node, container: str, user: str = "root") -> AbstractContextManager[str]:
    """A container of tank, mounted."""
    return usage.mounted(node, "tank", container, user, f"{MOUNT}/{container}")


@pytest.fixture(scope="module")
def seeded(one: Node) -> str:
    return _seed(one)


def _seed(one: Node) -> str:
    """A container with a tree of everything in it."""
    one.run("daos container create tank --label seeded --type POSIX")
    one.run(f"daos-job tank seeded --tree {FILES} --seed 7")
    return "seeded"


def _empty(node: Node, label: str) -> str:
    node.run(f"daos container create tank --label {label} --type POSIX")
    return label


def _digest(node: Node, container: str) -> str:
    return node.run(f"daos-job tank {container} --digest").stdout.strip()


_DIGEST_OF_FOLDER = """
import sys
from pathlib import Path
sys.path.insert(0, "/usr/lib/daos")
from sim.engine import treedigest
found = treedigest.of_folder(Path(sys.argv[1]))
print(treedigest.whole(treedigest.records(found)))
"""


def _digest_of_folder(node: Node, folder: str) -> str:
    return node.run(f"python3 -c '{_DIGEST_OF_FOLDER}' {folder}").stdout.strip()


def test_what_one_client_writes_another_one_reads(one: Node, two: Node) -> None:
    container = _empty(one, "shared")
    with _mounted(one, container) as here, _mounted(two, container) as there:
        one.run(
            f"cd {here} && mkdir -m 2750 folder && chown 1000:100 folder && "
            "printf hello > 'folder/a name' && chmod 4755 'folder/a name' && "
            "touch -d '2001-02-03 04:05:06.123456789' 'folder/a name' && "
            "ln 'folder/a name' linked && ln -s 'no where' folder/symbolic && "
            "mkfifo -m 600 fifo && truncate -s 5M sparse && echo end >> sparse"
        )
        looked = "find . -printf '%p %y %m %U %G %n %s %T@ %l\\n' | sort; md5sum linked sparse"
        seen = two.run(f"cd {there} && {looked}").stdout
        assert "./folder d 2750 1000 100" in seen
        assert "./folder/a name f 4755 0 100 2 5 981173106.1234567890" in seen
        # Attributes are cached for a moment, of each name of a file by itself.
        eventually(lambda: one.run(f"cd {here} && {looked}").stdout == seen, 5)
        assert "./folder/symbolic l 777 0 100 1 8" in seen
        assert "./fifo p 600" in seen
        inodes = two.run(f"cd {there} && stat -c %i linked 'folder/a name'").stdout.split()
        assert inodes[0] == inodes[1]
        assert int(two.run(f"stat -c %b {there}/sparse").stdout) < 100

        two.run(f"cd {there} && printf more >> linked && mv folder/symbolic . && rm fifo")
        eventually(lambda: one.run(f"cat '{here}/folder/a name'").stdout == "hellomore", 5)
        assert one.run(f"ls {here}").stdout.split() == ["folder", "linked", "sparse", "symbolic"]


def test_a_file_grows_on_another_client(one: Node, two: Node) -> None:
    container = _empty(one, "growing")
    with _mounted(one, container) as here, _mounted(two, container) as there:
        for number in range(5):
            one.run(f"echo line {number} >> {here}/file")
            lines = eventually(lambda: two.run(f"cat {there}/file").stdout.splitlines(), 5)
            assert len(lines) == number + 1


def test_attributes_are_set_and_removed(one: Node) -> None:
    container = _empty(one, "attributes")
    script = """
import os, sys
path = os.path.join(sys.argv[1], "file")
open(path, "w").close()
os.setxattr(path, "user.a", b"\\0\\xff")
os.setxattr(path, "user.b", b"")
assert sorted(os.listxattr(path)) == ["user.a", "user.b"], os.listxattr(path)
assert os.getxattr(path, "user.a") == b"\\0\\xff"
os.removexattr(path, "user.b")
assert os.listxattr(path) == ["user.a"]
os.utime(path, ns=(1, 2))
assert (os.stat(path).st_atime_ns, os.stat(path).st_mtime_ns) == (1, 2)
with open(path, "r+b") as file:
    os.unlink(path)
    file.write(b"still there")
    file.seek(0)
    assert file.read() == b"still there"
assert os.listdir(sys.argv[1]) == []
usage = os.statvfs(sys.argv[1])
assert usage.f_blocks * usage.f_frsize == 8 * 10**9 // 4096 * 4096
"""
    with _mounted(one, container) as place:
        one.run(f"cat > /tmp/attributes.py <<'EOF'\n{script}\nEOF")
        one.run(f"python3 /tmp/attributes.py {place}")
        one.run(f"touch {place}/old && touch -m -d @7 {place}/old && touch -a -d @8 {place}/old")
        assert one.run(f"stat -c '%X %Y' {place}/old").stdout == "8 7\n"


def test_a_copy_there_and_back_is_the_same(one: Node, two: Node, seeded: str) -> None:
    before = _digest(one, seeded)
    again = _empty(one, "again")
    with _mounted(one, seeded) as source, _mounted(two, again) as target:
        assert _digest_of_folder(one, source) == before
        one.run(f"cp -a {source}/. /tmp/copied")
        assert _digest_of_folder(one, "/tmp/copied") == before
        packed = "tar --xattrs --numeric-owner -cf"
        one.run(f"cd /tmp/copied && {packed} /tmp/packed.tar .")
        archive, _ = one.container.get_archive("/tmp/packed.tar")
        two.container.put_archive("/tmp", b"".join(archive))
        two.run("mkdir /tmp/copied && tar --xattrs -xpf /tmp/packed.tar -C /tmp/copied")
        two.run(f"cp -a /tmp/copied/. {target}")
        assert _digest_of_folder(two, target) == before
    assert _digest(two, again) == before
    assert _digest(one, seeded) == before


def test_users_act_as_on_a_file_system(one: Node) -> None:
    container = _empty(one, "users")
    with _mounted(one, container) as place:
        assert one.run(f"touch {place}/mine", check=False, user="ops").exit_code != 0
        one.run(f"install -d -m 1777 {place}/everybody && install -m 600 /dev/null {place}/secret")
        one.run(f"touch {place}/everybody/mine", user="ops")
        assert one.run(f"stat -c %U {place}/everybody/mine").stdout == "ops\n"
        assert "Permission denied" in one.run(f"cat {place}/secret", False, "ops").stderr
        one.run(f"chown nobody {place}/everybody/mine")
        assert one.run(f"rm -f {place}/everybody/mine", False, "ops").exit_code != 0


def test_a_container_belongs_to_who_made_it(one: Node) -> None:
    one.run("daos container create tank --label own --type POSIX", user="ops")
    with _mounted(one, "own", user="ops") as place:
        one.run(f"mkdir {place}/folder && echo text > {place}/folder/file", user="ops")
        assert one.run(f"cat {place}/folder/file", user="ops").stdout == "text\n"


def test_objects_beside_the_tree_are_read_only_files(one: Node) -> None:
    with _mounted(one, "home") as place:
        one.run(f"echo new > {place}/new")
        assert len(one.run(f"ls {place}").stdout.split()) == 21
        for change in ("echo >> object-0001", "rm -f object-0001", "mv object-0001 moved"):
            said = one.run(f"cd {place} && {change}", check=False)
            assert "Read-only file system" in said.stderr
        one.run(f"rm {place}/new")


def test_data_survives_a_power_loss(lab: Lab, one: Node, seeded: str) -> None:
    before = _digest(one, seeded)
    admin = lab.having("admins")[0]
    admin.run("dmg system stop")
    for server in lab.having("servers"):
        faults.POWER_LOST.plant(server)
    for server in lab.having("servers"):
        faults.POWER_LOST.mend(server)
    lab.wait_joined()
    assert _digest(one, seeded) == before


def test_an_evicted_mount_gives_io_errors(lab: Lab, one: Node, seeded: str) -> None:
    with _mounted(one, seeded) as place:
        one.run(f"ls {place}")
        lab.having("admins")[0].run("dmg pool evict tank")
        for use in (f"ls {place}", f"touch {place}/new", f"cat {place}/tree-7/x"):
            assert "Input/output error" in one.run(use, check=False).stderr
        assert one.run("findmnt -n -t fuse.daos -o TARGET").stdout == f"{place}\n"


def test_formatting_records_what_was_lost(start_fresh_site: StartSite) -> None:
    lab = start_fresh_site(nodes(servers=2, clients=1)).lab
    one = lab.node("daos-client-01")
    seeded = _seed(one)
    digest = _digest(one, seeded)
    admin = lab.having("admins")[0]
    about = json.loads(one.run("daos -j container query tank seeded").stdout)["response"]
    admin.run("dmg system stop")
    said = admin.run("dmg storage format --force", check=False)
    assert "storage format invoked on a running system" in said.stderr
    admin.run("dmg system erase")
    for server in lab.having("servers"):  # each as soon as it waits for that, and once
        format_it = f"dmg storage format -l {server.name}"
        eventually(lambda: admin.run(format_it, check=False).exit_code == 0)  # noqa: B023
    lab.wait_joined()
    assert admin.run("dmg pool list").stdout == "no pools in system\n"
    formatted = [e["details"] for e in lab.events() if e["event"] == "storage-formatted"]
    held = {key: value for details in formatted for key, value in details["containers"].items()}
    assert held[about["container_uuid"]]["digest"] == digest
    assert held[about["container_uuid"]]["files"] == FILES
    assert held[about["container_uuid"]]["pool"] == about["pool_uuid"]
    assert [details["witness"] for details in formatted] == [{}] * len(formatted)  # none mounted
