"""States that a good run does not meet, and what is asked in each of them.

A state is a generator: it brings a cluster about by commands and faults, yields what is to be asked
there (a node and a command, again and again if it likes), and takes it back. The commands are those
that the deploy code makes.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from operations import containers
from operations.daos import dmg, node, start_trace, window_file
from operations.daos.window_file import Record
from operations.machinery import dependencies

from .fronts import Front

SERVERS = ("daos-server-01", "daos-server-02", "daos-server-03")
FIRST, SECOND, THIRD = SERVERS
ADMIN, CLIENT = "daos-admin-01", "daos-client-01"
SERVER_UNIT, AGENT_UNIT = "daos_server.service", "daos_agent.service"


class Question(NamedTuple):
    """What is asked.

    + patience: seconds until it is given up where no answer is to be expected; 0: it is waited for
    """

    host: str
    line: str
    patience: int = 0


State = Callable[[Front], Iterator[list[Question]]]
STATES: list[State] = []

LOOK = f"sh -c {shlex.quote(node.script())}"
_ENGINES = 2  # that a server has
_GIVEN_UP = 124  # the exit code, as of timeout(1)
QUERY, LIST = "dmg -j system query", "dmg -j pool list"
RECORD = Record(
    began=datetime(2026, 1, 1, tzinfo=UTC),
    release="2.0.1",
    enabled=("daos_server",),
    running=("daos_server",),
    ranks=(0, 1),
    pools={"8a1327ee-0db4-4f4a-aefc-bcba47ab4787": "tank"},
    servers=SERVERS,
    started="",
)


def state(of: State) -> State:
    """A state that is compared."""
    STATES.append(of)
    return of


def _looks(*names: str) -> list[Question]:
    return [Question(name, LOOK) for name in names or (*SERVERS, ADMIN, CLIENT)]


def _about_pools(front: Front) -> list[Question]:
    uuids = front.pools()
    counted = dmg.one_by_one(uuids, containers._QUERY)
    each = dmg.one_by_one(uuids, 'dmg -j pool query "$pool"')
    return [
        Question(ADMIN, LIST),
        Question(ADMIN, each),
        Question(CLIENT, "daos container list tank"),
        Question(CLIENT, counted),
    ]


def _all(front: Front) -> list[Question]:
    return [*_looks(), Question(ADMIN, QUERY), *_about_pools(front)]


def _ranks(front: Front) -> dict[int, str]:
    try:
        members = (json.loads(front.ask(ADMIN, QUERY).out)["response"] or {})["members"] or ()
    except (LookupError, TypeError, ValueError):
        return {}
    return {member["rank"]: member["state"] for member in members}


def _are(front: Front, state: str) -> bool:
    return set(_ranks(front).values()) == {state}


def _degraded(front: Front) -> None:
    """Wait until a pool has lost targets, which lasts."""
    front.until(lambda: '"targets_disabled": 0' not in front.ask(ADMIN, LIST).out)


def _joined(front: Front) -> None:
    front.until(lambda: _are(front, "joined"))


@state
def serving(front: Front) -> Iterator[list[Question]]:
    """All is well."""
    yield _all(front)


@state
def engine_dead(front: Front) -> Iterator[list[Question]]:
    """An engine was killed: its rank is excluded, and pools have lost its targets."""
    front.plant("ENGINE_DIES", SECOND)
    front.until(lambda: "excluded" in _ranks(front).values())
    yield _all(front)
    yield [
        Question(ADMIN, "dmg -j system stop"),
        Question(ADMIN, QUERY),
        Question(ADMIN, LIST),
        *_looks(SECOND),
    ]
    yield [Question(ADMIN, "dmg -j system start")]
    _joined(front)
    yield [Question(ADMIN, QUERY), Question(ADMIN, LIST), *_looks(SECOND)]
    front.reintegrate()


@state
def not_prepared(front: Front) -> Iterator[list[Question]]:
    """A server's engines cannot be prepared for a stop."""
    front.plant("ENGINE_NOT_PREPARED", SECOND)
    yield [Question(ADMIN, "dmg -j system stop"), *_all(front)]
    front.mend("ENGINE_NOT_PREPARED", SECOND)


@state
def engines_stopped(front: Front) -> Iterator[list[Question]]:
    """The engines were stopped, and daos_server runs on; then they are started again."""
    yield [
        Question(ADMIN, "dmg -j system stop"),
        *_all(front),
        Question(ADMIN, "dmg -j system stop"),
    ]
    yield [Question(ADMIN, "dmg -j pool evict tank"), Question(ADMIN, "dmg -j system start")]
    _joined(front)
    yield _all(front)


