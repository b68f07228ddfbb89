"""What of an answer has to be alike: what the deploy code reads in it, and all other text.

What cannot be alike is named here: addresses, identities, times, process ids, sizes, the words of
package managers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from operations.checks import manager
from operations.daos import node as nodes
from operations.daos import package_managers
from operations.daos.package_managers import PackageManager
from operations.machinery import signing_key

_MANAGERS = (package_managers.Yum(), package_managers.Dnf(), package_managers.Zypper())
_UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00| UTC)?")
_PROCESS = re.compile(r"\b(process|pid) \d+")
_ONE_OF = re.compile(r"the server at \S+")  # of all that could be asked
_FOLDER = re.compile(r"/tmp/tmp\.\w+")
_IN_LOG = re.compile(r"^[A-Z]{4,5} \d\d:\d\d:\d\d\.\d+ ", re.MULTILINE)
# Of dmg's JSON: what engines and pools are by chance, and how much they hold.
_BY_CHANCE = {
    "addr", "Addr", "fabric_uri", "last_update", "uuid", "UUID", "incarnation", "total", "free",
    "mean", "min", "max",
}  # fmt: skip
# Of a look: by what programs the simulated daemons are run, and which numbers their users got.
_OF_A_PROCESS = {"cgroup", "program", "uid"}
_SOME = {"pid", "parent", "locker"}
_QUESTIONS = (
    "sh -c 'server=", "dmg -j system query", "dmg -j pool list", "for pool in ",
    "daos container list ",
)  # fmt: skip
_RESOLVES = ("--assumeno", f"--from {package_managers.CHECK} --dry-run")
_TRANSACTION = "(umask 077; : > "
Answer = tuple[int, str, str]  # the exit code, the output and the errors


class Alike:
    """Makes of the answers of one cluster what those of another one like it are equal to.

    + addresses: the address of each node
    + known: UUIDs that are the same in both
    """

    def __init__(self, addresses: Mapping[str, str], known: Iterable[str] = ()) -> None:
        self._known = frozenset(known)
        words = {re.escape(address): name for name, address in addresses.items()}
        self._names = {address: f"<address of {name}>" for name, address in addresses.items()}
        self._address = re.compile(rf"(?<![\d.])({'|'.join(words)})(?![\d.])")

    def text(self, text: str) -> str:
        """A text without what cannot be alike."""
        text = self._address.sub(lambda it: self._names[it[0]], text)
        text = _UUID.sub(lambda it: it[0] if it[0] in self._known else "<UUID>", text)
        text = _PROCESS.sub(r"\1 <number>", _TIME.sub("<time>", text))
        text = _FOLDER.sub("<folder>", text)
        return _IN_LOG.sub("", _ONE_OF.sub("the server at <one>", text))

    def answer(self, line: str, answer: Answer) -> dict[str, Any]:
        """What an answer to a command has to be."""
        code, out, err = answer
        if line.startswith("sh -c 'server="):
            said = self._look(out) if code == 0 else self.text(out)
        elif is_of_a_manager(line):
            said = [_read(it, out) for it in _MANAGERS]
            if any(option in line for option in _RESOLVES):
                said.append(manager.complaint(code == 0, out, err) is None)
            return {"code": code, "said": said}
        elif line.startswith(_TRANSACTION):  # what it failed of has words of each manager's own
            return {"code": code, "said": self.text(out) if code == 0 else ""}
        elif "gpg --homedir" in line:
            said = len(signing_key.ids(out))
        elif line.startswith("dmg -j"):
            said = self._json(out)
        elif line.startswith("for pool in "):
            said = self._each(out)
        else:
            said = self.text(out)
        return {"code": code, "said": said, "errors": self.text(err).strip()}

    def asks_only(self, line: str) -> bool:
        """Whether a command changes nothing, so that it may be asked now and then."""
        return line.startswith(_QUESTIONS)

    def _look(self, out: str) -> Any:
        try:
            node = asdict(nodes.parse(out.split("\n")))
        except ValueError as problem:
            return f"damaged: {problem}"
        del node["itself"]
        node["addresses"] = [self.text(it) for it in node["addresses"][:1]]
        node["signers"] = {name: list(map(bool, ids)) for name, ids in node["signers"].items()}
        node["space"] = {place: mib > 100 for place, mib in node["space"].items()}
        for service in (*node["services"].values(), *node["beside"].values()):
            service["started"] = bool(service["started"])
        node["engines"] = len(node["engines"])
        for kind in ("daemons", "processes", "dfuses", "managers"):
            node[kind] = sorted(node[kind], key=lambda it: it["command"])
        return self._plain(node)

    def _plain(self, found: Any) -> Any:
        """The same without what a process is by chance, and in an order."""
        if isinstance(found, dict):
            return {
                key: bool(value) if key in _SOME else self._plain(value)
                for key, value in found.items()
                if key not in _OF_A_PROCESS
            }
        if isinstance(found, list | tuple):
            return [self._plain(value) for value in found]
        if isinstance(found, float | datetime):
            return "<number>" if isinstance(found, float) else "<time>"
        return self.text(found) if isinstance(found, str) else found

    def _each(self, out: str) -> Any:
        parts = re.split(r"^== (\S+)\n", out, flags=re.MULTILINE)
        return [parts[0], *zip(parts[1::2], map(self._json, parts[2::2]), strict=True)]

    def _json(self, out: str) -> Any:
        try:
            return self._members(json.loads(out))
        except ValueError:
            return self.text(out)

    def _members(self, found: Any) -> Any:
        if isinstance(found, dict):
            return {k: self._members(v) for k, v in found.items() if k not in _BY_CHANCE}
        if isinstance(found, list):
            return [self._members(it) for it in found]
        return self.text(found) if isinstance(found, str) else found


def is_of_a_manager(line: str) -> bool:
    """Whether a command has a package manager ask or fetch."""
    found = any(f"{it.command} " in line for it in _MANAGERS)
    return found and not line.startswith(_TRANSACTION)


def _read(of: PackageManager, out: str) -> Any:
    """What the deploy code reads in the words of a package manager."""
    listed, sources = sorted(of.listed(out)), sorted(of.sources_of(out).items())
    return [listed, of.offered(out), sources]
