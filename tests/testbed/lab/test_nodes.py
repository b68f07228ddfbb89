"""The nodes of a lab, read from an inventory, and what is installed on them."""

from pathlib import Path

import pytest
import yaml

from testbed.lab import provision
from testbed.lab.nodes import LabNode, flavour_for, lab_nodes_from_inventory
from testbed.packages.build import FLAVOURS


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
        ({"servers"}, "2.2.0", ["compat-hwloc1", "daos", "daos-server"]),
        ({"servers"}, "2.4.1", ["daos", "daos-server", "spdk-tools"]),
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


@pytest.mark.parametrize(
    ("version", "provider", "mount", "client_has"),
    [
        ("2.0.3", "ofi+sockets", "scm_mount", {"daos_agent.yml", "daos_control.yml"}),
        ("2.2.0", "ofi+tcp", "storage", {"daos_agent.yml"}),
        ("2.6.3", "ofi+tcp", "storage", {"daos_agent.yml"}),
    ],
)
def test_files_are_in_the_words_of_a_release_and_where_its_packages_have_them(
    version: str, provider: str, mount: str, client_has: set[str]
) -> None:
    files = provision.config_files(frozenset({"servers"}), ["s1"], version)
    server = yaml.safe_load(files["daos_server.yml"])
    assert server["provider"] == provider
    keys = {"scm_mount", "scm_class", "scm_size", "storage"}
    assert all(mount in engine for engine in server["engines"])
    assert all(mount == "scm_mount" or keys & {*engine} == {mount} for engine in server["engines"])
    assert set(provision.config_files(frozenset({"clients"}), ["s1"], version)) == client_has


def test_a_tier_is_a_place_in_memory() -> None:
    files = provision.config_files(frozenset({"servers"}), ["s1"], "2.4.1")
    tiers = [engine["storage"] for engine in yaml.safe_load(files["daos_server.yml"])["engines"]]
    tier = {"class": "ram", "scm_size": 16}
    assert tiers == [[{**tier, "scm_mount": f"/mnt/daos{index}"}] for index in (0, 1)]


@pytest.mark.parametrize(
    ("name", "version", "file"),
    [
        ("spdk-tools", "2.4.1", "v2.4/EL8/spdk-tools-22.01.2-1.noarch.rpm"),
        ("spdk-tools", "2.6.3", "v2.6/EL8/spdk-tools-22.01.2-4.noarch.rpm"),
        ("compat-hwloc1", "2.0.1", "v2.0/EL8/compat-hwloc1-1.11.8-1.el8.$arch.rpm"),
        ("daos", "2.4.2", "v2.4/EL8/daos-2.4.2-1.el8.$arch.rpm"),
    ],
)
def test_packages_come_from_the_repository_of_their_series(
    name: str, version: str, file: str
) -> None:
    server = LabNode("s1", frozenset({"servers"}), "el8")
    assert f"http://daos-repo/{file}" in provision.node_script(server, version, ["s1"], "").split()


@pytest.mark.parametrize(
    ("version", "flavour"),
    [("1.2.0", "el8"), ("2.0.1", "el8"), ("2.4.2", "el88"), ("2.6.3", "el9")],
)
def test_a_lab_has_nodes_that_its_release_supports(version: str, flavour: str) -> None:
    assert flavour_for(version) == flavour
    assert flavour in FLAVOURS
