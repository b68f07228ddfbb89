"""What a site decides about an update. As shipped, it describes the lab."""

# The release that every node shall have afterwards: a later fix level of the series that is
# installed, for example 2.0.3 over 2.0.1. Exactly this one is installed, also where the repository
# holds newer ones.
target_release = "2.0.3"

# Where each distribution gets the packages of that release, and the key that signed them.
# {series} becomes the first two numbers of the target release: 2.0.
repositories = {
    "CentOS7": {
        "baseurl": "http://daos-repo/v{series}/CentOS7",
        "key": "http://daos-repo/RPM-GPG-KEY-daos",
    },
    "EL8": {
        "baseurl": "http://daos-repo/v{series}/EL8",
        "key": "http://daos-repo/RPM-GPG-KEY-daos",
    },
    "Leap15": {  # openSUSE Leap 15 and SLES 15
        "baseurl": "http://daos-repo/v{series}/Leap15",
        "key": "http://daos-repo/RPM-GPG-KEY-daos",
    },
}

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
}
