"""What a container of the lab may do that an ordinary process may not: as little as it needs.

Everything is taken from it but what is listed here, each with what it is for; see capabilities(7).
"""

REPOSITORY = {
    "NET_BIND_SERVICE": "HTTP on port 80",
}

NODE = {
    "CHOWN": "packages are installed, and files restored, with their owners",
    "DAC_OVERRIDE": "root reads and writes what belongs to others",
    "FOWNER": "root sets modes and times of what belongs to others",
    "FSETID": "set-user-ID bits stay when files are copied or installed",
    "KILL": "root ends daemons and jobs of others",
    "NET_BIND_SERVICE": "sshd on port 22, and mpirun on a port that is root's",
    "SETGID": "daemons and logins have groups of their own",
    "SETUID": "daemons and logins have users of their own; sudo",
    "SYS_CHROOT": "sshd confines what faces the network",
    "SYS_PTRACE": "root sees which files the processes of others have mapped",
}

CLIENT = {
    **NODE,
    "SYS_ADMIN": "dfuse mounts, and copies run in a view of the node of their own",
}
