"""Why a node that can be reached has not said what it has, and what to do about it."""

from ..daos.window_file import PATH

_SILENT = ("no answer within", "the connection broke")

# What stands in what the node said, in lower case, and what to do about that.
_CAUSES = (
    (
        _SILENT,
        "it hangs, or can be reached no longer: try `ssh` to it. A client that hangs or is "
        "switched off can be left out: unreachable_clients in group_data/all.py",
    ),
    (
        ("a password is required", "interactive authentication is required", "password was provi"),
        "sudo wants a password: let it go without one there (NOPASSWD; `python -m "
        "operations.sudoers USER` prints what to say), or type --same-sudo-password",
    ),
    (
        ("incorrect password", "sorry, try again"),
        "sudo does not take the password that was typed: type it again, or let sudo go without one "
        "there (NOPASSWD)",
    ),
    (
        ("must have a tty", "no tty present", "terminal is required"),
        "sudo wants a terminal: take `Defaults requiretty` from /etc/sudoers there, or except this "
        "user from it",
    ),
    (
        ("not in the sudoers file", "is not allowed to", "may not run sudo"),
        "sudo does not let this user become root: allow it in /etc/sudoers there",
    ),
    (("sudo: command not found", "sudo: not found"), "there is no sudo: install its package there"),
    (
        ("account is currently not available", "account is not available", "nologin"),
        "the login shell of this user is none: give it one there (`usermod -s`)",
    ),
    (
        ("unmatched '", 'unmatched "'),  # csh and tcsh: a line ends within quotes
        "the login shell of this user is not one like sh, and cannot read what it is told: give it "
        "bash there (`usermod -s /bin/bash`)",
    ),
)
_RECORD = (
    f"{PATH} there tells what the update under way has to give back, and is damaged: move it away "
    f"(`mv {PATH} /root`) and type the same command again, which knows it from the servers, or asks"
)
_UNKNOWN = "it gave no complete answer: try `sudo rpm -q daos` and `sudo systemctl` there"
_LINES = 3


def is_silent(said: str) -> bool:
    """Whether a node gave no answer at all within its time, as one that is switched off."""
    return said.startswith(_SILENT)


def why(said: str) -> str:
    """What is wrong with a node that gave no answer, and what to do.

    + said: what it said instead, "" for nothing
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()][-_LINES:]
    words = f". It said: {' / '.join(lines)}" if lines else ""
    if f"{PATH} is damaged" in said:
        return _RECORD + words
    found = (do for causes, do in _CAUSES if any(cause in said.lower() for cause in causes))
    return next(found, _UNKNOWN) + words
