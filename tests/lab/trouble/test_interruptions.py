"""What is interrupted, anywhere and in whatever way, is finished by the same command (R9).

Two fix levels lie between the first release and the last, so each lab is interrupted twice.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from testbed import faults
from testbed.faults import Fault
from testbed.lab.harness import LabNode

from ..site import ADMIN, CLIENT, QUICK, ROOT, SERVER, Outcome, Site, StartSite
from ..waiting import within_transaction

SERVERS = ["daos-server-01", "daos-server-02"]
HIT = "daos-server-02"
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


def hit_by(fault: Fault) -> How:
    """A server is hit by something that comes and goes."""
    return lambda site: fault.strike(site.lab.node(HIT))


def at(step: str, how: How) -> Interruption:
    """Interrupt a run when a step begins, so right after the one before it."""

    def run(site: Site) -> Outcome:
        return site.update_until(f"Starting operation: {step}", lambda: how(site))

    return Interruption(run, step)


def with_fault(type_it: Callable[[Site], Outcome], fault: Fault, **how: object) -> Interruption:
    """A server has a fault while a command runs."""

    def run(site: Site) -> Outcome:
        with fault.on(site.lab.node(HIT), **how):
            return type_it(site)

    return Interruption(run)


def _within_transaction(how: How) -> Interruption:
    def when_half_done(site: Site) -> None:
        within_transaction(site.lab.node(HIT))
        how(site)

    update = at("Update the DAOS packages on all nodes", when_half_done)
    return with_fault(update.run, faults.TRANSACTION_PAUSES, seconds=4)


def _dmg_gives_up(site: Site) -> Outcome:
    """The stop takes effect after the time-out is over."""
    return site.update(timeouts={**QUICK, "stop": 2, "join": 60})


def _full_disk(site: Site) -> Outcome:
    """The transaction finds no space for the database of packages."""
    site.settings["free_space_mib"] = 8
    node, rpms = site.lab.node("login-01"), "/var/lib/rpm"
    with faults.DISK_SMALL.on(node, folder=rpms, mib=64):
        try:
            return site.update_until(
                "Starting operation: Update the DAOS packages",
                lambda: faults.DISK_FULL.plant(node, folder=rpms),
            )
        finally:
            faults.DISK_FULL.mend(node, folder=rpms)


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
        at("Unmount dfuse, where the site allows it", hit_by(faults.SSH_CUT)),
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
        at("Stop daos_server on the servers", hit_by(faults.REBOOT)),
        at("Start daos_server on the servers", hit_by(faults.POWER_LOST)),
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
        _within_transaction(hit_by(faults.POWER_LOST)),
    ),
    "the transaction fails, and dmg gives up before the engines have stopped": (
        with_fault(Site.update, faults.PACKAGES_FAIL),
        with_fault(_dmg_gives_up, faults.ENGINE_STOPS_SLOWLY, seconds=5),
    ),
    "the disk is full, and the connection is lost": (
        Interruption(_full_disk),
        at("Stop daos_server on the servers", hit_by(faults.SSH_CUT)),
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
