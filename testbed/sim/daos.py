"""daos: the user's tool, as far as an update and its checks need it.

daos system query; daos pool list; daos container create POOL --label L --type POSIX;
daos container list POOL; each with -j. A 1.x `daos` takes --pool UUID, and lists containers by
`daos pool list-containers`.
"""

import sys
from collections.abc import Callable
from typing import Any

from . import client, dmg_output, events, options

_FLAGS = {"-j": "json", "--json": "json", "-v": "verbose", "--verbose": "verbose"}
_VALUES = {
    "--pool": "pool",
    "--cont": "cont",
    "--label": "label",
    "-l": "label",
    "--type": "type",
    "-t": "type",
    "--sys-name": "system",
}


def main(argv: list[str]) -> int:
    """Returns the exit code: 0, or 1 where DAOS did not answer or refused."""
    code = 1
    try:
        code = _run(argv)
    finally:
        events.record("daos", "command", argv=argv, exit=code)
    return code


def _run(argv: list[str]) -> int:
    as_json = False
    try:
        given, words = options.parse(argv, _FLAGS, _VALUES)
        as_json = "json" in given
        command = COMMANDS.get(" ".join(words[:2])) or COMMANDS.get(words[0] if words else "")
        if command is None:
            raise options.UsageError(f"unknown command `{' '.join(words)}'")
        text, response = command(given, words[2:])
    except (options.UsageError, client.DaosError) as error:
        if as_json:
            sys.stdout.write(dmg_output.json_answer(None, str(error), -1025))
            sys.stdout.flush()
        sys.stderr.write(f"ERROR: daos: {error}\n")
        return 1
    sys.stdout.write(dmg_output.json_answer(response) if as_json else text)
    return 0


def _version(_given: dict[str, str], _words: list[str]) -> tuple[str, Any]:
    from . import release

    return f"daos version {release.installed()}\n", {"version": release.installed()}


def _system_query(_given: dict[str, str], _words: list[str]) -> tuple[str, Any]:
    info = client.attach().info()
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
        dmg_output.pool_row(pool["uuid"], pool["label"], pool["svc_reps"], pool, "")
        for pool in client.attach().pools()
    ]
    text = dmg_output.pool_list(pools, "verbose" in given, "2.0.0")
    return text, dmg_output.json_pool_list(pools, "2.0.0")


def _container_create(given: dict[str, str], words: list[str]) -> tuple[str, Any]:
    with _pool(given, words) as pool:
        made = pool.create_container(given.get("label", ""), given.get("type", "POSIX").upper())
    lines = [
        f"  Container UUID : {made['uuid']}",
        f"  Container Label: {made['label']}",
        f"  Container Type : {made['type']}",
        "",
        f"Successfully created container {made['uuid']}",
    ]
    response = {
        "container_uuid": made["uuid"],
        "container_label": made["label"],
        "container_type": made["type"],
    }
    return "\n".join(lines) + "\n", response


def _container_list(given: dict[str, str], words: list[str]) -> tuple[str, Any]:
    with _pool(given, words) as pool:
        containers = pool.containers()
    rows = [[container["uuid"], container["label"]] for container in containers]
    text = dmg_output.table(["UUID", "Label"], rows) if rows else "No containers.\n"
    return text, [{"uuid": row[0], "label": row[1]} for row in rows]


def _container_query(given: dict[str, str], words: list[str]) -> tuple[str, Any]:
    name = given.get("cont", "") or (words[1] if len(words) > 1 else "")
    with _pool(given, words) as pool:
        wanted = pool.container(name)
        found = next(entry for entry in pool.containers() if entry["uuid"] == wanted)
    lines = [
        f"  Container UUID : {found['uuid']}",
        f"  Container Label: {found['label']}",
        f"  Container Type : {found['type']}",
    ]
    response = {
        "container_uuid": found["uuid"],
        "container_label": found["label"],
        "container_type": found["type"],
    }
    return "\n".join(lines) + "\n", response


def _pool(given: dict[str, str], words: list[str]) -> client.Pool:
    name = given.get("pool", "") or (words[0] if words else "")
    if not name:
        raise options.UsageError("no pool UUID or label specified")
    return client.attach().open_pool(name)


COMMANDS: dict[str, Callable[[dict[str, str], list[str]], tuple[str, Any]]] = {
    "version": _version,
    "system query": _system_query,
    "pool list": _pool_list,
    "pool list-containers": _container_list,
    "pool list-cont": _container_list,
    "container create": _container_create,
    "container list": _container_list,
    "container query": _container_query,
    "cont create": _container_create,
    "cont list": _container_list,
    "cont query": _container_query,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
