"""A procedure that cannot be read to its end: a run that failed, and says so, with a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from paramiko import ECDSAKey

from .fake_sshd import listening
from .typed_over_fakes import PROCEDURE, ended, type_it

BROKEN = "packages.fetchd(name='Download')\n"
EXAMINED = PROCEDURE.replace("works(name", f"from operations import packages\n{BROKEN}works(name")


@pytest.mark.parametrize("flag", ["--dry", "-y"])
@pytest.mark.parametrize(
    ("procedure", "words"),
    [
        (EXAMINED, "AttributeError: module 'operations.packages' has no attribute 'fetchd'"),
        (f"from operations import packages\n{BROKEN}", "AttributeError"),
        ("from operations import pakages\n", "ImportError"),
        ("lock.locked(\n", "SyntaxError"),
    ],
    ids=["after the examination", "before it", "import", "syntax"],
)
def test_the_text_of_a_procedure_is_wrong(
    tmp_path: Path, flag: str, procedure: str, words: str
) -> None:
    code, said = ended(type_it(tmp_path, flag, procedure=procedure), "")
    assert code == 1, said
    report: dict[str, Any] = json.loads((tmp_path / "runs/latest/report.json").read_text())
    assert report["outcome"] == "failed"
    [failure] = report["failures"]
    assert failure["code"] == "internal-error"
    assert words in failure["message"]
    assert "Nothing will be done" not in said
    assert "stopped nothing" in report["summary"]


@pytest.mark.parametrize("flag", ["--dry", "-y"])
def test_no_node_is_reached(tmp_path: Path, flag: str) -> None:
    nobody = ("127.0.0.1", {"ssh_port": 1})
    code, said = ended(type_it(tmp_path, flag, node=nobody), "")
    assert code == 1, said
    report: dict[str, Any] = json.loads((tmp_path / "runs/latest/report.json").read_text())
    assert report["outcome"] == "refused"
    [finding] = report["refusals"]
    assert (finding["code"], finding["hosts"]) == ("no-answer", ["127.0.0.1"])
    assert "no node can be reached (Could not connect" in finding["message"]
    assert "No hosts remaining" not in said


def test_no_node_has_shown_a_host_key_that_is_known(tmp_path: Path) -> None:
    with listening() as listen:
        data = {"ssh_port": listen(ECDSAKey.generate()), "ssh_known_hosts_file": "known_hosts"}
        code, said = ended(type_it(tmp_path, "-y", node=("127.0.0.1", data)), "")
    assert code == 1, said
    report: dict[str, Any] = json.loads((tmp_path / "runs/latest/report.json").read_text())
    [finding] = report["refusals"]
    assert (finding["code"], finding["hosts"]) == ("unknown-host-key", ["127.0.0.1"])
    assert "known_hosts" in finding["message"]
    assert not (tmp_path / "known_hosts").exists()


def test_a_word_that_ssh_does_not_know_is_refused(tmp_path: Path) -> None:
    node = ("127.0.0.1", {"ssh_port": 1, "ssh_strict_host_key_checking": "never"})
    code, said = ended(type_it(tmp_path, "-y", node=node), "")
    assert code == 1, said
    report: dict[str, Any] = json.loads((tmp_path / "runs/latest/report.json").read_text())
    [finding] = report["refusals"]
    assert finding["code"] == "bad-setting"
    assert "'never'; there are yes, accept-new, ask" in finding["message"]


@pytest.mark.parametrize("flag", ["--dry", "-y"])
def test_what_was_typed_and_set_is_judged_before_any_node_is_connected_to(
    tmp_path: Path, flag: str
) -> None:
    typed = ("--data", "target_version=2.0.2", "--data", "_ignore_errors=true", "--serial")
    code, said = ended(type_it(tmp_path, flag, *typed), "")
    assert code == 1, said
    assert "Connected" not in said
    report: dict[str, Any] = json.loads((tmp_path / "runs/latest/report.json").read_text())
    assert report["outcome"] == "refused"
    found = [(finding["code"], finding["message"]) for finding in report["refusals"]]
    assert [code for code, _ in found] == ["impossible-flag", "bad-setting", "bad-setting"]
    assert "did you mean target_release" in found[1][1]
    assert "_ignore_errors" in found[2][1]
