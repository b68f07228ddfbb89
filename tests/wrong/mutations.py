"""The wrong procedures as data: what is wrong in each, and who catches it.

A gate catches a procedure if it refuses with a finding of the expected code before any rule is
broken. What a gate prevents is seen once it is taken out, too: then the referee says which rule the
procedure breaks.
"""

from __future__ import annotations

from dataclasses import dataclass

from .mutated import DEPLOY, Edit, LeftOut, Moved, OnlyOn, Replaced, Waits

ROLLBACK = "deploys/rollback.py"


@dataclass(frozen=True)
class Wrong:
    """A wrong procedure.

    + name: the end of its test's id
    + words: what is wrong, as it stands in docs/rules.md
    + edits: what makes it wrong
    + gate: the code of the finding by which a gate catches it, "" if none does
    + otherwise: the code of the gate that catches it where pyinfra takes the nodes in another
      order, or servers are not as quick
    + breaks: the rules that the referee says are broken: without the gate, or where none is
    + perhaps: rules that are broken with these by chance
    + flags: what is typed after the procedure's name
    + scene: what the cluster is brought to first, by its name in simulated.py and scenes.py
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
    + gates: the functions that are the gate, named as in replaced.py
    + looks_at: what they judge, as it stands in docs/rules.md
    + wrong: the procedure; `wrong.breaks` is what the referee says once the gate is taken out
    + others: what else has to go then, so that it is seen what the gate prevents
    + harmed: whether the gate can only tell that the rule has been broken, and end the run
    """

    rule: str
    gates: tuple[str, ...]
    looks_at: str
    wrong: Wrong
    others: tuple[str, ...] = ()
    harmed: bool = False

    @property
    def without(self) -> tuple[Edit, ...]:
        """The edits that take the gate out: what finds nothing lets everything through."""
        return tuple(Replaced(name) for name in self.gates + self.others)


# A gate that is asked when steps act, and not when the cluster is examined before
NOT_EXAMINED = "lambda original, *args: original(*args) if executing() else []"


def _passes_over(need: str, node: str) -> Replaced:
    """A step, told by what needs it, that passes over a node."""
    by = f'lambda original, current, name, node: original(current, name, node) and name != "{node}"'
    return Replaced(need, by)


