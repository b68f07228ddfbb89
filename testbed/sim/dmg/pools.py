"""dmg pool. Each command gives its text, and what JSON has for it."""

from typing import Any

from ..common import options, ranges
from . import common, output, properties
from .asking import Dmg
from .common import CommandFailed
from .output import Plain

_RATIO = "6"  # percent of SCM


def listed(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    """Tell all pools, since 2.0 with what a query of each says."""
    empty = output.json_pool_list([], dmg.version) if dmg.old else None
    answer = dmg.call("ListPools", "pool list", empty)
    pools = [_row(dmg, pool) for pool in answer.pools]
    text = output.pool_list(pools, "verbose" in dmg.given, dmg.version)
    problem = output.not_queried(pools)
    if problem and "json" not in dmg.given:
        failure = dmg.failed("pool list", problem)
        failure.first, failure.shown = f"ERROR: {problem}\n\n", text
        raise failure
    return text, output.json_pool_list(pools, dmg.version)


def _row(dmg: Dmg, pool: Any) -> Plain:
    query, error = None, ""
    if not dmg.old and "no-query" not in dmg.given:
        try:
            query = _queried(dmg, pool.uuid)
        except CommandFailed as failure:
            error = failure.reason
    label = getattr(pool, "label", "")
    return output.pool_row(pool.uuid, label, list(pool.svc_reps), query, error)


def query(dmg: Dmg, arguments: list[str]) -> tuple[str, Any]:
    """Tell how one pool is."""
    pool = _queried(dmg, dmg.pool_name(arguments))
    text = output.pool_query(pool, dmg.version)
    return text, output.json_pool_query(pool, dmg.version)


def _queried(dmg: Dmg, name: str) -> Plain:
    empty = output.json_no_pool(dmg.version)
    answer = dmg.call("PoolQuery", "pool query", empty, **dmg.pool_field(name))
    return common.queried_pool(answer, dmg.old)


def evict(dmg: Dmg, arguments: list[str]) -> tuple[str, Any]:
    """Disconnect all connections to a pool."""
    dmg.call("PoolEvict", "pool evict", **dmg.pool_field(dmg.pool_name(arguments)))
    return "Pool-evict command succeeded\n", None


def destroy(dmg: Dmg, arguments: list[str]) -> tuple[str, Any]:
    """Remove a pool."""
    pool = dmg.pool_field(dmg.pool_name(arguments))
    dmg.call("PoolDestroy", "pool destroy", **pool, force="force" in dmg.given)
    return "Pool-destroy command succeeded\n", None


def reintegrate(dmg: Dmg, arguments: list[str]) -> tuple[str, Any]:
    """Bring a rank back into a pool."""
    name = dmg.pool_name(arguments)
    dmg.ctl("pool reintegrate", "reintegrate", pool=name, rank=int(dmg.given["rank"]))
    return "Reintegration command succeeded\n", None


def get_prop(dmg: Dmg, arguments: list[str]) -> tuple[str, Any]:
    """Tell the properties of a pool, all of them where none are named."""
    name = dmg.pool_name(arguments[:1])
    wanted = properties.named(arguments[1]) if len(arguments) > 1 else properties.ALL
    asked = [{"number": prop.number} for prop in wanted]
    answer = dmg.call("PoolGetProp", "pool get-prop", **dmg.pool_field(name), properties=asked)
    got = {value.number: value for value in answer.properties}
    found = [(prop, _value(got[prop.number])) for prop in wanted]
    return output.pool_properties(name, found), output.json_pool_properties(found)


def _value(of: Any) -> Any:
    return of.strval if of.number == properties.LABEL else of.numval


def create(dmg: Dmg, arguments: list[str]) -> tuple[str, Any]:
    """Make a pool."""
    import uuid  # what no other command has to wait for

    given = dmg.given
    label = arguments[0] if arguments else given.get("name" if dmg.old else "label", "")
    if "size" in given and ("scm-size" in given or "nvme-size" in given):
        raise options.UsageError("--size may not be mixed with --scm-size or --nvme-size")
    if not given.get("size") and not given.get("scm-size"):
        raise options.UsageError("either --size or --scm-size must be supplied")
    new = str(uuid.uuid4())
    sizes = _old_sizes(given) if dmg.old else _sizes(given)
    announced = "" if dmg.old else output.pool_allocation(given, sizes)
    wanted = {
        "uuid": new,
        **common.owner(given),
        "numsvcreps": int(given.get("nsvc", "0")),
        "numranks": int(given.get("nranks", "0")),
        "ranks": ranges.ranks_of(given.get("ranks", "")),
        **sizes,
        **({"name": label} if dmg.old else {"properties": _properties(given, label)}),
    }
    try:
        answer = dmg.call("PoolCreate", "pool create", **wanted)
    except CommandFailed as failure:
        failure.shown = announced
        raise
    pool = {
        "uuid": new,
        "svc_reps": list(answer.svc_reps),
        "tgt_ranks": list(answer.tgt_ranks),
        "tier_bytes": _tiers(dmg, answer),
    }
    text = output.pool_create(pool, dmg.version, options.size(given.get("size", "0")))
    return announced + text, output.json_pool_create(pool, dmg.version)


def _old_sizes(given: dict[str, str]) -> dict[str, Any]:
    """The fields of a request of 1.2 that say how large a pool is."""
    if "size" in given:
        ratio = float(given.get("scm-ratio", _RATIO)) / 100
        return {"totalbytes": options.size(given["size"]), "scmratio": ratio}
    nvme = options.size(given.get("nvme-size", "0"))
    return {"scmbytes": options.size(given["scm-size"]), "nvmebytes": nvme}


def _sizes(given: dict[str, str]) -> dict[str, Any]:
    """The same since 2.0."""
    if "size" in given:
        parts = [float(part) / 100 for part in given.get("tier-ratio", _RATIO).split(",")]
        whole = parts if len(parts) > 1 else [parts[0], 1 - parts[0]]
        return {"totalbytes": options.size(given["size"]), "tierratio": whole}
    scm, nvme = options.size(given["scm-size"]), options.size(given.get("nvme-size", "0"))
    return {"tierbytes": [scm, nvme]}


def _properties(given: dict[str, str], label: str) -> list[dict[str, Any]]:
    """The field of a request that has a pool's properties, its label among them."""
    found = properties.given(given.get("properties", ""))
    if label:
        found.insert(0, {"number": properties.LABEL, "strval": label})
    return found


def _tiers(dmg: Dmg, answer: Any) -> list[int]:
    if dmg.old:
        return [answer.scm_bytes, answer.nvme_bytes]
    return list(answer.tier_bytes)
