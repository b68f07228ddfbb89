"""Whatever pyinfra is told, and however many runs there are, the order holds.

Flags that no correct run is possible with are refused; see test_refusals.py for these.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from testbed import faults
from testbed.lab.harness import LabNode

from ..site import ADMIN, CLIENT, SERVER, Outcome, Site, newest_run
from ..succession import StartSuccession, Succession

NODES = [
    LabNode("daos-server-01", SERVER),
    LabNode("daos-server-02", SERVER),
    LabNode("login-01", ADMIN | CLIENT),
]


@pytest.fixture(scope="module")
def systems(succession: StartSuccession) -> Succession:
    return succession(NODES)


@pytest.fixture
def site(systems: Succession) -> Site:
    return systems.next()


def test_one_node_at_a_time_with_retries_and_a_second_run_that_is_kept_away(
    site: Site, tmp_path: Path
) -> None:
    """--parallel 1 takes the nodes one by one in each step, and each step still waits for all.

    One server's transaction fails again and again, until the same was typed on another machine; its
    next try goes on as soon as it can.
    """
    digests = site.lab.digests()
    node = site.lab.node("daos-server-02")
    other = Site.of(tmp_path, site.lab, site.settings)
    kept_away = []

    def meanwhile() -> None:
        kept_away.append(other.update())
        faults.PACKAGES_FAIL.mend(node)

    faults.PACKAGES_FAIL.plant(node)
    flags = ("--parallel", "1", "--retry", "99", "--retry-delay", "0")
    done = site.typed_until("Retrying", meanwhile, "deploy.py", "-y", *flags)
    assert done.exit_code == 0, done.output
    assert site.report["outcome"] == "updated"
    assert site.lab.digests() == digests
    [second] = kept_away
    assert second.exit_code == 1, second.output
    assert other.report["refusals"][0]["code"] == "another-run"
    assert "since" in second.output


def test_going_on_after_a_failure_does_nothing(site: Site) -> None:
    """One server fails in the transaction; a flag has pyinfra go on, and nobody is asked. The
    password that was typed is not in the command that goes on."""
    before = site.release
    with faults.PACKAGES_FAIL.on(site.lab.node("daos-server-02")):
        flags = ("--fail-percent", "100", "--ssh-password", "s3cr3t-of-ops", "--debug")
        done = site.update(*flags)
        _ends_there(site, done, before)
        assert "--ssh-password PASSWORD --debug" in done.output
        reports = [path.read_text() for path in (site.folder / "runs/latest").iterdir()]
        assert not [text for text in (done.output, *reports) if "s3cr3t" in text]
        assert "stopped-at-trouble" in {finding["code"] for finding in site.report["refusals"]}
        _support_has_what_is_needed(site)
        done = site.pyinfra("deploy.py", answer="yes")
        _ends_there(site, done, before)
        assert "continue?" not in done.output
    again = site.update()
    assert again.exit_code == 0, again.output


def _support_has_what_is_needed(site: Site) -> None:
    """What the failed node has said is fetched by the connection that was typed."""
    done = subprocess.run(
        [sys.executable, "-m", "operations.support"],
        cwd=site.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "nodes/daos-server-02.log" in done.stdout
    [archive] = newest_run(site.folder).glob("support-*.tar.gz")
    with tarfile.open(archive) as tar:
        texts = {
            member.name.partition("/")[2]: file.read().decode()
            for member in tar
            if (file := tar.extractfile(member))
        }
    assert "PREIN" in texts["nodes/daos-server-02.log"]
    assert "daos-server-02" in texts["site/inventory"]
    assert "target_release" in texts["site/group_data/all.py"]
    assert not [name for name, text in texts.items() if "s3cr3t" in text]


def _ends_there(site: Site, done: Outcome, before: str) -> None:
    """A run in which a server has failed to leave a release does nothing more."""
    assert done.exit_code == 1, done.output
    assert site.report["outcome"] == "failed"
    for name, unit in (("daos-server-01", "daos_server"), ("login-01", "daos_agent")):
        state = site.lab.node(name).run(f"systemctl is-active {unit}", check=False).stdout
        assert state == "inactive\n"
    assert "DAOS is stopped: no engine runs" in done.output
    target = site.settings["target_release"]
    assert f"packages: {before} on daos-server-02; {target} on" in done.output
    assert "deploys/rollback.py" in done.output


def test_the_window_needs_no_more_than_what_was_downloaded_and_fetches_that_again(
    site: Site,
) -> None:
    """The repository is gone after the download, and one node has forgotten what it fetched."""
    place, hit = "/srv/www/v2.0", "daos-server-02"
    digests, target = site.lab.digests(), site.settings["target_release"]

    def gone() -> None:
        site.lab.repo.run(f"mv {place} /srv/gone")
        site.lab.node(hit).run("rm -rf /var/cache/dnf/*")

    done = site.update_until("Starting operation: Keep DAOS from", gone)
    site.lab.repo.run(f"mv /srv/gone {place}")
    assert done.exit_code == 1, done.output
    assert [failure["hosts"] for failure in site.report["failures"]] == [[hit]]
    versions = site.versions()
    assert {name for name, found in versions.items() if found == {target}} == {*versions} - {hit}

    again = site.update()
    assert again.exit_code == 0, again.output
    site.check_whole(target)
    assert site.lab.digests() == digests


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


def test_what_is_printed_to_be_typed_is_what_was_typed(site: Site) -> None:
    """With another procedure in it for the way back, also where the inventory ends in .py."""
    (site.folder / "nodes.py").write_text((site.folder / "inventory").read_text())
    words = [
        "nodes.py" if it == "inventory" else it for it in site.command(["deploy.py", "-y"], {})
    ]
    with faults.PACKAGES_FAIL.on(site.lab.node("daos-server-02")):
        done = _typed(site, shlex.join(words))
    assert done.returncode == 1, done.stdout
    go_on, go_back = (
        line.partition("type: ")[2] for line in done.stdout.splitlines() if "type: " in line
    )
    assert shlex.split(go_on) == words
    assert shlex.split(go_back) == [
        "deploys/rollback.py" if it == "deploy.py" else it for it in words
    ]
    done = _typed(site, go_on)
    assert done.returncode == 0, done.stdout
    site.check_whole(site.settings["target_release"])


def _typed(site: Site, line: str) -> subprocess.CompletedProcess[str]:
    """A command as it is typed at a shell in the folder of the site."""
    site.typed = True
    site.lab.note("command", argv=shlex.split(line)[1:])
    done = subprocess.run(line, shell=True, cwd=site.folder, capture_output=True, text=True)
    site.lab.note("command-ended", argv=shlex.split(line)[1:], exit=done.returncode)
    return done
