"""The trace of a start of daos_server: the unit's command itself is run, with an rpm of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from operations.daos.start_trace import drop_in, handed_over, hindrance, laid, leaves, lifted, read
from operations.daos.window_file import FOLDER, STARTS, forget
from testbed.node.unit import Command, Unit, parse_unit

DROP_IN = drop_in()
SYSTEMCTL = """#!/bin/sh
echo "$*" >> {log}
[ "$1" != show ] || echo User=$(id -un)
"""
UNIT = "[Service]\nExecStart=/usr/bin/daos_server start\nUser=daos_server\n"


class Machine:
    """A folder in the place of / and of the programs that the commands need."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "systemctl.log"
        (root / "bin").mkdir()
        self.program("systemctl", SYSTEMCTL.format(log=self.log))
        self.installs("2.0.1-1")

    def program(self, name: str, text: str) -> None:
        path = self.root / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, line: str) -> None:
        """Run a line of root's on this machine."""
        for folder in (FOLDER, "/etc/systemd"):
            line = line.replace(folder, f"{self.root}{folder}")
        self._shell(f"umask 077; {line}")

    def _shell(self, line: str) -> None:
        path = f"{self.root}/bin:{os.environ['PATH']}"
        subprocess.run(["sh", "-c", line], check=True, env={**os.environ, "PATH": path})

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def installs(self, *versions: str) -> None:
        """Have rpm say that these are installed."""
        lines = "\n".join(f"echo {version}" for version in versions)
        ask = r"-q --qf %{VERSION}-%{RELEASE}\n daos-server"
        self.program("rpm", f"#!/bin/sh\n[ \"$*\" = '{ask}' ] || exit\n{lines}\n")

    def start(self) -> tuple[str, ...] | None:
        """What the unit runs before daos_server, and then the lines of the trace."""
        return self._runs(self._unit.exec_start_pre)

    def end(self) -> tuple[str, ...] | None:
        """What the unit runs after daos_server, and then the lines of the trace."""
        return self._runs(self._unit.exec_stop_post)

    @property
    def _unit(self) -> Unit:
        drop_in = self.path(DROP_IN).read_text()
        return parse_unit("daos_server.service", "/x", UNIT, {DROP_IN: drop_in})

    def _runs(self, commands: tuple[Command, ...]) -> tuple[str, ...] | None:
        [command] = commands
        assert command == Command(("/bin/sh", "-c", command.argv[2]), may_fail=True)
        self._shell(command.argv[2])
        return self.starts

    @property
    def starts(self) -> tuple[str, ...] | None:
        return read(self.path(STARTS).read_text().splitlines())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_every_start_adds_the_release_that_is_installed(machine: Machine) -> None:
    machine.run(laid())
    assert machine.starts == ()
    machine.start()
    machine.installs("2.0.3-1")
    assert machine.start() == ("2.0.1-1", "2.0.3-1")
    machine.run(laid())
    assert machine.starts == ("2.0.1-1", "2.0.3-1"), "what was left stays"
    machine.run(laid(anew=True))
    assert machine.starts == (), "but for another update"
    assert "daemon-reload" in machine.log.read_text()


def test_an_end_on_another_release_tells_that_engines_may_have_been_started_on_it(
    machine: Machine,
) -> None:
    machine.run(laid())
    assert machine.end() == ()
    machine.start()
    assert machine.end() == ("2.0.1-1",)
    machine.installs("2.0.1-1", "2.0.3-1")  # in the middle of the transaction
    assert machine.end() == ("2.0.1-1", "2.0.3-1")
    machine.installs("2.0.3-1")
    assert machine.end() == ("2.0.1-1", "2.0.3-1", "2.0.3-1")
    machine.installs("2.0.10-1")  # compared as it is, and not as a pattern
    assert machine.end() == ("2.0.1-1", "2.0.3-1", "2.0.3-1", "2.0.10-1")


def test_a_start_on_what_rpm_cannot_tell_leaves_a_trace_too(machine: Machine) -> None:
    machine.run(laid())
    machine.program("rpm", "#!/bin/sh\nexit 1\n")
    assert machine.start() == ("unknown",)
    assert machine.end() == ("unknown", "unknown")


def test_the_unit_can_write_to_the_trace_whatever_the_umask_of_root(machine: Machine) -> None:
    machine.run(laid())
    assert machine.path(FOLDER).stat().st_mode & 0o777 == 0o755
    assert machine.path(STARTS).stat().st_mode & 0o777 == 0o644


def test_the_trace_is_handed_over_to_another_user_of_the_unit(machine: Machine) -> None:
    machine.run(handed_over())  # there is none on a node without an update
    machine.run(laid())
    machine.path(STARTS).chmod(0o400)
    machine.run(handed_over())
    assert machine.path(STARTS).stat().st_mode & 0o777 == 0o644
    assert machine.log.read_text().splitlines()[-2:] == [
        "daemon-reload",
        "show --property User daos_server.service",
    ]


