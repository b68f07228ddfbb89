"""What the page tells whoever has to explain a run the next morning."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..rules.findings import grouped
from . import history
from .timeline import MOST_ROWS, duration, folded


@dataclass(frozen=True)
class Morning:
    """Facts, and three tables.

    + facts: name to what is told
    + command: what was typed; "" where it is not known
    + ranks: how many, on which servers, their state before and after
    + pools: the name, the size, the targets before and after, the containers
    + more_pools: how many are not listed, of which nothing has changed
    + after: whether the state after the run is known of any
    + disconnected: who was, with their nodes
    + earlier: the folder of an earlier run of the same update, and how it ended
    """

    facts: dict[str, str]
    command: str
    ranks: list[tuple[int, str, str, str]]
    pools: list[tuple[str, str, str, str, str]]
    more_pools: int
    after: bool
    disconnected: list[tuple[str, str]]
    earlier: list[tuple[str, str]]


def of(report: Mapping[str, Any]) -> Morning:
    """What a report tells of that; one of an earlier release of this program tells less."""
    pools = [_pool(pool) for pool in report.get("pools") or ()]
    shown = pools
    if len(pools) > MOST_ROWS:
        shown = [pool for pool in pools if pool[2] != pool[3]]
    return Morning(
        facts={name: text for name, text in _facts(report) if text},
        command=str(report.get("command") or ""),
        ranks=_ranks(report.get("ranks") or ()),
        pools=shown[:MOST_ROWS],
        more_pools=len(pools) - len(shown[:MOST_ROWS]),
        after=any(it["after"] for key in ("ranks", "pools") for it in report.get(key) or ()),
        disconnected=_disconnected(report.get("disconnected") or {}),
        earlier=[_earlier(run) for run in report.get("earlier_runs") or ()],
    )


def _facts(report: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "System", str(report.get("system") or "")
    planned = report.get("planned_window_s")
    yield "Window announced", duration(planned) if planned else ""
    yield "Typed by", _typed_by(report.get("typed_by") or {})


def _typed_by(who: Mapping[str, str]) -> str:
    """Who, where, and from where: "root (alice) on admin1, from 192.0.2.7"."""
    if not who.get("user"):
        return ""
    login = f" ({who['login']})" if who.get("login") not in ("", None, who["user"]) else ""
    client = f", from {who['client']}" if who.get("client") else ""
    return f"{who['user']}{login} on {who['host']}{client}"


def _ranks(ranks: Iterable[Mapping[str, Any]]) -> list[tuple[int, str, str, str]]:
    """Those of which the same is to be said together."""
    alike: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for rank in ranks:
        state = (_known(rank["before"]), _known(rank["after"]))
        alike.setdefault(state, []).append(rank)
    return [
        (len(found), folded({it["host"] for it in found if it["host"]}), before, after)
        for (before, after), found in alike.items()
    ]


def _known(state: str | None) -> str:
    return state.capitalize() if state else "not known"


def _pool(pool: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    size = _size(pool["bytes"]) if pool["bytes"] else ""
    before, after = _targets(pool["before"]), _targets(pool["after"])
    return pool["label"] or pool["uuid"], size, before, after, _counts(pool.get("containers"))


def _counts(counts: Mapping[str, int | None] | None) -> str:
    """How many there were and are: "3", or "3, then 2"."""
    before, after = (counts or {}).get("before"), (counts or {}).get("after")
    if before is None or after is None or before == after:
        known = before if after is None else after
        return "not counted" if known is None else str(known)
    return f"{before}, then {after}"


def _targets(targets: Mapping[str, int] | None) -> str:
    if not targets:
        return "not known"
    disabled = targets["disabled"]
    return f"{targets['targets']}, {disabled} disabled" if disabled else str(targets["targets"])


def _size(size: float) -> str:
    """As dmg writes it: "17 GB"."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} PB"


def _disconnected(users: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    said = ((name, "; ".join(words)) for name, words in users.items())
    return [(folded(names), words) for words, names in grouped(said).items()]


def _earlier(run: Mapping[str, Any]) -> tuple[str, str]:
    began = history.time(run["started"])
    return str(run["run"]), f"{began:%Y-%m-%d %H:%M:%S} UTC: {run.get('summary') or run['outcome']}"
