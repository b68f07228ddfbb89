"""The fifth stage: the storage is reformatted by 2.x. What is not in the backup is gone then."""

import sys
from collections.abc import Iterator
from contextlib import suppress

from pyinfra.api import Host
from pyinfra.context import ctx_state

from ..daos import dmg
from ..daos.dmg import DmgError
from ..daos.node import SERVER, Node
from ..examine import refuse
from ..machinery import commandline, judgements, run
from ..machinery.prompt import ask
from ..machinery.run import say
from ..machinery.step import attempt
from ..rules import gates
from ..rules.findings import Finding, about
from ..rules.members import hopeless
from ..rules.view import View
from . import contents, conversion, formatting, install, settled, verification
from .copying import copiers, destination
from .record.backed_up import of_each, why_not_backed_up
from .record.record import Container, Migration
from .run import MigrationRun


def findings(current: MigrationRun) -> list[Finding]:
    """What stands in the way of reformatting; the name of the system is asked for afterwards."""
    found = why_not_backed_up(current)
    found += serving_old(current)
    found += in_order(current.migration)
    found += destination.findings(current)
    if not found:
        found += install.why_not_installed(current)
        found += _not_converted(current)
        found += _served_since(current, current.start)
    return found


def confirmed() -> None:
    """Ask for the name of the system that is reformatted, unless it stands among the data.

    Raises DeployError where it is another one, or nobody can be asked.
    """
    current = run.of(ctx_state.get())
    assert isinstance(current, MigrationRun)
    current.shared.get("confirmed", lambda: _confirm(current), fresh=float("inf"))
    if current.refusals or current.interrupted:
        refuse(current)


def _confirm(current: MigrationRun) -> None:
    if "format" not in current.migration.done:
        current.refused(_typed(current))


def learn(current: MigrationRun) -> None:
    """The ranks of the new system, and what its configuration still lacks."""
    current.learn_ranks()
    conversion.learn(current)


def would_be_lost(current: MigrationRun) -> list[Finding]:
    """What reformatting would destroy, as far as it is known: 1.x serves, and holds more."""
    held = why_not_backed_up(current) if current.migration.recorded else []
    return serving_old(current) + held


def serving_old(current: MigrationRun) -> list[Finding]:
    """1.x serves: it may hold more than the backup by now."""
    if not contents.serves_old(current, current.start):
        return []
    return about(
        "still-serving",
        current.start.groups["servers"],
        f"DAOS {current.migration.before or '1.x'} still serves there, and "
        "may be written to: type stage=install, which compares it with the backup and stops it",
    )


def in_order(record: Migration) -> Iterator[Finding]:
    """Every container is backed up, verified, and was seen unchanged afterwards."""
    for container in record.to_carry:
        if not container.backed_up or not container.verified:
            continue  # that is said by `why_not_backed_up`
        if container.verified < container.backed_up:
            message = f"the backup of {container} is newer than its verification: type stage=verify"
            yield Finding("not-verified", (), message)
        if not record.compared or not container.unchanged or record.compared < container.backed_up:
            message = "was not seen to be in DAOS as it is in the backup before DAOS was stopped"
            yield Finding("not-compared", (), f"{container} {message}: type stage=install")


def _served_since(current: MigrationRun, view: View) -> list[Finding]:
    """DAOS was let go of after the comparison: whoever has used it since, has changed it."""
    if "format" in current.migration.done:
        return []
    return about(
        "served-since",
        install.other_window(current.migration, view),
        "it is not stopped any more by the stage install, so DAOS may have been used after it was "
        "compared with the backup: bring 1.x back into service, then type stage=install again",
    )


def _not_converted(current: MigrationRun) -> list[Finding]:
    names = {name for change in current.configuration for name in change["hosts"]}
    files = ", ".join(sorted({change["path"] for change in current.configuration}))
    return about("not-converted", sorted(names), f"{files}: 2.x cannot read it: type stage=install")


def _typed(current: MigrationRun) -> list[Finding]:
    """The name of the system, as data or at the terminal, is the one that is reformatted."""
    name = current.migration.system
    typed = current.site.system_name
    if commandline.dry() and not typed:
        return []
    if not typed and not sys.stdin.isatty():
        message = f"the storage of {name} would be reformatted. To say so, add --data system={name}"
        return [Finding("not-confirmed", (), message)]
    if not typed:
        say(f"All that DAOS system {name} holds will be gone, but for the backup in")
        say(f"{current.site.backup_path}. There is no way back from here.")
        try:
            typed = ask("Type the name of the system to reformat it: ")
        except EOFError:  # Ctrl-D
            return [Finding("not-confirmed", (), "no name was typed: nothing is reformatted")]
        current.site = current.site.model_copy(update={"system_name": typed})
    return _wrong_name(current)


def _wrong_name(current: MigrationRun) -> list[Finding]:
    name, typed = current.migration.system, current.site.system_name
    if typed != name:
        message = f"the system is not {typed!r}, but {name}: nothing is reformatted"
        return [Finding("wrong-system", (), message)]
    return []


