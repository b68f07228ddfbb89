"""The codes that a migration from 1.x alone finds, stage by stage as far as that goes."""

from __future__ import annotations

from .row import MIGRATION, Group, Row

_RECORD = Group(
    "Migration: its stages, and their record",
    (
        Row(
            "damaged-record",
            MIGRATION,
            "The record of the migration on the admin node cannot be understood.",
            "Put back the copy in `runs/` or in `backup_path`, or move it away and begin again "
            "with `stage=check`.",
        ),
        Row(
            "no-migration",
            MIGRATION,
            "`target_release` is lower than 2.0, and a migration leads from 1.x to 2.0 or later.",
            "Set it in `group_data/all.py`.",
        ),
        Row(
            "no-record",
            MIGRATION,
            "The record of the migration on the admin node cannot be read.",
            "See `ls -l /var/lib/daos-offline-update/migration.json` there.",
        ),
        Row(
            "no-stage",
            MIGRATION,
            "No stage is named, or one that there is not.",
            "Add `--data stage=NAME`; the message lists the stages in their order.",
        ),
        Row(
            "not-1.x",
            MIGRATION,
            "The node has DAOS 2.x already, and `stage=check` looks at 1.x alone.",
            "Go on with the stage that the message names. Where it names none, `pyinfra inventory "
            "deploy.py` updates 2.x.",
        ),
        Row(
            "stage-order",
            MIGRATION,
            "The stage before this one is not recorded as complete.",
            "Go on with the command that the message names.",
        ),
        Row(
            "unknown-release",
            MIGRATION,
            "The node has a release before 2.0 that is neither of 1.0 nor of 1.2.",
            "Bring the system to 1.2.0 first. Or copy its containers out yourself (`dfuse`) and "
            "install 2.x anew.",
        ),
    ),
)

_CONTENTS = Group(
    "Migration: what is to be carried over",
    (
        Row(
            "cannot-read",
            MIGRATION,
            "A container could not be mounted on the client, or its files could not be counted.",
            "Mend what the message names, then type the same command again.",
        ),
        Row(
            "container-added",
            MIGRATION,
            "A container has been created since the check.",
            "Type `stage=check` again, then `stage=backup` and `stage=verify`.",
        ),
        Row(
            "container-removed",
            MIGRATION,
            "A container is there no more since the check.",
            "Type `stage=check` again, then `stage=backup` and `stage=verify`.",
        ),
        Row(
            "contents-unknown",
            MIGRATION,
            "It is not known which pools and containers the system holds.",
            "Type what the message names, on that node, and mend what it says. Where root may not "
            "read a pool of 1.x: `dmg pool update-acl --pool=POOL -e A::root@:rw` on the admin "
            "node.",
        ),
        Row(
            "label-twice",
            MIGRATION,
            "Two pools, or two containers of a pool, would get the same label.",
            "Name them in `pool_labels` or `container_labels` in `group_data/all.py`.",
        ),
        Row(
            "not-carried",
            MIGRATION,
            "A container is not POSIX, and the check has not recorded that it is left behind.",
            "Type `stage=check` again, then `stage=backup` and `stage=verify`.",
        ),
        Row(
            "not-posix",
            MIGRATION,
            "A container is not POSIX, and only those can be copied as files.",
            "Save it by its own means, then name it in `leave_behind` in `group_data/all.py`.",
        ),
        Row(
            "not-serving",
            MIGRATION,
            "No engine runs, and the data is read through them.",
            "Start DAOS first.",
        ),
        Row(
            "pool-added",
            MIGRATION,
            "A pool has been created since the check.",
            "Type `stage=check` again, then `stage=backup` and `stage=verify`.",
        ),
        Row(
            "pool-removed",
            MIGRATION,
            "A pool is there no more since the check.",
            "Type `stage=check` again, then `stage=backup` and `stage=verify`.",
        ),
    ),
)

