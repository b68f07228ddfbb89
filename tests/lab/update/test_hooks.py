"""The site's own commands around a window: Slurm is asked before it, and a chat is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed import faults
from tests import slurm

from ..site import DAOS_ALONE, ROOT, Site, StartSite, nodes
from ..trouble.interruptions import CTRL_C, at

RESERVATION, WEBHOOK = (ROOT / f"docs/hooks/{it}" for it in ("slurm-reservation", "chat-webhook"))
CLIENT, SERVER = "daos-client-01", "daos-server-02"
STOPPING = {"daos_agent", "daos_engine", "daos_server", "systemd", "rpm"}


@pytest.fixture
def told(tmp_path: Path) -> Iterator[list[Any]]:
    """What the chat is told; its address is in a file of the test's folder."""
    with slurm.chat() as (address, told):
        (tmp_path / "address").write_text(address)
        yield told


@pytest.fixture
def site(
    start_fresh_site: StartSite, told: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Site:
    site = start_fresh_site(nodes(servers=2, clients=1))
    chat = f"{WEBHOOK} {tmp_path / 'address'}"
    hooks = {event: [str(RESERVATION), chat] for event in ("opening", "closed", "failed")}
    site.settings.update(DAOS_ALONE, hooks={**hooks, "refused": str(RESERVATION)})
    for name, value in slurm.environment(tmp_path, []).items():
        monkeypatch.setenv(name, value)
    return site


def test_a_veto_a_failure_the_way_back_and_the_way_on(
    site: Site, tmp_path: Path, told: list[Any]
) -> None:
    _slurm_says_no(site, told)
    slurm.environment(tmp_path, [CLIENT])
    with faults.PACKAGES_FAIL.on(site.lab.node(SERVER)):
        done = site.update()
    assert done.exit_code == 1, done.output
    _the_failure_is_told(site, told)
    # No job starts as long as DAOS is down.
    assert slurm.reservations(tmp_path)["daos-update"]["nodes"] == CLIENT

    done = site.pyinfra("deploys/rollback.py", "-y")
    assert done.exit_code == 0, done.output
    assert [it["event"] for it in site.report["hooks"]] == ["closed", "closed"]
    assert slurm.reservations(tmp_path) == {}
    assert told[2]["text"].startswith("DAOS update closed: Rolled back")
    site.check_whole("2.0.1")

    done = at("Update the DAOS packages", CTRL_C).run(site)
    assert done.exit_code == 130, done.output
    assert "failed" in told[4]["text"]
    assert "daos-update" in slurm.reservations(tmp_path)
    done = site.update()
    assert done.exit_code == 0, done.output
    assert [it["event"] for it in site.report["hooks"]] == ["closed", "closed"]
    assert told[5]["text"].startswith("DAOS update closed: Updated from 2.0.1 to 2.0.3, offline")
    assert len(told) == 6
    assert slurm.reservations(tmp_path) == {}
    site.check_whole("2.0.3")


def _slurm_says_no(site: Site, told: list[Any]) -> None:
    """It does not know the client: nothing is stopped, or kept from starting at boot."""
    before = _deeds(site)
    done = site.update()
    assert done.exit_code == 1, done.output
    report = json.loads(max(site.folder.glob("runs/*/report.json")).read_text())
    assert report["outcome"] == "refused"
    assert [it["code"] for it in report["refusals"]] == ["vetoed"]
    assert "Invalid node name specified" in report["refusals"][0]["message"]
    assert "Invalid node name specified" in done.output
    assert [it["event"] for it in report["hooks"]] == ["opening", "refused"]
    assert [it["exit"] for it in report["hooks"]] == [1, 0]
    assert told == []
    assert _deeds(site) == before
    site.check_whole("2.0.1")


def _deeds(site: Site) -> list[dict[str, Any]]:
    of_users = ("pool-connected", "pool-disconnected")
    events = (it for it in site.lab.events() if it["program"] in STOPPING)
    return [it for it in events if it["event"] not in of_users]


def _the_failure_is_told(site: Site, told: list[Any]) -> None:
    report = site.report
    assert report["outcome"] == "failed"
    assert [(it["event"], it["exit"]) for it in report["hooks"]] == [
        ("opening", 0),
        ("opening", 0),
        ("failed", 0),
        ("failed", 0),
    ]
    opening, failed = (it["text"] for it in told)
    assert opening == "DAOS goes offline now, for an update from 2.0.1 to 2.0.3 of 4 nodes"
    assert failed.startswith(f"DAOS update failed: {report['summary']}")
    for line in report["state"]:
        assert line in failed
