"""What was mended, taken back: each case that stays in found/ has to fail then.

A case names commands; where a procedure has come to send others, it may no longer come upon what it
was kept for, and still end well.
"""

from __future__ import annotations

from .planted import Bug


def _back(file: str, old: str, new: str) -> Bug:
    return Bug("the mend is taken back", "resumption", file, ((old, new),))


_MEMBERS = "operations/rules/members.py"
_STARTED = 'services.servers_started(name="Start daos_server on the servers")\n'
_STARTS = 'system.started(name="Start the engines that were stopped: dmg system start")\n'

# Name of a case to its mend; those of the simulation itself and of the referee are not here.
MENDS = {
    "a-node-gives-no-answer-after-a-slow-gate": _back(
        "operations/machinery/step.py",
        "            except NoAnswer as silent:  # it did give one to the gate, "
        "which may have been slow\n"
        "                yield refuse(current, gates.answering(silent.view))\n",
        "",
    ),
    "a-server-boots-while-another-one-has-dmg": _back(
        "operations/system.py", "_with_their_servers(current, others) if others else ()", "()"
    ),
    "a-server-hangs-and-comes-back": _back(
        _MEMBERS, "its targets have left the pools: {_ANEW}, then reint", "reint"
    ),
    "a-server-hangs-while-engines-are-stopped": _back(
        _MEMBERS, '= STOPPED | {"unresponsive"}', "= STOPPED"
    ),
    "a-server-loses-power-and-its-rank-is-excluded-while-engines-stop": _back(
        "operations/machinery/judgements.py", 'if finding.code != "pool-degraded":', "if True:"
    ),
    "an-agent-is-neither-enabled-nor-running": _back(
        "operations/report.py", "say(_LEFT.format", "str(_LEFT.format"
    ),
    "dmg-gives-no-answer-while-the-procedure-is-read": _back(
        "operations/machinery/hosts.py",
        "    try:\n        yield\n    finally:\n        ctx_host.set(before)",
        "    yield\n    ctx_host.set(before)",
    ),
    "the-only-access-point-boots": _back(
        "operations/machinery/judgements.py", 'f"{gates.to_start(view)}"', '""'
    ),
    "the-way-back-after-a-server-hung": _back(
        _MEMBERS, "its engine runs and has not joined: where that lasts, {_ANEW}", "it runs"
    ),
    "the-way-back-where-one-server-was-stopped": _back(
        "deploys/rollback.py", _STARTED + _STARTS, _STARTS + _STARTED
    ),
}
