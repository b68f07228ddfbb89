"""What dmg asks of the lab's servers is answered by the numbers of the real protocol."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testbed.lab.container import Node

from ..site import Site, StartSite, nodes

# A call as any program can make it, without the lab's own messages.
_RAW = """
import sys, grpc
path, asked = sys.argv[1], bytes.fromhex(sys.argv[2])
channel = grpc.insecure_channel("localhost:10001", options=[("grpc.enable_http_proxy", 0)])
print(channel.unary_unary(path)(asked, timeout=20).hex())
"""


@pytest.fixture(scope="module")
def site(start_site: StartSite) -> Site:
    return start_site(nodes(servers=1, clients=1))


@pytest.fixture
def admin(site: Site) -> Node:
    return site.lab.having("admins")[0]


def _json(admin: Node, command: str) -> Any:
    return json.loads(admin.run(f"dmg -j {command}").stdout)["response"]


def test_a_pool_has_the_properties_that_it_was_given(admin: Node) -> None:
    admin.run("dmg pool create --size 1G --properties reclaim:time,space_rb:5 kept")
    try:
        values = {prop["name"]: prop["value"] for prop in _json(admin, "pool get-prop kept")}
    finally:
        admin.run("dmg pool destroy kept")
    assert values == {
        "ec_cell_sz": 2**20,
        "label": "kept",
        "reclaim": "time",
        "self_heal": "exclude",
        "space_rb": 5,
    }


def _scm(admin: Node) -> list[tuple[int, int]]:
    """Total and free bytes of each engine's SCM."""
    sets = _json(admin, "storage query usage")["HostStorage"].values()
    mounts = [space["mount"] for found in sets for space in found["storage"]["scm_namespaces"]]
    return [(mount["total_bytes"], mount["avail_bytes"]) for mount in mounts]


def test_a_pool_takes_of_the_storage_of_its_servers(admin: Node) -> None:
    before = _scm(admin)
    admin.run("dmg pool create --scm-size 1GiB large")
    try:
        after = _scm(admin)
    finally:
        admin.run("dmg pool destroy large")
    assert after == [(total, free - 2**30) for total, free in before]
    assert _scm(admin) == before


@pytest.mark.parametrize(
    ("path", "asked", "answered"),
    [
        ("/ctl.CtlSvc/StorageScan", "0a02100112020801", b"ramdisk"),
        (
            "/mgmt.MgmtSvc/PoolGetProp",
            "0a0b64616f735f736572766572120474616e6b1a020801",
            b"\x12\x08\x08\x01\x12\x04tank",  # property 1, a string
        ),
    ],
)
def test_what_the_real_dmg_sends_is_understood(
    site: Site, path: str, asked: str, answered: bytes
) -> None:
    server = site.lab.having("servers")[0]
    said = server.run(f"python3 -c '{_RAW}' {path} {asked}").stdout
    assert answered in bytes.fromhex(said.strip())
