"""From DAOS 1.x to 2.0, stage by stage: `pyinfra inventory deploys/migrate.py --data stage=NAME`.

It reads like "Updating DAOS from Version 1.x to Version 2.0": the data is backed up to storage
outside DAOS, DAOS is installed anew, its storage is reformatted, and the data is restored. Each
stage is a run of its own, they may be days apart, and each can be repeated.
"""

from operations import boot, clients, lock, packages, pools, services, system
from operations.migration import (
    backup,
    check,
    conversion,
    finish,
    install,
    reformat,
    restore,
    verification,
)
from operations.migration.record import memory
from operations.migration.stage import begin

stage = begin()  # all nodes, and the record of the stages before; refuses here
if stage == "format":
    reformat.confirmed()  # by the name of the system; refuses here

lock.locked(name="Keep other runs away")

if stage == "check":
    check.equipped(name="Put the copy tool on the clients that copy")
    check.shut(name="Take back what an interrupted copy has left of its key")
    check.tried(name="Try the destination on every client that copies")
    check.counted(name="Count the files of every POSIX container")
    check.concluded(name="Record what the system holds")

if stage == "backup":
    check.equipped(name="Put the copy tool on the clients that copy")
    check.shut(name="Take back what an interrupted copy has left of its key")
    backup.copied(name="Copy every container out of DAOS")
    memory.completed(name="Record that the backup is complete")

if stage == "verify":
    check.equipped(name="Put the copy tool on the clients that copy")
    check.shut(name="Take back what an interrupted copy has left of its key")
    verification.compared(name="Read the backup back and compare it with its manifests")
    memory.completed(name="Record that the backup is verified")

if stage == "install":
    # While DAOS still serves
    install.tidied(name="Unmount what an interrupted run has left mounted")
    check.equipped(name="Put the copy tool on the clients that copy")
    check.shut(name="Take back what an interrupted copy has left of its key")
    packages.repository(name="Set up the repository of the target release")
    install.os_found(name="See that a supported operating system is at hand")
    packages.fetched(name="Download and check what is to be installed")
    pools.unmounted(name="Unmount dfuse, where the site allows it")
    pools.disconnected(name="Evict pool connections, where the site allows it")
    # From here on nobody can change what DAOS holds
    boot.held(name="Keep DAOS from starting at boot")
    install.other_agents_stopped(name="Stop daos_agent wherever it runs, but on one client")
    install.comparing_agent_started(name="Start daos_agent on the client that compares")
    install.compared(name="See that DAOS holds exactly what the backup holds")
    services.agents_stopped(name="Stop daos_agent there, too")
    system.stopped(name="Stop the engines: dmg system stop")
    services.servers_stopped(name="Stop daos_server on the servers")
    packages.updated(name="Replace the DAOS packages on all nodes")
    install.system_supported(name="See that the operating system is supported")
    conversion.configured(name="Convert the configuration to what DAOS 2.x reads")
    memory.reached(name="Record that DAOS 2.x is installed")

if stage == "format":
    check.equipped(name="Put the copy tool on the clients that copy")
    check.shut(name="Take back what an interrupted copy has left of its key")
    reformat.read_back(name="Read the whole backup back once more")
    services.servers_started(name="Start daos_server on the servers")
    reformat.formatted(name="Reformat the storage: dmg storage format --force")
    reformat.joined(name="Wait until every rank has joined the new system")
    memory.reached(name="Record that the storage is reformatted")

if stage == "restore":
    restore.pools_created(name="Create the pools")
    restore.agents_started(name="Start daos_agent on the clients that copy")
    check.equipped(name="Put the copy tool on the clients that copy")
    check.shut(name="Take back what an interrupted copy has left of its key")
    restore.containers_created(name="Create the containers")
    restore.copied(name="Copy the backup into the containers, and compare")
    memory.reached(name="Record that everything is restored")

if stage == "finish":
    services.agents_started(name="Start daos_agent where it ran")
    boot.released(name="Let DAOS start at boot where it did before")
    clients.working(name="See that the clients reach DAOS")
    finish.inventoried(name="See that everything is there, old and new side by side")
    memory.reached(name="Record that the migration is finished")
