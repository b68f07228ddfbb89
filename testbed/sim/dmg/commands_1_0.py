"""dmg of release 1.0: text alone, as far as a migration needs it.

It connects to every server first and says so. What concerns the system it then asks of one server
only, which has to be the access point: the one that was connected first. Here that is the last one
of the list, as with the real one more often than not. -j puts each message into a line of a log,
and changes nothing in it. Source: src/control/cmd/dmg and src/control/client of v1.0.1.
"""

import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from ..common import config, options, ranges, release
from . import common, output, output_1_0
from .common import VERBOSE, CommandFailed, plain
from .output import Plain

_CONNECTING = 0.5  # seconds
_PAUSE = 0.1  # seconds, while the access point has not yet elected itself
_PATIENCE = 20.0  # seconds for that
_FLAGS = common.FLAGS | {"--allow-proxy": "proxy"}
_POOL = {"--pool": "pool"}
_CREATE = options.spelled(
    scm="-s --scm-size",
    nvme="-n --nvme-size",
    ranks="-r --ranks",
    nsvc="-v --nsvc",
    user="-u --user",
    group="-g --group",
    acl="-a --acl-file",
    system="-S --sys",
)
_MOST_REPLICAS = 13


def run(argv: list[str]) -> int:
    """Returns the exit code: 0, or 1 where something was not understood or not done."""
    try:
        command, given = _understood(argv)
    except options.UsageError as error:
        sys.stderr.write(f"ERROR: dmg: {error}\n")
        return 1
    if command is None:
        sys.stdout.write(output.version_line(release.installed()))
        return 0
    dmg = Dmg(given)
    try:
        dmg.connect()
        command(dmg)
    except (options.UsageError, CommandFailed, output_1_0.Unprintable) as error:
        dmg.log_error(f"dmg: {error}")
        return 1
    return 0


def _understood(argv: list[str]) -> tuple[Callable[["Dmg"], None] | None, dict[str, str]]:
    """The command, None for `version`, and its options. Raises UsageError."""
    words = common.command_words(argv)
    if words[:1] == ["version"]:
        return None, {}
    if not words or words[0] not in COMMANDS:
        raise _unknown(words[:1], sorted([*COMMANDS, "version"]))
    commands = COMMANDS[words[0]]
    if len(words) < 2 or words[1] not in commands:
        raise _unknown(words[1:2], sorted(commands))
    flags, values, required, command = commands[words[1]]
    given, _ = options.parse(argv, _FLAGS | flags, common.VALUES | values)
    if required and values[required.rpartition(" ")[2]] not in given:
        raise options.UsageError(f"the required flag `{required}' was not specified")
    return command, given


def _unknown(word: list[str], known: list[str]) -> options.UsageError:
    choice = f"lease specify one command of: {', '.join(known[:-1])} or {known[-1]}"
    if word:
        return options.UsageError(f"Unknown command `{word[0]}'. P{choice}")
    return options.UsageError(f"P{choice}")


class Dmg:
    """One run of dmg: the options given, and the servers that are connected."""

    def __init__(self, given: dict[str, str]) -> None:
        self.given = given
        self._connected: list[str] = []

    # What it says

    def say(self, message: str) -> None:
        """Tell something on standard output."""
        json = "json" in self.given
        line = output_1_0.log_line("INFO", message) if json else output_1_0.ended(message)
        sys.stdout.write(line)
        sys.stdout.flush()

    def log_error(self, message: str) -> None:
        """Tell something on standard error."""
        line = output_1_0.ended(f"ERROR: {message}")
        if "json" in self.given:
            line = output_1_0.log_line("ERROR", message)
        sys.stderr.write(line)

    # Its servers

    def connect(self) -> None:
        """Connect to all servers, and say which are. Raises CommandFailed where none is."""
        groups: output_1_0.Groups = {}
        for host in self._hosts():
            state = _state(host)
            groups.setdefault(state or "connected", []).append(host)
            self._connected += [] if state else [host]
        states = output_1_0.host_groups(groups)
        if not self._connected:
            self.log_error(states)
            raise CommandFailed("no active connections")
        self.say(states)

    def _hosts(self) -> list[str]:
        settings = config.ControlConfig()
        path = self.given.get("config", config.CONTROL_1_0)
        if "config" in self.given or os.path.exists(path):  # noqa: PTH110
            try:
                settings = config.control_1_0(path)
            except config.BadConfig as error:
                raise CommandFailed(f"processing config file: {error}") from error
        if "hosts" not in self.given:
            return settings.hosts
        names = ranges.hosts_of(self.given["hosts"])
        return sorted(config.with_port(name, settings.port) for name in names)

    def servers(self) -> list[str]:
        """All servers that are connected, as "host:port"."""
        return sorted(self._connected)

    def call(self, method: str, what: str, **fields: Any) -> Any:
        """Call the management service. `what` names the command where it fails."""
        from ..protocol import (
            messages,
            rpc,  # with gRPC, which takes 70 ms
        )

        request = messages.of(f"{method}Req")(sys="daos_server", **fields)
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return rpc.mgmt(self._connected[-1], method, request, 300)
            except rpc.Failure as failure:
                if failure.reason != rpc.UNAVAILABLE or time.monotonic() > until:
                    raise CommandFailed(f"{what}{_reason(failure)}") from failure
            time.sleep(_PAUSE)

    def anywhere(self, method: str, what: str) -> Any:
        """As `call`, for what every server knows."""
        from ..protocol import management

        try:
            return management.Management(self._connected, _PATIENCE).call(method, sys="daos_server")
        except (management.Unreachable, management.ServiceError) as error:
            raise CommandFailed(f"{what}rpc error: code = Unknown desc = {error}") from error


