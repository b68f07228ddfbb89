"""The order of operations is the written one, whatever the groups are.

pyinfra orders operations by a graph made of each host's own list; where a procedure is written role
by role, as most are, it starts the daemons before the packages are updated. The real deploy.py is
run here for every host of clusters of any shape, as pyinfra's command does it; only the nodes'
answers are canned, by pyinfra's own fake connector.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyinfra.api import State
from pyinfra.connectors.fake import FakeConnector

from .fake_cluster import DEPLOY, ROLES, load, names_in_order


@pytest.fixture(autouse=True)
def no_reports(as_the_command_does: None, tmp_path: Path) -> Iterator[None]:
    """A plan leaves no report."""
    yield
    assert not list(tmp_path.iterdir())


def written_order() -> list[str]:
    """The names of the operations in deploy.py, from top to bottom."""
    names = [
        str(keyword.value.value)
        for statement in ast.parse(DEPLOY.read_text()).body
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
        for keyword in statement.value.keywords
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant)
    ]
    assert len(names) > 10
    return names


some_roles = st.lists(st.sampled_from(ROLES), min_size=1, max_size=3, unique=True).map(tuple)


@st.composite
def clusters(draw: Any) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Any nodes with any roles, in any order, such that every role has a node."""
    roles = [*draw(st.lists(some_roles, max_size=5)), *((role,) for role in ROLES)]
    shuffled = draw(st.permutations(roles))
    roles_of = {f"n{number}": node_roles for number, node_roles in enumerate(shuffled)}
    outdated = st.sampled_from(["2.0.1", "2.0.2", "2.0.3"])
    of_servers = draw(outdated)  # while engines run, they are of one release
    versions = {name: draw(outdated) for name in roles_of}
    return roles_of, {
        name: of_servers if "servers" in roles_of[name] else version
        for name, version in versions.items()
    }


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(clusters())
def test_the_order_is_the_written_one_whatever_the_groups_are(
    cluster: tuple[dict[str, tuple[str, ...]], dict[str, str]],
) -> None:
    state = load(*cluster)
    assert names_in_order(state) == written_order()
    for host in state.inventory:
        assert len(host.op_hash_order) == len(written_order()), "a host skips an operation"


def changes(state: State) -> dict[str, set[str]]:
    """What the plan says: operation name to the nodes that it will change."""
    return {
        ", ".join(state.get_op_meta(op_hash).names): {
            host.name.removeprefix("@fake/")
            for host in state.inventory
            if state.ops[host][op_hash].operation_meta.will_change
        }
        for op_hash in state.get_op_order()
    }


SITE = {
    "s1": ("servers",),
    "s2": ("servers",),
    "a1": ("admins",),
    "a2": ("admins",),
    "c1": ("clients", "admins"),
}


def test_the_plan_shows_the_starts_that_follow_the_stops() -> None:
    plan = changes(load(SITE, dict.fromkeys(SITE, "2.0.1")))
    assert plan["Update the DAOS packages on all nodes"] == set(SITE)
    assert plan["Stop daos_agent wherever it runs"] == {"c1"}
    assert plan["Stop the engines: dmg system stop"] == {"a1"}
    assert plan["Stop daos_server on the servers"] == {"s1", "s2"}
    assert plan["Start daos_server on the servers"] == {"s1", "s2"}
    assert plan["Wait until every engine has joined"] == {"a1"}
    assert plan["Start daos_agent where it ran"] == {"c1"}
    assert plan["Unmount dfuse, where the site allows it"] == set()


def test_the_plan_for_an_updated_system_is_empty() -> None:
    plan = changes(load(SITE, dict.fromkeys(SITE, "2.0.3")))
    assert {name for names in plan.values() for name in names} == set()


def test_only_nodes_that_are_not_at_the_target_get_packages() -> None:
    plan = changes(load(SITE, {**dict.fromkeys(SITE, "2.0.3"), "a2": "2.0.2"}))
    assert plan["Update the DAOS packages on all nodes"] == {"a2"}
    assert plan["Keep DAOS from starting at boot"] == {"a2"}
    assert plan["Stop daos_server on the servers"] == set()


def test_the_hosts_are_asked_once_each() -> None:
    state = load(SITE, dict.fromkeys(SITE, "2.0.1"))
    for host in state.inventory:
        assert isinstance(host.connector, FakeConnector)
        asked = [line for line in host.connector.executed_commands if "== packages" in line]
        assert len(asked) == 1, host.name


ROLE_BY_ROLE = """
from pyinfra import host
from pyinfra.operations import server

if "clients" in host.groups:
    server.shell(name="10 stop agents", commands="true")
if "admins" in host.groups:
    server.shell(name="20 dmg system stop", commands="true")
if "servers" in host.groups:
    server.shell(name="30 stop servers", commands="true")
server.shell(name="50 update", commands="true")
if "servers" in host.groups:
    server.shell(name="60 start servers", commands="true")
if "admins" in host.groups:
    server.shell(name="70 dmg query", commands="true")
if "clients" in host.groups:
    server.shell(name="80 start agents", commands="true")
"""


def test_a_procedure_written_role_by_role_is_reordered_by_pyinfra(tmp_path: Path) -> None:
    """The hazard itself; should a later pyinfra keep the order, the steps may become simpler."""
    deploy = tmp_path / "deploy.py"
    repository = 'if "servers" in host.groups:\n    server.shell(name="40 repo", commands="true")\n'
    text = ROLE_BY_ROLE.replace('server.shell(name="50', repository + 'server.shell(name="50')
    deploy.write_text(text)
    names = names_in_order(load(SITE, dict.fromkeys(SITE, "2.0.1"), deploy))
    deploy.unlink()
    assert names != sorted(names)
