"""Three package managers, mixed distributions, and nodes with more than one role."""

from __future__ import annotations

import pytest

from testbed.lab.harness import LabNode

from ..site import ADMIN, ALL_ROLES, CLIENT, SERVER, Site, StartSite, nodes

ONE_FOR_ALL = [LabNode("daos-01", ALL_ROLES, "el8")]
LOGIN_NODES = [
    LabNode("daos-server-01", SERVER, "el8"),
    LabNode("login-01", ADMIN | CLIENT, "leap15"),
]

CLUSTERS = {
    "leap15": nodes(server_flavour="leap15", client_flavour="leap15"),
    "el7": nodes(server_flavour="el7", client_flavour="el7"),
    "el8 servers, el7 clients": nodes(server_flavour="el8", client_flavour="el7"),
    "one node with all roles": ONE_FOR_ALL,
    "login node of another flavour": LOGIN_NODES,
}


def _updates_to(site: Site, target: str) -> None:
    before = site.lab.digests()
    done = site.update(target_release=target)
    assert done.exit_code == 0, done.output
    assert site.report["outcome"] == "updated"
    assert set(map(frozenset, site.versions().values())) == {frozenset({target})}
    assert before
    assert site.lab.digests() == before


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS.keys())
def test_a_cluster_is_updated_to_exactly_the_target(
    start_fresh_site: StartSite, cluster: list[LabNode]
) -> None:
    """2.0.2, although the repository holds 2.0.3; then on to 2.0.3, then nothing is left to do."""
    site = start_fresh_site(cluster)
    _updates_to(site, "2.0.2")
    _updates_to(site, "2.0.3")
    again = site.update(target_release="2.0.3")
    assert again.exit_code == 0, again.output
    assert site.report["outcome"] == "nothing to do"
