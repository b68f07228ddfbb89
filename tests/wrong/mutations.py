"""The wrong procedures as data: what is wrong in each, and who catches it.

A gate catches a procedure if it refuses with a finding of the expected code before any rule is
broken. What a gate prevents is seen once it is taken out, too: then the referee says which rule the
procedure breaks.
"""

from __future__ import annotations

from dataclasses import dataclass

from .mutated import Edit

DEPLOY = "deploy.py"
ROLLBACK = "deploys/rollback.py"


@dataclass(frozen=True)
class Wrong:
    """A wrong procedure.

    + name: the end of its test's id
    + words: what is wrong, as it stands in docs/rules.md
    + edits: what makes it wrong
    + gate: the code of the finding by which a gate catches it, "" if none does
    + otherwise: the code of the gate that catches it where pyinfra takes the nodes in another order
    + breaks: the rules that the referee says are broken: without the gate, or where none is
    + perhaps: rules that are broken with these by chance
    + flags: what is typed after the procedure's name
    + scene: what the lab is brought to first, by its name in scenes.py
    + while_it_runs: what happens in the middle of it, by its name in scenes.py
    + file: the procedure that is typed
    """

    name: str
    words: str
    edits: tuple[Edit, ...] = ()
    gate: str = ""
    otherwise: str = ""
    breaks: frozenset[str] = frozenset()
    perhaps: frozenset[str] = frozenset()
    flags: tuple[str, ...] = ("-y",)
    scene: str = ""
    while_it_runs: str = ""
    file: str = DEPLOY


@dataclass(frozen=True)
class Rule:
    """A rule with its gate, shown by a wrong procedure with the gate and without it.

    + rule: "R1"
    + gate: the function in operations/ that is the gate
    + looks_at: what it judges, as it stands in docs/rules.md
    + wrong: the procedure; `wrong.breaks` is what the referee says once the gate is taken out
    + without: the edits that take the gate out
    + harmed: whether the gate can only tell that the rule has been broken, and end the run
    """

    rule: str
    gate: str
    looks_at: str
    wrong: Wrong
    without: tuple[Edit, ...]
    harmed: bool = False


def _cut(file: str, old: str) -> Edit:
    return Edit(file, old, "")


def _empty(docstring: str, file: str = "operations/rules/gates.py", indent: int = 4) -> Edit:
    """A gate that finds nothing any more, told by the end of its docstring.

    + indent: of the function's body, blanks
    """
    return Edit(file, docstring, f"{docstring}{' ' * indent}return []\n")


def _line(call: str) -> str:
    return f"{call}\n"


ALONE = _line('lock.locked(name="Keep other runs away")')
REPOSITORY = _line('packages.repository(name="Set up the repository of the target release")')
HELD = _line('boot.held(name="Keep DAOS from starting at boot")')
AGENTS_STOPPED = _line('services.agents_stopped(name="Stop daos_agent wherever it runs")')
ENGINES_STOPPED = _line('system.stopped(name="Stop the engines: dmg system stop")')
SERVERS_STOPPED = _line('services.servers_stopped(name="Stop daos_server on the servers")')
UPDATED = _line('packages.updated(name="Update the DAOS packages on all nodes")')
SERVERS_STARTED = _line('services.servers_started(name="Start daos_server on the servers")')
JOINED = _line('system.joined(name="Wait until every engine has joined")')
SEEN = _line('pools.seen(name="See that all pools are there")')
AGENTS_STARTED = _line('services.agents_started(name="Start daos_agent where it ran")')
RELEASED = _line('boot.released(name="Let DAOS start at boot where it did before")')
WORKING = _line('clients.working(name="See that the clients reach DAOS")')


def _without(*lines: str) -> tuple[Edit, ...]:
    return tuple(_cut(DEPLOY, line) for line in lines)


def _before(line: str, other: str) -> tuple[Edit, ...]:
    """The step `line` moved to right before the step `other`."""
    return _cut(DEPLOY, line), Edit(DEPLOY, other, line + other)


def _only(role: str, line: str) -> Edit:
    """The step called on the nodes of one role alone."""
    return Edit(DEPLOY, line, f'if "{role}" in host.groups:\n    {line}')


