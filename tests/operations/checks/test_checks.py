"""The checks before the window: each finds what it is for, names the nodes, and finds no more."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from operations.checks import command, health, installed, manager, services
from operations.daos.dmg import Member
from operations.daos.node import AGENT, SERVER, Node, Process, Service
from operations.daos.releases import Version
from operations.daos.units import Units
from operations.machinery.settings import Settings
from operations.rules import gates
from operations.rules.findings import Finding
from operations.rules.start import Start
from operations.rules.view import ROLES, View

from ... import captures
from .. import fake_cluster
from ..fake_cluster import SETTINGS
from ..fake_nodes import CLIENT, IDLE, RECORD, SERVING, at

NEWER: dict[str, tuple[str, ...]] = {"daos": ("2.0.3-1.el8",)}


def view(servers: dict[str, Node], clients: dict[str, Node] | None = None) -> View:
    clients = clients or {}
    groups = {"servers": tuple(servers), "admins": (), "clients": tuple(clients)}
    return View(groups, {**servers, **clients})


def settings(**changes: Any) -> Settings:
    read, wrong = Settings.read({**SETTINGS, **changes})
    assert wrong == []
    return read


def found(findings: Iterable[Finding]) -> dict[str, set[str]]:
    """Code to the nodes that are named."""
    return {finding.code: set(finding.hosts) for finding in findings}


# Releases


def test_servers_of_two_releases_under_running_engines_are_refused_with_the_order() -> None:
    servers = {"s1": SERVING, "s2": SERVING, "s3": replace(SERVING, packages=NEWER)}
    [finding] = installed.one_release(view(servers))
    assert (finding.code, finding.hosts) == ("mixed-versions", ("s1", "s2", "s3"))
    assert "2.0.1 on s[1-2], 2.0.3 on s3" in finding.message
    steps = ("daos_agent", "dmg system stop", "daos_server", "same command again")
    assert sorted(steps, key=finding.message.index) == list(steps)


def test_servers_of_two_releases_can_be_resumed_where_no_engine_runs_or_an_update_began() -> None:
    stopped = {"s1": IDLE, "s2": replace(IDLE, packages=NEWER)}
    assert installed.one_release(view(stopped)) == []
    begun = {"s1": replace(SERVING, record=RECORD), "s2": replace(SERVING, packages=NEWER)}
    assert installed.one_release(view(begun)) == []
    assert installed.one_release(view({"s1": SERVING, "s2": SERVING})) == []


def test_servers_of_two_builds_are_named_unless_the_update_replaces_them_all() -> None:
    """A hot fix keeps the version, and raises the release of the package."""
    fixed = replace(SERVING, packages={"daos": ("2.0.1-5.el8",), "daos-server": ("2.0.1-5.el8",)})
    two = view({"s1": SERVING, "s2": fixed})
    [finding] = installed.one_release(two)
    assert (finding.code, finding.hosts) == ("mixed-versions", ("s1", "s2"))
    assert "several builds: 2.0.1-1.el8 on s1, 2.0.1-5.el8 on s2" in finding.message
    assert "target_release in group_data/all.py, like 2.0.3-6, then" in finding.message
    assert installed.one_release(two, replaced=("s1", "s2")) == []
    assert installed.one_release(view({"s1": fixed, "s2": fixed})) == []
    elsewhere = replace(fixed, os="sles 15.3")  # which is refused for that
    assert installed.one_release(view({"s1": SERVING, "s2": elsewhere})) == []


def test_a_package_that_a_role_needs_is_named_with_its_release() -> None:
    [finding] = installed.lacking(view({"s1": at("2.0.3")}), "servers", Version(2, 0, 3))
    assert (finding.code, finding.hosts) == ("not-installed", ("s1",))
    assert "install it (daos-server-2.0.3), or correct the roles" in finding.message


def test_a_package_database_that_is_lost_is_no_node_without_daos() -> None:
    """Nor is it a reason to stop all of DAOS."""
    lost = replace(SERVING, packages={})
    [finding] = installed.lacking(view({"s1": lost}), "servers", Version(2, 0, 3))
    assert "daos_server and daos_engine run there, and rpm knows of no package" in finding.message
    assert "rpm --rebuilddb" in finding.message
    assert installed.one_release(view({"s1": lost, "s2": SERVING})) == []


def test_clients_of_another_release_are_no_servers_of_two() -> None:
    assert (
        installed.one_release(view({"s1": SERVING}, {"c1": replace(CLIENT, packages=NEWER)})) == []
    )


TWICE: dict[str, tuple[str, ...]] = {"daos": ("2.0.1-1.el8", "2.0.3-1.el8")}


def test_a_transaction_that_was_cut_short_is_in_the_way_only_while_daos_runs_there() -> None:
    nodes = {
        "idle": replace(IDLE, packages=TWICE),
        "agent": replace(CLIENT, packages=TWICE),
        "whole": CLIENT,
    }
    [finding] = installed.half_installed(view({}, nodes))
    assert (finding.code, finding.hosts) == ("mixed-packages", ("agent",))
    assert "daos-2.0.1-1.el8, daos-2.0.3-1.el8, and daos_agent runs there" in finding.message


def test_a_release_that_is_not_known_is_always_in_the_way() -> None:
    node = replace(IDLE, packages={"daos": ("2.0.3~rc1-1.el8",)})
    assert found(installed.half_installed(view({}, {"c1": node}))) == {"mixed-packages": {"c1"}}


# Operating systems


def test_systems_that_are_not_supported_are_named_once_each() -> None:
    nodes = {
        "r1": replace(IDLE, os="rocky 8.6"),
        "r2": replace(IDLE, os="rocky 8.6"),
        "d1": replace(IDLE, os="debian 12"),
        "ok": IDLE,
    }
    findings = list(installed.systems(view({}, nodes), settings(), "2.0"))
    assert [(f.code, f.hosts) for f in findings] == [
        ("unsupported-system", ("r1", "r2")),
        ("unsupported-system", ("d1",)),
    ]
    assert "DAOS 2.0 does not support rocky 8.6, but centos 7.9" in findings[0].message


def test_a_site_can_answer_for_a_system() -> None:
    nodes = view({}, {"r1": replace(IDLE, os="rocky 8.6")})
    accepting = settings(accepted_systems={"rocky 8.6": "EL8"})
    assert list(installed.systems(nodes, accepting, "2.0")) == []
    none = {key: value for key, value in SETTINGS["repositories"].items() if key != "EL8"}
    accepting = settings(accepted_systems={"rocky 8.6": "EL8"}, repositories=none)
    assert found(installed.systems(nodes, accepting, "2.0")) == {"unknown-distribution": {"r1"}}


def test_of_a_series_without_a_table_the_distribution_is_asked_for() -> None:
    nodes = view({}, {"r1": replace(IDLE, os="rhel 9.8"), "d1": replace(IDLE, os="debian 12")})
    assert found(installed.systems(nodes, settings(), "3.0")) == {"unknown-distribution": {"d1"}}


def test_what_is_in_repositories_is_not_told_to_be_added_there() -> None:
    nodes = view(
        {}, {"r1": replace(IDLE, os="rocky 10.0"), "a1": replace(IDLE, os="almalinux 10.1")}
    )
    [finding] = installed.systems(replace(nodes, nodes={"r1": nodes.node("r1")}), settings(), "3.0")
    assert "add 'EL10' there" in finding.message
    having = {**SETTINGS["repositories"], "EL10": SETTINGS["repositories"]["EL8"]}
    assert list(installed.systems(nodes, settings(repositories=having), "3.0")) == []


def test_a_system_of_no_known_distribution_is_named_with_where_to_say_it() -> None:
    nodes = view({}, {"d1": replace(IDLE, os="debian 12")})
    [finding] = installed.systems(nodes, settings(), "3.0")
    assert "accepted_systems" in finding.message
    assert "repositories" not in finding.message


# Services


def test_a_daemon_that_does_not_start_at_boot_is_found_where_it_belongs() -> None:
    idle = Service(running=True)
    servers = {
        "s1": SERVING,
        "s2": replace(SERVING, services={SERVER: idle, AGENT: Service()}),
        "s3": replace(SERVING, services={SERVER: Service(), AGENT: Service()}, record=RECORD),
    }
    clients = {"c1": CLIENT, "c2": replace(CLIENT, services={SERVER: Service(), AGENT: idle})}
    findings = list(services.at_boot(view(servers, clients), True))
    assert [(f.code, f.hosts) for f in findings] == [
        ("not-enabled", ("s2",)),
        ("not-enabled", ("c2",)),
    ]
    assert "`systemctl enable daos_server`" in findings[0].message
    assert list(services.at_boot(view(servers, clients), None)) == []
    assert found(services.at_boot(view({}, clients), False)) == {"enabled": {"c1"}}


def _with_unit(node: Node, unit: str, state: str) -> Node:
    packages = {**node.packages, "daos-server": ("2.0.1-1.el8",), "daos-client": ("2.0.1-1.el8",)}
    found = replace(node.services[unit], state=state)
    return replace(node, packages=packages, services={**node.services, unit: found})


def _usable(node: Node, role: str) -> list[Finding]:
    groups = {"servers": (), "admins": (), "clients": (), role: ("n1",)}
    return list(services.usable(Start(groups, {"n1": node})))


def test_a_masked_unit_is_refused_where_it_has_to_start_with_what_to_type() -> None:
    for state in ("masked", "masked-runtime"):
        [finding] = _usable(_with_unit(IDLE, SERVER, state), "servers")
        assert (finding.code, finding.hosts) == ("unit-state", ("n1",))
        assert "`systemctl unmask daos_server`" in finding.message
    [finding] = _usable(_with_unit(CLIENT, AGENT, "masked"), "clients")
    assert "`systemctl unmask daos_agent`" in finding.message
    ran = replace(_with_unit(IDLE, AGENT, "masked"), record=replace(RECORD, running=(AGENT,)))
    assert _usable(ran, "clients")


def test_a_masked_unit_that_nothing_starts_is_the_site_s_own_affair() -> None:
    assert _usable(_with_unit(SERVING, AGENT, "masked"), "servers") == []
    assert _usable(_with_unit(IDLE, AGENT, "masked"), "clients") == []
    assert _usable(_with_unit(IDLE, SERVER, "masked"), "clients") == []


def test_a_unit_that_an_interrupted_transaction_has_removed_comes_with_its_package() -> None:
    gone = replace(_with_unit(IDLE, SERVER, "not-found"), packages={})
    assert _usable(gone, "servers") == []
    assert _usable(_with_unit(IDLE, SERVER, "not-found"), "servers")


@pytest.mark.parametrize(
    "state",
    ["enabled, linked", "alias", "indirect", "generated", "transient", "half-enabled", "ENABLED"],
)
def test_a_unit_that_systemd_does_not_hold_is_refused_wherever_it_is(state: str) -> None:
    """One that nobody knows is neither enabled nor disabled."""
    [finding] = _usable(_with_unit(IDLE, AGENT, state), "admins")
    assert (finding.code, finding.hosts) == ("unit-state", ("n1",))
    assert "daos_agent" in finding.message
    assert "{" not in finding.message


def test_a_unit_that_another_one_starts_is_refused_with_both_names_on_any_node() -> None:
    for state in ("enabled", "disabled", "static"):
        node = _with_unit(IDLE, AGENT, state)
        agent = replace(node.services[AGENT], pullers=("site.service",))
        node = replace(node, services={**node.services, AGENT: agent})
        [finding] = _usable(node, "admins")
        assert (finding.code, finding.hosts) == ("unit-state", ("n1",))
        assert "daos_agent.service is started by site.service as well" in finding.message
        assert "take daos_agent.service out of it" in finding.message


def test_an_update_that_began_with_other_units_goes_on_with_those() -> None:
    own = {"daos_agent": "hpc-agent.service"}
    held = replace(IDLE, record=replace(RECORD, units=own))
    start = Start(dict.fromkeys(ROLES, ("n1", "n2")), {"n1": held, "n2": IDLE})
    assert services.renamed(start, Units.named(own)) == []
    for units in (Units(), Units(agent="other.service")):
        [finding] = services.renamed(start, units)
        assert (finding.code, finding.hosts) == ("other-units", ("n1",))
        assert f"set units = {own} in group_data/all.py" in finding.message


@pytest.mark.parametrize(
    "state", ["enabled", "disabled", "static", "linked", "linked-runtime", "enabled-runtime"]
)
def test_a_unit_that_can_be_stopped_and_started_is_taken_as_it_is(state: str) -> None:
    assert _usable(_with_unit(SERVING, SERVER, state), "servers") == []


def test_what_cannot_be_enabled_is_not_told_to_be() -> None:
    clients = {"m": _with_unit(CLIENT, AGENT, "masked"), "s": _with_unit(CLIENT, AGENT, "static")}
    masked, static = services.at_boot(view({}, clients), True)
    assert (masked.hosts, static.hosts) == (("m",), ("s",))
    assert "`systemctl unmask daos_agent && systemctl enable daos_agent`" in masked.message
    assert "[Install]" in static.message
    assert "`systemctl enable" not in static.message


# The package manager


def test_what_cannot_be_written_to_is_told_once_with_all_that_have_it() -> None:
    image = replace(IDLE, read_only=("/usr", "/etc"))
    [finding] = manager.writable(view({}, {"c1": image, "c2": IDLE, "c3": image}))
    assert (finding.code, finding.hosts) == ("read-only", ("c1", "c3"))
    assert "/usr, /etc" in finding.message


def test_too_little_space_names_the_node_the_path_and_what_is_free() -> None:
    nodes = {
        "c1": replace(IDLE, space={"/": 9000, "/var": 100, "/usr": 99}),
        "c2": replace(IDLE, space={"/": 512}),
    }
    [finding] = manager.space(view({}, nodes), 512)
    assert (finding.code, finding.hosts) == ("no-space", ("c1",))
    assert "only 100 MiB on /var and 99 MiB on /usr free" in finding.message


def test_a_package_manager_at_work_is_named_with_its_user() -> None:
    busy = replace(IDLE, managers=(Process(9, "root", "dnf -y update"),))
    [finding] = manager.idle(view({}, {"c1": busy, "c2": IDLE}))
    assert (finding.code, finding.hosts) == ("package-manager-busy", ("c1",))
    assert finding.message.endswith("(pid 9, user root) is at work: wait for its end, or end it")


def test_nobody_is_told_to_end_the_transaction_of_an_update() -> None:
    busy = replace(IDLE, managers=(Process(9, "root", "dnf -y install"),), record=RECORD)
    [finding] = manager.idle(view({}, {"c1": busy}))
    assert finding.message.endswith("is at work: wait for its end")


FILTERED = "All matches were filtered out by exclude filtering for argument"
DNF = "Dependencies resolved.\n Upgrading:\n daos-client 2.0.3-1.el8\n"


@pytest.mark.parametrize(
    ("done", "output", "errors"),
    [
        (False, DNF, "Operation aborted."),
        (False, "Exiting on user command\n", ""),
        (True, "2 packages to upgrade.\n", ""),
        # Something else is locked, excluded or skipped, and a repository of the site is dead.
        (False, f"Excluding 3 updates due to versionlock\n{DNF}", "Operation aborted."),
        (False, f"Ignoring repositories: site\n{DNF}", "Operation aborted."),
        (True, "Warning: Skipping repository 'site' because of the above error.\n", ""),
        (True, "The following item is locked and will not be changed:\n  kernel-default\n", ""),
    ],
)
def test_a_package_manager_that_only_lacks_a_yes_has_no_complaint(
    done: bool, output: str, errors: str
) -> None:
    assert manager.complaint(done, output, errors) is None


@pytest.mark.parametrize(
    ("done", "output", "errors"),
    [
        (False, "Last metadata expiration check: 0:00:01 ago\n", "Error: nothing provides libx"),
        (False, "DAOS   metadata expiration 75 kB/s | 3.5 kB  00:00\n", "Error: no match"),
        (False, "No package daos-2.0.9 available.\nExiting on user command\n", ""),
        (True, "No package daos-2.0.9 available.\nNothing to do\n", ""),
        (True, "Nothing to do.\nComplete!\n", ""),
        (False, f"No match for argument: daos-server-2.0.3\n{DNF}", "Operation aborted."),
        (False, f"{FILTERED}: daos-server-2.0.3\n{DNF}", "Operation aborted."),
        (True, f"{FILTERED}: daos-server-2.0.3\nNothing to do.\nComplete!\n", ""),
        (False, f"Skipping packages with conflicts:\n daos 2.0.3\n{DNF}", "Operation aborted."),
        (False, f"{DNF}Skip  1 Package\n", "Operation aborted."),
        (False, f"{DNF}Packages skipped because of dependency problems:\n", "Operation aborted."),
        (True, "The package 'daos-client' is locked.\n2 packages to upgrade.\n", ""),
        (False, "", "no answer within 5 seconds"),
        (False, "", ""),
    ],
)
def test_every_other_answer_is_a_complaint(done: bool, output: str, errors: str) -> None:
    said = manager.complaint(done, output, errors)
    assert said
    assert "metadata expiration" not in said
    assert not errors or errors in said


@pytest.mark.parametrize(
    ("output", "unnamed"),
    [
        (f"{DNF} daos   x86_64  2.0.3-1.el8  daos-offline-check  395 k\n", None),
        (f"{DNF}Skipping nothing\n", "    it would not install daos"),
        ("The following 2 packages are going to be upgraded:\n  daos daos-client\n", None),
        ("The following package is going to be upgraded:\n  daos\n", "daos-client"),
        ("daos-2.0.3 daos-client-2.0.3", "daos, daos-client"),
    ],
)
def test_a_package_that_is_not_among_what_would_be_installed_is_a_complaint(
    output: str, unnamed: str | None
) -> None:
    said = manager.complaint(False, output, "Operation aborted.", ("daos", "daos-client"))
    assert (said or "").endswith(unnamed or "")
    assert bool(said) == bool(unnamed)


# Health


def test_ranks_that_are_accepted_as_missing_are_not_lost() -> None:
    lost = Member(3, "s1", "", "excluded", "")
    view = _with_server(runs=True)
    assert [f.code for f in health.lost_ranks(view, [lost], ())] == ["rank-lost"]
    assert health.lost_ranks(view, [lost], {3}) == []


def test_a_rank_is_not_lost_as_long_as_its_daos_server_is_to_be_started() -> None:
    excluded, formatted = (Member(3, "s1", "", it, "") for it in ("excluded", "awaitformat"))
    view = _with_server(runs=False)
    assert health.lost_ranks(view, [excluded], ()) == []
    assert [f.code for f in health.lost_ranks(view, [formatted], ())] == ["rank-lost"]


def test_what_dmg_does_not_tell_is_told_with_the_server_that_does_not_run() -> None:
    assert gates.to_start(_with_server(runs=True)) == ""
    said = gates.to_start(_with_server(runs=False))
    assert "daos_server does not run on s1: type `systemctl start daos_server` there" in said


def _with_server(runs: bool) -> View:
    node = Node("s1", "centos 8.5", services={SERVER: Service(running=runs)})
    return View({"servers": ("s1",), "admins": (), "clients": ()}, {"s1": node})


# Settings


def test_a_setting_that_differs_is_found() -> None:
    hosts: dict[str, dict[str, Any]] = {name: dict(SETTINGS) for name in ("n1", "n2", "n3")}
    hosts["n3"]["rack"] = "b7"
    assert list(command.of_settings(hosts)) == []
    hosts["n2"]["evict_connections"] = True
    [finding] = command.of_settings(hosts)
    assert (finding.code, finding.hosts) == ("bad-setting", ("n2",))
    assert "evict_connections is another one there" in finding.message


# All together, as the command does it


SITE: dict[str, tuple[str, ...]] = {"s1": ("servers",), "a1": ("admins",), "c1": ("clients",)}
TANK = json.dumps(
    {
        "response": {
            "status": 0,
            "pools": [
                {
                    "uuid": fake_cluster.A,
                    "label": "tank",
                    "targets_total": 8,
                    "targets_disabled": 0,
                    "query_error_msg": "",
                    "query_status_msg": "",
                }
            ],
        },
        "error": None,
        "status": 0,
    }
)
BUSY = (
    f"== {fake_cluster.A}\n"
    '{"response": {"status": 0, "total_nodes": 2, "rebuild": {"status": 0, "state": "busy"}}, '
    '"error": null, "status": 0}'
)


YUM = """\
manager 9
/proc/9/cmdline:yum update
/proc/9/status:Name:\tyum
/proc/9/status:State:\tS
/proc/9/status:Uid:\t0\t0\t0\t0"""


def wrong_everywhere(name: str, answer: str) -> str:
    """What the nodes of SITE and two more say when everything is wrong that a node can tell."""
    edits = {
        "s1": ("UnitFileState=enabled", "UnitFileState=disabled"),
        "a1": ("4000000 /", "4000 /"),
        "c1": ("== processes", f"== processes\n{YUM}"),
        "c2": ("rhel 8.5", "rocky 8.6"),
        "c3": ("daos 2.0.1-1", "daos 2.0.2-1"),
    }
    return answer.replace(*edits.get(name, ("", "")))


@pytest.mark.usefixtures("as_the_command_does")
def test_all_that_a_node_can_tell_is_found_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    site = {**SITE, "s2": ("servers",), "c2": ("clients",), "c3": ("clients",)}
    versions = {**dict.fromkeys(site, "2.0.1"), "s2": "2.0.2"}
    findings = refusals(monkeypatch, site, versions, wrong=wrong_everywhere)
    assert {(f.code, tuple(n.removeprefix("@fake/") for n in f.hosts)) for f in findings} == {
        ("mixed-packages", ("c3",)),
        ("unsupported-system", ("c2",)),
        ("mixed-versions", ("s1", "s2")),
        ("not-enabled", ("s1",)),
        ("package-manager-busy", ("c1",)),
        ("no-space", ("a1",)),
    }


@pytest.mark.usefixtures("as_the_command_does")
def test_a_misspelt_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "evict_connection", True)
    assert [finding.code for finding in refusals(monkeypatch)] == ["bad-setting"]


def refusals(
    monkeypatch: pytest.MonkeyPatch,
    site: dict[str, tuple[str, ...]] = SITE,
    versions: dict[str, str] | None = None,
    **arguments: Any,
) -> list[Finding]:
    """What a run over a site is refused for."""
    versions = versions or dict.fromkeys(site, "2.0.1")
    current, state = fake_cluster.examined(monkeypatch, site, versions, **arguments)
    assert state is None, "it was not refused"
    return current.refusals


@pytest.mark.usefixtures("as_the_command_does")
def test_a_rebuild_and_packages_that_are_not_there_are_found_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = {
        "dmg -j pool query": BUSY,
        "--assumeno": {"success": False, "stderr": "Error: Unable to find a match: daos-2.0.3"},
    }
    findings = refusals(monkeypatch, pool_list=TANK, answers=answers)
    assert [(f.code, set(f.hosts)) for f in findings] == [
        ("packages-not-available", {"@fake/s1", "@fake/a1", "@fake/c1"}),
        ("rebuild-running", set()),
    ]


@pytest.mark.usefixtures("as_the_command_does")
def test_an_empty_answer_about_a_pool_is_no_good_one(monkeypatch: pytest.MonkeyPatch) -> None:
    [finding] = refusals(monkeypatch, pool_list=TANK)
    assert finding.code == "dmg-failed"
    assert "pool tank" in finding.message


def _answered(name: str, release: str) -> dict[str, Any]:
    """As of `refusals`: what dmg of a release lists, and that it finds pool tank well if asked.

    + name: the capture of `dmg -j pool list`
    """
    tank = captures.named("joined.json_pool_query_tank", release).output
    uuid = json.loads(tank)["response"]["uuid"]
    listed = captures.named(name, release).output
    return {"pool_list": listed, "answers": {"dmg -j pool query": f"== {uuid}\n{tank}"}}


@pytest.mark.usefixtures("as_the_command_does")
@pytest.mark.parametrize("release", ["2.2.0", "2.4.2", "2.8.0"])
def test_a_pool_that_is_being_created_is_found_and_not_asked(
    monkeypatch: pytest.MonkeyPatch, release: str
) -> None:
    """Asked, it would have no answer here, and be one that is not understood."""
    [finding] = refusals(monkeypatch, **_answered("creating.json_pool_list", release))
    assert (finding.code, "pool scratch" in finding.message) == ("pool-passing", True)


@pytest.mark.usefixtures("as_the_command_does")
def test_a_pool_that_the_list_of_2_6_could_not_query_is_found_and_not_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = refusals(monkeypatch, **_answered("mixed.json_pool_list", "2.6.5"))
    assert [finding.code for finding in found] == ["pool-unknown", "pool-degraded"]
    assert "pool scratch could not be asked" in found[0].message


@pytest.mark.usefixtures("as_the_command_does")
def test_a_system_that_is_being_checked_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    error = (
        "list pools failed: checker: code = 1103 description = "
        '"system checker is enabled; normal operations are disabled"'
    )
    answer = json.dumps({"response": None, "error": error, "status": -1025})
    [finding] = refusals(monkeypatch, pool_list=answer)
    assert finding.code == "checker-enabled"
    assert "end it by `dmg check disable`" in finding.message


KEYS = "pub:-:2048:1:63FA11795141F7B1:1764460000:::-:::scSC::::::23::0:\n"


@pytest.mark.usefixtures("as_the_command_does")
@pytest.mark.parametrize(
    ("key", "keys", "foreign"),
    [
        ("63fa11795141f7b1", KEYS, False),
        ("24c6a8a7f4a80eb5", KEYS, True),
        ("63fa11795141f7b1", "", True),  # nobody knows
        ("", KEYS, True),
    ],
)
def test_what_an_interrupted_update_has_brought_is_signed_by_the_key_that_the_site_names(
    monkeypatch: pytest.MonkeyPatch, key: str, keys: str, foreign: bool
) -> None:
    def half_way(name: str, answer: str) -> str:
        if name == "c1":  # not updated yet
            return answer
        answer = answer.replace("src.rpm\n", f"src.rpm RSA/SHA256, x, Key ID {key}\n")
        return answer.replace("== starts", f"{RECORD.text()}\n== starts")

    current, _ = fake_cluster.examined(
        monkeypatch,
        SITE,
        {"s1": "2.0.3", "a1": "2.0.3", "c1": "2.0.1"},
        answers={"--list-keys": keys},
        wrong=half_way,
    )
    codes = ("foreign-package", "signing-key")
    named = {host for f in current.refusals if f.code in codes for host in f.hosts}
    assert named == ({"@fake/s1", "@fake/a1"} if foreign else set())


# The way back


@pytest.mark.usefixtures("as_the_command_does")
@pytest.mark.parametrize(
    "remembering", [(), ("c1",), ("a1", "c1")], ids=["nobody", "a client", "all but the servers"]
)
def test_what_no_server_remembers_is_not_rolled_back(
    monkeypatch: pytest.MonkeyPatch, remembering: tuple[str, ...]
) -> None:
    """As where the servers were updated long ago, and a client that was away is finished later."""

    def remember(name: str, answer: str) -> str:
        record = f"{RECORD.text()}\n== starts"
        return answer.replace("== starts", record) if name in remembering else answer

    [finding] = refusals(
        monkeypatch,
        versions=dict.fromkeys(SITE, "2.0.3"),
        deploy=fake_cluster.ROOT / "deploys" / "rollback.py",
        wrong=remember,
    )
    assert finding.code == "nothing-to-roll-back"
    assert set(finding.hosts) == {f"@fake/{name}" for name in remembering}


def test_the_shipped_settings_are_documented_one_by_one() -> None:
    text = (fake_cluster.ROOT / "group_data" / "all.py").read_text()
    shipped = runpy.run_path(str(fake_cluster.ROOT / "group_data" / "all.py"))
    for name in (name for name in shipped if not name.startswith("_")):
        before = text[: text.index(f"\n{name} =")].rsplit("\n", 1)[-1]
        assert before.startswith("#"), name
