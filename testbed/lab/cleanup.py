"""Who owns a lab's containers, networks and volumes, and removing those that nobody owns any more.

Everything that a lab makes carries labels that name the lab, its directory and the process that
runs it. A lab whose process is gone is a leftover, unless its directory says that it is kept, or a
guard that looks after it still lives (who wants to see what is left when a process is killed).
"""

import os
import platform
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType

from testbed.lab import engine
from testbed.lab.files import LabFiles

LAB = "daos-lab"
HOST = "daos-lab.host"
PID = "daos-lab.pid"
START = "daos-lab.start"
DIRECTORY = "daos-lab.dir"
GUARD = "daos-lab.guard"
GUARDED_BY = "DAOS_LAB_GUARD"  # in the environment: the guard of the labs that are started in it


def labels(lab_id: str, directory: Path) -> dict[str, str]:
    """The labels of everything that this process makes for one lab."""
    return {
        LAB: lab_id,
        HOST: platform.node(),
        PID: str(os.getpid()),
        START: process_start(os.getpid()) or "",
        DIRECTORY: str(directory),
        GUARD: os.environ.get(GUARDED_BY, ""),
    }


def guard() -> str:
    """This process as the value of DAOS_LAB_GUARD: only who has the same one removes its labs."""
    return f"{os.getpid()} {process_start(os.getpid())}"


def process_start(pid: int) -> str | None:
    """When a process was started, as boot and clock tick; None if there is no such process.

    Together with the pid it names a process for good: pids are used again, also after a reboot.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    state, start_tick = fields[0], fields[19]  # proc(5): fields 3 and 22, counted from the name
    return None if state in "ZX" else f"{boot}/{start_tick}"


def is_leftover(
    marks: Mapping[str, str],
    start_of: Callable[[int], str | None] = process_start,
    kept_in: Callable[[Path], str | None] = lambda directory: LabFiles(directory).kept(),
) -> bool:
    """Whether something with these labels belongs to no living lab.

    + start_of: when the process of a pid was started
    + kept_in: the id of the lab that a directory says is kept

    What another host has made (an engine may be shared) is never a leftover here.
    """
    if LAB not in marks or marks.get(HOST) != platform.node():
        return False
    if _is_guarded(marks.get(GUARD, ""), start_of):
        return False
    if start_of(int(marks[PID])) == marks[START]:
        return False
    return kept_in(Path(marks[DIRECTORY])) != marks[LAB]


def _is_guarded(guard: str, start_of: Callable[[int], str | None]) -> bool:
    """Whether somebody else looks after what is left."""
    pid, _, start = guard.partition(" ")
    return bool(guard) and guard != os.environ.get(GUARDED_BY) and start_of(int(pid)) == start


def remove_leftovers() -> list[str]:
    """Remove what dead labs left behind; give the directories of those labs."""
    directories: dict[str, str] = {}
    for marks in _found(LAB):
        if is_leftover(marks):
            directories[marks[LAB]] = marks[DIRECTORY]
    for lab_id, directory in directories.items():
        remove_labelled(f"{LAB}={lab_id}")
        if Path(directory).is_dir() and LabFiles(Path(directory)).kept() is None:
            LabFiles(Path(directory)).remove()
    return sorted(set(directories.values()))


def labs() -> dict[str, Path]:
    """Every lab on this engine, dead or alive: its directory by its id."""
    return {marks[LAB]: Path(marks.get(DIRECTORY, "")) for marks in _found(LAB)}


def all_running(lab_id: str) -> bool:
    """Whether a lab has containers, and all of them run."""
    with closing(engine.client()) as client:
        containers = client.api.containers(all=True, filters={"label": f"{LAB}={lab_id}"})
    return bool(containers) and all(c["State"] == "running" for c in containers)


def _found(label: str) -> list[Mapping[str, str]]:
    """The labels of each container, network and volume that carries `label`."""
    with closing(engine.client()) as client:
        containers = client.api.containers(all=True, filters={"label": label})
        networks = client.api.networks(filters={"label": label})
        volumes = client.api.volumes(filters={"label": label})["Volumes"] or []
        return [thing["Labels"] for thing in [*containers, *networks, *volumes]]


def remove_labelled(label: str) -> None:
    """Remove all containers, networks and volumes that carry `label` ("daos-lab" or "daos-lab=ID").

    Somebody else removing the same at the same time is no error.
    """
    with closing(engine.client()) as client:
        containers = client.api.containers(all=True, filters={"label": label})
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lambda c: engine.remove_container(client, c["Id"]), containers))
        for network in client.api.networks(filters={"label": label}):
            engine.remove_when_free(client.api.remove_network, network["Id"])
        for volume in client.api.volumes(filters={"label": label})["Volumes"] or []:
            engine.remove_when_free(client.api.remove_volume, volume["Name"])


Handler = Callable[[int, FrameType | None], object] | signal.Handlers
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def _handled(handler: Handler, *numbers: signal.Signals) -> Iterator[None]:
    """Have these signals handled so. They can be caught in the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end this process as Ctrl-C does, so that it cleans up."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with _handled(end, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put Ctrl-C and the like off while something is cleaned up."""
    with _handled(signal.SIG_IGN, *_ENDING):
        yield


@contextmanager
def postponed() -> Iterator[None]:
    """Let Ctrl-C and the like wait until this is done, such as the start of a thread.

    A thread pool that is interrupted while it starts a thread does not know of that thread, and
    waits for it no more.
    """
    came: list[int] = []
    try:
        with _handled(lambda number, _: came.append(number), *_ENDING):
            yield
    finally:
        for late in came:
            signal.raise_signal(late)
