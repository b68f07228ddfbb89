"""Runs that meet: typed on two machines, whose inventories have other names for the same servers.

One has looked at the nodes, shows its plan, and waits at pyinfra's prompt while the other acts.
"""

from __future__ import annotations

from pathlib import Path

from testbed.lab.harness import LabNode

from ..site import ADMIN, CLIENT, SERVER, Site, StartSite
from ..terminal import ENTER, QUESTION, Terminal

FIRST, SECOND, LOGIN = "daos-server-01", "daos-server-02", "login-01"
NODES = [LabNode(FIRST, SERVER), LabNode(SECOND, SERVER), LabNode(LOGIN, ADMIN | CLIENT)]
ALIAS = "zulu"  # sorts last


def test_a_plan_that_was_shown_before_another_run_acted_is_not_carried_out(
    start_fresh_site: StartSite, tmp_path: Path
) -> None:
    """One that meets the other is kept away; one that begins after its end refuses."""
    site = start_fresh_site(NODES, version="2.0.0")
    site.settings["target_release"] = "2.0.2"
    kept_away = Waiting(site, tmp_path / "a", "deploy.py")

    site.update_until("Starting operation: Stop daos_agent wherever it runs", site.kill)
    way_back = Waiting(site, tmp_path / "b", "deploys/rollback.py")
    updated = site.update_until(
        "Starting operation: Stop the engines",
        lambda: kept_away.is_refused_after_enter("another-run"),
    )
    assert updated.exit_code == 0, updated.output
    way_back.is_refused_after_enter("plan-changed")
    site.check_whole("2.0.2")


class Waiting:
    """Somebody on another machine, who has typed a command and has been shown its plan."""

    def __init__(self, site: Site, folder: Path, procedure: str) -> None:
        folder.mkdir()
        config = folder / "ssh_config"
        text = site.lab.ssh_config.read_text()
        config.write_text(text.replace(f"Host {FIRST}\n", f"Host {ALIAS}\n"))
        self._site = Site.of(folder, site.lab, {**site.settings, "ssh_config_file": config})
        self._site.write_inventory(**{**self._site.groups, "servers": [SECOND, ALIAS]})
        self._terminal = Terminal(self._site, procedure)
        self._terminal.wait_for(QUESTION)

    def is_refused_after_enter(self, code: str) -> None:
        self._terminal.press(f"yes{ENTER}")
        done = self._terminal.end()
        assert done.exit_code == 1, done.output
        assert [finding["code"] for finding in self._site.report["refusals"]] == [code]
        assert self._site.report["outcome"] == "refused"
