"""The nodes of a lab, read from an inventory, and what is installed on them."""

from pathlib import Path

import pytest

from testbed.lab import provision
from testbed.lab.nodes import LabNode, lab_nodes_from_inventory


def inventory(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "inventory"
    path.write_text(text)
    return path


def test_shipped_inventory_has_four_servers_an_admin_and_three_clients() -> None:
    nodes = lab_nodes_from_inventory(Path(__file__).parents[3] / "inventory")
    by_role = {
        role: [node.name for node in nodes if role in node.roles]
        for role in ("servers", "admins", "clients")
    }
    assert by_role["servers"] == [f"daos-server-0{n}" for n in (1, 2, 3, 4)]
    assert by_role["admins"] == ["daos-admin-01"]
    assert by_role["clients"] == [f"daos-client-0{n}" for n in (1, 2, 3)]
    assert {node.flavour for node in nodes} == {"el8"}


def test_a_node_in_several_groups_is_one_node(tmp_path: Path) -> None:
    path = inventory(tmp_path, "servers = ['one']\nadmins = ['one', 'two']\nclients = ['one']\n")
    assert lab_nodes_from_inventory(path, "leap15") == [
        LabNode("one", frozenset({"servers", "admins", "clients"}), "leap15"),
        LabNode("two", frozenset({"admins"}), "leap15"),
    ]


def test_groups_and_hosts_with_data(tmp_path: Path) -> None:
    path = inventory(
        tmp_path,
        "servers = ([('s1', {'ssh_port': 22}), 's2'], {'x': 1})\nclients = ('c1', 'c2')\nn = 3\n",
    )
    nodes = lab_nodes_from_inventory(path)
    assert [node.name for node in nodes] == ["s1", "s2", "c1", "c2"]
    assert nodes[1].roles == {"servers"}


def test_an_inventory_without_nodes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="names no node"):
        lab_nodes_from_inventory(inventory(tmp_path, "servers = []\n"))


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(ValueError, match="'server' is no role"):
        LabNode("one", frozenset({"server"}))


@pytest.mark.parametrize(
    ("count", "replicas"), [(0, 0), (1, 1), (2, 1), (3, 3), (4, 3), (5, 3), (100, 3)]
)
def test_replicas_of_the_management_service_are_one_or_three(count: int, replicas: int) -> None:
    servers = [f"s{n}" for n in range(count)]
    assert provision.access_points(servers) == servers[:replicas]


@pytest.mark.parametrize(
    ("roles", "version", "expected"),
    [
        ({"servers"}, "2.0.1", ["compat-hwloc1", "daos", "daos-server"]),
        ({"servers"}, "1.2.0", ["daos", "daos-server"]),
        ({"admins"}, "2.0.1", ["daos", "daos-client"]),
        ({"admins"}, "2.2.0", ["daos", "daos-admin"]),
        ({"clients"}, "2.2.0", ["daos", "daos-client"]),
        ({"admins", "clients"}, "2.2.0", ["daos", "daos-admin", "daos-client"]),
        (set(), "2.0.1", []),
    ],
)
def test_packages_of_a_role(roles: set[str], version: str, expected: list[str]) -> None:
    assert provision.packages(frozenset(roles), version) == expected


def test_a_node_with_every_role_gets_every_file_and_service() -> None:
    roles = frozenset({"servers", "admins", "clients"})
    assert set(provision.config_files(roles, ["one"], "2.0.1")) == {
        "daos_server.yml",
        "daos_agent.yml",
        "daos_control.yml",
    }
    assert provision.units(roles) == ["daos_server", "daos_agent"]


def test_an_admin_runs_no_service() -> None:
    roles = frozenset({"admins"})
    assert provision.units(roles) == []
    assert set(provision.config_files(roles, ["s1"], "2.0.1")) == {"daos_control.yml"}