@state
def nothing_serves(front: Front) -> Iterator[list[Question]]:
    """Server after server is stopped, until dmg reaches nobody; then all are started again."""
    yield [Question(ADMIN, "dmg -j system stop"), Question(SECOND, f"systemctl stop {SERVER_UNIT}")]
    front.until(lambda: _are(front, "stopped"))
    yield [*_all(front), Question(THIRD, f"systemctl stop {SERVER_UNIT}")]
    yield [*_looks(THIRD)]
    front.until(
        lambda: front.ask(ADMIN, QUERY, 1).code == _GIVEN_UP
    )  # until it knows that it is alone
    yield [Question(ADMIN, QUERY, patience=4)]
    yield [
        Question(FIRST, f"systemctl stop {SERVER_UNIT}"),
        Question(FIRST, f"systemctl stop {SERVER_UNIT}"),
    ]
    yield [
        *_all(front),
        Question(ADMIN, "dmg -j system stop"),
        Question(ADMIN, "dmg -j pool evict tank"),
    ]
    yield [
        Question(it, f"systemctl daemon-reload && systemctl start {SERVER_UNIT}") for it in SERVERS
    ]
    _joined(front)
    yield _all(front)


@state
def agent(front: Front) -> Iterator[list[Question]]:
    """The agent is stopped and started, disabled and enabled, masked and unmasked; each twice."""
    for verb in ("stop", "disable", "mask"):
        yield [Question(CLIENT, f"systemctl {verb} {AGENT_UNIT}"), *_looks(CLIENT)]
        yield [
            Question(CLIENT, f"systemctl {verb} {AGENT_UNIT}"),
            Question(CLIENT, "daos container list tank"),
        ]
    yield [Question(CLIENT, f"systemctl {verb} {AGENT_UNIT}") for verb in ("start", "enable")]
    for verb in ("unmask", "enable", "start"):
        yield [Question(CLIENT, f"systemctl {verb} {AGENT_UNIT}"), *_looks(CLIENT)]
        yield [Question(CLIENT, f"systemctl {verb} {AGENT_UNIT}")]


@state
def foreign_agent(front: Front) -> Iterator[list[Question]]:
    """An agent runs beside that of the unit, and goes on when that one is stopped.

    Both have one socket, which is gone with either; the simulation has none.
    """

    def run(count: int) -> Callable[[], bool]:
        return lambda: front.ask(CLIENT, LOOK).out.count("\ndaemon ") == count

    def started() -> int:
        told = (f"{it['host']} {it['program']} {it['event']}" for it in front.events())
        return list(told).count(f"{CLIENT} daos_agent start")

    before = started()
    front.plant("FOREIGN_AGENT", CLIENT)
    front.until(lambda: started() > before)  # its process is there before it tells that it is up
    front.until(run(2))
    yield _looks(CLIENT)
    yield [Question(CLIENT, f"systemctl stop {AGENT_UNIT}"), *_looks(CLIENT)]
    yield [Question(CLIENT, f"systemctl start {AGENT_UNIT}"), *_looks(CLIENT)]
    front.mend("FOREIGN_AGENT", CLIENT)
    front.until(run(1))
    yield [*_looks(CLIENT), Question(CLIENT, f"systemctl restart {AGENT_UNIT}")]
    yield [*_looks(CLIENT), Question(CLIENT, "daos container list tank")]


@state
def unknown_units(front: Front) -> Iterator[list[Question]]:
    """Units that are not there."""
    yield [
        Question(ADMIN, f"systemctl {verb} {SERVER_UNIT}")
        for verb in ("start", "stop", "enable", "disable")
    ]


@state
def pool_open(front: Front) -> Iterator[list[Question]]:
    """An application has a pool open, and loses it."""
    front.hold(CLIENT, "tank")
    yield _all(front)
    yield [Question(ADMIN, "dmg -j pool evict tank"), Question(ADMIN, "dmg -j pool evict nothing")]
    front.until(lambda: "daos-job" not in front.ask(CLIENT, LOOK).out)
    yield _looks(CLIENT)


def _waits(front: Front, name: str) -> bool:
    """Whether a transaction stands still: only the package of the role is not there yet.

    zypper has rpm update one after the other, and that one is the last.
    """
    looked = front.ask(name, LOOK).out
    if "zypper" in looked:
        return "daos-client-2.0.3" in looked
    has = front.ask(name, dependencies.asked(["daos", "spdk-tools"])).out
    return all(build in has for build in ("daos 2.0.1", "daos 2.0.3", "spdk-tools 21.07-11"))


def half_a_transaction(front: Front, lines: Mapping[str, str]) -> Iterator[list[Question]]:
    """Package transactions that are killed in the middle; one of them is made again.

    + lines: the transaction of each node
    """
    for name, line in lines.items():
        front.plant("TRANSACTION_PAUSES", name, seconds=30)
        front.begin(name, line)
    for name in lines:
        front.until(partial(_waits, front, name))
    yield _looks(*lines)
    for name in lines:
        front.kill_package_manager(name)
        front.mend("TRANSACTION_PAUSES", name)
    yield _looks(*lines)
    yield [Question(THIRD, lines[THIRD]), *_looks(THIRD)]


