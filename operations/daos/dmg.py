"""What `dmg -j` answers: a reader of its JSON that takes no empty or unknown answer for a good one.

Source: output of dmg 1.2.0, 2.0.3, 2.2.0, 2.4.2, 2.6.5 and 2.8.0, kept under tests/data.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from . import names

# States in which a pool has no service yet, or none any more, that could be asked how it is.
_PASSING = frozenset({"creating", "destroying"})

# From 2.6 on; source: FaultCheckerEnabled in src/control/system/checker/faults.go of v2.6.5.
_CHECKER_ENABLED = "system checker is enabled"

_OBJECT = re.compile(r"(?<![^\n])\{")  # at the beginning of a line


class DmgError(Exception):
    """`dmg` failed, or answered what cannot be understood; the message says what."""

    @property
    def by_checker(self) -> bool:
        """Whether it is refused since `dmg check` has the system, which serves nobody then."""
        return _CHECKER_ENABLED in str(self)


@dataclass(frozen=True)
class Member:
    """One rank of the system.

    + host: the server it runs on, by its fault domain ("daos-server-01")
    + address: the IP address of that server
    + state: in lower case: "joined", "stopped", "excluded", ...
    + info: the reason that the management service gives, or ""
    """

    rank: int
    host: str
    address: str
    state: str
    info: str

    def __str__(self) -> str:
        reason = f": {self.info}" if self.info else ""
        return f"rank {self.rank} on {self.host} is {self.state}{reason}"


@dataclass(frozen=True)
class Pool:
    """One pool of the system.

    + targets, disabled: how many targets it has, and how many of them are disabled
    + error: why it could not be asked, or how its last rebuild failed, or ""
    + engines: how many engines it is spread over; 0 where it could not be asked
    + rebuilding: whether data is being moved in it
    + rebuild_status: how its last rebuild ended, 0 for well
    + old_dmg: whether it was read by a `dmg` of 1.x, which has an option for the pool
    + service: the ranks of its service, where dmg names them
    + size: in bytes, on all of its storage; 0 where it is not known
    + state: of its service, in lower case: "ready", "creating", ...; "" up to 2.0, which has none
    """

    uuid: str
    label: str
    targets: int
    disabled: int
    error: str
    engines: int = 0
    rebuilding: bool = False
    rebuild_status: int = 0
    old_dmg: bool = False
    service: tuple[int, ...] = ()
    size: int = 0
    state: str = ""

    @property
    def passing(self) -> bool:
        """Whether it is being created or destroyed, so that nobody can ask it anything."""
        return self.state in _PASSING

    @property
    def name(self) -> str:
        """What an administrator calls it."""
        return f"pool {self.label or self.uuid}"

    @property
    def argument(self) -> str:
        """How it is named to `dmg pool query` and the like."""
        return f"--pool {self.uuid}" if self.old_dmg else self.uuid


@dataclass(frozen=True)
class RankResult:
    """What `dmg system stop` or `start` did to one rank."""

    rank: int
    action: str
    errored: bool
    message: str


def response(text: str) -> Any:
    """The "response" of a `dmg -j` answer.

    + text: what dmg wrote to standard output

    Raises DmgError where dmg reports an error, and where the text is no answer of dmg.
    """
    content, error = _answer(text)
    if error:
        raise DmgError(error)
    return content


def _answer(text: str) -> tuple[Any, str]:
    """The "response" and, where there is an error, a sentence about it. Raises DmgError.

    What is printed before it, as by a site's script that calls dmg, is none of it.
    """
    for begin in _OBJECT.finditer(text):
        with suppress(ValueError, KeyError):
            answer, _ = json.JSONDecoder().raw_decode(text, begin.start())
            error, status, content = answer["error"], answer["status"], answer["response"]
            return content, f"dmg: {error or f'status {status}'}" if error or status else ""
    raise DmgError(f"dmg gave no answer that can be read: {text.strip()[:200]!r}")


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Raises DmgError where an answer lacks what is read, or has something else there."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as problem:
        raise DmgError(f"{what}: no {problem} in its answer") from problem
    except ValueError as problem:  # a name that is none
        raise DmgError(f"{what}: {problem}") from problem


def members(text: str) -> list[Member]:
    """The ranks in the answer of `dmg -j system query`, in order.

    Raises DmgError also where there are none, which a formatted system never answers.
    """
    content = response(text)
    with _reading("dmg system query"):
        found = [
            Member(
                rank=names.rank(member["rank"]),
                host=names.host(_host(member["fault_domain"], member["addr"])),
                address=names.host(member["addr"].rsplit(":", 1)[0]),
                state=member["state"].lower(),
                info=member["info"],
            )
            for member in content["members"] or ()
        ]
    if not found:
        raise DmgError("dmg system query: the management service knows no ranks")
    return sorted(found, key=lambda member: member.rank)


@lru_cache(maxsize=1 << 16)  # the same ranks are told again and again
def _host(fault_domain: str, address: str) -> str:
    """The server of a rank: the last part of its fault domain, else its address without port."""
    name = fault_domain.rsplit("/", 1)[-1] or address.rsplit(":", 1)[0]
    try:
        ip_address(name)
    except ValueError:
        return name.split(".")[0]
    return name


def pools(text: str) -> list[Pool]:
    """The pools in the answer of `dmg -j pool list`. Raises DmgError; none is a good answer.

    That of 1.x names them, and nothing more: what it says of their targets, `queried` reads.
    """
    content = response(text)
    with _reading("dmg pool list"):
        if "Status" in content and not content["Status"]:
            return [_old_pool(pool) for pool in content["pools"] or ()]
        if content["status"]:
            raise DmgError(f"dmg pool list: status {content['status']}")
        return [_listed(pool) for pool in content["pools"] or ()]


def _listed(pool: Any) -> Pool:
    """One pool of the list; up to 2.4 its keys are others than from 2.6 on.

    From 2.6 on the list hides that it could not query a pool, which has no targets then.
    Source: ListPools in src/control/lib/control/pool.go of v2.2.0 and v2.6.5.
    """
    earlier = "targets_total" in pool
    found = Pool(
        uuid=names.uuid(pool["uuid"]),
        label=names.label(pool["label"]),
        targets=pool["targets_total" if earlier else "total_targets"],
        disabled=pool["targets_disabled" if earlier else "disabled_targets"],
        error=pool["query_error_msg"] or pool["query_status_msg"] if earlier else "",
        state=pool.get("state", "").lower(),
    )
    if found.targets or found.error or found.passing:
        return found
    state = f" (state {pool['state']})" if found.state else ""
    return replace(found, error=f"`dmg pool list` names no targets of it{state}")


def _old_pool(pool: Any) -> Pool:
    service = tuple(map(names.rank, pool.get("svc_reps") or ()))
    return Pool(
        names.uuid(pool["uuid"]), "", targets=0, disabled=0, error="", old_dmg=True, service=service
    )


# Before each of several answers; no line of JSON begins so.
BETWEEN = "== "


def pool_queries(pools: Iterable[Pool]) -> str:
    """One shell command that asks about each of these pools; `queried` reads its answer."""
    asked = list(pools)
    option = "--pool " if any(pool.old_dmg for pool in asked) else ""
    return one_by_one((pool.uuid for pool in asked), f'dmg -j pool query {option}"$pool"')


def one_by_one(names: Iterable[str], query: str, each: str = "pool") -> str:
    """One shell command that asks about each of these; `answers` tells the answers apart.

    + query: asks about one of them
    + each: the shell's variable that it calls this one by
    """
    return f'for {each} in {" ".join(names)}; do echo "{BETWEEN}${each}"; {query}; done'


def answers(text: str) -> dict[str, str]:
    """Name to what was answered about it."""
    parts = (part.partition("\n") for part in f"\n{text}".split(f"\n{BETWEEN}")[1:])
    return {name.strip(): answer for name, _, answer in parts}


def queried(pools: Iterable[Pool], text: str) -> list[Pool]:
    """These pools with what `dmg -j pool query` answers about each.

    + text: the answer to `pool_queries`

    Raises DmgError where an answer is empty or cannot be read. That dmg reports an error, or that
    the last rebuild failed, stands in `error`.
    """
    said = answers(text)
    return [_queried(pool, said.get(pool.uuid, "")) for pool in pools]


def _queried(pool: Pool, text: str) -> Pool:
    try:
        content, error = _answer(text)
        if error:
            return replace(pool, error=pool.error or error)
        rebuild = content["rebuild"]
        if rebuild["status"]:
            error = f"its last rebuild ended with status {rebuild['status']}"
        state = rebuild["state"].lower()
        engines = content["total_engines" if "total_engines" in content else "total_nodes"]
        if state not in ("idle", "done", "busy") or not isinstance(engines, int):
            raise ValueError(f"rebuild state {state!r}, engines {engines!r}")
        if pool.old_dmg:
            targets, disabled = int(content["total_targets"]), int(content["disabled_targets"])
            pool = replace(pool, targets=targets, disabled=disabled)
    except DmgError as problem:
        raise DmgError(f"{pool.name}: {problem}") from problem
    except (KeyError, TypeError, AttributeError, ValueError) as problem:
        raise DmgError(f"dmg pool query of {pool.name} is not understood: {problem}") from problem
    return replace(
        pool,
        error=pool.error or error,
        engines=engines,
        rebuilding=state == "busy",
        rebuild_status=rebuild["status"],
        size=_size(content),
    )


def _size(answer: Any) -> int:
    """The size of a pool; nothing that a run depends on."""
    with suppress(DmgError):
        return sum(tier_bytes(answer))
    return 0


def tier_bytes(answer: Any) -> tuple[int, ...]:
    """The size of a pool on SCM and on NVMe, in bytes.

    + answer: the response of `dmg -j pool query`, of 1.2 (scm, nvme) or of 2.0 (tier_stats)

    Raises DmgError.
    """
    try:
        tiers = answer.get("tier_stats") or [answer["scm"], answer["nvme"]]
        return tuple(0 if tier is None else int(tier["total"]) for tier in tiers)
    except (KeyError, TypeError, AttributeError, ValueError) as problem:
        raise DmgError(f"dmg pool query: its sizes are not understood: {problem}") from problem


def results(text: str, verb: str = "stop") -> list[RankResult]:
    """What was done to each rank, from the answer of `dmg -j system stop` or `system start`.

    Where dmg could not stop all ranks it reports an error, and answers with rows that are errored.
    Raises DmgError where there are no rows.
    """
    content, error = _answer(text)
    with _reading(f"dmg system {verb}"):
        rows = [
            RankResult(names.rank(row["Rank"]), row["Action"], row["Errored"], row["Msg"])
            for row in (content or {}).get("Results") or ()
        ]
    if not rows:
        raise DmgError(error or f"dmg system {verb}: its answer names no rank")
    return rows


def host_errors(text: str) -> dict[str, str]:
    """What `dmg -j storage format` says went wrong, to the hosts where it did.

    They are folded as `dmg -l` takes them; nothing where the text is no such answer.
    """
    try:
        return dict(json.loads(text)["response"]["host_errors"] or {})
    except (ValueError, KeyError, TypeError):
        return {}
