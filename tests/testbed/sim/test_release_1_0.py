"""What the lab's programs of release 1.0 print, read and refuse; the texts follow its source."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from testbed.lab import dmg_1_0 as read
from testbed.lab import provision
from testbed.sim.client import dfuse_1_0
from testbed.sim.common import config, ranges, release
from testbed.sim.daos import c_tool
from testbed.sim.daos import commands_1_0 as daos_1_0
from testbed.sim.dmg import commands_1_0 as dmg_1_0
from testbed.sim.dmg import output_1_0 as output

A, B = "8aab4bb8-c0e2-4a21-8c16-e4a4b8c1a9d1", "2f0e1ba6-0f5c-4ab2-b1b4-6bd3f2e3a0aa"
TIER = {"total": 8589934592, "free": 8589934592, "min": 536870912, "max": 536870912}
POOL: dict[str, Any] = {
    "uuid": A,
    "total_targets": 16,
    "disabled_targets": 4,
    "active_targets": 12,
    "rebuild": {"status": 0, "state": "busy", "objects": 75, "records": 9722},
    "tier_stats": [
        {**TIER, "mean": 536870912, "media_type": "scm"},
        {"total": 0, "free": 0, "min": 0, "max": 0, "mean": 0, "media_type": "nvme"},
    ],
}


def member(rank: int, state: str, uuid: str = A) -> dict[str, Any]:
    return {"rank": rank, "uuid": uuid, "addr": f"10.0.0.{rank + 1}:10001", "state": state}


def result(rank: int, action: str = "stop", problem: str = "") -> dict[str, Any]:
    return {"rank": rank, "action": action, "errored": bool(problem), "msg": problem}


# dmg


@pytest.mark.parametrize(
    ("hosts", "folded"),
    [
        (["abc:10000"], "abc:10000"),
        (["bar4:1", "bar5:1", "bar3:1", "bar6:1"], "bar[3-6]:1"),
        (["bar9:10000", "bar7:10001", "bar8:10001"], "bar9:10000,bar[7-8]:10001"),
        (["10.0.0.9:1", "10.0.0.7:2", "10.0.0.8:2"], "10.0.0.9:1,10.0.0.[7-8]:2"),
        (["foo.bar:10000", "foo.baz:10001"], "foo.bar:10000,foo.baz:10001"),
        (["wolf-72:1", "wolf-71:1", "wolf-9:1"], "wolf-[9,71-72]:1"),
        (["node-09:1", "node-10:1", "node-10:1"], "node-[09-10]:1"),
        (["daos-server-01:1", "daos-server-02:1"], "daos-server-01:1,daos-server-02:1"),
    ],
)
def test_hosts_are_folded_by_their_first_number_alone(hosts: list[str], folded: str) -> None:
    assert output.folded_hosts(hosts) == folded


def test_connections_are_grouped_by_their_state() -> None:
    groups = {
        "connected": ["bar3:10001", "bar4:10001"],
        "foobar": ["bar9:10000", "bar7:10001", "bar8:10001"],
    }
    assert output.host_groups(groups) == (
        "           bar[3-4]:10001: connected\nbar9:10000,bar[7-8]:10001: foobar\n"
    )


def test_members_are_shown_in_the_words_of_1_0() -> None:
    states = ["joined", "joined", "excluded", "stopped", "errored", "awaitformat"]
    members = [member(rank, state) for rank, state in enumerate(states)]
    assert output.system_query(members, verbose=False) == (
        "Rank  State   \n"
        "----  -----   \n"
        "4     Errored \n"
        "2     Evicted \n"
        "[0-1] Started \n"
        "3     Stopped \n"
        "5     Unknown \n"
    )
    assert output.system_query(members[1:3], verbose=True) == (
        "Rank UUID                                 Control Address State   \n"
        "---- ----                                 --------------- -----   \n"
        f"1    {A} 10.0.0.2:10001  Started \n"
        f"2    {A} 10.0.0.3:10001  Evicted \n"
    )
    assert output.system_query(members[:1], verbose=False, single=True) == (
        "Rank 0\n"
        "------\n"
        "address : 10.0.0.1:10001                      \n"
        f"uuid    : {A}\n"
        "status  : Started                             \n"
        "reason  : unknown                             \n"
    )
    assert output.ended(output.system_query([], verbose=True)) == "No members in system\n"


def test_what_was_done_to_ranks() -> None:
    assert output.rank_results([result(0), result(2), result(1, problem="killed it")]) == (
        "Rank  Operation Result    \n"
        "----  --------- ------    \n"
        "[0,2] stop      OK        \n"
        "1     stop      killed it \n"
    )


def test_a_result_with_a_slash_fits_into_no_table() -> None:
    with pytest.raises(output.Unprintable, match="unexpected summary format"):
        output.rank_results([result(0, problem="no /dev/null")])


def test_pools_are_listed_with_the_ranks_of_their_service() -> None:
    pools: list[dict[str, Any]] = [
        {"uuid": A, "svc_reps": [0, 1, 2]},
        {"uuid": B, "svc_reps": []},
    ]
    assert output.pool_list(pools) == (
        "Pool UUID                            Svc Replicas \n"
        "---------                            ------------ \n"
        f"{A} 0,1,2        \n"
        f"{B} None         \n"
    )
    assert output.pool_list([]) == "No pools in system\n"
    assert output.pool_created(A, [1, 2]) == (
        f"Pool-create command SUCCEEDED: UUID: {A}, Service replicas: 1,2\n"
    )


def test_dmg_rounds_what_daos_tells_to_the_byte() -> None:
    head = f"Pool {A}, ntarget=16, disabled=4\nPool space info:\n- Target(VOS) count:12\n- SCM:\n"
    assert output.pool_query(POOL) == (
        f"{head}"
        "  Total size: 8.6 GB\n"
        "  Free: 8.6 GB, min:537 MB, max:537 MB, mean:537 MB\n"
        "- NVMe:\n"
        "  Total size: 0 B\n"
        "  Free: 0 B, min:0 B, max:0 B, mean:0 B\n"
        "Rebuild busy, 75 objs, 9722 recs\n"
    )
    assert output.pool_query(POOL, exact=True) == (
        f"{head}"
        "  Total size: 8589934592\n"
        "  Free: 8589934592, min:536870912, max:536870912, mean:536870912\n"
        "- NVMe:\n"
        "  Total size: 0\n"
        "  Free: 0, min:0, max:0, mean:0\n"
        "Rebuild busy, 75 objs, 9722 recs\n"
    )


def test_json_wraps_the_same_text() -> None:
    line = output.log_line("INFO", 'Rank "0" <1>\n')
    assert re.fullmatch(
        r'\{"level":"INFO","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",'
        r'"message":"Rank \\"0\\" \\u003c1\\u003e\\n"\}\n',
        line,
    )
    assert json.loads(line)["message"] == 'Rank "0" <1>\n'


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (
            ["pool", "evict", "--pool", A],
            "Unknown command `evict'. Please specify one command of: "
            "create, destroy, list or query",
        ),
        (["system", "erase"], "Unknown command `erase'."),
        (["pool", "list-containers"], "Unknown command `list-containers'."),
        (["system"], "Please specify one command of: leader-query, list-pools, query"),
        (["cont"], "Unknown command `cont'. Please specify one command of: pool, storage, system"),
        (["storage", "format", "--force"], "unknown flag `force'"),
        (["pool", "create", "--size", "8G"], "unknown flag `size'"),
        (["pool", "create", "-n", "8G"], "the required flag `-s, --scm-size' was not specified"),
        (["pool", "query"], "the required flag `--pool' was not specified"),
    ],
)
def test_what_dmg_does_not_understand(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dmg_1_0.run([*argv, "-j"]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(f"ERROR: dmg: {said}")
    assert printed.out == ""


def test_the_lab_reads_what_this_dmg_says() -> None:
    connected = output.log_line("INFO", "s-1:10001: connected\n")
    members = [member(0, "joined"), member(1, "excluded", B)]
    table = output.system_query(members, verbose=True)
    assert read.answer(connected + output.log_line("INFO", table)) == {
        "response": {"members": members}
    }
    pools = [{"uuid": A, "svc_reps": [0, 1, 2]}, {"uuid": B, "svc_reps": [4]}]
    for listed in (pools, []):
        said = connected + output.log_line("INFO", output.pool_list(listed))
        assert read.answer(said) == {"response": {"pools": listed}}
    assert read.answer(connected) == {}


# daos and dfuse


def test_a_container_and_its_properties(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "installed", lambda: "1.0.1")
    tool = daos_1_0.Tool()
    container = {"uuid": B, "label": "", "type": "POSIX"}
    assert tool.container_query(A, container, "") == (
        f"Pool UUID:\t{A}\nContainer UUID:\t{B}\nNumber of snapshots: 0\n"
        "Latest Persistent Snapshot: 0\nHighest Aggregated Epoch: 0\n"
    )
    told = tool.properties(container)
    begin = "Container properties :\nlabel -> container label not set\nlayout type -> 1/POSIX\n"
    assert told.startswith(begin)
    named = tool.properties({**container, "label": "home", "type": "unknown"})
    assert "label -> home\nlayout type -> 0/unknown\nlayout version -> 1\n" in named


@pytest.mark.parametrize(
    ("text", "separator", "expected"),
    [
        ("0,1,12", ",", [0, 1, 12]),
        ("0:1", ":", [0, 1]),
        ("1,0", ":", [1]),  # dfuse given commas: atoi reads up to the first
        ("2:1", ",", [2]),
        (",3,", ",", [3]),
        ("x", ",", [0]),
        ("", ",", []),
    ],
)
def test_ranks_as_atoi_reads_them(text: str, separator: str, expected: list[int]) -> None:
    assert ranges.listed(text, separator) == expected


def test_a_word_too_many_is_passed_over() -> None:
    given = c_tool.parsed("query", ["extra", "--po", A], ("pool", "svc"), extra=True)
    assert given == {"pool": A}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"svc": "0"}, "Mountpoint is required\nusage: dfuse -m=PATHSTR -s=RANKS\n"),
        ({"mountpoint": "/m"}, "Svcl is required\nusage: dfuse -m=PATHSTR -s=RANKS\n"),
        ({"mountpoint": "/m", "svc": "0", "pool": "tank"}, "Invalid pool uuid\n"),
        (
            {"mountpoint": "/m", "svc": "0", "pool": A, "container": "c"},
            "Invalid container uuid",
        ),
        ({"mountpoint": "/m", "svc": "", "pool": A, "container": B}, ""),
    ],
)
def test_dfuse_refuses_only_what_it_sees_before_it_is_a_daemon(
    given: dict[str, str], said: str
) -> None:
    assert dfuse_1_0.refusal(given).startswith(said)
    assert bool(dfuse_1_0.refusal(given)) is bool(said)


# Configuration, and what a release is to others


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.yml"


def test_unknown_keys_are_passed_over(path: Path) -> None:
    path.write_text("disable_vmd: true\nnonsense: 1\nservers: [{scm_mount: /mnt/a, odd: 1}]\n")
    assert [e.scm_mount for e in config.server(str(path), "1.0.1").engines] == ["/mnt/a"]
    with pytest.raises(config.BadConfig, match="field nonsense not found"):
        config.server(str(path), "1.2.0")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("engines: [{scm_mount: /mnt/a}]", "no DAOS IO Servers specified in configuration"),
        ("access_points: [a, b, c]\nservers: [{}]", "invalid list of access points"),
    ],
)
def test_a_server_of_1_0_refuses(path: Path, text: str, said: str) -> None:
    path.write_text(text)
    with pytest.raises(config.BadConfig, match=said):
        config.server(str(path), "1.0.1")


def test_hosts_of_daos_yml_get_no_port(path: Path) -> None:
    path.write_text('hostlist: ["a:10001", b]\n')
    assert config.control_1_0(str(path)).hosts == ["a:10001", "b"]
    path.write_text("name: daos_server\n")
    assert config.control_1_0(str(path)).hosts == ["localhost:10001"]
    path.write_text("access_points: [a, b]\n")
    with pytest.raises(config.BadConfig, match="access points"):
        config.control_1_0(str(path))
    with pytest.raises(config.BadConfig, match="access points"):
        config.agent(str(path), "1.0.1")
    assert len(config.agent(str(path), "1.2.0").hosts) == 2


@pytest.mark.parametrize(
    ("client", "server", "together"),
    [("1.0.1", "1.0.0", True), ("1.0.1", "1.2.0", False), ("2.0.3", "2.2.0", True)],
)
def test_1_0_talks_to_itself_alone(client: str, server: str, together: bool) -> None:
    assert release.may_talk(client, server) is together
    assert release.may_talk(server, client) is together


def test_an_engine_has_the_name_of_its_release() -> None:
    names = [release.engine_program(version) for version in ("1.0.1", "1.2.0", "2.0.3")]
    assert names == ["daos_io_server", "daos_engine", "daos_engine"]


def test_a_node_of_1_0_is_given_what_that_release_needs() -> None:
    servers = ["s1", "s2", "s3"]
    assert provision.access_points(servers, "1.0.1") == ["s1"]
    for roles in ({"servers"}, {"clients"}, {"admins"}):
        assert "daos-client" in provision.packages(frozenset(roles), "1.0.1")
    files = provision.config_files(frozenset({"servers", "admins"}), servers, "1.0.1")
    assert set(files) == {"daos_server.yml", "daos.yml"}
    assert "hostlist:\n- s1:10001\n" in files["daos.yml"]
    assert "disable_vmd" not in files["daos_server.yml"]
