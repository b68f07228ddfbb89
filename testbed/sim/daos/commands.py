"""daos of releases 2.x, as far as an update and its checks need it.

daos system query; daos pool list; daos container create POOL --label L --type POSIX;
daos container list POOL; daos container query, get-prop and destroy POOL CONTAINER; each with -j.
"""

import sys
from collections.abc import Callable
from typing import Any

from ..client import libdaos
from ..common import options, release, users
from ..common.errors import DER_MISC
from ..dmg import output

_FLAGS = options.spelled(json="-j --json", verbose="-v --verbose", force="-f --force")
_VALUES = options.spelled(
    pool="--pool -p",
    cont="--cont -c",
    label="--label -l",
    type="--type -t",
    properties="--properties",
    system="--sys-name -G",
)
_TYPES = {"POSIX": 1, "HDF5": 2, "unknown": 0}  # with the numbers that get-prop shows
_NO_LABEL = "container_label_not_set"
_CHUNK = 1048576  # bytes


def run(argv: list[str]) -> int:
    """Returns the exit code: 0, or 1 where DAOS did not answer or refused."""
    as_json = False
    try:
        given, words = options.parse(argv, _FLAGS, _VALUES)
        as_json = "json" in given
        command = COMMANDS.get(" ".join(words[:2])) or COMMANDS.get(words[0] if words else "")
        if command is None:
            raise options.UsageError(f"unknown command `{' '.join(words)}'")
        text, response = command(given, words[2:])
    except (options.UsageError, libdaos.DaosError) as error:
        if as_json:
            sys.stdout.write(output.json_answer(None, str(error), DER_MISC))
            sys.stdout.flush()
        sys.stderr.write(f"ERROR: daos: {error}\n")
        return 1
    sys.stdout.write(output.json_answer(response) if as_json else text)
    return 0


def _version(_given: dict[str, str], _words: list[str]) -> tuple[str, Any]:
    return f"daos version {release.installed()}\n", {"version": release.installed()}


def _system_query(_given: dict[str, str], _words: list[str]) -> tuple[str, Any]:
    info = libdaos.attach().info()
    provider = info["ranks"][0]["uri"].partition("://")[0]
    lines = [
        "connected to DAOS system:",
        f"\tname: {info['system']}",
        f"\tfabric provider: {provider}",
        "\trank URIs:",
        *(f"\t\trank[{entry['rank']}]: {entry['uri']}" for entry in info["ranks"]),
    ]
    response = {
        "system_name": info["system"],
        "fabric_provider": provider,
        "rank_uris": info["ranks"],
    }
    return "\n".join(lines) + "\n", response


def _pool_list(given: dict[str, str], _words: list[str]) -> tuple[str, Any]:
    pools = [
        output.pool_row(pool["uuid"], pool["label"], pool["svc_reps"], pool, "")
        for pool in libdaos.attach().pools()
    ]
    text = output.pool_list(pools, "verbose" in given, "2.0.0")
    return text, output.json_pool_list(pools, "2.0.0")


# Containers


def _container_create(given: dict[str, str], words: list[str]) -> tuple[str, Any]:
    types = {kind.lower(): kind for kind in _TYPES}
    asked = given.get("type", "unknown")
    if asked.lower() not in types:
        raise options.UsageError(
            f"invalid argument for flag `-t, --type' (expected main.ContTypeFlag): "
            f'unknown container type "{asked}"'
        )
    with _pool(given, words) as pool:
        made = pool.create_container(
            given.get("label", ""), types[asked.lower()], given.get("cont", "")
        )
        text = _entity(made, [])
        # The library's C code says so once more.
        text += f"Successfully created container {made['uuid']}\n"
        return text, _as_json(made, pool.uuid)


def _entity(container: dict[str, Any], more: list[tuple[str, str]]) -> str:
    """A container as a list of names and values."""
    rows = [("Container UUID", container["uuid"])]
    rows += [("Container Label", container["label"])] if container["label"] else []
    rows += [("Container Type", container["type"]), *more]
    width = max(len(name) for name, _ in rows)
    return "".join(f"  {name:<{width}}: {value}\n" for name, value in rows) + "\n"


def _as_json(container: dict[str, Any], pool: str) -> dict[str, Any]:
    posix = {"object_class": "SX", "chunk_size": _CHUNK} if container["type"] == "POSIX" else {}
    return {
        "pool_uuid": pool,
        "container_uuid": container["uuid"],
        "container_label": container["label"] or _NO_LABEL,
        "latest_snapshot": 0,
        "redundancy_factor": 0,
        "num_snapshots": 0,
        "container_type": container["type"],
        **posix,
    }


