"""What starts at boot: nothing during the update, and afterwards what did before (R11)."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from pyinfra.api import Host

from .daos import start_trace, window_file
from .daos.node import SERVER, Node
from .daos.package_managers import REPOSITORY_DISABLED
from .daos.window_file import Had, Record
from .machinery import judgements
from .machinery.run import Run
from .machinery.session import RANKS
from .machinery.step import Command, shell, step
from .rules.findings import Finding
from .rules.view import ROLES, View
from .services import may_start_agents


def _to_hold(current: Run, name: str, node: Node) -> bool:
    if not current.start.concerns(name):
        return False
    return bool(node.enabled) or _remembers(current, name, node) or _untraced(current, name, node)


def _remembers(current: Run, name: str, node: Node) -> bool:
    """Whether something is to be written down: all of it, or what may have changed since.

    As long as nothing has been stopped, pools may come and go between two runs. Another node may
    come at any time: one that was left out before.
    """
    if node.record is None or node.mended or node.record.had != _kept(current, name):
        return True
    return not current.window.is_open and (node.record.ranks, dict(node.record.pools)) != (
        current.start.ranks,
        current.start.pools,
    )


def _kept(current: Run, name: str) -> dict[str, Had]:
    """What a node keeps of all nodes, so that one whose record is lost gets it back from there."""
    return current.start.had if "servers" in current.start.roles(name) else {}


def _untraced(current: Run, name: str, node: Node) -> bool:
    """Whether a daos_server that somebody starts there would leave no trace, see start_trace.py."""
    return "servers" in current.start.roles(name) and not node.traced


def _unseen(current: Run, node: Node) -> bool:
    """Whether somebody may have started daos_server there since this update began.

    Nothing tells that of a server that has lost its record, if it does not run.
    """
    lost = current.start.record is not None and node.record is None and not node.runs(SERVER)
    return lost or node.unseen


def _may_begin(current: Run, view: View) -> list[Finding]:
    return judgements.needed(current, view) + judgements.healthy(current, view)


@step(*ROLES, need=_to_hold, gate=_may_begin, opens=True, engines=False)
def held(current: Run, here: Host) -> Iterator[Command]:
    """Disable the services, so that a node which reboots in the window does not start DAOS.

    What ran and what was enabled is written to the node's disk first, where it outlives a reboot
    and this run; what an earlier run has written there stays, and servers keep it of all nodes.
    Before that a start of daos_server is made to leave a trace there, so that it is known later
    whether an engine has run (R12).
    Source: "disable the services for the time of the maintenance" (DAOS documentation, 2026).
    """
    node = current.look().node(here.name)
    lines = []
    if _untraced(current, here.name, node):
        missed = [start_trace.UNKNOWN] if _unseen(current, node) else []
        anew, unit = current.start.record is None, current.units.server
        lines.append(start_trace.laid(*missed, anew=anew, unit=unit))
    if _remembers(current, here.name, node):
        lines.append(window_file.save(_found(current, here.name, node)))
    disable = _told("disable", current, node.enabled)
    what = _in_words("writing the record there", disable)
    yield shell(current, here, " && ".join(filter(None, [*lines, disable])), what)


def _found(current: Run, name: str, node: Node) -> Record:
    start, earlier, had = current.start, current.start.record, _kept(current, name)
    if node.record:
        return replace(node.record, ranks=start.ranks, pools=start.pools, had=had)
    return Record(
        began=earlier.began if earlier else datetime.now(UTC),
        release=node.remembered_as(current.target),
        enabled=tuple(node.enabled),
        running=tuple(unit for unit in node.services if start.ran_before(name, unit)),
        ranks=start.ranks,
        pools=start.pools,
        servers=tuple(node.hostname for node in start.of("servers").values()),
        started="",
        had=had,
        units=current.units.given,
    )


def _held(current: Run, name: str, node: Node) -> bool:
    return node.record is not None


def _will_be_held(current: Run, name: str, node: Node) -> bool:
    return _held(current, name, node) or current.start.concerns(name)


@step(
    *ROLES,
    need=_held,
    foreseen=_will_be_held,
    gate=may_start_agents,
    engines=False,
    asks=(RANKS,),
)
def released(current: Run, here: Host) -> Iterator[Command]:
    """Enable what was enabled before, and forget what was remembered for that.

    The repository of the update is disabled, since it is of use no more.
    Source: "enable again what was disabled" (DAOS documentation, 2026).
    """
    node = current.look().node(here.name)
    disabled = [it for it in node.record.enabled if it not in node.enabled] if node.record else []
    enable = _told("enable", current, disabled)
    line = f"{enable} || exit 1\n" if enable else ""
    forget = window_file.forget()
    serves = "servers" in current.start.roles(here.name)
    lifted = start_trace.lifted(current.units.server)
    ends = f"{lifted} && {forget}" if serves else forget
    what = _in_words(enable, "removing the record there")
    yield shell(current, here, line + REPOSITORY_DISABLED + ends, what)


def _told(verb: str, current: Run, units: Collection[str]) -> str:
    """The shell command that tells systemd something of these units; "" for none."""
    return " && ".join(f"systemctl {verb} {current.units.typed(unit)}" for unit in units)


def _in_words(*parts: str) -> str:
    """What a command does, of which one part is typed by people as well, or is not there."""
    return ", then ".join(f"`{it}`" if it.startswith("systemctl ") else it for it in parts if it)
