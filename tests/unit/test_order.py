"""The order of operations is the written one, whatever the groups are.

pyinfra orders operations by a graph made of each host's own list; where a procedure is written role
by role, as most are, it starts the daemons before the packages are updated. The real deploy.py is
run here for every host of clusters of any shape, as pyinfra's command does it; only the nodes'
answers are canned, by pyinfra's own fake connector.
"""

from __future__ import annotations

import ast
import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyinfra
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyinfra.api import Config, Inventory, State
from pyinfra.api.connect import connect_all
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_config, ctx_host, ctx_state

ROOT = Path(__file__).parents[2]
ROLES = ("servers", "admins", "clients")
DEPLOY = compile((ROOT / "deploy.py").read_text(), str(ROOT / "deploy.py"), "exec")
SETTINGS = {
    key: value
    for key, value in runpy.run_path(str(ROOT / "group_data" / "all.py")).items()
    if not key.startswith("_")
}


@pytest.fixture(autouse=True)
def as_the_command_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The command line orders by line numbers, the API does not; and a plan leaves no report."""
    monkeypatch.setattr(pyinfra, "is_cli", True)
    monkeypatch.chdir(tmp_path)
    yield
    assert not list(tmp_path.iterdir())


def written_order() -> list[str]:
    """The names of the operations in deploy.py, from top to bottom."""
    names = [
        keyword.value.value
        for statement in ast.parse((ROOT / "deploy.py").read_text()).body
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
        for keyword in statement.value.keywords
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant)
    ]
    assert len(names) > 10
    return names


def node_answer(name: str, version: str, roles: tuple[str, ...]) -> str:
    packages = {"daos"} | {"daos-server" if role == "servers" else "daos-client" for role in roles}
    lines = ["== hostname", name, "== os", "rhel 8.5", "== packages"]
    lines += [f"{package} {version}-1.el8" for package in packages]
    lines.append("== services")
    for unit, role in (("daos_server", "servers"), ("daos_agent", "clients")):
        active = "active" if role in roles else "inactive"
        lines += [f"Id={unit}.service", f"ActiveState={active}", "UnitFileState=enabled"]
    lines += ["== engines", *(["7"] if "servers" in roles else [])]
    return "\n".join([*lines, "== mounts", "== processes", "== rpmnew", "== end"])


def members(servers: list[str]) -> str:
    rows = [
        {"rank": rank, "addr": "10.0.0.1:10001", "fault_domain": f"/{name}", "state": "joined",
         "info": ""}
        for rank, name in enumerate(servers)
    ]  # fmt: skip
    return json.dumps({"response": {"members": rows}, "error": None, "status": 0})


def load(roles_of: dict[str, tuple[str, ...]], versions: dict[str, str]) -> State:
    """Load deploy.py for a cluster, as `pyinfra inventory deploy.py` without -y does."""
    servers = [name for name, roles in roles_of.items() if "servers" in roles]
    hosts = [
        (
            f"@fake/{name}",
            {
                "fake_delay": 0,
                "fake_delay_jitter": 0,
                "fake_responses": {
                    "== packages": node_answer(name, versions[name], roles),
                    "dmg -j system query": members(servers),
                    "dmg -j pool list": '{"response": {"status": 0, "pools": []}, '
                    '"error": null, "status": 0}',
                },
            },
        )
        for name, roles in roles_of.items()
    ]
    groups = {
        role: ([f"@fake/{name}" for name, roles in roles_of.items() if role in roles], {})
        for role in ROLES
    }
    state = State(check_for_changes=True)
    state.cwd = str(ROOT)
    config = Config()
    with ctx_state.use(state), ctx_config.use(config):
        inventory = Inventory((hosts, {}), override_data=dict(SETTINGS), **groups)
        state.init(inventory, config)
        state.set_stage(StateStage.Connect)
        connect_all(state)
        state.set_stage(StateStage.Prepare)
        state.current_deploy_filename = str(ROOT / "deploy.py")
        for host in inventory:
            with ctx_host.use(host):
                exec(DEPLOY, {"__name__": "deploy"})
    return state


def names_in_order(state: State) -> list[str]:
    return [", ".join(state.get_op_meta(op_hash).names) for op_hash in state.get_op_order()]


some_roles = st.lists(st.sampled_from(ROLES), min_size=1, max_size=3, unique=True).map(tuple)


@st.composite
def clusters(draw: Any) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Any nodes with any roles, in any order, such that every role has a node."""
    roles = [*draw(st.lists(some_roles, max_size=5)), *((role,) for role in ROLES)]
    shuffled = draw(st.permutations(roles))
    roles_of = {f"n{number}": node_roles for number, node_roles in enumerate(shuffled)}
    outdated = st.sampled_from(["2.0.1", "2.0.2", "2.0.3"])
    return roles_of, {name: draw(outdated) for name in roles_of}


@settings(
    max_examples=25,
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
    assert plan["Stop daos_agent on the clients"] == {"c1"}
    assert plan["Stop the engines: dmg system stop"] == {"a1"}
    assert plan["Stop daos_server on the servers"] == {"s1", "s2"}
    assert plan["Start daos_server on the servers"] == {"s1", "s2"}
    assert plan["Wait until every engine has joined"] == {"a1"}
    assert plan["Start daos_agent on the clients"] == {"c1"}
    assert plan["Unmount dfuse, where the site allows it"] == set()


def test_the_plan_for_an_updated_system_is_empty() -> None:
    plan = changes(load(SITE, dict.fromkeys(SITE, "2.0.3")))
    assert {name for names in plan.values() for name in names} == set()


def test_only_nodes_that_are_not_at_the_target_get_packages() -> None:
    plan = changes(load(SITE, {**dict.fromkeys(SITE, "2.0.3"), "a2": "2.0.2"}))
    assert plan["Update the DAOS packages on all nodes"] == {"a2"}
    assert plan["Stop daos_server on the servers"] == {"s1", "s2"}


def test_the_hosts_are_asked_once_each() -> None:
    state = load(SITE, dict.fromkeys(SITE, "2.0.1"))
    for host in state.inventory:
        asked = [line for line in host.connector.executed_commands if "== packages" in line]
        assert len(asked) == 1, host.name
