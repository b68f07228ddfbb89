"""What is for people goes to stdout, what is wrong to stderr, and all of it into run.log."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from ..fake_cluster import ROOT

_SAY = """
import sys
from pathlib import Path
from pyinfra import logger
from pyinfra.api import util
from operations.machinery import output, terminal
from operations.machinery.run import say
from operations.rules import secrets
logger.setLevel("INFO")
secrets.learn({"ssh_password": "s3cr3t-x"})
terminal.mend()
verbose, json = (word in sys.argv for word in ("-v", "--json"))
output.take(verbose, json)
say("4 engines joined")
logger.error("--> Refused: s3cr3t-x\\nand more")
class Node:
    print_prefix = "[s1] "
util.log_error_or_warning(Node, False, "executed 0 commands")
logger.error("[s1] it failed", extra=output.QUIETLY)
from pyinfra.operations import server
exec(compile("from pyinfra import logger\\nlogger.info('[s1] No changes')\\n"
             "logger.warning('deprecated')", util.__file__, "exec"))
output.log.begins(Path(sys.argv[1]))
say("later")
"""


def said(folder: Path, *words: str) -> tuple[list[str], list[str], str]:
    """What goes to stdout, and to stderr, and what stands in run.log."""
    done = subprocess.run(
        [sys.executable, "-c", _SAY, str(folder), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    log = folder / "run.log"
    text = log.read_text() if log.is_file() else ""
    return done.stdout.splitlines(), done.stderr.splitlines(), text


def test_what_pyinfra_says_of_each_node_is_not_shown(tmp_path: Path) -> None:
    out, err, _ = said(tmp_path)
    assert out == ["4 engines joined", "later"]
    assert err == ["--> Refused: PASSWORD", "    and more", "    deprecated"]


def test_with_v_it_is(tmp_path: Path) -> None:
    out, err, _ = said(tmp_path, "-v")
    assert out == ["4 engines joined", "    [s1] No changes", "later"]
    assert err[2:] == ["    [s1] Error: executed 0 commands", "[s1] it failed", "    deprecated"]


def test_stdout_is_kept_for_json(tmp_path: Path) -> None:
    out, err, _ = said(tmp_path, "--json")
    assert out == []
    assert "4 engines joined" in err


def test_all_of_it_stands_in_the_log_from_the_beginning_with_times(tmp_path: Path) -> None:
    _, _, log = said(tmp_path)
    lines = log.splitlines()
    time = r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z"
    assert [re.sub(rf"^{time} ", "", line) for line in lines] == [
        "INFO    4 engines joined",
        "ERROR   --> Refused: PASSWORD",
        "        and more",
        "ERROR   [s1] Error: executed 0 commands",
        "ERROR   [s1] it failed",
        "INFO    [s1] No changes",
        "WARNING deprecated",
        "INFO    later",
    ]
    assert (tmp_path / "run.log").stat().st_mode & 0o777 == 0o600


def test_a_log_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "run.log").mkdir()
    out, _, _ = said(tmp_path)
    assert out == ["4 engines joined", "later"]


def test_who_reads_no_more_ends_nothing(tmp_path: Path) -> None:
    """As in `| head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", _SAY, str(tmp_path)],
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == ["--> Refused: PASSWORD", "    and more", "    deprecated"]
    assert "later" in (tmp_path / "run.log").read_text()
