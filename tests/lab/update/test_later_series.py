"""Updates of 2.4 and of 2.6, and from the one to the other, on systems that these support."""

from __future__ import annotations

from testbed import faults
from testbed.lab import huge_pages
from testbed.lab.harness import LabNode

from .. import published
from ..site import ADMIN, CLIENT, SERVER, Site, StartSite, nodes

CONFIGURATION = "/etc/daos/daos_server.yml"
START = "Starting operation: Start daos_server on the servers"
ROCKY = nodes(server_flavour="el88", client_flavour="el88")
MIXED = [
    LabNode("daos-server-01", SERVER, "el9"),
    LabNode("daos-server-02", SERVER, "el9"),
    LabNode("daos-admin-01", ADMIN, "el88"),
    LabNode("daos-client-01", CLIENT, "leap156"),
]


def _is_updated(site: Site, target: str) -> None:
    """And all data is as it was, and nothing is left to do."""
    before = site.lab.digests()
    assert before
    site.lab.note_contents()
    done = site.update(target_release=target)
    assert done.exit_code == 0, done.output
    assert (site.report["outcome"], site.report["to_version"]) == ("updated", target)
    site.check_whole(target)
    site.lab.note_contents()
    assert site.lab.digests() == before
    again = site.update(target_release=target)
    assert again.exit_code == 0, again.output
    assert site.report["outcome"] == "nothing to do"


def _is_refused(site: Site, target: str, code: str, host: str, word: str) -> None:
    """For one reason, on one node, before anything was stopped."""
    installed = site.release
    done = site.update(target_release=target)
    assert done.exit_code == 1, done.output
    assert site.report["outcome"] == "refused"
    assert site.report["offline_window_s"] is None
    [finding] = site.report["refusals"]
    assert (finding["code"], finding["hosts"]) == (code, [host])
    assert word in finding["message"]
    site.check_whole(installed)


def test_a_fix_level_of_2_4(start_fresh_site: StartSite) -> None:
    site = start_fresh_site(ROCKY, version="2.4.1")
    _is_updated(site, "2.4.2")


def test_a_fix_level_of_2_6_that_starts_without_huge_pages_alone(
    start_fresh_site: StartSite,
) -> None:
    """2.6.5 would not start on a server whose kernel has transparent huge pages; 2.6.3 does."""
    site = start_fresh_site(MIXED, version="2.6.3")
    with huge_pages.always(site.lab.files.huge_pages, "daos-server-02"):
        _is_refused(site, "2.6.5", "huge-pages", "daos-server-02", huge_pages.PATH)
    _is_updated(site, "2.6.5")


def test_a_step_to_the_next_series_has_a_way_back(start_fresh_site: StartSite) -> None:
    """It begins when every server's configuration can be read by the new series."""
    site = start_fresh_site(ROCKY, version="2.4.2")
    server = site.lab.node("daos-server-02")
    old = f"enable_vmd: false\n{server.read(CONFIGURATION)}"
    with faults.FILE_REPLACED.on(server, path=CONFIGURATION, text=old):
        _is_refused(site, "2.6.5", "configuration", server.name, "enable_vmd")
    site.settings["target_release"] = "2.6.5"
    digests, spdk = site.lab.digests(), _spdk(site)
    begun = site.update_until(START, site.kill)
    assert START in begun.output, begun.output
    assert published.builds(site) == {"2.6.5-1"}
    assert _spdk(site) != spdk, "what DAOS needs has come with it"
    back = site.pyinfra("deploys/rollback.py", "-y")
    assert back.exit_code == 0, back.output
    assert (site.report["outcome"], site.report["to_version"]) == ("rolled back", "2.4.2")
    site.check_whole("2.4.2")
    assert _spdk(site) == spdk
    assert site.lab.digests() == digests
    _is_updated(site, "2.6.5")


def _spdk(site: Site) -> set[str]:
    return {node.run("rpm -q spdk-tools").stdout for node in site.lab.having("servers")}