def _state(host: str) -> str:
    """Why a server is not connected, "" where it is."""
    name, _, port = host.rpartition(":")
    try:
        socket.create_connection((name, int(port)), _CONNECTING).close()
    except TimeoutError:
        return "socket connection is not active (CONNECTING)"
    except (OSError, ValueError):  # no port, no such name, or nobody who listens
        return "socket connection is not active (TRANSIENT_FAILURE)"
    return ""


def _reason(failure: Any) -> str:
    """A failure of a call, as dmg tells it: a refusal by its number alone."""
    import json

    from ..protocol import rpc

    if failure.reason == rpc.REFUSED:
        return f"DAOS returned error code: {failure.metadata.get('Status', '-1025')}\n"
    text = str(failure)
    if failure.reason == rpc.NOT_REPLICA:
        points = json.loads(failure.metadata.get("Replicas") or "[]")
        text = "instance is not an access point" + "".join(f", try {p}" for p in points[:1])
    return f"rpc error: code = Unknown desc = {text}"


# The system


def _system_query(dmg: Dmg) -> None:
    wanted = dmg.given.get("ranks", "")
    answer = dmg.call("SystemQuery", "System-Query command failed: ", ranks=wanted)
    members = sorted(map(plain, answer.members), key=lambda member: int(member["rank"]))
    single = len(ranges.ranks_of(wanted)) == 1
    dmg.say(output_1_0.system_query(members, "verbose" in dmg.given, single))


def _system_stop(dmg: Dmg) -> None:
    # The real one prepares all engines and kills them then, with --force or without. A forced
    # stop of the lab does not prepare them.
    answer = dmg.call("SystemStop", "System-Stop command failed: ", prep=True, kill=True)
    results = [plain(result) for result in answer.results]
    if any(result["errored"] and result["action"] == "prep shutdown" for result in results):
        text = "rpc error: code = Unknown desc = PrepShutdown HasErrors"
        raise CommandFailed(f"System-Stop command failed: {text}")
    if results:
        dmg.say(output_1_0.rank_results(results))


def _system_start(dmg: Dmg) -> None:
    answer = dmg.call("SystemStart", "System-Start command failed: ")
    results = [plain(result) for result in answer.results]
    dmg.say(output_1_0.rank_results(results) if results else "No results returned")


def _leader_query(dmg: Dmg) -> None:
    answer = dmg.anywhere("LeaderQuery", "leader query failed: ")
    dmg.say(output.leader_query(answer.currentLeader, list(answer.replicas)))


def _storage_format(dmg: Dmg) -> None:
    groups: output_1_0.Groups = {}
    for host, _, error in common.formatted(dmg.servers(), "force" in dmg.given):
        groups.setdefault(error or "storage format ok", []).append(host)
    dmg.say(output_1_0.storage_format(groups))


# Pools


def _pool_list(dmg: Dmg) -> None:
    answer = dmg.call("ListPools", "List-Pools command failed: ")
    pools: list[Plain] = [{"uuid": p.uuid, "svc_reps": list(p.svc_reps)} for p in answer.pools]
    dmg.say(output_1_0.pool_list(pools))


def _pool_query(dmg: Dmg) -> None:
    answer = dmg.call("PoolQuery", "pool query failed: ", uuid=dmg.given["pool"])
    dmg.say(output_1_0.pool_query(common.queried_pool(answer, old=True)))


def _pool_create(dmg: Dmg) -> None:
    import uuid  # what no other command has to wait for

    given, new = dmg.given, str(uuid.uuid4())
    replicas = int(given.get("nsvc", "1"))
    if replicas > _MOST_REPLICAS:
        most = f"max number of service replicas is {_MOST_REPLICAS}"
        raise CommandFailed(f"{most}, got {replicas}")
    try:
        answer = dmg.call(
            "PoolCreate",
            "",
            uuid=new,
            **common.owner(given),
            numsvcreps=replicas,
            ranks=ranges.ranks_of(given.get("ranks", "")),
            scmbytes=options.size(given["scm"]),
            nvmebytes=options.size(given.get("nvme", "0")),
        )
    except CommandFailed as error:
        dmg.say(f"Pool-create command FAILED: {error}\n")
        raise
    dmg.say(output_1_0.pool_created(new, list(answer.svc_reps)))


def _pool_destroy(dmg: Dmg) -> None:
    try:
        dmg.call("PoolDestroy", "", uuid=dmg.given["pool"], force="force" in dmg.given)
    except CommandFailed as error:
        dmg.say(f"Pool-destroy command failed: {error}\n")
        raise
    dmg.say("Pool-destroy command succeeded\n")


# Flags, options with a value, the option that must be given, and what does it.
_Known = tuple[dict[str, str], dict[str, str], str, Callable[[Dmg], None]]
COMMANDS: dict[str, dict[str, _Known]] = {
    "system": {
        "query": (VERBOSE, {"-r": "ranks", "--ranks": "ranks"}, "", _system_query),
        "stop": ({"--force": "force"}, {}, "", _system_stop),
        "start": ({}, {}, "", _system_start),
        "leader-query": ({}, {}, "", _leader_query),
        "list-pools": ({}, {}, "", _pool_list),
    },
    "pool": {
        "create": ({}, _CREATE, "-s, --scm-size", _pool_create),
        "destroy": ({"-f": "force", "--force": "force"}, _POOL, "--pool", _pool_destroy),
        "list": ({}, {}, "", _pool_list),
        "query": ({}, _POOL, "--pool", _pool_query),
    },
    "storage": {
        "format": (VERBOSE | {"--reformat": "force"}, {}, "", _storage_format),
    },
}
