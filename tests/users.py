"""Another user of this machine: real processes with his rights, started by root."""

from __future__ import annotations

import os

NOBODY = 65534


def become(uid: int = NOBODY) -> None:
    """Give the rights of this process away, for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
