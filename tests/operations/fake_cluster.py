"""A cluster of pyinfra's own fake hosts: deploy code runs for it, the nodes' answers are canned.

It stays beside the simulated cluster for what that does not do: answers that are cut short or that
no release gives, a state of pyinfra's that a test looks into, and the migration from 1.x.
"""

from __future__ import annotations

import inspect
import json
import runpy
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pyinfra.api.util
import pytest
from pyinfra.api import Config, Inventory, State
from pyinfra.api.connect import connect_all
from pyinfra.api.exceptions import DeployError
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_config, ctx_host, ctx_state

from operations.machinery import run
from operations.machinery.framing import ENDED
from operations.machinery.run import Run
from operations.machinery.shared import Shared

ROOT = Path(__file__).parents[2]
ROLES = ("servers", "admins", "clients")
DEPLOY = ROOT / "deploy.py"
A = "0000000a-0000-0000-0000-000000000000"  # UUIDs of two containers
B = "0000000b-0000-0000-0000-000000000000"
RESOLVED = "Upgrading:\n daos  2.0.3-1\n daos-client  2.0.3-1\n daos-server  2.0.3-1\n"
NO_POOLS = '{"response": {"status": 0, "pools": []}, "error": null, "status": 0}'
SETTINGS = {
    key: value
    for key, value in runpy.run_path(str(ROOT / "group_data" / "all.py")).items()
    if not key.startswith("_")
}


_STATUS = ("Name:\tdaos_engine", "State:\tS (sleeping)", "PPid:\t6", "Uid:\t0\t0\t0\t0")
# An engine of a daos_server whose process id is 6.
ENGINE = "\n".join(["daemon 7", *(f"/proc/7/status:{line}" for line in _STATUS)])


def node_answer(name: str, version: str, roles: tuple[str, ...]) -> str:
    packages = {"daos"} | {"daos-server" if role == "servers" else "daos-client" for role in roles}
    lines = [
        f"{ENDED} 0",  # as right after a command that changes it
        "== hostname",
        name,
        "== boot",
        "b",
        "== addresses",
        "== os",
        "rhel 8.5",
        "== packages",
    ]
    lines += [f"{package} {version}-1.el8 daos-{version}-1.el8.src.rpm" for package in packages]
    lines.append("== services")
    for unit, role in (("daos_server", "servers"), ("daos_agent", "clients")):
        active = "active" if role in roles else "inactive"
        enabled = "enabled" if role in roles else "disabled"
        main = {"daos_server": 6, "daos_agent": 5}[unit] if role in roles else 0
        lines += [f"MainPID={main}", "ExecMainStartTimestampMonotonic=60000000"]
        lines += [f"Id={unit}.service", f"ActiveState={active}", f"UnitFileState={enabled}"]
        lines.append("LoadState=loaded")
    lines += ["== links", "== record", "== starts"]
    lines += ["== access", "== held", "== resets"]
    lines.append("== lock")
    lines += ["== processes", *([ENGINE] if "servers" in roles else []), "== status"]
    lines += ["== cgroups", "== others", "== names", "== mounts"]
    lines += ["== space", "Avail Mounted on", "4000000 /", "== read-only"]
    return "\n".join([*lines, "== rpmnew", "== end"])


def members(servers: list[str]) -> str:
    rows = [
        {"rank": rank, "addr": "10.0.0.1:10001", "fault_domain": f"/{name}", "state": "joined",
         "info": ""}
        for rank, name in enumerate(servers)
    ]  # fmt: skip
    return json.dumps({"response": {"members": rows}, "error": None, "status": 0})


# pyinfra looks at the lines of the stack; reading the source of each, too, takes most of the time.
NO_SOURCE = mock.patch.multiple(
    pyinfra.api.util,
    stack=partial(inspect.stack, 0),
    getframeinfo=partial(inspect.getframeinfo, context=0),
)


def load(
    roles_of: Mapping[str, tuple[str, ...]],
    versions: dict[str, str],
    deploy: Path = DEPLOY,
    pool_list: str = NO_POOLS,
    answers: Mapping[str, Any] | None = None,
    wrong: Callable[[str, str], str] = lambda name, answer: answer,
) -> State:
    """Load deploy code for a cluster, as `pyinfra inventory deploy.py` without -y does.

    + roles_of: node name to its roles
    + versions: node name to the DAOS release that it has
    + pool_list: what `dmg -j pool list` answers
    + answers: what other commands answer, by a part of the command
    + wrong: given a node and what it says of itself, what it says instead
    """
    code = compile(deploy.read_text(), str(deploy), "exec")
    servers = [name for name, roles in roles_of.items() if "servers" in roles]
    hosts = [
        (
            f"@fake/{name}",
            {
                "fake_delay": 0,
                "fake_delay_jitter": 0,
                "fake_responses": {
                    "--assumeno": RESOLVED,
                    **(answers or {}),
                    "== packages": wrong(name, node_answer(name, versions[name], roles)),
                    "dmg -j system query": members(servers),
                    "dmg -j pool list": pool_list,
                },
            },
        )
        for name, roles in roles_of.items()
    ]
    groups: dict[str, Any] = {
        role: ([f"@fake/{name}" for name, roles in roles_of.items() if role in roles], {})
        for role in ROLES
    }
    state = State(check_for_changes=True)
    state.cwd = str(ROOT)
    config = Config()
    with ctx_state.use(state), ctx_config.use(config), NO_SOURCE:
        inventory = Inventory((hosts, {}), override_data=dict(SETTINGS), **groups)
        state.init(inventory, config)
        state.set_stage(StateStage.Connect)
        connect_all(state)
        state.set_stage(StateStage.Prepare)
        state.current_deploy_filename = str(deploy)
        for host in inventory:
            with ctx_host.use(host):
                exec(code, {"__name__": "deploy"})
    return state


def examined(
    monkeypatch: pytest.MonkeyPatch, *arguments: Any, **named: Any
) -> tuple[Run, State | None]:
    """The run that deploy code begins, and its state; None where it was refused.

    + arguments, named: as for `load`
    """
    runs: dict[State, Shared] = {}
    monkeypatch.setattr(run, "_runs", runs)
    # The command ends with 1 after a refusal, and here the command is pytest.
    monkeypatch.setattr("atexit.register", lambda *finish: None)
    try:
        state = load(*arguments, **named)
    except DeployError:
        state = None
    [begun] = runs
    return run.of(begun), state


def names_in_order(state: State) -> list[str]:
    return [", ".join(state.get_op_meta(op_hash).names) for op_hash in state.get_op_order()]
