"""The wrong procedures, typed on simulated clusters: `python -m tests.wrong.simulated`.

It prints what came of each, as JSON; a process of its own, since gevent changes all of it.
"""

from __future__ import annotations

import json
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from testbed import faults as lab
from testbed.referee import judge
from testbed.simulation import build, faults, process
from testbed.simulation.faults import Plan, Planted
from testbed.simulation.node import Node
from testbed.simulation.process import Outcome

from .mutated import DEPLOY, ROOT, Edit, Waits, write
from .mutations import ADMIN_LEFT, GATED, REFEREED, RULES, Wrong

Came = dict[str, Any]

_SERVER, _LOGIN = "daos-server-02", "login-01"
_NOT_ENABLED = {
    "an agent runs without being enabled",
    "a run was killed, and an agent ran without being enabled",
}
_SETTLES = 60.0  # seconds
_TRANSACTION, _STOP, _START = "(umask 077; : >", "dmg -j system stop", "systemctl start daos_server"


class Typing:
    """A cluster, and a folder in which procedures are typed."""

    def __init__(self, wrong: Wrong, folder: Path) -> None:
        version = "2.0.3" if wrong.scene == "all is updated" else "2.0.1"
        roles = {"daos-server-01": ["servers"], _SERVER: ["servers"], _LOGIN: ["admins", "clients"]}
        if wrong is ADMIN_LEFT:
            roles[_LOGIN], roles["daos-admin-01"] = ["clients"], ["admins"]
        disabled = [_LOGIN] if wrong.scene in _NOT_ENABLED else []
        self.cluster = build.cluster(
            (Node(name, has, version) for name, has in roles.items()), disabled=disabled
        )
        self._data = ["--data", "target_release=2.0.3"]
        self._data += ["--data", "start_at_boot=null"] if disabled else []
        self._folder = folder
        folder.mkdir()
        for name in ("operations", "group_data"):
            (folder / name).symlink_to(ROOT / name)

    def type(
        self, edits: Iterable[Edit] = (), file: str = DEPLOY, flags: Sequence[str] = ("-y",),
        plan: Plan | None = None,
    ) -> Outcome:  # fmt: skip
        """Type a procedure with edits."""
        write(self._folder, (edit for edit in edits if not isinstance(edit, Waits)), file)
        words = (file, *flags, *self._data)
        done = process.pyinfra(self.cluster, self._folder, *words, planted=plan or Plan())
        self.cluster = done.cluster
        return done

    def type_until(
        self, said: str, moment: str, kind: str, node: str = "", **typed: Any
    ) -> Outcome:
        """Type it; something comes before the first command of a kind, or after the last."""
        before = pickle.dumps(self.cluster)
        sent = self.type(**typed).told[1]
        self.cluster = pickle.loads(before)
        here = [number for number, it in enumerate(sent) if said in it.line]
        come = (
            (Planted(0, here[-1 if moment == "after" else 0], moment, kind, node),) if here else ()
        )
        done = self.type(**typed, plan=Plan(come))
        self.cluster.clock.pass_by(_SETTLES)
        return done

    @property
    def report(self) -> dict[str, Any]:
        """What the last run has left."""
        newest = max((self._folder / "runs").glob("2*"), key=lambda it: it.stat().st_mtime_ns)
        return dict(json.loads((newest / "report.json").read_text()))

    @property
    def broken(self) -> list[str]:
        """The rules that the referee says are broken."""
        return [it.rule for it in judge(self.cluster.events) if it.state == "broken"]


def _plants(fault: lab.Fault, name: str) -> Callable[[Typing], None]:
    def plant(typing: Typing) -> None:
        node: Any = typing.cluster.nodes[name]
        fault.plant(node)
        typing.cluster.clock.pass_by(_SETTLES)

    return plant


def _failed_on_the_client(typing: Typing) -> None:
    client: Any = typing.cluster.nodes[_LOGIN]
    lab.PACKAGES_FAIL.plant(client)
    typing.type()
    lab.PACKAGES_FAIL.mend(client)


# As tests/wrong/scenes.py has some of them for a lab.
_SCENES: dict[str, Callable[[Typing], object]] = {
    "": lambda typing: None,
    "a rank is excluded": _plants(lab.ENGINE_DIES, _SERVER),
    "an application is connected": _plants(faults.APPLICATION, _LOGIN),
    "an agent was started by hand": _plants(lab.FOREIGN_AGENT, _LOGIN),
    "an engine does not come up": _plants(lab.ENGINE_NEVER_READY, _SERVER),
    "an engine cannot be prepared for a stop": _plants(lab.ENGINE_NOT_PREPARED, _SERVER),
    "packages fail on one server": _plants(lab.PACKAGES_FAIL, _SERVER),
    "the update has failed on the client": _failed_on_the_client,
    "engines have started on the new release": lambda typing: typing.type_until(
        _START, "after", faults.KILLED.name
    ),
    "an agent runs without being enabled": lambda typing: None,
    "a run was killed, and an agent ran without being enabled": lambda typing: typing.type_until(
        _STOP, "before", faults.KILLED.name
    ),
    "all is updated": lambda typing: None,
}


def _typed(typing: Typing, wrong: Wrong, without: tuple[Edit, ...] = ()) -> Came:
    edits = (*wrong.edits, *without)
    typed: dict[str, Any] = {"edits": edits, "file": wrong.file, "flags": wrong.flags}
    if wrong.while_it_runs:
        done = typing.type_until(_TRANSACTION, "before", lab.REBOOT.name, _SERVER, **typed)
    else:
        done = typing.type(**typed)
    return _came(typing, done)


def _came(typing: Typing, done: Outcome) -> Came:
    """What came of it: how it ended, and the rules that are broken by then."""
    report = typing.report
    codes = [finding["code"] for finding in report["refusals"] + report["failures"]]
    return {
        "exit": done.exit_code,
        "output": done.output,
        "outcome": report["outcome"],
        "codes": codes,
        "broken": typing.broken,
    }


def each_alone(folder: Path) -> Iterator[tuple[str, list[Came]]]:
    """What came of each on a cluster of its own, and of it without its gate where it has one."""
    without = {rule.wrong.name: rule.without for rule in RULES}
    for wrong in (*(rule.wrong for rule in RULES), ADMIN_LEFT, *REFEREED):
        typing = Typing(wrong, folder / wrong.name)
        _SCENES[wrong.scene](typing)
        found = [_typed(typing, wrong)]
        if wrong.name in without:
            found.append(_typed(typing, wrong, without[wrong.name]))
        yield wrong.name, found


def one_after_the_other(folder: Path) -> Iterator[tuple[str, list[Came]]]:
    """What came of each on one cluster, at last of the right one."""
    typing = Typing(GATED[0], folder)
    for wrong in GATED:
        _SCENES[wrong.scene](typing)
        yield wrong.name, [_typed(typing, wrong)]
        for node in typing.cluster.nodes.values():
            node.forget_faults()
    yield "the right one", [_came(typing, typing.type())]


if __name__ == "__main__":
    process.load(ROOT)
    with tempfile.TemporaryDirectory() as place:
        came = dict(chain(each_alone(Path(place)), one_after_the_other(Path(place, "one"))))
    json.dump(came, sys.stdout)