NO_HEALTH_CHECK = Edit(
    "operations/checks/health.py",
    "return judgements.healthy(current, current.start)",
    "return []",
)
NO_NEED = _empty('is the release of before, to which no engine has to go back yet\n    """\n')
NO_JUDGE_START = _empty(
    '"""R1: what was healthy when it was examined, perhaps long ago, still is, and is unused."""\n',
    "operations/machinery/judgements.py",
)
AGENTS_MAY_RUN = _empty('"""R2: no agent runs anywhere, on whatever kind of node it is."""\n')
MAY_BE_USED = _empty(
    '    """R2: no dfuse mount, and no application that has libdaos mapped.\n\n'
    '    + only: the nodes that matter, None for all\n    """\n'
)
ENGINES_MAY_RUN = _empty(
    "`dmg system query` answers, None if the management service does not answer\n"
    '    + accepted: ranks that may be missing\n    """\n'
)
MAY_BE_BUSY = _empty('      while the servers serve on the target already\n    """\n')
MAY_BE_OLD = _empty('"""R5, R6: every node of a role has the target release, and no other."""\n')
AGENTS_MAY_START = _empty(
    '"""R6: every rank is Joined, on engines that run, and the nodes are at the target."""\n',
    "operations/services.py",
)
MAY_START_AT_BOOT = _empty(
    "by itself when it reboots, and what it did before is remembered."
    '\n\n    + only: the nodes that matter, None for all\n    """\n'
)
MAY_GO_BACK = _empty('    any more has been through the whole update.\n    """\n')
MAY_START_LOWER = _empty(
    '"""R12: no daos_server starts on a lower release than engines have been started on there."""\n'
)
MAY_BE_TWO = Edit(
    "operations/machinery/run.py",
    "self.alone: Callable[[], bool] = lambda: False",
    "self.alone: Callable[[], bool] = lambda: True",
)
NO_STOP_AT_TROUBLE = Edit(
    "operations/machinery/step.py", "elif current.state.failed_hosts:", "elif False:"
)
MAY_BE_SILENT = _empty(
    '"""Every node answers: what is not known to be stopped is not stopped."""\n'
)

_OUTDATED = "    return node.version != current.target\n"
_SYSTEM_STOP = 'current.dmg.ask("system stop", timeout)'
_FORMAT = """\
    yield verify(current, lambda: current.dmg.ask("storage format --force", 120) and None)
"""
_JOINED_ACT = "    yield verify(current, lambda: _wait_joined(current))\n"
_STOPPED_ACT = "    yield verify(current, lambda: _stop(current))\n"
_ERASE = """\
    yield verify(current, lambda: current.dmg.ask("system erase", 120) and None)
"""


def _skip(node: str) -> Edit:
    """The package update passes over a node."""
    return Edit(
        "operations/packages.py",
        _OUTDATED,
        f'    return node.version != current.target and name != "{node}"\n',
    )


