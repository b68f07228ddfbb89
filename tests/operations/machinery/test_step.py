"""When steps look at the nodes: each before it acts; to see that they need not, one for several."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyinfra.api import Host, State
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage
from pyinfra.connectors.fake import FakeConnector
from pyinfra.context import ctx_state

from operations.daos.node import Node
from operations.machinery import looks as last_looks
from operations.machinery import run, shared
from operations.machinery.run import Run
from operations.machinery.session import POOLS, RANKS
from operations.machinery.step import Command, step, verify
from operations.reporting.report import Report
from operations.rules.view import View

from ..fake_cluster import ENGINE, load, members

pytestmark = pytest.mark.usefixtures("as_the_command_does")


@pytest.fixture(autouse=True)
def no_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says them at its end, and here the command is pytest."""
    monkeypatch.setattr("atexit.register", lambda *_: None)


SITE = {"s1": ("servers",), "a1": ("admins",), "c1": ("clients",)}
done: list[str] = []


def _not_at_target(current: Run, name: str, node: Node) -> bool:
    return node.version != current.target


@step("servers")
def acts(current: Run, here: Host) -> Iterator[Command]:
    """A step that every run takes."""
    yield verify(current, lambda: done.append(here.name))


@step("servers")
def acts_and_looks(current: Run, here: Host) -> Iterator[Command]:
    """The same, and looks what came of that."""
    yield verify(current, lambda: done.append(here.name))
    yield verify(current, lambda: None if current.node(here) else "it is gone")


@step("servers")
def looks_and_acts(current: Run, here: Host) -> Iterator[Command]:
    """One that sends a command after it has looked."""
    yield verify(current, lambda: None if current.node(here) else "it is gone")
    yield verify(current, lambda: current.shell(here, "true"))


@step("admins")
def stops_engines(current: Run, here: Host) -> Iterator[Command]:
    """One whose command is sent to an admin node, and does something on the servers."""
    yield verify(current, lambda: current.dmg.ask("system stop") and None)


@step("servers", looks=True)
def only_looks(current: Run, here: Host) -> Iterator[Command]:
    """One after which all is as it was before."""
    yield verify(current, lambda: None)


@step("servers", looks=True, asks=(RANKS, POOLS))
def asks_of_dmg(current: Run, here: Host) -> Iterator[Command]:
    """A step that may want to know of dmg what ranks and pools there are."""
    yield verify(current, lambda: None)


def _silent() -> str:
    return View({"servers": ("s1",)}, {"s1": None}).node("s1").hostname


@step("servers", looks=True)
def is_silent_at_first(current: Run, here: Host) -> Iterator[Command]:
    """A step on a node that gives no answer any more."""
    done.append(_silent())
    yield verify(current, lambda: None)


@step("servers", looks=True)
def is_silent_then(current: Run, here: Host) -> Iterator[Command]:
    """One on a node that gives no answer any more when a command is sent."""
    yield verify(current, _silent)


@step("servers", need=_not_at_target)
def updates(current: Run, here: Host) -> Iterator[Command]:
    """A step that only a node of another release needs."""
    yield verify(current, lambda: done.append(here.name))


passing = {"now": 0.0, "each": 0.0}  # seconds


def _takes_its_time(current: Run, name: str, node: Node) -> bool:
    passing["now"] += passing["each"]
    return False


@step("servers", need=_takes_its_time, looks=True)
def dawdles(current: Run, here: Host) -> Iterator[Command]:
    """A step that nobody needs, and that takes a while to find that."""
    yield verify(current, lambda: None)


@step("servers", looks=True)
def fails(current: Run, here: Host) -> Iterator[Command]:
    """A step that fails, and whose second command would act."""
    yield verify(current, lambda: "it does not work")
    yield verify(current, lambda: done.append(here.name))


