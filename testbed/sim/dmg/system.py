"""dmg system: the ranks, as one system. Each command gives its text, and what JSON has for it."""

from typing import Any

from ..common import ranges, release
from . import output
from .asking import Dmg
from .common import CommandFailed, plain


def query(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    """Tell the state of each rank."""
    what = "system query"
    empty = {"members": None} if dmg.old else None
    answer = dmg.call("SystemQuery", what, empty, **dmg.selection(what))
    members = [plain(member) for member in answer.members]
    response = output.json_system_query(members, dmg.version)
    verbose = "verbose" in dmg.given
    text = output.system_query(members, verbose, answer.absentranks, dmg.version)
    told = bool(members) and not verbose  # in the table
    _check_absent(dmg, what, answer, text, response, told)
    return text, response


def stop(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    """Prepare and stop ranks."""
    what = "system stop"
    force = "force" in dmg.given or release.stop_kills(dmg.version)
    given = {"prep": True, "kill": True, "force": force}
    return _on_ranks(dmg, what, "SystemStop", **given, **dmg.selection(what))


def start(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    """Start ranks that were stopped."""
    what = "system start"
    return _on_ranks(dmg, what, "SystemStart", **dmg.selection(what))


def _on_ranks(dmg: Dmg, what: str, method: str, **fields: Any) -> tuple[str, Any]:
    empty = {"Results": None} if dmg.old else None
    answer = dmg.call(method, what, empty, **fields)
    results = [plain(result) for result in answer.results]
    text = output.rank_results(results, answer.absentranks, dmg.version)
    response = output.json_rank_results(results)
    _check_absent(dmg, what, answer, text, response, told=dmg.old or bool(results))
    problem = output.failed_ranks(results)
    if problem:
        raise _after(dmg, dmg.failed(what, problem), text, response)
    return text, response


def erase(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    """Erase the system, of which dmg tells nothing."""
    running = _available(dmg)
    if running:
        many = f"{len(running)} rank{'s' * (len(running) > 1)}"
        which = ranges.folded(running, brackets=False)
        raise CommandFailed(f"system erase requires the following {many} to be stopped: {which}")
    results = [plain(r) for r in dmg.call("SystemErase", "system erase").results]
    problem = output.failed_ranks(results)
    if problem:
        raise CommandFailed(problem)
    return "", None


def _available(dmg: Dmg) -> list[int]:
    """The ranks that run; none where no management service answers, as before any format."""
    try:
        members = dmg.call("SystemQuery", "system query").members
    except CommandFailed:
        return []
    return [member.rank for member in members if member.state in ("ready", "joined")]


def leader_query(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    """Tell who leads the management service."""
    empty = output.json_leader_query("", None, dmg.version) if dmg.old else None
    answer = dmg.call("LeaderQuery", "system leader-query", empty)
    leader, replicas = answer.currentLeader, list(answer.replicas)
    text = output.leader_query(leader, replicas)
    return text, output.json_leader_query(leader, replicas, dmg.version)


def _check_absent(dmg: Dmg, what: str, answer: Any, text: str, response: Any, told: bool) -> None:
    """Raises CommandFailed where ranks or hosts were named that there are not.

    + told: whether the text names such ranks
    """
    for kind in ("ranks", "hosts"):
        absent = getattr(answer, f"absent{kind}", "")
        if absent:
            failure = _after(dmg, dmg.failed(what, f"non-existent {kind} {absent}"), text, response)
            if kind == "hosts" or not told:
                _say_unknown(dmg, failure, output.unknown(kind, absent))
            raise failure


def _say_unknown(dmg: Dmg, failure: CommandFailed, unknown: str) -> None:
    """Add what there is not: since 2.0 it is told as an error."""
    if dmg.old:
        failure.shown += f"{unknown}\n"
    else:
        failure.notes = [unknown]


def _after(dmg: Dmg, failure: CommandFailed, text: str, response: Any) -> CommandFailed:
    """A failure of a command that has results to show all the same."""
    failure.shown = text
    failure.response = response
    failure.told = "" if dmg.old else failure.reason
    return failure
