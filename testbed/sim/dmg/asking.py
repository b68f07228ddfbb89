"""One run of dmg: what it was given, whom it asks, and in which words a question fails."""

import os
import socket
import time
from collections.abc import Callable
from typing import Any

from ..common import config, options, ranges, release
from ..common.errors import DER_MISC, NO_ENGINE
from . import output
from .common import CommandFailed

# What is said where a command failed, if that is not "the command failed: ".
_PREFIXES = {
    "system leader-query": "leader query failed: ",
    "pool list": "list pools failed: ",
    "system erase": "converting MS to erase resp: ",
}
_PREFIXES_1 = _PREFIXES | {
    "pool list": "List-Pools command failed: ",
    "system query": "System-Query command: ",
    "system stop": "System-Stop command: ",
    "system start": "System-Start command: ",
}
# Commands that dmg tells one server to do, and which are said to have failed on both outputs.
_ACTIONS = {
    "pool evict": "Pool-evict command failed: {}\n",
    "pool destroy": "Pool-destroy command failed: {}\n",
    "pool reintegrate": "Reintegration command failed: {}\n",
}
_ONE_SERVER = (*_ACTIONS, "pool create", "pool get-prop")
# In JSON they name the reason alone.
_UNWRAPPED: tuple[str, ...] = ("pool query", "pool get-prop")
_UNWRAPPED_1 = (*_UNWRAPPED, "pool list", "system leader-query")
# Seconds that dmg of 2.4 and later goes on asking for where no engine runs that could tell, and
# between two times. Source: canRetry in src/control/lib/control/pool.go of v2.4.2.
RETRIES, _AGAIN = 300.0, 1.0
_SCAN_TIMEOUT = 30.0  # seconds for one host
_START_IT = "verify that the configured address is correct and that the server is running"


