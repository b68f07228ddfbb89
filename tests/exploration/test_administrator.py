"""What an administrator makes of the words of a report."""

from __future__ import annotations

from testbed.exploration import administrator
from testbed.simulation import build, commands  # noqa: F401 - they teach phrases
from testbed.simulation.node import SERVER


def test_he_does_what_is_said_on_all_nodes_of_a_folded_set() -> None:
    cluster = build.simple(servers=4)
    for node in cluster.servers:
        node.units[SERVER].stop()
    cluster.clock.pass_by(60.0)
    said = "it does not run on daos-server-[01,03-04]: type `systemctl start daos_server` there"
    administrator.act(cluster, {"refusals": [{"hosts": (), "message": said}]})
    cluster.clock.pass_by(60.0)
    runs = [node.name for node in cluster.servers if node.units[SERVER].main_pid]
    assert runs == ["daos-server-01", "daos-server-03", "daos-server-04"]
