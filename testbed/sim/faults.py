"""Faults that a test plants on a server node: /etc/daos/lab-faults.json, read when acting.

`engine_start_delay`, `stop_delay`: seconds; `engine_never_ready`, `prep_fails`: true.
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