RULES = (
    Rule(
        "R1",
        ("judgements.healthy",),
        "every rank Joined and every pool whole, or stopped by this very update",
        Wrong(
            "not-whole",
            "the examination does not look at ranks and pools, and a rank is excluded",
            (Replaced("judgements.healthy", NOT_EXAMINED),),
            gate="not-joined",
            breaks=frozenset({"R1"}),
            scene="a rank is excluded",
        ),
    ),
    Rule(
        "R2",
        ("rules.agents_stopped",),
        "no `daos_agent` runs on any node, before engines or servers are stopped",
        Wrong(
            "agents-left-running",
            "the agents are not stopped",
            (LeftOut("services.agents_stopped"),),
            gate="agent-running",
            breaks=frozenset({"R2"}),
        ),
    ),
    Rule(
        "R2",
        ("rules.unused",),
        "no dfuse mount and no application on any client, unless the site allows to evict them",
        Wrong(
            "evicted",
            "the examination does not look for applications, and one is connected",
            (Replaced("judgements.healthy", NOT_EXAMINED),),
            gate="in-use",
            breaks=frozenset({"R2"}),
            scene="an application is connected",
        ),
    ),
    Rule(
        "R2",
        ("rules.of_their_units",),
        "no daemon of DAOS runs that its unit has not started, before any step acts",
        Wrong(
            "agent-by-hand",
            "the examination does not look for daemons that no unit has started, and there is one",
            (Replaced("rules.of_their_units", NOT_EXAMINED),),
            gate="foreign-daemon",
            breaks=frozenset({"R2", "R4"}),
            scene="an agent was started by hand",
        ),
    ),
    Rule(
        "R3",
        ("rules.engines_stopped",),
        "every rank is Stopped, or excluded without an engine, or no engine runs at all, before "
        "`daos_server` is stopped",
        Wrong(
            "no-system-stop",
            "there is no `dmg system stop`",
            (LeftOut("system.stopped"),),
            gate="not-stopped",
            breaks=frozenset({"R3"}),
            perhaps=frozenset({"R9"}),  # where engines are missed after the procedure has looked
        ),
    ),
    Rule(
        "R4",
        ("rules.quiet",),
        "no engine, `daos_server` or agent runs on any node, before packages change",
        Wrong(
            "servers-left-running",
            "`daos_server` is not stopped",
            (LeftOut("services.servers_stopped"),),
            gate="daos-running",
            breaks=frozenset({"R4"}),
        ),
    ),
    Rule(
        "R5",
        ("rules.at_target",),
        "every server is at the target, before `daos_server` starts",
        Wrong(
            "a-server-not-updated",
            "the package update passes over one server",
            (_passes_over("packages._outdated", "daos-server-02"),),
            gate="not-at-target",
            breaks=frozenset({"R5"}),
            perhaps=frozenset({"R12"}),  # where the engines of the newer release come up first
        ),
        others=("rules.one_build",),
    ),
    Rule(
        "R6",
        ("may_start_agents",),
        "every rank is Joined, on every server, and nodes are at the target, before agents start",
        Wrong(
            "not-waited-for",
            "nobody waits for the engines or looks at the pools, and an engine does not come up",
            (LeftOut("system.joined"), LeftOut("pools.seen")),
            gate="not-joined",
            otherwise="dmg-failed",  # nobody leads yet
            breaks=frozenset({"R6", "R9"}),
            scene="an engine does not come up",
        ),
    ),
    Rule(
        "R7",
        ("pools.seen",),
        "every pool of before is there, with all its targets, before agents start",
        Wrong(
            "reformatted",
            "the storage is erased and formatted, as in a move from 1.x",
            (
                Replaced(
                    "system.stopped",
                    "lambda original, current, here: chain(original(current, here), "
                    '[shell(current, here, "dmg -j system erase || true")])',
                ),
                Replaced(
                    "system.joined",
                    "lambda original, current, here: "
                    'chain([shell(current, here, "dmg -j storage format --force || true")], '
                    "original(current, here))",
                ),
            ),
            gate="step-failed",
            breaks=frozenset({"R7"}),
        ),
        others=("clients.working",),
        harmed=True,
    ),
    Rule(
        "R8",
        ("Step._earlier_failure", "rules.answering"),
        "no step has failed on any node, and every node answers, before any step acts",
        Wrong(
            "on-after-a-failure",
            "the update fails on one server, and `--fail-percent 100` has pyinfra go on",
            gate="stopped-at-trouble",
            breaks=frozenset({"R5", "R8"}),
            flags=("-y", "--fail-percent", "100"),
            scene="packages fail on one server",
        ),
    ),
    Rule(
        "R9",
        ("rules.at_target",),
        "every node is at the target, before agents start",
        Wrong(
            "resumed-halfway",
            "a run that resumes takes the packages for updated, and one client's are not",
            (
                Replaced(
                    "packages._outdated",
                    "lambda original, current, *args: "
                    "original(current, *args) and not current.start.record",
                ),
            ),
            gate="not-at-target",
            breaks=frozenset({"R6", "R9"}),
            scene="the update has failed on the client",
        ),
    ),
    Rule(
        "R10",
        ("rules.needed",),
        "some node is not at the target, before anything stops",
        Wrong(
            "nothing-to-update",
            "agents are stopped whether or not there is something to update",
            (
                Replaced(
                    "services._agent_to_stop",
                    'lambda original, current, name, node: node.runs("daos_agent.service")',
                ),
            ),
            gate="not-needed",
            breaks=frozenset({"R1", "R10"}),
            scene="all is updated",
        ),
        others=("judgements.alone",),
    ),
    Rule(
        "R11",
        ("rules.held",),
        "nothing starts a unit at boot, and what did is remembered, before anything stops",
        Wrong(
            "starts-at-boot",
            "the services stay enabled, and a server reboots inside the window",
            (LeftOut("boot.held"), Waits("packages.updated")),
            gate="starts-at-boot",
            breaks=frozenset({"R11"}),
            perhaps=frozenset({"R5"}),  # where the other server is updated until this one is up
            while_it_runs="a server reboots before packages change",
        ),
        others=("rules.traced",),
    ),
    Rule(
        "R12",
        ("rules.never_started",),
        "no engine has started on the release that is left, before packages go back",
        Wrong(
            "back-after-a-start",
            "the way back is not examined, and engines have run on the new release",
            (Replaced("rules.never_started", NOT_EXAMINED),),
            gate="engine-started",
            breaks=frozenset({"R12"}),
            scene="engines have started on the new release",
            file=ROLLBACK,
        ),
        others=("rules.never_lower",),
    ),
)

