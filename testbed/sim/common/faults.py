"""Faults that a test plants on a node: /etc/daos/lab-faults.json, read when acting.

For engines: `engine_start_delay`, `stop_delay`: seconds; `engine_never_ready`, `prep_fails`: true.

For the package manager, by the packages' %pre (rpm-fault of the node's image): `rpm_delay`: seconds
to wait in the middle of the transaction, the new `daos` being installed, the package of the role
not yet, and nothing old removed. `rpm_fails`: true, and no DAOS package can be installed, or the
name of one package, and the transaction stays half done. Each failure is an event of rpm, `failed`.
"""

import json
from typing import Any

FILE = "/etc/daos/lab-faults.json"


def planted() -> dict[str, Any]:
    """The faults, none where there is no such file."""
    try:
        with open(FILE) as file:  # noqa: PTH123 - engines start without pathlib
            return dict(json.load(file))
    except (OSError, ValueError):
        return {}
