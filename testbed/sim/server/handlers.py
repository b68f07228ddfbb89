"""The methods of mgmt.MgmtSvc and ctl.CtlSvc: between protobuf messages and what they ask."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ..common import release
from ..model import FABRIC_CONTEXTS, Member, Refused, System
from ..protocol import messages
from .engines import Engines
from .service import Service, refused

_LABEL = 1  # the number of the pool property


def methods(service: Service) -> dict[str, Callable[[Any, Any], Any]]:
    """Every method by its name; each gets the request and the call's metadata."""
    handlers = Handlers(service)
    return {
        "Join": handlers.join,
        "LeaderQuery": handlers.leader_query,
        "ListPools": handlers.list_pools,
        "PoolCreate": handlers.pool_create,
        "PoolDestroy": handlers.pool_destroy,
        "PoolEvict": handlers.pool_evict,
        "PoolGetProp": handlers.pool_get_prop,
        "PoolQuery": handlers.pool_query,
        "SystemErase": handlers.system_erase,
        "SystemQuery": handlers.system_query,
        "SystemStart": handlers.system_start,
        "SystemStop": handlers.system_stop,
    }


class Handlers:
    """One method per call; what a method raises as rpc.Failure is the answer."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def join(self, request: Any, metadata: dict[str, str]) -> Any:
        engine = Member(
            rank=request.rank,
            uuid=request.uuid,
            addr=request.addr,
            fabric_uri=request.uri,
            fabric_contexts=request.nctxs or FABRIC_CONTEXTS,
            fault_domain=request.srvFaultDomain,
            incarnation=request.incarnation,
            version=metadata.get("daos-version", release.installed()),
            targets=int(metadata.get("daos-targets", "8")),
        )
        wanted = None if request.rank == NO_RANK else request.rank
        rank = self._service.join(engine, wanted)
        return messages.of("JoinResp")(rank=rank, faultDomain=request.srvFaultDomain)

    def leader_query(self, _request: Any, _metadata: Any) -> Any:
        leader, replicas = self._service.leader_and_replicas()
        return messages.of("LeaderQueryResp")(currentLeader=leader, replicas=replicas)

    def list_pools(self, _request: Any, _metadata: Any) -> Any:
        response = messages.of("ListPoolsResp")()
        for pool in self._service.lead().pools.values():
            fields = {"uuid": pool.uuid, "svc_reps": pool.svc_reps}
            if "label" in response.Pool.DESCRIPTOR.fields_by_name:
                fields["label"] = pool.label
            response.pools.add(**fields)
        return response

    def pool_create(self, request: Any, _metadata: Any) -> Any:
        label, tiers = _wanted_pool(request)

        def transition(system: System) -> Any:
            ranks = request.ranks or (
                system.joined()[: request.numranks] if request.numranks else []
            )
            return system.create_pool(
                request.uuid,
                label,
                request.totalbytes,
                ranks,
                request.numsvcreps,
                tiers,
                _numbers(request),
            )

        pool = self._service.change(transition)
        each = [size // len(pool.ranks) for size in pool.tier_bytes]
        response = messages.of("PoolCreateResp")
        old = "scm_bytes" in response.DESCRIPTOR.fields_by_name
        sizes = dict(zip(("scm_bytes", "nvme_bytes"), each, strict=True))
        return response(
            svc_reps=pool.svc_reps,
            tgt_ranks=pool.ranks,
            **(sizes if old else {"tier_bytes": each}),
        )

    def pool_destroy(self, request: Any, _metadata: Any) -> Any:
        self._service.destroy_pool(_pool_of(request), request.force)
        return messages.of("PoolDestroyResp")()

    def pool_evict(self, request: Any, _metadata: Any) -> Any:
        self._service.evict(_pool_of(request), list(request.handles))
        return messages.of("PoolEvictResp")()

    def pool_get_prop(self, request: Any, _metadata: Any) -> Any:
        try:
            values = self._service.asking_pools().pool_properties(_pool_of(request))
        except Refused as refusal:
            raise refused(refusal) from refusal
        response = messages.of("PoolGetPropResp")()
        for wanted in request.properties:
            value = values.get(wanted.number, 0)
            kind = "strval" if isinstance(value, str) else "numval"
            response.properties.add(number=wanted.number, **{kind: value})
        return response

    def pool_query(self, request: Any, _metadata: Any) -> Any:
        try:
            pool = self._service.asking_pools().query_pool(_pool_of(request))
        except Refused as refusal:
            raise refused(refusal) from refusal
        return _pool_query_response(pool)

    def system_erase(self, _request: Any, _metadata: Any) -> Any:
        return messages.of("SystemEraseResp")(results=_rank_results(self._service.erase()))

    def system_query(self, request: Any, _metadata: Any) -> Any:
        system = self._service.system()
        ranks, absent_ranks, absent_hosts = system.select(request.ranks, request.hosts)
        response = messages.of("SystemQueryResp")(
            absentranks=absent_ranks, absenthosts=absent_hosts
        )
        known = messages.of("SystemMember").DESCRIPTOR.fields_by_name
        for rank in ranks:
            fields = vars(system.members[rank])
            response.members.add(**{key: fields[key] for key in known})
        return response

    def system_start(self, request: Any, _metadata: Any) -> Any:
        return self._on_selected("SystemStartResp", request, self._service.start)

    def system_stop(self, request: Any, _metadata: Any) -> Any:
        stop = partial(self._service.stop, force=request.force)
        return self._on_selected("SystemStopResp", request, stop)

    def _on_selected(self, response: str, request: Any, act: Callable[..., Any]) -> Any:
        ranks, absent_ranks, absent_hosts = self._service.lead().select(
            request.ranks, request.hosts
        )
        return messages.of(response)(
            results=_rank_results(act(ranks)),
            absentranks=absent_ranks,
            absenthosts=absent_hosts,
        )


NO_RANK = 0xFFFFFFFF  # an engine that has none yet (DAOS's NilRank)


def _pool_of(request: Any) -> str:
    """A pool is named by `id` since 2.0, by `uuid` before."""
    return str(request.id if "id" in request.DESCRIPTOR.fields_by_name else request.uuid)


def _wanted_pool(request: Any) -> tuple[str, list[int]]:
    """The label of the pool to be made, and what it has of each tier, in all or on each rank.

    A size of all means SCM and NVMe together since 2.0, NVMe alone before. Nothing for the tiers
    means that they divide the size by the usual ratio.
    """
    if "scmratio" in request.DESCRIPTOR.fields_by_name:
        if request.totalbytes:
            scm = int(request.totalbytes * request.scmratio)
            request.totalbytes += scm
            return request.name, [scm, request.totalbytes - scm]
        return request.name, [request.scmbytes, request.nvmebytes]
    label = next((p.strval for p in request.properties if p.number == _LABEL), "")
    if request.totalbytes and len(request.tierratio) > 1:
        scm = int(request.totalbytes * request.tierratio[0])
        return label, [scm, request.totalbytes - scm]
    return label, list(request.tierbytes)


def _numbers(request: Any) -> dict[str, int]:
    """The properties that have a number for a value, by their own number as a string."""
    if "properties" not in request.DESCRIPTOR.fields_by_name:
        return {}
    return {str(p.number): p.numval for p in request.properties if p.number != _LABEL}


def storage_scan(engines: Engines, used: dict[str, int]) -> Any:
    """The storage of a server: emulated SCM of each running engine, and no NVMe devices.

    + used: the bytes of it that pools take, by rank
    """
    ctl = messages.ctl
    state = ctl.ResponseState()
    response = ctl.StorageScanResp(
        nvme=ctl.ScanNvmeResp(state=state), scm=ctl.ScanScmResp(state=state)
    )
    for engine in engines:
        if engine.running():
            size, taken = engine.scm_bytes(), used.get(str(engine.rank()), 0)
            response.scm.namespaces.add(
                blockdev="ramdisk",
                size=size,
                mount={
                    "path": engine.scm_mount,
                    "class": "ram",
                    "total_bytes": size,
                    "avail_bytes": max(0, size - taken),
                },
            )
    return response


def _rank_results(results: list[dict[str, Any]]) -> list[Any]:
    return [messages.shared.RankResult(**result) for result in results]


def _pool_query_response(pool: dict[str, Any]) -> Any:
    response = messages.of("PoolQueryResp")()
    known = response.DESCRIPTOR.fields_by_name
    tiers = pool.pop("tier_stats")
    pool.pop("rebuild")  # always idle, which is what an unset message says
    response.rebuild.SetInParent()
    if "svc_reps" in known:
        response.svc_reps.extend(pool.pop("svc_reps"))
    for key in set(pool) & set(known):
        setattr(response, key, pool[key])
    for number, tier in enumerate(tiers):
        media = tier.pop("media_type")
        if "tier_stats" in known:
            response.tier_stats.add(**tier, media_type=number)
        else:
            getattr(response, media).MergeFrom(messages.of("StorageUsageStats")(**tier))
    return response
