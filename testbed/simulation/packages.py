"""The package managers of simulated nodes: yum, dnf and zypper, rpm, and gpg for the keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from testbed.sim.common import release as releases

from .cluster import newest
from .files import Full
from .node import ETC, package_of_dmg, packages_of
from .shell import QUOTED, Session, Unknown, phrase

if TYPE_CHECKING:
    from .node import Node

KEY = "c879b1a95ae1089c"
LOG = "/var/log/daos-offline-update.log"
UPDATE = "daos-offline-update"
_CHECK = "daos-offline-check"  # a repository that a command brings along
_WRITTEN, _REMOVED = 1.0, 0.5  # seconds that a package takes
_FOLDER = "/tmp/tmp.0000000000"  # as mktemp calls it
_RPM = (
    "rpm --root / --dbpath /var/lib/rpm -U --percent --noglob --force --nodeps -- "
    f"/var/cache/zypp/packages/{UPDATE}/"
)
_TIDIED = re.compile(r"rpm -q (\S+)\.\w+ \|.*?; then rpm -e (\S+); fi")
_RPM_DATABASE = "/var/lib/rpm"
_ROLES = ("servers", "admins", "clients")
_CONFIGURATION = {"daos-server": "daos_server.yml", "daos-client": "daos_agent.yml"}

# Scripts that lead up to a command; they change nothing but a folder of their own.


@phrase("folder=$(mktemp -d)", "")
@phrase("trap ", r"'[^']*' (?:EXIT|HUP INT TERM)")
@phrase("for file in ", r".*?\ndone(?=\n)")
@phrase("printf %s ", rf'{QUOTED} > "\$folder/daos-offline-check\.repo"')
def _prepare(session: Session, *_: str) -> None:
    return None


def _arch(name: str) -> str:
    """The architecture of a package; beside DAOS's own there are only those that have none."""
    return "x86_64" if _is_own(name) else "noarch"


def _is_own(name: str) -> bool:
    return name.partition("-")[0] == "daos"


# Asked by rpm


@phrase("before=$(rpm -q --qf ", r"'%\{VERSION\}-%\{RELEASE\}\\n' daos-server \| head -n 1\)")
def _before(session: Session) -> None:
    builds = session.node.packages.get("daos-server") or ["package daos-server is not installed"]
    session.variables["before"] = builds[0]


@phrase("LC_ALL=C rpm -q --queryformat ", r"'[^']*' ([\w. -]+) \|\| true")
def _installed(session: Session, names: str) -> None:
    for name in names.split():
        builds = session.node.packages.get(name)
        told = [f"{name} {build}.{_arch(name)}\n" for build in builds or ()]
        session.out += told or [f"package {name} is not installed\n"]


# The key


@phrase("keys() { gpg ", r".*grep -E '\^\(pub\|sub\):' \"\$folder/listed\"")
def _keys(session: Session) -> None:
    session.out.append(f"pub:-:2048:1:{KEY.upper()}:1796002655:::-:::scSC::::::23::0:\n")


# Package managers


class _Failed(Exception):
    """A package manager does not do it; what it says."""


_ANSWERS = r" \|\| (?:\[ \$\? = 100 \]|case \$\? in 102\|103\|106\|107\) ;; \*\) false ;; esac)"


@phrase("(zypper ", rf"([^\n]*?){_ANSWERS}\)")
@phrase("zypper ", rf"([^\n]*?)(?:{_ANSWERS})?(?= && |\n|$)")
def _zypper(session: Session, line: str) -> int:
    return _manager(session, "zypper", line)


@phrase("dnf ", rf"([^\n]*?)(?:{_ANSWERS})?(?= && |\n|$)")
def _dnf(session: Session, line: str) -> int:
    return _manager(session, "dnf", line)


@phrase("yum ", rf"([^\n]*?)(?:{_ANSWERS})?(?= && |\n|$)")
def _yum(session: Session, line: str) -> int:
    return _manager(session, "yum", line)


