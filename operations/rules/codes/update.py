"""The codes of an update and of the way back; most are found by a migration as well."""

from __future__ import annotations

from .row import BEFORE, EITHER, WINDOW, Group, Row

_TYPED = Group(
    "What was typed and set",
    (
        Row(
            "bad-setting",
            BEFORE,
            "A setting is missing, misspelt, of the wrong kind, or not the same on all nodes.",
            "Correct it in `group_data/all.py`, and set it there alone. In a migration, "
            "`stage=check` has to be typed again after `leave_behind` was changed.",
        ),
        Row(
            "empty-group",
            BEFORE,
            "The inventory names no servers, no admins or no clients.",
            "List them in `inventory`.",
        ),
        Row(
            "impossible-flag",
            BEFORE,
            "`--serial`, `--no-wait`, `--limit` or `--exclude` was typed, and with it no correct "
            "update is possible.",
            "Leave the flag out.",
        ),
        Row(
            "no-config",
            BEFORE,
            "pyinfra has not read `config.py`, without which a node that fails would not stop the "
            "others.",
            "Leave out `--config`, and type the command in the folder of `config.py`.",
        ),
    ),
)

_NODES = Group(
    "Nodes, and other runs",
    (
        Row(
            "another-run",
            BEFORE,
            "Another run is at work on this system, or the lock that keeps other runs away could "
            "not be taken.",
            "Wait for the end of the run that the message names. If it is gone and its connection "
            "hangs, `sudo pkill -f /run/daos-offline-update.lock` on that server ends it.",
        ),
        Row(
            "no-answer",
            EITHER,
            "The node cannot be reached, or gives no answer.",
            "Try `ssh` to it, and mend the node or the inventory. A client that is switched off "
            "can be left out: `unreachable_clients` in `group_data/all.py`.",
        ),
        Row(
            "not-alone",
            EITHER,
            "This run does not hold the lock that keeps other runs away (any more).",
            "Type the same command again.",
        ),
        Row(
            "unreadable",
            BEFORE,
            "The node can be reached, and `rpm` or `systemctl` gave no complete answer, or what an "
            "update remembers there is damaged.",
            "Try `rpm -q daos` there. Where that answers, look at "
            "`/var/lib/daos-offline-update/window.json`, which tells what an update has to give "
            "back.",
        ),
    ),
)

_PACKAGES = Group(
    "Releases and packages",
    (
        Row(
            "mixed-packages",
            BEFORE,
            "The node has packages of more than one DAOS release while DAOS runs there, or of none "
            "that is known.",
            "Stop DAOS in order (agents, `dmg system stop`, daos_server), then type the same "
            "command again, which finishes the package transaction. Where no release is known, "
            "install one.",
        ),
        Row(
            "mixed-servers",
            BEFORE,
            "The servers of the system do not all run the same operating system.",
            "Bring them to one first, DAOS being stopped for that.",
        ),
        Row(
            "mixed-versions",
            BEFORE,
            "Engines run, and the servers have several DAOS releases; or, before a migration, the "
            "nodes have.",
            "Stop DAOS in order (agents, `dmg system stop`, daos_server), then type the same "
            "command again. Before a migration, bring all nodes to one release.",
        ),
        Row(
            "no-space",
            BEFORE,
            "A file system of the node has less free space than packages need.",
            "Make room (old packages in `/var/cache`?), or lower `free_space_mib` in "
            "`group_data/all.py`.",
        ),
        Row(
            "no-update-path",
            EITHER,
            "No update leads from the release of the node to the target: that is lower or of "
            "another series, or the node has 1.x.",
            "Set `target_release` to a later fix level of the series that is installed. From 1.x, "
            "type `pyinfra inventory deploys/migrate.py --data stage=check`.",
        ),
        Row(
            "not-at-target",
            WINDOW,
            "The node does not have the target release, and what comes next needs it.",
            "Type the same command again: it updates the node. In a migration, type "
            "`stage=install`.",
        ),
        Row(
            "not-installed",
            BEFORE,
            "The node lacks the DAOS package of a role that it has; from `stage=format` on, it "
            "lacks 2.x.",
            "Install the package, or correct the roles of the node in `inventory`. In a migration "
            "past its check, type `stage=install`.",
        ),
        Row(
            "not-needed",
            WINDOW,
            "Every node is at the target by now, so nothing is stopped.",
            "Type the same command again to see it.",
        ),
        Row(
            "package-manager-busy",
            BEFORE,
            "A package manager is at work on the node, and its lock would keep the update waiting.",
            "Wait for its end, or end it.",
        ),
        Row(
            "packages-not-available",
            BEFORE,
            "The packages of the target cannot be had, or not with all that they depend on, or are "
            "not signed.",
            "See that the repository holds them, and signed: `target_release` and `repositories` "
            "in `group_data/all.py`. Then type the same command again.",
        ),
        Row(
            "unknown-distribution",
            BEFORE,
            "No repository of DAOS is known for the operating system of the node.",
            "Add it to `repositories`, or name the system in `accepted_systems`, in "
            "`group_data/all.py`.",
        ),
        Row(
            "unsupported-system",
            BEFORE,
            "The target does not support the operating system of the node.",
            "Update the operating system, or, if your site answers for it, name it in "
            "`accepted_systems` in `group_data/all.py`.",
        ),
    ),
)

