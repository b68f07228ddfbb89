"""What is interrupted, anywhere and in whatever way, is finished by the same command (R9).

Two fix levels lie between the first release and the last, so each lab is interrupted twice.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from testbed.lab.container import Node
from testbed.lab.harness import LabNode

from ..site import ADMIN, CLIENT, QUICK, ROOT, SERVER, Outcome, Site, StartSite
from ..waiting import eventually

FAULTS = "/etc/daos/lab-faults.json"
SERVERS = ["daos-server-01", "daos-server-02"]
NODES = [*(LabNode(name, SERVER) for name in SERVERS), LabNode("login-01", ADMIN | CLIENT)]

How = Callable[[Site], object]


@dataclass(frozen=True)
class Interruption:
    """A run that does not get to its end.

    + run: types the command, and sees to it
    + step: the step at whose beginning it happens; "" where it happens elsewhere
    """

    run: Callable[[Site], Outcome]
    step: str = ""


def _steps() -> list[str]:
    """The names of the steps, as deploy.py has them from top to bottom."""
    tree = ast.parse((ROOT / "deploy.py").read_text())
    return [
        str(node.value.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant)
    ]


STEPS = _steps()


# How a run is interrupted


def _kill(site: Site) -> None:
    """kill -9 of pyinfra: it can say nothing and tidy up nothing."""
    site.kill()


def _ctrl_c(site: Site) -> None:
    site.press_ctrl_c()


def _cut_ssh(site: Site) -> None:
    """All SSH connections to one node are gone."""
    site.lab.node("daos-server-02").run("pkill -KILL -f '^sshd: .*@'")


def _reboot(site: Site) -> None:
    site.lab.node("daos-server-02").restart()


def _lose_power(site: Site) -> None:
    node = site.lab.node("daos-server-02")
    node.kill()
    node.start()


def at(step: str, how: How) -> Interruption:
    """Interrupt a run when a step begins, so right after the one before it."""

    def run(site: Site) -> Outcome:
        return site.update_until(f"Starting operation: {step}", lambda: how(site))

    return Interruption(run, step)


def _with_fault(type_it: Callable[[Site], Outcome], **faults: object) -> Interruption:
    def run(site: Site) -> Outcome:
        node = site.lab.node("daos-server-02")
        node.run(f"echo '{json.dumps(faults)}' > {FAULTS}")
        try:
            return type_it(site)
        finally:
            node.run(f"rm -f {FAULTS}")

    return Interruption(run)


def _within_transaction(how: How) -> Interruption:
    """In the middle of the package transaction: the new base package is there, the rest not."""

    def when_half_done(site: Site) -> None:
        eventually(lambda: _installed(site.lab.node("daos-server-02")))
        how(site)

    update = at("Update the DAOS packages on all nodes", when_half_done)
    return _with_fault(update.run, rpm_delay=4)


def _installed(node: Node) -> bool:
    return len(node.run("rpm -q daos", check=False).stdout.split()) > 1


def _dmg_gives_up(site: Site) -> Outcome:
    """The stop takes effect after the time-out is over."""
    return site.update(timeouts={**QUICK, "stop": 2, "join": 60})


def _full_disk(site: Site) -> Outcome:
    """The transaction finds no space for the database of packages."""
    site.settings["free_space_mib"] = 8
    node = site.lab.node("login-01")
    node.run(
        "cp -a /var/lib/rpm /root/rpm && mount -t tmpfs -o size=64m tmpfs /var/lib/rpm"
        " && cp -a /root/rpm/. /var/lib/rpm/"
    )

    def fill() -> None:
        node.run("cat /dev/zero > /var/lib/rpm/filler", check=False)

    try:
        return site.update_until("Starting operation: Update the DAOS packages", fill)
    finally:
        node.run("rm -f /var/lib/rpm/filler")


# Two interruptions a lab: (what, how) for the first and for the second update
LABS: dict[str, tuple[Interruption, Interruption]] = {
    "before the first step, and among the last": (
        at("Set up the repository of the target release", _kill),
        at("Look at all nodes once more", _kill),
    ),
    "while packages are fetched, and while clients are looked at": (
        at("Download and check the packages of the target release", _ctrl_c),
        at("See that the clients reach DAOS", _ctrl_c),
    ),
    "before connections go, and before services are enabled": (
        at("Unmount dfuse, where the site allows it", _cut_ssh),
        at("Let DAOS start at boot where it did before", _kill),
    ),
    "before and after services are disabled": (
        at("Keep DAOS from starting at boot", _kill),
        at("Stop daos_agent wherever it runs", _ctrl_c),
    ),
    "after the agents have stopped, and before they start": (
        at("Stop the engines: dmg system stop", _kill),
        at("Start daos_agent where it ran", _kill),
    ),
    "a server reboots once its engines are stopped, and once it is updated": (
        at("Stop daos_server on the servers", _reboot),
        at("Start daos_server on the servers", _lose_power),
    ),
    "before packages change, and while engines join": (
        at("Update the DAOS packages on all nodes", _kill),
        at("Wait until every engine has joined", _kill),
    ),
    "evictions, and pools": (
        at("Evict pool connections, where the site allows it", _ctrl_c),
        at("See that all pools are there", _ctrl_c),
    ),
    "pyinfra dies in the transaction, and the power goes in the transaction": (
        _within_transaction(_kill),
        _within_transaction(_lose_power),
    ),
    "the transaction fails, and dmg gives up before the engines have stopped": (
        _with_fault(Site.update, rpm_fails=True),
        _with_fault(_dmg_gives_up, stop_delay=5),
    ),
    "the disk is full, and the connection is lost": (
        Interruption(_full_disk),
        at("Stop daos_server on the servers", _cut_ssh),
    ),
}


@pytest.mark.parametrize("lab", LABS.values(), ids=LABS.keys())
def test_the_same_command_finishes_what_was_interrupted(
    start_fresh_site: StartSite, lab: tuple[Interruption, Interruption]
) -> None:
    site = start_fresh_site(NODES)
    digests = site.lab.digests()
    for interrupt, release in zip(lab, ("2.0.2", "2.0.3"), strict=True):
        site.settings["target_release"] = release
        interrupt.run(site)
        again = site.update()
        assert again.exit_code == 0, again.output
        assert site.report["outcome"] in ("updated", "nothing to do")
        site.check_whole(release)
        assert site.lab.digests() == digests


def test_every_step_is_interrupted() -> None:
    """A step that is added to deploy.py wants an interruption of its own."""
    interrupted = {interruption.step for both in LABS.values() for interruption in both}
    assert interrupted - {""} == set(STEPS[1:])
