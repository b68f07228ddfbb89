"""A run that forks where a fault comes ends as one that was typed anew with that fault."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
_PLAYED = """\
import json, re, sys
from pathlib import Path
from testbed.exploration.cases import Case, simple
from testbed.exploration.play import Playing, Site
from testbed.simulation import process
from testbed.simulation.faults import Plan, Planted

KINDS = ("command fails", "host hangs", "SIGKILL", "Ctrl-C", "power lost")
NUMBERS = (3, 35, 49)
FAULTS = [Planted(0, n, "before", kind) for n in NUMBERS for kind in KINDS]
FAULTS += [Planted(0, n, "before", "server by hand", "daos-server-02") for n in NUMBERS]
FAULTS += [Planted(0, 34, "after", "connection breaks"), Planted(0, 54, "middle", "power lost")]
site = Site(Path.cwd())

def begin():
    site.clear()
    return Playing(Case(simple()), site)

def told(outcome):
    report = site.report()
    lines = [re.sub(r"process [0-9]+", "", sent.line) for sent in outcome.told[1]]
    events = [(it["time"], it["host"], it["event"]) for it in outcome.cluster.events]
    files = sorted(str(it.relative_to(site.path)) for it in site.path.glob("runs/*/*"))
    said = {key: report.get(key) for key in ("outcome", "state", "next", "failures", "phases")}
    return repr((outcome.exit_code, lines, events, outcome.output, said, files))

begun = begin()
branches = process.branches(begun.cluster, site.path, *begun.words, faults=FAULTS)
forked = {fault: (told(outcome), len(outcome.told[0])) for fault, outcome in branches}
undisturbed = site.report()
differ = []
for fault in FAULTS:
    begun = begin()
    typed = process.pyinfra(begun.cluster, site.path, *begun.words, planted=Plan((fault,)))
    if forked[fault][1] and forked[fault][0] != told(typed):
        differ.append(str(fault))
idle = [str(fault) for fault in FAULTS if not forked[fault][1]]
print(json.dumps([len(forked), differ, idle, undisturbed["outcome"]]))
"""


def test_a_branch_is_what_the_run_would_have_been() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PLAYED], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    played, differ, idle, undisturbed = json.loads(done.stdout)
    assert played == 20
    assert differ == []
    # daos_server runs there already, for the first two.
    by_hand = "server by hand on daos-server-02"
    assert idle == [f"{by_hand}, before command {n} of run 0" for n in (3, 35)]
    assert undisturbed == "updated"  # and its folder was brought back each time
