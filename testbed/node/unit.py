"""Unit files of systemd, as far as the lab's services use them: text in, values out, no I/O.

Meanings and defaults are those of systemd.unit(5), systemd.service(5) and systemd.time(7).
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_TIMEOUT = 90.0  # seconds, DefaultTimeoutStartSec and DefaultTimeoutStopSec
DEFAULT_RESTART_SEC = 0.1  # seconds

_SECONDS = {
    "us": 1e-6,
    "ms": 1e-3,
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
}

# What a unit starts when it starts itself, and by which of their properties systemd names it.
PULLS = {"Wants": "WantedBy", "Requires": "RequiredBy", "BindsTo": "BoundBy", "Upholds": "UpheldBy"}

_TRUE = {"1", "yes", "y", "true", "t", "on"}

Sections = dict[str, dict[str, list[str]]]


def parse_sections(*texts: str) -> Sections:
    """Split a unit file and its drop-ins, one after the other, into {section: {key: [value, ...]}}.

    A key may occur several times; an empty value takes back the earlier ones. Lines that are
    neither a section, an assignment nor a comment are ignored, as systemd does with a warning.
    """
    sections: Sections = {}
    for text in texts:
        _add_sections(sections, text)
    return sections


def _add_sections(sections: Sections, text: str) -> None:
    current: dict[str, list[str]] = {}
    for line in _logical_lines(text):
        if line.startswith("[") and line.endswith("]"):
            current = sections.setdefault(line[1:-1], {})
            continue
        key, assigned, value = line.partition("=")
        if not assigned:
            continue
        values = current.setdefault(key.strip(), [])
        if value.strip():
            values.append(value.strip())
        else:
            values.clear()


def _logical_lines(text: str) -> list[str]:
    """The lines of a unit file without comments and blank lines, continued lines joined."""
    lines: list[str] = []
    pending = ""
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        lines.append(pending + line)
        pending = ""
    if pending:
        lines.append(pending.rstrip())
    return lines


def parse_duration(text: str) -> float:
    """Seconds of a time span such as `10`, `1min 30s` or `infinity`.

    Raises ValueError where it is none.
    """
    if text.strip() in ("infinity", "infinite"):
        return float("inf")
    parts = re.findall(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)", text)
    if not parts or re.sub(r"\s*\d+(?:\.\d+)?\s*[a-z]*", "", text).strip():
        raise ValueError(f"{text!r} is no time span")
    try:
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    except KeyError as error:
        raise ValueError(f"{text!r} is no time span: unit {error}") from None


@dataclass(frozen=True)
class Command:
    """One command line of a unit file.

    + argv: program and arguments
    + may_fail: whether its failure is ignored (prefix `-`)
    + as_root: whether it runs as root whatever User= says (prefixes `+`, `!`)
    """

    argv: tuple[str, ...]
    may_fail: bool = False
    as_root: bool = False


def parse_command(line: str) -> Command:
    """Read a command line with its prefixes. Raises ValueError where no program is named.

    Of the specifiers there is `%%` alone, which is a percent sign.
    """
    rest = line.lstrip("-+!@:")
    prefixes = line[: len(line) - len(rest)]
    argv = tuple(word.replace("%%", "%") for word in shlex.split(rest))
    if not argv:
        raise ValueError(f"no program in {line!r}")
    return Command(argv, "-" in prefixes, bool(set("+!") & set(prefixes)))


@dataclass(frozen=True)
class Unit:
    """A service unit.

    + name: with its ending, `daos_server.service`
    + path: of the unit file
    + drop_ins: paths of the files that add to it, in the order in which they do
    + type: `simple`, `notify` or `oneshot`; types that are not known count as `simple`
    + restart: `no`, `on-failure`, `always` and so on
    + restart_sec, timeout_start, timeout_stop: seconds
    + kill_mode: `control-group`, `mixed` or `process`
    + runtime_directory, state_directory: names below /run and /var/lib
    + wanted_by: targets of [Install]; a unit without any cannot be enabled and is static
    """

    name: str
    path: str
    description: str
    drop_ins: tuple[str, ...] = ()
    type: str = "simple"
    exec_start_pre: tuple[Command, ...] = ()
    exec_start: tuple[Command, ...] = ()
    exec_stop_post: tuple[Command, ...] = ()
    user: str = "root"
    group: str = ""
    restart: str = "no"
    restart_sec: float = DEFAULT_RESTART_SEC
    timeout_start: float = DEFAULT_TIMEOUT
    timeout_stop: float = DEFAULT_TIMEOUT
    kill_mode: str = "control-group"
    remain_after_exit: bool = False
    runtime_directory: tuple[str, ...] = ()
    runtime_directory_mode: int = 0o755
    state_directory: tuple[str, ...] = ()
    working_directory: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)
    wanted_by: tuple[str, ...] = ()

    @property
    def runs(self) -> str:
        """The name of the program that it runs; "" where it runs none."""
        return next((command.argv[0].rpartition("/")[2] for command in self.exec_start), "")


def parse_unit(name: str, path: str, text: str, drop_ins: Mapping[str, str] | None = None) -> Unit:
    """Read a service unit. Raises ValueError where a value cannot be understood.

    + drop_ins: path to text of the files that add to it, in the order in which they do
    """
    added = drop_ins or {}
    sections = parse_sections(text, *added.values())
    service = sections.get("Service", {})

    def last(key: str, default: str) -> str:
        return (service.get(key) or [default])[-1]

    def words(key: str) -> tuple[str, ...]:
        return tuple(word for value in service.get(key, []) for word in value.split())

    kind = last("Type", "simple")
    return Unit(
        name=name,
        path=path,
        drop_ins=tuple(added),
        description=(sections.get("Unit", {}).get("Description") or [name])[-1],
        type=kind if kind in ("notify", "oneshot") else "simple",
        exec_start_pre=tuple(map(parse_command, service.get("ExecStartPre", []))),
        exec_start=tuple(map(parse_command, service.get("ExecStart", []))),
        exec_stop_post=tuple(map(parse_command, service.get("ExecStopPost", []))),
        user=last("User", "root"),
        group=last("Group", ""),
        restart=last("Restart", "no"),
        restart_sec=parse_duration(last("RestartSec", str(DEFAULT_RESTART_SEC))),
        timeout_start=parse_duration(last("TimeoutStartSec", str(DEFAULT_TIMEOUT))),
        timeout_stop=parse_duration(last("TimeoutStopSec", str(DEFAULT_TIMEOUT))),
        kill_mode=last("KillMode", "control-group"),
        remain_after_exit=last("RemainAfterExit", "no").lower() in _TRUE,
        runtime_directory=words("RuntimeDirectory"),
        runtime_directory_mode=int(last("RuntimeDirectoryMode", "0755"), 8),
        state_directory=words("StateDirectory"),
        working_directory=last("WorkingDirectory", "/"),
        environment=_environment(service.get("Environment", [])),
        wanted_by=tuple(
            word for v in sections.get("Install", {}).get("WantedBy", []) for word in v.split()
        ),
    )


def triggered(name: str, sections: Sections) -> str:
    """The unit that a timer, a path or a socket starts; "" where a unit is none of these."""
    stem, _, kind = name.rpartition(".")
    if kind not in ("timer", "path", "socket"):
        return ""
    said = sections.get(kind.capitalize(), {})
    named = said.get("Service" if kind == "socket" else "Unit", [])
    return [f"{stem}.service", *named][-1]


def _environment(values: list[str]) -> dict[str, str]:
    assignments = (word.partition("=") for value in values for word in shlex.split(value))
    return {name: value for name, _, value in assignments}


def wants_restart(policy: str, success: bool) -> bool:
    """Whether Restart=`policy` starts a service again that ended by itself.

    + success: whether it ended with exit code 0 or by one of the signals of an orderly end
    """
    return policy == "always" or policy == ("on-success" if success else "on-failure")


def unit_name(name: str) -> str:
    """A unit's full name: `.service` is added where systemctl was given a bare name."""
    endings = (".service", ".target", ".socket", ".timer", ".mount", ".path", ".slice", ".scope")
    return name if name.endswith(endings) else f"{name}.service"
