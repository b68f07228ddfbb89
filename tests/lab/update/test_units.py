"""A site that runs the daemons by units of its own names."""

from __future__ import annotations

import pytest

from testbed import faults
from testbed.lab.container import Node
from testbed.lab.system import wait_joined

from ..site import Site, StartSite, nodes

OWN = {"daos_server": "hpc-daos-server.service", "daos_agent": "hpc-daos-agent"}
CLIENT = "daos-client-01"
SERVERS = ["daos-server-01", "daos-server-02"]
ROLES = (("clients", "daos_agent"), ("servers", "daos_server"))


@pytest.fixture
def site(start_fresh_site: StartSite) -> Site:
    """A system on which the site's units run the daemons, and DAOS's own are disabled."""
    site = start_fresh_site(nodes(servers=2, clients=1))
    [admin] = site.lab.having("admins")
    site.lab.node(CLIENT).run("systemctl stop daos_agent")
    admin.run("dmg system stop")
    for role, daemon in ROLES:
        for node in site.lab.having(role):
            _take_over(node, daemon)
    wait_joined(admin, site.lab.having("servers"))
    return site


def _unit(daemon: str) -> str:
    return OWN[daemon].removesuffix(".service") + ".service"


def _take_over(node: Node, daemon: str) -> None:
    unit = _unit(daemon)
    node.run(
        f"systemctl disable --now {daemon}"
        f" && cp /usr/lib/systemd/system/{daemon}.service /etc/systemd/system/{unit}"
        f" && systemctl daemon-reload && systemctl enable --now {unit}"
    )


def _states(node: Node, *names: str) -> list[str]:
    """Of each unit whether it runs, whether it is enabled, and what adds to it."""
    asked = "systemctl show -p ActiveState,UnitFileState,DropInPaths --value"
    return [" ".join(node.run(f"{asked} {name}").stdout.split()) for name in names]


def _is_whole(site: Site) -> None:
    """The site's units run, and are enabled; DAOS's own are off; nothing is left of an update."""
    for role, daemon in ROLES:
        for node in site.lab.having(role):
            states = _states(node, _unit(daemon), f"{daemon}.service")
            assert sorted(states[0].split()) == ["active", "enabled"], node.name
            assert sorted(states[1].split()) == ["disabled", "inactive"], node.name
            assert not node.run("ls /var/lib/daos-offline-update 2>/dev/null", check=False).stdout


def test_the_site_s_units_are_updated_once_the_site_has_named_them(site: Site) -> None:
    """Named nowhere they are nobody's; a reboot in the window starts neither these nor DAOS's."""
    before, client, server = site.lab.digests(), site.lab.node(CLIENT), site.lab.node(SERVERS[0])
    assert site.update().exit_code == 1
    foreign = [it for it in site.report["refusals"] if it["code"] == "foreign-daemon"]
    assert [it["hosts"] for it in foreign] == [*([name] for name in SERVERS), [CLIENT]]
    assert all("name that in units in group_data/all.py" in it["message"] for it in foreign)

    site.settings["units"] = OWN
    with faults.PACKAGES_FAIL.on(server):
        done = site.update()
    assert done.exit_code == 1, done.output
    for node, daemon in ((client, "daos_agent"), (server, "daos_server")):
        faults.REBOOT.strike(node)
        assert not node.run(f"pgrep -x {daemon}", check=False).stdout

    del site.settings["units"]
    assert site.update().exit_code == 1
    assert {it["code"] for it in site.report["refusals"]} == {"other-units"}
    assert "hpc-daos-server.service" in site.report["refusals"][0]["message"]

    site.settings["units"] = OWN
    done = site.update()
    assert done.exit_code == 0, done.output
    _is_whole(site)
    assert site.release == "2.0.3"
    assert site.lab.digests() == before
    assert site.update().exit_code == 0
    assert site.report["outcome"] == "nothing to do"


def test_a_daemon_of_the_site_s_unit_that_is_in_the_way_is_told_by_its_name(site: Site) -> None:
    """DAOS's own unit is enabled beside the site's; then the site's does not start any more."""
    site.settings["units"] = OWN
    server = site.lab.node(SERVERS[1])
    server.run("systemctl enable daos_server")
    assert site.update().exit_code == 1
    [finding] = site.report["refusals"]
    assert (finding["code"], finding["hosts"]) == ("unit-state", [server.name])
    assert "`systemctl disable daos_server.service`" in finding["message"]
    server.run("systemctl disable daos_server")

    unit = "hpc-daos-server.service"
    server.run(f"systemctl disable {unit}")
    assert site.update().exit_code == 1
    [finding] = site.report["refusals"]
    assert (finding["code"], finding["hosts"]) == ("not-enabled", [server.name])
    assert "`systemctl enable hpc-daos-server`" in finding["message"]
    server.run(f"systemctl enable {unit}")
    _is_whole(site)