def erased(front: Front) -> Iterator[list[Question]]:
    """All is erased, and formatted anew: which engine gets which rank is left to chance then."""
    erase, form = "dmg -j system erase", "dmg -j storage format --force"
    yield [Question(ADMIN, erase), Question(ADMIN, form)]
    yield [Question(ADMIN, "dmg -j system stop"), Question(ADMIN, erase), *_looks(*SERVERS)]
    front.until(lambda: "uninitialized" in front.ask(ADMIN, QUERY).out)
    yield [Question(ADMIN, QUERY), Question(ADMIN, LIST), Question(ADMIN, form)]
    front.until(lambda: list(_ranks(front).values()) == ["joined"] * len(SERVERS) * _ENGINES)
    yield [Question(ADMIN, LIST), *_looks()]


@state
def records(front: Front) -> Iterator[list[Question]]:
    """What an update remembers: written, written anew, damaged, forgotten; the trace of starts."""
    for line in (
        window_file.save(RECORD),
        window_file.save(RECORD.starting("2.0.3")),
        start_trace.laid(anew=True),
        start_trace.laid("2.0.3-1.el8"),
    ):
        yield [Question(SECOND, line), *_looks(SECOND)]
    yield [Question(SECOND, f"printf %s '{{}}' > {window_file.PATH}"), *_looks(SECOND)]
    yield [Question(SECOND, f"printf %s '' > {window_file.PATH}"), *_looks(SECOND)]
    yield [Question(SECOND, f"{start_trace.lifted()} && {window_file.forget()}"), *_looks(SECOND)]
    yield [Question(SECOND, f"{start_trace.lifted()} && {window_file.forget()}")]


@state
def disk_full(front: Front) -> Iterator[list[Question]]:
    """Nothing can be written where an update remembers what it has to."""
    front.fill(CLIENT, window_file.FOLDER)
    yield [Question(CLIENT, window_file.save(RECORD)), *_looks(CLIENT)]
    yield [Question(CLIENT, window_file.save(RECORD.starting("2.0.3"))), *_looks(CLIENT)]
    front.empty(CLIENT, window_file.FOLDER)
    yield [Question(CLIENT, window_file.forget()), *_looks(CLIENT)]


@state
def never_ready(front: Front) -> Iterator[list[Question]]:
    """A server is started anew, and its engines do not get ready; then once more, and they do."""
    yield [Question(SECOND, f"systemctl stop {SERVER_UNIT}")]
    front.until(lambda: list(_ranks(front).values()).count("excluded") == _ENGINES)
    front.plant("ENGINE_NEVER_READY", SECOND)
    yield [Question(SECOND, f"systemctl start {SERVER_UNIT}")]
    front.until(lambda: front.ask(SECOND, LOOK).out.count("\ndaemon ") == 1 + _ENGINES)
    yield [*_looks(SECOND), Question(ADMIN, QUERY), Question(ADMIN, LIST)]
    front.mend("ENGINE_NEVER_READY", SECOND)
    yield [Question(SECOND, f"systemctl restart {SERVER_UNIT}")]
    _joined(front)
    yield [*_looks(SECOND), Question(ADMIN, QUERY), *_about_pools(front)]
    front.reintegrate()


@state
def rebooted(front: Front) -> Iterator[list[Question]]:
    """A server reboots and starts DAOS; it loses its power, and does not start DAOS by itself."""
    front.plant("REBOOT", SECOND)
    _degraded(front)
    _joined(front)
    front.reintegrate()
    lines = (window_file.save(RECORD), start_trace.laid(anew=True))
    yield [*_looks(SECOND), *(Question(SECOND, line) for line in lines)]
    yield [Question(SECOND, f"systemctl disable {SERVER_UNIT}")]
    front.plant("POWER_LOST", SECOND)
    front.until(lambda: list(_ranks(front).values()).count("excluded") == _ENGINES)
    yield [Question(ADMIN, QUERY), *_about_pools(front)]
    front.mend("POWER_LOST", SECOND)
    front.until(lambda: front.ask(SECOND, LOOK).out)
    yield _looks(SECOND)
    yield [Question(SECOND, f"systemctl {verb} {SERVER_UNIT}") for verb in ("enable", "start")]
    _joined(front)
    front.reintegrate()
    yield [Question(SECOND, f"{start_trace.lifted()} && {window_file.forget()}"), *_looks(SECOND)]


@state
def server_killed(front: Front) -> Iterator[list[Question]]:
    """daos_server is killed; systemd starts it again, and its engines are back."""
    front.ask(THIRD, start_trace.laid(anew=True))
    front.ask(THIRD, "pkill -KILL -x daos_server")
    front.until(lambda: "ActiveState=activating" in front.ask(THIRD, LOOK).out)
    front.until(lambda: "excluded" in _ranks(front).values())
    yield [*_looks(THIRD), Question(ADMIN, QUERY)]
    _joined(front)
    yield [*_looks(THIRD), Question(THIRD, f"cat {window_file.STARTS}")]
    front.ask(THIRD, f"{start_trace.lifted()} && {window_file.forget()}")
    front.reintegrate()