RULES = (
    Rule(
        "R1",
        "judgements.healthy",
        "every rank Joined and every pool whole, or stopped by this very update",
        Wrong(
            "not-whole",
            "the examination does not look at ranks and pools, and a rank is excluded",
            (NO_HEALTH_CHECK,),
            gate="not-joined",
            breaks=frozenset({"R1"}),
            scene="a rank is excluded",
        ),
        (NO_JUDGE_START,),
    ),
    Rule(
        "R2",
        "gates.agents_stopped",
        "no `daos_agent` runs on any node, before engines or servers are stopped",
        Wrong(
            "agents-left-running",
            "the agents are not stopped",
            _without(AGENTS_STOPPED),
            gate="agent-running",
            breaks=frozenset({"R2"}),
        ),
        (AGENTS_MAY_RUN,),
    ),
    Rule(
        "R2",
        "gates.unused",
        "no dfuse mount and no application on any client, unless the site allows to evict them",
        Wrong(
            "evicted",
            "the examination does not look for applications, and one is connected",
            (NO_HEALTH_CHECK,),
            gate="in-use",
            breaks=frozenset({"R2"}),
            scene="an application is connected",
        ),
        (MAY_BE_USED,),
    ),
    Rule(
        "R3",
        "gates.engines_stopped",
        "every rank is Stopped, or no engine runs, before `daos_server` is stopped",
        Wrong(
            "no-system-stop",
            "there is no `dmg system stop`",
            _without(ENGINES_STOPPED),
            gate="not-stopped",
            breaks=frozenset({"R3"}),
        ),
        (ENGINES_MAY_RUN,),
    ),
    Rule(
        "R4",
        "gates.quiet",
        "no engine, `daos_server` or agent runs on any node, before packages change",
        Wrong(
            "servers-left-running",
            "`daos_server` is not stopped",
            _without(SERVERS_STOPPED),
            gate="daos-running",
            breaks=frozenset({"R4"}),
        ),
        (MAY_BE_BUSY,),
    ),
    Rule(
        "R5",
        "gates.at_target",
        "every server is at the target, before `daos_server` starts",
        Wrong(
            "a-server-not-updated",
            "the package update passes over one server",
            (_skip("daos-server-02"),),
            gate="not-at-target",
            breaks=frozenset({"R5"}),
            perhaps=frozenset({"R12"}),  # where the engines of the newer release come up first
        ),
        (MAY_BE_OLD,),
    ),
    Rule(
        "R6",
        "services.may_start_agents",
        "every rank is Joined, on every server, and nodes are at the target, before agents start",
        Wrong(
            "not-waited-for",
            "nobody waits for the engines or looks at the pools, and an engine does not come up",
            _without(JOINED, SEEN),
            gate="not-joined",
            breaks=frozenset({"R6", "R9"}),
            scene="an engine does not come up",
        ),
        (AGENTS_MAY_START,),
    ),
    Rule(
        "R7",
        "pools.seen",
        "every pool of before is there, with all its targets, before agents start",
        Wrong(
            "reformatted",
            "the storage is erased and formatted, as in a move from 1.x",
            (
                Edit("operations/system.py", _STOPPED_ACT, _STOPPED_ACT + _ERASE),
                Edit("operations/system.py", _JOINED_ACT, _FORMAT + _JOINED_ACT),
            ),
            gate="step-failed",
            breaks=frozenset({"R7"}),
        ),
        _without(SEEN, WORKING),
        harmed=True,
    ),
    Rule(
        "R8",
        "Step.commands, gates.answering",
        "no step has failed on any node, and every node answers, before any step acts",
        Wrong(
            "on-after-a-failure",
            "the update fails on one server, and `--fail-percent 100` has pyinfra go on",
            gate="stopped-at-trouble",
            breaks=frozenset({"R5", "R8"}),
            flags=("-y", "--fail-percent", "100"),
            scene="packages fail on one server",
        ),
        (NO_STOP_AT_TROUBLE, MAY_BE_SILENT),
    ),
    Rule(
        "R9",
        "gates.at_target",
        "every node is at the target, before agents start",
        Wrong(
            "resumed-halfway",
            "a run that resumes takes the packages for updated, and one client's are not",
            (
                Edit(
                    "operations/packages.py",
                    _OUTDATED,
                    "    done = current.start.record is not None\n"
                    "    return node.version != current.target and not done\n",
                ),
            ),
            gate="not-at-target",
            breaks=frozenset({"R6", "R9"}),
            scene="the update has failed on the client",
        ),
        (MAY_BE_OLD,),
    ),
    Rule(
        "R10",
        "gates.needed",
        "some node is not at the target, before anything stops",
        Wrong(
            "nothing-to-update",
            "agents are stopped whether or not there is something to update",
            (
                Edit(
                    "operations/services.py",
                    "return current.start.concerns(name) and node.runs(AGENT)",
                    "return node.runs(AGENT)",
                ),
            ),
            gate="not-needed",
            breaks=frozenset({"R1", "R10"}),
            scene="all is updated",
        ),
        (NO_NEED, MAY_BE_TWO),
    ),
    Rule(
        "R11",
        "gates.held",
        "no unit is enabled on any node, and what was is remembered, before anything stops",
        Wrong(
            "starts-at-boot",
            "the services stay enabled, and a server reboots inside the window",
            _without(HELD),
            gate="starts-at-boot",
            breaks=frozenset({"R11"}),
            while_it_runs="a server reboots before packages change",
        ),
        (MAY_START_AT_BOOT,),
    ),
    Rule(
        "R12",
        "gates.never_started",
        "no engine has started on the release that is left, before packages go back",
        Wrong(
            "back-after-a-start",
            "the way back is not examined, and engines have run on the new release",
            (_cut("operations/rollback.py", "    found += gates.never_started(current.start)\n"),),
            gate="engine-started",
            breaks=frozenset({"R12"}),
            scene="engines have started on the new release",
            file=ROLLBACK,
        ),
        (MAY_GO_BACK, MAY_START_LOWER),
    ),
)

