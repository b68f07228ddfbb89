"""The packages: fetched and checked while DAOS serves, then installed in one transaction a node."""

import re
import shlex
from collections.abc import Callable, Iterator
from functools import cache, partial

from pyinfra.api import Host

from .checks.dependencies import installed
from .checks.manager import trust_keys
from .daos import start_trace, window_file
from .daos.node import Node
from .daos.package_managers import LOG, REPOSITORY, REPOSITORY_DISABLED
from .daos.releases import Version
from .machinery import dependencies, judgements, packaging
from .machinery.run import Run
from .machinery.shared import JUST_NOW
from .machinery.step import Command, attempt, shell, step, verify
from .rules import gates, secrets, silence
from .rules.findings import Finding
from .rules.view import ROLES, View

# A transaction that was cut short leaves the old package beside the new one, whose files have all
# been written by then: only the old one's entry is left to be erased. Nothing is that stands alone:
# a package manager that exits 0 may have installed nothing.
_ERASE_OLD = (
    "old=$(rpm -q --queryformat"
    " 'has %{{NAME}} {tag} %{{NAME}}-%{{VERSION}}-%{{RELEASE}}.%{{ARCH}}\n' {names}"
    ' | awk \'$1 != "has" {{next}} $3 == "{target}" {{new[$2]; next}} {{old[$4] = $2}}'
    " END {{for (one in old) if (old[one] in new) print one}}')"
    ' && if [ -n "$old" ]; then rpm -e $old; fi'
)

# Into a file, not into the connection: were that to break, the package manager would die of its
# next line in the middle of the transaction.
_LINES = 16  # zypper has as many about a file that two packages have
_DETACHED = (
    "(umask 077; : > {log}); chmod 600 {log}; "  # its umask is no matter of the transaction
    "({line}) > {log} 2>&1 < /dev/null; code=$?"
    "; grep -a 'scriptlet failed' {log}"
    f"; if [ $code != 0 ]; then grep -a . {{log}} | tail -n {_LINES}; fi; exit $code"
)
# What this script fails of stays beside the new one, whatever erases it.
_KEEPS = re.compile(r"%preun\((\S+)\) scriptlet failed")
_SCRIPTLET = re.compile(r"(%\w+\(\S+\)) scriptlet failed")

# It does not end with its connection.
_LATE = (
    "the package transaction has not been seen to end, and may go on there: what it says is in "
    f"{LOG}. Type the same command again, which waits for its end, as long as timeouts['packages'] "
    "in group_data/all.py says"
)
_SILENT = "the node gives no answer after its package transaction: type the same command again"


def _transaction(current: Run, line: str, name: str, node: Node, target: Version) -> str:
    """The shell command that brings a node to exactly the target, also from half the way."""
    names = " ".join(_wanted(current, name, node, target))
    tag = "%{VERSION}-%{RELEASE}" if target.build else "%{VERSION}"
    erase = _ERASE_OLD.format(names=names, target=packaging.release(node, target), tag=tag)
    return _DETACHED.format(line=f"{dependencies.tidied(node)}({line}) && {erase}", log=LOG)


def _wanted(current: Run, name: str, node: Node, target: Version) -> list[str]:
    return packaging.wanted(node, current.start.roles(name), target)


def _outdated(current: Run, name: str, node: Node) -> bool:
    return not node.at(current.target)


@step(*ROLES, need=_outdated, prepares=True)
def repository(current: Run, here: Host) -> Iterator[Command]:
    """Set up the repository of the target release on a node that is not at the target.

    Source: "Set up the new DAOS repository" (DAOS 2.0, offline update).
    """
    node = current.look().node(here.name)
    takes = packaging.distribution(current, node)
    define = _defined(takes.manager.folder, packaging.definition(current, takes, node))
    # Keys are learnt now, since the window needs no network.
    told = cache(partial(trust_keys, current, here, node, define))
    yield verify(current, lambda: told()[0], code="signing-key")
    yield verify(current, lambda: told()[1] and f"defining the repository failed: {told()[1]}")


def _defined(folder: str, text: str) -> str:
    """The shell command that defines the repository, for root alone where it wants a password."""
    # Within a command: uploads need SFTP, which some sites switch off and login scripts can break.
    path = f"{folder}/{REPOSITORY}.repo"
    mode = 600 if secrets.masked(text) != text else 644
    write = f"(umask 077 && printf %s {shlex.quote(text)} > {path}.new)"
    return f"mkdir -p {folder} && {write} && chmod {mode} {path}.new && mv {path}.new {path}"


@attempt(*ROLES, need=_outdated, prepares=True, code="packages-not-available")
def fetched(current: Run, here: Host) -> str | None:
    """Download the packages of the target with all that they depend on, and check them.

    The package manager itself resolves; nothing is installed, and DAOS goes on serving.
    """
    node = current.look().node(here.name)
    manager = packaging.distribution(current, node).manager
    line = manager.fetch_with_os if here.name in current.procedure.os_updates else manager.fetch
    line = packaging.line_for(
        current, line, here.name, node, current.target, packaging.goes_back(current, node)
    )
    return _fails(current, here, line, packaging.NOT_FETCHED, manager.typed(line))


def _may_update(current: Run, view: View) -> list[Finding]:
    only = current.start.concerned
    path = judgements.needed(current, view) + gates.held(view, only) + gates.quiet(view, only)
    if current.start.opens_window:
        return path
    # A client that was left out before follows the servers, which are there already.
    return path + gates.at_target(view, "servers", current.target)