class Dmg:
    """One run of dmg: the options given, and the servers to ask."""

    def __init__(self, given: dict[str, str]) -> None:
        self.given = given
        self.version = release.installed()
        self.old = output.old(self.version)

    def hosts(self) -> list[str]:
        """The servers to ask, as "host:port". Raises CommandFailed."""
        settings = self._settings()
        if "host-list" in self.given:
            names = ranges.hosts_of(self.given["host-list"])
            return [config.with_port(name, settings.port) for name in names]
        return [host for entry in settings.hosts for host in ranges.hosts_of(entry)]

    def _settings(self) -> config.ControlConfig:
        if "config-path" not in self.given and not os.path.exists(config.CONTROL):  # noqa: PTH110
            return config.ControlConfig()
        try:
            return config.control(self.given.get("config-path", config.CONTROL))
        except config.BadConfig as error:
            raise CommandFailed(str(error)) from error

    def call(self, method: str, what: str, empty: Any = None, **fields: Any) -> Any:
        """Call the management service.

        + what: names the command where it fails
        + empty: what JSON shows of it then

        Raises CommandFailed.
        """
        asked = {"sys": "daos_server", **fields}
        until = time.monotonic() + (RETRIES if release.since(self.version, "2.4.0") else 0)
        while True:
            try:
                return self._ask(what, lambda service: service.call(method, **asked), empty)
            except CommandFailed as failure:
                if not failure.reason.endswith(NO_ENGINE) or time.monotonic() > until:
                    raise
            time.sleep(_AGAIN)

    def ctl(self, what: str, op: str, **arguments: Any) -> Any:
        """Have the service do one of the lab's own operations; as `call`."""
        return self._ask(what, lambda service: service.ctl(op, **arguments))

    def _ask(self, what: str, ask: Callable[[Any], Any], empty: Any = None) -> Any:
        from ..protocol import management  # with gRPC, which takes 70 ms

        try:
            return ask(management.Management(self.hosts()))
        except management.Unreachable as error:
            raise self.unreachable(what, str(error), error.address, empty) from error
        except management.ServiceError as error:
            raise self.refused(what, str(error), error.code, empty) from error

    def unreachable(
        self, what: str, message: str, address: str, empty: Any = None
    ) -> CommandFailed:
        """No management service answered; where one server alone is to act, it is named."""
        if what not in _ONE_SERVER or not address:
            return self.failed(what, message, response=empty)
        failure = self.failed(what, refused_by(address), response=empty)
        failure.resolution = f'client: code = 506 resolution = "{_START_IT}"'
        return failure

    def refused(self, what: str, message: str, code: str, empty: Any = None) -> CommandFailed:
        """The service refused: in the words of gRPC, which carries no DAOS status."""
        return self.failed(what, f"rpc error: code = {code} desc = {message}", response=empty)

    def failed(self, what: str, reason: str, response: Any = None) -> CommandFailed:
        """A failure in the words of the release."""
        prefixes, unwrapped = _PREFIXES, _UNWRAPPED
        if self.old:
            prefixes, unwrapped = _PREFIXES_1, _UNWRAPPED_1
        bare = what in unwrapped and "json" in self.given
        prefix = "" if bare else prefixes.get(what, f"{what} failed: ")
        failure = CommandFailed(prefix + reason, DER_MISC, response, reason)
        failure.shown = _ACTIONS.get(what, "").format(failure)
        return failure

    def serving(self) -> bool:
        """Whether the management service of a system answers."""
        from ..protocol import management

        return management.serves(self.hosts(), "host-list" in self.given)

    def scanned(self) -> tuple[dict[str, list[output.Plain]], dict[str, str]]:
        """The SCM of every server ("host:port"), and what went wrong with the others."""
        from ..protocol import rpc

        waiting = {host: rpc.storage_later(host, _SCAN_TIMEOUT) for host in self.hosts()}
        done: dict[str, list[output.Plain]] = {}
        errors: dict[str, str] = {}
        for host, wait in waiting.items():
            try:
                done[host] = [_mount(space.mount) for space in wait().scm.namespaces]
            except rpc.Failure as failure:
                errors[host] = _not_scanned(host, failure)
        return done, errors

    def selection(self, what: str) -> dict[str, str]:
        """The fields of a request that name ranks or hosts. Raises CommandFailed."""
        ranks, hosts = self.given.get("ranks", ""), self.given.get("rank-hosts", "")
        problem = ""
        if any(letter.isalpha() for letter in ranks):
            problem = f'creating numeric set from "[{ranks}]": unexpected alphabetic character(s)'
        elif ranks and hosts:
            problem = "--ranks and --rank-hosts options cannot be set together"
        if problem:
            raise self.failed(what, problem)
        return {"ranks": ranks, "hosts": hosts}

    def pool_name(self, arguments: list[str]) -> str:
        """The pool that the command names: an argument since 2.0, --pool UUID before.

        Raises UsageError.
        """
        if self.old:
            return self.given["pool"]
        name = arguments[0] if arguments else "<no label or uuid set>"
        if arguments and not options.is_uuid(name) and not options.is_label(name):
            raise options.UsageError(f"invalid label {output.quoted(name)}")
        return name

    def pool_field(self, name: str) -> dict[str, str]:
        """The field of a request that names the pool."""
        return {"uuid" if self.old else "id": name}


def _mount(of: Any) -> output.Plain:
    return {key: getattr(of, key) for key in ("path", "total_bytes", "avail_bytes")}


def _not_scanned(host: str, failure: Any) -> str:
    if isinstance(failure.__cause__, socket.gaierror):
        told = f"the server address ({host}) could not be resolved"
        return f'client: code = 504 description = "{told}"'
    if failure.reached:
        return f"rpc error: code = {failure.code} desc = {failure}"
    return refused_by(host)


def refused_by(address: str) -> str:
    """What dmg says where nobody listens at "host:port"."""
    return f'client: code = 506 description = "the server at {address} refused the connection"'
