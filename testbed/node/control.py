"""What systemctl does, verb by verb, with systemd's messages and exit codes.

Exit codes are those of systemctl(1): 0, 1 failed, 3 not active, 4 no such unit, 5 not installed.
The messages are those of systemd 239 (EL8), which differ little from 219 (CentOS 7) and 246
(Leap 15.3).
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

from . import answers, events
from .manager import Manager
from .service import JobError, Service
from .unit import unit_name
from .unitfiles import UnitFileError

VERSION = "systemd 239 (lab)\n"
_NOT_FOUND = 5  # EXIT_NOTINSTALLED


@dataclass
class Answer:
    """What a call of systemctl prints, and its exit code."""

    out: str = ""
    err: str = ""
    code: int = 0

    def add(self, other: Self) -> None:
        """Append another answer; the last exit code that is not 0 counts."""
        self.out += other.out
        self.err += other.err
        self.code = other.code or self.code


@dataclass
class Call:
    """A parsed command line of systemctl.

    + properties: of `show`
    + flags: the long names of options without a value
    """

    verb: str = "list-units"
    names: list[str] = field(default_factory=list)
    properties: list[str] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)


_SHORT = {
    "-p": "--property",
    "-n": "--lines",
    "-t": "--type",
    "-s": "--signal",
    "-o": "--output",
    "-a": "--all",
    "-q": "--quiet",
    "-l": "--full",
    "-f": "--force",
}
_WITH_VALUE = {"--property", "--lines", "--type", "--signal", "--output", "--state", "--kill-who"}


def parse(argv: list[str]) -> Call:
    """Read a command line. Options may stand anywhere, as systemctl allows."""
    call = Call()
    positional: list[str] = []
    rest = iter(argv)
    for word in rest:
        if not word.startswith("-"):
            positional.append(word)
            continue
        option, _, value = word.partition("=")
        if not option.startswith("--") and len(option) > 2 and option[:2] in _SHORT:
            option, value = option[:2], option[2:]  # -pId
        option = _SHORT.get(option, option)
        if option not in _WITH_VALUE:
            call.flags.add(option)
            continue
        value = value or next(rest, "")
        call.values[option] = value
        if option == "--property":
            call.properties += value.split(",")
    if positional:
        call.verb, *call.names = positional
    return call


async def execute(manager: Manager, argv: list[str], uid: int) -> Answer:
    """Do what a command line says for a user.

    + uid: who asks; only root may change anything
    """
    call = parse(argv)
    if "--version" in call.flags:
        return Answer(VERSION)
    if call.verb in _READING:
        return _READING[call.verb](manager, call)
    if call.verb not in _CHANGING:
        return Answer(err=f"Unknown operation {call.verb}.\n", code=1)
    if not call.names and call.verb not in _WITHOUT_UNIT:
        return Answer(err="Too few arguments.\n", code=1)
    if uid != 0:
        return _refused(call)
    answer = Answer()
    for part in await _CHANGING[call.verb](manager, call):
        answer.add(part)
    if "--quiet" in call.flags:
        answer.out = ""
    return answer


def _refused(call: Call) -> Answer:
    what = f"{call.verb} {unit_name(call.names[0])}" if call.names else call.verb
    return Answer(err=f"Failed to {what}: Interactive authentication required.\n", code=1)


# Verbs that only look


def _is_active(manager: Manager, call: Call) -> Answer:
    return _states(manager, call, "active", 3)


def _is_failed(manager: Manager, call: Call) -> Answer:
    return _states(manager, call, "failed", 1)


def _states(manager: Manager, call: Call, wanted: str, otherwise: int) -> Answer:
    states = [answers.properties(manager, name)["ActiveState"] for name in _names(manager, call)]
    quiet = "--quiet" in call.flags
    text = "" if quiet else "".join(f"{state}\n" for state in states)
    return Answer(text, code=0 if wanted in states else otherwise)


def _is_enabled(manager: Manager, call: Call) -> Answer:
    answer = Answer(code=1)
    for name in call.names:
        state = manager.files.state(name)
        if state is None:
            full = unit_name(name)
            answer.err += f"Failed to get unit file state for {full}: No such file or directory\n"
        elif "--quiet" not in call.flags:
            answer.out += f"{state}\n"
        if state in ("enabled", "static"):
            answer.code = 0
    return answer


def _show(manager: Manager, call: Call) -> Answer:
    if not call.names:
        return Answer(answers.show({"Version": "239"}, call.properties, "--value" in call.flags))
    blocks = [
        answers.show(answers.properties(manager, name), call.properties, "--value" in call.flags)
        for name in _names(manager, call)
    ]
    return Answer("\n".join(blocks))


def _status(manager: Manager, call: Call) -> Answer:
    answer = Answer()
    for name in _names(manager, call):
        text, code = answers.status(manager, name, int(call.values.get("--lines", "10")))
        answer.add(Answer(err=text, code=code) if code == 4 else Answer(text, code=code))
    return answer


def _cat(manager: Manager, call: Call) -> Answer:
    answer = Answer()
    for name in call.names:
        path = manager.files.find(name)
        if path is None:
            answer.add(Answer(err=f"No files found for {unit_name(name)}.\n", code=1))
        else:
            files = [path, *manager.files.drop_ins(name)]
            answer.add(Answer("\n".join(f"# {file}\n{file.read_text()}" for file in files)))
    return answer


def _list_units(manager: Manager, call: Call) -> Answer:
    names = _names(manager, call) if call.names else manager.matching("*")
    if "--all" not in call.flags and not call.names:
        services = ((name, manager.service(name)) for name in names)
        names = [name for name, service in services if service and service.active != "inactive"]
    return Answer(answers.unit_table(manager, names, "--no-legend" not in call.flags))


def _list_unit_files(manager: Manager, call: Call) -> Answer:
    names = _names(manager, call) if call.names else manager.files.names()
    rows = [(name, manager.files.state(name)) for name in names]
    return Answer("".join(f"{name:<32} {state}\n" for name, state in rows if state))


def _is_system_running(manager: Manager, call: Call) -> Answer:
    services = [manager.service(name) for name in manager.files.names()]
    failed = any(service.active == "failed" for service in services if service)
    return Answer("degraded\n" if failed else "running\n", code=1 if failed else 0)


def _names(manager: Manager, call: Call) -> list[str]:
    return [name for pattern in call.names for name in manager.matching(pattern)]


# Verbs that change something: each gives one answer a unit

Verb = Callable[[Manager, Call], Awaitable[list[Answer]]]


def _each_service(act: Callable[[Service], Awaitable[Answer]], missing: str = "not found") -> Verb:
    """A verb that does something with all units at once.

    + missing: ends the message about an unknown one
    """

    async def verb(manager: Manager, call: Call) -> list[Answer]:
        async def one(name: str) -> Answer:
            service = manager.service(name)
            prefix = f"Failed to {call.verb} {name}: Unit {name}"
            if manager.files.is_masked(name) and call.verb != "stop":
                return Answer(err=f"{prefix} is masked.\n", code=1)
            if service is None:
                return Answer(err=f"{prefix} {missing}.\n", code=_NOT_FOUND)
            return await act(service)

        work = asyncio.gather(*(one(name) for name in _names(manager, call)))
        if "--no-block" in call.flags:
            _background.add(task := asyncio.ensure_future(work))
            task.add_done_callback(_background.discard)
            return []
        return await work

    return verb


_background: set[asyncio.Future[list[Answer]]] = set()  # keeps jobs of --no-block alive


async def _start_one(service: Service) -> Answer:
    name = service.unit.name
    try:
        await service.start()
    except JobError as error:
        reason = {
            "timeout": "a timeout was exceeded",
            "signal": "a fatal signal was delivered to the control process",
            "protocol": "the service did not take the steps required by its unit configuration",
        }.get(error.result, "the control process exited with error code")
        hint = f'See "systemctl status {name}" and "journalctl -xe" for details.\n'
        return Answer(err=f"Job for {name} failed because {reason}.\n{hint}", code=1)
    return Answer()


async def _stop_one(service: Service) -> Answer:
    await service.stop()
    return Answer()


async def _restart_one(service: Service) -> Answer:
    await service.stop()
    return await _start_one(service)


async def _restart_active(service: Service) -> Answer:
    return await _restart_one(service) if service.active == "active" else Answer()


async def _reload(service: Service) -> Answer:
    name = service.unit.name
    text = f"Failed to reload {name}: Job type reload is not applicable for unit {name}.\n"
    return Answer(err=text, code=3)


async def _kill(manager: Manager, call: Call) -> list[Answer]:
    wanted = call.values.get("--signal", "TERM")
    try:
        number = (
            signal.Signals(int(wanted))
            if wanted.isdigit()
            else signal.Signals[f"SIG{wanted.removeprefix('SIG')}"]
        )
    except (KeyError, ValueError):
        return [Answer(err=f"Failed to parse signal string {wanted}.\n", code=1)]

    async def act(service: Service) -> Answer:
        service.kill(number)
        return Answer()

    return await _each_service(act, "not loaded")(manager, call)


async def _reset_failed(manager: Manager, call: Call) -> list[Answer]:
    for name in _names(manager, call) if call.names else manager.matching("*"):
        service = manager.service(name)
        if service:
            service.reset_failed()
    return []


async def _daemon_reload(manager: Manager, call: Call) -> list[Answer]:
    return []  # unit files are read anew at every call


def _file_verb(change: Callable[[Manager, str], list[str]], event: str) -> Verb:
    """A verb that changes symlinks; `--now` then starts or stops the units too."""

    async def act(manager: Manager, call: Call) -> list[Answer]:
        found: list[Answer] = []
        for name in call.names:
            service = manager.service(name)
            try:
                lines = change(manager, name)
            except UnitFileError as error:
                return [*found, Answer(err=f"{error}\n", code=1)]
            if lines:
                runs = service.unit.runs if service else ""
                events.record("systemd", event, unit=unit_name(name), runs=runs)
            found.append(Answer(err="".join(f"{line}\n" for line in lines)))
        if "--now" in call.flags:
            verb = "start" if call.verb in ("enable", "reenable") else "stop"
            found += await _CHANGING[verb](manager, Call(verb, call.names, flags=call.flags))
        return found

    return act


def _preset(manager: Manager, name: str) -> list[str]:
    """Without preset files for them, DAOS's units are disabled by the distributions' presets."""
    with contextlib.suppress(UnitFileError):
        return manager.files.disable(name)
    return []


_WITHOUT_UNIT = {"daemon-reload", "daemon-reexec", "reset-failed"}
_READING: dict[str, Callable[[Manager, Call], Answer]] = {
    "is-active": _is_active,
    "is-failed": _is_failed,
    "is-enabled": _is_enabled,
    "show": _show,
    "status": _status,
    "cat": _cat,
    "list-units": _list_units,
    "list-unit-files": _list_unit_files,
    "is-system-running": _is_system_running,
}
_CHANGING: dict[str, Verb] = {
    "start": _each_service(_start_one),
    "stop": _each_service(_stop_one, "not loaded"),
    "reload": _each_service(_reload),
    **dict.fromkeys(("restart", "reload-or-restart"), _each_service(_restart_one)),
    **dict.fromkeys(
        ("try-restart", "condrestart", "reload-or-try-restart", "try-reload-or-restart"),
        _each_service(_restart_active),
    ),
    "kill": _kill,
    "reset-failed": _reset_failed,
    "daemon-reload": _daemon_reload,
    "daemon-reexec": _daemon_reload,
    "enable": _file_verb(lambda manager, name: manager.files.enable(name), "unit-enabled"),
    "reenable": _file_verb(lambda manager, name: manager.files.enable(name), "unit-enabled"),
    "disable": _file_verb(lambda manager, name: manager.files.disable(name), "unit-disabled"),
    "mask": _file_verb(lambda manager, name: manager.files.mask(name), "unit-masked"),
    "unmask": _file_verb(lambda manager, name: manager.files.unmask(name), "unit-unmasked"),
    "preset": _file_verb(_preset, "unit-disabled"),
}
