"""The storage is reformatted: `dmg system erase` and `dmg storage format`, and both once more.

Source: src/control/lib/control/storage.go (checkFormatReq) of DAOS v2.0.2: nothing is formatted
while a management service answers, and that of 2.x answers for the system of 1.x.
"""

import json
import shlex
import time
from collections.abc import Collection, Mapping
from dataclasses import replace

import yaml

from ..daos import dmg, yaml_text
from ..daos.configuration import SERVER
from ..daos.dmg import DmgError
from ..daos.node import Node
from ..daos.node_sets import fold
from ..machinery.run import say
from ..rules.members import on
from ..rules.view import View
from . import conversion
from .record.memory import remember
from .record.record import now
from .run import MigrationRun

_FORMAT_TIME = 3600  # seconds that `dmg storage format` may take: NVMe devices are slow at it
_SETTLE = 20  # seconds that engines of a server that is formatted may take to be seen
_PAUSE = 2  # seconds between two looks at them
_RESTART = 60  # seconds that daos_server may take to listen again after an erase
_RUNNING = "running system"


def reformat(current: MigrationRun) -> str | None:
    """Reformat the storage of the servers that lack it; what went wrong, None where nothing."""
    begun = current.migration.formatting
    problem = None if begun else remember(current, replace(current.migration, formatting=now()))
    if problem:
        return problem
    servers = current.read().of("servers")
    lacking = _still_lacking(current) if begun else list(servers)
    if not lacking:
        return None
    hosts = to_format(servers, lacking, _replicas(current))
    answer = _storage_format(current, fold(hosts))
    if _RUNNING in answer and len(hosts) == len(servers):
        return _erase(current) or _format_erased(current, hosts)
    return _refused(answer)


def _storage_format(current: MigrationRun, hosts: str) -> str:
    """By name: dmg otherwise takes the hosts of its own file, which need not be all of them."""
    line = f"storage format --force -l {shlex.quote(hosts)}"
    say(f"dmg {line}")
    return current.dmg.ask(line, _FORMAT_TIME)


def _format_erased(current: MigrationRun, hosts: Collection[str]) -> str | None:
    """Format what was just erased: the servers that held the management service start again.

    A replica that has not begun to may still answer for the system for a moment.

    Source: eraseAndRestart in src/control/server of DAOS v2.0.2.
    """
    deadline = time.monotonic() + _RESTART
    lacking = fold(hosts)
    while True:
        answer = _storage_format(current, lacking)
        failed = ",".join(sorted(set(dmg.host_errors(answer).values())))
        if not (failed or _RUNNING in answer) or time.monotonic() > deadline:
            return _refused(answer)
        lacking = failed or lacking
        time.sleep(_PAUSE)


def _still_lacking(current: MigrationRun) -> list[str]:
    """The servers that an interrupted run has not formatted.

    Engines of those that it has take a while to be seen, and an engine of 2.x may be seen for a
    moment on storage of 1.x, too.
    """
    deadline = time.monotonic() + _SETTLE
    lacking = None
    while True:
        before, lacking = lacking, _unformatted(current, current.read())
        if lacking == before and (not lacking or time.monotonic() > deadline):
            return lacking
        time.sleep(_PAUSE)


def _unformatted(current: MigrationRun, view: View) -> list[str]:
    """The servers without an engine of 2.x, which does not stay up on storage of 1.x."""
    members = current.dmg.query_or_none() or []
    joined = [member for member in members if member.state == "joined"]
    return view.where(
        lambda node: not node.engines and not any(on(node, member) for member in joined), "servers"
    )


def to_format(
    servers: Mapping[str, Node], lacking: Collection[str], replicas: set[str]
) -> list[str]:
    """The hosts of the servers that `dmg storage format` is to be told.

    Where a replica of the management service lacks its format, all begin anew: the others can have
    joined no system that lasts.

    + lacking: the servers that are not formatted yet
    + replicas: hosts of the management service, as daos_server.yml names them
    """
    hosts = [servers[name].hostname for name in lacking]
    known = replicas | {replica.split(".")[0] for replica in replicas}
    if known & {*hosts, *lacking}:
        return [node.hostname for node in servers.values()]
    return hosts


def _replicas(current: MigrationRun) -> set[str]:
    """The hosts of the management service, without their ports; empty where that is not known."""
    server = current.host(current.start.groups["servers"][0])
    try:
        text = conversion.read(current, server).get(SERVER, "")
        points = (yaml_text.read(text) or {}).get("access_points") or []
    except (conversion.Unreadable, yaml.YAMLError, AttributeError):
        return set()
    return {str(point).partition(":")[0] for point in points}


def _erase(current: MigrationRun) -> str | None:
    say("a management service of 1.x answers there: dmg system erase")
    done, output, errors = current.command(current.dmg.admin, "dmg system erase", _FORMAT_TIME)
    return None if done else f"`dmg system erase` failed: {(errors or output).strip()}"


def _refused(answer: str) -> str | None:
    """What dmg says against a format, host by host; None where nothing."""
    try:
        dmg.response(answer)
    except DmgError as problem:
        errors = dmg.host_errors(answer)
        by_host = f". By host: {json.dumps(errors)}" if errors else ""
        return f"`dmg storage format --force` failed: {problem}{by_host}"
    return None