def _manager(session: Session, command: str, line: str) -> int:
    """A package manager that only asks, or downloads."""
    node = session.node
    if node.flavour.manager != command:
        session.err.append(f"sh: {command}: command not found\n")
        return 127
    words = line.split()
    verb, names = _told(words)
    if node.faults().get("repository_gone") and "-C" not in words:
        session.err.append("Error: Failed to download metadata for repo\n")
        return 1
    try:
        _has_repository(node, words)
        return _VERBS[verb](session, words, names)
    except _Failed as why:
        session.err.append(f"{why}\n")
        return 1


def _has_repository(node: Node, words: list[str]) -> None:
    """See that the update's repository is set up, unless the command brings its own.

    Raises _Failed.
    """
    changes = {"install", "downgrade"} & {*words}
    if not changes or any(_CHECK in word for word in words) or "--assumeno" in words:
        return
    if "\nenabled=1\n" not in node.files.read(f"{node.flavour.folder}/{UPDATE}.repo"):
        raise _Failed(f"Error: there is no repository {UPDATE}")


def _told(words: list[str]) -> tuple[str, list[str]]:
    """The verb of a package manager's command line, and what it is about."""
    verb = next((word for word in words if word in _VERBS), "")
    if not verb:
        raise Unknown(f"the simulation does not know what `{' '.join(words)}` does")
    rest = words[words.index(verb) + 1 :]
    froms = {i + 1 for i, word in enumerate(rest) if word in ("--from", "--repo")}
    return verb, [w for i, w in enumerate(rest) if not w.startswith("-") and i not in froms]


def _refresh(session: Session, words: list[str], names: list[str]) -> int:
    return 0


def _newer(session: Session, words: list[str], names: list[str]) -> int:
    """What DAOS's repository has newer: DAOS itself, and what else it holds."""
    node = session.node
    held = session.node.cluster.repositories.get(node.flavour.name, {})
    for name in sorted(node.packages):
        builds = held.get(name)
        if not builds or newest([*builds, *node.packages[name]]) in node.packages[name]:
            continue
        if node.flavour.manager == "zypper":
            edition = newest(builds)
            kind = 'kind="package"'
            session.out.append(
                f'<update name="{name}" edition="{edition}" arch="{_arch(name)}" {kind}></update>\n'
            )
        else:
            shown = f"{name}.{_arch(name)}    {newest(builds)}    daos-offline-check\n"
            session.out.append(shown)
    return 0


_ZYPPER = """\
Loading repository data...
Reading installed packages...
Resolving package dependencies...

The following packages are going to be upgraded:
  {packages}

"""


def _install(session: Session, words: list[str], names: list[str]) -> int:
    """Resolve, download, or test; what changes packages is a transaction of its own."""
    node = session.node
    wanted = chosen(node, names)
    only_tests = "--setopt=tsflags=test" in words
    if {"--downloadonly", "--download-only"} & {*words} or (only_tests and "-C" not in words):
        if node.files.is_full("/var/cache"):
            raise _Failed("Error: No space left on device")
        node.fetched |= {f"{name}-{build}" for name, build in wanted}
    if node.flavour.manager == "zypper":
        session.out.append(_ZYPPER.format(packages=" ".join(name for name, _ in wanted)))
        return 0
    source = "daos-offline-check" if "--assumeno" in words else UPDATE
    new = [(name, build) for name, build in wanted if build not in node.packages.get(name, ())]
    if not new:
        session.out.append("Dependencies resolved.\nNothing to do.\nComplete!\n")
        return 0
    session.out.append("Dependencies resolved.\nUpgrading:\n")
    session.out += [f" {name}  {_arch(name)}  {build}  {source}  10 k\n" for name, build in new]
    if "--assumeno" in words:
        session.err.append("Operation aborted.\n")
        return 1
    return 0


_VERBS = {
    "refresh": _refresh,
    "clean": _refresh,
    "check-update": _newer,
    "list-updates": _newer,
    "install": _install,
    "downgrade": _install,
}


def chosen(node: Node, names: Iterable[str]) -> list[tuple[str, str]]:
    """The builds that a package manager takes for what it is told. Raises _Failed."""
    held = node.cluster.repositories.get(node.flavour.name, {})
    found = []
    for word in names:
        name, release = re.split(r"=|-(?=\d)", word, maxsplit=1)
        name = name.removesuffix(".noarch")
        release = release.removesuffix(f".{_arch(name)}")
        builds = [
            build
            for build in {*held.get(name, ()), *node.packages.get(name, ())}
            if build == release or build.startswith(f"{release}-")
        ]
        if not builds:
            raise _Failed(f"No match for argument: {word}\nError: Unable to find a match: {word}")
        found.append((name, newest(builds)))
    return found


