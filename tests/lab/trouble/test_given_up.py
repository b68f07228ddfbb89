"""What is lost for good, or was meant to go, while an update is under way: there is a way on."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from operations.daos import window_file
from testbed import faults
from testbed.lab.harness import LabNode

from ..site import ADMIN, CLIENT, QUICK, SERVER, Site, StartSite, nodes
from ..usage import members, states

SERVERS = ("daos-server-01", "daos-server-02")
LOGIN = "login-01"
NODES = [*(LabNode(name, SERVER) for name in SERVERS), LabNode(LOGIN, ADMIN | CLIENT)]


def _destroy(site: Site, pool: str) -> None:
    site.lab.node(LOGIN).run(f"dmg pool destroy --force {pool}")


def test_pools_that_are_destroyed_meanwhile_and_an_engine_that_dies(
    start_fresh_site: StartSite,
) -> None:
    """Nothing waits for them in vain, forward or back."""
    site = start_fresh_site(NODES, version="2.0.0")
    site.broken_rules = {"R7"}  # by those who destroy the pools
    _while_it_downloads(site)
    _between_two_commands_of_which_the_second_goes_back(site)
    _after_the_engines_have_stopped(site)
    _an_engine_that_comes_back_no_more(site)


def _while_it_downloads(site: Site) -> None:
    words = "Starting operation: Download and check the packages"
    done = site.update_until(words, lambda: _destroy(site, "scratch"), target_release="2.0.1")
    assert done.exit_code == 0, done.output
    assert site.report["outcome"] == "updated"


def _between_two_commands_of_which_the_second_goes_back(site: Site) -> None:
    site.lab.node(LOGIN).run("dmg pool create --size 1G extra")
    words = "Starting operation: Stop the engines: dmg system stop"
    site.update_until(words, site.kill, target_release="2.0.2")
    _destroy(site, "extra")
    done = site.pyinfra("deploys/rollback.py", "-y")
    assert (done.exit_code, site.report["outcome"]) == (0, "rolled back"), done.output


def _after_the_engines_have_stopped(site: Site) -> None:
    """Then it may have been lost by the update, so somebody has to say that it was meant to go."""
    words = "Starting operation: See that all pools are there"
    release = {"target_release": "2.0.2"}
    quick = {**release, "timeouts": {**QUICK, "join": 5}}
    done = site.update_until(words, lambda: _destroy(site, "tank"), **quick)
    assert done.exit_code == 1, done.output
    assert "pool tank is gone" in done.output
    assert """--data 'given_up_pools=["tank"]'""" in done.output
    done = site.update(**release, given_up_pools=["tank"])
    assert done.exit_code == 0, done.output
    assert "daos_agent.service" in site.lab.node(LOGIN).run("systemctl list-units").stdout


def _an_engine_that_comes_back_no_more(site: Site) -> None:
    quick = {"target_release": "2.0.3", "timeouts": {**QUICK, "join": 5}}
    faults.ENGINE_NEVER_READY.plant(site.lab.node(SERVERS[1]))
    done = site.update(**quick)
    assert done.exit_code == 1, done.output
    lost = [rank for rank, state in states(site.lab.node(LOGIN)).items() if state != "joined"]
    assert f"add --data 'given_up_ranks={lost}'" in done.output
    assert "accepted_exclusions" not in done.output
    done = site.update(**quick, accepted_exclusions=lost)
    assert done.exit_code == 1, done.output
    assert "accepted_exclusions is for ranks that were missing before" in done.output
    done = site.update(**quick, given_up_ranks=lost)
    assert (done.exit_code, site.report["outcome"]) == (0, "updated"), done.output


def test_a_server_and_the_admin_node_that_die_for_good_are_given_up(
    start_fresh_site: StartSite,
) -> None:
    site = start_fresh_site(nodes(servers=3))
    site.broken_rules = {"R5", "R6", "R9"}  # to the referee it is a server as all others
    dead, admin = site.lab.node("daos-server-03"), site.lab.node("daos-admin-01")
    ranks = [m["rank"] for m in members(admin) if dead.name in m["fault_domain"]]

    def die() -> None:
        dead.kill()
        admin.kill()

    done = site.update_until("Starting operation: Update the DAOS packages", die)
    assert done.exit_code == 1, done.output
    assert site.update().exit_code == 1
    assert {finding["code"] for finding in site.report["refusals"]} == {"no-answer"}
    left = [name for name in site.groups["servers"] if name != dead.name]
    clients = site.groups["clients"]
    site.write_inventory(servers=left, admins=clients, clients=clients)
    done = site.update()
    assert done.exit_code == 1, done.output
    [finding] = site.report["refusals"]
    assert (finding["code"], finding["hosts"]) == ("not-in-inventory", [dead.name])
    assert "given_up_servers" in finding["message"]
    assert "given_up_ranks" in finding["message"]
    given_up = {"given_up_servers": [dead.name], "given_up_ranks": ranks}
    _a_disk_that_was_cloned_elsewhere_is_found(site, **given_up)
    done = site.update(**given_up)
    assert (done.exit_code, site.report["outcome"]) == (0, "updated"), done.output
    assert f"not in `inventory` any more: {admin.name}." in done.output
    assert site.report["left_out"] == [admin.name]


def _a_disk_that_was_cloned_elsewhere_is_found(site: Site, **given_up: Any) -> None:
    """What it remembers is of another system; the servers have kept what was true of this one."""
    server = site.lab.node(SERVERS[1])
    record = json.loads(server.read(window_file.PATH))
    other = {**record, "servers": ["stor-1"], "pools": {record["began"]: "theirs"}, "had": {}}
    server.run(f"printf %s {shlex.quote(json.dumps(other))} > {window_file.PATH}")
    for procedure in ("deploy.py", "deploys/rollback.py"):
        done = site.pyinfra(procedure, "-y", **given_up)
        assert done.exit_code == 1, done.output
        [finding] = site.report["refusals"]
        assert (finding["code"], finding["hosts"]) == ("foreign-record", [SERVERS[1]])
    [typed] = re.findall(r"`(mv .*?)`", finding["message"])
    server.run(typed)
