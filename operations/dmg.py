"""What `dmg -j` answers: a reader of its JSON that takes no empty or unknown answer for a good one.

Source: output of dmg 2.0.3, kept under tests/data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from .findings import Finding


class DmgError(Exception):
    """`dmg` failed, or answered what cannot be understood; the message says what."""


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
    """One pool of the system, with its number of targets that are disabled."""

    uuid: str
    label: str
    targets: int
    disabled: int
    error: str


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
    """The "response" and, where there is an error, a sentence about it. Raises DmgError."""
    try:
        answer, _ = json.JSONDecoder().raw_decode(text.lstrip())
        error, status, content = answer["error"], answer["status"], answer["response"]
    except (ValueError, KeyError, TypeError) as problem:
        raise DmgError(f"dmg gave no answer that can be read: {text.strip()[:200]!r}") from problem
    return content, f"dmg: {error or f'status {status}'}" if error or status else ""


def members(text: str) -> list[Member]:
    """The ranks in the answer of `dmg -j system query`, in order.

    Raises DmgError also where there are none, which a formatted system never answers.
    """
    content = response(text)
    try:
        found = [
            Member(
                rank=member["rank"],
                host=_host(member["fault_domain"], member["addr"]),
                address=member["addr"].rsplit(":", 1)[0],
                state=member["state"].lower(),
                info=member["info"],
            )
            for member in content["members"] or ()
        ]
    except (KeyError, TypeError, AttributeError) as problem:
        raise DmgError(f"dmg system query: no {problem} in its answer") from problem
    if not found:
        raise DmgError("dmg system query: the management service knows no ranks")
    return sorted(found, key=lambda member: member.rank)


def _host(fault_domain: str, address: str) -> str:
    """The server of a rank: the last part of its fault domain, else its address without port."""
    name = fault_domain.rsplit("/", 1)[-1] or address.rsplit(":", 1)[0]
    try:
        ip_address(name)
    except ValueError:
        return name.split(".")[0]
    return name


def pools(text: str) -> list[Pool]:
    """The pools in the answer of `dmg -j pool list`. Raises DmgError; none is a good answer."""
    content = response(text)
    try:
        if content["status"]:
            raise DmgError(f"dmg pool list: status {content['status']}")
        return [
            Pool(
                uuid=pool["uuid"],
                label=pool["label"],
                targets=pool["targets_total"],
                disabled=pool["targets_disabled"],
                error=pool["query_error_msg"] or pool["query_status_msg"],
            )
            for pool in content["pools"] or ()
        ]
    except (KeyError, TypeError) as problem:
        raise DmgError(f"dmg pool list: no {problem} in its answer") from problem


def unhealthy(pools: Iterable[Pool]) -> list[Finding]:
    """One finding for each pool that lacks targets, or that could not be asked."""
    findings = []
    for pool in pools:
        name = f"pool {pool.label or pool.uuid}"
        if pool.disabled:
            message = f"{name} has {pool.disabled} of {pool.targets} targets disabled: reintegrate "
            findings.append(Finding("pool-degraded", (), f"{message}them, see `dmg pool query`"))
        elif pool.error:
            message = f"{name} could not be asked: {pool.error}; see `dmg pool query`"
            findings.append(Finding("pool-unknown", (), message))
    return findings


def results(text: str) -> list[RankResult]:
    """What was done to each rank, from the answer of `dmg -j system stop` or `system start`.

    Where dmg could not stop all ranks it reports an error, and answers with rows that are errored.
    Raises DmgError where there are no rows.
    """
    content, error = _answer(text)
    try:
        rows = [
            RankResult(row["Rank"], row["Action"], row["Errored"], row["Msg"])
            for row in (content or {}).get("Results") or ()
        ]
    except (KeyError, TypeError, AttributeError) as problem:
        raise DmgError(f"dmg system stop: no {problem} in its answer") from problem
    if not rows:
        raise DmgError(error or "dmg system stop: its answer names no rank")
    return rows
