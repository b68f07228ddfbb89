"""What servers answer of their ranks, and what the management service makes of that. No I/O."""

from typing import Any

from ..model import System

SILENT = "unresponsive"  # a rank whose server gives no answer
_ACTIONS = {"prepare": "prep shutdown", "stop": "stop", "start": "start"}
_STATES = {"prepare": "stopping", "stop": "stopped", "start": "ready"}


def rank_result(rank: int, action: str, problem: str, address: str) -> dict[str, Any]:
    """The fields of shared.RankResult; `problem` is "" where it went well."""
    return {
        "rank": rank,
        "action": _ACTIONS[action],
        "errored": bool(problem),
        "msg": problem,
        "state": "errored" if problem else _STATES[action],
        "addr": address,
    }


def apply_stop(system: System, results: list[dict[str, Any]], force: bool, now: str) -> None:
    """Take over what servers say of ranks that were to be stopped."""
    for result in results:
        if result["state"] == SILENT:
            system.unresponsive(result["rank"], result["msg"], now)
        elif result["errored"]:
            system.stop_failed(result["rank"], result["msg"], now)
        else:
            system.stopped(result["rank"], not force, now)


def apply_start(system: System, results: list[dict[str, Any]], now: str) -> None:
    """Take over what servers say of ranks that were to be started."""
    for result in results:
        if result["state"] == SILENT:
            system.unresponsive(result["rank"], result["msg"], now)
        elif result["errored"]:
            system.start_failed(result["rank"], result["msg"], now)
        else:
            system.started(result["rank"], now)
