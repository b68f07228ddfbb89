"""The names of data: what nobody reads is refused, and so is what only pyinfra would read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyinfra.api import Config, Inventory, State
from pyinfra.api.arguments import all_global_arguments
from pyinfra.api.exceptions import DeployError

from operations.checks import command, data
from operations.machinery import commandline
from operations.machinery.settings import NAMES

from ..fake_cluster import SETTINGS

ARGUMENTS = sorted(name for name, _ in all_global_arguments())
ANY_NAME = st.one_of(st.text(min_size=1), st.sampled_from(ARGUMENTS), st.sampled_from(NAMES))
WORDS = ("stage", "system")


def wrong(
    typed: dict[str, Any] | None = None,
    groups: dict[str, dict[str, Any]] | None = None,
    hosts: dict[str, Any] | None = None,
    words: tuple[str, ...] = (),
) -> list[str]:
    """What is said of names: of those typed, of a group's, and of a host's in the inventory."""
    groups = {"all": {}, **(groups or {})}
    members: dict[str, Any] = {name: (["n1"], it) for name, it in groups.items() if name != "all"}
    nodes = [("n1", hosts or {}), "n2"]
    inventory = Inventory((nodes, {**SETTINGS, **groups["all"]}), override_data=typed, **members)
    state = State(inventory, Config())
    found = list(data.findings(state, words))
    assert {finding.code for finding in found} <= {"bad-setting"}
    return [f"{' '.join(finding.hosts)}: {finding.message}" for finding in found]


@pytest.mark.parametrize("name", ARGUMENTS)
def test_what_pyinfra_takes_as_an_argument_is_refused_wherever_it_stands(name: str) -> None:
    for given_as in ({"typed": {name: 1}}, {"groups": {"all": {name: 1}}},
                     {"groups": {"clients": {name: 1}}}, {"hosts": {name: 1}}):  # fmt: skip
        [sentence] = wrong(**given_as)
        assert f"{name} (" in sentence
        assert "argument of every step" in sentence


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("target_version", "target_release"),
        ("release", "target_release"),
        ("evict_connection", "evict_connections"),
        ("backup_paths", "backup_path"),
        ("ssh_usr", "ssh_user"),
    ],
)
def test_a_name_that_nobody_reads_is_refused_with_what_was_meant(name: str, meant: str) -> None:
    for given_as in ({"typed": {name: 1}}, {"groups": {"servers": {name: 1}}}):
        [sentence] = wrong(**given_as)
        assert f"did you mean {meant}?" in sentence


def test_each_place_is_named() -> None:
    assert "(--data)" in wrong(typed={"dry_run": True})[0]
    assert "(group_data/rack1.py)" in wrong(groups={"rack1": {"mirror": "x"}})[0]
    assert "n1: evict_connection (the inventory)" in wrong(hosts={"evict_connection": True})[0]


def test_what_is_known_and_what_is_the_sites_own_is_taken() -> None:
    assert wrong(typed={**dict.fromkeys(NAMES), "ssh_user": "ops", "ssh_config_file": "x"}) == []
    assert wrong(groups={"clients": {"_mirror": "x", "ssh_port": 2222}}) == []
    assert wrong(hosts={"rack": "b7", "_power": "ipmi", "ssh_hostname": "10.0.0.1"}) == []


def test_a_stage_is_known_to_a_migration_alone() -> None:
    """Who types it with deploy.py wants a look, and would get an update."""
    assert wrong(typed=dict.fromkeys(WORDS), words=WORDS) == []
    assert len(wrong(typed=dict.fromkeys(WORDS))) == 2


@given(st.dictionaries(ANY_NAME, st.none(), max_size=4))
def test_nothing_that_is_typed_is_passed_over(typed: dict[str, None]) -> None:
    assert len(wrong(typed=typed)) == len(set(typed) - set(NAMES))


@pytest.fixture
def typed_nothing() -> Iterator[None]:
    """What tests have typed is forgotten after them."""
    yield
    commandline.remember()


def remember(**typed: Any) -> None:
    """config.py is read, and this was typed."""
    with click.Context(click.Command("pyinfra")) as context:
        context.params = typed
        commandline.remember()


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("ssh_confg_file=.lab/ssh_config", "did you mean ssh_config_file?"),
        ("config_file=.lab/ssh_config", "did you mean ssh_config_file?"),
        ("ssh_jump=gate", "there are ssh_hostname"),
        ("target_release", "has no value"),
    ],
)
def test_what_is_wrong_about_the_connection_is_said_before_there_is_one(
    item: str, said: str, typed_nothing: None
) -> None:
    with pytest.raises(DeployError, match=said.replace("?", r"\?")):
        remember(data=(item,))
    remember(data=("target_version=2.0.2", "ssh_user=ops"))


def test_a_second_procedure_and_group_data_that_is_not_there_are_refused(
    tmp_path: Any, typed_nothing: None
) -> None:
    remember(operations=("deploy.py",), group_data=(str(tmp_path),))
    assert commandline.impossible_flags() == []
    remember(operations=("deploy.py", "deploys/rollback.py"), group_data=("/nowhere",))
    second, missing = commandline.impossible_flags()
    assert "deploys/rollback.py after deploy.py" in second
    assert "--group-data /nowhere" in missing


def test_flags_by_which_a_run_would_be_another_user_s_or_have_no_node_at_a_time(
    typed_nothing: None,
) -> None:
    remember(sudo_user="root", su_user="root", parallel=1)
    assert commandline.impossible_flags() == []
    remember(sudo_user="nobody", su_user="ops")
    sudo, su = commandline.impossible_flags()
    assert "--sudo-user nobody" in sudo
    assert "--su-user ops" in su
    with pytest.raises(DeployError, match="--parallel"):
        remember(parallel=-1)


def test_flags_by_which_no_step_would_be_taken_or_none_be_read(typed_nothing: None) -> None:
    remember(retry=0, use_sudo_login=False)
    assert commandline.impossible_flags() == []
    remember(retry=-1, use_sudo_login=True)
    login, retry = commandline.impossible_flags()
    assert "--use-sudo-login" in login
    assert "--retry below 0" in retry


@pytest.mark.parametrize("flag", ["same_sudo_password", "ssh_password_prompt"])
def test_nobody_is_asked_for_a_password_without_a_terminal(
    flag: str, typed_nothing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(DeployError, match=f"--{flag.replace('_', '-')} asks"):
        remember(**{flag: True})


def test_what_was_typed_is_judged_before_a_node_is_asked() -> None:
    state = State(Inventory((["n1"], dict(SETTINGS)), override_data={"_serial": True}), Config())
    assert "bad-setting" in {finding.code for finding in command.findings(state)}