_COPYING = Group(
    "Migration: the destination, and what copies",
    (
        Row(
            "destination-is-daos",
            MIGRATION,
            "`backup_path` lies on a dfuse mount, and what is in DAOS is lost when its storage is "
            "reformatted.",
            "Set `backup_path` in `group_data/all.py` to a shared file system outside DAOS.",
        ),
        Row(
            "destination-loses",
            MIGRATION,
            "The file system of `backup_path` does not keep all of a file.",
            "Choose another `backup_path`, in `group_data/all.py`.",
        ),
        Row(
            "destination-not-shared",
            MIGRATION,
            "What one client writes to `backup_path` is not seen on another one that copies.",
            "Mount the same file system on all clients that copy, or name those that have it in "
            "`copy_clients` in `group_data/all.py`.",
        ),
        Row(
            "destination-not-writable",
            MIGRATION,
            "Root of the client cannot write in `backup_path`.",
            "Give root that right (an export by NFS with `root_squash` does not), or choose "
            "another `backup_path`, in `group_data/all.py`.",
        ),
        Row(
            "destination-too-small",
            MIGRATION,
            "The file system of `backup_path` has too little space, or room for too few files.",
            "Make room, or choose another `backup_path`, in `group_data/all.py`.",
        ),
        Row(
            "mpirun-fails",
            MIGRATION,
            "`mpirun` does not reach every client that copies.",
            "Let root of each of them reach the others by ssh without a password, or set "
            '`copy_way = "serial"` in `group_data/all.py`.',
        ),
        Row(
            "no-agent",
            MIGRATION,
            "daos_agent does not run on a client that copies.",
            "Type `systemctl start daos_agent` there; `journalctl -u daos_agent -n 50` says why it "
            "ended.",
        ),
        Row(
            "no-destination",
            MIGRATION,
            "There is no folder `backup_path` on a client that copies, or the client does not "
            "tell what it is.",
            "Mount the shared file system for the backup there, set `backup_path`, or name the "
            "clients that shall copy in `copy_clients` (`group_data/all.py`).",
        ),
        Row(
            "other-destination",
            MIGRATION,
            "`backup_path` is not what `stage=check` found there.",
            "Mount it again, or set `backup_path` in `group_data/all.py` to where it is now.",
        ),
        Row(
            "program-missing",
            MIGRATION,
            "A program or a library that copying needs is missing on the client.",
            "Install the package that the message names. For `mpirun`, `dcp` and `libioil`, "
            "`group_data/all.py` can say where they are.",
        ),
    ),
)

_BACKUP = Group(
    "Migration: the backup, and what DAOS still holds",
    (
        Row(
            "backup-differs",
            MIGRATION,
            "The backup was read back, and differs from its manifest; or it could not be read.",
            "After `stage=verify`, type `stage=backup`, which copies the difference again, then "
            "`stage=verify`. After `stage=format`, put the files back from elsewhere, or bring 1.x "
            "back (`pyinfra inventory deploys/rollback.py`) and type `stage=backup`.",
        ),
        Row(
            "backup-failed",
            MIGRATION,
            "A container could not be copied, or changed while it was copied.",
            "Mend what the message names, and stop what writes to the container. Then type the "
            "same command again; what was copied stays.",
        ),
        Row(
            "changed-since-backup",
            MIGRATION,
            "DAOS does not hold what the backup holds, or could not be compared with it; only "
            "agents were stopped.",
            "Where files have changed, start the agents again (`systemctl start daos_agent` on the "
            "clients), then type `stage=backup` and `stage=verify`. Else mend what the message "
            "names, and type `stage=install` again.",
        ),
        Row(
            "manifest-changed",
            MIGRATION,
            "A manifest is missing in the backup, or is not the one that was written.",
            "See that the backup is mounted; else type `stage=backup` again.",
        ),
        Row(
            "no-backup",
            MIGRATION,
            "No migration is recorded, and so no backup.",
            "Type `stage=check`, then `stage=backup` and `stage=verify`.",
        ),
        Row(
            "not-backed-up",
            MIGRATION,
            "A container is not backed up.",
            "Type `stage=backup`.",
        ),
        Row(
            "not-compared",
            MIGRATION,
            "DAOS was stopped without having been compared with the backup, so it may hold more.",
            "Type `stage=install`, which compares it and stops it. Where that refuses, start DAOS "
            "as it was (daos_server on the servers, one daos_agent on the client that is named), "
            "and type it again.",
        ),
        Row(
            "not-verified",
            MIGRATION,
            "The backup of a container is not verified, or is newer than its verification.",
            "Type `stage=verify`.",
        ),
        Row(
            "served-since",
            MIGRATION,
            "DAOS may have been used since it was compared with the backup: it is not the "
            "`stage=install` that keeps it stopped any more.",
            "Bring 1.x back into service, then type `stage=install` again.",
        ),
        Row(
            "still-serving",
            MIGRATION,
            "DAOS 1.x still serves, and may be written to.",
            "Type `stage=install`, which compares it with the backup and stops it.",
        ),
        Row(
            "used-since",
            MIGRATION,
            "daos_server or daos_agent was started after DAOS had been compared with the backup.",
            "Start DAOS as it was (daos_server on the servers, one daos_agent on the client that "
            "is named), then type `stage=install` again.",
        ),
    ),
)

