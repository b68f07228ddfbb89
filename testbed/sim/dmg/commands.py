"""dmg of releases 1.2 to 2.2, as far as an update needs it.

Options may stand anywhere: -j/--json, -l/--host-list, -o/--config-path, -i/--insecure.
"""

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ..common import config, options, ranges, release
from ..common.errors import DER_MISC
from . import common, output
from .common import VERBOSE, CommandFailed, plain
from .output import Plain

_FORCE = options.spelled(force="-f --force --reformat")
_RANKS = options.spelled(ranks="-r --ranks", rank_hosts="--rank-hosts")
_POOL = {"--pool": "pool"}
_CREATE = options.spelled(
    size="-z --size",
    label="-p --label --name",  # --name in 1.2
    nranks="-k --nranks",
    nsvc="-v --nsvc",
    ranks="-r --ranks",
    scm="-s --scm-size",
    nvme="-n --nvme-size",
    ratio="-t --tier-ratio --scm-ratio",  # --scm-ratio in 1.2
    properties="-P --properties",
    user="-u --user",
    group="-g --group",
)
_PROPERTY_LABEL = 1


def run(argv: list[str]) -> int:
    """Returns the exit code."""
    try:
        command, given, arguments = _understood(argv)
    except options.UsageError as error:
        return _fail(str(error))
    try:
        text, response = command(Dmg(given), arguments)
    except options.UsageError as error:
        return _fail(str(error))
    except CommandFailed as error:
        if "json" in given:
            sys.stdout.write(output.json_answer(error.response, str(error), error.status))
            sys.stdout.flush()
        return _fail(str(error))
    if "json" in given and response is not _NO_JSON:
        text = output.json_answer(response)
    sys.stdout.write(text)
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(output.error_line(message))
    return 1


_NO_JSON = object()  # the response of a command that prints text even with -j


def _understood(argv: list[str]) -> tuple[Callable[..., Any], dict[str, str], list[str]]:
    words = common.command_words(argv)
    for length in (2, 1):
        known = COMMANDS.get(" ".join(words[:length]))
        if known:
            flags, values, most, command = known
            given, rest = options.parse(argv, common.FLAGS | flags, common.VALUES | values)
            if len(rest) - length > most:
                raise options.UsageError(f"unexpected argument `{rest[-1]}'")
            return command, given, rest[length:]
    raise options.UsageError(f"unknown command `{' '.join(words)}'")


class Dmg:
    """One run of dmg: the options given, and the servers to ask."""

    def __init__(self, given: dict[str, str]) -> None:
        self.given = given
        self.version = release.installed()

    def hosts(self) -> list[str]:
        """The servers to ask, as "host:port". Raises CommandFailed."""
        settings = self._settings()
        if "hosts" in self.given:
            names = ranges.hosts_of(self.given["hosts"])
            return [config.with_port(name, settings.port) for name in names]
        return [host for entry in settings.hosts for host in ranges.hosts_of(entry)]

    def _settings(self) -> config.ControlConfig:
        if "config" not in self.given and not os.path.exists(config.CONTROL):  # noqa: PTH110
            return config.ControlConfig()
        try:
            return config.control(self.given.get("config", config.CONTROL))
        except config.BadConfig as error:
            raise CommandFailed(str(error)) from error

    def call(self, method: str, what: str, empty: Any = None, **fields: Any) -> Any:
        """Call the management service. `what` names the command where it fails."""
        from ..protocol import management  # with gRPC, which takes 70 ms

        try:
            return management.Management(self.hosts()).call(method, sys="daos_server", **fields)
        except management.Unreachable as error:
            raise self.failed(what, str(error), response=empty) from error
        except management.ServiceError as error:
            raise self.failed(what, str(error), error.status, empty) from error

    def failed(
        self, what: str, message: str, status: int = DER_MISC, response: Any = None
    ) -> CommandFailed:
        """A failure in the words of the release."""
        if output.old(self.version):
            command = what.title().replace(" ", "-")
            return CommandFailed(f"{command} command: {message}", status, response, message)
        return CommandFailed(f"{what} failed: {message}", status, None, message)

    def selection(self) -> dict[str, str]:
        """The fields of a request that name ranks or hosts."""
        ranks, hosts = self.given.get("ranks", ""), self.given.get("rank_hosts", "")
        if ranks and hosts:
            raise options.UsageError("--ranks and --rank-hosts options cannot be set together")
        return {"ranks": ranks, "hosts": hosts}

    def pool_name(self, arguments: list[str]) -> str:
        """The pool that the command names: an argument since 2.0, --pool UUID before."""
        name = self.given.get("pool", "") or (arguments[0] if arguments else "")
        if not name:
            wanted = "flag `--pool'" if output.old(self.version) else "argument `<pool ID>'"
            raise options.UsageError(f"the required {wanted} was not specified")
        return name

    def pool_field(self, name: str) -> dict[str, str]:
        """The field of a request that names the pool."""
        return {"uuid" if output.old(self.version) else "id": name}


# The commands: each returns its text, and its response for JSON