@step("servers", looks=True)
def raises(current: Run, here: Host) -> Iterator[Command]:
    """A step of which nobody has said that it can fail, and whose second command would act."""
    yield verify(current, lambda: str(1 // 0))
    yield verify(current, lambda: done.append(here.name))


def run_of_steps(tmp_path: Path, *lines: str, version: str = "2.0.3") -> State:
    """A run of these steps over SITE, not yet begun."""
    done.clear()
    procedure = tmp_path / "procedure.py"
    procedure.write_text(
        "from operations.examine import examine\n"
        f"from {__name__} import *\nexamine()\n" + "\n".join(lines)
    )
    state = load(SITE, dict.fromkeys(SITE, version), procedure)
    run.of(state).alone = lambda: True
    return state


def execute(state: State) -> None:
    """Run the steps, as the command does after -y."""
    state.set_stage(StateStage.Execute)
    state.is_executing = True
    with ctx_state.use(state):
        run_ops(state)


def looks(tmp_path: Path, *steps: str, version: str = "2.0.3") -> int:
    """How often a run of these steps reads the server, whose examination was a while ago."""
    lines = [f'{name}(name="step {n}")' for n, name in enumerate(steps)]
    state = run_of_steps(tmp_path, *lines, version=version)
    run.of(state).forgets()
    before = _readings(state)
    execute(state)
    return _readings(state) - before


def _connector(state: State, name: str) -> FakeConnector:
    connector = state.inventory.get_host(f"@fake/{name}").connector
    assert isinstance(connector, FakeConnector)
    return connector


def _readings(state: State) -> int:
    return sum("== packages" in line for line in _connector(state, "s1").executed_commands)


def test_steps_that_nobody_needs_share_a_look(tmp_path: Path) -> None:
    assert looks(tmp_path, "updates") == 1
    assert looks(tmp_path, "updates", "updates", "updates") == 1
    assert done == []


def test_what_was_seen_before_a_step_acted_is_looked_at_again(tmp_path: Path) -> None:
    assert looks(tmp_path, "acts", "updates", "updates") == 2
    assert looks(tmp_path, "acts", "updates", "acts", "updates") == 3
    assert looks(tmp_path, "updates", "updates", version="2.0.1") == 2
    assert len(done) == 2


def test_what_a_step_has_seen_after_it_has_acted_serves_the_next_one(tmp_path: Path) -> None:
    assert looks(tmp_path, "acts_and_looks", "updates") == 2
    assert looks(tmp_path, "acts_and_looks", "acts_and_looks") == 3
    assert looks(tmp_path, "only_looks", "acts", "updates") == 2


def test_a_command_is_looked_after_whoever_it_is_sent_to(tmp_path: Path) -> None:
    assert looks(tmp_path, "looks_and_acts", "updates") == 3
    assert looks(tmp_path, "updates", "stops_engines", "updates") == 2


def test_all_nodes_are_looked_at_after_a_step_of_the_site_s_own(tmp_path: Path) -> None:
    def readings(*between: str) -> int:
        lines = ["only_looks(name='a')", *between, "updates(name='b')"]
        state = run_of_steps(tmp_path, *lines)
        before = _readings(state)
        execute(state)
        return _readings(state) - before

    own = "from pyinfra.operations import server", "server.shell(name='own', commands=['true'])"
    assert readings() == 0
    assert readings(*own) == 1


def test_what_the_examination_has_seen_a_moment_ago_serves_the_first_step(tmp_path: Path) -> None:
    state = run_of_steps(tmp_path, "updates(name='updates')")
    before = _readings(state)
    execute(state)
    assert _readings(state) == before


def test_no_step_acts_by_what_was_seen_more_than_a_second_ago(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (shared, last_looks):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: passing["now"]))
    for passing["each"], how_often in ((0.9, 1), (1.1, 2)):
        assert looks(tmp_path, "dawdles", "acts") == how_often


def _asked(tmp_path: Path, engines: bool, state: str) -> list[str]:
    """What a step asks dmg ahead, once the engines of s1 and its ranks have come to be so."""
    begun = run_of_steps(tmp_path, "asks_of_dmg(name='asks')")
    server, admin = (_connector(begun, name) for name in ("s1", "a1"))
    said, answers = server.data["fake_responses"], admin.data["fake_responses"]
    said["== packages"] = said["== packages"].replace(*("", "") if engines else (ENGINE, ""))
    answers["dmg -j system query"] = members(["s1"]).replace("joined", state)
    current = run.of(begun)
    current.forgets()
    current.dmg.query_or_none(fresh=0)
    before = len(admin.executed_commands)
    execute(begun)
    words = ("system query", "pool list")
    asked = admin.executed_commands[before:]
    return [word for word in words if any(f"dmg -j {word}" in line for line in asked)]


def test_pools_are_never_asked_while_no_engine_runs(tmp_path: Path) -> None:
    """From 2.4 on dmg takes five minutes for each of them to say that there is no answer."""
    assert _asked(tmp_path, True, "joined")[-1:] == ["pool list"]
    assert "pool list" not in _asked(tmp_path, False, "joined")
    for stopped in ("stopping", "stopped"):
        assert "pool list" not in _asked(tmp_path, True, stopped)


IGNORED = ("", "_ignore_errors=True", "_ignore_errors=True, _continue_on_error=True")


@pytest.mark.parametrize("step", ["fails", "raises"])
@pytest.mark.parametrize("how", IGNORED)
def test_after_a_failure_nothing_acts_whoever_ignores_it(
    tmp_path: Path, step: str, how: str
) -> None:
    state = run_of_steps(tmp_path, f"{step}(name='breaks', {how})", "acts(name='acts')")
    state.config.FAIL_PERCENT = 100
    with suppress(PyinfraError):  # pyinfra's own end, where it does not ignore it
        execute(state)
    assert done == []
    [report] = state.callback_handlers
    assert isinstance(report, Report)
    assert report.outcome == "failed"
    assert report._summary().endswith("at the step 'breaks'. No later step was taken on any node")
    refused = [finding.code for finding in report.current.refusals]
    assert refused == (["stopped-at-trouble"] if how else [])


@pytest.mark.parametrize("step", ["is_silent_at_first", "is_silent_then"])
def test_a_node_that_gives_no_answer_any_more_fails_the_step_in_words(
    tmp_path: Path, step: str
) -> None:
    state = run_of_steps(tmp_path, f"{step}(name='asks')", "acts(name='acts')")
    with suppress(PyinfraError):
        execute(state)
    [report] = state.callback_handlers
    assert isinstance(report, Report)
    assert (report.outcome, done, report.current.crashed) == ("failed", [], False)
    [found] = [*report.current.refusals, *report.current.failures]
    assert found.hosts == ("s1",) or "s1" in found.message
    assert "the node gave no answer: see that it can be reached" in found.message


def test_a_step_that_was_taken_after_a_failure_is_named(tmp_path: Path) -> None:
    """One that is not of this procedure, which the site has put in between."""
    state = run_of_steps(
        tmp_path,
        "fails(name='breaks', _ignore_errors=True)",
        "from pyinfra.operations import server",
        "server.shell(name='Tell the users', commands=['true'])",
    )
    execute(state)
    [report] = state.callback_handlers
    assert isinstance(report, Report)
    assert report._summary().endswith(
        "at the step 'breaks', and went on all the same: Tell the users"
    )
