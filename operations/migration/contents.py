"""What a live system holds: its pools by dmg on the admin node, its containers by daos on a client.

Source: dmg and daos of 1.0.1, 1.2.0 and 2.0.2. `daos` of 1.x answers no JSON: it lists the UUIDs of
containers, and tells a container's type among its properties. That of 1.0 has to be told the ranks
of the pool's service, and it alone tells a pool's size there to the byte.
"""

import re
import shlex
from dataclasses import dataclass, replace
from typing import Any

from ..clients import no_permission
from ..daos import dmg, names
from ..daos.dmg import DmgError
from ..rules.view import View
from .copying import copiers
from .record.record import Container, Pool
from .run import MigrationRun

_EACH = 5  # seconds that daos may take for one container, besides a minute
_TYPE = re.compile(r"^layout type(?::\s*| -> \d+/)(\S+)", re.MULTILINE)  # 1.2 and 1.0
_SIZE = re.compile(r"^\s*Total size: (\d+)$", re.MULTILINE)

# A pool that root may not read is a reason to refuse, and the site can give it that right.
_NO_PERMISSION = (
    "; root needs the right to read it: on the admin node `dmg pool update-acl --pool={pool} "
    "-e A::root@:rw`"
)


class ContentsError(Exception):
    """What the system holds is not known; the message names node, command and what it said."""


@dataclass(frozen=True)
class Contents:
    """The pools and containers that a live system holds.

    + pools: with their sizes; labels are "" in 1.x
    + containers: with their types; labels are "" in 1.x
    """

    pools: tuple[Pool, ...]
    containers: tuple[Container, ...]


def read(current: MigrationRun) -> Contents:
    """What the live system holds, whether it is 1.x or 2.x. Raises ContentsError."""
    pools = _pools(current)
    return Contents(pools, tuple(c for pool in pools for c in _containers(current, pool)))


def serves_old(current: MigrationRun, view: View) -> bool:
    """Whether DAOS 1.x serves."""
    return view.serving and _is_old(current)


def _is_old(current: MigrationRun) -> bool:
    """Whether the client that is asked has DAOS 1.x."""
    node = current.seen.nodes.get(copiers.first(current).name)
    return bool(node and node.version and node.version.major < 2)


def is_1_0(current: MigrationRun, name: str) -> bool:
    """Whether a node has DAOS 1.0."""
    node = current.seen.nodes.get(name)
    return bool(node and node.version and node.version.series == "1.0")


def _pools(current: MigrationRun) -> tuple[Pool, ...]:
    try:
        found = dmg.pools(current.dmg.ask("pool list"))
        return tuple(_pool(current, pool) for pool in found)
    except DmgError as problem:
        raise ContentsError(
            f"the pools are not known: {problem}; see `dmg pool list` on {current.dmg.admin.name}"
        ) from problem


def _pool(current: MigrationRun, pool: dmg.Pool) -> Pool:
    found = Pool(pool.uuid, pool.label, (), service=pool.service)
    if is_1_0(current, copiers.first(current).name):
        return replace(found, tier_bytes=_sizes_1_0(current, found))
    answer = dmg.response(current.dmg.ask(f"pool query {pool.argument}"))
    return replace(found, tier_bytes=dmg.tier_bytes(answer))


def _sizes_1_0(current: MigrationRun, pool: Pool) -> tuple[int, ...]:
    """By daos: dmg of 1.0 rounds to two digits."""
    line = f"daos pool query {_named(current, pool)}"
    output = _daos(current, pool, line)
    sizes = tuple(int(size) for size in _SIZE.findall(output))
    if len(sizes) != 2:
        raise _wrong(current, line, f" is not understood: {output.strip()[:200]}")
    return sizes


def _named(current: MigrationRun, pool: Pool) -> str:
    """A pool as `daos` of 1.x wants it named."""
    service = ",".join(map(str, pool.service))
    oldest = is_1_0(current, copiers.first(current).name)
    return f"--pool={pool.uuid}" + (f" --svc={service}" if oldest else "")


def _list_old(current: MigrationRun, pool: Pool) -> dict[str, str]:
    line = f"daos pool list-containers {_named(current, pool)}"
    output = _daos(current, pool, line)
    try:
        return dict.fromkeys(map(names.uuid, output.split()), "")
    except ValueError as problem:
        raise _wrong(current, line, f" is not understood: {problem}") from problem


def _list(current: MigrationRun, pool: Pool) -> dict[str, str]:
    line = f"daos -j container list {pool.uuid}"
    rows = _response(current, line, _daos(current, pool, line)) or []
    try:
        # 2.0 writes the keys of this list in capitals.
        lowered = ({key.lower(): value for key, value in row.items()} for row in rows)
        return {names.uuid(row["uuid"]): names.label(row["label"]) for row in lowered}
    except ValueError as problem:
        raise _wrong(current, line, f": {problem}") from problem
    except (KeyError, TypeError, AttributeError) as problem:
        raise _wrong(current, line, f": no {problem} in its answer") from problem


def _containers(current: MigrationRun, pool: Pool) -> list[Container]:
    """The containers of a pool with their types, asked about in one command."""
    old = _is_old(current)
    labels = _list_old(current, pool) if old else _list(current, pool)
    if not labels:
        return []
    ask_one = (
        f'daos container get-prop {_named(current, pool)} --cont="$c"'
        if old
        else f'daos -j container query {pool.uuid} "$c"'
    )
    line = dmg.one_by_one(labels, f"{ask_one} || exit 1", each="c")
    answers = dmg.answers(_daos(current, pool, line, timeout=60 + _EACH * len(labels)))
    read_one = _type_old if old else _type
    return [
        Container(pool.uuid, uuid, read_one(current, uuid, answers.get(uuid, "")), label=label)
        for uuid, label in labels.items()
    ]


def _type_old(current: MigrationRun, uuid: str, answer: str) -> str:
    found = _TYPE.search(answer)
    if not found:
        said = f" tells no layout type of container {uuid}: {answer.strip()[:200]!r}"
        raise _wrong(current, "daos container get-prop", said)
    return found[1].upper()


def _type(current: MigrationRun, uuid: str, answer: str) -> str:
    response = _response(current, f"daos -j container query {uuid}", answer)
    try:
        return names.word(response["container_type"]).upper()
    except ValueError as problem:
        raise _wrong(current, "daos container query", f": {problem}") from problem
    except (KeyError, TypeError) as problem:
        said = f" tells no type of container {uuid}: {problem}"
        raise _wrong(current, "daos container query", said) from problem


def _daos(current: MigrationRun, pool: Pool, line: str, timeout: int = 120) -> str:
    done, output, errors = current.command(copiers.first(current), line, timeout)
    if done:
        return output
    said = (errors or output).strip().splitlines()
    hint = _NO_PERMISSION.format(pool=pool.uuid) if no_permission(output + errors) else ""
    raise _wrong(
        current,
        shlex.split(line)[0],
        f" does not tell what pool {pool.uuid} holds: {said[-1] if said else 'no answer'}; see "
        f"`{line}` there{hint}",
    )


def _response(current: MigrationRun, line: str, output: str) -> Any:
    try:
        return dmg.response(output)
    except DmgError as problem:
        raise _wrong(current, line, f": {problem}") from problem


def _wrong(current: MigrationRun, line: str, said: str) -> ContentsError:
    return ContentsError(f"`{line}` on {copiers.first(current).name}{said}")
