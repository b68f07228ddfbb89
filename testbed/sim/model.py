"""The model of a DAOS system: what its management service knows, and how that may change.

Pure: no input or output and no clock (times are handed in). Every front of the simulated DAOS
calls these transitions; the rules are those of release 2.0 as its documentation tells them.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from .common import ranges, release
from .common.errors import (
    DER_BUSY,
    DER_EXIST,
    DER_MISC,
    DER_NONEXIST,
    NO_ENGINE,
    NO_ENTITY,
)

SERVING = ("joined",)
PREPARABLE = ("starting", "ready", "joined", "stopping")
RUNNING = (*PREPARABLE, "errored")  # an errored engine may still run
FABRIC_CONTEXTS = 17
SCM_SHARE = 0.06  # of a pool's size; the tier ratio that dmg 2.0 uses unless told otherwise
SERVICE_REPLICAS = 3


class Refused(Exception):
    """A transition that the system does not allow; `status` is DAOS's error number."""

    def __init__(self, message: str, status: int = DER_MISC) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Member:
    """An engine as the management service knows it. `incarnation` tells one start from another."""

    rank: int
    uuid: str
    addr: str
    fabric_uri: str
    fault_domain: str
    incarnation: int
    version: str
    targets: int
    state: str = "joined"
    info: str = ""
    last_update: str = ""
    fabric_contexts: int = FABRIC_CONTEXTS
    unprepared: bool = False  # was killed rather than prepared and stopped

    @property
    def host(self) -> str:
        """The name of the server, the lowest fault domain above the engine."""
        return self.fault_domain.lstrip("/")


@dataclass
class Container:
    """A container of a pool; its objects are on the engines.

    `uid` and `gid` own it; `tree` is the rank that holds its files, None where there are none yet.
    """

    uuid: str
    label: str
    type: str
    uid: int = 0
    gid: int = 0
    tree: int | None = None


@dataclass
class Pool:
    """A pool over some ranks; `tier_bytes` are SCM and NVMe, `disabled` the ranks excluded.

    Its `layout` is that of the release that made it, whatever serves it.
    """

    uuid: str
    label: str
    tier_bytes: list[int]
    ranks: list[int]
    svc_reps: list[int]
    disabled: list[int] = field(default_factory=list)
    version: int = 1
    properties: dict[str, int] = field(default_factory=dict)  # numbers, by the property's number
    containers: dict[str, Container] = field(default_factory=dict)
    layout: int = 0


@dataclass
class Handle:
    """A connection of a process on a client node to a pool."""

    uuid: str
    pool: str
    host: str
    pid: int