# A transaction


@phrase(
    "(umask 077; : > ",
    r"\S+\); chmod 600 \S+; \("
    r"((?:if \[ [^\n]*?; then rpm -e \S+; fi && )*)"
    r"\((?:folder=\$\(mktemp -d\) \|\| exit 1\ntrap [^\n]*\nfor file in .*?\ndone\n)?"
    r"([^\n]*?)(?: \|\| case \$\? in [^\n]*? esac)?\)"
    r" && old=\$\(rpm -q --queryformat 'has %\{NAME\} (%\{VERSION\}(?:-%\{RELEASE\})?) [^']*' "
    r"([\w -]+) \| awk '[^']*?\$3 == \"([\w.-]+)\"[^']*'\)"
    r' && if \[ -n "\$old" \]; then rpm -e \$old; fi\)'
    r" > \S+ 2>&1 < /dev/null; code=\$\?; .*; exit \$code",
)
def _transaction(session: Session, tidy: str, line: str, tag: str, names: str, target: str) -> int:
    node = session.node
    if node.transaction:
        session.wait(lambda: node.transaction is None, node)
    going = Transaction(node, line, names.split(), target, "RELEASE" in tag)
    node.transaction = going
    node.files.write(LOG, "")
    for name, old in _TIDIED.findall(tidy):
        build = old.removeprefix(f"{name}-").removesuffix(f".{_arch(name)}")
        if len(node.packages.get(name, ())) > 1 and build in node.packages[name]:
            change(node, "removed", name, build)
    going.begin()
    session.wait(lambda: going.code is not None, going)
    code = going.code or 0
    if code:
        session.out.append("\n".join(going.said) + "\n")
    return code