@step(*ROLES, need=_outdated, gate=_may_update)
def updated(current: Run, here: Host) -> Iterator[Command]:
    """Install exactly the target release, in one transaction a node, whatever its roles (R4).

    Source: "perform the RPM update to the new DAOS fix level" (DAOS 2.0, offline update).
    """
    node = current.look().node(here.name)
    manager = packaging.distribution(current, node).manager
    line = manager.install_with_os if here.name in current.procedure.os_updates else manager.install
    besides = [f"{it.name}-{it.before}" for it in current.dependencies.get(here.name, ())]
    if besides and node.record:
        save = window_file.save(node.record.replacing(besides))
        yield shell(current, here, save, "writing the record there")
    yield from _change(current, here, line, node, current.target)
    if current.procedure.from_1_x:  # its next stage may be days away
        yield shell(current, here, REPOSITORY_DISABLED, "disabling the repository")
    if current.procedure.from_1_x and "servers" in current.start.roles(here.name):
        yield shell(current, here, start_trace.handed_over(current.units.server))


@step(*ROLES, need=_outdated, gate=_may_update)
def returned(current: Run, here: Host) -> Iterator[Command]:
    """Install exactly the release of before again, in one transaction a node (R4, R12).

    Source: "it is not possible to downgrade" once an engine has started (DAOS 2.0); before that
    the packages are nothing but packages.
    """
    node = current.look().node(here.name)
    manager = packaging.distribution(current, node).manager
    newest, target = node.highest if current.target.build else node.newest, current.target
    if node.half(target) and newest:  # from half the way there is only one whole state: forward
        yield from _change(current, here, manager.finish, node, newest)
        # To half of a node there was nothing to fetch: what it goes back to was still installed.
        line = packaging.line_for(current, manager.fetch, here.name, node, target, back=True)
        typed = manager.typed(line)
        yield verify(current, lambda: _fails(current, here, line, packaging.NOT_HAD, typed))
    back = packaging.goes_back(current, node)
    yield from _change(current, here, manager.install, node, target, back)


def _change(
    current: Run, here: Host, line: str, node: Node, target: Version, back: bool = False
) -> Iterator[Command]:
    line = packaging.line_for(current, line, here.name, node, target, back)
    typed = packaging.distribution(current, node).manager.typed(line)
    line = _transaction(current, line, here.name, node, target)
    what = f"the package transaction failed, all of it is in {LOG} there"
    heard = partial(_scriptlets, current, here)
    yield verify(current, lambda: _fails(current, here, line, what, typed, heard, _LATE))
    names = _wanted(current, here.name, node, target)
    after = cache(lambda: current.node(here, JUST_NOW))
    yield verify(current, lambda: _other_than(current, after(), here, names, target))
    yield verify(current, lambda: _foreign(current, after(), here), code="foreign-package")
    if target == current.target and here.name in current.dependencies:
        yield verify(current, lambda: _left_behind(current, here))


def _scriptlets(current: Run, here: Host, output: str) -> None:
    """What a package itself has to do was not done, and rpm has installed it all the same.

    The run goes on, since all is there that was wanted, and its end says so.
    """
    found = dict.fromkeys(_SCRIPTLET.findall(output))
    current.scriptlets.setdefault(here.name, []).extend(found)


def _fails(
    current: Run,
    here: Host,
    line: str,
    what: str,
    typed: str | None = None,
    heard: Callable[[str], None] = lambda output: None,
    late: str = "",
) -> str | None:
    """Run a line on a node; None if that went well, else what it said.

    + what: what it means if the line fails
    + typed: what somebody who wants to see it again would type, where that is shorter
    + heard: is told what it said where that went well
    + late: what it means instead where no answer comes in time
    """
    timeout = current.settings.timeouts["packages"]
    done, output, errors = current.act(here, line, timeout)
    if done:
        heard(output)
        return None
    if late and silence.is_silent(errors):
        return f"{late}.\n    $ {typed or line}\n    {errors}"
    lines = [text for text in f"{output}\n{errors}".splitlines() if text.strip()]
    said = "\n".join(f"    {text}" for text in lines[-_LINES:])
    kept = " ".join(dict.fromkeys(_KEEPS.findall(output)))
    do = f". What its own script keeps, `rpm -e --noscripts {kept}` there erases" if kept else ""
    return f"{what}{do}.\n    $ {typed or line}\n{said}"


def _other_than(
    current: Run, after: Node | None, here: Host, names: list[str], target: Version
) -> str | None:
    """What a transaction that went well has not brought: a package manager may say so all the same.

    + after: the node as it is by now; None where it gives no answer
    + names: the packages that were to be there afterwards, all in the target release
    """
    if after is None:
        return _SILENT
    others = packaging.others(after, names, target)
    if others:
        return (
            f"the package manager said that all went well, and not everything is at {target}: "
            f"{'; '.join(others)}. All that it said is in {LOG} there: mend what it names (a "
            "lock, an exclude?), then type the same command again"
        )
    if target == current.target:
        current.rpmnew.setdefault(here.name, []).extend(after.rpmnew)
    return None


def _left_behind(current: Run, here: Host) -> str | None:
    """What was to change with DAOS and has not, or is there twice."""
    wanted = [(it.name, it.after) for it in current.dependencies[here.name]]
    has = installed(current, here, wanted) if wanted else []
    if has is None:
        return _SILENT
    there = {name: f"{name}-{release}" for name, release in has}
    left = [there.get(name, f"no {name}") for name, it in wanted if (name, it) not in has]
    if not left:
        return None
    return (
        "the package manager said that all went well, and what was to change with DAOS has not: "
        f"{', '.join(left)} is there. All that it said is in {LOG} there: mend what it names, "
        "then type the same command again"
    )


def _foreign(current: Run, after: Node | None, here: Host) -> str | None:
    """Packages that a transaction has brought from elsewhere than DAOS's own repository.

    + after: as of `_other_than`
    """
    if after is None:
        return _SILENT
    return packaging.foreign(current, after, current.keys.get(here.name, ()))
