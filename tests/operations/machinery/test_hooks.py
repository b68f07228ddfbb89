"""The site's own commands: when they are run, what they get, and what comes of what they say."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import Host
from pyinfra.api.exceptions import DeployError, PyinfraError
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_state

from operations.machinery import commandline, interruption, local_command, plan
from operations.machinery.hooks import EVENTS
from operations.machinery.run import Run
from operations.machinery.step import Command, step, verify
from operations.reporting.report import Report
from operations.rules import secrets
from operations.rules.findings import Finding
from operations.rules.view import View

from ..fake_cluster import SETTINGS, load
from .typed_over_fakes import PROCEDURE, ended, type_it, until

SITE = {"s1": ("servers",), "a1": ("admins",), "c1": ("clients",)}

# It writes down what it is called for and what it gets, and does as it is told.
HOOK = """\
#!/bin/sh
echo "$DAOS_UPDATE_EVENT" >> told
cat > "$DAOS_UPDATE_EVENT.json"
cp "$DAOS_UPDATE_REPORT" "$DAOS_UPDATE_EVENT.file"
echo "$DAOS_UPDATE_REPORT" > path
{then}
"""
done: list[str] = []


def _busy(current: Run, view: View) -> list[Finding]:
    """A gate that finds what the site's command has made."""
    return [Finding("in-use", (), "somebody uses it")] if Path("busy").exists() else []


@step("servers", opens=True, looks=True)
def prepares(current: Run, here: Host) -> Iterator[Command]:
    """A step with which the window may begin."""
    yield verify(current, lambda: done.append(here.name))


@step("servers", "clients", opens=True, looks=True, gate=_busy)
def stops(current: Run, here: Host) -> Iterator[Command]:
    """A step that stops something."""
    yield verify(current, lambda: done.append(here.name))
    yield verify(current, current.window.opened)


@step("servers", looks=True)
def breaks(current: Run, here: Host) -> Iterator[Command]:
    """A step that fails."""
    yield verify(current, lambda: "it does not work")


@step("servers", looks=True, prepares=True)
def completes(current: Run, here: Host) -> Iterator[Command]:
    """The last step."""
    current.end = current.look()
    yield from ()