class Transaction:
    """A package transaction on a node, which goes on without whoever has begun it.

    + code: its exit code; None while it runs
    + said: its lines
    """

    def __init__(self, node: Node, line: str, names: list[str], target: str, by_build: bool):
        self._node, self._line = node, line
        self._names, self._target, self._by_build = names, target, by_build
        self.code: int | None = None
        self.said: list[str] = []
        self._todo: list[tuple[str, str, str]] = []  # what is done: "installed" or "removed"
        self.pid, self._rpm = next(node.pids), next(node.pids)

    @property
    def processes(self) -> list[tuple[int, str, str]]:
        """What runs of it: the id of each process, its name, and its command line."""
        name = self._node.flavour.manager
        line = self._line.replace('"$folder"', _FOLDER).partition(f"{name} ")[2]
        if name != "zypper":
            return [(self.pid, name, f"/usr/bin/{name} {line}")]
        at_work = [(self.pid, name, f"{name} {line}")]
        if self._todo:  # it has rpm do it
            _, package, build = self._todo[0]
            at_work.append((self._rpm, "rpm", f"{_RPM}{package}-{build}.{_arch(package)}.rpm"))
        return at_work

    def begin(self) -> None:
        """Resolve, and begin to write."""
        node = self._node
        words = self._line.split()
        _, names = _told(words)
        try:
            _has_repository(node, words)
            wanted = chosen(node, names)
            self._check(wanted, words)
        except (_Failed, Full) as why:
            self._fails(str(why))
            return
        new = [(name, build) for name, build in wanted if build not in node.packages.get(name, ())]
        if node.flavour.manager != "zypper":  # rpm has those last that need others
            new.sort(key=lambda it: it[0].startswith("daos-"))
        each = [
            (
                ("installed", name, build),
                [("removed", name, old) for old in node.packages.get(name, ())],
            )
            for name, build in new
        ]
        if node.flavour.manager == "zypper":  # which has rpm update one package after the other
            self._todo = [it for first, rest in each for it in (first, *rest)]
        else:
            self._todo = [first for first, _ in each]
            self._todo += [it for _, rest in reversed(each) for it in rest]
        if new and node.faults().get("rpm_fails"):
            self._is_refused(new)
            return
        node.cluster.clock.later(_WRITTEN + self._pause, self._next)

    def _is_refused(self, new: list[tuple[str, str]]) -> None:
        """No package of DAOS lets itself be installed; zypper goes on to no other after that."""
        for name, build in new[:1] if self._node.flavour.manager == "zypper" else new:
            version = build.partition("-")[0]
            if not _is_own(name):
                old = self._node.packages.get(name, ())[:]
                change(self._node, "installed", name, build)
                for it in old:
                    change(self._node, "removed", name, it)
                continue
            self._node.record("rpm", "failed", package=name, version=version, build="")
            package = f"{name}-{build}.{_arch(name)}"
            self.said.append(f"error: %prein({package}) scriptlet failed, exit status 1")
        self._fails("Error: Transaction failed")

    @property
    def _pause(self) -> float:
        """How many seconds the next package takes more than usual: one of a role."""
        what, name, _ = self._todo[0] if self._todo else ("", "", "")
        delayed = what == "installed" and name.startswith("daos-")
        return float(self._node.faults().get("rpm_delay", 0)) if delayed else 0.0

    def _check(self, wanted: Iterable[tuple[str, str]], words: list[str]) -> None:
        node = self._node
        for name, build in wanted:
            there = build in node.packages.get(name, ()) or f"{name}-{build}" in node.fetched
            if not there and ("-C" in words or "--no-refresh" in words):
                raise _Failed(f"Error: Package {name}-{build} is not in the cache")
        if node.files.is_full(_RPM_DATABASE):
            raise _Failed("Error: Transaction test error: needs more space on the / filesystem")

    def _next(self) -> None:
        """The next package is written, or the old one of it removed."""
        node = self._node
        if node.transaction is not self or not node.up:
            return
        if not self._todo:
            self._erases()
            return
        what, name, build = self._todo.pop(0)
        change(node, what, name, build)
        if node.faults().get("rpm_dies"):
            self._fails("Killed", 137)
            return
        takes = _WRITTEN if what == "installed" else _REMOVED
        node.cluster.clock.later(takes + self._pause, self._next)

    def _erases(self) -> None:
        """What stands beside the target is erased."""
        node = self._node
        for name in self._names:
            builds = node.packages.get(name, [])
            new = [build for build in builds if self._is_target(build)]
            for old in [build for build in builds if new and build not in new]:
                change(node, "removed", name, old)
        self._ends(0)

    def _is_target(self, build: str) -> bool:
        return (build if self._by_build else build.partition("-")[0]) == self._target

    def dies(self) -> None:
        """The package manager is killed."""
        self._fails("Killed", 137)

    def _fails(self, why: str, code: int = 1) -> None:
        self.said += why.splitlines()
        self._ends(code)

    def _ends(self, code: int) -> None:
        self.code = code
        self._node.transaction = None
        clock = self._node.cluster.clock
        if clock.moved:
            clock.moved(self)
            clock.moved(self._node)


def change(node: Node, what: str, name: str, build: str) -> None:
    """One package is written or removed, with what its scripts do."""
    builds = node.packages.setdefault(name, [])
    if what == "installed":
        builds.append(build)
    else:
        builds.remove(build)
        if not builds:
            del node.packages[name]
    version = build.partition("-")[0]
    for path in _configuration(name, version) if what == "installed" else ():
        if path in node.files:  # it is not as the package has it: the site has changed it
            node.files.write(f"{path}.rpmnew", "")
    if _is_own(name):  # others have no scripts that tell
        node.record("rpm", what, package=name, version=version, build=build)


def _configuration(name: str, version: str) -> list[str]:
    """The files that a package brings which sites change."""
    own = [_CONFIGURATION[name]] if name in _CONFIGURATION else []
    own += ["daos_control.yml"] if name == package_of_dmg(version) else []
    return [f"{ETC}/{file}" for file in own]


def repositories_of(node: Node, versions: Iterable[str]) -> dict[str, list[str]]:
    """What a repository for a node's distribution holds of these releases."""
    held: dict[str, list[str]] = {}
    for version in sorted(versions, key=releases.numbers):
        for name in packages_of(_ROLES, version):
            held.setdefault(name, []).append(f"{version}-{node.flavour.release}")
    return held
