"""What is found before the window, each on one cluster of three distributions that serves on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from testbed import faults
from testbed.lab import provision
from testbed.lab.container import Node
from testbed.lab.harness import LabNode

from .. import usage
from ..site import ADMIN, CLIENT, ROOT, SERVER, Site, StartSite, nodes
from ..waiting import eventually

NODES = [
    LabNode("daos-server-01", SERVER, "el8"),
    LabNode("daos-server-02", SERVER, "el8"),
    LabNode("daos-admin-01", ADMIN, "el8"),
    LabNode("daos-client-01", CLIENT, "el7"),
    LabNode("daos-client-02", CLIENT, "leap15"),
]


@pytest.fixture(scope="module")
def whole_site(start_site: StartSite) -> Site:
    return start_site(NODES)


@pytest.fixture
def site(whole_site: Site) -> Iterator[Site]:
    """The cluster; whatever a test asks of it, DAOS serves on as it is."""
    before = _daemons(whole_site)
    assert len(before) == len(whole_site.lab.nodes) + 2 * provision.ENGINES
    yield whole_site
    assert _daemons(whole_site) == before
    assert set(map(frozenset, whole_site.versions().values())) == {frozenset({"2.0.1"})}


def _daemons(site: Site) -> list[str]:
    """The daemons of DAOS on all nodes, with their process ids; one line for a node without."""
    look = "pgrep -xa 'daos_server|daos_engine|daos_agent' || echo none"
    return [
        f"{name} {line}"
        for name, node in site.lab.nodes.items()
        for line in node.run(look).stdout.splitlines()
    ]


def _found(site: Site, **data: Any) -> dict[str, dict[str, Any]]:
    """What `--dry` refuses for: code to the finding. Nothing may have been changed by it."""
    done = site.pyinfra("deploy.py", "--dry", **data)
    findings = site.report["refusals"] if done.exit_code else []
    assert (done.exit_code == 0) == (not findings), done.output
    for finding in findings:
        assert f"[{finding['code']}]" in done.output
    return {finding["code"]: finding for finding in findings}


@contextmanager
def _running(node: Node, program: str) -> Iterator[int]:
    """A process of this name that does nothing, for a while; its process id."""
    pid = node.run(
        f"ln -sf $(command -v sleep) /tmp/{program}; "
        f"setsid /tmp/{program} 600 > /dev/null 2>&1 < /dev/null & echo $!"
    ).stdout.strip()
    eventually(lambda: node.run(f"pgrep -x {program}", check=False).stdout)
    try:
        yield int(pid)
    finally:
        node.run(f"kill {pid}; rm /tmp/{program}")


def test_a_healthy_cluster_of_three_distributions_has_no_findings(site: Site) -> None:
    assert _found(site) == {}


def test_the_look_at_the_packages_leaves_nothing_behind(site: Site) -> None:
    """Neither the repository nor what was fetched from it, nor the key.

    What any dnf or zypper writes, whoever types it, is no matter: dnf which repositories are out of
    date, zypper what is installed (@System). It may be there before the look, or be new with it.
    """
    listing = (
        "find /etc/yum.repos.d /etc/zypp /tmp /var/cache/zypp /var/cache/dnf /var/cache/yum "
        "-type f -not -name expired_repos.json -not -path '*/solv/@System/*' 2>/dev/null | sort; "
        "rpm -qa gpg-pubkey"
    )
    before = {name: node.run(listing).stdout for name, node in site.lab.nodes.items()}
    assert "packages-not-available" in _found(site, target_release="2.0.9")
    assert {name: node.run(listing).stdout for name, node in site.lab.nodes.items()} == before


def test_a_release_that_the_repositories_do_not_have_is_shown_by_a_dry_run(site: Site) -> None:
    site.pyinfra("deploy.py", "--dry", target_release="2.0.9")
    found = [f for f in site.report["refusals"] if f["code"] == "packages-not-available"]
    assert {host for finding in found for host in finding["hosts"]} == set(site.lab.nodes)
    assert all("2.0.9" in finding["message"] for finding in found)


def test_a_package_that_one_role_needs_and_the_repository_lacks_is_told_of_those_nodes(
    site: Site,
) -> None:
    place = "/srv/www/v2.0/EL8"
    site.lab.repo.run(
        f"cp -a {place} /srv/kept && rm {place}/daos-server-2.0.3* && refresh-repository {place}"
    )
    try:
        finding = _found(site)["packages-not-available"]
    finally:
        site.lab.repo.run(f"rm -r {place} && mv /srv/kept {place}")
    assert finding["hosts"] == ["daos-server-01", "daos-server-02"]
    assert "daos-server-2.0.3" in finding["message"]


def test_an_operating_system_that_is_not_supported(site: Site) -> None:
    client = site.lab.node("daos-client-01")
    text = "CentOS Linux release 7.8.2003 (Core)\n"
    with faults.FILE_REPLACED.on(client, path="/etc/centos-release", text=text):
        finding = _found(site)["unsupported-system"]
        assert finding["hosts"] == ["daos-client-01"]
        assert "centos 7.8" in finding["message"]
        assert _found(site, accepted_systems={"centos 7.8": "CentOS7"}) == {}


def test_servers_of_two_minor_releases_of_one_distribution(site: Site) -> None:
    server = site.lab.node("daos-server-02")
    text = "CentOS Linux release 8.4.2105\n"
    with faults.FILE_REPLACED.on(server, path="/etc/centos-release", text=text):
        finding = _found(site)["mixed-servers"]
    assert "centos 8.4 on daos-server-02" in finding["message"]


def test_too_little_space(site: Site) -> None:
    finding = _found(site, free_space_mib=10**9)["no-space"]
    assert "MiB on /" in finding["message"]


def test_a_package_manager_at_work_and_not_one_that_waits_for_orders(site: Site) -> None:
    first, second = site.lab.node("daos-client-01"), site.lab.node("daos-client-02")
    with _running(first, "yum") as pid, _running(second, "packagekitd"):
        findings = _found(site)
    assert list(findings) == ["package-manager-busy"]
    assert findings["package-manager-busy"]["hosts"] == ["daos-client-01"]
    assert f"/tmp/yum 600 (pid {pid}, user root)" in findings["package-manager-busy"]["message"]


def test_a_service_that_does_not_start_at_boot(site: Site) -> None:
    client = site.lab.node("daos-client-02")
    client.run("systemctl disable daos_agent")
    try:
        finding = _found(site)["not-enabled"]
        assert finding["hosts"] == ["daos-client-02"]
        assert "`systemctl enable daos_agent`" in finding["message"]
        assert _found(site, start_at_boot=None) == {}
    finally:
        client.run("systemctl enable daos_agent")


def test_a_rebuild(site: Site) -> None:
    """The simulated pools are rebuilt at once, so dmg is made to say that one is not done."""
    admin = site.lab.node("daos-admin-01")
    told = '#!/bin/sh\n/usr/bin/dmg.kept "$@" | sed "s/\\"idle\\"/\\"busy\\"/"'
    with faults.FILE_REPLACED.on(admin, path="/usr/bin/dmg", text=told):
        finding = _found(site)["rebuild-running"]
    assert "is being rebuilt" in finding["message"]


def test_a_mount_is_named_with_its_process_and_user(site: Site) -> None:
    client = site.lab.node("daos-client-01")
    with usage.mounted(client, "tank", "home", user="ops") as mount:
        pid = client.run("pgrep -x dfuse").stdout.strip()
        finding = _found(site)["in-use"]
    assert finding["hosts"] == ["daos-client-01"]
    assert f"dfuse mounted at {mount} (pid {pid}, user ops)" in finding["message"]


def test_a_setting_of_one_group_and_a_misspelt_one(site: Site) -> None:
    own = site.folder / "group_data"
    own.unlink()
    shutil.copytree(ROOT / "group_data", own)
    (own / "clients.py").write_text("evict_connections = True\n")
    try:
        site.pyinfra("deploy.py", "--dry", evict_connection=True)
    finally:
        shutil.rmtree(own)
        own.symlink_to(ROOT / "group_data")
    found = [f for f in site.report["refusals"] if f["code"] == "bad-setting"]
    assert "did you mean evict_connections?" in found[0]["message"]
    assert found[1]["hosts"] == ["daos-client-01", "daos-client-02"]


def test_servers_of_two_releases_while_engines_run(site: Site) -> None:
    """The packages of one server were updated under its running daemons, by hand."""
    server = site.lab.node("daos-server-02")
    source = f"--repofrompath=daos,http://{provision.REPOSITORY}/v2.0/EL8 --nogpgcheck"
    dnf = f"dnf -y -q --disablerepo='*' {source}"
    server.run(f"{dnf} upgrade daos-2.0.3 daos-server-2.0.3")
    try:
        finding = _found(site)["mixed-versions"]
    finally:
        server.run(f"{dnf} downgrade daos-2.0.1 daos-server-2.0.1")
    assert finding["hosts"] == ["daos-server-01", "daos-server-02"]
    assert "2.0.1 on daos-server-01, 2.0.3 on daos-server-02" in finding["message"]


def test_everything_is_found_at_once(site: Site) -> None:
    client = site.lab.node("daos-client-01")
    client.run("systemctl disable daos_agent")
    try:
        with _running(client, "yum"):
            findings = _found(site, free_space_mib=10**9, target_release="2.0.9")
    finally:
        client.run("systemctl enable daos_agent")
    assert {"not-enabled", "package-manager-busy", "no-space"} <= set(findings)


# A system of its own: one of its ranks is excluded


def test_an_update_with_an_excluded_rank_that_the_site_accepts(start_fresh_site: StartSite) -> None:
    site = start_fresh_site(nodes(servers=2, clients=1))
    faults.ENGINE_DIES.plant(site.lab.node("daos-server-02"))
    admin = site.lab.node("daos-admin-01")
    eventually(lambda: "excluded" in usage.states(admin).values())
    [lost] = [rank for rank, state in usage.states(admin).items() if state == "excluded"]
    others = set(usage.states(admin)) - {lost}

    assert set(_found(site)) == {"not-joined", "pool-degraded"}
    assert set(_found(site, accepted_exclusions=[*others])) >= {"not-joined"}

    before = site.lab.digests()
    done = site.update(accepted_exclusions=[lost])
    assert done.exit_code == 0, done.output
    assert site.report["outcome"] == "updated"
    assert {rank for rank, state in usage.states(admin).items() if state == "joined"} >= others
    assert site.lab.digests() == before

    again = site.update(accepted_exclusions=[lost])
    assert again.exit_code == 0, again.output
    assert site.report["outcome"] == "nothing to do"
