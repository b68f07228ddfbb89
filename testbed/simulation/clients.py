"""dmg and daos on a simulated node: the answers are printed by the very code of the lab's dmg."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from testbed.lab.provision import CONTROL_PORT as PORT
from testbed.sim.common import release as releases
from testbed.sim.common.errors import DER_MISC, NO_ENGINE
from testbed.sim.dmg import output
from testbed.sim.dmg.asking import RETRIES, refused_by
from testbed.sim.model import Refused, System

from .management import Management
from .node import AGENT, Node
from .shell import Session, phrase

_DEADLINE = 300.0  # seconds that dmg tries for
_START_IT = (
    'client: code = 506 resolution = "verify that the configured address is correct and that the '
    'server is running"'
)
_NO_AGENT = "DER_AGENT_COMM(-1033): unable to contact daos_agent"
_DIAL = 2.0  # seconds until it gives up servers that do not answer
_UNREACHABLE = "unable to contact the DAOS Management Service"
_NO_LEADER = "the DAOS Management Service is unavailable: no leader"
_UNINITIALIZED = "system is uninitialized (storage format required?)"
_PREFIXES = {  # dmg's, where it prints JSON
    "pool list": "list pools failed: ", "pool query": "", "system erase": "", "storage format": "",
}  # fmt: skip
_TO_ONE_SERVER = "pool evict"  # which names the server that it could not reach


class Failed(Exception):
    """A command of dmg that failed.

    + response: what its JSON has for an answer nevertheless
    + told: what its JSON says is wrong, where that is not all of the message
    + advice: what it says besides, on standard error
    """

    def __init__(self, why: str, response: Any = None, told: str = "", advice: str = "") -> None:
        super().__init__(why)
        self.response, self.told, self.advice = response, told, advice


def _refused(why: Refused, response: Any = None) -> Failed:
    """The management service has refused: in the words of gRPC."""
    return Failed(f"rpc error: code = FailedPrecondition desc = {why}", response)


@phrase("dmg -j ", r"(system (?:query|stop(?: --force)?|start)|pool list)(?= && | \|\| |\n|$)")
def _dmg(session: Session, command: str) -> int:
    what = command.removesuffix(" --force")
    return answer(session, what, lambda it: _COMMANDS[command](session, it))


@phrase("dmg -j pool evict ", r"([\w:.-]+)")
def _evict(session: Session, pool: str) -> int:
    def evict(management: Management) -> None:
        try:
            management.evict(pool)
        except Refused as why:
            raise _refused(why) from why

    return answer(session, _TO_ONE_SERVER, evict)


@phrase("for pool in ", r'([^;]*); do echo "== \$pool"; dmg -j pool query "\$pool"; done')
def _queries(session: Session, pools: str) -> int:
    code = 0
    for pool in pools.split():
        session.out.append(f"== {pool}\n")
        code = answer(session, "pool query", partial(_queried, session, pool))
    return code


def answer(
    session: Session, what: str, ask: Callable[[Management], Any], of_the_service: bool = True
) -> int:
    """Have dmg say what comes of a command; its exit code.

    + of_the_service: whether a management service has to lead for it
    """
    code, out, err = _said(session, what, ask, of_the_service)
    session.out.append(out)
    session.err.append(err)
    return code


def _said(
    session: Session, what: str, ask: Callable[[Management], Any], of_the_service: bool
) -> tuple[int, str, str]:
    """The exit code of a command, its JSON, and its errors."""
    node = session.node
    if not node.has_dmg:
        return 127, "", "sh: dmg: command not found\n"
    told = node.faults()
    if told.get("dmg_nonsense"):
        return 0, "panic: runtime error: invalid memory address or nil pointer dereference\n", ""
    if slow := told.get("dmg_slow"):
        session.wait(lambda: False, node.cluster.clock, float(slow))
    older = told.get("dmg_older")
    if older is not None and what in ("system query", "pool list", "pool query"):
        return node.older.setdefault(what, (0, output.json_answer(None), ""))
    try:
        management = node.cluster.management
        asked = _service(session, what) if of_the_service else management
        found = 0, output.json_answer(ask(asked)), ""
    except Failed as why:
        whole = f"{_PREFIXES.get(what, f'{what} failed: ')}{why}"
        lines = [whole, why.advice] if why.advice else [whole]
        errors = "".join(f"ERROR: dmg: {line}\n" for line in lines)
        found = 1, output.json_answer(why.response, why.told or whole, DER_MISC), errors
    node.older[what] = found
    return found


def _service(session: Session, what: str) -> Management:
    """The management service with a leader. Raises Failed."""
    management = session.node.cluster.management
    deadline = session.node.cluster.clock.now + _DEADLINE
    while not management.leader:
        if management.unformatted:
            raise Failed(
                f"rpc error: code = Unknown desc = {_UNINITIALIZED}", _empty(session, what)
            )
        if not management.listening:
            if any(not server.answers for server in session.node.cluster.servers):
                session.wait(lambda: False, session.node.cluster.clock, _DIAL)
            if what != _TO_ONE_SERVER:
                raise Failed(_UNREACHABLE, _empty(session, what))
            raise Failed(refused_by(f"{management.points[0]}:{PORT}"), advice=_START_IT)
        if session.node.cluster.clock.now > deadline:
            raise Failed(_NO_LEADER)
        session.wait(lambda: bool(management.leader), management, 5.0)
    return management


def _empty(session: Session, what: str) -> Any:
    """What the JSON of a command has for an answer where nobody gives one."""
    return output.json_no_pool(session.node.version) if what == "pool query" else None


def _query(session: Session, management: Management) -> Any:
    members = management.system.members
    rows = [vars(members[rank]) for rank in sorted(members)]
    return output.json_system_query(rows, session.node.version)


def _stop(session: Session, management: Management) -> Any:
    return _results(session, management, management.stop())


def _stop_by_force(session: Session, management: Management) -> Any:
    return _results(session, management, management.stop(force=True))


def _start(session: Session, management: Management) -> Any:
    return _results(session, management, management.start())


def _results(session: Session, management: Management, number: int) -> Any:
    session.wait(lambda: number in management.done, management)
    results = management.done[number]
    if results is None:
        raise Failed(_NO_LEADER)
    response = output.json_rank_results(results)
    if problem := output.failed_ranks(results):
        raise Failed(problem, response, told=problem)
    return response


def _pools(session: Session, management: Management) -> Any:
    rows = []
    for pool in management.system.pools.values():
        query, error = None, ""
        try:
            query = _pool(session, pool.uuid, management)
        except Refused as why:
            error = str(_refused(why))
        rows.append(output.pool_row(pool.uuid, pool.label, pool.svc_reps, query, error))
    return output.json_pool_list(rows, session.node.version)


def _pool(session: Session, name: str, management: Management) -> dict[str, Any]:
    """What a pool tells, where an engine runs by then. Raises Refused."""
    patient = releases.since(session.node.version, "2.4.0")
    until = session.node.cluster.clock.now + (RETRIES if patient else 0.0)
    while True:
        try:
            return management.query_pool(name)
        except Refused as why:
            if str(why) != NO_ENGINE or session.node.cluster.clock.now >= until:
                raise
        session.wait(lambda: False, session.node.cluster.clock, 1.0)


def _queried(session: Session, pool: str, management: Management) -> Any:
    try:
        found = _pool(session, pool, management)
    except Refused as why:
        raise _refused(why, output.json_no_pool(session.node.version)) from why
    return output.json_pool_query(found, session.node.version)


_COMMANDS: dict[str, Callable[[Session, Management], Any]] = {
    "system query": _query,
    "system stop": _stop,
    "system stop --force": _stop_by_force,
    "system start": _start,
    "pool list": _pools,
}

# daos


@phrase("daos container list ", r"(\S+)")
def _containers(session: Session, pool: str) -> int:
    found = _listed(session.node, pool)
    if isinstance(found, str):
        session.err.append(f"ERROR: daos: {found}\n")
        return 1
    session.out.append(output.table(["UUID", "Label"], found) if found else "No containers.\n")
    return 0


@phrase(
    "for pool in ",
    r'([^;]*); do echo "== \$pool"; timeout 10 daos -j container list "\$pool" 2>/dev/null; '
    r"\[ \$\? -lt 124 \] \|\| break; done",
)
def _counted(session: Session, pools: str) -> int:
    for pool in pools.split():
        found = _listed(session.node, pool)
        session.out.append(f"== {pool}\n")
        if isinstance(found, str):
            text = output.json_answer(None, found, DER_MISC)
        else:
            rows = [{"uuid": row[0], "label": row[1]} for row in found] or None
            text = output.json_answer(rows)
        session.out.append(text)
    return 0


def _listed(node: Node, name: str) -> list[list[str]] | str:
    """The containers of a pool, as an application on this node is told; or what is wrong."""
    system: System = node.cluster.management.system
    unit = node.units[AGENT]
    if unit.state != "active":
        return f"{_NO_AGENT}: [Errno 2] No such file or directory"
    if unit.daemon.version != node.version:
        return f"DER_MISMATCH: daos_agent is {unit.daemon.version}, libdaos is {node.version}"
    if not node.cluster.management.leader:
        return _UNREACHABLE
    joined = [system.members[rank] for rank in system.joined()]
    if not joined:
        return "DER_UNREACH(-1006): no rank of the system is joined"
    if not releases.may_talk(node.version, joined[0].version):
        return f"DER_PROTO: libdaos is {node.version}, the system is {joined[0].version}"
    try:
        pool = system.pool(name)
        node.cluster.management.visited(node, pool.uuid)
    except Refused as why:
        return str(why)
    return [[uuid, found.label] for uuid, found in pool.containers.items()]
