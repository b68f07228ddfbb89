"""What the benchmark makes of what it has measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench import results
from bench.window import processor
from bench.window.rounds import Window, compared

from .lab.waiting import eventually


def test_each_way_is_compared_with_the_first_one_of_its_round() -> None:
    found = [
        *(Window(0, "ours", 4.0), Window(0, "other", 8.0)),
        *(Window(1, "other", 5.0), Window(1, "ours", 5.0)),
        *(Window(2, "ours", 6.0), Window(2, "other", 2.0)),
    ]
    ours, other = compared(found)
    assert (ours.way, ours.seconds, ours.ratios) == ("ours", 5.0, [1.0, 1.0, 1.0])
    assert (other.way, other.seconds) == ("other", 5.0)
    assert other.ratios == pytest.approx([0.5, 1.0, 3.0])


def test_a_table_is_one_of_markdown() -> None:
    assert results.table(("a", "b"), [("1", "2")]) == ["| a | b |", "| --- | --- |", "| 1 | 2 |"]


_WORK = "import time\nwhile time.process_time() < {}: pass"


def test_whose_the_processor_time_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    containers = tmp_path / "usage"
    monkeypatch.setattr(processor, "_GROUPS", ((str(containers), "of all ", 1.0),))
    with processor.shared() as share:
        pass
    assert share.others is None  # nothing tells what containers use

    containers.write_text("of all 7\n")
    with subprocess.Popen([sys.executable, "-c", _WORK.format(600)]) as somebody:
        with processor.shared() as share:
            eventually(lambda: _ticks(somebody.pid) > 30)
        somebody.kill()
    assert share.others is not None
    assert share.others > 0.5

    with processor.shared() as share:
        subprocess.run([sys.executable, "-c", _WORK.format(0.3)], check=True)
        containers.write_text("of all 1007\n")
    assert share.others == 0.0


def _ticks(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().split()[13])