_SERVICES = Group(
    "Services and applications",
    (
        Row(
            "agent-running",
            WINDOW,
            "daos_agent still runs on the node, and what comes next needs it stopped.",
            "Type `systemctl stop daos_agent` there, then the same command again.",
        ),
        Row(
            "daos-running",
            WINDOW,
            "An engine, daos_server or daos_agent still runs on the node, and packages change only "
            "when nothing does.",
            "See what has started it there, then type the same command again.",
        ),
        Row(
            "enabled",
            BEFORE,
            "daos_server or daos_agent starts at boot, and `start_at_boot` says that none does.",
            "Type `systemctl disable` with its name, or set `start_at_boot = None` in "
            "`group_data/all.py` if that is meant so.",
        ),
        Row(
            "in-use",
            EITHER,
            "A dfuse mount or an application on the node uses DAOS.",
            "End the jobs and unmount, or set `evict_connections = True` in `group_data/all.py`.",
        ),
        Row(
            "not-enabled",
            BEFORE,
            "daos_server or daos_agent does not start at boot, and `start_at_boot` says that it "
            "does.",
            "Type `systemctl enable` with its name, or set `start_at_boot = None` in "
            "`group_data/all.py` if that is meant so.",
        ),
        Row(
            "older-daemon",
            BEFORE,
            "A daemon runs since before its packages were installed, so it may be of another "
            "release.",
            "Stop DAOS in order (agents, `dmg system stop`, daos_server), then type the same "
            "command again.",
        ),
        Row(
            "starts-at-boot",
            WINDOW,
            "DAOS would start by itself if the node rebooted now, or what ran there is not "
            "remembered.",
            "Type the same command again, and keep from enabling the services what else configures "
            "the node.",
        ),
        Row(
            "stray-server",
            BEFORE,
            "daos_server or an engine runs on a node that is not among the servers.",
            "Add the node to the servers in `inventory`.",
        ),
    ),
)

_SYSTEM = Group(
    "Engines, ranks and pools",
    (
        Row(
            "dmg-failed",
            EITHER,
            "`dmg` on the admin node gives no answer, or an error.",
            "Type there what the message names, `dmg system query -v` or `dmg pool list`, and mend "
            "what that says.",
        ),
        Row(
            "engines-running",
            WINDOW,
            "`dmg` gives no answer while engines run, so daos_server is not stopped.",
            "See `dmg system query -v`, then type the same command again.",
        ),
        Row(
            "no-engine",
            WINDOW,
            "No engine runs on the server, so no agent is started.",
            "See `journalctl -u daos_server -n 50` there, mend what it says, then type the same "
            "command again.",
        ),
        Row(
            "no-rank",
            EITHER,
            "The management service knows no rank on the server.",
            "See `dmg system query -v`. Where the node is no server of this system, take it out of "
            "the servers in `inventory`.",
        ),
        Row(
            "not-in-inventory",
            EITHER,
            "A server of this system is not in the inventory.",
            "Add it to the servers in `inventory`.",
        ),
        Row(
            "not-joined",
            EITHER,
            "A rank is not Joined.",
            "See `dmg system query -v`; `dmg system start` starts ranks that were stopped. One "
            "that may stay excluded is named in `accepted_exclusions` in `group_data/all.py`.",
        ),
        Row(
            "not-stopped",
            WINDOW,
            "A rank is not Stopped, so daos_server is not stopped.",
            "Type `dmg system stop`, see `dmg system query -v`, then type the same command again.",
        ),
        Row(
            "pool-degraded",
            EITHER,
            "A pool has targets disabled, and more than `accepted_exclusions` accounts for.",
            "Reintegrate them, see `dmg pool query`.",
        ),
        Row(
            "pool-unknown",
            EITHER,
            "A pool could not be asked how it is.",
            "See `dmg pool query`.",
        ),
        Row(
            "rank-lost",
            BEFORE,
            "Every node is at the target, and a rank is excluded: no waiting brings it back.",
            "Reintegrate it, see `dmg system query -v`; or name it in `accepted_exclusions` in "
            "`group_data/all.py`.",
        ),
        Row(
            "rebuild-running",
            EITHER,
            "A pool is being rebuilt.",
            "Wait until `dmg pool query POOL` says that it is done.",
        ),
    ),
)

_STEPS = Group(
    "Steps that failed",
    (
        Row(
            "step-failed",
            EITHER,
            "A step was tried on the node, and failed; the message says at what.",
            "Mend what the message names, then type the same command again: it goes on from there.",
        ),
        Row(
            "stopped-at-trouble",
            EITHER,
            "A step failed on the nodes that are named, so no later step acts anywhere.",
            "Mend that first failure, which stands above in the output and in `report.json`. Then "
            "type the same command again.",
        ),
    ),
)

_BACK = Group(
    "The way back",
    (
        Row(
            "engine-started",
            EITHER,
            "daos_server was started there on a higher release than the one that shall run, and "
            "an engine must never go back.",
            "Finish the update: `pyinfra inventory deploy.py`. From 1.x, finish the migration, "
            "from `pyinfra inventory deploys/migrate.py --data stage=format` on.",
        ),
        Row(
            "nothing-to-roll-back",
            BEFORE,
            "No update is under way on the servers, and what an update has finished stays.",
            "Where the message names nodes, finish the update: `pyinfra inventory deploy.py`. Else "
            "there is nothing to do.",
        ),
        Row(
            "several-releases",
            BEFORE,
            "The nodes had different releases before the update, and the way back leads to one.",
            "Finish the update: `pyinfra inventory deploy.py`.",
        ),
    ),
)

UPDATE_GROUPS = (_TYPED, _NODES, _PACKAGES, _SERVICES, _SYSTEM, _STEPS, _BACK)
