"""What the servers keep of every node: a lost record comes back, and never with a false R12."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from operations.checks.services import boot
from operations.daos.node import AGENT, SERVER, Node, Service
from operations.daos.releases import Version
from operations.daos.window_file import Record
from operations.rules import gates, memory
from operations.rules.start import Start
from operations.rules.view import View

from ..fake_nodes import IDLE, RECORD, RUNNING, at

GROUPS = {"servers": ("s1", "s2"), "admins": ("a1",), "clients": ("c1", "c2", "c10.site")}
NAMES = [name for names in GROUPS.values() for name in names]
OFF = Service()
anyhow = st.sampled_from([OFF, RUNNING, replace(RUNNING, running=False), Service(running=True)])
services = st.fixed_dictionaries({SERVER: anyhow, AGENT: anyhow})
before = st.fixed_dictionaries(dict.fromkeys(NAMES, services))


def found(before: dict[str, dict[str, Service]]) -> Start:
    """The cluster before the update."""
    nodes: dict[str, Node | None] = {
        name: replace(IDLE, hostname=name, services=on) for name, on in before.items()
    }
    return Start(GROUPS, nodes, target=Version(2, 0, 3))


def everywhere(server: Service, agent: Service) -> Start:
    """The cluster where all nodes had the same."""
    return found({name: {SERVER: server, AGENT: agent} for name in NAMES})


def held(start: Start) -> View:
    """The same cluster in the window: everything is off, and every node remembers."""

    def one(name: str, node: Node) -> Node:
        running = tuple(unit for unit in node.services if node.runs(unit))
        had = start.had if name in GROUPS["servers"] else {}
        record = replace(RECORD, enabled=tuple(node.enabled), running=running, had=had)
        return replace(node, record=record, services={SERVER: OFF, AGENT: OFF})

    return View(GROUPS, {name: one(name, node) for name, node in start.of().items()})


def without(view: View, *lost: str, **more: object) -> View:
    """The same, with the records of some nodes lost."""
    nodes = {n: replace(view.node(n), record=None, **more) for n in lost}  # type: ignore[arg-type]
    return View(GROUPS, {**view.nodes, **nodes})


@given(before, st.sets(st.sampled_from([name for name in NAMES if name != "s1"])))
def test_what_one_server_keeps_brings_every_record_back(
    before: dict[str, dict[str, Service]], lost: set[str]
) -> None:
    whole = held(found(before))
    mended = memory.mended(without(whole, *lost))
    for name in NAMES:
        had, again = whole.node(name).record, mended.node(name).record
        assert had and again
        assert replace(again, had={}) == replace(had, had={})
        assert mended.node(name).mended == (name in lost)
    assert memory.of_all(mended) == memory.of_all(whole) == found(before).had


def test_what_is_kept_is_written_and_read_with_the_record() -> None:
    start = everywhere(OFF, RUNNING)
    record = replace(RECORD, had=start.had)
    assert Record.parse(record.text()) == record


@given(st.sets(st.sampled_from(["a1", "c1", "c2"])), st.sets(st.sampled_from(["c1", "c2"])))
def test_what_is_taken_out_of_the_inventory_meanwhile_is_known_from_the_servers(
    out: set[str], silent: set[str]
) -> None:
    view = held(everywhere(OFF, RUNNING))
    nodes = {n: None if n in silent else node for n, node in view.nodes.items() if n not in out}
    now = View({role: tuple(n for n in ns if n in nodes) for role, ns in GROUPS.items()}, nodes)
    assert memory.gone(now) == sorted(out)
    assert memory.gone(now, ["C2.site"]) == sorted(out - {"c2"})
    assert memory.gone(now, ["login"]) == []


def test_a_node_that_was_left_out_stays_known() -> None:
    """The run that goes on without it keeps what the one before has found."""
    start = everywhere(OFF, RUNNING)
    nodes = {name: node for name, node in held(start).nodes.items() if name != "c2"}
    without_it = View({**GROUPS, "clients": ("c1", "c10.site")}, nodes)
    assert memory.of_all(without_it) == start.had


def test_a_name_that_two_nodes_have_says_nothing() -> None:
    start = everywhere(OFF, RUNNING)
    twins = {"c1": {SERVER: OFF, AGENT: RUNNING}, "c2": {SERVER: OFF, AGENT: OFF}}
    alike = {n: replace(start.node(n), hostname="localhost", services=twins[n]) for n in twins}
    whole = held(Start(GROUPS, {**start.nodes, **alike}))
    assert memory.mended(without(whole, "c1")).node("c1").record is None


def test_that_an_engine_was_never_started_is_not_said_of_a_server_that_lost_its_record() -> None:
    """Nobody knows what was started on the packages that are there now (R12)."""
    began = held(everywhere(RUNNING, OFF))
    whole = View(GROUPS, {name: replace(it, traced=True) for name, it in began.of().items()})
    assert gates.never_started(memory.mended(without(whole, "s2"))) == []
    new = without(whole, "s2", packages=at("2.0.3").packages)
    [finding] = gates.never_started(memory.mended(new))
    assert (finding.code, finding.hosts) == ("engine-started", ("s2",))


def test_the_oldest_record_is_the_one_that_counts() -> None:
    whole = held(everywhere(OFF, RUNNING))
    later = replace(RECORD, began=RECORD.began + timedelta(hours=1))
    second = replace(whole.node("s2"), record=later)
    view = without(View(GROUPS, {**whole.nodes, "s2": second}), "c1")
    again = memory.mended(view).node("c1").record
    assert again
    assert again.began == RECORD.began


def _codes(view: View, expected: bool | None) -> dict[str, tuple[str, ...]]:
    start = Start(view.groups, view.nodes, target=Version(2, 0, 1))
    return {finding.code: finding.hosts for finding in boot(start, expected)}


def test_what_nobody_remembers_has_to_be_said() -> None:
    whole = held(everywhere(RUNNING, RUNNING))
    nodes = {n: replace(node, record=RECORD) for n, node in whole.of().items()}  # nothing kept
    ran = replace(RECORD, running=(SERVER,))
    unkept = View(GROUPS, {**nodes, "s1": replace(nodes["s1"], record=ran)})
    assert _codes(unkept, None) == {}
    assert _codes(without(unkept, "c2"), None) == {"record-lost": ("c2",)}
    assert _codes(without(unkept, "c2"), expected=True) == {"not-enabled": ("c2",)}
    assert _codes(without(unkept, "c2"), expected=False) == {}


def test_servers_that_are_off_while_clients_remember_an_update() -> None:
    """Where they are on, what a client remembers is about an update that is long over."""
    whole = held(everywhere(RUNNING, RUNNING))
    lost = without(whole, "s1", "s2")
    assert _codes(lost, None) == {"record-lost": ("s1", "s2")}
    on = without(whole, "s1", "s2", services={SERVER: RUNNING, AGENT: OFF})
    assert _codes(on, None) == {}
