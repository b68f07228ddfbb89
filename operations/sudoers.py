"""What lets sudo go without a password on the nodes: `python -m operations.sudoers USER`."""

import re
import sys

# What pyinfra has sudo run, for every command: `sudo -H -n sh -c '...'`. Some systems have two sh.
SHELL = "/bin/sh -c *, /usr/bin/sh -c *"
_NAME = re.compile(r"[A-Za-z_][\w.@-]*")

_FRAGMENT = """\
# /etc/sudoers.d/daos-offline-update: {user} may lead offline updates of DAOS on this node.
#
# Whoever may run a shell as root is root, so this is no less than ALL. What it is for is that no
# password has to travel: with --same-sudo-password, each command shows it for a moment to every
# user of the node, in a process list. Give it to a user of its own, who logs in with a key; take it
# away after the maintenance, where your site wants that.
#
# To install it, as root:
#     visudo -cf FILE && install -m 440 FILE /etc/sudoers.d/daos-offline-update
Defaults:{user} !requiretty
{user} ALL = (root) NOPASSWD: {shell}
"""


def fragment(user: str) -> str:
    """The file for /etc/sudoers.d that lets a user lead updates.

    Raises ValueError for what is no name of a user.
    """
    if not _NAME.fullmatch(user) or user == "ALL":
        raise ValueError(f"{user!r} is no name of a user")
    # Whatever stands within quotes is a name, and no part of sudo's own language.
    return _FRAGMENT.format(user=f'"{user}"', shell=SHELL)


def main(words: list[str]) -> int:
    """Print it; or say how to type this."""
    try:
        [user] = words
        print(fragment(user), end="")
    except ValueError:
        print(
            "python -m operations.sudoers USER, the one who logs in to the nodes", file=sys.stderr
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