# On one cluster, in this order: each begins where the one before was refused
GATED = (
    Wrong(
        "not-alone",
        "nothing keeps another run away that begins at the same time",
        (LeftOut("lock.locked"),),
        gate="not-alone",
    ),
    Wrong(
        "no-repository",
        "the repository of the target release is not set up",
        (LeftOut("packages.repository"),),
        gate="packages-not-available",
    ),
    Wrong(
        "serial",
        "`--serial` is let through: all steps on one node, then on the next",
        (Replaced("impossible_flags"),),
        gate="not-alone",
        otherwise="not-stopped",  # the server of the lock is the first
        flags=("-y", "--serial"),
    ),
    Wrong(
        "agents-before-services",
        "the agents are stopped before the services are disabled",
        (Moved("services.agents_stopped", before="boot.held"),),
        gate="starts-at-boot",
    ),
    Wrong(
        "role-by-role",
        "steps are called on the nodes of one role alone, and pyinfra makes an order of its own",
        (
            OnlyOn("clients", "services.agents_stopped"),
            OnlyOn("admins", "pools.noted"),
            OnlyOn("admins", "system.stopped"),
            OnlyOn("servers", "services.servers_stopped"),
            OnlyOn("servers", "services.servers_started"),
            OnlyOn("admins", "system.joined"),
            OnlyOn("admins", "pools.seen"),
            OnlyOn("clients", "services.agents_started"),
            OnlyOn("clients", "clients.working"),
        ),
        gate="not-stopped",
    ),
    Wrong(
        "servers-before-engines",
        "`daos_server` is stopped before `dmg system stop`",
        (Moved("services.servers_stopped", before="system.stopped"),),
        gate="not-stopped",
    ),
    Wrong(
        "stop-not-seen",
        "nobody looks what came of `dmg system stop`, and an engine could not be prepared for it",
        (
            Replaced(
                "system.stopped",
                "lambda original, current, here: "
                '[shell(current, here, "dmg -j system stop || true")]',
            ),
        ),
        gate="not-stopped",
        scene="an engine cannot be prepared for a stop",
    ),
    Wrong(
        "packages-before-servers",
        "packages are updated before `daos_server` is stopped",
        (Moved("packages.updated", before="services.servers_stopped"),),
        gate="daos-running",
    ),
    Wrong(
        "a-server-not-stopped",
        "one server is passed over when `daos_server` is stopped",
        (_passes_over("services._server_to_stop", "daos-server-02"),),
        gate="daos-running",
    ),
    Wrong(
        "no-packages",
        "packages are not updated",
        (LeftOut("packages.updated"),),
        gate="not-at-target",
    ),
    Wrong(
        "servers-before-packages",
        "`daos_server` is started before packages are updated",
        (Moved("services.servers_started", before="packages.updated"),),
        gate="not-at-target",
    ),
    Wrong(
        "agents-before-servers",
        "the agents are started before packages are updated and `daos_server` is started",
        (Moved("services.agents_started", before="packages.updated"),),
        gate="no-engine",
    ),
    Wrong(
        "enabled-too-early",
        "the services are enabled again before packages are updated",
        (Moved("boot.released", before="packages.updated"),),
        gate="no-engine",
    ),
    Wrong(
        "a-client-not-updated",
        "the package update passes over the client",
        (_passes_over("packages._outdated", "login-01"),),
        gate="not-at-target",
    ),
)

# On a cluster whose admin node is nothing else
ADMIN_LEFT = Wrong(
    "an-admin-not-updated",
    "the package update passes over the admin node",
    (_passes_over("packages._outdated", "daos-admin-01"),),
    gate="not-at-target",
)

BY_FORCE = Wrong(
    "by-force",
    "`dmg system stop --force`",
    (
        Replaced(
            "DmgSession.ask",
            "lambda original, dmg, line, *args, **named: original("
            'dmg, line.replace("system stop", "system stop --force"), *args, **named)',
        ),
    ),
    breaks=frozenset({"R3"}),
)

# Nobody but the referee sees these
REFEREED = (
    BY_FORCE,
    Wrong(
        "left-disabled",
        "what was enabled is not enabled again",
        (LeftOut("boot.released"),),
        breaks=frozenset({"R11"}),
    ),
    Wrong(
        "enabled-since-it-ran",
        "what ran before is enabled at the end, whether it was or not, and an agent ran only",
        (
            Replaced(
                "boot.released",
                "lambda original, current, here: chain("
                '(shell(current, here, f"systemctl enable {unit}")'
                " for unit in current.look().node(here.name).record.running),"
                " original(current, here))",
            ),
        ),
        breaks=frozenset({"R11"}),
        scene="an agent runs without being enabled",
    ),
    Wrong(
        "forgetful",
        "a run that resumes forgets which agents ran, and one was not enabled",
        (
            Replaced(
                "ran_before",
                "lambda original, start, *args: not start.record and original(start, *args)",
            ),
        ),
        breaks=frozenset({"R9"}),
        scene="a run was killed, and an agent ran without being enabled",
    ),
)

EVERY = (*(rule.wrong for rule in RULES), *GATED, ADMIN_LEFT, *REFEREED)