def _version(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    return output.version_line(dmg.version), _NO_JSON


def _system_query(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    answer = dmg.call("SystemQuery", "system query", {"members": None}, **dmg.selection())
    members = [plain(member) for member in answer.members]
    response = output.json_system_query(members, dmg.version)
    text = output.system_query(members, "verbose" in dmg.given)
    _check_absent(dmg, "system query", answer, text, response)
    return text, response


def _system_stop(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    answer = dmg.call(
        "SystemStop",
        "system stop",
        {"Results": None},
        prep=True,
        kill=True,
        force="force" in dmg.given,
        **dmg.selection(),
    )
    return _rank_results(dmg, "system stop", answer)


def _system_start(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    answer = dmg.call("SystemStart", "system start", {"Results": None}, **dmg.selection())
    return _rank_results(dmg, "system start", answer)


def _system_erase(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    return _rank_results(dmg, "system erase", dmg.call("SystemErase", "system erase"))


def _rank_results(dmg: Dmg, what: str, answer: Any) -> tuple[str, Any]:
    results = [plain(result) for result in answer.results]
    text = output.rank_results(results)
    response = output.json_rank_results(results)
    _check_absent(dmg, what, answer, text, response)
    problem = output.failed_ranks(results)
    if problem:
        raise _after(dmg, text, dmg.failed(what, problem), response)
    return text, response


def _check_absent(dmg: Dmg, what: str, answer: Any, text: str, response: Any) -> None:
    for kind in ("ranks", "hosts"):
        absent = getattr(answer, f"absent{kind}", "")
        if absent:
            raise _after(dmg, text, dmg.failed(what, f"non-existent {kind} {absent}"), response)


def _after(dmg: Dmg, text: str, failure: CommandFailed, response: Any) -> CommandFailed:
    """A failure of a command that has results to show all the same."""
    if "json" not in dmg.given:
        sys.stdout.write(text)
        sys.stdout.flush()
    failure.response = response
    return failure


def _leader_query(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    answer = dmg.call("LeaderQuery", "system leader-query")
    leader, replicas = answer.currentLeader, list(answer.replicas)
    text = output.leader_query(leader, replicas)
    return text, output.json_leader_query(leader, replicas)


def _pool_list(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    answer = dmg.call("ListPools", "pool list")
    pools = [_listed_pool(dmg, pool) for pool in answer.pools]
    text = output.pool_list(pools, "verbose" in dmg.given, dmg.version)
    return text, output.json_pool_list(pools, dmg.version)


def _listed_pool(dmg: Dmg, pool: Any) -> Plain:
    query, error = None, ""
    if not output.old(dmg.version):
        try:
            query = _queried_pool(dmg, pool.uuid)
        except CommandFailed as failure:
            error = failure.reason
    label = getattr(pool, "label", "")
    return output.pool_row(pool.uuid, label, list(pool.svc_reps), query, error)


def _pool_query(dmg: Dmg, arguments: list[str]) -> tuple[str, Any]:
    pool = _queried_pool(dmg, dmg.pool_name(arguments))
    text = output.pool_query(pool, dmg.version)
    return text, output.json_pool_query(pool, dmg.version)


def _queried_pool(dmg: Dmg, name: str) -> Plain:
    answer = dmg.call("PoolQuery", "pool query", **dmg.pool_field(name))
    return common.queried_pool(answer, output.old(dmg.version))


def _pool_evict(dmg: Dmg, arguments: list[str]) -> tuple[str, Any]:
    dmg.call("PoolEvict", "pool evict", **dmg.pool_field(dmg.pool_name(arguments)))
    return "Pool-evict command succeeded\n", None


def _pool_create(dmg: Dmg, arguments: list[str]) -> tuple[str, Any]:
    import uuid  # what no other command has to wait for

    given = dmg.given
    label = arguments[0] if arguments else given.get("label", "")
    if "size" in given and ("scm" in given or "nvme" in given):
        raise options.UsageError("--size may not be mixed with --scm-size or --nvme-size")
    if not given.get("size") and not given.get("scm"):
        raise options.UsageError("either --size or --scm-size must be supplied")
    new = str(uuid.uuid4())
    sizes = _old_sizes(given) if output.old(dmg.version) else _sizes(given)
    answer = dmg.call(
        "PoolCreate",
        "pool create",
        uuid=new,
        **common.owner(given),
        numsvcreps=int(given.get("nsvc", "0")),
        numranks=int(given.get("nranks", "0")),
        ranks=ranges.ranks_of(given.get("ranks", "")),
        **sizes,
        **_labelled(dmg, label),
    )
    pool = {
        "uuid": new,
        "svc_reps": list(answer.svc_reps),
        "tgt_ranks": list(answer.tgt_ranks),
        "tier_bytes": _tiers(dmg, answer),
    }
    text = output.pool_create(pool, dmg.version, options.size(given.get("size", "0")))
    return text, output.json_pool_create(pool, dmg.version)


_RATIO = "6"  # percent of SCM


def _old_sizes(given: dict[str, str]) -> dict[str, Any]:
    """The fields of a request of 1.2 that say how large a pool is."""
    if "size" in given:
        ratio = float(given.get("ratio", _RATIO)) / 100
        return {"totalbytes": options.size(given["size"]), "scmratio": ratio}
    nvme = options.size(given.get("nvme", "0"))
    return {"scmbytes": options.size(given["scm"]), "nvmebytes": nvme}


def _sizes(given: dict[str, str]) -> dict[str, Any]:
    """The same since 2.0."""
    if "size" in given:
        parts = [float(part) / 100 for part in given.get("ratio", _RATIO).split(",")]
        whole = parts if len(parts) > 1 else [parts[0], 1 - parts[0]]
        return {"totalbytes": options.size(given["size"]), "tierratio": whole}
    return {"tierbytes": [options.size(given["scm"]), options.size(given.get("nvme", "0"))]}


def _labelled(dmg: Dmg, label: str) -> dict[str, Any]:
    """The field of a request that says a pool's label, a property since 2.0."""
    for pair in dmg.given.get("properties", "").split(","):
        label = pair.partition(":")[2] if pair.startswith("label:") else label
    if output.old(dmg.version):
        return {"name": label}
    return {"properties": [{"number": _PROPERTY_LABEL, "strval": label}] if label else []}


def _tiers(dmg: Dmg, answer: Any) -> list[int]:
    if output.old(dmg.version):
        return [answer.scm_bytes, answer.nvme_bytes]
    return list(answer.tier_bytes)


def _pool_destroy(dmg: Dmg, arguments: list[str]) -> tuple[str, Any]:
    pool = dmg.pool_field(dmg.pool_name(arguments))
    dmg.call("PoolDestroy", "pool destroy", **pool, force="force" in dmg.given)
    return "Pool-destroy command succeeded\n", None


def _pool_reintegrate(dmg: Dmg, arguments: list[str]) -> tuple[str, Any]:
    from ..protocol import management

    name = dmg.pool_name(arguments)
    rank = int(dmg.given.get("rank", "0"))
    try:
        management.Management(dmg.hosts()).ctl("reintegrate", pool=name, rank=rank)
    except (management.Unreachable, management.ServiceError) as error:
        raise dmg.failed("pool reintegrate", str(error)) from error
    return "Reintegration command succeeded\n", None


# The way out is to stop and erase the system; before 2.0, too.
_RUNNING = 'client: code = 508 description = "storage format invoked on a running system"'


def _storage_format(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    from ..protocol import management

    hosts = dmg.hosts()
    if management.serves(hosts, "hosts" in dmg.given):
        raise CommandFailed(_RUNNING)
    done, errors = _by_host(common.formatted(hosts, "force" in dmg.given))
    text = output.storage_format(done, errors)
    response = {"host_errors": _folded(errors), "hosts": done}
    if errors:
        message = f"{len(errors)} of {len(hosts)} hosts reported errors"
        raise _after(dmg, text, dmg.failed("storage format", message), response)
    return text, response


def _network_scan(dmg: Dmg, _arguments: list[str]) -> tuple[str, Any]:
    """Without the table of interfaces, of which the lab has none of interest."""
    done, errors = _by_host(common.at_once(dmg.hosts(), "network scan"))
    return output.network_scan(done, errors), {"host_errors": _folded(errors), "host_fabrics": done}


def _by_host(
    answers: Iterator[tuple[str, Plain, str]],
) -> tuple[dict[str, Plain], dict[str, str]]:
    """Host to its answer, and to what went wrong there."""
    done: dict[str, Plain] = {}
    errors: dict[str, str] = {}
    for host, result, error in answers:
        if error:
            errors[host] = error
        else:
            done[host] = result
    return done, errors


def _folded(errors: dict[str, str]) -> dict[str, str]:
    """Each error with its hosts."""
    by_error = {error: [h for h in errors if errors[h] == error] for error in errors.values()}
    return {error: ",".join(hosts) for error, hosts in by_error.items()}


_Known = tuple[dict[str, str], dict[str, str], int, Callable[[Dmg, list[str]], tuple[str, Any]]]
# Flags, options with a value, most arguments, and what does it.
COMMANDS: dict[str, _Known] = {
    "version": ({}, {}, 0, _version),
    "system query": (VERBOSE, _RANKS, 0, _system_query),
    "system stop": (_FORCE, _RANKS, 0, _system_stop),
    "system start": ({}, _RANKS, 0, _system_start),
    "system erase": ({}, {}, 0, _system_erase),
    "system leader-query": ({}, {}, 0, _leader_query),
    "system list-pools": (VERBOSE, {}, 0, _pool_list),
    "pool list": (VERBOSE, {}, 0, _pool_list),
    "pool query": ({}, _POOL, 1, _pool_query),
    "pool evict": ({}, _POOL, 1, _pool_evict),
    "pool create": ({}, _CREATE, 1, _pool_create),
    "pool destroy": (_FORCE, _POOL, 1, _pool_destroy),
    "pool reintegrate": ({}, _POOL | {"--rank": "rank"}, 1, _pool_reintegrate),
    "network scan": ({}, {}, 0, _network_scan),
    "storage format": (VERBOSE | _FORCE, {}, 0, _storage_format),
}
