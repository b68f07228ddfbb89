"""Install, format, restore and finish on a cluster of canned answers: order and refusals."""

from __future__ import annotations

import base64
import json
import os
import sys
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.daos.node import AGENT, SERVER, Node, Service
from operations.migration import finish, formatting, install, reformat, restore
from operations.migration.contents import Contents
from operations.migration.record.record import Container, Migration, Pool
from operations.rules.findings import Finding
from operations.rules.view import View

from ..operations import fake_cluster, fake_nodes
from ..operations.fake_cluster import SETTINGS, A, B
from .canned import POOL, RECORD, load, refusals

pytestmark = pytest.mark.usefixtures("as_the_command_does")

EARLY, LATER, LATEST, LAST = (f"2026-11-22T1{hour}:00:00+00:00" for hour in (1, 2, 3, 4))
PATHS = {uuid: f"/backup/{POOL}/{uuid}/manifest.mtree" for uuid in (A, B)}
SAME: dict[str, Any] = {"sha256sum --": "".join(f"abc  {path}\n" for path in PATHS.values())}
HELD = replace(fake_nodes.RECORD, began=datetime.fromisoformat(LATER), release="1.2.0")
NEW_POOL = "00000000-0000-0000-0000-00000000f00d"


def made(done: tuple[str, ...], **changes: Any) -> Migration:
    """A record in which these stages are complete, in their order."""
    record = replace(RECORD, done=dict.fromkeys(done, EARLY), ranks=(0,), compared=LATEST)
    for uuid in (A, B):
        times = {"backed_up": EARLY, "verified": LATER, "unchanged": LATEST, "manifest": "abc"}
        record = record.with_container(uuid, **{**times, **changes})
    return record


VERIFIED = made(("check", "backup", "verify"), unchanged="")
INSTALLED = made(("check", "backup", "verify", "install"))
FORMATTED = replace(INSTALLED, done={**INSTALLED.done, "format": EARLY}, formatting=EARLY)


