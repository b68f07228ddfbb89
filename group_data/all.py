"""What a site decides about an update. As shipped, it describes the lab.

A name that is no setting is refused, unless it begins with an underscore: _mirror = "http://...".
"""

# The release that every node shall have afterwards: a later fix level of the series that is
# installed, for example 2.0.3 over 2.0.1. Exactly this one is installed, also where the repository
# holds newer ones. A hot fix keeps the release and is another build of its packages; it is named as
# "2.0.3-6", as in daos-2.0.3-6.el8. Where no build is named, any will do, and the newest is taken.
target_release = "2.0.3"

# Where each distribution gets the packages of that release, and the key that signed them. They come
# from there alone, whatever other repositories a node has, and that key has to have signed them.
# {series} becomes the first two numbers of the target release: 2.0.
#
# The key is "file:///..." that is on the nodes already; or a file of yours, seen from where the
# command is typed; or a URL together with its fingerprint, 40 digits (or a list of them), which
# nodes compare before they trust it:
#     "key": "https://mirror/RPM-GPG-KEY-daos",
#     "fingerprint": "0123 4567 89AB CDEF 0123 4567 89AB CDEF 0123 4567",
# `gpg --show-keys FILE` shows it. Compare it with a source that you trust, not with the one that
# the key came from. What rpm trusts on a node already, it goes on trusting; but DAOS's packages
# have to be signed by this key, whatever else is trusted.
#
# signed_metadata: the repository has a repodata/repomd.xml.asc by that key, too, and nodes take no
# metadata without it. Where it is not said, who sits between can hide releases from them.
repositories = {
    "CentOS7": {
        "baseurl": "http://daos-repo/v{series}/CentOS7",
        "key": "file:///etc/pki/rpm-gpg/RPM-GPG-KEY-daos",
        "signed_metadata": True,
    },
    "EL8": {
        "baseurl": "http://daos-repo/v{series}/EL8",
        "key": "file:///etc/pki/rpm-gpg/RPM-GPG-KEY-daos",
        "signed_metadata": True,
    },
    "EL9": {
        "baseurl": "http://daos-repo/v{series}/EL9",
        "key": "file:///etc/pki/rpm-gpg/RPM-GPG-KEY-daos",
        "signed_metadata": True,
    },
    "Leap15": {  # openSUSE Leap 15 and SLES 15
        "baseurl": "http://daos-repo/v{series}/Leap15",
        "key": "file:///etc/pki/rpm-gpg/RPM-GPG-KEY-daos",
        "signed_metadata": True,
    },
}

# Is what that repository has newer of what a node has (libfabric, spdk-tools, ...) updated in the
# same transaction? `--dry` lists it. False: nothing but DAOS changes, and what it requires.
update_dependencies = True

# May the update disconnect applications and unmount dfuse mounts that still use DAOS?
# False: it refuses to start while there are any, and names them.
evict_connections = False

# How long each kind of waiting may take, in seconds, before the run stops and says what is missing.
timeouts = {
    "packages": 1800,  # to download or to install them on one node
    "service": 180,  # a daemon to start or to stop
    "stop": 300,  # `dmg system stop`, and every rank seen Stopped
    "join": 900,  # every rank to be Joined again after daos_server was started
    "client": 120,  # a client to reach the system again after its agent was started
    "hook": 300,  # a command of `hooks` to end; then it is ended, with all that it has started
}

# Commands of the site's own that are run on this machine, in the folder of `inventory`, at these
# moments of a run: "opening", right before the offline window begins (if it fails, or does not end
# in time, nothing is stopped); "closed", when the window has ended; "failed"; and "refused". Each
# is one command or a list of them, without a shell, and finds the report on its standard input, see
# docs/hooks.md:
#     "opening": "docs/hooks/slurm-reservation",
hooks = {}

# How long the offline window was announced to be, in seconds. The report tells it beside how long
# it was; nothing else follows from it. None: it was not.
planned_window_s = None

# How many clients may be left out because they give no answer: switched off, or hanging. They are
# named, and updated by the next run that reaches them; servers and at least one admin node must
# always answer.
unreachable_clients = 0