def _to_format(current: MigrationRun, name: str, node: Node) -> bool:
    return "format" not in current.migration.done


def _to_read_back(current: MigrationRun, name: str, node: Node) -> bool:
    begun = _begun(current, current.asked)
    return _to_format(current, name, node) and not begun and copiers.is_first(current, name, node)


def _begun(current: MigrationRun, view: View) -> bool:
    """Whether a server has been formatted: an engine of 2.x runs, and DAOS's own copy is gone."""
    return bool(current.migration.formatting) and view.serving


@attempt("clients", need=_to_read_back, prepares=True, code="backup-differs")
def read_back(current: MigrationRun, here: Host) -> str | None:
    """Read the whole backup once more, now that it is about to be all there is.

    A bit that has flipped since the verification is found while DAOS still has the file.
    """
    return verification.each_backup(current, here, _judged)


def _judged(current: MigrationRun, container: Container, equal: bool) -> str | None:
    if equal:
        current.read_back.add(container.uuid)
        return None
    return (
        "DAOS still has these files: put them back from elsewhere, or bring 1.x back "
        "(`pyinfra inventory deploys/rollback.py`) and type stage=backup again"
    )


def _may_format(current: MigrationRun, view: View) -> list[Finding]:
    """The point of no return: all of it is looked at again, right before it."""
    down = view.where(lambda node: not node.serves(SERVER), "servers")
    return [
        *why_not_backed_up(current),
        *in_order(current.migration),
        *_wrong_name(current),
        *_served_since(current, view),
        *([] if _begun(current, view) else _not_read_back(current)),
        *gates.all_at_target(view, current.target),
        *gates.agents_stopped(view),
        *about("no-server", down, "daos_server does not run: journalctl -u daos_server -n 50"),
        *new_pools(current),
    ]


def _not_read_back(current: MigrationRun) -> list[Finding]:
    unread = [c for c in current.migration.to_carry if c.uuid not in current.read_back]
    return of_each("not-read-back", unread, "the backup of {} was not read by this run")


def new_pools(current: MigrationRun) -> list[Finding]:
    """Storage on which there is a pool of 2.x is never formatted again."""
    record = current.migration
    old = {pool.uuid for pool in record.pools}
    new = [pool.new_uuid for pool in record.pools if pool.new_uuid]
    with suppress(DmgError):  # nothing answers on storage of 1.x
        new += [pool.uuid for pool in dmg.pools(current.dmg.ask("pool list"))]
    found = sorted({uuid for uuid in new if uuid not in old})
    if not found:
        return []
    message = f"the new system has pools already ({', '.join(found)}): go on with stage=restore"
    return [Finding("has-pools", (), message)]


@attempt("admins", need=_to_format, gate=_may_format, once=True, code="format-failed")
def formatted(current: MigrationRun, here: Host) -> str | None:
    """Reformat the storage of every server: `dmg storage format --force`.

    Where an earlier run was interrupted in it, the servers that lack it are formatted, and the
    others are left alone. Source: "the DAOS storage will need to be reformatted" (DAOS 2.0).
    """
    return settled.why_not(current) or formatting.reformat(current)


@attempt("admins", need=_to_format, once=True, looks=True)
def joined(current: MigrationRun, here: Host) -> str | None:
    """Wait until as many ranks have joined the new system as the old one had, and it is empty."""
    return _wait_joined(current) or _not_empty(current)


def _wait_joined(current: MigrationRun) -> str | None:
    wanted = len(current.migration.ranks)

    def look() -> tuple[bool, str]:
        members = current.dmg.query_or_none()
        if members is None:
            return False, "waiting for the management service to answer"
        up = [member for member in members if member.state == "joined"]
        whole = not gates.joined(current.seen, members) and len(up) >= wanted
        over = whole or bool(hopeless(members, ()))
        return over, f"{len(up)} of {wanted} ranks have joined"

    if current.wait("join", look):
        return None
    members = current.dmg.query_or_none() or []
    odd = "; ".join(str(member) for member in members if member.state != "joined")
    return (
        f"not every rank has joined after {current.settings.timeouts['join']} seconds, there were "
        f"{wanted} before ({odd or f'{len(members)} are known now'}): see `dmg system query -v` "
        "and `journalctl -u daos_server` on the servers, then type the same command again"
    )


def _not_empty(current: MigrationRun) -> str | None:
    try:
        pools = dmg.pools(current.dmg.ask("pool list"))
    except DmgError as problem:
        return str(problem)
    names = ", ".join(pool.name for pool in pools)
    return f"the new system is not empty, it has {names}" if pools else None


def why_not_formatted(current: MigrationRun) -> list[Finding]:
    """What is missing for the new system to serve; nothing is an empty list."""
    found = install.why_not_installed(current)
    if found:
        return found
    return judgements.members(current, current.start, gates.joined)
