"""What is refused before anything is touched, on one cluster that stays as it is throughout."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed import faults

from .. import usage
from ..site import Site, StartSite, nodes

WRITING = {"rpm", "systemd", "daos_server", "daos_engine", "daos_agent"}
OF_USERS = {"pool-connected", "pool-disconnected"}


@pytest.fixture(scope="module")
def whole_site(start_site: StartSite) -> Site:
    return start_site(nodes(servers=2, clients=2))


@pytest.fixture
def site(whole_site: Site) -> Iterator[Site]:
    """The cluster; whatever a test asks of it, nothing may have been stopped or changed."""
    before = len(_deeds(whole_site))
    yield whole_site
    whole_site.write_inventory(**whole_site.groups)
    assert _deeds(whole_site)[before:] == []
    assert set(map(frozenset, whole_site.versions().values())) == {frozenset({"2.0.1"})}


def _deeds(site: Site) -> list[dict]:
    return [
        event
        for event in site.lab.events()
        if event["program"] in WRITING and event["event"] not in OF_USERS
    ]


def _is_refused(
    site: Site, code: str, *words: str, flags: tuple[str, ...] = (), **data: object
) -> None:
    done = site.update(*flags, **data)
    assert done.exit_code == 1, done.output
    assert "Refused: this run stopped nothing" in done.output, done.output
    report = site.report
    assert report["outcome"] == "refused"
    assert report["offline_window_s"] is None
    found = [finding for finding in report["refusals"] if finding["code"] == code]
    assert found, done.output
    for word in words:
        assert word in found[0]["message"]
        assert word in done.output


def test_a_lower_release(site: Site) -> None:
    _is_refused(site, "no-update-path", "2.0.0 is lower", target_release="2.0.0")


def test_another_series(site: Site) -> None:
    _is_refused(site, "no-update-path", "another series", target_release="2.2.0")


def test_a_target_that_is_no_release(site: Site) -> None:
    _is_refused(site, "bad-setting", "target_release", target_release="newest")


def test_a_release_that_the_repository_does_not_have(site: Site) -> None:
    _is_refused(site, "packages-not-available", "2.0.9", target_release="2.0.9")


def test_no_admin_in_the_inventory(site: Site) -> None:
    site.write_inventory(servers=site.groups["servers"], clients=site.groups["clients"])
    _is_refused(site, "empty-group", "admins")


def test_an_empty_group(site: Site) -> None:
    site.write_inventory(**{**site.groups, "clients": []})
    _is_refused(site, "empty-group", "clients")


def test_a_server_that_the_inventory_does_not_name(site: Site) -> None:
    site.write_inventory(**{**site.groups, "servers": site.groups["servers"][:1]})
    _is_refused(site, "not-in-inventory", "add it to the servers")
    assert site.report["refusals"][0]["hosts"] == ["daos-server-02"]


@pytest.mark.parametrize(
    "flags",
    [("--serial",), ("--no-wait",), ("--limit", "servers"), ("--exclude", "daos-client-02")],
    ids=" ".join,
)
def test_a_flag_that_takes_the_nodes_apart(site: Site, flags: tuple[str, ...]) -> None:
    _is_refused(site, "impossible-flag", flags[0], flags=flags)


def test_every_finding_is_listed_at_once(site: Site) -> None:
    site.write_inventory(servers=site.groups["servers"])
    site.update("--serial", target_release="x")
    codes = [finding["code"] for finding in site.report["refusals"]]
    assert codes == ["impossible-flag", "bad-setting", "empty-group", "empty-group"]


def test_a_lab_that_is_down_never_sends_the_command_elsewhere(site: Site) -> None:
    gone = site.folder / "gone" / "ssh_config"
    done = site.update(ssh_config_file=gone)
    assert done.exit_code != 0
    assert "the lab is not up" in done.output
    assert "Connecting" not in done.output


def test_a_name_that_is_no_node_of_the_lab_is_not_looked_for_elsewhere(site: Site) -> None:
    site.write_inventory(**{**site.groups, "clients": [*site.groups["clients"], "localhost"]})
    _is_refused(site, "no-answer")
    [finding] = [f for f in site.report["refusals"] if f["code"] == "no-answer"]
    assert finding["hosts"] == ["localhost"]


def test_a_node_that_does_not_answer(site: Site) -> None:
    client = site.lab.node("daos-client-02")
    with faults.SSH_SILENT.on(client):
        _is_refused(site, "no-answer")
    assert site.report["refusals"][0]["hosts"] == ["daos-client-02"]


def test_after_a_step_has_failed_no_later_one_acts_whatever_pyinfra_is_told(site: Site) -> None:
    """One client cannot import the key; --fail-percent 100 has pyinfra go on without it."""
    client = site.lab.node("daos-client-02")
    no_import = '#!/bin/sh\n[ "$1" != --import ] || exit 1; exec /usr/bin/rpm.kept "$@"\n'
    with faults.FILE_REPLACED.on(client, path="/usr/bin/rpm", text=no_import):
        _is_refused(site, "stopped-at-trouble", "no later step", flags=("--fail-percent", "100"))


def test_an_application_that_uses_daos(site: Site) -> None:
    client = site.lab.node("daos-client-01")
    usage.hold(client)
    try:
        _is_refused(site, "in-use", "daos-job", "evict_connections")
    finally:
        usage.let_go(client)


def test_a_dry_run_shows_the_plan_and_touches_nothing(site: Site) -> None:
    done = site.pyinfra("deploy.py", "--dry")
    assert done.exit_code == 0, done.output
    plan = [line.strip() for line in done.output.splitlines()]
    begins, ends = (
        plan.index("-- the offline window begins"),
        plan.index("-- the offline window ends"),
    )
    inside = dict(line.split("  ", 1) for line in plan[begins + 1 : ends])
    assert {step: nodes.strip() for step, nodes in inside.items()} == {
        "Stop daos_agent wherever it runs": "daos-client-[01-02]",
        "Stop the engines: dmg system stop": "daos-admin-01",
        "Stop daos_server on the servers": "daos-server-[01-02]",
        "Update the DAOS packages on all nodes": "daos-admin-01,daos-client-[01-02],"
        "daos-server-[01-02]",
        "Start daos_server on the servers": "daos-server-[01-02]",
        "Wait until every engine has joined": "daos-admin-01",
        "See that all pools are there": "daos-admin-01",
        "Start daos_agent where it ran": "daos-client-[01-02]",
    }


def test_a_dry_run_finds_what_a_run_finds(site: Site) -> None:
    done = site.pyinfra("deploy.py", "--dry", target_release="2.0.9", start_at_boot=False)
    assert done.exit_code == 1
    for code in ("[enabled] on daos-client-[01-02]", "[packages-not-available] on daos-"):
        assert code in done.output


def test_an_unsigned_package(site: Site) -> None:
    repo = site.lab.repo
    place = "/srv/www/v2.0/EL8"
    repo.run(
        f"cp -a {place} /srv/kept && cp /srv/unsigned/v2.0/EL8/daos-client-2.0.3*.rpm {place}/ "
        f"&& refresh-repository {place}"
    )
    try:
        _is_refused(site, "packages-not-available", "daos-client")
    finally:
        repo.run(f"rm -r {place} && mv /srv/kept {place}")
        for node in site.lab.nodes.values():
            node.run("rm -rf /var/cache/dnf/* /var/cache/yum/*")
