"""The examples of hooks, docs/hooks: run as an update runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from operations.machinery import local_command
from operations.machinery.hooks import EVENTS

from . import slurm

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "docs/hooks").iterdir())
RESERVATION, WEBHOOK = ROOT / "docs/hooks/slurm-reservation", ROOT / "docs/hooks/chat-webhook"
CLIENTS = ["c1", "c2"]
WINDOW = {"start": "2026-11-30T22:00:00+00:00", "end": None}


def report(asked: bool = False, window: Any = None, **more: Any) -> dict[str, Any]:
    """What a hook is given, as far as the examples read it."""
    roles = {"s1": ["servers"], **{f"{name}.example.org": ["clients"] for name in CLIENTS}}
    return {
        "from_version": "2.0.1",
        "to_version": "2.0.3",
        "summary": "Refused: this run stopped nothing",
        "state": [],
        "refusals": [],
        "failures": [],
        "offline_window": window,
        "hosts": {name: {"roles": of} for name, of in roles.items()},
        "hooks": [{"event": "opening"}] if asked else [],
        **more,
    }


def run(
    event: str, given: dict[str, Any], program: Path, *words: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *words],
        input=json.dumps(given),
        env={**os.environ, **environment, "DAOS_UPDATE_EVENT": event},
        capture_output=True,
        text=True,
        check=False,
    )


def reserved(
    folder: Path, event: str, nodes: list[str] = CLIENTS, **given: Any
) -> subprocess.CompletedProcess[str]:
    return run(event, report(**given), RESERVATION, **slurm.environment(folder, nodes))


@pytest.mark.parametrize("program", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_an_example_can_be_run_and_is_documented(program: Path) -> None:
    assert local_command.unusable([str(program)]) is None
    assert f"(hooks/{program.name})" in (ROOT / "docs/hooks.md").read_text()
    for event in re.findall(r'"(\w+)"', program.read_text().partition('"""')[2].split(")")[0]):
        assert event in EVENTS


def test_a_reservation_is_made_and_deleted(tmp_path: Path) -> None:
    done = reserved(tmp_path, "opening")
    assert (done.returncode, done.stdout) == (0, "Reservation created: daos-update\n")
    [(name, made)] = slurm.reservations(tmp_path).items()
    assert (name, made["nodes"], made["flags"]) == ("daos-update", "c1,c2", "MAINT,IGNORE_JOBS")
    done = reserved(tmp_path, "closed", asked=True, window=WINDOW)
    assert (done.returncode, slurm.reservations(tmp_path)) == (0, {})
    assert reserved(tmp_path, "closed").returncode == 0  # there is none any more


def test_one_that_an_interrupted_run_has_left_serves(tmp_path: Path) -> None:
    assert reserved(tmp_path, "opening").returncode == 0
    assert reserved(tmp_path, "opening").returncode == 0
    assert len(slurm.reservations(tmp_path)) == 1


def test_what_slurm_refuses_is_said_and_is_a_veto(tmp_path: Path) -> None:
    done = reserved(tmp_path, "opening", nodes=["c1"])
    assert done.returncode == 1
    assert "Invalid node name specified" in done.stderr


@pytest.mark.parametrize("event", ["refused", "failed"])
@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"asked": True}, False),  # DAOS serves on
        ({"asked": True, "window": WINDOW}, True),  # it is down
        ({}, True),  # it is another run's
    ],
)
def test_a_reservation_stays_as_long_as_daos_is_down(
    tmp_path: Path, event: str, given: dict[str, Any], left: bool
) -> None:
    reserved(tmp_path, "opening")
    assert reserved(tmp_path, event, **given).returncode == 0
    assert bool(slurm.reservations(tmp_path)) == left


def test_a_chat_is_told(tmp_path: Path) -> None:
    with slurm.chat() as (address, told):
        (tmp_path / "address").write_text(f"{address}\n")
        finding = {"code": "step-failed", "hosts": ["s1"], "message": "no space"}
        more: dict[str, Any] = {
            "summary": "Failed at the step",
            "failures": [finding],
            "state": ["DAOS is down"],
        }
        for event, given in (("opening", report()), ("failed", report(**more))):
            done = run(event, given, WEBHOOK, str(tmp_path / "address"))
            assert (done.returncode, done.stdout) == (0, "told the chat: 200\n"), done.stderr
    assert [list(it) for it in told] == [["text"], ["text"]]
    assert told[0]["text"].endswith("an update from 2.0.1 to 2.0.3 of 3 nodes")
    assert told[1]["text"].splitlines() == [
        "DAOS update failed: Failed at the step",
        "[step-failed] s1: no space",
        "DAOS is down",
    ]


@pytest.mark.parametrize("event", EVENTS)
def test_a_chat_that_is_down_vetoes_nothing_and_its_address_stays_a_secret(
    tmp_path: Path, event: str
) -> None:
    with slurm.chat(status=500) as (address, _):
        for wrong in (address, "http://127.0.0.1:1/secret", "secret", None):
            (tmp_path / "address").unlink(missing_ok=True)
            if wrong:
                (tmp_path / "address").write_text(wrong)
            done = run(event, report(), WEBHOOK, str(tmp_path / "address"))
            assert done.returncode == (0 if event == "opening" else 1)
            assert "the chat was not told" in done.stderr
            assert "secret" not in done.stdout + done.stderr
