"""The lab's dmg prints what the real one printed: every capture, byte for byte."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from testbed.sim.dmg import output

from .captured import Message, Service, rank_result, run

DATA = Path(__file__).parents[2] / "data"


def captures(version: str) -> list[Any]:
    folder = DATA / f"dmg-{version}"
    return [pytest.param(path, id=path.stem) for path in sorted(folder.glob("*.txt"))]


@pytest.mark.parametrize("version", ["2.0.3", "1.2.0"])
def test_there_are_captures(version: str) -> None:
    assert len(captures(version)) >= {"2.0.3": 130, "1.2.0": 50}[version]


@pytest.mark.parametrize("path", captures("2.0.3"))
def test_output_of_2_0_3(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(path, "2.0.3", monkeypatch)


@pytest.mark.parametrize("path", captures("1.2.0"))
def test_output_of_1_2_0(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(path, "1.2.0", monkeypatch)


def check(path: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command, _, expected = path.read_text().partition("\n")
    found = re.match(r"\$ dmg ?(.*?)(\s+#.*)?$", command)
    assert found
    code, output = run(monkeypatch, version, path.name.partition(".")[0], found[1].split())
    assert same(f"{output}[exit {code}]\n") == same(expected)


def same(output: str) -> str:
    """The output without the hash by which dmg calls a set of servers, which is its own affair."""
    return re.sub(r'^ {6}"\d+": \{$', '      "HASH": {', output, flags=re.MULTILINE)


def test_failed_preparation_is_shown_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = Message(
        rank=1,
        action="prep shutdown",
        errored=True,
        msg="timed out",
        state="errored",
        addr="10.0.0.2:10001",
    )
    results = [rank_result(0, "prep shutdown", "stopping"), failed]
    answer = SimpleNamespace(results=results, absentranks="", absenthosts="")
    monkeypatch.setattr(Service, "call", lambda *_: answer)
    code, output = run(monkeypatch, "2.0.3", "joined", ["system", "stop"])
    assert (code, output) == (
        1,
        "Rank Operation     Result    \n"
        "---- ---------     ------    \n"
        "0    prep shutdown OK        \n"
        "1    prep shutdown timed out \n"
        "\n"
        "ERROR: dmg: system stop failed: check results for failed ranks 1\n",
    )


@pytest.mark.parametrize("argv", [["-j", "pool", "list"], ["pool", "-j", "list"]])
def test_options_may_stand_anywhere(argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = run(monkeypatch, "2.0.3", "joined", ["pool", "list", "--json"])
    assert run(monkeypatch, "2.0.3", "joined", argv) == expected
    assert expected[1].startswith("{")


@pytest.mark.parametrize(
    ("argv", "announced"),
    [
        (["--size", "8G"], "automatic storage allocation: 8.0 GB total, 6,94 tier ratio"),
        (
            ["--scm-size", "1G", "--nvme-size", "8G"],
            "manual per-engine storage allocation: 1.0 GB SCM, 8.0 GB NVMe (12.50% ratio)",
        ),
    ],
)
def test_what_a_pool_will_be_is_said_first(
    argv: list[str], announced: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = SimpleNamespace(svc_reps=[0], tgt_ranks=[0, 1], tier_bytes=[10**9, 10**9])
    monkeypatch.setattr(Service, "call", lambda *_: made)
    code, said = run(monkeypatch, "2.0.3", "joined", ["pool", "create", *argv, "tank"])
    assert (code, said.splitlines()[0]) == (0, f"Creating DAOS pool with {announced}")
    code, said = run(monkeypatch, "2.0.3", "down", ["pool", "create", *argv, "tank"])
    assert (code, said.splitlines()[0]) == (1, f"Creating DAOS pool with {announced}")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (9, "9 B"),
        (10, "10 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9940, "9.9 kB"),
        (10_000_000, "10 MB"),
        (858993459200, "859 GB"),
        (3 * 10**18, "3.0 EB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert output.bytes_text(count) == text


MADE = {"uuid": "u", "svc_reps": [0], "tgt_ranks": [0, 1], "tier_bytes": [120_000_000, 2 * 10**9]}


def test_a_pool_that_1_2_made() -> None:
    assert output.json_pool_create(MADE, "1.2.0") == {
        "uuid": "u",
        "svc_reps": [0],
        "tgt_ranks": [0, 1],
        "scm_bytes": 120_000_000,
        "nvme_bytes": 2 * 10**9,
    }
    text = output.pool_create(MADE, "1.2.0", 4 * 10**9)
    assert text.splitlines()[:3] == [
        "Creating DAOS pool with automatic storage allocation: 4.0 GB NVMe + 6.00% SCM",
        "Pool created with 6.00% SCM/NVMe ratio",
        "--------------------------------------",
    ]
    assert "  Total Size   : 4.2 GB\n  SCM          : 240 MB (120 MB / rank)\n" in text
    text = output.pool_create(MADE, "1.2.0")
    assert "manual per-server storage allocation: 120 MB SCM, 2.0 GB NVMe (6.00% ratio)" in text


def test_a_pool_that_2_0_made() -> None:
    assert output.json_pool_create(MADE, "2.0.3") == MADE
    text = output.pool_create(MADE, "2.0.3", 4 * 10**9)
    assert text.startswith("Pool created with 5.66%,94.34% storage tier ratio\n")
    assert "  Storage tier 1 (NVMe): 4.0 GB (2.0 GB / rank)\n" in text
