"""The way back from an update that is under way: `pyinfra inventory deploys/rollback.py`.

It brings every node back to the release of before and the system back into service, as long as no
engine has been started on the new release; afterwards it refuses, since an engine must never go
back (R12). What it finds remembered on the servers tells it where to go back to; a client that was
updated already, and was away meanwhile, follows them when it is typed again.
"""

from operations import boot, clients, lock, packages, pools, report, services, system
from operations.migration import conversion
from operations.rollback import examine

examine()  # all nodes; refuses here, before anything is touched, if there is no way back

lock.locked(name="Keep other runs away")
packages.repository(name="Set up the repository of the release of before")
packages.fetched(name="Download and check the packages of the release of before")

# What still runs has to stop before packages go back; where none do, nothing stops
boot.held(name="Keep DAOS from starting at boot")
services.agents_stopped(name="Stop daos_agent wherever it runs")
pools.noted(name="Note which pools there are by now")
system.stopped(name="Stop the engines: dmg system stop")
services.servers_stopped(name="Stop daos_server on the servers")
packages.returned(name="Return the DAOS packages on all nodes")
conversion.returned(name="Give back the configuration of 1.x, where it was converted")

# Back into service
services.servers_started(name="Start daos_server on the servers")
system.started(name="Start the engines that were stopped: dmg system start")
system.joined(name="Wait until every engine has joined")
pools.seen(name="See that all pools are there")
services.agents_started(name="Start daos_agent where it ran")
boot.released(name="Let DAOS start at boot where it did before")
clients.working(name="See that the clients reach DAOS")
report.completed(name="Look at all nodes once more")
