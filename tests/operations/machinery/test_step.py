"""When steps look at the nodes: each before it acts; to see that they need not, one for several."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyinfra.api import Host, State
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage
from pyinfra.connectors.fake import FakeConnector
from pyinfra.context import ctx_state

from operations.daos.node import Node
from operations.machinery.run import Run
from operations.machinery.step import Command, step, verify

from ..fake_cluster import load

pytestmark = pytest.mark.usefixtures("as_the_command_does")


@pytest.fixture(autouse=True)
def no_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says them at its end, and here the command is pytest."""
    monkeypatch.setattr("atexit.register", lambda *_: None)


SITE = {"s1": ("servers",), "a1": ("admins",), "c1": ("clients",)}
done: list[str] = []


def _not_at_target(current: Run, name: str, node: Node) -> bool:
    return node.version != current.target


@step("servers", looks=True)
def acts(current: Run, here: Host) -> Iterator[Command]:
    """A step that every run takes."""
    yield verify(current, lambda: done.append(here.name))


@step("servers", need=_not_at_target, looks=True)
def updates(current: Run, here: Host) -> Iterator[Command]:
    """A step that only a node of another release needs."""
    yield verify(current, lambda: done.append(here.name))


def looks(tmp_path: Path, *steps: str, version: str = "2.0.3") -> int:
    """How often a run of these steps reads the server, after it has begun."""
    done.clear()
    procedure = tmp_path / "procedure.py"
    lines = [f'{name}(name="step {n}")' for n, name in enumerate(steps)]
    procedure.write_text(
        "from operations.examine import examine\n"
        f"from {__name__} import acts, updates\nexamine()\n" + "\n".join(lines)
    )
    state = load(SITE, dict.fromkeys(SITE, version), procedure)
    before = _readings(state)
    state.set_stage(StateStage.Execute)
    state.is_executing = True
    with ctx_state.use(state):
        run_ops(state)
    return _readings(state) - before


def _readings(state: State) -> int:
    connector = state.inventory.get_host("@fake/s1").connector
    assert isinstance(connector, FakeConnector)
    return sum("== packages" in line for line in connector.executed_commands)


def test_steps_that_nobody_needs_share_a_look(tmp_path: Path) -> None:
    assert looks(tmp_path, "updates") == 1
    assert looks(tmp_path, "updates", "updates", "updates") == 1
    assert done == []


def test_what_was_seen_before_a_step_acted_is_looked_at_again(tmp_path: Path) -> None:
    assert looks(tmp_path, "acts", "updates", "updates") == 2
    assert looks(tmp_path, "acts", "updates", "acts", "updates") == 4


def test_a_step_looks_itself_before_it_acts(tmp_path: Path) -> None:
    assert looks(tmp_path, "updates", "acts") == 2
    assert looks(tmp_path, "updates", "updates", version="2.0.1") == 2
    assert len(done) == 2