def test_nothing_is_left_of_it(machine: Machine) -> None:
    machine.run(laid())
    machine.run(lifted())
    machine.run(forget())
    assert not machine.path(DROP_IN).parent.exists()
    assert list(machine.path(FOLDER).iterdir()) == []
    assert machine.log.read_text().splitlines()[-1] == "daemon-reload"


def test_what_a_site_adds_to_the_unit_itself_stays(machine: Machine) -> None:
    machine.run(laid())
    own = machine.path(DROP_IN).with_name("site.conf")
    own.write_text("[Service]\n")
    machine.run(lifted())
    assert list(own.parent.iterdir()) == [own]
    machine.run(lifted())


@pytest.mark.parametrize("left", ["", "2.0.1\n", "\0\0\0\0", None])
def test_a_trace_that_is_damaged_says_nothing_and_what_may_have_been_missed_is_noted(
    machine: Machine, left: str | None
) -> None:
    machine.run(laid())
    if left is None:
        machine.path(STARTS).unlink()
    else:
        machine.path(STARTS).write_text(left)
        assert machine.starts is None
    machine.run(laid("unknown"))
    assert machine.starts == ("unknown",)


WRITES = f"{{ argv[]=/bin/sh -c dd of={STARTS} oflag=x }}"
LOADED = {"User": "daos_server", "ExecStartPre": WRITES, "ExecStopPost": WRITES}


def test_a_trace_is_left_where_systemd_has_it_loaded_and_the_user_can_write() -> None:
    assert leaves(LOADED, "daos_server 993 644")
    assert leaves(LOADED | {"User": "993"}, "daos_server 993 644")
    assert leaves(LOADED | {"User": ""}, "daos_server 993 444")  # it is root


@pytest.mark.parametrize(
    ("changed", "access"),
    [
        ({"ExecStartPre": "{ argv[]=/bin/true }"}, "daos_server 993 644"),
        ({"ExecStopPost": ""}, "daos_server 993 644"),
        ({}, ""),
        ({}, "root 0 644"),
        ({}, "daos_server 993 444"),
        ({"ProtectSystem": "strict"}, "daos_server 993 644"),
        ({"ReadOnlyPaths": "/srv -/var/lib"}, "daos_server 993 644"),
        ({"InaccessiblePaths": "/var/lib/daos-offline-update"}, "daos_server 993 644"),
        ({"RootDirectory": "/srv/root"}, "daos_server 993 644"),
    ],
    ids=[
        *(
            "taken back",
            "its end taken back",
            "read-only or not there",
            "another's",
            "not writable",
        ),
        *("protected", "read-only paths", "inaccessible", "another root"),
    ],
)
def test_a_trace_is_not_left_by_its_file_alone(changed: dict[str, str], access: str) -> None:
    assert not leaves(LOADED | changed, access)


def test_a_unit_that_may_write_to_the_trace_all_the_same_leaves_it() -> None:
    strict = LOADED | {"ProtectSystem": "strict", "ReadWritePaths": f"/srv -{FOLDER}"}
    assert leaves(strict, "daos_server 993 644")
    assert hindrance(strict, ()) == ""
    assert "ReadWritePaths" in hindrance({"ProtectSystem": "strict"}, ())
    assert hindrance({"ProtectSystem": "full", "ReadOnlyPaths": "/var/library"}, ()) == ""


def test_the_trace_is_left_by_the_unit_that_the_site_has(machine: Machine) -> None:
    """Whatever systemd takes for a name: a shell must not read it."""
    unit = r"site\x2ddaos@a:b.service"
    machine.run(laid(unit=unit))
    assert (machine.path(f"/etc/systemd/system/{unit}.d") / Path(DROP_IN).name).is_file()
    assert f"show --property User {unit}" in machine.log.read_text()
    machine.run(handed_over(unit))
    machine.run(lifted(unit))
    assert not machine.path(DROP_IN).parent.exists()
    assert not machine.path(f"/etc/systemd/system/{unit}.d").exists()
    assert "edit site-server`" in hindrance({"ProtectSystem": "strict"}, (), "site-server.service")


def test_a_drop_in_that_takes_the_trace_back_is_named_if_it_is_read_after_ours() -> None:
    folder = "/etc/systemd/system/daos_server.service.d"
    assert hindrance(LOADED, (f"{folder}/override.conf", f"{folder}/zz-site.conf")) == ""
    assert f"{folder}/zzzz.conf takes back" in hindrance(LOADED, (f"{folder}/zzzz.conf",))