def _container_list(given: dict[str, str], words: list[str]) -> tuple[str, Any]:
    with _pool(given, words) as pool:
        containers = pool.containers()
    rows = [[container["uuid"], container["label"] or _NO_LABEL] for container in containers]
    text = output.table(["UUID", "Label"], rows) if rows else "No containers.\n"
    return text, [{"uuid": row[0], "label": row[1]} for row in rows] or None


def _container_query(given: dict[str, str], words: list[str]) -> tuple[str, Any]:
    pool, found = _found(given, words)
    more = [
        ("Pool UUID", pool),
        ("Number of snapshots", "0"),
        ("Latest Persistent Snapshot", "0x0"),
        ("Container redundancy factor", "0"),
    ]
    if found["type"] == "POSIX":
        more += [("Object Class", "SX"), ("Chunk Size", "1.0 MiB")]
    return _entity(found, more), _as_json(found, pool)


def _container_get_prop(given: dict[str, str], words: list[str]) -> tuple[str, Any]:
    _, found = _found(given, words)
    wanted = given.get("properties", "all").split(",")
    shown = [row for row in _properties(found) if wanted == ["all"] or row[0] in wanted]
    name = given.get("cont", "") or words[-1]
    table = output.table(["Name", "Value"], [[what, str(text)] for _, what, text in shown])
    response = [
        {"value": _NUMBERS.get(key, text), "name": key, "description": what}
        for key, what, text in shown
    ]
    return f"Properties for container {name}\n{table}\n", response


_NUMBERS = {
    "alloc_oid": 0,
    "cksum_size": 32768,
    "dedup_threshold": 4096,
    "ec_cell": 65536,
    "layout_version": 1,
    "max_snapshot": 0,
}


def _properties(container: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Name, description and value of each property, in the order of the names."""
    kind = container["type"]
    return [
        ("alloc_oid", "Highest Allocated OID", "0"),
        ("cksum", "Checksum", "off"),
        ("cksum_size", "Checksum Chunk Size", "32 KiB"),
        ("compression", "Compression", "off"),
        ("dedup", "Deduplication", "off"),
        ("dedup_threshold", "Dedupe Threshold", "4.0 KiB"),
        ("ec_cell", "EC Cell Size", "64 KiB"),
        ("encryption", "Encryption", "off"),
        ("group", "Group", f"{users.group(container['gid'])}@"),
        ("label", "Label", container["label"] or _NO_LABEL),
        ("layout_type", "Layout Type", f"{kind} ({_TYPES.get(kind, 0)})"),
        ("layout_version", "Layout Version", "1"),
        ("max_snapshot", "Max Snapshot", "0"),
        ("owner", "Owner", f"{users.user(container['uid'])}@"),
        ("rf", "Redundancy Factor", "rf0"),
        ("rf_lvl", "Redundancy Level", "rank (1)"),
        ("srv_cksum", "Server Checksumming", "off"),
        ("status", "Health", "HEALTHY"),
    ]


def _container_destroy(given: dict[str, str], words: list[str]) -> tuple[str, Any]:
    with _pool(given, words) as pool:
        name = _container_name(given, words)
        pool.destroy_container(pool.container(name))
    return f"Successfully destroyed container {name}\n", None


def _found(given: dict[str, str], words: list[str]) -> tuple[str, dict[str, Any]]:
    """The UUID of the pool and the container that the command names."""
    with _pool(given, words) as pool:
        wanted = pool.container(_container_name(given, words))
        return pool.uuid, next(entry for entry in pool.containers() if entry["uuid"] == wanted)


def _container_name(given: dict[str, str], words: list[str]) -> str:
    rest = words if "pool" in given else words[1:]
    name = given.get("cont", "") or (rest[0] if rest else "")
    if not name:
        raise options.UsageError("pool and container ID must be specified if --path not used")
    return name


def _pool(given: dict[str, str], words: list[str]) -> libdaos.Pool:
    name = given.get("pool", "") or (words[0] if words else "")
    if not name:
        raise options.UsageError("no pool UUID or label supplied")
    return libdaos.attach().open_pool(name)


_ON_CONTAINERS = {
    "create": _container_create,
    "list": _container_list,
    "ls": _container_list,
    "query": _container_query,
    "get-prop": _container_get_prop,
    "destroy": _container_destroy,
}
COMMANDS: dict[str, Callable[[dict[str, str], list[str]], tuple[str, Any]]] = {
    "version": _version,
    "system query": _system_query,
    "pool list": _pool_list,
    "pool list-containers": _container_list,
    "pool list-cont": _container_list,
    **{f"container {name}": command for name, command in _ON_CONTAINERS.items()},
    **{f"cont {name}": command for name, command in _ON_CONTAINERS.items()},
}
