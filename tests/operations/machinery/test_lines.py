"""What a run says on 384 nodes: a line a step, and what many nodes have alike said once."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from tests.lab.typed import Typed

from ..fake_cluster import ROOT, members, node_answer
from .typed_over_fakes import ended

NODES = {
    **{f"s{number}": ("servers",) for number in range(64)},
    "a1": ("admins",),
    **{f"c{number}": ("clients",) for number in range(319)},
}
# As many steps as an update has; the last but one fails on some nodes, if it is told to.
PROCEDURE = """
import gevent
from pyinfra import host
from operations import report
from operations.examine import UPDATE, _of_the_nodes, begin, leading, summary
from operations.machinery.step import step, verify

def does(current, here):
    failing = {fails} and here.name in ("@fake/c7", "@fake/c8", "@fake/c9")
    failed = f"{{here.name}}: the package transaction failed:\\nsee {{here.name}}"
    yield verify(current, lambda: gevent.sleep(0.001) or (failed if failing else None))

begin(leading(UPDATE), _of_the_nodes, summary)
for number in range(16):
    does.__name__ = f"does_{{number}}"
    step("servers", "clients", looks=True)(does)(name=f"Step {{number}} of the update")
"""


def typed(folder: Path, fails: bool, *flags: str, typed: str = "") -> tuple[int, list[str]]:
    for name in ("config.py", "operations", "group_data"):
        (folder / name).symlink_to(ROOT / name)
    text = PROCEDURE.format(fails=fails) + 'report.completed(name="Look at all nodes once more")\n'
    (folder / "deploy.py").write_text(text)
    answers: dict[str, Any] = {
        "dmg -j system query": members([name for name in NODES if name.startswith("s")]),
        "dmg -j pool list": '{"response": {"status": 0, "pools": []}, "error": null, "status": 0}',
    }
    groups: dict[str, list[Any]] = {"servers": [], "admins": [], "clients": []}
    for name, (role,) in NODES.items():
        said = {"== packages": node_answer(name, "2.0.3", (role,)), **answers}
        data = {"fake_delay": 0, "fake_delay_jitter": 0, "fake_responses": said}
        groups[role].append((f"@fake/{name}", data))
    (folder / "inventory").write_text("\n".join(f"{k} = {v!r}" for k, v in groups.items()))
    environment = {**os.environ, "PYINFRA_PROGRESS": "off"}
    code, output = ended(Typed(["inventory", "deploy.py", *flags], folder, environment, typed), "")
    return code, output.splitlines()


def test_a_good_run_takes_a_line_a_step(tmp_path: Path) -> None:
    code, lines = typed(tmp_path, False, "-y")
    assert code == 0, lines
    steps = [line for line in lines if re.match(r" ?[0-9]+/17 ", line)]
    assert len(steps) == 17
    assert len(lines) <= 24, lines
    assert re.match(r" 1/17 Step 0 of the update +383 of 383 nodes  [0-9.]+ s  slowest ", steps[0])


def test_the_plan_and_a_refusal_are_no_longer(tmp_path: Path) -> None:
    code, lines = typed(tmp_path, False, typed="no\n")
    assert code == 1
    assert len(lines) <= 40, lines
    assert "Declined: nothing was touched" in lines
    report = json.loads(next(tmp_path.glob("runs/2*/report.json")).read_text())
    assert report["outcome"] == "declined"
    assert report["phases"] == []


def test_equal_failures_are_one_and_the_end_says_what_to_do(tmp_path: Path) -> None:
    """What pyinfra says of each node stands in run.log alone."""
    code, lines = typed(tmp_path, True, "-y")
    assert code == 1
    text = "\n".join(lines)
    assert text.count("--> [step-failed]") == 1, text
    assert "on @fake/c[7-9]: the node: the package transaction failed:\n    see the node" in text
    assert "executed" not in text
    assert "Over 0%" not in text
    assert "FAILED on @fake/c[7-9]" in text
    assert len(lines) <= 20, text
    last = "\n".join(lines[-10:])
    for words in ("Step 0 of the update", "the package transaction failed", "type: ", "report: "):
        assert words in last, text
    log = next(tmp_path.glob("runs/2*/run.log")).read_text()
    assert log.count("Error: executed 0 commands") == 3
