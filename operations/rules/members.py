"""The ranks: what each state that DAOS has for one means, and on which node it is. No I/O.

Source: MemberState in src/control/system/member.go of DAOS, and the fan-out of `dmg system stop` in
src/control/server/mgmt_system.go: from a server that gives it no answer, 2.0.3 takes the ranks for
unresponsive, and not for errored.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from ..daos.dmg import Member
from ..daos.node import SERVER, Node
from ..daos.units import Units


@dataclass(frozen=True)
class Meaning:
    """What a state means to whoever stops or starts a system.

    + do: what to type or to look at, with {server} for the unit of daos_server; "" where there is
      nothing to do
    + missing: whether a rank is down in it, so that the site may accept it as missing
    + waits: whether waiting may help: it may join by itself once its server is started, and be
      stopped by a `dmg system stop` that is under way
    """

    do: str = ""
    missing: bool = False
    waits: bool = True


# It stops the engines itself that run in check mode.
# Source: SystemCheckDisable in src/control/server/mgmt_check.go of v2.6.5.
END_CHECKER = "`dmg check disable`, then `dmg system start`"
_ANEW = "start its engine anew (`dmg system stop` and `dmg system start`, both with --ranks=)"

STATES = {
    "joined": Meaning(),
    "starting": Meaning(),
    # So `dmg system start` leaves an engine that it has found running.
    "ready": Meaning(f"its engine runs and has not joined: where that lasts, {_ANEW}"),
    "stopping": Meaning(),
    "stopped": Meaning("`dmg system start` starts ranks that were stopped", missing=True),
    # Not `systemctl restart`, which would have the other engines of its server excluded as well.
    "excluded": Meaning(
        f"its targets have left the pools: {_ANEW}, then reintegrate it (`dmg pool reintegrate`)",
        missing=True,
    ),
    "errored": Meaning("see `journalctl -u {server}` there", missing=True),
    "unresponsive": Meaning("its server gives no answer: see that it runs", missing=True),
    "adminexcluded": Meaning(
        "somebody has excluded it: `dmg system clear-exclude` takes it back", True, waits=False
    ),
    "awaitformat": Meaning("its storage is not formatted: `dmg storage format`", True, waits=False),
    "checkerstarted": Meaning(f"the checker runs: end it by {END_CHECKER}", waits=False),
    "unknown": Meaning("dmg does not know its state: is dmg older than daos_server?", waits=False),
}
_NOBODY_KNOWS = Meaning("nobody knows this state: it is none of 2.x", waits=False)

# What a rank is in once `dmg system stop` has got to it.
STOPPED = frozenset({"stopping", "stopped"})
# And what it may be in where that was cut short: its server has given no answer to it.
ASKED_TO_STOP = STOPPED | {"unresponsive"}
# What a rank stays in, though its engine has ended: the former from 2.6.5 on.
# Source: isTransitionIllegal in src/control/system/member.go of v2.0.3, v2.6.4 and v2.6.5.
STAYS = frozenset({"excluded", "adminexcluded"})


def meaning(member: Member) -> Meaning:
    """What the state of a rank means; one that is no word of DAOS means nothing good."""
    return STATES.get(member.state, _NOBODY_KNOWS)


def what_to_do(members: Iterable[Member], units: Units) -> str:
    """What to do about the states of these ranks, each once, as the end of a sentence."""
    server = units.short(SERVER)
    hints = dict.fromkeys(meaning(member).do.format(server=server) for member in members)
    return ", ".join([*filter(None, hints), "see `dmg system query -v`"])


def expected(members: Iterable[Member], accepted: Collection[int]) -> list[Member]:
    """The ranks without those that are missing and that the site has accepted as missing.

    While one of these comes up or goes down, it is waited for.

    + accepted: the setting `accepted_exclusions`
    """
    return [m for m in members if not (m.rank in accepted and meaning(m).missing)]


def lost(members: Iterable[Member]) -> list[Member]:
    """The ranks that no waiting brings back: their targets have left the pools, or never were."""
    return [m for m in members if m.state == "excluded" or not meaning(m).waits]


def hopeless(members: Iterable[Member], accepted: Collection[int]) -> list[Member]:
    """The ranks that stay in their state however long one waits for another.

    + accepted: as of `expected`
    """
    return [member for member in expected(members, accepted) if not meaning(member).waits]


def way_on(
    members: Iterable[Member] | None, accepted: Collection[int], given_up: Collection[int]
) -> str:
    """How to go on without ranks that do not come back, and how not.

    + members: the ranks; None where the management service gives no answer
    + accepted: the setting `accepted_exclusions`
    + given_up: those that the site has given up already
    """
    if members is None:
        return (
            "The management service answers only while more than half of its access points run "
            "(access_points in daos_server.yml). Where half of them or more are lost for good, "
            "there is no way on, nor one back: bring one of them up again, with its storage"
        )
    away = {m.rank for m in members if m.state != "joined" and m.rank not in given_up}
    lost = sorted({*away, *given_up})
    hint = (
        f"Ranks that are lost for good are given up: add --data 'given_up_ranks={lost}', or set it "
        "in group_data/all.py"
    )
    if away.isdisjoint(accepted):
        return hint
    return f"{hint}. accepted_exclusions is for ranks that were missing before the update began"


def is_called(node: Node, name: str, called: str) -> bool:
    """Whether somebody means a node by this name, of which capitals and the domain say nothing.

    + name: what the inventory calls it
    """
    return short(called) in (short(name), short(node.hostname))


@lru_cache(maxsize=1 << 16)  # each look compares the names of all nodes
def short(name: str) -> str:
    """A node's name without its domain and in lower case; an address stays whole."""
    try:
        return str(ip_address(name))
    except ValueError:
        return name.split(".")[0].lower()


def on(node: Node, member: Member) -> bool:
    """Whether a rank runs on a node.

    DAOS has fault domains in lower case; they need not be host names, and the address need not be
    one that the node has itself: it may be that of a loopback device, or be translated on the way.
    """
    return is_called(node, node.hostname, member.host) or member.address in node.addresses


class Places:
    """Where ranks run, looked up: for thousands of nodes and ranks, each by each takes too long."""

    def __init__(self, members: Iterable[Member]) -> None:
        self._called: dict[str, list[Member]] = {}
        self._reached: dict[str, list[Member]] = {}
        for member in members:
            self._called.setdefault(short(member.host), []).append(member)
            self._reached.setdefault(member.address, []).append(member)

    def on(self, node: Node) -> list[Member]:
        """The ranks on a node, as the function `on` tells it of one."""
        called = self._called.get(short(node.hostname), [])
        reached = (it for address in node.addresses for it in self._reached.get(address, ()))
        return [*called, *(member for member in reached if member not in called)]


def seen_down(members: Iterable[Member], servers: Iterable[tuple[Node, Node | None]]) -> set[int]:
    """Those of these ranks that are down, as is seen on the servers that they are on.

    Of a rank that stays excluded no engine of its server runs; where its server gave no answer to
    `dmg system stop`, nothing of DAOS does.

    + servers: each as it was known before, by which its ranks are found, and as it is seen now;
      None where it gives no answer, and so may be up
    """
    places = Places(members)
    seen = [(it, now) for known, now in servers for it in places.on(known)]
    up = {it.rank for it, now in seen if now is None or _may_be_up(it, now)}
    return {it.rank for it, _ in seen} - up


def _may_be_up(member: Member, node: Node) -> bool:
    return bool(node.engines if member.state in STAYS else node.busy)
