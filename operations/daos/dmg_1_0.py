"""dmg of DAOS 1.0: what it prints, as `dmg -j` of 1.2 would answer it.

It has no JSON of its own: its `-j` wraps the same text in lines of a log. Nor does it look for the
management service, but asks the server that was connected first: it is given the access point.
Source: src/control/cmd/dmg and src/control/client (chooseServiceLeader) of DAOS v1.0.1.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterable
from typing import Any

import yaml
from ClusterShell.RangeSet import RangeSet, RangeSetException

from . import yaml_text
from .dmg import BETWEEN, answers, one_by_one
from .releases import Version

_FIRST_WITH_JSON = Version(1, 1, 0)
_PORT = 10001
_STATES = {"started": "joined", "evicted": "excluded"}
_RULE = re.compile(r"^-+( +-+)*\s*$")  # under a table's titles, one group of dashes a column
_POOL = re.compile(r"^Pool \S+, ntarget=(\d+), disabled=(\d+)$", re.MULTILINE)
_REBUILD = re.compile(r"^Rebuild (\w+), \d+ objs", re.MULTILINE)
_FAILED = re.compile(r"^Rebuild failed, rc=-?\d+, status=(-?\d+)", re.MULTILINE)


def speaks(version: Version | None) -> bool:
    """Whether dmg of this release prints text alone."""
    return version is not None and version < _FIRST_WITH_JSON


def access_point(text: str, hostname: str) -> str:
    """The access point, of which a system of 1.0 has one, as "host:port".

    + text: the daos_server.yml of a server
    + hostname: of that server, which is meant where nothing else is said

    Raises ValueError where the text is not understood.
    """
    try:
        settings = yaml_text.read(text) or {}
        first = str((settings.get("access_points") or ["localhost"])[0])
        host, _, port = first.partition(":")
        host = hostname if host in ("localhost", "127.0.0.1") else host
        return f"{host}:{port or settings.get('port') or _PORT}"
    except (yaml.YAMLError, AttributeError, LookupError, TypeError) as problem:
        raise ValueError(f"it names no access point: {problem}") from problem


def line(arguments: str, point: str) -> str:
    """The shell command for what `dmg -j ARGUMENTS` asks in later releases.

    + point: the access point
    """
    verbose = " -v" if arguments == "system query" else ""
    return f"dmg -l {shlex.quote(point)} {arguments}{verbose}"


def pool_queries(uuids: Iterable[str], point: str) -> str:
    """One shell command that asks about each of these pools; `pool_answers` reads its answer.

    + point: the access point
    """
    query = line('pool query --pool "$pool"', point)
    return one_by_one(uuids, f"{query} 2>&1")


def pool_answers(text: str) -> str:
    """The answer to `pool_queries` as that to `dmg.pool_queries` would be."""
    said = answers(text).items()
    return "".join(f"{BETWEEN}{pool}\n{answer('pool query', True, it)}\n" for pool, it in said)


def answer(arguments: str, done: bool, text: str, errors: str = "") -> str:
    """What dmg printed, in the form of 1.2's JSON; as it is where it is not understood.

    + arguments: the command that dmg was given
    + done: whether it exited 0
    + text, errors: what it wrote to standard output and to standard error
    """
    said = (errors or text).strip()
    if not done or "ERROR: " in said:
        last = said.splitlines()[-1] if said else "no answer"
        message = last.removeprefix("ERROR: ").removeprefix("dmg: ")
        return json.dumps({"response": None, "error": message, "status": -1})
    read = next((read for words, read in _READERS.items() if arguments.startswith(words)), None)
    response = read(text) if read else None
    if response is None:
        return text
    return json.dumps({"response": response, "error": None, "status": 0})


def _members(text: str) -> Any:
    if "No members in system" in text:
        return {"members": None}
    rows = _table(text, 4)
    if rows is None or not all(rank.isdigit() for rank, *_ in rows):
        return None
    return {
        "members": [
            {
                "rank": int(rank),
                "uuid": uuid,
                "addr": address,
                "state": _STATES.get(state.lower(), state.lower()),
                "fault_domain": "",
                "info": "",
            }
            for rank, uuid, address, state in rows
        ]
    }


def _results(text: str) -> Any:
    rows = _table(text, 3)
    if rows is None:
        return None
    try:
        return {
            "Results": [
                {"Rank": rank, "Action": action, "Errored": result != "OK", "Msg": result}
                for ranks, action, result in rows
                for rank in RangeSet(ranks.strip("[]")).intiter()
            ]
        }
    except RangeSetException:
        return None


def _pools(text: str) -> Any:
    if "No pools in system" in text:
        return {"Status": 0, "pools": None}
    rows = _table(text, 2)
    if rows is None:
        return None
    return {
        "Status": 0,
        "pools": [
            {"uuid": uuid, "svc_reps": [int(rank) for rank in re.findall(r"\d+", ranks)]}
            for uuid, ranks in rows
        ],
    }


def _pool(text: str) -> Any:
    targets, rebuild, failed = _POOL.search(text), _REBUILD.search(text), _FAILED.search(text)
    if not targets or not (rebuild or failed):
        return None
    return {
        "total_targets": int(targets[1]),
        "disabled_targets": int(targets[2]),
        "total_nodes": 0,  # it does not tell
        "rebuild": {
            "state": rebuild[1] if rebuild else "idle",
            "status": int(failed[1]) if failed else 0,
        },
    }


_READERS: dict[str, Callable[[str], Any]] = {
    "system query": _members,
    "system stop": _results,
    "system start": _results,
    "pool list": _pools,
    "pool query": _pool,
}


def _table(text: str, columns: int) -> list[tuple[str, ...]] | None:
    """The rows of the table in a text; None where there is none with so many columns."""
    lines = text.splitlines()
    rule = next((number for number, row in enumerate(lines) if _RULE.match(row)), None)
    if not rule:
        return None
    starts = [match.start() for match in re.finditer(r"-+", lines[rule])]
    ends = [*starts[1:], None]
    spans = list(zip(starts, ends, strict=True))
    if len(spans) != columns:
        return None
    rows = (row for row in lines[rule + 1 :] if row.strip())
    return [tuple(row[start:end].strip() for start, end in spans) for row in rows]