# A node whose host key is in no known_hosts is not connected to, unless StrictHostKeyChecking in
# ~/.ssh/config says otherwise of it. What is said here counts more: "yes", "ask", "accept-new" or
# "no". One whose key is another one than the known one is never connected to.
# ssh_strict_host_key_checking = "accept-new"

# How much has to be free on the file systems of /usr, /var/cache and /var/lib/rpm, in MiB.
free_space_mib = 512

# Do daos_server on the servers and daos_agent on the clients start at boot?
# True: one that is not enabled is found before the update. False: one that is enabled is found.
# None: each node keeps what it has.
start_at_boot = True

# The systemd units that run the daemons, where they are not those of DAOS's packages:
# {"daos_server": "site-daos-server.service", "daos_agent": "daos_agent@ib0.service"}. These are
# stopped, started, and kept from starting at boot; DAOS's own have to be disabled in their place.
units = {}

# Ranks that are known to be excluded, and may stay so: [3, 7]. Their targets may be disabled in the
# pools; every other rank must be Joined. Take a rank out again once it is reintegrated.
accepted_exclusions = []

# From here to given_up_pools: what was lost for good while an update is under way, so that the
# update, or the way back, can come to its end without it. Better said for the one run that
# needs it:
# --data 'given_up_pools=["scratch"]'

# Ranks that do not come back: [3].
given_up_ranks = []

# Servers that do not come back, and were taken out of `inventory`: ["daos-server-03"]. Give up
# their ranks as well.
given_up_servers = []

# Pools that their owners have destroyed, by label or UUID: ["scratch"].
given_up_pools = []

# Operating systems that the release does not name as supported, and that this site runs it on all
# the same, each with the distribution of `repositories` whose packages it takes. They are named by
# ID and VERSION_ID of /etc/os-release: {"rocky 8.6": "EL8"}
accepted_systems = {}

# From here on: what `deploys/migrate.py` needs, which leads from DAOS 1.x to 2.0.

# The folder for the backup, on a file system outside DAOS that all clients which copy have mounted.
# Each container gets a folder of its own there, and the site deletes them when it wants to.
backup_path = "/backup"

# How containers are copied: "serial" by cp on one client, "parallel" by dcp under MPICH's mpirun on
# all clients that copy, or "auto": in parallel from a size on.
copy_way = "auto"

# From which size on "auto" copies a container in parallel, in GiB.
parallel_from_gib = 100

# How many processes a parallel copy has, over all clients.
copy_processes = 8

# The clients that copy, by their names in `inventory`; the first one does what one alone does.
# None named: all clients. For parallel copies the first one is let into the others by a key that is
# made for the time of a copy, and can do nothing else: their sshd must not say PermitRootLogin no.
copy_clients = []

# MPICH's launcher, by its path where it is not on root's PATH: CentOS and RHEL have it in
# /usr/lib64/mpich/bin.
mpirun = "mpirun"

# The parallel copy of mpiFileUtils, by its path where it is not on root's PATH.
dcp = "dcp"

# Folders that dcp needs besides /usr and /opt, as those of its own libraries: ["/apps/mpi"]. While
# it copies as root it sees of each node these alone, and what it copies: users could lead it
# elsewhere by links.
copy_needs = []

# DAOS's interception library, which copies are run with.
libioil = "/usr/lib64/libioil.so"

# Containers that need not be carried over, by UUID. What is no POSIX container cannot be copied as
# files: the site saves it by its own means, and names it here. What is named here is lost.
leave_behind = []

# What pools shall be called in 2.0, by their UUIDs in 1.x: {"4a69...": "scratch"}. One that is not
# named becomes pool-XXXXXXXX, by the first 8 digits.
pool_labels = {}

# The same for containers; one that is not named becomes cont-XXXXXXXX.
container_labels = {}

# May stage=install update the operating system in the same transaction, where 2.0 does not support
# the minor release that is installed (CentOS 8.3 to 8.4)? False: such nodes are refused.
update_os = True
