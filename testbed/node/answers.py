"""The texts with which systemctl answers about a unit: show, status, list-units."""

import time

from .manager import Manager
from .service import LOGS, Service
from .unit import Command, unit_name

_STATUS_LINES = 10  # of the journal, as `systemctl status` shows
_LISTS = ("ExecStartPre", "ExecStart", "ExecStopPost")  # of which an empty one is not shown


def properties(manager: Manager, name: str) -> dict[str, str]:
    """The properties of `systemctl show`, for a unit that may be unknown."""
    full = unit_name(name)
    service = manager.service(full)
    state = manager.files.state(full) or ""
    loaded = {"masked": "masked", "bad": "bad-setting"}.get(state, "loaded")
    return _service_properties(service) | {
        "Id": full,
        "Names": full,
        **{key: " ".join(names) for key, names in manager.files.pullers(full).items() if names},
        "Description": service.unit.description if service else full,
        "LoadState": loaded if service or loaded != "loaded" else "not-found",
        "ActiveState": service.active if service else "inactive",
        "SubState": service.sub if service else "dead",
        "FragmentPath": service.unit.path if service else "",
        "DropInPaths": " ".join(service.unit.drop_ins) if service else "",
        "UnitFileState": state,
        "StateChangeTimestamp": _stamp(service.since) if service else "",
        "ActiveEnterTimestamp": _entered(service) if service else "",
        "NeedDaemonReload": "no",
    }


def _entered(service: Service) -> str:
    return _stamp(service.since) if service.active == "active" else ""


def _service_properties(service: Service | None) -> dict[str, str]:
    """What is shown of services alone, of unknown ones too; systemd shows it before the rest."""
    if service is None:
        return {"MainPID": "0", "ExecMainStartTimestampMonotonic": "0", "User": ""}
    code = service.exit_code
    return {
        "Type": service.unit.type,
        "Restart": service.unit.restart,
        "MainPID": str(service.main_pid),
        "Result": service.result,
        "NRestarts": str(service.restarts),
        "ExecMainStartTimestampMonotonic": str(service.main_started),
        "ExecMainCode": "2" if code < 0 else "1",  # CLD_KILLED, CLD_EXITED
        "ExecMainStatus": str(abs(code)),
        "User": service.unit.user,
        "ExecStartPre": "\n".join(map(_command, service.unit.exec_start_pre)),
        "ExecStart": "\n".join(map(_command, service.unit.exec_start)),
        "ExecStopPost": "\n".join(map(_command, service.unit.exec_stop_post)),
    }


def _command(command: Command) -> str:
    """A command that a unit runs; an entry of a list is a line, with the property's name before."""
    words, ignored = " ".join(command.argv), "yes" if command.may_fail else "no"
    times = "start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0"
    return f"{{ path={command.argv[0]} ; argv[]={words} ; ignore_errors={ignored} ; {times} }}"


def show(found: dict[str, str], wanted: list[str], value_only: bool) -> str:
    """The lines of `systemctl show`, all properties where none are asked for.

    They come in an order of systemd's own, whatever the order that was asked in.
    """
    lines = (
        entry if value_only else f"{name}={entry}"
        for name, value in found.items()
        for entry in (value.split("\n") if value or name not in _LISTS else ())
        if not wanted or name in wanted
    )
    return "".join(f"{line}\n" for line in lines)


def status(manager: Manager, name: str, lines: int = _STATUS_LINES) -> tuple[str, int]:
    """The text of `systemctl status` and its exit code: 0 active, 3 not active, 4 unknown."""
    found = properties(manager, name)
    service = manager.service(name)
    if service is None:
        if found["LoadState"] == "masked":
            return (
                f"● {found['Id']}\n     Loaded: masked (Reason: Unit {found['Id']} is masked.)\n",
                3,
            )
        return f"Unit {found['Id']} could not be found.\n", 4
    since = f"{_stamp(service.since)}; {int(time.time() - service.since)}s ago"
    text = [
        f"● {found['Id']} - {found['Description']}",
        f"     Loaded: loaded ({found['FragmentPath']}; {found['UnitFileState']})",
        f"     Active: {_activity(service)} since {since}",
    ]
    if service.main_pid:
        text.append(f"   Main PID: {service.main_pid}")
    text += ["", *journal(service, lines)]
    return "\n".join(text).rstrip() + "\n", 0 if service.active == "active" else 3


def _activity(service: Service) -> str:
    if service.active == "failed":
        return f"failed (Result: {service.result})"
    return f"{service.active} ({service.sub})"


def journal(service: Service, lines: int) -> list[str]:
    """The last lines that a service wrote."""
    path = LOGS / f"{service.unit.name}.log"
    if lines <= 0 or not path.exists():
        return []
    return path.read_text(errors="replace").splitlines()[-lines:]


def unit_table(manager: Manager, names: list[str], legend: bool) -> str:
    """The table of `systemctl list-units`."""
    columns = ("Id", "LoadState", "ActiveState", "SubState", "Description")
    rows: list[tuple[str, ...]] = (
        [("UNIT", "LOAD", "ACTIVE", "SUB", "DESCRIPTION")] if legend else []
    )
    for name in names:
        found = properties(manager, name)
        rows.append(tuple(found[column] for column in columns))
    return "".join("  {:<28} {:<9} {:<12} {:<12} {}\n".format(*row) for row in rows)


def _stamp(seconds: float) -> str:
    return time.strftime("%a %Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
