"""A command on this machine: what it says and is told, and that nothing of it is left in time."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import gevent
import pytest

from operations.machinery import local_command
from operations.machinery.local_command import Ended, unusable

from ...lab.waiting import eventually

# It has children of its own: one in its session, one in another, with another environment in a
# third; all of them are deaf to SIGTERM.
STUBBORN = """
trap '' TERM
echo $$
sleep 600 & echo $!
setsid sh -c 'trap "" TERM; echo $$; sleep 600 & echo $!; wait' &
env -i /bin/sleep 600 & echo $!
wait
"""


def never() -> str:
    return ""


def sh(script: str, text: str = "", seconds: float = 20, **more: str) -> tuple[Ended, list[str]]:
    shown: list[str] = []
    ended = local_command.run(["sh", "-c", script], text, more, seconds, shown.append, never)
    return ended, shown


def files() -> set[str]:
    """Those that this process has open."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def alive(pid: int) -> bool:
    return local_command._stat(pid)[0] not in ("", "Z", "X")


def test_what_it_says_is_shown_and_kept_and_its_exit_code_is_told() -> None:
    ended, shown = sh("echo one; echo two >&2; printf three; exit 3")
    assert ended == Ended(3, ("one", "two", "three"))
    assert shown == ["one", "two", "three"]


def test_one_that_a_signal_has_ended() -> None:
    assert sh("kill -9 $$")[0].code == -9


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_it_reads_all_that_it_is_told_or_nothing(size: int) -> None:
    """More than a pipe holds."""
    assert sh("wc -c", "x" * size)[0].lines[-1].strip() == str(size)
    assert sh("exit 0", "x" * size)[0].code == 0
    assert sh("head -c 3", "x" * size)[0].code == 0


def test_it_finds_what_this_process_has_in_its_environment_and_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OF_THE_SITE", "a")
    assert sh("echo $OF_THE_SITE $MORE", MORE="b")[0].lines == ("a b",)


def test_one_that_does_not_end_in_time_is_ended_with_all_that_it_has_started() -> None:
    ended, shown = sh(STUBBORN, seconds=1)
    assert ended.code is None
    assert ended.why == "it has not ended within 1 seconds"
    pids = list(map(int, shown))
    assert len(pids) == 5
    assert [pid for pid in pids if alive(pid)] == []


def test_one_is_asked_to_end_before_it_is_killed() -> None:
    said = "trap 'echo tidied; exit' TERM; echo ready; while :; do sleep 0.1; done"
    assert sh(said, seconds=1)[0].lines[-1] == "tidied"


def test_it_ends_with_whoever_waits_for_it(tmp_path: Path) -> None:
    shown: list[str] = []
    waits = gevent.spawn(local_command.run, ["sh", "-c", STUBBORN], "", {}, 60, shown.append, never)
    while len(shown) < 5:
        gevent.sleep(0.05)
    waits.kill()
    assert not any(alive(int(pid)) for pid in shown)


def test_it_ends_also_if_whoever_ends_it_is_ended_himself() -> None:
    """As by a signal, and then by the end of the run."""
    shown: list[str] = []
    asked: list[str] = []

    def ends() -> str:
        return asked[0] if asked else ""

    waits = gevent.spawn(local_command.run, ["sh", "-c", STUBBORN], "", {}, 60, shown.append, ends)
    while len(shown) < 5:
        gevent.sleep(0.05)
    asked.append("it was interrupted")
    while not local_command._endings:
        gevent.sleep(0.01)
    waits.kill()
    local_command.all_ended()
    assert not any(alive(int(pid)) for pid in shown)


def test_it_ends_when_somebody_says_so() -> None:
    asked = iter([*[""] * 3, *["it was interrupted"] * 9])
    ended = local_command.run(["sleep", "60"], "", {}, 60, print, lambda: next(asked))
    assert (ended.code, ended.why) == (None, "it was interrupted")


def test_what_it_leaves_in_the_background_is_not_waited_for(tmp_path: Path) -> None:
    before = time.monotonic()
    ended, _ = sh(f"sleep 30 & echo $! > {tmp_path}/pid; echo done")
    assert ended == Ended(0, ("done",))
    assert time.monotonic() - before < 10
    pid = int((tmp_path / "pid").read_text())
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)


def test_other_greenlets_go_on_meanwhile() -> None:
    seen: list[int] = []

    def other() -> None:
        for number in range(3):
            seen.append(number)
            gevent.sleep(0.05)

    gevent.spawn(other)
    sh("sleep 1")
    assert seen == [0, 1, 2]


def test_a_terminal_s_ctrl_c_is_not_for_it() -> None:
    """It has a session of its own, and so no terminal."""
    [said] = sh("ps -o sid= -p $$; :")[0].lines
    assert int(said) != os.getsid(0)


@pytest.mark.parametrize(
    "script", ["yes | head -n 100000", "head -c 1000000 /dev/zero | tr '\\0' x"]
)
def test_whatever_it_says_is_kept_within_bounds(script: str) -> None:
    ended, shown = sh(script)
    assert len(ended.lines) == 50
    assert {len(line) <= 2000 for line in ended.lines} == {True}
    assert len(shown) == 101


def test_bytes_that_are_no_text_are_written_out() -> None:
    assert sh(r"printf 'a\377\r\n\n'")[0].lines == ("a\\xff", "")


def test_how_many_lines_were_not_shown_is_said() -> None:
    assert sh("seq 120")[1][-2:] == ["100", "... and 20 lines more"]


def test_one_that_cannot_be_started() -> None:
    before = files()
    for _ in range(3):
        with pytest.raises(OSError):
            local_command.run(["/nowhere/program"], "", {}, 5, print, never)
    assert files() <= before


def test_no_file_is_left_open() -> None:
    sh("true", "x" * 3_000_000)
    before = files()
    for _ in range(3):
        sh("true", "x" * 3_000_000)
    eventually(lambda: files() <= before)


@pytest.mark.parametrize(
    ("name", "text", "mode", "why"),
    [
        ("good", "#!/bin/sh\n", 0o755, None),
        ("good", "#!/usr/bin/env python3\n", 0o755, None),
        ("good", "\x7fELF", 0o755, None),
        ("plain", "#!/bin/sh\n", 0o644, "./plain is not executable: `chmod +x ./plain`"),
        ("typed", "#!/bin/sh\r\n", 0o755, r"./typed begins with #!/bin/sh\r, which is no program"),
        ("odd", "#!/usr/bin/python9\n", 0o755, "#!/usr/bin/python9, which is no program here"),
    ],
)
def test_what_can_be_run_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    text: str,
    mode: int,
    why: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(text, newline="")
    (tmp_path / name).chmod(mode)
    found = unusable([f"./{name}"])
    assert (why in found) if why and found else (found is why)


def test_what_is_not_there_is_told() -> None:
    assert unusable(["site/nothing", "x"]) == "there is no site/nothing"
    assert unusable(["no-such-program"]) == "there is no no-such-program on PATH"
    assert unusable(["sh"]) is None
    assert unusable(["/usr"]) == "/usr is not executable: `chmod +x /usr`"