@pytest.fixture(autouse=True)
def window(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the nodes remember while DAOS is stopped; nothing as long as they have 1.x."""
    kept = {"2.0.3": HELD.text(), "2.0.1": HELD.text()}
    answer = fake_cluster.node_answer

    def with_record(name: str, version: str, roles: tuple[str, ...]) -> str:
        text = f"== record\n{kept.get(version, '')}"
        return answer(name, version, roles).replace("== record", text)

    monkeypatch.setattr(fake_cluster, "node_answer", with_record)
    return kept


def codes(found: list[Finding]) -> list[str]:
    return [finding.code for finding in found]


def configuration(**files: str) -> dict[str, Any]:
    """What a node answers that is asked for its configuration."""
    parts = [
        f"== {name}.yml\n{base64.b64encode(text.encode()).decode()}" for name, text in files.items()
    ]
    return {"daos_control.yml": "\n".join(parts)}


def test_install_stops_in_the_safe_order_and_compares_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    current, state = load(monkeypatch, "install", record=VERIFIED, **SAME)
    assert state, current.refusals
    names = fake_cluster.names_in_order(state)
    wanted = [
        "Download and check what is to be installed",
        "Keep DAOS from starting at boot",
        "Stop daos_agent wherever it runs, but on one client",
        "See that DAOS holds exactly what the backup holds",
        "Stop daos_agent there, too",
        "Stop the engines: dmg system stop",
        "Stop daos_server on the servers",
        "Replace the DAOS packages on all nodes",
        "Convert the configuration to what DAOS 2.x reads",
        "Record that DAOS 2.x is installed",
    ]
    assert [name for name in names if name in wanted] == wanted


def test_the_comparing_client_keeps_its_agent_for_the_comparison(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, state = load(monkeypatch, "install", record=VERIFIED, **SAME)
    assert state
    changes = {
        ", ".join(state.get_op_meta(op).names): [
            host.name
            for host in state.activated_hosts
            if op in state.ops[host] and state.ops[host][op].operation_meta.will_change
        ]
        for op in state.get_op_order()
    }
    assert changes["Stop daos_agent wherever it runs, but on one client"] == ["@fake/c2"]
    assert changes["See that DAOS holds exactly what the backup holds"] == ["@fake/c1"]
    assert set(changes["Stop daos_agent there, too"]) == {"@fake/c1", "@fake/c2"}


def test_what_will_be_converted_is_shown_once_with_its_nodes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    old = configuration(daos_server="# ours\nservers:\n- targets: 8\n")
    current, state = load(monkeypatch, "install", record=VERIFIED, **SAME, **old)
    assert state, current.refusals
    [change] = current.configuration
    assert change["path"] == "/etc/daos/daos_server.yml"
    assert change["hosts"] == ["@fake/a1", "@fake/c1", "@fake/c2", "@fake/s1"]
    assert "-servers:\n+engines:" in change["diff"]


def test_a_file_that_cannot_be_converted_is_found_before_anything_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = configuration(daos_server="servers:\n- bdev_class: malloc\n", daos_agent="colour: blue\n")
    found = refusals(monkeypatch, "install", record=VERIFIED, **SAME, **old)
    assert codes(found) == ["configuration", "configuration"]
    assert "malloc" in found[0].message
    assert "the key colour (line 1)" in found[1].message


def test_install_refuses_a_container_that_was_added(monkeypatch: pytest.MonkeyPatch) -> None:
    new = A.replace("0000000a", "0000000c")
    answers = {
        "list-containers": f"{A}\n{B}\n{new}\n",
        "get-prop": "".join(f"== {uuid}\nlayout type:\tPOSIX (1)\n" for uuid in (A, B, new)),
    }
    found = refusals(monkeypatch, "install", record=VERIFIED, **SAME, **answers)
    assert [(f.code, f.message.split()[1]) for f in found] == [("container-added", new)]


def test_install_refuses_a_backup_that_is_not_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    record = VERIFIED.with_container(B, verified="")
    [finding] = refusals(monkeypatch, "install", record=record, **SAME)
    assert (finding.code, B in finding.message) == ("not-verified", True)


def test_format_names_what_it_would_destroy_while_1_x_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    new = A.replace("0000000a", "0000000c")
    answers = {
        "list-containers": f"{A}\n{B}\n{new}\n",
        "get-prop": "".join(f"== {uuid}\nlayout type:\tPOSIX (1)\n" for uuid in (A, B, new)),
    }
    monkeypatch.setitem(SETTINGS, "system", "daos_server")
    found = refusals(monkeypatch, "format", record=VERIFIED, **SAME, **answers)
    assert codes(found) == ["stage-order", "still-serving", "container-added"]
    assert new in found[2].message


def test_format_refuses_1_x_that_serves_again_after_the_installation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SETTINGS, "system", "daos_server")
    found = refusals(monkeypatch, "format", record=INSTALLED, **SAME)
    assert codes(found) == ["still-serving"]
    assert "stage=install" in found[0].message


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"backed_up": ""}, "not-backed-up"),
        ({"verified": ""}, "not-verified"),
        ({"verified": EARLY, "backed_up": LATER}, "not-verified"),
        ({"unchanged": ""}, "not-compared"),
        ({"backed_up": "2026-11-22T23:00:00+00:00", "verified": "2026-11-23"}, "not-compared"),
    ],
)
def test_format_wants_backup_verification_and_comparison_in_this_order(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], code: str
) -> None:
    monkeypatch.setitem(SETTINGS, "system", "daos_server")
    record = INSTALLED.with_container(B, **changes)
    found = refusals(monkeypatch, "format", record=record, version="2.0.3", **SAME)
    assert codes(found) == [code]
    assert B in found[0].message


@pytest.mark.parametrize(
    ("typed", "code"), [("", "not-confirmed"), ("daos-server", "wrong-system")]
)
def test_format_wants_the_name_of_the_system(
    monkeypatch: pytest.MonkeyPatch, typed: str, code: str
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    monkeypatch.setitem(SETTINGS, "system", typed)
    [finding] = refusals(monkeypatch, "format", record=INSTALLED, version="2.0.3", **SAME)
    assert finding.code == code
    assert "daos_server" in finding.message


def test_the_name_may_be_typed_at_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keyboard, terminal = os.openpty()
    with os.fdopen(keyboard, "wb", buffering=0) as typed, os.fdopen(terminal) as stdin:
        typed.write(b"daos_server\r")
        monkeypatch.setattr(sys, "stdin", stdin)
        current, state = load(monkeypatch, "format", record=INSTALLED, version="2.0.3", **SAME)
    assert state, current.refusals
    assert capsys.readouterr().out.count("Type the name of the system to reformat it: ") == 1
    assert "Reformat the storage: dmg storage format --force" in fake_cluster.names_in_order(state)


def test_format_wants_2_x_on_every_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "system", "daos_server")
    found = refusals(monkeypatch, "format", record=INSTALLED, version="2.0.1", **SAME)
    assert codes(found) == ["not-installed"]


def test_format_wants_a_configuration_that_2_x_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "system", "daos_server")
    old = configuration(daos_server="disable_vmd: true\n")
    found = refusals(monkeypatch, "format", record=INSTALLED, version="2.0.3", **SAME, **old)
    assert codes(found) == ["not-converted"]


@pytest.mark.parametrize("text", ["", replace(HELD, began=datetime.fromisoformat(LAST)).text()])
def test_format_refuses_a_system_that_was_let_go_of_after_the_comparison(
    monkeypatch: pytest.MonkeyPatch, window: dict[str, str], text: str
) -> None:
    window["2.0.3"] = text
    monkeypatch.setitem(SETTINGS, "system", "daos_server")
    found = refusals(monkeypatch, "format", record=INSTALLED, version="2.0.3", **SAME)
    assert codes(found) == ["served-since"]


def test_restore_and_finish_begin_where_the_new_system_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    current, state = load(monkeypatch, "restore", record=FORMATTED, version="2.0.3", **SAME)
    assert state, current.refusals
    names = fake_cluster.names_in_order(state)
    assert names.index("Create the pools") < names.index("Create the containers")
    back = replace(FORMATTED, done={**FORMATTED.done, "restore": EARLY})
    found = refusals(monkeypatch, "finish", record=back, version="2.0.3", **SAME)
    assert codes(found) == ["not-restored", "not-restored"]


def test_storage_with_a_new_pool_is_never_formatted_again() -> None:
    def answer(uuid: str) -> str:
        row = {
            "uuid": uuid,
            "label": "",
            "targets_total": 8,
            "targets_disabled": 0,
            "query_error_msg": "",
            "query_status_msg": "",
        }
        return json.dumps({"response": {"status": 0, "pools": [row]}, "error": None, "status": 0})

    class Dmg:
        def __init__(self, answer: str) -> None:
            self.answer = answer

        def ask(self, arguments: str) -> str:
            return self.answer

    class Current:
        migration = INSTALLED

        def __init__(self, answer: str) -> None:
            self.dmg = Dmg(answer)

    assert reformat.new_pools(Current(answer(POOL))) == []  # type: ignore[arg-type]
    assert reformat.new_pools(Current("")) == []  # type: ignore[arg-type]
    [finding] = reformat.new_pools(Current(answer(NEW_POOL)))  # type: ignore[arg-type]
    assert (finding.code, NEW_POOL in finding.message) == ("has-pools", True)
    known = Current("")
    known.migration = INSTALLED.with_pool(POOL, new_uuid=NEW_POOL)
    assert codes(reformat.new_pools(known)) == ["has-pools"]  # type: ignore[arg-type]


def test_what_was_erased_is_formatted_as_soon_as_its_servers_have_begun_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A replica may answer for the system that was erased, or not at all, for a moment."""
    serving = 'client: code = 508 description = "storage format invoked on a running system"'

    def answer(errors: dict[str, str], error: str | None = None) -> str:
        return json.dumps({"response": {"host_errors": errors}, "error": error, "status": 0})

    told = [
        answer({}),
        answer({}, serving),
        answer({"about to start again": "s1"}, "1 of 2 hosts reported errors"),
        answer({}, serving),
    ]
    asked: list[str] = []

    class Dmg:
        def ask(self, arguments: str, _seconds: int) -> str:
            asked.append(arguments.rpartition(" ")[2])
            return told.pop()

    class Current:
        dmg = Dmg()

    monkeypatch.setattr(formatting, "_PAUSE", 0)
    assert formatting._format_erased(Current(), ["s1", "s2"]) is None  # type: ignore[arg-type]
    assert asked == ["'s[1-2]'", "'s[1-2]'", "s1", "s1"]
    monkeypatch.setattr(formatting, "_RESTART", 0)
    told.append(answer({}, serving))
    assert serving in str(formatting._format_erased(Current(), ["s1"]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lacking", "replicas", "hosts"),
    [
        (["s1", "s2", "s3"], {"s1"}, ["s1", "s2", "s3"]),
        (["s2", "s3"], {"s1"}, ["s2", "s3"]),
        (["s1", "s3"], {"s1"}, ["s1", "s2", "s3"]),
        (["s1", "s3"], {"s1.site.example"}, ["s1", "s2", "s3"]),
        (["s3"], set(), ["s3"]),
    ],
)
def test_what_is_formatted_already_is_left_alone(
    lacking: list[str], replicas: set[str], hosts: list[str]
) -> None:
    servers = {name: Node(name, "centos 8.4") for name in ("s1", "s2", "s3")}
    assert formatting.to_format(servers, lacking, replicas) == hosts


def node(server: float, agent: float, traces: int = 1) -> Node:
    services = {SERVER: Service(started=server), AGENT: Service(started=agent)}
    return Node("s1", "centos 8.3", services=services, starts=("1.2.0",) * traces)


@pytest.mark.parametrize(
    ("server", "agent", "traces", "used"),
    [
        (100.0, 90.0, 1, False),  # stopped since
        (0.0, 0.0, 1, False),  # rebooted since
        (200.0, 90.0, 1, True),
        (100.0, 91.0, 1, True),
        (5.0, 0.0, 1, True),  # rebooted, and started by hand
        (0.0, 0.0, 2, True),  # started by hand, and rebooted
    ],
)
def test_a_start_after_the_comparison_is_seen(
    server: float, agent: float, traces: int, used: bool
) -> None:
    record = replace(RECORD, starts={"s1": {SERVER: 100.0, AGENT: 90.0, "traces": 1.0}})
    record = Migration.parse(record.text()) or record
    groups = {"servers": ("s1",), "admins": (), "clients": ()}
    view = View(groups, {"s1": node(server, agent, traces)})
    assert bool(install.used_since(record, view)) == used


@pytest.mark.parametrize("noted_as", ["node-1", "s1"])
def test_whatever_an_inventory_calls_a_node_its_starts_are_known(noted_as: str) -> None:
    record = replace(RECORD, starts={noted_as: {SERVER: 100.0, AGENT: 0.0, "traces": 0.0}})
    groups = {"servers": ("s1",), "admins": (), "clients": ()}
    there = replace(node(100.0, 0.0, 0), hostname="node-1")
    assert install.used_since(record, View(groups, {"s1": there})) == []


def test_where_no_daos_server_can_start_no_trace_is_missed() -> None:
    record = replace(RECORD, starts={})
    stopped = replace(node(0.0, 0.0, 0), record=HELD)
    view = View({"servers": ("s1",), "admins": (), "clients": ("c1",)}, {"c1": stopped})
    assert install.used_since(record, view) == []
    view = replace(view, nodes={**view.nodes, "s1": stopped})
    assert install.used_since(record, view) == ["s1"]


@given(scm=st.integers(1, 2**50), nvme=st.integers(0, 2**60), ranks=st.integers(1, 4096))
def test_a_pool_is_created_no_smaller_than_it_was(scm: int, nvme: int, ranks: int) -> None:
    words = restore.create_line(Pool(POOL, "tank", (scm, nvme)), ranks).split()
    assert words[:2] == ["pool", "create"]
    assert words[-1] == "tank"
    sizes = dict(word.lstrip("-").split("=") for word in words[2:-1])
    share = int(sizes["scm-size"].rstrip("B"))
    assert scm <= share * ranks < scm + ranks
    assert ("nvme-size" in sizes) == bool(nvme)
    if nvme:
        assert nvme <= int(sizes["nvme-size"].rstrip("B")) * ranks < nvme + ranks


def test_a_pool_that_was_made_anew_holds_nothing_yet() -> None:
    record = FORMATTED.with_container(A, new_pool="old", new_uuid="old", restored=LATER)
    record = restore.with_new_pool(record, record.pools[0], NEW_POOL)
    assert record.pools[0].new_uuid == NEW_POOL
    [container] = [c for c in record.containers if c.uuid == A]
    assert (container.restored, container.new_uuid) == ("", "")


def test_old_and_new_stand_side_by_side() -> None:
    record = replace(
        RECORD.with_pool(POOL, new_uuid=NEW_POOL).with_container(
            A, new_pool=NEW_POOL, new_uuid="new-a", files=1200, bytes=34567
        ),
        left_behind=(B,),
    )
    lines = list(finish.table(record))
    assert len(lines) == 4
    assert lines[1].split() == ["pool", "pool-00000000", POOL, NEW_POOL]
    assert lines[2].split() == ["container", "a", A, "new-a", "1,200", "34,567"]
    assert "left behind" in lines[3]


def test_what_is_not_there_any_more_is_named() -> None:
    record = RECORD.with_pool(POOL, new_uuid=NEW_POOL)
    for uuid in (A, B):
        record = record.with_container(uuid, new_pool=NEW_POOL, new_uuid=f"new-{uuid}")
    there = (Container(NEW_POOL, f"new-{A}", "POSIX", "a"),)
    [problem] = finish.lost(record, Contents((Pool(NEW_POOL, "x", ()),), there))
    assert problem.startswith(f"container b (new-{B}) is not there")
    first, *_ = finish.lost(record, Contents((), ()))
    assert first.startswith("pool pool-00000000")
