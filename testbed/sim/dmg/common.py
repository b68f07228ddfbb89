"""What dmg of every release has: its global options, its errors, and pools and formats."""

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

from ..common import options, users
from ..common.errors import DER_MISC
from .output import Plain

FLAGS = options.spelled(json="-j --json", insecure="-i --insecure", debug="-d --debug")
VALUES = options.spelled(hosts="-l --host-list", config="-o --config-path")
VERBOSE = options.spelled(verbose="-v --verbose")
_MEDIA = ("scm", "nvme")
_FORMAT_TIMEOUT = 120.0  # seconds for one host


class CommandFailed(Exception):
    """A command that failed.

    + response, status: what JSON shows of it nevertheless
    + reason: the message without the command
    + told: what JSON says is wrong, where that is not the message
    + first, shown, notes: what stands before the message where there is no JSON: on standard error,
      on standard output, and lines of standard error again
    + resolution: what dmg advises
    """

    told = ""
    first = ""
    shown = ""
    notes: Sequence[str] = ()
    resolution = ""

    def __init__(
        self, message: str, status: int = DER_MISC, response: Any = None, reason: str = ""
    ) -> None:
        super().__init__(message)
        self.reason = reason or message
        self.status = status
        self.response = response


def command_words(argv: list[str]) -> list[str]:
    """The words of the command: which options take a value depends on them."""
    rest = list(argv)
    words = []
    while rest:
        word = rest.pop(0)
        if word in VALUES and rest:
            rest.pop(0)
        elif not word.startswith("-"):
            words.append(word)
    return words


def plain(message: Any) -> Plain:
    """All fields of a message, those too that have their default value."""
    return {field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields}


def queried_pool(answer: Any, old: bool) -> Plain:
    """A pool as an answer to PoolQuery tells of it, that of a release 1.x where `old`."""
    pool = plain(answer)
    state = answer.rebuild.State.Name(answer.rebuild.state).lower()
    pool["rebuild"] = {**plain(answer.rebuild), "state": state}
    if old:
        tiers = [{**plain(getattr(answer, media)), "media_type": media} for media in _MEDIA]
    else:
        tiers = [{**plain(t), "media_type": _MEDIA[t.media_type]} for t in answer.tier_stats]
    return {**pool, "tier_stats": tiers}


def owner(given: dict[str, str]) -> dict[str, str]:
    """The fields of a request that say whose a new pool is: by default, who has typed it."""
    name = users.user(os.getuid())
    return {
        "user": f"{given.get('user', name)}@",
        "usergroup": f"{given.get('group', name)}@",
    }


def formatted(hosts: list[str], force: bool) -> Iterator[tuple[str, Plain, str]]:
    """Format all of these servers at once: each one's name, its answer, and why it has not."""
    return at_once(hosts, "format", force=force, epoch=int(time.time()), hosts=hosts)


def at_once(asked: list[str], op: str, **request: Any) -> Iterator[tuple[str, Plain, str]]:
    """Ask all of these servers at once: each one's name, its answer, and what went wrong."""
    from ..protocol import rpc  # with gRPC, which takes 70 ms

    waiting = {h: rpc.ctl_later(h, op, _FORMAT_TIMEOUT, **request) for h in asked}
    for host, wait in waiting.items():
        name = host.partition(":")[0]
        try:
            yield name, wait(), ""
        except rpc.Failure as failure:
            yield name, {}, str(failure)