@dataclass
class System:
    """Members by rank, pools and handles by UUID. Transitions append to `events` what happened."""

    name: str = "daos_server"
    members: dict[int, Member] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    handles: dict[str, Handle] = field(default_factory=dict)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list, repr=False)

    # State as plain data

    def to_dict(self) -> dict[str, Any]:
        """Everything but the events, as JSON can hold it."""
        return {
            "name": self.name,
            "members": [asdict(member) for member in self.members.values()],
            "pools": [asdict(pool) for pool in self.pools.values()],
            "handles": [asdict(handle) for handle in self.handles.values()],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "System":
        """The inverse of `to_dict`; an empty dictionary is a system never formatted."""
        system = cls(name=data.get("name", "daos_server"))
        for member in data.get("members", []):
            system.members[member["rank"]] = Member(**member)
        for entry in data.get("pools", []):
            containers = {uuid: Container(**c) for uuid, c in entry["containers"].items()}
            system.pools[entry["uuid"]] = Pool(
                **{
                    **entry,
                    "containers": containers,
                    **{key: list(entry[key]) for key in _LISTS_OF_A_POOL},
                }
            )
        for handle in data.get("handles", []):
            system.handles[handle["uuid"]] = Handle(**handle)
        return system

    # Membership

    def join(self, engine: Member, wanted_rank: int | None, now: str) -> int:
        """Let an engine in and return its rank; `engine.rank` is ignored.

        `wanted_rank` is what the engine's superblock says. A rank that was killed by a forced stop
        comes back with its targets disabled, as one does that was lost. Joining again with the
        same incarnation changes nothing (the answer to the first was lost).
        Raises Refused where joined engines run another version.
        """
        self.restarted(engine.uuid, engine.incarnation, now)
        self._check_version(engine)
        rank = self._rank_for(engine, wanted_rank)
        before = self.members.get(rank)
        if before and before.state == "joined":
            return rank
        was = before.state if before else ""
        self.members[rank] = Member(
            **{**asdict(engine), "rank": rank, "state": was, "unprepared": False}
        )
        self._set_state(rank, "joined", now)
        if before and before.unprepared:
            self._disable_targets(rank)
        return rank

    def restarted(self, uuid: str, incarnation: int, now: str) -> None:
        """An engine has started: if it was last known joined, it was lost without a prepared stop.

        To be applied for good before `join`, which may be refused: until every engine that is gone
        is known to be, none of another version is let in.
        """
        for member in self.members.values():
            if member.uuid == uuid and member.incarnation != incarnation:
                self.lost(member.rank, member.incarnation, now)

    def _check_version(self, engine: Member) -> None:
        for other in self.members.values():
            if (
                other.uuid != engine.uuid
                and other.state in SERVING
                and other.version != engine.version
            ):
                raise Refused(
                    f"engine version {engine.version} does not match {other.version} "
                    f"of joined rank {other.rank}"
                )

    def _rank_for(self, engine: Member, wanted: int | None) -> int:
        for member in self.members.values():
            if member.uuid == engine.uuid:
                return member.rank
        if wanted is not None and wanted not in self.members:
            return wanted
        return max(self.members, default=-1) + 1

    def stopping(self, ranks: Iterable[int], now: str) -> None:
        """A system stop is under way: these ranks will vanish, and on purpose."""
        for rank in ranks:
            self._set_state(rank, "stopping", now)

    def stopped(self, rank: int, prepared: bool, now: str) -> None:
        """A system stop reached the rank; without preparing (a forced stop) it was killed.

        That is as it should be from 2.6.3 on, where all are killed at once.
        """
        member = self.members[rank]
        if member.state == "excluded" and release.excluded_stays(member.version):
            return
        kills = release.stop_kills(member.version)
        member.unprepared = not (prepared or kills) and member.state in RUNNING
        self._set_state(rank, "stopped", now, "system stop")

    def stop_failed(self, rank: int, message: str, now: str) -> None:
        """The rank was to be stopped, and its server could not do it."""
        self._set_state(rank, "errored", now, message)

    def unresponsive(self, rank: int, message: str, now: str) -> None:
        """The rank was to be stopped or started, and its server did not answer."""
        self._set_state(rank, "unresponsive", now, message)

    def started(self, rank: int, now: str) -> None:
        """A system start started the engine; it has not joined yet, unless it was quicker."""
        if self.members[rank].state in ("stopped", "errored", "unresponsive"):
            self._set_state(rank, "ready", now)

    def start_failed(self, rank: int, message: str, now: str) -> None:
        """A system start did not get the engine running."""
        if self.members[rank].state in ("stopped", "errored", "ready"):
            self._set_state(rank, "errored", now, message)

    def lost(self, rank: int, incarnation: int, now: str) -> None:
        """An engine vanished: exclude its rank, unless it was stopped or started meanwhile."""
        member = self.members.get(rank)
        if member and member.state in SERVING and member.incarnation == incarnation:
            self._set_state(rank, "excluded", now)
            self._disable_targets(rank)

    def erase(self) -> None:
        """Forget everything. Raises Refused while an engine runs."""
        running = [rank for rank, member in self.members.items() if member.state in RUNNING]
        if running:
            raise Refused(f"system erase requires ranks {ranges.folded(running)} to be stopped")
        self.members, self.pools, self.handles = {}, {}, {}
        self.events.append(("system-erased", {}))

    def _set_state(self, rank: int, state: str, now: str, info: str = "") -> None:
        member = self.members[rank]
        was, member.state, member.info, member.last_update = member.state, state, info, now
        if was != state:
            details = {
                "rank": rank,
                "host": member.host,
                "state": state,
                "was": was,
                "info": info,
                "version": member.version,
            }
            self.events.append(("member", details))

    def _disable_targets(self, rank: int) -> None:
        for pool in self.pools.values():
            if rank in pool.ranks and rank not in pool.disabled:
                pool.disabled = sorted([*pool.disabled, rank])
                pool.version += 1
                details = {
                    "pool": pool.label or pool.uuid,
                    "ranks": pool.disabled,
                    "targets_disabled": self.targets(pool.disabled),
                }
                self.events.append(("pool-degraded", details))

    def reintegrate(self, name: str, rank: int) -> None:
        """Bring an excluded rank that joined again back into a pool."""
        pool = self.pool(name)
        if rank not in pool.disabled or self.members[rank].state != "joined":
            raise Refused(f"rank {rank} cannot be reintegrated", DER_NONEXIST)
        pool.disabled = [other for other in pool.disabled if other != rank]
        pool.version += 1
        self.events.append(("pool-reintegrated", {"pool": pool.label or pool.uuid, "rank": rank}))

    def select(self, ranks: str, hosts: str) -> tuple[list[int], str, str]:
        """The ranks that a request names (all where it names none), absent ranks and hosts."""
        if ranks:
            wanted = ranges.ranks_of(ranks)
            absent = [rank for rank in wanted if rank not in self.members]
            found = [rank for rank in wanted if rank in self.members]
            return found, ranges.folded(absent, brackets=False), ""
        if hosts:
            return self._select_hosts(ranges.hosts_of(hosts))
        return sorted(self.members), "", ""

    def _select_hosts(self, hosts: list[str]) -> tuple[list[int], str, str]:
        found: set[int] = set()
        absent = []
        for host in hosts:
            names = {host, host.partition(":")[0]}
            there = {
                rank
                for rank, member in self.members.items()
                if names & {member.host, member.addr, member.addr.partition(":")[0]}
            }
            found |= there
            if not there:
                absent.append(host)
        return sorted(found), "", ",".join(absent)

    def targets(self, ranks: Iterable[int]) -> int:
        """How many targets these ranks have."""
        return sum(self.members[rank].targets for rank in ranks if rank in self.members)

    def joined(self) -> list[int]:
        """The ranks that serve."""
        return sorted(rank for rank, member in self.members.items() if member.state in SERVING)

    # Pools

    def pool(self, name: str) -> Pool:
        """The pool of that label or UUID. Raises Refused where there is none."""
        for pool in self.pools.values():
            if name and name in (pool.label, pool.uuid):
                return pool
        named = f"uuid {name}" if name.count("-") == 4 else f'label "{name}"'
        raise Refused(f"unable to find pool service with {named}", DER_NONEXIST)

    def create_pool(
        self,
        uuid: str,
        label: str,
        size: int,
        ranks: Iterable[int] = (),
        replicas: int = 0,
        tiers: Sequence[int] = (),
        properties: Mapping[str, int] = MappingProxyType({}),
    ) -> Pool:
        """Make a pool of `size` bytes on these ranks, on all that serve where none are named.

        `tiers` are the bytes of SCM and NVMe; where `size` is 0, those of each rank.
        """
        serving = self.joined()
        chosen = sorted(ranks) or serving
        if not chosen or not set(chosen) <= set(serving):
            raise Refused("pool create requires joined ranks", DER_NONEXIST)
        if uuid in self.pools or (label and any(p.label == label for p in self.pools.values())):
            raise Refused(f'pool label "{label}" already exists', DER_EXIST)
        scm = int(size * SCM_SHARE)
        amounts = list(tiers) if size else [each * len(chosen) for each in tiers]
        count = replicas or (SERVICE_REPLICAS if len(chosen) >= SERVICE_REPLICAS else 1)
        pool = Pool(uuid, label, amounts or [scm, size - scm], chosen, chosen[:count])
        pool.properties = dict(properties)
        pool.layout = self._newest_layout(chosen)
        self.pools[uuid] = pool
        self.events.append(("pool-created", {"pool": label or uuid, "uuid": uuid}))
        return pool

    def _newest_layout(self, ranks: Iterable[int]) -> int:
        """The layout of the pools that these ranks make."""
        return max((release.pool_layout(self.members[rank].version) for rank in ranks), default=0)

    def service_leader(self, pool: Pool) -> int:
        """The rank that leads the pool service. Raises Refused where no engine of it serves."""
        serving = [rank for rank in self.joined() if rank in pool.svc_reps]
        serving = serving or [rank for rank in self.joined() if rank in pool.ranks]
        if not serving:
            raise Refused(NO_ENGINE)
        return serving[0]

    def query_pool(self, name: str) -> dict[str, Any]:
        """What `dmg pool query` shows of a pool; the keys are the ones of its JSON output."""
        pool = self.pool(name)
        leader = self.service_leader(pool)
        total, disabled = self.targets(pool.ranks), self.targets(pool.disabled)
        return {
            "status": 0,
            "uuid": pool.uuid,
            "label": pool.label,
            "total_targets": total,
            "active_targets": total - disabled,
            "total_nodes": len(pool.ranks),
            "total_engines": len(pool.ranks),
            "svc_reps": pool.svc_reps,
            "pool_layout_ver": pool.layout,
            "upgrade_layout_ver": self._newest_layout(self.joined()),
            "disabled_targets": disabled,
            "version": pool.version,
            "leader": leader,
            "rebuild": {"status": 0, "state": "idle", "objects": 0, "records": 0},
            "tier_stats": [
                _usage(size, total, media)
                for size, media in zip(pool.tier_bytes, ("scm", "nvme"), strict=True)
            ],
        }

    def pool_properties(self, name: str) -> dict[int, int | str]:
        """The values of a pool's properties by their numbers. Raises Refused."""
        pool = self.pool(name)
        self.service_leader(pool)
        given = {int(number): value for number, value in pool.properties.items()}
        return {_LABEL: pool.label or _NO_LABEL, **_PROPERTIES, **given}

    def scm_used(self) -> dict[int, int]:
        """The bytes of SCM that pools take of each rank."""
        used = dict.fromkeys(self.members, 0)
        for pool in self.pools.values():
            for rank in pool.ranks:
                used[rank] += pool.tier_bytes[0] // len(pool.ranks)
        return used

    def create_container(
        self, pool_name: str, uuid: str, label: str, kind: str, owner: tuple[int, int] = (0, 0)
    ) -> Container:
        """Make a container; labels are unique within a pool."""
        pool = self.pool(pool_name)
        if uuid in pool.containers:
            raise Refused("DER_EXIST(-1004): Entity already exists", DER_EXIST)
        if label and any(other.label == label for other in pool.containers.values()):
            raise Refused(f'container label "{label}" already exists', DER_EXIST)
        container = Container(uuid, label, kind, *owner)
        pool.containers[uuid] = container
        return container

    def container(self, pool: Pool, uuid: str) -> Container:
        """The container of that UUID. Raises Refused where there is none."""
        if uuid not in pool.containers:
            raise Refused(NO_ENTITY, DER_NONEXIST)
        return pool.containers[uuid]

    def place_tree(self, pool_name: str, uuid: str) -> int:
        """The rank that holds a container's files; chosen here where there were none yet."""
        pool = self.pool(pool_name)
        container = self.container(pool, uuid)
        if container.tree is None:
            serving = self.joined()
            usable = [r for r in pool.ranks if r not in pool.disabled and r in serving]
            if not usable:
                raise Refused("DER_UNREACH(-1006): no rank of the pool is usable")
            digest = hashlib.sha256(uuid.encode()).digest()
            container.tree = usable[int.from_bytes(digest[:4], "big") % len(usable)]
        return container.tree

    def destroy_container(self, pool_name: str, uuid: str) -> None:
        """Remove a container."""
        pool = self.pool(pool_name)
        del pool.containers[self.container(pool, uuid).uuid]
        details = {"pool": pool.label or pool.uuid, "container": uuid}
        self.events.append(("container-destroyed", details))

    def destroy_pool(self, name: str, force: bool) -> tuple[Pool, list[str]]:
        """Remove a pool, with open connections only by force; return it and their handles."""
        pool = self.pool(name)
        self.service_leader(pool)
        open_handles = [uuid for uuid, handle in self.handles.items() if handle.pool == pool.uuid]
        if open_handles and not force:
            raise Refused("DER_BUSY(-1012): Device or resource busy", DER_BUSY)
        for uuid in open_handles:
            del self.handles[uuid]
        del self.pools[pool.uuid]
        details = {"pool": pool.label or pool.uuid, "uuid": pool.uuid, "handles": open_handles}
        self.events.append(("pool-destroyed", details))
        return pool, open_handles

    # Connections

    def connect(self, handle: Handle) -> None:
        """A process opens a pool (named by label or UUID in `handle.pool`)."""
        pool = self.pool(handle.pool)
        self.service_leader(pool)
        handle.pool = pool.uuid
        self.handles[handle.uuid] = handle
        self._record_connection("pool-connected", handle)

    def disconnect(self, handle_uuid: str) -> None:
        """A process closes a pool; a handle that was evicted is gone already."""
        handle = self.handles.pop(handle_uuid, None)
        if handle:
            self._record_connection("pool-disconnected", handle)

    def evict(self, name: str, handles: Iterable[str] = ()) -> list[str]:
        """Disconnect these handles of a pool, all where none are named; return those evicted."""
        pool = self.pool(name)
        self.service_leader(pool)
        only = set(handles)
        gone = [
            handle.uuid
            for handle in self.handles.values()
            if handle.pool == pool.uuid and (not only or handle.uuid in only)
        ]
        for uuid in gone:
            del self.handles[uuid]
        self.events.append(("pool-evicted", {"pool": pool.label or pool.uuid, "handles": gone}))
        return gone

    def _record_connection(self, event: str, handle: Handle) -> None:
        pool = self.pools[handle.pool]
        details = {
            "pool": pool.label or pool.uuid,
            "host": handle.host,
            "pid": handle.pid,
            "handle": handle.uuid,
        }
        self.events.append((event, details))


# Numbers of a pool's properties, and the values of those that are not set: daos_prop.h and
# srv_layout.c of v2.0.3.
_LABEL, _NO_LABEL = 1, "pool_label_not_set"
_PROPERTIES = {
    3: 0,  # percent of the space reserved for rebuilds
    4: 3,  # self-healing: excludes and rebuilds
    5: 1,  # space is reclaimed lazily
    9: 2**20,  # bytes of a cell of erasure coding
}
_LISTS_OF_A_POOL = ("tier_bytes", "ranks", "svc_reps", "disabled")


def _usage(size: int, targets: int, media: str) -> dict[str, Any]:
    """The space of a tier, all of it free and evenly spread: objects of the lab are tiny."""
    each = size // targets if targets else 0
    shares = dict.fromkeys(("min", "max", "mean"), each)
    return {"total": size, "free": size, **shares, "media_type": media}
