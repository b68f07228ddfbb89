"""Three package managers, mixed distributions, and nodes with more than one role."""

from __future__ import annotations

import pytest

from testbed import faults
from testbed.lab import provision
from testbed.lab.harness import LabNode

from .. import published
from ..site import ADMIN, ALL_ROLES, CLIENT, SERVER, Site, StartSite


def _mixed(servers: str, others: str) -> list[LabNode]:
    """A server, and a login node of another distribution."""
    return [
        LabNode("daos-server-01", SERVER, servers),
        LabNode("login-01", ADMIN | CLIENT, others),
    ]


# Each distribution in each role
CLUSTERS = {
    "leap15 server, el7 login node": _mixed("leap15", "el7"),
    "el7 server, leap15 login node": _mixed("el7", "leap15"),
    "one el8 node with all roles": [LabNode("daos-01", ALL_ROLES, "el8")],
}


def _updates_to(site: Site, target: str) -> None:
    before = site.lab.digests()
    done = site.update(target_release=target)
    assert done.exit_code == 0, done.output
    assert site.report["outcome"] == "updated"
    assert set(map(frozenset, site.versions().values())) == {frozenset({target})}
    assert before
    assert site.lab.digests() == before


def _have_unsigned_packages(site: Site) -> None:
    site.lab.repo.run(
        "mkdir /srv/www/site && cp /srv/unsigned/v2.0/*/*.rpm /srv/www/site"
        " && refresh-repository /srv/www/site"
    )
    for node in site.lab.nodes.values():
        faults.FOREIGN_REPOSITORY.plant(node, baseurl=f"http://{provision.REPOSITORY}/site")


def _is_refused_a_file_of_another_package(site: Site) -> None:
    """DAOS serves on: package managers look for that in the transaction alone, or when told to."""
    with published.site_tools(site, file="libdaos.so.2.0.3"):
        done = site.update(target_release="2.0.3")
    assert done.exit_code == 1, done.output
    assert site.report["outcome"] == "refused"
    refusals = site.report["refusals"]
    assert {finding["code"] for finding in refusals} == {"packages-not-available"}
    assert all("libdaos.so.2.0.3" in finding["message"] for finding in refusals)


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS.keys())
def test_a_cluster_is_updated_to_exactly_the_target(
    start_fresh_site: StartSite, cluster: list[LabNode]
) -> None:
    """2.0.2, although the repository holds 2.0.3; then on to 2.0.3, then nothing is left to do.

    The repository has a newer dependency as well, which no package requires. Another repository has
    2.0.3, unsigned, and package managers prefer it.
    """
    site = start_fresh_site(cluster)
    published.an_older_dependency(site)
    _updates_to(site, "2.0.2")
    assert published.spdk(site) == {published.NEWER_SPDK}
    has = {"spdk-tools": {"before": "21.07-8.noarch", "after": "21.07-11.noarch"}}
    assert [host["dependencies"] for host in site.report["hosts"].values()] == [has] * len(cluster)
    _have_unsigned_packages(site)
    _is_refused_a_file_of_another_package(site)
    with published.site_tools(site, script="%triggerin -- daos\nexit 1"):
        _updates_to(site, "2.0.3")
    failed = [["%triggerin(site-tools-1-1.noarch)"]] * len(cluster)
    assert [host["scriptlets"] for host in site.report["hosts"].values()] == failed
    for node in site.lab.nodes.values():
        signed = node.run("rpm -qa --qf '%{RSAHEADER:pgpsig}\\n' 'daos*'").stdout.splitlines()
        assert signed
        assert all("Key ID" in line for line in signed)
    again = site.update(target_release="2.0.3")
    assert again.exit_code == 0, again.output
    assert site.report["outcome"] == "nothing to do"


def test_a_hot_fix_is_an_update_and_has_a_way_back(start_fresh_site: StartSite) -> None:
    """Another build of the release that is installed, on the distribution of each node."""
    site = start_fresh_site(_mixed("leap15", "el7"), version="2.0.3")
    site.settings["target_release"] = "2.0.3-2"
    before = site.lab.digests()
    published.publish(site, "daos*")
    site.update_until("Starting operation: Start daos_server on the servers", site.kill)
    assert published.builds(site) == {"2.0.3-2"}
    back = site.pyinfra("deploys/rollback.py", "-y")
    assert back.exit_code == 0, back.output
    assert site.report["to_version"] == "2.0.3-1"
    assert published.builds(site) == {"2.0.3-1"}
    done = site.update()
    assert done.exit_code == 0, done.output
    assert (site.report["outcome"], site.report["to_version"]) == ("updated", "2.0.3-2")
    assert published.builds(site) == {"2.0.3-2"}
    site.check_whole("2.0.3")
    assert site.lab.digests() == before
