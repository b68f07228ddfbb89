"""A lab: a small DAOS system out of containers, as a context manager.

    with Lab(lab_nodes_from_inventory("inventory")) as lab:
        lab.node("daos-admin-01").run("dmg system query")

What it starts is gone when the block ends, however it ends. What a killed process leaves behind is
removed when the next lab starts.
"""

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from testbed.images.image import Images, ensure_images
from testbed.lab import backup, cleanup, engine, huge_pages, provision, ssh, system
from testbed.lab.container import EVENT_LOG, Machine, Node
from testbed.lab.errors import LabError
from testbed.lab.files import LabFiles
from testbed.lab.launch import Launch, start_all
from testbed.lab.nodes import LabNode, lab_nodes_from_inventory

__all__ = ["Lab", "LabError", "LabNode", "lab_nodes_from_inventory"]


# What a pool is, and whether it is whole, each by the names that releases have for it; how full it
# is may change.
_IDENTITY = {
    "uuid": ("uuid",),
    "targets_total": ("targets_total", "total_targets"),
    "targets_disabled": ("targets_disabled", "disabled_targets"),
    "svc_reps": ("svc_reps", "svc_replicas"),
}


class Lab:
    """A running lab.

    + nodes: what to start
    + version: the DAOS release that the nodes start with
    + directory: where ssh_config, activate, daos_control.yml and the keys go
    + name: a part of the containers' names, for whoever looks at `docker ps`
    + seed: whether to format the storage and to make pools with data in them; without it the
      servers wait for `dmg storage format`
    + backup_mib: how many MiB fit into a file system outside of DAOS that the clients share at
      /backup, 0 for as many as the engine's disk has; their sshd let root in from one another then,
      by keys with a forced command, of which there are none. None: they share nothing
    + progress: called with a line for a person at each step

    Raises LabError where a node does not do what it should or the directory is in use, ValueError
    for impossible nodes.
    """

    def __init__(
        self,
        nodes: Sequence[LabNode],
        version: str = "2.0.1",
        directory: Path = Path(".lab"),
        name: str | None = None,
        seed: bool = True,
        backup_mib: int | None = None,
        progress: Callable[[str], None] = lambda line: None,
    ) -> None:
        names = [node.name for node in nodes]
        if len(set(names)) != len(names):
            raise ValueError(f"two nodes of a lab have the same name: {', '.join(sorted(names))}")
        self.specs = list(nodes)
        self.version = version
        self.files = LabFiles(directory.absolute())
        self.id = f"{name or 'lab'}-{secrets.token_hex(4)}"
        self.seed = seed
        self.backup_mib = backup_mib
        self.progress = progress
        self.nodes: dict[str, Node] = {}
        self.repo: Machine
        self.pools: dict[str, str] = {}
        self.containers: dict[str, str] = {}
        self.timings: dict[str, float] = {}  # seconds, by step
        self._keys = ssh.make_key_pair()
        self._host_keys: dict[int, str] = {}
        self._notes: list[dict[str, Any]] = []
        self._kept = False
        self._exit = ExitStack()

    # Its parts

    @property
    def ssh_config(self) -> Path:
        return self.files.ssh_config

    def node(self, name: str) -> Node:
        """The node of that name; raises KeyError with the names that there are."""
        if name not in self.nodes:
            raise KeyError(f"{name} is no node of this lab; it has {', '.join(self.nodes)}")
        return self.nodes[name]

    def having(self, role: str) -> list[Node]:
        """The nodes with a role ("servers", "admins", "clients"), in the given order."""
        return [self.nodes[spec.name] for spec in self.specs if role in spec.roles]

    # Its life

    def __enter__(self) -> Self:
        self._exit.enter_context(self.files.claim())
        self._exit.enter_context(cleanup.ending_on_signals())
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        if self._kept:
            self._exit.close()
        else:
            self.close()

    def close(self) -> None:
        """Remove the lab: containers, network, volume, files."""
        with self._exit, cleanup.undisturbed():
            for node in self.nodes.values():
                node.hang_up()
            self.files.remove()
            cleanup.remove_labelled(f"{cleanup.LAB}={self.id}")

    def keep(self) -> None:
        """Let the lab stay up when its block and this process end."""
        self.files.keep(self.id, list(self.nodes), self.version)
        self._kept = True

    def _start(self) -> None:
        with self._step("leftovers"):
            cleanup.remove_leftovers()
        with self._step("images"):
            images = ensure_images(self.progress)
        with self._step("nodes"):
            self._start_machines(images)
        self._write_files()
        if self.seed:
            self._seed()

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        begin = time.monotonic()
        yield
        self.timings[name] = self.timings.get(name, 0.0) + time.monotonic() - begin

    def _start_machines(self, images: Images) -> None:
        count = len(self.specs)
        self.progress(f"starting {count} nodes with DAOS {self.version}")
        labels = cleanup.labels(self.id, self.files.directory)
        network = engine.make_network(f"daos-lab-{self.id}", labels)
        volume = None
        if self.backup_mib is not None:
            volume = engine.make_volume(f"daos-lab-{self.id}-backup", labels, self.backup_mib)
        servers = [spec.name for spec in self.specs if "servers" in spec.roles]
        huge_pages.write(self.files.huge_pages, servers)
        launch = Launch(
            lab_id=self.id,
            labels=labels,
            images=images,
            network=network,
            version=self.version,
            servers=servers,
            public_key=self._keys.public,
            huge_pages=self.files.huge_pages,
            volume=volume,
        )
        fleet = start_all(launch, self.specs)
        self.repo, self.nodes, self._host_keys = fleet.repo, fleet.nodes, fleet.host_keys
        for node in self.nodes.values():
            node.note = self.note
        if volume:
            backup.join(self.having("clients"), network)

    def _write_files(self) -> None:
        servers = [node.name for node in self.having("servers")]
        replicas = [self.node(name) for name in provision.access_points(servers, self.version)]
        self.files.write(
            self._keys,
            {node.name: node.ssh_port for node in self.nodes.values()},
            self._host_keys,
            [node.port(provision.CONTROL_PORT) for node in replicas],
        )

    # The DAOS system in it

    def _seed(self) -> None:
        """Format the storage, make pools, and data in them, as far as there are nodes for it."""
        admins, servers = self.having("admins"), self.having("servers")
        clients = self.having("clients")
        if not (admins and servers):
            return
        self.progress("formatting the storage")
        with self._step("format"):
            system.format_storage(admins[0], servers, self.version)
        with self._step("pools"):
            self.pools = system.make_pools(admins[0], self.version)
        if clients:
            with self._step("data"):
                self.containers = system.make_data(clients[0], self.pools, self.version)
        self.progress(f"{len(servers) * provision.ENGINES} ranks joined, {len(self.pools)} pools")

    def wait_joined(self, seconds: float = 60) -> None:
        """Wait until every rank is Joined; raises LabError with states and logs if not in time."""
        system.wait_joined(self._one("admins"), self.having("servers"), seconds)

    def pool_list(self) -> list[dict[str, Any]]:
        """What `dmg pool list` tells of each pool."""
        return system.pools(self._one("admins"))

    def digests(self) -> dict[str, str]:
        """A digest of all data in each pool, by the pool's label, as a client reads it."""
        if not self.containers:
            return {}
        return system.digests(self._one("clients"), self.pools, self.containers)

    def _one(self, role: str) -> Node:
        nodes = self.having(role)
        if not nodes:
            raise LabError(f"this lab has no node in the group {role}")
        return nodes[0]

    # What happened in it

    def note(self, event: str, **details: Any) -> None:
        """Remember an event that only an observer outside of the nodes can see.

        + event: `command` and `command-ended` around a command that somebody types, `contents`,
          `power-lost`, `silent` and `answers` of a node that hangs
        """
        self._notes.append(
            {
                "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),  # as the nodes do
                "host": "lab",
                "program": "lab",
                "pid": os.getpid(),
                "event": event,
                "details": details,
            }
        )

    def note_contents(self, digests: Mapping[str, str] | None = None) -> None:
        """Remember what the system holds now, as an event `contents`.

        Its details are `pools`, what each pool is by its label (or UUID), and `digests`.

        + digests: of containers that the lab has not made itself, by any names
        """
        pools = {
            str(pool.get("label") or pool.get("uuid")): {
                key: pool[name]
                for key, names in _IDENTITY.items()
                for name in names
                if name in pool
            }
            for pool in self.pool_list()
        }
        self.note("contents", pools=pools, digests={**self.digests(), **(digests or {})})

    def events(self) -> list[dict[str, Any]]:
        """What the programs on all nodes did, and what was noted, in the order of time."""
        with ThreadPoolExecutor(max_workers=8) as pool:
            logs = pool.map(lambda node: node.read(EVENT_LOG), self.nodes.values())
            lines = [line for log in logs for line in log.splitlines() if line.strip()]
        events = [*map(json.loads, lines), *self._notes]
        return sorted(events, key=lambda event: str(event["time"]))

    def collect_events(self, path: Path) -> None:
        """Write all events to one file, one JSON object a line."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(event) + "\n" for event in self.events()))
