"""Host keys: no connection is made to a node whose key nobody has seen, unless the site says so.

pyinfra takes any key that is new, whatever `StrictHostKeyChecking yes` of ssh_config says, and
passes over /etc/ssh/ssh_known_hosts and HostKeyAlias.
"""

import getpass
import os
import re
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import paramiko
from gevent.lock import BoundedSemaphore
from paramiko import MissingHostKeyPolicy, SSHException
from pyinfra import logger
from pyinfra.api import Host, State
from pyinfra.connectors import ssh
from pyinfra.connectors.base import DataMeta
from pyinfra.connectors.sshuserclient import client

from . import commandline, known_hosts
from .known_hosts import Verdict
from .prompt import ask

SETTING = "ssh_strict_host_key_checking"  # pyinfra's own, in group_data or --data
WORDS = ("yes", "accept-new", "ask", "no", "off")  # those of ssh_config's StrictHostKeyChecking

_USER_FILES = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
_GLOBAL_FILES = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"
_OF_RSA = ("rsa-sha2-512", "rsa-sha2-256")  # signatures by keys of the kind ssh-rsa

_one_at_a_time = BoundedSemaphore()  # a question, or a line that is written


class Refused(SSHException):
    """A node has shown a host key that it is not known by.

    + state: "unknown", "changed" or "revoked"
    + typed: what `ssh` is given to get there
    + name: what known_hosts would call it
    + path: the file that says otherwise, or where the key would be written
    + authority: whether a certificate would have done, for ssh itself
    """

    def __init__(self, verdict: Verdict, typed: str, name: str, path: Path, key: paramiko.PKey):
        self.state, self.authority = verdict.state, verdict.authority
        self.typed, self.name, self.path = typed, name, verdict.path or path
        shown = f"{name} shows {key.get_name()} {key.fingerprint}"
        why = {
            "unknown": "and no host key of it is known",
            "changed": f"and {self.path} knows it by another one",
            "revoked": f"and {self.path} says that this key is revoked",
        }
        super().__init__(f"{shown}, {why[self.state]}")


# Who was refused by the last attempt to connect.
refused: WeakKeyDictionary[Host, Refused] = WeakKeyDictionary()


def strangers(state: State, names: Iterable[str]) -> dict[str, Refused]:
    """Those of these nodes that were not connected to because of their host keys, each with why."""
    hosts = [state.inventory.get_host(name) for name in names]
    return {host.name: refused[host] for host in hosts if not host.connected and host in refused}


def mend() -> None:
    """Have host keys checked; config.py calls this before the first connection."""
    meta = ssh.connector_data_meta[SETTING]
    ssh.connector_data_meta[SETTING] = DataMeta(meta.description)  # its default was "accept-new"
    client.get_missing_host_key_policy = lambda word: word
    # The first is who connects to nodes, the second to the hosts that they are reached through.
    ssh.SSHClient = client.SSHClient = Client  # type: ignore[misc]


def of(problem: BaseException) -> Refused | None:
    """The refusal that an attempt to connect has failed of; None where it failed of another."""
    cause: BaseException | None = problem
    while cause:
        if isinstance(cause, Refused):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def somebody_is_there() -> bool:
    """Whether a question about a connection can be answered by somebody."""
    return sys.stdin.isatty() and not commandline.dry()


@dataclass
class _Policy(MissingHostKeyPolicy):
    """Judges every key that a host shows: paramiko is told of none that is known.

    + word: what is done about one that is not, as in StrictHostKeyChecking
    + typed: what ssh is given to get there
    + alias: what known_hosts calls the host in place of its name; "" for its name
    + files: those of known_hosts, the first of which new ones are written to
    """

    word: str
    typed: str
    alias: str
    files: list[Path]

    def missing_host_key(self, connection: Any, hostname: str, key: paramiko.PKey) -> None:
        """Raises Refused where there is no connection to be made."""
        name = self.alias or hostname
        verdict = known_hosts.judge(self.entries, name, key.get_name(), key.asbytes())
        if verdict.state == "known":
            return
        problem = Refused(verdict, self.typed, name, self.files[0], key)
        if verdict.state != "unknown" or self.word not in WORDS:
            raise problem
        with _one_at_a_time:
            self._decide(name, key, problem)

    @property
    def entries(self) -> list[known_hosts.Entry]:
        """All that is known; read anew, since it grows."""
        return known_hosts.read(self.files)

    def _decide(self, name: str, key: paramiko.PKey, problem: Refused) -> None:
        if self.word == "yes" or (self.word == "ask" and not _is_wanted(problem)):
            raise problem
        if self.word in ("no", "off"):
            logger.warning(f"--> {problem}; it is connected to all the same")
            return
        try:
            known_hosts.add(self.files[0], name, key.get_name(), key.asbytes())
        except OSError as reason:
            logger.warning(f"--> {problem}, which could not be written down ({reason})")
            return
        logger.warning(f"--> {problem}; {self.files[0]} has it by now")


