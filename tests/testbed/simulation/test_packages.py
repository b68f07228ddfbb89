"""Package transactions of simulated nodes: half-way, killed, cut by a lost power, made again."""

import pytest

from testbed.simulation import build
from testbed.simulation.cluster import Cluster
from testbed.simulation.hand import typed
from testbed.simulation.node import Node
from testbed.simulation.packages import Transaction

OLD, NEW = "2.0.1", "2.0.3"
MANAGERS = {"el8": "dnf", "el7": "yum", "leap15": "zypper"}


def _cluster(flavour: str) -> Cluster:
    node = Node("daos-client-01", ["clients"], flavour=flavour)
    made = build.cluster([Node("daos-server-01", ["servers"]), node])
    node.files.write(_repository(node), "[daos-offline-update]\nenabled=1\n")
    return made


def _repository(node: Node) -> str:
    return f"{node.flavour.folder}/daos-offline-update.repo"


def _begun(node: Node) -> Transaction:
    """A transaction of a node to the new release, of packages that were fetched."""
    manager = node.flavour.manager
    sign, cached = ("=", "--no-refresh") if manager == "zypper" else ("-", "-C")
    names = [f"{name}{sign}{NEW}" for name in node.packages]
    typed(node, f"{manager} -y install --downloadonly {' '.join(names)}")
    going = Transaction(
        node, f"{manager} {cached} install {' '.join(names)}", list(node.packages), NEW, False
    )
    node.transaction = going
    node.cluster.events.clear()
    going.begin()
    return going


def _releases(node: Node) -> dict[str, list[str]]:
    return {
        name: [build.partition("-")[0] for build in builds]
        for name, builds in node.packages.items()
    }


def _happened(cluster: Cluster) -> list[str]:
    events = (it for it in cluster.events if it["program"] == "rpm")
    return [f"{it['event']} {it['details']['package']} {it['details']['version']}" for it in events]


@pytest.mark.parametrize("flavour", MANAGERS)
def test_a_transaction_brings_the_new_and_removes_the_old(flavour: str) -> None:
    cluster = _cluster(flavour)
    node = cluster.nodes["daos-client-01"]
    going = _begun(node)
    cluster.clock.pass_by(60)
    assert going.code == 0
    assert node.transaction is None
    assert _releases(node) == {"daos": [NEW], "daos-client": [NEW]}


@pytest.mark.parametrize("flavour", MANAGERS)
@pytest.mark.parametrize("text", ["", "[daos-offline-update]\nenabled=0\n"])
def test_without_the_repository_of_the_update_nothing_is_installed(flavour: str, text: str) -> None:
    node = _cluster(flavour).nodes["daos-client-01"]
    node.files.write(_repository(node), text)
    assert _begun(node).code == 1
    assert _releases(node) == {"daos": [OLD], "daos-client": [OLD]}


ORDERS = {
    "dnf": [
        f"installed daos {NEW}",
        f"installed daos-client {NEW}",
        f"removed daos-client {OLD}",
        f"removed daos {OLD}",
    ],
    "zypper": [
        f"installed daos {NEW}",
        f"removed daos {OLD}",
        f"installed daos-client {NEW}",
        f"removed daos-client {OLD}",
    ],
}


@pytest.mark.parametrize("flavour", MANAGERS)
@pytest.mark.parametrize("done", range(5))
def test_a_transaction_that_is_killed_leaves_what_was_done_and_is_finished_later(
    flavour: str, done: int
) -> None:
    """Each package is written and removed in an order, and what is done of it stays."""
    cluster = _cluster(flavour)
    node = cluster.nodes["daos-client-01"]
    going = _begun(node)
    order = ORDERS["zypper" if flavour == "leap15" else "dnf"]
    while len(_happened(cluster)) < done:
        cluster.clock.step()
    going.dies()
    cluster.clock.pass_by(60)
    assert going.code == 137
    assert _happened(cluster) == order[:done]
    _begun(node)
    cluster.clock.pass_by(60)
    assert _releases(node) == {"daos": [NEW], "daos-client": [NEW]}


def test_a_lost_power_leaves_half_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = _cluster("el8")
    node = cluster.nodes["daos-client-01"]
    _begun(node)
    while not _happened(cluster):
        cluster.clock.step()
    node.kill()
    node.start()
    cluster.clock.pass_by(120)
    assert _releases(node) == {"daos": [OLD, NEW], "daos-client": [OLD]}
    assert node.transaction is None


@pytest.mark.parametrize("flavour", MANAGERS)
def test_the_package_of_the_role_is_what_a_pause_holds_up(flavour: str) -> None:
    cluster = _cluster(flavour)
    node = cluster.nodes["daos-client-01"]
    node.tell("rpm_delay", 100.0)
    _begun(node)
    cluster.clock.pass_by(90)
    base = [NEW] if flavour == "leap15" else [OLD, NEW]
    assert _releases(node) == {"daos": base, "daos-client": [OLD]}


@pytest.mark.parametrize("flavour", MANAGERS)
def test_a_package_that_is_refused_is_an_event_and_changes_nothing(flavour: str) -> None:
    cluster = _cluster(flavour)
    node = cluster.nodes["daos-client-01"]
    node.tell("rpm_fails", True)
    going = _begun(node)
    refused = [f"failed daos {NEW}", f"failed daos-client {NEW}"]
    assert going.code == 1
    assert _happened(cluster) == refused[: 1 if flavour == "leap15" else 2]
    assert _releases(node) == {"daos": [OLD], "daos-client": [OLD]}


def test_what_was_not_fetched_is_not_installed_without_the_network() -> None:
    node = _cluster("el8").nodes["daos-client-01"]
    line = f"dnf -C install daos-{NEW} daos-client-{NEW}"
    going = Transaction(node, line, ["daos", "daos-client"], NEW, False)
    node.transaction = going
    going.begin()
    assert going.code == 1
    assert "not in the cache" in going.said[0]


def test_a_manager_that_the_distribution_does_not_have_is_not_found() -> None:
    node = _cluster("el8").nodes["daos-client-01"]
    assert typed(node, "zypper refresh site").code == 127