_REFORMAT = Group(
    "Migration: 2.x is installed, and the storage reformatted",
    (
        Row(
            "configuration",
            MIGRATION,
            "A configuration file in `/etc/daos` cannot be read, or not be converted to what DAOS "
            "2.0 reads.",
            "Correct in it what the message names, then type the same command again.",
        ),
        Row(
            "format-failed",
            MIGRATION,
            "`dmg storage format` or `dmg system erase` failed.",
            "Mend what the message says of each server, then type `stage=format` again.",
        ),
        Row(
            "has-pools",
            MIGRATION,
            "The new system has pools, so it is not reformatted any more.",
            "Go on with `stage=restore`.",
        ),
        Row(
            "no-later-system",
            MIGRATION,
            "DAOS 2.x does not support the operating system of the node, whose repositories hold "
            "no later one.",
            "Add the repositories of a release that it supports, then type `stage=install` again.",
        ),
        Row(
            "no-server",
            MIGRATION,
            "daos_server does not run on a server that is to be reformatted.",
            "See `journalctl -u daos_server -n 50` there, mend what it says, then type "
            "`stage=format` again.",
        ),
        Row(
            "not-confirmed",
            MIGRATION,
            "Nobody has typed the name of the system that is to be reformatted.",
            "Type it when `stage=format` asks for it, or add `--data system=NAME`.",
        ),
        Row(
            "not-converted",
            MIGRATION,
            "A configuration file is one that 2.x cannot read.",
            "Type `stage=install`, which converts it.",
        ),
        Row(
            "not-read-back",
            MIGRATION,
            "The backup of a container was not read by this run, and nothing is reformatted before "
            "that.",
            "Type `stage=format` again.",
        ),
        Row(
            "wrong-system",
            MIGRATION,
            "The name that was typed is not the one of the system; nothing is reformatted.",
            "See that it is the system that you mean. If so, type the name that the message gives.",
        ),
    ),
)

_RESTORE = Group(
    "Migration: the data is restored",
    (
        Row(
            "container-failed",
            MIGRATION,
            "A container could not be created in 2.x.",
            "Mend what the message says, then type `stage=restore` again: it takes up a container "
            "that has the label.",
        ),
        Row(
            "not-restored",
            MIGRATION,
            "A container is not restored.",
            "Type `stage=restore`.",
        ),
        Row(
            "pool-failed",
            MIGRATION,
            "A pool could not be created in 2.x.",
            "Where its size is the reason, create it yourself: `dmg pool create --size=SIZE LABEL` "
            "on the admin node. Then type `stage=restore` again: it takes up a pool that has the "
            "label.",
        ),
        Row(
            "restore-failed",
            MIGRATION,
            "A container could not be copied back, or does not equal its manifest afterwards.",
            "Mend what the message says, and see that nobody writes to the container. Then type "
            "the same command again.",
        ),
    ),
)

MIGRATION_GROUPS = (_RECORD, _CONTENTS, _COPYING, _BACKUP, _REFORMAT, _RESTORE)
