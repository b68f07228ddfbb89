"""dmg from 1.2 on, as far as an update needs it: a command line done and answered."""

import os
import sys
from collections.abc import Callable
from typing import Any

from ..common import config, options, release
from ..common.release import since
from . import flags, grammar, help, output, output_later, pools, storage, system
from .asking import Dmg
from .common import CommandFailed

_Done = tuple[str, Any]  # the text, and what JSON has for it
_NO_JSON = object()  # the response of a command that prints text even with -j


def run(argv: list[str]) -> int:
    """Returns the exit code."""
    old = output.old(release.installed())
    given = flags.Given([grammar.DMG_1 if old else grammar.DMG])
    try:
        flags.read(given, argv)
        text, response = _do(given)
    except flags.Help as asked:
        return _show(help.text(asked.path), given.options)
    except options.UsageError as error:
        return _fail(CommandFailed(str(error)), given.options)
    except CommandFailed as failure:
        return _fail(failure, given.options)
    if "json" in given.options and response is not _NO_JSON:
        text = output.json_answer(response)
    sys.stdout.write(text)
    return 0


def _do(given: flags.Given) -> _Done:
    """Do the command. Raises UsageError and CommandFailed."""
    name = " ".join(command.name for command in given.path[1:])
    if "host-list" in given.options and name not in _OF_SERVERS:
        where = f"{os.path.expanduser('~/.daos_control.yml')} or {config.CONTROL}"  # noqa: PTH111
        told = f"this command does not accept a hostlist parameter (set it in {where})"
        raise options.UsageError(told)
    if given.rest and name != "version":
        raise options.UsageError(f"unexpected arguments: {' '.join(given.rest)}")
    return COMMANDS[name](Dmg(given.options), given.arguments)


def _show(text: str, given: dict[str, str]) -> int:
    """Help, which JSON counts among the errors."""
    if "json" in given:
        sys.stdout.write(output.json_answer(None, text, CommandFailed("").status))
    sys.stdout.write(text)
    return 0


def _fail(failure: CommandFailed, given: dict[str, str]) -> int:
    lines = [f"dmg: {failure}", *([f"dmg: {failure.resolution}"] if failure.resolution else [])]
    if "json" in given:
        told = failure.told or str(failure)
        sys.stdout.write(output.json_answer(failure.response, told, failure.status))
    else:
        sys.stderr.write(failure.first)
        sys.stdout.write(failure.shown)
        lines = [*failure.notes, *lines]
    sys.stdout.flush()
    sys.stderr.write("".join(f"ERROR: {line}\n" for line in lines))
    return 1


def _version(dmg: Dmg, _arguments: list[str]) -> _Done:
    later = output_later.version_answer(dmg.version)
    return output.version_line(dmg.version), later if since(dmg.version, "2.4.0") else _NO_JSON


# Those that -l may send to other servers than those of the configuration.
_OF_SERVERS = ("network scan", "storage format", "storage query usage")
COMMANDS: dict[str, Callable[[Dmg, list[str]], _Done]] = {
    "version": _version,
    "system query": system.query,
    "system stop": system.stop,
    "system start": system.start,
    "system erase": system.erase,
    "system leader-query": system.leader_query,
    "system list-pools": pools.listed,
    "pool list": pools.listed,
    "pool query": pools.query,
    "pool evict": pools.evict,
    "pool create": pools.create,
    "pool destroy": pools.destroy,
    "pool reintegrate": pools.reintegrate,
    "pool get-prop": pools.get_prop,
    "network scan": storage.network_scan,
    "storage format": storage.format,
    "storage query usage": storage.usage,
}