@pytest.fixture(autouse=True)
def site(as_the_command_does: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a command that is run at every moment."""
    monkeypatch.setattr("atexit.register", lambda *_: None)
    done.clear()
    hook()
    monkeypatch.setitem(SETTINGS, "hooks", dict.fromkeys(EVENTS, "./hook"))


def hook(then: str = "") -> None:
    Path("hook").write_text(HOOK.format(then=then))
    Path("hook").chmod(0o755)


def told() -> list[str]:
    path = Path("told")
    return path.read_text().split() if path.exists() else []


def planned(*steps: str, release: str = "2.0.1") -> Report:
    """A run of these steps, not yet begun."""
    procedure = Path("procedure.py")
    procedure.write_text(
        "from operations.examine import examine\n"
        f"from {__name__} import breaks, completes, prepares, stops\nexamine()\n"
        + "\n".join(f"{name}(name='{name} {n}')" for n, name in enumerate(steps))
    )
    state = load(SITE, dict.fromkeys(SITE, release), procedure)
    [report] = state.callback_handlers
    assert isinstance(report, Report)
    return report


def typed(*steps: str, release: str = "2.0.1") -> tuple[Report, int]:
    """A run of these steps, to its end; its exit code."""
    report = planned(*steps, release=release)
    state = report.current.state
    state.set_stage(StateStage.Execute)
    state.is_executing = True
    with ctx_state.use(state), suppress(PyinfraError):
        run_ops(state)
    return report, report.finish()


def written() -> dict[str, Any]:
    return json.loads(Path("runs/latest/report.json").read_text())


def test_the_site_is_asked_before_the_window_opens_and_told_of_its_end() -> None:
    report, code = typed("prepares", "stops", "completes")
    assert (report.outcome, code) == ("updated", 0)
    assert told() == ["opening", "closed"]
    assert len(done) == 3


def test_a_veto_refuses_before_anything_is_stopped() -> None:
    hook('[ $DAOS_UPDATE_EVENT != opening ] || { echo "not tonight"; exit 3; }')
    report, code = typed("prepares", "stops", "completes")
    assert (report.outcome, code) == ("refused", 1)
    assert done == []
    refusal = written()["refusals"][0]
    assert (refusal["code"], refusal["hosts"]) == ("vetoed", [])
    assert "./hook" in refusal["message"]
    assert "exit code 3, and says: not tonight" in refusal["message"]
    assert told() == ["opening", "refused"]
    assert report.current.acted is False


def test_who_does_not_answer_in_time_has_said_no(monkeypatch: pytest.MonkeyPatch) -> None:
    hook("[ $DAOS_UPDATE_EVENT != opening ] || sleep 600")
    monkeypatch.setitem(SETTINGS, "timeouts", {**SETTINGS["timeouts"], "hook": 1})
    report, _ = typed("prepares", "stops")
    assert report.outcome == "refused"
    refusal = written()["refusals"][0]
    assert "it has not ended within 1 seconds" in refusal["message"]
    assert done == []


def test_who_cannot_be_asked_any_more_has_said_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "hooks", {"opening": ["./hook", "./gone"]})
    Path("gone").write_text("#!/bin/sh\n")
    Path("gone").chmod(0o755)
    hook("rm gone")
    report, _ = typed("prepares")
    assert [it.code for it in report.current.refusals] == ["vetoed"]
    assert "it could not be started" in report.current.refusals[0].message


def test_what_holds_is_judged_again_once_the_site_has_answered() -> None:
    """It may have taken minutes."""
    hook("touch busy")
    report, _ = typed("stops")
    assert told()[0] == "opening"
    assert [finding.code for finding in report.current.refusals] == ["in-use"]
    assert done == []


def test_the_site_is_not_asked_where_something_else_is_in_the_way() -> None:
    Path("busy").touch()
    typed("stops")
    assert told() == ["refused"]


@pytest.mark.parametrize("release", ["2.0.3", "2.0.1"])
def test_the_site_is_not_asked_where_no_window_opens(
    release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is outdated; or an earlier run has opened it."""
    if release == "2.0.1":
        monkeypatch.setattr("operations.machinery.window.OfflineWindow.is_open", True)
    typed("prepares", "stops", release=release)
    assert "opening" not in told()
    assert len(done) == 3


def test_a_failure_in_the_window_is_told_with_the_whole_report() -> None:
    report, code = typed("stops", "breaks", "completes")
    assert (report.outcome, code) == ("failed", 1)
    assert told() == ["opening", "failed"]
    given = json.loads(Path("failed.json").read_text())
    assert given == json.loads(Path("failed.file").read_text())
    assert given["outcome"] == "failed"
    assert given["summary"].startswith("Failed at the step 'breaks 1'")
    assert given["state"]
    assert given["offline_window"]["start"]
    assert [it["event"] for it in given["hooks"]] == ["opening"]
    assert Path("path").read_text().strip() == str(Path("runs/latest/report.json").resolve())


def test_the_site_is_told_how_it_ended_with_all_that_the_report_has() -> None:
    typed("stops", "completes")
    given = json.loads(Path("closed.json").read_text())
    assert given["outcome"] == "updated"
    assert given["summary"].startswith("Updated from 2.0.1 to 2.0.3")


def test_a_command_that_fails_is_told_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    hook('[ $DAOS_UPDATE_EVENT = opening ] || { echo "no chat"; exit 7; }')
    report, code = typed("stops", "completes")
    assert (report.outcome, code) == ("updated", 0)
    opening, closed = written()["hooks"]
    assert (opening["exit"], opening["problem"]) == (0, None)
    assert (closed["event"], closed["command"], closed["exit"]) == ("closed", "./hook", 7)
    assert (closed["output"], closed["problem"]) == (["no chat"], "exit code 7")


def test_passwords_are_masked_in_what_a_command_gets_and_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(secrets, "_learnt", {"hunter22"})
    hook("echo it is hunter22; exit 1")
    typed("stops")
    assert "hunter22" not in Path("refused.json").read_text()
    assert written()["hooks"][0]["output"] == ["it is PASSWORD"]
    assert "PASSWORD" in written()["refusals"][0]["message"]


def test_several_commands_are_run_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = ["./hook 1", "sh -c 'echo second >> told; exit 1'", "./hook 3"]
    monkeypatch.setitem(SETTINGS, "hooks", {"opening": commands, "refused": commands})
    typed("stops")
    assert told() == ["opening", "second", "refused", "second", "refused"]


def test_no_command_is_run_for_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(commandline._typed, "dry", True)
    monkeypatch.setitem(SETTINGS, "target_release", "2.4.0")
    with pytest.raises(DeployError):
        typed("stops")
    assert told() == []


@pytest.mark.parametrize("steps", [("prepares", "stops"), ("completes", "prepares", "stops")])
def test_a_plan_says_before_which_step_the_site_is_asked(steps: tuple[str, ...]) -> None:
    current = planned(*steps).current
    said = [line.split("  ")[0] for line in plan.lines(current)]
    opens = next(number for number, name in enumerate(steps) if name != "completes")
    assert said == [
        *(f"{name} {number}" for number, name in enumerate(steps[:opens])),
        "-- ./hook may say no",
        *(f"{name} {number}" for number, name in enumerate(steps[opens:], start=opens)),
    ]
    current.window.opened()
    assert not any("may say no" in line for line in plan.lines(current))


@pytest.mark.parametrize("opened", [True, False])
def test_an_interruption_is_told_once_something_was_stopped(
    opened: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = Report.finish

    def interrupted(self: Report) -> int:
        monkeypatch.setattr(interruption, "_came", signal.SIGINT)
        return finish(self)

    monkeypatch.setattr(Report, "finish", interrupted)
    report, _ = typed(*(["stops"] if opened else []))
    assert report.outcome == "failed"
    assert told() == (["opening", "failed"] if opened else [])


@pytest.mark.parametrize("flag", ["--dry", "-y"])
def test_a_command_that_cannot_be_run_is_found_before_any_node_is_connected_to(
    tmp_path: Path, flag: str
) -> None:
    Path("plain").touch()
    hooks = json.dumps({"opening": "./nowhere a", "closed": ["true", "./plain"]})
    code, said = ended(type_it(tmp_path, flag, "--data", f"hooks={hooks}"), "")
    assert code == 1, said
    assert "Connected" not in said
    assert [(it["code"], it["message"]) for it in written()["refusals"]] == [
        ("bad-setting", f"hooks['{event}']: {why}: correct it in group_data/all.py")
        for event, why in (
            ("opening", "there is no ./nowhere"),
            ("closed", "./plain is not executable: `chmod +x ./plain`"),
        )
    ]


# The real command, which is pressed Ctrl-C at while one of the site's runs, for minutes.
WINDOW = PROCEDURE.replace("looks=True", "looks=True, opens=True")
SLEEPS = """\
#!/bin/sh
echo "$DAOS_UPDATE_EVENT" >> told
[ "$DAOS_UPDATE_EVENT" = {event} ] || exit 0
sleep 600 & echo $! > pid
echo it waits
wait
"""


def pressed(folder: Path, event: str, release: str) -> tuple[int, str, dict[str, Any]]:
    """Ctrl-C, once the command for this event waits: the exit code, what was said, the report."""
    (folder / "sleeps").write_text(SLEEPS.format(event=event))
    (folder / "sleeps").chmod(0o755)
    hooks = json.dumps(dict.fromkeys(EVENTS, "./sleeps"))
    data = ("--data", f"hooks={hooks}")
    command = type_it(folder, "-y", *data, seconds=0, procedure=WINDOW, release=release)
    said = until(command, "it waits")
    command.send_signal(signal.SIGINT)
    code, said = ended(command, said)
    pid = int((folder / "pid").read_text())
    assert local_command._stat(pid)[0] in ("", "Z", "X")
    return code, said, json.loads((folder / "runs/latest/report.json").read_text())


def test_ctrl_c_while_the_site_is_asked_opens_nothing(tmp_path: Path) -> None:
    code, said, report = pressed(tmp_path, "opening", "2.0.1")
    assert code == 130, said
    assert report["outcome"] == "failed"
    assert report["summary"].startswith("Interrupted")
    assert report["refusals"] == report["failures"] == []
    assert not (tmp_path / "went-on").exists()
    assert "DAOS serves" in said
    asked, failed = report["hooks"]
    assert (asked["event"], asked["problem"]) == ("opening", "it was interrupted")
    assert (failed["event"], failed["problem"]) == ("failed", None)
    # What it has begun there may have to be taken back.
    assert told() == ["opening", "failed"]


def test_ctrl_c_while_the_site_is_told_ends_that_alone(tmp_path: Path) -> None:
    code, said, report = pressed(tmp_path, "failed", "2.0.1")  # the last step finds it outdated
    assert code == 1, said
    assert report["outcome"] == "failed"
    assert "Traceback" not in said
    assert report["hooks"][-1]["problem"] == "it was interrupted"
    assert report["state"][-1] in said.replace("\n    ", "\n")