def _is_wanted(problem: Refused) -> bool:
    """Whether somebody says that a key is the right one."""
    if not somebody_is_there():
        return False
    try:
        return ask(f"{problem}. Is that what its console shows? [y/N] ").lower() in ("y", "yes")
    except EOFError:
        return False


class Client(client.SSHClient):
    """pyinfra's connection, with host keys checked as ssh checks them."""

    _named: str | None = None  # a known_hosts file that the site has named for pyinfra

    def connect(  # type: ignore[override]
        self, hostname: str, _pyinfra_ssh_known_hosts_file: str | None = None, **more: Any
    ) -> None:
        """Arguments as of pyinfra's own."""
        self._named = _pyinfra_ssh_known_hosts_file
        super().connect(hostname, **more)

    def parse_config(
        self,
        hostname: str,
        initial_cfg: dict[str, Any] | None = None,
        ssh_config_file: str | None = None,
        strict_host_key_checking: str | None = None,
    ) -> Any:
        """How to connect, as pyinfra's own gives it, but for what is about host keys."""
        where, how, forwards, word, _, alive, agent = super().parse_config(
            hostname, initial_cfg, ssh_config_file, strict_host_key_checking
        )
        config = client.get_ssh_config(ssh_config_file)
        options: Mapping[str, str] = config.lookup(hostname) if config else {}
        given = (initial_cfg or {}).get("port")
        port = given or how["port"]
        alias = options.get("hostkeyalias", "")
        tokens = {"h": where, "n": hostname, "p": str(port), "k": alias or hostname}
        usual = str(given or "") in ("", options.get("port", "22"))
        typed = hostname if usual else f"-p {given} {hostname}"
        policy = _Policy(str(word or "yes").lower(), typed, alias, self._files(options, tokens))
        name = alias or (where if int(port) == 22 else f"[{where}]:{port}")
        how = {"transport_factory": _preferring(known_hosts.kinds(policy.entries, name)), **how}
        # None of paramiko's own: it judges nothing by itself.
        return where, how, forwards, policy, (), alive, agent

    def _files(self, options: Mapping[str, str], tokens: Mapping[str, str]) -> list[Path]:
        if self._named:
            return [Path(self._named).expanduser()]
        user = options.get("userknownhostsfile", _USER_FILES)
        everybody = options.get("globalknownhostsfile", _GLOBAL_FILES)
        found = [_path(it, tokens) for text in (user, everybody) for it in shlex.split(text)]
        return [path for path in found if path.name != "none"] or [Path(os.devnull)]


def _path(text: str, tokens: Mapping[str, str]) -> Path:
    own = {"%": "%", "d": str(Path.home()), "u": getpass.getuser(), **tokens}
    text = re.sub("%(.)", lambda found: own.get(found[1], found[0]), text)
    return Path(os.path.expandvars(text)).expanduser()


def _preferring(kinds: set[str]) -> Any:
    """Makes the connection ask for the kinds of keys that a host is known by, before all others."""

    def factory(sock: Any, **more: Any) -> paramiko.Transport:
        transport = paramiko.Transport(sock, **more)
        options = transport.get_security_options()
        options.key_types = sorted(
            options.key_types,
            key=lambda it: ("ssh-rsa" if it in _OF_RSA else it) not in kinds,
        )
        return transport

    return factory
