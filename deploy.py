"""The offline update of a DAOS system to a later fix level: `pyinfra inventory deploy.py`.

It reads like the procedure in "Updating DAOS from Version 2.0.x to Version 2.0.y". Every node calls
every step; a step knows by itself which nodes it is about. What has been done is not done again.
"""

from operations import boot, clients, lock, packages, pools, report, services, system
from operations.examine import examine

examine()  # all nodes, the ranks and the pools; refuses here, before anything is touched

# While DAOS still serves
lock.locked(name="Keep other runs away")
packages.repository(name="Set up the repository of the target release")
packages.fetched(name="Download and check the packages of the target release")
pools.unmounted(name="Unmount dfuse, where the site allows it")
pools.disconnected(name="Evict pool connections, where the site allows it")

# The offline window
boot.held(name="Keep DAOS from starting at boot")
services.agents_stopped(name="Stop daos_agent wherever it runs")
pools.noted(name="Note which pools there are by now")
system.stopped(name="Stop the engines: dmg system stop")
services.servers_stopped(name="Stop daos_server on the servers")
packages.updated(name="Update the DAOS packages on all nodes")
services.servers_started(name="Start daos_server on the servers")
system.joined(name="Wait until every engine has joined")
pools.seen(name="See that all pools are there")
services.agents_started(name="Start daos_agent where it ran")
boot.released(name="Let DAOS start at boot where it did before")

# DAOS serves again
clients.working(name="See that the clients reach DAOS")
report.completed(name="Look at all nodes once more")
