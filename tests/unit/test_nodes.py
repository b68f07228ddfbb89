"""The answer of one node: read whole, or not taken at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.nodes import AGENT, SERVER, DaosNode, parse
from operations.releases import EL8, Version

ANSWER = r"""
== hostname
daos-server-01.example
== addresses
10.0.0.1
== os
rhel 8.5
== packages
daos 2.0.1-1.el8 daos-2.0.1-1.el8.src.rpm
daos-client 2.0.1-1.el8 daos-2.0.1-1.el8.src.rpm
daos-exporter 0.4-1 daos-exporter-0.4-1.src.rpm
daos-server 2.0.1-1.el8 daos-2.0.1-1.el8.src.rpm
== services
Id=daos_server.service
ActiveState=active
UnitFileState=enabled

Id=daos_agent.service
ActiveState=inactive
UnitFileState=disabled
== engines
311
312
== mounts
/mnt/my\x20data
== processes
  500 root     daos_agent
  812 bob      ior
  900 carol    my program
== rpmnew
/etc/daos/daos_server.yml.rpmnew
== end
""".strip().splitlines()


def test_a_node_is_read() -> None:
    node = parse(ANSWER)
    assert node.hostname == "daos-server-01"
    assert node.version == Version(2, 0, 1)
    assert node.distribution is EL8
    assert node.runs(SERVER)
    assert not node.runs(AGENT)
    assert node.services[SERVER].enabled
    assert not node.services[AGENT].enabled
    assert node.engines == (311, 312)
    assert node.rpmnew == ("/etc/daos/daos_server.yml.rpmnew",)


def test_users_are_mounts_and_applications_not_the_daemons_of_daos() -> None:
    assert parse(ANSWER).users == [
        "dfuse mounted at /mnt/my data",
        "ior (pid 812, user bob)",
        "my program (pid 900, user carol)",
    ]


@given(st.integers(0, len(ANSWER) - 1))
def test_an_answer_that_is_cut_short_is_none(length: int) -> None:
    assert DaosNode().process(ANSWER[:length]) is None


@pytest.mark.parametrize("state", ["active", "activating", "deactivating", "reloading"])
def test_a_daemon_on_its_way_counts_as_running(state: str) -> None:
    lines = [line.replace("ActiveState=inactive", f"ActiveState={state}") for line in ANSWER]
    assert parse(lines).runs(AGENT)


def test_two_releases_at_once_are_no_version() -> None:
    assert parse([line.replace("client 2.0.1", "client 2.0.3") for line in ANSWER]).version is None


def test_an_old_package_beside_the_new_is_no_version() -> None:
    at = ANSWER.index("daos-client 2.0.1-1.el8 daos-2.0.1-1.el8.src.rpm")
    twice = "daos-client 2.0.3-1.el8 daos-2.0.3-1.el8.src.rpm"
    node = parse([*ANSWER[:at], twice, *ANSWER[at:]])
    assert node.version is None
    assert node.packages["daos-client"] == ("2.0.3-1.el8", "2.0.1-1.el8")


@pytest.mark.parametrize("version", ["2.0.3~rc1", "2.0", "master"])
def test_a_release_that_is_not_known_is_no_version(version: str) -> None:
    assert parse([line.replace("2.0.1", version) for line in ANSWER]).version is None


def test_a_package_that_is_not_built_from_daos_is_none_of_it() -> None:
    assert "daos-exporter" not in parse(ANSWER).packages


def test_no_packages_are_no_version() -> None:
    assert parse([line for line in ANSWER if "-1.el8" not in line]).version is None
