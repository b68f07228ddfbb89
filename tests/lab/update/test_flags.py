"""Whatever pyinfra is told, and however many runs there are, the order holds.

Flags that no correct run is possible with are refused; see test_refusals.py for these.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed import faults

from ..site import Site, nodes
from ..succession import StartSuccession, Succession


@pytest.fixture(scope="module")
def systems(succession: StartSuccession) -> Succession:
    return succession(nodes(servers=2, clients=1))


@pytest.fixture
def site(systems: Succession) -> Site:
    return systems.next()


def test_one_node_at_a_time_and_with_retries(site: Site) -> None:
    """--parallel 1 takes the nodes one by one in each step, and each step still waits for all."""
    digests = site.lab.digests()
    done = site.update("--parallel", "1", "--retry", "2", "--retry-delay", "0")
    assert done.exit_code == 0, done.output
    assert site.report["outcome"] == "updated"
    assert site.lab.digests() == digests


def test_a_step_that_is_tried_again_goes_on_as_soon_as_it_can(site: Site) -> None:
    """Its second try finds a transaction that works, on a node where the first one did not."""
    node = site.lab.node("daos-server-02")
    faults.PACKAGES_FAIL.plant(node)
    done = site.typed_until(
        "Retrying", lambda: faults.PACKAGES_FAIL.mend(node), "deploy.py", "-y", "--retry", "1"
    )
    assert done.exit_code == 0, done.output
    assert site.report["outcome"] == "updated"


@pytest.mark.parametrize("flags", [("-y", "--fail-percent", "100"), ()], ids=["flag", "Enter"])
def test_going_on_after_a_failure_does_nothing(site: Site, flags: tuple[str, ...]) -> None:
    """One server fails in the transaction; a flag, or Enter at "continue?", has pyinfra go on."""
    before = site.release
    with faults.PACKAGES_FAIL.on(site.lab.node("daos-server-02")):
        done = site.pyinfra("deploy.py", *flags, enter=not flags)
    assert done.exit_code == 1, done.output
    assert site.report["outcome"] == "failed"
    assert "stopped-at-trouble" in {finding["code"] for finding in site.report["refusals"]}
    for name, unit in (("daos-server-01", "daos_server"), ("daos-client-01", "daos_agent")):
        state = site.lab.node(name).run(f"systemctl is-active {unit}", check=False).stdout
        assert state == "inactive\n"
    assert "DAOS is stopped: no engine runs" in done.output
    target = site.settings["target_release"]
    assert f"packages: {before} on daos-server-02; {target} on" in done.output
    assert "deploys/rollback.py" in done.output

    again = site.update()
    assert again.exit_code == 0, again.output


def test_a_second_run_from_another_machine_is_kept_away(site: Site, tmp_path: Path) -> None:
    other = Site.of(tmp_path, site.lab, site.settings)
    kept_away = []

    def run_too() -> None:
        kept_away.append(other.update())

    done = site.update_until("Starting operation: Stop daos_agent", run_too)
    assert done.exit_code == 0, done.output
    [second] = kept_away
    assert second.exit_code == 1, second.output
    assert other.report["refusals"][0]["code"] == "another-run"
    assert "since" in second.output


def test_of_two_runs_that_begin_at_once_one_acts(site: Site, tmp_path: Path) -> None:
    """Both have looked at the nodes before either has the lock."""
    other = Site.of(tmp_path, site.lab, site.settings)
    other.start_update()
    first = site.update()
    second = other.end()
    assert sorted((first.exit_code, second.exit_code)) == [0, 1], first.output + second.output
    again = site.update()
    assert again.exit_code == 0, again.output
    assert site.report["outcome"] == "nothing to do"
