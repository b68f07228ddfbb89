"""The lab's dmg prints what the real one printed: every capture, byte for byte."""

import contextlib
import io
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from testbed.sim.common import release
from testbed.sim.dmg import commands, dmg, output

DATA = Path(__file__).parents[2] / "data"
RANKS = {"joined": 4, "stopped": 2}
POOLS = [("tank", 0x1064), ("scratch", 0x1065)]


def captures(version: str) -> list[Any]:
    folder = DATA / f"dmg-{version}"
    return [pytest.param(path, id=path.stem) for path in sorted(folder.glob("*.txt"))]


class Message(SimpleNamespace):
    """Plain fields under the names that a protobuf message of the release has."""

    @property
    def DESCRIPTOR(self) -> Any:
        return SimpleNamespace(fields=[SimpleNamespace(name=name) for name in vars(self)])


def member(rank: int, state: str) -> Message:
    return Message(
        addr=f"10.0.0.{rank + 1}:10001",
        uuid=f"00000000-0000-0000-0000-{0x1000 + rank:012x}",
        rank=rank,
        incarnation=7,
        state=state,
        fabric_uri=f"ofi+sockets://10.0.0.{rank + 1}:31416",
        fabric_contexts=17,
        info="system stop" if state == "stopped" else "",
        fault_domain=f"/daos-server-{rank + 1:02d}",
        last_update="2022-01-01T00:00:00Z",
    )


def rank_result(rank: int, action: str, state: str) -> Message:
    addr = f"10.0.0.{rank + 1}:10001"
    return Message(rank=rank, action=action, errored=False, msg="", state=state, addr=addr)


def pool_uuid(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012x}"


SCM = {
    "total": 8589934592,
    "free": 6442450944,
    "min": 268435456,
    "max": 1073741824,
    "mean": 536870912,
}
NVME = {
    "total": 858993459200,
    "free": 644245094400,
    "min": 17179869184,
    "max": 34359738368,
    "mean": 17179869184,
}


class Rebuild(Message):
    State = SimpleNamespace(Name=lambda number: ("IDLE", "DONE", "BUSY")[number])


def pool_answer(uuid: str) -> Message:
    rebuild = Rebuild(status=0, state=0, objects=0, records=0)
    return Message(
        status=0,
        uuid=uuid,
        total_targets=32,
        active_targets=32,
        disabled_targets=0,
        rebuild=rebuild,
        tier_stats=[Message(**SCM, media_type=0), Message(**NVME, media_type=1)],
        scm=Message(**SCM),
        nvme=Message(**NVME),
        total_nodes=4,
        version=1,
        leader=0,
    )


class Service:
    """The management service in the state that the README of the captures describes."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._pools = [
            Message(uuid=pool_uuid(number), label=label, svc_reps=[0, 1, 2])
            for label, number in (POOLS if state == "joined" else [])
        ]

    def call(self, method: str, fields: dict[str, Any]) -> Any:
        ranks = range(RANKS[self._state])
        if method == "SystemQuery":
            return SimpleNamespace(members=[member(rank, self._state) for rank in ranks])
        if method in ("SystemStop", "SystemStart"):
            action, state = ("stop", "stopped") if method == "SystemStop" else ("start", "ready")
            return SimpleNamespace(results=[rank_result(rank, action, state) for rank in ranks])
        if method == "LeaderQuery":
            leader = "10.0.0.1:10001"
            return SimpleNamespace(currentLeader=leader, replicas=[leader])
        if method == "ListPools":
            return SimpleNamespace(pools=self._pools)
        wanted = fields.get("id") or fields["uuid"]
        uuid = next(pool.uuid for pool in self._pools if wanted in (pool.label, pool.uuid))
        return pool_answer(uuid) if method == "PoolQuery" else SimpleNamespace(status=0)


def run(
    monkeypatch: pytest.MonkeyPatch, version: str, state: str, argv: list[str]
) -> tuple[int, str]:
    """Run the program against that state; its exit code and both outputs together."""

    def call(self: commands.Dmg, method: str, what: str, empty: Any = None, **fields: Any) -> Any:
        if state == "down":
            message = "unable to contact the DAOS Management Service"
            raise self.failed(what, message, response=empty)
        return Service(state).call(method, fields)

    monkeypatch.setattr(release, "installed", lambda: version)
    monkeypatch.setattr(commands.Dmg, "call", call)
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = dmg.main(argv)
        sys.stdout.flush()
    return code, output.getvalue()


@pytest.mark.parametrize("version", ["2.0.3", "1.2.0"])
def test_there_are_captures(version: str) -> None:
    assert len(captures(version)) >= 16


@pytest.mark.parametrize("path", captures("2.0.3"))
def test_output_of_2_0_3(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(path, "2.0.3", monkeypatch)


@pytest.mark.parametrize("path", captures("1.2.0"))
def test_output_of_1_2_0(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(path, "1.2.0", monkeypatch)


def check(path: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command, _, expected = path.read_text().partition("\n")
    found = re.match(r"\$ dmg (.*?)(\s+#.*)?$", command)
    assert found
    code, output = run(monkeypatch, version, path.name.partition(".")[0], found[1].split())
    assert f"{output}[exit {code}]\n" == expected


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


def test_a_pool_that_cannot_be_queried_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    row = output.pool_row(pool_uuid(1), "tank", [0], None, "no engine")
    assert output.pool_list([row], verbose=False, version="2.0.3") == (
        'Query on pool "tank" unsuccessful, error: "no engine"\n'
    )


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["system", "query", "--colour"], "unknown flag `colour'"),
        (["system", "fly"], "unknown command `system fly'"),
        (["pool", "evict"], "the required argument `<pool ID>' was not specified"),
        (["pool", "query", "tank", "scratch"], "unexpected argument `scratch'"),
        (["system", "stop", "--ranks"], "expected argument for flag `ranks'"),
    ],
)
def test_wrong_usage(argv: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "2.0.3", "joined", argv) == (1, f"ERROR: dmg: {message}\n")


@pytest.mark.parametrize("argv", [["-j", "pool", "list"], ["pool", "-j", "list"]])
def test_options_may_stand_anywhere(argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = run(monkeypatch, "2.0.3", "joined", ["pool", "list", "--json"])
    assert run(monkeypatch, "2.0.3", "joined", argv) == expected
    assert expected[1].startswith("{")


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
