"""What a simulated node says of itself when the deploy code looks at it.

The script that asks is the deploy code's own; here its parts are known by their names, and each is
answered as a node of a lab answers it. A part that is not known here ends the test.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from .node import ETC
from .packages import KEY
from .shell import Session, Unknown, phrase
from .systemd import DROP_IN, STARTS, Unit

if TYPE_CHECKING:
    from .node import Node

_RECORD = "/var/lib/daos-offline-update/window.json"
_FREE = 50_000_000  # KiB that a disk has left, unless it is full
_PARTS = re.compile(r'^ *echo "== ([\w-]+)"', re.MULTILINE)
_BEFORE_UPDATE = "Mon Nov 30 01:37:36 2026"


@lru_cache(maxsize=8)
def _asked(script: str) -> tuple[str, ...]:
    """The parts that a script asks for."""
    parts = tuple(_PARTS.findall(script))
    unknown = set(parts) - set(_SAID) - {"end"}
    if unknown:
        raise Unknown(f"a look asks for {', '.join(unknown)}, which the simulation does not know")
    return parts


@phrase("sh -c 'server=", r"(\S+) agent=(\S+) stuck='\"'\"'([^']*)'\"'\"'\n(.*)'")
def _look(session: Session, server: str, agent: str, stuck: str, script: str) -> None:
    node = session.node
    if (server, agent) != ("daos_server.service", "daos_agent.service"):
        raise Unknown(f"a look at the units {server} and {agent}")
    lines = []
    for part in _asked(script):
        lines.append(f"== {part}\n")
        if part != "end":
            lines.append(_SAID[part](node))
    session.out += lines


_ENABLED = "/sys/kernel/mm/transparent_hugepage/enabled"


@phrase(f"if [ -e {_ENABLED} ]; ", rf"then cat {_ENABLED}; else echo '\[never\]'; fi")
def _huge_pages(session: Session) -> None:
    session.out.append(session.node.files.read(_ENABLED) or "always madvise [never]\n")


def _os(node: Node) -> str:
    return "".join(f"{line}\n" for line in node.flavour.os)


def _packages(node: Node) -> str:
    signed = f"RSA/SHA512, {_BEFORE_UPDATE}, Key ID {KEY}"
    return "".join(
        f"{name} {build} daos-{build}.src.rpm {signed}\n"
        for name, builds in sorted(node.packages.items())
        if name.startswith("daos")
        for build in builds
    )


def _services(node: Node) -> str:
    return "\n".join(_service(node, node.units[name]) for name in sorted(node.units, reverse=True))


def _service(node: Node, unit: Unit) -> str:
    program = unit.daemon.program
    state = unit.state
    if not unit.installed and not unit.main_pid:
        return (
            f"MainPID=0\nExecMainStartTimestampMonotonic=0\nUser=\nId={unit.name}\n"
            f"Names={unit.name}\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n"
        )
    start = "/usr/bin/daos_server start" if program == "daos_server" else f"/usr/bin/{program}"
    lines = [
        f"MainPID={unit.main_pid}",
        f"ExecMainStartTimestampMonotonic={unit.started}",
        f"User={program}",
        *_loaded(node, unit),
        f"ExecStart={{ path=/usr/bin/{program} ; argv[]={start} ; ignore_errors=no ; "
        "start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }",
        f"Id={unit.name}",
        f"Names={unit.name}",
        *(["WantedBy=multi-user.target"] if unit.enabled else []),
        f"LoadState={'masked' if unit.masked else 'loaded'}",
        f"ActiveState={state}",
        f"UnitFileState={_file_state(unit)}",
    ]
    return "\n".join(lines) + "\n"


def _file_state(unit: Unit) -> str:
    if unit.masked:
        return "masked"
    return "enabled" if unit.enabled else "disabled"


def _loaded(node: Node, unit: Unit) -> list[str]:
    """What a drop-in has systemd do before the start and after the end."""
    text = node.files.read(DROP_IN.format(unit=unit.name))
    found = []
    for line in text.splitlines():
        key, _, command = line.partition("=-")
        if key in ("ExecStartPre", "ExecStopPost"):
            shown = command.replace("%%", "%").replace("\\\\", "\\").replace('"', "")
            found.append(f"{key}={{ path=/bin/sh ; argv[]={shown} ; ignore_errors=yes ; }}")
    return found


def _links(node: Node) -> str:
    folder = "/etc/systemd/system/multi-user.target.wants"
    units = sorted(node.units, reverse=True)
    found = []
    for name in units:
        found += [name] if node.units[name].masked else []
        found += [f"{folder}/{name}"] if node.units[name].enabled else []
    return "".join(f"{it}\n" for it in found)


def _remembered(node: Node, path: str) -> str:
    file = node.files.get(path)
    if file is None:
        return "\n"
    return f"{file.text or 'empty'}\n"


def _access(node: Node) -> str:
    file = node.files.get(STARTS)
    if file is None or any(STARTS.startswith(folder) for folder in node.files.read_only):
        return ""
    numbers = {"root": 0, "daos_server": 999}
    return f"{file.owner} {numbers[file.owner]} {file.mode:o}\n"


def _held(node: Node) -> str:
    laid = node.files.get(DROP_IN.format(unit="daos_server.service"))
    return f"{int(laid.written)}\n{int(node.time)}\n" if laid else ""


def _lock(node: Node) -> str:
    return node.lock.who if node.lock else ""


def _processes(node: Node) -> str:
    daemons, at_work = node.processes(), _at_work(node)
    kinds = [f"daemon {it.pid}\n" for it in daemons]
    kinds += [f"manager {pid}\n" for pid, _, _ in at_work]
    kinds += [f"uses {it.pid}\n" for it in node.applications]
    kinds += [f"/proc/{it.pid}/maps\n" for it in daemons if _is_replaced(node, it.name, it.build)]
    pids = [(it.pid, it.uid, f"/usr/bin/{it.name}") for it in daemons]
    pids += [(it.pid, it.uid, "/home/user/job") for it in node.applications]
    pids += [(pid, 0, f"/usr/bin/{name}") for pid, name, _ in at_work]
    kinds += [f'lrwxrwxrwx 1 {uid} {uid} 0  "/proc/{pid}/exe" -> "{at}"\n' for pid, uid, at in pids]
    kinds += [f'-rwxr-xr-x 1 0 0 6809944  "/proc/{pid}/exe"\n' for pid, _, _ in pids]
    kinds += [f"/proc/{pid}/cmdline:{line}\n" for pid, _, line in at_work]
    return "".join(kinds)


def _at_work(node: Node) -> list[tuple[int, str, str]]:
    return node.transaction.processes if node.transaction else []


def _is_replaced(node: Node, name: str, build: str) -> bool:
    package = "daos-client" if name == "daos_agent" else "daos-server"
    builds = node.packages.get(package, [])
    return bool(builds) and builds[-1] != build


def _status(node: Node) -> str:
    rows = [(it.pid, it.name, it.parent, it.uid) for it in node.processes()]
    rows += [(it.pid, it.name, 1, it.uid) for it in node.applications]
    rows += [(pid, name, 1, 0) for pid, name, _ in _at_work(node)]
    return "".join(
        f"/proc/{pid}/status:Name:\t{name}\n/proc/{pid}/status:State:\tS (sleeping)\n"
        f"/proc/{pid}/status:PPid:\t{parent}\n/proc/{pid}/status:Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n"
        for pid, name, parent, uid in rows
    )


def _names(node: Node) -> str:
    found = "daos_server:x:999:999::/:/sbin/nologin\n" if "servers" in node.roles else ""
    if node.has("daos-client"):
        found += "daos_agent:x:998:998::/:/sbin/nologin\n"
    return found


def _space(node: Node) -> str:
    places = ("/usr", "/var/cache", "/var/lib/rpm")
    node.asks("full var")
    full = [next((it for it in node.files.full if place.startswith(it)), "") for place in places]
    rows = [f"0 {it.rstrip('/')}\n" if it else f"{_FREE} /\n" for it in full]
    return f"   Avail Mounted on\n{''.join(rows)}"


def _rpmnew(node: Node) -> str:
    found = (path for path in node.files.below(f"{ETC}/") if path.endswith(".rpmnew"))
    return "".join(f"{path}\n" for path in found)


_NOTHING = ("resets", "cgroups", "others", "mounts", "read-only")
_SAID = {
    "hostname": lambda node: f"{node.name}\n",
    "boot": lambda node: f"{node.boot}\n",
    "addresses": lambda node: f"{node.address} \n",
    "os": _os,
    "packages": _packages,
    "services": _services,
    "links": _links,
    "record": lambda node: _remembered(node, _RECORD),
    "starts": lambda node: _remembered(node, STARTS),
    "access": _access,
    "held": _held,
    "lock": _lock,
    "processes": _processes,
    "status": _status,
    "names": _names,
    "space": _space,
    "rpmnew": _rpmnew,
    **dict.fromkeys(_NOTHING, lambda node: ""),
}