# On one lab, in this order: each begins where the one before was refused
GATED = (
    Wrong(
        "not-alone",
        "nothing keeps another run away that begins at the same time",
        _without(ALONE),
        gate="not-alone",
    ),
    Wrong(
        "no-repository",
        "the repository of the target release is not set up",
        _without(REPOSITORY),
        gate="packages-not-available",
    ),
    Wrong(
        "serial",
        "`--serial` is let through: all steps on one node, then on the next",
        (
            Edit(
                "operations/machinery/commandline.py",
                "return [reason for flag, reason in _IMPOSSIBLE.items() if _typed.get(flag)]",
                "return []",
            ),
        ),
        gate="not-alone",
        otherwise="not-stopped",  # the server of the lock is the first
        flags=("-y", "--serial"),
    ),
    Wrong(
        "agents-before-services",
        "the agents are stopped before the services are disabled",
        _before(AGENTS_STOPPED, HELD),
        gate="starts-at-boot",
    ),
    Wrong(
        "role-by-role",
        "steps are called on the nodes of one role alone, and pyinfra makes an order of its own",
        (
            Edit(
                DEPLOY,
                "from operations import boot",
                "from pyinfra import host\n\nfrom operations import boot",
            ),
            _only("clients", AGENTS_STOPPED),
            _only("admins", ENGINES_STOPPED),
            _only("servers", SERVERS_STOPPED),
            _only("servers", SERVERS_STARTED),
            _only("admins", JOINED),
            _only("admins", SEEN),
            _only("clients", AGENTS_STARTED),
            _only("clients", WORKING),
        ),
        gate="not-stopped",
    ),
    Wrong(
        "servers-before-engines",
        "`daos_server` is stopped before `dmg system stop`",
        _before(SERVERS_STOPPED, ENGINES_STOPPED),
        gate="not-stopped",
    ),
    Wrong(
        "stop-not-seen",
        "nobody looks what came of `dmg system stop`, and an engine could not be prepared for it",
        (
            Edit(
                "operations/system.py",
                _STOPPED_ACT,
                '    yield verify(current, lambda: current.dmg.ask("system stop") and None)\n',
            ),
        ),
        gate="not-stopped",
        scene="an engine cannot be prepared for a stop",
    ),
    Wrong(
        "packages-before-servers",
        "packages are updated before `daos_server` is stopped",
        _before(UPDATED, SERVERS_STOPPED),
        gate="daos-running",
    ),
    Wrong(
        "a-server-not-stopped",
        "one server is passed over when `daos_server` is stopped",
        (
            Edit(
                "operations/services.py",
                "return current.start.opens_window and (node.runs(SERVER) or bool(node.engines))",
                "return current.start.opens_window and node.runs(SERVER) and name != 'daos-server-02'",
            ),
        ),
        gate="daos-running",
    ),
    Wrong(
        "no-packages",
        "packages are not updated",
        _without(UPDATED),
        gate="not-at-target",
    ),
    Wrong(
        "servers-before-packages",
        "`daos_server` is started before packages are updated",
        _before(SERVERS_STARTED, UPDATED),
        gate="not-at-target",
    ),
    Wrong(
        "agents-before-servers",
        "the agents are started before packages are updated and `daos_server` is started",
        _before(AGENTS_STARTED, UPDATED),
        gate="no-engine",
    ),
    Wrong(
        "enabled-too-early",
        "the services are enabled again before packages are updated",
        _before(RELEASED, UPDATED),
        gate="no-engine",
    ),
    Wrong(
        "a-client-not-updated",
        "the package update passes over the client",
        (_skip("login-01"),),
        gate="not-at-target",
    ),
)

# On a lab whose admin node is nothing else
ADMIN_LEFT = Wrong(
    "an-admin-not-updated",
    "the package update passes over the admin node",
    (_skip("daos-admin-01"),),
    gate="not-at-target",
)

# Nobody but the referee sees these
REFEREED = (
    Wrong(
        "by-force",
        "`dmg system stop --force`",
        (
            Edit(
                "operations/system.py",
                _SYSTEM_STOP,
                'current.dmg.ask("system stop --force", timeout)',
            ),
        ),
        breaks=frozenset({"R3"}),
    ),
    Wrong(
        "left-disabled",
        "what was enabled is not enabled again",
        _without(RELEASED),
        breaks=frozenset({"R11"}),
    ),
    Wrong(
        "enabled-since-it-ran",
        "what ran before is enabled at the end, not what was enabled, and an agent ran only",
        (
            Edit(
                "operations/boot.py",
                "for unit in node.record.enabled if node.record else ():",
                "for unit in node.record.running if node.record else ():",
            ),
        ),
        breaks=frozenset({"R11"}),
        scene="an agent runs without being enabled",
    ),
    Wrong(
        "forgetful",
        "a run that resumes forgets which agents ran, and one was not enabled",
        (
            Edit(
                "operations/rules/start.py",
                " or (node.record is not None and unit in node.record.running)",
                "",
            ),
        ),
        breaks=frozenset({"R9"}),
        scene="a run was killed, and an agent ran without being enabled",
    ),
)
